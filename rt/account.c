/* SPDX-License-Identifier: MIT */
/*
 * account.c - one sentence that says what is known of a goroutine. Beside the floors.
 *
 * Always true:
 *  - Nothing is stopped, written or locked. A sentence of a goroutine that waits is told of one that has stood still all the while: g->seq is the same at its end
 *    as at its beginning, or it is told again. What others did to its object meanwhile may be older by as much.
 *  - Locks are the program's, and may be gone: they are read by rt_peek. Channels, goroutines and what stands in queues are never given back, so these are read as they are,
 *    never further than a bound.
 *  - Each phrase stands in account.py too, in the same words; tests/gdb/test_account.c compares them.
 */
#include "account.h"

#include <string.h>

#include "atomic.h"
#include "clock.h"
#include "config.h"
#include "depot.h"
#include "dump.h"
#include "flight.h"
#include "label.h"
#include "machine.h"
#include "origin.h"
#include "pollfd.h"
#include "printer.h"
#include "sema.h"
#include "state.h"
#include "symbolize.h"
#include "times.h"
#include "traceback.h"
#include "words.h"

#define ATTEMPTS 20
#define CASES_MAX 8   /* of a select */
#define LINE_MAX 1000 /* in a queue that are counted */
#define LINE_LONG 16  /* from so many on, */
#define LINE_NS (10 * GOS_MS) /* and for so long, what was counted is remembered: no older than what else a sentence says may be */
#define FLIGHTS_MAX 1000 /* runnable goroutines of which it is told who made them so: some 10 us each */
#define DEPTH_MAX 256 /* of a tree that changes under our eyes */

void rt_accounts_begin(struct rt_accounts *accounts, struct rt_printer *out, bool many)
{
	*accounts = (struct rt_accounts){.out = out};
	if (many)
		rt_goids_begin(&accounts->goids, out->report);
}

void rt_accounts_end(struct rt_accounts *accounts)
{
	rt_goids_end(&accounts->goids);
}

/* ---- a goroutine ---- */

static bool is_alive(uint32_t status)
{
	return status != GOS_IDLE && status != GOS_DEAD;
}

RT_READS_WHILE_WRITTEN static bool still(const struct gos_g *gp, const struct gos_g *copy)
{
	rt_fence_acquire();
	return rt_load_relaxed(&gp->seq) == copy->seq && rt_load_relaxed(&gp->status) == copy->status && rt_load_relaxed(&gp->goid) == copy->goid;
}

RT_READS_WHILE_WRITTEN bool rt_account_look(struct gos_g *gp, struct gos_g *copy)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		uint64_t seq = rt_load_acquire(&gp->seq);
		rt_g_copy(copy, gp);
		copy->seq = seq;
		copy->status = rt_load_acquire(&gp->status);
		if (!is_alive(copy->status))
			return false;
		/* While seq is odd, what it waits on may be that of this wait and the reason that of the last. */
		if (still(gp, copy) && (copy->status != GOS_WAITING || (seq & 1) == 0))
			return true;
	}
	copy->status = GOS_RUNNING; /* it changes as fast as this looks */
	copy->wait_obj = NULL;
	copy->waiting = NULL;
	return true;
}

static enum rt_object object_of(const struct gos_g *g)
{
	return g->status == GOS_WAITING && g->wait_obj != NULL ? rt_reason_object(g->reason) : RT_OBJECT_NONE;
}

/* Whether it stands in its first frame. */
static bool never_run(const struct gos_g *g)
{
	uint64_t returns_to;
	return g->status == GOS_RUNNABLE && g->wait_pc == NULL &&
	       rt_peek(&returns_to, g->sched.sp + 8 * (GOS_SAVED_WORDS - 1), sizeof returns_to) == sizeof returns_to &&
	       returns_to == (uint64_t)(uintptr_t)gos_runtime.start_pc;
}

