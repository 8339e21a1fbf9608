/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the exact clock. Floor 0.
 *
 * rt_now costs more than 20 ns, as much as a switch: who can do with what the clock said a moment ago takes the coarse one, coarse.h.
 *
 * With a seed (seed.h) the program lives in a time of its own: rt_now and the coarse clock tell that one, and only what has to do with the kernel asks for rt_real_now.
 */
#ifndef RT_CLOCK_H
#define RT_CLOCK_H

#include <stdint.h>
#include <time.h>

#include "seed.h"

/* CLOCK_MONOTONIC, also with a seed: for the runtime's own threads, and for what the kernel is asked to wait. */
static inline int64_t rt_real_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

/* The time that the program lives in. */
static inline int64_t rt_now(void)
{
	return rt_seeded() ? rt_load_relaxed(&rt_seed.now) : rt_real_now();
}

#endif
