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
	TIMERS = 100000 / GOS_TEST_SLOW,
	SLEEPERS = 10000 / GOS_TEST_SLOW, /* of them, whose timers are on their own stacks */
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

/* One of the timers that a keeper has: gos_after's, a channel's, or a function's; at first none. */
struct kept {
	gos_chan *after;
	gos_timer *t;
	bool calls;
	int64_t due;
	int64_t settings; /* of a function's: how often it was set, less those that were stopped in time */
	int64_t fired;    /* of a function's: how often it was called. Sync: atomic */
};

static void call(void *arg)
{
	struct kept *k = arg;
	__atomic_add_fetch(&k->fired, 1, __ATOMIC_ACQ_REL);
}

/* It has been set a while ago: has it fired, when it must have and not before? Returns what stop or reset must say of it now. */
static bool check_kept(struct kept *k)
{
	int64_t now = gos_now(), late = k->due + 20 * GOS_S * GOS_TEST_SLOW, then;
	bool open;
	if (k->calls) {
		if (gos_timer_stop(k->t)) {
			k->settings--;
			expect_lt(now, late); /* else it was forgotten */
		} else {
			expect_ge(gos_now(), k->due);
		}
		return false;
	}
	gos_chan *c = k->after != NULL ? k->after : gos_timer_chan(k->t);
	if (!gos_chan_try_recv(c, &then, &open)) {
		expect_lt(now, late);
		return true;
	}
	expect(open);
	expect_ge(then, k->due);
	expect(!gos_chan_try_recv(c, NULL, NULL)); /* once */
	return false;
}

static void set_kept(struct kept *k, bool active, uint64_t random)
{
	int64_t ns = (int64_t)(random >> 8) % (4 * GOS_S);
	k->due = gos_now() + ns;
	k->settings++;
	if (k->calls || (k->t != NULL && random % 4 != 0)) { /* a function's is always used again: it may be about to be called with k */
		expect_eq(gos_timer_reset(k->t, ns), active);
		return;
	}
	gos_chan_free(k->after);
	gos_timer_free(k->t);
	k->after = NULL;
	k->t = NULL;
	k->settings = 1;
	switch (random >> 2 & 3) {
	case 0:
		k->after = gos_after(ns);
		break;
	case 1:
		k->calls = true;
		k->t = gos_timer_start(ns, call, k);
		break;
	default:
		k->t = gos_timer_start(ns, NULL, NULL);
		break;
	}
}

/* Keeps KEPT timers running, most of which it gives up before their time. */
static void keeper(uint64_t random)
{
	struct kept *kept = calloc(KEPT, sizeof *kept);
	int worker = stress_enter();
	for (int round = 0; !stress_stopped(); round++) {
		struct kept *k = &kept[round < KEPT ? (uint64_t)round : gos_test_random(&random) % KEPT];
		bool active = (k->t != NULL || k->after != NULL) && check_kept(k);
		set_kept(k, active, gos_test_random(&random));
		stress_step(worker);
		if (round % 64 == 0)
			stress_disturb(&random);
		if (round % 256 == 0)
			gos_yield();
	}
	for (int i = 0; i < KEPT; i++) {
		struct kept *k = &kept[i];
		gos_chan_free(k->after);
		if (k->t == NULL)
			continue;
		if (k->calls) {
			k->settings -= gos_timer_stop(k->t);
			for (int64_t until = gos_now() + 20 * GOS_S * GOS_TEST_SLOW; __atomic_load_n(&k->fired, __ATOMIC_ACQUIRE) != k->settings && gos_now() < until;)
				gos_sleep(GOS_MS);
			expect_eq(__atomic_load_n(&k->fired, __ATOMIC_ACQUIRE), k->settings); /* each setting that was not stopped, once */
		}
		gos_timer_free(k->t);
	}
	stress_step(worker);
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
