/* SPDX-License-Identifier: MIT */
/*
 * Goal: the rules of rt/timer.c, timers and tickers: never early, each setting fires once or is stopped, nothing stale is received. Method: black box; races are judged by an account
 * in which every setting must turn up exactly once, as fired or as taken back. Lateness has no bound but the watchdog's.
 */
#include "gos_place.h"
#include "gos_test.h"
#include "state.h"

enum { FAR = 3600 }; /* seconds */

static int count;

static void count_up(void *arg)
{
	__atomic_add_fetch(arg != NULL ? (int *)arg : &count, 1, __ATOMIC_SEQ_CST);
}

static int load(const int *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

/* ---- with a function ---- */

static int64_t due_at;
static int done;

static void check_time(void *arg)
{
	expect_ge(gos_now(), due_at);
	expect(arg == &due_at);
	__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
}

GOS_TEST(timer_calls_its_function_when_due)
{
	due_at = gos_now() + 5 * GOS_MS;
	gos_timer *t = gos_timer_start(5 * GOS_MS, check_time, &due_at);
	expect(gos_timer_chan(t) == NULL);
	gos_test_until(&done);
	expect(!gos_timer_stop(t));
	gos_timer_free(t);
}

static gos_timer *chained;
static int links = 500;

static void next_link(void *arg)
{
	(void)arg;
	if (--links > 0)
		expect(!gos_timer_reset(chained, links % 7 * 10 * GOS_US));
	else
		__atomic_store_n(&done, 1, __ATOMIC_RELEASE);
}

GOS_TEST(timer_function_sets_its_own_timer_again)
{
	chained = gos_timer_start(FAR * GOS_S, next_link, NULL);
	expect(gos_timer_reset(chained, 0)); /* only now does `chained` say which it is */
	gos_test_until(&done);
	gos_timer_free(chained);
}

/* A goroutine of its own: it may wait, and hold up nothing. */
static void wait_on(void *arg)
{
	gos_chan_recv(arg, NULL);
	count_up(NULL);
}

GOS_TEST(timer_function_may_wait)
{
	gos_chan *gate = gos_chan_make(int, 0);
	gos_timer *t[50];
	for (int i = 0; i < 50; i++)
		t[i] = gos_timer_start(GOS_US, wait_on, gate);
	gos_test_until_n_waiting(50, "chan receive");
	gos_sleep(GOS_MS); /* others' timers still run */
	gos_chan_close(gate);
	while (load(&count) < 50)
		gos_yield();
	for (int i = 0; i < 50; i++)
		gos_timer_free(t[i]);
}

enum { ORDERED = 300 };
static int64_t order[ORDERED];
static int ordered;

/* Calls nothing of the runtime, where it might be made to give way to the next. */
static void note_order(void *arg)
{
	order[__atomic_fetch_add(&ordered, 1, __ATOMIC_SEQ_CST)] = (int64_t)(intptr_t)arg;
}

static void until_ordered(int n)
{
	while (load(&ordered) < n)
		gos_sleep(5 * GOS_MS);
}

/* On one P, so that those that begin first are also first to say so. Times lie so far apart that the moment between two starts does not matter. */
GOS_TEST(timers_fire_in_the_order_of_their_times)
{
	enum { N = 40 };
	gos_timer *t[N];
	int64_t base = 50 * GOS_MS * GOS_TEST_SLOW;
	gos_procs(1);
	for (int i = 0; i < N; i++)
		t[i] = gos_timer_start(base + i * 7 % N * 10 * GOS_MS, note_order, (void *)(intptr_t)(i * 7 % N));
	until_ordered(N);
	for (int i = 0; i < N; i++) {
		expect_eq(order[i], i);
		gos_timer_free(t[i]);
	}
}

/* Those that are all found due at once begin in the order of their times too: where there is one P from the beginning, that is. */
GOS_TEST(timers_found_due_together_fire_in_order)
{
	enum { N = ORDERED };
	static gos_timer *t[N];
	bool alone = gos_procs(0) == 1, seen[N] = {false};
	for (int i = 0; i < N; i++)
		t[i] = gos_timer_start(i + 1, note_order, (void *)(intptr_t)i);
	for (int64_t until = gos_now() + 5 * GOS_MS; gos_now() < until;)
		; /* nothing else runs meanwhile */
	until_ordered(N);
	for (int i = 0; i < N; i++) {
		expect(!seen[order[i]]);
		seen[order[i]] = true;
		if (alone)
			expect_eq(order[i], i);
		gos_timer_free(t[i]);
	}
}

/* ---- start, stop, reset in each state ---- */

GOS_TEST(timer_stop_before_it_fires)
{
	gos_timer *t = gos_timer_start(FAR * GOS_S, count_up, NULL);
	expect(gos_timer_stop(t));
	expect(!gos_timer_stop(t));
	gos_timer *soon = gos_timer_start(2 * GOS_MS, count_up, NULL);
	bool stopped = gos_timer_stop(soon);
	gos_sleep(20 * GOS_MS);
	if (stopped)
		expect_eq(load(&count), 0);
	gos_timer_free(soon);
	gos_timer_free(t);
}

GOS_TEST(timer_stop_after_it_fired)
{
	gos_timer *t = gos_timer_start(0, count_up, NULL);
	while (load(&count) == 0)
		gos_yield();
	expect(!gos_timer_stop(t));
	expect(!gos_timer_stop(t));
	gos_timer_free(t);
}

GOS_TEST(timer_reset_when_active)
{
	gos_timer *t = gos_timer_start(FAR * GOS_S, count_up, NULL);
	expect(gos_timer_reset(t, 2 * FAR * GOS_S)); /* later */
	expect(gos_timer_reset(t, GOS_MS));          /* earlier */
	while (load(&count) == 0)
		gos_yield();
	expect(!gos_timer_stop(t));
	gos_timer_free(t);
}

GOS_TEST(timer_reset_when_stopped)
{
	gos_timer *t = gos_timer_start(FAR * GOS_S, count_up, NULL);
	gos_timer_stop(t);
	expect(!gos_timer_reset(t, GOS_MS));
	while (load(&count) == 0)
		gos_yield();
	gos_timer_free(t);
}

GOS_TEST(timer_reset_when_fired)
{
	gos_timer *t = gos_timer_start(0, count_up, NULL);
	for (int i = 1; i <= 200; i++) {
		while (load(&count) < i)
			gos_yield();
		expect(!gos_timer_reset(t, i % 3 * 20 * GOS_US));
	}
	while (load(&count) < 201)
		gos_yield();
	expect_eq(load(&count), 201);
	gos_timer_free(t);
}

GOS_TEST(timer_of_nothing_or_less_fires_at_once)
{
	static const int64_t times[] = {0, -1, -GOS_S, INT64_MIN, INT64_MIN + 1};
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		int64_t before = gos_now(), then;
		gos_timer *t = gos_timer_start(times[i], NULL, NULL);
		expect(gos_chan_recv(gos_timer_chan(t), &then));
		expect_ge(then, before);
		expect(!gos_timer_reset(t, times[i]));
		expect(gos_chan_recv(gos_timer_chan(t), &then));
		gos_timer_free(t);
	}
}

