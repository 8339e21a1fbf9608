/* SPDX-License-Identifier: MIT */
/*
 * panic.c - gos_panic, gos_recover, gos_goexit, and what the runtime and signals make of them. Floor 6. After Go 1.19's runtime/panic.go.
 *
 * A panic runs the goroutine's deferred calls on top of the stack that panicked, which stays as it was: whoever looks at it, a debugger in a
 * deferred function or the report of a panic that nobody recovered, sees where it arose. When a call that has recovered returns:
 *  1. panics that this one cut short ("aborted") are forgotten; a gos_goexit that was cut short goes on instead of the function that deferred;
 *  2. where the program has an unwinder (C++, -fexceptions), the destructors of the frames that are left run, those of the function that deferred
 *     included. To them it is what pthread_exit is;
 *  3. gos_defer_frame_enter returns again, in the function that deferred, which then returns and so runs the rest of its deferred calls.
 *
 * Always true: g->panic is ordered by `sp`, the innermost and lowest first, and a record of it is freed when nobody refers to it any more. Panics
 * whose deferred call was left by longjmp are dropped when a panic arises above them, and at the goroutine's end.
 */
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../asm/defer.h"
#include "crash.h"
#include "defer.h"
#include "dump.h"
#include "exit.h"
#include "schedule.h"
#include "syscall.h"
#include "throw.h"

#define SHOWN_MAX 8 /* panics of a chain in a report: the first and the last half of that */

/* In the program, if anything there needs it. */
extern __typeof__(_Unwind_ForcedUnwind) _Unwind_ForcedUnwind __attribute__((weak));
extern __typeof__(_Unwind_GetCFA) _Unwind_GetCFA __attribute__((weak));
extern __typeof__(_Unwind_GetIP) _Unwind_GetIP __attribute__((weak));

/* ---- records -------------------------------------------------------------------------------------------------------- */

/* NULL: no memory. */
static struct rt_panic *try_make(size_t size)
{
	struct rt_panic *p = malloc(sizeof *p + size);
	if (p == NULL)
		return NULL;
	memset(p, 0, sizeof *p);
	p->users = 1;
	return p;
}

static struct rt_panic *make(size_t size)
{
	struct rt_panic *p = try_make(size);
	if (p == NULL)
		rt_fatal_exhausted("a panic", 12 /* ENOMEM */);
	return p;
}

/* user_pc: for the report of a program that has no memory to run deferred calls with. */
static __attribute__((format(printf, 2, 0))) struct rt_panic *make_formatted(void *user_pc, const char *format, va_list args)
{
	va_list again;
	va_copy(again, args);
	int n = vsnprintf(NULL, 0, format, again);
	va_end(again);
	size_t size = n >= 0 ? (size_t)n + 1 : 1;
	struct rt_panic *p = try_make(size);
	if (p == NULL) {
		char text[512];
		text[0] = '\0';
		vsnprintf(text, sizeof text, format, args);
		rt_fatal_at(user_pc, "%s", text);
	}
	p->message[0] = '\0';
	vsnprintf(p->message, size, format, args);
	return p;
}

static void drop_first(struct gos_g *gp)
{
	struct rt_panic *p = gp->panic;
	gp->panic = p->link;
	rt_panic_put(p);
}

static void push(struct gos_g *gp, struct rt_panic *p)
{
	while (gp->panic != NULL && gp->panic->sp < p->sp)
		drop_first(gp);
	p->link = gp->panic;
	gp->panic = p;
	gp->flags |= RT_G_DEFERS;
}

/* ---- the end of the program ----------------------------------------------------------------------------------------- */

static void add_panic(struct rt_report *report, const struct rt_panic *p, size_t room)
{
	char text[sizeof report->head];
	if (p->link != NULL && !p->link->goexit)
		rt_report_add(report, "\t");
	rt_report_add(report, "panic: ");
	snprintf(text, room, "%s", p->message);
	rt_report_add(report, text);
	rt_report_add(report, p->recovered ? " [recovered]\n" : "\n");
}

