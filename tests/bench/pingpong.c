/* SPDX-License-Identifier: MIT */
/* pingpong.c - two goroutines hand a number to and fro over two unbuffered channels; n counts round trips. */
#include "bench.h"

const char bench_name[] = "pingpong";
const int64_t bench_warm_part = 10;

static void pong(gos_chan *there, gos_chan *back)
{
	int64_t v;
	while (gos_chan_recv(there, &v)) {
		v++;
		gos_chan_send(back, &v);
	}
	gos_chan_close(back);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	gos_chan *there = gos_chan_make(int64_t, 0);
	gos_chan *back = gos_chan_make(int64_t, 0);
	int64_t v = 0;
	(void)tasks;

	go(pong, there, back);
	for (int64_t i = 0; i < n; i++) {
		v++;
		gos_chan_send(there, &v);
		gos_chan_recv(back, &v);
	}
	gos_chan_close(there);
	gos_chan_recv(back, NULL); /* until pong has done with both */

	gos_chan_free(there);
	gos_chan_free(back);
	if (v != 2 * n)
		bench_fail("%lld after %lld round trips", (long long)v, (long long)n);
	return v;
}
