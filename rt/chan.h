/* SPDX-License-Identifier: MIT */
/*
 * chan.h - what chan.c and select.c share: the queues of a channel, and handing a value over. Floor 6.
 */
#ifndef RT_CHAN_H
#define RT_CHAN_H

#include <string.h>

#include "park.h"

#define RT_CHAN_CLOSED 1
#define RT_CHAN_FREED 2 /* in c->closed: so that the check for closed finds it, at no cost */

RT_INLINE void rt_chan_copy(const struct gos_chan *c, void *to, const void *from)
{
	if (c->elem_size == 8)
		memcpy(to, from, 8);
	else if (c->elem_size != 0) /* memcpy wants addresses even for nothing */
		memcpy(to, from, c->elem_size);
}

RT_INLINE char *rt_chan_slot(const struct gos_chan *c, uint64_t i)
{
	return c->buffer + i * c->elem_size;
}

RT_INLINE uint64_t rt_chan_after(const struct gos_chan *c, uint64_t i)
{
	return i + 1 == c->capacity ? 0 : i + 1;
}

/* Lock: the channel's, for all of these. */

RT_INLINE void rt_waitq_put(struct gos_waitq *q, struct gos_sudog *sg)
{
	sg->next = NULL;
	sg->prev = q->last;
	if (q->last != NULL)
		q->last->next = sg;
	else
		q->first = sg;
	q->last = sg;
}

RT_INLINE void rt_waitq_remove(struct gos_waitq *q, struct gos_sudog *sg)
{
	if (sg->prev == NULL && sg->next == NULL && q->first != sg)
		return; /* a waker has taken it off already */
	if (sg->prev != NULL)
		sg->prev->next = sg->next;
	else
		q->first = sg->next;
	if (sg->next != NULL)
		sg->next->prev = sg->prev;
	else
		q->last = sg->prev;
	sg->next = sg->prev = NULL;
}

/* The longest waiting, or NULL. A goroutine in a select that somebody else has already woken is passed over. */
RT_INLINE struct gos_sudog *rt_waitq_take(struct gos_waitq *q)
{
	for (;;) {
		struct gos_sudog *sg = q->first;
		if (sg == NULL)
			return NULL;
		q->first = sg->next;
		if (sg->next != NULL)
			sg->next->prev = NULL;
		else
			q->last = NULL;
		sg->next = sg->prev = NULL;
		if (sg->is_select && !rt_cas(&sg->g->select_done, 0u, 1u))
			continue;
		return sg;
	}
}

/* The record: a goroutine has sent a value, received one, handed one to another. */

RT_INLINE void rt_chan_sent(struct gos_chan *c, uint64_t sender)
{
	if (GOS_RECORD) {
		rt_store_relaxed(&c->sender, sender);
		rt_store_relaxed(&c->sent_at, rt_load_relaxed(&gos_runtime.now));
	}
}

RT_INLINE void rt_chan_received(struct gos_chan *c, uint64_t receiver)
{
	if (GOS_RECORD) {
		rt_store_relaxed(&c->receiver, receiver);
		rt_store_relaxed(&c->received_at, rt_load_relaxed(&gos_runtime.now));
	}
}

RT_INLINE void rt_chan_passed(struct gos_chan *c, uint64_t sender, uint64_t receiver)
{
	if (GOS_RECORD) {
		int64_t now = rt_load_relaxed(&gos_runtime.now);
		rt_store_relaxed(&c->sender, sender);
		rt_store_relaxed(&c->receiver, receiver);
		rt_store_relaxed(&c->sent_at, now);
		rt_store_relaxed(&c->received_at, now);
	}
}

/* Sends *elem to the waiting receiver sg, unlocks c, makes the receiver ready. */
RT_INLINE void rt_chan_hand_to_receiver(struct gos_m *mp, struct gos_chan *c, struct gos_sudog *sg, const void *elem)
{
	struct gos_g *gp = sg->g;
	if (sg->elem != NULL)
		rt_chan_copy(c, sg->elem, elem);
	rt_chan_passed(c, mp->curg->goid, gp->goid);
	sg->success = true;
	gp->param = sg;
	rt_unlock(&c->lock);
	rt_ready(mp, gp);
}

/* Receives into *elem while the sender sg waits: from it, or from the full buffer, whose free slot it then fills. Unlocks c, makes the sender ready. */
RT_INLINE void rt_chan_take_from_sender(struct gos_m *mp, struct gos_chan *c, struct gos_sudog *sg, void *elem)
{
	struct gos_g *gp = sg->g;
	if (c->capacity == 0) {
		if (elem != NULL)
			rt_chan_copy(c, elem, sg->elem);
	} else {
		char *slot = rt_chan_slot(c, c->recvx);
		if (elem != NULL)
			rt_chan_copy(c, elem, slot);
		rt_chan_copy(c, slot, sg->elem);
		c->recvx = rt_chan_after(c, c->recvx);
		c->sendx = c->recvx;
	}
	rt_chan_passed(c, gp->goid, mp->curg->goid);
	sg->success = true;
	gp->param = sg;
	rt_unlock(&c->lock);
	rt_ready(mp, gp);
}

RT_INLINE void rt_chan_buffer_put(struct gos_chan *c, const void *elem)
{
	rt_chan_copy(c, rt_chan_slot(c, c->sendx), elem);
	c->sendx = rt_chan_after(c, c->sendx);
	rt_store_relaxed(&c->count, c->count + 1);
}

RT_INLINE void rt_chan_buffer_take(struct gos_chan *c, void *elem)
{
	if (elem != NULL)
		rt_chan_copy(c, elem, rt_chan_slot(c, c->recvx));
	c->recvx = rt_chan_after(c, c->recvx);
	rt_store_relaxed(&c->count, c->count - 1);
}

/* Closes c, for the record in the name of *closer, and takes off all who wait: the list, by ->link, of those whom the caller makes ready once it has released the
 * lock; one of them may free c as soon as it runs. Lock: c's. */
struct gos_g *rt_chan_close_locked(struct gos_chan *c, const struct gos_mark *closer);

/* Gives c back, whoever it belongs to; nobody waits on it. Any M. */
void rt_chan_release(struct gos_chan *c);

/* The panic of an operation on a channel that is closed for it, or freed. Holding no lock. */
_Noreturn void rt_chan_misuse(const struct gos_chan *c, const char *operation, void *pc);

#endif
