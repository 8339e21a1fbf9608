/* SPDX-License-Identifier: MIT */
/*
 * Goal: frames are right and reading them is safe (rt/traceback.c); what a dump says (rt/dump.c), and how a process dies (rt/crash.c,
 * rt/throw.c). Method: frames are compared with libgcc's at random instants, and read from stacks that were overwritten with noise; dumps
 * are read as text, by panicparse too where it is installed; deaths are rows of a table.
 */
#include <alloca.h>
#include <dlfcn.h>
#include <link.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <unwind.h>

#include "gos_test.h"
#include "state.h"
#include "tails.h"
#include "throw.h"
#include "traceback.h"

#if defined(__clang__)
#define NOINLINE __attribute__((noinline))
#else
#define NOINLINE __attribute__((noinline, noclone))
#endif
#if defined(GOS_TEST_TSAN)
#define DEFERS_SIGNALS true /* ThreadSanitizer runs handlers when it suits it, not where the signal struck */
#else
#define DEFERS_SIGNALS false
#endif
#define SIGNALLED __attribute__((unused)) /* not used with sanitizers */
#define KEEP_FRAME __asm__ volatile("")   /* after a call: it is not the last thing its caller does */

/* ---- frames --------------------------------------------------------------------------------------------------------- */

#define FRAMES_MAX 200

static struct {
	uint64_t pc[FRAMES_MAX];
	int n;
} oracle;

static _Unwind_Reason_Code oracle_frame(struct _Unwind_Context *context, void *arg)
{
	(void)arg;
	int before;
	if (oracle.n < FRAMES_MAX)
		oracle.pc[oracle.n++] = _Unwind_GetIPInfo(context, &before);
	return _URC_NO_REASON;
}

static volatile int compared, differing;

static void compare(int signal, siginfo_t *info, void *context)
{
	(void)signal;
	(void)info;
	struct rt_regs regs;
	struct rt_frame frames[FRAMES_MAX];
	char page[RT_MEMORY_PAGE];
	rt_regs_of_signal(&regs, context);
	struct rt_memory memory = {.anywhere = true, .page = page};
	size_t n = rt_unwind(&regs, true, &memory, frames, FRAMES_MAX);

	oracle.n = 0;
	_Unwind_Backtrace(oracle_frame, NULL);
	int from = 0; /* past this handler and its trampoline */
	while (from < oracle.n && oracle.pc[from] != regs.value[RT_REG_RIP])
		from++;
	bool same = oracle.n - from == (int)n || (oracle.n - from == (int)n + 1 && oracle.pc[oracle.n - 1] == 0);
	for (size_t i = 0; same && i < n; i++)
		same = oracle.pc[from + (int)i] == frames[i].pc;

	/* And from here, through the trampoline. */
	rt_regs_here(&regs);
	memory.page_at = 0;
	size_t all = rt_unwind(&regs, true, &memory, frames, FRAMES_MAX);
	same = same && all > n && frames[all - 1].pc == oracle.pc[from + (int)n - 1];
	compared++;
	differing += !same;
}

static int order(const void *a, const void *b)
{
	return *(const int *)a - *(const int *)b;
}

static volatile int kept; /* so that the calls are made */

static NOINLINE int recurse(int depth)
{
	volatile char some[depth * 8 + 1];
	some[0] = 1;
	if (depth > 0)
		return recurse(depth - 1) + some[0];
	int numbers[256];
	char text[100];
	for (int i = 0; i < 256; i++)
		numbers[i] = rand();
	qsort(numbers, 256, sizeof numbers[0], order);
	snprintf(text, sizeof text, "%d %g", numbers[3], 1.0 / (1 + numbers[4]));
	return (int)strlen(text);
}

PLAIN_TEST(unwind_agrees_with_libgcc_at_any_instant)
{
	if (DEFERS_SIGNALS)
		return;
	struct sigaction action = {.sa_sigaction = compare, .sa_flags = SA_SIGINFO | SA_RESTART};
	struct itimerval timer = {{0, 1000}, {0, 1000}}, never = {{0, 0}, {0, 0}};
	rt_traceback_refresh();
	_Unwind_Backtrace(oracle_frame, NULL); /* it loads a library the first time */
	sigaction(SIGALRM, &action, NULL);
	setitimer(ITIMER_REAL, &timer, NULL);
	while (compared < 500)
		kept = recurse(20);
	setitimer(ITIMER_REAL, &never, NULL);
	expect_eq(differing, 0);
}

/* Three frames of known return addresses, from here outwards. */
static struct rt_regs seen_regs;
static void *seen_return[3];

static NOINLINE void see3(void)
{
	rt_regs_here(&seen_regs);
	seen_return[0] = __builtin_return_address(0);
	char page[RT_MEMORY_PAGE];
	struct rt_frame frames[4];
	struct rt_memory memory = {.anywhere = true, .page = page};
	expect_eq(rt_unwind(&seen_regs, true, &memory, frames, 4), 4);
	for (int i = 0; i < 3; i++)
		expect(i == 0 ? frames[1].pc == (uint64_t)(uintptr_t)seen_return[0] : !frames[i + 1].exact);
	expect(frames[2].pc == (uint64_t)(uintptr_t)seen_return[1]);
	expect(frames[3].pc == (uint64_t)(uintptr_t)seen_return[2]);
	expect(frames[0].exact && !frames[1].exact);
}

static NOINLINE void see2(void)
{
	seen_return[1] = __builtin_return_address(0);
	see3();
	KEEP_FRAME;
}

static NOINLINE void see1(void)
{
	seen_return[2] = __builtin_return_address(0);
	see2();
	KEEP_FRAME;
}

PLAIN_TEST(unwind_from_a_function_itself)
{
	rt_traceback_refresh();
	see1();
	KEEP_FRAME;
}

PLAIN_TEST(unwind_reads_nothing_outside_of_its_memory)
{
	rt_traceback_refresh();
	struct rt_regs regs;
	struct rt_frame frames[8];
	rt_regs_here(&regs);
	uint64_t sp = regs.value[RT_REG_RSP];
	for (uint64_t size = 0; size < 256; size += 8) {
		/* The bytes are elsewhere, and end where memory does. */
		char *map = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
		mprotect(map + 4096, 4096, PROT_NONE);
		expect_eq(rt_peek(map + 4096 - size, sp, size), size);
		struct rt_memory memory = {.lo = sp, .hi = sp + size, .bytes = map + 4096 - size};
		size_t n = rt_unwind(&regs, true, &memory, frames, 8);
		expect(n >= 1 && frames[0].pc == regs.value[RT_REG_RIP]);
		munmap(map, 8192);
	}
	struct rt_memory none = {.lo = 0, .hi = 0, .bytes = NULL};
	expect_eq(rt_unwind(&regs, true, &none, frames, 8), 1);
}

