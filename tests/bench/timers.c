/* SPDX-License-Identifier: MIT */
/*
 * timers.c - `tasks` goroutines sleep again and again, n sleeps in all: goroutine i for 1 + i % 10 ms each time.
 *
 * ns_cpu is the CPU time of a sleep; the time that passes is the sleeps' own. late50 and late99: how long after its time a sleep
 * ended, median and 99th percentile, in ns. Every SAMPLE-th sleep is measured.
 */
#include <stdlib.h>

#include "bench.h"

const char bench_name[] = "timers";
const int64_t bench_warm_part = 10;

#define SAMPLE 16

static int64_t *late;
static int64_t late_count, late_room;

static void sleeper(gos_waitgroup *wg, int64_t times, int64_t ns, int64_t *done)
{
	int64_t i;
	for (i = 0; i < times; i++) {
		if (i % SAMPLE != 0) {
			gos_sleep(ns);
			continue;
		}
		int64_t begin = bench_now();
		gos_sleep(ns);
		int64_t at = __atomic_fetch_add(&late_count, 1, __ATOMIC_RELAXED);
		if (at < late_room)
			late[at] = bench_now() - begin - ns;
	}
	*done = i;
	gos_waitgroup_done(wg);
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return x < y ? -1 : x > y;
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	static gos_waitgroup wg;
	int64_t *done = calloc((size_t)tasks, sizeof *done);
	int64_t sum = 0;

	late_room = n;
	late_count = 0;
	late = calloc((size_t)late_room, sizeof *late);
	gos_waitgroup_add(&wg, (int)tasks);
	for (int64_t i = 0; i < tasks; i++)
		go(sleeper, &wg, n / tasks, (1 + i % 10) * GOS_MS, &done[i]);
	gos_waitgroup_wait(&wg);

	for (int64_t i = 0; i < tasks; i++)
		sum += done[i];
	free(done);
	if (sum != n / tasks * tasks)
		bench_fail("%lld sleeps, not %lld", (long long)sum, (long long)n);
	qsort(late, (size_t)late_count, sizeof *late, compare);
	if (late[0] < 0)
		bench_fail("a sleep ended %lld ns early", (long long)-late[0]);
	bench_note("late50", (double)late[late_count / 2]);
	bench_note("late99", (double)late[late_count * 99 / 100]);
	free(late);
	return sum;
}
