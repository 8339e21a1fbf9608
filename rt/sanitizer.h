/* SPDX-License-Identifier: MIT */
/*
 * sanitizer.h - telling AddressSanitizer and ThreadSanitizer about stacks and switches. Floor 1. Empty in other builds.
 *
 * Valgrind needs no build of its own: where its header was there at compile time, stacks are registered when they are made and the program
 * runs under it, and it takes a move from one of them to another for a switch, not for a frame of a gigabyte.
 *
 * Order at a switch: rt_sanitizer_leave on the old stack, the switch, rt_sanitizer_arrive on the new one.
 */
#ifndef RT_SANITIZER_H
#define RT_SANITIZER_H

#include "atomic.h"
#include "state.h"

#if defined(RT_ASAN)
#include <sanitizer/asan_interface.h>
#include <sanitizer/common_interface_defs.h>
#elif defined(RT_TSAN)
#include <sanitizer/tsan_interface.h>
#endif

#if __has_include(<valgrind/valgrind.h>)
#include <valgrind/valgrind.h>
#define RT_ON_VALGRIND rt_unlikely(RUNNING_ON_VALGRIND) /* a few instructions that do nothing elsewhere */
#else
#define RT_ON_VALGRIND 0
#endif

/* From low to high will be stacks' for ever. */
RT_INLINE void rt_sanitizer_stack(void *low, void *high)
{
	(void)low;
	(void)high;
#if defined(VALGRIND_STACK_REGISTER)
	if (RT_ON_VALGRIND)
		(void)VALGRIND_STACK_REGISTER(low, high);
#endif
}

/* gp's stack is about to be used by a new goroutine. */
RT_INLINE void rt_sanitizer_birth(struct gos_g *gp)
{
	(void)gp;
#if defined(RT_ASAN)
	/* The frames that the last goroutine left by rt_jump are poisoned still. */
	__asan_unpoison_memory_region((void *)gp->stack_lo, gp->stack_hi - gp->stack_lo);
	gp->sanitizer_stack = NULL;
#elif defined(RT_TSAN)
	gp->sanitizer_fiber = __tsan_create_fiber(0);
#endif
}

/* gp is dead and nobody is on its stack. */
RT_INLINE void rt_sanitizer_death(struct gos_g *gp)
{
	(void)gp;
#if defined(RT_TSAN)
	__tsan_destroy_fiber(gp->sanitizer_fiber);
#endif
}

/* `from`, or nobody when that is NULL because its goroutine has ended, gives way to `to`. */
RT_INLINE void rt_sanitizer_leave(struct gos_g *from, struct gos_g *to)
{
	(void)from;
	(void)to;
#if defined(RT_ASAN)
	__sanitizer_start_switch_fiber(from != NULL ? &from->sanitizer_stack : NULL, (void *)to->stack_lo, to->stack_hi - to->stack_lo);
#elif defined(RT_TSAN)
	/* A switch orders what the worker itself did before and after it. It also orders the two goroutines, so races between goroutines that
	 * happened to run on one worker go unseen. */
	__tsan_switch_to_fiber(to->sanitizer_fiber, 0);
#endif
}

/* gp, or g0, is on its stack again. */
RT_INLINE void rt_sanitizer_arrive(struct gos_g *gp)
{
	(void)gp;
#if defined(RT_ASAN)
	__sanitizer_finish_switch_fiber(gp->sanitizer_stack, NULL, NULL);
#endif
}

/* This thread's own stack becomes g0's. */
void rt_sanitizer_thread(struct gos_g *g0);

#endif
