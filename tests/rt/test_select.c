/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/select.c. Method: black box; chance is tested by counting, with bounds that a fair one misses once in 10^9 runs. */
#include <malloc.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gos_place.h"
#include "gos_test.h"
#include "state.h"

static gos_chan *done;

static int64_t recv_int(gos_chan *c)
{
	int64_t v = -1;
	expect(gos_chan_recv(c, &v));
	return v;
}

static void send_to(gos_chan *c, int64_t v)
{
	gos_chan_send(c, &v);
}

static void recv_from(gos_chan *c)
{
	int64_t v = recv_int(c);
	gos_chan_send(done, &v);
}

GOS_TEST(select_takes_the_case_that_is_ready)
{
	gos_chan *a = gos_chan_make(int64_t, 1), *b = gos_chan_make(int64_t, 1), *full = gos_chan_make(int64_t, 1);
	int64_t v = 0, one = 1;
	gos_chan_send(full, &one);
	for (int i = 0; i < 300; i++) {
		struct gos_case cases[] = {GOS_RECV(a, &v), GOS_RECV(b, &v), GOS_SEND(full, &one)};
		int which = i % 2;
		send_to(which ? b : a, i);
		expect_eq(gos_select(cases, 3), which);
		expect(cases[which].ok);
		expect_eq(v, i);
	}
	struct gos_case cases[] = {GOS_SEND(full, &one), GOS_SEND(a, &one), GOS_RECV(b, &v)};
	expect_eq(gos_select(cases, 3), 1);
	expect_eq(recv_int(a), 1);
}

/* Each of n ready cases must be chosen about as often. */
static void fair(int n, bool sends)
{
	enum { ROUNDS = 40000, MOST = 40 };
	gos_chan *c[MOST];
	struct gos_case cases[MOST];
	static int64_t values[MOST];
	int count[MOST] = {0};

	for (int i = 0; i < n; i++) {
		c[i] = gos_chan_make(int64_t, 1);
		if (!sends)
			send_to(c[i], i);
		cases[i] = sends ? (struct gos_case)GOS_SEND(c[i], &values[i]) : (struct gos_case)GOS_RECV(c[i], &values[i]);
	}
	for (int round = 0; round < ROUNDS; round++) {
		int which = gos_select(cases, n);
		expect(which >= 0 && which < n);
		count[which]++;
		if (sends)
			expect(gos_chan_recv(c[which], NULL));
		else
			send_to(c[which], which);
	}
	double chi2 = 0, mean = (double)ROUNDS / n;
	for (int i = 0; i < n; i++)
		chi2 += (count[i] - mean) * (count[i] - mean) / mean;
	int k = n - 1; /* degrees of freedom; Wilson and Hilferty's bound at six sigmas */
	double bound = k * pow(1 - 2.0 / (9 * k) + 6 * sqrt(2.0 / (9 * k)), 3);
	if (chi2 > bound) {
		for (int i = 0; i < n; i++)
			fprintf(stderr, "case %d: %d of %d\n", i, count[i], ROUNDS);
		ck_abort_msg("the cases of a select over %d are not equally likely: chi squared %.1f > %.1f", n, chi2, bound);
	}
}

GOS_TEST(select_each_of_2_is_as_likely) { fair(2, false); }
GOS_TEST(select_each_of_3_is_as_likely) { fair(3, false); }
GOS_TEST(select_each_of_7_is_as_likely) { fair(7, true); }
GOS_TEST(select_each_of_16_is_as_likely) { fair(16, false); }
GOS_TEST(select_each_of_40_is_as_likely) { fair(40, true); }

/* Nil channels must not take any chance from the others. */
GOS_TEST(select_each_of_2_among_nils_is_as_likely)
{
	enum { ROUNDS = 40000 };
	gos_chan *a = gos_chan_make(int64_t, 1), *b = gos_chan_make(int64_t, 1);
	int count[5] = {0};
	send_to(a, 1);
	send_to(b, 1);
	for (int i = 0; i < ROUNDS; i++) {
		struct gos_case cases[] = {GOS_RECV(NULL, NULL), GOS_RECV(a, NULL), GOS_SEND(NULL, &count), GOS_RECV(NULL, NULL), GOS_RECV(b, NULL)};
		int which = gos_select(cases, 5);
		expect(which == 1 || which == 4);
		count[which]++;
		send_to(which == 1 ? a : b, 1);
	}
	expect_lt(abs(count[1] - count[4]), 6 * 200); /* sigma of the difference is sqrt(ROUNDS) */
}

/* However long it goes on. A fair one leaves a case out for `most` rounds once in 10^9 runs: (4/5)^220 * 10^5 * 5 < 10^-15. */
GOS_TEST(select_leaves_no_case_out_for_long)
{
	enum { N = 5, ROUNDS = 100000, MOST = 220 };
	gos_chan *c[N];
	struct gos_case cases[N];
	int since[N] = {0};
	for (int i = 0; i < N; i++) {
		c[i] = gos_chan_make(int64_t, 1);
		send_to(c[i], i);
		cases[i] = (struct gos_case)GOS_RECV(c[i], NULL);
	}
	for (int round = 0; round < ROUNDS; round++) {
		int which = gos_select(cases, N);
		send_to(c[which], which);
		for (int i = 0; i < N; i++) {
			since[i] = i == which ? 0 : since[i] + 1;
			expect_lt(since[i], MOST);
		}
	}
}

