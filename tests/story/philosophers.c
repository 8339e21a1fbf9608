/* SPDX-License-Identifier: MIT */
/* Locks, several at once: dining philosophers, and a bank in which no money is lost. */
#include "gos_test.h"

enum { SEATS = 50, MEALS = 300 };

static gos_mutex forks[SEATS];
static int in_use[SEATS];

static void dine(int seat, gos_waitgroup *wg)
{
	int a = seat, b = (seat + 1) % SEATS;
	if (a > b) {
		int t = a;
		a = b;
		b = t;
	}
	for (int i = 0; i < MEALS; i++) {
		gos_mutex_lock(&forks[a]);
		gos_mutex_lock(&forks[b]);
		expect_eq(in_use[a]++, 0);
		expect_eq(in_use[b]++, 0);
		if (i % 7 == 0)
			gos_yield();
		in_use[a]--;
		in_use[b]--;
		gos_mutex_unlock(&forks[b]);
		gos_mutex_unlock(&forks[a]);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(philosophers_dine, 60)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, SEATS);
	for (int i = 0; i < SEATS; i++)
		go(dine, i, &wg);
	gos_waitgroup_wait(&wg);
}

enum { ACCOUNTS = 100, CLERKS = 200, TRANSFERS = 500 };
static struct {
	gos_mutex lock;
	int64_t money;
} accounts[ACCOUNTS];

static void transfer(uint64_t seed, gos_waitgroup *wg)
{
	for (int i = 0; i < TRANSFERS; i++) {
		int from = (int)(gos_test_random(&seed) % ACCOUNTS), to = (int)(gos_test_random(&seed) % ACCOUNTS);
		if (from == to)
			continue;
		int first = from < to ? from : to, second = from < to ? to : from;
		gos_mutex_lock(&accounts[first].lock);
		if (gos_test_random(&seed) % 8 == 0)
			gos_yield();
		gos_mutex_lock(&accounts[second].lock);
		int64_t sum = (int64_t)(gos_test_random(&seed) % 100);
		accounts[from].money -= sum;
		accounts[to].money += sum;
		gos_mutex_unlock(&accounts[first].lock);
		gos_mutex_unlock(&accounts[second].lock);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(bank_loses_nothing, 60)
{
	gos_waitgroup wg = {0};
	int64_t sum = 0;
	for (int i = 0; i < ACCOUNTS; i++)
		accounts[i].money = 1000;
	gos_waitgroup_add(&wg, CLERKS);
	for (int i = 0; i < CLERKS; i++)
		go(transfer, gos_test_seed() + (uint64_t)i, &wg);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < ACCOUNTS; i++)
		sum += accounts[i].money;
	expect_eq(sum, ACCOUNTS * 1000);
}
