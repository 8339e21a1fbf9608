/* SPDX-License-Identifier: MIT */
/* yield.c - `tasks` goroutines yield n times in all: the cost of one yield, until the next goroutine runs. */
#include <stdlib.h>

#include "bench.h"

const char bench_name[] = "yield";
const int64_t bench_warm_part = 10;

static void yielder(gos_waitgroup *wg, int64_t times, int64_t *done)
{
	int64_t i;
	for (i = 0; i < times; i++)
		gos_yield();
	*done = i;
	gos_waitgroup_done(wg);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	static gos_waitgroup wg;
	int64_t *done = calloc((size_t)tasks, sizeof *done);
	int64_t sum = 0;

	gos_waitgroup_add(&wg, (int)tasks);
	for (int64_t i = 0; i < tasks; i++)
		go(yielder, &wg, n / tasks, &done[i]);
	gos_waitgroup_wait(&wg);

	for (int64_t i = 0; i < tasks; i++)
		sum += done[i];
	free(done);
	if (sum != n)
		bench_fail("%lld yields, not %lld", (long long)sum, (long long)n);
	return sum;
}