/* A stack of noise, among it addresses of code and of the stack: whatever comes of it, it ends. */
PLAIN_TEST(unwind_survives_a_stack_of_noise)
{
	rt_traceback_refresh();
	static uint64_t copy[512];
	static struct rt_frame frames[5000];
	uint64_t seed = gos_test_seed(), base = UINT64_C(0x700000000000);
	void *const code[] = {(void *)recurse, (void *)see3,      (void *)printf, (void *)qsort,
			      (void *)gos_run, (void *)gos_yield, (void *)malloc};
	for (int round = 0; round < 20000; round++) {
		for (size_t i = 0; i < 512; i++) {
			uint64_t r = gos_test_random(&seed);
			copy[i] = r % 4 == 0   ? (uint64_t)(uintptr_t)code[(r >> 8) % 7] + (r >> 20) % 300
				  : r % 4 == 1 ? base + (r >> 8) % sizeof copy
				  : r % 4 == 2 ? r
					       : r % 100;
		}
		struct rt_regs regs;
		for (int i = 0; i < RT_REG_COUNT; i++)
			regs.value[i] = base + gos_test_random(&seed) % sizeof copy;
		regs.value[RT_REG_RIP] = (uint64_t)(uintptr_t)code[round % 7] + gos_test_random(&seed) % 300;
		regs.known = (uint32_t)gos_test_random(&seed);
		struct rt_memory memory = {.lo = base, .hi = base + sizeof copy, .bytes = (const char *)copy};
		size_t n = rt_unwind(&regs, round % 2, &memory, frames, 5000);
		expect(n >= 1 && n <= sizeof copy / 8 + 4);
		static struct rt_rules rules;
		static struct rt_trace trace, other;
		if (rt_unwind_trace_by_rules(&rules, &regs, &memory, &trace)) {
			rt_unwind_trace(&regs, false, &memory, &other);
			expect_eq(trace.total, other.total);
		}
	}
}

PLAIN_TEST(peek_copies_what_there_is)
{
	char *map = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	static char to[3 * 4096];
	memset(map, 7, 3 * 4096);
	mprotect(map + 4096, 4096, PROT_NONE);
	expect_eq(rt_peek(to, (uint64_t)(uintptr_t)map + 4000, 8000), 96);
	expect(to[0] == 7 && to[95] == 7);
	expect_eq(rt_peek(to, (uint64_t)(uintptr_t)map + 4096, 8), 0);
	expect_eq(rt_peek(to, 0, 8), 0);
	expect_eq(rt_peek(to, (uint64_t)(uintptr_t)map + 8192, 4096), 4096);
	munmap(map, 3 * 4096);
}

PLAIN_TEST(trace_keeps_both_ends)
{
	static struct rt_trace trace;
	trace.total = 130;
	int kept = 0;
	for (size_t i = 0; i < trace.total; i++) {
		const struct rt_frame *frame = rt_trace_frame(&trace, i);
		expect((frame != NULL) == (i < 50 || i >= 80));
		kept += frame != NULL;
	}
	expect_eq(kept, 100);
	trace.total = 100;
	for (size_t i = 0; i < trace.total; i++)
		expect(rt_trace_frame(&trace, i) != NULL);
}

/* ---- dumps ---------------------------------------------------------------------------------------------------------- */

static gos_chan *silent;
static gos_mutex mutex;
static int spin_on = 1, spinning;

static NOINLINE void receive_here(void)
{
	int v;
	gos_chan_recv(silent, &v);
	KEEP_FRAME;
}

static NOINLINE void receiver(void)
{
	receive_here();
	KEEP_FRAME;
}

static NOINLINE void locker(void)
{
	gos_set_name("a [b], c");
	gos_mutex_lock(&mutex);
	receive_here();
	KEEP_FRAME;
}

static NOINLINE void blocked(void)
{
	gos_mutex_lock(&mutex);
	KEEP_FRAME;
}

static NOINLINE void spin_here(void)
{
	while (__atomic_load_n(&spin_on, __ATOMIC_RELAXED))
		__atomic_store_n(&spinning, 1, __ATOMIC_RELAXED);
}

static NOINLINE void spinner(void)
{
	spin_here();
	KEEP_FRAME;
}

static NOINLINE int deep(int depth)
{
	volatile char some[32];
	some[0] = 1;
	if (depth == 0)
		receive_here();
	else
		return deep(depth - 1) + some[0];
	return some[0];
}

static void fresh(int unused)
{
	(void)unused;
}

static struct gos_g *record_of(uint64_t goid)
{
	for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		if (gp->goid == goid)
			return gp;
	}
	return NULL;
}

static char dump_text[8 << 20];

/* The dump goes to a file that is in memory, so that nobody needs to read while it is written. */
static int begin_dump(void)
{
	int fd = memfd_create("dump", 0);
	expect(fd >= 0);
	return fd;
}

static const char *end_dump(int fd)
{
	ssize_t n = pread(fd, dump_text, sizeof dump_text - 1, 0);
	expect(n >= 0);
	dump_text[n] = 0;
	close(fd);
	return dump_text;
}

static const char *dump(void)
{
	int fd = begin_dump();
	gos_stack_dump(fd);
	return end_dump(fd);
}

/* The block of one goroutine, copied; NULL if there is none. */
static const char *block_of(const char *text, uint64_t goid)
{
	static char block[1 << 20];
	char header[40];
	snprintf(header, sizeof header, "goroutine %llu [", (unsigned long long)goid);
	const char *at = text;
	while ((at = strstr(at, header)) != NULL && at != text && at[-1] != '\n')
		at++;
	if (at == NULL)
		return NULL;
	const char *end = strstr(at, "\n\n");
	expect(end != NULL && end - at < (ptrdiff_t)sizeof block);
	memcpy(block, at, (size_t)(end - at));
	block[end - at] = 0;
	return block;
}

/* Each stands there, in this order; "^" stands for the begin of a line. */
static void expect_text(const char *text, ...)
{
	va_list args;
	va_start(args, text);
	const char *at = text, *wanted;
	while ((wanted = va_arg(args, const char *)) != NULL) {
		bool line = *wanted == '^';
		const char *found = at;
		while ((found = strstr(found, wanted + line)) != NULL && line && found != text && found[-1] != '\n')
			found++;
		if (found == NULL)
			ck_abort_msg("\"%s\" is not where it should be in:\n%s", wanted, text);
		at = found + strlen(wanted + line);
	}
	va_end(args);
}

