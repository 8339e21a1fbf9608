/* SPDX-License-Identifier: MIT */
/*
 * gossamer.h - goroutines for C that you can see through. The only header a program includes.
 *
 * Conventions. Time is int64_t nanoseconds. What a program does wrong (unlocking an unlocked mutex, sending on a closed
 * channel) panics: a message, the goroutine's traceback, exit code 2. What the world does wrong is returned as -errno. Running
 * out of memory ends the program with a report. Objects held by pointer are opaque; objects embedded in yours are valid when
 * zeroed. Except where it says otherwise, a function must be called from a goroutine, that is, from below gos_run, and pointers to objects must not be NULL. A signal
 * handler is no goroutine, and a child of fork has none: that may call exec, _exit, and what any thread may call. A goroutine must not end its thread (pthread_exit).
 * What the reports of misuse mean: gossamer(7).
 *
 * A goroutine may continue on another thread after any call that blocks: do not keep addresses of thread-local variables
 * (errno is one) across such a call. C++ exceptions are the goroutine's own and may be in flight across it. Each declaration's comment ends with what blocks, what panics and who owns what.
 */
#ifndef GOSSAMER_H
#define GOSSAMER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

#define GOS_VERSION_MAJOR 0
#define GOS_VERSION_MINOR 1
#define GOS_VERSION_PATCH 0

#if defined(__GNUC__)
#define GOS_API __attribute__((visibility("default")))
#ifdef __cplusplus
#define GOS_NORETURN __attribute__((noreturn))
#else
#define GOS_NORETURN _Noreturn /* which clang does not make a part of the type: go() and gos_defer() would not return */
#endif
#define GOS_PRINTF(text_, first_) __attribute__((format(printf, text_, first_)))
#else
#error "gossamer.h needs gcc or clang"
#endif

#define GOS_US INT64_C(1000)
#define GOS_MS INT64_C(1000000)
#define GOS_S INT64_C(1000000000)

/* ---- run ------------------------------------------------------------------------------------------------------------ */

/*
 * Starts the runtime, runs app(argc, argv) as goroutine 1 and returns its value once it returns. Goroutines that still live
 * are dropped then, as in Go: each stops when it next waits, at the latest. May be called once in a process, by any thread;
 * that thread waits meanwhile. GOSMAXPROCS in the environment bounds how many goroutines run at once (default: the CPUs).
 *
 * Blocks: the calling thread, until app returns.  Panics: no; a second call ends the program.  Owns: nothing.
 */
GOS_API int gos_run(int (*app)(int argc, char **argv), int argc, char **argv);

/* ---- go ------------------------------------------------------------------------------------------------------------- */

struct gos_go_options {
	size_t stack_size; /* bytes the new goroutine may use; 0: the default, 64 KiB. At most 1 GiB */
	const char *name;  /* copied, the first 31 bytes; NULL: none. The creator's name is not inherited */
};

/*
 * uint64_t go(fn, ...);   uint64_t gos_go(fn, ...);
 * uint64_t gos_go_with(const struct gos_go_options *options, fn, ...);
 *
 * Starts fn(...) as a new goroutine and returns its goid, which is never 0 and never used again. fn takes at most six
 * arguments, integers, pointers or floating-point numbers, which are converted to its prototype's types and checked against
 * them at compile time; they are evaluated before go returns. fn's own value, if it has one, is dropped; it must not return a
 * structure of more than 16 bytes. Define GOS_NO_SHORT_NAMES before including this header to leave `go` itself out. These are macros: put a
 * compound literal that has commas in parentheses, as in gos_go_with((&(struct gos_go_options){.name = "n", .stack_size = s}), fn). In C++ (17 or
 * later) fn may be a lambda that captures nothing.
 *
 * Blocks: no.  Panics: when fn is NULL.  Owns: nothing; pointers among the arguments must live as long as fn uses them.
 */

/* Lets other goroutines run; the caller goes to the back of its line. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void gos_yield(void);

/* Ends the calling goroutine. From goroutine 1 this does not end the program: the others go on.
 * Blocks: does not return.  Panics: no.  Owns: nothing. */
GOS_API GOS_NORETURN void gos_goexit(void);

/* The calling goroutine's id, 0 when no goroutine runs on this thread. Any thread may call. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API uint64_t gos_goid(void);

/* How many goroutines exist that have not ended. Any thread may call. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API size_t gos_num_goroutines(void);

/*
 * Sets how many goroutines may run at once when n > 0 (at most 1024; more is cut to that), and returns what it was before.
 * A lower number takes hold as each goroutine above it next calls something of this header, or stops. With a seed in GOSDEBUG it stays 1.
 *
 * Blocks: no.  Panics: no.  Owns: nothing.
 */
GOS_API int gos_procs(int n);

/*
 * Lets others run if this goroutine has had its 10 ms, else returns at once: for loops that call nothing of this header. Code compiled
 * with -fsanitize-coverage=trace-pc (the CMake target Gossamer::preempt, pkg-config's variable preempt_cflags) has such a point at
 * the entry of each function and in each loop.
 *
 * Any thread may call. Blocks: no.  Panics: no.  Owns: nothing.
 */
GOS_API void gos_checkpoint(void);

/* Before a function that must not be preempted: one that is called while a lock of libc is held, or in a signal handler. */
#if defined(__clang__)
#define GOS_NO_PREEMPT __attribute__((no_sanitize("coverage")))
#elif defined(__has_attribute)
#if __has_attribute(no_sanitize_coverage)
#define GOS_NO_PREEMPT __attribute__((no_sanitize_coverage))
#endif
#endif
#ifndef GOS_NO_PREEMPT
#define GOS_NO_PREEMPT
#endif

/*
 * Ties the calling goroutine to the thread that it is on: it runs on no other, and the thread runs nothing else, until gos_unlock_thread has been
 * called as often. For libraries that keep their state in thread-local variables. A goroutine that ends locked releases the thread to others.
 *
 * Blocks: no.  Panics: gos_unlock_thread, when the goroutine is not locked.  Owns: nothing.
 */
GOS_API void gos_lock_thread(void);
GOS_API void gos_unlock_thread(void);

/* Names the calling goroutine for debuggers and dumps: the first 31 bytes of what printf would print.
 * Blocks: no.  Panics: no.  Owns: nothing; the text is copied. */
