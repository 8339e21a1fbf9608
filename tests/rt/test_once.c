/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/once.c: once, and nobody goes on before it has been done. Method: black box, but for done and mutex. */
#include "gos_place.h"
#include "gos_test.h"

static gos_once once;
static int calls, finished;
static gos_sema may_end;

static void count(void *arg)
{
	int *n = arg;
	++*n;
}

static void expect_done(void)
{
	expect_eq(once.done, 1);
	expect_eq(once.mutex.state, 0);
	expect_eq(once.mutex.owner, 0);
}

GOS_TEST(once_calls_once)
{
	int other = 0;
	gos_once_do(&once, count, &calls);
	gos_once_do(&once, count, &calls);
	gos_once_do(&once, count, &other); /* with what it is called does not matter */
	expect_eq(calls, 1);
	expect_eq(other, 0);
	expect_done();
}

static void do_it(gos_waitgroup *wg)
{
	gos_once_do(&once, count, &calls);
	expect_eq(calls, 1);
	gos_waitgroup_done(wg);
}

GOS_TEST(once_calls_once_for_many)
{
	for (int round = 0; round < 200; round++) {
		gos_waitgroup wg = {0};
		once = (gos_once){0};
		calls = 0;
		gos_waitgroup_add(&wg, 50);
		for (int i = 0; i < 50; i++)
			go(do_it, &wg);
		gos_waitgroup_wait(&wg);
		expect_eq(calls, 1);
		expect_done();
	}
}

static void slow(void *arg)
{
	(void)arg;
	calls++;
	gos_sema_acquire(&may_end);
	finished = 1;
}

static void do_slow(gos_waitgroup *wg)
{
	gos_once_do(&once, slow, NULL);
	expect_eq(finished, 1);
	gos_waitgroup_done(wg);
}

GOS_TEST(once_who_comes_meanwhile_waits_until_it_is_done)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 20);
	uint64_t caller = go(do_slow, &wg);
	gos_test_until_waiting(caller, "semacquire"); /* in slow */
	for (int i = 1; i < 20; i++)
		go(do_slow, &wg);
	gos_test_until_n_waiting(19, "sync.Once.Do");
	expect_eq(__atomic_load_n(&once.done, __ATOMIC_ACQUIRE), 0);
	expect_eq(__atomic_load_n(&once.mutex.owner, __ATOMIC_ACQUIRE), caller);
	gos_sema_release(&may_end);
	gos_waitgroup_wait(&wg);
	expect_eq(calls, 1);
	expect_done();
}

/* One may do another, and a third that somebody else does. */
static gos_once inner;

static void outer(void *arg)
{
	gos_once_do(&inner, count, arg);
	++*(int *)arg;
}

GOS_TEST(once_may_do_another)
{
	gos_once_do(&once, outer, &calls);
	gos_once_do(&inner, count, &calls);
	expect_eq(calls, 2);
	expect_done();
}

/* ---- deaths ---- */

static void again(void *arg)
{
	gos_once_do(&once, again, arg);
}

static void recursive(void)
{
	gos_once_do(&once, again, NULL);
}

static void never_ends(void)
{
	static gos_waitgroup wg;
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(do_slow, &wg), "semacquire");
	gos_once_do(&once, slow, NULL);
}

static const struct gos_death deaths[] = {
	{"recursive", recursive, 2, {"panic: gos_once_do called by the function that it calls", "goroutine 1 [running]:", "gos_once_do", "again", "recursive"}},
	{"never_ends", never_ends, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.Once.Do, ", "once 0x", "run by goroutine 2 for ", "gos_once_do", "never_ends", "goroutine 2 [semacquire"}},
};
GOS_DEATHS(deaths)

/* ---- fn panics ---- */

static void panics_in_once(void *arg)
{
	(*(int *)arg)++;
	gos_panic("in once");
}

static void rescues(void)
{
	expect(gos_recover() != NULL);
}

static void calls_once_and_recovers(gos_once *once, int *calls)
{
	gos_defer_frame();
	gos_defer(rescues);
	gos_once_do(once, panics_in_once, calls);
	expect(!"returned");
}

GOS_TEST(a_function_that_panics_has_been_called)
{
	gos_once once = {0};
	int calls = 0;
	calls_once_and_recovers(&once, &calls);
	gos_once_do(&once, panics_in_once, &calls); /* does not wait, and does not call it again */
	expect_eq(calls, 1);
}

/* ---- the record ---- */

static void look(void *arg)
{
	(void)arg;
	expect_eq(once.mutex.owner, gos_goid());
}

GOS_PLACE(do_here, (void (*fn)(void *), void *arg), gos_once_do(&once, fn, arg))

static void look_at_place(void *arg)
{
	look(NULL);
	expect(do_here_has(once.mutex.pc));
	expect(gos_at_since(once.mutex.since, *(int64_t *)arg));
	calls++;
}

GOS_TEST(once_says_who_does_it_where_and_since_when)
{
	int64_t start = gos_now();
	do_here(look_at_place, &start);
	expect_eq(calls, 1);
	expect_done();
}
