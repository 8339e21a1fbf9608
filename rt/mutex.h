/* SPDX-License-Identifier: MIT */
/*
 * mutex.h - taking and releasing a mutex on behalf of something that is made of one: rwmutex, cond, once. Floor 6.
 *
 * gos_mutex_lock is rt_mutex_lock for one that stands alone. Who waits, waits in rt_sema_acquire.
 */
#ifndef RT_MUTEX_H
#define RT_MUTEX_H

#include "schedule.h"

enum { RT_MUTEX_LOCKED = 1, RT_MUTEX_WOKEN = 2, RT_MUTEX_STARVING = 4, RT_MUTEX_WAITER = 8 }; /* gos_mutex.state: mutex.c */

void rt_mutex_lock_slow(gos_mutex *m, enum gos_reason reason, void *object, void *pc);
void rt_mutex_unlock_slow(gos_mutex *m, uint32_t new, void *pc);

/* The caller has the lock. owner comes last: who sees it there sees the place and the time that go with it. */
RT_INLINE void rt_mutex_owned(gos_mutex *m, const struct gos_g *gp, void *pc)
{
	if (GOS_RECORD) {
		rt_store_relaxed(&m->pc, pc);
		rt_store_relaxed(&m->since, rt_load_relaxed(&gos_runtime.now));
	}
	rt_store_release(&m->owner, gp->goid);
}

/* reason, object and pc are what an observer sees while the goroutine waits for m. */
RT_INLINE void rt_mutex_lock(gos_mutex *m, enum gos_reason reason, void *object, void *pc)
{
	struct gos_m *mp = rt_m_of_goroutine();
	if (rt_likely(rt_cas(&m->state, 0u, (uint32_t)RT_MUTEX_LOCKED)))
		rt_mutex_owned(m, mp->curg, pc);
	else
		rt_mutex_lock_slow(m, reason, object, pc);
}

RT_INLINE bool rt_mutex_try_lock(gos_mutex *m, void *pc)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	uint32_t old = rt_load_relaxed(&m->state);
	if ((old & (RT_MUTEX_LOCKED | RT_MUTEX_STARVING)) || !rt_cas(&m->state, old, old | RT_MUTEX_LOCKED))
		return false;
	rt_mutex_owned(m, gp, pc);
	return true;
}

RT_INLINE void rt_mutex_unlock(gos_mutex *m, void *pc)
{
	rt_m_of_goroutine();
	rt_store_relaxed(&m->owner, (uint64_t)0);
	uint32_t new = rt_add_fetch(&m->state, (uint32_t)-RT_MUTEX_LOCKED);
	if (rt_unlikely(new != 0))
		rt_mutex_unlock_slow(m, new, pc);
}

#endif
