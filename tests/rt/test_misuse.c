/* SPDX-License-Identifier: MIT */
/*
 * What a program can do wrong with the whole of gossamer.h, as far as it is no single file's: calls from where no goroutine is, null objects, numbers and descriptors
 * that are none, threads that are ended under the runtime. Each ends with a report that names what was done and shows the caller, or returns an error.
 */
#include "gos_test.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netdb.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- every function that needs a goroutine, where there is none ----------------------------------------------------- */

static gos_chan *chan;
static gos_timer *timer;
static gos_ticker *ticker;
static gos_context *context;
static gos_mutex mutex;
static gos_rwmutex rwmutex;
static gos_waitgroup group;
static gos_sema sema = GOS_SEMA(1);
static gos_cond cond;
static gos_once once;
static gos_pool pool;
static struct gos_case one_case;
static struct msghdr message;
static struct addrinfo *found;
static char byte;

static void nothing(void)
{
}

static void nothing_of(void *arg)
{
	(void)arg;
}

static void *nothing_for(void *arg)
{
	return arg;
}

/*
 * Whose frame is to be seen, and the call. In a blocking section all but the last two are wrong too.
 */
#define CALLS(NEEDS)                                                                                                              \
	NEEDS(gos_yield, gos_yield())                                                                                             \
	NEEDS(gos_goexit, gos_goexit())                                                                                           \
	NEEDS(gos_procs, gos_procs(0))                                                                                            \
	NEEDS(gos_lock_thread, gos_lock_thread())                                                                                 \
	NEEDS(gos_unlock_thread, gos_unlock_thread())                                                                             \
	NEEDS(gos_set_name, gos_set_name("%d", 1))                                                                                \
	NEEDS(rt_go, go(nothing))                                                                                                 \
	NEEDS(rt_go, gos_go_with(NULL, nothing))                                                                                  \
	NEEDS(gos_chan_send, gos_chan_send(chan, &byte))                                                                          \
	NEEDS(gos_chan_recv, gos_chan_recv(chan, &byte))                                                                          \
	NEEDS(gos_chan_try_send, gos_chan_try_send(chan, &byte))                                                                  \
	NEEDS(gos_chan_try_recv, gos_chan_try_recv(chan, &byte, NULL))                                                            \
	NEEDS(gos_chan_close, gos_chan_close(chan))                                                                               \
	NEEDS(gos_select, gos_select(&one_case, 1))                                                                               \
	NEEDS(gos_select_try, gos_select_try(&one_case, 1))                                                                       \
	NEEDS(gos_sleep, gos_sleep(1))                                                                                            \
	NEEDS(gos_after_at, gos_after(1))                                                                                         \
	NEEDS(gos_timer_start_at, gos_timer_start(1, nothing_of, NULL))                                                           \
	NEEDS(gos_timer_reset, gos_timer_reset(timer, 1))                                                                         \
	NEEDS(gos_ticker_start_at, gos_ticker_start(1))                                                                           \
	NEEDS(gos_ticker_reset, gos_ticker_reset(ticker, 1))                                                                      \
	NEEDS(gos_context_with_cancel_at, gos_context_with_cancel(gos_context_background()))                                      \
	NEEDS(gos_context_with_timeout_at, gos_context_with_timeout(gos_context_background(), 1))                                 \
	NEEDS(gos_context_with_deadline_at, gos_context_with_deadline(gos_context_background(), 1))                               \
	NEEDS(gos_context_with_value_at, gos_context_with_value(gos_context_background(), &byte, NULL))                           \
	NEEDS(gos_context_cancel, gos_context_cancel(context))                                                                    \
	NEEDS(gos_context_free, gos_context_free(context))                                                                        \
	NEEDS(gos_mutex_lock, gos_mutex_lock(&mutex))                                                                             \
	NEEDS(gos_mutex_try_lock, gos_mutex_try_lock(&mutex))                                                                     \
	NEEDS(gos_mutex_unlock, gos_mutex_unlock(&mutex))                                                                         \
	NEEDS(gos_waitgroup_add, gos_waitgroup_add(&group, 1))                                                                    \
	NEEDS(gos_waitgroup_done, gos_waitgroup_done(&group))                                                                     \
	NEEDS(gos_waitgroup_wait, gos_waitgroup_wait(&group))                                                                     \
	NEEDS(gos_sema_acquire, gos_sema_acquire(&sema))                                                                          \
	NEEDS(gos_sema_try_acquire, gos_sema_try_acquire(&sema))                                                                  \
	NEEDS(gos_sema_release, gos_sema_release(&sema))                                                                          \
	NEEDS(gos_rwmutex_rlock, gos_rwmutex_rlock(&rwmutex))                                                                     \
	NEEDS(gos_rwmutex_lock, gos_rwmutex_lock(&rwmutex))                                                                       \
	NEEDS(gos_rwmutex_try_rlock, gos_rwmutex_try_rlock(&rwmutex))                                                             \
	NEEDS(gos_rwmutex_try_lock, gos_rwmutex_try_lock(&rwmutex))                                                               \
	NEEDS(gos_rwmutex_runlock, gos_rwmutex_runlock(&rwmutex))                                                                 \
	NEEDS(gos_rwmutex_unlock, gos_rwmutex_unlock(&rwmutex))                                                                   \
	NEEDS(gos_cond_wait, gos_cond_wait(&cond, &mutex))                                                                        \
	NEEDS(gos_cond_wait_rw, gos_cond_wait_rw(&cond, &rwmutex))                                                                \
	NEEDS(gos_cond_signal, gos_cond_signal(&cond))                                                                            \
	NEEDS(gos_cond_broadcast, gos_cond_broadcast(&cond))                                                                      \
	NEEDS(gos_once_do, gos_once_do(&once, nothing_of, NULL))                                                                  \
	NEEDS(gos_pool_get, gos_pool_get(&pool))                                                                                  \
	NEEDS(gos_pool_put, gos_pool_put(&pool, &byte))                                                                           \
	NEEDS(gos_pool_drain, gos_pool_drain(&pool, NULL))                                                                        \
	NEEDS(gos_read, gos_read(0, &byte, 1))                                                                                    \
	NEEDS(gos_write, gos_write(1, &byte, 1))                                                                                  \
	NEEDS(gos_set_deadline, gos_set_deadline(0, GOS_POLL_READ, 0))                                                            \
	NEEDS(gos_wait_fd, gos_wait_fd(0, GOS_POLL_READ, 1))                                                                      \
	NEEDS(gos_accept, gos_accept(0, NULL, NULL))                                                                              \
	NEEDS(gos_connect, gos_connect(0, NULL, 0))                                                                               \
	NEEDS(gos_listen_tcp, gos_listen_tcp("127.0.0.1:0"))                                                                      \
	NEEDS(gos_dial_tcp, gos_dial_tcp("127.0.0.1:1", 1))                                                                       \
	NEEDS(gos_recvfrom, gos_recvfrom(0, &byte, 1, 0, NULL, NULL))                                                             \
	NEEDS(gos_sendto, gos_sendto(0, &byte, 1, 0, NULL, 0))                                                                    \
	NEEDS(gos_recvmsg, gos_recvmsg(0, &message, 0))                                                                           \
	NEEDS(gos_sendmsg, gos_sendmsg(0, &message, 0))                                                                           \
	NEEDS(gos_listen_udp, gos_listen_udp("127.0.0.1:0"))                                                                      \
	NEEDS(gos_dial_udp, gos_dial_udp("127.0.0.1:1"))                                                                          \
	NEEDS(gos_listen_unix, gos_listen_unix("@gossamer-misuse"))                                                               \
	NEEDS(gos_dial_unix, gos_dial_unix("@gossamer-misuse", 1))                                                                \
	NEEDS(gos_getaddrinfo, gos_getaddrinfo("127.0.0.1", NULL, NULL, &found, NULL))                                            \
	NEEDS(gos_open, gos_open("/dev/null", O_RDONLY, 0))                                                                       \
	NEEDS(gos_pread, gos_pread(0, &byte, 1, 0))                                                                               \
	NEEDS(gos_pwrite, gos_pwrite(1, &byte, 1, 0))                                                                             \
	NEEDS(gos_fsync, gos_fsync(0))                                                                                            \
	NEEDS(gos_close, gos_close(99))                                                                                           \
	NEEDS(gos_blocking_begin, gos_blocking_begin())                                                                           \
	NEEDS(gos_blocking, gos_blocking(nothing_for, NULL))

