/* SPDX-License-Identifier: MIT */
/*
 * sleep.c - waiting for a time. Floor 6.
 *
 * A sleeper's timer lies on its own stack, which is still while it is parked. It is added to the heap once the stack is whole (the park's commit function).
 * Step up: a timer's function, called by the scheduler, returns a goroutine or sends on a channel, without waiting.
 */
#include <errno.h>
#include <stdlib.h>

#include "chan.h"
#include "gossamer.h"
#include "park.h"
#include "throw.h"
#include "timers.h"

static void sleep_commit(struct gos_g *gp, void *arg)
{
	rt_timer_add_sleeper(rt_tls_m->p, ((struct rt_timer *)arg)->when, gp);
}

static int64_t time_after(int64_t ns)
{
	int64_t when;
	return __builtin_add_overflow(rt_now(), ns, &when) ? INT64_MAX - 1 : when;
}

void gos_sleep(int64_t ns)
{
	struct gos_m *mp = rt_m_of_goroutine();
	if (ns <= 0)
		return;
	struct rt_timer t = {.when = time_after(ns)}; /* debuggers find it by wait_obj */
	rt_park(mp, NULL, sleep_commit, &t, GOS_REASON_SLEEP, &t, __builtin_return_address(0));
}

/* The channel has room for the one value that is ever sent on it. */
static struct gos_g *send_time(void *arg)
{
	struct gos_chan *c = arg;
	struct rt_timer *t = c->timer;
	struct gos_g *woken = NULL;
	int64_t now = rt_now();

	rt_lock(&c->lock, RT_RANK_CHAN);
	struct gos_sudog *sg = c->closed == 0 ? rt_waitq_take(&c->recvq) : NULL;
	if (sg != NULL) {
		if (sg->elem != NULL)
			rt_chan_copy(c, sg->elem, &now);
		sg->success = true;
		woken = sg->g;
		woken->param = sg;
	} else if (c->closed == 0 && c->count < c->capacity) {
		rt_chan_buffer_put(c, &now);
	}
	rt_unlock(&c->lock);
	rt_store_release(&t->arg, (void *)NULL); /* gos_chan_free waits for this: c and t are not touched after it */
	return woken;
}

gos_chan *gos_after(int64_t ns)
{
	struct gos_m *mp = rt_m_of_goroutine();
	gos_chan *c = gos_chan_make_at(sizeof(int64_t), 1, "int64_t", "gos_after", 0);
	struct rt_timer *t = calloc(1, sizeof *t);
	if (t == NULL)
		rt_fatal_exhausted("a timer", ENOMEM);
	t->when = time_after(ns > 0 ? ns : 0);
	t->fn = send_time;
	t->arg = c;
	c->timer = t;
	rt_timer_add(mp->p, t);
	return c;
}
