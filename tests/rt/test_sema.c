/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/sema.c. Method: black box, and rt_sema_* directly for many addresses in one root of the table. */
#include "gos_place.h"
#include "gos_test.h"
#include "sema.h"

static gos_sema s = GOS_SEMA(0);
static int64_t order[100];
static int ordered, inside, most;

static void take(int64_t me, gos_waitgroup *wg)
{
	gos_sema_acquire(&s);
	order[__atomic_fetch_add(&ordered, 1, __ATOMIC_SEQ_CST)] = me;
	gos_waitgroup_done(wg);
}

GOS_TEST(sema_gives_its_units_without_waiting)
{
	gos_sema five = GOS_SEMA(5);
	for (int i = 0; i < 5; i++)
		gos_sema_acquire(&five);
	expect_eq(five.units, 0);
	gos_sema_release(&five);
	expect_eq(five.units, 1);
}

GOS_TEST(sema_try_acquire_does_not_wait)
{
	gos_sema two = GOS_SEMA(2);
	expect(gos_sema_try_acquire(&two));
	expect(gos_sema_try_acquire(&two));
	expect(!gos_sema_try_acquire(&two));
	expect_eq(two.units, 0);
	gos_sema_release(&two);
	expect(gos_sema_try_acquire(&two));
	expect(!gos_sema_try_acquire(&two));
}

GOS_TEST(sema_waiters_are_served_first_come_first_served)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		gos_test_until_waiting(go(take, i, &wg), "semacquire");
	for (int i = 0; i < 50; i++) {
		gos_sema_release(&s);
		for (int n = 0; n <= i;) { /* one after the other, so that none overtakes on another worker */
			gos_yield();
			n = __atomic_load_n(&ordered, __ATOMIC_ACQUIRE);
		}
	}
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < 50; i++)
		expect_eq(order[i], i);
	expect_eq(s.units, 0);
}

