/* SPDX-License-Identifier: MIT */
/*
 * watch.c - what an armed catchpoint costs the goroutines that it is not for: a ping-pong without one, with one on another goroutine,
 * and with one on a goroutine that does not exist yet. Arms them as gdb does, by writing to gos_runtime. No Go twin.
 */
#include <stdio.h>
#include <sys/resource.h>

#include "rt/state.h"

#define ROUNDS 30
#define ROUND_TRIPS 1000000 /* in each round; two parks each */

static double cpu_seconds(void)
{
	struct rusage r;
	getrusage(RUSAGE_SELF, &r);
	return (double)(r.ru_utime.tv_sec + r.ru_stime.tv_sec) + (double)(r.ru_utime.tv_usec + r.ru_stime.tv_usec) / 1e6;
}

static void ponger(gos_chan *ping, gos_chan *pong)
{
	int64_t v;
	while (gos_chan_recv(ping, &v))
		gos_chan_send(pong, &v);
}

static void bystander(gos_chan *silent)
{
	gos_chan_recv(silent, NULL);
}

static struct gos_g *find(uint64_t goid)
{
	for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
		struct gos_g *gp = &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
		if (gp->goid == goid)
			return gp;
	}
	return NULL;
}

enum { OFF, OTHER, FUTURE, WAYS };

static void arm(int way, struct gos_g *other)
{
	gos_runtime.watches[0].events = gos_runtime.watchmask = other->dbgmask = 0;
	if (way == OFF)
		return;
	gos_runtime.watches[0].goid = way == OTHER ? other->goid : UINT64_MAX;
	gos_runtime.watches[0].events = GOS_EVENT_PARK;
	if (way == OTHER)
		other->dbgmask = GOS_EVENT_PARK;
	else
		gos_runtime.watchmask = GOS_EVENT_PARK;
}

static int app(int argc, char **argv)
{
	gos_chan *ping = gos_chan_make(int64_t, 0), *pong = gos_chan_make(int64_t, 0), *silent = gos_chan_make(int64_t, 0);
	struct gos_g *other = find(go(bystander, silent));
	double total[WAYS] = {0};
	int64_t v = 0;

	(void)argc;
	(void)argv;
	go(ponger, ping, pong);
	for (int round = -1; round < ROUNDS; round++) { /* the first one warms up */
		for (int way = OFF; way < WAYS; way++) {
			arm(way, other);
			double before = cpu_seconds();
			for (int i = 0; i < ROUND_TRIPS; i++) {
				gos_chan_send(ping, &v);
				gos_chan_recv(pong, &v);
			}
			if (round >= 0)
				total[way] += cpu_seconds() - before;
		}
	}
	for (int way = OFF; way < WAYS; way++) {
		static const char *const what[] = {"no catchpoint", "one on another goroutine", "one on a goroutine to come"};
		printf("%-28s %6.1f ns of CPU a round trip, %+.1f %%\n", what[way], total[way] / ROUNDS / ROUND_TRIPS * 1e9,
		       (total[way] / total[OFF] - 1) * 100);
	}
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
