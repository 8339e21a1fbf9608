/* SPDX-License-Identifier: MIT */
/* Tests that must fail, each in another way. tests/rt/test_harness.c runs them one by one and says what Check must report. */
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "chan.h"
#include "gos_test.h"
#include "lost.h"

GOS_TEST(passes)
{
	expect(true);
	expect_eq(1, 1);
}

GOS_TEST(fails_on_goroutine_1)
{
	expect(1 + 1 == 3);
}

static void fail_here(void)
{
	expect_eq(6 * 7, 41);
}

/* Goroutine 1 waits, so only the other one can end this test. */
GOS_TEST(fails_on_another_goroutine)
{
	go(fail_here);
	gos_sleep(10 * GOS_S);
}

static void ck_fail_here(gos_waitgroup *wg)
{
	for (int i = 0; i < 10; i++)
		gos_yield();
	ck_assert_int_eq(6 * 7, 40);
	gos_waitgroup_done(wg);
}

GOS_TEST(ck_assert_fails_on_another_goroutine)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		go(ck_fail_here, &wg);
	gos_waitgroup_wait(&wg);
}

static void *fail_in_thread(void *arg)
{
	(void)arg;
	expect_lt(2, 1);
	return NULL;
}

GOS_TEST(fails_on_a_foreign_thread)
{
	pthread_t thread;
	pthread_create(&thread, NULL, fail_in_thread, NULL);
	gos_sleep(10 * GOS_S);
}

GOS_TEST(fails_on_a_small_stack)
{
	static const struct gos_go_options small = {.stack_size = 16 * 1024};
	gos_go_with(&small, fail_here);
	gos_sleep(10 * GOS_S);
}

GOS_TEST_WITHIN(never_ends, 1)
{
	for (;;)
		gos_sleep(GOS_S);
}

PLAIN_TEST_WITHIN(plain_never_ends, 1)
{
	for (;;)
		pause();
}

GOS_TEST(leaves_the_process)
{
	_exit(3);
}

GOS_TEST(is_killed)
{
	raise(SIGKILL);
}

GOS_TEST(panics)
{
	gos_panic("with %d", 5);
}

static void waits(gos_chan *c)
{
	gos_chan_recv(c, NULL);
}

/* Who took the receiver off the queue does not make it ready. */
GOS_TEST(loses_a_wake_up)
{
	gos_chan *c = gos_chan_make(char, 0);
	gos_test_until_waiting(go(waits, c), "chan receive");
	rt_lock(&c->lock, RT_RANK_CHAN);
	rt_waitq_take(&c->recvq);
	rt_unlock(&c->lock);
	lost_start(&(struct lost_options){.period_ms = 100});
	for (;;)
		gos_sleep(10 * GOS_MS);
}