static size_t count_of(const char *text, const char *what)
{
	size_t n = 0;
	for (const char *at = text; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	return n;
}

GOS_TEST(dump_shows_where_each_goroutine_stands)
{
	silent = gos_chan_make(int, 0);
	uint64_t a = go(receiver), b = go(locker);
	gos_test_until_n_waiting(2, "chan receive");
	uint64_t c = go(blocked);
	gos_test_until_waiting(c, "sync.Mutex.Lock");
	const char *text = dump();
	char expected[100];

	const char *block = block_of(text, a);
	snprintf(expected, sizeof expected, "chan %p, created by goroutine 1", (void *)silent);
	expect_text(block, "[chan receive, ", expected, "^gos_chan_recv(...)\n\t", "^receive_here(...)\n\t", "^receiver(...)\n\t", "^created by ",
		    NULL);
	expect(strstr(block, "rt_") == NULL); /* the runtime's own frames are not a user's business */

	block = block_of(text, b);
	expect_text(block, "[chan receive, ", "s, \"a (b); c\", chan 0x", "^receive_here(...)\n", "^locker(...)\n", NULL);

	block = block_of(text, c);
	snprintf(expected, sizeof expected, "mutex %p held by goroutine %llu for ", (void *)&mutex, (unsigned long long)b);
	expect_text(block, "[sync.Mutex.Lock, ", expected, ", locked at locker", ", created by goroutine 1", "]:\n", "^gos_mutex_lock(...)\n", "^blocked(...)\n", NULL);

	block = block_of(text, 1);
	expect_text(block, "goroutine 1 [running]:\n", "^gos_stack_dump(...)\n", "^dump(...)\n", NULL);
	expect(strstr(block, "created by") == NULL);
}

/* Whatever a program says in its labels, the first line of a stack is one line, and ends where its brackets do. */
GOS_TEST(dump_of_one_with_hostile_labels)
{
	char key[8] = "k?", huge[256];
	memset(huge, ',', sizeof huge - 1);
	huge[sizeof huge - 1] = 0;
	expect_eq(gos_set_label("a]:b[", "goroutine 1 [running]:\n\nmain.main()\n\t/a/b.go:1\x1b[31m\xff\xc3"), 0);
	for (int i = 0; i < 15; i++) {
		key[1] = (char)('a' + i);
		expect_eq(gos_set_label(key, huge), 0);
	}
	expect(gos_set_label("one more", "") < 0);
	silent = gos_chan_make(int, 0);
	uint64_t a = go(receiver);
	gos_test_until_waiting(a, "chan receive");
	const char *block = block_of(dump(), a);
	expect(block != NULL);
	size_t n = strcspn(block, "\n");
	expect(n < 4096);
	expect_eq(strncmp(block + n - 2, "]:", 2), 0);
	expect_eq(strcspn(block, "]"), n - 2);
	for (size_t i = 0; i < n; i++)
		expect((unsigned char)block[i] >= ' ' && (unsigned char)block[i] < 127);
	if (GOS_RECORD)
		expect_text(block, ", a):b(=goroutine 1 (running):??main.main()?", ", ka=;;;;", NULL);
	expect_text(block + n, "^gos_chan_recv(...)\n", "^receive_here(...)\n", NULL);
	expect_eq(count_of(dump_text, "\ngoroutine "), 1);
}

static int receive_in_order(const void *a, const void *b)
{
	(void)a;
	(void)b;
	receive_here();
	KEEP_FRAME;
	return 0;
}

/* From within libc. */
static NOINLINE void receive_within_sort(void)
{
	int two[2] = {2, 1};
	qsort(two, 2, sizeof *two, receive_in_order);
	KEEP_FRAME;
}

static NOINLINE void receive_aligned(void)
{
	struct {
		char bytes[128];
	} __attribute__((aligned(64))) some;
	memset(&some, 1, sizeof some);
	receive_here();
	__asm__ volatile("" ::"r"(&some) : "memory");
}

static NOINLINE void receive_deep(int depth)
{
	char *some = alloca((size_t)depth * 16 + 16);
	some[0] = 1;
	if (depth == 0)
		receive_aligned();
	else if (depth == 3)
		receive_within_sort();
	else
		receive_deep(depth - 1);
	__asm__ volatile("" ::"r"(some) : "memory");
}

/* Frames of every kind, found in both ways. */
GOS_TEST(unwinding_by_rules_agrees_with_the_tables)
{
	enum { KINDS = 120 };
	static struct rt_rules rules;
	static struct rt_trace slow, fast;
	struct gos_g *gps[KINDS + 3];
	size_t n = 0, by_rules = 0, longest = 0;
	silent = gos_chan_make(int, 0);
	for (int i = 0; i < KINDS; i++)
		gps[n++] = record_of(go(receive_deep, i % 3 + (i / 3 != 1 ? 0 : 4)));
	gps[n++] = record_of(go(receive_deep, 2));
	gps[n++] = record_of(go(deep, 300));
	gps[n++] = record_of(go(receiver));
	gos_test_until_n_waiting(n, "chan receive");
	for (int pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < n; i++) {
			uint64_t sp = gps[i]->sched.sp;
			struct rt_memory memory = {.lo = sp, .hi = gps[i]->stack_hi, .bytes = (const char *)(uintptr_t)sp};
			struct rt_regs regs;
			rt_regs_parked(&regs, sp, (uint64_t)(uintptr_t)gos_runtime.resume_pc);
			rt_unwind_trace(&regs, false, &memory, &slow);
			if (!rt_unwind_trace_by_rules(&rules, &regs, &memory, &fast))
				continue;
			by_rules++;
			expect_eq(fast.total, slow.total);
			longest = fast.total > longest ? fast.total : longest;
			for (size_t f = 0; f < slow.total; f++) {
				const struct rt_frame *a = rt_trace_frame(&slow, f), *b = rt_trace_frame(&fast, f);
				expect((a == NULL) == (b == NULL) && (a == NULL || (a->pc == b->pc && a->exact == b->exact)));
			}
		}
	}
	expect_eq(by_rules, 2 * n);
	expect_gt(longest, 300);
}

static int call_pipe[2];
static volatile int in_call;

static NOINLINE void *call_here(void *arg)
{
	char byte;
	__atomic_store_n(&in_call, 1, __ATOMIC_RELEASE);
	expect_eq(read(call_pipe[0], &byte, 1), 1);
	return arg;
}

static NOINLINE void caller(void)
{
	gos_lock_thread();
	gos_blocking(call_here, NULL);
	gos_unlock_thread();
	KEEP_FRAME;
}

static NOINLINE void locked_receiver(void)
{
	gos_lock_thread();
	receive_here();
	KEEP_FRAME;
}

GOS_TEST(dump_shows_what_blocks_a_thread)
{
	expect(pipe(call_pipe) == 0);
	uint64_t a = go(caller);
	gos_test_until(&in_call);
	expect_text(block_of(dump(), a), "[syscall, ", "s, locked to thread, created by goroutine 1", "]:\n", "^call_here(...)\n", "^gos_blocking(...)\n",
		    "^caller(...)\n", NULL);
	__atomic_store_n(&record_of(a)->wait_since, gos_now() - 150 * GOS_S, __ATOMIC_RELAXED);
	expect_text(block_of(dump(), a), "[syscall, 2 minutes, locked to thread, created by goroutine 1", "]:\n", "^call_here(...)\n", NULL);
	expect(write(call_pipe[1], "x", 1) == 1);
	gos_test_until_num(1);
}

/* ---- calls that a signal would end ---- */

static int polls_done, poll_errors;

/* poll(2) is not restarted after a signal, whatever SA_RESTART says. */
static NOINLINE void *poll_here(void *arg)
{
	struct pollfd fd = {.fd = call_pipe[0], .events = POLLIN};
	__atomic_add_fetch(&in_call, 1, __ATOMIC_RELEASE);
	int n = poll(&fd, 1, -1);
	__atomic_add_fetch(&poll_errors, n != 1, __ATOMIC_RELAXED);
	return arg;
}

