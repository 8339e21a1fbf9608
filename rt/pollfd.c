/* SPDX-License-Identifier: MIT */
/*
 * pollfd.c - the record of a descriptor: who uses it, who waits for it, and until when. Floor 2.
 *
 * No lost edge. In a slot: a goroutine sets it from NONE to WAIT before it parks and from WAIT to itself once it is parked; an edge
 * exchanges it for READY. Whichever is second sees the other. On the list: a goroutine is listed before it looks at the descriptor.
 * Who ends a wait by other means (close, deadline) sets his bit in `users` before he makes the edge; who waits sets the slot to WAIT, or lists himself, before he looks at the bits.
 *
 * Lock: pd->lock (rank POLLFD) for the list, the deadlines and the setting of bits; table_lock (rank SLAB) for making records.
 */
#include "pollfd.h"

#include "clock.h"
#include "slab.h"
#include "throw.h"
#include "timers.h"

#define FDS_PER_SLAB 1024
#define FD_LIMIT (64 * 1024 * 1024)

_Static_assert(offsetof(struct gos_pollfd, deadline) == RT_CACHE_LINE, "struct gos_pollfd: what each call touches is one cache line");

uint32_t rt_pollfd_parked;

static struct rt_lock table_lock;
static void **table;

struct gos_pollfd *rt_pollfd(int fd)
{
	if (fd < 0 || fd >= FD_LIMIT)
		return NULL;
	void **directory = rt_load_acquire(&table);
	if (directory != NULL) {
		struct gos_pollfd *slab = rt_load_acquire(&directory[fd / FDS_PER_SLAB]);
		if (rt_likely(slab != NULL && rt_load_acquire(&slab[fd % FDS_PER_SLAB].number) != 0))
			return &slab[fd % FDS_PER_SLAB];
	}
	rt_lock(&table_lock, RT_RANK_SLAB);
	void **made = table;
	struct gos_pollfd *pd = rt_slab_at(&made, (uint64_t)fd, FDS_PER_SLAB, sizeof *pd, "descriptors' records");
	if (rt_load_relaxed(&pd->number) == 0) {
		pd->fd = fd;
		pd->read_turn = pd->write_turn = 1;
		rt_store_release(&pd->number, (uint32_t)fd + 1);
	}
	rt_store_release(&table, made);
	rt_unlock(&table_lock);
	return pd;
}

/* ---- users ---- */

/* Several may find the count at zero, when somebody looked in and left: one of them is the last. */
RT_NOINLINE bool rt_pollfd_last(struct gos_pollfd *pd)
{
	for (;;) {
		uint32_t users = rt_load_acquire(&pd->users);
		if ((users & (RT_FD_CLOSING | RT_FD_FINAL | RT_FD_USERS)) != RT_FD_CLOSING)
			return false;
		if (rt_cas(&pd->users, users, users | RT_FD_FINAL))
			return true;
	}
}

bool rt_pollfd_begin_close(struct gos_pollfd *pd, struct gos_g **woken)
{
	struct gos_g **end = woken;

	*woken = NULL;
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	bool first = (__atomic_fetch_or(&pd->users, RT_FD_CLOSING, __ATOMIC_SEQ_CST) & RT_FD_CLOSING) == 0;
	for (int i = 0; first && i < 2; i++) {
		if (pd->deadline[i].at != 0)
			rt_timer_stop(&pd->deadline[i].timer); /* its function may be on its way: it will find no deadline, or the next life's */
		pd->deadline[i].at = 0;
	}
	rt_unlock(&pd->lock);
	if (!first)
		return false;
	rt_g_append(&end, rt_pollfd_edge(&pd->rg));
	rt_g_append(&end, rt_pollfd_edge(&pd->wg));
	rt_fd_waiters_take(pd, GOS_POLL_READ | GOS_POLL_WRITE, &end);
	return true;
}