/* One function a call, so that each is a frame. */
#define COUNT_(name, call) +1
enum { CALL_COUNT = 0 CALLS(COUNT_) };
static int call_number;
static const char *const call_names[] = {
#define NAME_(name, call) #name,
	CALLS(NAME_)
};
static const char *const call_texts[] = {
#define TEXT_(name, call) #call,
	CALLS(TEXT_)
};

__attribute__((noinline)) static void make_call(int number)
{
	int i = 0;
#define CALL_(name, call)                                                                                                         \
	if (i++ == number) {                                                                                                      \
		call;                                                                                                             \
		return;                                                                                                           \
	}
	CALLS(CALL_)
}

static void make_objects(void)
{
	call_number = atoi(getenv("GOS_MISUSE") != NULL ? getenv("GOS_MISUSE") : "0");
	chan = gos_chan_make(char, 1);
	one_case = (struct gos_case)GOS_RECV(chan, &byte);
	timer = gos_timer_start(GOS_S, NULL, NULL);
	ticker = gos_ticker_start(GOS_S);
	context = gos_context_with_cancel(gos_context_background());
	gos_mutex_lock(&mutex);
	gos_rwmutex_lock(&rwmutex);
	gos_waitgroup_add(&group, 1);
}

static void die_before(void)
{
	call_number = atoi(getenv("GOS_MISUSE") != NULL ? getenv("GOS_MISUSE") : "0");
	/* Never used: the first thing that each function asks is whether there is a goroutine. */
	context = gos_context_background();
	make_call(call_number);
}

