/* SPDX-License-Identifier: MIT */
/*
 * defer.c - calls that are made when the function ends that deferred them, and their records. Floor 5.
 *
 * Always true:
 *  - g->deferred is ordered: a record's frame is at or above those of the records before it. Records of frames below the stack in use were left
 *    by longjmp, and are dropped when they are met.
 *  - A record that g->deferred leads to is run at most once: it is off the list before it is called, or has `panic` set while a panic calls it.
 */
#include "defer.h"

#include <stdlib.h>

#include "../asm/defer.h"
#include "../asm/gobuf.h"
#include "schedule.h"
#include "throw.h"

_Static_assert(offsetof(struct gos_defer_frame, pc) == FRAME_PC && offsetof(struct gos_defer_frame, sp) == FRAME_SP, "asm/gobuf.h: FRAME_PC");
_Static_assert(offsetof(struct gos_defer_frame, saved) == FRAME_RBX && offsetof(struct gos_defer_frame, calls) == FRAME_R15 + 8, "asm/gobuf.h: FRAME_RBX");
_Static_assert(sizeof(struct gos_go_registers) == START_REGISTER_WORDS * 8, "asm/gobuf.h: START_REGISTER_WORDS");

void (*const gos_defer_entry)(void) = rt_defer_entry;

/* ---- records -------------------------------------------------------------------------------------------------------- */

static RT_NOINLINE struct rt_deferred *make(void)
{
	struct rt_deferred *d = malloc(sizeof *d);
	if (d == NULL)
		rt_fatal_exhausted("a deferred call", 12 /* ENOMEM */);
	return d;
}

static RT_NOINLINE void unmake(struct rt_deferred *d)
{
	free(d);
}

/* pp is NULL while the thread is in a call that blocks. */
RT_INLINE struct rt_deferred *take(struct gos_p *pp)
{
	struct rt_deferred *d;
	if (rt_unlikely(pp == NULL || (d = pp->free_deferred) == NULL))
		return make();
	pp->free_deferred = d->link;
	pp->free_deferred_count--;
	return d;
}

/* False: it is not kept, and somebody has to free it. */
RT_INLINE bool put(struct gos_p *pp, struct rt_deferred *d)
{
	if (rt_unlikely(pp == NULL || pp->free_deferred_count >= RT_DEFERRED_CACHE_MAX))
		return false;
	d->link = pp->free_deferred;
	pp->free_deferred = d;
	pp->free_deferred_count++;
	return true;
}

void rt_deferred_put(struct rt_deferred *d)
{
	if (!put(rt_tls_m->p, d))
		unmake(d);
}

/* Word by word, as they were written a moment ago and will be read: a wider load would have to wait until they are in the cache. */
RT_INLINE void copy(struct gos_go_registers *to, const struct gos_go_registers *from)
{
	for (size_t i = 0; i < START_REGISTER_WORDS; i++)
		((uint64_t *)to)[i] = ((const volatile uint64_t *)from)[i];
}

RT_NOINLINE void rt_no_goroutine(struct gos_m *mp, void *pc)
{
	if (mp == NULL || mp->p == NULL)
		rt_m_look_up(mp, pc); /* says why not */
	rt_throw("a function that needs a goroutine was called from the scheduler");
}

/* ---- the frame ------------------------------------------------------------------------------------------------------ */

/* Frames at or below this one are not in use any more: somebody has left them by longjmp. */
static RT_NOINLINE void drop_left(struct gos_g *gp, const struct gos_defer_frame *frame)
{
	while (gp->deferred != NULL && gp->deferred->frame <= frame)
		rt_deferred_drop(gp);
}

/* The rest of gos_defer_frame_enter. */
int rt_defer_frame_begin(struct gos_defer_frame *frame)
{
	struct gos_g *gp = rt_g_here(__builtin_return_address(0));
	frame->calls = rt_tls_m->calls;
	if (rt_unlikely(gp->deferred != NULL && gp->deferred->frame <= frame))
		drop_left(gp, frame);
	return 0;
}

void gos_defer_frame_leave(struct gos_defer_frame *frame)
{
	struct gos_g *gp = rt_tls_m->curg;
	struct rt_deferred *d;

	if (rt_unlikely(gp->unwinding != NULL && gp->unwinding->target == frame))
		return; /* its destructors run because of a panic; they are followed by gos_defer_frame_enter's second return */
	while ((d = gp->deferred) != NULL && d->frame <= frame) {
		if (rt_unlikely(d->frame != frame || d->panic != NULL)) { /* left by longjmp, maybe while a panic called it */
			rt_deferred_drop(gp);
			continue;
		}
		gp->deferred = d->link;
		/* The record is given back before the call, which need not return; nobody takes it before rt_call_deferred has read it. */
		uint64_t cfa;
		if (rt_likely(put(rt_tls_m->p, d))) {
			rt_call_deferred(d->fn, (const uint64_t *)&d->registers, &cfa);
		} else {
			struct gos_go_registers registers = d->registers;
			void *fn = d->fn;
			unmake(d);
			rt_call_deferred(fn, (const uint64_t *)&registers, &cfa);
		}
	}
}

/* ---- gos_defer ------------------------------------------------------------------------------------------------------ */

void rt_defer(const struct gos_defer_request *request, const struct gos_go_registers *registers, void *pc)
{
	if (rt_unlikely(request->fn == NULL))
		rt_panic_at(pc, "gos_defer of nil function");
	struct gos_m *mp = rt_tls_m;
	struct gos_g *gp = mp->curg;
	struct rt_deferred *d = take(mp->p), **at = &gp->deferred;

	d->frame = request->frame;
	d->fn = request->fn;
	d->pc = pc;
	d->panic = NULL;
	copy(&d->registers, registers);
	/* Mostly the first: else request comes from a function that another defers within, or which was called from a frame that was left. */
	while (rt_unlikely(*at != NULL && (*at)->frame < d->frame))
		at = &(*at)->link;
	d->link = *at;
	*at = d;
	gp->flags |= RT_G_DEFERS;
}

/* The road of C++, whose templates fill the registers. */
void gos_defer_with_registers(struct gos_defer_frame *frame, void *fn, const struct gos_go_registers *registers)
{
	struct gos_defer_request request = {fn, frame};
	rt_defer(&request, registers, __builtin_return_address(0));
}

/* ---- the end -------------------------------------------------------------------------------------------------------- */

void rt_panic_put(struct rt_panic *p)
{
	if (--p->users == 0)
		free(p);
}

void rt_unwinding_pop(struct gos_g *gp)
{
	struct rt_panic *p = gp->unwinding;
	gp->unwinding = p->unwinding_before;
	rt_panic_put(p);
}

static void put_list(struct rt_panic **list)
{
	while (*list != NULL) {
		struct rt_panic *p = *list;
		*list = p->link;
		rt_panic_put(p);
	}
}

void rt_defer_end(struct gos_g *gp)
{
	while (gp->deferred != NULL)
		rt_deferred_drop(gp);
	put_list(&gp->panic);
	if (gp->recovered != NULL)
		rt_panic_put(gp->recovered);
	gp->recovered = NULL;
	while (gp->unwinding != NULL)
		rt_unwinding_pop(gp);
	gp->flags &= (uint8_t)~RT_G_DEFERS;
}
