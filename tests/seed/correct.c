/* SPDX-License-Identifier: MIT */
/*
 * correct.c - what lost_wakeup.c, missed_close.c and abba.c do, as it should be done: no seed fails. For test_seed.c.
 */
#include "gossamer.h"

#define WORKERS 4

static gos_mutex lock, money_lock;
static gos_cond changed;
static gos_chan *results;
static bool ready;
static int finished, money[2];
static gos_waitgroup done;

static void get_ready(void)
{
	gos_sleep(GOS_MS);
	gos_mutex_lock(&lock);
	ready = true;
	gos_cond_signal(&changed);
	gos_mutex_unlock(&lock);
}

static void worker(int me)
{
	gos_sleep(me * GOS_MS);
	gos_chan_send(results, &me);
	gos_mutex_lock(&lock);
	bool last = ++finished == WORKERS;
	gos_mutex_unlock(&lock);
	if (last)
		gos_chan_close(results);
}

static void give(int from, int to)
{
	for (int i = 0; i < 3; i++) {
		gos_mutex_lock(&money_lock);
		money[from]--;
		gos_yield();
		money[to]++;
		gos_mutex_unlock(&money_lock);
		gos_sleep(GOS_MS);
	}
	gos_waitgroup_done(&done);
}

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	int value, sum = 0;
	results = gos_chan_make(int, WORKERS);
	go(get_ready);
	gos_waitgroup_add(&done, 2);
	go(give, 0, 1);
	go(give, 1, 0);
	for (int i = 1; i <= WORKERS; i++)
		go(worker, i);
	gos_mutex_lock(&lock);
	while (!ready)
		gos_cond_wait(&changed, &lock);
	gos_mutex_unlock(&lock);
	while (gos_chan_recv(results, &value))
		sum += value;
	gos_waitgroup_wait(&done);
	return sum == WORKERS * (WORKERS + 1) / 2 && money[0] == 0 ? 0 : 1;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
