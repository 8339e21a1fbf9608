/* SPDX-License-Identifier: MIT */
/*
 * spawn.c - goroutines begin: a G, a stack, a first frame, a place in line. Floor 5.
 *
 * Dead Gs keep their stacks and are reused newest first, while they are warm: from the P's own list, then the shared lists, then new ones from
 * the slabs. Locks: sched.lock for the shared lists, slab_lock (rank SLAB) for making new ones.
 */
#include "spawn.h"

#include <stdio.h>
#include <string.h>

#include "../asm/switch.h"
#include "label.h"
#include "origin.h"
#include "schedule.h"
#include "slab.h"
#include "stack.h"

#define GOID_BATCH 16  /* ids taken at once by a P, as in Go */
#define GFREE_BATCH 128 /* Gs taken from the shared list at once */

_Static_assert(offsetof(struct gos_gobuf, sp) == GOBUF_SP, "asm/gobuf.h: GOBUF_SP");
_Static_assert(offsetof(struct gos_g, sched) == 0, "asm/switch.h: a G begins with its gobuf");
_Static_assert(START_WORD_RETURN == GOS_SAVED_WORDS - 1, "asm/gobuf.h: START_WORD_RETURN");
_Static_assert(START_WORDS % 2 == 1, "asm/amd64/switch.S: rt_gostart aligns the stack by START_WORDS");

void (*const gos_go_entry)(void) = rt_go_entry;
void (*const gos_go_with_entry)(void) = rt_go_with_entry;

static struct rt_lock slab_lock;
static struct gos_times_of_g **times_slabs; /* Lock: slab_lock */

/* The next G of the slabs. Lock: slab_lock. */
static struct gos_g *make_g(void)
{
	uint64_t i = gos_runtime.gcount;
	struct gos_g *gp = rt_slab_at((void ***)&gos_runtime.gslabs, i, GOS_G_PER_SLAB, sizeof *gp, "goroutines");
	gp->times = rt_slab_at((void ***)&times_slabs, i, GOS_G_PER_SLAB, sizeof *gp->times, "goroutines");
	rt_store_release(&gos_runtime.gcount, i + 1); /* zeroed: IDLE. Observers may see it from here */
	return gp;
}

/* New Gs with stacks into pp->gfree. */
static void make_some(struct gos_p *pp)
{
	struct gos_g *made[RT_STACK_BATCH];

	rt_lock(&slab_lock, RT_RANK_SLAB);
	for (uint32_t i = 0; i < RT_STACK_BATCH; i++)
		made[i] = make_g();
	rt_unlock(&slab_lock);
	rt_stack_alloc_batch(made, RT_STACK_BATCH);
	for (uint32_t i = RT_STACK_BATCH; i-- > 0;) {
		made[i]->link = pp->gfree;
		pp->gfree = made[i];
	}
	pp->gfree_count += RT_STACK_BATCH;
}

static RT_NOINLINE void gfree_refill(struct gos_p *pp)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	while (pp->gfree_count < GFREE_BATCH) {
		struct gos_g **list = rt_sched.gfree != NULL ? &rt_sched.gfree : &rt_sched.gfree_cold, *gp = *list;
		if (gp == NULL)
			break;
		if (list == &rt_sched.gfree && --rt_sched.gfree_count < rt_sched.gfree_low)
			rt_sched.gfree_low = rt_sched.gfree_count;
		*list = gp->link;
		gp->link = pp->gfree;
		pp->gfree = gp;
		pp->gfree_count++;
	}
	struct gos_g *bare = NULL;
	if (pp->gfree == NULL && (bare = rt_sched.gfree_bare) != NULL)
		rt_sched.gfree_bare = bare->link;
	rt_unlock(&rt_sched.lock);
	if (bare != NULL) {
		rt_stack_alloc_batch(&bare, 1);
		bare->link = NULL;
		pp->gfree = bare;
		pp->gfree_count = 1;
	}
	if (pp->gfree == NULL)
		make_some(pp);
}

static RT_NOINLINE struct gos_g *take_g_of_size(size_t size)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct gos_g *gp = rt_sched.gfree_bare;
	if (gp != NULL)
		rt_sched.gfree_bare = gp->link;
	rt_unlock(&rt_sched.lock);
	if (gp == NULL) {
		rt_lock(&slab_lock, RT_RANK_SLAB);
		gp = make_g();
		rt_unlock(&slab_lock);
	}
	rt_stack_alloc(gp, size);
	return gp;
}

/* A G with a stack of at least `size` usable bytes. Owner P only. */
RT_INLINE struct gos_g *take_g(struct gos_p *pp, size_t size)
{
	if (rt_unlikely(size != 0 && size != RT_STACK_DEFAULT))
		return take_g_of_size(size);
	if (rt_unlikely(pp->gfree == NULL))
		gfree_refill(pp);
	struct gos_g *gp = pp->gfree;
	struct gos_g *next = gp->link;
	pp->gfree = next;
	pp->gfree_count--;
	if (next != NULL) { /* a burst of go()s finds Gs and stacks that have gone cold */
		__builtin_prefetch((char *)next->link, 1);
		__builtin_prefetch((char *)next->link + RT_CACHE_LINE, 1);
		__builtin_prefetch((char *)next->sched.sp, 1);
		__builtin_prefetch((char *)next->sched.sp + RT_CACHE_LINE, 1);
		__builtin_prefetch((char *)next->sched.sp + 2 * RT_CACHE_LINE, 1);
	}
	return gp;
}

static RT_NOINLINE void goid_refill(struct gos_p *pp)
{
	pp->goid_end = rt_add_fetch(&rt_sched.goid_next, GOID_BATCH);
	pp->goid_next = pp->goid_end - GOID_BATCH;
	pp->goid_next++;
	pp->goid_end++;
	rt_runq_say_next(pp);
}

