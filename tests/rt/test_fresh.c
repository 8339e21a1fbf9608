/* SPDX-License-Identifier: MIT */
/*
 * Goal: a token is gone once it cannot vouch for the clock any more, rt/fresh.c. Method: Ms without a runtime, so that nobody else takes tokens away, on a thread that has to share its processor, and
 * that has another library's restartable sequence. The kernel may take a token away at any moment: what must still be there is tried until it is.
 */
#include <pthread.h>
#include <sched.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "coarse.h"
#include "fresh.h"
#include "gos_test.h"
#include "machine.h"

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

PLAIN_TEST(what_vouches_for_the_clock_alone_does_not_for_who_runs)
{
	two_ms();
	rt_fresh_set(&second, RT_FRESH_EVENT);
	expect(rt_fresh(&second));
	expect(!rt_fresh_run(&second));
	rt_fresh_set(&second, RT_FRESH_RUN);
	expect(rt_fresh(&second));
	expect(rt_fresh_run(&second));
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

static int enough;

static void *burn(void *arg)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		;
	return arg;
}

/* The kernel has two that want one processor, so each loses it again and again. */
PLAIN_TEST_WITHIN(a_thread_that_lost_its_processor_has_none, 60)
{
	cpu_set_t may, one;
	pthread_t other;
	two_ms();
	if (!by_the_kernel())
		return; /* no restartable sequences here: then it is sysmon that finds out */
	expect_eq(sched_getaffinity(0, sizeof may, &may), 0);
	CPU_ZERO(&one);
	for (int i = 0; i < CPU_SETSIZE && CPU_COUNT(&one) == 0; i++)
		if (CPU_ISSET(i, &may))
			CPU_SET(i, &one);
	expect_eq(sched_setaffinity(0, sizeof one, &one), 0); /* and of the threads that it makes */
	expect_eq(pthread_create(&other, NULL, burn, NULL), 0);
	for (int lost = 0; lost < 20;) {
		int64_t until = rt_now() + 20 * GOS_MS;
		rt_fresh_set(&first, lost % 2 ? RT_FRESH_RUN : RT_FRESH_EVENT);
		while (rt_fresh(&first) && rt_now() < until)
			;
		lost += !rt_fresh(&first);
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	pthread_join(other, NULL);
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

/* In a child of fork the others' threads do not exist, and glibc gives their stacks back when the child has ended some of its own. */
GOS_TEST(a_child_of_fork_does_not_look_at_its_parents_threads)
{
	gos_procs(8);
	for (int i = 0; i < 64; i++)
		go(gos_yield);
	gos_sleep(20 * GOS_MS); /* so that there are workers */
	pid_t pid = fork();
	if (pid == 0) {
		for (uint32_t i = 0; i < gos_runtime.mcount; i++)
			if (gos_runtime.ms[i] != rt_tls_m && gos_runtime.ms[i]->fresh != &gos_runtime.ms[i]->own_fresh)
				_exit(1);
		rt_clock_set();
		_exit(0);
	}
	int status;
	expect_eq(waitpid(pid, &status, 0), pid);
	expect(WIFEXITED(status));
	expect_eq(WEXITSTATUS(status), 0);
}

/* Does something with another library's sequence in this thread's word, until that was still there 100 times. check: did it go well? False: the kernel was quicker. */
static void with_another_library(bool (*check)(uint64_t *word, uint64_t foreign))
{
	static uint64_t sequence[4] __attribute__((aligned(RT_FRESH_SIZE))); /* valid for the kernel, but no token */
	memcpy(sequence, rt_fresh_tokens.event, sizeof sequence);
	int left = 0;
	for (int i = 0; i < TRIES && left < 100; i++) {
		two_ms();
		if (!by_the_kernel())
			return;
		uint64_t *word = first.fresh;
		rt_store_relaxed(word, (uint64_t)sequence);
		left += check(word, (uint64_t)sequence);
	}
	expect_eq(left, 100);
}

static bool leaves_it(uint64_t *word, uint64_t foreign)
{
	rt_fresh_none(NULL);
	uint64_t then = rt_load_relaxed(word);
	expect(then == foreign || then == 0);
	if (then == 0)
		return false;
	expect(first.fresh == &first.own_fresh);
	expect(!rt_fresh(&first));
	rt_fresh_set(&first, RT_FRESH_RUN);
	expect(rt_fresh_run(&first));
	return true;
}

PLAIN_TEST(the_word_of_another_librarys_sequence_is_left_alone)
{
	with_another_library(leaves_it);
}

static bool sets_its_own(uint64_t *word, uint64_t foreign)
{
	(void)foreign;
	rt_fresh_set(&first, RT_FRESH_RUN);
	if (first.fresh == word)
		return false;
	expect(rt_load_relaxed(word) != RT_FRESH_RUN);
	expect_eq(first.own_fresh, RT_FRESH_RUN);
	return true;
}

PLAIN_TEST(who_sets_a_token_leaves_the_word_to_another_library)
{
	with_another_library(sets_its_own);
}

/* One that computes may do so again at once, and nobody else might look at the clock when it stops. Its P is made to be one that switches often. */
GOS_TEST(who_computes_is_not_vouched_for_after_a_blocking_section)
{
	for (int i = 0; i < 100; i++) {
		struct gos_g *gp = rt_tls_m->curg;
		struct gos_p *pp = rt_tls_m->p;
		gp->times->goid = gp->goid;
		gp->times->computes = 16;
		pp->seldom = 0;
		pp->window_at = INT64_MAX;
		gos_blocking_begin();
		gos_blocking_end();
		expect(!rt_fresh_run(rt_tls_m));
	}
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