GOS_API void gos_set_name(const char *format, ...) GOS_PRINTF(1, 2);

/*
 * Labels say what a goroutine works for: a request, a tenant. Debuggers and dumps show them; goroutines that it starts from then on begin with the same, and
 * keep them when it changes its own. A goroutine has at most 16; a key has 1 to 63 bytes, none of them '=', a value 0 to 255.
 *
 * gos_set_label gives the label `key` of the calling goroutine a value, or removes it where value is NULL. 0; -EINVAL for a key that cannot be; -E2BIG when one of
 * the two is too long; -ENOSPC for a 17th label. After an error the labels are what they were.
 * Blocks: no.  Panics: no.  Owns: nothing; both are copied.
 */
GOS_API int gos_set_label(const char *key, const char *value);

/* The value of a label of the calling goroutine, NULL where it has none of that key: to be handed on to another process, say. It lives until the goroutine changes its
 * labels or ends. Any thread may call. Blocks: no.  Panics: no.  Owns: the runtime does. */
GOS_API const char *gos_label(const char *key);

/* fn(arg), during which the calling goroutine has this label too. Then it has the labels of before again, whatever fn did to them, also when fn panics or ends the
 * goroutine, whose deferred calls see them, and when fn is left by a C++ exception; but a longjmp
 * out of fn leaves the label where it is. fn is called in any case; what gos_set_label would return.
 * Blocks: no, but for fn.  Panics: when fn is NULL.  Owns: nothing. */
GOS_API int gos_with_label(const char *key, const char *value, void (*fn)(void *arg), void *arg);

/* ---- calls that block the thread ------------------------------------------------------------------------------------ */

/*
 * Between the two the calling goroutine may block its thread (a read of a pipe, a lock of another library, a computation in foreign code): other
 * goroutines go on on other threads. They nest. In between call nothing of this header that needs a goroutine; gos_now, gos_goid,
 * gos_num_goroutines, gos_stats, gos_stack_dump, gos_dump and gos_deadlocks are allowed. The goroutine stays on its thread, so errno survives until gos_blocking_end.
 *
 * Blocks: gos_blocking_end, the goroutine, until it may run again.  Panics: gos_blocking_end without a beginning.  Owns: nothing.
 */
GOS_API void gos_blocking_begin(void);
GOS_API void gos_blocking_end(void);

/* fn(arg) between the two; its value. Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API void *gos_blocking(void *(*fn)(void *arg), void *arg);

/* Sets how many threads may exist at once for goroutines, those that block included, when n > 0, and returns what it was before (10,000 at first). A
 * program that needs more ends with a report. Any thread may call. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API int gos_set_max_threads(int n);

/* ---- channels ------------------------------------------------------------------------------------------------------- */

typedef struct gos_chan gos_chan;

/*
 * gos_chan *gos_chan_make(T, size_t capacity);
 *
 * Makes a channel of elements of type T that holds up to `capacity` of them; 0 makes each send wait for its receiver. The
 * name of the type and the place of the call are kept for debuggers.
 *
 * Blocks: no.  Panics: when capacity * sizeof(T) is over 2^48 bytes.  Owns: the caller, until gos_chan_free.
 */
#define gos_chan_make(T, capacity) gos_chan_make_at(sizeof(T), (capacity), #T, __FILE__, __LINE__)
GOS_API gos_chan *gos_chan_make_at(size_t elem_size, size_t capacity, const char *elem_type, const char *file, int line);

/* Sends a copy of *elem; waits until a receiver or the buffer takes it. On a NULL channel: forever.
 * Blocks: the goroutine.  Panics: when the channel is, or gets, closed.  Owns: nothing. */
GOS_API void gos_chan_send(gos_chan *c, const void *elem);

/* Receives into *elem (NULL: drops the value) and returns true; when the channel is closed and drained, zeroes *elem and
 * returns false. On a NULL channel: forever. Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API bool gos_chan_recv(gos_chan *c, void *elem);

/* Like gos_chan_send, but returns false where that would wait. Blocks: no.  Panics: when the channel is closed.  Owns: nothing. */
GOS_API bool gos_chan_try_send(gos_chan *c, const void *elem);

/* Like gos_chan_recv, but returns false where that would wait. Otherwise true, and *open (may be NULL) tells a value from a
 * closed and drained channel, for which *elem is zeroed. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API bool gos_chan_try_recv(gos_chan *c, void *elem, bool *open);

/* No more can be sent; waiting receivers get zeroes, waiting senders panic. Blocks: no.  Panics: when c is NULL or closed.  Owns: nothing. */
GOS_API void gos_chan_close(gos_chan *c);

/* Gives the channel's memory back; NULL is allowed. Blocks: no.  Panics: when somebody waits on it.  Owns: takes c. */
GOS_API void gos_chan_free(gos_chan *c);

/* How many elements are buffered, and how many may be; 0 for NULL. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API size_t gos_chan_len(const gos_chan *c);
GOS_API size_t gos_chan_cap(const gos_chan *c);

/* ---- select --------------------------------------------------------------------------------------------------------- */

#define GOS_DIR_SEND 1
#define GOS_DIR_RECV 2

struct gos_case {
	gos_chan *chan; /* NULL: never ready */
	void *elem;     /* the value to send, or where to put the one received (NULL: drop it) */
	int dir;
	bool ok; /* after a receive: false when the channel was closed and drained */
};

#define GOS_SEND(c, value) {(c), (void *)(value), GOS_DIR_SEND, false}
#define GOS_RECV(c, where) {(c), (void *)(where), GOS_DIR_RECV, false}

/* Waits until one of the n cases can go ahead, does it, and returns its index; when several can, any of them, each as likely.
 * With n == 0: forever. n is at most 65,535. Blocks: the goroutine.  Panics: when a send's channel is closed.  Owns: nothing. */
GOS_API int gos_select(struct gos_case *cases, int n);

/* The same, but returns -1 where that would wait: Go's select with a default. Blocks: no.  Panics: as gos_select.  Owns: nothing. */
GOS_API int gos_select_try(struct gos_case *cases, int n);

/* ---- time ----------------------------------------------------------------------------------------------------------- */

