/* SPDX-License-Identifier: MIT */
/*
 * runq.c - putting goroutines into a P's queues, and stealing them. Floor 3. The protocol is in runq.h.
 */
#include "runq.h"

#include "machine.h"

#define STEAL_MAX 64 /* goroutines moved by one steal, each with its own compare-and-swap */

static RT_NOINLINE void overflow(struct gos_p *pp, struct gos_g *gp)
{
	struct gos_g *first = gp, *last = gp;
	uint32_t n = 1;

	/* The oldest half, so that the goroutines that were put together stay together, and the newest goes with them as in Go. */
	for (uint32_t i = 0; i < RT_RUNQ_SIZE / 2; i++) {
		struct gos_g *old = rt_ring_take_head_owner(&pp->runq);
		if (old == NULL)
			break;
		if (first == gp)
			first = old;
		else
			last->link = old;
		last = old;
		n++;
	}
	if (first != gp)
		last->link = gp;
	gp->link = NULL;
	rt_globq_put_list(first, gp, n);
}

void rt_runq_put(struct gos_p *pp, struct gos_g *gp)
{
	if (rt_unlikely(!rt_ring_put(&pp->runq, gp)))
		overflow(pp, gp);
}

void rt_runq_put_next(struct gos_p *pp, struct gos_g *gp)
{
	if (rt_load_relaxed(&pp->runnext) == NULL) { /* thieves only take away: a store is enough */
		rt_store_release(&pp->runnext, gp);
		return;
	}
	gp = rt_exchange(&pp->runnext, gp);
	if (gp != NULL)
		rt_runq_put(pp, gp);
}

void rt_runq_put_back(struct gos_p *pp, struct gos_g *gp)
{
	if (rt_unlikely(!rt_ring_put(&pp->backq, gp))) {
		gp->link = NULL;
		rt_globq_put_list(gp, gp, 1);
	}
}

/* Slot i of the two rings, as if they were one. */
static struct gos_g **slot_of(struct gos_p *pp, uint32_t i)
{
	uint32_t n = rt_ring_length(&pp->runq);
	struct gos_runq *q = i < n ? &pp->runq : &pp->backq;
	return &q->slot[(q->head + (i < n ? i : i - n)) % RT_RUNQ_SIZE];
}

struct gos_g *rt_runq_draw(struct gos_p *pp)
{
	struct gos_g *gp = rt_exchange(&pp->runnext, (struct gos_g *)NULL);
	if (gp != NULL)
		rt_runq_put(pp, gp);
	while (rt_ring_length(&pp->runq) < RT_RUNQ_SIZE && (gp = rt_globq_get(pp)) != NULL)
		rt_runq_put(pp, gp);

	uint32_t n = rt_ring_length(&pp->runq) + rt_ring_length(&pp->backq), chosen = 0;
	uint64_t most = 0;
	if (n == 0)
		return NULL;
	for (uint32_t i = 0; i < rt_seed.rivals; i++) {
		uint32_t rival = rt_seed_below(n);
		uint64_t favour = rt_seed_favour((*slot_of(pp, rival))->goid);
		if (favour >= most) {
			most = favour;
			chosen = rival;
		}
	}
	rt_seed_chosen();
	/* It changes places with the oldest of its ring, which then leaves as always. */
	bool back = chosen >= rt_ring_length(&pp->runq);
	struct gos_g **slot = slot_of(pp, chosen), **oldest = slot_of(pp, back ? rt_ring_length(&pp->runq) : 0);
	gp = *slot;
	rt_store_relaxed(slot, *oldest);
	rt_store_relaxed(oldest, gp);
	return rt_ring_take_head_owner(back ? &pp->backq : &pp->runq);
}

bool rt_runq_stealable(const struct gos_p *pp, bool patient)
{
	uint32_t least = patient ? 1 : 2;
	if (rt_ring_length(&pp->runq) >= least || rt_ring_length(&pp->backq) >= least)
		return true;
	return patient && rt_load_relaxed(&pp->runnext) != NULL;
}

static struct gos_g *steal_ring(struct gos_p *pp, struct gos_runq *from, struct gos_runq *to, bool patient)
{
	uint32_t length = rt_ring_length(from);
	if (length < (patient ? 1u : 2u))
		return NULL;
	struct gos_g *gp = rt_ring_take_head(from);
	if (gp == NULL)
		return NULL;
	uint32_t half = length / 2 < STEAL_MAX ? length / 2 : STEAL_MAX;
	for (uint32_t taken = 1; taken < half; taken++) {
		struct gos_g *more = rt_ring_take_head(from);
		if (more == NULL)
			break;
		if (!rt_ring_put(to, more)) {
			rt_runq_put(pp, more);
			break;
		}
	}
	return gp;
}

struct gos_g *rt_runq_steal(struct gos_p *pp, struct gos_p *from, bool patient)
{
	struct gos_g *gp = steal_ring(pp, &from->runq, &pp->runq, patient);
	if (gp == NULL)
		gp = steal_ring(pp, &from->backq, &pp->backq, patient);
	if (gp == NULL && patient) {
		gp = rt_load_acquire(&from->runnext); /* pairs with rt_runq_put_next */
		if (gp != NULL && !rt_cas(&from->runnext, gp, (struct gos_g *)NULL))
			gp = NULL;
	}
	if (gp != NULL) {
		rt_count(&pp->steals);
		rt_flight(pp, GOS_FLIGHT_STEAL, from->id);
	}
	return gp;
}
