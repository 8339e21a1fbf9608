/* SPDX-License-Identifier: MIT */
/*
 * missed_close.c - a mistake in the order of things: the last worker to finish closes the channel, but each works out whether it is the last from what it read before its last send.
 * Two that finish together both believe that the other is still to come, and nobody closes. For test_seed.c.
 */
#include "gossamer.h"

#define WORKERS 4

static gos_chan *results;
static int finished;

static void worker(int me)
{
	gos_sleep(me * GOS_MS);
	int before = finished;
	gos_chan_send(results, &me);
	finished = before + 1;
	if (finished == WORKERS)
		gos_chan_close(results);
}

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	int value, sum = 0;
	results = gos_chan_make(int, WORKERS);
	for (int i = 1; i <= WORKERS; i++)
		go(worker, i);
	while (gos_chan_recv(results, &value))
		sum += value;
	return sum == WORKERS * (WORKERS + 1) / 2 ? 0 : 1;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
