/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/sleep.c: never early, in order, and gos_after's channel. Method: black box, by the clock; lateness has no bound but the watchdog's. */
#include <time.h>

#include "gos_test.h"

static gos_chan *results;

static void sleep_then_tell(int64_t ns, int64_t me)
{
	int64_t start = gos_now();
	gos_sleep(ns);
	expect_ge(gos_now() - start, ns);
	gos_chan_send(results, &me);
}

GOS_TEST(sleep_is_never_too_short)
{
	static const int64_t times[] = {1, 100, 1000, 50000, 999999, GOS_MS, 3 * GOS_MS + 1};
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
			int64_t start = gos_now();
			gos_sleep(times[i]);
			expect_ge(gos_now() - start, times[i]);
		}
}

GOS_TEST(sleep_of_nothing_returns_at_once)
{
	int64_t start = gos_now();
	for (int i = 0; i < 100000; i++) {
		gos_sleep(0);
		gos_sleep(-1);
		gos_sleep(INT64_MIN);
	}
	expect_lt(gos_now() - start, 5 * GOS_S);
}

static int began_late;

static void sleep_until_then_tell(int64_t until, int64_t me)
{
	if (gos_now() >= until)
		__atomic_store_n(&began_late, 1, __ATOMIC_RELAXED);
	gos_sleep(until - gos_now());
	gos_chan_send(results, &me);
}

/* On one P, so that who wakes first runs first. */
GOS_TEST(sleep_wakes_in_order)
{
	enum { N = 20 };
	bool in_order = false;
	gos_procs(1);
	results = gos_chan_make(int64_t, N);
	/* Again with more time, if the machine is so busy that not all were asleep when the first was due. */
	for (int64_t ahead = 50 * GOS_MS; !in_order; ahead *= 2) {
		int64_t start = gos_now() + ahead;
		began_late = 0;
		in_order = true;
		for (int i = 0; i < N; i++)
			go(sleep_until_then_tell, start + (i * 7) % N * 10 * GOS_MS, (i * 7) % N);
		for (int i = 0; i < N; i++) {
			int64_t me;
			gos_chan_recv(results, &me);
			in_order = in_order && me == i;
		}
		expect(in_order || __atomic_load_n(&began_late, __ATOMIC_RELAXED));
	}
}

GOS_TEST(sleep_of_ten_thousand)
{
	enum { N = 10000 };
	static bool seen[N];
	uint64_t random = gos_test_seed();
	results = gos_chan_make(int64_t, N);
	for (int i = 0; i < N; i++)
		go(sleep_then_tell, (int64_t)(gos_test_random(&random) % (uint64_t)(200 * GOS_MS)), i);
	for (int i = 0; i < N; i++) {
		int64_t me;
		gos_chan_recv(results, &me);
		expect(!seen[me]);
		seen[me] = true;
	}
}

static void sleep_for_ever(void)
{
	gos_sleep(INT64_MAX);
	expect(!"slept for 292 years");
}

GOS_TEST(sleep_of_292_years)
{
	uint64_t g = go(sleep_for_ever);
	gos_test_until_waiting(g, "sleep");
	gos_sleep(10 * GOS_MS);
	gos_test_until_waiting(g, "sleep");
}

/* A sleeper must be woken although every P is busy with goroutines that only yield. */
static int stop;

static void spin(gos_waitgroup *wg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE))
		gos_yield();
	gos_waitgroup_done(wg);
}

GOS_TEST(sleep_ends_while_others_yield)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 20);
	for (int i = 0; i < 20; i++)
		go(spin, &wg);
	for (int i = 0; i < 20; i++) {
		int64_t start = gos_now();
		gos_sleep(GOS_MS);
		expect_ge(gos_now() - start, GOS_MS);
		expect_lt(gos_now() - start, 2 * GOS_S);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

/* ---- gos_after ---- */

GOS_TEST(after_sends_the_time_once)
{
	int64_t start = gos_now(), then = 0;
	gos_chan *c = gos_after(5 * GOS_MS);
	expect_eq(gos_chan_cap(c), 1);
	expect(gos_chan_recv(c, &then));
	expect_ge(then - start, 5 * GOS_MS);
	expect_le(then, gos_now());
	gos_sleep(10 * GOS_MS);
	expect(!gos_chan_try_recv(c, NULL, NULL));
	gos_chan_free(c);
}

GOS_TEST(after_keeps_the_value_until_it_is_asked_for)
{
	gos_chan *c = gos_after(GOS_MS);
	gos_sleep(30 * GOS_MS);
	while (gos_chan_len(c) == 0)
		gos_yield();
	int64_t then, now = gos_now();
	expect(gos_chan_recv(c, &then));
	expect_le(then, now);
	gos_chan_free(c);
}

GOS_TEST(after_now)
{
	int64_t then, start = gos_now();
	gos_chan *a = gos_after(0), *b = gos_after(-5);
	expect(gos_chan_recv(a, &then));
	expect_ge(then, start);
	expect(gos_chan_recv(b, &then));
	expect_ge(then, start);
	gos_chan_free(a);
	gos_chan_free(b);
}

GOS_TEST(after_freed_before_its_time)
{
	for (int i = 0; i < 2000; i++)
		gos_chan_free(gos_after(GOS_MS / 2));
	gos_sleep(20 * GOS_MS);
	for (int i = 0; i < 1000; i++)
		gos_chan_free(gos_after(GOS_S * 3600));
}

/* Freed just when it fires, by another worker: the value may have been sent, or not; nothing may be touched after the free. */
static void race_free(int64_t ns, gos_waitgroup *wg)
{
	for (int i = 0; i < 300; i++) {
		gos_chan *c = gos_after(ns);
		for (int64_t until = gos_now() + ns; gos_now() < until;)
			gos_yield();
		gos_chan_free(c);
		/* The next channel is likely the same memory: a late send would be seen in it. */
		c = gos_chan_make(int64_t, 1);
		expect_eq(gos_chan_len(c), 0);
		gos_chan_free(c);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(after_freed_while_it_fires)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 12);
	for (int i = 0; i < 12; i++)
		go(race_free, (20 + i) * GOS_US, &wg);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(after_in_a_select)
{
	gos_chan *never = gos_chan_make(int64_t, 0);
	for (int i = 0; i < 200; i++) {
		int64_t start = gos_now();
		gos_chan *t = gos_after(100 * GOS_US);
		struct gos_case cases[] = {GOS_RECV(never, NULL), GOS_RECV(t, NULL)};
		expect_eq(gos_select(cases, 2), 1);
		expect(cases[1].ok);
		expect_ge(gos_now() - start, 100 * GOS_US);
		gos_chan_free(t);
	}
}

GOS_TEST(after_many_at_once_in_order)
{
	enum { N = 2000 };
	gos_chan *c[N];
	uint64_t random = gos_test_seed();
	int64_t due[N];
	for (int i = 0; i < N; i++) {
		int64_t ns = (int64_t)(gos_test_random(&random) % (uint64_t)(100 * GOS_MS));
		due[i] = gos_now() + ns;
		c[i] = gos_after(ns);
	}
	for (int i = 0; i < N; i++) {
		int64_t then;
		expect(gos_chan_recv(c[i], &then));
		expect_ge(then, due[i]);
		gos_chan_free(c[i]);
	}
}

GOS_TEST(now_is_the_monotonic_clock)
{
	struct timespec ts;
	int64_t before = gos_now();
	clock_gettime(CLOCK_MONOTONIC, &ts);
	int64_t between = (int64_t)ts.tv_sec * GOS_S + ts.tv_nsec, after = gos_now();
	expect_le(before, between);
	expect_le(between, after);
}
