/* SPDX-License-Identifier: MIT */
/*
 * select.c - waiting on several channels at once. Floor 6. After Go's selectgo.
 *
 * All channels are locked, in address order (rank CHAN, which nests in that order), while the cases are looked at in a random order; if none is ready
 * a sudog for each goes into its channel's queue and all locks are released once the goroutine is parked. Whoever then wins the compare-and-swap on
 * g->select_done may wake it; it takes its other sudogs out again under all locks.
 */
#include <errno.h>
#include <stdlib.h>

#include "chan.h"
#include "sudog.h"

#define ON_STACK 16 /* cases whose order is worked out without malloc */
#define CASES_MAX 65535

struct order {
	uint16_t *poll; /* the order of looking: random */
	uint16_t *lock; /* the order of locking: by the channels' addresses, cases of one channel at random: while the goroutine waits, the first of them is served */
	int locked;     /* how many of `lock` are */
	void *memory;   /* that the two are in, from malloc; NULL: they are on the stack */
};

/* Whatever ends the select, a panic too: the goroutine may recover and go on. */
static void order_free(const struct order *o)
{
	if (rt_unlikely(o->memory != NULL))
		free(o->memory);
}

/* A channel that stands in several cases is locked once: by the first of its run in `lock`. */
static bool first_of_run(const struct gos_case *cases, const struct order *o, int i)
{
	return i == 0 || cases[o->lock[i]].chan != cases[o->lock[i - 1]].chan;
}

static void lock_all(const struct gos_case *cases, const struct order *o)
{
	for (int i = 0; i < o->locked; i++)
		if (first_of_run(cases, o, i))
			rt_lock(&cases[o->lock[i]].chan->lock, RT_RANK_CHAN);
}

static void unlock_all(const struct gos_case *cases, const struct order *o)
{
	for (int i = o->locked; i-- > 0;)
		if (first_of_run(cases, o, i))
			rt_unlock(&cases[o->lock[i]].chan->lock);
}

/*
 * On the next stack. The sudogs are linked in lock order. Once the last lock is released the goroutine may be running and reusing them: each is read
 * before its channel's lock is released.
 */
static void select_commit(struct gos_g *gp, void *arg)
{
	(void)arg;
	struct gos_sudog *sg = gp->waiting;
	while (sg != NULL) {
		struct gos_chan *c = sg->obj;
		do
			sg = sg->waitlink;
		while (sg != NULL && sg->obj == c);
		rt_unlock(&c->lock);
	}
}

static uint32_t random_below(struct gos_p *pp, uint32_t n)
{
	return (uint32_t)((uint64_t)rt_random(pp) * n >> 32);
}

/* Is a to be locked before b? Cases of one channel in no order, but with a seed in one that does not depend on where other channels have their addresses. */
RT_INLINE bool comes_before(const struct gos_case *cases, uint16_t a, uint16_t b, uint32_t salt)
{
	if (rt_likely(cases[a].chan != cases[b].chan))
		return cases[a].chan < cases[b].chan;
	uint32_t x = (a ^ salt) * 0x9e3779b1u, y = (b ^ salt) * 0x9e3779b1u; /* different cases stay different */
	return salt != 0 && (x ^ x >> 16) * 0x85ebca6bu < (y ^ y >> 16) * 0x85ebca6bu;
}

/* Before lock[at] stand cases of the channel that is to come there: makes room for it anywhere among them. */
static RT_NOINLINE int among_same(struct gos_p *pp, const struct gos_case *cases, uint16_t *lock, int at)
{
	int same = 1;
	while (same < at && cases[lock[at - 1 - same]].chan == cases[lock[at - 1]].chan)
		same++;
	int to = at - (int)random_below(pp, (uint32_t)same + 1);
	lock[at] = lock[to];
	return to;
}

