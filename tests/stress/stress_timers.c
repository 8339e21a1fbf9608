/* SPDX-License-Identifier: MIT */
/* stress_timers.c - sleeps and timers: none fires early, none is forgotten, none fires that was stopped, however many there are. */
#include "stress.h"

/* ---- a few, busy ---- */

static void sleeper(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		int64_t ns = (int64_t)(gos_test_random(&random) % 300000), start = gos_now();
		switch (gos_test_random(&random) % 4) {
		case 0:
		case 1:
			gos_sleep(ns);
			expect_ge(gos_now() - start, ns);
			break;
		case 2: { /* wait for it */
			gos_chan *c = gos_after(ns);
			int64_t then;
			expect(gos_chan_recv(c, &then));
			expect_ge(then - start, ns);
			gos_chan_free(c);
			break;
		}
		case 3: { /* or not: give it up before, at, or after its time */
			gos_chan *c = gos_after(ns);
			int64_t patience = (int64_t)(gos_test_random(&random) % 300000);
			gos_sleep(patience);
			int64_t then;
			if (gos_chan_try_recv(c, &then, NULL))
				expect_ge(then - start, ns);
			gos_chan_free(c);
			break;
		}
		}
		stress_step(worker);
	}
	stress_leave(worker);
}

STRESS_TEST(timers) { stress_crowd(60, sleeper, false); }
STRESS_TEST(timers_under_changing_procs) { stress_crowd(60, sleeper, true); }

/* ---- a hundred thousand at once ---- */

enum {
	TIMERS = 100000,
	SLEEPERS = 10000, /* of them, whose timers are on their own stacks */
	KEEPERS = 20,
	KEPT = (TIMERS - SLEEPERS) / KEEPERS,
};

static void long_sleeper(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		int64_t ns = (int64_t)(gos_test_random(&random) % (2 * GOS_S)), start = gos_now();
		gos_sleep(ns);
		expect_ge(gos_now() - start, ns);
		stress_step(worker);
	}
	stress_leave(worker);
}

/* Keeps KEPT timers running, most of which it gives up before their time. */
static void keeper(uint64_t random)
{
	struct kept {
		gos_chan *c;
		int64_t due;
	} *kept = calloc(KEPT, sizeof *kept);
	int worker = stress_enter();
	for (int round = 0; !stress_stopped(); round++) {
		struct kept *k = &kept[round < KEPT ? (uint64_t)round : gos_test_random(&random) % KEPT];
		int64_t ns = (int64_t)(gos_test_random(&random) % (4 * GOS_S)), then;
		bool open;
		if (k->c != NULL) {
			int64_t now = gos_now();
			if (gos_chan_try_recv(k->c, &then, &open)) {
				expect(open);
				expect_ge(then, k->due);
			} else {
				expect_lt(now, k->due + 20 * GOS_S * GOS_TEST_SLOW); /* else it was forgotten */
			}
			gos_chan_free(k->c);
		}
		k->due = gos_now() + ns;
		k->c = gos_after(ns);
		stress_step(worker);
		if (round % 64 == 0)
			stress_disturb(&random);
		if (round % 256 == 0)
			gos_yield();
	}
	for (int i = 0; i < KEPT; i++)
		gos_chan_free(kept[i].c);
	free(kept);
	stress_leave(worker);
}

STRESS_TEST(a_hundred_thousand_timers_under_changing_procs)
{
	stress_begin();
	stress_change_procs();
	for (uint64_t i = 0; i < SLEEPERS; i++)
		go(long_sleeper, gos_test_seed() + i);
	for (uint64_t i = 0; i < KEEPERS; i++)
		go(keeper, gos_test_seed() + SLEEPERS + i);
	stress_run();
	stress_end();
}
