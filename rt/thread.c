/* SPDX-License-Identifier: MIT */
/*
 * thread.c - goroutines that are locked to a thread. Floor 5. After Go's LockOSThread.
 *
 * The M of a locked goroutine runs nothing else. When it stops, its M gives its P to another and sleeps; when another M takes it off a queue, it hands its own P over and
 * wakes that M (schedule.c, machine.c). Both happen on g0: the short road of a switch finds RT_G_LOCKED, or, on the locked M, never a next goroutine, since
 * ticks_left of a P that it holds is 0.
 */
#include "gossamer.h"
#include "schedule.h"

void gos_lock_thread(void)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_g *gp = mp->curg;

	if (gp->locks++ != 0)
		return;
	rt_note_clear(&mp->note); /* for rt_m_wait_locked: rung only by who hands it a P */
	gp->locked_m = mp;
	mp->locked_g = gp;
	gp->flags |= RT_G_LOCKED;
	mp->p->ticks_left = 0;
}

void gos_unlock_thread(void)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_g *gp = mp->curg;

	if (gp->locks == 0)
		rt_panic_at(__builtin_return_address(0), "gos_unlock_thread without gos_lock_thread");
	if (--gp->locks != 0)
		return;
	gp->flags &= (uint8_t)~RT_G_LOCKED;
	gp->locked_m = NULL;
	mp->locked_g = NULL;
}