static void put_id(struct rt_accounts *a, uint64_t goid)
{
	if (goid == 0)
		rt_put(a->out, "the runtime");
	else
		rt_put_goroutine(a->out, goid, rt_goids_find(&a->goids, goid));
}

/* entry: of the goroutine whose call it is; NULL: it is not known. */
static void put_at(struct rt_accounts *a, const void *pc, const void *entry)
{
	if (pc == NULL)
		return;
	rt_put(a->out, " at ");
	rt_put_call(a->out, pc, entry);
}

/* The same of a call of goroutine `goid`, which may have ended: mostly so where the pc does not say it all, and it is looked for then alone. */
RT_READS_WHILE_WRITTEN static void put_at_by(struct rt_accounts *a, const void *pc, uint64_t goid)
{
	const struct gos_g *gp = pc != NULL && pc == gos_runtime.entry_return_pc ? rt_goids_find(&a->goids, goid) : NULL;
	const void *entry = gp != NULL ? rt_load_relaxed(&gp->entry) : NULL;
	rt_fence_acquire();
	put_at(a, pc, gp != NULL && rt_load_relaxed(&gp->goid) == goid ? entry : NULL);
}

static int64_t since(int64_t at)
{
	int64_t now = rt_now();
	return now > at ? now - at : 0;
}

static void put_for(struct rt_accounts *a, int64_t at)
{
	rt_put(a->out, " for ");
	rt_put_duration(a->out, since(at));
}

/* ", last released by goroutine 9 "x" 3.2s ago at main (x.c:3)"; nothing if it was never done. */
static void put_mark(struct rt_accounts *a, const char *what, uint64_t goid, int64_t at, const void *pc)
{
	if (at == 0)
		return;
	rt_put(a->out, what);
	put_id(a, goid);
	rt_put(a->out, " ");
	rt_put_duration(a->out, since(at));
	rt_put(a->out, " ago");
	put_at_by(a, pc, goid);
}

/* ---- whose turn it is ---- */

/* Those who stand in the queue that begins with sg; `at` is what they wait for. */
RT_READS_WHILE_WRITTEN static void count_line(struct rt_accounts *a, struct rt_line *line, const void *at, const struct gos_sudog *sg, bool treap)
{
	const struct gos_g *gp = sg != NULL ? rt_load_relaxed(&sg->g) : NULL;
	struct rt_line *seen = &a->lines[((uintptr_t)at * UINT64_C(0x9e3779b97f4a7c15)) >> 40 & (RT_LINES - 1)];
	*line = (struct rt_line){.at = at, .head = sg, .first = gp != NULL ? rt_load_relaxed(&gp->goid) : 0};
	if (sg != NULL && seen->at == at && seen->head == sg && seen->first == line->first && rt_now() - seen->when < LINE_NS) {
		*line = *seen;
		return;
	}
	for (; sg != NULL && line->count < LINE_MAX; line->count++)
		sg = treap ? rt_load_relaxed(&sg->waitlink) : rt_load_relaxed(&sg->next);
	line->more = sg != NULL;
	if (line->count >= LINE_LONG) {
		line->when = rt_now();
		*seen = *line;
	}
}

/* Those who wait on the word `addr`: sema.c. */
RT_READS_WHILE_WRITTEN static void line_at_word(struct rt_accounts *a, struct rt_line *line, const void *addr)
{
	const struct gos_sudog *sg = rt_load_relaxed(&rt_sema_roots[((uintptr_t)addr >> RT_SEMA_SHIFT) % RT_SEMA_ROOTS].treap);
	for (int depth = 0; sg != NULL && depth < DEPTH_MAX; depth++) {
		const void *here = rt_load_relaxed(&sg->elem);
		if (here == addr)
			break;
		sg = (uintptr_t)addr < (uintptr_t)here ? rt_load_relaxed(&sg->prev) : rt_load_relaxed(&sg->next);
	}
	count_line(a, line, addr, sg, true);
}

