/* SPDX-License-Identifier: MIT */
/*
 * sanitizer.h - telling AddressSanitizer, with LeakSanitizer in it, and ThreadSanitizer about stacks and switches. Floor 1. Empty in other builds.
 *
 * ThreadSanitizer takes each life of a goroutine for a thread ("fiber"). A switch orders what the worker did before it and after it, which is how the
 * runtime's own fields of an M and a P are seen to be ordered; so it orders the two goroutines as well, and a race between goroutines that happened
 * to run on one worker one after the other goes unseen.
 *
 * AddressSanitizer is told which stack a thread is on. A stack without a goroutine is poisoned, so that who still uses a dead goroutine's locals is reported.
 * LeakSanitizer looks for pointers in what rt_map gave: stacks, Gs, Ps, channels, timers' heaps. It passes over what is poisoned, hence
 * over what dead goroutines left on their stacks.
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
void __tsan_func_entry(void *pc); /* what compilers call; gcc believes that the next one takes an argument, too */
void __tsan_func_exit(void *);
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

/* size bytes at p are nobody's to use, or may be used. */
RT_INLINE void rt_sanitizer_close(void *p, size_t size)
{
	(void)p;
	(void)size;
#if defined(RT_ASAN)
	__asan_poison_memory_region(p, size);
#endif
}

RT_INLINE void rt_sanitizer_open(void *p, size_t size)
{
	(void)p;
	(void)size;
#if defined(RT_ASAN)
	__asan_unpoison_memory_region(p, size);
#endif
}

#if defined(RT_TSAN)
/* For one life of gp, whose goid is set; ends the program, and says why, where ThreadSanitizer would end it. Holding no lock. */
void *rt_sanitizer_fiber(const struct gos_g *gp);
void rt_sanitizer_fiber_end(void *fiber);
#endif

/*
 * ThreadSanitizer keeps a stack of its own of who called whom, from what compiled functions tell it: what assembly between them called it does not know. These
 * go around what is done for the user's code that returns to pc.
 */
RT_INLINE void rt_sanitizer_called_from(void *pc)
{
	(void)pc;
#if defined(RT_TSAN)
	__tsan_func_entry(pc);
#endif
}

RT_INLINE void rt_sanitizer_returns(void)
{
#if defined(RT_TSAN)
	__tsan_func_exit(NULL);
#endif
}

/* gp's stack is about to be used by a new goroutine. Holding no lock. */
RT_INLINE void rt_sanitizer_birth(struct gos_g *gp)
{
	rt_sanitizer_open((void *)gp->stack_lo, gp->stack_hi - gp->stack_lo);
#if defined(RT_ASAN)
	gp->sanitizer_stack = NULL;
#elif defined(RT_TSAN)
	gp->sanitizer_fiber = rt_sanitizer_fiber(gp);
#endif
}

/* gp is dead and nobody is on its stack. */
RT_INLINE void rt_sanitizer_death(struct gos_g *gp)
{
	rt_sanitizer_close((void *)gp->stack_lo, gp->stack_hi - gp->stack_lo);
#if defined(RT_TSAN)
	rt_sanitizer_fiber_end(gp->sanitizer_fiber);
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