static void *on_thread(void *arg)
{
	(void)arg;
	make_call(call_number);
	return NULL;
}

static void die_on_a_thread(void)
{
	pthread_t thread;
	make_objects();
	if (pthread_create(&thread, NULL, on_thread, NULL) == 0)
		pthread_join(thread, NULL);
}

static void die_in_a_section(void)
{
	make_objects();
	gos_blocking_begin();
	make_call(call_number);
}

/* Its report is the parent's too, and so is its code. */
static void in_child(void (*body)(void))
{
	pid_t pid = fork();
	if (pid == 0) {
		body();
		_exit(24);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 25);
}

static void make_the_call(void)
{
	make_call(call_number);
}

static void die_in_a_child(void)
{
	make_objects();
	in_child(make_the_call);
}

/* ---- the same for null objects -------------------------------------------------------------------------------------- */

#define NULLS(NULL_)                                                                                                              \
	NULL_(gos_mutex_lock, gos_mutex_lock(NULL))                                                                               \
	NULL_(gos_mutex_unlock, gos_mutex_unlock(NULL))                                                                           \
	NULL_(gos_rwmutex_rlock, gos_rwmutex_rlock(NULL))                                                                         \
	NULL_(gos_rwmutex_unlock, gos_rwmutex_unlock(NULL))                                                                       \
	NULL_(gos_waitgroup_add, gos_waitgroup_add(NULL, 1))                                                                      \
	NULL_(gos_waitgroup_wait, gos_waitgroup_wait(NULL))                                                                       \
	NULL_(gos_sema_acquire, gos_sema_acquire(NULL))                                                                           \
	NULL_(gos_sema_release, gos_sema_release(NULL))                                                                           \
	NULL_(gos_cond_wait, gos_cond_wait(&cond, NULL))                                                                          \
	NULL_(gos_cond_signal, gos_cond_signal(NULL))                                                                             \
	NULL_(gos_once_do, gos_once_do(NULL, nothing_of, NULL))                                                                   \
	NULL_(gos_pool_get, gos_pool_get(NULL))                                                                                   \
	NULL_(gos_select, gos_select(NULL, 3))                                                                                    \
	NULL_(gos_chan_send, gos_chan_send(chan, NULL))                                                                           \
	NULL_(gos_stats, gos_stats(NULL))                                                                                         \
	NULL_(gos_once_do, gos_once_do(&once, NULL, NULL))                                                                        \
	NULL_(gos_blocking, gos_blocking(NULL, NULL))

