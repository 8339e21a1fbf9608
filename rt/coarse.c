/* SPDX-License-Identifier: MIT */
/*
 * coarse.c - the coarse clock moves. Floor 1.
 */
#include "coarse.h"

#include "atomic.h"

/* Moves the coarse clock to `now` where it is behind by `grain` or more. A thread that was held up since it read `now` does not set it back. */
static void move(int64_t now, int64_t grain)
{
	int64_t seen = rt_load_relaxed(&gos_runtime.now);
	while (now - seen >= grain && !rt_cas(&gos_runtime.now, seen, now))
		seen = rt_load_relaxed(&gos_runtime.now);
}

int64_t rt_clock_refresh(void)
{
	int64_t now = rt_now() & ~INT64_C(1);
	move(now, RT_CLOCK_GRAIN);
	return now;
}

int64_t rt_clock_glance(void)
{
	int64_t now = rt_now() & ~INT64_C(1);
	move(now, 2 * RT_CLOCK_GRAIN);
	return now;
}

int64_t rt_clock_set(void)
{
	move(rt_now() & ~INT64_C(1), 1);
	return rt_load_relaxed(&gos_runtime.now);
}
