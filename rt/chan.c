/* SPDX-License-Identifier: MIT */
/*
 * chan.c - channels: send, receive, close. Floor 6.
 *
 * Always true, under c->lock:
 *  - at least one of c->recvq and c->sendq is empty, but for a goroutine that waits in both with one select;
 *  - count > 0 means that recvq is empty; count < capacity means that sendq is empty.
 * Waiters are served in the order in which they came. A value goes straight from the sender's memory to the receiver's when one of them waits.
 *
 * Locks: c->lock (rank CHAN); slab_lock (rank SLAB) for making and freeing.
 */
#include "chan.h"

#include <errno.h>
#include <stdlib.h>

#include "slab.h"
#include "timer.h"

#define BUFFER_MAX (UINT64_C(1) << 48) /* bytes */

static struct rt_lock slab_lock;
static struct gos_chan *free_chans;

/* ---- making and freeing ---- */

gos_chan *gos_chan_make_at(size_t elem_size, size_t capacity, const char *elem_type, const char *file, int line)
{
	uint64_t bytes;
	if (elem_size > UINT32_MAX || capacity > INT64_MAX || __builtin_mul_overflow(elem_size, capacity, &bytes) || bytes > BUFFER_MAX)
		rt_panic_at(__builtin_return_address(0), "gos_chan_make: %zu elements of %zu bytes are too much", capacity, elem_size);
	char *buffer = NULL;
	if (bytes > 0) {
		buffer = calloc(capacity, elem_size);
		if (buffer == NULL)
			rt_fatal_exhausted("a channel's buffer", ENOMEM);
	}

	rt_lock(&slab_lock, RT_RANK_SLAB);
	struct gos_chan *c = free_chans;
	if (c != NULL) {
		free_chans = c->link;
	} else {
		uint64_t index = gos_runtime.ccount;
		c = rt_slab_at((void ***)&gos_runtime.cslabs, index, GOS_C_PER_SLAB, sizeof *c, "channels");
		c->index = (uint32_t)index;
		rt_store_release(&gos_runtime.ccount, index + 1);
	}
	rt_unlock(&slab_lock);

	c->count = c->sendx = c->recvx = 0;
	c->capacity = capacity;
	c->elem_size = (uint32_t)elem_size;
	c->buffer = buffer;
	c->recvq = c->sendq = (struct gos_waitq){NULL, NULL};
	c->elem_type = elem_type;
	c->file = file;
	c->line = (uint32_t)line;
	c->timer = NULL;
	c->owner = GOS_CHAN_OF_PROGRAM;
	c->closed = 0;
	c->sender = c->receiver = 0;
	c->sent_at = c->received_at = 0;
	c->closer = (struct gos_mark){0, NULL, 0};
	rt_store_release(&c->live, 1); /* an observer sees the rest when it sees this */
	return c;
}

void rt_chan_release(struct gos_chan *c)
{
	rt_lock(&c->lock, RT_RANK_CHAN);
	rt_store_relaxed(&c->live, 0);
	rt_store_relaxed(&c->closed, (uint32_t)RT_CHAN_FREED);
	rt_store_relaxed(&c->count, (uint64_t)0);
	c->owner = GOS_CHAN_OF_PROGRAM;
	c->timer = NULL;
	char *buffer = c->buffer;
	c->buffer = NULL;
	rt_unlock(&c->lock);
	free(buffer);
	rt_lock(&slab_lock, RT_RANK_SLAB);
	c->link = free_chans;
	free_chans = c;
	rt_unlock(&slab_lock);
}

static RT_NOINLINE void misuse_of_owned(const struct gos_chan *c, const char *operation, void *pc)
{
	static const char *const owners[] = {"program", "gos_after", "timer", "ticker", "context"};
	rt_panic_at(pc, "%s the channel of a %s", operation, owners[c->owner]);
}

void gos_chan_free(gos_chan *c)
{
	void *pc = __builtin_return_address(0);
	if (c == NULL)
		return;
	if (rt_unlikely(c->owner == GOS_CHAN_OF_AFTER)) {
		rt_timer_release(c->timer, "channel", pc);
		return;
	}
	if (rt_unlikely(c->owner != GOS_CHAN_OF_PROGRAM))
		misuse_of_owned(c, "free of", pc);
	rt_lock(&c->lock, RT_RANK_CHAN);
	bool twice = c->closed == RT_CHAN_FREED, awaited = c->recvq.first != NULL || c->sendq.first != NULL;
	rt_unlock(&c->lock);
	if (rt_unlikely(twice || awaited))
		rt_panic_at(pc, twice ? "free of a freed channel" : "free of a channel on which goroutines wait");
	rt_chan_release(c);
}

RT_NOINLINE void rt_chan_misuse(const struct gos_chan *c, const char *operation, void *pc)
{
	rt_panic_at(pc, "%s %s channel", operation, rt_load_relaxed(&c->closed) == RT_CHAN_FREED ? "freed" : "closed");
}

/* ---- send and receive ---- */

/* Steps 1 and 2 of protocol "wait" (park.h) on q, one of c's queues; true when a value has passed. Lock: c's, which it releases. */
RT_INLINE bool wait_in(struct gos_m *mp, struct gos_chan *c, struct gos_waitq *q, void *elem, enum gos_reason reason, void *pc)
{
	struct gos_g *gp = mp->curg;
	struct gos_sudog *sg = &gp->sudog;
	sg->g = gp;
	sg->elem = elem;
	sg->obj = c;
	sg->is_select = 0;
	sg->waitlink = NULL;
	sg->success = false;
	rt_waitq_put(q, sg);
	gp->waiting = sg;
	rt_park(mp, &c->lock, NULL, NULL, reason, c, pc);
	return sg->success;
}

