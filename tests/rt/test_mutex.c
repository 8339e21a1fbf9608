/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/mutex.c: exclusion, whose it is, and fairness when it is needed. Method: black box, but for m.state. */
#include <string.h>

#include "gos_place.h"
#include "gos_test.h"

enum { LOCKED = 1, STARVING = 4 }; /* of m.state: rt/mutex.c */

static gos_mutex m;
static int64_t counter, inside;

static void count_up(int n, int yield_every, gos_waitgroup *wg)
{
	for (int i = 1; i <= n; i++) {
		gos_mutex_lock(&m);
		expect_eq(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1);
		expect_eq(m.owner, gos_goid());
		int64_t seen = counter;
		if (yield_every > 0 && i % yield_every == 0)
			gos_yield();
		counter = seen + 1;
		__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_done(wg);
}

static void exclusion(int goroutines, int each, int yield_every)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, goroutines);
	for (int i = 0; i < goroutines; i++)
		go(count_up, each, yield_every, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(counter, (int64_t)goroutines * each);
	expect_eq(m.state, 0);
	expect_eq(m.sema, 0);
	expect_eq(m.owner, 0);
}

GOS_TEST(mutex_excludes_2) { exclusion(2, 100000, 0); }
GOS_TEST(mutex_excludes_20_that_yield_in_it) { exclusion(20, 2000, 3); }
GOS_TEST(mutex_excludes_100_that_always_yield_in_it) { exclusion(100, 300, 1); }
GOS_TEST(mutex_excludes_2000) { exclusion(2000, 30, 10); }

static void sleepy(int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		gos_mutex_lock(&m);
		expect_eq(__atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST), 1);
		gos_sleep(100 * GOS_US); /* long enough for those who wait to starve */
		__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_excludes_where_the_holder_sleeps)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(sleepy, 40, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(m.state, 0);
	expect_eq(m.sema, 0);
}

GOS_TEST(mutex_try_lock)
{
	expect(gos_mutex_try_lock(&m));
	expect_eq(m.owner, gos_goid());
	expect(!gos_mutex_try_lock(&m));
	gos_mutex_unlock(&m);
	expect_eq(m.owner, 0);
	expect(gos_mutex_try_lock(&m));
	gos_mutex_unlock(&m);
	gos_mutex_lock(&m);
	expect(!gos_mutex_try_lock(&m));
	gos_mutex_unlock(&m);
}

static void tries(int n, gos_waitgroup *wg)
{
	while (n > 0) {
		if (!gos_mutex_try_lock(&m)) {
			gos_yield();
			continue;
		}
		counter++;
		n--;
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_try_lock_excludes)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 10);
	for (int i = 0; i < 5; i++) {
		go(tries, 5000, &wg);
		go(count_up, 5000, 7, &wg);
	}
	gos_waitgroup_wait(&wg);
	expect_eq(counter, 10 * 5000);
}

static void unlocker(gos_waitgroup *wg)
{
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_may_be_unlocked_by_another)
{
	gos_waitgroup wg = {0};
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		gos_mutex_lock(&m);
		go(unlocker, &wg);
		gos_mutex_lock(&m);
		gos_waitgroup_wait(&wg);
		expect_eq(m.owner, gos_goid());
		gos_mutex_unlock(&m);
	}
}

static uint64_t order[10];
static int ordered;

static void lock_once(gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	order[ordered++] = gos_goid();
	gos_sleep(2 * GOS_MS); /* those behind starve */
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_waiters_are_served_first_come_first_served)
{
	gos_waitgroup wg = {0};
	uint64_t ids[10];
	gos_waitgroup_add(&wg, 10);
	gos_mutex_lock(&m);
	for (int i = 0; i < 10; i++) {
		ids[i] = go(lock_once, &wg);
		gos_test_until_waiting(ids[i], "sync.Mutex.Lock");
	}
	gos_sleep(5 * GOS_MS);
	gos_mutex_unlock(&m);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < 10; i++)
		expect_eq(order[i], ids[i]);
}

/* One that takes the lock again and again must not keep it from one that waits. */
static int hogging = 1;

