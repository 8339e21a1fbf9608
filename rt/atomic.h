/* SPDX-License-Identifier: MIT */
/*
 * atomic.h - atomic operations named by their order, so that each use says what it relies on. Floor 0.
 *
 * Fields stay plain integers and pointers, which debuggers print as such. A comment at each use names the partner operation.
 */
#ifndef RT_ATOMIC_H
#define RT_ATOMIC_H

#include <stdbool.h>
#include <stdint.h>

#define rt_load_relaxed(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define rt_load_acquire(p) __atomic_load_n((p), __ATOMIC_ACQUIRE)
#define rt_load_seq_cst(p) __atomic_load_n((p), __ATOMIC_SEQ_CST)
#define rt_store_relaxed(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)
#define rt_store_release(p, v) __atomic_store_n((p), (v), __ATOMIC_RELEASE)
#define rt_exchange(p, v) __atomic_exchange_n((p), (v), __ATOMIC_SEQ_CST)
#define rt_add_fetch(p, v) __atomic_add_fetch((p), (v), __ATOMIC_SEQ_CST)

/*
 * Fences, where an algorithm orders what it stores before what it loads, or plain memory before a word that tells of it.
 *
 * ThreadSanitizer knows no fences: to its model nothing here may rely on one for an order of plain accesses, and nothing does (each pair of functions
 * has a release and an acquire of its own). There an operation on a word that nobody looks at is the fence: its runtime makes that a full barrier
 * of the processor. It is relaxed, and the thread's own: anything else would seem to order all threads, and hide the program's races.
 */
#if defined(RT_TSAN)
extern __thread uint32_t rt_fence_word; /* sanitizer.c */
#define rt_fence() ((void)__atomic_fetch_add(&rt_fence_word, 1, __ATOMIC_RELAXED))
#define rt_fence_acquire() rt_fence()
#define rt_fence_release() rt_fence()
#else
#define rt_fence() __atomic_thread_fence(__ATOMIC_SEQ_CST)
#define rt_fence_acquire() __atomic_thread_fence(__ATOMIC_ACQUIRE)
#define rt_fence_release() __atomic_thread_fence(__ATOMIC_RELEASE)
#endif

/* True when *p was `expected` and is now `desired`. */
#define rt_cas(p, expected, desired)                                                                                   \
	__extension__({                                                                                                \
		__typeof__(*(p)) rt_expected_ = (expected);                                                            \
		__atomic_compare_exchange_n((p), &rt_expected_, (desired), false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED); \
	})

#define rt_likely(x) __builtin_expect(!!(x), 1)
#define rt_unlikely(x) __builtin_expect(!!(x), 0)
#define RT_INLINE static inline __attribute__((always_inline))
#define RT_NOINLINE __attribute__((noinline))

/*
 * One more, in a counter that one thread at a time writes and any may read: no locked instruction. What was written before is seen by who sees the counter
 * so. On x86, where every store is a release, it is one instruction; of the C for it compilers make three and use up a register.
 */
RT_INLINE void rt_count(uint64_t *counter)
{
#if defined(__x86_64__) && !defined(RT_TSAN)
	__asm__ volatile("addq $1, %0" : "+m"(*counter) : : "memory", "cc");
#else
	rt_store_release(counter, rt_load_relaxed(counter) + 1);
#endif
}

/* So many more; n is a constant. */
RT_INLINE void rt_count_by(uint64_t *counter, uint64_t n)
{
#if defined(__x86_64__) && !defined(RT_TSAN)
	__asm__ volatile("addq %1, %0" : "+m"(*counter) : "er"(n) : "memory", "cc");
#else
	rt_store_release(counter, rt_load_relaxed(counter) + n);
#endif
}

/* Tells the processor that this is a spin loop. */
RT_INLINE void rt_pause(void)
{
#if defined(__x86_64__)
	__builtin_ia32_pause();
#else
	__asm__ volatile("" ::: "memory");
#endif
}

#endif