static void make_order(struct gos_p *pp, const struct gos_case *cases, int n, struct order *o)
{
	uint16_t *poll = o->poll, *lock = o->lock;
	int polled = 0;

	for (int i = 0; i < n; i++) {
		const struct gos_chan *c = cases[i].chan;
		if (c == NULL)
			continue;
		int at = polled++, j = (int)random_below(pp, (uint32_t)at + 1);
		poll[at] = poll[j];
		poll[j] = (uint16_t)i;
		if (n > ON_STACK)
			continue;
		for (; at > 0; at--) { /* insertion: a few cases, mostly in order already */
			const struct gos_chan *before = cases[lock[at - 1]].chan;
			if (before <= c) {
				if (rt_unlikely(before == c))
					at = among_same(pp, cases, lock, at);
				break;
			}
			lock[at] = lock[at - 1];
		}
		lock[at] = (uint16_t)i;
	}
	o->locked = polled;
	if (n <= ON_STACK)
		return;
	uint32_t salt = rt_seeded() ? rt_random(pp) : 0; /* which is never 0 */
	/* Heap sort: no memory, no recursion on a small stack. What is equal stays in an order as random as that which it begins with. */
	memcpy(lock, poll, (size_t)polled * sizeof *lock);
	for (int start = polled / 2 - 1, end = polled; end > 1;) {
		uint16_t moving;
		if (start >= 0) {
			moving = lock[start];
		} else {
			moving = lock[--end];
			lock[end] = lock[0];
		}
		int hole = start >= 0 ? start : 0, child;
		while ((child = 2 * hole + 1) < end) {
			if (child + 1 < end && comes_before(cases, lock[child], lock[child + 1], salt))
				child++;
			if (!comes_before(cases, moving, lock[child], salt))
				break;
			lock[hole] = lock[child];
			hole = child;
		}
		lock[hole] = moving;
		start = start >= 0 ? start - 1 : start;
	}
}

/* Looks at the cases, in order; does the first that is ready, unlocks all, and returns its index; or -1, all still locked. */
static int do_ready_case(struct gos_m *mp, struct gos_case *cases, const struct order *o, void *pc)
{
	uint64_t goid = mp->curg->goid;

	for (int i = 0; i < o->locked; i++) {
		int index = o->poll[i];
		struct gos_case *k = &cases[index];
		struct gos_chan *c = k->chan;
		struct gos_sudog *sg;

		if (k->dir == GOS_DIR_SEND) {
			if (c->closed != 0) {
				unlock_all(cases, o);
				order_free(o);
				rt_chan_misuse(c, "send on", pc);
			}
			sg = rt_waitq_take(&c->recvq);
			if (sg != NULL) {
				struct gos_g *gp = sg->g;
				if (sg->elem != NULL)
					rt_chan_copy(c, sg->elem, k->elem);
				rt_chan_passed(c, goid, gp->goid);
				sg->success = true;
				gp->param = sg;
				unlock_all(cases, o);
				rt_ready(mp, gp);
				return index;
			}
			if (c->count < c->capacity) {
				rt_chan_buffer_put(c, k->elem);
				rt_chan_sent(c, goid);
				unlock_all(cases, o);
				return index;
			}
			continue;
		}
		sg = rt_waitq_take(&c->sendq);
		if (sg != NULL) {
			struct gos_g *gp = sg->g;
			if (c->capacity == 0) {
				if (k->elem != NULL)
					rt_chan_copy(c, k->elem, sg->elem);
			} else {
				rt_chan_buffer_take(c, k->elem);
				rt_chan_buffer_put(c, sg->elem);
			}
			rt_chan_passed(c, gp->goid, goid);
			sg->success = true;
			gp->param = sg;
			unlock_all(cases, o);
			k->ok = true;
			rt_ready(mp, gp);
			return index;
		}
		if (c->count > 0) {
			rt_chan_buffer_take(c, k->elem);
			rt_chan_received(c, goid);
			unlock_all(cases, o);
			k->ok = true;
			return index;
		}
		if (c->closed != 0) {
			bool freed = c->closed == RT_CHAN_FREED;
			unlock_all(cases, o);
			if (freed) {
				order_free(o);
				rt_chan_misuse(c, "receive from", pc);
			}
			if (k->elem != NULL)
				memset(k->elem, 0, c->elem_size);
			k->ok = false;
			return index;
		}
	}
	return -1;
}

