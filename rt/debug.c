/* SPDX-License-Identifier: MIT */
/*
 * debug.c - the filter behind catchpoints: which watch, if any, does this transition match? Floor 1.
 */
#include "debug.h"

RT_NOINLINE void rt_debug_trap(struct gos_g *gp, uint32_t event, uint32_t matched, uint32_t reason)
{
	__asm__ volatile("" ::"r"(gp), "r"(event), "r"(matched), "r"(reason) : "memory");
}

RT_NOINLINE void rt_debug_event_slow(struct gos_g *gp, enum gos_event event, uint32_t reason)
{
	uint32_t matched = 0;

	for (uint32_t i = 0; i < GOS_WATCH_COUNT; i++) {
		const struct gos_watch *w = &gos_runtime.watches[i];
		if ((w->events & event) && (w->goid == 0 || w->goid == gp->goid) && (w->reasons == 0 || (w->reasons >> reason & 1)))
			matched |= 1u << i;
	}
	if (matched)
		rt_debug_trap(gp, event, matched, reason);
}