/* Nanoseconds of CLOCK_MONOTONIC; with a seed in GOSDEBUG, of a clock of the program's own (gossamer(7)). Any thread may call. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API int64_t gos_now(void);

/* Waits at least ns nanoseconds; returns at once when ns <= 0. Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API void gos_sleep(int64_t ns);

/*
 * gos_chan *gos_after(int64_t ns);
 *
 * A channel of int64_t, capacity 1, on which gos_now() is sent once, ns nanoseconds from now. It is not for closing.
 * Blocks: no.  Panics: no.  Owns: the caller, until gos_chan_free, which may come before the time and then stops the timer.
 */
#define gos_after(ns) gos_after_at((ns), __FILE__, __LINE__)
GOS_API gos_chan *gos_after_at(int64_t ns, const char *file, int line);

/*
 * A timer runs fn(arg) in a goroutine of its own once, ns nanoseconds from now; or, where fn is NULL, sends gos_now() on its channel (of int64_t,
 * capacity 1, gos_timer_chan). After stop or reset have returned, nothing of the time before is sent or received any more. Any number of goroutines
 * may use a timer or a ticker at once; to use one that was freed panics, unless its memory is another's by then.
 */
typedef struct gos_timer gos_timer;
/*
 * gos_timer *gos_timer_start(int64_t ns, void (*fn)(void *arg), void *arg);
 *
 * Blocks: no.  Panics: no.  Owns: the caller, until gos_timer_free.
 */
#define gos_timer_start(ns, fn, arg) gos_timer_start_at((ns), (fn), (arg), __FILE__, __LINE__)
GOS_API gos_timer *gos_timer_start_at(int64_t ns, void (*fn)(void *arg), void *arg, const char *file, int line);
/* The channel of a timer without a function, not for closing or freeing; NULL else. Blocks: no.  Panics: no.  Owns: the timer does. */
GOS_API gos_chan *gos_timer_chan(gos_timer *t);
/* True when this kept the timer from firing, or took its value back before it was received; false when it had fired, or been stopped, before. Does not
 * wait for fn to end. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API bool gos_timer_stop(gos_timer *t);
/* As if stopped and started anew; true where stop would have been. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API bool gos_timer_reset(gos_timer *t, int64_t ns);
/* Stops it and gives its memory, and its channel, back; NULL is allowed. Blocks: no.  Panics: when somebody waits on its channel.  Owns: takes t. */
GOS_API void gos_timer_free(gos_timer *t);

/* A ticker sends gos_now() on its channel (of int64_t, capacity 1) every period_ns; ticks that nobody takes in time are dropped. */
typedef struct gos_ticker gos_ticker;
/*
 * gos_ticker *gos_ticker_start(int64_t period_ns);
 *
 * Blocks: no.  Panics: when period_ns <= 0.  Owns: the caller, until gos_ticker_free.
 */
#define gos_ticker_start(period_ns) gos_ticker_start_at((period_ns), __FILE__, __LINE__)
GOS_API gos_ticker *gos_ticker_start_at(int64_t period_ns, const char *file, int line);
/* Its channel, not for closing or freeing. Blocks: no.  Panics: no.  Owns: the ticker does. */
GOS_API gos_chan *gos_ticker_chan(gos_ticker *t);
/* No more ticks, not even one that was sent and not received; the channel is not closed. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void gos_ticker_stop(gos_ticker *t);
/* The next tick comes period_ns from now, stopped or not. Blocks: no.  Panics: when period_ns <= 0.  Owns: nothing. */
GOS_API void gos_ticker_reset(gos_ticker *t, int64_t period_ns);
/* Stops it and gives its memory, and its channel, back; NULL is allowed. Blocks: no.  Panics: when somebody waits on its channel.  Owns: takes t. */
GOS_API void gos_ticker_free(gos_ticker *t);

/* ---- context -------------------------------------------------------------------------------------------------------- */

/*
 * A context tells a tree of goroutines to stop: when it is cancelled, or its time has come, so are all that were made from it. A parent
 * must be a context; gos_context_background() is the root, which never ends. Each context but that is freed once, by who made it, in any order: what is
 * made from it lives on, though it has ended. Contexts may be used by many goroutines at once; to use one that was freed panics, unless its memory is
 * another's by then.
 *
 * gos_context *gos_context_with_cancel(gos_context *parent);
 * gos_context *gos_context_with_timeout(gos_context *parent, int64_t ns);
 * gos_context *gos_context_with_deadline(gos_context *parent, int64_t at_ns);      at_ns is on the clock of gos_now. A parent's earlier deadline stays.
 * gos_context *gos_context_with_value(gos_context *parent, const void *key, void *value);
 *                          key is compared as a pointer: make it the address of a static variable. value belongs to the caller.
 *
 * The place of the call is kept for debuggers. A time that has passed makes a context that has ended.
 *
 * Blocks: no.  Panics: when parent is NULL or freed, or key NULL.  Owns: the caller gets the context, until gos_context_free.
 */
typedef struct gos_context gos_context;
GOS_API gos_context *gos_context_background(void);
#define gos_context_with_cancel(parent) gos_context_with_cancel_at((parent), __FILE__, __LINE__)
#define gos_context_with_timeout(parent, ns) gos_context_with_timeout_at((parent), (ns), __FILE__, __LINE__)
#define gos_context_with_deadline(parent, at_ns) gos_context_with_deadline_at((parent), (at_ns), __FILE__, __LINE__)
#define gos_context_with_value(parent, key, value) gos_context_with_value_at((parent), (key), (value), __FILE__, __LINE__)
GOS_API gos_context *gos_context_with_cancel_at(gos_context *parent, const char *file, int line);
GOS_API gos_context *gos_context_with_timeout_at(gos_context *parent, int64_t ns, const char *file, int line);
GOS_API gos_context *gos_context_with_deadline_at(gos_context *parent, int64_t at_ns, const char *file, int line);
GOS_API gos_context *gos_context_with_value_at(gos_context *parent, const void *key, void *value, const char *file, int line);
/* Ends ctx and all that were made from it, before it returns. Again, or for the background: nothing happens. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void gos_context_cancel(gos_context *ctx);
/* A channel that is closed when ctx ends; NULL, on which receives wait for ever, for one that never does. Do not close or free it; it lives as long as ctx.
 * Blocks: no.  Panics: no.  Owns: the context does. */
