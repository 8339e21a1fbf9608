/* SPDX-License-Identifier: MIT */
/*
 * sanitizer.c - what the sanitizers must know of a worker's own stack. Floor 1.
 */
#include "sanitizer.h"

#include <pthread.h>

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
