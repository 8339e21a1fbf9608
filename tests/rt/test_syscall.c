/* SPDX-License-Identifier: MIT */
/*
 * test_syscall.c - goroutines that block their threads: others go on, nothing is lost, misuse is named.
 */
#include <errno.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "gos_test.h"
#include "state.h"

#define MS 1000000

static int flag, other, reached;
static int pipe_fds[2];

static void sleep_thread(long ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	while (nanosleep(&ts, &ts) != 0)
		;
}

static void read_byte(void)
{
	char byte;
	gos_blocking_begin();
	ssize_t n = read(pipe_fds[0], &byte, 1);
	gos_blocking_end();
	expect_eq(n, 1);
	__atomic_add_fetch(&reached, 1, __ATOMIC_SEQ_CST);
}

static void write_byte(void)
{
	expect_eq(write(pipe_fds[1], "x", 1), 1);
}

GOS_TEST(a_blocked_read_does_not_stall_the_goroutine_that_will_write)
{
	expect_eq(pipe(pipe_fds), 0);
	go(read_byte);
	gos_yield();
	write_byte();
	gos_test_until(&reached);
}

GOS_TEST(the_caller_may_block_before_the_others_have_run_at_all)
{
	expect_eq(pipe(pipe_fds), 0);
	go(write_byte);
	read_byte();
}

GOS_TEST(many_goroutines_block_at_once)
{
	expect_eq(pipe(pipe_fds), 0);
	for (int i = 0; i < 50; i++)
		go(read_byte);
	for (int i = 0; i < 50; i++) {
		gos_yield();
		write_byte();
	}
	while (__atomic_load_n(&reached, __ATOMIC_ACQUIRE) < 50)
		gos_sleep(MS);
}

static void *wait_for_flag(void *arg)
{
	while (!__atomic_load_n(&flag, __ATOMIC_ACQUIRE))
		sleep_thread(MS);
	return (char *)arg + 1;
}

static void set_flag(void)
{
	__atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
}

GOS_TEST(gos_blocking_gives_the_value_of_its_function)
{
	char text[] = "ab";
	go(set_flag);
	expect(gos_blocking(wait_for_flag, text) == text + 1);
}

GOS_TEST(sections_nest)
{
	go(set_flag);
	gos_blocking_begin();
	gos_blocking_begin();
	wait_for_flag(NULL);
	gos_blocking_end();
	wait_for_flag(NULL);
	gos_blocking_end();
	gos_yield(); /* it is a goroutine like any other again */
}

static void *lose_the_P_and_set_errno(void *arg)
{
	(void)arg;
	sleep_thread(20 * MS); /* long enough to lose the P */
	errno = ENOTTY;
	return NULL;
}

static void spin_with_yields(void)
{
	while (!__atomic_load_n(&flag, __ATOMIC_ACQUIRE))
		gos_yield();
}

GOS_TEST(errno_survives_the_end_of_a_section)
{
	for (int i = 0; i < 4; i++)
		go(spin_with_yields);
	for (int i = 0; i < 10; i++) {
		gos_blocking(lose_the_P_and_set_errno, NULL);
		expect_eq(errno, ENOTTY);
	}
	__atomic_store_n(&flag, 1, __ATOMIC_RELEASE);
}

static void *look_around(void *arg)
{
	struct gos_stats *stats = arg;
	expect_eq(gos_goid(), 1);
	expect_gt(gos_now(), 0);
	expect_ge(gos_num_goroutines(), 1);
	gos_checkpoint();
	(void)stats;
	return NULL;
}

GOS_TEST(what_needs_no_goroutine_may_be_called_inside)
{
	gos_blocking(look_around, NULL);
}

static void *busy_ms(void *arg)
{
	(void)arg;
	sleep_thread(5 * MS);
	return NULL;
}

static void blocker(int rounds)
{
	for (int i = 0; i < rounds; i++)
		gos_blocking(busy_ms, NULL);
	__atomic_add_fetch(&reached, 1, __ATOMIC_SEQ_CST);
}

