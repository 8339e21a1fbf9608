/* SPDX-License-Identifier: MIT */
/*
 * timer.h - what the other waiting places need of the program's timers, and what observers may see of them: layout.def. Floor 6.
 */
#ifndef RT_TIMER_H
#define RT_TIMER_H

#include "schedule.h"

#define RT_TIMER_LIVE 0x656d6974u /* "time" */

struct gos_timer {
	struct rt_timer timer; /* in a heap while active, or about to be fired. Lock: lock, but for what timers.c does */
	struct rt_lock lock;
	uint32_t magic; /* RT_TIMER_LIVE until it is freed. Sync: atomic, written under lock */
	/* Lock: lock, for all of these. */
	bool active;
	struct gos_chan *chan; /* NULL where fn is not */
	void (*fn)(void *arg);
	void *arg;
	int64_t period;   /* of a ticker; 0 */
	uint64_t creator; /* goid of who started or reset it */
	void *create_pc;
	struct gos_timer *link; /* free list. Lock: slab_lock */
} __attribute__((aligned(RT_CACHE_LINE)));

struct gos_ticker {
	struct gos_timer timer;
};

/* A channel that is sent the time once, and its timer, which goes with it. */
struct gos_chan *rt_timer_after(int64_t ns, const char *file, int line);

/* Stops t and gives it and its channel back; panics, at pc, when goroutines wait on that. `what` is what the program thinks it frees. */
void rt_timer_release(struct gos_timer *t, const char *what, void *pc);

/* A timer has been added by a goroutine that goes on, as the first of its P: the worker that waits in the netpoller for a later one is told. Goroutines that
 * park need not: their worker sees to it (schedule.c, step 6). */
void rt_timer_tell_poller(int64_t when);

#endif
