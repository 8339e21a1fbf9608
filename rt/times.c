/* SPDX-License-Identifier: MIT */
/*
 * times.c - accounts of time: adding to them, and reading them. Floor 3.
 *
 * Who writes. A goroutine's account: whoever may change its state, one after the other; `version` is odd while he does, so that others can tell a whole
 * account from half of one. A P's: its owner. That of no P: anybody, by locked instructions; sysmon and Ms without a P are few.
 *
 * A goroutine's account is not cleared when a life begins, since that would touch a cold line at each spawn: it says whose it is, and is nothing to a
 * goroutine with another id.
 */
#include "times.h"

#include <errno.h>
#include <string.h>
#include <time.h>

#include "gossamer.h"
#include "machine.h"

#define COMPUTES 16
#define READ_ATTEMPTS 100000 /* some 10 ms: who writes them mostly needs 50 ns */
#define READ_ROUNDS 100

struct gos_account rt_times_of_no_p;

enum { ENTRIES = sizeof(struct gos_account) / sizeof(int64_t) };
#define ENTRY(field) (offsetof(struct gos_account, field) / sizeof(int64_t))
_Static_assert(ENTRY(runnable) == GOS_RUNNABLE - GOS_RUNNABLE && ENTRY(running) == GOS_RUNNING - GOS_RUNNABLE && ENTRY(in_calls) == GOS_SYSCALL - GOS_RUNNABLE &&
               ENTRY(waiting) == GOS_WAITING - GOS_RUNNABLE, "an account's entries are in the order of the states");

/* Which entry of an account a span of that state and reason belongs to. */
RT_INLINE uint32_t entry_of(enum gos_state from, uint32_t reason)
{
	uint32_t i = (uint32_t)from - GOS_RUNNABLE + (from == GOS_WAITING ? reason : 0);
	return i < ENTRIES ? i : ENTRY(waiting);
}

RT_INLINE int64_t *entry(struct gos_account *account, uint32_t i)
{
	return (int64_t *)account + i;
}

/* Bit length of ns: spans of [2^(i-1), 2^i) ns have the number i. */
RT_INLINE uint32_t bucket(int64_t ns)
{
	uint32_t n = 64 - (uint32_t)__builtin_clzll((uint64_t)ns | 1);
	return n < RT_LATENCIES ? n : RT_LATENCIES - 1;
}

static void add(int64_t *to, int64_t ns)
{
	rt_store_relaxed(to, rt_load_relaxed(to) + ns);
}

/* Does pp switch seldom? Looked at when the clock has moved. */
static void look_at_rate(struct gos_p *pp, int64_t now)
{
	int64_t ns = now - pp->window_at;
	if (ns < RT_WINDOW_NS)
		return;
	uint64_t switches = pp->tick - pp->window_tick;
	bool seldom = switches * RT_SELDOM_NS < (uint64_t)ns || rt_flight_is_exact(pp);
	/* What was seldom is often now, and relies on the ticks of sysmon, which may be asleep: nothing has run. */
	if (!seldom && pp->seldom && rt_load_relaxed(&rt_sched.sysmon_away) != RT_SYSMON_NEAR)
		rt_note_wake(&rt_sched.sysmon_note);
	pp->seldom = seldom;
	pp->window_at = now;
	pp->window_tick = pp->tick;
}

/* gp, which computes, is about to run, perhaps: when it stops, the clock is to be looked at. */
static void distrust(struct gos_m *mp, enum gos_state from)
{
	if ((from == GOS_RUNNABLE || from == GOS_SYSCALL) && mp != NULL)
		rt_fresh_clear(mp);
}

/*
 * The clock has moved since gp became `from`, or is to be looked at. It is looked at where it matters, and where it may have stood still meanwhile:
 *  - the mark says so: gp was on a P that switches seldom, or is one that computes: it has run for long in one of its last COMPUTES runs. Where the system lets
 *    sysmon wait for its turn, nothing else would tell when its next long run has ended;
 *  - gp has run, or blocked its thread, across a step of the clock: few do, at most one a step and P;
 *  - gp has waited long, or this thread has no token, since it may have lost its processor (fresh.h).
 * Not where gp has stood in line: who stopped before it has looked, or g0 has.
 *
 * Who looks sets the token. From a wait it may stand for less: what runs here has begun to before.
 */