/* Of two channels that are always full, beside two that never have anything, both are drained alike. */
static void keep_full(gos_chan *c, gos_chan *stop)
{
	int64_t v = 0;
	for (;;) {
		struct gos_case cases[] = {GOS_SEND(c, &v), GOS_RECV(stop, NULL)};
		if (gos_select(cases, 2) == 1)
			break;
	}
	gos_chan_send(done, &v);
}

GOS_TEST(select_drains_full_channels_alike)
{
	enum { ROUNDS = 20000, CAPACITY = ROUNDS + 1 };
	gos_chan *a = gos_chan_make(int64_t, CAPACITY), *b = gos_chan_make(int64_t, CAPACITY), *never = gos_chan_make(int64_t, 0), *other = gos_chan_make(int64_t, 0),
		 *stop = gos_chan_make(char, 0);
	int count[4] = {0};
	done = gos_chan_make(int64_t, 2);
	for (int i = 0; i < CAPACITY; i++) {
		send_to(a, i);
		send_to(b, i);
	}
	go(keep_full, a, stop);
	go(keep_full, b, stop);
	for (int i = 0; i < ROUNDS; i++) {
		struct gos_case cases[] = {GOS_RECV(never, NULL), GOS_RECV(a, NULL), GOS_RECV(b, NULL), GOS_RECV(other, NULL)};
		count[gos_select(cases, 4)]++;
	}
	gos_chan_close(stop);
	recv_int(done);
	recv_int(done);
	expect_eq(count[0] + count[3], 0);
	expect_lt(abs(count[1] - count[2]), 6 * 142); /* sigma of the difference is sqrt(ROUNDS) */
}

/* A select that sends 0 or 1 on one channel: which it is must be left to chance, and each come about as often; while it waits, too. */
static void send_bits(gos_chan *c, int n)
{
	int64_t zero = 0, one = 1;
	for (int i = 0; i < n; i++) {
		struct gos_case cases[] = {GOS_SEND(c, &zero), GOS_SEND(c, &one)};
		gos_select(cases, 2);
	}
}

static void bits(size_t capacity)
{
	enum { N = 40000 };
	gos_chan *c = gos_chan_make(int64_t, capacity);
	int ones = 0, changes = 0;
	int64_t before = 0;
	go(send_bits, c, N);
	for (int i = 0; i < N; i++) {
		if (i % 8 == 0)
			gos_yield(); /* so that the sender at times finds room, at times somebody who waits */
		int64_t v = recv_int(c);
		ones += v == 1;
		changes += v != before;
		before = v;
	}
	expect_lt(abs(2 * ones - N), 6 * 200); /* sigma is sqrt(N) */
	expect_lt(abs(2 * changes - N), 6 * 200);
}

GOS_TEST(select_of_two_sends_on_one_channel_is_a_coin) { bits(0); }

GOS_TEST(select_of_two_sends_on_one_channel_is_a_coin_buffered) { bits(128); }

/* A waiter in a select is woken by either. */
static void selector(gos_chan *a, gos_chan *b)
{
	int64_t v = -1;
	struct gos_case cases[] = {GOS_RECV(a, &v), GOS_RECV(b, &v)};
	int which = gos_select(cases, 2);
	v = v * 10 + which * 2 + cases[which].ok;
	gos_chan_send(done, &v);
}

GOS_TEST(select_waits_and_is_woken_by_a_send)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	done = gos_chan_make(int64_t, 1);
	for (int i = 0; i < 2; i++) {
		uint64_t g = go(selector, a, b);
		gos_test_until_waiting(g, "select");
		send_to(i ? b : a, 5 + i);
		expect_eq(recv_int(done), (5 + i) * 10 + i * 2 + 1);
		/* And it has left the other's queue. */
		int64_t v = 0;
		expect(!gos_chan_try_send(i ? a : b, &v));
	}
}

GOS_TEST(select_waits_and_is_woken_by_close)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	done = gos_chan_make(int64_t, 1);
	uint64_t g = go(selector, a, b);
	gos_test_until_waiting(g, "select");
	gos_chan_close(b);
	expect_eq(recv_int(done), 0 * 10 + 2 + 0); /* zeroed, case 1, not ok */
}

static void send_selector(gos_chan *a, gos_chan *b)
{
	int64_t one = 1, two = 2;
	struct gos_case cases[] = {GOS_SEND(a, &one), GOS_SEND(b, &two)};
	int64_t which = gos_select(cases, 2);
	gos_chan_send(done, &which);
}

GOS_TEST(select_waits_and_is_woken_by_a_receive)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	done = gos_chan_make(int64_t, 1);
	for (int i = 0; i < 2; i++) {
		uint64_t g = go(send_selector, a, b);
		gos_test_until_waiting(g, "select");
		expect_eq(recv_int(i ? b : a), i + 1);
		expect_eq(recv_int(done), i);
		expect(!gos_chan_try_recv(i ? a : b, NULL, NULL));
	}
}

GOS_TEST(select_on_a_full_buffer_hands_over_behind_what_is_buffered)
{
	gos_chan *a = gos_chan_make(int64_t, 1), *b = gos_chan_make(int64_t, 1);
	done = gos_chan_make(int64_t, 1);
	send_to(a, 10);
	send_to(b, 20);
	uint64_t g = go(send_selector, a, b);
	gos_test_until_waiting(g, "select");
	expect_eq(recv_int(a), 10);
	expect_eq(recv_int(done), 0);
	expect_eq(recv_int(a), 1);
	expect_eq(gos_chan_len(b), 1);
}

