/* SPDX-License-Identifier: MIT */
/*
 * diary.c - goroutines that keep a diary of what they do and what is done to them, for a test to hold against the flight recorder's.
 *
 * The truth, a line an event, the oldest first: goid|kind|object or goid of who did it|not before|not after. The times are CLOCK_MONOTONIC, in ns since the recorder's start.
 * Kinds: made (by), parked-chan, parked-mutex, parked-sleep, ready (by), woken, called, ended.
 */
#define _GNU_SOURCE
#include <gossamer.h>

#include "state.h"
#include "truth.h"

static gos_chan *letters, *forever;
static gos_mutex drawer;
static int pipe_ends[2];
static FILE *diary;
static volatile int64_t before_wait;

static int64_t now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * INT64_C(1000000000) + t.tv_nsec - (gos_runtime.flight != NULL ? gos_runtime.flight->start : 0);
}

static void wrote(uint64_t goid, const char *kind, uint64_t object, int64_t from, int64_t to)
{
	fprintf(diary, "%lu|%s|%lu|%ld|%ld\n", (unsigned long)goid, kind, (unsigned long)object, (long)from, (long)to);
}

/* Waits until a goroutine stands still, with this status; when that was seen. */
static int64_t until(uint64_t goid, uint32_t status)
{
	for (;;) {
		for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
			struct gos_g *gp = &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
			if (gp->goid == goid && __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) == status &&
			    (status == GOS_SYSCALL || (__atomic_load_n(&gp->seq, __ATOMIC_ACQUIRE) & 1) == 0))
				return now();
		}
		gos_sleep(GOS_MS);
	}
}

static void reader(void)
{
	int letter;
	gos_set_name("reader");
	gos_chan_recv(letters, &letter);
	before_wait = now();
	gos_mutex_lock(&drawer);
	gos_chan_recv(forever, &letter);
}

/* Waits when it has made the reader ready: so who runs next has no word of his own in the recorder. */
static void writer(void)
{
	int letter = 1;
	gos_chan_send(letters, &letter);
	gos_mutex_lock(&drawer);
	gos_chan_recv(forever, &letter);
}

static void visitor(void)
{
	gos_set_name("visitor");
}

static void sleeper(void)
{
	gos_set_name("sleeper");
	gos_sleep(2 * GOS_MS);
	before_wait = now();
	gos_sleep(3600 * GOS_S);
}

static void *wait_for_post(void *arg)
{
	char c;
	return read(pipe_ends[0], &c, 1) < 0 ? NULL : arg;
}

static void caller(void)
{
	gos_set_name("caller");
	before_wait = now();
	printf("%p\n", gos_blocking(wait_for_post, NULL)); /* so that it is no tail call */
}

static int app(int argc, char **argv)
{
	char line[8];
	uint64_t me = gos_goid();
	int64_t t[10];
	(void)argc;
	(void)argv;
	diary = truth_open();
	if (pipe(pipe_ends) != 0)
		return 1;
	letters = gos_chan_make(int, 0);
	forever = gos_chan_make(int, 0);
	gos_set_name("author");
	gos_mutex_lock(&drawer);

	t[0] = now();
	uint64_t r = go(reader);
	t[1] = now();
	t[2] = until(r, GOS_WAITING);
	uint64_t w = go(writer);
	t[3] = now();
	while (before_wait == 0) /* until it waits for the drawer */
		gos_sleep(GOS_MS);
	t[4] = until(r, GOS_WAITING);
	int64_t wrote_at = until(w, GOS_WAITING);
	wrote(r, "made", me, t[0], t[1]);
	wrote(r, "parked-chan", (uint64_t)letters, t[0], t[2]);
	wrote(r, "ready", w, t[2], t[4]);
	wrote(r, "parked-mutex", (uint64_t)&drawer, before_wait, t[4]);
	wrote(w, "made", me, t[2], t[3]);
	wrote(w, "parked-mutex", (uint64_t)&drawer, t[2], wrote_at);

	t[0] = now();
	uint64_t v = go(visitor);
	t[1] = now();
	gos_sleep(GOS_MS);
	while (gos_num_goroutines() > 3)
		gos_sleep(GOS_MS);
	wrote(v, "made", me, t[0], t[1]);
	wrote(v, "ended", 0, t[0], now());

	before_wait = 0;
	t[5] = now();
	uint64_t s = go(sleeper);
	t[6] = now();
	while (before_wait == 0)
		gos_sleep(GOS_MS);
	t[7] = until(s, GOS_WAITING);
	wrote(s, "made", me, t[5], t[6]);
	wrote(s, "parked-sleep", 0, t[5], t[7]);
	wrote(s, "woken", 0, t[5] + 2000000, t[7]);
	wrote(s, "parked-sleep", 0, before_wait, t[7]);

	before_wait = 0;
	t[8] = now();
	uint64_t c = go(caller);
	t[9] = now();
	int64_t called = until(c, GOS_SYSCALL);
	wrote(c, "made", me, t[8], t[9]);
	wrote(c, "called", 0, before_wait, called);
	fclose(diary);

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
