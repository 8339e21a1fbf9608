/* SPDX-License-Identifier: MIT */
/*
 * waitgroup.c - wait until a number of goroutines are done. Floor 6. After Go's sync.WaitGroup.
 *
 * state: the counter in the upper half, the number of waiters in the lower, so that one atomic addition changes the one and reads both.
 * `last` is written before it: once the count is zero, who waited may give the memory back.
 */
#include "gossamer.h"
#include "schedule.h"
#include "sema.h"

/* After n was added the counter is zero or less, or it may have been zero while there were waiters. */
static RT_NOINLINE void add_slow(gos_waitgroup *wg, int n, uint64_t state, void *pc)
{
	int32_t counter = (int32_t)(state >> 32);
	uint32_t waiters = (uint32_t)state;

	if (counter < 0)
		rt_panic_at(pc, "negative wait group counter");
	if (waiters != 0 && n > 0 && counter == n)
		rt_panic_at(pc, "wait group raised from zero while goroutines wait");
	if (counter > 0 || waiters == 0)
		return;
	/* The counter has come down to zero and nobody may raise it before the waiters are gone. */
	if (rt_load_relaxed(&wg->state) != state)
		rt_panic_at(pc, "wait group changed while its waiters are being woken");
	rt_store_relaxed(&wg->state, (uint64_t)0);
	for (; waiters != 0; waiters--)
		rt_sema_release(&wg->sema, false, pc);
}

RT_INLINE void add(gos_waitgroup *wg, int n, void *pc)
{
	rt_mark(&wg->last, rt_tls_m->curg, pc);
	uint64_t state = rt_add_fetch(&wg->state, (uint64_t)(int64_t)n << 32);
	int32_t counter = (int32_t)(state >> 32);

	if (rt_unlikely(counter <= 0 || (counter == n && (uint32_t)state != 0)))
		add_slow(wg, n, state, pc);
}

/* Others have their turn first. */
static RT_NOINLINE void add_later(gos_waitgroup *wg, int n, void *pc)
{
	rt_m_look_up(rt_tls_m, pc);
	add(wg, n, pc);
}

/* Nothing is kept over a call, so that the usual road saves no register: as in mutex.c. */

void gos_waitgroup_add(gos_waitgroup *wg, int n)
{
	if (rt_m_goes_on(rt_tls_m))
		add(wg, n, __builtin_return_address(0));
	else
		add_later(wg, n, __builtin_return_address(0));
}

void gos_waitgroup_done(gos_waitgroup *wg)
{
	if (rt_m_goes_on(rt_tls_m))
		add(wg, -1, __builtin_return_address(0));
	else
		add_later(wg, -1, __builtin_return_address(0));
}

void gos_waitgroup_wait(gos_waitgroup *wg)
{
	rt_m_of_goroutine();
	for (;;) {
		uint64_t state = rt_load_seq_cst(&wg->state);
		if (state >> 32 == 0)
			return;
		if (rt_cas(&wg->state, state, state + 1)) {
			rt_sema_acquire(&wg->sema, false, GOS_REASON_WAITGROUP_WAIT, wg, __builtin_return_address(0));
			if (rt_load_relaxed(&wg->state) != 0)
				rt_panic_at(__builtin_return_address(0), "wait group reused before its last wait returned");
			return;
		}
	}
}