GOS_TEST(select_receives_from_a_waiting_select)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	done = gos_chan_make(int64_t, 1);
	for (int i = 0; i < 1000; i++) {
		int64_t v = 0;
		uint64_t g = go(send_selector, a, b);
		if (i < 50)
			gos_test_until_waiting(g, "select");
		struct gos_case cases[] = {GOS_RECV(b, &v), GOS_RECV(a, &v)};
		int which = gos_select(cases, 2);
		expect(cases[which].ok);
		expect_eq(v, which == 1 ? 1 : 2);
		expect_eq(recv_int(done), which == 1 ? 0 : 1);
	}
}

/* A goroutine cannot talk to itself: with a send and a receive on one channel it waits for another. */
static void both_ways(gos_chan *c, gos_chan *other, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		int64_t out = 7, in = 0;
		struct gos_case cases[] = {GOS_SEND(c, &out), GOS_RECV(c, &in), GOS_RECV(other, &in)};
		int64_t which = gos_select(cases, 3);
		if (which == 1)
			expect_eq(in, 7);
		gos_chan_send(done, &which);
	}
}

GOS_TEST(select_send_and_receive_on_the_same_channel)
{
	gos_chan *c = gos_chan_make(int64_t, 0), *other = gos_chan_make(int64_t, 0);
	done = gos_chan_make(int64_t, 1);
	uint64_t g = go(both_ways, c, other, 3);
	gos_test_until_waiting(g, "select");
	expect_eq(recv_int(c), 7);
	expect_eq(recv_int(done), 0);
	gos_test_until_waiting(g, "select");
	send_to(c, 7);
	expect_eq(recv_int(done), 1);
	gos_test_until_waiting(g, "select");
	send_to(other, 0);
	expect_eq(recv_int(done), 2);
	expect(!gos_chan_try_recv(c, NULL, NULL)); /* its three sudogs are gone */
	int64_t v = 0;
	expect(!gos_chan_try_send(c, &v));
}

GOS_TEST(select_send_and_receive_on_the_same_channel_by_many)
{
	enum { PAIRS = 10, ROUNDS = 2000 };
	gos_chan *c = gos_chan_make(int64_t, 0);
	int64_t sent = 0, received = 0;
	done = gos_chan_make(int64_t, 100);
	for (int i = 0; i < 2 * PAIRS; i++)
		go(both_ways, c, NULL, ROUNDS);
	/* In the end one may be left without a partner: then feed him. */
	for (int i = 0; i < 2 * PAIRS * ROUNDS; i++) {
		int64_t which, v = 7;
		bool got = false;
		for (int tries = 0; tries < 100 && !(got = gos_chan_try_recv(done, &which, NULL)); tries++)
			gos_yield();
		if (!got) {
			struct gos_case cases[] = {GOS_RECV(done, &which), GOS_SEND(c, &v)};
			while (gos_select(cases, 2) != 0)
				sent++;
		}
		if (which == 0)
			sent++;
		else
			received++;
	}
	expect_eq(sent, received);
}

GOS_TEST(select_same_channel_in_several_cases)
{
	enum { N = 5 };
	gos_chan *c = gos_chan_make(int64_t, 0);
	int64_t v[N];
	done = gos_chan_make(int64_t, 1);
	int seen = 0;
	for (int i = 0; i < 400; i++) {
		struct gos_case cases[N];
		memset(v, 0, sizeof v);
		for (int j = 0; j < N; j++)
			cases[j] = (struct gos_case)GOS_RECV(c, &v[j]);
		go(send_to, c, 100);
		int which = gos_select(cases, N);
		for (int j = 0; j < N; j++)
			expect_eq(v[j], j == which ? 100 : 0);
		if (i % 2) /* now the sender waits first */
			gos_test_until_waiting(go(send_to, c, 100), "chan send"), gos_select(cases, N);
		seen |= 1 << which;
		expect(!gos_chan_try_recv(c, NULL, NULL));
	}
	expect_ne(seen, 0);
}

GOS_TEST(select_closed_channel_is_always_ready)
{
	gos_chan *c = gos_chan_make(int64_t, 2), *never = gos_chan_make(int64_t, 0);
	send_to(c, 1);
	gos_chan_close(c);
	for (int i = 0; i < 10; i++) {
		int64_t v = 99;
		struct gos_case cases[] = {GOS_RECV(never, &v), GOS_RECV(c, &v)};
		expect_eq(gos_select(cases, 2), 1);
		expect_eq(cases[1].ok, i == 0);
		expect_eq(v, i == 0);
	}
	struct gos_case drop[] = {GOS_RECV(c, NULL)};
	expect_eq(gos_select(drop, 1), 0);
	expect(!drop[0].ok);
}

GOS_TEST(select_nil_channels_are_never_ready)
{
	gos_chan *c = gos_chan_make(int64_t, 1);
	int64_t v = 3;
	struct gos_case cases[] = {GOS_RECV(NULL, &v), GOS_SEND(NULL, &v), GOS_RECV(c, &v)};
	expect_eq(gos_select_try(cases, 3), -1);
	expect_eq(gos_select_try(cases, 2), -1);
	expect_eq(gos_select_try(NULL, 0), -1);
	send_to(c, 4);
	expect_eq(gos_select(cases, 3), 2);
	expect_eq(v, 4);
}

