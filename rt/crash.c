/* SPDX-License-Identifier: MIT */
/*
 * crash.c - fatal signals, SIGQUIT, and the thread that prints.
 *
 * The dumper is a thread that sleeps until there is something to print. Handlers and dying threads must not use malloc or libdw; it may:
 *  1. who asks fills a report, makes it the dumper's, wakes it, and waits;
 *  2. the dumper prints, counting report->beat up as it gets on, and says when it is done;
 *  3. when nothing gets on for PATIENCE_S seconds (the crashed thread holds malloc's lock, say), or the dumper itself crashes, who
 *     asked takes the report over: phase becomes LOST, the dumper never prints again, and the rest is printed by symbol tables alone.
 *
 * Always true:
 *  - A handler is installed only where the disposition is the default (for SIGQUIT also where the process was started with it ignored), and fatal signals end the process as they would have without us.
 *  - After fork a child has no dumper: it prints for itself.
 *  - Reports are static: a dumper that was given up may still look at one.
 *  - The coarse clock is set when a report is asked for, and again when the process ends: in an idle program nothing else moves it for up to a second, and a core
 *    that the kernel writes has no other clock by which to tell how long waits have lasted that are not over.
 *
 * SIGSEGV, SIGBUS and SIGFPE that a program could recover from do not come that far: become_panic.
 *
 * The signal that asks a running goroutine for its frames is SIGURG, as in Go: its default is to be ignored, and hardly anybody uses it.
 * Goroutines in blocking sections are not asked (dump.c), since a thread in a system call that SA_RESTART does not restart sees EINTR: only one that blocks its thread without saying so.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "crash.h"

#include <errno.h>
#include <fcntl.h>
#include <gnu/libc-version.h>
#include <limits.h>
#include <linux/futex.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include "../asm/defer.h"
#include "atomic.h"
#include "coarse.h"
#include "config.h"
#include "defer.h"
#include "dump.h"
#include "machine.h"
#include "stack.h"
#include "state.h"
#include "throw.h"
#include "traceback.h"

#define PATIENCE_S 5
#define WATCH_NS GOS_S /* GOSDEBUG=deadlock=1: so often, for those that have waited for so long; */
#define WATCH_PART 20  /* but a look that took long is not followed by the next until it is such a part of the time */
#define DUMPER_STACK_SIZE (1 << 20) /* libdw's recursion follows the nesting of the program's scopes */
#define PANIC_ROOM 4096 /* bytes of stack that a signal must find free to become a panic */
#define RED_ZONE 128
#define CAPTURE_SIGNAL SIGURG
#define CAPTURE_TIMEOUT_NS (INT64_C(1000) * 1000 * 1000)

/* ---- small helpers -------------------------------------------------------------------------------------------------- */

static void futex_wait(uint32_t *word, uint32_t expected, int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	syscall(SYS_futex, word, FUTEX_WAIT_PRIVATE, expected, ns < 0 ? NULL : &ts, NULL, 0);
}