GOS_TEST(timer_of_292_years_does_not_fire)
{
	static const int64_t times[] = {INT64_MAX, INT64_MAX - 1, INT64_MAX / 2};
	gos_timer *t[6];
	for (int i = 0; i < 6; i++)
		t[i] = gos_timer_start(i < 3 ? times[i] : FAR * GOS_S, NULL, NULL);
	for (int i = 3; i < 6; i++)
		expect(gos_timer_reset(t[i], times[i - 3]));
	/* Those that are due before them are not held up. */
	for (int i = 0; i < 20; i++) {
		gos_timer *near = gos_timer_start(10 * GOS_US, NULL, NULL);
		gos_chan_recv(gos_timer_chan(near), NULL);
		gos_timer_free(near);
	}
	for (int i = 0; i < 6; i++) {
		expect_eq(gos_chan_len(gos_timer_chan(t[i])), 0);
		expect(gos_timer_stop(t[i]));
		gos_timer_free(t[i]);
	}
	gos_ticker *k = gos_ticker_start(INT64_MAX);
	gos_sleep(GOS_MS);
	expect_eq(gos_chan_len(gos_ticker_chan(k)), 0);
	gos_ticker_free(k);
}

/* ---- with a channel ---- */

GOS_TEST(timer_sends_the_time_once)
{
	int64_t start = gos_now(), then;
	gos_timer *t = gos_timer_start(3 * GOS_MS, NULL, NULL);
	gos_chan *c = gos_timer_chan(t);
	expect_eq(gos_chan_cap(c), 1);
	expect(gos_chan_recv(c, &then));
	expect_ge(then, start + 3 * GOS_MS);
	expect_le(then, gos_now());
	expect(!gos_timer_stop(t));
	gos_sleep(10 * GOS_MS);
	expect(!gos_chan_try_recv(c, NULL, NULL));
	gos_timer_free(t);
}