enum { NULL_COUNT = 0 NULLS(COUNT_) };
static const char *const null_names[] = {NULLS(NAME_)};
static const char *const null_texts[] = {NULLS(TEXT_)};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wnonnull"
__attribute__((noinline)) static void make_null_call(int number)
{
	int i = 0;
	NULLS(CALL_)
}
#pragma GCC diagnostic pop

static void die_of_null(void)
{
	call_number = atoi(getenv("GOS_MISUSE") != NULL ? getenv("GOS_MISUSE") : "0");
	chan = gos_chan_make(int, 1);
	make_null_call(call_number);
}

static char said[64 * 1024];

static void each(const char *death, const char *const *names, const char *const *texts, int count, int code, const char *head, const char *frame)
{
	char path[4096] = "", environment[40];
	char *const argv[] = {path, "--death", (char *)death, NULL};
	if (readlink("/proc/self/exe", path, sizeof path - 1) <= 0)
		ck_abort_msg("readlink: %s", strerror(errno));
	for (int i = 0; i < count; i++) {
		snprintf(environment, sizeof environment, "GOS_MISUSE=%d", i);
		int status = gos_test_spawn(argv, environment, said, sizeof said, 2 * GOS_TEST_SECONDS * GOS_TEST_SLOW);
		int ended = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
		char function[80];
		snprintf(function, sizeof function, "\n%s(...)\n", names[i]);
		const char *at = strstr(said, head);
		if (at != NULL && (strcmp(names[i], "rt_go") != 0 || code != 2 || strstr(head, "panic") == NULL)) /* go() is no frame of a panic's */
			at = strstr(at, function);
		at = at != NULL ? strstr(at, frame) : NULL;
		if (ended != code || at == NULL) {
			fprintf(stderr, "%s: it said:\n%s\n", texts[i], said);
			ck_abort_msg("%s --death %s, %s: it ended with %d; wanted are %d, \"%s\" and the frames of %s and %s", path, death, texts[i],
			             ended, code, head, names[i], frame);
		}
	}
}

#define MISUSE_SECONDS 120

PLAIN_TEST_WITHIN(misuse_before_gos_run, MISUSE_SECONDS)
{
	each("before", call_names, call_texts, CALL_COUNT, 2, "gossamer: fatal error: a function that needs a goroutine was called before gos_run\n", "make_call(...)");
}

PLAIN_TEST_WITHIN(misuse_from_a_thread_without_goroutine, MISUSE_SECONDS)
{
	each("on_a_thread", call_names, call_texts, CALL_COUNT, 2,
	     "gossamer: fatal error: a function that needs a goroutine was called from a thread that runs none\n", "make_call(...)");
}

PLAIN_TEST_WITHIN(misuse_in_a_blocking_section, MISUSE_SECONDS)
{
	each("in_a_section", call_names, call_texts, CALL_COUNT - 2, 2,
	     "panic: a function that needs a goroutine was called between gos_blocking_begin and gos_blocking_end\n\ngoroutine 1 [", "make_call(...)");
}

PLAIN_TEST_WITHIN(misuse_in_a_child_of_fork, MISUSE_SECONDS)
{
	each("in_a_child", call_names, call_texts, CALL_COUNT, 2, "gossamer: fatal error: a function that needs a goroutine was called in a child of fork\n",
	     "make_call(...)");
}

#if GOS_TEST_SLOW == 1 /* sanitizers keep these signals to themselves */
PLAIN_TEST_WITHIN(misuse_of_null, MISUSE_SECONDS)
{
	each("of_null", null_names, null_texts, NULL_COUNT, -SIGSEGV, "[signal SIGSEGV: segmentation violation", "make_null_call(...)");
}
#endif

/* ---- what may be called anywhere ------------------------------------------------------------------------------------ */

static void look_around(void)
{
	struct gos_stats stats;
	int null = open("/dev/null", O_WRONLY);
	expect(gos_now() > 0);
	gos_goid();
	gos_num_goroutines();
	gos_checkpoint();
	gos_stats(&stats);
	gos_stack_dump(null);
	gos_stack_dump(-1);
	gos_set_max_threads(0);
	expect_eq(gos_chan_len(NULL), 0);
	expect_eq(gos_chan_cap(NULL), 0);
	gos_chan_free(NULL);
	close(null);
}

static void *look_around_on_thread(void *arg)
{
	look_around();
	return arg;
}

