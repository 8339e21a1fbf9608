/* SPDX-License-Identifier: MIT */
/*
 * sema.h - sleep on a word: the semaphores under mutexes, wait groups and gos_sema. Floor 6. After Go's sema.go.
 *
 * A semaphore is a uint32_t count that the user embeds; who must wait is found by its address in a table of treaps.
 */
#ifndef RT_SEMA_H
#define RT_SEMA_H

#include "state.h"

#define RT_SEMA_ROOTS 251 /* prime, as Go's, to spread addresses that have powers of two in common */
#define RT_SEMA_SHIFT 3

/* Those who wait on words w for which (w >> RT_SEMA_SHIFT) % RT_SEMA_ROOTS is the same: sema.c. Observers read it as it changes. */
struct rt_sema_root {
	struct rt_lock lock;
	uint32_t waiters; /* Sync: atomic; read without the lock */
	struct gos_sudog *treap;
} __attribute__((aligned(RT_CACHE_LINE)));
extern struct rt_sema_root rt_sema_roots[RT_SEMA_ROOTS];

/*
 * Waits until *addr > 0 and takes one off. `front`: before all who wait already. reason, object and pc are what an observer sees.
 * The caller's function is between the user's frame and this one.
 */
void rt_sema_acquire(uint32_t *addr, bool front, enum gos_reason reason, void *object, void *pc);

/* Takes one off when *addr > 0. Any thread. */
bool rt_sema_try_acquire(uint32_t *addr);

/* Adds one to *addr and wakes a waiter, if there is one; `handoff`: gives him the unit, and the processor, at once. pc is where the user's
 * code stands meanwhile. */
void rt_sema_release(uint32_t *addr, bool handoff, void *pc);

#endif
