/* SPDX-License-Identifier: MIT */
/*
 * processor.c - Ps: idle ones, how many there are, and the global queue that belongs to none. Floor 3.
 *
 * A P is in exactly one place: the idle list, an M's `p`, the hands of an M being woken (`next_p`), SYSCALL and within anybody's reach, or,
 * beyond GOSMAXPROCS, retired and empty. Locks: sched.lock (rank SCHED).
 */
#include "fresh.h"
#include "machine.h"
#include "runq.h"
#include "slab.h"
#include "timers.h"

struct rt_sched rt_sched;

struct gos_p *rt_p_take_idle(void)
{
	struct gos_p *pp = rt_sched.idle_ps;
	if (pp != NULL) {
		rt_sched.idle_ps = pp->link;
		pp->link = NULL;
		rt_store_relaxed(&rt_sched.idle_p_count, rt_sched.idle_p_count - 1);
	}
	return pp;
}

void rt_p_put_idle(struct gos_p *pp)
{
	if (pp->id >= rt_sched.nprocs) {
		rt_store_relaxed(&pp->status, (uint32_t)GOS_P_RETIRED);
		return;
	}
	rt_store_relaxed(&pp->status, (uint32_t)GOS_P_IDLE);
	pp->seldom = 1; /* times.h: who runs here next does so after a pause */
	pp->link = rt_sched.idle_ps;
	rt_sched.idle_ps = pp;
	rt_store_relaxed(&rt_sched.idle_p_count, rt_sched.idle_p_count + 1);
}

void rt_p_acquire(struct gos_m *mp, struct gos_p *pp)
{
	rt_store_release(&pp->m, mp); /* sysmon finds an M whose fields are set */
	rt_store_relaxed(&mp->p, pp);
	rt_fresh_clear(mp);
	rt_store_relaxed(&pp->status, (uint32_t)GOS_P_RUNNING);
	/* 0: its goroutine is to give way, since the P is one too many, or at least to ask the dice. */
	rt_store_relaxed(&mp->go_on, (uint32_t)(pp->id < rt_load_relaxed(&rt_sched.nprocs) && !rt_seeded()));
	if (rt_unlikely(mp->locked_g != NULL))
		pp->ticks_left = 0; /* it runs nothing else: its goroutine switches to g0 when it stops */
}

void rt_p_ask(struct gos_p *pp)
{
	struct gos_m *mp = rt_load_acquire(&pp->m); /* pairs with rt_p_acquire */
	if (mp != NULL)
		rt_store_relaxed(&mp->go_on, 0u); /* Ms are never freed; one that has moved on lets others run for nothing */
}

bool rt_p_acquire_idle(struct gos_m *mp)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct gos_p *pp = rt_p_take_idle();
	rt_unlock(&rt_sched.lock);
	if (pp == NULL)
		return false;
	rt_p_acquire(mp, pp);
	rt_sysmon_look();
	return true;
}

struct gos_p *rt_p_release(struct gos_m *mp)
{
	struct gos_p *pp = mp->p;
	rt_store_relaxed(&mp->p, (struct gos_p *)NULL);
	rt_store_relaxed(&mp->go_on, 0u);
	rt_store_relaxed(&pp->m, (struct gos_m *)NULL);
	return pp;
}

void rt_p_drain(struct gos_p *pp)
{
	struct gos_g *gp;
	while ((gp = rt_runq_get(pp)) != NULL) {
		gp->link = NULL;
		rt_globq_put_list(gp, gp, 1);
	}
	rt_timers_move(pp, gos_runtime.ps[0]);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	while ((gp = pp->gfree) != NULL) {
		pp->gfree = gp->link;
		gp->link = rt_sched.gfree;
		rt_sched.gfree = gp;
		rt_sched.gfree_count++;
	}
	pp->gfree_count = 0;
	rt_unlock(&rt_sched.lock);
}

