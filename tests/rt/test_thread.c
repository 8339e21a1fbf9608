/* SPDX-License-Identifier: MIT */
/*
 * test_thread.c - goroutines locked to a thread stay on it, nobody else gets there, and nothing is lost when they wait.
 */
#include <sys/syscall.h>
#include <unistd.h>

#include "gos_test.h"

#define MS 1000000
#define LOCKED 5
#define FREE 20

static int done;
static long locked_tids[LOCKED];

static __attribute__((noinline)) long tid(void)
{
	return syscall(SYS_gettid);
}

static void locked_worker(int i, gos_chan *in, gos_chan *out, int rounds)
{
	gos_lock_thread();
	long mine = tid();
	__atomic_store_n(&locked_tids[i], mine, __ATOMIC_SEQ_CST);
	for (int round = 0; round < rounds; round++) {
		int v;
		expect(gos_chan_recv(in, &v));
		expect_eq(tid(), mine);
		if (round % 3 == 0)
			gos_yield();
		expect_eq(tid(), mine);
		if (round % 7 == 0)
			gos_sleep(1000);
		expect_eq(tid(), mine);
		gos_chan_send(out, &v);
		expect_eq(tid(), mine);
	}
	__atomic_store_n(&locked_tids[i], 0, __ATOMIC_SEQ_CST);
	gos_unlock_thread();
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
}

static void free_worker(void)
{
	while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < 2 * LOCKED) {
		long here = tid();
		for (int i = 0; i < LOCKED; i++)
			expect_ne(__atomic_load_n(&locked_tids[i], __ATOMIC_SEQ_CST), here);
		gos_yield();
	}
}

static void feeder(gos_chan *in, gos_chan *out, int rounds)
{
	for (int v = 0; v < rounds; v++) {
		int got;
		gos_chan_send(in, &v);
		expect(gos_chan_recv(out, &got));
		expect_eq(got, v);
	}
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(a_locked_goroutine_keeps_its_thread_to_itself)
{
	for (int i = 0; i < LOCKED; i++) {
		gos_chan *in = gos_chan_make(int, 0), *out = gos_chan_make(int, 0);
		go(locked_worker, i, in, out, 300);
		go(feeder, in, out, 300);
	}
	for (int i = 0; i < FREE; i++)
		go(free_worker);
	gos_test_until_num(1);
}

GOS_TEST(goroutine_1_may_be_locked)
{
	gos_chan *in = gos_chan_make(int, 0), *out = gos_chan_make(int, 0);
	__atomic_store_n(&done, LOCKED, __ATOMIC_SEQ_CST); /* of the free workers' count */
	go(feeder, out, in, 100);
	gos_lock_thread();
	long mine = tid();
	for (int i = 0; i < 100; i++) {
		int v;
		expect(gos_chan_recv(out, &v));
		expect_eq(tid(), mine);
		gos_chan_send(in, &v);
		expect_eq(tid(), mine);
	}
	gos_unlock_thread();
}

GOS_TEST(it_is_locked_until_the_last_unlock)
{
	gos_lock_thread();
	gos_lock_thread();
	long mine = tid();
	gos_unlock_thread();
	for (int i = 0; i < 20; i++)
		go(gos_yield);
	for (int i = 0; i < 50; i++) {
		gos_sleep(10000);
		expect_eq(tid(), mine);
	}
	gos_unlock_thread();
}

static void ends_locked(void)
{
	gos_lock_thread();
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(one_that_ends_locked_gives_its_thread_back)
{
	for (int i = 0; i < 200; i++) {
		go(ends_locked);
		if (i % 10 == 0)
			gos_sleep(10000);
	}
	gos_test_until_num(1);
	expect_eq(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 200);
}

static void *sleep_thread(void *arg)
{
	usleep(2000);
	return arg;
}

static void locked_caller(void)
{
	gos_lock_thread();
	long mine = tid();
	for (int i = 0; i < 50; i++) {
		gos_blocking(sleep_thread, NULL);
		expect_eq(tid(), mine);
		gos_yield();
		expect_eq(tid(), mine);
	}
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(a_locked_goroutine_may_block_its_thread)
{
	for (int i = 0; i < 10; i++)
		go(locked_caller);
	gos_test_until_num(1);
	expect_eq(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 10);
}

static void starts_one(gos_mutex *m)
{
	gos_lock_thread();
	for (int i = 0; i < 100; i++) {
		gos_mutex_lock(m);
		if (i % 10 == 0)
			gos_yield();
		gos_mutex_unlock(m);
	}
	gos_unlock_thread();
	__atomic_add_fetch(&done, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(locked_goroutines_contend_for_a_mutex)
{
	static gos_mutex m;
	for (int i = 0; i < 10; i++)
		go(starts_one, &m);
	gos_test_until_num(1);
	expect_eq(__atomic_load_n(&done, __ATOMIC_SEQ_CST), 10);
}

GOS_TEST(gos_procs_may_change_around_locked_goroutines)
{
	static gos_mutex m;
	uint64_t seed = gos_test_seed();
	for (int i = 0; i < 10; i++)
		go(starts_one, &m);
	while (__atomic_load_n(&done, __ATOMIC_SEQ_CST) < 10) {
		gos_procs(1 + (int)(gos_test_random(&seed) % 6));
		gos_sleep(MS / 2);
	}
}

static void wait_locked_for_ever(gos_chan *c)
{
	int v;
	gos_lock_thread();
	gos_chan_recv(c, &v);
}

static void die_deadlock_of_locked_goroutines(void)
{
	gos_chan *c = gos_chan_make(int, 0);
	go(wait_locked_for_ever, c);
	wait_locked_for_ever(c);
}

/* Another worker waits for the timer. When that has been stopped nothing can happen any more, and it is told so. */
static void die_deadlock_after_a_timer(void)
{
	gos_timer *t = gos_timer_start(3600 * GOS_S, NULL, NULL);
	gos_lock_thread();
	gos_sleep(50 * MS); /* our P goes to a worker that finds nothing to do but to wait for this */
	expect(gos_timer_stop(t));
	wait_locked_for_ever(gos_chan_make(int, 0));
}

static void die_unlock_alone(void)
{
	gos_unlock_thread();
}

static const struct gos_death deaths[] = {
	{"deadlock", die_deadlock_of_locked_goroutines, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [chan receive", "wait_locked_for_ever"}},
	{"deadlock_after_a_timer", die_deadlock_after_a_timer, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [chan receive", "wait_locked_for_ever"}},
	{"unlock_alone", die_unlock_alone, 2, {"panic: gos_unlock_thread without gos_lock_thread", "goroutine 1 ["}},
};
GOS_DEATHS(deaths)