void rt_pollfd_next_life(struct gos_pollfd *pd)
{
	/* Who looked in meanwhile is still counted, and will leave. */
	__atomic_fetch_and(&pd->users, RT_FD_USERS, __ATOMIC_SEQ_CST);
}

/* ---- a slot ---- */

struct gos_g *rt_pollfd_edge(struct gos_g **slot)
{
	for (;;) {
		struct gos_g *old = rt_load_acquire(slot);
		if (old == RT_POLL_READY)
			return NULL;
		if (old == RT_POLL_NONE || old == RT_POLL_WAIT) { /* WAIT: rt_pollfd_commit will find the slot changed */
			if (rt_cas(slot, old, RT_POLL_READY))
				return NULL;
		} else if (rt_cas(slot, old, RT_POLL_NONE)) {
			rt_add_fetch(&rt_pollfd_parked, (uint32_t)-1);
			return old;
		}
	}
}

bool rt_pollfd_prepare(struct gos_g **slot)
{
	for (;;) {
		struct gos_g *old = rt_load_acquire(slot);
		if (old == RT_POLL_READY) {
			if (rt_cas(slot, RT_POLL_READY, RT_POLL_NONE))
				return true;
		} else if (old == RT_POLL_NONE) {
			if (rt_cas(slot, RT_POLL_NONE, RT_POLL_WAIT))
				return false;
		} else {
			rt_throw("two goroutines wait for the same direction of one descriptor");
		}
	}
}

bool rt_pollfd_commit(struct gos_g *gp, struct gos_g **slot)
{
	rt_add_fetch(&rt_pollfd_parked, 1); /* before it can be seen in the slot, so that the count never runs below zero */
	if (rt_cas(slot, RT_POLL_WAIT, gp))
		return true;
	rt_add_fetch(&rt_pollfd_parked, (uint32_t)-1);
	rt_cas(slot, RT_POLL_READY, RT_POLL_NONE); /* by an edge: used up */
	return false;
}

void rt_pollfd_cancel(struct gos_g **slot)
{
	if (!rt_cas(slot, RT_POLL_WAIT, RT_POLL_NONE))
		rt_cas(slot, RT_POLL_READY, RT_POLL_NONE);
}

/* ---- the list ---- */

void rt_fd_waiter_enlist(struct rt_fd_waiter *w, int directions)
{
	struct gos_pollfd *pd = w->pd;

	rt_lock(&pd->lock, RT_RANK_POLLFD);
	if (!w->listed) {
		w->directions = directions;
		w->listed = true;
		w->parked = false;
		w->next = pd->waiting;
		rt_store_release(&pd->waiting, w);
	}
	rt_unlock(&pd->lock);
	rt_fence(); /* listed before the look: pairs with the edge, which comes before the poller looks at `waiting` */
}

bool rt_fd_waiter_may_park(struct rt_fd_waiter *w, struct gos_g *gp)
{
	rt_lock(&w->pd->lock, RT_RANK_POLLFD);
	if (!w->listed) {
		rt_unlock(&w->pd->lock);
		return false;
	}
	w->g = gp;
	w->parked = true;
	rt_add_fetch(&rt_pollfd_parked, 1);
	return true;
}

/* Lock: pd->lock, held. *at is w's place. */
static struct gos_g *take_off(struct rt_fd_waiter **at)
{
	struct rt_fd_waiter *w = *at;
	rt_store_relaxed(at, w->next);
	w->listed = false;
	if (!w->parked)
		return NULL;
	rt_add_fetch(&rt_pollfd_parked, (uint32_t)-1);
	return w->g;
}

static struct rt_fd_waiter **place_of(struct rt_fd_waiter *w)
{
	struct rt_fd_waiter **at = &w->pd->waiting;
	while (*at != w)
		at = &(*at)->next;
	return at;
}