/* A frame of a size that the compiler does not know is found by its frame pointer only. */
static NOINLINE void *poll_deeper(void *arg)
{
	char *some = alloca(*(const size_t *)arg);
	memset(some, 1, *(const size_t *)arg);
	void *value = poll_here(arg);
	__asm__ volatile("" ::"r"(some) : "memory");
	return value;
}

static NOINLINE void *poll_deepest(void *arg)
{
	char *some = alloca(*(const size_t *)arg);
	memset(some, 1, *(const size_t *)arg);
	void *value = poll_deeper(arg);
	__asm__ volatile("" ::"r"(some) : "memory");
	return value;
}

static const size_t frame_size = 200;

static NOINLINE void blocked_in_function(void)
{
	gos_blocking(poll_deepest, (void *)&frame_size);
	__atomic_add_fetch(&polls_done, 1, __ATOMIC_RELEASE);
}

static NOINLINE void blocked_between(void)
{
	gos_blocking_begin();
	poll_here(NULL);
	gos_blocking_end();
	__atomic_add_fetch(&polls_done, 1, __ATOMIC_RELEASE);
}

static NOINLINE void enter_section(void)
{
	gos_blocking_begin();
	KEEP_FRAME;
}

/* As the constructor of a C++ object does. */
static NOINLINE void blocked_after_entering(void)
{
	enter_section();
	poll_here(NULL);
	gos_blocking_end();
	__atomic_add_fetch(&polls_done, 1, __ATOMIC_RELEASE);
}

static const char *dump_as(unsigned flags)
{
	int fd = begin_dump();
	expect_eq(gos_dump(fd, flags), 0);
	return end_dump(fd);
}

GOS_TEST(dumps_do_not_end_the_calls_of_blocking_sections)
{
	expect(pipe(call_pipe) == 0);
	uint64_t function = go(blocked_in_function), between = go(blocked_between), after = go(blocked_after_entering);
	while (__atomic_load_n(&in_call, __ATOMIC_ACQUIRE) != 3)
		gos_sleep(GOS_MS);
	gos_sleep(20 * GOS_MS); /* for who is about to fall asleep: else its inner frames may be missing, and it is right all the same */
	for (int round = 0; round < 20; round++) {
		const char *text = dump_as(GOS_DUMP_STACKS);
		expect_text(block_of(text, function), "[syscall, ", "created by goroutine 1", "]:\n", "^gos_blocking(...)\n", "^blocked_in_function(...)\n", "^created by ", NULL);
		expect_text(block_of(text, between), "[syscall, ", "^blocked_between(...)\n", "^created by ", NULL);
		expect_text(block_of(text, after), "[syscall, ", "^blocked_after_entering(...)\n", "^created by ", NULL);
		if (access("/proc/self/syscall", R_OK) == 0) {
			expect_text(block_of(text, function), "^poll_here(...)\n", "^poll_deeper(...)\n", "^poll_deepest(...)\n", "^gos_blocking(...)\n", NULL);
			expect_text(block_of(text, between), "^poll_here(...)\n", "^blocked_between(...)\n", NULL);
			expect_text(block_of(text, after), "^poll_here(...)\n", "^blocked_after_entering(...)\n", NULL);
			expect(strstr(block_of(text, after), "enter_section(...)") == NULL); /* it has returned */
		}
		text = dump_as(GOS_DUMP_GROUPS);
		expect_text(text, "4 goroutines in 4 groups:\n\n", NULL);
		expect_eq(count_of(text, "1 goroutine [syscall, "), 3);
		text = dump_as(GOS_DUMP_ACCOUNTS);
		expect_eq(count_of(text, " has blocked thread "), 3);
		expect_text(text, " in syscall at blocked_in_function (test_traceback.c:", " in syscall at blocked_between (test_traceback.c:", " in syscall at enter_section (test_traceback.c:", NULL);
	}
	expect_eq(__atomic_load_n(&polls_done, __ATOMIC_ACQUIRE), 0);
	expect(write(call_pipe[1], "x", 1) == 1);
	gos_test_until_num(1);
	expect_eq(__atomic_load_n(&poll_errors, __ATOMIC_RELAXED), 0);
}

static int no_more_sections;
static uint64_t sections, interrupted;

/* Runs and blocks in turn, so that whoever is about to ask it while it runs may find it blocked. */
static void in_and_out(int me)
{
	struct timespec little = {.tv_nsec = 50 * 1000};
	uint64_t n = 0, ended_early = 0;
	while (!__atomic_load_n(&no_more_sections, __ATOMIC_RELAXED)) {
		for (volatile int i = 0; i < 300 * (me + 1); i++)
			;
		gos_blocking_begin();
		ended_early += nanosleep(&little, NULL) != 0;
		gos_blocking_end();
		n++;
	}
	__atomic_add_fetch(&sections, n, __ATOMIC_RELAXED);
	__atomic_add_fetch(&interrupted, ended_early, __ATOMIC_RELAXED);
}

static void *dump_often(void *arg)
{
	for (int i = 0; i < 1000 / GOS_TEST_SLOW; i++)
		dump_as(GOS_DUMP_GROUPS);
	__atomic_store_n(&no_more_sections, 1, __ATOMIC_RELAXED);
	return arg;
}

GOS_TEST_WITHIN(dumps_do_not_end_the_calls_of_sections_that_just_begin, 120)
{
	pthread_t thread;
	for (int i = 0; i < 4; i++)
		go(in_and_out, i);
	expect_eq(pthread_create(&thread, NULL, dump_often, NULL), 0);
	while (gos_num_goroutines() > 1)
		gos_sleep(GOS_MS);
	pthread_join(thread, NULL);
	expect_gt(sections, 100);
	expect_eq(interrupted, 0);
}

GOS_TEST(dump_says_of_what_waits_which_thread_it_is_locked_to)
{
	silent = gos_chan_make(int, 0);
	uint64_t a = go(locked_receiver);
	gos_test_until_waiting(a, "chan receive");
	expect_text(block_of(dump(), a), "[chan receive, ", "s, locked to thread, chan 0x", "^receive_here(...)\n", "^locked_receiver(...)\n", NULL);
	gos_lock_thread();
	expect_text(block_of(dump(), 1), "goroutine 1 [running, locked to thread]:\n", NULL);
	gos_unlock_thread();
	expect_text(block_of(dump(), 1), "goroutine 1 [running]:\n", NULL);
}

static gos_rwmutex written, read_by_two;
static gos_once once;
static gos_cond condition;
static gos_waitgroup group;

static NOINLINE void write_lock(gos_rwmutex *rw)
{
	gos_rwmutex_lock(rw);
	receive_here();
	KEEP_FRAME;
}

static NOINLINE void read_lock(gos_rwmutex *rw)
{
	gos_rwmutex_rlock(rw);
	receive_here();
	KEEP_FRAME;
}

static void receive_in_once(void *arg)
{
	(void)arg;
	receive_here();
	KEEP_FRAME;
}

