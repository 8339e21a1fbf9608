/* SPDX-License-Identifier: MIT */
/*
 * stack.h - goroutines' stacks. Floor 1.
 *
 * A stack of the default class is a slot of an arena: a guard page, then 64 KiB. Slots are 68 KiB apart, not a power of two,
 * so that the tops of a thousand stacks do not share a few sets of the TLB; for the caches each top is moved down by up to 2 KiB ("colour").
 * Pages are committed by touching: a parked goroutine takes one page.
 *
 * Guards. The first RT_HARD_GUARDS stacks have an inaccessible page (mprotect), which costs two kernel mappings each; a process
 * may have 65,530. Later ones have a guard that costs no mapping (MADV_GUARD_INSTALL, Linux 6.13). They live in arenas of their own, because gdb 13's gcore
 * drops a whole mapping at its first such page. Where the kernel has no such guards, mprotect is used until it fails; what comes after
 * that has no guard.
 */
#ifndef RT_STACK_H
#define RT_STACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gos_g;

#define RT_STACK_DEFAULT (64 * 1024) /* bytes a goroutine may use */
#define RT_STACK_MIN (16 * 1024)
#define RT_STACK_MAX (1024 * 1024 * 1024)
#define RT_GUARD_SIZE 4096
#define RT_HARD_GUARDS 16384 /* half of what vm.max_map_count allows, less some for the program */

#define RT_STACK_BATCH 32    /* most that rt_stack_alloc_batch makes: one system call for their guards */

/* Gives each of the n Gs a stack of the default class. Any M, holding no lock. */
void rt_stack_alloc_batch(struct gos_g **gps, uint32_t n);

/* Gives gp a stack of another size, rounded up to a power of two, which is its class. Any M, holding no lock. */
void rt_stack_alloc(struct gos_g *gp, size_t size);

/* Takes back a stack that is not of the default class. (Dead Gs keep a default one.) Nobody is on it. */
void rt_stack_free(struct gos_g *gp);

/* How many stacks were ever made, for none is unmapped, and their size with guards. Any thread. */
void rt_stack_totals(uint64_t *stacks, uint64_t *bytes);

/* Gives the pages of a dead G's stack back to the system; the next use commits new ones. */
void rt_stack_discard(struct gos_g *gp);

#endif