/* The outermost first, which is the last of the list. */
static void add_panics(struct rt_report *report, const struct rt_panic *p)
{
	size_t count = 0;
	for (const struct rt_panic *q = p; q != NULL; q = q->link)
		count += !q->goexit;
	size_t room = sizeof report->head / (count < SHOWN_MAX ? count : SHOWN_MAX) - 48;
	for (size_t i = count; i-- > 0;) { /* i panics are newer */
		const struct rt_panic *q = p;
		for (size_t newer = i; newer > 0 || q->goexit; q = q->link)
			newer -= !q->goexit;
		if (i < SHOWN_MAX / 2 || count - i <= SHOWN_MAX / 2 || count <= SHOWN_MAX)
			add_panic(report, q, room);
		else if (i == SHOWN_MAX / 2)
			rt_report_add(report, "\t...more panics elided...\n");
	}
}

static _Noreturn void die(const struct rt_panic *p, void *user_pc)
{
	struct rt_regs regs;
	char line[160];
	if (p->signal != 0) {
		memcpy(regs.value, p->fault.reg, sizeof regs.value);
		regs.known = (1U << RT_REG_COUNT) - 1;
		user_pc = NULL;
	} else {
		rt_regs_here(&regs);
	}
	struct rt_report *report = rt_report_begin(&regs);
	report->exact = p->signal != 0;
	report->user_pc = user_pc;
	add_panics(report, p);
	for (const struct rt_panic *q = p; q != NULL; q = q->link) {
		if (q->signal == 0)
			continue;
		snprintf(line, sizeof line, "[signal %s code=0x%x addr=0x%llx pc=0x%llx]\n", rt_signal_text(q->signal), (unsigned)q->fault.code,
		         (unsigned long long)q->fault.address, (unsigned long long)q->fault.reg[RT_REG_RIP]);
		rt_report_add(report, line);
		break;
	}
	rt_report_add(report, "\n");
	rt_dying_print(report);
	rt_dying_end();
}

/* ---- back to who deferred ------------------------------------------------------------------------------------------- */

#if defined(RT_TSAN)

#define CALLERS_MAX 64

/* The return addresses of target and of those who called it, the innermost CALLERS_MAX of them; how many there are in all. */
static RT_NOINLINE size_t callers_of(const struct gos_g *gp, const struct gos_defer_frame *target, void **pcs)
{
	static const uint8_t saved[] = {RT_REG_RBX, RT_REG_RBP, RT_REG_R12, RT_REG_R13, RT_REG_R14, RT_REG_R15};
	struct rt_regs regs;
	struct rt_cursor cursor;
	uint64_t sp = (uint64_t)(uintptr_t)target->sp;
	struct rt_memory memory = {.lo = sp, .hi = gp->stack_hi, .bytes = (const char *)(uintptr_t)sp};
	size_t n = 0;
	memset(&regs, 0, sizeof regs);
	for (size_t i = 0; i < sizeof saved; i++)
		regs.value[saved[i]] = target->saved[i];
	regs.value[RT_REG_RSP] = sp;
	regs.value[RT_REG_RIP] = (uint64_t)(uintptr_t)target->pc;
	regs.known = (1U << RT_REG_COUNT) - 1;
	for (rt_cursor_start(&cursor, &regs, false, &memory); rt_cursor_step(&cursor); n++)
		if (n < CALLERS_MAX)
			pcs[n] = (void *)(uintptr_t)cursor.regs.value[RT_REG_RIP];
	return n;
}

#endif

/*
 * ThreadSanitizer counts calls and returns, and nobody tells it of frames that are left in another way: after some thousands of recoveries it would have no room.
 * So the rest of the goroutine is another fiber, which has called what is still called. One call too many does no harm there, one too few would.
 */
