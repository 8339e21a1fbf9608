/* SPDX-License-Identifier: MIT */
/*
 * Goal: a wake-up that is lost is found by tests/support/lost.c, whatever it was that the goroutine waited for; and nothing is found where all is well.
 * Method: white box. Each test loses one wake-up, as a runtime with a bug would, and reads what is said of it.
 */
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "chan.h"
#include "gos_test.h"
#include "lost.h"
#include "netpoll.h"
#include "runq.h"
#include "timers.h"

#define PERIOD_MS (200 * GOS_TEST_SLOW)

static int was_found;
static char what_was_found[300];

static void note(const char *text)
{
	snprintf(what_was_found, sizeof what_was_found, "%s", text);
	__atomic_store_n(&was_found, 1, __ATOMIC_RELEASE);
}

static void start(void)
{
	lost_start(&(struct lost_options){.period_ms = PERIOD_MS, .looks = 10, .found = note});
}

/* What is found first must be said of goroutine `goid`, and so. */
static void must_find(uint64_t goid, const char *what)
{
	char begin[60];
	start();
	gos_test_until(&was_found);
	snprintf(begin, sizeof begin, "goroutine %llu [", (unsigned long long)goid);
	if (strncmp(what_was_found, begin, strlen(begin)) != 0 || strstr(what_was_found, what) == NULL)
		ck_abort_msg("\"%s\" is neither of goroutine %d nor \"%s\"", what_was_found, (int)goid, what);
}

static struct gos_g *g_of(uint64_t goid)
{
	for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
		struct gos_g *gp = (struct gos_g *)((char *)gos_runtime.gslabs[i / GOS_G_PER_SLAB] + i % GOS_G_PER_SLAB * sizeof *gp);
		if (gp->goid == goid)
			return gp;
	}
	abort();
}

static void receives(gos_chan *c)
{
	int64_t v;
	gos_chan_recv(c, &v);
}

static void sends(gos_chan *c)
{
	int64_t v = 1;
	gos_chan_send(c, &v);
}

static void selects(gos_chan *a, gos_chan *b)
{
	int64_t v = 1;
	struct gos_case cases[] = {GOS_RECV(a, &v), GOS_SEND(b, &v)};
	gos_select(cases, 2);
}

static struct gos_sudog *take_off(gos_chan *c, struct gos_waitq *q)
{
	rt_lock(&c->lock, RT_RANK_CHAN);
	struct gos_sudog *sg = rt_waitq_take(q);
	rt_unlock(&c->lock);
	expect(sg != NULL);
	return sg;
}

static void put_on(gos_chan *c, struct gos_waitq *q, struct gos_sudog *sg)
{
	rt_lock(&c->lock, RT_RANK_CHAN);
	rt_waitq_put(q, sg);
	rt_unlock(&c->lock);
}

GOS_TEST_WITHIN(lost_receiver_that_was_taken_off_and_forgotten, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 0);
	uint64_t g = go(receives, c);
	gos_test_until_waiting(g, "chan receive");
	take_off(c, &c->recvq);
	must_find(g, "[chan receive] waits on a channel, but stands in no queue of it");
}

GOS_TEST_WITHIN(lost_sender_among_others_that_wait_rightly, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 1);
	int64_t v = 1;
	gos_chan_send(c, &v);
	uint64_t first = go(sends, c);
	gos_test_until_waiting(first, "chan send");
	for (int i = 0; i < 20; i++)
		gos_test_until_waiting(go(sends, c), "chan send");
	take_off(c, &c->sendq);
	must_find(first, "[chan send] waits on a channel, but stands in no queue of it");
}

GOS_TEST_WITHIN(lost_receiver_whose_value_lies_in_the_buffer, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 1);
	int64_t v = 1;
	uint64_t g = go(receives, c);
	gos_test_until_waiting(g, "chan receive");
	rt_lock(&c->lock, RT_RANK_CHAN);
	rt_chan_buffer_put(c, &v);
	rt_unlock(&c->lock);
	must_find(g, "waits to receive from a channel whose buffer has a value");
}

GOS_TEST_WITHIN(lost_sender_for_whom_there_is_room, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 1);
	int64_t v = 1;
	gos_chan_send(c, &v);
	uint64_t g = go(sends, c);
	gos_test_until_waiting(g, "chan send");
	rt_lock(&c->lock, RT_RANK_CHAN);
	rt_chan_buffer_take(c, &v);
	rt_unlock(&c->lock);
	must_find(g, "waits to send on a channel whose buffer has room");
}

