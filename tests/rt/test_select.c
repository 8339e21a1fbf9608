/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/select.c. Method: black box; chance is tested by counting, with bounds that a fair one misses once in 10^9 runs. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "gos_test.h"

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
static void many(int n)
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
	for (int round = 0; round < 60; round++) {
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

GOS_TEST(select_over_16_cases) { many(16); }
GOS_TEST(select_over_17_cases) { many(17); }
GOS_TEST(select_over_100_cases) { many(100); }
GOS_TEST(select_over_5000_cases) { many(5000); }

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
	{"sleeps_for_ever", sleeps_for_ever, 2, {"fatal error: all goroutines are asleep - deadlock!", "goroutine 1 [select (no cases)]:"}},
	{"send_to_closed", send_to_closed, 2, {"panic: send on closed channel"}},
	{"waiting_send_is_closed", waiting_send_is_closed, 2, {"panic: send on closed channel"}},
	{"bad_direction", bad_direction, 2, {"panic: gos_select: case 1 is neither a send nor a receive"}},
	{"too_many", too_many, 2, {"panic: gos_select: 70000 cases"}},
};
GOS_DEATHS(deaths)
