/* SPDX-License-Identifier: MIT */
/* spawn.c - n goroutines that do nothing, started in batches of `tasks` and waited for: the cost of one whole life. */
#include "bench.h"

const char bench_name[] = "spawn";
const int64_t bench_warm_part = 10;

static void empty(gos_waitgroup *wg)
{
	gos_waitgroup_done(wg);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	static gos_waitgroup wg;
	int64_t started = 0;

	while (started < n) {
		gos_waitgroup_add(&wg, (int)tasks);
		for (int64_t i = 0; i < tasks; i++)
			go(empty, &wg);
		gos_waitgroup_wait(&wg);
		started += tasks;
	}
	return started;
}
