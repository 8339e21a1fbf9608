/* SPDX-License-Identifier: MIT */
/* buffered.c - one goroutine sends n numbers over a channel that holds 128 to another, which adds them up. */
#include "bench.h"

const char bench_name[] = "buffered";
const int64_t bench_warm_part = 10;

static void produce(gos_chan *c, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		gos_chan_send(c, &i);
	gos_chan_close(c);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	gos_chan *c = gos_chan_make(int64_t, 128);
	int64_t v, sum = 0;
	(void)tasks;

	go(produce, c, n);
	while (gos_chan_recv(c, &v))
		sum += v;

	gos_chan_free(c);
	if (sum != n * (n - 1) / 2)
		bench_fail("the sum of %lld numbers is %lld", (long long)n, (long long)sum);
	return sum;
}
