/* SPDX-License-Identifier: MIT */
/*
 * timers.c - each P's timers, in a 4-ary heap. Floor 2.
 *
 * Always true, under timers_lock: heap[i].when >= heap[(i - 1) / 4].when; the timer in heap[i] has heap_index i; timer_first is heap[0].when.
 * Four children to a node halve the depth of a binary heap and keep siblings on one cache line, as Go's timer heap does.
 *
 * Go takes a stopped timer out of its heap later, when it comes to the top or when there are too many of them. Here it goes at once: the record may be on
 * a stack that is about to be left, and a program whose timers are all stopped is known to be dead.
 */
#include "timers.h"

#include <errno.h>
#include <sys/mman.h>

#include "slab.h"
#include "throw.h"

#define FIRST_CAPACITY 64 /* timers; doubled as needed */
#define RUN_BATCH 64       /* due timers taken out by one hold of the lock */
#define MOVING ((struct gos_p *)1) /* in t->p: between two heaps */

void rt_timers_init(struct gos_p *pp)
{
	pp->timer_first = INT64_MAX;
}

static void place(struct gos_p *pp, uint32_t i, struct rt_timer_slot slot)
{
	pp->timers[i] = slot;
	if (!(slot.what & RT_SLEEPER))
		((struct rt_timer *)slot.what)->heap_index = i;
}

static void sift_up(struct gos_p *pp, uint32_t i, struct rt_timer_slot slot)
{
	while (i > 0 && pp->timers[(i - 1) / 4].when > slot.when) {
		place(pp, i, pp->timers[(i - 1) / 4]);
		i = (i - 1) / 4;
	}
	place(pp, i, slot);
}

static void sift_down(struct gos_p *pp, uint32_t i, struct rt_timer_slot slot)
{
	for (;;) {
		uint32_t child = 4 * i + 1, least = child, end = child + 4;
		if (child >= pp->timers_count)
			break;
		if (end > pp->timers_count)
			end = pp->timers_count;
		while (++child < end)
			if (pp->timers[child].when < pp->timers[least].when)
				least = child;
		if (pp->timers[least].when >= slot.when)
			break;
		place(pp, i, pp->timers[least]);
		i = least;
	}
	place(pp, i, slot);
}

static void publish_first(struct gos_p *pp)
{
	rt_store_relaxed(&pp->timer_first, pp->timers_count ? pp->timers[0].when : INT64_MAX);
}

/* The heap is moved by the kernel, not copied: a growing heap of a million timers pauses nobody for long. */
static void grow(struct gos_p *pp)
{
	size_t slot = sizeof(struct rt_timer_slot), old = pp->timers_capacity * slot;
	if (old == 0) {
		pp->timers = rt_map(FIRST_CAPACITY * slot, "timers");
		pp->timers_capacity = FIRST_CAPACITY;
		return;
	}
	size_t from = (old + 4095) & ~(size_t)4095;
	void *p = mremap(pp->timers, from, 2 * from, MREMAP_MAYMOVE);
	if (p == MAP_FAILED)
		rt_fatal_exhausted("timers", errno);
	pp->timers = p;
	pp->timers_capacity = (uint32_t)(2 * from / slot);
}

/* True when it is the first. Lock: pp's timers. */
static bool insert(struct gos_p *pp, struct rt_timer_slot slot)
{
	if (pp->timers_count == pp->timers_capacity)
		grow(pp);
	rt_store_relaxed(&pp->timers_count, pp->timers_count + 1);
	sift_up(pp, pp->timers_count - 1, slot);
	if (pp->timers[0].what != slot.what)
		return false;
	publish_first(pp);
	return true;
}

static void removed(struct gos_p *pp, uint32_t i)
{
	struct rt_timer_slot last = pp->timers[pp->timers_count - 1];
	rt_store_relaxed(&pp->timers_count, pp->timers_count - 1);
	pp->timers[pp->timers_count] = (struct rt_timer_slot){0, 0};
	if (i == pp->timers_count)
		return;
	if (i > 0 && pp->timers[(i - 1) / 4].when > last.when)
		sift_up(pp, i, last);
	else
		sift_down(pp, i, last);
}

bool rt_timer_add(struct gos_p *pp, struct rt_timer *t)
{
	rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
	bool first = insert(pp, (struct rt_timer_slot){t->when, (uintptr_t)t});
	rt_store_release(&t->p, pp); /* rt_timer_stop finds the heap by it */
	rt_unlock(&pp->timers_lock);
	return first;
}

