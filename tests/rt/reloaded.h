/* SPDX-License-Identifier: MIT */
/* reloaded.h - what reloaded.c is called with. */
#ifndef RELOADED_H
#define RELOADED_H

#include <stdint.h>

#include "gossamer.h"

struct reloaded {
	void (*child)(struct reloaded *r);
	uint32_t words; /* of its frame, which it fills: */
	uint32_t callers; /* that it has, at least */
	uint64_t bait;
	uint64_t returns_to;  /* filled by the function, as it is called */
	uint64_t place;       /* filled by the child: where go() stood */
};

void reloaded(struct reloaded *r);

#endif
