/* SPDX-License-Identifier: MIT */
/*
 * once.c - call a function once. Floor 6. After Go's sync.Once.
 *
 * `done` is set when the function has ended, not when it begins, so that whoever finds it set finds what the function did. Who calls it holds `mutex`
 * meanwhile; its owner is who the others wait for. done is written under the mutex.
 */
#include "mutex.h"

/* Deferred: fn may panic, and has been called all the same. */
static void finish(gos_once *once, void *pc)
{
	rt_store_release(&once->done, 1u); /* pairs with gos_once_do */
	rt_mutex_unlock(&once->mutex, pc);
}

static RT_NOINLINE void do_slow(gos_once *once, void (*fn)(void *arg), void *arg, void *pc)
{
	gos_defer_frame();
	/* Only this goroutine can have written its own id there. In Go it waits for itself for ever. */
	if (rt_load_relaxed(&once->mutex.owner) == rt_m_of_goroutine()->curg->goid)
		rt_panic_at(pc, "gos_once_do called by the function that it calls");
	rt_mutex_lock(&once->mutex, GOS_REASON_ONCE_DO, once, pc);
	if (once->done) {
		rt_mutex_unlock(&once->mutex, pc);
		return;
	}
	gos_defer(finish, once, pc);
	fn(arg);
}

void gos_once_do(gos_once *once, void (*fn)(void *arg), void *arg)
{
	rt_m_of_goroutine();
	if (rt_unlikely(rt_load_acquire(&once->done) == 0))
		do_slow(once, fn, arg, __builtin_return_address(0));
}