static void limited(int n, gos_waitgroup *wg)
{
	while (n-- > 0) {
		gos_sema_acquire(&s);
		int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		expect_le(now, 4);
		int seen = __atomic_load_n(&most, __ATOMIC_RELAXED);
		while (now > seen && !__atomic_compare_exchange_n(&most, &seen, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
			;
		gos_yield();
		__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		gos_sema_release(&s);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(sema_lets_no_more_in_than_it_has_units)
{
	gos_waitgroup wg = {0};
	s.units = 4;
	gos_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		go(limited, 300, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(s.units, 4);
	expect_ge(most, 2);
}

/* Token passing: as many releases as acquires, from both sides, many times. */
static void ping(gos_sema *mine, gos_sema *yours, int n, gos_waitgroup *wg)
{
	while (n-- > 0) {
		gos_sema_acquire(mine);
		gos_sema_release(yours);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(sema_ping_pong)
{
	gos_sema a = GOS_SEMA(1), b = GOS_SEMA(0);
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 2);
	go(ping, &a, &b, 100000, &wg);
	go(ping, &b, &a, 100000, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(a.units, 1);
	expect_eq(b.units, 0);
}

/* Thousands of addresses, several waiters on each: trees of some depth in every root, taken apart in another order. */
enum { PER_WORD = 3, WORDS = GOS_TEST_MANY(12000) / PER_WORD };
static uint32_t words[WORDS];
static int woken[WORDS];

static void wait_on(uint32_t *word, gos_waitgroup *wg)
{
	rt_sema_acquire(word, false, GOS_REASON_SEMACQUIRE, word, NULL);
	__atomic_add_fetch(&woken[word - words], 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

GOS_TEST(sema_many_addresses)
{
	static uint32_t shuffled[WORDS];
	uint64_t random = gos_test_seed();
	gos_waitgroup wg = {0};

	gos_waitgroup_add(&wg, WORDS * PER_WORD);
	for (uint32_t i = 0; i < WORDS; i++) {
		uint32_t j = (uint32_t)(gos_test_random(&random) % (i + 1));
		shuffled[i] = shuffled[j];
		shuffled[j] = i;
	}
	for (int k = 0; k < PER_WORD; k++)
		for (int i = 0; i < WORDS; i++)
			go(wait_on, &words[shuffled[i]], &wg);
	gos_test_until_n_waiting(WORDS * PER_WORD, "semacquire");
	for (int k = 1; k <= PER_WORD; k++) {
		for (int i = WORDS - 1; i >= 0; i--)
			rt_sema_release(&words[shuffled[(i * 7919) % WORDS]], false, NULL);
		gos_test_until_n_waiting(WORDS * (size_t)(PER_WORD - k), "semacquire");
		if (k < PER_WORD)
			for (int i = 0; i < WORDS; i++)
				expect_le(__atomic_load_n(&woken[i], __ATOMIC_RELAXED), k);
	}
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < WORDS; i++) {
		expect_eq(woken[i], PER_WORD); /* each was woken by a release of its own word */
		expect_eq(words[i], 0);
	}
}

static uint32_t word;
static int first_in_line = -1;

static void stand(bool front, int me, gos_waitgroup *wg)
{
	rt_sema_acquire(&word, front, GOS_REASON_SEMACQUIRE, &word, NULL);
	int nobody = -1;
	__atomic_compare_exchange_n(&first_in_line, &nobody, me, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

GOS_TEST(sema_front_is_before_all_who_wait)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 4);
	for (int i = 0; i < 3; i++)
		gos_test_until_waiting(go(stand, false, i, &wg), "semacquire");
	gos_test_until_waiting(go(stand, true, 3, &wg), "semacquire");
	rt_sema_release(&word, false, NULL);
	while (__atomic_load_n(&first_in_line, __ATOMIC_ACQUIRE) < 0)
		gos_yield();
	expect_eq(__atomic_load_n(&first_in_line, __ATOMIC_ACQUIRE), 3);
	for (int i = 0; i < 3; i++)
		rt_sema_release(&word, true, NULL);
	gos_waitgroup_wait(&wg);
	expect_eq(word, 0);
}

/* A release that hands over runs the waiter before the releaser goes on: which of them comes first is written here. */
static uint32_t baton;
static int came_first;

static void take_baton(gos_waitgroup *wg)
{
	int nobody = 0;
	rt_sema_acquire(&baton, false, GOS_REASON_SEMACQUIRE, &baton, NULL);
	__atomic_compare_exchange_n(&came_first, &nobody, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
	rt_sema_release(&baton, true, NULL);
	gos_waitgroup_done(wg);
}

GOS_TEST(sema_handoff_runs_the_waiter_first)
{
	enum { TIMES = 3000 };
	int waiter_first = 0;

	gos_procs(1); /* with more, another worker may take the releaser and be quicker */
	for (int i = 0; i < TIMES; i++) {
		gos_waitgroup wg = {0};
		int nobody = 0;
		baton = 0;
		came_first = 0;
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(take_baton, &wg), "semacquire");
		rt_sema_release(&baton, true, NULL);
		__atomic_compare_exchange_n(&came_first, &nobody, 2, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
		gos_waitgroup_wait(&wg);
		waiter_first += came_first == 1;
		expect_eq(baton, 1); /* given back, with nobody to hand it to */
	}
	expect_ge(waiter_first, TIMES * 2 / 3); /* not always: one that yields has its turn too, every so many switches */
}

static void never_released(void)
{
	gos_sema_acquire(&s);
}

static const struct gos_death deaths[] = {
	{"never_released", never_released, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [semacquire, ", "sema 0x"}},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

static gos_sema kept;

GOS_PLACE(acquire_here, (void), gos_sema_acquire(&kept))
GOS_PLACE(try_here, (void), gos_sema_try_acquire(&kept))
GOS_PLACE(release_here, (void), gos_sema_release(&kept))

GOS_TEST(sema_says_who_took_and_who_gave_where_and_when)
{
	int64_t start = gos_now(), first;
	try_here(); /* in vain */
	expect_eq(kept.acquired.at, 0);
	release_here();
	expect_eq(kept.released.goid, gos_goid());
	expect(release_here_has(kept.released.pc));
	expect(gos_at_since(kept.released.at, start));
	expect_eq(kept.acquired.at, 0);
	acquire_here();
	expect_eq(kept.acquired.goid, gos_goid());
	expect(acquire_here_has(kept.acquired.pc));
	expect(gos_at_since(kept.acquired.at, start));
	first = kept.acquired.at;
	gos_sleep(100 * GOS_MS);
	release_here();
	expect_gt(kept.released.at, first);
	expect_eq(kept.acquired.at, first);
	try_here();
	expect(try_here_has(kept.acquired.pc));
	expect_gt(kept.acquired.at, first);
	expect_eq(kept.units, 0);
}

static void take_and_look(gos_waitgroup *wg)
{
	acquire_here();
	expect_eq(kept.acquired.goid, gos_goid());
	expect(acquire_here_has(kept.acquired.pc));
	gos_waitgroup_done(wg);
}

GOS_TEST(sema_says_who_took_it_after_waiting)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	uint64_t taker = go(take_and_look, &wg);
	gos_test_until_waiting(taker, "semacquire");
	expect_eq(__atomic_load_n(&kept.acquired.at, __ATOMIC_RELAXED), 0);
	release_here();
	gos_waitgroup_wait(&wg);
	expect_eq(kept.acquired.goid, taker);
	expect_eq(kept.released.goid, gos_goid());
}

/* The mark of a release must not be written to memory that who acquired has given back. */
static void release_and_end(gos_sema *sema)
{
	gos_sema_release(sema);
}

GOS_TEST(sema_may_go_as_soon_as_it_is_acquired)
{
	for (int i = 0; i < 20000; i++) {
		gos_sema *sema = calloc(1, sizeof *sema);
		go(release_and_end, sema);
		if (i % 2)
			gos_sema_acquire(sema);
		else
			while (!gos_sema_try_acquire(sema))
				gos_yield();
		memset(sema, 0xa5, sizeof *sema);
		uint64_t goid = sema->released.goid;
		gos_yield();
		expect(sema->released.goid == goid && sema->released.at == (int64_t)goid);
		free(sema);
	}
}
