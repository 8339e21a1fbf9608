/* SPDX-License-Identifier: MIT */
/*
 * schedule.h - choose a goroutine, become it. Floor 4.
 *
 * The short road: a goroutine that stops takes the next one from its P's own queues and switches straight to it. The long road, taken
 * when the queues are empty and every RT_TICKS switches: switch to g0, the thread's own stack, whose loop looks everywhere.
 *
 * What must happen once the old stack is whole and left (releasing the lock under which it was put in a queue, mostly) is written into
 * the M before the switch and done by rt_switch_finish on the other side: by the next goroutine, or by g0.
 */
#ifndef RT_SCHEDULE_H
#define RT_SCHEDULE_H

#include "../asm/switch.h"
#include "exception.h"
#include "gstatus.h"
#include "hold.h"
#include "machine.h"
#include "runq.h"
#include "sanitizer.h"
#include "timers.h"
#include "times.h"

#define RT_TICKS 61 /* switches between looks at the global queue, timers and the back of the line: Go's number */

/* The scheduler's loop, on g0. mp has a P. */
_Noreturn void rt_schedule_loop(struct gos_m *mp);

/* A list of Gs that a source returned, linked by ->link: WAITING, made RUNNABLE and put in line. Any M, with or without a P. by_goroutine: it is the doing of the
 * goroutine that runs on it. */
void rt_inject(struct gos_m *mp, struct gos_g *list, bool by_goroutine);

/* For rt_m_of_goroutine (in preempt.c, a floor up): lets others run when the goroutine is asked to, and returns the M that it is then on; ends the program, or panics, when the caller
 * is no goroutine, or is in a blocking section. pc is where the user's code stands. */
struct gos_m *rt_m_look_up(struct gos_m *mp, void *pc);

/* This process is a child of one that runs goroutines. Sync: atomic */
extern bool rt_forked;
/* Makes it known. In the child, by fork. */
void rt_preempt_in_child(void);

/* May the goroutine that runs on this M go on? Else rt_m_of_goroutine has more to do than to return it. */
RT_INLINE bool rt_m_goes_on(struct gos_m *mp)
{
#if GOS_CHECK >= 2 /* be asked often, so that who relies on staying on its M finds out */
	if (mp != NULL && mp->p != NULL && mp->curg != NULL && rt_random(mp->p) % 256 == 0)
		rt_store_relaxed(&mp->go_on, 0u);
#endif
	return rt_likely(mp != NULL && rt_load_relaxed(&mp->go_on) != 0);
}

/*
 * The current M. What every public function that needs a goroutine begins with, and where a goroutine that has had its time lets others run: it may be on
 * another M afterwards. Holding no lock.
 */
RT_INLINE struct gos_m *rt_m_of_goroutine(void)
{
	struct gos_m *mp = rt_tls_m;
	if (!rt_m_goes_on(mp))
		mp = rt_m_look_up(mp, __builtin_return_address(0));
	return mp;
}

/* The next goroutine by the short road; NULL: take the long one, since there is none, or it is time to look around. *readied_last: as rt_runq_get_and_tell. Owner P only. */
RT_INLINE struct gos_g *rt_next_and_tell(struct gos_p *pp, bool *readied_last)
{
	*readied_last = false;
#if GOS_CHECK >= 2 /* take the long road often, to make rare orders common */
	if (rt_random(pp) % 8 == 0)
		pp->ticks_left = 0;
#endif
	if (rt_unlikely(--pp->ticks_left < 0 || rt_timers_first(pp) <= rt_load_relaxed(&gos_runtime.now)))
		return NULL;
	return rt_runq_get_and_tell(pp, readied_last);
}

RT_INLINE struct gos_g *rt_next(struct gos_p *pp)
{
	bool readied_last;
	return rt_next_and_tell(pp, &readied_last);
}