static void until_sent(gos_chan *c)
{
	while (gos_chan_len(c) == 0)
		gos_yield();
}

/* As in Go 1.23: the value was not received, so it is as if the timer had not fired. */
GOS_TEST(timer_stop_takes_the_value_back)
{
	gos_timer *t = gos_timer_start(0, NULL, NULL);
	until_sent(gos_timer_chan(t));
	expect(gos_timer_stop(t));
	expect_eq(gos_chan_len(gos_timer_chan(t)), 0);
	expect(!gos_chan_try_recv(gos_timer_chan(t), NULL, NULL));
	expect(!gos_timer_stop(t));
	gos_timer_free(t);
}

GOS_TEST(timer_reset_takes_the_value_back)
{
	gos_timer *t = gos_timer_start(0, NULL, NULL);
	for (int i = 0; i < 100; i++) {
		int64_t then, reset_at;
		until_sent(gos_timer_chan(t));
		reset_at = gos_now();
		expect(gos_timer_reset(t, 50 * GOS_US));
		expect(gos_chan_recv(gos_timer_chan(t), &then));
		expect_ge(then, reset_at + 50 * GOS_US);
		gos_timer_reset(t, 0);
	}
	gos_timer_free(t);
}

/* Whatever the moment of the stop: after it nothing comes. Several workers make the timer fire while it is stopped. */
static void stop_or_reset_at_its_time(int me)
{
	uint64_t random = gos_test_seed() + (uint64_t)me;
	for (int i = 0; i < 400; i++) {
		int64_t ns = (int64_t)(gos_test_random(&random) % 60000), then;
		gos_timer *t = gos_timer_start(ns, NULL, NULL);
		for (int64_t until = gos_now() + (int64_t)(gos_test_random(&random) % 60000); gos_now() < until;)
			gos_yield();
		if (i % 2 == 0) {
			gos_timer_stop(t);
			expect(!gos_chan_try_recv(gos_timer_chan(t), NULL, NULL));
			gos_yield();
			expect(!gos_chan_try_recv(gos_timer_chan(t), NULL, NULL));
		} else {
			int64_t now = gos_now();
			gos_timer_reset(t, 20 * GOS_US);
			expect(gos_chan_recv(gos_timer_chan(t), &then));
			expect_ge(then, now + 20 * GOS_US);
			expect(!gos_chan_try_recv(gos_timer_chan(t), NULL, NULL));
		}
		gos_timer_free(t);
	}
	count_up(NULL);
}

GOS_TEST(nothing_stale_is_received_after_stop_or_reset)
{
	for (int i = 0; i < 10; i++)
		go(stop_or_reset_at_its_time, i);
	while (load(&count) < 10)
		gos_sleep(GOS_MS);
}

static void recv_once(gos_chan *c)
{
	gos_chan_recv(c, NULL);
	count_up(NULL);
}

GOS_TEST(timer_is_reset_while_somebody_waits_for_it)
{
	gos_timer *t = gos_timer_start(FAR * GOS_S, NULL, NULL);
	uint64_t g = go(recv_once, gos_timer_chan(t));
	gos_test_until_waiting(g, "chan receive");
	expect(gos_timer_stop(t));
	gos_sleep(2 * GOS_MS);
	expect_eq(load(&count), 0);
	expect(!gos_timer_reset(t, GOS_MS));
	while (load(&count) == 0)
		gos_yield();
	gos_timer_free(t);
}

static void select_once(gos_chan *c, gos_chan *quit)
{
	struct gos_case cases[] = {GOS_RECV(c, NULL), GOS_RECV(quit, NULL)};
	if (gos_select(cases, 2) == 0)
		count_up(NULL);
	count_up(&done);
}