/* The word that g waits on; NULL: it waits otherwise. */
RT_READS_WHILE_WRITTEN static const void *word_of(const struct gos_g *g)
{
	const struct gos_sudog *sg = g->waiting;
	return sg != NULL ? rt_load_relaxed(&sg->elem) : NULL;
}

RT_READS_WHILE_WRITTEN static void line_of_chan(struct rt_accounts *a, struct rt_line *line, const struct gos_chan *c, bool send)
{
	const struct gos_waitq *queue = send ? &c->sendq : &c->recvq;
	count_line(a, line, queue, rt_load_relaxed(&queue->first), false);
}

/* "; next in line is goroutine 12, of 3 that wait" */
static void put_line(struct rt_accounts *a, const struct gos_g *g, const struct rt_line *line)
{
	if (line->count == 0 || line->first == 0)
		return;
	if (line->first == g->goid) {
		rt_put(a->out, "; it is next in line");
	} else {
		rt_put(a->out, "; next in line is ");
		put_id(a, line->first);
	}
	if (line->count > 1) {
		rt_put(a->out, line->more ? ", of over " : ", of ");
		rt_put_number(a->out, line->count, 10);
		rt_put(a->out, " that wait");
	}
}

/* "; 3 wait for it": those who all go on together. */
static void put_crowd(struct rt_accounts *a, const struct rt_line *line)
{
	if (line->count < 2)
		return;
	rt_put(a->out, line->more ? "; over " : "; ");
	rt_put_number(a->out, line->count, 10);
	rt_put(a->out, " wait for it");
}

static void put_turn(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp)
{
	struct rt_line line;
	const void *word;
	gos_cond cond;
	uint64_t at = (uint64_t)(uintptr_t)g->wait_obj;

	switch (object_of(g)) {
	case RT_OBJECT_CHAN:
		line_of_chan(a, &line, g->wait_obj, g->reason == GOS_REASON_CHAN_SEND);
		put_line(a, g, &line);
		break;
	case RT_OBJECT_COND:
		if (rt_peek(&cond, at, sizeof cond) == sizeof cond && still(gp, g)) { /* else it may be something else by now */
			count_line(a, &line, g->wait_obj, cond.first, false);
			put_line(a, g, &line);
		}
		break;
	case RT_OBJECT_MUTEX:
	case RT_OBJECT_RWMUTEX:
	case RT_OBJECT_ONCE:
	case RT_OBJECT_SEMA:
	case RT_OBJECT_GROUP:
	case RT_OBJECT_FD:
		word = word_of(g);
		if (word == NULL)
			break;
		line_at_word(a, &line, word);
		if (g->reason == GOS_REASON_WAITGROUP_WAIT || g->reason == GOS_REASON_RWMUTEX_RLOCK || g->reason == GOS_REASON_ONCE_DO)
			put_crowd(a, &line);
		else
			put_line(a, g, &line);
		break;
	case RT_OBJECT_SELECT:
	case RT_OBJECT_TIMER:
	case RT_OBJECT_NONE:
		break;
	}
}

/* ---- what it waits for ---- */

static void put_object(struct rt_accounts *a, const struct gos_g *g)
{
	rt_put(a->out, rt_object_word(object_of(g)));
	rt_put(a->out, " ");
	rt_put_address(a->out, g->wait_obj);
}

/* gp, here and below: whose copy g is. */
static void put_doing(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp, const struct rt_frame *at, bool brief);

/* ", and that one has waited 5.0s in IO wait at read_all (config.c:75) for fd 9" */
static void put_that_one(struct rt_accounts *a, uint64_t goid)
{
	struct gos_g *gp = rt_goids_find(&a->goids, goid), copy;
	rt_put(a->out, ", and that one");
	if (gp == NULL || !rt_account_look(gp, &copy) || copy.goid != goid)
		rt_put(a->out, " has ended");
	else
		put_doing(a, &copy, gp, NULL, true);
}

