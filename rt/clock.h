/* SPDX-License-Identifier: MIT */
/*
 * clock.h - the exact clock and the coarse one. Floor 0.
 *
 * gos_runtime.now is the coarse clock: CLOCK_MONOTONIC as of a moment ago. sysmon keeps it within a millisecond or two while
 * anything runs, and so does every M that comes back from sleep; reading it is a load, where the exact clock costs 20 ns.
 */
#ifndef RT_CLOCK_H
#define RT_CLOCK_H

#include <stdint.h>
#include <time.h>

static inline int64_t rt_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000000000 + ts.tv_nsec;
}

#endif