GOS_API gos_chan *gos_context_done(gos_context *ctx);
/* 0 while it has not ended; -ECANCELED; -ETIMEDOUT. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API int gos_context_err(gos_context *ctx);
/* False when there is no deadline. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API bool gos_context_deadline(gos_context *ctx, int64_t *at_ns);
/* Of the nearest context with that key, upwards; NULL. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void *gos_context_value(gos_context *ctx, const void *key);
/* Cancels ctx and gives it back; NULL and the background are allowed. Where others wait on its channel cancel it first, and free it when they are done with
 * it. Blocks: no.  Panics: when somebody waits on its channel.  Owns: takes ctx. */
GOS_API void gos_context_free(gos_context *ctx);

/* ---- locks ---------------------------------------------------------------------------------------------------------- */

/* Who did something last, for debuggers: the goid, where the call stands (the address it returns to), and CLOCK_MONOTONIC as of within some milliseconds; at is 0
 * while nobody has done it. Others may write it while you look. */
struct gos_mark {
	uint64_t goid;
	void *pc;
	int64_t at;
};

/* A mutual exclusion lock, unlocked when zeroed. `owner` is the goid of who holds it, 0 when nobody does; while somebody does, pc and since are where and when
 * he locked it, as in struct gos_mark. For debuggers. */
typedef struct gos_mutex {
	uint32_t state;
	uint32_t sema;
	uint64_t owner;
	void *pc;
	int64_t since;
} gos_mutex;

/* Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API void gos_mutex_lock(gos_mutex *m);
/* True when it took the lock. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API bool gos_mutex_try_lock(gos_mutex *m);
/* Any goroutine may unlock, as in Go; it touches the mutex until it returns, so memory is not to be given back by who has locked it in between. Blocks: no.  Panics: when it is not locked.  Owns: nothing. */
GOS_API void gos_mutex_unlock(gos_mutex *m);

/* Waits for a number of goroutines to be done; zero when zeroed. */
typedef struct gos_waitgroup {
	uint64_t state;
	uint32_t sema;
	uint32_t pad;
	struct gos_mark last; /* who changed the count */
} gos_waitgroup;

/* Blocks: no.  Panics: when the count gets negative, or is raised from zero while somebody waits.  Owns: nothing. */
GOS_API void gos_waitgroup_add(gos_waitgroup *wg, int n);
GOS_API void gos_waitgroup_done(gos_waitgroup *wg);
/* Waits until the count is zero. Blocks: the goroutine.  Panics: when wg is used again too early.  Owns: nothing. */
GOS_API void gos_waitgroup_wait(gos_waitgroup *wg);

/* A counting semaphore of n units: gos_sema s = GOS_SEMA(n); zero units when zeroed. */
typedef struct gos_sema {
	uint32_t units;
	uint32_t pad;
	struct gos_mark acquired, released; /* by whom last */
} gos_sema;
#define GOS_SEMA(n) {(n), 0, {0, NULL, 0}, {0, NULL, 0}}

/* Takes a unit, waits for one where there is none. Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API void gos_sema_acquire(gos_sema *s);
/* True when it took a unit. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API bool gos_sema_try_acquire(gos_sema *s);
/* Gives a unit back. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void gos_sema_release(gos_sema *s);

/* Many readers or one writer; unlocked when zeroed. A writer that waits keeps new readers off, so it is not starved; do not lock for reading twice
 * in one goroutine. `owner` is the goid of the writer that holds it, for debuggers; where and since when is in `writers`. */
typedef struct gos_rwmutex {
	gos_mutex writers; /* held by the writer */
	uint32_t writer_sema, reader_sema;
	int32_t readers;   /* that hold it or wait; less 2^30 while a writer holds it or waits */
	int32_t leaving;   /* readers that the writer waits for */
	uint64_t owner;
	struct gos_mark reader; /* who locked it last for reading */
} gos_rwmutex;

/* Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API void gos_rwmutex_rlock(gos_rwmutex *rw);
GOS_API void gos_rwmutex_lock(gos_rwmutex *rw);
/* True when it took the lock. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API bool gos_rwmutex_try_rlock(gos_rwmutex *rw);
GOS_API bool gos_rwmutex_try_lock(gos_rwmutex *rw);
/* Any goroutine may unlock. Blocks: no.  Panics: when it is not locked so.  Owns: nothing. */
GOS_API void gos_rwmutex_runlock(gos_rwmutex *rw);
GOS_API void gos_rwmutex_unlock(gos_rwmutex *rw);

/* A condition that goroutines wait for; valid when zeroed. Waiters are woken in the order in which they came. */
typedef struct gos_cond {
	uint32_t wait, notify; /* tickets given out, and the next to be woken */
	uint32_t lock;
	uint32_t pad;
	void *first, *last;    /* who waits */
	struct gos_mark called; /* who signalled or broadcast last */
} gos_cond;

/* Unlocks m and waits, at one instant; m is locked again when it returns. Never returns without a signal; still, check the condition in a loop, since
 * others may have run in between. Blocks: the goroutine.  Panics: when m is not locked.  Owns: nothing. */
GOS_API void gos_cond_wait(gos_cond *c, gos_mutex *m);
/* The same for a reader-writer lock, held for writing. */
GOS_API void gos_cond_wait_rw(gos_cond *c, gos_rwmutex *rw);
/* Wakes who has waited longest, or all. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void gos_cond_signal(gos_cond *c);
GOS_API void gos_cond_broadcast(gos_cond *c);

/* Calls a function once; valid when zeroed. */
typedef struct gos_once {
	uint32_t done;
	uint32_t pad;
	gos_mutex mutex;
} gos_once;

/* fn(arg) at the first call for `once`; who comes meanwhile waits until it has returned. If fn panics it has been called.
 * Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API void gos_once_do(gos_once *once, void (*fn)(void *arg), void *arg);

/* A stock of objects to be used again, kept apart for each processor so that it needs no lock; valid when zeroed. */
typedef struct gos_pool {
	void *(*make)(void); /* called when there is none; NULL: gos_pool_get returns NULL then */
	void *local;         /* the runtime's */
	uint32_t local_count;
	uint32_t lock;
} gos_pool;

