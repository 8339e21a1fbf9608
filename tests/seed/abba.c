/* SPDX-License-Identifier: MIT */
/*
 * abba.c - a mistake in the order of things: money goes from one account to another under the locks of both, the giver's first; two that give to each other at
 * the same moment wait for each other for ever. For test_seed.c.
 */
#include "gossamer.h"

#define TRANSFERS 3

static struct account {
	gos_mutex lock;
	int money;
} accounts[2] = {{.money = 10}, {.money = 10}};

static gos_waitgroup done;

static void give(int from, int to)
{
	for (int i = 0; i < TRANSFERS; i++) {
		gos_mutex_lock(&accounts[from].lock);
		gos_mutex_lock(&accounts[to].lock);
		accounts[from].money--;
		accounts[to].money++;
		gos_mutex_unlock(&accounts[to].lock);
		gos_mutex_unlock(&accounts[from].lock);
		gos_sleep(GOS_MS + from * 100 * GOS_US);
	}
	gos_waitgroup_done(&done);
}

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	gos_waitgroup_add(&done, 2);
	go(give, 0, 1);
	go(give, 1, 0);
	gos_waitgroup_wait(&done);
	return accounts[0].money == 10 ? 0 : 1;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