/* Who has a lock. has: "held", or "run" for a once; did: "locked", "called". */
static void put_owner(struct rt_accounts *a, const struct gos_g *g, const gos_mutex *m, uint64_t owner, const char *has, const char *did, bool brief)
{
	if (owner == 0) {
		rt_put(a->out, ", which is free");
		return;
	}
	rt_put(a->out, " that ");
	if (owner == g->goid)
		rt_put(a->out, "it");
	else
		put_id(a, owner);
	rt_put(a->out, " has ");
	rt_put(a->out, has);
	if (owner == g->goid)
		rt_put(a->out, " itself");
	if (m->since != 0)
		put_for(a, m->since);
	if (brief)
		return;
	if (m->since != 0) {
		rt_put(a->out, ", ");
		rt_put(a->out, did);
		put_at_by(a, m->pc, owner);
	}
	if (owner != g->goid)
		put_that_one(a, owner);
}

static void put_rwmutex(struct rt_accounts *a, const struct gos_g *g, const gos_rwmutex *rw, bool brief)
{
	if (rw->owner != 0 || rw->readers >= 0) {
		put_owner(a, g, &rw->writers, rw->owner, "held", "locked", brief);
		return;
	}
	rt_put(a->out, " that ");
	rt_put_count(a->out, rw->leaving > 0 ? (uint64_t)rw->leaving : 0, "reader");
	rt_put(a->out, rw->leaving == 1 ? " holds" : " hold");
	if (brief)
		return;
	put_mark(a, ", last locked for reading by ", rw->reader.goid, rw->reader.at, rw->reader.pc);
	if (rw->writers.owner != 0 && rw->writers.owner != g->goid) {
		rt_put(a->out, ", and ");
		put_id(a, rw->writers.owner);
		rt_put(a->out, " comes first");
		put_that_one(a, rw->writers.owner);
	}
}

static const char *const chan_owners[] = {
	[GOS_CHAN_OF_PROGRAM] = "",
	[GOS_CHAN_OF_AFTER] = ", of gos_after",
	[GOS_CHAN_OF_TIMER] = ", of a timer",
	[GOS_CHAN_OF_TICKER] = ", of a ticker",
	[GOS_CHAN_OF_CONTEXT] = ", of a context",
};

/* " (int, 2 of 4 buffered, made at pipeline.c:33), last sent to by ..." */
RT_READS_WHILE_WRITTEN static void put_chan(struct rt_accounts *a, const struct gos_chan *c, bool brief)
{
	struct rt_printer *p = a->out;
	rt_put(p, rt_object_word(RT_OBJECT_CHAN));
	rt_put(p, " ");
	rt_put_address(p, c);
	if (brief)
		return;
	rt_put(p, " (");
	rt_put_peeked(p, c->elem_type);
	if (c->capacity == 0) {
		rt_put(p, ", unbuffered");
	} else {
		rt_put(p, ", ");
		rt_put_number(p, rt_load_relaxed(&c->count), 10);
		rt_put(p, " of ");
		rt_put_number(p, c->capacity, 10);
		rt_put(p, " buffered");
	}
	if (c->owner < sizeof chan_owners / sizeof *chan_owners)
		rt_put(p, chan_owners[c->owner]);
	if (c->file != NULL) {
		const char *path = rt_printer_peek(p, c->file), *slash = strrchr(path, '/');
		rt_put(p, ", made at ");
		rt_put_inert(p, slash != NULL ? slash + 1 : path, RT_PEEKED);
		rt_put(p, ":");
		rt_put_number(p, c->line, 10);
	}
	rt_put(p, ")");
	put_mark(a, ", last sent to by ", rt_load_relaxed(&c->sender), rt_load_relaxed(&c->sent_at), NULL);
	put_mark(a, ", last received from by ", rt_load_relaxed(&c->receiver), rt_load_relaxed(&c->received_at), NULL);
}