static void futex_wake(uint32_t *word)
{
	syscall(SYS_futex, word, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

static uint32_t current_tid(void)
{
	return (uint32_t)syscall(SYS_gettid);
}

static uint32_t current_pid(void)
{
	return (uint32_t)syscall(SYS_getpid);
}

static _Noreturn void stop_forever(void)
{
	static uint32_t never;
	while (true)
		futex_wait(&never, 0, -1);
}

/* The coarse clock is that of a core, and of the accounts in a report. A signal handler may do this: it reads the clock and stores a word. */
static void tell_time(void)
{
	if (rt_load_relaxed(&gos_runtime.state) != 0)
		rt_clock_set();
}

/* ---- the dumper ----------------------------------------------------------------------------------------------------- */

static struct {
	uint32_t pid; /* of the process that it is in; 0: not started */
	uint32_t tid;
	uint32_t phase;                  /* enum rt_dumper_phase. Sync: atomic */
	uint32_t bell;                   /* rung for each report */
	struct rt_report *asked, *dying; /* to be printed; taken by the dumper. Sync: atomic */
} dumper;

/* Address space that is given up when the process dies: whoever has no more of it still wants to know which functions it was in, and for that files are mapped. */
#define RESERVE_MAX ((size_t)32 << 20)
#define RESERVE_MIN ((size_t)2 << 20)
static void *reserve;
static size_t reserve_size; /* 0: none could be had */

static uint32_t dying_tid; /* who prints the death of this process. Sync: compare-and-swap from 0 */
static uint32_t dying_pid; /* the process that dies: a child of fork has not inherited that */
static struct rt_report dying_report;
static bool dying; /* tells the printing of another report to stop */

static struct rt_report asked_report; /* gos_stack_dump's. Lock: asked_lock */
static uint32_t asked_lock;           /* 0 free, 1 taken, 2 taken and waited for */
static uint32_t alone_lock;           /* printing without the dumper */
static uint32_t done_bell;            /* rung when a report is done */

/* GOSDEBUG=deadlock=1: what nobody asked for. */
static struct rt_report *watch_report(void)
{
	static struct rt_report report;
	tell_time();
	report = (struct rt_report){.fd = 2, .tid = rt_load_relaxed(&dumper.tid), .deadlocks = true, .once = true, .deadlock_ns = WATCH_NS};
	report.stop = &dying;
	report.phase = &dumper.phase;
	return &report;
}

/* ns that this thread has run. */
static int64_t work_done(void)
{
	struct timespec ts = {0, 0};
	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return ts.tv_sec * GOS_S + ts.tv_nsec;
}

static void *dumper_main(void *arg)
{
	int64_t watch_at = rt_real_now() + WATCH_NS; /* when the next look is due */
	(void)arg;
	rt_store_relaxed(&dumper.tid, current_tid());
	pthread_setname_np(pthread_self(), "gos-dumper");
	/* Its own crashes must reach the handler, which gives it up. */
	sigset_t crashes;
	sigemptyset(&crashes);
	sigaddset(&crashes, SIGSEGV);
	sigaddset(&crashes, SIGBUS);
	sigaddset(&crashes, SIGFPE);
	sigaddset(&crashes, SIGILL);
	sigaddset(&crashes, SIGABRT);
	pthread_sigmask(SIG_UNBLOCK, &crashes, NULL);
	while (true) {
		uint32_t bell = rt_load_acquire(&dumper.bell);
		struct rt_report *report = rt_exchange(&dumper.dying, (struct rt_report *)NULL);
		if (report == NULL)
			report = rt_exchange(&dumper.asked, (struct rt_report *)NULL);
		if (report == NULL) {
			int64_t left = watch_at - rt_real_now();
			if (rt_config.deadlock == 0 || left > 0) {
				futex_wait(&dumper.bell, bell, rt_config.deadlock != 0 ? left : -1);
				continue;
			}
			report = watch_report();
		}
		if (!rt_cas(&dumper.phase, (uint32_t)RT_DUMPER_IDLE, (uint32_t)RT_DUMPER_WORKING))
			stop_forever();
		if (report != &dying_report)
			rt_traceback_refresh();
		int64_t worked = work_done();
		rt_report_print(report, true);
		if (report != &asked_report && report != &dying_report) {
			int64_t took = work_done() - worked; /* not what it waited for a processor */
			watch_at = rt_real_now() + (took * WATCH_PART > WATCH_NS ? took * WATCH_PART : WATCH_NS);
		}
		/* WORKING, unless taken over. */
		if (!rt_cas(&dumper.phase, (uint32_t)RT_DUMPER_WORKING, (uint32_t)RT_DUMPER_IDLE))
			stop_forever();
		rt_store_release(&report->done, 1u);
		rt_add_fetch(&done_bell, 1);
		futex_wake(&done_bell);
	}
	return NULL;
}

void rt_dumper_give_up(void)
{
	rt_store_release(&dumper.phase, (uint32_t)RT_DUMPER_LOST);
	rt_add_fetch(&done_bell, 1);
	futex_wake(&done_bell);
	stop_forever();
}

static bool dumper_is_here(void)
{
	return rt_load_acquire(&dumper.pid) == current_pid() && rt_load_acquire(&dumper.phase) != RT_DUMPER_LOST;
}

/* Waits for the dumper; false: it is given up, and the caller has to print what is left. */
static bool wait_for_dumper(struct rt_report *report)
{
	uint64_t beat = rt_load_relaxed(&report->beat);
	int64_t since = rt_real_now();
	while (true) {
		uint32_t bell = rt_load_acquire(&done_bell);
		if (rt_load_acquire(&report->done) != 0)
			return true;
		uint32_t phase = rt_load_acquire(&dumper.phase);
		if (phase == RT_DUMPER_LOST)
			return false;
		uint64_t now_beat = rt_load_relaxed(&report->beat);
		if (now_beat != beat || phase == RT_DUMPER_WRITING) { /* who reads our output may take his time */
			beat = now_beat;
			since = rt_real_now();
		} else if (rt_real_now() - since > PATIENCE_S * GOS_S && rt_cas(&dumper.phase, phase, (uint32_t)RT_DUMPER_LOST)) {
			return false;
		}
		futex_wait(&done_bell, bell, GOS_S / 4);
	}
}

static void print_alone(struct rt_report *report)
{
	/* SIGPIPE would end the process another way; and no handler should run in the middle of this. */
	sigset_t all, old;
	sigfillset(&all);
	sigdelset(&all, SIGSEGV);
	sigdelset(&all, SIGBUS);
	sigdelset(&all, SIGFPE);
	sigdelset(&all, SIGILL);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	/* Somebody else may print alone just now; a dying process does not wait for that for long. */
	for (int i = 0; !rt_cas(&alone_lock, 0u, 1u) && (report != &dying_report || i < 10000); i++)
		usleep(1000);
	report->phase = NULL;
	rt_report_print(report, false);
	rt_store_release(&alone_lock, 0u);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
}

static void submit(struct rt_report *report, struct rt_report **slot)
{
	report->tid = current_tid();
	report->done = 0;
	if (!dumper_is_here()) {
		print_alone(report);
		return;
	}
	report->phase = &dumper.phase;
	rt_store_release(slot, report);
	rt_add_fetch(&dumper.bell, 1);
	futex_wake(&dumper.bell);
	if (!wait_for_dumper(report)) {
		report->given_up = true;
		print_alone(report);
	}
}

/* ---- reports -------------------------------------------------------------------------------------------------------- */

static int level_cached = -1; /* Sync: atomic; whoever is first sets what all would */

enum rt_traceback_level rt_crash_level(void)
{
	int cached = rt_load_relaxed(&level_cached);
	if (cached >= 0)
		return (enum rt_traceback_level)cached;
	static const struct {
		const char *word;
		enum rt_traceback_level level;
	} words[] = {{"none", RT_LEVEL_NONE}, {"0", RT_LEVEL_NONE},     {"single", RT_LEVEL_SINGLE},
		     {"all", RT_LEVEL_ALL},   {"1", RT_LEVEL_ALL},      {"system", RT_LEVEL_SYSTEM},
		     {"2", RT_LEVEL_SYSTEM},  {"crash", RT_LEVEL_CRASH}};
	const char *text = getenv("GOSTRACEBACK");
	int level = RT_LEVEL_SINGLE;
	for (size_t i = 0; text != NULL && i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i].word) == 0)
			level = (int)words[i].level;
	rt_store_relaxed(&level_cached, level);
	return (enum rt_traceback_level)level;
}