PLAIN_TEST(anywhere_before_gos_run)
{
	look_around();
	expect_eq(gos_goid(), 0);
}

GOS_TEST(anywhere_in_goroutines_sections_and_threads)
{
	pthread_t thread;
	look_around();
	gos_blocking_begin();
	look_around();
	expect_eq(gos_goid(), 1);
	pthread_create(&thread, NULL, look_around_on_thread, NULL);
	pthread_join(thread, NULL);
	gos_blocking_end();
}

static void look_around_in_child(void)
{
	look_around();
	_exit(23);
}

static void child_looks_around(void)
{
	in_child(look_around_in_child);
}

/* ---- numbers that are none ------------------------------------------------------------------------------------------ */

GOS_TEST(odd_numbers_are_taken_for_the_nearest_that_make_sense)
{
	int before = gos_procs(0), threads = gos_set_max_threads(0);
	expect_eq(gos_procs(-1), before);
	expect_eq(gos_procs(INT_MIN), before);
	expect_eq(gos_procs(INT_MAX), before);
	expect_eq(gos_procs(before), 1024);
	expect_eq(gos_set_max_threads(-1), threads);
	expect_eq(gos_set_max_threads(INT_MAX), threads);
	expect_ge(gos_set_max_threads(threads), threads);

	gos_sleep(-1);
	gos_sleep(INT64_MIN);
	gos_chan *past = gos_after(INT64_MIN), *never = gos_after(INT64_MAX);
	expect(gos_chan_recv(past, NULL));
	expect(!gos_chan_try_recv(never, NULL, NULL));
	gos_chan_free(past);
	gos_chan_free(never);
	gos_timer *t = gos_timer_start(INT64_MAX, NULL, NULL);
	expect(gos_timer_reset(t, INT64_MIN));
	expect(gos_chan_recv(gos_timer_chan(t), NULL));
	gos_timer_free(t);
	gos_ticker *k = gos_ticker_start(INT64_MAX);
	gos_ticker_reset(k, 1);
	expect(gos_chan_recv(gos_ticker_chan(k), NULL));
	gos_ticker_free(k);

	gos_context *c = gos_context_with_timeout(gos_context_background(), INT64_MIN);
	expect_eq(gos_context_err(c), -ETIMEDOUT);
	gos_context_free(c);
	c = gos_context_with_timeout(gos_context_background(), INT64_MAX);
	expect_eq(gos_context_err(c), 0);
	gos_context_free(c);
	c = gos_context_with_deadline(gos_context_background(), INT64_MIN);
	expect_eq(gos_context_err(c), -ETIMEDOUT);
	gos_context_free(c);

	gos_waitgroup_add(&group, 0);
	gos_waitgroup_add(&group, INT_MAX);
	gos_waitgroup_add(&group, -INT_MAX);
	gos_waitgroup_wait(&group);
	expect_eq(gos_select_try(NULL, 0), -1);
}

static void use_stack(int bytes)
{
	volatile char space[bytes];
	for (int i = 0; i < bytes; i += 4096)
		space[i] = 1;
	if (space[0])
		gos_waitgroup_done(&group);
}

GOS_TEST(odd_stack_sizes)
{
	gos_waitgroup_add(&group, 4);
	gos_go_with((&(struct gos_go_options){.stack_size = 1}), use_stack, 1000);
	gos_go_with((&(struct gos_go_options){.stack_size = 100000}), use_stack, 95000);
	gos_go_with((&(struct gos_go_options){.stack_size = SIZE_MAX, .name = ""}), use_stack, 1 << 20);
	gos_go_with(NULL, use_stack, 1000);
	gos_waitgroup_wait(&group);
}

/* ---- descriptors and addresses that are none ------------------------------------------------------------------------ */