GOS_TEST(timer_wakes_one_of_those_who_select)
{
	gos_timer *t = gos_timer_start(FAR * GOS_S, NULL, NULL);
	gos_chan *quit = gos_chan_make(int, 0);
	for (int i = 0; i < 5; i++)
		go(select_once, gos_timer_chan(t), quit);
	gos_test_until_n_waiting(5, "select");
	gos_timer_reset(t, 2 * FAR * GOS_S);
	gos_timer_stop(t);
	expect_eq(load(&count), 0);
	for (int i = 1; i <= 3; i++) {
		gos_timer_reset(t, i % 2 * 20 * GOS_US);
		while (load(&done) < i)
			gos_yield();
		expect_eq(load(&count), i);
		gos_test_until_n_waiting((size_t)(5 - i), "select");
	}
	gos_chan_close(quit);
	while (load(&done) < 5)
		gos_yield();
	expect_eq(load(&count), 3);
	expect(!gos_timer_stop(t));
	gos_timer_free(t);
}

/* ---- no setting is lost, none fires twice ---- */

enum { SHARED = 16, HANDS = 8 };
static gos_timer *shared[SHARED];
static int set_count, taken_back, fired, hands_done, stop_all;

static void fired_fn(void *arg)
{
	(void)arg;
	__atomic_add_fetch(&fired, 1, __ATOMIC_SEQ_CST);
}

static void receive_all(int me)
{
	struct gos_case cases[SHARED + 1];
	for (int i = 0; i < SHARED; i++)
		cases[i] = (struct gos_case)GOS_RECV(gos_timer_chan(shared[i]), NULL);
	(void)me;
	for (;;) {
		cases[SHARED] = (struct gos_case)GOS_RECV(gos_after(GOS_MS), NULL);
		int got = gos_select(cases, SHARED + 1);
		if (got < SHARED)
			__atomic_add_fetch(&fired, 1, __ATOMIC_SEQ_CST);
		gos_chan_free(cases[SHARED].chan);
		if (__atomic_load_n(&stop_all, __ATOMIC_ACQUIRE))
			break;
	}
	__atomic_add_fetch(&hands_done, 1, __ATOMIC_SEQ_CST);
}

static void stop_and_reset(int me, int rounds)
{
	uint64_t random = gos_test_seed() + (uint64_t)me * 77;
	for (int i = 0; i < rounds; i++) {
		gos_timer *t = shared[gos_test_random(&random) % SHARED];
		bool was;
		if (gos_test_random(&random) % 3 == 0) {
			was = gos_timer_stop(t);
		} else {
			was = gos_timer_reset(t, (int64_t)(gos_test_random(&random) % 30000));
			__atomic_add_fetch(&set_count, 1, __ATOMIC_SEQ_CST);
		}
		if (was)
			__atomic_add_fetch(&taken_back, 1, __ATOMIC_SEQ_CST);
		if (gos_test_random(&random) % 4 == 0)
			gos_yield();
		else if (gos_test_random(&random) % 16 == 0)
			gos_sleep((int64_t)(gos_test_random(&random) % 20000));
	}
	__atomic_add_fetch(&hands_done, 1, __ATOMIC_SEQ_CST);
}

static void change_procs(int rounds)
{
	uint64_t random = gos_test_seed();
	for (int i = 0; i < rounds && load(&hands_done) < HANDS; i++) {
		gos_procs(1 + (int)(gos_test_random(&random) % 6));
		gos_sleep(300 * GOS_US);
	}
}

static void settle_account(void)
{
	for (int i = 0; i < SHARED; i++)
		taken_back += gos_timer_stop(shared[i]);
	for (int64_t until = gos_now() + 10 * GOS_S * GOS_TEST_SLOW; load(&fired) + load(&taken_back) < load(&set_count) && gos_now() < until;)
		gos_sleep(GOS_MS);
	gos_sleep(5 * GOS_MS); /* time for what is too much */
	expect_eq(load(&fired) + load(&taken_back), load(&set_count));
	expect_gt(fired, 0);
	expect_gt(taken_back, 0);
}

GOS_TEST_WITHIN(timers_with_functions_stopped_and_reset_by_many, 60)
{
	set_count = SHARED;
	for (int i = 0; i < SHARED; i++)
		shared[i] = gos_timer_start(20 * GOS_US, fired_fn, NULL);
	for (int i = 0; i < HANDS; i++)
		go(stop_and_reset, i, 4000);
	go(change_procs, 100000);
	while (load(&hands_done) < HANDS)
		gos_sleep(GOS_MS);
	settle_account();
}