/* Any object that was put, mostly the latest; else a new one. Blocks: no.  Panics: no.  Owns: the caller gets it. */
GOS_API void *gos_pool_get(gos_pool *pool);
/* p must not be NULL. Blocks: no.  Panics: when p is NULL.  Owns: the pool, until somebody gets it. */
GOS_API void gos_pool_put(gos_pool *pool, void *p);
/* Hands every object to release (NULL: drops them) and gives the pool's own memory back. Nobody may use the pool meanwhile; it is empty and valid after.
 * Blocks: no.  Panics: no.  Owns: release gets the objects. */
GOS_API void gos_pool_drain(gos_pool *pool, void (*release)(void *p));

/* ---- input and output ----------------------------------------------------------------------------------------------- */
/*
 * These park the goroutine, never the thread. A descriptor is made non-blocking and watched from its first use here; after
 * that close it with gos_close only. Regular files cannot be watched: on them a call may block the thread, and others go on on another.
 */

/* As read(2); the number of bytes, 0 at the end, -errno; -ECANCELED when gos_close interrupts it.
 * Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API ssize_t gos_read(int fd, void *buffer, size_t size);

/* Writes all of it, waiting as needed: size; or what was written before an error; or -errno when that is nothing. A peer that
 * is gone gives -EPIPE, never a SIGPIPE on sockets. Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API ssize_t gos_write(int fd, const void *buffer, size_t size);

/* What a descriptor is waited for: bits. */
#define GOS_POLL_READ 1
#define GOS_POLL_WRITE 2

/*
 * From at_ns (on the clock of gos_now) on, waits for fd in these directions, those that wait now included, return -ETIMEDOUT, until another deadline is set; at_ns 0: no deadline.
 * As in Go, all calls on fd do so then, whether they would have to wait or not; a gos_write that has written something returns how much. 0 or -errno; -EPERM where fd cannot be watched. Blocks: no.  Panics: no.  Owns: nothing.
 */
GOS_API int gos_set_deadline(int fd, int directions, int64_t at_ns);

/* Waits until fd is readable or writable, for those who make the system calls themselves (a database's client library, say), and perhaps the close(2). It stays blocking
 * where it is. Any number may wait. The directions that are ready; or -ETIMEDOUT after timeout_ns when that is positive; or -errno. Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API int gos_wait_fd(int fd, int directions, int64_t timeout_ns);

/* As accept(2): a new descriptor, or -errno; on TCP without Nagle's delay, as in Go. address and length may be NULL. To end a goroutine that accepts in a
 * loop set a deadline that is past and have it close the descriptor itself: closed by another, the number may be another file's when it comes back.
 * Blocks: the goroutine.  Panics: no.  Owns: the caller gets the descriptor. */
GOS_API int gos_accept(int fd, struct sockaddr *address, socklen_t *length);

/* As connect(2): 0 or -errno. Blocks: the goroutine.  Panics: no.  Owns: nothing. */
GOS_API int gos_connect(int fd, const struct sockaddr *address, socklen_t length);

/* Listens on "host:port", "[v6]:port" or ":port" (all addresses); port 0 lets the system choose. A descriptor, or -errno;
 * -EINVAL for an address that cannot be read: the port is a number, not a service's name; -ENOENT for a host that is not known. Blocks: the goroutine, while a host name that is not a number is looked up.
 * Panics: no.  Owns: the caller gets the descriptor. */
GOS_API int gos_listen_tcp(const char *host_port);

/* Connects to "host:port", within timeout_ns when that is positive. A descriptor, or -errno (-ETIMEDOUT).
 * Blocks: the goroutine.  Panics: no.  Owns: the caller gets the descriptor. */
GOS_API int gos_dial_tcp(const char *host_port, int64_t timeout_ns);

/* As recvfrom(2), sendto(2), recvmsg(2) and sendmsg(2), which are one system call each: the number of bytes, or -errno. No SIGPIPE.
 * Blocks: the goroutine.  Panics: no.  Owns: nothing. */
struct msghdr;
GOS_API ssize_t gos_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *from_length);
GOS_API ssize_t gos_sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to, socklen_t to_length);
GOS_API ssize_t gos_recvmsg(int fd, struct msghdr *message, int flags);
GOS_API ssize_t gos_sendmsg(int fd, const struct msghdr *message, int flags);

/* A datagram socket bound to "host:port", or connected to it. A descriptor, or -errno. Blocks: the goroutine.  Panics: no.  Owns: the caller gets the descriptor. */
GOS_API int gos_listen_udp(const char *host_port);
GOS_API int gos_dial_udp(const char *host_port);

/* Stream sockets in the file system; a path that begins with '@' is in the abstract name space. -ENAMETOOLONG for one of over 107 bytes. A file
 * that is left from an earlier listener is not removed: -EADDRINUSE. Blocks: the goroutine.  Panics: no.  Owns: the caller gets the descriptor. */
GOS_API int gos_listen_unix(const char *path);
GOS_API int gos_dial_unix(const char *path, int64_t timeout_ns);

/* getaddrinfo(3) on a thread of its own: its value, 0 or EAI_...; errno's for EAI_SYSTEM is in *error where that is not NULL. Free *found with
 * freeaddrinfo. Blocks: the goroutine.  Panics: no.  Owns: the caller gets *found. */
struct addrinfo;
GOS_API int gos_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found, int *error);

/* Files: the thread may block in the kernel meanwhile, other goroutines go on. As open(2), pread(2), pwrite(2), fsync(2), with -errno; gos_read and gos_write
 * do the same where a descriptor is a file. Blocks: the goroutine.  Panics: no.  Owns: gos_open's caller gets the descriptor. */
GOS_API int gos_open(const char *path, int flags, unsigned mode);
GOS_API ssize_t gos_pread(int fd, void *buffer, size_t size, int64_t offset);
GOS_API ssize_t gos_pwrite(int fd, const void *buffer, size_t size, int64_t offset);
GOS_API int gos_fsync(int fd);

/* Closes fd; goroutines that wait on it get -ECANCELED. It is the last of those inside that closes it for the system, so the number is nobody else's while one of
 * them could use it; from here on calls get -EBADF. 0 or -errno. Blocks: no.  Panics: no.  Owns: takes fd. */