RT_READS_WHILE_WRITTEN static void put_select(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp, bool brief)
{
	struct rt_printer *p = a->out;
	const struct gos_sudog *sg = g->wait_obj;
	uint64_t n = 0;
	for (; sg != NULL && n < LINE_MAX; n++)
		sg = rt_load_relaxed(&sg->waitlink);
	rt_put(p, n == 1 ? " for " : sg != NULL ? " for any of over " : " for any of ");
	rt_put_count(p, n, "channel");
	if (brief)
		return;
	uint64_t i = 0;
	for (sg = g->wait_obj; sg != NULL && i < CASES_MAX; sg = rt_load_relaxed(&sg->waitlink), i++) {
		const struct gos_chan *c = rt_load_relaxed(&sg->obj);
		struct rt_line line;
		if (c == NULL || !still(gp, g))
			return; /* it goes on just now, and will be told again: the sudog may be another's, which waits on something else */
		bool send = sg->case_dir == GOS_DIR_SEND;
		rt_put(p, i == 0 ? ": to " : ", or to ");
		rt_put(p, send ? "send to " : "receive from ");
		put_chan(a, c, false);
		line_of_chan(a, &line, c, send);
		if (line.first != 0 && line.first != g->goid) {
			rt_put(p, ", where next in line is ");
			put_id(a, line.first);
		}
	}
	if (n > CASES_MAX) {
		rt_put(p, ", or ");
		rt_put_number(p, n - CASES_MAX, 10);
		rt_put(p, " more");
	}
}

static void put_fd(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp)
{
	struct rt_printer *p = a->out;
	const struct gos_pollfd *pd = g->wait_obj; /* never given back */
	const void *word = word_of(g);
	rt_put(p, " for ");
	rt_put(p, rt_object_word(RT_OBJECT_FD));
	rt_put(p, " ");
	rt_put_signed(p, pd->fd);
	if (word == &pd->read_turn || rt_load_relaxed(&pd->rg) == gp)
		rt_put(p, " to read");
	else if (word == &pd->write_turn || rt_load_relaxed(&pd->wg) == gp)
		rt_put(p, " to write");
}

static void put_waits_for(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp, bool brief)
{
	struct rt_printer *p = a->out;
	uint64_t at = (uint64_t)(uintptr_t)g->wait_obj;
	gos_mutex m;
	gos_rwmutex rw;
	gos_once once;
	gos_waitgroup wg;
	gos_cond cond;
	gos_sema sema;
	struct rt_timer timer;

	switch (object_of(g)) {
	case RT_OBJECT_NONE:
		return;
	case RT_OBJECT_CHAN:
		rt_put(p, " for ");
		put_chan(a, g->wait_obj, brief);
		return;
	case RT_OBJECT_SELECT:
		put_select(a, g, gp, brief);
		return;
	case RT_OBJECT_FD:
		put_fd(a, g, gp);
		return;
	case RT_OBJECT_TIMER:
		if (rt_peek(&timer, at, sizeof timer) == sizeof timer) {
			int64_t left = timer.when - rt_now();
			rt_put(p, left > 0 ? ", with " : " and is due");
			if (left > 0) {
				rt_put_duration(p, left);
				rt_put(p, " left");
			}
		}
		return;
	case RT_OBJECT_MUTEX:
	case RT_OBJECT_RWMUTEX:
	case RT_OBJECT_ONCE:
	case RT_OBJECT_GROUP:
	case RT_OBJECT_COND:
	case RT_OBJECT_SEMA:
		break;
	}
	rt_put(p, " for ");
	put_object(a, g);
	switch (object_of(g)) {
	case RT_OBJECT_MUTEX:
		if (rt_peek(&m, at, sizeof m) == sizeof m)
			put_owner(a, g, &m, m.owner, "held", "locked", brief);
		break;
	case RT_OBJECT_ONCE:
		if (rt_peek(&once, at, sizeof once) == sizeof once)
			put_owner(a, g, &once.mutex, once.mutex.owner, "run", "called", brief);
		break;
	case RT_OBJECT_RWMUTEX:
		if (rt_peek(&rw, at, sizeof rw) == sizeof rw)
			put_rwmutex(a, g, &rw, brief);
		break;
	case RT_OBJECT_GROUP:
		if (rt_peek(&wg, at, sizeof wg) == sizeof wg) {
			rt_put(p, " with ");
			rt_put_number(p, wg.state >> 32, 10);
			rt_put(p, " to come");
			if (!brief)
				put_mark(a, ", last changed by ", wg.last.goid, wg.last.at, wg.last.pc);
		}
		break;
	case RT_OBJECT_COND:
		if (!brief && rt_peek(&cond, at, sizeof cond) == sizeof cond) {
			if (cond.called.at == 0)
				rt_put(p, ", never signalled");
			put_mark(a, ", last signalled by ", cond.called.goid, cond.called.at, cond.called.pc);
		}
		break;
	case RT_OBJECT_SEMA:
		if (!brief && rt_peek(&sema, at, sizeof sema) == sizeof sema) {
			put_mark(a, ", last acquired by ", sema.acquired.goid, sema.acquired.at, sema.acquired.pc);
			put_mark(a, ", last released by ", sema.released.goid, sema.released.at, sema.released.pc);
		}
		break;
	default:
		break;
	}
}

