/* SPDX-License-Identifier: MIT */
/*
 * Goal: a token is gone once it cannot vouch for the clock any more, rt/fresh.c. Method: Ms without a runtime, so that nobody else takes tokens away, on a thread that sleeps, and
 * that has another library's restartable sequence. The kernel may take a token away at any moment: what must still be there is tried until it is.
 */
#include <pthread.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>

#include "clock.h"
#include "coarse.h"
#include "fresh.h"
#include "gos_test.h"

#define TRIES 100000

static struct gos_m first, second;
static struct gos_p ps[2];
static struct gos_p *table[] = {&ps[0], &ps[1]};

/* This thread is that of `first`; `second` has its word in itself. */
static void two_ms(void)
{
	rt_fresh_init(&first);
	first.own_fresh = 0;
	second.fresh = &second.own_fresh;
	rt_store_release(&ps[0].m, &first);
	rt_store_release(&ps[1].m, &second);
	gos_runtime.ps = table;
	rt_store_release(&gos_runtime.pcount, 2u);
}

static bool by_the_kernel(void)
{
	return first.fresh != &first.own_fresh;
}

PLAIN_TEST(the_two_tokens_differ_in_the_bit)
{
	expect((RT_FRESH_RUN & RT_FRESH_BIT) != 0);
	expect((RT_FRESH_EVENT & RT_FRESH_BIT) == 0);
	expect_ne(RT_FRESH_EVENT, 0);
}

PLAIN_TEST(a_token_stays_while_the_thread_runs)
{
	two_ms();
	int kept = 0;
	for (int i = 0; i < TRIES && kept < 100; i++) {
		rt_fresh_set(&first, RT_FRESH_RUN);
		int64_t until = rt_now() + 10000;
		while (rt_now() < until)
			;
		kept += rt_fresh_run(&first) && rt_fresh(&first);
	}
	expect_eq(kept, 100);
}

/* How often this thread has given up its processor. */
static int64_t sleeps(void)
{
	struct rusage usage;
	expect_eq(getrusage(RUSAGE_THREAD, &usage), 0);
	return usage.ru_nvcsw;
}

PLAIN_TEST(a_thread_that_slept_has_none)
{
	two_ms();
	if (!by_the_kernel())
		return; /* no restartable sequences here: then it is sysmon that finds out */
	int slept = 0;
	for (int i = 0; i < TRIES && slept < 100; i++) {
		int64_t before = sleeps();
		rt_fresh_set(&first, i % 2 ? RT_FRESH_RUN : RT_FRESH_EVENT);
		nanosleep(&(struct timespec){.tv_nsec = 100000}, NULL);
		if (sleeps() == before)
			continue; /* the host held the machine up until the time had passed */
		expect(!rt_fresh(&first));
		expect(!rt_fresh_run(&first));
		slept++;
	}
	expect_eq(slept, 100);
}

PLAIN_TEST(who_moves_the_clock_takes_them_from_all)
{
	two_ms();
	for (int i = 0; i < 1000; i++) {
		rt_clock_set();
		rt_fresh_set(&first, RT_FRESH_RUN);
		rt_fresh_set(&second, RT_FRESH_EVENT);
		while (rt_now() <= rt_load_relaxed(&gos_runtime.now) + 1)
			;
		rt_clock_set();
		expect(!rt_fresh(&first));
		expect(!rt_fresh(&second));
	}
}

PLAIN_TEST(who_moves_the_clock_for_a_token_keeps_that_one)
{
	two_ms();
	int moved = 0;
	while (moved < 100) {
		rt_fresh_set(&second, RT_FRESH_RUN);
		rt_fresh_set(&first, RT_FRESH_RUN);
		int64_t before = rt_load_relaxed(&gos_runtime.now);
		if (rt_clock_refresh_kept(&second) == before)
			continue;
		moved++;
		expect_eq(rt_fresh_token(&second), RT_FRESH_RUN);
		expect(!rt_fresh(&first));
	}
}