GOS_TEST_WITHIN(lost_sender_and_receiver_that_missed_each_other, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 0);
	uint64_t r = go(receives, c);
	gos_test_until_waiting(r, "chan receive");
	struct gos_sudog *sg = take_off(c, &c->recvq);
	gos_test_until_waiting(go(sends, c), "chan send");
	put_on(c, &c->recvq, sg);
	must_find(r, "waits to receive from a channel on which another waits to send");
}

GOS_TEST_WITHIN(lost_receiver_that_close_forgot, 60)
{
	gos_chan *c = gos_chan_make(int64_t, 0);
	uint64_t g = go(receives, c);
	gos_test_until_waiting(g, "chan receive");
	struct gos_sudog *sg = take_off(c, &c->recvq);
	gos_chan_close(c);
	put_on(c, &c->recvq, sg);
	must_find(g, "waits on a channel that is closed");
}

GOS_TEST_WITHIN(lost_select_that_was_won_and_forgotten, 60)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	uint64_t g = go(selects, a, b);
	gos_test_until_waiting(g, "select");
	take_off(b, &b->sendq);
	must_find(g, "[select] waits in a select that another has won, and was not made ready");
}

GOS_TEST_WITHIN(lost_select_with_a_partner, 60)
{
	gos_chan *a = gos_chan_make(int64_t, 0), *b = gos_chan_make(int64_t, 0);
	uint64_t r = go(receives, b);
	gos_test_until_waiting(r, "chan receive");
	struct gos_sudog *sg = take_off(b, &b->recvq);
	uint64_t g = go(selects, a, b);
	gos_test_until_waiting(g, "select");
	put_on(b, &b->recvq, sg);
	must_find(r, "waits to receive from a channel on which another waits to send"); /* it comes first in the table of goroutines */
}

static void acquires(gos_sema *s)
{
	gos_sema_acquire(s);
}

GOS_TEST_WITHIN(lost_waiter_of_a_semaphore_that_has_units, 60)
{
	static gos_sema s;
	uint64_t g = go(acquires, &s);
	gos_test_until_waiting(g, "semacquire");
	__atomic_store_n(&s.units, 1, __ATOMIC_SEQ_CST);
	must_find(g, "[semacquire] waits on a semaphore that has units");
}

static void sleeps(int64_t ns)
{
	gos_sleep(ns);
}

/* Takes the only timer there is out of its heap; false when it is not there yet: it is added a moment after the goroutine can be seen to wait. */
static bool take_out(const struct gos_g *gp)
{
	for (uint32_t i = 0; i < gos_runtime.pcount; i++) {
		struct gos_p *pp = gos_runtime.ps[i];
		rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
		bool found = pp->timers_count == 1 && pp->timers[0].what == ((uintptr_t)gp | RT_SLEEPER);
		if (found) {
			pp->timers_count = 0;
			rt_store_relaxed(&pp->timer_first, INT64_MAX);
		}
		rt_unlock(&pp->timers_lock);
		if (found)
			return true;
	}
	return false;
}

GOS_TEST_WITHIN(lost_sleeper_whose_timer_is_in_no_heap, 60)
{
	uint64_t g = go(sleeps, 2 * GOS_S);
	gos_test_until_waiting(g, "sleep");
	while (!take_out(g_of(g)))
		gos_yield();
	must_find(g, "[sleep] sleeps past its time");
}

/* Somebody took the lock of a P's timers and never lets go: none of them fires. This goroutine must not call the runtime meanwhile. */
GOS_TEST_WITHIN(lost_timers_of_a_p_that_nobody_runs, 60)
{
	struct gos_p *pp = gos_runtime.ps[0];
	int64_t until = gos_now() + 30 * GOS_S * GOS_TEST_SLOW;
	start();
	rt_lock(&pp->timers_lock, RT_RANK_TIMERS);
	int64_t first = pp->timer_first;
	rt_store_relaxed(&pp->timer_first, (int64_t)1);
	while (!__atomic_load_n(&was_found, __ATOMIC_ACQUIRE) && gos_now() < until)
		usleep(1000);
	rt_store_relaxed(&pp->timer_first, first);
	rt_unlock(&pp->timers_lock);
	if (strstr(what_was_found, "P 0: its first timer was due ") == NULL)
		ck_abort_msg("\"%s\"", what_was_found);
}