RT_NOINLINE void rt_times_pass_slowly(struct gos_m *mp, struct gos_g *gp, enum gos_state from)
{
	struct gos_p *pp = mp != NULL ? mp->p : NULL;
	int64_t since = rt_load_relaxed(&gp->wait_since), now = rt_load_relaxed(&gos_runtime.now);
	bool look = from == GOS_RUNNING || from == GOS_SYSCALL ||
	            (from == GOS_WAITING && (pp == NULL || !rt_fresh(mp) || (since & 1) != 0 || now - since >= RT_LONG_WAIT));

	if (look && pp != NULL && !pp->seldom) {
		const struct gos_g *running = from == GOS_WAITING ? mp->curg : NULL;
		rt_fresh_set(mp, RT_FRESH_RUN);
		now = rt_clock_refresh_kept(mp);
		if (running != NULL && rt_load_relaxed(&running->wait_since) != now)
			rt_fresh_lower(mp); /* when it stops there is something to add up, or it computes */
	} else if (look) {
		rt_clock_refresh();
		now = rt_load_relaxed(&gos_runtime.now);
	}
	since &= ~INT64_C(1);
	if (pp != NULL) {
		look_at_rate(pp, now);
		rt_flight_pass(pp, now, from);
		if (pp->seldom)
			rt_fresh_clear(mp); /* here each change looks at the clock */
	}
	int64_t next = now | (pp == NULL || pp->seldom);
	if (now == since) {
		struct gos_times_of_g *mine = gp->times;
		if (mine->computes != 0 && mine->goid == gp->goid) {
			if (from == GOS_RUNNING)
				mine->computes--;
			next |= 1;
			distrust(mp, from);
		}
		rt_store_relaxed(&gp->wait_since, next);
		return;
	}

	int64_t ns = now - since;
	struct gos_times_of_g *mine = gp->times;
	uint64_t version = rt_load_relaxed(&mine->version);
	rt_store_relaxed(&mine->version, version + 1);
	rt_fence_release(); /* pairs with the acquire fence in read_account */
	if (mine->goid != gp->goid) {
		rt_store_relaxed(&mine->goid, gp->goid);
		rt_store_relaxed(&mine->made_at, since);
		mine->computes = 0;
#pragma GCC unroll 64
		for (uint32_t i = 0; i < ENTRIES; i++)
			rt_store_relaxed(entry(&mine->account, i), (int64_t)0);
	}
	uint32_t i = entry_of(from, gp->reason);
	add(entry(&mine->account, i), ns);
	if (from == GOS_RUNNING)
		mine->computes = ns >= RT_LONG_RUN ? COMPUTES : mine->computes != 0 ? mine->computes - 1 : 0;
	next |= mine->computes != 0;
	if (mine->computes != 0)
		distrust(mp, from);
	rt_store_relaxed(&gp->wait_since, next);
	rt_store_release(&mine->version, version + 2); /* pairs with the load in read_account */

	if (rt_likely(pp != NULL))
		add(entry(&pp->times, i), ns);
	else
		rt_add_fetch(entry(&rt_times_of_no_p, i), ns);
	if (from == GOS_RUNNABLE && pp != NULL)
		rt_count(&pp->latencies[bucket(ns)]);
}

/* ---- for who looks on ---- */

static const char *const reason_words[] = {
#define GOS_REASON(symbol, number, word, object) [number] = word,
#include "abi/states.def"
};
_Static_assert(RT_REASON_COUNT <= GOS_TIMES_REASONS, "struct gos_times has no room for so many reasons");
_Static_assert(RT_LATENCIES <= GOS_LATENCIES, "struct gos_stats has no room for so many buckets");

const char *gos_wait_reason(unsigned number)
{
	return number < RT_REASON_COUNT ? reason_words[number] : NULL;
}

void rt_times_add(struct gos_times *to, const struct gos_account *account)
{
	to->running += rt_load_relaxed(&account->running);
	to->runnable += rt_load_relaxed(&account->runnable);
	to->in_calls += rt_load_relaxed(&account->in_calls);
	for (uint32_t i = 0; i < RT_REASON_COUNT; i++) {
		int64_t ns = rt_load_relaxed(&account->waiting[i]);
		to->waiting_for[i] += ns;
		to->waiting += ns;
	}
}