static int do_select(struct gos_case *cases, int n, bool block, void *pc)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct gos_g *gp = mp->curg;
	uint16_t space[2 * ON_STACK];
	struct order o = {.poll = space, .lock = space + ON_STACK};

	if (n < 0 || n > CASES_MAX)
		rt_panic_at(pc, "gos_select: %d cases; at most %d are possible", n, CASES_MAX);
	for (int i = 0; i < n; i++)
		if (cases[i].chan != NULL && cases[i].dir != GOS_DIR_SEND && cases[i].dir != GOS_DIR_RECV)
			rt_panic_at(pc, "gos_select: case %d is neither a send nor a receive", i);
	if (n > ON_STACK) {
		o.memory = malloc(2 * (size_t)n * sizeof *o.poll);
		if (o.memory == NULL)
			rt_fatal_exhausted("a select's order", ENOMEM);
		o.poll = o.memory;
		o.lock = o.poll + n;
		mp = rt_tls_m; /* malloc may be the program's own, and give way */
	}
	make_order(mp->p, cases, n, &o);

	lock_all(cases, &o);
	int chosen = do_ready_case(mp, cases, &o, pc);
	if (chosen >= 0 || !block) {
		if (chosen < 0)
			unlock_all(cases, &o);
		order_free(&o);
		return chosen;
	}
	if (o.locked == 0)
		rt_park_forever(n == 0 ? GOS_REASON_SELECT_NO_CASES : GOS_REASON_SELECT, pc);

	/* Into every queue. */
	struct gos_sudog **end = &gp->waiting;
	for (int i = 0; i < o.locked; i++) {
		struct gos_case *k = &cases[o.lock[i]];
		struct gos_sudog *sg = rt_sudog_get(mp->p);
		sg->g = gp;
		sg->elem = k->elem;
		sg->obj = k->chan;
		sg->is_select = 1;
		sg->case_index = o.lock[i];
		sg->case_dir = (uint8_t)k->dir;
		sg->success = false;
		sg->waitlink = NULL;
		*end = sg;
		end = &sg->waitlink;
		rt_waitq_put(k->dir == GOS_DIR_SEND ? &k->chan->sendq : &k->chan->recvq, sg);
	}
	struct gos_sudog *list = gp->waiting;
	gp->param = NULL;
	rt_store_relaxed(&gp->select_done, 0u);
	mp = rt_park(mp, NULL, select_commit, NULL, GOS_REASON_SELECT, list, pc);

	/* Out of every queue but the one whose sudog fired, which its waker took off. */
	struct gos_sudog *fired = gp->param;
	bool success = false;
	lock_all(cases, &o);
	for (struct gos_sudog *sg = list; sg != NULL; sg = sg->waitlink) {
		struct gos_chan *c = sg->obj;
		if (sg == fired) {
			chosen = sg->case_index;
			success = sg->success;
		} else {
			rt_waitq_remove(sg->case_dir == GOS_DIR_SEND ? &c->sendq : &c->recvq, sg);
		}
	}
	unlock_all(cases, &o);
	while (list != NULL) {
		struct gos_sudog *sg = list;
		list = sg->waitlink;
		sg->g = NULL;
		sg->elem = NULL;
		sg->obj = NULL;
		rt_sudog_put(mp->p, sg);
	}
	order_free(&o);
	if (chosen < 0)
		rt_throw("a select was woken by nobody");
	if (cases[chosen].dir == GOS_DIR_SEND && !success)
		rt_chan_misuse(cases[chosen].chan, "send on", pc);
	cases[chosen].ok = success;
	return chosen;
}

int gos_select(struct gos_case *cases, int n)
{
	return do_select(cases, n, true, __builtin_return_address(0));
}

int gos_select_try(struct gos_case *cases, int n)
{
	return do_select(cases, n, false, __builtin_return_address(0));
}