GOS_API int gos_close(int fd);

/* ---- defer, panic, recover ------------------------------------------------------------------------------------------ */

/*
 *	int load(const char *path)
 *	{
 *		gos_defer_frame(-1);            // what load returns when it ends by a panic that was recovered
 *		FILE *f = fopen(path, "r");
 *		gos_defer(fclose, f);           // runs when load returns, panics, or its goroutine ends
 *		...
 *	}
 *
 * gos_defer_frame(value) stands once, at the top of a function that defers; value is left out where the function returns nothing. gos_defer(fn, ...)
 * takes fn's arguments now, as go() does, and calls fn when the function ends: the last deferred first, however it ends, as often as
 * gos_defer was reached, be it in a block or a loop. Without a gos_defer_frame in the function it does not compile.
 *
 * gos_defer_frame is a setjmp, and ending by a panic that was recovered the longjmp to it. So value is worked out at that moment; of local
 * variables in it, and parameters, only those that are volatile have what they were set to since then. To leave such a function by
 * longjmp drops its deferred calls; to leave a deferred function by longjmp ends the panic that called it.
 *
 * In C++, and in C with -fexceptions, destructors and cleanups of the functions that a recovered panic leaves run, as with pthread_exit: a
 * catch (...) on the way runs and cannot stop it, a noexcept function on the way ends the program; a function that raised a signal keeps what it has. Declare nothing that has a destructor before
 * gos_defer_frame. A C++ exception that leaves the function runs its deferred calls; one that leaves a deferred function drops the rest of them.
 */
#if defined(__GNUC__) && !defined(__clang__)
#pragma GCC diagnostic ignored "-Wclobbered" /* gcc takes each parameter that is changed for one that might be used after the second return */
#endif
struct gos_defer_frame {
	void *pc, *sp;
	uint64_t saved[6];
	uint64_t calls; /* gos_blocking_begin's that had no end yet */
};
#define gos_defer_frame(...)                                                                                                      \
	struct gos_defer_frame gos_defer_frame_of_this_function __attribute__((cleanup(gos_defer_frame_leave)));                  \
	if (gos_defer_frame_enter(&gos_defer_frame_of_this_function) != 0)                                                        \
	return __VA_ARGS__
/* void gos_defer(fn, ...). Blocks: no.  Panics: when fn is NULL.  Owns: nothing; what its arguments point to must live until fn has run. */

/* Begins to unwind the goroutine: its deferred calls run, the innermost function's first, on top of the stack that panicked. When one of them recovers, the
 * function that deferred it returns to its caller. When none does the program ends: "panic: " and the message, this goroutine's traceback (more by
 * GOSTRACEBACK), exit code 2. Blocks: does not return.  Panics: yes.  Owns: nothing; the text is copied. */
GOS_API GOS_NORETURN void gos_panic(const char *format, ...) GOS_PRINTF(1, 2);
/* The same, with a value that gos_recovered_value gives to who recovers. */
GOS_API GOS_NORETURN void gos_panic_value(void *value, const char *format, ...) GOS_PRINTF(2, 3);

/*
 * Called by a deferred function itself while the goroutine panics: stops the panic and returns its message, which lives until the goroutine recovers
 * another or ends. NULL otherwise: in functions that a deferred function calls, in deferred calls of a function that returns as usual, or when the
 * goroutine ends by gos_goexit. (returns_twice keeps functions that call it from being merged with their callers; it returns once. What a deferred function calls
 * as the very last thing counts as itself where the compiler makes a jump of the call.)
 *
 * A SIGSEGV or SIGBUS at an address below 4096 and a SIGFPE are panics where the goroutine has a deferred call and the program's own code was at fault,
 * and not libc's: strlen(NULL) ends the program by the signal, as does a fault where no call is deferred; one that nobody recovers ends it with code 2. Not in programs that are linked statically with libc, and not where another handler is installed.
 *
 * Blocks: no.  Panics: no.  Owns: nothing.
 */
GOS_API const char *gos_recover(void) __attribute__((returns_twice));
/* Of the last panic that this goroutine recovered: its value (NULL without one), and the signal that caused it (SIGSEGV, SIGBUS, SIGFPE; 0).
 * Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void *gos_recovered_value(void);
GOS_API int gos_recovered_signal(void);

/* ---- looks ------------------------------------------------------------------------------------------------- */

/* Writes every goroutine's traceback to fd in Go's format. Threads that run goroutines are asked by a signal, SIGURG: a system call there that SA_RESTART does not
 * restart, such as that of sleep or poll, may end early or with EINTR; one between gos_blocking_begin and gos_blocking_end is not disturbed. Any thread may call, not a signal handler.
 * Blocks: the thread, while it writes.  Panics: no.  Owns: nothing. */
GOS_API void gos_stack_dump(int fd);

/*
 * Writes to fd what the flags ask for, while the program goes on: each goroutine's traceback as gos_stack_dump does; then
 * those that are in the same state, for the same reason, with the same stack and made at the same place together, the most first, with how many they are, some of their ids and
 * how long they wait, the latest and the longest; then a sentence about each goroutine: who it is, what it
 * does, since when, where, for what, by whom, whose turn it is (gossamer(7) has the grammar). 0, or -EINVAL for flags that do not exist or none, -EBADF where fd is not open
 * for writing, and what write(2) says when it fails.
 *
 * Tracebacks, also those of groups, interrupt system calls as gos_stack_dump's do; the sentences do not.
 *
 * Any thread may call, not a signal handler. Blocks: the thread, while it writes.  Panics: no.  Owns: nothing.
 */
#define GOS_DUMP_STACKS 1u
#define GOS_DUMP_GROUPS 2u
#define GOS_DUMP_ACCOUNTS 4u
GOS_API int gos_dump(int fd, unsigned flags);

/*
 * Looks for goroutines that wait for each other in a circle, through mutexes, the writing of rwmutexes and onces, and for such locks that a goroutine holds which has ended. How many
 * circles and locks there are, and about each of them some lines to fd, unless that is -1. What it tells of was there at one moment of the call, however
 * busy the others are; since any goroutine may unlock, it is a deadlock where only he who locked does. GOSDEBUG=deadlock=1 has the runtime look by itself. -EBADF where fd is
 * not open for writing, what write(2) says when it fails, -ENOMEM.
 *
 * Any thread may call, not a signal handler. Blocks: the thread, while it looks and writes.  Panics: no.  Owns: nothing.
 */
