/* SPDX-License-Identifier: MIT */
/*
 * depot.h - stacks of return addresses, each kept once and for good, known by a number of four bytes. Floor 1.
 *
 * What is in the depot never changes or moves, so anybody may read it at any time, without a lock: id n is the n-th word of the slabs that gos_runtime.depot leads to.
 * Memory is bounded: when RT_DEPOT_WORDS are full, a new stack gets the number 0, which is no stack, and is counted in gos_runtime.depot_lost.
 */
#ifndef RT_DEPOT_H
#define RT_DEPOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define RT_DEPOT_PER_SLAB 8192             /* words: 64 KiB */
#define RT_DEPOT_WORDS (UINT32_C(8) << 20) /* 64 MiB: a million stacks of six frames */
#define RT_DEPOT_FRAMES_MAX 33             /* of one stack: a place and the 32 calls above it */

struct gos_stack {
	uint32_t next;  /* id of the next of the same hash; 0 */
	uint32_t hash;
	uint32_t count; /* of frames */
	uint32_t whole; /* 1: the last frame is the goroutine's first. 0: there are, or may be, more above it */
	uint64_t pc[2]; /* return addresses, the innermost first. It goes on beyond the structure */
};

/* The number of this stack; 0: there is no room for another. At most RT_DEPOT_FRAMES_MAX frames. Any thread; holding no lock of rank SLAB or later. */
uint32_t rt_depot_put(const uint64_t *pcs, uint32_t count, bool whole);

/* The stack of a number; NULL where that is none. For ever. Any thread, in a signal handler too: nothing is believed that could be wrong. */
const struct gos_stack *rt_depot_get(uint32_t id);

/* The frames of a stack, the innermost first, at most max; how many: 0 where id is none. As rt_depot_get. */
size_t rt_depot_frames(uint32_t id, uint64_t *pcs, size_t max);

#endif
