/* SPDX-License-Identifier: MIT */
/*
 * mill.c - two pairs of goroutines that park as fast as they can, and one walker that parks a few times a second, in turns for a
 * sleep and for a channel, counting its steps before each; a diver blocks its thread now and then, counting its dives before. What a catchpoint on the walker must see is in `steps`; what it costs the
 * others is in the rounds printed at the end: a second, and a second of processor time. A dreamer sleeps for an hour at a time, counting how often it woke.
 *
 * mill [SECONDS]: how long it runs; without, until a line comes on stdin. The walker is goroutine walker_goid.
 */
#include <gossamer.h>

#include "truth.h"

volatile uint64_t walker_goid, diver_goid, dreamer_goid, nursery_goid;
volatile long steps, births, dives, wakes;
volatile long rounds[2];
static gos_chan *ticks;

static void ping(int pair, gos_chan *there, gos_chan *back)
{
	long value = 0;
	for (;;) {
		gos_chan_send(there, &value);
		gos_chan_recv(back, &value);
		rounds[pair]++;
	}
}

static void pong(gos_chan *there, gos_chan *back)
{
	long value;
	for (;;) {
		gos_chan_recv(there, &value);
		value++;
		gos_chan_send(back, &value);
	}
}

/* Sends only when the walker has been waiting for a while, so that each of its receives parks. */
static void ticker(void)
{
	int tick = 0;
	long served = 0;
	for (;;) {
		gos_sleep(5 * GOS_MS);
		if (steps % 2 != 0 || steps == served)
			continue;
		served = steps;
		gos_sleep(20 * GOS_MS);
		tick++;
		gos_chan_send(ticks, &tick);
	}
}

static void walker(void)
{
	int tick = 0;
	gos_set_name("walker");
	for (;;) {
		steps++; /* odd: it sleeps next */
		gos_sleep(20 * GOS_MS);
		steps++; /* even: it receives next */
		gos_chan_recv(ticks, &tick);
	}
}

static void *under_water(void *ms)
{
	pause_ms(*(long *)ms);
	return NULL;
}

static void diver(void)
{
	long ms = 2;
	gos_set_name("diver");
	for (;;) {
		gos_sleep(40 * GOS_MS);
		dives++;
		gos_blocking(under_water, &ms);
	}
}

static void dreamer(void)
{
	gos_set_name("dreamer");
	for (;;) {
		gos_sleep(3600 * GOS_S);
		wakes++;
	}
}

static void mayfly(long number)
{
	births = number;
}

static void nursery(void)
{
	gos_set_name("nursery");
	for (long number = 1;; number++) {
		gos_sleep(50 * GOS_MS);
		go(mayfly, number);
	}
}

static double cpu_seconds(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static int app(int argc, char **argv)
{
	double seconds = argc > 1 ? atof(argv[1]) : 0;
	char line[8];
	FILE *truth = truth_open();

	ticks = gos_chan_make(int, 0);
	for (int pair = 0; pair < 2; pair++) {
		gos_chan *there = gos_chan_make(long, 0), *back = gos_chan_make(long, 0);
		go(ping, pair, there, back);
		go(pong, there, back);
	}
	walker_goid = go(walker);
	diver_goid = go(diver);
	go(ticker);
	fprintf(truth, "walker %lu\n", (unsigned long)walker_goid);
	dreamer_goid = go(dreamer);
	nursery_goid = go(nursery);
	fprintf(truth, "nursery %lu\n", (unsigned long)nursery_goid);
	fclose(truth);
	truth_ready();
	long before = rounds[0] + rounds[1];
	int64_t began = gos_now();
	double cpu_before = cpu_seconds();
	if (seconds > 0)
		gos_sleep((int64_t)(seconds * GOS_S));
	else
		gos_read(0, line, sizeof line);
	double lasted = (double)(gos_now() - began) / 1e9;
	double done = (double)(rounds[0] + rounds[1] - before);
	printf("rounds %.0f steps %ld cpu %.0f\n", done / lasted, steps, done / (cpu_seconds() - cpu_before));
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