/* ---- the sentence ---- */

static void put_thread(struct rt_accounts *a, const struct gos_g *g, const char *before)
{
	const struct gos_m *mp = g->m;
	if (mp == NULL)
		return;
	rt_put(a->out, before);
	rt_put_number(a->out, rt_load_relaxed(&mp->tid), 10);
}

/* " has waited 3.2s in sync.Mutex.Lock at serve (srv.c:41) for mutex 0x..." */
static void put_doing(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp, const struct rt_frame *at, bool brief)
{
	struct rt_printer *p = a->out;
	switch (g->status) {
	case GOS_WAITING:
		rt_put(p, " has waited ");
		rt_put_duration(p, since(g->wait_since));
		rt_put(p, " in ");
		rt_put(p, rt_reason_word(g->reason)[0] != 0 ? rt_reason_word(g->reason) : "?");
		put_at(a, g->wait_pc, g->entry);
		put_waits_for(a, g, gp, brief);
		return;
	case GOS_SYSCALL:
		put_thread(a, g, " has blocked thread LWP ");
		put_for(a, g->wait_since);
		rt_put(p, " in ");
		rt_put(p, rt_state_word(g->status));
		put_at(a, g->wait_pc, g->entry);
		return;
	case GOS_RUNNABLE:
		rt_put(p, " has been ");
		rt_put(p, rt_state_word(g->status));
		put_for(a, g->wait_since);
		if (never_run(g)) {
			rt_put(p, " and not begun at ");
			rt_put_entry(p, (uint64_t)(uintptr_t)g->entry);
		} else {
			put_at(a, g->wait_pc, g->entry);
		}
		return;
	default:
		rt_put(p, " is ");
		rt_put(p, rt_state_word(g->status));
		put_thread(a, g, " on thread LWP ");
		if (at != NULL) {
			rt_put(p, " at ");
			if (at->exact)
				rt_put_where(p, at->pc, true);
			else
				rt_put_call(p, (void *)(uintptr_t)at->pc, g->entry);
		}
		return;
	}
}