RT_INLINE bool chan_send(struct gos_chan *c, const void *elem, bool block, void *pc)
{
	struct gos_m *mp = rt_m_of_goroutine();

	if (rt_unlikely(c == NULL)) {
		if (!block)
			return false;
		rt_park_forever(GOS_REASON_CHAN_SEND_NIL, pc);
	}
	/* Full and open, without the lock: a try may say so as of a moment ago. */
	if (!block && rt_load_relaxed(&c->closed) == 0 && c->capacity > 0 && rt_load_relaxed(&c->count) == c->capacity)
		return false;

	rt_lock(&c->lock, RT_RANK_CHAN);
	if (rt_unlikely(c->closed != 0)) {
		rt_unlock(&c->lock);
		rt_chan_misuse(c, "send on", pc);
	}
	struct gos_sudog *sg = rt_waitq_take(&c->recvq);
	if (sg != NULL) {
		rt_chan_hand_to_receiver(mp, c, sg, elem);
		return true;
	}
	if (c->count < c->capacity) {
		rt_chan_buffer_put(c, elem);
		rt_chan_sent(c, mp->curg->goid);
		rt_unlock(&c->lock);
		return true;
	}
	if (!block) {
		rt_unlock(&c->lock);
		return false;
	}

	if (rt_unlikely(!wait_in(mp, c, &c->sendq, (void *)elem, GOS_REASON_CHAN_SEND, pc))) /* woken by close */
		rt_chan_misuse(c, "send on", pc);
	return true;
}

/* 1: a value; 0: closed and drained; -1: would block. */
RT_INLINE int chan_recv(struct gos_chan *c, void *elem, bool block, void *pc)
{
	struct gos_m *mp = rt_m_of_goroutine();

	if (rt_unlikely(c == NULL)) {
		if (!block)
			return -1;
		rt_park_forever(GOS_REASON_CHAN_RECV_NIL, pc);
	}
	rt_lock(&c->lock, RT_RANK_CHAN);
	struct gos_sudog *sg = rt_waitq_take(&c->sendq);
	if (sg != NULL) {
		rt_chan_take_from_sender(mp, c, sg, elem);
		return 1;
	}
	if (c->count > 0) {
		rt_chan_buffer_take(c, elem);
		rt_chan_received(c, mp->curg->goid);
		rt_unlock(&c->lock);
		return 1;
	}
	if (c->closed != 0) {
		bool freed = c->closed == RT_CHAN_FREED;
		rt_unlock(&c->lock);
		if (rt_unlikely(freed))
			rt_chan_misuse(c, "receive from", pc);
		if (elem != NULL)
			memset(elem, 0, c->elem_size);
		return 0;
	}
	if (!block) {
		rt_unlock(&c->lock);
		return -1;
	}

	return wait_in(mp, c, &c->recvq, elem, GOS_REASON_CHAN_RECV, pc); /* close has zeroed *elem */
}

void gos_chan_send(gos_chan *c, const void *elem)
{
	chan_send(c, elem, true, __builtin_return_address(0));
}

bool gos_chan_try_send(gos_chan *c, const void *elem)
{
	return chan_send(c, elem, false, __builtin_return_address(0));
}

bool gos_chan_recv(gos_chan *c, void *elem)
{
	return chan_recv(c, elem, true, __builtin_return_address(0)) > 0;
}

bool gos_chan_try_recv(gos_chan *c, void *elem, bool *open)
{
	int got = chan_recv(c, elem, false, __builtin_return_address(0));
	if (open != NULL)
		*open = got != 0;
	return got >= 0;
}

struct gos_g *rt_chan_close_locked(struct gos_chan *c, const struct gos_mark *closer)
{
	struct gos_g *list = NULL, **end = &list;
	struct gos_sudog *sg;

	rt_mark_as(&c->closer, closer);
	rt_store_relaxed(&c->closed, (uint32_t)RT_CHAN_CLOSED);
	while ((sg = rt_waitq_take(&c->recvq)) != NULL) {
		if (sg->elem != NULL)
			memset(sg->elem, 0, c->elem_size);
		sg->g->param = sg;
		*end = sg->g;
		end = &sg->g->link;
	}
	while ((sg = rt_waitq_take(&c->sendq)) != NULL) { /* they panic */
		sg->g->param = sg;
		*end = sg->g;
		end = &sg->g->link;
	}
	*end = NULL;
	return list;
}

void gos_chan_close(gos_chan *c)
{
	struct gos_m *mp = rt_m_of_goroutine();

	if (c == NULL)
		rt_panic_at(__builtin_return_address(0), "close of nil channel");
	if (rt_unlikely(c->owner != GOS_CHAN_OF_PROGRAM))
		misuse_of_owned(c, "close of", __builtin_return_address(0));
	struct gos_mark closer = {mp->curg->goid, __builtin_return_address(0), rt_load_relaxed(&gos_runtime.now)};
	rt_lock(&c->lock, RT_RANK_CHAN);
	if (c->closed != 0) {
		rt_unlock(&c->lock);
		rt_chan_misuse(c, "close of", __builtin_return_address(0));
	}
	struct gos_g *list = rt_chan_close_locked(c, &closer);
	rt_unlock(&c->lock);
	while (list != NULL) {
		struct gos_g *gp = list;
		list = gp->link;
		rt_ready(mp, gp);
	}
}

size_t gos_chan_len(const gos_chan *c)
{
	return c != NULL ? rt_load_relaxed(&c->count) : 0;
}

size_t gos_chan_cap(const gos_chan *c)
{
	return c != NULL ? c->capacity : 0;
}
