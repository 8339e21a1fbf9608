/* SPDX-License-Identifier: MIT */
/*
 * sudog.h - records of waiting, for goroutines that wait on several things. Floor 1.
 *
 * A goroutine that waits on one thing uses the sudog in its G. A select takes one for each case from its P's free list; they
 * come from slabs and are never given back to the system.
 */
#ifndef RT_SUDOG_H
#define RT_SUDOG_H

#include "atomic.h"
#include "state.h"

struct gos_sudog *rt_sudog_refill(struct gos_p *pp);
void rt_sudog_spill(struct gos_p *pp);

#define RT_SUDOG_CACHE_MAX 256

/* Owner P only. */
RT_INLINE struct gos_sudog *rt_sudog_get(struct gos_p *pp)
{
	struct gos_sudog *sg = pp->sudogs;
	if (rt_unlikely(sg == NULL))
		return rt_sudog_refill(pp);
	pp->sudogs = sg->next;
	pp->sudog_count--;
	return sg;
}

/* Owner P only. */
RT_INLINE void rt_sudog_put(struct gos_p *pp, struct gos_sudog *sg)
{
	sg->next = pp->sudogs;
	pp->sudogs = sg;
	if (rt_unlikely(++pp->sudog_count >= RT_SUDOG_CACHE_MAX))
		rt_sudog_spill(pp);
}

#endif
