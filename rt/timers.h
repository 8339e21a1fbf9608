/* SPDX-License-Identifier: MIT */
/*
 * timers.h - each P's timers, in a 4-ary heap. Floor 2: a source, it returns goroutines and makes none ready.
 *
 * A timer belongs to whoever made it and must stay where it is until it has fired or been stopped. Any M with a P may run the due timers of any P:
 * their functions are called on g0, so they may make goroutines and put them in that P's queues. A goroutine that sleeps is never stopped: it stands in the
 * heap itself, and its stack, long cold, is not touched while others come and go around it.
 */
#ifndef RT_TIMERS_H
#define RT_TIMERS_H

#include "atomic.h"
#include "clock.h"
#include "state.h"

struct rt_timer_slot {
	int64_t when;   /* a copy, so that sifting compares without touching what is sifted */
	uintptr_t what; /* a timer; or a goroutine that sleeps, plus RT_SLEEPER */
};
#define RT_SLEEPER 1u

/* When what is to happen ns from now is due. What is to happen at once is due by the coarse clock: at the next look. */
static inline int64_t rt_time_after(int64_t ns)
{
	int64_t when;
	if (ns <= 0)
		return rt_load_relaxed(&gos_runtime.now);
	return __builtin_add_overflow(rt_now(), ns, &when) || when == INT64_MAX ? INT64_MAX - 1 : when;
}

void rt_timers_init(struct gos_p *pp);

/* Starts t, which is in no heap, on pp. t->when, fn and arg are set. True when it is now the first of pp's to be due. Any M. */
bool rt_timer_add(struct gos_p *pp, struct rt_timer *t);

/* gp, which is parked, is to be made ready at `when`. From here it may run: do not touch it. Any M. */
void rt_timer_add_sleeper(struct gos_p *pp, int64_t when, struct gos_g *gp);

/* Takes goroutine goid, of which gp is the record, out of pp's heap, where it sleeps: it is to be made ready by the caller. False when it is not there. Any M. */
bool rt_timers_take_sleeper(struct gos_p *pp, struct gos_g *gp, uint64_t goid);

/* True when t had not fired and now will not. False: it has fired, or its function is about to be called. Any M. */
bool rt_timer_stop(struct rt_timer *t);

/* When the first timer of pp is due; INT64_MAX when there is none. Any M. */
static inline int64_t rt_timers_first(const struct gos_p *pp)
{
	return rt_load_relaxed(&pp->timer_first);
}

/* The same, over all Ps. */
static inline int64_t rt_timers_first_of_all(void)
{
	int64_t first = INT64_MAX;
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++) {
		int64_t when = rt_timers_first(gos_runtime.ps[i]);
		if (when < first)
			first = when;
	}
	return first;
}

/* How many of pp's are started and have not fired. Any thread. */
uint32_t rt_timers_count(struct gos_p *pp);

/* Calls the functions of pp's due timers, holding no lock; returns the goroutines that are to be made ready, linked by ->link, oldest first. Any M with a P. */
struct gos_g *rt_timers_run(struct gos_p *pp, int64_t now);

/* Moves all timers of a P that is given up. */
void rt_timers_move(struct gos_p *from, struct gos_p *to);

#endif