static NOINLINE void call_once(void)
{
	gos_once_do(&once, receive_in_once, NULL);
	KEEP_FRAME;
}

static NOINLINE void wait_for_condition(void)
{
	gos_mutex_lock(&mutex);
	gos_cond_wait(&condition, &mutex);
	KEEP_FRAME;
}

static NOINLINE void wait_for_group(void)
{
	gos_waitgroup_wait(&group);
	KEEP_FRAME;
}

/* Their goids, in the order of the names below. */
enum { WRITER, READS_WRITTEN, WRITES_WRITTEN, NEXT_WRITER, LATE_READER, ONCE_RUNNER, ONCE_WAITER, COND_WAITER, GROUP_WAITER, LOCKERS };
static uint64_t lockers[LOCKERS];

static void everybody_waits_for_locks(void)
{
	silent = gos_chan_make(int, 0);
	gos_waitgroup_add(&group, 7);
	lockers[WRITER] = go(write_lock, &written);
	gos_test_until_n_waiting(1, "chan receive");
	gos_test_until_waiting(lockers[READS_WRITTEN] = go(read_lock, &written), "sync.RWMutex.RLock");
	gos_test_until_waiting(lockers[WRITES_WRITTEN] = go(write_lock, &written), "sync.RWMutex.Lock");
	go(read_lock, &read_by_two);
	go(read_lock, &read_by_two);
	gos_test_until_n_waiting(3, "chan receive");
	gos_test_until_waiting(lockers[NEXT_WRITER] = go(write_lock, &read_by_two), "sync.RWMutex.Lock");
	gos_test_until_waiting(lockers[LATE_READER] = go(read_lock, &read_by_two), "sync.RWMutex.RLock");
	gos_test_until_waiting(lockers[ONCE_RUNNER] = go(call_once), "chan receive");
	gos_test_until_waiting(lockers[ONCE_WAITER] = go(call_once), "sync.Once.Do");
	gos_test_until_waiting(lockers[COND_WAITER] = go(wait_for_condition), "sync.Cond.Wait");
	gos_test_until_waiting(lockers[GROUP_WAITER] = go(wait_for_group), "sync.WaitGroup.Wait");
}

GOS_TEST(dump_says_who_holds_a_lock)
{
	everybody_waits_for_locks();
	const char *text = dump();
	char expected[200];
#define EXPECT_OBJECT(who, reason, format, then, ...)                                                       \
	do {                                                                                                \
		snprintf(expected, sizeof expected, format then, __VA_ARGS__);                              \
		expect_text(block_of(text, lockers[who]), "[" reason ", ", expected, ", created by goroutine 1", NULL); \
	} while (0)
	EXPECT_OBJECT(READS_WRITTEN, "sync.RWMutex.RLock", "rwmutex %p held by goroutine %d", " for ", (void *)&written, (int)lockers[WRITER]);
	EXPECT_OBJECT(WRITES_WRITTEN, "sync.RWMutex.Lock", "rwmutex %p held by goroutine %d", " for ", (void *)&written, (int)lockers[WRITER]);
	EXPECT_OBJECT(NEXT_WRITER, "sync.RWMutex.Lock", "rwmutex %p held by 2 readers", "", (void *)&read_by_two);
	EXPECT_OBJECT(LATE_READER, "sync.RWMutex.RLock", "rwmutex %p held by 2 readers that goroutine %d waits for", "", (void *)&read_by_two,
		      (int)lockers[NEXT_WRITER]);
	EXPECT_OBJECT(ONCE_WAITER, "sync.Once.Do", "once %p run by goroutine %d", " for ", (void *)&once, (int)lockers[ONCE_RUNNER]);
	EXPECT_OBJECT(COND_WAITER, "sync.Cond.Wait", "cond %p", "", (void *)&condition);
	EXPECT_OBJECT(GROUP_WAITER, "sync.WaitGroup.Wait", "waitgroup %p with 7 to come", "", (void *)&group);
}

GOS_TEST(dump_shows_files_and_lines_where_libdw_is)
{
	if (dlopen("libdw.so.1", RTLD_NOW) == NULL)
		return;
	silent = gos_chan_make(int, 0);
	uint64_t a = go(receiver);
	gos_test_until_waiting(a, "chan receive");
	expect_text(block_of(dump(), a), "^receive_here(...)\n\t", "/test_traceback.c:", " +0x", "^receiver(...)\n\t",
		    "/test_traceback.c:", NULL);
}

/* The entry's begin: function, file and line where that is known. */
static void expect_entry(const char *block, const char *before, const char *function, int line)
{
	char name[64], place[64];
	snprintf(name, sizeof name, "^%s(...)\n\t", function);
	snprintf(place, sizeof place, "/tails.c:%d +0x0\n", line);
	expect_text(block, before, name, dlopen("libdw.so.1", RTLD_NOW) != NULL ? place : "\n", "^created by ", NULL);
	expect_eq(count_of(block, name + 1), 1);
	expect(strstr(block, "rt_") == NULL);
}

/* An optimizing compiler makes a jump of the last call that a function makes. */
GOS_TEST(dump_of_one_whose_entry_has_no_frame)
{
	gos_mutex m = {0};
	gos_once once = {0};
	silent = gos_chan_make(int, 0);
	gos_mutex_lock(&m);
	uint64_t a = go(tail_receive, silent), b = go(tail_receive_too, silent), c = go(tail_step, silent), d = go(tail_once, &once, silent), f = go(gos_chan_recv, silent, NULL);
	gos_test_until_n_waiting(5, "chan receive");
	uint64_t e = go(tail_lock, &m);
	gos_test_until_waiting(e, "sync.Mutex.Lock");
	/* Else the frame is there, and this test is of nothing. */
	expect(record_of(a)->wait_pc == gos_runtime.entry_return_pc);
	expect(record_of(b)->wait_pc == gos_runtime.entry_return_pc);
	expect(record_of(e)->wait_pc == gos_runtime.entry_return_pc);

	const char *text = dump();
	expect_entry(block_of(text, a), "^gos_chan_recv(...)\n\t", "tail_receive", tail_receive_line);
	expect_entry(block_of(text, b), "^gos_chan_recv(...)\n\t", "tail_receive_too", tail_receive_too_line);
	expect_entry(block_of(text, d), "^tail_within(...)\n\t", "tail_once", tail_once_line);
	expect_entry(block_of(text, e), "^gos_mutex_lock(...)\n\t", "tail_lock", tail_lock_line);
	/* Here it is another function of the program's that was jumped to. */
	expect_text(block_of(text, c), "^gos_chan_recv(...)\n\t", "^tail_stands(...)\n\t", "^tail_step(...)\n\t", "^created by ", NULL);
	expect_eq(count_of(block_of(text, c), "(...)\n"), 3);
	/* The entry itself is the one that waits: it has a frame. */
	expect_eq(count_of(block_of(text, f), "(...)\n"), 1);
}

GOS_TEST(dump_by_one_whose_entry_has_no_frame)
{
	int fd = begin_dump();
	uint64_t a = go(tail_dump, fd, GOS_DUMP_STACKS);
	gos_test_until_num(1);
	const char *block = block_of(end_dump(fd), a);
	expect_entry(block, "^gos_dump(...)\n\t", "tail_dump", tail_dump_line);
}

