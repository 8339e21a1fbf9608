/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/waitgroup.c. Method: black box, but for two of the deaths. */
#include "gos_place.h"
#include "gos_test.h"
#include "sema.h"

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

/* Go's TestWaitGroup: n are done, and stand, before the second group lets them go. */
static void done_then_wait(gos_waitgroup *one, gos_waitgroup *two, gos_waitgroup *gone)
{
	gos_waitgroup_done(one);
	gos_waitgroup_wait(two);
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(gone);
}

GOS_TEST(waitgroup_two_in_turn)
{
	gos_waitgroup one = {0}, two = {0}, gone = {0};
	for (int round = 0; round < 8; round++) { /* used again each time */
		finished = 0;
		gos_waitgroup_add(&one, 16);
		gos_waitgroup_add(&two, 16);
		gos_waitgroup_add(&gone, 16);
		for (int i = 0; i < 16; i++)
			go(done_then_wait, &one, &two, &gone);
		gos_waitgroup_wait(&one);
		for (int i = 0; i < 16; i++) {
			expect_eq(__atomic_load_n(&finished, __ATOMIC_ACQUIRE), 0);
			gos_waitgroup_done(&two);
		}
		gos_waitgroup_wait(&gone);
		expect_eq(finished, 16);
	}
}

/* Go's TestWaitGroupRace: the group is raised, lowered and waited for at one time, and what was done before is seen after. */
static void count_and_be_done(int *n, gos_waitgroup *wg)
{
	__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
	gos_waitgroup_done(wg);
}

GOS_TEST(waitgroup_raised_and_lowered_at_once)
{
	for (int i = 0; i < 3000; i++) {
		gos_waitgroup wg = {0};
		int n = 0;
		gos_waitgroup_add(&wg, 1);
		go(count_and_be_done, &n, &wg);
		gos_waitgroup_add(&wg, 1); /* the first may be done already: from zero, and nobody waits */
		go(count_and_be_done, &n, &wg);
		gos_waitgroup_wait(&wg);
		expect_eq(__atomic_load_n(&n, __ATOMIC_RELAXED), 2);
	}
}

/* A goroutine that is counted may count others while somebody waits. */
static void branch(int depth, gos_waitgroup *wg)
{
	if (depth > 0) {
		gos_waitgroup_add(wg, 2);
		go(branch, depth - 1, wg);
		go(branch, depth - 1, wg);
	}
	__atomic_add_fetch(&finished, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

GOS_TEST(waitgroup_grows_while_somebody_waits)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	go(branch, 12, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(finished, (1 << 13) - 1);
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

static void negative_at_once(void)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_done(&wg);
}

/* From zero, with a waiter: what it waits for is not clear. By hand, since the moment between is too short to be hit. */
static void raised_with_a_waiter(void)
{
	gos_waitgroup wg = {.state = 1};
	gos_waitgroup_add(&wg, 2);
}

/* Raised again by the time the waiter comes to itself. The waker's two steps by hand, with the add between them. */
static void wait_only(gos_waitgroup *wg)
{
	gos_waitgroup_wait(wg);
}

static void reused_too_early(void)
{
	static gos_waitgroup wg;
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(wait_only, &wg), "sync.WaitGroup.Wait");
	__atomic_store_n(&wg.state, 0, __ATOMIC_SEQ_CST);
	gos_waitgroup_add(&wg, 1);
	rt_sema_release(&wg.sema, false, NULL);
	for (;;)
		gos_yield();
}

static const struct gos_death deaths[] = {
	{"negative", negative, 2, {"panic: negative wait group counter", "goroutine 1 [running]:"}},
	{"negative_add", negative_add, 2, {"panic: negative wait group counter"}},
	{"negative_at_once", negative_at_once, 2, {"panic: negative wait group counter", "gos_waitgroup_done", "negative_at_once"}},
	{"raised_with_a_waiter", raised_with_a_waiter, 2, {"panic: wait group raised from zero while goroutines wait", "gos_waitgroup_add"}},
	{"reused_too_early", reused_too_early, 2, {"panic: wait group reused before its last wait returned", "goroutine 2 [running]:", "gos_waitgroup_wait", "wait_only"}},
	{"nobody_does", nobody_does, 2, {"fatal error: all goroutines are asleep - deadlock!", "goroutine 1 [sync.WaitGroup.Wait, ", "waitgroup 0x"}},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

static gos_waitgroup group;

GOS_PLACE(add_here, (int n), gos_waitgroup_add(&group, n))
GOS_PLACE(done_here, (void), gos_waitgroup_done(&group))
GOS_PLACE(wait_here, (void), gos_waitgroup_wait(&group))

GOS_TEST(waitgroup_says_who_changed_it_where_and_when)
{
	int64_t start = gos_now(), first;
	expect_eq(group.last.at, 0);
	add_here(2);
	expect_eq(group.last.goid, gos_goid());
	expect(add_here_has(group.last.pc));
	expect(gos_at_since(group.last.at, start));
	first = group.last.at;
	gos_sleep(100 * GOS_MS);
	done_here();
	expect_eq(group.last.goid, gos_goid());
	expect(done_here_has(group.last.pc));
	expect_gt(group.last.at, first);

	uint64_t other = go(done_here);
	wait_here();
	expect_eq(group.last.goid, other);
	expect(done_here_has(group.last.pc));
}
