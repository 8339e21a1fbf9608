/* SPDX-License-Identifier: MIT */
/*
 * lost.c - finds wake-ups that got lost, while the program runs.
 *
 * One look judges every goroutine; `judge` says what is wrong with it, or NULL. A verdict counts when it is the same for the same stay of the same goroutine (goid, and
 * seq, which changes whenever it runs) at `looks` looks in a row. So a goroutine that is reported has neither run nor been put elsewhere for that long, and what is said of it held
 * each time.
 *
 * Gs, channels and sudogs are never unmapped, so following pointers among them reads at worst what was true a moment ago. What lies elsewhere (a semaphore's word, a sleeper's
 * timer) may be gone by the time it is read, and is read by a system call that fails then.
 */
#include "lost.h"

#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "gos_test.h"
#include "machine.h"
#include "netpoll.h"
#include "timers.h"

#define LOOKS (10 * GOS_TEST_SLOW)
#define PARTNERS_MAX 1000 /* waiters of a queue that are looked at */
#define AGAIN 20          /* times that what is wrong is read again at once: it may have been a moment's */

/* Not atomic operations: sanitizers must not take these looks for part of the program. On its own thread and after a compiler barrier that is what a debugger sees. */
#define PEEK(p) (*(const volatile __typeof__(*(p)) *)(p))
#define UNWATCHED __attribute__((no_sanitize("thread", "address")))

/* What is known of one G from the looks before. */
struct stay {
	uint64_t goid, seq;
	const char *wrong;
	int looks;
};

static struct {
	struct lost_options options;
	int64_t late; /* ns: a timer that should have fired so long ago; half of what makes a stay too long */
	struct stay *stays;
	uint64_t capacity;
	uint32_t ticks[GOS_P_MAX];
	int64_t overdue[GOS_P_MAX];
	int overdue_looks[GOS_P_MAX];
	bool moving; /* some P is idle or has switched since the last look: what is runnable could run */
} state;

static struct gos_g *g_at(uint64_t i)
{
	return (struct gos_g *)((char *)gos_runtime.gslabs[i / GOS_G_PER_SLAB] + i % GOS_G_PER_SLAB * sizeof(struct gos_g));
}

/* Memory that may be gone. */
static UNWATCHED bool read_word(const void *from, void *to, size_t size)
{
	struct iovec local = {to, size}, remote = {(void *)from, size};
	return process_vm_readv(getpid(), &local, 1, &remote, 1, 0) == (ssize_t)size;
}

/* ---- channels ---- */

/* A goroutine in this queue, other than gp, that could be given something now. */
static UNWATCHED bool has_partner(const struct gos_waitq *q, const struct gos_g *gp)
{
	const struct gos_sudog *sg = PEEK(&q->first);
	for (int n = 0; sg != NULL && n < PARTNERS_MAX; n++, sg = PEEK(&sg->next)) {
		const struct gos_g *other = PEEK(&sg->g);
		if (other == NULL || other == gp || PEEK(&other->status) != GOS_WAITING)
			continue;
		if (PEEK(&sg->is_select) && PEEK(&other->select_done)) /* it has been woken by another channel, and will take itself out */
			continue;
		return true;
	}
	return false;
}

/* sg stands in q, as far as its neighbours and the ends know. */
static UNWATCHED bool stands_in(const struct gos_waitq *q, const struct gos_sudog *sg)
{
	const struct gos_sudog *prev = PEEK(&sg->prev), *next = PEEK(&sg->next);
	return (prev != NULL ? PEEK(&prev->next) : PEEK(&q->first)) == sg && (next != NULL ? PEEK(&next->prev) : PEEK(&q->last)) == sg;
}

/* gp waits with sg in one of its channel's queues. */
static UNWATCHED const char *judge_sudog(const struct gos_g *gp, const struct gos_sudog *sg, bool sends)
{
	const struct gos_chan *c = PEEK(&sg->obj);
	if (c == NULL)
		return "waits on no channel";
	if (!stands_in(sends ? &c->sendq : &c->recvq, sg))
		return "waits on a channel, but stands in no queue of it";
	if (PEEK(&c->closed))
		return "waits on a channel that is closed";
	if (sends ? PEEK(&c->count) < PEEK(&c->capacity) : PEEK(&c->count) > 0)
		return sends ? "waits to send on a channel whose buffer has room" : "waits to receive from a channel whose buffer has a value";
	if (has_partner(sends ? &c->recvq : &c->sendq, gp))
		return sends ? "waits to send on a channel from which another waits to receive" : "waits to receive from a channel on which another waits to send";
	return NULL;
}

