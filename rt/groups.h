/* SPDX-License-Identifier: MIT */
/*
 * groups.h - goroutines that are alike, told of together: in the same state, for the same reason, with the same stack, made at the same place. Beside the floors.
 */
#ifndef RT_GROUPS_H
#define RT_GROUPS_H

#include <stdbool.h>
#include <stdint.h>

#include "traceback.h"

struct gos_g;

#define RT_GROUP_IDS 8 /* of its first members */

struct rt_group {
	uint64_t hash;
	uint64_t count;
	uint64_t ids[RT_GROUP_IDS];
	int64_t oldest, newest; /* since when they wait, the longest and the latest */
	struct gos_g *gp;       /* the first */
	void *wait_pc, *entry, *create_pc;
	uint64_t creator, goid; /* of the first */
	uint32_t status;
	uint8_t reason, flags;
	uint8_t hold; /* what holds them back: g->hold, as far as it is in effect */
	bool silent;       /* its stack could not be had */
	uint64_t frames;   /* where they are, and: */
	uint32_t stored;   /* how many of them are, */
	uint32_t total;    /* of so many */
};

/* Zero is an empty one. Memory: 160 bytes and the frames for each group; goroutines of more groups than there is room for are counted alone. */
struct rt_groups {
	struct rt_group *group;
	uint32_t count;
	uint32_t *slot; /* number + 1, by hash */
	uint64_t *frame; /* pc << 1 | exact */
	uint64_t frames;
	uint64_t members, others; /* in groups; and of those that there was no room for */
};

/* False: there is no memory. */
bool rt_groups_begin(struct rt_groups *groups);
void rt_groups_end(struct rt_groups *groups);

/* One more: g is a copy of *gp, and these are its frames; NULL: they could not be had. */
void rt_groups_add(struct rt_groups *groups, struct gos_g *gp, const struct gos_g *g, const struct rt_trace *trace);

/* The largest come first. */
void rt_groups_sort(struct rt_groups *groups);

/* The frames of a group, as rt_groups_add had them. */
void rt_group_trace(const struct rt_groups *groups, const struct rt_group *group, struct rt_trace *trace);

#endif
