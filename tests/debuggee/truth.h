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

/* Tells the test that everything stands where it should, and waits there in the kernel until stdin ends or a line comes. */
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

#endif