GOS_TEST(dump_of_one_that_runs_and_whose_entry_has_no_frame)
{
	static volatile int flags[2];
	if (gos_procs(0) == 1)
		gos_procs(2);
	uint64_t a = go(tail_spin, flags);
	gos_test_until(&flags[0]);
	if (!DEFERS_SIGNALS)
		expect_text(block_of(dump(), a), "[running]:\n", "^tail_spins(...)\n\t", "^tail_spin(...)\n\t", "^created by ", NULL);
	flags[1] = 1;
}

GOS_TEST(dump_of_one_that_has_not_run)
{
	uint64_t a = go(fresh, 3);
	const char *block = block_of(dump(), a);
	if (block == NULL) /* it has: on another thread */
		return;
	expect_text(block, "created by ", NULL);
	if (strstr(block, "[runnable]") != NULL)
		expect_text(block, "^fresh(...)\n", "^created by ", NULL);
}

GOS_TEST(dump_of_one_that_runs)
{
	if (gos_procs(0) == 1)
		gos_procs(2);
	uint64_t a = go(spinner);
	gos_test_until(&spinning);
	if (!DEFERS_SIGNALS)
		expect_text(block_of(dump(), a), "[running]:\n", "^spin_here(...)\n", "^spinner(...)\n", "^created by ", NULL);
	__atomic_store_n(&spin_on, 0, __ATOMIC_RELAXED);
}

GOS_TEST(dump_elides_the_middle_of_deep_stacks)
{
	silent = gos_chan_make(int, 0);
	uint64_t a = go(deep, 300);
	gos_test_until_waiting(a, "chan receive");
	const char *block = block_of(dump(), a);
	expect_text(block, " frames]:\n", "^gos_chan_recv(...)\n", "^receive_here(...)\n", "^deep(...)\n",
		    "^...additional frames elided...\n", "^deep(...)\n", "^created by ", NULL);
	size_t shown = count_of(block, "(...)\n");
	expect(shown >= 80 && shown <= 102);
}

static NOINLINE void deep_in_select(gos_chan *other)
{
	int v = 0;
	struct gos_case cases[] = {GOS_RECV(silent, &v), GOS_SEND(other, &v)};
	gos_select(cases, 2);
	KEEP_FRAME;
}

GOS_TEST(dump_names_all_channels_of_a_select)
{
	silent = gos_chan_make(int, 0);
	gos_chan *other = gos_chan_make(int, 0);
	uint64_t a = go(deep_in_select, other);
	gos_test_until_waiting(a, "select");
	const char *block = block_of(dump(), a);
	char address[2][40];
	snprintf(address[0], sizeof address[0], "chan %p", (void *)silent);
	snprintf(address[1], sizeof address[1], "chan %p", (void *)other);
	expect_text(block, "[select, ", "]:\n", "^gos_select(...)\n", "^deep_in_select(...)\n", NULL);
	expect(strstr(block, address[0]) != NULL && strstr(block, address[1]) != NULL);
}

static void *dump_from_outside(void *arg)
{
	(void)arg;
	dump();
	return NULL;
}

GOS_TEST(dump_from_a_thread_that_is_not_ours)
{
	pthread_t thread;
	silent = gos_chan_make(int, 0);
	uint64_t a = go(receiver);
	gos_test_until_waiting(a, "chan receive");
	pthread_create(&thread, NULL, dump_from_outside, NULL);
	pthread_join(thread, NULL);
	expect(block_of(dump_text, a) != NULL);
	expect_text(block_of(dump_text, 1), "goroutine 1 [running]:\n", "^dump_from_a_thread_that_is_not_ours_body(...)\n", NULL);
}

/* Goroutines that switch all the time, at random depths: no frame may be one that cannot be there. */
static int churn_stop;

static NOINLINE void churn_leaf(void)
{
	gos_yield();
	KEEP_FRAME;
}

static NOINLINE void churn_level(unsigned depth)
{
	if (depth == 0)
		churn_leaf();
	else
		churn_level(depth - 1);
	KEEP_FRAME;
}

static NOINLINE void churner(unsigned seed)
{
	while (!__atomic_load_n(&churn_stop, __ATOMIC_RELAXED)) {
		seed = seed * 1103515245 + 12345;
		churn_level((seed >> 16) % 30);
	}
}

GOS_TEST_WITHIN(dump_is_whole_while_everything_moves, 60)
{
	uint64_t first = 0, last = 0;
	for (unsigned i = 0; i < 32; i++) {
		last = go(churner, i);
		if (first == 0)
			first = last;
	}
	size_t whole = 0, away = 0;
	for (int round = 0; round < 20; round++) {
		const char *text = dump();
		for (const char *at = text; (at = strstr(at, "goroutine ")) != NULL;) {
			const char *end = strstr(at, "\n\n");
			expect(end != NULL);
			char *block = strndup(at, (size_t)(end - at));
			at = end + 2;
			if (strncmp(block, "goroutine 1 ", 12) != 0) {
				if (strstr(block, "stack unavailable") != NULL || DEFERS_SIGNALS) {
					away++;
				} else {
					/* Level by level down to churner, nothing behind it; before it what it called. */
					const char *own = strstr(block, "churn");
					size_t frames = own != NULL ? count_of(own, "(...)\n") : 0;
					size_t levels = count_of(block, "churn_level(...)\n");
					size_t leaves = count_of(block, "churn_leaf(...)\n"),
					       ends = count_of(block, "churner(...)\n");
					if (ends != 1 || leaves > 1 || frames != levels + leaves + ends ||
					    strstr(own, "churner(...)") < strstr(own, "churn_level"))
						ck_abort_msg("a stack that cannot be:\n%s", block);
					whole++;
				}
			}
			free(block);
		}
		gos_yield();
	}
	__atomic_store_n(&churn_stop, 1, __ATOMIC_RELAXED);
	expect(DEFERS_SIGNALS || away < whole);
}

/* 10,000 goroutines are a matter of a moment, and panicparse groups them. (ThreadSanitizer knows no more than 8,000 stacks.) */
#define MANY (DEFERS_SIGNALS ? 1000 : 10000)
GOS_TEST(dump_of_many_is_read_by_panicparse)
{
	silent = gos_chan_make(int, 0);
	for (int i = 0; i < MANY; i++)
		go(receiver);
	gos_test_until_n_waiting(MANY, "chan receive");
	go(deep, 300);
	gos_test_until_n_waiting(MANY + 1, "chan receive");
	int64_t start = gos_now();
	const char *text = dump();
	int64_t took = gos_now() - start;
	expect_eq(count_of(text, "\nreceiver(...)\n"), MANY);
	expect_lt(took, 5 * GOS_S * GOS_TEST_SLOW);

	if (system("command -v panicparse >/dev/null") != 0)
		return;
	char name[] = "/tmp/gossamer-dump-XXXXXX", command[100];
	int fd = mkstemp(name);
	FILE *file = fdopen(fd, "w");
	fputs(text, file);
	fclose(file);
	snprintf(command, sizeof command, "panicparse -no-color < %s", name);
	FILE *parsed = popen(command, "r");
	static char said[1 << 20];
	size_t n = fread(said, 1, sizeof said - 1, parsed);
	said[n] = 0;
	pclose(parsed);
	unlink(name);
	expect_text(said, MANY == 10000 ? "10000: chan receive" : "1000: chan receive", " [Created by ", "receive_here(...)",
		    "receiver(...)", NULL);
	expect(strstr(said, "goroutine ") == NULL ||
	       strstr(said, "\ngoroutine ") == NULL); /* nothing was passed through unread */
}

