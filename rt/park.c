/* SPDX-License-Identifier: MIT */
/*
 * park.c - yielding, and parking for good. Floor 5. The rest of parking is inlined from park.h.
 */
#include "park.h"

RT_NOINLINE void rt_park_elsewhere(void)
{
	rt_throw("a goroutine waits on a stack that is not its own: in a signal handler, or another library's coroutine");
}

RT_NOINLINE void rt_park_forever(enum gos_reason reason, void *pc)
{
	rt_park(rt_m_of_goroutine(), NULL, NULL, NULL, reason, NULL, pc);
	rt_throw("a goroutine that waits for nothing was made ready");
}

void rt_yield_commit(struct gos_g *gp, void *arg)
{
	rt_runq_put_back(((struct gos_m *)arg)->p, gp);
}

void gos_yield(void)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_p *pp = mp->p;
	struct gos_g *next = rt_next(pp);

	if (next == NULL && pp->ticks_left >= 0 && rt_timers_first(pp) > rt_load_relaxed(&gos_runtime.now) &&
	    rt_load_relaxed(&rt_sched.globq_size) == 0)
		return; /* nobody else wants this P */
	rt_yield_to(mp, next, __builtin_return_address(0));
}
