/* SPDX-License-Identifier: MIT */
/* Pairs that hand a number to and fro: alone, in crowds, and while others keep every P busy. */
#include "gos_test.h"

static void echo(gos_chan *in, gos_chan *out)
{
	int64_t v;
	while (gos_chan_recv(in, &v)) {
		v++;
		gos_chan_send(out, &v);
	}
}

static void play(int n, gos_waitgroup *wg)
{
	gos_chan *to = gos_chan_make(int64_t, 0), *fro = gos_chan_make(int64_t, 0);
	int64_t v = 0;
	go(echo, to, fro);
	for (int i = 0; i < n; i++) {
		gos_chan_send(to, &v);
		expect(gos_chan_recv(fro, &v));
	}
	expect_eq(v, n);
	gos_chan_close(to);
	gos_waitgroup_done(wg);
}

static void pairs(int count, int n)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, count);
	for (int i = 0; i < count; i++)
		go(play, n, &wg);
	gos_waitgroup_wait(&wg);
}

GOS_TEST_WITHIN(pingpong_of_one_pair, 60) { pairs(1, 300000); }
GOS_TEST_WITHIN(pingpong_of_2_pairs, 60) { pairs(2, 200000); }
GOS_TEST_WITHIN(pingpong_of_1000_pairs, 60) { pairs(1000, 300); }

static int stop;

static void burn(gos_waitgroup *wg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		for (int64_t until = gos_now() + 20 * GOS_US; gos_now() < until;)
			;
		gos_yield();
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(pingpong_among_goroutines_that_burn, 60)
{
	gos_waitgroup burning = {0};
	gos_waitgroup_add(&burning, 16);
	for (int i = 0; i < 16; i++)
		go(burn, &burning);
	pairs(20, 100);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&burning);
}
