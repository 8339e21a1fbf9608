/* SPDX-License-Identifier: MIT */
/*
 * timer.c - the program's timers and tickers. Floor 6.
 *
 * Protocol "fire". A timer's setting is (active, timer.when, period), guarded by its lock. Each of start, stop, reset and free changes all of it, the heap and
 * the channel's buffer at once, under that lock. A worker that finds the timer due has taken it out of the heap before it can take the lock, so the setting may
 * be another one by then: it may have been stopped, set anew, freed, or even belong to another timer, since the records are never given back to the system. So
 * what the worker brings along counts for nothing, and fire() asks under the lock whether *the setting as it now is* is active and due. When it is, fire() ends it (or moves a
 * ticker on), whoever sent the worker; when it is not, nothing has happened. Hence:
 *  - no setting fires twice: the first to see it due ends it;
 *  - none is lost: while it is active it is in a heap, or a worker that took it out is on its way to fire();
 *  - once stop or reset have returned nothing of the setting before can fire, and what it had put into the buffer is taken back.
 *
 * Go orders these by a sequence number that the heap hands to the timer's function, and a lock around the send; asking for the time instead needs no number,
 * and leaves nothing to wait for in stop or free.
 *
 * A function is not called here, on g0: a goroutine is made for it, in the name of who set the timer.
 *
 * Locks: a timer's (rank OWNER), and under it its channel's, and a heap's; slab_lock (rank SLAB) for making and freeing.
 */
#include "timer.h"

#include "chan.h"
#include "netpoll.h"
#include "slab.h"
#include "spawn.h"
#include "timers.h"

#define TIMERS_PER_SLAB 1024
#define LIVE RT_TIMER_LIVE
#define FREED 0x64616564u /* "dead" */

static struct rt_lock slab_lock;
static struct gos_timer *free_timers;
static void **slabs;
static uint64_t made;

/* ---- firing ---- */

/* The time, if somebody waits for it or there is room. Returns who waited. */
static struct gos_g *send_time(struct gos_chan *c, int64_t now)
{
	struct gos_g *woken = NULL;

	rt_lock(&c->lock, RT_RANK_CHAN);
	struct gos_sudog *sg = c->closed == 0 ? rt_waitq_take(&c->recvq) : NULL;
	if (sg != NULL) {
		if (sg->elem != NULL)
			rt_chan_copy(c, sg->elem, &now);
		sg->success = true;
		woken = sg->g;
		woken->param = sg;
		rt_chan_passed(c, 0, woken->goid);
	} else if (c->closed == 0 && c->count < c->capacity) {
		rt_chan_buffer_put(c, &now);
		rt_chan_sent(c, 0);
	}
	rt_unlock(&c->lock);
	return woken;
}

/* Takes back what was sent and not received; was there something? */
static bool drain(struct gos_chan *c)
{
	if (c == NULL)
		return false;
	rt_lock(&c->lock, RT_RANK_CHAN);
	bool sent = c->count > 0;
	if (sent)
		rt_chan_buffer_take(c, NULL);
	rt_unlock(&c->lock);
	return sent;
}

/* The first time after now at which a ticker that was due at `when` is due again. Missed ticks are not made up for. */
static int64_t next_tick(int64_t when, int64_t period, int64_t now)
{
	return __builtin_add_overflow(when + (now - when) / period * period, period, &when) || when == INT64_MAX ? INT64_MAX - 1 : when;
}

/* By timers.c, on g0. */
static struct gos_g *fire(void *arg)
{
	struct gos_timer *t = arg;
	int64_t now = rt_now();