struct rt_report *rt_dying_begin(void)
{
	uint32_t tid = current_tid(), pid = current_pid();
	if (rt_load_acquire(&dying_pid) != pid &&
	    rt_load_acquire(&dying_pid) != 0) { /* forked by a handler of somebody who died? */
		rt_store_relaxed(&dying_tid, 0u);
		rt_store_release(&dying_pid, 0u);
	}
	if (!rt_cas(&dying_tid, 0u, tid)) {
		if (rt_load_acquire(&dying_tid) != tid)
			stop_forever();
		static const char twice[] = "gossamer: died again while reporting that\n";
		if (write(2, twice, sizeof twice - 1) < 0)
			_exit(2);
		_exit(2);
	}
	rt_store_release(&dying_pid, pid);
	rt_store_release(&dying, true);
	tell_time();
	if (reserve_size != 0)
		munmap(reserve, reserve_size);
	memset(&dying_report, 0, sizeof dying_report);
	dying_report.fd = 2;
	return &dying_report;
}

void rt_dying_print(struct rt_report *report)
{
	submit(report, &dumper.dying);
}

_Noreturn void rt_dying_end(void)
{
	if (rt_crash_level() == RT_LEVEL_CRASH) {
		sigset_t set;
		signal(SIGABRT, SIG_DFL);
		sigemptyset(&set);
		sigaddset(&set, SIGABRT);
		pthread_sigmask(SIG_UNBLOCK, &set, NULL);
		tell_time(); /* printing may have taken long */
		syscall(SYS_tgkill, current_pid(), current_tid(), SIGABRT);
	}
	_exit(2);
}