/* The first thing done on a stack that has been switched to: gp's, which is mp->curg, or g0's, when gp is NULL. */
RT_INLINE void rt_switch_finish(struct gos_m *mp, struct gos_g *gp)
{
	struct gos_g *prev = mp->prev;
	struct rt_lock *unlock = mp->unlock;
	void (*commit)(struct gos_g *, void *) = mp->commit;

	rt_count(&prev->seq); /* even: prev's stack is whole */
	/* From here prev may be run by another M: do not touch it. */
	if (unlock != NULL) {
		mp->unlock = NULL;
		rt_unlock(unlock);
	} else if (commit != NULL) {
		mp->commit = NULL;
		commit(prev, mp->commit_arg);
	}
	if (gp != NULL) {
		RT_PROBE3(g_run, gp->goid, mp->id, mp->p->id);
		rt_debug_event(gp, GOS_EVENT_RUN, GOS_REASON_NONE);
	}
}

/* RUNNABLE -> RUNNING on mp, whose P is pp and which is about to switch to gp. */
RT_INLINE void rt_execute(struct gos_m *mp, struct gos_p *pp, struct gos_g *gp)
{
	rt_g_check(gp);
	rt_times_pass(mp, gp, GOS_RUNNABLE);
	rt_g_set(gp, GOS_RUNNABLE, GOS_RUNNING);
	rt_store_relaxed(&gp->m, mp);
	rt_store_relaxed(&mp->curg, gp);
	rt_count(&pp->tick);
	rt_count(&gp->seq); /* odd: who copies its stack from outside has to try again */
	rt_fence_release(); /* before anything is written to the stack */
}

/* Makes mp, which is about to leave `from`, the M of `next`, or of g0 when that is NULL, held back, or locked to another M. Returns whose stack to switch to.
 * leave and left: as rt_flight_switch. */
RT_INLINE struct gos_g *rt_become(struct gos_m *mp, struct gos_g *from, struct gos_g *next, enum rt_flight_leave leave, struct rt_flight_left left)
{
	struct gos_p *pp = mp->p; /* NULL: it is g0's turn */
	mp->prev = from;
	rt_store_relaxed(&from->m, (struct gos_m *)NULL);
	if (rt_likely(next != NULL)) {
		if (rt_likely(rt_g_goes_anywhere(next) || (next->locked_m == mp && !rt_g_held(next)))) {
			rt_flight_switch(pp, leave, left, next);
			rt_execute(mp, pp, next);
			return next;
		}
		mp->chosen = next;
	}
	rt_flight_switch(pp, leave, left, NULL);
	rt_store_relaxed(&mp->curg, (struct gos_g *)NULL);
	return &mp->g0;
}

/* rt_switch_to, for a goroutine that throws no C++ exception and has caught none. */
RT_INLINE struct gos_m *rt_switch_without_exceptions(struct gos_m *mp, struct gos_g *from, struct gos_g *next, enum rt_flight_leave leave, struct rt_flight_left left)
{
	next = rt_become(mp, from, next, leave, left);
	rt_sanitizer_leave(from, next);
	mp = rt_switch_inline(&from->sched, &next->sched, mp);
	rt_sanitizer_arrive(from);
	rt_switch_finish(mp, from);
	return mp;
}

/* rt_switch_to, for one that does: exception.h. */
struct gos_m *rt_switch_with_exceptions(struct gos_m *mp, struct gos_g *from, struct gos_g *next, enum rt_flight_leave leave, struct rt_flight_left left);

/* Leaves `from`, a goroutine, for `next`, or for g0 when that is NULL; returns when somebody comes back to `from`, with the M that it is then on. leave and left are for rt_become. */
RT_INLINE struct gos_m *rt_switch_to(struct gos_m *mp, struct gos_g *from, struct gos_g *next, enum rt_flight_leave leave, struct rt_flight_left left)
{
	if (rt_unlikely(rt_exceptions_here()))
		return rt_switch_with_exceptions(mp, from, next, leave, left);
	return rt_switch_without_exceptions(mp, from, next, leave, left);
}

#endif
