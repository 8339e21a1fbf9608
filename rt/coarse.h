/* SPDX-License-Identifier: MIT */
/*
 * coarse.h - the coarse clock moves. Floor 1.
 *
 * gos_runtime.now is the coarse clock: CLOCK_MONOTONIC as of a moment ago. Reading it is a load, where the exact clock costs more than 20 ns.
 *
 * Always true of it:
 *  - It never goes back, and is never ahead of the exact one.
 *  - It is even: bit 0 of a time that was taken from it is free (times.h).
 *  - It moves by RT_CLOCK_GRAIN or more at a time, except where rt_clock_set is called. Each step costs every goroutine that then stops or runs a few dozen
 *    instructions, so it must not follow each look at the exact clock.
 * It moves when anybody who looks at the exact clock finds it a grain behind: sysmon within a millisecond while anything runs, every M that comes back from
 * sleep, each P every 61st switch where sysmon is late, and a goroutine that stops after a run in which it may have gone out of date (times.c).
 */
#ifndef RT_COARSE_H
#define RT_COARSE_H

#include "clock.h"
#include "state.h"

#define RT_CLOCK_GRAIN 400000 /* ns */

/* The exact clock; the coarse one follows where it is a grain behind. Any thread. */
int64_t rt_clock_refresh(void);

/* The same on mp, which has set its token for this, and keeps it (fresh.h): returns the coarse clock. */
int64_t rt_clock_refresh_kept(const struct gos_m *mp);

/* The exact clock, for who looks all the time and relies on sysmon, which comes more often than every two grains: only where it does not the coarse clock
 * follows. Any thread. */
int64_t rt_clock_glance(void);

/* Sets the coarse clock to the exact one, and returns it. For rare paths. Any thread. */
int64_t rt_clock_set(void);

#endif
