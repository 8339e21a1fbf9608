/* SPDX-License-Identifier: MIT */
/* Goal: rt/park.c and the order of rt/schedule.c: whoever yields goes behind the others, and nobody waits for ever while others run. Method: counting turns. */
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gos_test.h"
#include "state.h"

static int stop;

static void count_turns(int64_t *turns, gos_waitgroup *wg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		(*turns)++;
		gos_yield();
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(yield_alone_returns)
{
	for (int i = 0; i < 100000; i++)
		gos_yield();
}

/* On one P, equals that yield get equal turns. */
GOS_TEST(yield_is_fair_on_one_p)
{
	enum { N = 100 };
	static int64_t turns[N];
	gos_waitgroup wg = {0};
	gos_procs(1);
	for (uint32_t i = 1; i < gos_runtime.pcount; i++) /* workers of the other Ps may be searching still, and would run one for up to 61 turns */
		while (rt_load_relaxed(&gos_runtime.ps[i]->status) != GOS_P_RETIRED)
			gos_sleep(GOS_MS);
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		go(count_turns, &turns[i], &wg);
	for (int i = 0; i < N; i++) /* on a slow machine this goroutine has had to give way while it made them, and the first have gone ahead */
		while (turns[i] == 0)
			gos_yield();
	memset(turns, 0, sizeof turns);
	for (int64_t until = gos_now() + 200 * GOS_MS; gos_now() < until;)
		gos_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	int64_t least = INT64_MAX, most = 0;
	for (int i = 0; i < N; i++) {
		least = turns[i] < least ? turns[i] : least;
		most = turns[i] > most ? turns[i] : most;
	}
	expect_gt(least, 10);
	expect_le(most - least, most / 5 + 5);
}

GOS_TEST(yield_starves_nobody_on_any_number_of_ps)
{
	enum { N = 1000 }; /* more than a ring holds */
	static int64_t turns[N];
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		go(count_turns, &turns[i], &wg);
	for (int i = 0; i < N; i++)
		while (__atomic_load_n(&turns[i], __ATOMIC_RELAXED) < 10) /* or the test's time is over */
			gos_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

/* Two that hand a value to and fro wake each other into the next slot; who yields must not wait for ever for them. */
static void ping(gos_chan *in, gos_chan *out)
{
	int64_t v;
	while (gos_chan_recv(in, &v))
		if (!gos_chan_try_send(out, &v))
			gos_chan_send(out, &v);
	gos_chan_close(out);
}

static void pong(gos_chan *in, gos_chan *out)
{
	int64_t v = 0;
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		gos_chan_send(out, &v);
		gos_chan_recv(in, &v);
	}
	gos_chan_close(out);
}

GOS_TEST(ping_pong_does_not_starve_who_yields)
{
	static int64_t turns;
	gos_waitgroup wg = {0};
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	gos_procs(1);
	gos_waitgroup_add(&wg, 1);
	go(count_turns, &turns, &wg);
	go(ping, a, b);
	go(pong, b, a);
	for (int64_t mine = 0; mine < 100 || __atomic_load_n(&turns, __ATOMIC_RELAXED) < 100; mine++) /* or the test's time is over */
		gos_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

/* New goroutines run newest first; one that always makes another must not keep older ones waiting for ever. */
static void breed(gos_waitgroup *wg)
{
	if (__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		gos_waitgroup_done(wg);
	else
		go(breed, wg);
}

static void mark(int *flag)
{
	__atomic_store_n(flag, 1, __ATOMIC_RELEASE);
}

GOS_TEST(breeding_does_not_starve_the_old)
{
	gos_waitgroup wg = {0};
	static int flags[100];
	gos_procs(1);
	for (int i = 0; i < 100; i++)
		go(mark, &flags[i]); /* these are the oldest now */
	gos_waitgroup_add(&wg, 1);
	go(breed, &wg);
	for (int i = 0; i < 100; i++)
		gos_test_until(&flags[i]);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

/* What stands in the global queue gets its turn although the local one is never empty. */
GOS_TEST(global_queue_is_not_starved)
{
	enum { N = 2000 };
	static int flags[N];
	gos_waitgroup wg = {0};
	gos_procs(1);
	for (int i = 0; i < N; i++)
		go(mark, &flags[i]); /* overflows */
	gos_waitgroup_add(&wg, 1);
	go(breed, &wg);
	for (int i = 0; i < N; i++)
		gos_test_until(&flags[i]);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

/* Nor when all that is left here is one that yields: it finds nobody behind it, and must not take that for an answer. */
GOS_TEST(global_queue_is_not_starved_by_one_that_yields)
{
	enum { N = 2000 };
	static int flags[N];
	gos_procs(1);
	for (int i = 0; i < N; i++)
		go(mark, &flags[i]);
	for (int i = 0; i < N; i++)
		for (int64_t start = gos_now(); !__atomic_load_n(&flags[i], __ATOMIC_ACQUIRE); gos_yield())
			expect_lt(gos_now() - start, 5 * GOS_S);
}

GOS_TEST(sleepers_are_not_starved_by_ping_pong)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	gos_procs(1);
	go(ping, a, b);
	go(pong, b, a);
	for (int i = 0; i < 20; i++) {
		int64_t start = gos_now();
		gos_sleep(GOS_MS);
		expect_lt(gos_now() - start, 2 * GOS_S);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_test_until_num(1);
}

/* ---- as Go's proc_test.go has it ---- */

static void yield_until_told(gos_chan *quit, gos_chan *gone)
{
	char v = 1;
	for (;;) {
		struct gos_case cases[] = {GOS_RECV(quit, &v)};
		if (gos_select_try(cases, 1) == 0)
			break;
		gos_yield();
	}
	gos_chan_send(gone, &v);
}

GOS_TEST(yield_in_a_loop_that_looks_lets_the_teller_run)
{
	gos_chan *quit = gos_chan_make(char, 0), *gone = gos_chan_make(char, 0);
	gos_procs(1);
	for (int i = 0; i < 3; i++) {
		char v = 1;
		go(yield_until_told, quit, gone);
		gos_sleep(5 * GOS_MS);
		gos_chan_send(quit, &v);
		gos_chan_recv(gone, &v);
	}
}

/* None of them calls the runtime while it waits for its turn: each needs a thread of its own. */
static int turn;

static void step_in_turn(int me, int n, int steps, gos_waitgroup *wg)
{
	for (int step = 0; step < steps; step++) {
		while (__atomic_load_n(&turn, __ATOMIC_ACQUIRE) != step * n + me)
			sched_yield();
		__atomic_store_n(&turn, step * n + me + 1, __ATOMIC_RELEASE);
	}
	gos_waitgroup_done(wg);
}

static void reads_for_ever(int fd)
{
	char v;
	gos_read(fd, &v, 1);
}

static void in_parallel(bool others_wait)
{
	enum { N = 4, STEPS = 20, ROUNDS = 5 };
	int s[2];
	gos_procs(N);
	if (others_wait) { /* for a descriptor, so that somebody is in the netpoller */
		expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
		gos_test_until_waiting(go(reads_for_ever, s[0]), "IO wait");
	}
	for (int round = 0; round < ROUNDS; round++) {
		gos_waitgroup wg = {0};
		turn = 0;
		gos_waitgroup_add(&wg, N);
		for (int i = 0; i < N; i++)
			go(step_in_turn, i, N, STEPS, &wg);
		gos_waitgroup_wait(&wg);
		expect_eq(turn, N * STEPS);
	}
}

GOS_TEST(as_many_run_at_once_as_there_are_ps) { in_parallel(false); }
GOS_TEST(as_many_run_at_once_as_there_are_ps_while_one_waits_for_a_descriptor) { in_parallel(true); }

/* A pair that wakes each other without end, and one that computes and only offers to give way: both get on. */
static int64_t computed, handed;

static void compute(gos_waitgroup *wg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		for (int i = 0; i < 10000; i++)
			__asm__ volatile("");
		__atomic_add_fetch(&computed, 1, __ATOMIC_RELAXED);
		gos_checkpoint();
	}
	gos_waitgroup_done(wg);
}

static void hand_on(gos_chan *in, gos_chan *out, gos_waitgroup *wg)
{
	int64_t v;
	while (gos_chan_recv(in, &v)) {
		__atomic_add_fetch(&handed, 1, __ATOMIC_RELAXED);
		if (__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
			break;
		gos_chan_send(out, &v);
	}
	gos_chan_close(out);
	gos_waitgroup_done(wg);
}

GOS_TEST(ping_pong_and_who_computes_share_a_p)
{
	gos_chan *a = gos_chan_make(int64_t, 1), *b = gos_chan_make(int64_t, 1);
	gos_waitgroup wg = {0};
	int64_t v = 0;
	gos_procs(1);
	gos_waitgroup_add(&wg, 3);
	go(compute, &wg);
	go(hand_on, a, b, &wg);
	go(hand_on, b, a, &wg);
	gos_chan_send(a, &v);
	for (int round = 0; round < 5; round++) { /* again and again, for each */
		int64_t c = __atomic_load_n(&computed, __ATOMIC_RELAXED), h = __atomic_load_n(&handed, __ATOMIC_RELAXED);
		while (__atomic_load_n(&computed, __ATOMIC_RELAXED) < c + 100 || __atomic_load_n(&handed, __ATOMIC_RELAXED) < h + 1000)
			gos_sleep(GOS_MS);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

/* Two that always have something to say must not keep a timer from being heard. */
static void say(gos_chan *c, gos_chan *enough)
{
	for (int64_t v = 0;; v++) {
		struct gos_case cases[] = {GOS_SEND(c, &v), GOS_RECV(enough, NULL)};
		if (gos_select(cases, 2) == 1)
			return;
	}
}

GOS_TEST(timers_are_heard_among_those_that_never_stop)
{
	gos_chan *c = gos_chan_make(int64_t, 0), *enough = gos_chan_make(char, 0);
	gos_procs(1);
	go(say, c, enough);
	go(say, c, enough);
	for (int i = 0; i < 5; i++) {
		gos_chan *late = gos_after(5 * GOS_MS);
		for (;;) {
			struct gos_case cases[] = {GOS_RECV(c, NULL), GOS_RECV(late, NULL)};
			if (gos_select(cases, 2) == 1)
				break;
		}
		gos_chan_free(late);
	}
	gos_chan_close(enough);
	gos_test_until_num(1);
}

/* What is counted and what is shown are the same. */
static void wait_for_ever(gos_chan *c)
{
	gos_chan_recv(c, NULL);
}

GOS_TEST(num_goroutines_is_what_a_dump_shows)
{
	static char text[1 << 20];
	gos_chan *c = gos_chan_make(char, 0);
	for (int i = 0; i < 100; i++)
		go(wait_for_ever, c);
	gos_test_until_n_waiting(100, "chan receive");
	int fd = memfd_create("dump", 0);
	expect_ge(fd, 0);
	gos_stack_dump(fd);
	ssize_t size = pread(fd, text, sizeof text - 1, 0);
	expect_gt(size, 0);
	expect_lt(size, sizeof text - 1);
	int shown = 0;
	for (const char *line = text; line != NULL; line = strchr(line, '\n')) {
		line += *line == '\n';
		shown += strncmp(line, "goroutine ", 10) == 0;
	}
	expect_eq(shown, gos_num_goroutines());
	expect_eq(shown, 101);
	gos_chan_close(c);
	gos_test_until_num(1);
	expect_eq(gos_num_goroutines(), 1);
}
