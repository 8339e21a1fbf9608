/* SPDX-License-Identifier: MIT */
/*
 * parked.c - n goroutines that all wait to receive from one channel, until it is closed.
 *
 * create: from the first go() until the last goroutine is about to park; wake: from the close until the last one has ended.
 * bytes: growth of the resident set while they wait. The kernel's page tables are not in the resident set: table_bytes.
 */
#include "bench.h"

const char bench_name[] = "parked";
const int64_t bench_warm_part = 1000; /* few, or their stacks would be counted in the resident set before */

static gos_waitgroup parked, ended;
static gos_chan *gate;

static void waiter(void)
{
	gos_waitgroup_done(&parked);
	gos_chan_recv(gate, NULL);
	gos_waitgroup_done(&ended);
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	(void)tasks;
	gate = gos_chan_make(char, 0);
	gos_waitgroup_add(&parked, (int)n);
	gos_waitgroup_add(&ended, (int)n);
	int64_t rss = bench_rss();
	int64_t tables = bench_status("VmPTE");

	int64_t begin = bench_now();
	for (int64_t i = 0; i < n; i++)
		go(waiter);
	gos_waitgroup_wait(&parked);
	int64_t created = bench_now();

	rss = bench_rss() - rss;
	tables = bench_status("VmPTE") - tables;

	int64_t opened = bench_now();
	gos_chan_close(gate);
	gos_waitgroup_wait(&ended);
	int64_t finished = bench_now();

	gos_chan_free(gate);
	bench_note("bytes", (double)rss / (double)n);
	bench_note("table_bytes", (double)tables / (double)n);
	bench_note("create", (double)(created - begin) / (double)n);
	bench_note("wake", (double)(finished - opened) / (double)n);
	return n;
}
