/* SPDX-License-Identifier: MIT */
/*
 * timer.h - what the other waiting places need of the program's timers. Floor 6.
 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include "schedule.h"

struct gos_timer;

/* A channel that is sent the time once, and its timer, which goes with it. */
struct gos_chan *rt_timer_after(int64_t ns, const char *file, int line);

/* Stops t and gives it and its channel back; panics, at pc, when goroutines wait on that. `what` is what the program thinks it frees. */
void rt_timer_release(struct gos_timer *t, const char *what, void *pc);

/* A timer has been added by a goroutine that goes on, as the first of its P: the worker that waits in the netpoller for a later one is told. Goroutines that
 * park need not: their worker sees to it (schedule.c, step 6). */
void rt_timer_tell_poller(int64_t when);

#endif
