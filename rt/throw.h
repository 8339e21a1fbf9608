/* SPDX-License-Identifier: MIT */
/*
 * throw.h - the ways to die. Floor 0: everyone may call these, from anywhere.
 *
 *  - rt_throw: the runtime is broken. Callable from signal handlers, foreign threads and with any lock held.
 *  - rt_panic_at: the program is wrong, and may recover. From a goroutine, holding no lock of the runtime. In panic.c.
 *  - rt_fatal_at: the program is wrong in a way that nothing can be built on.
 *  - rt_fatal_exhausted: the machine is too small.
 *
 * All of them print the goroutine's traceback (and the others', as GOSTRACEBACK says) and end the process with code 2, or with
 * SIGABRT under GOSTRACEBACK=crash. Only the first thread that dies prints; any other stops where it is.
 */
#ifndef RT_THROW_H
#define RT_THROW_H

#include <stdbool.h>

#ifndef GOS_CHECK
#define GOS_CHECK 1 /* 0: no checks; 1: cheap ones; 2: everything, for tests */
#endif

/* "gossamer: fatal error: MESSAGE". Constant text: details are to be printed before. */
_Noreturn void rt_throw(const char *message) __attribute__((cold));

/*
 * "panic: ..." for a mistake found in a public function. user_pc is __builtin_return_address(0) of that public function: the
 * traceback shows the frames from there outwards, and that function's own name above them. NULL: all frames that are not ours.
 */
_Noreturn void rt_panic_at(void *user_pc, const char *format, ...) __attribute__((cold, format(printf, 2, 3)));

/* The same text, for what nobody can recover from: deferred calls do not run. */
_Noreturn void rt_fatal_at(void *user_pc, const char *format, ...) __attribute__((cold, format(printf, 2, 3)));

/* "gossamer: fatal error: cannot allocate WHAT: strerror(error)"; error may be given as errno or as -errno. */
_Noreturn void rt_fatal_exhausted(const char *what, int error) __attribute__((cold));

/* The same for a thread without which no goroutine goes on, since those that exist are blocked. */
_Noreturn void rt_fatal_starved(int error) __attribute__((cold));

/* "gossamer: fatal error: thread exhaustion": `limit` threads exist and one more is needed. Holding no lock. */
_Noreturn void rt_fatal_threads(unsigned limit) __attribute__((cold));
/* For panic.c: the report of this process's death, by a goroutine or thread with these registers; and text for it, cut where there is no more room. */
struct rt_regs;
struct rt_report;
struct rt_report *rt_report_begin(const struct rt_regs *regs);
void rt_report_add(struct rt_report *report, const char *text);

/* "gossamer: fatal error: ThreadSanitizer follows at most LIMIT goroutines": one more was begun. Holding no lock. */
_Noreturn void rt_fatal_fibers(unsigned limit) __attribute__((cold));

/* Costs nothing at GOS_CHECK=0. The condition must have no effect of its own. */
#if GOS_CHECK >= 1
#define RT_THROW_TEXT_(x) #x
#define RT_THROW_TEXT(x) RT_THROW_TEXT_(x)
#define rt_assert(condition)                                                                                                      \
	(__builtin_expect(!(condition), 0) ? rt_throw(__FILE__ ":" RT_THROW_TEXT(__LINE__) ": " #condition " does not hold") : (void)0)
#else
#define rt_assert(condition) ((void)sizeof(!(condition)))
#endif

#endif