RT_INLINE void leave_frames(struct gos_g *gp, const struct gos_defer_frame *target)
{
	(void)gp;
	(void)target;
#if defined(RT_TSAN)
	void *pcs[CALLERS_MAX], *before = gp->sanitizer_fiber;
	size_t n = callers_of(gp, target, pcs);
	gp->sanitizer_fiber = rt_sanitizer_fiber(gp);
	__tsan_switch_to_fiber(gp->sanitizer_fiber, 0);
	rt_sanitizer_fiber_end(before);
	for (size_t i = n; i-- > 0;)
		__tsan_func_entry(pcs[i < CALLERS_MAX ? i : CALLERS_MAX - 1]);
#endif
}

static _Noreturn void resume(struct rt_panic *p)
{
	struct gos_g *gp = rt_tls_m->curg;
	const struct gos_defer_frame *target = p->target;
	while (gp->unwinding != p) /* destructors of theirs panicked, and that ends here */
		rt_unwinding_pop(gp);
	rt_unwinding_pop(gp);
	for (uint64_t i = 0; i < target->calls; i++) /* the frame was in a blocking section, which the panic ended */
		rt_entersyscall_in(target->pc, (uint64_t)(uintptr_t)target->sp, target->saved[1]); /* rbp */
	leave_frames(gp, target);
	rt_defer_frame_resume(target);
}

static _Unwind_Reason_Code stop(int version, _Unwind_Action actions, _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
                                struct _Unwind_Context *context, void *arg);

/* "Called" by the caller of a function that raised a signal, in whose place it is. */
static void unwind_rest(void)
{
	struct rt_panic *p = rt_tls_m->curg->unwinding;
	_Unwind_ForcedUnwind(&p->exception, stop, p);
	resume(p);
}

/*
 * Compilers do not know of exceptions that an instruction raises, and C++ ends the program when it meets one there. So the function that
 * raised a signal is left as it is, and unwinding begins anew with its caller.
 */
static _Noreturn void leave_faulting(struct rt_panic *p, const struct rt_fault *fault)
{
	struct rt_regs regs;
	struct rt_cursor cursor;
	memcpy(regs.value, fault->reg, sizeof regs.value);
	regs.known = (1U << RT_REG_COUNT) - 1;
	uint64_t sp = regs.value[RT_REG_RSP], back;
	struct rt_memory memory = {.lo = sp, .hi = rt_tls_m->curg->stack_hi, .bytes = (const char *)(uintptr_t)sp};
	rt_cursor_start(&cursor, &regs, true, &memory);
	if (!rt_cursor_step(&cursor) || (cursor.regs.known & RT_REGS_SAVED) != RT_REGS_SAVED || cursor.regs.value[RT_REG_RSP] > p->limit)
		resume(p);
	sp = cursor.regs.value[RT_REG_RSP] - 8;
	memcpy(&back, (const void *)(uintptr_t)sp, sizeof back);
	if (back != cursor.regs.value[RT_REG_RIP])
		resume(p);
	static const uint8_t saved[] = {RT_REG_RBX, RT_REG_RBP, RT_REG_R12, RT_REG_R13, RT_REG_R14, RT_REG_R15};
	for (size_t i = 0; i < sizeof saved; i++)
		p->resume.saved[i] = cursor.regs.value[saved[i]];
	p->resume.sp = (void *)(uintptr_t)sp;
	p->resume.pc = (void *)unwind_rest;
	rt_defer_frame_resume(&p->resume);
}

/* Looks at each frame before its destructors run. */
static _Unwind_Reason_Code stop(int version, _Unwind_Action actions, _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
                                struct _Unwind_Context *context, void *arg)
{
	struct rt_panic *p = arg;
	(void)version;
	(void)class;
	(void)exception;
	if ((actions & _UA_END_OF_STACK) != 0 || _Unwind_GetCFA(context) > p->limit)
		resume(p);
	if (_Unwind_GetIP(context) - (uintptr_t)rt_sigpanic < 64) /* whose stack pointer is at what it was given */
		leave_faulting(p, (const struct rt_fault *)_Unwind_GetCFA(context));
	return _URC_NO_REASON;
}

