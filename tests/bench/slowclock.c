/* SPDX-License-Identifier: MIT */
/*
 * slowclock.c - preloaded into a program that callgrind runs: the clock goes slower by as much as the program does, and stands still, nearly, while the program has no
 * processor. Else what the clock causes (the coarse clock's steps, wake-ups, time slices) would come fifty times too often and more, and be counted as if
 * each operation caused it.
 */
#define _GNU_SOURCE
#include <stdint.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define SLOWER 64
#define IDLE_SLOWER 1000 /* so that who waits for a time does not wait for ever */

static int64_t ns(const struct timespec *t)
{
	return (int64_t)t->tv_sec * 1000000000 + t->tv_nsec;
}

int clock_gettime(clockid_t id, struct timespec *t)
{
	static int64_t first;
	struct timespec used;
	int result = (int)syscall(SYS_clock_gettime, id, t);
	if (result == 0 && id == CLOCK_MONOTONIC && syscall(SYS_clock_gettime, CLOCK_PROCESS_CPUTIME_ID, &used) == 0) {
		int64_t now = ns(t), none = 0;
		__atomic_compare_exchange_n(&first, &none, now, 0, __ATOMIC_RELAXED, __ATOMIC_RELAXED);
		now = first + ns(&used) / SLOWER + (now - first) / IDLE_SLOWER;
		t->tv_sec = now / 1000000000;
		t->tv_nsec = now % 1000000000;
	}
	return result;
}

/* sysmon's: it comes as seldom. */
int nanosleep(const struct timespec *wanted, struct timespec *left)
{
	int64_t slow = ns(wanted) * SLOWER;
	struct timespec t = {slow / 1000000000, slow % 1000000000};
	return (int)syscall(SYS_nanosleep, &t, left);
}
