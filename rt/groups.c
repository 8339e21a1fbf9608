/* SPDX-License-Identifier: MIT */
/*
 * groups.c - goroutines that are alike, told of together. Beside the floors.
 *
 * A million goroutines have a few dozen different stacks. Each different one is kept once, in memory that is reserved, committed by touching, and bounded. No malloc.
 */
#include "groups.h"

#include <string.h>
#include <sys/mman.h>

#include "atomic.h"
#include "printer.h"
#include "state.h"
#include "words.h"

#define GROUPS_MAX 65536
#define SLOTS (2 * GROUPS_MAX) /* a power of two */
#define FRAMES_MAX (8u << 20)

static void *reserve(size_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return at != MAP_FAILED ? at : NULL;
}

void rt_groups_end(struct rt_groups *groups)
{
	if (groups->group != NULL)
		munmap(groups->group, GROUPS_MAX * sizeof *groups->group);
	if (groups->slot != NULL)
		munmap(groups->slot, SLOTS * sizeof *groups->slot);
	if (groups->frame != NULL)
		munmap(groups->frame, FRAMES_MAX * sizeof *groups->frame);
	*groups = (struct rt_groups){0};
}

bool rt_groups_begin(struct rt_groups *groups)
{
	*groups = (struct rt_groups){
		.group = reserve(GROUPS_MAX * sizeof *groups->group),
		.slot = reserve(SLOTS * sizeof *groups->slot),
		.frame = reserve(FRAMES_MAX * sizeof *groups->frame),
	};
	if (groups->group != NULL && groups->slot != NULL && groups->frame != NULL)
		return true;
	rt_groups_end(groups);
	return false;
}

static uint64_t mix(uint64_t hash, uint64_t value)
{
	hash = (hash ^ value) * UINT64_C(0x9e3779b97f4a7c15);
	return hash ^ hash >> 29;
}

static uint8_t shown_flags(const struct gos_g *g)
{
	uint8_t flags = 0;
	for (const struct rt_flag_word *flag = rt_flag_words; flag->word != NULL; flag++)
		flags |= g->flags & flag->bit;
	return flags;
}

/* Frame number i of those that are stored: the first RT_TRACE_HALF, and the last. */
static uint64_t packed(const struct rt_trace *trace, uint32_t i, uint32_t stored)
{
	const struct rt_frame *frame = rt_trace_frame(trace, i < RT_TRACE_HALF ? i : trace->total - (stored - i));
	return frame != NULL ? frame->pc << 1 | frame->exact : 0;
}

static bool is_like(const struct rt_groups *groups, const struct rt_group *a, const struct rt_group *b, const struct rt_trace *trace)
{
	if (a->hash != b->hash || a->status != b->status || a->reason != b->reason || a->flags != b->flags || a->hold != b->hold || a->wait_pc != b->wait_pc || a->entry != b->entry ||
	    a->create_pc != b->create_pc || a->silent != b->silent || a->total != b->total)
		return false;
	for (uint32_t i = 0; i < a->stored; i++)
		if (groups->frame[a->frames + i] != packed(trace, i, a->stored))
			return false;
	return true;
}

static void join(struct rt_group *group, const struct rt_group *one)
{
	if (group->count < RT_GROUP_IDS)
		group->ids[group->count] = one->goid;
	if (group->count == 0 || one->oldest < group->oldest)
		group->oldest = one->oldest;
	if (group->count == 0 || one->newest > group->newest)
		group->newest = one->newest;
	group->count++;
}

void rt_groups_add(struct rt_groups *groups, struct gos_g *gp, const struct gos_g *g, const struct rt_trace *trace)
{
	bool waits = g->status == GOS_WAITING;
	struct rt_group one = {
		.oldest = g->wait_since,
		.newest = g->wait_since,
		.gp = gp,
		.wait_pc = waits || g->status == GOS_RUNNABLE ? g->wait_pc : NULL,
		.entry = g->entry,
		.create_pc = g->create_pc,
		.creator = g->creator,
		.goid = g->goid,
		.status = g->status,
		.reason = waits ? g->reason : GOS_REASON_NONE,
		.flags = shown_flags(g),
		.hold = g->hold & rt_load_relaxed(&gos_runtime.hold_mask),
		.silent = trace == NULL,
		.total = trace != NULL ? (uint32_t)trace->total : 0,
	};
	one.stored = one.total < 2 * RT_TRACE_HALF ? one.total : 2 * RT_TRACE_HALF;
	one.hash = mix(mix(mix(one.status, one.reason), (uint64_t)one.flags << 8 | one.hold), (uint64_t)(uintptr_t)one.create_pc);
	one.hash = mix(mix(one.hash, (uint64_t)(uintptr_t)one.wait_pc), one.total);
	for (uint32_t i = 0; i < one.stored; i++)
		one.hash = mix(one.hash, packed(trace, i, one.stored));

	uint32_t at = (uint32_t)(one.hash >> 20) & (SLOTS - 1);
	while (groups->slot[at] != 0 && !is_like(groups, &groups->group[groups->slot[at] - 1], &one, trace))
		at = (at + 1) & (SLOTS - 1);
	if (groups->slot[at] == 0) {
		if (groups->count == GROUPS_MAX || groups->frames + one.stored > FRAMES_MAX) {
			groups->others++;
			return;
		}
		one.frames = groups->frames;
		for (uint32_t i = 0; i < one.stored; i++)
			groups->frame[groups->frames++] = packed(trace, i, one.stored);
		groups->group[groups->count] = one;
		groups->slot[at] = ++groups->count;
	}
	join(&groups->group[groups->slot[at] - 1], &one);
	groups->members++;
}

static bool comes_after(const struct rt_group *a, const struct rt_group *b)
{
	return a->count != b->count ? a->count < b->count : a->ids[0] > b->ids[0];
}

void rt_groups_sort(struct rt_groups *groups)
{
	/* Heap sort: qsort may call malloc. The slots are of no use any more. */
	struct rt_group *g = groups->group;
	for (int64_t start = (int64_t)groups->count / 2 - 1, end = groups->count; end > 1;) {
		struct rt_group moving;
		if (start >= 0) {
			moving = g[start];
		} else {
			moving = g[--end];
			g[end] = g[0];
		}
		int64_t hole = start >= 0 ? start : 0, child;
		while ((child = 2 * hole + 1) < end) {
			child += child + 1 < end && comes_after(&g[child + 1], &g[child]);
			if (!comes_after(&g[child], &moving))
				break;
			g[hole] = g[child];
			hole = child;
		}
		g[hole] = moving;
		start = start >= 0 ? start - 1 : start;
	}
}

void rt_group_trace(const struct rt_groups *groups, const struct rt_group *group, struct rt_trace *trace)
{
	trace->total = group->total;
	for (uint32_t i = 0; i < group->stored; i++) {
		uint64_t frame = groups->frame[group->frames + i];
		struct rt_frame one = {.pc = frame >> 1, .exact = frame & 1};
		if (i < RT_TRACE_HALF)
			trace->first[i] = one;
		else
			trace->last[(group->total - (group->stored - i)) % RT_TRACE_HALF] = one;
	}
}
