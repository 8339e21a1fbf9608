/* SPDX-License-Identifier: MIT */
/* select4.c - four goroutines send n numbers in all, each over an unbuffered channel of its own; one selects over the four. */
#include "bench.h"

const char bench_name[] = "select4";
const int64_t bench_warm_part = 10;

static void produce(gos_chan *c, int64_t n)
{
	for (int64_t i = 0; i < n; i++)
		gos_chan_send(c, &i);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	gos_chan *c[4];
	int64_t each = n / 4, sum = 0, v = 0;
	(void)tasks;

	for (int i = 0; i < 4; i++) {
		c[i] = gos_chan_make(int64_t, 0);
		go(produce, c[i], each);
	}
	for (int64_t i = 0; i < 4 * each; i++) {
		/* Written out on each turn, as a select statement is in Go. */
		struct gos_case cases[] = {GOS_RECV(c[0], &v), GOS_RECV(c[1], &v), GOS_RECV(c[2], &v), GOS_RECV(c[3], &v)};
		int k = gos_select(cases, 4);
		sum += v + k;
	}
	for (int i = 0; i < 4; i++)
		gos_chan_free(c[i]);

	/* each * (0 + 1 + 2 + 3) for the indices, four times the sum of the numbers */
	if (sum != each * 6 + 4 * (each * (each - 1) / 2))
		bench_fail("the sum of %lld numbers is %lld", (long long)n, (long long)sum);
	return sum;
}
