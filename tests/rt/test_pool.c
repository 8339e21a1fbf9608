/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/pool.c: what is put is got once, by somebody, or drained. Method: black box; each object counts whose it is. */
#include <string.h>

#include "gos_test.h"

enum { OBJECTS = 200000 };
static struct object {
	int32_t used; /* 1 while somebody has it */
	int32_t released;
	int64_t gets;
} objects[OBJECTS];
static int64_t made;

static void *make_object(void)
{
	int64_t i = __atomic_fetch_add(&made, 1, __ATOMIC_SEQ_CST);
	expect_lt(i, OBJECTS);
	return &objects[i];
}

static gos_pool pool;

static struct object *take(void)
{
	struct object *o = gos_pool_get(&pool);
	expect(o >= objects && o < objects + OBJECTS);
	expect_eq(__atomic_add_fetch(&o->used, 1, __ATOMIC_SEQ_CST), 1); /* nobody else has it */
	o->gets++;
	return o;
}

static void give(struct object *o)
{
	expect_eq(__atomic_sub_fetch(&o->used, 1, __ATOMIC_SEQ_CST), 0);
	gos_pool_put(&pool, o);
}

static void release_object(void *p)
{
	struct object *o = p;
	expect_eq(o->used, 0);
	expect_eq(++o->released, 1);
}

/* Each object that was made is in the pool, once. */
static void expect_all_there(void)
{
	gos_pool_drain(&pool, release_object);
	for (int64_t i = 0; i < made; i++)
		expect_eq(objects[i].released, 1);
	expect(pool.local == NULL);
	expect_eq(pool.local_count, 0);
}

/* ---- alone ---- */

GOS_TEST(pool_without_make_gives_null_when_empty)
{
	expect(gos_pool_get(&pool) == NULL);
	gos_pool_put(&pool, &objects[0]);
	expect(gos_pool_get(&pool) == &objects[0]);
	expect(gos_pool_get(&pool) == NULL);
	gos_pool_drain(&pool, NULL);
}

GOS_TEST(pool_gives_the_first_again_and_then_the_latest)
{
	gos_procs(1);
	gos_sleep(1); /* and be on that one P from here on */
	for (int round = 0; round < 100; round++) {
		gos_pool_put(&pool, &objects[0]);
		gos_pool_put(&pool, &objects[1]);
		gos_pool_put(&pool, &objects[2]);
		expect(gos_pool_get(&pool) == &objects[0]);
		expect(gos_pool_get(&pool) == &objects[2]);
		expect(gos_pool_get(&pool) == &objects[1]);
		expect(gos_pool_get(&pool) == NULL);
	}
}

GOS_TEST(pool_makes_only_when_it_is_empty)
{
	pool.make = make_object;
	struct object *a = take(), *b = take();
	expect_eq(made, 2);
	give(a);
	expect(take() == a);
	expect_eq(made, 2);
	give(b);
	give(a);
	take();
	take();
	expect_eq(made, 2);
	give(a);
	give(b);
	expect_all_there();
}

GOS_TEST(pool_holds_as_many_as_are_put)
{
	pool.make = make_object;
	enum { N = 100000 };
	for (int round = 0; round < 3; round++) {
		static struct object *had[N];
		for (int i = 0; i < N; i++)
			had[i] = take();
		expect_eq(made, N);
		for (int i = 0; i < N; i++)
			give(had[i]);
	}
	expect_all_there();
}

GOS_TEST(pool_drain_releases_each_and_leaves_it_valid)
{
	pool.make = make_object;
	for (int round = 0; round < 10; round++) {
		struct object *had[100];
		for (int i = 0; i < 100; i++)
			had[i] = take();
		for (int i = 0; i < 100; i++)
			give(had[i]);
		expect_eq(made, 100);
		expect_all_there();
		made = 0;
		for (int i = 0; i < 100; i++)
			objects[i] = (struct object){0};
	}
	gos_pool_drain(&pool, release_object); /* empty */
}

/* ---- together ---- */

