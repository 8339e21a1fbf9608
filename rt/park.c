/* SPDX-License-Identifier: MIT */
/*
 * park.c - yielding, and parking for good. Floor 5. The rest of parking is inlined from park.h.
 */
#include "park.h"

RT_NOINLINE void rt_park_forever(enum gos_reason reason, void *pc)
{
	rt_park(rt_m_of_goroutine(), NULL, NULL, NULL, reason, NULL, pc);
	rt_throw("a goroutine that waits for nothing was made ready");
}

static void yield_commit(struct gos_g *gp, void *arg)
{
	struct gos_m *mp = arg; /* the M that switched; it has not changed, since commits do not park */
	rt_runq_put_back(mp->p, gp);
}

void gos_yield(void)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_p *pp = mp->p;
	struct gos_g *gp = mp->curg, *next = rt_next(pp);

	if (next == NULL && pp->ticks_left > 0 && rt_timers_first(pp) > rt_load_relaxed(&gos_runtime.now) &&
	    rt_load_relaxed(&rt_sched.globq_size) == 0)
		return; /* nobody else wants this P */
	RT_PROBE1(g_yield, gp->goid);
	gp->wait_pc = __builtin_return_address(0);
	gp->wait_since = rt_load_relaxed(&gos_runtime.now);
	rt_g_set(gp, GOS_RUNNING, GOS_RUNNABLE);
	mp->commit = yield_commit;
	mp->commit_arg = mp;
	rt_switch_to(mp, gp, next);
}
