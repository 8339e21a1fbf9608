/* SPDX-License-Identifier: MIT */
/*
 * deadlocks.h - what is told of goroutines that wait for each other: gos_deadlocks, GOSDEBUG=deadlock, the chains of the report of a dead program. Beside the floors.
 */
#ifndef RT_DEADLOCKS_H
#define RT_DEADLOCKS_H

#include <stdbool.h>
#include <stdint.h>

struct rt_printer;

/*
 * Finds cycles of owned locks, and locks whose owner has ended, among goroutines that have waited for min_ns; tells each where `tell`, and only once in the
 * life of the process where `once`. How many it found (of which it would tell), or -ENOMEM; -ECANCELED where the report was dropped meanwhile. On the dumper's thread, or whoever prints for himself.
 */
int64_t rt_deadlocks_look(struct rt_printer *p, int64_t min_ns, bool tell, bool once);

/* For a program in which nothing can ever run again: who waits for whom, until it comes back or ends elsewhere. */
void rt_deadlocks_put_chains(struct rt_printer *p);

#endif