GOS_TEST(bad_descriptors_are_errors)
{
	const int closed = dup2(0, 500), bad[] = {-1, INT_MIN, INT_MAX, 1 << 20, closed};
	close(closed);
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int fd = bad[i];
		expect_eq(gos_read(fd, &byte, 1), -EBADF);
		expect_eq(gos_write(fd, &byte, 1), -EBADF);
		expect_eq(gos_set_deadline(fd, GOS_POLL_READ, 1), -EBADF);
		expect_eq(gos_wait_fd(fd, GOS_POLL_READ, -1), -EBADF);
		expect_eq(gos_accept(fd, NULL, NULL), -EBADF);
		expect_eq(gos_connect(fd, (struct sockaddr *)&(struct sockaddr_storage){.ss_family = AF_UNIX}, 10), -EBADF);
		expect_eq(gos_recvfrom(fd, &byte, 1, 0, NULL, NULL), -EBADF);
		expect_eq(gos_sendto(fd, &byte, 1, 0, NULL, 0), -EBADF);
		expect_eq(gos_recvmsg(fd, &message, 0), -EBADF);
		expect_eq(gos_sendmsg(fd, &message, 0), -EBADF);
		expect_eq(gos_pread(fd, &byte, 1, 0), -EBADF);
		expect_eq(gos_pwrite(fd, &byte, 1, 0), -EBADF);
		expect_eq(gos_fsync(fd), -EBADF);
		expect_eq(gos_close(fd), -EBADF);
	}
}

GOS_TEST(bad_arguments_are_errors)
{
	int ends[2];
	expect_eq(pipe(ends), 0);
	expect_eq(gos_wait_fd(ends[0], 0, 1), -EINVAL);
	expect_eq(gos_wait_fd(ends[0], 4, 1), -EINVAL);
	expect_eq(gos_set_deadline(ends[0], 0, 1), -EINVAL);
	expect_eq(gos_set_deadline(ends[0], -1, 1), -EINVAL);
	expect_eq(gos_wait_fd(ends[0], GOS_POLL_READ, 1), -ETIMEDOUT);
	expect_eq(gos_write(ends[1], NULL, 1), -EFAULT);
	expect_eq(gos_write(ends[1], &byte, 1), 1);
	expect_eq(gos_read(ends[0], NULL, 1), -EFAULT);
	expect_eq(gos_set_deadline(ends[0], GOS_POLL_READ, INT64_MIN), 0);
	expect_eq(gos_read(ends[0], &byte, 1), -ETIMEDOUT);
	expect_eq(gos_set_deadline(ends[0], GOS_POLL_READ, INT64_MAX), 0);
	expect_eq(gos_read(ends[0], &byte, 1), 1);
	expect_eq(gos_accept(ends[0], NULL, NULL), -ENOTSOCK);
	expect_eq(gos_close(ends[0]), 0);
	expect_eq(gos_close(ends[0]), -EBADF);
	expect_eq(gos_close(ends[1]), 0);

	const char *const bad[] = {NULL, "", ":", "x", "1.2.3.4", "1.2.3.4:", "1.2.3.4:x", "1.2.3.4:-1", "1.2.3.4:65536", "[::1", "::1:80", "[::1]80"};
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		expect_eq(gos_listen_tcp(bad[i]), -EINVAL);
		expect_eq(gos_dial_tcp(bad[i], 1), -EINVAL);
		expect_eq(gos_listen_udp(bad[i]), -EINVAL);
		expect_eq(gos_dial_udp(bad[i]), -EINVAL);
	}
	expect_eq(gos_listen_unix(NULL), -EINVAL);
	expect_eq(gos_dial_unix("", 1), -EINVAL);
	expect_eq(gos_open(NULL, O_RDONLY, 0), -EFAULT);
	expect_eq(gos_open("/nowhere/at/all", O_RDONLY, 0), -ENOENT);
}

/* ---- ends ----------------------------------------------------------------------------------------------------------- */

static void lock_and_end(void)
{
	gos_mutex_lock(&mutex);
	gos_rwmutex_rlock(&rwmutex);
	gos_lock_thread();
	gos_waitgroup_done(&group);
}

GOS_TEST(goroutine_may_end_while_it_holds_locks)
{
	gos_waitgroup_add(&group, 1);
	go(lock_and_end);
	gos_waitgroup_wait(&group);
	expect(!gos_mutex_try_lock(&mutex));
	expect(!gos_rwmutex_try_lock(&rwmutex));
	gos_mutex_unlock(&mutex);
	gos_rwmutex_runlock(&rwmutex);
	gos_mutex_lock(&mutex);
	gos_rwmutex_lock(&rwmutex);
}

