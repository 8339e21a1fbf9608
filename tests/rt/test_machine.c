/* SPDX-License-Identifier: MIT */
/*
 * Goal: workers sleep and wake (rt/machine.c, rt/schedule.c): work is found whoever made it, a deadlock is reported when nothing can ever happen again and only then.
 * Method: black box; Ms that go to sleep at the same moment as timers and descriptors are added are provoked by many short sleeps.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gos_test.h"
#include "machine.h"

/* ---- false deadlocks ---- */

static void doze(uint64_t seed, int64_t until, gos_waitgroup *wg)
{
	while (gos_now() < until)
		gos_sleep((int64_t)(gos_test_random(&seed) % 60000));
	gos_waitgroup_done(wg);
}

static void dozers(int n, int64_t ns)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, n);
	for (int i = 0; i < n; i++)
		go(doze, gos_test_seed() + (uint64_t)i, gos_now() + ns, &wg);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(no_false_deadlock_with_1_sleeper) { dozers(1, 200 * GOS_MS); }
GOS_TEST(no_false_deadlock_with_2_sleepers) { dozers(2, 500 * GOS_MS); }
GOS_TEST(no_false_deadlock_with_5_sleepers) { dozers(5, 500 * GOS_MS); }
GOS_TEST(no_false_deadlock_with_50_sleepers) { dozers(50, 300 * GOS_MS); }

static void echo(int in, int out)
{
	char byte;
	while (gos_read(in, &byte, 1) == 1)
		expect_eq(gos_write(out, &byte, 1), 1);
	gos_close(in);
	gos_close(out);
}

GOS_TEST(no_false_deadlock_with_descriptors)
{
	int a[2], b[2];
	char byte = 'x';
	expect_eq(pipe(a), 0);
	expect_eq(pipe(b), 0);
	go(echo, a[0], b[1]);
	for (int64_t until = gos_now() + 500 * GOS_MS; gos_now() < until;) {
		expect_eq(gos_write(a[1], &byte, 1), 1);
		expect_eq(gos_read(b[0], &byte, 1), 1);
	}
	gos_close(a[1]);
	expect_eq(gos_read(b[0], &byte, 1), 0);
}

/* Only a thread that is none of ours can wake it, by a descriptor: that is no deadlock. */
static void *write_later(void *arg)
{
	usleep(100 * 1000);
	expect_eq(write((int)(intptr_t)arg, "y", 1), 1);
	return NULL;
}

GOS_TEST(no_false_deadlock_while_the_world_may_write)
{
	int p[2];
	char byte;
	pthread_t thread;
	expect_eq(pipe(p), 0);
	pthread_create(&thread, NULL, write_later, (void *)(intptr_t)p[1]);
	expect_eq(gos_read(p[0], &byte, 1), 1);
	expect_eq(byte, 'y');
	pthread_join(thread, NULL);
}

GOS_TEST(no_false_deadlock_with_a_far_timer)
{
	gos_chan *c = gos_after(200 * GOS_MS);
	expect(gos_chan_recv(c, NULL));
}

