/* SPDX-License-Identifier: MIT */
/*
 * debug.h - stopping a debugger at a goroutine's transitions. Floor 1.
 *
 * A debugger writes what it waits for into gos_runtime.watches, and sets the event's bit in the dbgmask of the goroutine concerned
 * or, for all of them, in gos_runtime.watchmask. Each transition tests the two masks, one predicted branch; only when a watch
 * matches is rt_debug_trap called, where the debugger has an ordinary breakpoint. Nobody's goroutine is slowed by a watch on another's.
 */
#ifndef RT_DEBUG_H
#define RT_DEBUG_H

#include "atomic.h"
#include "state.h"

/* Does nothing; a debugger's breakpoint goes here. `matched`: bit i for gos_runtime.watches[i]. A library tells its name, also when it has lost its other symbols: a
 * breakpoint that waits for the library to be loaded has nothing else to wait for. Protected: it is always this one that is called. */
__attribute__((visibility("protected"))) void rt_debug_trap(struct gos_g *gp, uint32_t event, uint32_t matched, uint32_t reason);
void rt_debug_event_slow(struct gos_g *gp, enum gos_event event, uint32_t reason);

RT_INLINE void rt_debug_event(struct gos_g *gp, enum gos_event event, uint32_t reason)
{
	if (rt_unlikely((rt_load_relaxed(&gp->dbgmask) | rt_load_relaxed(&gos_runtime.watchmask)) & event))
		rt_debug_event_slow(gp, event, reason);
}

#endif
