/* SPDX-License-Identifier: MIT */
/*
 * coarse.c - the coarse clock moves. Floor 1.
 */
#include "coarse.h"

#include "atomic.h"
#include "fresh.h"

/* Moves the coarse clock to `now` where it is behind by `grain` or more. A thread that was held up since it read `now` does not set it back. but: as of rt_fresh_none. */
static void move(int64_t now, int64_t grain, const struct gos_m *but)
{
	int64_t seen = rt_load_relaxed(&gos_runtime.now);
	while (now - seen >= grain) {
		if (rt_cas(&gos_runtime.now, seen, now)) {
			if (GOS_RECORD)
				rt_fresh_none(but);
			return;
		}
		seen = rt_load_relaxed(&gos_runtime.now);
	}
}

int64_t rt_clock_refresh(void)
{
	int64_t now = rt_now() & ~INT64_C(1);
	move(now, RT_CLOCK_GRAIN, NULL);
	return now;
}

int64_t rt_clock_refresh_kept(const struct gos_m *mp)
{
	move(rt_now() & ~INT64_C(1), RT_CLOCK_GRAIN, mp);
	return rt_load_relaxed(&gos_runtime.now);
}

int64_t rt_clock_glance(void)
{
	int64_t now = rt_now() & ~INT64_C(1);
	move(now, 2 * RT_CLOCK_GRAIN, NULL);
	return now;
}

int64_t rt_clock_set(void)
{
	move(rt_now() & ~INT64_C(1), 1, NULL);
	return rt_load_relaxed(&gos_runtime.now);
}