void rt_fd_waiter_delist(struct rt_fd_waiter *w)
{
	rt_lock(&w->pd->lock, RT_RANK_POLLFD);
	if (w->listed)
		take_off(place_of(w));
	rt_unlock(&w->pd->lock);
}

struct gos_g *rt_fd_waiter_late(struct rt_fd_waiter *w)
{
	struct gos_pollfd *pd = w->pd;
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	rt_store_relaxed(&w->late, true);
	struct gos_g *gp = w->listed ? take_off(place_of(w)) : NULL;
	rt_unlock(&pd->lock);
	return gp;
}

/* Up to `most` of those who wait in these directions and are parked. Lock: pd->lock, held. */
static void take_waiters(struct gos_pollfd *pd, int directions, uint32_t most, struct gos_g ***end)
{
	for (struct rt_fd_waiter **at = &pd->waiting; *at != NULL && most > 0;) {
		if (((*at)->directions & directions) == 0) {
			at = &(*at)->next;
			continue;
		}
		struct gos_g *gp = take_off(at);
		rt_g_append(end, gp);
		most -= gp != NULL;
	}
}

void rt_fd_waiters_take(struct gos_pollfd *pd, int directions, struct gos_g ***end)
{
	if (rt_load_seq_cst(&pd->waiting) == NULL)
		return;
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	take_waiters(pd, directions, UINT32_MAX, end);
	rt_unlock(&pd->lock);
}

/* ---- deadlines ---- */

/*
 * A timer's function. It may be late: its deadline moved, or was another life's. What counts is the deadline that is set now, by the exact clock, which is never behind the one
 * that timers are run by. It returns one goroutine; who finds that a deadline has passed wakes the others who wait for the same.
 */
static struct gos_g *expire(struct gos_pollfd *pd, int direction)
{
	struct gos_g *gp = NULL, **end = &gp;

	rt_lock(&pd->lock, RT_RANK_POLLFD);
	int64_t at = pd->deadline[direction - 1].at;
	if (at != 0 && at <= rt_now()) {
		__atomic_fetch_or(&pd->users, RT_FD_EXPIRED(direction), __ATOMIC_SEQ_CST);
		gp = rt_pollfd_edge(rt_pollfd_slot(pd, direction));
		if (gp == NULL)
			take_waiters(pd, direction, 1, &end);
	}
	rt_unlock(&pd->lock);
	return gp;
}

static struct gos_g *expire_read(void *arg)
{
	return expire(arg, GOS_POLL_READ);
}

static struct gos_g *expire_write(void *arg)
{
	return expire(arg, GOS_POLL_WRITE);
}

struct gos_g *rt_pollfd_set_deadline(struct gos_pollfd *pd, int directions, int64_t at, struct gos_p *pp, bool *first)
{
	struct gos_g *list = NULL, **end = &list;
	bool over = at != 0 && at <= rt_now();

	*first = false;
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	for (int i = 0; i < 2 && (rt_load_relaxed(&pd->users) & RT_FD_CLOSING) == 0; i++) {
		int direction = i + 1;
		struct rt_deadline *d = &pd->deadline[i];
		if ((directions & direction) == 0)
			continue;
		if (d->at != 0)
			rt_timer_stop(&d->timer);
		d->at = at;
		if (over) {
			__atomic_fetch_or(&pd->users, RT_FD_EXPIRED(direction), __ATOMIC_SEQ_CST);
			rt_g_append(&end, rt_pollfd_edge(rt_pollfd_slot(pd, direction)));
			take_waiters(pd, direction, UINT32_MAX, &end);
			continue;
		}
		__atomic_fetch_and(&pd->users, ~RT_FD_EXPIRED(direction), __ATOMIC_SEQ_CST);
		if (at != 0) {
			d->timer = (struct rt_timer){.when = at, .fn = direction == GOS_POLL_READ ? expire_read : expire_write, .arg = pd};
			*first |= rt_timer_add(pp, &d->timer);
		}
	}
	rt_unlock(&pd->lock);
	return list;
}