static void yield_for_ever(void)
{
	for (;;)
		gos_yield();
}

static void say_bye(void)
{
	fprintf(stderr, "bye\n");
}

static void exit_while_others_run(void)
{
	atexit(say_bye);
	for (int i = 0; i < 8; i++)
		go(yield_for_ever);
	gos_yield();
	exit(23);
}

__attribute__((noinline)) static void end_the_thread(void)
{
	pthread_exit(NULL);
}

__attribute__((unused)) static void die_by_pthread_exit(void)
{
	go(end_the_thread);
	gos_chan_recv(gos_chan_make(int, 0), NULL);
}

static void section_without_end(void)
{
	gos_blocking_begin();
}

static void die_at_the_end_in_a_section(void)
{
	go(section_without_end);
	gos_chan_recv(gos_chan_make(int, 0), NULL);
}

static void goexit_in_a_section(void)
{
	gos_blocking_begin();
	gos_goexit();
}

static void return_in_child(void)
{
	if (fork() == 0)
		return;
	int status = 0;
	wait(&status);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 25);
}

static void goroutine_of_child(void)
{
	if (fork() == 0)
		return;
	int status = 0;
	wait(&status);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 25);
}

static void goroutine_returns_in_child(void)
{
	go(goroutine_of_child);
	gos_chan_recv(gos_chan_make(int, 0), NULL);
}

static void end_section_in_child(void)
{
	gos_blocking_begin();
	if (fork() == 0) {
		gos_blocking_end();
		gos_yield();
		_exit(24);
	}
	int status = 0;
	wait(&status);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 25);
}

static void panic_in_child_of_section(void)
{
	gos_blocking_begin();
	if (fork() == 0)
		gos_panic("in the child");
	int status = 0;
	wait(&status);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 25);
}

static void burn_in_child(void)
{
	/* Its time is over soon, but nobody is there to say so, and nobody to let run. */
	pid_t pid = fork();
	if (pid == 0) {
		for (int64_t until = gos_now() + 30 * GOS_MS; gos_now() < until;)
			gos_checkpoint();
		_exit(23);
	}
	int status = 0;
	waitpid(pid, &status, 0);
	_exit(WIFEXITED(status) ? WEXITSTATUS(status) : 25);
}

/* A handler on a stack of its own, in the middle of a goroutine. */
__attribute__((noinline)) static void wait_in_handler(int signal)
{
	(void)signal;
	gos_sleep(GOS_MS);
}

static void wait_in_a_handler(void)
{
	struct sigaction action = {.sa_handler = wait_in_handler, .sa_flags = SA_ONSTACK};
	sigaction(SIGUSR1, &action, NULL);
	pthread_kill(pthread_self(), SIGUSR1);
}

/* ---- functions that are none ---------------------------------------------------------------------------------------- */

static void (*volatile no_function)(void);

__attribute__((noinline)) static void go_nothing(void)
{
	go(no_function);
}

__attribute__((noinline)) static void go_nothing_with(void)
{
	gos_go_with((&(struct gos_go_options){.name = "x"}), no_function);
}

__attribute__((noinline)) static void defer_nothing(void)
{
	gos_defer_frame();
	gos_defer(no_function);
}

static void run_nothing(void)
{
	gos_run(NULL, 0, NULL);
}

__attribute__((noinline)) static void negative_channel(void)
{
	volatile int minus = -1;
	gos_chan_make(int, minus);
}

__attribute__((noinline)) static void negative_channel_of_nothing(void)
{
	volatile int minus = -1;
	gos_chan_make_at(0, minus, "void", __FILE__, __LINE__);
}

__attribute__((noinline)) static void negative_select(void)
{
	gos_select(&one_case, -1);
}

/* A frame that is larger than its stack by far. (By so much that it meets no other's: an arena begins with a page that is nobody's.) */
__attribute__((noinline)) static void huge_frame(void)
{
	volatile char space[200 << 10];
	for (int i = (200 << 10) - 1; i >= 0; i -= 1024)
		space[i] = 1;
	if (space[0])
		_exit(0);
}

static void die_of_a_huge_frame(void)
{
	go(huge_frame);
	gos_chan_recv(gos_chan_make(int, 0), NULL);
}

#ifdef LIBRARY
static int app_of_library(int argc, char **argv)
{
	(void)argv;
	return argc;
}
#endif

