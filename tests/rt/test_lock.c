/* SPDX-License-Identifier: MIT */
/* Goal: the runtime's own lock excludes (rt/lock.c), and builds with GOS_CHECK=2 die of a wrong order of locks. Method: white box, plain threads. */
#include <pthread.h>

#include "gos_test.h"
#include "lock.h"

enum { THREADS = 4, EACH = 300000 };
static struct rt_lock l;
static int64_t counter;

static void *count_up(void *arg)
{
	(void)arg;
	for (int i = 0; i < EACH; i++) {
		rt_lock(&l, RT_RANK_SLAB);
		counter++;
		rt_unlock(&l);
	}
	return NULL;
}

PLAIN_TEST(lock_excludes)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		expect_eq(pthread_create(&threads[i], NULL, count_up, NULL), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	expect_eq(counter, THREADS * EACH);
	expect_eq(l.held, 0);
}

PLAIN_TEST(locks_nest_in_the_order_of_the_list)
{
	struct rt_lock a[RT_RANK_COUNT] = {{0}};
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < RT_RANK_COUNT; i++)
			if (i != RT_RANK_SLAB) /* leaves do not nest in leaves, but these two have no order that matters */
				rt_lock(&a[i], (enum rt_rank)i);
		for (int i = 0; i < RT_RANK_COUNT; i++) /* released in any order */
			if (i != RT_RANK_SLAB)
				rt_unlock(&a[i]);
	}
}

PLAIN_TEST(channels_nest_by_address)
{
	struct rt_lock a[100] = {{0}};
	for (int i = 0; i < 100; i++)
		rt_lock(&a[i], RT_RANK_CHAN);
	for (int i = 0; i < 100; i++)
		rt_unlock(&a[i]);
	for (int i = 0; i < 3; i++) { /* nothing is left behind */
		rt_lock(&a[5], RT_RANK_CHAN);
		rt_unlock(&a[5]);
		rt_lock(&a[4], RT_RANK_CHAN);
		rt_unlock(&a[4]);
	}
}

#if GOS_CHECK >= 2
static struct rt_lock a[3];

static void wrong_order(void)
{
	rt_lock(&a[0], RT_RANK_SCHED);
	rt_lock(&a[1], RT_RANK_CHAN);
}

static void twice(void)
{
	rt_lock(&a[0], RT_RANK_CHAN);
	rt_lock(&a[0], RT_RANK_CHAN);
}

static void two_of_one_rank(void)
{
	rt_lock(&a[0], RT_RANK_TIMERS);
	rt_lock(&a[1], RT_RANK_TIMERS);
}

static void channels_against_addresses(void)
{
	rt_lock(&a[1], RT_RANK_CHAN);
	rt_lock(&a[0], RT_RANK_CHAN);
}

static void block_while_locked(void)
{
	rt_lock(&a[0], RT_RANK_CHAN);
	gos_blocking_begin();
}

static const struct gos_death deaths[] = {
	{"block_while_locked", block_while_locked, 2, {"gossamer: fatal error: a call that may wait or block was made while holding a runtime lock", "goroutine 1 [running]:", "block_while_locked"}},
	{"wrong_order", wrong_order, 2, {"gossamer: fatal error: ", "wrong order: lockrank.def"}, .plain = true},
	{"wrong_order_on_a_goroutine", wrong_order, 2, {"gossamer: fatal error: ", "wrong order: lockrank.def", "goroutine 1 [running]:"}},
	{"twice", twice, 2, {"gossamer: fatal error: ", "taken twice"}, .plain = true},
	{"two_of_one_rank", two_of_one_rank, 2, {"gossamer: fatal error: ", "wrong order"}, .plain = true},
	{"channels_against_addresses", channels_against_addresses, 2, {"gossamer: fatal error: ", "wrong order"}, .plain = true},
};
GOS_DEATHS(deaths)
#endif