/* A catch (...) has ended that does not throw again: it goes on all the same, from here, which is below the function that caught. */
static void swallowed(_Unwind_Reason_Code reason, struct _Unwind_Exception *exception)
{
	struct rt_panic *p = (struct rt_panic *)((char *)exception - offsetof(struct rt_panic, exception));
	(void)reason;
	_Unwind_ForcedUnwind(exception, stop, p);
	resume(p);
}

/* p, which is off the list, is recovered: goes on at target. Frames beyond `limit` keep what they have. */
static _Noreturn void continue_at(struct gos_g *gp, struct rt_panic *p, const struct gos_defer_frame *target, uint64_t limit)
{
	p->target = target;
	p->limit = limit;
	p->unwinding_before = gp->unwinding;
	gp->unwinding = p;
	if (_Unwind_ForcedUnwind != NULL && _Unwind_GetCFA != NULL && _Unwind_GetIP != NULL) {
		p->exception.exception_class = UINT64_C(0x474f535350414e43); /* "GOSSPANC" */
		p->exception.exception_cleanup = swallowed;
		_Unwind_ForcedUnwind(&p->exception, stop, p); /* returns when it cannot go on */
	}
	resume(p);
}

/* ---- the way down --------------------------------------------------------------------------------------------------- */

/* Runs the deferred calls until one of them recovers: the frame of that one. NULL: there are no more. */
static const struct gos_defer_frame *run_deferred(struct gos_g *gp, struct rt_panic *p)
{
	struct rt_deferred *d;
	while ((d = gp->deferred) != NULL) {
		const struct gos_defer_frame *frame = d->frame;
		if ((uint64_t)(uintptr_t)frame < p->sp) { /* its function was left by longjmp */
			rt_deferred_drop(gp);
			continue;
		}
		if (d->panic != NULL) { /* an earlier panic called it, and it has panicked */
			d->panic->aborted = true;
			rt_deferred_drop(gp);
			continue;
		}
		d->panic = p;
		rt_call_deferred_panicking(d->fn, (const uint64_t *)&d->registers, &p->call_cfa);
		p->call_cfa = 0;
		if (p->aborted) { /* a later panic has taken d, and ended by a longjmp into d's function */
			p->aborted = false;
		} else {
			while (gp->deferred != d) /* left by longjmp meanwhile */
				rt_deferred_drop(gp);
			rt_deferred_drop(gp);
		}
		if (p->recovered)
			return frame;
	}
	return NULL;
}

static _Noreturn void begin(struct rt_panic *p, void *user_pc)
{
	struct gos_m *mp = rt_tls_m;
	struct gos_g *gp = mp != NULL ? mp->curg : NULL;
	if (gp == NULL || p->sp < gp->stack_lo || p->sp >= gp->stack_hi)
		die(p, user_pc); /* not on a goroutine's stack */
	while (!rt_load_relaxed(&rt_forked) && rt_exitsyscall()) /* deferred calls are no part of a blocking section; a child of fork stays in it */
		;
	if (gp->m->p != NULL) { /* else it is a child of fork's */
		rt_runq_say_next(gp->m->p);
		rt_flight_of(gp->m->p, GOS_FLIGHT_PANIC, user_pc);
	}
	push(gp, p);
	const struct gos_defer_frame *frame = run_deferred(gp, p);
	if (frame == NULL)
		die(p, user_pc);

	gp->panic = p->link;
	while (gp->panic != NULL && gp->panic->aborted) {
		struct rt_panic *goexit = gp->panic;
		if (goexit->goexit) {
			goexit->aborted = false;
			continue_at(gp, p, &goexit->resume, (uint64_t)(uintptr_t)goexit->resume.sp);
		}
		drop_first(gp);
	}
	continue_at(gp, p, frame, (uint64_t)(uintptr_t)frame);
}

