/* SPDX-License-Identifier: MIT */
/*
 * lock.h - the runtime's own lock: one word, free when zero. Floor 0.
 *
 * Taking it is one compare-and-swap, releasing it a plain store (a locked instruction less than a futex lock needs; 5 ns each).
 * The price is that a waiter cannot be woken: it spins, then yields the processor, then sleeps for tens of microseconds. So the lock
 * suits sections of a few dozen instructions that never wait, which is what all of ours are. lockrank.def has their order.
 */
#ifndef RT_LOCK_H
#define RT_LOCK_H

#include <stdint.h>

#include "atomic.h"

#ifndef GOS_CHECK
#define GOS_CHECK 1
#endif

enum rt_rank {
#define GOS_RANK(symbol, many, what) RT_RANK_##symbol,
#include "lockrank.def"
	RT_RANK_COUNT
};

struct rt_lock {
	uint32_t held;
};

void rt_lock_slow(struct rt_lock *l);

#if GOS_CHECK >= 2
void rt_lock_check_take(struct rt_lock *l, enum rt_rank rank);
void rt_lock_check_release(struct rt_lock *l);
void rt_lock_check_none(void); /* this thread holds no lock of the runtime, or the program ends */
#else
#define rt_lock_check_take(l, rank) ((void)(rank))
#define rt_lock_check_release(l) ((void)0)
#define rt_lock_check_none() ((void)0)
#endif

/* Any thread. Do not park or call malloc while holding it; system calls only where the lock is a leaf and the call rare. */
RT_INLINE void rt_lock(struct rt_lock *l, enum rt_rank rank)
{
	rt_lock_check_take(l, rank);
	uint32_t expected = 0;
	if (rt_unlikely(!__atomic_compare_exchange_n(&l->held, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)))
		rt_lock_slow(l);
}

/* By whoever holds it; after a switch that may be another goroutine on the same M. */
RT_INLINE void rt_unlock(struct rt_lock *l)
{
	rt_lock_check_release(l);
	rt_store_release(&l->held, 0);
}

#endif
