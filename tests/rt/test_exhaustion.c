/* SPDX-License-Identifier: MIT */
/*
 * What happens when the system has no more: memory, threads, mappings, descriptors. A small program that uses most of the runtime is run again and again; the n-th call
 * of one kind fails, or all from the n-th on. Each time it must come to its end, or die with a report that says what could not be had: never of a signal,
 * never without a word, and never hang, which gos_test_spawn would notice.
 *
 * The calls fail here: the linker hands us the runtime's (--wrap, see CMakeLists.txt), and malloc's family is defined below for the whole process, libc and libdw included.
 * GOS_FAIL="KIND FIRST LAST" in the environment says which fail.
 */
#include "gos_test.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "atomic.h"

/* ---- calls that fail ------------------------------------------------------------------------------------------------ */

#define KINDS(X)                                                                                                                  \
	X(mmap) X(mremap) X(mprotect) X(madvise) X(pthread_create) X(epoll_create1) X(epoll_ctl) X(eventfd) X(malloc)

enum kind {
#define X(name) KIND_##name,
	KINDS(X)
#undef X
	KIND_COUNT
};
static const char *const kind_names[] = {
#define X(name) #name,
	KINDS(X)
#undef X
};

static struct {
	int kind;           /* -1: nothing fails */
	uint64_t first, last; /* the calls that do, from 1 */
	bool everywhere;    /* malloc: libc's own calls too, and the libraries' */
	uint64_t calls[KIND_COUNT];
} failing = {.kind = -1};

static void failing_read(void)
{
	const char *text = getenv("GOS_FAIL");
	char name[32];
	unsigned long long first, last;
	if (text == NULL || sscanf(text, "%31s %llu %llu", name, &first, &last) != 3)
		return;
	for (int i = 0; i < KIND_COUNT; i++)
		if (strcmp(kind_names[i], name) == 0)
			failing.kind = i;
	failing.first = first;
	failing.last = last;
}

/* Is this call one of those? */
static bool fails(enum kind kind)
{
	uint64_t n = rt_add_fetch(&failing.calls[kind], 1);
	return rt_load_relaxed(&failing.kind) == (int)kind && n >= failing.first && n <= failing.last;
}

#define WRAP(type, name, error, failed, parameters, ...)                                                                           \
	type __real_##name parameters;                                                                                            \
	type __wrap_##name parameters;                                                                                            \
	type __wrap_##name parameters                                                                                             \
	{                                                                                                                         \
		if (fails(KIND_##name)) {                                                                                         \
			errno = (error);                                                                                          \
			return (failed);                                                                                          \
		}                                                                                                                 \
		return __real_##name(__VA_ARGS__);                                                                                \
	}

WRAP(void *, mmap, ENOMEM, MAP_FAILED, (void *at, size_t size, int prot, int flags, int fd, off_t offset), at, size, prot, flags, fd, offset)
WRAP(int, mprotect, ENOMEM, -1, (void *at, size_t size, int prot), at, size, prot)
WRAP(int, madvise, ENOMEM, -1, (void *at, size_t size, int advice), at, size, advice)
WRAP(int, epoll_create1, EMFILE, -1, (int flags), flags)
WRAP(int, epoll_ctl, ENOSPC, -1, (int epoll, int op, int fd, struct epoll_event *event), epoll, op, fd, event)
WRAP(int, eventfd, ENFILE, -1, (unsigned count, int flags), count, flags)

void *__real_mremap(void *old, size_t old_size, size_t size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...);
void *__wrap_mremap(void *old, size_t old_size, size_t size, int flags, ...)
{
	if (fails(KIND_mremap)) {
		errno = ENOMEM;
		return MAP_FAILED;
	}
	return __real_mremap(old, old_size, size, flags);
}

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*fn)(void *), void *arg)
{
	return fails(KIND_pthread_create) ? EAGAIN : __real_pthread_create(thread, attr, fn, arg);
}

/* Of the program and the runtime in it, or of anybody. */
extern const char __executable_start[], etext[];

static bool malloc_fails(const void *caller)
{
	if (rt_load_relaxed(&failing.everywhere))
		return true;
	return (const char *)caller >= __executable_start && (const char *)caller < etext && fails(KIND_malloc);
}

#define MALLOC(name, parameters, ...)                                                                                              \
	void *__libc_##name parameters;                                                                                           \
	void *name parameters                                                                                                     \
	{                                                                                                                         \
		if (malloc_fails(__builtin_return_address(0))) {                                                                  \
			errno = ENOMEM;                                                                                           \
			return NULL;                                                                                              \
		}                                                                                                                 \
		return __libc_##name(__VA_ARGS__);                                                                                \
	}