/* "; in all it ran 1.2s in 3104 runs, was runnable 40ms and waited 5m02s" */
static void put_times(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp)
{
	struct rt_printer *p = a->out;
	struct gos_times times;
	if (!GOS_RECORD || !rt_times_read(gp, g->goid, &times))
		return;
	rt_put(p, "; in all it ran ");
	rt_put_duration(p, times.running);
	rt_put(p, " in ");
	rt_put_count(p, times.runs, "run");
	rt_put(p, ", was ");
	rt_put(p, rt_state_word(GOS_RUNNABLE));
	rt_put(p, " ");
	rt_put_duration(p, times.runnable);
	if (times.in_calls != 0) {
		rt_put(p, ", in ");
		rt_put(p, rt_state_word(GOS_SYSCALL));
		rt_put(p, " ");
		rt_put_duration(p, times.in_calls);
	}
	rt_put(p, " and waited ");
	rt_put_duration(p, times.waiting);
}

RT_READS_WHILE_WRITTEN void rt_put_labels(struct rt_printer *p, const struct gos_g *gp, const char *before)
{
	struct rt_labels_copy labels;
	const char *at = NULL, *key, *value;
	const struct gos_labels *set = rt_load_acquire(&gp->labels);
	if (set == NULL)
		return;
	/* Told before, it could be read then, and sets are never unmapped. */
	if (set == p->labels.set && rt_load_acquire(&set->turn) == p->labels.turn && rt_load_relaxed(&gp->labels) == set) {
		rt_put(p, before);
		rt_put_part(p, p->labels.text, p->labels.size);
		return;
	}
	uint32_t turn = 0, turn_after = 1;
	p->labels.set = NULL;
	rt_peek(&turn, (uint64_t)(uintptr_t)&set->turn, sizeof turn);
	if (!rt_labels_copy(gp, &labels))
		return;
	rt_peek(&turn_after, (uint64_t)(uintptr_t)&set->turn, sizeof turn_after);
	rt_put(p, before);
	if (sizeof p->text - p->used < sizeof p->labels.text && p->limit == 0)
		rt_printer_flush(p, p->report->next);
	size_t from = p->used;
	for (before = ""; rt_labels_next(&labels, &at, &key, &value); before = ", ") {
		rt_put(p, before);
		rt_put_inert(p, key, RT_LABELS_TEXT_MAX);
		rt_put(p, "=");
		rt_put_inert(p, value, RT_LABELS_TEXT_MAX);
	}
	/* All of it, and of one set? */
	if (!p->lost && turn == turn_after && (turn & 1) == 0 && rt_load_relaxed(&gp->labels) == set && p->used > from && p->used - from <= sizeof p->labels.text &&
	    p->used < sizeof p->text && (p->limit == 0 || p->used < p->limit)) {
		p->labels.size = (uint32_t)(p->used - from);
		memcpy(p->labels.text, p->text + from, p->labels.size);
		p->labels.turn = turn;
		p->labels.set = set;
	}
}

/* The first of them is the place of creation itself. */
static void put_callers(struct rt_printer *p, uint32_t creation, const char *before, const char *after)
{
	uint64_t pcs[RT_DEPOT_FRAMES_MAX];
	size_t n = rt_depot_frames(creation, pcs, RT_DEPOT_FRAMES_MAX);
	for (size_t i = 1; i < n; i++) {
		const struct rt_symbol *symbol = rt_printer_symbol(p, pcs[i], false);
		if (symbol->ours || pcs[i] - (uint64_t)(uintptr_t)gos_runtime.start_pc < 256)
			continue;
		rt_put(p, before);
		rt_put(p, "called from ");
		rt_put_where(p, pcs[i], false);
		rt_put(p, after);
	}
}

