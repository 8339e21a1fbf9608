/* SPDX-License-Identifier: MIT */
/*
 * runq.h - a P's queues of runnable goroutines. Floor 3.
 *
 * A ring with head and tail counters that only grow, but for the owner's momentary step back of the tail. The owner
 * puts at the tail and takes from either end; thieves take one at a time from the head, with a compare-and-swap.
 *
 * Taking from the tail is Chase and Lev's deque (SPAA 2005; memory orders after Le et al., PPoPP 2013): announce the step back, fence, then look at the head.
 * A thief that takes several with one compare-and-swap, as Go's do, would race with it: between the thief's two loads
 * the owner can take from the tail what the thief is about to count as his.
 *
 * Order. New and woken goroutines go to the deque `runq` and the next slot, and the newest runs first: a tree of goroutines is
 * then walked depth first and lives on a few dozen stacks. Those that yield go to `backq`, first in first out. schedule.c bounds how long
 * the back may wait.
 */
#ifndef RT_RUNQ_H
#define RT_RUNQ_H

#include "atomic.h"
#include "flight.h"
#include "state.h"

RT_INLINE uint32_t rt_ring_length(const struct gos_runq *q)
{
	uint32_t head = rt_load_relaxed(&q->head), tail = rt_load_relaxed(&q->tail);
	int32_t n = (int32_t)(tail - head);
	return n < 0 ? 0 : (uint32_t)n;
}

/* False when the ring is full. Owner P only. */
RT_INLINE bool rt_ring_put(struct gos_runq *q, struct gos_g *gp)
{
	uint32_t tail = q->tail;
	if (rt_unlikely(tail - rt_load_acquire(&q->head) >= RT_RUNQ_SIZE)) /* pairs with the takers' compare-and-swap */
		return false;
	rt_store_relaxed(&q->slot[tail % RT_RUNQ_SIZE], gp);
	rt_store_release(&q->tail, tail + 1); /* makes the slot visible to rt_ring_take_head */
	return true;
}

/* The oldest, or NULL. Any M. */
RT_INLINE struct gos_g *rt_ring_take_head(struct gos_runq *q)
{
	for (;;) {
		uint32_t head = rt_load_acquire(&q->head);
		rt_fence(); /* pairs with the exchange in rt_ring_take_tail */
		uint32_t tail = rt_load_acquire(&q->tail);
		if ((int32_t)(tail - head) <= 0)
			return NULL;
		struct gos_g *gp = rt_load_relaxed(&q->slot[head % RT_RUNQ_SIZE]);
		if (rt_cas(&q->head, head, head + 1)) /* else a slot that may have been reused */
			return gp;
	}
}

/* The oldest, or NULL, left where it is; a thief may take it at any moment. Owner P only. */
RT_INLINE struct gos_g *rt_ring_head(const struct gos_runq *q)
{
	uint32_t head = rt_load_relaxed(&q->head);
	return head == q->tail ? NULL : q->slot[head % RT_RUNQ_SIZE];
}

/* The oldest, or NULL, for the owner, who needs no fence: nobody else moves the tail. Owner P only. */
RT_INLINE struct gos_g *rt_ring_take_head_owner(struct gos_runq *q)
{
	for (;;) {
		uint32_t head = rt_load_acquire(&q->head);
		if (head == q->tail)
			return NULL;
		struct gos_g *gp = q->slot[head % RT_RUNQ_SIZE];
		if (rt_cas(&q->head, head, head + 1))
			return gp;
	}
}

/* The newest, or NULL. Owner P only. */
RT_INLINE struct gos_g *rt_ring_take_tail(struct gos_runq *q)
{
	uint32_t tail = q->tail, head = rt_load_relaxed(&q->head);
	int32_t length = (int32_t)(tail - head);
	struct gos_g *gp;

	if (length <= 0)
		return NULL;
	if (length == 1) { /* one locked instruction instead of two */
		gp = q->slot[head % RT_RUNQ_SIZE];
		return rt_cas(&q->head, head, head + 1) ? gp : NULL;
	}
	tail--;
	rt_exchange(&q->tail, tail); /* announce, and fence: pairs with the fence in rt_ring_take_head */
	head = rt_load_seq_cst(&q->head);
	length = (int32_t)(tail - head);
	if (rt_likely(length > 0)) { /* thieves cannot get here any more */
		__builtin_prefetch(q->slot[(tail - 1) % RT_RUNQ_SIZE], 1); /* it runs next, and has mostly gone cold */
		return q->slot[tail % RT_RUNQ_SIZE];
	}
	gp = NULL;
	if (length == 0) { /* thieves took the others: race them for the last */
		gp = q->slot[tail % RT_RUNQ_SIZE];
		if (!rt_cas(&q->head, head, head + 1))
			gp = NULL;
	}
	rt_store_release(&q->tail, tail + 1);
	return gp;
}

/* To the newest end; half of a full deque goes to the global queue. Owner P only. */
void rt_runq_put(struct gos_p *pp, struct gos_g *gp);
/* To the next slot, whose occupant goes to the deque. Owner P only. */
void rt_runq_put_next(struct gos_p *pp, struct gos_g *gp);
/*
 * Tells the flight recorder once more who is in the next slot, for a PARK_NEXT: when others have been made ready that do not go there, and where many events can follow one another
 * without any READY, which would push his out of the ring. Who is stolen or gone by now, nobody asks for. Owner P only.
 */
RT_INLINE void rt_runq_say_next(struct gos_p *pp)
{
	const struct gos_g *next = rt_load_relaxed(&pp->runnext);
	if (GOS_RECORD && rt_unlikely(next != NULL))
		rt_flight(pp, GOS_FLIGHT_NEXT, rt_load_relaxed(&next->goid));
}

/* Behind all others. Owner P only. */
void rt_runq_put_back(struct gos_p *pp, struct gos_g *gp);

/* The next goroutine of this P, NULL when it has none. *readied_last: it is the one that rt_ready took up last on this P. Owner P only. */
RT_INLINE struct gos_g *rt_runq_get_and_tell(struct gos_p *pp, bool *readied_last)
{
	struct gos_g *gp = rt_load_relaxed(&pp->runnext);
	*readied_last = gp != NULL && rt_cas(&pp->runnext, gp, (struct gos_g *)NULL); /* a thief may have been quicker */
	if (*readied_last)
		return gp;
	gp = rt_ring_take_tail(&pp->runq);
	if (gp == NULL)
		gp = rt_ring_take_head_owner(&pp->backq);
	return gp;
}

RT_INLINE struct gos_g *rt_runq_get(struct gos_p *pp)
{
	bool readied_last;
	return rt_runq_get_and_tell(pp, &readied_last);
}

/*
 * Any of those that stand in this P's queues or in the global one, as the dice fall; NULL when there are none. (Where there are more than the P's queues hold,
 * those that came last to the global one wait for their turn to be drawn.) Only with a seed: there is no other P. Owner P only.
 */
struct gos_g *rt_runq_draw(struct gos_p *pp);

/*
 * Takes work from another P for the owner of pp: returns one goroutine and leaves up to half of the rest in pp's queues. A goroutine that is alone in
 * its queue is left to its owner, who is about to run it, unless `patient` says that the caller has seen it wait. Owner of pp only.
 */
struct gos_g *rt_runq_steal(struct gos_p *pp, struct gos_p *from, bool patient);

/* Could rt_runq_steal take something, now or after waiting? Any M. */
bool rt_runq_stealable(const struct gos_p *pp, bool patient);

#endif