/* Others that want a report wait here: one futex lock, as the textbook has it. */
static struct rt_report *ask(int fd)
{
	uint32_t seen = 0;
	if (!__atomic_compare_exchange_n(&asked_lock, &seen, 1, false, __ATOMIC_ACQUIRE, __ATOMIC_RELAXED)) {
		while (rt_exchange(&asked_lock, 2u) != 0)
			futex_wait(&asked_lock, 2, -1);
	}
	tell_time();
	memset(&asked_report, 0, sizeof asked_report);
	asked_report.fd = fd;
	asked_report.stop = &dying;
	return &asked_report;
}

/* Who asks, where he is in the user's code. */
static void asked_by(struct rt_report *report, const struct rt_regs *regs, void *user_pc)
{
	report->regs = *regs;
	report->current = rt_dump_goroutine_at(regs->value[RT_REG_RSP]);
	report->user_pc = user_pc;
	report->system = rt_crash_level() >= RT_LEVEL_SYSTEM;
}

/* Has it printed; what came of it is in the copy that is returned. */
static struct rt_report answered(struct rt_report *report)
{
	submit(report, &dumper.asked);
	struct rt_report answer = *report;
	if (rt_exchange(&asked_lock, 0u) == 2)
		futex_wake(&asked_lock);
	return answer;
}

void gos_stack_dump(int fd)
{
	struct rt_regs regs;
	rt_regs_here(&regs);
	struct rt_report *report = ask(fd);
	asked_by(report, &regs, __builtin_return_address(0));
	report->show_current = report->current != NULL;
	report->show_others = true;
	answered(report);
}

/* -errno where nothing can be written there. */
static int check_fd(int fd)
{
	int mode = fcntl(fd, F_GETFL);
	if (mode < 0)
		return -errno;
	return (mode & O_ACCMODE) == O_RDONLY || (mode & O_PATH) != 0 ? -EBADF : 0;
}

int gos_dump(int fd, unsigned flags)
{
	struct rt_regs regs;
	rt_regs_here(&regs);
	if (flags == 0 || (flags & ~(unsigned)(GOS_DUMP_STACKS | GOS_DUMP_GROUPS | GOS_DUMP_ACCOUNTS)) != 0)
		return -EINVAL;
	int error = check_fd(fd);
	if (error != 0)
		return error;
	struct rt_report *report = ask(fd);
	asked_by(report, &regs, __builtin_return_address(0));
	report->show_current = (flags & GOS_DUMP_STACKS) != 0 && report->current != NULL;
	report->show_others = (flags & GOS_DUMP_STACKS) != 0;
	report->groups = (flags & GOS_DUMP_GROUPS) != 0;
	report->accounts = (flags & GOS_DUMP_ACCOUNTS) != 0;
	return -answered(report).error;
}

int gos_deadlocks(int fd)
{
	struct rt_regs regs;
	rt_regs_here(&regs);
	int error = fd >= 0 ? check_fd(fd) : 0;
	if (error != 0)
		return error;
	struct rt_report *report = ask(fd);
	asked_by(report, &regs, __builtin_return_address(0));
	report->deadlocks = true;
	struct rt_report answer = answered(report);
	return answer.error != 0 ? -answer.error : answer.found < INT_MAX ? (int)answer.found : INT_MAX;
}

/* ---- frames of a thread that runs ----------------------------------------------------------------------------------- */

enum capture_state { CAPTURE_FREE, CAPTURE_ASKED, CAPTURE_TAKEN, CAPTURE_DONE };

static struct capture {
	uint32_t state; /* enum capture_state; the asker makes it ASKED, and FREE again; the asked one TAKEN and DONE */
	uint32_t tid;
	uint64_t sp;
	struct rt_trace trace;
} captures[2];              /* of the dumper; of who prints without it */
static bool capture_usable; /* the signal is ours */

