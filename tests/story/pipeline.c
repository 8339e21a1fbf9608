/* SPDX-License-Identifier: MIT */
/* Fan-out, fan-in, and stages that end by closing. */
#include "gos_test.h"

enum { N = 50000, WORKERS = 20 };

static void numbers(gos_chan *out)
{
	for (int64_t i = 1; i <= N; i++)
		gos_chan_send(out, &i);
	gos_chan_close(out);
}

static void square(gos_chan *in, gos_chan *out, gos_waitgroup *wg)
{
	int64_t v;
	while (gos_chan_recv(in, &v)) {
		v *= v;
		gos_chan_send(out, &v);
	}
	gos_waitgroup_done(wg);
}

static void close_when_done(gos_waitgroup *wg, gos_chan *c)
{
	gos_waitgroup_wait(wg);
	gos_chan_close(c);
}

static void fan(size_t capacity)
{
	gos_chan *in = gos_chan_make(int64_t, capacity), *out = gos_chan_make(int64_t, capacity);
	gos_waitgroup wg = {0};
	int64_t sum = 0, count = 0, v;
	go(numbers, in);
	gos_waitgroup_add(&wg, WORKERS);
	for (int i = 0; i < WORKERS; i++)
		go(square, in, out, &wg);
	go(close_when_done, &wg, out);
	while (gos_chan_recv(out, &v)) {
		sum += v;
		count++;
	}
	expect_eq(count, N);
	expect_eq(sum, INT64_C(1) * N * (N + 1) / 2 * (2 * N + 1) / 3);
	gos_test_until_num(1);
}

GOS_TEST_WITHIN(fan_out_fan_in_unbuffered, 60) { fan(0); }
GOS_TEST_WITHIN(fan_out_fan_in_buffered, 60) { fan(50); }

static void add_one(gos_chan *in, gos_chan *out)
{
	int64_t v;
	while (gos_chan_recv(in, &v)) {
		v++;
		gos_chan_send(out, &v);
	}
	gos_chan_close(out);
}

GOS_TEST_WITHIN(pipeline_of_a_hundred_stages_ends_by_closing, 60)
{
	gos_chan *first = gos_chan_make(int64_t, 10), *c = first;
	int64_t v, expected = 1;
	for (int i = 0; i < 100; i++) {
		gos_chan *next = gos_chan_make(int64_t, (size_t)i % 4);
		go(add_one, c, next);
		c = next;
	}
	go(numbers, first);
	while (gos_chan_recv(c, &v))
		expect_eq(v, expected++ + 100); /* and in order */
	expect_eq(expected, N + 1);
	gos_test_until_num(1);
}

/* Work on both sides of a channel: what they compute together is checked. */
static uint64_t mix(uint64_t x, int rounds)
{
	while (rounds-- > 0)
		x = x * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return x;
}

static void compute(gos_chan *out, uint64_t seed, int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		uint64_t x = mix(seed + (uint64_t)i, 500);
		gos_chan_send(out, &x);
	}
	gos_waitgroup_done(wg);
}

static void reduce(gos_chan *in, uint64_t *into, gos_waitgroup *wg)
{
	uint64_t x, sum = 0;
	while (gos_chan_recv(in, &x))
		sum += mix(x, 500);
	__atomic_add_fetch(into, sum, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(producers_and_consumers_that_compute, 60)
{
	enum { EACH = 5000 };
	gos_chan *c = gos_chan_make(uint64_t, 64);
	gos_waitgroup producers = {0}, consumers = {0};
	uint64_t sum = 0, expected = 0;
	gos_waitgroup_add(&producers, 4);
	gos_waitgroup_add(&consumers, 4);
	for (uint64_t i = 0; i < 4; i++) {
		go(compute, c, i * 1000000, EACH, &producers);
		go(reduce, c, &sum, &consumers);
	}
	gos_waitgroup_wait(&producers);
	gos_chan_close(c);
	gos_waitgroup_wait(&consumers);
	for (uint64_t i = 0; i < 4; i++)
		for (uint64_t j = 0; j < EACH; j++)
			expected += mix(mix(i * 1000000 + j, 500), 500);
	expect(sum == expected);
}