	rt_lock(&t->lock, RT_RANK_OWNER);
	if (!t->active || t->timer.when > now) {
		rt_unlock(&t->lock);
		return NULL;
	}
	rt_timer_stop(&t->timer); /* it may have been set anew, and be due again already */
	if (t->period > 0) {
		t->timer.when = next_tick(t->timer.when, t->period, now);
		rt_timer_add(rt_tls_m->p, &t->timer);
	} else {
		t->active = false;
	}
	if (t->chan != NULL) {
		struct gos_g *gp = send_time(t->chan, now);
		rt_unlock(&t->lock);
		return gp;
	}
	void (*fn)(void *) = t->fn;
	void *fn_arg = t->arg, *pc = t->create_pc;
	uint64_t creator = t->creator;
	rt_unlock(&t->lock);
	rt_go_for(creator, pc, fn, fn_arg);
	return NULL;
}

/* ---- setting ---- */

void rt_timer_tell_poller(int64_t when)
{
	rt_fence(); /* pairs with wait_in_netpoller's: it sees the timer in its second look, or this sees what it waits for */
	if (rt_load_relaxed(&rt_sched.polling) && when < rt_load_relaxed(&rt_sched.poll_until))
		rt_netpoll_break();
}

/* Ends the setting; was it active, or its value not received yet? Lock: t's. */
static bool unset(struct gos_timer *t)
{
	bool was = t->active;
	t->active = false;
	rt_timer_stop(&t->timer);
	return drain(t->chan) || was;
}

/* A new setting, where there is none. Lock: t's, which it releases. */
static void set(struct gos_m *mp, struct gos_timer *t, int64_t ns, void *pc)
{
	int64_t when = rt_time_after(ns);
	t->timer.when = when;
	t->active = true;
	t->creator = mp->curg->goid;
	t->create_pc = pc;
	bool first = rt_timer_add(mp->p, &t->timer);
	rt_unlock(&t->lock);
	if (first)
		rt_timer_tell_poller(when);
}

static void check(const struct gos_timer *t, const char *function, const char *what, void *pc)
{
	if (rt_unlikely(t == NULL || rt_load_relaxed(&t->magic) != LIVE))
		rt_panic_at(pc, "%s: the %s %s", function, what, t == NULL ? "is NULL" : rt_load_relaxed(&t->magic) == FREED ? "was freed" : "is none");
}

/* ---- making and freeing ---- */

static struct gos_timer *start(int64_t ns, int64_t period, void (*fn)(void *), void *arg, enum gos_chan_owner owner, const char *file, int line, void *pc)
{
	rt_m_of_goroutine();
	struct gos_chan *c = fn == NULL ? gos_chan_make_at(sizeof(int64_t), 1, "int64_t", file, line) : NULL;
	struct gos_m *mp = rt_tls_m; /* not before: malloc may be the program's own, and give way */

	rt_lock(&slab_lock, RT_RANK_SLAB);
	struct gos_timer *t = free_timers;
	if (t != NULL)
		free_timers = t->link;
	else
		t = rt_slab_at(&slabs, made++, TIMERS_PER_SLAB, sizeof *t, "timers");
	rt_unlock(&slab_lock);

	if (c != NULL) {
		c->owner = (uint16_t)owner;
		c->timer = t;
	}
	rt_lock(&t->lock, RT_RANK_OWNER); /* a worker may still be on its way to fire() for who had this record before */
	rt_store_relaxed(&t->magic, LIVE);
	t->timer.fn = fire;
	t->timer.arg = t;
	t->chan = c;
	t->fn = fn;
	t->arg = arg;
	t->period = period;
	set(mp, t, ns, pc);
	return t;
}

void rt_timer_release(struct gos_timer *t, const char *what, void *pc)
{
	rt_lock(&t->lock, RT_RANK_OWNER);
	struct gos_chan *c = t->chan;
	bool twice = t->magic != LIVE, awaited = false;
	if (!twice && c != NULL) {
		rt_lock(&c->lock, RT_RANK_CHAN);
		awaited = c->recvq.first != NULL || c->sendq.first != NULL;
		rt_unlock(&c->lock);
	}
	if (rt_unlikely(twice || awaited)) {
		rt_unlock(&t->lock);
		rt_panic_at(pc, twice ? "free of a freed %s" : "free of a %s on which goroutines wait", what);
	}
	rt_store_relaxed(&t->magic, FREED);
	t->active = false;
	rt_timer_stop(&t->timer);
	t->chan = NULL;
	rt_unlock(&t->lock);
	if (c != NULL)
		rt_chan_release(c);
	rt_lock(&slab_lock, RT_RANK_SLAB);
	t->link = free_timers;
	free_timers = t;
	rt_unlock(&slab_lock);
}