GOS_TEST(select_try_is_a_select_with_a_default)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 1);
	int64_t v = 9, w = 0;
	done = gos_chan_make(int64_t, 1);
	struct gos_case cases[] = {GOS_SEND(a, &v), GOS_RECV(b, &w)};
	expect_eq(gos_select_try(cases, 2), -1);
	expect_eq(w, 0);
	gos_test_until_waiting(go(recv_from, a), "chan receive");
	expect_eq(gos_select_try(cases, 2), 0);
	expect_eq(recv_int(done), 9);
	send_to(b, 8);
	expect_eq(gos_select_try(cases, 2), 1);
	expect_eq(w, 8);
	expect(cases[1].ok);
	gos_chan_close(b);
	expect_eq(gos_select_try(cases, 2), 1);
	expect(!cases[1].ok);
	expect_eq(w, 0);
}

static void no_cases(void)
{
	gos_select(NULL, 0);
	expect(!"a select without cases came back");
}

static void nil_cases(void)
{
	struct gos_case cases[] = {GOS_RECV(NULL, NULL), GOS_SEND(NULL, NULL)};
	gos_select(cases, 2);
	expect(!"a select over nil channels came back");
}

GOS_TEST(select_without_cases_parks_for_ever)
{
	uint64_t a = go(no_cases), b = go(nil_cases);
	gos_test_until_waiting(a, "select (no cases)");
	gos_test_until_waiting(b, "select");
	gos_sleep(3 * GOS_MS);
	gos_test_until_waiting(a, "select (no cases)");
	gos_test_until_waiting(b, "select");
}

/* More cases than the runtime has room for on its stack, some channels several times, in no order. */
static void many(int n, int rounds)
{
	gos_chan **c = malloc((size_t)n * sizeof *c);
	struct gos_case *cases = calloc((size_t)n, sizeof *cases);
	int64_t *v = calloc((size_t)n, sizeof *v);
	uint64_t random = gos_test_seed();

	for (int i = 0; i < n; i++)
		c[i] = i % 10 == 9 ? NULL : i % 7 == 6 ? c[gos_test_random(&random) % (uint64_t)i] : gos_chan_make(int64_t, 0);
	for (int i = n - 1; i > 0; i--) {
		int j = (int)(gos_test_random(&random) % (uint64_t)(i + 1));
		gos_chan *t = c[i];
		c[i] = c[j];
		c[j] = t;
	}
	for (int i = 0; i < n; i++)
		cases[i] = (struct gos_case)GOS_RECV(c[i], &v[i]);
	for (int round = 0; round < rounds; round++) {
		int to = (int)(gos_test_random(&random) % (uint64_t)n);
		if (c[to] == NULL)
			continue;
		uint64_t g = go(send_to, c[to], 1000 + round);
		if (round % 2)
			gos_test_until_waiting(g, "chan send");
		int which = gos_select(cases, n);
		expect(c[which] == c[to]);
		expect(cases[which].ok);
		expect_eq(v[which], 1000 + round);
	}
	expect_eq(gos_select_try(cases, n), -1);
	free(c);
	free(cases);
	free(v);
}

GOS_TEST(select_over_16_cases) { many(16, 60); }
GOS_TEST(select_over_17_cases) { many(17, 60); }
GOS_TEST(select_over_100_cases) { many(100, 60); }
GOS_TEST(select_over_5000_cases) { many(5000, 60); }
GOS_TEST_WITHIN(select_over_65535_cases, 60) { many(65535, 6); } /* as many as are allowed */