/* A macro: the frame is that of who panics. What is below it is not the program's. */
#define BEGIN(p, user_pc)                                                                                                          \
	do {                                                                                                                       \
		(p)->sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);                                                         \
		begin((p), (user_pc));                                                                                             \
	} while (0)

void gos_panic(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct rt_panic *p = make_formatted(__builtin_return_address(0), format, args);
	va_end(args);
	BEGIN(p, __builtin_return_address(0));
}

void gos_panic_value(void *value, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct rt_panic *p = make_formatted(__builtin_return_address(0), format, args);
	va_end(args);
	p->value = value;
	BEGIN(p, __builtin_return_address(0));
}

void rt_panic_at(void *user_pc, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	struct rt_panic *p = make_formatted(user_pc, format, args);
	va_end(args);
	BEGIN(p, user_pc);
}

void rt_panic_of_fault(const struct rt_fault *fault)
{
	const char *text = "invalid memory address or nil pointer dereference";
	if (fault->signal == SIGFPE)
		text = fault->code == FPE_INTDIV ? "integer divide by zero" : fault->code == FPE_INTOVF ? "integer overflow" : "floating point error";
	struct rt_panic *p = make(sizeof "runtime error: " + strlen(text));
	strcpy(stpcpy(p->message, "runtime error: "), text);
	p->signal = fault->signal;
	p->fault = *fault;
	BEGIN(p, NULL);
}

/* ---- recover -------------------------------------------------------------------------------------------------------- */

const char *gos_recover(void)
{
	struct gos_g *gp = rt_g_here(__builtin_return_address(0));
	struct rt_panic *p = gp->panic;
	if (p == NULL || p->goexit || p->recovered || p->call_cfa == 0)
		return NULL;

	/* Whose caller is the call that p makes? Found by unwinding: programs are built without frame pointers. */
	struct rt_regs regs;
	struct rt_cursor cursor;
	rt_regs_here(&regs);
	uint64_t sp = regs.value[RT_REG_RSP];
	struct rt_memory memory = {.lo = sp, .hi = gp->stack_hi, .bytes = (const char *)(uintptr_t)sp};
	rt_cursor_start(&cursor, &regs, false, &memory);
	if (!rt_cursor_step(&cursor) || !rt_cursor_step(&cursor))
		return NULL;
	if (cursor.regs.value[RT_REG_RIP] != (uint64_t)(uintptr_t)rt_call_deferred_panicking_return || cursor.regs.value[RT_REG_RSP] != p->call_cfa)
		return NULL;

	p->recovered = true;
	if (gp->recovered != NULL)
		rt_panic_put(gp->recovered);
	gp->recovered = p;
	p->users++;
	return p->message;
}

void *gos_recovered_value(void)
{
	struct gos_g *gp = rt_g_here(__builtin_return_address(0));
	return gp->recovered != NULL ? gp->recovered->value : NULL;
}

int gos_recovered_signal(void)
{
	struct gos_g *gp = rt_g_here(__builtin_return_address(0));
	return gp->recovered != NULL ? gp->recovered->signal : 0;
}

/* ---- gos_goexit ----------------------------------------------------------------------------------------------------- */

/* Comes here a second time when a deferred call has panicked and one of an outer function has recovered that. */
static RT_NOINLINE void run_all(void)
{
	struct gos_g *gp = rt_g_here(NULL);
	run_deferred(gp, gp->panic);
}

void gos_goexit(void)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	if (gp->deferred != NULL) {
		struct rt_panic *p = make(1);
		p->message[0] = '\0';
		p->goexit = true;
		p->sp = (uint64_t)(uintptr_t)__builtin_frame_address(0);
		push(gp, p);
		rt_defer_frame_save(&p->resume); /* which of its two returns it is does not matter */
		run_all();
	}
	rt_goexit0();
}