static void use(uint64_t seed, int n, int most, gos_waitgroup *wg)
{
	struct object *had[16];
	int count = 0;
	while (n-- > 0) {
		uint64_t dice = gos_test_random(&seed);
		if (count < most && dice % 2 == 0)
			had[count++] = take();
		else if (count > 0)
			give(had[--count]);
		if (dice % 64 < 8)
			gos_yield();
	}
	while (count > 0)
		give(had[--count]);
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(pool_gives_each_to_one_at_a_time, 60)
{
	enum { GOROUTINES = 100, MOST = 16 };
	gos_waitgroup wg = {0};
	pool.make = make_object;
	gos_waitgroup_add(&wg, GOROUTINES);
	for (int i = 0; i < GOROUTINES; i++)
		go(use, gos_test_seed() + (uint64_t)i, 3000, MOST, &wg);
	gos_waitgroup_wait(&wg);
	expect_le(made, 2 * GOROUTINES * MOST); /* those that were held at once, and some that were on their way */
	expect_all_there();
}

/* Fewer objects than goroutines that want one: each put is taken by whoever is quickest, the owner of the shelf or a thief. */
static void want(int n, gos_waitgroup *wg)
{
	while (n > 0) {
		struct object *o = gos_pool_get(&pool);
		if (o == NULL) {
			gos_yield();
			continue;
		}
		expect_eq(__atomic_add_fetch(&o->used, 1, __ATOMIC_SEQ_CST), 1);
		n--;
		give(o);
	}
	gos_waitgroup_done(wg);
}

static void few(int count, int n)
{
	gos_waitgroup wg = {0};
	made = count;
	for (int i = 0; i < count; i++)
		gos_pool_put(&pool, &objects[i]);
	gos_waitgroup_add(&wg, 8);
	for (int i = 0; i < 8; i++)
		go(want, n, &wg);
	gos_waitgroup_wait(&wg);
	expect_all_there();
}

GOS_TEST_WITHIN(pool_one_object_for_all, 60) { few(1, 20000 / GOS_TEST_SLOW); }
GOS_TEST_WITHIN(pool_three_objects_for_all, 60) { few(3, 20000 / GOS_TEST_SLOW); }

/* What one puts another gets, on whatever P it runs: nothing is out of reach. */
static void fill(int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		gos_pool_put(&pool, &objects[__atomic_fetch_add(&made, 1, __ATOMIC_SEQ_CST)]);
		if (i % 5 == 0)
			gos_yield();
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(pool_finds_what_was_put_on_other_processors)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 40);
	for (int i = 0; i < 40; i++)
		go(fill, 500, &wg);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < 40 * 500; i++)
		take();
	expect(gos_pool_get(&pool) == NULL);
	expect_eq(made, 40 * 500);
	gos_pool_drain(&pool, NULL);
}

/* Producers put, consumers get: all that was put comes out, once. Go's chain of deques is tried so. */
static int64_t left;

static void consume(gos_waitgroup *wg)
{
	while (__atomic_load_n(&left, __ATOMIC_ACQUIRE) > 0) {
		struct object *o = gos_pool_get(&pool);
		if (o == NULL) {
			gos_yield();
			continue;
		}
		expect_eq(__atomic_add_fetch(&o->used, 1, __ATOMIC_SEQ_CST), 1);
		__atomic_sub_fetch(&left, 1, __ATOMIC_SEQ_CST);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(pool_loses_nothing_between_putters_and_getters, 60)
{
	enum { PUTTERS = 10, EACH = 10000 };
	gos_waitgroup wg = {0};
	left = PUTTERS * EACH;
	gos_waitgroup_add(&wg, 2 * PUTTERS);
	for (int i = 0; i < PUTTERS; i++) {
		go(fill, EACH, &wg);
		go(consume, &wg);
	}
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < PUTTERS * EACH; i++)
		expect_eq(objects[i].used, 1);
	expect(gos_pool_get(&pool) == NULL);
	gos_pool_drain(&pool, NULL);
}

/* ---- while the number of processors changes ---- */

static int stop;

static void change_procs(uint64_t seed, gos_waitgroup *wg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		gos_procs(1 + (int)(gos_test_random(&seed) % 12));
		for (int i = 0; i < 20; i++)
			gos_yield();
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(pool_holds_while_processors_come_and_go, 60)
{
	enum { GOROUTINES = 40, MOST = 10 };
	gos_waitgroup wg = {0}, changer = {0};
	pool.make = make_object;
	gos_procs(1); /* so that shelves are added while it is used */
	gos_waitgroup_add(&changer, 1);
	go(change_procs, gos_test_seed(), &changer);
	gos_waitgroup_add(&wg, GOROUTINES);
	for (int i = 0; i < GOROUTINES; i++)
		go(use, gos_test_seed() + 1000 + (uint64_t)i, 3000, MOST, &wg);
	gos_waitgroup_wait(&wg);
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&changer);
	expect_le(made, 2 * GOROUTINES * MOST);
	gos_procs(1); /* what others have left on their shelves is found from here */
	for (int64_t i = 0, n = made; i < n; i++)
		take();
	int64_t before = made;
	give(take());
	expect_eq(made, before + 1);
	for (int64_t i = 0; i < before; i++)
		give(&objects[i]);
	expect_all_there();
}

/* ---- deaths ---- */

static void put_null(void) { gos_pool_put(&pool, NULL); }

static const struct gos_death deaths[] = {
	{"put_null", put_null, 2, {"panic: NULL put into a pool", "goroutine 1 [running]:", "gos_pool_put", "put_null"}},
};
GOS_DEATHS(deaths)
