/* SPDX-License-Identifier: MIT */
/*
 * mutex.c - mutual exclusion, fair when it must be. Floor 6. After Go's sync.Mutex.
 *
 * state: LOCKED, WOKEN (a waiter is on its way: unlock need not wake another), STARVING, and the number of waiters above them.
 * Normal mode: a woken waiter competes with newcomers, who are running already and mostly win; that is fast and unfair. A waiter that has waited
 * for more than a millisecond switches to starving mode: the lock is handed from the unlocker to the first waiter and newcomers queue up.
 * owner, and with it pc and since, the place and the time of the locking, are written by the holder only, after it has the lock; before it lets go it clears owner,
 * and what stands in the others then means nothing.
 */
#include "mutex.h"

#include "sema.h"

enum { LOCKED = RT_MUTEX_LOCKED, WOKEN = RT_MUTEX_WOKEN, STARVING = RT_MUTEX_STARVING, WAITER = RT_MUTEX_WAITER };

#define STARVATION_NS 1000000
#define SPINS 4
#define SPIN_PAUSES 30

/* Spinning helps when the holder runs on another CPU and nobody waits for this one. */
static bool may_spin(struct gos_p *pp, int spun)
{
	return spun < SPINS && rt_load_relaxed(&rt_sched.nprocs) > 1 &&
	       rt_load_relaxed(&rt_sched.nprocs) - rt_load_relaxed(&rt_sched.idle_p_count) > 1 && !rt_runq_stealable(pp, true);
}

static void contend(gos_mutex *m, enum gos_reason reason, void *object, void *pc)
{
	int64_t waiting_since = 0;
	bool starving = false, awoke = false;
	int spun = 0;
	uint32_t old = rt_load_relaxed(&m->state);

	for (;;) {
		if ((old & (LOCKED | STARVING)) == LOCKED && may_spin(rt_tls_m->p, spun)) {
			if (!awoke && !(old & WOKEN) && old >= WAITER && rt_cas(&m->state, old, old | WOKEN))
				awoke = true;
			for (int i = 0; i < SPIN_PAUSES; i++)
				rt_pause();
			spun++;
			old = rt_load_relaxed(&m->state);
			continue;
		}
		uint32_t new = old;
		if (!(old & STARVING))
			new |= LOCKED;
		if (old & (LOCKED | STARVING))
			new += WAITER;
		if (starving && (old & LOCKED))
			new |= STARVING;
		if (awoke) {
			if (!(new & WOKEN))
				rt_throw("inconsistent mutex state");
			new &= ~(uint32_t)WOKEN;
		}
		if (!rt_cas(&m->state, old, new)) {
			old = rt_load_relaxed(&m->state);
			continue;
		}
		if (!(old & (LOCKED | STARVING)))
			return;
		bool front = waiting_since != 0;
		if (waiting_since == 0)
			waiting_since = rt_load_relaxed(&gos_runtime.now);
		rt_sema_acquire(&m->sema, front, reason, object, pc);
		starving = starving || rt_load_relaxed(&gos_runtime.now) - waiting_since > STARVATION_NS;
		old = rt_load_relaxed(&m->state);
		if (old & STARVING) {
			/* The lock was handed over, with LOCKED not set and this goroutine still counted as a waiter. */
			if ((old & (LOCKED | WOKEN)) || old < WAITER)
				rt_throw("inconsistent mutex state");
			uint32_t delta = LOCKED - WAITER;
			if (!starving || old / WAITER == 1)
				delta -= STARVING;
			rt_add_fetch(&m->state, delta);
			return;
		}
		awoke = true;
		spun = 0;
	}
}

RT_NOINLINE void rt_mutex_lock_slow(gos_mutex *m, enum gos_reason reason, void *object, void *pc)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	contend(m, reason, object, pc);
	rt_mutex_owned(m, gp, pc);
}

RT_NOINLINE void rt_mutex_unlock_slow(gos_mutex *m, uint32_t new, void *pc)
{
	if (!((new + LOCKED) & LOCKED)) {
		rt_add_fetch(&m->state, (uint32_t)LOCKED);
		rt_fatal_at(pc, "unlock of unlocked mutex");
	}
	if (new & STARVING) {
		rt_sema_release(&m->sema, true, pc); /* STARVING keeps newcomers off until the waiter has set LOCKED */
		return;
	}
	for (uint32_t old = new;; old = rt_load_relaxed(&m->state)) {
		if (old < WAITER || (old & (LOCKED | WOKEN | STARVING)))
			return;
		if (rt_cas(&m->state, old, (old - WAITER) | WOKEN)) {
			rt_sema_release(&m->sema, false, pc);
			return;
		}
	}
}

/* rt_mutex_lock and rt_mutex_unlock written out: nothing is kept over a call, so the usual road saves no register, and pc is loaded where it is needed. */

void gos_mutex_lock(gos_mutex *m)
{
	struct gos_m *mp = rt_tls_m;
	if (rt_m_goes_on(mp) && rt_likely(rt_cas(&m->state, 0u, (uint32_t)LOCKED)))
		rt_mutex_owned(m, mp->curg, __builtin_return_address(0));
	else
		rt_mutex_lock_slow(m, GOS_REASON_MUTEX_LOCK, m, __builtin_return_address(0));
}

bool gos_mutex_try_lock(gos_mutex *m)
{
	return rt_mutex_try_lock(m, __builtin_return_address(0));
}

/* What is to be done beyond the usual: `new` is what the state became; 0: nothing has been done yet, others have their turn first. */
static RT_NOINLINE void unlock_rest(gos_mutex *m, uint32_t new, void *pc)
{
	if (new == 0)
		rt_mutex_unlock(m, pc);
	else
		rt_mutex_unlock_slow(m, new, pc);
}

void gos_mutex_unlock(gos_mutex *m)
{
	uint32_t new = 0;
	if (rt_likely(rt_m_goes_on(rt_tls_m))) {
		rt_store_relaxed(&m->owner, (uint64_t)0);
		new = rt_add_fetch(&m->state, (uint32_t)-LOCKED);
		if (rt_likely(new == 0))
			return;
	}
	unlock_rest(m, new, __builtin_return_address(0)); /* the only call: so the usual road makes no frame */
}
