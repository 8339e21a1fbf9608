/* SPDX-License-Identifier: MIT */
/*
 * Goal: the coarse clock is never ahead of the exact one, never goes back, and moves by grains, rt/coarse.c. Method: it is held against the exact one, and set
 * to what a thread would find that was held up.
 */
#include <pthread.h>

#include "atomic.h"
#include "coarse.h"
#include "gos_test.h"
#include "state.h"

static int64_t coarse(void)
{
	return rt_load_relaxed(&gos_runtime.now);
}

PLAIN_TEST(set_is_exact)
{
	for (int i = 0; i < 1000; i++) {
		int64_t before = rt_now(), set = rt_clock_set(), after = rt_now();
		expect_ge(set, before - 1); /* it is even */
		expect_le(set, after);
		expect_eq(set, coarse());
		expect_eq(set & 1, 0);
	}
}

PLAIN_TEST(refresh_moves_it_by_a_grain_or_not_at_all)
{
	int moved = 0;
	int64_t seen = rt_clock_set(), begin = seen;
	while (moved < 100) {
		int64_t before = rt_now(), exact = rt_clock_refresh(), now = coarse();
		expect_ge(exact, before - 1);
		expect_lt(exact - now, RT_CLOCK_GRAIN);
		if (now != seen) {
			expect_ge(now - seen, RT_CLOCK_GRAIN);
			expect_eq(now, exact);
			expect_eq(now & 1, 0);
			moved++;
		}
		seen = now;
	}
	expect_ge(seen - begin, INT64_C(100) * RT_CLOCK_GRAIN);
}

/* A thread that read the exact clock and was held up before it could set the coarse one, which others have moved since. */
PLAIN_TEST(who_comes_late_does_not_set_it_back)
{
	int64_t ahead = (rt_now() & ~INT64_C(1)) + 3600 * GOS_S;
	rt_store_relaxed(&gos_runtime.now, ahead);
	expect_lt(rt_clock_refresh(), ahead);
	expect_eq(coarse(), ahead);
	expect_eq(rt_clock_set(), ahead);
	expect_eq(coarse(), ahead);
}

static int enough;

static void *move_it(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		rt_clock_set();
	return arg;
}

/* What is read of the coarse clock, and then of the exact one, is in order, whoever moves it. */
PLAIN_TEST(never_back_and_never_ahead)
{
	pthread_t threads[3];
	for (int i = 0; i < 3; i++)
		expect_eq(pthread_create(&threads[i], NULL, move_it, NULL), 0);
	int64_t seen = rt_clock_set();
	for (int i = 0; i < 300000; i++) {
		int64_t now = coarse();
		expect_ge(now, seen);
		expect_le(now, rt_now());
		seen = now;
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 3; i++)
		pthread_join(threads[i], NULL);
}

static int stop;

static void compute(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		gos_checkpoint();
}

/* While something runs that never stops, sysmon moves it. */
GOS_TEST(it_goes_on_while_a_goroutine_computes)
{
	go(compute);
	for (int64_t begin = coarse(); coarse() - begin < 200 * GOS_MS;)
		;
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}