GOS_TEST_WITHIN(timers_with_channels_stopped_and_reset_by_many, 60)
{
	enum { RECEIVERS = 3 };
	set_count = SHARED;
	for (int i = 0; i < SHARED; i++)
		shared[i] = gos_timer_start(20 * GOS_US, NULL, NULL);
	for (int i = 0; i < RECEIVERS; i++)
		go(receive_all, i);
	for (int i = 0; i < HANDS; i++)
		go(stop_and_reset, i, 4000);
	go(change_procs, 100000);
	while (load(&hands_done) < HANDS)
		gos_sleep(GOS_MS);
	settle_account();
	__atomic_store_n(&stop_all, 1, __ATOMIC_RELEASE);
	while (load(&hands_done) < HANDS + RECEIVERS)
		gos_sleep(GOS_MS);
	for (int i = 0; i < SHARED; i++)
		gos_timer_free(shared[i]);
}

/* Freed at about its time: the record is another timer's at once, and must not fire for the one before. */
static void free_at_its_time(int me)
{
	uint64_t random = gos_test_seed() + (uint64_t)me;
	int wrong = 0;
	for (int i = 0; i < 300; i++) {
		gos_timer *t = gos_timer_start((int64_t)(gos_test_random(&random) % 30000), i % 2 ? fired_fn : NULL, NULL);
		for (int64_t until = gos_now() + (int64_t)(gos_test_random(&random) % 30000); gos_now() < until;)
			gos_yield();
		gos_timer_free(t);
		t = gos_timer_start(FAR * GOS_S, count_up, &wrong);
		gos_timer *c = gos_timer_start(FAR * GOS_S, NULL, NULL);
		gos_yield();
		expect_eq(gos_chan_len(gos_timer_chan(c)), 0);
		expect(gos_timer_stop(t));
		expect(gos_timer_stop(c));
		gos_timer_free(t);
		gos_timer_free(c);
	}
	gos_sleep(GOS_MS);
	expect_eq(load(&wrong), 0);
	__atomic_add_fetch(&hands_done, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(timer_freed_while_it_fires)
{
	for (int i = 0; i < HANDS; i++)
		go(free_at_its_time, i);
	while (load(&hands_done) < HANDS)
		gos_sleep(GOS_MS);
}

/* ---- many ---- */

GOS_TEST_WITHIN(timers_a_hundred_thousand, 60)
{
	enum { N = GOS_TEST_MANY(100000 / GOS_TEST_SLOW) };
	static gos_timer *t[N];
	uint64_t random = gos_test_seed();
	int stopped = 0, resets = 0;
	for (int i = 0; i < N; i++)
		t[i] = gos_timer_start((int64_t)(gos_test_random(&random) % (uint64_t)(500 * GOS_MS)), count_up, NULL);
	for (int i = 0; i < N; i += 3)
		stopped += gos_timer_stop(t[i]);
	for (int i = 0; i < N; i += 7)
		if (i % 3 != 0) {
			bool was = gos_timer_reset(t[i], (int64_t)(gos_test_random(&random) % (uint64_t)(500 * GOS_MS)));
			resets += !was;
		}
	while (load(&count) < N - stopped + resets)
		gos_sleep(GOS_MS);
	gos_sleep(10 * GOS_MS);
	expect_eq(load(&count), N - stopped + resets);
	for (int i = 0; i < N; i++) {
		expect(!gos_timer_stop(t[i]));
		gos_timer_free(t[i]);
	}
}

/* A busy P is told of nothing, and a worker that waits in the netpoller for a later time must be. */
GOS_TEST(timer_earlier_than_what_the_netpoller_waits_for)
{
	gos_timer *later = gos_timer_start(FAR * GOS_S, count_up, NULL);
	for (int i = 0; i < 50; i++) {
		gos_sleep(200 * GOS_US); /* others go to wait */
		__atomic_store_n(&done, 0, __ATOMIC_RELEASE);
		due_at = gos_now();
		gos_timer *t = gos_timer_start(100 * GOS_US, check_time, &due_at);
		if (i % 2 == 0) {
			while (!__atomic_load_n(&done, __ATOMIC_ACQUIRE))
				gos_yield();
		} else {
			gos_test_until(&done);
		}
		gos_timer_free(t);
	}
	gos_timer_free(later);
}

static void set_others(int n)
{
	for (int i = 0; i < n; i++) {
		gos_chan *c = gos_after(GOS_US * (1 + i % 50));
		expect(gos_chan_recv(c, NULL));
		gos_chan_free(c);
	}
	__atomic_add_fetch(&hands_done, 1, __ATOMIC_SEQ_CST);
}

/* Each adds a timer and then waits, while other workers wait in the netpoller for other times: nobody is forgotten. */
GOS_TEST(timers_added_by_those_who_then_wait)
{
	for (int i = 0; i < HANDS; i++)
		go(set_others, 1500 / GOS_TEST_SLOW);
	while (load(&hands_done) < HANDS)
		gos_sleep(GOS_MS);
}

/* ---- tickers ---- */

GOS_TEST(ticker_ticks_at_its_period)
{
	int64_t start = gos_now(), then = 0, last = start;
	gos_ticker *k = gos_ticker_start(2 * GOS_MS);
	for (int i = 1; i <= 10; i++) {
		expect(gos_chan_recv(gos_ticker_chan(k), &then));
		expect_ge(then, start + i * 2 * GOS_MS);
		expect_gt(then, last);
		last = then;
	}
	gos_ticker_stop(k);
	gos_ticker_free(k);
}

/* Ten periods pass, and one tick is there: those that nobody took are dropped. The next one keeps to the ticker's own times. */
GOS_TEST(ticker_drops_ticks_for_slow_receivers)
{
	int64_t start = gos_now(), then;
	gos_ticker *k = gos_ticker_start(GOS_MS);
	for (int i = 0; i < 5; i++) {
		gos_sleep(10 * GOS_MS);
		until_sent(gos_ticker_chan(k));
		expect_eq(gos_chan_len(gos_ticker_chan(k)), 1);
		expect(gos_chan_recv(gos_ticker_chan(k), &then));
		expect_le(then, gos_now());
		expect_ge(then, start + GOS_MS);
	}
	gos_ticker_stop(k);
	gos_ticker_free(k);
}

GOS_TEST(ticker_stop)
{
	gos_ticker *k = gos_ticker_start(100 * GOS_US);
	gos_chan *c = gos_ticker_chan(k);
	for (int i = 0; i < 50; i++) {
		expect(gos_chan_recv(c, NULL));
		if (i % 2)
			until_sent(c); /* one more is there: it is taken back */
		gos_ticker_stop(k);
		expect(!gos_chan_try_recv(c, NULL, NULL));
		gos_sleep(500 * GOS_US);
		expect(!gos_chan_try_recv(c, NULL, NULL));
		gos_ticker_stop(k);
		gos_ticker_reset(k, 100 * GOS_US);
	}
	gos_ticker_free(k);
}

GOS_TEST(ticker_reset)
{
	gos_ticker *k = gos_ticker_start(FAR * GOS_S);
	gos_chan *c = gos_ticker_chan(k);
	int64_t now = gos_now(), then;
	gos_ticker_reset(k, 2 * GOS_MS);
	for (int i = 1; i <= 3; i++) {
		expect(gos_chan_recv(c, &then));
		expect_ge(then, now + i * 2 * GOS_MS);
	}
	until_sent(c);
	now = gos_now();
	gos_ticker_reset(k, 10 * GOS_MS); /* longer; the tick that was there is gone */
	expect(gos_chan_recv(c, &then));
	expect_ge(then, now + 10 * GOS_MS);
	gos_ticker_reset(k, FAR * GOS_S);
	expect(!gos_chan_try_recv(c, NULL, NULL));
	gos_ticker_free(k);
}

static void use_ticker(int64_t period)
{
	for (int i = 0; i < 3; i++) {
		gos_ticker *k = gos_ticker_start(period);
		expect(gos_chan_recv(gos_ticker_chan(k), NULL));
		gos_ticker_free(k);
	}
	__atomic_add_fetch(&hands_done, 1, __ATOMIC_SEQ_CST);
}

/* Go's TestTeardown: started and ended while they tick. */
GOS_TEST(tickers_come_and_go)
{
	for (int i = 0; i < 200; i++)
		go(use_ticker, (50 + i) * GOS_US);
	while (load(&hands_done) < 200)
		gos_sleep(GOS_MS);
}

static gos_ticker *ticker;
static int ticks, resets_done;

static void take_ticks(void)
{
	for (;;) {
		gos_chan *late = gos_after(20 * GOS_MS);
		struct gos_case cases[] = {GOS_RECV(gos_ticker_chan(ticker), NULL), GOS_RECV(late, NULL)};
		int got = gos_select(cases, 2);
		gos_chan_free(late);
		if (got == 0)
			__atomic_add_fetch(&ticks, 1, __ATOMIC_SEQ_CST);
		if (__atomic_load_n(&stop_all, __ATOMIC_ACQUIRE))
			break;
	}
	__atomic_add_fetch(&hands_done, 1, __ATOMIC_SEQ_CST);
}

static void reset_ticker(int me)
{
	uint64_t random = gos_test_seed() + (uint64_t)me;
	for (int i = 0; i < 2000; i++) {
		if (gos_test_random(&random) % 4 == 0)
			gos_ticker_stop(ticker);
		else
			gos_ticker_reset(ticker, 1000 + (int64_t)(gos_test_random(&random) % 50000));
		if (i % 8 == 0)
			gos_sleep(20 * GOS_US);
		else
			gos_yield();
	}
	__atomic_add_fetch(&resets_done, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST_WITHIN(ticker_stopped_and_reset_by_many, 60)
{
	ticker = gos_ticker_start(50 * GOS_US);
	for (int i = 0; i < 2; i++)
		go(take_ticks);
	for (int i = 0; i < 4; i++)
		go(reset_ticker, i);
	while (load(&resets_done) < 4)
		gos_sleep(GOS_MS);
	/* However they met: after the last reset it ticks, and after the last stop it does not. */
	gos_ticker_reset(ticker, 100 * GOS_US);
	int before = load(&ticks);
	while (load(&ticks) < before + 5)
		gos_sleep(GOS_MS);
	__atomic_store_n(&stop_all, 1, __ATOMIC_RELEASE);
	while (load(&hands_done) < 2)
		gos_sleep(GOS_MS);
	gos_ticker_stop(ticker);
	gos_sleep(2 * GOS_MS);
	expect_eq(gos_chan_len(gos_ticker_chan(ticker)), 0);
	gos_ticker_free(ticker);
}

/* ---- deadlock, and misuse ---- */

GOS_TEST(no_deadlock_while_a_timer_is_active)
{
	gos_chan *c = gos_chan_make(int, 0);
	gos_timer *t = gos_timer_start(50 * GOS_MS, (void (*)(void *))gos_chan_close, c);
	expect(!gos_chan_recv(c, NULL)); /* all asleep; only the timer can help */
	gos_timer_free(t);
}

static void stop_it(void *arg)
{
	gos_timer_stop(arg);
}

static void stopped_timer_is_no_hope(void)
{
	gos_chan *c = gos_chan_make(int, 0);
	gos_timer *t = gos_timer_start(FAR * GOS_S, (void (*)(void *))gos_chan_close, c);
	gos_timer_start(10 * GOS_MS, stop_it, t);
	gos_chan_recv(c, NULL);
}

static void stopped_ticker_is_no_hope(void)
{
	gos_ticker *k = gos_ticker_start(10 * GOS_MS);
	gos_chan_recv(gos_ticker_chan(k), NULL);
	gos_ticker_stop(k);
	gos_chan_recv(gos_ticker_chan(k), NULL);
}

static void ticker_of_zero(void)
{
	gos_ticker_start(0);
}

static void ticker_reset_to_less(void)
{
	gos_ticker_reset(gos_ticker_start(GOS_S), -5);
}

static void stop_of_null(void)
{
	gos_timer_stop(NULL);
}

static void reset_of_freed(void)
{
	gos_timer *t = gos_timer_start(GOS_S, NULL, NULL);
	gos_timer_free(t);
	gos_timer_reset(t, GOS_S);
}

static void free_twice(void)
{
	gos_timer *t = gos_timer_start(GOS_S, count_up, NULL);
	gos_timer_free(t);
	gos_timer_free(t);
}

static void free_ticker_twice(void)
{
	gos_ticker *k = gos_ticker_start(GOS_S);
	gos_ticker_free(k);
	gos_ticker_free(k);
}

static void chan_of_freed_ticker(void)
{
	gos_ticker *k = gos_ticker_start(GOS_S);
	gos_ticker_free(k);
	gos_ticker_chan(k);
}

static void free_while_awaited(void)
{
	gos_timer *t = gos_timer_start(FAR * GOS_S, NULL, NULL);
	uint64_t g = go(recv_once, gos_timer_chan(t));
	gos_test_until_waiting(g, "chan receive");
	gos_timer_free(t);
}

static void free_the_channel(void)
{
	gos_chan_free(gos_timer_chan(gos_timer_start(GOS_S, NULL, NULL)));
}

static void close_the_channel(void)
{
	gos_chan_close(gos_ticker_chan(gos_ticker_start(GOS_S)));
}

static void close_of_after(void)
{
	gos_chan_close(gos_after(GOS_S));
}

static void free_after_twice(void)
{
	gos_chan *c = gos_after(GOS_S);
	gos_chan_free(c);
	gos_chan_free(c);
}

static void panic_in_function(void *arg)
{
	(void)arg;
	gos_panic("from a timer's function");
}

static void function_is_a_goroutine(void)
{
	gos_timer_start(0, panic_in_function, NULL);
	gos_sleep(FAR * GOS_S);
}

static void start_outside(void)
{
	gos_timer_start(0, panic_in_function, NULL);
}

static const struct gos_death deaths[] = {
	{"stopped_timer_is_no_hope", stopped_timer_is_no_hope, 2, {"all goroutines are asleep - deadlock!", "chan receive"}},
	{"stopped_ticker_is_no_hope", stopped_ticker_is_no_hope, 2, {"all goroutines are asleep - deadlock!", "chan receive"}},
	{"ticker_of_zero", ticker_of_zero, 2, {"panic: gos_ticker_start: a period of 0 ns is not positive"}},
	{"ticker_reset_to_less", ticker_reset_to_less, 2, {"panic: gos_ticker_reset: a period of -5 ns is not positive"}},
	{"stop_of_null", stop_of_null, 2, {"panic: gos_timer_stop: the timer is NULL", "goroutine 1 [running]"}},
	{"reset_of_freed", reset_of_freed, 2, {"panic: gos_timer_reset: the timer was freed", "reset_of_freed"}},
	{"free_twice", free_twice, 2, {"panic: free of a freed timer", "free_twice"}},
	{"free_ticker_twice", free_ticker_twice, 2, {"panic: free of a freed ticker", "free_ticker_twice"}},
	{"chan_of_freed_ticker", chan_of_freed_ticker, 2, {"panic: gos_ticker_chan: the ticker was freed"}},
	{"free_while_awaited", free_while_awaited, 2, {"panic: free of a timer on which goroutines wait"}},
	{"free_the_channel", free_the_channel, 2, {"panic: free of the channel of a timer", "free_the_channel"}},
	{"close_the_channel", close_the_channel, 2, {"panic: close of the channel of a ticker", "close_the_channel"}},
	{"close_of_after", close_of_after, 2, {"panic: close of the channel of a gos_after"}},
	{"free_after_twice", free_after_twice, 2, {"panic: free of a freed channel"}},
	{"function_is_a_goroutine", function_is_a_goroutine, 2, {"panic: from a timer's function", "panic_in_function", "created by function_is_a_goroutine"}},
	{"start_outside", start_outside, 2, {"before gos_run"}, NULL, true},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

GOS_TEST(timer_sends_in_the_name_of_the_runtime)
{
	for (int waits = 0; waits < 2; waits++) {
		int64_t start = gos_now(), v;
		gos_timer *t = gos_timer_start(20 * GOS_MS, NULL, NULL);
		gos_chan *c = gos_timer_chan(t);
		if (!waits)
			while (gos_chan_len(c) == 0)
				gos_sleep(GOS_MS);
		expect(gos_chan_recv(c, &v));
		expect_eq(c->sender, 0);
		expect(gos_at_since(c->sent_at, start));
		expect_eq(c->receiver, gos_goid());
		expect(gos_at_since(c->received_at, start));
		gos_timer_free(t);
	}
}
