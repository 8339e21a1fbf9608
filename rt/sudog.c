/* SPDX-License-Identifier: MIT */
/*
 * sudog.c - where a P's free sudogs come from, and where too many of them go. Floor 1. Lock: `lock` (rank SLAB).
 */
#include "sudog.h"

#include "lock.h"
#include "slab.h"

#define BATCH 64           /* sudogs moved at once */
#define SUDOGS_PER_SLAB 4096

static struct rt_lock lock;
static struct gos_sudog *spare;
static void **slabs;
static uint64_t made;

RT_NOINLINE struct gos_sudog *rt_sudog_refill(struct gos_p *pp)
{
	rt_lock(&lock, RT_RANK_SLAB);
	for (uint32_t i = 0; i < BATCH; i++) {
		struct gos_sudog *sg = spare;
		if (sg != NULL)
			spare = sg->next;
		else
			sg = rt_slab_at(&slabs, made++, SUDOGS_PER_SLAB, sizeof *sg, "records of waiting");
		sg->next = pp->sudogs;
		pp->sudogs = sg;
	}
	rt_unlock(&lock);
	pp->sudog_count += BATCH;
	return rt_sudog_get(pp);
}

RT_NOINLINE void rt_sudog_spill(struct gos_p *pp)
{
	rt_lock(&lock, RT_RANK_SLAB);
	for (uint32_t i = 0; i < RT_SUDOG_CACHE_MAX / 2; i++) {
		struct gos_sudog *sg = pp->sudogs;
		pp->sudogs = sg->next;
		sg->next = spare;
		spare = sg;
	}
	rt_unlock(&lock);
	pp->sudog_count -= RT_SUDOG_CACHE_MAX / 2;
}
