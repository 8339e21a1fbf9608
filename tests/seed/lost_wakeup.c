/* SPDX-License-Identifier: MIT */
/*
 * lost_wakeup.c - a mistake in the order of things: a flag is looked at without the lock, and waited for afterwards. Between the two it may be set and
 * signalled, and nobody signals again. For test_seed.c.
 */
#include "gossamer.h"

static gos_mutex lock;
static gos_cond changed;
static bool ready;

static void get_ready(void)
{
	gos_sleep(GOS_MS); /* "the waiter waits by then" */
	gos_mutex_lock(&lock);
	ready = true;
	gos_cond_signal(&changed);
	gos_mutex_unlock(&lock);
}

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	go(get_ready);
	gos_sleep(GOS_MS); /* something that takes its time */
	if (!ready) {
		gos_mutex_lock(&lock);
		gos_cond_wait(&changed, &lock);
		gos_mutex_unlock(&lock);
	}
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
