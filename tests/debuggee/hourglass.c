/* SPDX-License-Identifier: MIT */
/*
 * hourglass.c - an idle program in which it is known since when each goroutine waits. Nothing in it moves the runtime's clock but sysmon, once a second.
 *
 * A thread that is no goroutine waits until that clock is late by LATE_NS, notes the time in stood_at, and calls stand(), again and again; or, with an argument, once
 * SIGUSR1 has come, it ends the process in that way: abort, quit, segv.
 *
 * The truth, a line each: goid|name|CLOCK_MONOTONIC before it began to wait|after. The runtime was told the time right after the first of them was read, so that it has
 * no reason to take the wait for older than that.
 */
#define _GNU_SOURCE
#include <gossamer.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>

#include "state.h"
#include "truth.h"

#define LATE_NS INT64_C(400000000)

enum { PARTS = 4 };
static struct part {
	uint64_t goid;
	const char *name;
	int64_t before, after;
} parts[PARTS];

gos_mutex lock;
static gos_chan *never;
static sigset_t signals;
volatile int64_t stood_at;

static int64_t clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

/* The last that a goroutine does before it waits. */
static void begin(int i, const char *name)
{
	struct gos_stats stats;
	gos_set_name("%s", name);
	parts[i].name = name;
	parts[i].before = clock_now();
	gos_stats(&stats); /* which sets the runtime's clock */
	__atomic_store_n(&parts[i].goid, gos_goid(), __ATOMIC_RELEASE);
}

static void receiver(void)
{
	int got = 0;
	begin(0, "receiver");
	gos_chan_recv(never, &got);
}

static void holder(void)
{
	int got = 0;
	begin(1, "holder");
	gos_mutex_lock(&lock);
	gos_chan_recv(never, &got);
}

static void locker(void)
{
	begin(2, "locker");
	gos_mutex_lock(&lock);
}

static void sleeper(void)
{
	begin(3, "sleeper");
	gos_sleep(3600 * GOS_S);
}

static bool waits(uint64_t goid)
{
	for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		if (gp->goid == goid)
			return __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) == GOS_WAITING && (__atomic_load_n(&gp->seq, __ATOMIC_ACQUIRE) & 1) == 0;
	}
	return false;
}

static void start(int i, void (*fn)(void))
{
	uint64_t goid;
	go(fn);
	while ((goid = __atomic_load_n(&parts[i].goid, __ATOMIC_ACQUIRE)) == 0 || !waits(goid))
		gos_sleep(GOS_MS);
	parts[i].after = clock_now();
}

/* ---- the thread ---- */

__attribute__((noinline)) void stand(void)
{
	__asm__ volatile("" ::: "memory");
}

static void until_late(void)
{
	while (gos_runtime.own_time == 0 && clock_now() - __atomic_load_n(&gos_runtime.now, __ATOMIC_RELAXED) < LATE_NS)
		pause_ms(1);
	stood_at = clock_now();
}

static void *watch(void *how)
{
	int signal;
	if (how == NULL) {
		for (;; pause_ms(1)) {
			until_late();
			stand();
		}
	}
	sigwait(&signals, &signal);
	until_late();
	if (strcmp(how, "abort") == 0)
		abort();
	if (strcmp(how, "quit") == 0)
		raise(SIGQUIT);
	*(volatile int *)16 = 1;
	return NULL;
}

static int app(int argc, char **argv)
{
	pthread_t thread;

	never = gos_chan_make(int, 0);
	start(0, receiver);
	start(1, holder);
	start(2, locker);
	start(3, sleeper);
	FILE *file = truth_open();
	for (int i = 0; i < PARTS; i++)
		fprintf(file, "%" PRIu64 "|%s|%" PRId64 "|%" PRId64 "\n", parts[i].goid, parts[i].name, parts[i].before, parts[i].after);
	fclose(file);
	if (pthread_create(&thread, NULL, watch, argc > 1 ? argv[1] : NULL) != 0)
		return 1;
	truth_ready();
	gos_wait_fd(0, GOS_POLL_READ, -1); /* not a read, which would keep this goroutine on its thread */
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	sigemptyset(&signals);
	sigaddset(&signals, SIGUSR1);
	pthread_sigmask(SIG_BLOCK, &signals, NULL); /* which all threads inherit */
	return gos_run(app, argc, argv);
}