static void use_the_library_and_close_it(void)
{
#ifdef LIBRARY
	void *library = dlopen(LIBRARY, RTLD_NOW | RTLD_LOCAL);
	if (library == NULL) {
		fprintf(stderr, "%s\n", dlerror());
		_exit(3);
	}
	int (*run)(int (*)(int, char **), int, char **) = (int (*)(int (*)(int, char **), int, char **))dlsym(library, "gos_run");
	int value = run(app_of_library, 23, NULL);
	dlclose(library);
	usleep(50000); /* its threads are still there */
	_exit(value);
#else
	_exit(23);
#endif
}

static const struct gos_death deaths[] = {
	{"before", die_before, 2, {"before gos_run", "gos_yield"}, .plain = true},
	{"on_a_thread", die_on_a_thread, 2, {"from a thread that runs none", "gos_yield"}},
	{"in_a_section", die_in_a_section, 2, {"panic: a function that needs a goroutine", "gos_yield"}},
	{"in_a_child", die_in_a_child, 2, {"in a child of fork", "gos_yield"}},
#if GOS_TEST_SLOW == 1
	{"of_null", die_of_null, -SIGSEGV, {"[signal SIGSEGV", "gos_mutex_lock"}},
	{"huge_frame", die_of_a_huge_frame, 2, {"exceeds its stack of 65536 bytes\nfatal error: stack overflow\n", "huge_frame"}},
#endif
	{"child_looks_around", child_looks_around, 23, {NULL}},
	{"return_in_child", return_in_child, 2, {"gossamer: fatal error: ", "in a child of fork"}},
	{"goroutine_returns_in_child", goroutine_returns_in_child, 2, {"gossamer: fatal error: ", "in a child of fork"}},
	{"panic_in_child_of_section", panic_in_child_of_section, 2, {"panic: in the child", "goroutine 1 [", "panic_in_child_of_section"}},
	{"end_section_in_child", end_section_in_child, 2, {"gossamer: fatal error: ", "in a child of fork", "gos_yield", "end_section_in_child"}},
	{"burn_in_child", burn_in_child, 23, {NULL}},
	{"exit", exit_while_others_run, 23, {"bye\n"}},
#if !defined(RT_TSAN) /* which ends the program itself then */
	{"pthread_exit", die_by_pthread_exit, 2, {"panic: the thread that ran goroutine 2 was ended, by pthread_exit or pthread_cancel\n"}},
#endif
	{"end_in_a_section", die_at_the_end_in_a_section, 2, {"panic: a goroutine ended between gos_blocking_begin and gos_blocking_end\n", "goroutine 2 [", "created by die_at_the_end"}},
	{"goexit_in_a_section", goexit_in_a_section, 2, {"panic: a function that needs a goroutine was called between", "gos_goexit", "goexit_in_a_section"}},
	{"wait_in_a_handler", wait_in_a_handler, 2, {"gossamer: fatal error: a goroutine waits on a stack that is not its own", "gos_sleep(...)", "wait_in_handler(...)"}},
	{"go_nothing", go_nothing, 2, {"panic: go of nil function\n\ngoroutine 1 [running]:\n", "go_nothing(...)"}},
	{"go_nothing_with", go_nothing_with, 2, {"panic: go of nil function\n\ngoroutine 1 [running]:\n", "go_nothing_with(...)"}},
	{"defer_nothing", defer_nothing, 2, {"panic: gos_defer of nil function\n\ngoroutine 1 [running]:\n", "defer_nothing(...)"}},
	{"run_nothing", run_nothing, 2, {"gossamer: fatal error: gos_run of nil function\n", "run_nothing(...)"}, .plain = true},
	{"negative_channel", negative_channel, 2, {"panic: gos_chan_make: ", "negative_channel(...)"}},
	{"negative_channel_of_nothing", negative_channel_of_nothing, 2, {"panic: gos_chan_make: ", "negative_channel_of_nothing(...)"}},
	{"negative_select", negative_select, 2, {"panic: gos_select: -1 cases", "negative_select(...)"}},
	{"library_is_closed", use_the_library_and_close_it, 23, {NULL}, .plain = true},
};
GOS_DEATHS(deaths)
