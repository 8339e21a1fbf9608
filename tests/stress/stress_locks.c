/* SPDX-License-Identifier: MIT */
/* stress_locks.c - park and ready by semaphores, mutexes, wait groups. */
#include "stress.h"

/* ---- hot potatoes: a release for each acquire, of a random other's semaphore ---- */

enum { HANDS = 64, POTATOES = 40 };
static gos_sema hands[HANDS];
static int64_t thrown, caught;

static void throw_and_catch(int me, uint64_t random)
{
	int worker = stress_enter();
	for (;;) {
		gos_sema_acquire(&hands[me]);
		__atomic_add_fetch(&caught, 1, __ATOMIC_RELAXED);
		if (stress_stopped())
			break;
		stress_disturb(&random);
		__atomic_add_fetch(&thrown, 1, __ATOMIC_RELAXED);
		gos_sema_release(&hands[gos_test_random(&random) % HANDS]);
		stress_step(worker);
	}
	stress_leave(worker);
}

STRESS_TEST(hot_potatoes)
{
	stress_begin();
	thrown = POTATOES;
	for (int i = 0; i < POTATOES; i++)
		gos_sema_release(&hands[i % HANDS]);
	for (int i = 0; i < HANDS; i++)
		go(throw_and_catch, i, gos_test_seed() + (uint64_t)i);
	stress_run();
	for (int i = 0; i < HANDS; i++) { /* one more for each, to end by */
		__atomic_add_fetch(&thrown, 1, __ATOMIC_RELAXED);
		gos_sema_release(&hands[i]);
	}
	stress_end();
	int64_t left = 0;
	for (int i = 0; i < HANDS; i++)
		left += hands[i].units;
	expect_eq(thrown, caught + left);
}

/* ---- mutexes: some hot, some cold ---- */

enum { LOCKS = 40, LOCKERS = 80 };
static struct {
	gos_mutex m;
	int64_t a, b;
	uint64_t inside;
} __attribute__((aligned(64))) locked[LOCKS];
static int64_t added;

static void locker(uint64_t random)
{
	int worker = stress_enter();
	int64_t mine = 0;
	while (!stress_stopped()) {
		uint64_t x = gos_test_random(&random);
		uint64_t k = x % 4 ? x >> 8 & 1 : (x >> 8) % LOCKS; /* mostly one of two */
		if (x >> 16 & 1 || !gos_mutex_try_lock(&locked[k].m))
			gos_mutex_lock(&locked[k].m);
		expect(locked[k].inside == 0);
		locked[k].inside = gos_goid();
		int64_t a = locked[k].a;
		expect_eq(locked[k].b, -a);
		expect(locked[k].m.owner == gos_goid());
		stress_disturb(&random);
		locked[k].a = a + 1;
		locked[k].b = -(a + 1);
		expect(locked[k].inside == gos_goid());
		locked[k].inside = 0;
		gos_mutex_unlock(&locked[k].m);
		mine++;
		stress_step(worker);
	}
	__atomic_add_fetch(&added, mine, __ATOMIC_RELAXED);
	stress_leave(worker);
}

STRESS_TEST(mutexes)
{
	stress_crowd(LOCKERS, locker, false);
	int64_t sum = 0;
	for (int i = 0; i < LOCKS; i++) {
		sum += locked[i].a;
		expect_eq(locked[i].m.state, 0);
		expect_eq(locked[i].m.sema, 0);
	}
	expect_eq(sum, added);
}

/* ---- wait groups that are used again and again, by several who wait ---- */

struct crew {
	gos_waitgroup wg, waited;
	int64_t work;
};

static void hand(struct crew *crew, uint64_t random)
{
	stress_disturb(&random);
	__atomic_add_fetch(&crew->work, 1, __ATOMIC_RELAXED);
	gos_waitgroup_done(&crew->wg);
}

static void onlooker(struct crew *crew, int64_t expected)
{
	gos_waitgroup_wait(&crew->wg);
	expect_eq(__atomic_load_n(&crew->work, __ATOMIC_RELAXED), expected);
	gos_waitgroup_done(&crew->waited);
}

static void foreman(uint64_t random)
{
	int worker = stress_enter();
	struct crew crew = {0};
	while (!stress_stopped()) {
		int n = 1 + (int)(gos_test_random(&random) % 10), watching = (int)(gos_test_random(&random) % 4);
		crew.work = 0;
		gos_waitgroup_add(&crew.wg, n);
		gos_waitgroup_add(&crew.waited, watching);
		for (int i = 0; i < watching; i++)
			go(onlooker, &crew, (int64_t)n);
		for (int i = 0; i < n; i++)
			go(hand, &crew, gos_test_random(&random));
		stress_disturb(&random);
		gos_waitgroup_wait(&crew.wg);
		expect_eq(crew.work, n);
		gos_waitgroup_wait(&crew.waited);
		stress_step(worker);
	}
	stress_leave(worker);
}

STRESS_TEST(waitgroups) { stress_crowd(20, foreman, false); }
