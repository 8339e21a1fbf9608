/* SPDX-License-Identifier: MIT */
/*
 * lock.c - waiting for a runtime lock, and checking the order of locks. Floor 0.
 */
#include "lock.h"

#include <sched.h>
#include <time.h>

#include "throw.h"

#define LOCK_SPINS 64       /* pauses, about 2 us: longer than any section of ours runs */
#define LOCK_YIELDS 16      /* then the holder has lost its CPU: let it have this one */
#define LOCK_SLEEP_NS 20000 /* then it waits behind others; do not keep them from it */

RT_NOINLINE void rt_lock_slow(struct rt_lock *l)
{
	for (unsigned round = 0;; round++) {
		if (rt_load_relaxed(&l->held) == 0) {
			uint32_t expected = 0;
			if (__atomic_compare_exchange_n(&l->held, &expected, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED))
				return;
		}
		if (round < LOCK_SPINS)
			rt_pause();
		else if (round < LOCK_SPINS + LOCK_YIELDS)
			sched_yield();
		else
			nanosleep(&(struct timespec){.tv_nsec = LOCK_SLEEP_NS}, NULL);
	}
}

#if GOS_CHECK >= 2

#define HELD_MAX 64

/* Of this thread. A lock that a switch releases is released by the M that took it, so a thread's list stays right. */
static __thread struct {
	struct rt_lock *lock;
	enum rt_rank rank;
} held[HELD_MAX] __attribute__((tls_model("initial-exec")));
static __thread int held_count __attribute__((tls_model("initial-exec")));

static const bool rank_nests[] = {
#define ONE false
#define MANY true
#define GOS_RANK(symbol, many, what) many,
#include "lockrank.def"
#undef ONE
#undef MANY
};

void rt_lock_check_take(struct rt_lock *l, enum rt_rank rank)
{
	for (int i = 0; i < held_count; i++) {
		if (held[i].lock == l)
			rt_throw("a runtime lock is taken twice by one thread");
		if (held[i].rank > rank || (held[i].rank == rank && (!rank_nests[rank] || held[i].lock > l)))
			rt_throw("runtime locks are taken in the wrong order: lockrank.def");
	}
	if (held_count == HELD_MAX) /* a select over many channels: the first ones are checked */
		return;
	held[held_count].lock = l;
	held[held_count++].rank = rank;
}

void rt_lock_check_none(void)
{
	if (held_count != 0)
		rt_throw("a call that may wait or block was made while holding a runtime lock");
}

void rt_lock_check_release(struct rt_lock *l)
{
	for (int i = held_count - 1; i >= 0; i--) {
		if (held[i].lock == l) {
			held[i] = held[--held_count];
			return;
		}
	}
}

#endif