static void on_capture(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	int saved = errno;
	uint32_t tid = current_tid();
	for (int i = 0; i < 2; i++) {
		struct capture *c = &captures[i];
		if (rt_load_acquire(&c->state) != CAPTURE_ASKED || c->tid != tid ||
		    !rt_cas(&c->state, (uint32_t)CAPTURE_ASKED, (uint32_t)CAPTURE_TAKEN))
			continue;
		struct rt_regs regs;
		rt_regs_of_signal(&regs, context);
		c->sp = regs.value[RT_REG_RSP];
		c->trace.total = 0;
		struct gos_m *mp = rt_tls_m;
		struct gos_g *gp = mp != NULL ? mp->curg : NULL;
		if (gp != NULL && c->sp >= gp->stack_lo && c->sp < gp->stack_hi) {
			/* gcc says of a register just popped that it is still where it was, below the stack pointer: in the red zone. */
			uint64_t lo = c->sp - gp->stack_lo >= 128 ? c->sp - 128 : gp->stack_lo;
			struct rt_memory memory = {.lo = lo, .hi = gp->stack_hi, .bytes = (const char *)(uintptr_t)lo};
			rt_unwind_trace(&regs, true, &memory, &c->trace);
		} else {
			c->sp = 0; /* on its way into a goroutine, or out of one */
		}
		rt_store_release(&c->state, (uint32_t)CAPTURE_DONE);
		futex_wake(&c->state);
	}
	errno = saved;
}

/* The thread `tid` has been told that it is to be asked. */
static bool capture(uint32_t tid, struct rt_trace *trace, uint64_t *sp)
{
	struct capture *c = &captures[current_tid() == rt_load_relaxed(&dumper.tid) ? 0 : 1];
	uint32_t before = rt_load_acquire(&c->state);
	if (!rt_load_relaxed(&capture_usable) || (before != CAPTURE_FREE && before != CAPTURE_DONE))
		return false; /* one that was asked before has still not answered */
	c->tid = tid;
	rt_store_release(&c->state, (uint32_t)CAPTURE_ASKED);
	if (syscall(SYS_tgkill, current_pid(), tid, CAPTURE_SIGNAL) != 0) {
		rt_store_release(&c->state, (uint32_t)CAPTURE_FREE);
		return false;
	}
	int64_t until = rt_real_now() + CAPTURE_TIMEOUT_NS;
	while (true) {
		uint32_t state = rt_load_acquire(&c->state);
		if (state == CAPTURE_DONE)
			break;
		int64_t left = until - rt_real_now();
		if (left <= 0 && (state == CAPTURE_TAKEN || rt_cas(&c->state, (uint32_t)CAPTURE_ASKED, (uint32_t)CAPTURE_FREE)))
			return false;
		futex_wait(&c->state, state, left > 0 ? left : 0);
	}
	*trace = c->trace;
	*sp = c->sp;
	rt_store_release(&c->state, (uint32_t)CAPTURE_FREE);
	return true;
}

uint32_t rt_asked[2];

enum rt_capture rt_capture_thread(struct gos_m *mp, const struct gos_g *gp, struct rt_trace *trace, uint64_t *sp)
{
	enum rt_capture result = RT_CAPTURE_ELSEWHERE;
	(void)rt_load_acquire(&gos_runtime.mcount); /* pairs with m_new: what mp was made of is seen; gp->m, which led to it, orders nothing */
	uint32_t tid = rt_load_relaxed(&mp->tid), *asked = &rt_asked[current_tid() == rt_load_relaxed(&dumper.tid) ? 0 : 1];
	rt_store_relaxed(asked, tid);
	rt_fence(); /* wait_for_signal, in syscall.c */
	if (rt_load_relaxed(&gp->status) == GOS_RUNNING && rt_load_relaxed(&mp->curg) == gp)
		result = capture(tid, trace, sp) ? RT_CAPTURED : RT_CAPTURE_SILENT;
	rt_store_release(asked, 0u);
	return result;
}

static bool libc_is_inside; /* of the program: where libc's code is in it is not known */

/* ---- fatal signals -------------------------------------------------------------------------------------------------- */