static void pinger(gos_chan *c, int rounds)
{
	for (int i = 0; i < rounds; i++)
		gos_chan_send(c, &i);
	__atomic_add_fetch(&reached, 1, __ATOMIC_SEQ_CST);
}

static void ponger(gos_chan *c, int rounds)
{
	for (int i = 0; i < rounds; i++) {
		int got;
		expect(gos_chan_recv(c, &got));
		expect_eq(got, i);
	}
	__atomic_add_fetch(&reached, 1, __ATOMIC_SEQ_CST);
}

GOS_TEST(nothing_is_lost_while_Ps_come_and_go)
{
	for (int i = 0; i < 20; i++) {
		gos_chan *c = gos_chan_make(int, 0);
		go(blocker, 10);
		go(pinger, c, 2000);
		go(ponger, c, 2000);
	}
	while (__atomic_load_n(&reached, __ATOMIC_ACQUIRE) < 60)
		gos_sleep(5 * MS);
}

GOS_TEST(gos_procs_may_change_while_goroutines_block)
{
	uint64_t seed = gos_test_seed();
	for (int i = 0; i < 20; i++) {
		gos_chan *c = gos_chan_make(int, 0);
		go(blocker, 20);
		go(pinger, c, 1000);
		go(ponger, c, 1000);
	}
	while (__atomic_load_n(&reached, __ATOMIC_ACQUIRE) < 60) {
		gos_procs(1 + (int)(gos_test_random(&seed) % 8));
		gos_sleep(2 * MS);
	}
}

static void *sleep_long(void *arg)
{
	sleep_thread(*(long *)arg);
	return NULL;
}

GOS_TEST(a_timer_fires_while_the_only_P_belongs_to_who_blocks)
{
	static long ns = 3000L * MS;
	int64_t start = gos_now();
	gos_chan *c = gos_after(20 * MS);
	go(sleep_long, &ns);
	int64_t got;
	go(blocker, 1);
	gos_yield();
	expect(gos_chan_recv(c, &got));
	expect_lt(gos_now() - start, 20000L * MS);
}

static void sleeping_in_a_call(void)
{
	static long ns = 300L * MS;
	gos_blocking(sleep_long, &ns);
	__atomic_store_n(&other, 1, __ATOMIC_RELEASE);
}

GOS_TEST(all_the_others_may_wait_for_one_that_blocks)
{
	gos_chan *c = gos_chan_make(int, 0);
	go(sleeping_in_a_call);
	for (int i = 0; i < 50 && !__atomic_load_n(&other, __ATOMIC_ACQUIRE); i++) /* no deadlock is reported meanwhile */
		gos_sleep(10 * MS);
	gos_test_until(&other);
	gos_chan_free(c);
}

static void *panics_inside(void *arg)
{
	(void)arg;
	gos_yield();
	return NULL;
}

static void die_call_inside(void)
{
	gos_blocking(panics_inside, NULL);
}

static void die_end_alone(void)
{
	gos_blocking_end();
}

static void block_a_thread(void)
{
	static long ns = 20000L * MS;
	gos_blocking(sleep_long, &ns);
}

static void die_too_many_threads(void)
{
	expect_eq(gos_set_max_threads(0), 10000);
	gos_set_max_threads(20);
	for (int i = 0; i < 40; i++)
		go(block_a_thread);
	gos_sleep(10000L * MS);
}

static const struct gos_death deaths[] = {
	{"call_inside", die_call_inside, 2, {"panic: a function that needs a goroutine was called between gos_blocking_begin and gos_blocking_end", "goroutine 1 [", "panics_inside"}},
	{"end_alone", die_end_alone, 2, {"panic: gos_blocking_end without gos_blocking_begin", "goroutine 1 ["}},
	{"too_many_threads", die_too_many_threads, 2, {"gossamer: program exceeds 20-thread limit", "fatal error: thread exhaustion", "block_a_thread"}},
};
GOS_DEATHS(deaths)
