/* SPDX-License-Identifier: MIT */
/*
 * gstatus.h - the one place that changes g->status, and the filter through which debuggers see it change. Floor 1.
 *
 * states.def lists every legal transition and who performs it; a transition that is not listed does not compile. Nobody races
 * for a status: in each state exactly one party may move the goroutine on (states.def says who), so a plain store is enough.
 */
#ifndef RT_GSTATUS_H
#define RT_GSTATUS_H

#include "abi/probe.h"
#include "atomic.h"
#include "debug.h"
#include "state.h"
#include "throw.h"

/* Is from -> to in the list? Constant wherever both are. */
RT_INLINE bool rt_g_legal(enum gos_state from, enum gos_state to)
{
#define GOS_TRANSITION(f, t, who)                  \
	if (from == GOS_##f && to == GOS_##t) \
		return true;
#include "abi/states.def"
	return false;
}

_Noreturn void rt_g_bad_status(const struct gos_g *gp, enum gos_state from, enum gos_state to);

#if GOS_CHECK >= 2
void rt_g_check(const struct gos_g *gp); /* everything that states.def says of gp's state, asserted */
#else
#define rt_g_check(gp) ((void)0)
#endif

/* Whoever owns gp's state. */
RT_INLINE void rt_g_set(struct gos_g *gp, enum gos_state from, enum gos_state to)
{
	if (!rt_g_legal(from, to) || rt_unlikely(gp->status != (uint32_t)from))
		rt_g_bad_status(gp, from, to);
	rt_store_relaxed(&gp->status, (uint32_t)to);
}

#endif