/* ---- deaths --------------------------------------------------------------------------------------------------------- */

static NOINLINE void panic_late(void)
{
	gos_panic("late");
}

/* Others than the one of that name wait for ever. */
static NOINLINE void make_child(void (*fn)(void))
{
	go(fn);
	gos_sleep(3600 * GOS_S);
	KEEP_FRAME;
}

static NOINLINE void child(void)
{
	gos_set_label("request", "r-881");
	make_child(panic_late);
	KEEP_FRAME;
}

static void die_in_a_grandchild(void)
{
	make_child(child);
	KEEP_FRAME;
}

static void die_by_panic(void)
{
	silent = gos_chan_make(int, 0);
	gos_test_until_waiting(go(receiver), "chan receive");
	gos_panic("answer %d", 42);
}

static void die_by_closed_channel(void)
{
	gos_chan *c = gos_chan_make(int, 1);
	int v = 1;
	gos_chan_close(c);
	gos_chan_send(c, &v);
}

static void die_by_throw(void)
{
	rt_throw("it is broken");
}

static void die_by_exhaustion(void)
{
	rt_fatal_exhausted("a thing", -12);
}

static void die_by_deadlock(void)
{
	silent = gos_chan_make(int, 0);
	gos_test_until_waiting(go(locker), "chan receive");
	gos_test_until_waiting(go(blocked), "sync.Mutex.Lock");
	gos_chan *c = gos_chan_make(struct gos_case *, 5);
	deep_in_select(NULL);
	gos_chan_recv(c, NULL);
}

static void die_by_deadlock_of_locks(void)
{
	everybody_waits_for_locks();
	gos_mutex_lock(&mutex);
	gos_mutex_lock(&mutex);
}

static void *panic_in_call(void *arg)
{
	gos_sleep(1);
	return arg;
}

SIGNALLED static void *abort_in_call(void *arg)
{
	if (arg == NULL)
		abort();
	return arg;
}

SIGNALLED static void die_by_abort_in_call(void)
{
	gos_blocking(abort_in_call, NULL);
}

static void die_in_call(void)
{
	gos_blocking(panic_in_call, NULL);
}

static void quit_oneself(void)
{
	silent = gos_chan_make(int, 0);
	gos_test_until_waiting(go(receiver), "chan receive");
	kill(getpid(), SIGQUIT);
	gos_sleep(GOS_S * 10);
}

/* As a shell without a terminal starts what stands before &. */
static void quit_oneself_in_the_background(void)
{
	signal(SIGQUIT, SIG_IGN);
	execl("/proc/self/exe", "in the background", "--death", "quit", (char *)NULL);
}

static NOINLINE int swallow(int depth)
{
	volatile char some[200];
	some[0] = (char)depth;
	return depth < 0 ? 0 : swallow(depth + 1) + some[0];
}

static void greedy(void)
{
	gos_set_name("greedy");
	swallow(0);
	KEEP_FRAME;
}

SIGNALLED static void die_by_overflow(void)
{
	go(greedy);
	gos_sleep(GOS_S * 10);
}

static int *volatile nowhere;
static void (*volatile no_function)(void);

static NOINLINE void touch_nowhere(void)
{
	*nowhere = 1;
	KEEP_FRAME;
}

SIGNALLED static void fault_late(void)
{
	touch_nowhere();
	KEEP_FRAME;
}

SIGNALLED static NOINLINE void make_faulty(void)
{
	go(fault_late);
	gos_sleep(3600 * GOS_S);
	KEEP_FRAME;
}

SIGNALLED static void die_by_fault_of_a_child(void)
{
	make_faulty();
	KEEP_FRAME;
}

SIGNALLED static void die_by_fault(void)
{
	touch_nowhere();
	KEEP_FRAME;
}

SIGNALLED static void die_by_wild_call(void)
{
	no_function();
	KEEP_FRAME;
}

SIGNALLED static void die_by_abort(void)
{
	abort();
}

static int fault_within(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)info;
	(void)size;
	(void)arg;
	touch_nowhere();
	return 0;
}

/* With the loader's lock held, which the dumper wants for libdw. */
SIGNALLED static void die_locked(void)
{
	dl_iterate_phdr(fault_within, NULL);
	KEEP_FRAME;
}

static void *panic_outside(void *arg)
{
	(void)arg;
	gos_panic("outside");
}

static void die_outside(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, panic_outside, NULL);
	gos_sleep(GOS_S * 10);
}

static void die_in_child(void)
{
	int status;
	pid_t pid = fork();
	if (pid == 0)
		gos_panic("without a dumper");
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 99);
}

static NOINLINE void on_usr1(int signal)
{
	(void)signal;
	touch_nowhere();
	KEEP_FRAME;
}

SIGNALLED static void die_in_handler(void)
{
	struct sigaction action = {.sa_handler = on_usr1, .sa_flags = SA_ONSTACK};
	sigaction(SIGUSR1, &action, NULL);
	raise(SIGUSR1);
	KEEP_FRAME;
}

static void panicker(int i)
{
	gos_panic("number %d", i);
}

static void die_all_at_once(void)
{
	for (int i = 0; i < 20; i++)
		go(panicker, i);
	gos_sleep(GOS_S * 10);
}

static void forget_segv(int signal)
{
	(void)signal;
	_exit(7);
}

SIGNALLED static void keep_own_handler(void)
{
	/* Installed before gos_run by handler_before; still there. */
	touch_nowhere();
}

__attribute__((constructor)) static void handler_before(void)
{
	if (getenv("TEST_OWN_HANDLER") != NULL)
		signal(SIGSEGV, forget_segv);
}

