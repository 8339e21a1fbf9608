/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/waitgroup.c. Method: black box. */
#include "gos_test.h"

static int finished;

static void work(gos_waitgroup *wg, int yields)
{
	while (yields-- > 0)
		gos_yield();
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

GOS_TEST(waitgroup_waits_for_all)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1000);
	for (int i = 0; i < 1000; i++)
		go(work, &wg, i % 10);
	gos_waitgroup_wait(&wg);
	expect_eq(finished, 1000);
}

GOS_TEST(waitgroup_of_zero_does_not_wait)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_wait(&wg);
	gos_waitgroup_add(&wg, 2);
	gos_waitgroup_add(&wg, -2);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(waitgroup_can_be_used_again)
{
	gos_waitgroup wg = {0};
	for (int round = 1; round <= 5000; round++) {
		gos_waitgroup_add(&wg, 4);
		for (int i = 0; i < 4; i++)
			go(work, &wg, 0);
		gos_waitgroup_wait(&wg);
		expect_eq(finished, 4 * round);
	}
}

static void wait_for(gos_waitgroup *wg, gos_waitgroup *awake)
{
	gos_waitgroup_wait(wg);
	expect_eq(finished, 1);
	gos_waitgroup_done(awake);
}

GOS_TEST(waitgroup_wakes_all_who_wait)
{
	gos_waitgroup wg = {0}, awake = {0};
	gos_waitgroup_add(&wg, 1);
	gos_waitgroup_add(&awake, 500);
	for (int i = 0; i < 500; i++)
		go(wait_for, &wg, &awake);
	gos_test_until_n_waiting(500, "sync.WaitGroup.Wait");
	work(&wg, 0);
	gos_waitgroup_wait(&awake);
}

/* The last one done must not touch the group after the waiter has returned: it lies on the waiter's stack. */
static void waiter_on_its_own_stack(gos_waitgroup *all)
{
	for (int i = 0; i < 2000; i++) {
		gos_waitgroup wg = {0};
		gos_waitgroup_add(&wg, 2);
		go(work, &wg, 0);
		go(work, &wg, 1);
		gos_waitgroup_wait(&wg);
		expect_eq(wg.state, 0);
		expect_eq(wg.sema, 0);
	}
	gos_waitgroup_done(all);
}

GOS_TEST(waitgroup_is_left_alone_once_its_wait_returns)
{
	gos_waitgroup all = {0};
	gos_waitgroup_add(&all, 8);
	for (int i = 0; i < 8; i++)
		go(waiter_on_its_own_stack, &all);
	gos_waitgroup_wait(&all);
}

static void negative(void)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	gos_waitgroup_done(&wg);
	gos_waitgroup_done(&wg);
}

static void negative_add(void)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 3);
	gos_waitgroup_add(&wg, -4);
}

static void nobody_does(void)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	gos_waitgroup_wait(&wg);
}

static const struct gos_death deaths[] = {
	{"negative", negative, 2, {"panic: negative wait group counter", "goroutine 1 [running]:"}},
	{"negative_add", negative_add, 2, {"panic: negative wait group counter"}},
	{"nobody_does", nobody_does, 2, {"fatal error: all goroutines are asleep - deadlock!", "goroutine 1 [sync.WaitGroup.Wait, waitgroup 0x"}},
};
GOS_DEATHS(deaths)