GOS_API int gos_deadlocks(int fd);

/*
 * What a goroutine has done with its time, in nanoseconds, or all of them. running + runnable + in_calls + waiting is as_of - made, exactly: every change of
 * state closes one span and opens the next at one time of one clock, which moves in steps of some tenths of a millisecond, and is right within a millisecond at the ends of
 * waits of more than 20 ms. Shorter ones are right on average: many of them add up to what they took, and one alone may count as nothing.
 */
#define GOS_TIMES_REASONS 64
struct gos_times {
	uint64_t goid;     /* 0: of all */
	int64_t made;      /* when, by gos_now; of all: 0 */
	int64_t as_of;     /* until when the times count: about now */
	uint64_t runs;     /* times that it was given a P to run on */
	int64_t running;   /* on a P: also while the system does not let the thread run */
	int64_t runnable;  /* in line for a P */
	int64_t in_calls;  /* blocking its thread: in gos_blocking, and in calls of files */
	int64_t waiting;   /* for something: the sum of */
	int64_t waiting_for[GOS_TIMES_REASONS]; /* by reason: gos_wait_reason says which */
	int64_t reserved[8]; /* 0 */
};

/*
 * A goroutine's times, also of one that is running. 0; -ESRCH when no goroutine has this id (any more).
 * Any thread may call; except for the calling goroutine's own it looks through all goroutines: about a millisecond for 100,000. Blocks: no.  Panics: no.  Owns: nothing.
 */
GOS_API int gos_times(uint64_t goid, struct gos_times *times);

/* The word of a reason to wait, "chan receive", as tracebacks and debuggers have it; NULL: there is none with this number or a higher one. Number 0 is "".
 * Blocks: no.  Panics: no.  Owns: nothing; the text is constant. */
GOS_API const char *gos_wait_reason(unsigned number);

/* What the runtime has done and holds, as of about now: numbers that are read while others change them. */
#define GOS_LATENCIES 48
struct gos_stats {
	uint64_t goroutines;                        /* that have not ended */
	uint64_t runnable, running, waiting, in_calls; /* of those, by state; in_calls: blocking their threads */
	uint64_t created;                           /* goroutines, ever */
	uint64_t switches, parks, steals, preempts; /* ever */
	uint64_t procs, idle_procs;
	uint64_t threads, idle_threads, spinning_threads;
	uint64_t runq;                              /* goroutines in line in all queues */
	uint64_t stacks, stack_bytes;               /* that exist, and the address space they take */
	uint64_t timers, channels;                  /* that exist */
	uint64_t handoffs;                          /* Ps taken from threads that blocked, ever */
	struct gos_times times;                     /* of all goroutines, those that have ended too; goid and made are 0 */
	/* How often one stood in line for [2^(i-1), 2^i) ns before it ran, ever. By the clock of `times`: [0] is all that were quicker than it
	 * shows, and those below 2^18 ns are few. */
	uint64_t latencies[GOS_LATENCIES];
};
/* Any thread may call; it reads every goroutine's state: about a millisecond for 100,000. Blocks: no.  Panics: no.  Owns: nothing. */
GOS_API void gos_stats(struct gos_stats *stats);

/* ---- how go() does it: nothing below is for direct use ------------------------------------------------------------------ */

GOS_API uint64_t gos_go_last(void); /* goid of the goroutine that the calling one made last */

struct gos_go_registers {
	uint64_t integer[6];
	double real[8];
};
GOS_API uint64_t gos_go_with_registers(const struct gos_go_options *options, void *fn, const struct gos_go_registers *registers);

struct gos_defer_request {
	void *fn;
	struct gos_defer_frame *frame;
};
GOS_API int gos_defer_frame_enter(struct gos_defer_frame *frame) __attribute__((returns_twice));
GOS_API void gos_defer_frame_leave(struct gos_defer_frame *frame);
GOS_API void gos_defer_with_registers(struct gos_defer_frame *frame, void *fn, const struct gos_go_registers *registers);

#ifndef __cplusplus

/*
 * The compiler is made to call an entry of the runtime as if it were fn, so that it checks and converts the arguments by fn's
 * prototype and leaves them in the registers where fn wants them; fn itself travels in the static chain register.
 */
extern GOS_API void (*const gos_go_entry)(void);
extern GOS_API void (*const gos_go_with_entry)(void);
extern GOS_API void (*const gos_defer_entry)(void);

struct gos_go_request {
	void *fn;
	const struct gos_go_options *options;
};

#if defined(__clang__)
#define GOS_AS_(fn, ...) __typeof__(*(fn)) *
#else
/* gcc: a noreturn fn must not make the call of the entry noreturn. The composite of its type and of one without a prototype does
 * not; parameters of the types that are promoted without one (char, short, float) keep fn's own type, and must not be noreturn. */
#define GOS_UNPROTOTYPED_(fn, ...) __typeof__(__typeof__((fn)(__VA_ARGS__))())
#define GOS_OTHER_(fn, ...)                                                                                                       \
	__typeof__(__builtin_choose_expr(__builtin_types_compatible_p(GOS_UNPROTOTYPED_(fn, __VA_ARGS__), __typeof__(*(fn))),     \
	                                 (GOS_UNPROTOTYPED_(fn, __VA_ARGS__) *)0, (__typeof__(*(fn)) *)0))
#define GOS_AS_(fn, ...) __typeof__(1 ? (fn) : (GOS_OTHER_(fn, __VA_ARGS__))0)
#endif
#define GOS_FITS_(a) _Static_assert(sizeof(__typeof__(1 ? (a) : (a))) <= 8, "an argument of go() or gos_defer() must be an integer, a pointer or a floating-point number")
#define GOS_CALL_(entry, chain, fn, ...)                                                                                          \
	_Static_assert(sizeof((fn)(__VA_ARGS__)) <= 16, "the function given to go() or gos_defer() must not return a structure over 16 bytes"); \
	__builtin_call_with_static_chain(((GOS_AS_(fn, __VA_ARGS__))(entry))(__VA_ARGS__), (chain));

