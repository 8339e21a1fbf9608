/* SPDX-License-Identifier: MIT */
/*
 * exit.c - goroutines end: the stack is left for good, then the G is buried, for reuse. Floor 5.
 */
#include "exit.h"

#include "../asm/switch.h"
#include "defer.h"
#include "gossamer.h"
#include "label.h"
#include "origin.h"
#include "schedule.h"
#include "stack.h"

#define GFREE_MAX 1024 /* dead Gs that a P keeps for itself: a burst's. Beyond that half of them go to the shared list */

static RT_NOINLINE void gfree_spill(struct gos_p *pp)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	while (pp->gfree_count > GFREE_MAX / 2) {
		struct gos_g *gp = pp->gfree;
		pp->gfree = gp->link;
		pp->gfree_count--;
		gp->link = rt_sched.gfree;
		rt_sched.gfree = gp;
		rt_sched.gfree_count++;
	}
	rt_unlock(&rt_sched.lock);
}

/* On the next stack. */
static void bury(struct gos_g *gp, void *arg)
{
	struct gos_p *pp = ((struct gos_m *)arg)->p;

	rt_sanitizer_death(gp);
	uint8_t flags = gp->flags;
	if (rt_unlikely(flags != 0)) {
		if (flags & RT_G_LABELLED) {
			struct gos_labels *labels = gp->labels;
			rt_store_relaxed(&gp->labels, (struct gos_labels *)NULL); /* first, so that nobody takes for gp's what it is used for next */
			rt_labels_put(labels);
		}
		if (flags & RT_G_ANCESTORS)
			rt_ancestors_drop(gp);
		gp->flags = 0;
		gp->name[0] = '\0';
	}
	if (rt_unlikely(flags & RT_G_SIZED)) {
		rt_stack_free(gp);
		rt_lock(&rt_sched.lock, RT_RANK_SCHED);
		gp->link = rt_sched.gfree_bare;
		rt_sched.gfree_bare = gp;
		rt_unlock(&rt_sched.lock);
		return;
	}
	gp->link = pp->gfree;
	pp->gfree = gp;
	if (rt_unlikely(++pp->gfree_count >= GFREE_MAX))
		gfree_spill(pp);
}

/* What most goroutines do not have: deferred calls, a thread. Returns the M that it is then on: free may be the program's own, and give way. */
static RT_NOINLINE struct gos_m *let_go(struct gos_g *gp)
{
	if (gp->flags & RT_G_DEFERS)
		rt_defer_end(gp);
	struct gos_m *mp = rt_tls_m;
	if (gp->flags & RT_G_LOCKED) { /* its thread is anybody's again */
		gp->locks = 0;
		mp->locked_g = NULL;
	}
	return mp;
}

_Noreturn void rt_goexit0(void)
{
	struct gos_m *mp = rt_tls_m;
	if (rt_unlikely(!rt_m_goes_on(mp))) {
		if (mp->calls != 0 && !rt_load_relaxed(&rt_forked))
			rt_fatal_at(NULL, "a goroutine ended between gos_blocking_begin and gos_blocking_end");
		mp = rt_m_of_goroutine();
	}
	struct gos_p *pp = mp->p;
	struct gos_g *gp = mp->curg;
	if (rt_unlikely(gp->flags & (RT_G_DEFERS | RT_G_LOCKED))) {
		mp = let_go(gp);
		pp = mp->p;
	}

	RT_PROBE1(g_exit, gp->goid);
	rt_debug_event(gp, GOS_EVENT_EXIT, GOS_REASON_NONE);
	rt_times_pass(mp, gp, GOS_RUNNING);
	rt_g_set(gp, GOS_RUNNING, GOS_DEAD);
	rt_count(&pp->ends);
	mp->commit = bury;
	mp->commit_arg = mp;
	if (rt_unlikely(rt_exceptions_here())) /* ended in a catch block */
		rt_exceptions_take();
	struct gos_g *next = rt_become(mp, gp, rt_next(pp), RT_LEAVE_EXIT, RT_FLIGHT_NONE);
	/* Point of no return: rt_switch_finish buries gp, and this stack may be another goroutine's. */
	rt_sanitizer_leave(NULL, next);
	rt_jump(&next->sched, mp);
}