static void do_both(uint64_t seed, int in, int out, int64_t until, gos_waitgroup *wg)
{
	char byte = 0;
	while (gos_now() < until) {
		gos_sleep((int64_t)(gos_test_random(&seed) % 30000));
		expect_eq(gos_write(out, &byte, 1), 1);
		expect_eq(gos_read(in, &byte, 1), 1);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(no_false_deadlock_with_sleepers_and_descriptors)
{
	enum { N = 6 };
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++) {
		int a[2], b[2];
		expect_eq(pipe(a), 0);
		expect_eq(pipe(b), 0);
		go(echo, a[0], b[1]);
		go(do_both, gos_test_seed() + (uint64_t)i, b[0], a[1], gos_now() + 500 * GOS_MS, &wg);
	}
	gos_waitgroup_wait(&wg);
}

/* ---- work is found ---- */

static int64_t total;

static void burn(int64_t ns, gos_waitgroup *wg)
{
	for (int64_t until = gos_now() + ns; gos_now() < until;)
		;
	__atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

/* Started by one that then keeps its P to itself: others must come and take them, if there are others. */
GOS_TEST(work_is_taken_from_a_busy_p)
{
	gos_waitgroup wg = {0};
	if (gos_procs(0) == 1)
		return;
	for (int round = 0; round < 20; round++) {
		total = 0;
		gos_waitgroup_add(&wg, 5);
		for (int i = 0; i < 5; i++)
			go(burn, 100 * GOS_US, &wg);
		for (int64_t start = gos_now(); __atomic_load_n(&total, __ATOMIC_SEQ_CST) < 5;)
			expect_lt(gos_now() - start, 5 * GOS_S); /* without a single call that could run them here */
		gos_waitgroup_wait(&wg);
		gos_sleep((round % 4) * 3 * GOS_MS); /* so that workers are found awake, and asleep */
	}
}

/* A single one as well, which its maker might run next. */
GOS_TEST(a_lonely_one_is_taken_from_a_busy_p)
{
	gos_waitgroup wg = {0};
	if (gos_procs(0) == 1)
		return;
	for (int round = 0; round < 20; round++) {
		total = 0;
		gos_waitgroup_add(&wg, 1);
		go(burn, 0, &wg);
		for (int64_t start = gos_now(); __atomic_load_n(&total, __ATOMIC_SEQ_CST) < 1;)
			expect_lt(gos_now() - start, 5 * GOS_S);
		gos_waitgroup_wait(&wg);
	}
}

static gos_chan *c;

static void wait_and_tell(void)
{
	gos_chan_recv(c, NULL);
	__atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(a_woken_one_is_taken_from_a_busy_p)
{
	if (gos_procs(0) == 1)
		return;
	for (int round = 0; round < 20; round++) {
		c = gos_chan_make(char, 0);
		total = 0;
		gos_test_until_waiting(go(wait_and_tell), "chan receive");
		gos_sleep(GOS_MS);
		gos_chan_close(c);
		for (int64_t start = gos_now(); __atomic_load_n(&total, __ATOMIC_SEQ_CST) < 1;)
			expect_lt(gos_now() - start, 5 * GOS_S);
	}
}

/* Timers of a P whose goroutine does not let go are run by others. */
static volatile int going_to_sleep;

static void sleep_and_tell(void)
{
	__atomic_store_n(&going_to_sleep, 1, __ATOMIC_RELEASE);
	gos_sleep(GOS_MS);
	__atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(timers_of_a_busy_p_are_run)
{
	if (gos_procs(0) == 1)
		return;
	for (int round = 0; round < 10; round++) {
		total = 0;
		going_to_sleep = 0;
		go(sleep_and_tell);
		gos_test_until(&going_to_sleep); /* not until it sleeps: that may be over before we look */
		for (int64_t start = gos_now(); __atomic_load_n(&total, __ATOMIC_SEQ_CST) < 1;)
			expect_lt(gos_now() - start, 5 * GOS_S);
	}
}

/* Descriptors, too, are looked at when nobody has nothing to do. */
static void read_and_tell(int fd)
{
	char byte;
	expect_eq(gos_read(fd, &byte, 1), 1);
	__atomic_add_fetch(&total, 1, __ATOMIC_SEQ_CST);
}

static void keep_yielding(void)
{
	while (__atomic_load_n(&total, __ATOMIC_SEQ_CST) < 1)
		gos_yield();
}

GOS_TEST(descriptors_are_polled_while_all_are_busy)
{
	int p[2];
	expect_eq(pipe(p), 0);
	for (int round = 0; round < 10; round++) {
		__atomic_store_n(&total, 0, __ATOMIC_SEQ_CST);
		gos_test_until_waiting(go(read_and_tell, p[0]), "IO wait");
		for (int i = 0; i < 20; i++)
			go(keep_yielding);
		expect_eq(write(p[1], "x", 1), 1);
		for (int64_t start = gos_now(); __atomic_load_n(&total, __ATOMIC_SEQ_CST) < 1; gos_yield())
			expect_lt(gos_now() - start, 5 * GOS_S);
		gos_test_until_num(1);
	}
}

/* Work that comes while all workers are asleep, again and again: none may sleep through it. */
GOS_TEST(workers_wake_for_each_burst)
{
	gos_waitgroup wg = {0};
	for (int round = 0; round < 300; round++) {
		total = 0;
		gos_sleep((round % 7) * 100 * GOS_US);
		gos_waitgroup_add(&wg, 30);
		for (int i = 0; i < 30; i++)
			go(burn, 3 * GOS_US, &wg);
		gos_waitgroup_wait(&wg);
		expect_eq(total, 30);
	}
}

GOS_TEST(no_more_workers_than_procs_and_a_few)
{
	gos_waitgroup wg = {0};
	for (int round = 0; round < 50; round++) {
		gos_waitgroup_add(&wg, 100);
		for (int i = 0; i < 100; i++)
			go(burn, 10 * GOS_US, &wg);
		gos_waitgroup_wait(&wg);
	}
	expect_le(gos_runtime.mcount, 2 * (uint32_t)gos_procs(0) + 2); /* besides those with a P: one waits for descriptors, some are between two jobs */
}

/* ---- real deadlocks ---- */

static void receive_for_ever(gos_chan *from)
{
	gos_chan_recv(from, NULL);
}

static void all_asleep(void)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	go(receive_for_ever, a);
	receive_for_ever(b);
}

static void after_sleeping(void)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 5);
	for (int i = 0; i < 5; i++)
		go(doze, 1, gos_now() + 50 * GOS_MS, &wg);
	gos_waitgroup_wait(&wg);
	receive_for_ever(NULL);
}

static void after_io(void)
{
	int p[2];
	char byte;
	expect_eq(pipe(p), 0);
	expect_eq(gos_write(p[1], "x", 1), 1);
	expect_eq(gos_read(p[0], &byte, 1), 1);
	gos_close(p[0]);
	gos_close(p[1]);
	receive_for_ever(gos_chan_make(char, 0));
}

static void ten_thousand(void)
{
	for (int i = 0; i < GOS_TEST_MANY(10000); i++)
		go(receive_for_ever, gos_chan_make(char, 0));
	gos_mutex m = {0};
	gos_mutex_lock(&m);
	gos_mutex_lock(&m);
}

static void in_a_ring(gos_chan **ring, int i, int n)
{
	int64_t v;
	gos_chan_recv(ring[i], &v);
	gos_chan_send(ring[(i + 1) % n], &v);
}

static void ring(void)
{
	static gos_chan *channels[5];
	for (int i = 0; i < 5; i++)
		channels[i] = gos_chan_make(int64_t, 0);
	for (int i = 1; i < 5; i++)
		go(in_a_ring, channels, i, 5);
	in_a_ring(channels, 0, 5);
}

#define ASLEEP "fatal error: all goroutines are asleep - deadlock!"

static const struct gos_death deaths[] = {
	{"all_asleep", all_asleep, 2, {ASLEEP, "\ngoroutine 1 [chan receive, ", "chan 0x", "receive_for_ever(", "\ngoroutine ", "[chan receive, ", "chan 0x", "created by all_asleep"}},
	{"after_sleeping", after_sleeping, 2, {ASLEEP, "goroutine 1 [chan receive (nil chan), "}},
	{"after_io", after_io, 2, {ASLEEP, "goroutine 1 [chan receive, ", "chan 0x"}},
	{"ten_thousand", ten_thousand, 2, {ASLEEP, "goroutine 1 [sync.Mutex.Lock, ", "mutex 0x"}},
	{"ring", ring, 2, {ASLEEP, "goroutine 1 [chan receive, ", "chan 0x", "in_a_ring("}},
};
GOS_DEATHS(deaths)
