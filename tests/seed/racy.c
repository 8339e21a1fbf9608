/* SPDX-License-Identifier: MIT */
/*
 * racy.c - a program in which everything races with everything, and is written down: each line is something that one goroutine did, and when. For test_seed.c.
 *
 * With the argument "pipes" also what goes through the kernel but does not leave the process.
 */
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gossamer.h"

#define WORKERS 6
#define ROUNDS 12
#define CASES 24 /* more than a select sorts by insertion */

static gos_chan *numbers, *results, *many[3];
static gos_mutex lock;
static gos_rwmutex table;
static gos_cond turned;
static gos_sema few = GOS_SEMA(2);
static gos_pool pool;
static gos_waitgroup workers, others;
static int total, turn, entries;
static int64_t began;
static uint64_t draws = 1;

static void note(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	printf("%" PRIu64 "\t%" PRId64 "\t", gos_goid(), gos_now() - began);
	vprintf(format, args);
	printf("\n");
	va_end(args);
}

static int small(void)
{
	draws = draws * UINT64_C(6364136223846793005) + 1;
	return (int)(draws >> 60);
}

static void worker(int me)
{
	int value;
	while (gos_chan_recv(numbers, &value)) {
		note("worker %d has %d", me, value);
		gos_mutex_lock(&lock);
		int before = total;
		gos_yield();
		total = before + value;
		gos_mutex_unlock(&lock);
		if (small() < 4)
			gos_sleep(small() * GOS_US);
		int *place = gos_pool_get(&pool);
		if (place == NULL) {
			static int places[WORKERS * 2], used;
			place = &places[used++];
			note("a new place, %d", used);
		}
		*place = me;
		gos_sema_acquire(&few);
		note("one of few: %d", me);
		gos_sema_release(&few);
		gos_pool_put(&pool, place);
		gos_chan_send(results, &value);
	}
	gos_waitgroup_done(&workers);
}

static void collector(void)
{
	int sum = 0, value;
	while (gos_chan_recv(results, &value)) {
		sum += value;
		note("collected %d", sum);
	}
	gos_waitgroup_done(&others);
}

static void player(int me)
{
	gos_mutex_lock(&lock);
	while (turn % 3 != me)
		gos_cond_wait(&turned, &lock);
	note("turn of %d", me);
	turn++;
	gos_cond_broadcast(&turned);
	gos_mutex_unlock(&lock);
	gos_waitgroup_done(&others);
}

static void reader(int me)
{
	for (int i = 0; i < 4; i++) {
		gos_rwmutex_rlock(&table);
		note("reader %d sees %d", me, entries);
		gos_rwmutex_runlock(&table);
	}
	gos_waitgroup_done(&others);
}

static void writer(int me)
{
	for (int i = 0; i < 3; i++) {
		gos_rwmutex_lock(&table);
		entries += me;
		gos_rwmutex_unlock(&table);
		gos_sleep(GOS_US * me);
	}
	gos_waitgroup_done(&others);
}

static void sender(int me)
{
	for (int i = 0; i < ROUNDS; i++) {
		int value = 100 * me + i;
		gos_chan_send(many[(me + i) % 3], &value);
	}
	gos_waitgroup_done(&others);
}

/* Each channel is in many cases: which of them is served is drawn too. */
static void chooser(void)
{
	gos_chan *late = gos_after(300 * GOS_US);
	bool waiting = true;
	for (int i = 0; i < 3 * ROUNDS;) {
		int value[CASES];
		int64_t at;
		struct gos_case cases[CASES];
		for (int k = 0; k < CASES - 1; k++)
			cases[k] = (struct gos_case)GOS_RECV(many[k % 3], &value[k]);
		cases[CASES - 1] = (struct gos_case)GOS_RECV(waiting ? late : NULL, &at);
		int k = gos_select(cases, CASES);
		if (k == CASES - 1) {
			note("late, at %" PRId64, at - began);
			waiting = false;
			continue;
		}
		note("case %d: %d", k, value[k]);
		i++;
	}
	gos_waitgroup_done(&others);
}

static void impatient(int me)
{
	gos_context *ctx = gos_context_with_timeout(gos_context_background(), me * 40 * GOS_US);
	gos_chan *never = gos_chan_make(int, 0);
	struct gos_case cases[] = {GOS_RECV(never, NULL), GOS_RECV(gos_context_done(ctx), NULL)};
	int k = gos_select(cases, 2);
	note("impatient %d: %d", me, k);
	gos_context_free(ctx);
	gos_waitgroup_done(&others);
}

static void *block(void *arg)
{
	usleep(*(int *)arg);
	return NULL;
}

static void blocker(int us)
{
	gos_blocking(block, &us);
	note("blocked for some time");
	gos_waitgroup_done(&others);
}

static void locked(void)
{
	gos_lock_thread();
	for (int i = 0; i < 3; i++) {
		gos_yield();
		note("on its own thread");
		gos_sleep(20 * GOS_US);
	}
	gos_unlock_thread();
	gos_waitgroup_done(&others);
}

static void ticked(void *arg)
{
	note("the timer of %s", (const char *)arg);
	gos_waitgroup_done(&others);
}

static void through_pipe(int in, int out)
{
	char byte;
	while (gos_read(in, &byte, 1) == 1) {
		note("read %d", byte);
		if (--byte == 0)
			break;
		gos_write(out, &byte, 1);
	}
	gos_close(out);
	gos_waitgroup_done(&others);
}

static int app(int argc, char **argv)
{
	began = gos_now();
	numbers = gos_chan_make(int, 3);
	results = gos_chan_make(int, 0);
	for (int i = 0; i < 3; i++)
		many[i] = gos_chan_make(int, i);

	gos_waitgroup_add(&others, 1);
	go(collector);
	for (int i = 1; i <= WORKERS; i++) {
		gos_waitgroup_add(&workers, 1);
		go(worker, i);
	}
	gos_waitgroup_add(&others, 3 + 3 + 3 + 3 + 2 + 1 + 1 + 1 + 1);
	for (int i = 0; i < 3; i++) {
		go(player, i);
		go(reader, i);
		go(sender, i);
		go(impatient, i + 1);
	}
	go(writer, 1);
	go(writer, 10);
	go(chooser);
	go(blocker, 2000);
	go(locked);
	gos_timer *t = gos_timer_start(100 * GOS_US, ticked, "the app");
	if (argc > 1 && strcmp(argv[1], "pipes") == 0) {
		int a[2], b[2];
		if (pipe(a) != 0 || pipe(b) != 0)
			return 3;
		gos_waitgroup_add(&others, 2);
		go(through_pipe, a[0], b[1]);
		go(through_pipe, b[0], a[1]);
		char byte = 20;
		gos_write(a[1], &byte, 1);
	}
	for (int i = 1; i <= ROUNDS; i++)
		gos_chan_send(numbers, &i);
	gos_chan_close(numbers);
	gos_waitgroup_wait(&workers);
	gos_chan_close(results);
	gos_waitgroup_wait(&others);
	gos_timer_free(t);
	note("total %d", total);
	return total == ROUNDS * (ROUNDS + 1) / 2 ? 0 : 1;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
