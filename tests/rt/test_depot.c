/* SPDX-License-Identifier: MIT */
/* Goal: rt/depot.c keeps each stack once and for ever, within its bounds, whoever asks. Method: white box, on threads of the test's own. */
#include <pthread.h>
#include <string.h>

#include "atomic.h"
#include "depot.h"
#include "gos_test.h"
#include "state.h"

/* Stack number i of many: 1 to 33 frames, which others begin with too. */
static uint32_t make_stack(uint64_t i, uint64_t *pcs)
{
	uint32_t count = 1 + (uint32_t)(i * 7 % RT_DEPOT_FRAMES_MAX);
	for (uint32_t j = 0; j < count; j++)
		pcs[j] = j + 1 < count ? 0x1000 + j : 0x400000 + i;
	return count;
}

static bool is_stack(uint32_t id, uint64_t i, bool whole)
{
	uint64_t wanted[RT_DEPOT_FRAMES_MAX], pcs[RT_DEPOT_FRAMES_MAX + 1];
	uint32_t count = make_stack(i, wanted);
	const struct gos_stack *stack = rt_depot_get(id);
	return stack != NULL && stack->whole == whole && rt_depot_frames(id, pcs, RT_DEPOT_FRAMES_MAX + 1) == count && memcmp(pcs, wanted, count * sizeof *pcs) == 0;
}

PLAIN_TEST(depot_keeps_each_stack_once)
{
	enum { MANY = 100000 };
	static uint32_t ids[MANY];
	uint64_t pcs[RT_DEPOT_FRAMES_MAX];
	for (uint64_t i = 0; i < MANY; i++) {
		uint32_t count = make_stack(i, pcs);
		ids[i] = rt_depot_put(pcs, count, i % 2);
		expect_ne(ids[i], 0);
	}
	for (uint64_t i = 0; i < MANY; i++) {
		uint32_t count = make_stack(i, pcs);
		expect_eq(rt_depot_put(pcs, count, i % 2), ids[i]);
		expect(is_stack(ids[i], i, i % 2));
		expect(i == 0 || ids[i] > ids[i - 1]); /* so no two have the same */
	}
}

PLAIN_TEST(depot_tells_stacks_apart)
{
	uint64_t pcs[] = {1, 2, 3}, other[] = {1, 2, 4}, got[3] = {0};
	uint32_t id = rt_depot_put(pcs, 3, false);
	expect_ne(rt_depot_put(other, 3, false), id);
	expect_ne(rt_depot_put(pcs, 2, false), id);
	expect_ne(rt_depot_put(pcs, 3, true), id);
	expect_eq(rt_depot_put(pcs, 3, false), id);
	expect_eq(rt_depot_frames(id, got, 2), 2);
	expect(got[0] == 1 && got[1] == 2 && got[2] == 0);
	expect_eq(rt_depot_frames(id, got, 0), 0);
}

PLAIN_TEST(depot_gives_nothing_for_nonsense)
{
	uint64_t seed = gos_test_seed(), pcs[RT_DEPOT_FRAMES_MAX];
	expect(rt_depot_get(0) == NULL);
	expect(rt_depot_get(1) == NULL); /* before there is any */
	for (uint64_t i = 0; i < 20000; i++)
		rt_depot_put(pcs, make_stack(i, pcs), false);
	for (int i = 0; i < 1000000 / GOS_TEST_SLOW; i++) {
		const struct gos_stack *stack = rt_depot_get((uint32_t)(gos_test_random(&seed) >> (i % 32 + 32)));
		if (stack != NULL)
			expect(stack->count >= 1 && stack->count <= RT_DEPOT_FRAMES_MAX);
	}
	expect(rt_depot_get(UINT32_MAX) == NULL);
}

/* ---- at once ---- */

enum { THREADS = 4, STACKS = 20000 };
static uint32_t found[THREADS][STACKS];
static volatile int started;

static void *puts_all(void *arg)
{
	uint64_t pcs[RT_DEPOT_FRAMES_MAX];
	uint32_t *ids = arg;
	__atomic_add_fetch(&started, 1, __ATOMIC_SEQ_CST);
	while (__atomic_load_n(&started, __ATOMIC_ACQUIRE) < THREADS)
		rt_pause();
	for (uint64_t i = 0; i < STACKS; i++) {
		ids[i] = rt_depot_put(pcs, make_stack(i, pcs), false);
		expect(is_stack(ids[i], i, false));
	}
	return NULL;
}

PLAIN_TEST(depot_gives_all_who_ask_at_once_the_same)
{
	pthread_t threads[THREADS];
	for (int i = 0; i < THREADS; i++)
		expect_eq(pthread_create(&threads[i], NULL, puts_all, found[i]), 0);
	for (int i = 0; i < THREADS; i++)
		pthread_join(threads[i], NULL);
	for (int i = 1; i < THREADS; i++)
		expect(memcmp(found[i], found[0], sizeof found[0]) == 0);
}

/* ---- bounds ---- */

PLAIN_TEST_WITHIN(depot_is_full_some_day, 120)
{
	uint64_t pcs[RT_DEPOT_FRAMES_MAX], i = 0, room = 0;
	uint32_t id, last = 0;
	for (; (id = rt_depot_put(pcs, make_stack(i, pcs), false)) != 0; i++) {
		expect_lt(i, RT_DEPOT_WORDS);
		last = id;
		room += 2 + make_stack(i, pcs);
	}
	expect_gt(room, RT_DEPOT_WORDS - RT_DEPOT_WORDS / 100);
	expect_le(room, RT_DEPOT_WORDS);
	expect_eq(gos_runtime.depot_lost, 1);
	expect_eq(rt_depot_put(pcs, make_stack(i, pcs), false), 0);
	expect_eq(gos_runtime.depot_lost, 2);
	/* What it has it has. */
	expect_eq(rt_depot_put(pcs, make_stack(i - 1, pcs), false), last);
	expect(is_stack(last, i - 1, false));
	expect_eq(rt_depot_put(pcs, make_stack(0, pcs), false), 1);
	expect(is_stack(1, 0, false));
	expect_eq(gos_runtime.depot_lost, 2);
}