/* Two that lock the same channels in opposite order must not lock each other out. */
static void exchange(gos_chan *a, gos_chan *b, int rounds, gos_waitgroup *wg)
{
	int64_t v = 1, w;
	for (int i = 0; i < rounds; i++) {
		struct gos_case cases[] = {GOS_SEND(a, &v), GOS_RECV(b, &w)};
		gos_select(cases, 2);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(select_in_opposite_orders)
{
	enum { ROUNDS = 50000 };
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 2);
	go(exchange, a, b, ROUNDS, &wg);
	go(exchange, b, a, ROUNDS, &wg);
	gos_waitgroup_wait(&wg);
}

/* Nothing lost, nothing twice: selecting producers, selecting consumers, sums compared. */
static int64_t sums[2];

static void produce(gos_chan **c, int64_t from, int n, gos_waitgroup *wg)
{
	for (int64_t v = from; v < from + n; v++) {
		struct gos_case cases[] = {GOS_SEND(c[0], &v), GOS_SEND(c[1], &v), GOS_SEND(c[2], &v)};
		gos_select(cases, 3);
	}
	gos_waitgroup_done(wg);
}

static void consume(gos_chan **c, gos_chan *stop, gos_waitgroup *wg)
{
	int64_t v, sum = 0, count = 0;
	for (;;) {
		struct gos_case cases[] = {GOS_RECV(c[2], &v), GOS_RECV(c[1], &v), GOS_RECV(c[0], &v), GOS_RECV(stop, NULL)};
		if (gos_select(cases, 4) == 3)
			break;
		sum += v;
		count++;
	}
	__atomic_add_fetch(&sums[0], sum, __ATOMIC_SEQ_CST);
	__atomic_add_fetch(&sums[1], count, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

GOS_TEST(select_many_to_many)
{
	enum { PRODUCERS = 6, CONSUMERS = 4, EACH = 20000 };
	gos_chan *c[] = {gos_chan_make(int64_t, 0), gos_chan_make(int64_t, 1), gos_chan_make(int64_t, 10)}, *stop = gos_chan_make(char, 0);
	gos_waitgroup sent = {0}, received = {0};
	gos_waitgroup_add(&sent, PRODUCERS);
	gos_waitgroup_add(&received, CONSUMERS);
	for (int i = 0; i < PRODUCERS; i++)
		go(produce, c, i * EACH, EACH, &sent);
	for (int i = 0; i < CONSUMERS; i++)
		go(consume, c, stop, &received);
	gos_waitgroup_wait(&sent);
	while (gos_chan_len(c[1]) + gos_chan_len(c[2]) > 0)
		gos_yield();
	gos_chan_close(stop);
	gos_waitgroup_wait(&received);
	int64_t n = PRODUCERS * EACH;
	expect_eq(sums[1], n);
	expect_eq(sums[0], n * (n - 1) / 2);
}

/* ---- one waiter leaves, the others stay ---- */

static void receives_and_tells(gos_chan *c, int64_t me)
{
	int64_t v = recv_int(c) * 10 + me;
	gos_chan_send(done, &v);
}

/* A queue that a select has left in the middle is whole. */
GOS_TEST(select_that_leaves_the_middle_of_a_queue_leaves_it_whole)
{
	for (int place = 0; place < 3; place++) {
		gos_chan *c = gos_chan_make(int64_t, 0), *other = gos_chan_make(int64_t, 0);
		done = gos_chan_make(int64_t, 3);
		for (int i = 0; i < 3; i++)
			if (i == place)
				gos_test_until_waiting(go(selector, c, other), "select");
			else
				gos_test_until_waiting(go(receives_and_tells, c, i), "chan receive");
		send_to(other, 5);
		expect_eq(recv_int(done), 53);
		for (int i = 0; i < 3; i++)
			if (i != place) {
				send_to(c, 7);
				expect_eq(recv_int(done), 70 + i);
			}
		int64_t v = 0;
		expect(!gos_chan_try_send(c, &v));
	}
}

static void selects_twice_on_one(gos_chan *c, gos_chan *d)
{
	struct gos_case cases[] = {GOS_RECV(c, NULL), GOS_RECV(c, NULL), GOS_RECV(d, NULL)};
	int64_t which = gos_select(cases, 3);
	gos_chan_send(done, &which);
}

GOS_TEST(select_that_stands_twice_in_a_queue_leaves_it_twice)
{
	for (int i = 0; i < 200; i++) {
		gos_chan *c = gos_chan_make(int64_t, 0), *d = gos_chan_make(int64_t, 0);
		done = gos_chan_make(int64_t, 1);
		gos_test_until_waiting(go(selects_twice_on_one, c, d), "select");
		uint64_t b = go(receives_and_tells, c, 1);
		gos_test_until_waiting(b, "chan receive");
		send_to(d, 7);
		expect_eq(recv_int(done), 2);
		send_to(c, 8);
		expect_eq(recv_int(done), 81);
		int64_t v = 0;
		expect(!gos_chan_try_send(c, &v));
		gos_chan_free(c);
		gos_chan_free(d);
		gos_chan_free(done);
	}
}

/* ---- each value once ---- */

static void send_on_any_of_4(gos_chan **c, int64_t n)
{
	for (int64_t v = 0; v < n; v++) {
		struct gos_case cases[] = {GOS_SEND(c[0], &v), GOS_SEND(c[1], &v), GOS_SEND(c[2], &v), GOS_SEND(c[3], &v)};
		gos_select(cases, 4);
	}
	for (int i = 0; i < 4; i++)
		gos_chan_close(c[i]);
}

static void forward(gos_chan *from, gos_chan *to, gos_waitgroup *wg)
{
	int64_t v;
	while (gos_chan_recv(from, &v))
		gos_chan_send(to, &v);
	gos_waitgroup_done(wg);
}

static void close_after(gos_chan *c, gos_waitgroup *wg)
{
	gos_waitgroup_wait(wg);
	gos_chan_close(c);
}

GOS_TEST(select_sends_each_value_to_one_receiver)
{
	enum { N = 50000 };
	static unsigned char seen[N];
	gos_chan *c[4], *all = gos_chan_make(int64_t, 0);
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 4);
	for (int i = 0; i < 4; i++) {
		c[i] = gos_chan_make(int64_t, 0);
		go(forward, c[i], all, &wg);
	}
	go(send_on_any_of_4, c, N);
	go(close_after, all, &wg);
	int64_t v, n = 0;
	while (gos_chan_recv(all, &v)) {
		expect(v >= 0 && v < N && !seen[v]);
		seen[v] = 1;
		n++;
	}
	expect_eq(n, N);
}

/* A receiver that waits with several cases on one channel: each of them is served about as often. */
static void waiting_fair(int n)
{
	enum { ROUNDS = 4000, MOST = 20 };
	gos_chan *c = gos_chan_make(int64_t, 0);
	int count[MOST] = {0};
	for (int i = 0; i < ROUNDS; i++) {
		struct gos_case cases[MOST];
		for (int j = 0; j < n; j++)
			cases[j] = (struct gos_case)GOS_RECV(c, NULL);
		go(send_to, c, i);
		count[gos_select(cases, n)]++;
	}
	for (int j = 0; j < n; j++)
		expect_lt(fabs(count[j] - (double)ROUNDS / n), 6 * sqrt((double)ROUNDS / n));
}

GOS_TEST(select_that_waits_three_times_on_one_channel_is_fair) { waiting_fair(3); }
GOS_TEST(select_that_waits_twenty_times_on_one_channel_is_fair) { waiting_fair(20); }

/* Two that offer and take on one channel, in either order of cases: nobody ever gets his own. */
static void offer_and_take(gos_chan *c, int64_t me, int rounds, gos_waitgroup *wg)
{
	for (int i = 0; i < rounds; i++) {
		int64_t out = me, in = -1;
		if ((i & 1) == (int)me) {
			struct gos_case cases[] = {GOS_RECV(c, &in), GOS_SEND(c, &out)};
			if (gos_select(cases, 2) == 0 && gos_chan_cap(c) == 0)
				expect_eq(in, 1 - me);
		} else {
			struct gos_case cases[] = {GOS_SEND(c, &out), GOS_RECV(c, &in)};
			if (gos_select(cases, 2) == 1 && gos_chan_cap(c) == 0)
				expect_eq(in, 1 - me);
		}
	}
	gos_waitgroup_done(wg);
}

static void offer_until_told(gos_chan *c, gos_chan *stop)
{
	int64_t v = 5;
	for (;;) {
		struct gos_case cases[] = {GOS_SEND(c, &v), GOS_RECV(c, &v), GOS_RECV(stop, NULL)};
		if (gos_select(cases, 3) == 2)
			return;
		v = 5;
		gos_yield(); /* on a buffer it never waits */
	}
}

/* The last of the two may be left without the other: with an odd count outstanding somebody else helps it out. */
static void self(size_t capacity)
{
	enum { ROUNDS = 1000 };
	gos_chan *c = gos_chan_make(int64_t, capacity), *stop = gos_chan_make(char, 0);
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 2);
	for (int64_t me = 0; me < 2; me++)
		go(offer_and_take, c, me, ROUNDS, &wg);
	/* On a buffered channel one can go on alone; on one without a buffer each round of one is a round of the other, so both end together. */
	if (capacity > 0)
		go(offer_until_told, c, stop);
	gos_waitgroup_wait(&wg);
	gos_chan_close(stop);
}

GOS_TEST(select_never_meets_itself) { self(0); }
GOS_TEST(select_both_ways_on_a_buffer) { self(10); }

/* ---- looks that must not be fooled by what happens at the same moment ---- */

static void one_of_two_must_be_ready(gos_chan *a, gos_chan *b)
{
	struct gos_case cases[] = {GOS_RECV(a, NULL), GOS_RECV(b, NULL)};
	int64_t ready = gos_select_try(cases, 2) >= 0;
	gos_chan_send(done, &ready);
}

/* b gets ready before a stops being: at no moment is neither. */
static void race(bool close_b)
{
	done = gos_chan_make(int64_t, 1);
	for (int i = 0; i < 20000; i++) {
		gos_chan *a = gos_chan_make(int64_t, 1), *b = gos_chan_make(int64_t, close_b ? 0 : 1);
		send_to(a, 1);
		go(one_of_two_must_be_ready, a, b);
		if (close_b)
			gos_chan_close(b);
		else
			send_to(b, 1);
		gos_chan_try_recv(a, NULL, NULL);
		expect_eq(recv_int(done), 1);
		gos_chan_free(a);
		gos_chan_free(b);
	}
}

GOS_TEST(select_try_finds_the_value_that_comes_before_another_goes) { race(false); }
GOS_TEST(select_try_finds_the_close_that_comes_before_a_value_goes) { race(true); }

/* ---- what blocks, and what does not ---- */

enum { NIL, EMPTY, FULL, UNBUFFERED, CLOSED };

static gos_chan *chan_in_state(int how)
{
	int64_t v = 1;
	gos_chan *c = how == NIL ? NULL : gos_chan_make(int64_t, how == EMPTY || how == FULL ? 1 : 0);
	if (how == FULL)
		gos_chan_send(c, &v);
	if (how == CLOSED)
		gos_chan_close(c);
	return c;
}

static void select_once(gos_chan *a, int dir_a, gos_chan *b, int dir_b)
{
	int64_t v = 1;
	struct gos_case cases[] = {{a, &v, dir_a, false}, {b, &v, dir_b, false}};
	int64_t which = gos_select(cases, 2);
	gos_chan_send(done, &which);
}

GOS_TEST(select_blocks_exactly_where_no_case_can_go_ahead)
{
	static const struct {
		int how, dir;
		bool blocks;
	} rows[] = {
		{NIL, GOS_DIR_RECV, true},
		{NIL, GOS_DIR_SEND, true},
		{EMPTY, GOS_DIR_RECV, true},
		{EMPTY, GOS_DIR_SEND, false},
		{FULL, GOS_DIR_RECV, false},
		{FULL, GOS_DIR_SEND, true},
		{UNBUFFERED, GOS_DIR_RECV, true},
		{UNBUFFERED, GOS_DIR_SEND, true},
		{CLOSED, GOS_DIR_RECV, false},
	};
	enum { ROWS = sizeof rows / sizeof rows[0] };
	done = gos_chan_make(int64_t, ROWS * ROWS);
	for (int i = 0; i < ROWS; i++)
		for (int j = 0; j < ROWS; j++) {
			gos_chan *a = chan_in_state(rows[i].how), *b = chan_in_state(rows[j].how);
			uint64_t g = go(select_once, a, rows[i].dir, b, rows[j].dir);
			if (rows[i].blocks && rows[j].blocks) {
				gos_test_until_waiting(g, "select");
				struct gos_case cases[] = {{a, NULL, GOS_DIR_RECV, false}, {b, NULL, GOS_DIR_RECV, false}};
				if (rows[i].dir == GOS_DIR_RECV && rows[j].dir == GOS_DIR_RECV)
					expect_eq(gos_select_try(cases, 2), -1);
				continue;
			}
			int64_t which = recv_int(done);
			expect(which == 0 ? !rows[i].blocks : !rows[j].blocks);
		}
}

/* A case is turned off by a channel that is NULL, as a state machine does it. */
GOS_TEST(select_alternates_when_one_channel_is_nil_at_a_time)
{
	gos_chan *c[2] = {gos_chan_make(int64_t, 1), gos_chan_make(int64_t, 1)};
	for (int64_t i = 0, v; i < 1000; i++) {
		struct gos_case cases[] = {GOS_SEND(i % 2 == 0 ? c[0] : NULL, &i), GOS_SEND(i % 2 == 1 ? c[1] : NULL, &i)};
		expect_eq(gos_select(cases, 2), i % 2);
		expect(gos_chan_recv(c[i % 2], &v));
		expect_eq(v, i);
	}
}

/* ---- four channels, sent and received by plain operations and by selects at once ---- */

enum { STRESS_N = 8000 };

static void stress_send(gos_chan *c, gos_waitgroup *wg)
{
	for (int64_t i = 0; i < STRESS_N; i++)
		send_to(c, i);
	gos_waitgroup_done(wg);
}

/* The values of each channel come in order from either side; here two send the same row, so only their number is known. */
static void stress_receive(gos_chan *c, gos_waitgroup *wg)
{
	for (int i = 0; i < STRESS_N; i++)
		recv_int(c);
	gos_waitgroup_done(wg);
}

static void stress_select(gos_chan **channels, bool sends, gos_waitgroup *wg)
{
	gos_chan *c[4];
	int64_t n[4] = {0}, v[4];
	memcpy(c, channels, sizeof c);
	for (int left = 4 * STRESS_N; left > 0; left--) {
		struct gos_case cases[4];
		for (int i = 0; i < 4; i++) {
			v[i] = n[i];
			cases[i] = sends ? (struct gos_case)GOS_SEND(c[3 - i], &v[i]) : (struct gos_case)GOS_RECV(c[i], &v[i]);
		}
		int which = gos_select(cases, 4);
		expect(which >= 0 && which < 4);
		if (++n[which] == STRESS_N)
			c[sends ? 3 - which : which] = NULL;
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(select_and_plain_operations_on_four_channels, 60)
{
	gos_chan *c[4] = {gos_chan_make(int64_t, 0), gos_chan_make(int64_t, 0), gos_chan_make(int64_t, 2), gos_chan_make(int64_t, 3)};
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 10);
	for (int i = 0; i < 4; i++) {
		go(stress_send, c[i], &wg);
		go(stress_receive, c[i], &wg);
	}
	go(stress_select, c, true, &wg);
	go(stress_select, c, false, &wg);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < 4; i++) {
		expect_eq(gos_chan_len(c[i]), 0);
		expect(!gos_chan_try_recv(c[i], NULL, NULL));
	}
}

/* ---- what is sent is what was allocated, and nothing stays behind ---- */

static void send_objects(gos_chan *c, gos_chan *never, int n)
{
	for (int64_t i = 0; i < n; i++) {
		int64_t *object = malloc(sizeof *object);
		*object = i * i;
		struct gos_case cases[] = {GOS_SEND(c, &object), GOS_RECV(never, NULL)};
		expect_eq(gos_select(cases, 2), 0);
	}
	gos_chan_close(c);
}

static void objects(bool by_select)
{
	enum { N = 50000 };
	gos_chan *c = gos_chan_make(int64_t *, 0), *never = gos_chan_make(char, 0);
	go(send_objects, c, never, N);
	int64_t i = 0, *object;
	for (;;) {
		struct gos_case cases[] = {GOS_RECV(c, &object), GOS_RECV(never, NULL)};
		bool ok = by_select ? gos_select(cases, 2) == 0 && cases[0].ok : gos_chan_recv(c, &object);
		if (!ok)
			break;
		expect_eq(*object, i * i);
		i++;
		free(object);
	}
	expect_eq(i, N);
	expect(object == NULL);
}

GOS_TEST(select_passes_objects_to_receives) { objects(false); }
GOS_TEST(select_passes_objects_to_selects) { objects(true); }

static void answer(gos_chan *c, gos_chan *stop)
{
	for (;;) {
		struct gos_case cases[] = {GOS_RECV(c, NULL), GOS_RECV(stop, NULL)};
		if (gos_select(cases, 2) == 1)
			return;
	}
}

GOS_TEST(select_leaves_no_memory_behind)
{
	gos_chan *c = gos_chan_make(int64_t, 0), *stop = gos_chan_make(int64_t, 0), *never = gos_chan_make(int64_t, 0);
	int64_t v = 1;
	struct gos_case cases[24]; /* more than select has room for on the stack */
	for (int i = 0; i < 24; i++)
		cases[i] = (struct gos_case)GOS_RECV(i % 2 ? never : NULL, NULL);
	cases[7] = (struct gos_case)GOS_SEND(c, &v);
	go(answer, c, stop);
	size_t before = 0;
	for (int i = 0; i < 50000; i++) {
		if (i == 1000)
			before = mallinfo2().uordblks;
		expect_eq(gos_select(cases, 24), 7);
	}
	size_t after = mallinfo2().uordblks;
	gos_chan_close(stop);
	expect_lt(after, before + 100000);
}

/* ---- deaths ---- */

static void sleeps_for_ever(void)
{
	gos_select(NULL, 0);
}

static void send_to_closed(void)
{
	gos_chan *c = gos_chan_make(int64_t, 0), *d = gos_chan_make(int64_t, 0);
	int64_t v = 1;
	gos_chan_close(d);
	struct gos_case cases[] = {GOS_RECV(c, &v), GOS_SEND(d, &v)};
	gos_select(cases, 2);
}

static void waiting_send_is_closed(void)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	done = gos_chan_make(int64_t, 1);
	gos_test_until_waiting(go(send_selector, a, b), "select");
	gos_chan_close(b);
	gos_sleep(5 * GOS_S);
}

