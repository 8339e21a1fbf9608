/* SPDX-License-Identifier: MIT */
/*
 * test_preempt.c - a goroutine that computes without end lets others run: at checkpoints, at calls of the runtime, and at the points that a compiler puts into it.
 */
#include <unistd.h>

#include "gos_test.h"

#define MS 1000000

static int stop, started;
static uint64_t count;

/* One instruction each, and no call into anything. */
static inline __attribute__((always_inline)) int is_set(const int *flag)
{
	return __atomic_load_n(flag, __ATOMIC_RELAXED);
}

static inline __attribute__((always_inline)) void count_up(uint64_t *n)
{
	__atomic_store_n(n, __atomic_load_n(n, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

static void hog_with_checkpoints(void)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	while (!is_set(&stop)) {
		count_up(&count);
		gos_checkpoint();
	}
}

static void hog_of_a_mutex(gos_mutex *m)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	while (!is_set(&stop)) {
		gos_mutex_lock(m);
		count_up(&count);
		gos_mutex_unlock(m);
	}
}

static void hog_of_a_channel(gos_chan *c)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	for (int v = 0; !is_set(&stop); v++) {
		gos_chan_send(c, &v);
		gos_chan_recv(c, &v);
	}
}

static void hog_that_spawns_nobody(void)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	while (!is_set(&stop))
		gos_waitgroup_done(&(gos_waitgroup){.state = UINT64_C(2) << 32});
}

/* One more than can run at once. */
static int hogs(void)
{
	return gos_procs(0) + 1;
}

/* The caller gets its turn again and again although there are more hogs than Ps. */
static void get_turns(void)
{
	for (int i = 0; i < 8; i++)
		gos_sleep(MS);
	while (__atomic_load_n(&started, __ATOMIC_RELAXED) < hogs())
		gos_sleep(MS);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	gos_test_until_num(1);
}

GOS_TEST(checkpoints_let_others_run)
{
	for (int i = 0; i < hogs(); i++)
		go(hog_with_checkpoints);
	get_turns();
}

GOS_TEST(locking_an_uncontended_mutex_lets_others_run)
{
	static gos_mutex m[64];
	expect_lt(hogs(), 64);
	for (int i = 0; i < hogs(); i++)
		go(hog_of_a_mutex, &m[i]);
	get_turns();
}

GOS_TEST(sending_where_there_is_room_lets_others_run)
{
	for (int i = 0; i < hogs(); i++)
		go(hog_of_a_channel, gos_chan_make(int, 1));
	get_turns();
}

GOS_TEST(any_call_of_the_runtime_lets_others_run)
{
	for (int i = 0; i < hogs(); i++)
		go(hog_that_spawns_nobody);
	get_turns();
}

/* preempted.c, compiled with the option */
void preempted_loop(int *stop, int *started);
int preempted_recursion(int *stop, int depth);

static void hog_in_recursion(void)
{
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	while (preempted_recursion(&stop, 20) >= 0)
		;
}

GOS_TEST(a_loop_compiled_with_the_option_lets_others_run)
{
	for (int i = 0; i < hogs(); i++)
		go(preempted_loop, &stop, &started);
	get_turns();
}

GOS_TEST(functions_compiled_with_the_option_let_others_run)
{
	for (int i = 0; i < hogs(); i++)
		go(hog_in_recursion);
	get_turns();
}

/* ---- whose turn it is ---- */

static void hog_that_only_computes(void)
{
	while (!is_set(&stop)) {
		count_up(&count);
		gos_checkpoint();
	}
}

static void *nothing(void *arg)
{
	return arg;
}

static void block_and_come_back(void)
{
	for (int i = 0; i < 10; i++) {
		gos_blocking_begin();
		usleep(3000); /* long enough for its P to be given away */
		gos_blocking_end();
		gos_blocking(nothing, NULL);
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
}

/* It stands in the global queue, while all Ps have goroutines in their own that only ever stop because they are told to. */
GOS_TEST(who_comes_back_from_a_blocking_section_gets_a_turn_among_hogs)
{
	for (int i = 0; i < 17; i++)
		go(hog_that_only_computes);
	go(block_and_come_back);
	while (!is_set(&stop)) /* not a wait: this one is a hog too */
		gos_checkpoint();
	gos_test_until_num(1);
}