MALLOC(malloc, (size_t size), size)
MALLOC(calloc, (size_t n, size_t size), n, size)
MALLOC(realloc, (void *p, size_t size), p, size)
MALLOC(memalign, (size_t align, size_t size), align, size)
void *aligned_alloc(size_t align, size_t size)
{
	void *p = malloc_fails(__builtin_return_address(0)) ? NULL : __libc_memalign(align, size);
	if (p == NULL)
		errno = ENOMEM;
	return p;
}
void __libc_free(void *p);
void free(void *p)
{
	__libc_free(p);
}

/* ---- a small program that uses most of the runtime ------------------------------------------------------------------ */

#define MANY 2000

static void say(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void say(const char *format, ...)
{
	char text[200];
	va_list args;
	va_start(args, format);
	int n = vsnprintf(text, sizeof text, format, args);
	va_end(args);
	if (write(2, text, (size_t)n) < 0)
		_exit(3);
}

static gos_waitgroup all;

static void pass_on(gos_chan *from, gos_chan *to)
{
	int n;
	gos_chan_recv(from, &n);
	n++;
	gos_chan_send(to, &n);
	gos_waitgroup_done(&all);
}

/* Each of 2000 goroutines, all parked at once, adds one. */
static void a_chain(void)
{
	gos_chan *first = gos_chan_make(int, 0), *last = first;
	static gos_chan *chans[MANY];
	gos_waitgroup_add(&all, MANY);
	for (int i = 0; i < MANY; i++) {
		chans[i] = gos_chan_make(int, i % 2);
		go(pass_on, last, chans[i]);
		last = chans[i];
	}
	gos_chan_send(first, &(int){0});
	int n = 0;
	gos_chan_recv(last, &n);
	gos_waitgroup_wait(&all);
	expect_eq(n, MANY);
	gos_chan_free(first);
	for (int i = 0; i < MANY; i++)
		gos_chan_free(chans[i]);
}

static void sleeper(int64_t ns)
{
	gos_sleep(ns);
	gos_waitgroup_done(&all);
}

static void count_up(void *n)
{
	__atomic_add_fetch((int *)n, 1, __ATOMIC_RELAXED);
}

static void timers(void)
{
	gos_timer *t[200];
	int fired = 0;
	for (int i = 0; i < 200; i++)
		t[i] = gos_timer_start(i * 10 * GOS_US, count_up, &fired);
	gos_waitgroup_add(&all, 200);
	for (int i = 0; i < 200; i++)
		go(sleeper, i * 10 * GOS_US);
	gos_chan *after = gos_after(GOS_MS);
	gos_chan_recv(after, NULL);
	gos_chan_free(after);
	gos_waitgroup_wait(&all);
	while (__atomic_load_n(&fired, __ATOMIC_RELAXED) < 200)
		gos_sleep(GOS_MS);
	for (int i = 0; i < 200; i++)
		gos_timer_free(t[i]);
}

static void selects(void)
{
	struct gos_case cases[40];
	for (int i = 0; i < 40; i++)
		cases[i] = (struct gos_case)GOS_RECV(gos_chan_make(int, 1), NULL);
	gos_chan_send(cases[7].chan, &(int){1});
	expect_eq(gos_select(cases, 40), 7);
	expect_eq(gos_select_try(cases, 40), -1);
	for (int i = 0; i < 40; i++)
		gos_chan_free(cases[i].chan);
}

static void wait_done(gos_context *ctx)
{
	gos_chan_recv(gos_context_done(ctx), NULL);
	gos_waitgroup_done(&all);
}

static void *make_int(void)
{
	return calloc(1, sizeof(int));
}

static void rescue(const char **text)
{
	*text = gos_recover();
}

static void panics(const char **text)
{
	gos_defer_frame();
	gos_defer(rescue, text);
	gos_panic("number %d", 1);
}

static void deep(int n)
{
	volatile char space[8192];
	space[n] = 1;
	if (n > 0 && space[n])
		deep(n - 1);
	else
		gos_waitgroup_done(&all);
}

static void objects(void)
{
	gos_context *ctx = gos_context_with_cancel(gos_context_background());
	gos_waitgroup_add(&all, 10);
	for (int i = 0; i < 10; i++)
		go(wait_done, ctx);
	gos_context_cancel(ctx);
	gos_waitgroup_wait(&all);
	gos_context_free(ctx);

	gos_pool pool = {.make = make_int};
	void *p[40];
	for (int i = 0; i < 40; i++)
		p[i] = gos_pool_get(&pool);
	for (int i = 0; i < 40; i++)
		if (p[i] != NULL)
			gos_pool_put(&pool, p[i]);
	gos_pool_drain(&pool, free);

	const char *text = NULL;
	panics(&text);
	expect(text != NULL);

	gos_waitgroup_add(&all, 10);
	for (int i = 0; i < 10; i++)
		gos_go_with((&(struct gos_go_options){.stack_size = 1 << 20}), deep, 50);
	gos_waitgroup_wait(&all);
}

/* What the world does wrong is an error, with which a program can live. */
static bool went_well(const char *what, int64_t result)
{
	if (result < 0)
		say("%s: %s\n", what, strerrorname_np((int)-result));
	return result >= 0;
}

static void echo(int fd)
{
	char byte;
	while (gos_read(fd, &byte, 1) == 1)
		if (gos_write(fd, &byte, 1) != 1)
			break;
	gos_close(fd);
	gos_waitgroup_done(&all);
}

static void one_client(int listener)
{
	int fd = gos_accept(listener, NULL, NULL);
	if (went_well("accept", fd)) {
		echo(fd); /* and is done */
		return;
	}
	shutdown(listener, SHUT_RDWR); /* whoever has connected need not wait */
	gos_waitgroup_done(&all);
}

static void sockets(void)
{
	int pair[2];
	char byte = 'x';
	if (socketpair(AF_UNIX, SOCK_STREAM, 0, pair) == 0) {
		gos_waitgroup_add(&all, 1);
		go(echo, pair[1]);
		int64_t n = gos_write(pair[0], &byte, 1);
		if (went_well("write", n))
			went_well("read", gos_read(pair[0], &byte, 1));
		went_well("deadline", gos_set_deadline(pair[0], GOS_POLL_READ, gos_now() + GOS_MS));
		went_well("wait", gos_wait_fd(pair[0], GOS_POLL_READ, GOS_MS));
		gos_close(pair[0]);
		gos_waitgroup_wait(&all);
	}
	int listener = gos_listen_tcp("127.0.0.1:0");
	if (went_well("listen", listener)) {
		struct sockaddr_in address;
		socklen_t length = sizeof address;
		char text[40];
		getsockname(listener, (struct sockaddr *)&address, &length);
		snprintf(text, sizeof text, "127.0.0.1:%u", ntohs(address.sin_port));
		gos_waitgroup_add(&all, 1);
		go(one_client, listener);
		int fd = gos_dial_tcp(text, 10 * GOS_S);
		if (went_well("dial", fd)) {
			if (went_well("write", gos_write(fd, &byte, 1)))
				went_well("read", gos_read(fd, &byte, 1));
			gos_close(fd);
		} else {
			shutdown(listener, SHUT_RDWR);
		}
		gos_waitgroup_wait(&all);
		gos_close(listener);
	}

	int file = gos_open("/proc/self/cmdline", O_RDONLY, 0);
	if (went_well("open", file)) {
		went_well("pread", gos_pread(file, &byte, 1, 0));
		gos_close(file);
	}
}

static gos_chan *released;

static void *read_pipe(void *fd)
{
	char byte;
	ssize_t n;
	do
		n = read(*(int *)fd, &byte, 1);
	while (n < 0 && errno == EINTR);
	return NULL;
}

static void block_thread(int *fd)
{
	gos_blocking(read_pipe, fd);
	gos_chan_send(released, &(int){1});
}

/* Three threads block in reads of a pipe until another goroutine writes to it. */
static void blocking_calls(void)
{
	int ends[2];
	if (pipe(ends) != 0)
		return;
	released = gos_chan_make(int, 0);
	for (int i = 0; i < 3; i++)
		go(block_thread, &ends[0]);
	gos_sleep(2 * GOS_MS);
	if (write(ends[1], "abc", 3) != 3)
		_exit(3);
	for (int i = 0; i < 3; i++)
		gos_chan_recv(released, NULL);
	gos_chan_free(released);
	close(ends[0]);
	close(ends[1]);
	gos_lock_thread();
	gos_yield();
	gos_unlock_thread();
}

static void everything_but_calls(void)
{
	a_chain();
	selects();
	timers();
	objects();
	sockets();
}

static void everything(void)
{
	everything_but_calls();
	blocking_calls();
	say("calls:");
	for (int i = 0; i < KIND_COUNT; i++)
		say(" %s=%llu", kind_names[i], (unsigned long long)failing.calls[i]);
	say("\ndone\n");
}

/* Run from the process's own thread, so that the runtime's beginning fails too. */
static int app_of(int argc, char **argv)
{
	(void)argc;
	((void (*)(void))argv)();
	return 23;
}

static _Noreturn void run(void (*body)(void))
{
	failing_read();
	_exit(gos_run(app_of, 0, (char **)(void *)body));
}

static void workload(void)
{
	run(everything);
}

static void workload_of_goroutines(void)
{
	run(everything_but_calls);
}

/* ---- running it ----------------------------------------------------------------------------------------------------- */

#define PATIENCE_S 60

static char said[256 * 1024];

/* Its exit code, or -signal. */
static int outcome(const char *death, const char *environment)
{
	char path[4096] = "";
	char *const argv[] = {path, "--death", (char *)death, NULL};
	if (readlink("/proc/self/exe", path, sizeof path - 1) <= 0)
		ck_abort_msg("readlink: %s", strerror(errno));
	int status = gos_test_spawn(argv, environment, said, sizeof said, PATIENCE_S * GOS_TEST_SLOW);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* It came to its end, or said what it lacks. */
static bool is_orderly(int code)
{
	if (code == 23)
		return true;
	return code == 2 && strstr(said, "gossamer: fatal error: cannot allocate ") != NULL && strstr(said, "goroutine ") != NULL &&
	       strstr(said, "died again") == NULL;
}

static int run_failing(const char *death, enum kind kind, uint64_t first, uint64_t last)
{
	char text[100];
	snprintf(text, sizeof text, "GOS_FAIL=%s %llu %llu", kind_names[kind], (unsigned long long)first, (unsigned long long)last);
	int code = outcome(death, text);
	if (!is_orderly(code)) {
		fprintf(stderr, "%s said:\n%s\n", text, said);
		ck_abort_msg("%s: the program ended with %d and no report", text, code);
	}
	return code;
}

/* How often the workload makes such a call when all goes well. */
static uint64_t calls_of(enum kind kind)
{
	char word[40];
	expect_eq(outcome("workload", NULL), 23);
	snprintf(word, sizeof word, " %s=", kind_names[kind]);
	const char *at = strstr(said, word);
	expect(at != NULL);
	return strtoull(at + strlen(word), NULL, 10);
}

/* Every n of the first few, and some of the others. */
static void sweep(enum kind kind)
{
	uint64_t count = calls_of(kind);
	expect_gt(count, 0);
	int deaths = 0, runs = 0;
	for (uint64_t n = 1; n <= count + 1; n += n <= 8 ? 1 : n / 2) {
		deaths += run_failing("workload", kind, n, n) != 23;
		deaths += run_failing("workload", kind, n, UINT64_MAX) != 23;
		runs += 2;
	}
	printf("%s: %llu calls, %d runs, %d ended with a report\n", kind_names[kind], (unsigned long long)count, runs, deaths);
}

#define SWEEP_SECONDS 240
PLAIN_TEST_WITHIN(exhaustion_of_memory_mapped, SWEEP_SECONDS) { sweep(KIND_mmap); }
PLAIN_TEST_WITHIN(exhaustion_of_memory_that_grows, SWEEP_SECONDS) { sweep(KIND_mremap); }
PLAIN_TEST_WITHIN(exhaustion_of_memory_allocated, SWEEP_SECONDS) { sweep(KIND_malloc); }
PLAIN_TEST_WITHIN(exhaustion_of_mappings, SWEEP_SECONDS) { sweep(KIND_mprotect); }
PLAIN_TEST_WITHIN(exhaustion_of_advice, SWEEP_SECONDS) { sweep(KIND_madvise); }
PLAIN_TEST_WITHIN(exhaustion_of_pollers, SWEEP_SECONDS) { sweep(KIND_epoll_create1); }
PLAIN_TEST_WITHIN(exhaustion_of_watches, SWEEP_SECONDS) { sweep(KIND_epoll_ctl); }
PLAIN_TEST_WITHIN(exhaustion_of_events, SWEEP_SECONDS) { sweep(KIND_eventfd); }
PLAIN_TEST_WITHIN(exhaustion_of_threads, SWEEP_SECONDS) { sweep(KIND_pthread_create); }

/* ---- threads that cannot be had, one thing at a time ---------------------------------------------------------------- */

/* The dumper, sysmon and the first worker are there: what one worker can do is done. */
PLAIN_TEST_WITHIN(exhaustion_of_threads_leaves_one_worker, 60)
{
	expect_eq(run_failing("workload_of_goroutines", KIND_pthread_create, 4, UINT64_MAX), 23);
}

/* Threads can be had again. (The three that block wait for one that does not.) */
PLAIN_TEST_WITHIN(exhaustion_of_threads_that_passes, 60)
{
	expect_eq(run_failing("workload", KIND_pthread_create, 4, 12), 23);
}

static void wait_for_writer(int *fd)
{
	gos_blocking(read_pipe, fd);
	say("done\n");
	_exit(23);
}

/* The only worker blocks, and what would end that has nobody to run it. */
static void write_later(void)
{
	static int ends[2];
	if (pipe(ends) != 0)
		_exit(3);
	go(wait_for_writer, &ends[0]);
	gos_sleep(5 * GOS_MS);
	if (write(ends[1], "a", 1) != 1)
		_exit(3);
	gos_chan_recv(NULL, NULL);
}

static void starved(void)
{
	run(write_later);
}

PLAIN_TEST_WITHIN(exhaustion_of_threads_that_all_wait_for_is_reported, 60)
{
	expect_eq(run_failing("starved", KIND_pthread_create, 4, UINT64_MAX), 2);
	expect(strstr(said, "cannot allocate a thread: Resource temporarily unavailable") != NULL);
	expect(strstr(said, "[syscall") != NULL);
}

static void deadlock_of_many(void)
{
	for (int i = 0; i < 100; i++)
		go(pass_on, gos_chan_make(int, 0), gos_chan_make(int, 0));
	gos_yield();
	gos_chan_recv(gos_chan_make(int, 0), NULL);
}

static void deadlock(void)
{
	run(deadlock_of_many);
}

/* Threads that never came are none that might wake somebody. */
PLAIN_TEST_WITHIN(exhaustion_of_threads_and_deadlock, 60)
{
	expect_eq(outcome("deadlock", "GOS_FAIL=pthread_create 4 18446744073709551615"), 2);
	expect(strstr(said, "all goroutines are asleep - deadlock!") != NULL);
}

/* ---- the system's own limits ---------------------------------------------------------------------------------------- */

static void limited(int resource, rlim_t limit)
{
	const struct rlimit l = {limit, limit};
	if (setrlimit(resource, &l) != 0)
		_exit(3);
	run(everything);
}

static rlim_t number(void)
{
	return strtoull(getenv("GOS_NUMBER"), NULL, 10);
}

static void limited_memory(void)
{
	unsigned long pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%lu", &pages) != 1)
		_exit(3);
	fclose(f);
	limited(RLIMIT_AS, pages * 4096 + (number() << 20));
}

static void limited_files(void)
{
	limited(RLIMIT_NOFILE, number());
}

static void limited_threads(void)
{
	if (setuid(63210) != 0)
		_exit(3);
	limited(RLIMIT_NPROC, number());
}

static void limited_mappings(void)
{
	/* Neighbours with different protection are not merged. */
	static char *at[1 << 20];
	int n = 0;
	while (n < 1 << 20 && (at[n] = mmap(NULL, 4096, n % 2 ? PROT_READ : PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)) != MAP_FAILED)
		n++;
	for (rlim_t i = 0; i < number() && n > 0; i++)
		munmap(at[--n], 4096);
	run(everything);
}

static void limit_at(const char *death, const int *numbers, size_t n, const int *codes)
{
	for (size_t i = 0; i < n; i++) {
		char text[40];
		snprintf(text, sizeof text, "GOS_NUMBER=%d", numbers[i]);
		int code = outcome(death, text);
		if (!is_orderly(code) || (codes != NULL && code != codes[i])) {
			fprintf(stderr, "%s %s said:\n%s\n", death, text, said);
			ck_abort_msg("%s %s: the program ended with %d", death, text, code);
		}
	}
}

#define LIMIT_AT(death, codes, ...)                                                                                                \
	limit_at(death, (const int[]){__VA_ARGS__}, sizeof(const int[]){__VA_ARGS__} / sizeof(int), codes)

#if GOS_TEST_SLOW <= 4 /* sanitizers need more memory and mappings than anybody else */
PLAIN_TEST_WITHIN(limit_of_address_space, 120)
{
	LIMIT_AT("limited_memory", NULL, 1, 5, 10, 20, 40, 80, 100, 150, 200, 250, 300, 400);
}

PLAIN_TEST_WITHIN(limit_of_mappings, 120)
{
	LIMIT_AT("limited_mappings", NULL, 1, 3, 10, 20, 30, 60);
}
#endif

PLAIN_TEST_WITHIN(limit_of_descriptors, 120)
{
	const int codes[] = {23, 23, 23, 23, 23, 23, 23, 23}; /* errors, with which it lives */
	LIMIT_AT("limited_files", codes, 3, 4, 5, 6, 7, 8, 9, 10);
}

PLAIN_TEST_WITHIN(limit_of_threads, 120)
{
	if (geteuid() != 0) {
		printf("limit_of_threads: only root may become somebody whose threads are few\n");
		return;
	}
	LIMIT_AT("limited_threads", NULL, 2, 3, 4, 5, 6, 8, 12);
}

/* ---- no memory while the report is made ----------------------------------------------------------------------------- */

static void no_more_memory(void)
{
	rt_store_relaxed(&failing.everywhere, true);
}

__attribute__((noinline)) static void panic_without_memory(void)
{
	no_more_memory();
	gos_panic("after %d bytes", 42);
}

__attribute__((noinline)) static void misuse_without_memory(void)
{
	no_more_memory();
	gos_chan_close(NULL);
}

__attribute__((noinline)) static void deadlock_without_memory(void)
{
	go(pass_on, gos_chan_make(int, 0), gos_chan_make(int, 0));
	gos_yield();
	no_more_memory();
	gos_chan_recv(NULL, NULL);
}

__attribute__((noinline)) static void fault_without_memory(void)
{
	no_more_memory();
	int *volatile nowhere = (int *)8;
	*nowhere = 1;
}

__attribute__((noinline)) static void quit_without_memory(void)
{
	go(pass_on, gos_chan_make(int, 0), gos_chan_make(int, 0));
	gos_yield();
	no_more_memory();
	raise(SIGQUIT);
}

__attribute__((noinline)) static void dump_without_memory(void)
{
	go(pass_on, gos_chan_make(int, 0), gos_chan_make(int, 0));
	gos_yield();
	no_more_memory();
	gos_stack_dump(2);
	say("and goes on\n");
	_exit(23);
}

__attribute__((noinline)) static void buffer_without_memory(void)
{
	no_more_memory();
	gos_chan_make(int, 10);
}

static const struct gos_death deaths[] = {
	{"workload", workload, 23, {"calls: mmap=", "done\n"}, .plain = true, .never = "goroutine "},
	{"workload_of_goroutines", workload_of_goroutines, 23, {NULL}, .plain = true, .never = "goroutine "},
	{"starved", starved, 23, {"done\n"}, .plain = true, .never = "goroutine "},
	{"deadlock", deadlock, 2, {"all goroutines are asleep - deadlock!"}, .plain = true},
	{"limited_memory", limited_memory, 23, {"done\n"}, "GOS_NUMBER=100000", .plain = true},
	{"limited_mappings", limited_mappings, 23, {"done\n"}, "GOS_NUMBER=30000", .plain = true},
	{"limited_files", limited_files, 23, {"done\n"}, "GOS_NUMBER=1000", .plain = true},
	{"panic", panic_without_memory, 2, {"panic: after 42 bytes\n", "goroutine 1 [running", "panic_without_memory"}},
	{"misuse", misuse_without_memory, 2, {"panic: close of nil channel\n", "goroutine 1 [running", "misuse_without_memory"}},
	{"deadlock_reported", deadlock_without_memory, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [chan receive", "deadlock_without_memory", "pass_on"}},
	{"quit", quit_without_memory, 2, {"SIGQUIT: quit", "goroutine 1 [running", "quit_without_memory", "pass_on"}},
	{"dump", dump_without_memory, 23, {"goroutine 1 [running", "dump_without_memory", "pass_on", "and goes on\n"}},
	{"buffer", buffer_without_memory, 2, {"gossamer: fatal error: cannot allocate a channel's buffer: Cannot allocate memory", "goroutine 1 [running", "buffer_without_memory"}},
#if GOS_TEST_SLOW <= 4
	{"fault", fault_without_memory, -SIGSEGV, {"[signal SIGSEGV", "goroutine 1 [running", "fault_without_memory"}},
#endif
	{"limited_threads", limited_threads, 23, {"done\n"}, "GOS_NUMBER=1000", .plain = true},
};
GOS_DEATHS(deaths)
