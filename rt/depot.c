/* SPDX-License-Identifier: MIT */
/*
 * depot.c - stacks of return addresses, each kept once. Floor 1. Lock: `lock` (rank SLAB), to put another one in.
 *
 * Always true: a number that a bucket, or a stack's `next`, has is that of a stack which is complete. So who looks for one needs no lock, and where it is found takes none.
 */
#include "depot.h"

#include <string.h>

#include "lock.h"
#include "slab.h"
#include "state.h"

#define BUCKETS 65536u /* touched as needed; sixteen stacks each when the depot is full */

static struct rt_lock lock;
static uint32_t *buckets;    /* Sync: atomic; ids */
static uint32_t used = 1;    /* words. Sync: atomic, written under lock; 0 is no stack */

static uint32_t hash_of(const uint64_t *pcs, uint32_t count, bool whole)
{
	uint64_t h = count * 2 + whole;
	for (uint32_t i = 0; i < count; i++) {
		h = (h ^ pcs[i]) * 0x9e3779b97f4a7c15u;
		h ^= h >> 29;
	}
	return (uint32_t)(h ^ h >> 32);
}

/* The word of this number, which is less than used. */
static struct gos_stack *at(uint32_t id)
{
	return (struct gos_stack *)((uint64_t *)gos_runtime.depot[id / RT_DEPOT_PER_SLAB] + id % RT_DEPOT_PER_SLAB);
}

static uint32_t find(uint32_t id, uint32_t hash, const uint64_t *pcs, uint32_t count, bool whole)
{
	for (; id != 0; id = at(id)->next) {
		const struct gos_stack *stack = at(id);
		if (stack->hash == hash && stack->count == count && stack->whole == whole && memcmp(stack->pc, pcs, count * sizeof *pcs) == 0)
			break;
	}
	return id;
}

/* At least a whole structure, which is what observers read. */
static uint32_t words_of(uint32_t count)
{
	uint32_t words = (uint32_t)(offsetof(struct gos_stack, pc) / sizeof(uint64_t)) + count, least = sizeof(struct gos_stack) / sizeof(uint64_t);
	return words > least ? words : least;
}

/* Lock: lock. */
static uint32_t add(uint32_t *bucket, uint32_t hash, const uint64_t *pcs, uint32_t count, bool whole)
{
	uint32_t id = used, words = words_of(count);
	if (id % RT_DEPOT_PER_SLAB + words > RT_DEPOT_PER_SLAB)
		id = (id / RT_DEPOT_PER_SLAB + 1) * RT_DEPOT_PER_SLAB;
	if (id + words > RT_DEPOT_WORDS) {
		rt_store_relaxed(&gos_runtime.depot_lost, gos_runtime.depot_lost + 1);
		return 0;
	}
	struct gos_stack *stack = rt_slab_at(&gos_runtime.depot, id, RT_DEPOT_PER_SLAB, sizeof(uint64_t), "stacks of creation");
	stack->next = *bucket;
	stack->hash = hash;
	stack->count = count;
	stack->whole = whole;
	memcpy(stack->pc, pcs, count * sizeof *pcs);
	rt_store_release(&used, id + words); /* pairs with rt_depot_get */
	rt_store_release(bucket, id); /* pairs with rt_depot_put */
	return id;
}

uint32_t rt_depot_put(const uint64_t *pcs, uint32_t count, bool whole)
{
	uint32_t hash = hash_of(pcs, count, whole), *table = rt_load_acquire(&buckets);
	if (rt_likely(table != NULL)) {
		uint32_t id = find(rt_load_acquire(&table[hash % BUCKETS]), hash, pcs, count, whole);
		if (id != 0)
			return id;
	}
	rt_lock(&lock, RT_RANK_SLAB);
	if (buckets == NULL)
		rt_store_release(&buckets, (uint32_t *)rt_map(BUCKETS * sizeof *buckets, "stacks of creation"));
	uint32_t *bucket = &buckets[hash % BUCKETS];
	uint32_t id = find(*bucket, hash, pcs, count, whole); /* somebody may have put it in meanwhile */
	if (id == 0)
		id = add(bucket, hash, pcs, count, whole);
	rt_unlock(&lock);
	return id;
}

const struct gos_stack *rt_depot_get(uint32_t id)
{
	if (id == 0 || id >= rt_load_acquire(&used) || id % RT_DEPOT_PER_SLAB + words_of(1) > RT_DEPOT_PER_SLAB)
		return NULL;
	const struct gos_stack *stack = at(id);
	uint32_t count = stack->count;
	return count != 0 && count <= RT_DEPOT_FRAMES_MAX && id % RT_DEPOT_PER_SLAB + words_of(count) <= RT_DEPOT_PER_SLAB ? stack : NULL;
}

size_t rt_depot_frames(uint32_t id, uint64_t *pcs, size_t max)
{
	const struct gos_stack *stack = rt_depot_get(id);
	if (stack == NULL)
		return 0;
	size_t count = stack->count < max ? stack->count : max;
	memcpy(pcs, stack->pc, count * sizeof *pcs);
	return count;
}
