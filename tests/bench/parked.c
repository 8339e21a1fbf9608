/* SPDX-License-Identifier: MIT */
/*
 * parked.c - n goroutines that all wait to receive from one channel, until it is closed.
 *
 * create: from the first go() until the last goroutine is about to park; wake: from the close until the last one has ended.
 * bytes: growth of the resident set while they wait. The kernel's page tables are not in the resident set: table_bytes.
 *
 * Most of create is the kernel's first touch of pages, and on a virtual machine a page that the host has taken back meanwhile costs
 * several times as much. So each run first touches more than either side will need.
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
	bench_touch(n * 5120);
	int64_t rss = bench_rss();
	int64_t tables = bench_status("VmPTE");

	int64_t begin = bench_now(), begin_cpu = bench_cpu();
	for (int64_t i = 0; i < n; i++)
		go(waiter);
	gos_waitgroup_wait(&parked);
	int64_t created = bench_now(), created_cpu = bench_cpu();

	rss = bench_rss() - rss;
	tables = bench_status("VmPTE") - tables;

	int64_t opened = bench_now(), opened_cpu = bench_cpu();
	gos_chan_close(gate);
	gos_waitgroup_wait(&ended);
	int64_t finished = bench_now(), finished_cpu = bench_cpu();

	gos_chan_free(gate);
	bench_note("bytes", (double)rss / (double)n);
	bench_note("table_bytes", (double)tables / (double)n);
	bench_note("create", (double)(created - begin) / (double)n);
	bench_note("create_cpu", (double)(created_cpu - begin_cpu) / (double)n);
	bench_note("wake", (double)(finished - opened) / (double)n);
	bench_note("wake_cpu", (double)(finished_cpu - opened_cpu) / (double)n);
	return n;
}
