/* SPDX-License-Identifier: MIT */
/*
 * park.h - stop until somebody makes you ready, and make somebody ready. Floor 5.
 *
 * Protocol "wait", which every waiting place follows:
 *   1. under the object's lock, the goroutine finds that it must wait and puts its sudog into the object's queue;
 *   2. it parks, naming that lock; the lock is released only after its stack is whole (rt_switch_finish);
 *   3. a waker, under the same lock, takes the sudog off the queue: from then on it alone may move the goroutine on;
 *   4. the waker sets g->param and calls rt_ready.
 */
#ifndef RT_PARK_H
#define RT_PARK_H

#include "schedule.h"

/* Ends the program: a goroutine is about to wait on a stack that is not its own. */
_Noreturn void rt_park_elsewhere(void) __attribute__((cold));

/* What is left of a goroutine that waits is what its own stack holds: one that waits in a signal handler with another stack would never come back. */
RT_INLINE void rt_park_check(const struct gos_g *gp)
{
	uint64_t here = (uint64_t)__builtin_frame_address(0);
	if (rt_unlikely(here >= gp->stack_hi) || rt_unlikely(here < gp->stack_lo)) /* two comparisons with memory: fewer instructions than one of differences */
		rt_park_elsewhere();
}

/*
 * Parks the current goroutine of mp, and returns the M it is on when it has been made ready again. `unlock` is released, or
 * `commit` called with (goroutine, arg) on another stack, once the goroutine can be resumed; at most one of them is given. object is what states.def
 * says for the reason; pc is where the user's code stands.
 *
 * Inlined, so that there is one frame between the user's and the switch: each `ret` after a switch is mispredicted.
 */
RT_INLINE struct gos_m *rt_park(struct gos_m *mp, struct rt_lock *unlock, void (*commit)(struct gos_g *, void *), void *arg,
                                enum gos_reason reason, void *object, void *pc)
{
	struct gos_g *gp = mp->curg;

	rt_park_check(gp);
	struct gos_p *pp = mp->p;
	rt_times_pass(mp, gp, GOS_RUNNING);
	rt_count(&pp->parks);
	rt_store_relaxed(&gp->reason, (uint8_t)reason);
	gp->wait_obj = object;
	gp->wait_pc = pc;
	RT_PROBE3(g_park, gp->goid, reason, object);
	rt_g_set(gp, GOS_RUNNING, GOS_WAITING);
	rt_debug_event(gp, GOS_EVENT_PARK, reason);
	if (commit == NULL) { /* both are NULL between switches */
		mp->unlock = unlock;
	} else {
		mp->commit = commit;
		mp->commit_arg = arg;
	}
	bool readied_last;
	struct gos_g *next = rt_next_and_tell(pp, &readied_last);
	if (GOS_RECORD && rt_likely(readied_last)) /* twice the same, so that the one has no branch for the other */
		return rt_switch_to(mp, gp, next, RT_LEAVE_NAMED, RT_FLIGHT_LEFT(GOS_FLIGHT_PARK_NEXT, reason, object));
	return rt_switch_to(mp, gp, next, RT_LEAVE, RT_FLIGHT_LEFT(GOS_FLIGHT_PARK, reason, object));
}

/* For good. */
_Noreturn void rt_park_forever(enum gos_reason reason, void *pc);

/* WAITING -> RUNNABLE: gp runs next on this P, unless another takes it first. By whoever took gp off what it waited on. On an M with a P. */
RT_INLINE void rt_ready(struct gos_m *mp, struct gos_g *gp)
{
	RT_PROBE2(g_ready, gp->goid, mp->curg ? mp->curg->goid : 0);
	rt_times_pass(mp, gp, GOS_WAITING);
	rt_g_set(gp, GOS_WAITING, GOS_RUNNABLE);
	gp->waiting = NULL;
	struct gos_p *pp = mp->p;
	rt_flight_passed(pp, GOS_FLIGHT_READY, gp->goid);
	rt_debug_event(gp, GOS_EVENT_READY, gp->reason);
	rt_runq_put_next(pp, gp);
	rt_wake_hint();
}

/* Commit: gp, which is whole now, goes to the back of its P's line. arg is the M that left it; it has not changed, since commits do not park. */
void rt_yield_commit(struct gos_g *gp, void *arg);

/* RUNNING -> RUNNABLE: the current goroutine of mp goes where `commit` puts it, and `next` runs; where that is NULL, g0 looks around. Returns the M that
 * it is on when its turn has come. forced: that is what the recorder shall say; pc is where the user's code stands. */
RT_INLINE struct gos_m *rt_give_way(struct gos_m *mp, struct gos_g *next, bool forced, void (*commit)(struct gos_g *, void *), void *pc)
{
	struct gos_g *gp = mp->curg;

	rt_park_check(gp);
	RT_PROBE1(g_yield, gp->goid);
	gp->wait_pc = pc;
	rt_times_pass(mp, gp, GOS_RUNNING);
	rt_g_set(gp, GOS_RUNNING, GOS_RUNNABLE);
	mp->commit = commit;
	mp->commit_arg = mp;
	return rt_switch_to(mp, gp, next, forced ? RT_LEAVE : RT_LEAVE_GIVES_WAY, RT_FLIGHT_LEFT(GOS_FLIGHT_PREEMPT, 0, NULL));
}

/* The same to the back of its P's line. `next` is what rt_next gave; where that is NULL, g0 finds what is in this P's queues before it. */
RT_INLINE struct gos_m *rt_yield_to(struct gos_m *mp, struct gos_g *next, void *pc)
{
	return rt_give_way(mp, next, false, rt_yield_commit, pc);
}

#endif