static void add_span(struct gos_times *to, enum gos_state state, uint32_t reason, int64_t ns)
{
	switch (state) {
	case GOS_RUNNING:
		to->running += ns;
		break;
	case GOS_RUNNABLE:
		to->runnable += ns;
		break;
	case GOS_SYSCALL:
		to->in_calls += ns;
		break;
	case GOS_WAITING:
		to->waiting_for[reason < RT_REASON_COUNT ? reason : GOS_REASON_NONE] += ns;
		to->waiting += ns;
		break;
	default:
		break;
	}
}

void rt_times_add_open(struct gos_times *to, const struct gos_g *gp)
{
	for (int tries = 0; tries < 100; tries++) {
		uint32_t state = rt_load_relaxed(&gp->status), reason = rt_load_relaxed(&gp->reason);
		int64_t since = rt_load_relaxed(&gp->wait_since), now = rt_load_relaxed(&gos_runtime.now);
		if (state != rt_load_relaxed(&gp->status) || reason != rt_load_relaxed(&gp->reason) || since != rt_load_relaxed(&gp->wait_since))
			continue; /* it has gone on meanwhile */
		since &= ~INT64_C(1);
		if (since < now)
			add_span(to, state, reason, now - since);
		return;
	}
}

bool rt_times_read(const struct gos_g *gp, uint64_t goid, struct gos_times *times)
{
	const struct gos_times_of_g *account = gp->times;
	for (int attempt = 0; attempt < READ_ATTEMPTS; attempt++) {
		struct gos_times t = {0};
		uint64_t version = rt_load_acquire(&account->version); /* pairs with rt_times_pass_slowly */
		uint32_t state = rt_load_relaxed(&gp->status);
		uint8_t reason = rt_load_relaxed(&gp->reason);
		int64_t since = rt_load_relaxed(&gp->wait_since);
		uint64_t runs = rt_load_relaxed(&gp->seq) - rt_load_relaxed(&gp->first_seq);
		if (rt_load_relaxed(&gp->goid) != goid || state == GOS_IDLE || state == GOS_DEAD)
			return false;
		t.goid = goid;
		t.made = since & ~INT64_C(1); /* if it has no account yet, the clock has not moved since */
		t.runs = (runs + 1) / 2; /* odd while it runs */
		if (rt_load_relaxed(&account->goid) == goid) {
			t.made = rt_load_relaxed(&account->made_at);
			rt_times_add(&t, &account->account);
		}
		t.as_of = rt_load_relaxed(&gos_runtime.now);
		add_span(&t, state, reason, t.as_of - (since & ~INT64_C(1)));
		rt_fence_acquire(); /* pairs with the release fence in rt_times_pass_slowly */
		if ((version & 1) == 0 && version == rt_load_relaxed(&account->version) && state == rt_load_relaxed(&gp->status) &&
		    reason == rt_load_relaxed(&gp->reason) && since == rt_load_relaxed(&gp->wait_since) && goid == rt_load_relaxed(&gp->goid)) {
			*times = t;
			return true;
		}
		rt_pause();
	}
	return false;
}

/* Who has lost his processor in the middle is waited for, but not for ever: in a child of fork he does not exist. */
static int read_of(const struct gos_g *gp, uint64_t goid, struct gos_times *times)
{
	for (int round = 0; round < READ_ROUNDS; round++) {
		if (rt_times_read(gp, goid, times))
			return 0;
		uint32_t state = rt_load_relaxed(&gp->status);
		if (rt_load_relaxed(&gp->goid) != goid || state == GOS_IDLE || state == GOS_DEAD)
			break;
		nanosleep(&(struct timespec){.tv_nsec = GOS_MS}, NULL);
	}
	return -ESRCH;
}

int gos_times(uint64_t goid, struct gos_times *times)
{
	const struct gos_m *mp = rt_tls_m;
	if (goid == 0 || rt_load_relaxed(&gos_runtime.state) == 0)
		return -ESRCH;
	rt_clock_set();
	if (mp != NULL && mp->curg != NULL && mp->curg->goid == goid)
		return read_of(mp->curg, goid, times);
	uint64_t count = rt_load_acquire(&gos_runtime.gcount); /* pairs with make_g in spawn.c */
	for (uint64_t i = 0; i < count; i++) {
		const struct gos_g *gp = rt_goroutine_number(i);
		if (rt_load_relaxed(&gp->goid) == goid)
			return read_of(gp, goid, times);
	}
	return -ESRCH;
}
