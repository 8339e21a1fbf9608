/* SPDX-License-Identifier: MIT */
/*
 * context.c - contexts: a tree that is cancelled from the top down. Floor 6.
 *
 * A context ends once: whoever sets `err` has ended it. That, closing `done` and stopping the timer are one step under its lock, and err changes under
 * done's lock too, so nobody sees a closed channel without an error, or an error without a closed channel.
 *
 * Protocol "cancel", of ctx and all below it:
 *   1. end ctx; who finds that somebody else has waits for his step 3, which comes without waiting for anybody above;
 *   2. take the children off its list, one at a time, and cancel each. A new child is put in the list under the same lock, and only while err is 0, so
 *      none is missed: it is in the list, or its maker sees err and ends it himself;
 *   3. set `settled`; leave the parent's list, if no canceller of the parent's has taken ctx off it.
 * So when cancel returns all below has ended, as in Go, where it holds each parent's lock meanwhile. Here no lock is held while another context's is taken, and
 * there is no recursion: a tree a million deep needs no stack (the contexts that are being worked on are linked by `below`), and no lock is held for long but for the channel's
 * while its waiters are taken off.
 *
 * Memory. `refs` counts the program's handle, the children, each canceller at work. Records are never given back to the system, as timers' are not (timer.c), so a timer
 * that was about to fire for a context that is gone does no harm: it asks whether what it finds is due. A record is reused when nothing refers to it, and a child keeps its parent's, for values and to leave
 * its list. The background is not counted and has no list: it never ends.
 *
 * Locks: a context's (rank OWNER), one at a time, and under it its channel's or a heap's; slab_lock (rank SLAB).
 */
#include <errno.h>
#include <sched.h>

#include "context.h"

#include "chan.h"
#include "slab.h"
#include "timer.h"
#include "timers.h"

#define CONTEXTS_PER_SLAB 1024
#define LIVE RT_CONTEXT_LIVE
#define FREED 0x64616564u /* "dead" */
#define SETTLE_SPINS 1000

static struct gos_context background = {.magic = LIVE, .deadline = INT64_MAX};
static struct rt_lock slab_lock;
static struct gos_context *free_contexts;
static void **slabs;
static uint64_t made;

static RT_NOINLINE void misuse(const struct gos_context *ctx, const char *function, void *pc)
{
	rt_panic_at(pc, "%s: the context %s", function, ctx == NULL ? "is NULL" : rt_load_relaxed(&ctx->magic) == FREED ? "was freed" : "is none");
}

RT_INLINE void check(const struct gos_context *ctx, const char *function, void *pc)
{
	if (rt_unlikely(ctx == NULL || rt_load_relaxed(&ctx->magic) != LIVE))
		misuse(ctx, function, pc);
}

/* ---- memory ---- */

static struct gos_context *take_record(void)
{
	rt_lock(&slab_lock, RT_RANK_SLAB);
	struct gos_context *ctx = free_contexts;
	if (ctx != NULL)
		free_contexts = ctx->link;
	else
		ctx = rt_slab_at(&slabs, made++, CONTEXTS_PER_SLAB, sizeof *ctx, "contexts");
	rt_unlock(&slab_lock);
	return ctx;
}

static void ref(struct gos_context *ctx)
{
	if (ctx != &background)
		rt_add_fetch(&ctx->refs, 1);
}

/* For a timer, which holds no reference. */
static bool ref_if_used(struct gos_context *ctx)
{
	for (;;) {
		uint32_t refs = rt_load_acquire(&ctx->refs);
		if (refs == 0)
			return false;
		if (rt_cas(&ctx->refs, refs, refs + 1))
			return true;
	}
}

static void unref(struct gos_context *ctx)
{
	while (ctx != &background && rt_add_fetch(&ctx->refs, (uint32_t)-1) == 0) {
		struct gos_context *parent = ctx->parent;
		rt_lock(&slab_lock, RT_RANK_SLAB);
		ctx->link = free_contexts;
		free_contexts = ctx;
		rt_unlock(&slab_lock);
		ctx = parent;
	}
}

/* ---- cancelling ---- */

/* Makes those who waited for a context ready. On a goroutine or, for a timer, on g0. */
static void ready_all(struct gos_m *mp, struct gos_g *list)
{
	if (mp->curg == NULL) {
		rt_inject(mp, list, false);
		return;
	}
	while (list != NULL) {
		struct gos_g *gp = list;
		list = gp->link;
		rt_ready(mp, gp);
	}
}

/* Step 1; false when it has ended already. */
static bool end(struct gos_m *mp, struct gos_context *ctx, int err, const struct gos_mark *ender)
{
	struct gos_g *list = NULL;

	rt_lock(&ctx->lock, RT_RANK_OWNER);
	if (ctx->err != 0) {
		rt_unlock(&ctx->lock);
		return false;
	}
	rt_mark_as(&ctx->ended, ender);
	struct gos_chan *c = ctx->done;
	if (c != NULL) {
		rt_lock(&c->lock, RT_RANK_CHAN);
		rt_store_release(&ctx->err, err);
		list = rt_chan_close_locked(c, ender);
		rt_unlock(&c->lock);
	} else {
		rt_store_release(&ctx->err, err);
	}
	rt_timer_stop(&ctx->timer);
	rt_unlock(&ctx->lock);
	ready_all(mp, list);
	return true;
}