static struct gos_p *p_new(uint32_t id)
{
	struct gos_p *pp = rt_map(sizeof *pp, "a P");
	pp->id = id;
	pp->status = GOS_P_RETIRED;
	pp->seldom = 1;
	pp->random = rt_seeded() ? rt_seed_below(UINT32_MAX) + 1 : id * 2654435761u + 1;
	rt_timers_init(pp);
	rt_flight_give(pp);
	return pp;
}

uint32_t rt_procs_set(uint32_t n)
{
	if (n > GOS_P_MAX)
		n = GOS_P_MAX;
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	uint32_t before = rt_sched.nprocs;
	for (uint32_t id = gos_runtime.pcount; id < n; id++) {
		gos_runtime.ps[id] = p_new(id);
		rt_store_release(&gos_runtime.pcount, id + 1); /* observers and thieves read the table without the lock */
	}
	rt_store_relaxed(&rt_sched.nprocs, n);
	/* Idle ones that are now too many leave the list; a running one is drained by its M when that next looks (schedule.c). */
	struct gos_p *idle = rt_sched.idle_ps;
	rt_sched.idle_ps = NULL;
	rt_store_relaxed(&rt_sched.idle_p_count, 0);
	while (idle != NULL) {
		struct gos_p *pp = idle;
		idle = pp->link;
		rt_p_put_idle(pp); /* or retires it */
	}
	for (uint32_t id = 0; id < n; id++) {
		struct gos_p *pp = gos_runtime.ps[id];
		if (rt_load_relaxed(&pp->status) == GOS_P_RETIRED && rt_load_relaxed(&pp->m) == NULL)
			rt_p_put_idle(pp);
	}
	rt_unlock(&rt_sched.lock);
	for (uint32_t id = n; id < gos_runtime.pcount; id++) {
		struct gos_p *pp = gos_runtime.ps[id];
		rt_timers_move(pp, gos_runtime.ps[0]); /* of those that were idle; the others' Ms do it too */
		rt_p_ask(pp);
	}
	return before;
}

/* ---- the global queue ---- */

void rt_globq_put_list_locked(struct gos_g *first, struct gos_g *last, uint32_t n)
{
	if (rt_sched.globq_tail != NULL)
		rt_sched.globq_tail->link = first;
	else
		rt_sched.globq_head = first;
	rt_sched.globq_tail = last;
	rt_store_relaxed(&rt_sched.globq_size, rt_sched.globq_size + n);
}

void rt_globq_put_list(struct gos_g *first, struct gos_g *last, uint32_t n)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	rt_globq_put_list_locked(first, last, n);
	rt_unlock(&rt_sched.lock);
}

struct gos_g *rt_globq_get(struct gos_p *pp)
{
	if (rt_load_relaxed(&rt_sched.globq_size) == 0)
		return NULL;
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	uint32_t n = rt_sched.globq_size / rt_sched.nprocs + 1;
	if (n > RT_RUNQ_SIZE / 2)
		n = RT_RUNQ_SIZE / 2;
	uint32_t room = RT_RUNQ_SIZE - rt_ring_length(&pp->runq);
	if (n > room)
		n = room ? room : 1;
	struct gos_g *first = rt_sched.globq_head, *rest = first;
	uint32_t taken = 0;
	while (taken < n && rest != NULL) {
		rest = rest->link;
		taken++;
	}
	rt_sched.globq_head = rest;
	if (rest == NULL)
		rt_sched.globq_tail = NULL;
	rt_store_relaxed(&rt_sched.globq_size, rt_sched.globq_size - taken);
	rt_unlock(&rt_sched.lock);
	if (taken == 0)
		return NULL;

	/* The oldest runs now. The others go in newest first, so that the deque gives them in the order in which they stood. */
	struct gos_g *batch[RT_RUNQ_SIZE / 2], *gp = first;
	for (uint32_t i = 0; i < taken; i++) {
		batch[i] = gp;
		gp = gp->link;
	}
	for (uint32_t i = taken; i-- > 1;)
		rt_runq_put(pp, batch[i]);
	return first;
}