static void does_nothing(void)
{
}

GOS_TEST_WITHIN(lost_runnable_goroutine_that_is_on_no_queue, 60)
{
	gos_procs(1); /* nobody else may take it */
	while (gos_runtime.ps[0] != rt_tls_m->p)
		gos_yield();
	gos_sleep(20 * GOS_MS); /* a worker that searches has given up by then */
	uint64_t g = go(does_nothing);
	struct gos_g *gp = rt_runq_get(gos_runtime.ps[0]);
	expect(gp != NULL && gp->goid == g);
	must_find(g, "[runnable] is not run, though others are or a P is idle");
}

static void reads(int fd)
{
	char c;
	gos_read(fd, &c, 1);
}

GOS_TEST_WITHIN(lost_reader_of_a_descriptor_that_forgot_it, 60)
{
	int s[2];
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	uint64_t g = go(reads, s[0]);
	gos_test_until_waiting(g, "IO wait");
	struct gos_pollfd *pd = rt_pollfd(s[0]);
	for (struct gos_g *gp = g_of(g); !rt_cas(&pd->rg, gp, RT_POLL_NONE);)
		gos_yield();
	must_find(g, "[IO wait] waits for a descriptor that knows nothing of it");
}

/* Its edge comes while it is not registered, as one does that is taken for an earlier life's. */
GOS_TEST_WITHIN(lost_reader_of_a_descriptor_that_is_ready, 60)
{
	int s[2];
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	uint64_t g = go(reads, s[0]);
	gos_test_until_waiting(g, "IO wait");
	struct gos_pollfd *pd = rt_pollfd(s[0]);
	rt_store_release(&pd->sequence, pd->sequence + 1);
	expect_eq(send(s[1], "x", 1, 0), 1);
	must_find(g, "[IO wait] waits for a descriptor that is ready");
}

static bool stands_still(char *text, size_t size)
{
	static int looks;
	snprintf(text, size, "somebody stands still");
	return ++looks == 3;
}

GOS_TEST_WITHIN(lost_asks_the_program_too, 60)
{
	lost_start(&(struct lost_options){.period_ms = 10, .looks = 1000000, .also = stands_still, .found = note});
	gos_test_until(&was_found);
	expect(strcmp(what_was_found, "somebody stands still") == 0);
}

/* ---- where all is well ---- */

static void nil(int how)
{
	struct gos_case cases[] = {GOS_RECV(NULL, NULL), GOS_SEND(NULL, NULL)};
	if (how == 0)
		gos_chan_recv(NULL, NULL);
	gos_select(how == 1 ? cases : NULL, how == 1 ? 2 : 0);
}

static void both_ways(gos_chan *c)
{
	int64_t v = 1;
	struct gos_case cases[] = {GOS_RECV(c, &v), GOS_SEND(c, &v), GOS_RECV(c, &v)};
	gos_select(cases, 3);
}

static void locks(gos_mutex *m)
{
	gos_mutex_lock(m);
}

GOS_TEST_WITHIN(nothing_is_lost_while_goroutines_wait_rightly, 60)
{
	static gos_sema s;
	static gos_mutex m;
	static gos_waitgroup wg;
	gos_chan *empty = gos_chan_make(int64_t, 1), *full = gos_chan_make(int64_t, 1), *other = gos_chan_make(int64_t, 0);
	int64_t v = 1;
	int pair[2];
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
	gos_chan_send(full, &v);
	gos_mutex_lock(&m);
	gos_waitgroup_add(&wg, 1);
	for (int i = 0; i < 3; i++) {
		go(receives, empty);
		go(sends, full);
		go(selects, empty, full);
		go(acquires, &s);
		go(locks, &m);
		go(nil, i);
	}
	go(both_ways, other);
	go(gos_waitgroup_wait, &wg);
	go(reads, pair[0]);
	go(reads, pair[0]); /* this one waits for its turn */
	go(sleeps, 3600 * GOS_S);
	start();
	/* Longer than it takes to find something. */
	for (int64_t until = gos_now() + 15 * PERIOD_MS * GOS_MS; gos_now() < until;)
		gos_sleep(5 * GOS_MS);
	if (was_found)
		ck_abort_msg("it is not lost: %s", what_was_found);
}