static void add(char **to, const char *end, const char *text)
{
	while (*text != 0 && *to < end - 1)
		*(*to)++ = *text++;
	**to = 0;
}

static void add_number(char **to, const char *end, uint64_t value, unsigned base)
{
	char digits[24], *at = digits + sizeof digits;
	*--at = 0;
	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	add(to, end, at);
}

const char *rt_signal_text(int signal)
{
	switch (signal) {
	case SIGSEGV:
		return "SIGSEGV: segmentation violation";
	case SIGBUS:
		return "SIGBUS: bus error";
	case SIGFPE:
		return "SIGFPE: floating-point exception";
	case SIGILL:
		return "SIGILL: illegal instruction";
	case SIGABRT:
		return "SIGABRT: abort";
	default:
		return "signal";
	}
}

static bool is_overflow(const struct gos_g *gp, int signal, const siginfo_t *info, uint64_t sp)
{
	if (gp == NULL || (signal != SIGSEGV && signal != SIGBUS) || info->si_code <= 0)
		return false;
	uint64_t address = (uint64_t)(uintptr_t)info->si_addr;
	if (address >= gp->stack_lo - RT_GUARD_SIZE && address < gp->stack_lo)
		return true;
	/* A frame larger than the guard may step over it. */
	return sp < gp->stack_lo && gp->stack_lo - sp < (1 << 20) && address < gp->stack_lo && address + 4096 >= sp;
}

/* Code that may hold a lock of its own, or be in the middle of something, when it is handed a wrong address. */
static bool is_delicate(uint64_t pc)
{
	for (const struct rt_text_range *range = __start_gos_text; range < __stop_gos_text; range++)
		if (pc - range->from < range->to - range->from)
			return true;
	struct rt_module module;
	if (&__start_gos_text[0] == &__stop_gos_text[0] || !rt_module_of(pc, &module))
		return true;
	static const char *const libraries[] = {"libc.", "libc-", "ld-", "ld.", "ld64", "libpthread", "libdl", "librt", "libgcc_s", "linux-vdso"};
	const char *name = strrchr(module.path, '/');
	name = name != NULL ? name + 1 : module.path;
	for (size_t i = 0; i < sizeof libraries / sizeof *libraries; i++)
		if (strncmp(name, libraries[i], strlen(libraries[i])) == 0)
			return true;
	return module.path[0] == 0 && libc_is_inside;
}

/*
 * As in Go, what a program does wrong with a pointer or a number panics, where the signal struck in the program's own code on a goroutine's stack,
 * and some function there has deferred a call that might recover. Else the system's way of dying shows more. True: the goroutine goes on in
 * rt_sigpanic when the handler returns.
 */
static bool become_panic(int signal, const siginfo_t *info, ucontext_t *context)
{
	struct gos_m *mp = rt_tls_m;
	struct gos_g *gp = mp != NULL ? mp->curg : NULL;
	uint64_t address = (uint64_t)(uintptr_t)info->si_addr;
	if (gp == NULL)
		return false;
	switch (signal) {
	case SIGSEGV:
		if ((info->si_code != SEGV_MAPERR && info->si_code != SEGV_ACCERR) || address >= 4096)
			return false;
		break;
	case SIGBUS:
		if (info->si_code != BUS_ADRERR || address >= 4096)
			return false;
		break;
	case SIGFPE:
		if (info->si_code <= 0)
			return false;
		break;
	default:
		return false;
	}

	struct rt_fault fault = {.address = address, .signal = signal, .code = info->si_code};
	struct rt_regs regs;
	rt_regs_of_signal(&regs, context);
	memcpy(fault.reg, regs.value, sizeof fault.reg);
	uint64_t sp = fault.reg[RT_REG_RSP], pc = fault.reg[RT_REG_RIP];
	if (sp < gp->stack_lo + PANIC_ROOM || sp >= gp->stack_hi)
		return false;
	const struct rt_deferred *d = gp->deferred;
	while (d != NULL && (d->panic != NULL || (uint64_t)(uintptr_t)d->frame < sp))
		d = d->link;
	if (d == NULL)
		return false;
	if (pc < 4096) { /* a call of nil: it stands where it came from */
		memcpy(&pc, (const void *)(uintptr_t)sp, sizeof pc);
		fault.reg[RT_REG_RIP] = --pc; /* within the call instruction */
		fault.reg[RT_REG_RSP] = sp + 8;
	}
	if (is_delicate(pc))
		return false;

	uint64_t to = (sp - RED_ZONE - sizeof fault) & ~UINT64_C(15);
	memcpy((void *)(uintptr_t)to, &fault, sizeof fault);
	context->uc_mcontext.gregs[REG_RSP] = (greg_t)to;
	context->uc_mcontext.gregs[REG_RIP] = (greg_t)(uintptr_t)rt_sigpanic;
	context->uc_mcontext.gregs[REG_EFL] &= ~(greg_t)(0x400 | 0x100); /* direction and trap flags, as functions expect them */
	return true;
}