static struct gos_context *take_child(struct gos_context *ctx)
{
	rt_lock(&ctx->lock, RT_RANK_OWNER);
	struct gos_context *child = ctx->children;
	if (child != NULL) {
		ctx->children = child->next;
		if (child->next != NULL)
			child->next->prev = NULL;
		child->listed = false;
		ref(child);
	}
	rt_unlock(&ctx->lock);
	return child;
}

static void leave_parent(struct gos_context *ctx)
{
	struct gos_context *parent = ctx->parent;
	if (parent == &background)
		return;
	rt_lock(&parent->lock, RT_RANK_OWNER);
	if (ctx->listed) {
		ctx->listed = false;
		if (ctx->prev != NULL)
			ctx->prev->next = ctx->next;
		else
			parent->children = ctx->next;
		if (ctx->next != NULL)
			ctx->next->prev = ctx->prev;
	}
	rt_unlock(&parent->lock);
}

/* Another worker is cancelling what is below ctx, and is held up by nobody but those who do the same further below. */
static void until_settled(const struct gos_context *ctx)
{
	for (unsigned i = 0; !rt_load_acquire(&ctx->settled); i++) {
		if (i < SETTLE_SPINS)
			rt_pause();
		else
			sched_yield();
	}
}

/* For the record: a deadline has passed, or, at pc, the goroutine has cancelled. */
static struct gos_mark by_deadline(void)
{
	return (struct gos_mark){0, NULL, rt_load_relaxed(&gos_runtime.now)};
}

static struct gos_mark by_goroutine(const struct gos_m *mp, void *pc)
{
	return (struct gos_mark){mp->curg->goid, pc, rt_load_relaxed(&gos_runtime.now)};
}

/* Protocol "cancel". The caller holds a reference. */
static void cancel(struct gos_m *mp, struct gos_context *root, int err, struct gos_mark ender)
{
	if (!end(mp, root, err, &ender)) {
		until_settled(root);
		return;
	}
	root->below = NULL;
	for (struct gos_context *top = root; top != NULL;) {
		struct gos_context *child = take_child(top);
		if (child == NULL) {
			struct gos_context *next = top->below;
			rt_store_release(&top->settled, 1u);
			if (top != root) /* root is left to its parent's list and its caller */
				unref(top);
			top = next;
		} else if (end(mp, child, err, &ender)) {
			child->below = top;
			top = child;
		} else {
			until_settled(child);
			unref(child);
		}
	}
	leave_parent(root);
}

/* By timers.c, on g0. */
static struct gos_g *deadline_passed(void *arg)
{
	struct gos_context *ctx = arg;
	if (!ref_if_used(ctx))
		return NULL;
	if (ctx->deadline <= rt_now()) /* else another context has the record */
		cancel(rt_tls_m, ctx, -ETIMEDOUT, by_deadline());
	unref(ctx);
	return NULL;
}

/* ---- making and freeing ---- */

static struct gos_context *make(struct gos_context *parent, int64_t at, const void *key, void *value, const char *file, int line)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_context *ctx = take_record();
	struct gos_mark ender = by_deadline();
	int err = 0;

	/* Nobody else looks at it: who still has its address finds that refs is 0. */
	ctx->timer = (struct rt_timer){.fn = deadline_passed, .arg = ctx};
	ctx->err = 0;
	ctx->settled = 0;
	ctx->done = NULL;
	ctx->children = ctx->next = ctx->prev = ctx->below = NULL;
	ctx->listed = false;
	ctx->ended = (struct gos_mark){0, NULL, 0};
	ctx->parent = parent;
	ctx->deadline = at < parent->deadline ? at : parent->deadline;
	ctx->key = key;
	ctx->value = value;
	ctx->file = file;
	ctx->line = line;
	ref(parent);
	rt_store_relaxed(&ctx->magic, LIVE);

	/* A timer of who had this record before may be on its way, and end this context as soon as refs allows it, when its time is over. So that comes with
	 * entering the list, which who ends it leaves. */
	if (parent == &background) {
		rt_store_release(&ctx->refs, 1u);
	} else {
		rt_lock(&parent->lock, RT_RANK_OWNER);
		rt_store_release(&ctx->refs, 1u);
		err = parent->err;
		if (err == 0) {
			ctx->next = parent->children;
			if (ctx->next != NULL)
				ctx->next->prev = ctx;
			parent->children = ctx;
			ctx->listed = true;
		} else {
			ender = parent->ended;
		}
		rt_unlock(&parent->lock);
	}
	/* From here a canceller of the parent may end it. */
	if (err == 0 && at < parent->deadline) {
		if (at <= rt_now()) {
			err = -ETIMEDOUT;
		} else {
			bool first = false;
			rt_lock(&ctx->lock, RT_RANK_OWNER);
			if (ctx->err == 0) { /* who ends it stops the timer */
				ctx->timer.when = at;
				first = rt_timer_add(mp->p, &ctx->timer);
			}
			rt_unlock(&ctx->lock);
			if (first)
				rt_timer_tell_poller(at);
		}
	}
	if (err != 0)
		cancel(mp, ctx, err, ender);
	return ctx;
}