void rt_timer_add_sleeper(struct gos_p *pp, int64_t when, struct gos_g *gp)
{
	rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
	insert(pp, (struct rt_timer_slot){when, (uintptr_t)gp | RT_SLEEPER});
	rt_unlock(&pp->timers_lock);
}

uint32_t rt_timers_count(struct gos_p *pp)
{
	rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
	uint32_t count = pp->timers_count;
	rt_unlock(&pp->timers_lock);
	return count;
}

bool rt_timer_stop(struct rt_timer *t)
{
	for (;;) {
		struct gos_p *pp = rt_load_acquire(&t->p);
		if (pp == NULL)
			return false;
		if (pp == MOVING) { /* rt_timers_move is about to add it */
			rt_pause();
			continue;
		}
		rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
		if (rt_load_relaxed(&t->p) == pp) { /* else it has fired, or moved to another P; t->p is pp under pp's lock only */
			removed(pp, t->heap_index);
			rt_store_relaxed(&t->p, (struct gos_p *)NULL);
			publish_first(pp);
			rt_unlock(&pp->timers_lock);
			return true;
		}
		rt_unlock(&pp->timers_lock);
	}
}

/* A search: sleepers do not know where they stand, since nobody but a debugger ever asks. A million take some milliseconds. */
bool rt_timers_take_sleeper(struct gos_p *pp, struct gos_g *gp, uint64_t goid)
{
	bool found = false;
	rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
	for (uint32_t i = 0; i < pp->timers_count && !found; i++) {
		if (pp->timers[i].what != ((uintptr_t)gp | RT_SLEEPER))
			continue;
		if (rt_load_relaxed(&gp->goid) != goid)
			break; /* another's sleep by now */
		removed(pp, i);
		publish_first(pp);
		gp->link = NULL;
		found = true;
	}
	rt_unlock(&pp->timers_lock);
	return found;
}

struct gos_g *rt_timers_run(struct gos_p *pp, int64_t now)
{
	struct gos_g *first = NULL, **end = &first;
	struct {
		struct gos_g *(*fn)(void *); /* NULL: a sleeper */
		void *arg;
	} due[RUN_BATCH];

	while (rt_timers_first(pp) <= now) {
		uint32_t n = 0;
		rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
		while (n < RUN_BATCH && pp->timers_count > 0 && pp->timers[0].when <= now) {
			uintptr_t what = pp->timers[0].what;
			removed(pp, 0);
			if (what & RT_SLEEPER) {
				due[n].fn = NULL;
				due[n].arg = (void *)(what - RT_SLEEPER);
				__builtin_prefetch(due[n].arg, 1);
			} else {
				struct rt_timer *t = (struct rt_timer *)what;
				due[n].fn = t->fn;
				due[n].arg = t->arg;
				rt_store_release(&t->p, (struct gos_p *)NULL); /* its owner may reuse it: pairs with rt_timer_stop */
			}
			n++;
		}
		publish_first(pp);
		rt_unlock(&pp->timers_lock);
		for (uint32_t i = 0; i < n; i++) {
			struct gos_g *gp = due[i].fn != NULL ? due[i].fn(due[i].arg) : due[i].arg;
			if (gp != NULL) {
				gp->link = NULL;
				*end = gp;
				end = &gp->link;
			}
		}
	}
	return first;
}

void rt_timers_move(struct gos_p *from, struct gos_p *to)
{
	if (from == to)
		return;
	for (;;) {
		rt_lock(&from->timers_lock, RT_RANK_TIMERS);
		uintptr_t what = 0;
		int64_t when = 0;
		if (from->timers_count > 0) {
			what = from->timers[0].what;
			when = from->timers[0].when;
			removed(from, 0);
			publish_first(from);
			if (!(what & RT_SLEEPER)) /* in no heap for a moment: no two timers locks are held at once */
				rt_store_relaxed(&((struct rt_timer *)what)->p, MOVING);
		}
		rt_unlock(&from->timers_lock);
		if (what == 0)
			return;
		if (what & RT_SLEEPER)
			rt_timer_add_sleeper(to, when, (struct gos_g *)(what - RT_SLEEPER));
		else
			rt_timer_add(to, (struct rt_timer *)what);
	}
}
