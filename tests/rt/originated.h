/* SPDX-License-Identifier: MIT */
/* originated.h - what originated.c is called with. */
#ifndef ORIGINATED_H
#define ORIGINATED_H

#include <stdbool.h>
#include <stdint.h>

#include "gossamer.h"

#define NOINLINE __attribute__((noinline, noclone))
#if defined(__clang__)
#undef NOINLINE
#define NOINLINE __attribute__((noinline))
#endif

#define PATH_MAX_DEPTH 100

struct path {
	uint64_t random;
	uint32_t depth_wanted;
	void (*child)(struct path *path);
	void (*elsewhere)(struct path *path); /* functions compiled with other options; or NULL */
	/* Filled as they are called. */
	bool started;
	uint32_t depth;
	uint64_t returns_to[PATH_MAX_DEPTH]; /* the outermost first */
	uint64_t sum;
	gos_waitgroup wg; /* of the child */
};

/* The path ends in a go() of child(path). */
void originated_plain(struct path *path);
void originated_O0(struct path *path);
void originated_O2(struct path *path);
void originated_frames(struct path *path);

#endif
