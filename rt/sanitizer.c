/* SPDX-License-Identifier: MIT */
/*
 * sanitizer.c - what the sanitizers must know of a worker's own stack. Floor 1.
 */
#include "sanitizer.h"

#include <pthread.h>
#include <stdio.h>

#include "throw.h"

#if defined(RT_TSAN)

/* 8,128 threads and fibers may exist in its eyes; it gives the number of one that has ended to another only when 64 more have. */
#define FIBERS_MAX (8128 - 64 - 64)

__thread uint32_t rt_fence_word __attribute__((tls_model("initial-exec")));

static uint32_t fibers; /* Sync: atomic, relaxed: no order is to come of it */

void *rt_sanitizer_fiber(const struct gos_g *gp)
{
	uint32_t limit = FIBERS_MAX - rt_load_relaxed(&gos_runtime.mcount);
	if (__atomic_add_fetch(&fibers, 1, __ATOMIC_RELAXED) > limit)
		rt_fatal_fibers(limit);
	void *fiber = __tsan_create_fiber(0);
	char name[32];
	snprintf(name, sizeof name, "goroutine %llu", (unsigned long long)gp->goid);
	__tsan_set_fiber_name(fiber, name);
	return fiber;
}

void rt_sanitizer_fiber_end(void *fiber)
{
	__tsan_destroy_fiber(fiber);
	__atomic_sub_fetch(&fibers, 1, __ATOMIC_RELAXED);
}

#endif

void rt_sanitizer_thread(struct gos_g *g0)
{
	(void)g0;
#if defined(RT_ASAN)
	pthread_attr_t attr;
	void *low;
	size_t size;
	if (pthread_getattr_np(pthread_self(), &attr) == 0) {
		pthread_attr_getstack(&attr, &low, &size);
		pthread_attr_destroy(&attr);
		g0->stack_lo = (uint64_t)low;
		g0->stack_hi = (uint64_t)low + size;
	}
#elif defined(RT_TSAN)
	g0->sanitizer_fiber = __tsan_get_current_fiber();
#endif
}
