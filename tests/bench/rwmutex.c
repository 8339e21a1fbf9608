/* SPDX-License-Identifier: MIT */
/* rwmutex.c - one writer counts under an rwmutex while `tasks` readers look at the counter: n locks and unlocks in all, each goroutine as many as the others. */
#include "bench.h"

const char bench_name[] = "rwmutex";
const int64_t bench_warm_part = 10;

static struct {
	gos_rwmutex lock;
	int64_t value, twice; /* the one is always half of the other */
} counter;

static void look(gos_waitgroup *wg, int64_t times)
{
	for (int64_t i = 0; i < times; i++) {
		gos_rwmutex_rlock(&counter.lock);
		if (counter.twice != 2 * counter.value)
			bench_fail("a reader saw the middle of a write");
		gos_rwmutex_runlock(&counter.lock);
	}
	gos_waitgroup_done(wg);
}

static void count(gos_waitgroup *wg, int64_t times)
{
	for (int64_t i = 0; i < times; i++) {
		gos_rwmutex_lock(&counter.lock);
		counter.value++;
		counter.twice += 2;
		gos_rwmutex_unlock(&counter.lock);
	}
	gos_waitgroup_done(wg);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	static gos_waitgroup wg;
	int64_t each = n / (tasks + 1);

	counter.value = counter.twice = 0;
	gos_waitgroup_add(&wg, (int)tasks + 1);
	go(count, &wg, each);
	for (int64_t i = 0; i < tasks; i++)
		go(look, &wg, each);
	gos_waitgroup_wait(&wg);

	if (counter.value != each)
		bench_fail("counted to %lld, not %lld", (long long)counter.value, (long long)each);
	return counter.value;
}
