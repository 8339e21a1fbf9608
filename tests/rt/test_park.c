/* SPDX-License-Identifier: MIT */
/* Goal: rt/park.c and the order of rt/schedule.c: whoever yields goes behind the others, and nobody waits for ever while others run. Method: counting turns. */
#include "gos_test.h"

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
	gos_sleep(50 * GOS_MS); /* workers of the other Ps may be searching still, and would run one for up to 61 turns */
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		go(count_turns, &turns[i], &wg);
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
	for (int64_t until = gos_now() + 300 * GOS_MS; gos_now() < until;)
		gos_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < N; i++)
		expect_gt(turns[i], 0);
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
	int64_t mine = 0;
	for (int64_t until = gos_now() + 200 * GOS_MS; gos_now() < until; mine++)
		gos_yield();
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	expect_gt(mine, 100);
	expect_gt(turns, 100);
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