static void on_fatal(int signal, siginfo_t *info, void *context)
{
	if (become_panic(signal, info, context))
		return;
	if (current_tid() == rt_load_relaxed(&dumper.tid) && rt_load_relaxed(&dumper.pid) == current_pid())
		rt_dumper_give_up(); /* our own mistake, or the process is that broken */
	int saved = errno;
	struct rt_report *report = rt_dying_begin();
	rt_regs_of_signal(&report->regs, context);
	report->exact = true;
	uint64_t sp = report->regs.value[RT_REG_RSP];
	report->current = rt_dump_goroutine_at(sp);
	bool overflow = is_overflow(report->current, signal, info, sp);
	enum rt_traceback_level level = rt_crash_level();
	report->show_current = level >= RT_LEVEL_SINGLE;
	report->show_others = level >= RT_LEVEL_ALL || (level == RT_LEVEL_SINGLE && report->current == NULL);
	report->account_current = true;
	report->system = level >= RT_LEVEL_SYSTEM;

	char *to = report->head, *end = to + sizeof report->head;
	if (overflow) {
		const struct gos_g *gp = report->current;
		add(&to, end, "gossamer: goroutine ");
		add_number(&to, end, gp->goid, 10);
		if (gp->name[0] != 0) {
			add(&to, end, " \"");
			add(&to, end, gp->name);
			add(&to, end, "\"");
		}
		add(&to, end, " exceeds its stack of ");
		/* The top is moved down by less than a page: colour. */
		add_number(&to, end, (gp->stack_hi - gp->stack_lo + 4095) & ~UINT64_C(4095), 10);
		add(&to, end, " bytes\nfatal error: stack overflow\n");
	} else {
		add(&to, end, "fatal error: unexpected signal\n");
	}
	add(&to, end, "[signal ");
	add(&to, end, rt_signal_text(signal));
	add(&to, end, " code=");
	if (info->si_code < 0)
		add(&to, end, "-");
	add_number(&to, end, info->si_code < 0 ? -(uint64_t)info->si_code : (uint64_t)info->si_code, 10);
	if (info->si_code > 0) {
		add(&to, end, " addr=0x");
		add_number(&to, end, (uint64_t)(uintptr_t)info->si_addr, 16);
	}
	add(&to, end, " pc=0x");
	add_number(&to, end, report->regs.value[RT_REG_RIP], 16);
	add(&to, end, "]\n\n");
	rt_dying_print(report);
	if (overflow)
		rt_dying_end();

	/* Die by the signal itself, where it struck: the exit status and the core are those of a program without us. */
	tell_time();
	struct sigaction action = {.sa_handler = SIG_DFL};
	sigaction(signal, &action, NULL);
	if (info->si_code <= 0) /* sent by somebody: the instruction will not fail again by itself */
		syscall(SYS_tgkill, current_pid(), current_tid(), signal);
	errno = saved;
}

