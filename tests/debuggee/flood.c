/* SPDX-License-Identifier: MIT */
/*
 * flood.c - many goroutines parked alike: flood COUNT. Each waits at one line of drop(); every tenth is named. Each keeps its number in a
 * local, which is in the core only when its stack is. stdin: a line or its end ends it.
 */
#include <gossamer.h>

#include "truth.h"

static gos_chan *drain;

static void drop(long number)
{
	long mark = number * 3 + 1;
	int got = 0;
	if (number % 10 == 0)
		gos_set_name("drop %ld", number);
	gos_chan_recv(drain, &got);
	printf("%ld %d\n", mark, got);
}

static int app(int argc, char **argv)
{
	long count = argc > 1 ? atol(argv[1]) : 1000;
	char line[8];
	FILE *truth = truth_open();

	drain = gos_chan_make(int, 0);
	for (long i = 0; i < count; i++) {
		fprintf(truth, "%lu %ld\n", (unsigned long)go(drop, i), i * 3 + 1);
		if (i % 256 == 255)
			gos_yield(); /* so that they park as they come, and the queues stay short */
	}
	fclose(truth);
	until_waiting((uint64_t)count);
	gos_sleep(20 * GOS_MS); /* what is told has an age */
	truth_ready();
	if (read(0, line, sizeof line) < 0)
		return 1;
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