static void bad_direction(void)
{
	gos_chan *c = gos_chan_make(int64_t, 0);
	struct gos_case cases[] = {GOS_RECV(c, NULL), {c, NULL, 3, false}};
	gos_select(cases, 2);
}

static void too_many(void)
{
	gos_select(NULL, 70000);
}

static const struct gos_death deaths[] = {
	{"sleeps_for_ever", sleeps_for_ever, 2, {"fatal error: all goroutines are asleep - deadlock!", "goroutine 1 [select (no cases), "}},
	{"send_to_closed", send_to_closed, 2, {"panic: send on closed channel"}},
	{"waiting_send_is_closed", waiting_send_is_closed, 2, {"panic: send on closed channel"}},
	{"bad_direction", bad_direction, 2, {"panic: gos_select: case 1 is neither a send nor a receive"}},
	{"too_many", too_many, 2, {"panic: gos_select: 70000 cases"}},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

GOS_TEST(select_says_in_the_channel_who_sent_and_who_received)
{
	gos_chan *a = gos_chan_make(int64_t, 1), *b = gos_chan_make(int64_t, 0);
	int64_t v = 7, start = gos_now();

	struct gos_case sends[] = {GOS_SEND(a, &v), GOS_RECV(b, NULL)};
	expect_eq(gos_select(sends, 2), 0); /* into the buffer */
	expect_eq(a->sender, gos_goid());
	expect(gos_at_since(a->sent_at, start));
	expect_eq(a->received_at, 0);
	expect_eq(b->received_at, 0);
	struct gos_case receives[] = {GOS_RECV(a, &v), GOS_RECV(b, &v)};
	expect_eq(gos_select(receives, 2), 0); /* from it */
	expect_eq(a->receiver, gos_goid());
	expect(gos_at_since(a->received_at, start));
	expect_eq(gos_select_try(receives, 2), -1);
	expect_eq(b->received_at, 0);
}

GOS_TEST(select_says_so_of_who_waited)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *full = gos_chan_make(int64_t, 1);
	int64_t v = 7, start = gos_now();
	done = gos_chan_make(int64_t, 1);

	uint64_t receiver = go(recv_from, a);
	gos_test_until_waiting(receiver, "chan receive");
	struct gos_case send[] = {GOS_SEND(a, &v)};
	expect_eq(gos_select(send, 1), 0);
	expect_eq(a->sender, gos_goid());
	expect_eq(a->receiver, receiver);
	expect(gos_at_since(a->received_at, start));
	recv_int(done);

	gos_chan *empty[] = {a, full};
	send_to(full, 1);
	for (int i = 0; i < 2; i++) { /* straight, and through the full buffer */
		gos_chan *c = empty[i];
		uint64_t sender = go(send_to, c, 2);
		gos_test_until_waiting(sender, "chan send");
		struct gos_case receive[] = {GOS_RECV(c, &v)};
		expect_eq(gos_select(receive, 1), 0);
		expect_eq(c->receiver, gos_goid());
		expect_eq(c->sender, sender);
		expect(gos_at_since(c->sent_at, start));
	}
}

static void select_on(gos_chan *in, gos_chan *out)
{
	int64_t v = 3;
	struct gos_case cases[] = {GOS_RECV(in, &v), GOS_SEND(out, &v)};
	gos_chan_send(done, &(int64_t){gos_select(cases, 2)});
}

GOS_TEST(select_that_waited_is_named_by_who_woke_it)
{
	gos_chan *in = gos_chan_make(int64_t, 0), *out = gos_chan_make(int64_t, 0);
	int64_t start = gos_now();
	done = gos_chan_make(int64_t, 1);
	for (int i = 0; i < 2; i++) {
		uint64_t selecting = go(select_on, in, out);
		gos_test_until_waiting(selecting, "select");
		if (i == 0)
			send_to(in, 1);
		else
			recv_int(out);
		gos_chan *c = i == 0 ? in : out;
		expect_eq(c->sender, i == 0 ? gos_goid() : selecting);
		expect_eq(c->receiver, i == 0 ? selecting : gos_goid());
		expect(gos_at_since(c->sent_at, start) && gos_at_since(c->received_at, start));
		expect_eq(recv_int(done), i);
	}
	expect_eq(in->sender, gos_goid());
}