void gos_context_free(gos_context *ctx)
{
	void *pc = __builtin_return_address(0);
	struct gos_m *mp = rt_m_of_goroutine();

	if (ctx == NULL || ctx == &background)
		return;
	rt_lock(&ctx->lock, RT_RANK_OWNER);
	struct gos_chan *c = ctx->done;
	bool awaited = false, live = ctx->magic == LIVE;
	if (live && c != NULL) {
		rt_lock(&c->lock, RT_RANK_CHAN);
		awaited = c->recvq.first != NULL || c->sendq.first != NULL;
		rt_unlock(&c->lock);
	}
	if (rt_unlikely(!live || awaited)) {
		rt_unlock(&ctx->lock);
		if (!live)
			misuse(ctx, "gos_context_free", pc);
		rt_panic_at(pc, "free of a context on which goroutines wait");
	}
	rt_store_relaxed(&ctx->magic, FREED);
	rt_unlock(&ctx->lock);

	cancel(mp, ctx, -ECANCELED, by_goroutine(mp, pc));
	rt_lock(&ctx->lock, RT_RANK_OWNER);
	c = ctx->done;
	rt_store_relaxed(&ctx->done, (struct gos_chan *)NULL);
	rt_unlock(&ctx->lock);
	if (c != NULL)
		rt_chan_release(c);
	unref(ctx);
}

/* ---- the door ---- */

gos_context *gos_context_background(void)
{
	return &background;
}

gos_context *gos_context_with_cancel_at(gos_context *parent, const char *file, int line)
{
	check(parent, "gos_context_with_cancel", __builtin_return_address(0));
	return make(parent, INT64_MAX, NULL, NULL, file, line);
}

gos_context *gos_context_with_timeout_at(gos_context *parent, int64_t ns, const char *file, int line)
{
	check(parent, "gos_context_with_timeout", __builtin_return_address(0));
	return make(parent, rt_time_after(ns), NULL, NULL, file, line);
}

gos_context *gos_context_with_deadline_at(gos_context *parent, int64_t at_ns, const char *file, int line)
{
	check(parent, "gos_context_with_deadline", __builtin_return_address(0));
	return make(parent, at_ns < INT64_MAX ? at_ns : INT64_MAX - 1, NULL, NULL, file, line);
}

gos_context *gos_context_with_value_at(gos_context *parent, const void *key, void *value, const char *file, int line)
{
	check(parent, "gos_context_with_value", __builtin_return_address(0));
	if (key == NULL)
		rt_panic_at(__builtin_return_address(0), "gos_context_with_value: the key is NULL");
	return make(parent, INT64_MAX, key, value, file, line);
}

void gos_context_cancel(gos_context *ctx)
{
	struct gos_m *mp = rt_m_of_goroutine();
	check(ctx, "gos_context_cancel", __builtin_return_address(0));
	if (ctx == &background)
		return;
	ref(ctx); /* a deadline may end it, and its maker free it, meanwhile */
	cancel(mp, ctx, -ECANCELED, by_goroutine(mp, __builtin_return_address(0)));
	unref(ctx);
}

gos_chan *gos_context_done(gos_context *ctx)
{
	check(ctx, "gos_context_done", __builtin_return_address(0));
	if (ctx == &background)
		return NULL;
	struct gos_chan *c = rt_load_acquire(&ctx->done);
	if (c != NULL)
		return c;

	struct gos_chan *fresh = gos_chan_make_at(0, 0, "void", ctx->file, ctx->line);
	fresh->owner = GOS_CHAN_OF_CONTEXT;
	rt_lock(&ctx->lock, RT_RANK_OWNER);
	c = ctx->done;
	if (c == NULL) {
		c = fresh;
		if (ctx->err != 0) {
			rt_lock(&c->lock, RT_RANK_CHAN);
			rt_chan_close_locked(c, &ctx->ended); /* nobody knows it yet, so nobody waits */
			rt_unlock(&c->lock);
		}
		rt_store_release(&ctx->done, c);
	}
	rt_unlock(&ctx->lock);
	if (c != fresh)
		rt_chan_release(fresh);
	return c;
}

int gos_context_err(gos_context *ctx)
{
	check(ctx, "gos_context_err", __builtin_return_address(0));
	return rt_load_acquire(&ctx->err);
}

bool gos_context_deadline(gos_context *ctx, int64_t *at_ns)
{
	check(ctx, "gos_context_deadline", __builtin_return_address(0));
	if (ctx->deadline == INT64_MAX)
		return false;
	if (at_ns != NULL)
		*at_ns = ctx->deadline;
	return true;
}

void *gos_context_value(gos_context *ctx, const void *key)
{
	check(ctx, "gos_context_value", __builtin_return_address(0));
	if (key == NULL)
		return NULL;
	for (const struct gos_context *c = ctx; c != &background; c = c->parent)
		if (c->key == key)
			return c->value;
	return NULL;
}
