/* SPDX-License-Identifier: MIT */
/*
 * stack.c - arenas of stacks, their guards, and the free lists of stacks of other sizes. Floor 1.
 *
 * Lock: `lock` (rank STACK), for all that is static here.
 */
#include "stack.h"

#include <errno.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

#include "lock.h"
#include "sanitizer.h"
#include "slab.h"
#include "state.h"
#include "throw.h"

#ifndef MADV_GUARD_INSTALL
#define MADV_GUARD_INSTALL 102
#endif

#ifndef PIDFD_SELF_THREAD
#define PIDFD_SELF_THREAD -10000 /* Linux 6.14: the caller, without a descriptor */
#endif

#define SLOT_SIZE (RT_GUARD_SIZE + RT_STACK_DEFAULT)
#define ARENA_SLOTS 1024
#define ARENA_SIZE (RT_GUARD_SIZE + (size_t)ARENA_SLOTS * SLOT_SIZE + RT_GUARD_SIZE)
#define COLOURS 32
#define CLASS_COUNT 40 /* log2 of the size */
#define VALGRIND_GUARDS 4096 /* it ends a program that has more than 30,000 mappings */
#define ASAN_GUARDS 1024     /* LeakSanitizer reads the list of mappings once for each that it looks into; poison guards the others */

static struct rt_lock lock;
static char *arena;             /* its first slot */
static uint32_t arena_used;     /* slots */
static bool arena_soft;         /* guards of the kind that gdb's gcore does not survive */
static uint64_t slots_made;
static bool no_soft_guards, no_hard_guards, no_vectors; /* the kernel refused one. Sync: atomic */

static uint64_t stacks_made, bytes_made; /* of all sizes. Sync: atomic */

struct free_stack {
	struct free_stack *next;
	char *low; /* with its guard */
};
static struct free_stack *free_stacks[CLASS_COUNT];

static void count_made(uint64_t n, size_t size)
{
	__atomic_add_fetch(&stacks_made, n, __ATOMIC_RELAXED);
	__atomic_add_fetch(&bytes_made, n * (RT_GUARD_SIZE + size), __ATOMIC_RELAXED);
}

void rt_stack_totals(uint64_t *stacks, uint64_t *bytes)
{
	*stacks = rt_load_relaxed(&stacks_made);
	*bytes = rt_load_relaxed(&bytes_made);
}

/* Inaccessible pages at both ends keep the kernel from merging an arena with its neighbours: gcore would drop them together. */
static void arena_new(bool soft)
{
	char *p = rt_map(ARENA_SIZE, "stacks");
	madvise(p, ARENA_SIZE, MADV_NOHUGEPAGE); /* or each first touch commits 2 MiB */
	if (mprotect(p, RT_GUARD_SIZE, PROT_NONE) != 0 || mprotect(p + ARENA_SIZE - RT_GUARD_SIZE, RT_GUARD_SIZE, PROT_NONE) != 0)
		rt_store_relaxed(&no_hard_guards, true); /* out of mappings; these were only to keep neighbours apart */
	arena = p + RT_GUARD_SIZE;
	arena_used = 0;
	arena_soft = soft;
}

/* Guards of the kind that costs no mapping, on n pages; how many it made. The kernel takes a vector of them at half the price. */
static uint32_t guard_soft(char **pages, uint32_t n)
{
#if defined(RT_ASAN) /* LeakSanitizer would read such a guard, and die; poison is one */
	for (uint32_t i = 0; i < n; i++)
		rt_sanitizer_close(pages[i], RT_GUARD_SIZE);
	return n;
#endif
	if (rt_load_relaxed(&no_soft_guards))
		return 0;
	struct iovec v[RT_STACK_BATCH];
	uint32_t done = 0;
	for (uint32_t i = 0; i < n; i++)
		v[i] = (struct iovec){pages[i], RT_GUARD_SIZE};
	if (n > 1 && !rt_load_relaxed(&no_vectors) && !RT_ON_VALGRIND) { /* which does not know this call */
		if (syscall(SYS_process_madvise, PIDFD_SELF_THREAD, v, (size_t)n, MADV_GUARD_INSTALL, 0u) == (long)n * RT_GUARD_SIZE)
			done = n;
		else
			rt_store_relaxed(&no_vectors, true);
	}
	while (done < n && madvise(pages[done], RT_GUARD_SIZE, MADV_GUARD_INSTALL) == 0)
		done++;
	if (done < n)
		rt_store_relaxed(&no_soft_guards, true); /* EINVAL: before Linux 6.13 */
	__atomic_add_fetch(&gos_runtime.soft_guards, done, __ATOMIC_RELAXED);
	return done;
}

