/* SPDX-License-Identifier: MIT */
/*
 * bench.h - what the benchmark programs share. A program defines the three below and is linked with bench.c, which
 * runs it: PROGRAM N [TASKS]. go/bench.go is the same file for the peer; keep the two alike.
 */
#ifndef BENCH_H
#define BENCH_H

#include <stdint.h>

#include "gossamer.h"

extern const char bench_name[];
extern const int64_t bench_warm_part; /* the warm-up does n divided by this */

/* Does n operations (with `tasks` goroutines, where the work has that number) and returns a value that proves it: runs of
 * either side with the same arguments must return the same. Called twice, first to warm up. */
int64_t bench_work(int64_t n, int64_t tasks);

/* Adds KEY=VALUE to the line that is printed in the end. Only what the last call of bench_work notes is printed. */
void bench_note(const char *key, double value);

/* Ends the program with a message, exit code 1: the work was not done right. */
_Noreturn void bench_fail(const char *format, ...) GOS_PRINTF(1, 2);

int64_t bench_now(void);               /* CLOCK_MONOTONIC, ns */
int64_t bench_cpu(void);               /* CPU time of all threads, ns */
int64_t bench_rss(void);               /* resident bytes now, from /proc/self/statm */
int64_t bench_status(const char *key); /* bytes, from a kB line of /proc/self/status, such as "VmPTE" */

/* Touches that much memory and gives it back to the kernel. What runs next finds pages that the host, if there is one, has ready. */
void bench_touch(int64_t bytes);

#endif