PLAIN_TEST(an_m_without_a_p_keeps_its_own)
{
	two_ms();
	rt_store_relaxed(&ps[1].m, (struct gos_m *)NULL);
	rt_fresh_set(&second, RT_FRESH_RUN);
	rt_fresh_none(NULL);
	expect(rt_fresh(&second));
	rt_fresh_clear(&second);
	expect(!rt_fresh(&second));
}

PLAIN_TEST(a_token_that_is_gone_is_not_lowered)
{
	two_ms();
	rt_fresh_set(&second, RT_FRESH_RUN);
	rt_fresh_lower(&second);
	expect_eq(rt_fresh_token(&second), RT_FRESH_EVENT);
	rt_fresh_clear(&second);
	rt_fresh_lower(&second);
	expect_eq(rt_fresh_token(&second), 0);
}

/* A sequence of another library's: valid for the kernel, but no token. */
static uint64_t *foreign(void)
{
	static uint64_t sequence[4] __attribute__((aligned(RT_FRESH_BIT)));
	memcpy(sequence, rt_fresh_tokens.event, sizeof sequence);
	return sequence;
}

PLAIN_TEST(the_word_of_another_librarys_sequence_is_left_alone)
{
	int left = 0;
	for (int i = 0; i < TRIES && left < 100; i++) {
		two_ms();
		if (!by_the_kernel())
			return;
		uint64_t *word = first.fresh;
		rt_store_relaxed(word, (uint64_t)foreign());
		rt_fresh_none(NULL);
		uint64_t then = rt_load_relaxed(word);
		expect(then == (uint64_t)foreign() || then == 0);
		if (then == 0)
			continue; /* the kernel was quicker */
		expect(first.fresh == &first.own_fresh);
		expect(!rt_fresh(&first));
		rt_fresh_set(&first, RT_FRESH_RUN);
		expect(rt_fresh_run(&first));
		left++;
	}
	expect_eq(left, 100);
}

PLAIN_TEST(who_sets_a_token_leaves_the_word_to_another_library)
{
	int left = 0;
	for (int i = 0; i < TRIES && left < 100; i++) {
		two_ms();
		if (!by_the_kernel())
			return;
		uint64_t *word = first.fresh;
		rt_store_relaxed(word, (uint64_t)foreign());
		rt_fresh_set(&first, RT_FRESH_RUN);
		if (first.fresh == word)
			continue; /* the kernel was quicker */
		expect(rt_load_relaxed(word) != RT_FRESH_RUN);
		expect_eq(first.own_fresh, RT_FRESH_RUN);
		left++;
	}
	expect_eq(left, 100);
}

/* Each worker has a word of its own, and nobody's is lost: with the clock moved all the time from outside, each goroutine's times add up to its life. */
static void change_states(gos_chan *c, bool sends, gos_waitgroup *all)
{
	int64_t begin = rt_now(), x;
	for (int i = 0; i < 20000; i++) {
		if (sends)
			gos_chan_send(c, &(int64_t){i});
		else
			gos_chan_recv(c, &x);
		if (i % 16 == 0)
			gos_yield();
	}
	struct gos_times t;
	expect_eq(gos_times(gos_goid(), &t), 0);
	expect_le(t.made, begin);
	expect_eq(t.running + t.runnable + t.waiting + t.in_calls, t.as_of - t.made);
	gos_waitgroup_done(all);
}

static int enough;

static void *move_it(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		rt_clock_set();
	return arg;
}

GOS_TEST_WITHIN(times_add_up_while_the_clock_is_moved_all_the_time, 60)
{
	pthread_t mover;
	gos_waitgroup all = {0};
	gos_chan *c[4];
	expect_eq(pthread_create(&mover, NULL, move_it, NULL), 0);
	gos_waitgroup_add(&all, 8);
	for (int i = 0; i < 4; i++) {
		c[i] = gos_chan_make(int64_t, 0);
		go(change_states, c[i], true, &all);
		go(change_states, c[i], false, &all);
	}
	gos_waitgroup_wait(&all);
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	pthread_join(mover, NULL);
}