#define GOS_GO_1(e, h, fn) GOS_CALL_(e, h, fn)
#define GOS_GO_2(e, h, fn, a) GOS_FITS_(a); GOS_CALL_(e, h, fn, a)
#define GOS_GO_3(e, h, fn, a, b) GOS_FITS_(a); GOS_FITS_(b); GOS_CALL_(e, h, fn, a, b)
#define GOS_GO_4(e, h, fn, a, b, c) GOS_FITS_(a); GOS_FITS_(b); GOS_FITS_(c); GOS_CALL_(e, h, fn, a, b, c)
#define GOS_GO_5(e, h, fn, a, b, c, d) GOS_FITS_(a); GOS_FITS_(b); GOS_FITS_(c); GOS_FITS_(d); GOS_CALL_(e, h, fn, a, b, c, d)
#define GOS_GO_6(e, h, fn, a, b, c, d, f)                                                                                         \
	GOS_FITS_(a); GOS_FITS_(b); GOS_FITS_(c); GOS_FITS_(d); GOS_FITS_(f); GOS_CALL_(e, h, fn, a, b, c, d, f)
#define GOS_GO_7(e, h, fn, a, b, c, d, f, g)                                                                                      \
	GOS_FITS_(a); GOS_FITS_(b); GOS_FITS_(c); GOS_FITS_(d); GOS_FITS_(f); GOS_FITS_(g); GOS_CALL_(e, h, fn, a, b, c, d, f, g)
#define GOS_GO_8(...) _Static_assert(0, "go() and gos_defer() pass at most six arguments");
#define GOS_PICK_(a1, a2, a3, a4, a5, a6, a7, a8, a9, a10, a11, a12, n, ...) n
#define GOS_GO_N_(...) GOS_PICK_(__VA_ARGS__, GOS_GO_8, GOS_GO_8, GOS_GO_8, GOS_GO_8, GOS_GO_8, GOS_GO_7, GOS_GO_6, GOS_GO_5, GOS_GO_4, GOS_GO_3, GOS_GO_2, GOS_GO_1, )
#define GOS_FIRST_(fn, ...) fn

#define gos_go(...)                                                                                                               \
	__extension__({ GOS_GO_N_(__VA_ARGS__)(gos_go_entry, (void *)(GOS_FIRST_(__VA_ARGS__, )), __VA_ARGS__) gos_go_last(); })
#define gos_go_with(options_, ...)                                                                                                \
	__extension__({                                                                                                           \
		struct gos_go_request gos_request_ = {(void *)(GOS_FIRST_(__VA_ARGS__, )), (options_)};                           \
		GOS_GO_N_(__VA_ARGS__)(gos_go_with_entry, (void *)&gos_request_, __VA_ARGS__) gos_go_last();                      \
	})
#define gos_defer(...)                                                                                                            \
	__extension__({                                                                                                           \
		struct gos_defer_request gos_request_ = {(void *)(GOS_FIRST_(__VA_ARGS__, )), &gos_defer_frame_of_this_function}; \
		GOS_GO_N_(__VA_ARGS__)(gos_defer_entry, (void *)&gos_request_, __VA_ARGS__)(void)0;                               \
	})

#else /* C++ */

}

#include <type_traits>
#include <utility>

namespace gos_detail {
struct loader {
	void *fn = nullptr;
	gos_go_registers registers{};
	int integers = 0, reals = 0;
	template <class T> void put(T value)
	{
		static_assert(std::is_scalar<T>::value && sizeof(T) <= 8, "an argument of go() or gos_defer() must be an integer, a pointer or a floating-point number");
		if constexpr (std::is_floating_point<T>::value)
			__builtin_memcpy(&registers.real[reals++], &value, sizeof value);
		else if constexpr (std::is_integral<T>::value || std::is_enum<T>::value)
			registers.integer[integers++] = (uint64_t)value;
		else
			__builtin_memcpy(&registers.integer[integers++], &value, sizeof value);
	}
};
template <class R, class... P, class... A> loader load(R (*fn)(P...), A &&...args)
{
	static_assert(sizeof...(P) <= 6, "go() and gos_defer() pass at most six arguments");
	static_assert(sizeof...(P) == sizeof...(A), "go() or gos_defer(): the function takes another number of arguments");
	static_assert(std::is_void<R>::value || std::is_scalar<R>::value, "the function given to go() or gos_defer() must not return an object");
	loader l;
	l.fn = (void *)fn;
	(l.put<P>(static_cast<A &&>(args)), ...);
	return l;
}
/* The function that a lambda without captures stands for. */
template <class L, class = void> struct is_plain : std::false_type {};
template <class L> struct is_plain<L, decltype((void)+std::declval<const L &>())> : std::true_type {};
template <class L> auto plain(const L &lambda)
{
	static_assert(is_plain<L>::value, "go() and gos_defer() take a function or a lambda that captures nothing: hand it what it needs as arguments");
	if constexpr (is_plain<L>::value)
		return +lambda;
	else
		return (void (*)())nullptr;
}
template <class L, class... A, class = typename std::enable_if<std::is_class<L>::value>::type> loader load(const L &lambda, A &&...args)
{
	return load(plain(lambda), static_cast<A &&>(args)...);
}
} // namespace gos_detail
/* The calls stand in the program's own function, and not in a template's: where a goroutine was made is where they return to. */
#define gos_go_with(options_, ...)                                                                                                \
	__extension__({                                                                                                           \
		gos_detail::loader gos_loader_ = gos_detail::load(__VA_ARGS__);                                                   \
		gos_go_with_registers((options_), gos_loader_.fn, &gos_loader_.registers);                                        \
	})
#define gos_go(...) gos_go_with(nullptr, __VA_ARGS__)
#define gos_defer(...)                                                                                                            \
	__extension__({                                                                                                           \
		gos_detail::loader gos_loader_ = gos_detail::load(__VA_ARGS__);                                                   \
		gos_defer_with_registers(&gos_defer_frame_of_this_function, gos_loader_.fn, &gos_loader_.registers);              \
	})
extern "C" {

#endif

#ifndef GOS_NO_SHORT_NAMES
#define go(...) gos_go(__VA_ARGS__)
#endif

#ifdef __cplusplus
}
#endif

#endif
