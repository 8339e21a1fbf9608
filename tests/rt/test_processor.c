/* SPDX-License-Identifier: MIT */
/* Goal: gos_procs grows and shrinks under load and loses nothing: goroutines, timers, dead Gs (rt/processor.c). Method: black box, counting. */
#include "gos_test.h"
#include "machine.h"

static int stop;
static int64_t switches;

static void yield_until(const int *flag, gos_waitgroup *wg)
{
	while (!__atomic_load_n(flag, __ATOMIC_ACQUIRE)) {
		gos_yield();
		__atomic_add_fetch(&switches, 1, __ATOMIC_RELAXED);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(procs_tells_what_it_was)
{
	const char *text = getenv("GOSMAXPROCS");
	int from_environment = text != NULL ? atoi(text) : gos_procs(0);
	expect_eq(gos_procs(0), from_environment);
	expect_eq(gos_procs(-3), from_environment);
	expect_eq(gos_procs(3), from_environment);
	expect_eq(gos_procs(5), 3);
	expect_eq(gos_procs(5000), 5);
	expect_eq(gos_procs(1), 1024);
	expect_eq(gos_procs(0), 1);
}

/* Everybody waits for a turn, and every turn comes: while the number of Ps changes all the time. */
GOS_TEST(procs_change_under_load)
{
	enum { YIELDERS = 200 };
	static const int numbers[] = {1, 8, 2, 16, 3, 1, 100, 4};
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, YIELDERS);
	for (int i = 0; i < YIELDERS; i++)
		go(yield_until, &stop, &wg);
	for (int i = 0; i < 160; i++) {
		gos_procs(numbers[i % 8]);
		for (int j = 0; j < 30; j++)
			gos_yield();
		expect_eq(gos_num_goroutines(), YIELDERS + 1);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	expect_gt(switches, 1000);
}

static void sleeper(uint64_t seed, int n, gos_waitgroup *wg)
{
	while (n-- > 0) {
		int64_t ns = (int64_t)(gos_test_random(&seed) % (uint64_t)(2 * GOS_MS)), start = gos_now();
		gos_sleep(ns);
		expect_ge(gos_now() - start, ns);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(procs_change_and_no_timer_is_lost)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 200);
	for (int i = 0; i < 200; i++)
		go(sleeper, gos_test_seed() + (uint64_t)i, 100, &wg);
	for (int i = 0; i < 200; i++) {
		gos_procs(1 + i * 7 % 12);
		gos_sleep(500 * GOS_US);
	}
	gos_waitgroup_wait(&wg);
}

/* Timers and goroutines of Ps that are given up while nobody looks. */
GOS_TEST(procs_shrink_to_one_and_all_still_wake)
{
	for (int round = 0; round < 10; round++) {
		gos_waitgroup wg = {0};
		gos_procs(16);
		gos_waitgroup_add(&wg, 400);
		for (int i = 0; i < 400; i++)
			go(sleeper, gos_test_seed() + (uint64_t)i, 3, &wg);
		gos_sleep(GOS_MS);
		gos_procs(1);
		gos_waitgroup_wait(&wg);
	}
}

static void spawn_tree(int depth, gos_waitgroup *wg)
{
	if (depth > 0)
		for (int i = 0; i < 3; i++)
			go(spawn_tree, depth - 1, wg);
	gos_waitgroup_done(wg);
}

GOS_TEST(procs_change_and_no_new_goroutine_is_lost)
{
	for (int round = 0; round < (GOS_TEST_SLOW > 4 ? 8 : 30); round++) {
		gos_waitgroup wg = {0};
		gos_waitgroup_add(&wg, (3 * 2187 - 1) / 2); /* 1 + 3 + ... + 3^7 */
		go(spawn_tree, 7, &wg);
		for (int i = 0; i < 10; i++) {
			gos_procs(1 + (round + i) * 5 % 9);
			gos_yield();
		}
		gos_waitgroup_wait(&wg);
		gos_test_until_num(1);
	}
}

static int running, most;

static void overlap(gos_waitgroup *wg)
{
	int now = __atomic_add_fetch(&running, 1, __ATOMIC_SEQ_CST);
	for (int seen = __atomic_load_n(&most, __ATOMIC_SEQ_CST); now > seen && !__atomic_compare_exchange_n(&most, &seen, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);)
		;
	for (int64_t until = gos_now() + 50 * GOS_US; gos_now() < until;)
		;
	__atomic_sub_fetch(&running, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

static int overlapping(int procs)
{
	gos_waitgroup wg = {0};
	gos_procs(procs);
	for (int i = 0; i < 500; i++) /* the lower number takes hold when those above it next choose */
		gos_yield();
	gos_sleep(20 * GOS_MS);
	most = 0;
	gos_waitgroup_add(&wg, 500);
	for (int i = 0; i < 500; i++)
		go(overlap, &wg);
	gos_waitgroup_wait(&wg);
	return most;
}

GOS_TEST(procs_bound_how_many_run_at_once)
{
	expect_eq(overlapping(1), 1);
	expect_le(overlapping(3), 3);
	expect_le(overlapping(8), 8);
	expect_le(overlapping(2), 2);
	expect_eq(overlapping(1), 1);
}

GOS_TEST(procs_grow_wakes_workers_for_what_waits)
{
	gos_waitgroup wg = {0};
	gos_procs(1);
	gos_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(overlap, &wg);
	gos_procs(4);
	/* This goroutine does not let go of its P: the others must be run by workers that come for them. */
	for (int64_t start = gos_now(); __atomic_load_n(&wg.state, __ATOMIC_ACQUIRE) != 0;)
		expect_lt(gos_now() - start, 5 * GOS_S);
	gos_waitgroup_wait(&wg);
}

static volatile int hogs_started, hogs_stop;

static void hog(void)
{
	__atomic_add_fetch(&hogs_started, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(&hogs_stop, __ATOMIC_RELAXED))
		gos_checkpoint();
}

/* Neither the number of switches that a P makes without looking around nor the time slice has anything to do with it. */
GOS_TEST(procs_lowered_take_hold_at_the_next_call)
{
	gos_procs(8);
	for (int i = 0; i < 8; i++)
		go(hog);
	while (__atomic_load_n(&hogs_started, __ATOMIC_RELAXED) < 8)
		gos_sleep(GOS_MS);
	gos_procs(2);
	for (uint32_t id = 2; id < 8; id++)
		while (__atomic_load_n(&gos_runtime.ps[id]->status, __ATOMIC_RELAXED) != GOS_P_RETIRED)
			gos_sleep(GOS_MS);
	__atomic_store_n(&hogs_stop, 1, __ATOMIC_RELAXED);
	gos_test_until_num(1);
}