static UNWATCHED const char *judge_select(const struct gos_g *gp)
{
	const struct gos_sudog *sg = PEEK(&gp->waiting);
	if (sg == NULL)
		return NULL; /* only channels that are NULL */
	if (PEEK(&gp->select_done))
		return "waits in a select that another has won, and was not made ready";
	for (int n = 0; sg != NULL && n < 65536; n++, sg = PEEK(&sg->waitlink)) {
		if (PEEK(&sg->g) != gp)
			return NULL; /* it has gone on */
		const char *wrong = judge_sudog(gp, sg, PEEK(&sg->case_dir) == GOS_DIR_SEND);
		if (wrong != NULL)
			return wrong;
	}
	return NULL;
}

/* ---- the others ---- */

static UNWATCHED const char *judge_semaphore(const struct gos_g *gp)
{
	uint32_t units;
	const void *word = PEEK(&gp->sudog.elem);
	if (word == NULL)
		return "waits on a semaphore, but stands in no queue of it";
	/* Those in line before it may have been given it, and run at some time: then the units come and go. */
	return read_word(word, &units, sizeof units) && units > 0 ? "waits on a semaphore that has units" : NULL;
}

static UNWATCHED const char *judge_descriptor(const struct gos_g *gp)
{
	const struct gos_pollfd *pd = PEEK(&gp->wait_obj);
	bool reads = PEEK(&pd->rg) == gp, writes = PEEK(&pd->wg) == gp;
	/* Or on the list of those who wait until a look pleases them. Its links lie on their stacks. */
	const struct rt_fd_waiter *w = !reads && !writes ? PEEK(&pd->waiting) : NULL;
	for (int n = 0; n < PARTNERS_MAX && w != NULL; n++, w = PEEK(&w->next)) {
		if (PEEK(&w->g) != gp)
			continue;
		reads = PEEK(&w->directions) & GOS_POLL_READ;
		writes = PEEK(&w->directions) & GOS_POLL_WRITE;
	}
	if (!reads && !writes)
		return "waits for a descriptor that knows nothing of it";
	struct pollfd p = {.fd = PEEK(&pd->fd), .events = (short)((reads ? POLLIN | POLLRDHUP : 0) | (writes ? POLLOUT : 0))};
	return poll(&p, 1, 0) == 1 && !(p.revents & POLLNVAL) ? "waits for a descriptor that is ready" : NULL;
}

static UNWATCHED const char *judge_sleeper(const struct gos_g *gp)
{
	int64_t when;
	const struct rt_timer *t = PEEK(&gp->wait_obj);
	return t != NULL && read_word(&t->when, &when, sizeof when) && when < gos_now() - state.late ? "sleeps past its time" : NULL;
}

/* What is wrong with gp: one of the texts here, or NULL. */
static UNWATCHED const char *judge(const struct gos_g *gp)
{
	switch (PEEK(&gp->status)) {
	case GOS_RUNNABLE:
		if (PEEK(&gp->hold) & PEEK(&gos_runtime.hold_mask))
			return NULL; /* a debugger's doing */
		return state.moving ? "is not run, though others are or a P is idle" : NULL;
	case GOS_WAITING:
		break;
	default:
		return NULL;
	}
	if (PEEK(&gp->seq) & 1)
		return NULL; /* not yet parked */
	switch (PEEK(&gp->reason)) {
	case GOS_REASON_CHAN_RECV:
	case GOS_REASON_CHAN_SEND:
		return judge_sudog(gp, &gp->sudog, PEEK(&gp->reason) == GOS_REASON_CHAN_SEND);
	case GOS_REASON_SELECT:
		return judge_select(gp);
	case GOS_REASON_SEMACQUIRE:
	case GOS_REASON_MUTEX_LOCK:
	case GOS_REASON_WAITGROUP_WAIT:
	case GOS_REASON_RWMUTEX_RLOCK:
	case GOS_REASON_RWMUTEX_LOCK:
		return judge_semaphore(gp);
	case GOS_REASON_IO_WAIT: /* for the descriptor, or for its turn with it */
		return PEEK(&gp->waiting) != NULL ? judge_semaphore(gp) : judge_descriptor(gp);
	case GOS_REASON_SLEEP:
		return judge_sleeper(gp);
	}
	return NULL;
}

