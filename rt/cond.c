/* SPDX-License-Identifier: MIT */
/*
 * cond.c - wait until somebody says that something has changed. Floor 6. After Go's sync.Cond and its notify list.
 *
 * Who waits draws a ticket (`wait`) while he still has the user's lock, then gives that back, then parks. A signal calls the ticket
 * `notify`, so it is for who came first though he may not have got to parking yet: he then finds his ticket called and does not park. So no signal is
 * lost in between, and none goes to one that came after it.
 *
 * Always true, under `lock`: first..last are the sudogs, by next, of those who park, in the order in which they got here, which may
 * differ a little from that of their tickets (sudog.ticket); none of these has been called. Tickets wrap around: before() compares them.
 * `called` is who signalled or broadcast last, though nobody may have waited: then it tells of a signal that came too early.
 */
#include "mutex.h"
#include "park.h"
#include "rwmutex.h"

_Static_assert(sizeof(struct rt_lock) == sizeof((gos_cond){0}.lock), "gos_cond.lock is a struct rt_lock");

static struct rt_lock *lock_of(gos_cond *c)
{
	return (struct rt_lock *)&c->lock;
}

/* Of two tickets less than 2^31 apart: did a come earlier? */
static bool before(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b) < 0;
}

/* The caller's lock is held, so that who changes what is waited for and then signals finds this ticket given out. */
static uint32_t draw(gos_cond *c)
{
	return rt_add_fetch(&c->wait, 1u) - 1;
}

RT_INLINE void wait_called(gos_cond *c, uint32_t ticket, void *pc)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_g *gp = mp->curg;
	struct gos_sudog *sg = &gp->sudog;

	rt_lock(lock_of(c), RT_RANK_COND);
	if (before(ticket, c->notify)) {
		rt_unlock(lock_of(c));
		return;
	}
	sg->g = gp;
	sg->obj = c;
	sg->elem = NULL;
	sg->is_select = 0;
	sg->ticket = ticket;
	sg->next = NULL;
	if (c->last == NULL)
		c->first = sg;
	else
		((struct gos_sudog *)c->last)->next = sg;
	c->last = sg;
	gp->waiting = sg;
	rt_park(mp, lock_of(c), NULL, NULL, GOS_REASON_COND_WAIT, c, pc);
}

void gos_cond_wait(gos_cond *c, gos_mutex *m)
{
	void *pc = __builtin_return_address(0);

	rt_m_of_goroutine();
	/* Before a ticket is drawn that nobody would wait with. */
	if (rt_unlikely(!(rt_load_relaxed(&m->state) & RT_MUTEX_LOCKED)))
		rt_fatal_at(pc, "unlock of unlocked mutex");
	uint32_t ticket = draw(c);
	rt_mutex_unlock(m, pc);
	wait_called(c, ticket, pc);
	rt_mutex_lock(m, GOS_REASON_MUTEX_LOCK, m, pc);
}

void gos_cond_wait_rw(gos_cond *c, gos_rwmutex *rw)
{
	void *pc = __builtin_return_address(0);

	rt_m_of_goroutine();
	if (rt_unlikely(rt_load_relaxed(&rw->owner) == 0))
		rt_fatal_at(pc, "unlock of unlocked rwmutex");
	uint32_t ticket = draw(c);
	rt_rwmutex_unlock(rw, pc);
	wait_called(c, ticket, pc);
	rt_rwmutex_lock(rw, pc);
}

void gos_cond_signal(gos_cond *c)
{
	struct gos_m *mp = rt_m_of_goroutine();

	rt_mark(&c->called, mp->curg, __builtin_return_address(0));
	/* Nobody has come since the last signal. Who comes at this moment drew his ticket under the lock, and sees there what was changed before it. */
	if (rt_load_seq_cst(&c->wait) == rt_load_seq_cst(&c->notify))
		return;
	rt_lock(lock_of(c), RT_RANK_COND);
	uint32_t ticket = c->notify;
	if (ticket == rt_load_seq_cst(&c->wait)) {
		rt_unlock(lock_of(c));
		return;
	}
	rt_store_relaxed(&c->notify, ticket + 1);
	struct gos_sudog *sg = c->first, *prev = NULL;
	while (sg != NULL && sg->ticket != ticket) { /* mostly the first */
		prev = sg;
		sg = sg->next;
	}
	if (sg != NULL) { /* else he is on his way here and will find himself called */
		if (prev == NULL)
			c->first = sg->next;
		else
			prev->next = sg->next;
		if (sg->next == NULL)
			c->last = prev;
		sg->next = NULL;
	}
	rt_unlock(lock_of(c));
	if (sg != NULL)
		rt_ready(mp, sg->g);
}

void gos_cond_broadcast(gos_cond *c)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_sudog *last = NULL;

	rt_mark(&c->called, mp->curg, __builtin_return_address(0));
	if (rt_load_seq_cst(&c->wait) == rt_load_seq_cst(&c->notify))
		return;
	rt_lock(lock_of(c), RT_RANK_COND);
	struct gos_sudog *sg = c->first;
	c->first = c->last = NULL;
	rt_store_relaxed(&c->notify, rt_load_seq_cst(&c->wait));
	rt_unlock(lock_of(c));
	/* What is made ready last runs first: so begin with the last, and who came first is the first to have the lock again. */
	while (sg != NULL) {
		struct gos_sudog *next = sg->next;
		sg->next = last;
		last = sg;
		sg = next;
	}
	while (last != NULL) {
		sg = last;
		last = sg->next; /* once it is ready its sudog may wait elsewhere */
		sg->next = NULL;
		rt_ready(mp, sg->g);
	}
}
