/* SPDX-License-Identifier: MIT */
/*
 * mutexyield.c - `tasks` goroutines count to n together under one mutex, and who holds it lets others run meanwhile: all of them want it, and all but one
 * wait for it.
 */
#include "bench.h"

const char bench_name[] = "mutexyield";
const int64_t bench_warm_part = 10;

static struct {
	gos_mutex lock;
	int64_t value;
} counter;

static void count(gos_waitgroup *wg, int64_t times)
{
	for (int64_t i = 0; i < times; i++) {
		gos_mutex_lock(&counter.lock);
		counter.value++;
		gos_yield();
		gos_mutex_unlock(&counter.lock);
	}
	gos_waitgroup_done(wg);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	static gos_waitgroup wg;

	counter.value = 0;
	gos_waitgroup_add(&wg, (int)tasks);
	for (int64_t i = 0; i < tasks; i++)
		go(count, &wg, n / tasks);
	gos_waitgroup_wait(&wg);

	if (counter.value != n / tasks * tasks)
		bench_fail("counted to %lld, not %lld", (long long)counter.value, (long long)(n / tasks * tasks));
	return counter.value;
}