/*
 * RUNNABLE, and in no queue yet. parent: who makes it now, by a call of go() that saved rbp at *entry and whose caller's frame begins entry_size bytes above; or
 * NULL, where the creator, a goid, is somebody else. Owner P only.
 */
RT_INLINE struct gos_g *give_birth(struct gos_p *pp, void *fn, const uint64_t *registers, uint64_t creator, struct gos_g *parent, const uint64_t *entry,
                                   size_t entry_size, void *pc, const struct gos_go_options *options)
{
	struct gos_g *gp = take_g(pp, options != NULL ? options->stack_size : 0);

	if (rt_unlikely(pp->goid_next == pp->goid_end))
		goid_refill(pp);
	rt_store_relaxed(&gp->goid, pp->goid_next++);
	rt_sanitizer_birth(gp);
	uint64_t *frame = (uint64_t *)gp->stack_hi - START_WORDS;
	memset(frame, 0, START_WORD_RETURN * sizeof *frame);
	frame[START_WORD_RETURN] = (uint64_t)rt_gostart_begin;
	frame[START_WORD_FN] = (uint64_t)fn;
	memcpy(&frame[START_WORD_INTEGER], registers, START_REGISTER_WORDS * sizeof *frame);
	gp->sched.sp = (uint64_t)frame;

	gp->dbgmask = 0;
	rt_store_relaxed(&gp->hold, (uint8_t)RT_HOLD_OTHER);
	rt_store_relaxed(&gp->reason, (uint8_t)GOS_REASON_NONE);
	gp->wait_pc = NULL;
	gp->wait_obj = NULL;
	rt_times_begin(pp, gp);
	gp->entry = fn;
	gp->create_pc = pc;
	gp->creator = creator;
	if (options != NULL && options->name != NULL) {
		snprintf(gp->name, sizeof gp->name, "%s", options->name);
		gp->flags |= RT_G_NAMED;
	}
	if (GOS_RECORD && parent != NULL) {
		if (rt_unlikely(parent->flags & RT_G_LABELLED))
			rt_labels_inherit(gp, parent);
		rt_store_relaxed(&gp->creation, rt_origin(pp, parent, gp, (uint64_t)pc, (uint64_t)entry + entry_size, entry));
	} else if (GOS_RECORD) {
		rt_store_relaxed(&gp->creation, 0u);
	}
	rt_count(&pp->spawns);
	rt_g_set(gp, gp->status == GOS_DEAD ? GOS_DEAD : GOS_IDLE, GOS_RUNNABLE);
	rt_flight(pp, GOS_FLIGHT_CREATE, gp->goid);
	RT_PROBE3(g_create, gp->goid, fn, creator);
	rt_debug_event(gp, GOS_EVENT_CREATE, GOS_REASON_NONE);
	return gp;
}

#define FRAME_HEAD 16 /* bytes of a frame: rbp, and the return address */

/* In the frame of who is called in place of fn; entry_size bytes, and then the caller's frame begins. */
RT_INLINE void go_from(void *fn, const uint64_t *registers, void *pc, const struct gos_go_options *options, size_t entry_size)
{
	rt_sanitizer_called_from(pc);
	struct gos_m *mp = rt_m_of_goroutine();
	if (rt_unlikely(fn == NULL))
		rt_panic_at(pc, "go of nil function");
	struct gos_g *creator = mp->curg;
	struct gos_g *gp = give_birth(mp->p, fn, registers, creator->goid, creator, __builtin_frame_address(0), FRAME_HEAD + entry_size, pc, options);
	creator->last_made = gp->goid;
	/* From here the goroutine may run and end: do not touch it. */
	rt_runq_put(mp->p, gp);
	rt_wake_hint();
	rt_sanitizer_returns();
}

void rt_go(void *fn, const uint64_t *registers, void *pc, const struct gos_go_options *options)
{
	go_from(fn, registers, pc, options, ENTRY_FRAME + 8); /* the entry leaves rbp alone */
}

void rt_go_helper(void (*fn)(void), void *pc, const struct gos_go_options *options)
{
	static const uint64_t registers[START_REGISTER_WORDS];
	struct gos_m *mp = rt_m_of_goroutine();
	rt_runq_put(mp->p, give_birth(mp->p, (void *)fn, registers, mp->curg->goid, NULL, NULL, 0, pc, options));
	rt_wake_hint();
}

struct gos_g *rt_go_first(void *fn, const uint64_t *registers, void *pc)
{
	return give_birth(rt_tls_m->p, fn, registers, 0, NULL, NULL, 0, pc, NULL);
}

void rt_go_for(uint64_t creator, void *pc, void (*fn)(void *arg), void *arg)
{
	struct gos_p *pp = rt_tls_m->p;
	uint64_t registers[START_REGISTER_WORDS] = {(uint64_t)arg};
	rt_runq_put_back(pp, give_birth(pp, (void *)fn, registers, creator, NULL, NULL, 0, pc, NULL));
	rt_wake_hint();
}

/* The road of C++, whose templates fill the registers. */
uint64_t gos_go_with_registers(const struct gos_go_options *options, void *fn, const struct gos_go_registers *registers)
{
	go_from(fn, (const uint64_t *)registers, __builtin_return_address(0), options, 0);
	return gos_go_last();
}

void rt_goroutine_begin(struct gos_m *mp)
{
	rt_sanitizer_arrive(mp->curg);
	rt_switch_finish(mp, mp->curg);
}

uint64_t gos_go_last(void)
{
	struct gos_m *mp = rt_tls_m;
	return mp != NULL && mp->curg != NULL ? mp->curg->last_made : 0;
}
