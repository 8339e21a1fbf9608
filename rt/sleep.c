/* SPDX-License-Identifier: MIT */
/*
 * sleep.c - waiting for a time. Floor 6.
 *
 * A sleeper stands in its P's heap of timers itself, once its stack is whole (the park's commit function). The record that wait_obj points to is for debuggers.
 */
#include "gossamer.h"
#include "park.h"
#include "timer.h"
#include "timers.h"

static void sleep_commit(struct gos_g *gp, void *arg)
{
	rt_timer_add_sleeper(rt_tls_m->p, ((struct rt_timer *)arg)->when, gp);
}

void gos_sleep(int64_t ns)
{
	struct gos_m *mp = rt_m_of_goroutine();
	if (ns <= 0)
		return;
	struct rt_timer t = {.when = rt_time_after(ns)};
	rt_park(mp, NULL, sleep_commit, &t, GOS_REASON_SLEEP, &t, __builtin_return_address(0));
}

gos_chan *gos_after_at(int64_t ns, const char *file, int line)
{
	return rt_timer_after(ns, file, line);
}