static bool guard_hard(char *page)
{
	if (rt_load_relaxed(&no_hard_guards))
		return false;
	if (RT_ON_VALGRIND && rt_load_relaxed(&gos_runtime.hard_guards) >= VALGRIND_GUARDS)
		return false;
#if defined(RT_ASAN)
	if (rt_load_relaxed(&gos_runtime.hard_guards) >= ASAN_GUARDS)
		return guard_soft(&page, 1) == 1;
#endif
	if (mprotect(page, RT_GUARD_SIZE, PROT_NONE) != 0) {
		rt_store_relaxed(&no_hard_guards, true); /* ENOMEM: vm.max_map_count */
		return false;
	}
	__atomic_add_fetch(&gos_runtime.hard_guards, 1, __ATOMIC_RELAXED);
	return true;
}

static void set_stack(struct gos_g *gp, char *low, size_t size, uint32_t size_class, uint64_t colour)
{
	gp->stack_lo = (uint64_t)low;
	gp->stack_hi = (uint64_t)low + size - colour % COLOURS * RT_CACHE_LINE;
	gp->stack_class = size_class;
	if (size_class != 0)
		gp->flags |= RT_G_SIZED; /* bury finds out without looking for the class */
	gp->sched.sp = gp->stack_hi - 8;
}

void rt_stack_alloc_batch(struct gos_g **gps, uint32_t n)
{
	char *slot[RT_STACK_BATCH];
	bool is_soft[RT_STACK_BATCH];

	rt_lock(&lock, RT_RANK_STACK);
	for (uint32_t i = 0; i < n; i++) {
		bool soft = slots_made >= RT_HARD_GUARDS && !rt_load_relaxed(&no_soft_guards);
		if (arena == NULL || arena_used == ARENA_SLOTS || arena_soft != soft)
			arena_new(soft);
		slot[i] = arena + (size_t)arena_used++ * SLOT_SIZE;
		is_soft[i] = soft;
		/* An odd step through the colours, so that neighbours differ by more than a line. */
		set_stack(gps[i], slot[i] + RT_GUARD_SIZE, RT_STACK_DEFAULT, 0, slots_made++ * 11);
	}
	rt_unlock(&lock);
	count_made(n, RT_STACK_DEFAULT);
	for (uint32_t i = 0; i < n; i++)
		rt_sanitizer_stack(slot[i] + RT_GUARD_SIZE, slot[i] + SLOT_SIZE);

	/* The kinds change at most once within a batch: hard ones first. */
	uint32_t soft_from = 0;
	while (soft_from < n && !is_soft[soft_from])
		guard_hard(slot[soft_from++]);
	uint32_t done = soft_from + guard_soft(&slot[soft_from], n - soft_from);
	while (done < n)
		guard_hard(slot[done++]);
}

static uint32_t class_of(size_t size)
{
	uint32_t size_class = 0;
	while (((size_t)1 << size_class) < size)
		size_class++;
	return size_class;
}

void rt_stack_alloc(struct gos_g *gp, size_t size)
{
	if (size < RT_STACK_MIN)
		size = RT_STACK_MIN;
	if (size > RT_STACK_MAX)
		size = RT_STACK_MAX;
	uint32_t size_class = class_of(size);
	size = (size_t)1 << size_class;

	rt_lock(&lock, RT_RANK_STACK);
	struct free_stack *f = free_stacks[size_class];
	if (f != NULL)
		free_stacks[size_class] = f->next;
	rt_unlock(&lock);

	char *low = f != NULL ? f->low : rt_map(RT_GUARD_SIZE + size, "a stack");
	if (f == NULL) {
		count_made(1, size);
		rt_sanitizer_stack(low + RT_GUARD_SIZE, low + RT_GUARD_SIZE + size);
		madvise(low, RT_GUARD_SIZE + size, MADV_NOHUGEPAGE);
		if (!guard_hard(low))
			guard_soft(&low, 1);
	}
	set_stack(gp, low + RT_GUARD_SIZE, size, size_class, 0);
}

void rt_stack_free(struct gos_g *gp)
{
	if (gp->stack_class == 0)
		return;
	char *low = (char *)gp->stack_lo;
	size_t size = (size_t)1 << gp->stack_class;
	if (size > RT_STACK_DEFAULT)
		madvise(low, size - RT_GUARD_SIZE, MADV_DONTNEED); /* all but the page that the record below is in */
	struct free_stack *f = (struct free_stack *)(low + size - sizeof *f);
	rt_sanitizer_open(f, sizeof *f);
	f->low = low - RT_GUARD_SIZE;
	rt_lock(&lock, RT_RANK_STACK);
	f->next = free_stacks[gp->stack_class];
	free_stacks[gp->stack_class] = f;
	rt_unlock(&lock);
	gp->stack_lo = gp->stack_hi = 0;
	gp->stack_class = 0;
}

void rt_stack_discard(struct gos_g *gp)
{
	if (gp->stack_hi != 0 && gp->stack_class == 0)
		madvise((void *)gp->stack_lo, RT_STACK_DEFAULT, MADV_DONTNEED);
}