static void hog(gos_waitgroup *wg)
{
	while (__atomic_load_n(&hogging, __ATOMIC_ACQUIRE)) {
		gos_mutex_lock(&m);
		for (int64_t until = gos_now() + 200 * GOS_US; gos_now() < until;)
			;
		gos_mutex_unlock(&m);
		/* No pause: it is there again at once, and running. But with a single P nobody else would ever run at all. */
		if (gos_procs(0) == 1)
			gos_yield();
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_starving_waiter_gets_it)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	go(hog, &wg);
	gos_yield();
	for (int i = 0; i < 30; i++) {
		int64_t start = gos_now();
		gos_mutex_lock(&m);
		expect_lt(gos_now() - start, 500 * GOS_MS); /* typically under 3 ms; without fairness, for ever */
		gos_mutex_unlock(&m);
		gos_yield();
	}
	__atomic_store_n(&hogging, 0, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	expect_eq(m.state, 0);
}

/* Go's TestMutexFairness: one holds it nearly always, and who sleeps between two locks gets it all the same. */
static void hold_mostly(gos_waitgroup *wg)
{
	while (__atomic_load_n(&hogging, __ATOMIC_ACQUIRE)) {
		gos_mutex_lock(&m);
		gos_sleep(100 * GOS_US);
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_done(wg);
}

static void sleep_between(int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		gos_sleep(100 * GOS_US);
		gos_mutex_lock(&m);
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_who_sleeps_in_it_does_not_starve_others)
{
	gos_waitgroup holder = {0}, others = {0};
	gos_waitgroup_add(&holder, 1);
	gos_waitgroup_add(&others, 3);
	go(hold_mostly, &holder);
	for (int i = 0; i < 3; i++)
		go(sleep_between, 10, &others);
	gos_waitgroup_wait(&others);
	__atomic_store_n(&hogging, 0, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&holder);
	expect_eq(m.state, 0);
}

/* Go's HammerMutex: every third time without waiting. */
static void hammer(gos_mutex *lock, int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		if (i % 3 == 0) {
			if (gos_mutex_try_lock(lock))
				gos_mutex_unlock(lock);
			continue;
		}
		gos_mutex_lock(lock);
		gos_mutex_unlock(lock);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_hammered_with_and_without_waiting)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		go(hammer, &m, 10000, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(m.state, 0);
	expect_eq(m.sema, 0);
}

GOS_TEST(mutex_try_lock_does_not_barge_in_on_the_starving)
{
	m.state = STARVING;
	expect(!gos_mutex_try_lock(&m));
	m.state = 0;
}

/* Many mutexes, more than the table of waiters has roots. */
enum { MUTEXES = 1000 };
static gos_mutex mutexes[MUTEXES];
static int64_t counters[MUTEXES];

static void count_many(uint64_t seed, int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		uint64_t k = gos_test_random(&seed) % MUTEXES;
		gos_mutex_lock(&mutexes[k]);
		int64_t seen = counters[k];
		if (gos_test_random(&seed) % 4 == 0)
			gos_yield();
		counters[k] = seen + 1;
		gos_mutex_unlock(&mutexes[k]);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(mutex_many_of_them)
{
	gos_waitgroup wg = {0};
	int64_t sum = 0;
	gos_waitgroup_add(&wg, 2000);
	for (int i = 0; i < 2000; i++)
		go(count_many, gos_test_seed() + (uint64_t)i, 100, &wg);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < MUTEXES; i++) {
		sum += counters[i];
		expect_eq(mutexes[i].state, 0);
	}
	expect_eq(sum, 2000 * 100);
}

/* ---- the record ---- */

GOS_PLACE(lock_here, (void), gos_mutex_lock(&m))
GOS_PLACE(lock_there, (void), gos_mutex_lock(&m))
GOS_PLACE(try_here, (void), expect(gos_mutex_try_lock(&m)))

GOS_TEST(mutex_says_who_locked_it_where_and_when)
{
	int64_t start = gos_now(), first;
	lock_here();
	expect_eq(m.owner, gos_goid());
	expect(lock_here_has(m.pc));
	expect(gos_at_since(m.since, start));
	first = m.since;
	gos_mutex_unlock(&m);
	expect_eq(m.owner, 0);
	gos_sleep(100 * GOS_MS);
	lock_there();
	expect_eq(m.owner, gos_goid());
	expect(lock_there_has(m.pc));
	expect_gt(m.since, first);
	expect(gos_at_since(m.since, start));
	gos_mutex_unlock(&m);
}

GOS_TEST(mutex_says_who_took_it_by_trying)
{
	int64_t start = gos_now();
	try_here();
	expect_eq(m.owner, gos_goid());
	expect(try_here_has(m.pc));
	expect(gos_at_since(m.since, start));
	gos_mutex_unlock(&m);
}

GOS_TEST(mutex_says_nothing_of_who_tried_in_vain)
{
	lock_here();
	int64_t since = m.since;
	gos_sleep(50 * GOS_MS);
	expect(!gos_mutex_try_lock(&m));
	expect_eq(m.owner, gos_goid());
	expect(lock_here_has(m.pc));
	expect_eq(m.since, since);
	gos_mutex_unlock(&m);
}

static int64_t given_at;
static int had;

static void wait_for_it(void)
{
	lock_there();
	expect_eq(m.owner, gos_goid());
	expect(lock_there_has(m.pc));
	expect(gos_at_since(m.since, given_at)); /* since it has it, not since it asked for it */
	__atomic_add_fetch(&had, 1, __ATOMIC_SEQ_CST);
	gos_mutex_unlock(&m);
}

GOS_TEST(mutex_says_who_got_it_after_waiting)
{
	lock_here();
	uint64_t waiter = go(wait_for_it);
	gos_test_until_waiting(waiter, "sync.Mutex.Lock");
	expect_eq(m.owner, gos_goid());
	expect(lock_here_has(m.pc));
	gos_sleep(3 * GOS_S);
	given_at = gos_now();
	gos_mutex_unlock(&m);
	gos_test_until(&had);
}

static void wait_for_it_often(gos_waitgroup *wg)
{
	while (__atomic_load_n(&hogging, __ATOMIC_ACQUIRE)) {
		int64_t start = gos_now();
		lock_there();
		expect_eq(m.owner, gos_goid());
		expect(lock_there_has(m.pc));
		expect(gos_at_since(m.since, start));
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_done(wg);
}

/* Who holds it while it is in starving mode can only give it to who waits. */
GOS_TEST(mutex_says_to_whom_it_was_handed)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	go(wait_for_it_often, &wg);
	for (int handed = 0; handed < 20;) {
		lock_here();
		for (int64_t until = gos_now() + 2 * GOS_MS; gos_now() < until;)
			gos_yield();
		expect_eq(m.owner, gos_goid());
		expect(lock_here_has(m.pc));
		handed += (__atomic_load_n(&m.state, __ATOMIC_ACQUIRE) & STARVING) != 0;
		gos_mutex_unlock(&m);
	}
	__atomic_store_n(&hogging, 0, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

/* ---- deaths ---- */

static void unlock_unlocked(void)
{
	gos_mutex_unlock(&m);
}

static void unlock_twice(void)
{
	gos_mutex_lock(&m);
	gos_mutex_unlock(&m);
	gos_mutex_unlock(&m);
}

static void lock_twice(void)
{
	gos_mutex_lock(&m);
	gos_mutex_lock(&m);
}

static gos_mutex other;

static void other_way_round(gos_waitgroup *wg)
{
	gos_mutex_lock(&other);
	gos_waitgroup_done(wg);
	gos_mutex_lock(&m);
}

static void abba(void)
{
	gos_waitgroup wg = {0};
	gos_mutex_lock(&m);
	gos_waitgroup_add(&wg, 1);
	go(other_way_round, &wg);
	gos_waitgroup_wait(&wg);
	gos_mutex_lock(&other);
}

static const struct gos_death deaths[] = {
	{"unlock_unlocked", unlock_unlocked, 2, {"unlock of unlocked mutex"}},
	{"unlock_twice", unlock_twice, 2, {"unlock of unlocked mutex"}},
	{"lock_twice", lock_twice, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.Mutex.Lock, ", "mutex 0x", "held by goroutine 1 for "}},
	{"abba", abba, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.Mutex.Lock, ", "mutex 0x", "held by goroutine ", " [sync.Mutex.Lock, ", "mutex 0x", "held by goroutine 1 for ", ", locked at ", ", created by goroutine 1"}},
};
GOS_DEATHS(deaths)
