/* SPDX-License-Identifier: MIT */
/* A tree of goroutines, ten children each, whose 100,000 leaves know their number: the sum comes up. (10,000, where all is slow.) */
#include "gos_test.h"
#include "state.h"

#define LEAVES (GOS_TEST_SLOW == 1 ? INT64_C(100000) : INT64_C(10000))

static void node(gos_chan *up, int64_t first, int64_t size)
{
	if (size == 1) {
		gos_chan_send(up, &first);
		return;
	}
	gos_chan *c = gos_chan_make(int64_t, 10);
	int64_t sum = 0, part;
	for (int i = 0; i < 10; i++)
		go(node, c, first + i * (size / 10), size / 10);
	for (int i = 0; i < 10; i++) {
		expect(gos_chan_recv(c, &part));
		sum += part;
	}
	gos_chan_free(c);
	gos_chan_send(up, &sum);
}

GOS_TEST_WITHIN(skynet_of_100000, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 0);
	for (int round = 0; round < 3; round++) {
		int64_t sum;
		go(node, c, (int64_t)0, LEAVES);
		expect(gos_chan_recv(c, &sum));
		expect_eq(sum, LEAVES * (LEAVES - 1) / 2);
	}
	gos_test_until_num(1);
}

/* The newest runs first, so the tree is walked in depth, and needs few stacks: with one P, some hundreds for 111,111 goroutines. */
GOS_TEST_WITHIN(skynet_lives_on_few_stacks, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 0);
	int64_t sum;
	gos_procs(1);
	go(node, c, (int64_t)0, LEAVES);
	expect(gos_chan_recv(c, &sum));
	expect_lt(gos_runtime.gcount, 20000);
}
