/* SPDX-License-Identifier: MIT */
/*
 * slowclock.c - preloaded into a program that callgrind runs: the clock goes slower by as much as the program does. Else what the clock causes (the coarse clock's
 * steps, wake-ups, time slices) would come fifty times too often, and be counted as if each operation caused it.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLOWER 50

int clock_gettime(clockid_t id, struct timespec *t)
{
	static int64_t first;
	int result = (int)syscall(SYS_clock_gettime, id, t);
	if (result == 0 && id == CLOCK_MONOTONIC) {
		int64_t now = (int64_t)t->tv_sec * 1000000000 + t->tv_nsec, none = 0;
		__atomic_compare_exchange_n(&first, &none, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		now = first + (now - first) / SLOWER;
		t->tv_sec = now / 1000000000;
		t->tv_nsec = now % 1000000000;
	}
	return result;
}
