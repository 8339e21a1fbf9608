/* SPDX-License-Identifier: MIT */
/*
 * skynet.c - a tree of goroutines, ten children each, n leaves: every leaf sends its number up, every parent the sum of its
 * children's. The known "skynet" benchmark; n is a power of ten.
 */
#include "bench.h"

const char bench_name[] = "skynet";
const int64_t bench_warm_part = 10;

static void node(gos_chan *up, int64_t number, int64_t leaves)
{
	if (leaves == 1) {
		gos_chan_send(up, &number);
		return;
	}
	gos_chan *c = gos_chan_make(int64_t, 0);
	int64_t v, sum = 0;

	for (int64_t i = 0; i < 10; i++)
		go(node, c, number + i * (leaves / 10), leaves / 10);
	for (int64_t i = 0; i < 10; i++) {
		gos_chan_recv(c, &v);
		sum += v;
	}
	gos_chan_free(c);
	gos_chan_send(up, &sum);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	gos_chan *c = gos_chan_make(int64_t, 0);
	int64_t sum;
	(void)tasks;

	go(node, c, 0, n);
	gos_chan_recv(c, &sum);

	gos_chan_free(c);
	if (sum != n * (n - 1) / 2)
		bench_fail("the sum of %lld leaves is %lld", (long long)n, (long long)sum);
	return sum;
}