static void on_quit(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	if (rt_load_acquire(&dying_tid) != 0 && rt_load_acquire(&dying_pid) == current_pid())
		return; /* the process ends as it is */
	struct rt_report *report = rt_dying_begin();
	rt_regs_of_signal(&report->regs, context);
	report->exact = true;
	report->current = rt_dump_goroutine_at(report->regs.value[RT_REG_RSP]);
	int level = rt_crash_level();
	report->show_current = level != RT_LEVEL_NONE && report->current != NULL;
	report->show_others = level != RT_LEVEL_NONE; /* all of them already with "single", as in Go: that is what one asks for */
	report->stuck = level != RT_LEVEL_NONE;
	report->system = level >= RT_LEVEL_SYSTEM;
	char *to = report->head, *end = to + sizeof report->head;
	add(&to, end, "SIGQUIT: quit\nPC=0x");
	add_number(&to, end, report->regs.value[RT_REG_RIP], 16);
	struct gos_m *mp = rt_tls_m;
	if (mp != NULL) {
		add(&to, end, " m=");
		add_number(&to, end, mp->id, 10);
	}
	add(&to, end, " sigcode=");
	if (info->si_code < 0)
		add(&to, end, "-");
	add_number(&to, end, info->si_code < 0 ? -(uint64_t)info->si_code : (uint64_t)info->si_code, 10);
	add(&to, end, "\n\n");
	rt_dying_print(report);
	rt_dying_end();
}

/* A shell that runs no terminal has what it starts in the background ignore SIGQUIT; that is nobody's wish for a server. What the program itself ignores
 * later stays ignored. */
static bool quit_was_ignored;

__attribute__((constructor)) static void look_at_quit(void)
{
	struct sigaction action;
	quit_was_ignored = sigaction(SIGQUIT, NULL, &action) == 0 && (action.sa_flags & SA_SIGINFO) == 0 && action.sa_handler == SIG_IGN;
}

static bool install(int signal, void (*handler)(int, siginfo_t *, void *), int flags)
{
	struct sigaction action;
	if (sigaction(signal, NULL, &action) != 0 || (action.sa_flags & SA_SIGINFO) != 0)
		return false;
	if (action.sa_handler != SIG_DFL && !(signal == SIGQUIT && action.sa_handler == SIG_IGN && quit_was_ignored))
		return false;
	memset(&action, 0, sizeof action);
	action.sa_sigaction = handler;
	action.sa_flags = SA_SIGINFO | SA_ONSTACK | flags;
	sigemptyset(&action.sa_mask);
	return sigaction(signal, &action, NULL) == 0;
}

void rt_crash_init(void)
{
	rt_crash_level();
	rt_traceback_refresh();
	struct rt_module module;
	libc_is_inside = !rt_module_of((uint64_t)(uintptr_t)gnu_get_libc_version(), &module) || module.path[0] == 0;

	pthread_t thread;
	pthread_attr_t attr;
	sigset_t all, old;
	sigfillset(&all);
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, DUMPER_STACK_SIZE);
	dumper.phase = RT_DUMPER_IDLE;
	pthread_sigmask(SIG_SETMASK, &all, &old); /* which the dumper inherits */
	if (pthread_create(&thread, &attr, dumper_main, NULL) == 0)
		rt_store_release(&dumper.pid, current_pid()); /* dumper_is_here: a thread from before gos_run may ask for a dump */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);

	for (size_t size = RESERVE_MAX; reserve_size == 0 && size >= RESERVE_MIN; size /= 2) {
		reserve = mmap(NULL, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
		if (reserve != MAP_FAILED)
			reserve_size = size;
	}

	install(SIGQUIT, on_quit, 0);
	install(SIGSEGV, on_fatal, 0);
	install(SIGBUS, on_fatal, 0);
	install(SIGFPE, on_fatal, 0);
	install(SIGILL, on_fatal, 0);
	install(SIGABRT, on_fatal, 0);
	rt_store_relaxed(&capture_usable, install(CAPTURE_SIGNAL, on_capture, SA_RESTART)); /* the dumper is there already */
}

void rt_crash_init_m(struct gos_m *mp)
{
	char *at =
		mmap(NULL, RT_GUARD_SIZE + RT_SIGNAL_STACK_SIZE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (at == MAP_FAILED)
		rt_fatal_exhausted("a signal stack", errno);
	if (mprotect(at + RT_GUARD_SIZE, RT_SIGNAL_STACK_SIZE, PROT_READ | PROT_WRITE) != 0)
		rt_fatal_exhausted("a signal stack", errno);
	stack_t stack = {.ss_sp = at + RT_GUARD_SIZE, .ss_size = RT_SIGNAL_STACK_SIZE};
	sigaltstack(&stack, NULL);
	mp->signal_stack = at + RT_GUARD_SIZE;
}
