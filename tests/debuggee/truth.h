/* SPDX-License-Identifier: MIT */
/*
 * truth.h - what a debuggee knows about its own goroutines, written to the file named by GOS_TRUTH, for a test to compare with what
 * an observer says. One line for each goroutine: "goid|name|reason|function|line".
 */
#ifndef TRUTH_H
#define TRUTH_H

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static inline FILE *truth_open(void)
{
	const char *path = getenv("GOS_TRUTH");
	return fopen(path ? path : "/dev/null", "w");
}

/* Tells the test that everything stands where it should. Who says so then stays as it is until stdin ends or a line comes. */
static inline void truth_ready(void)
{
	printf("READY %d\n", (int)getpid());
	fflush(stdout);
}

static inline void pause_ms(long ms)
{
	struct timespec t = {ms / 1000, ms % 1000 * 1000000};
	nanosleep(&t, NULL);
}

#ifdef GOS_API
/* Until n goroutines wait and no other P than the caller's is in use: none is on its way any more, and all their stacks are whole. */
static inline void until_waiting(uint64_t n)
{
	struct gos_stats s;
	for (gos_stats(&s); s.waiting != n || s.goroutines != n + 1 || s.runq != 0 || s.idle_procs + 1 != s.procs; gos_stats(&s))
		gos_sleep(GOS_MS);
}
#endif

#endif