/* ---- the door ---- */

struct gos_chan *rt_timer_after(int64_t ns, const char *file, int line)
{
	return start(ns, 0, NULL, NULL, GOS_CHAN_OF_AFTER, file, line, NULL)->chan;
}

gos_timer *gos_timer_start_at(int64_t ns, void (*fn)(void *arg), void *arg, const char *file, int line)
{
	return start(ns, 0, fn, arg, GOS_CHAN_OF_TIMER, file, line, __builtin_return_address(0));
}

gos_chan *gos_timer_chan(gos_timer *t)
{
	check(t, "gos_timer_chan", "timer", __builtin_return_address(0));
	return t->chan;
}

bool gos_timer_stop(gos_timer *t)
{
	rt_m_of_goroutine();
	check(t, "gos_timer_stop", "timer", __builtin_return_address(0));
	rt_lock(&t->lock, RT_RANK_OWNER);
	bool was = unset(t);
	rt_unlock(&t->lock);
	return was;
}

bool gos_timer_reset(gos_timer *t, int64_t ns)
{
	struct gos_m *mp = rt_m_of_goroutine();
	check(t, "gos_timer_reset", "timer", __builtin_return_address(0));
	rt_lock(&t->lock, RT_RANK_OWNER);
	bool was = unset(t);
	set(mp, t, ns, __builtin_return_address(0));
	return was;
}

void gos_timer_free(gos_timer *t)
{
	rt_m_of_goroutine();
	if (t != NULL)
		rt_timer_release(t, "timer", __builtin_return_address(0));
}

static void check_period(int64_t period_ns, const char *function, void *pc)
{
	if (rt_unlikely(period_ns <= 0))
		rt_panic_at(pc, "%s: a period of %lld ns is not positive", function, (long long)period_ns);
}

gos_ticker *gos_ticker_start_at(int64_t period_ns, const char *file, int line)
{
	check_period(period_ns, "gos_ticker_start", __builtin_return_address(0));
	return (gos_ticker *)start(period_ns, period_ns, NULL, NULL, GOS_CHAN_OF_TICKER, file, line, __builtin_return_address(0));
}

gos_chan *gos_ticker_chan(gos_ticker *t)
{
	check(&t->timer, "gos_ticker_chan", "ticker", __builtin_return_address(0));
	return t->timer.chan;
}

void gos_ticker_stop(gos_ticker *t)
{
	rt_m_of_goroutine();
	check(&t->timer, "gos_ticker_stop", "ticker", __builtin_return_address(0));
	rt_lock(&t->timer.lock, RT_RANK_OWNER);
	unset(&t->timer);
	rt_unlock(&t->timer.lock);
}

void gos_ticker_reset(gos_ticker *t, int64_t period_ns)
{
	struct gos_m *mp = rt_m_of_goroutine();
	check(&t->timer, "gos_ticker_reset", "ticker", __builtin_return_address(0));
	check_period(period_ns, "gos_ticker_reset", __builtin_return_address(0));
	rt_lock(&t->timer.lock, RT_RANK_OWNER);
	unset(&t->timer);
	t->timer.period = period_ns;
	set(mp, &t->timer, period_ns, __builtin_return_address(0));
}

void gos_ticker_free(gos_ticker *t)
{
	rt_m_of_goroutine();
	if (t != NULL)
		rt_timer_release(&t->timer, "ticker", __builtin_return_address(0));
}