/* ---- looks ---- */

/* Has gp been so for long enough? */
static UNWATCHED bool is_lost(const struct gos_g *gp, struct stay *stay)
{
	uint64_t goid = PEEK(&gp->goid), seq = PEEK(&gp->seq);
	const char *wrong = judge(gp);
	for (int n = 0; wrong != NULL && n < AGAIN; n++) {
		const char *again = judge(gp);
		if (again == NULL)
			wrong = NULL;
	}
	if (wrong == NULL || PEEK(&gp->seq) != seq || PEEK(&gp->goid) != goid) {
		stay->wrong = NULL;
		return false;
	}
	if (stay->wrong != wrong || stay->goid != goid || stay->seq != seq)
		*stay = (struct stay){goid, seq, wrong, 0};
	return ++stay->looks >= state.options.looks;
}

static UNWATCHED bool timer_is_lost(uint32_t i, const struct gos_p *pp)
{
	int64_t when = PEEK(&pp->timer_first);
	if (when >= gos_now() - state.late || when != state.overdue[i]) {
		state.overdue[i] = when;
		state.overdue_looks[i] = 0;
		return false;
	}
	return ++state.overdue_looks[i] >= state.options.looks;
}

static UNWATCHED bool look(char *text, size_t size)
{
	uint32_t pcount = rt_load_acquire(&gos_runtime.pcount);
	uint64_t gcount = rt_load_acquire(&gos_runtime.gcount);

	state.moving = PEEK(&rt_sched.idle_p_count) != 0;
	for (uint32_t i = 0; i < pcount; i++) {
		uint32_t tick = PEEK(&gos_runtime.ps[i]->tick);
		state.moving = state.moving || tick != state.ticks[i];
		state.ticks[i] = tick;
	}
	for (uint32_t i = 0; i < pcount; i++)
		if (timer_is_lost(i, gos_runtime.ps[i])) {
			snprintf(text, size, "P %u: its first timer was due %.1f s ago", i, (double)(gos_now() - state.overdue[i]) / 1e9);
			return true;
		}
	if (gcount > state.capacity) {
		uint64_t capacity = gcount + GOS_G_PER_SLAB;
		state.stays = realloc(state.stays, capacity * sizeof *state.stays);
		memset(state.stays + state.capacity, 0, (capacity - state.capacity) * sizeof *state.stays);
		state.capacity = capacity;
	}
	for (uint64_t i = 0; i < gcount; i++) {
		const struct gos_g *gp = g_at(i);
		if (!is_lost(gp, &state.stays[i]))
			continue;
		uint32_t status = PEEK(&gp->status);
		snprintf(text, size, "goroutine %llu [%s] %s, at %d looks", (unsigned long long)state.stays[i].goid,
		         status == GOS_WAITING ? gos_test_reason(PEEK(&gp->reason)) : "runnable", state.stays[i].wrong, state.stays[i].looks);
		return true;
	}
	return state.options.also != NULL && state.options.also(text, size);
}

static void dump_and_fail(const char *text)
{
	fprintf(stderr, "a wake-up is lost: %s; all goroutines:\n", text);
	gos_stack_dump(2);
	gos_test_failed(__FILE__, __LINE__, text, NULL, 0, 0);
}

static void *watch(void *arg)
{
	char text[300];
	struct timespec period = {state.options.period_ms / 1000, state.options.period_ms % 1000 * 1000000L};
	(void)arg;
	do
		nanosleep(&period, NULL);
	while (!look(text, sizeof text));
	state.options.found(text);
	return NULL;
}

void lost_start(const struct lost_options *options)
{
	pthread_t thread;
	sigset_t all, old;
	uint32_t word = 1, copy = 0;

	expect(read_word(&word, &copy, sizeof word) && copy == 1);
	state.options = *options;
	if (state.options.period_ms == 0)
		state.options.period_ms = 1000;
	if (state.options.looks == 0)
		state.options.looks = LOOKS;
	if (state.options.found == NULL)
		state.options.found = dump_and_fail;
	state.late = state.options.looks * state.options.period_ms * GOS_MS / 2;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	expect_eq(pthread_create(&thread, NULL, watch, NULL), 0);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_detach(thread);
}