static const struct gos_death deaths[] = {
	{"panic",
	 die_by_panic,
	 2,
	 {"panic: answer 42\n\ngoroutine 1 [running]:\ngos_panic(...)\n\t", "die_by_panic(...)\n\t"},
	 .never = "receiver"},
	{"panic_all",
	 die_by_panic,
	 2,
	 {"panic: answer 42", "goroutine 1 [running]", "[chan receive", "receiver(...)"},
	 "GOSTRACEBACK=all"},
	{"panic_none", die_by_panic, 2, {"panic: answer 42\n\n"}, "GOSTRACEBACK=none", .never = "goroutine"},
	{"panic_system",
	 die_by_panic,
	 2,
	 {"panic: answer 42", "goroutine 1 [running]", "rt_gostart", "[chan receive", "rt_switch(...)"},
	 "GOSTRACEBACK=system"},
	{"panic_crash",
	 die_by_panic,
	 -SIGABRT,
	 {"panic: answer 42", "goroutine 1 [running]", "[chan receive"},
	 "GOSTRACEBACK=crash"},
	{"closed_channel",
	 die_by_closed_channel,
	 2,
	 {"panic: ", "goroutine 1 [running]:\ngos_chan_send(...)\n\t", "die_by_closed_channel(...)\n\t"}},
	{"panic_of_a_child",
	 die_in_a_grandchild,
	 2,
	 {"panic: late\n\ngoroutine ", " [running]:\ngos_panic(...)\n", "created by make_child\n\t", "\n\ngoroutine ", " is running on thread ",
	  " at panic_late (test_traceback.c:", "; created by goroutine ", " at make_child (test_traceback.c:", "; request=r-881\n\tcalled from child (test_traceback.c:",
	  "\n\tancestor goroutine ", ", created by goroutine 1 at make_child (test_traceback.c:", "\n\tcalled from die_in_a_grandchild (test_traceback.c:"},
	 "GOSDEBUG=creationstack=8,ancestors=4"},
	{"panic_of_a_child_by_itself", /* without being asked: one call, and no ancestors */
	 die_in_a_grandchild,
	 2,
	 {"\n\ngoroutine ", " is running on thread ", "; request=r-881\n\tcalled from child (test_traceback.c:"},
	 .never = "ancestor"},
	{"panic_of_a_child_without_traceback", die_in_a_grandchild, 2, {"panic: late\n"}, "GOSTRACEBACK=none", .never = "goroutine "},
	{"throw", die_by_throw, 2, {"gossamer: fatal error: it is broken\n\ngoroutine 1 [running]:\n", "die_by_throw(...)"}},
	{"exhaustion", die_by_exhaustion, 2, {"gossamer: fatal error: cannot allocate a thing: Cannot allocate memory\n"}},
	{"deadlock",
	 die_by_deadlock,
	 2,
	 {"fatal error: all goroutines are asleep - deadlock!\n\n", "goroutine 1: select; ",
	  "\"a (b); c\": chan receive on chan 0x", ": sync.Mutex.Lock on mutex 0x", " \"a (b); c\" for ", "; it has waited ", "\n\ngoroutine ", " \"a (b); c\", which waits in chan receive\n\ngoroutine 1 [select",
	  "deep_in_select(...)", "blocked(...)"}},
	{"deadlock_of_locks",
	 die_by_deadlock_of_locks,
	 2,
	 {"deadlock!\n\n", "goroutine 1: sync.Mutex.Lock on mutex 0x", ": sync.RWMutex.RLock on rwmutex 0x", " held by goroutine ",
	  ": sync.RWMutex.Lock on rwmutex 0x", " held by 2 readers; it has waited ", "\n\ngoroutine 1 [sync.Mutex.Lock, ", "mutex 0x", "write_lock(...)"}},
	{"in_call",
	 die_in_call,
	 2,
	 {"panic: a function that needs a goroutine was called between gos_blocking_begin and gos_blocking_end\n\ngoroutine 1 [running]:\ngos_sleep(...)\n\t",
	  "panic_in_call(...)\n\t", "gos_blocking(...)\n\t", "die_in_call(...)\n\t"}},
	{"quit",
	 quit_oneself,
	 2,
	 {"SIGQUIT: quit\nPC=0x", "goroutine ", "[chan receive, ", "chan 0x", "receive_here(...)\n\t", "receiver(...)\n\t"}},
	{"quit_without_traceback", quit_oneself, 2, {"SIGQUIT: quit\nPC=0x"}, "GOSTRACEBACK=none", .never = "goroutine "},
	{"quit_in_the_background", quit_oneself_in_the_background, 2, {"SIGQUIT: quit\nPC=0x", "[chan receive, ", "chan 0x"}, .plain = true},
	{"child",
	 die_in_child,
	 2,
	 {"panic: without a dumper\n\ngoroutine 1 [running]:\ngos_panic(...)\n\t", "die_in_child(...)\n\t"}},
	{"outside",
	 die_outside,
	 2,
	 {"panic: outside\n\ngoroutine 0 [running, thread ", "gos_panic(...)\n\t", "panic_outside(...)\n\t", "goroutine 1 ["}},
	{"all_at_once", die_all_at_once, 2, {"panic: number ", "panicker(...)"}, .never = "died again"},
#if GOS_TEST_SLOW == 1 /* sanitizers keep these signals to themselves */
	{"overflow",
	 die_by_overflow,
	 2,
	 {"gossamer: goroutine ", "\"greedy\" exceeds its stack of 65536 bytes\nfatal error: stack overflow\n",
	  "[running, \"greedy\", ", "swallow(...)\n\t", "additional frames elided", "greedy(...)\n\t",
	  "created by die_by_overflow\n"}},
	{"fault_of_a_child",
	 die_by_fault_of_a_child,
	 -SIGSEGV,
	 {" [running]:\ntouch_nowhere(...)\n", "created by make_faulty\n", "\n\ngoroutine ", " is running on thread ", " at touch_nowhere (test_traceback.c:",
	  "; created by goroutine 1 at make_faulty (test_traceback.c:", "\n\tcalled from die_by_fault_of_a_child (test_traceback.c:"}},
	{"fault",
	 die_by_fault,
	 -SIGSEGV,
	 {"fatal error: unexpected signal\n[signal SIGSEGV: segmentation violation code=1 addr=0x0 pc=0x",
	  "goroutine 1 [running]:\ntouch_nowhere(...)\n\t", "die_by_fault(...)\n\t"}},
	{"wild_call", die_by_wild_call, -SIGSEGV, {"addr=0x0 pc=0x0]\n\ngoroutine 1 [running]:\n", "die_by_wild_call(...)\n\t"}},
	{"abort",
	 die_by_abort,
	 -SIGABRT,
	 {"[signal SIGABRT: abort code=", "goroutine 1 [running]:\n", "abort(...)\n\t", "die_by_abort(...)\n\t"}},
	{"abort_in_call",
	 die_by_abort_in_call,
	 -SIGABRT,
	 {"[signal SIGABRT: abort code=", "goroutine 1 [syscall, ", "s]:\n", "abort(...)\n\t", "abort_in_call(...)\n\t", "gos_blocking(...)\n\t"}},
	{"locked",
	 die_locked,
	 -SIGSEGV,
	 {"[signal SIGSEGV", "goroutine 1 [running]:\ntouch_nowhere(...)\n", "fault_within(...)\n", "die_locked(...)\n"}},
	{"in_handler",
	 die_in_handler,
	 -SIGSEGV,
	 {"[signal SIGSEGV", "goroutine 1 [running]:\ntouch_nowhere(...)\n", "on_usr1(...)\n", "raise(...)\n",
	  "die_in_handler(...)\n"}},
	{"own_handler", keep_own_handler, 7, {NULL}, "TEST_OWN_HANDLER=1", .never = "fatal error"},
#endif
};
GOS_DEATHS(deaths)