RT_READS_WHILE_WRITTEN void rt_put_origin(struct rt_printer *p, const struct gos_g *g, const struct gos_g *gp, const char *before, const char *after)
{
	struct gos_ancestor ancestors[RT_ANCESTORS_MAX];
	size_t n = g->ancestors != NULL ? rt_ancestors_copy(gp, ancestors, RT_ANCESTORS_MAX) : 0;
	put_callers(p, g->creation, before, after);
	if (rt_load_relaxed(&gp->goid) != g->goid)
		return;
	for (size_t i = 0; i < n; i++) {
		rt_put(p, before);
		rt_put(p, "ancestor goroutine ");
		rt_put_number(p, ancestors[i].goid, 10);
		if (ancestors[i].creator != 0) {
			rt_put(p, ", created by goroutine ");
			rt_put_number(p, ancestors[i].creator, 10);
			rt_put(p, " at ");
			rt_put_call(p, (void *)(uintptr_t)ancestors[i].create_pc, NULL);
		}
		rt_put(p, after);
		put_callers(p, ancestors[i].creation, before, after);
	}
}

/* ", made ready by goroutine 17": if that is the last that has happened to it. */
static void put_waker(struct rt_accounts *a, const struct gos_g *g)
{
	struct rt_flight_event event;
	if (a->flights >= FLIGHTS_MAX)
		return;
	a->flights++;
	if (rt_flight_last(g->goid, &event, 1) == 0 || event.kind != GOS_FLIGHT_READY || event.by == 0)
		return;
	rt_put(a->out, ", made ready by ");
	put_id(a, event.by);
}

static void put_sentence(struct rt_accounts *a, const struct gos_g *g, const struct gos_g *gp, const struct rt_frame *at)
{
	struct rt_printer *p = a->out;
	rt_put_goroutine(p, g->goid, gp);
	put_doing(a, g, gp, at, false);
	if (g->status == GOS_WAITING)
		put_turn(a, g, gp);
	if (g->status == GOS_RUNNABLE)
		put_waker(a, g);
	rt_put_words(p, "; ", g->flags, rt_flag_words);
	rt_put_words(p, "; ", g->hold & rt_load_relaxed(&gos_runtime.hold_mask), rt_hold_words);
	if (g->creator != 0) {
		rt_put(p, "; created by goroutine ");
		rt_put_number(p, g->creator, 10);
		put_at_by(a, g->create_pc, g->creator);
	}
	put_times(a, g, gp);
	rt_put_labels(p, gp, "; ");
}

bool rt_account_put(struct rt_accounts *accounts, struct gos_g *gp, const struct rt_frame *at)
{
	struct rt_printer *p = accounts->out;
	struct gos_g copy;

	if (sizeof p->text - p->used < RT_ACCOUNT_MAX)
		rt_printer_flush(p, p->report->next);
	size_t used = p->used;
	bool alive = false;
	p->limit = sizeof p->text - used < RT_ACCOUNT_MAX ? sizeof p->text : used + RT_ACCOUNT_MAX; /* told again, it must not have left already */
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		p->used = used; /* what was told of it has changed under our eyes */
		alive = rt_account_look(gp, &copy);
		if (!alive)
			break;
		put_sentence(accounts, &copy, gp, at);
		if (copy.status == GOS_RUNNING || copy.status == GOS_SYSCALL || still(gp, &copy))
			break;
	}
	static const char dots[] = "...";
	if (alive && p->used == p->limit && p->used - used >= sizeof dots)
		memcpy(p->text + p->used - (sizeof dots - 1), dots, sizeof dots - 1);
	p->limit = 0;
	return alive;
}

/* ---- for chains ---- */

void rt_put_which(struct rt_printer *p, const struct gos_g *copy)
{
	if (copy->status == GOS_WAITING) {
		rt_put(p, ", which waits in ");
		rt_put(p, rt_reason_word(copy->reason));
	} else {
		rt_put(p, ", which is ");
		rt_put(p, rt_state_word(copy->status));
	}
}

void rt_put_readers(struct rt_printer *p, uint64_t rwmutex)
{
	gos_rwmutex rw;
	if (rt_peek(&rw, rwmutex, sizeof rw) != sizeof rw || rw.leaving <= 0)
		return;
	rt_put(p, " held by ");
	rt_put_count(p, (uint64_t)rw.leaving, "reader");
}
