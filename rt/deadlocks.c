/* SPDX-License-Identifier: MIT */
/*
 * deadlocks.c - what is told of goroutines that wait for each other. Beside the floors.
 *
 * Always true: what is told was proved (waits.h), and text is bounded however many goroutines there are.
 */
#include "deadlocks.h"

#include <errno.h>
#include <string.h>

#include "account.h"
#include "atomic.h"
#include "clock.h"
#include "dump.h"
#include "printer.h"
#include "state.h"
#include "symbolize.h"
#include "waits.h"
#include "words.h"

#define LINKS_MAX 32     /* of one chain that are shown */
#define ACCOUNTS_MAX 8   /* of the members of one cycle */
#define WAITERS_MAX 8    /* for one lock whose owner has ended */
#define ORPHANS_MAX 1024 /* such locks at one time, that are kept apart */
#define CHAINS_MAX 20    /* in the report of a dead program */
#define BEAT 16384       /* goroutines */
#define TOLD_MAX 4096    /* deadlocks that GOSDEBUG=deadlock tells; a power of two */

/* ---- chains ---- */

/* "mutex 0x7ffe01": what gp waits for. */
static void put_lock(struct rt_printer *p, const struct rt_wait *wait)
{
	rt_put(p, rt_object_word(rt_reason_object(wait->reason)));
	rt_put(p, " ");
	rt_put_address(p, (void *)(uintptr_t)wait->object);
}

/* " held by goroutine 7 "loader"": the holder as the waiter met him. */
static void put_holder(struct rt_printer *p, const struct rt_wait *wait, const struct rt_holder *holder)
{
	rt_put(p, wait->reason == GOS_REASON_ONCE_DO ? " run by " : " held by ");
	rt_put_goroutine(p, wait->holder, holder != NULL ? holder->gp : NULL);
}

/*
 * ", which waits for mutex 0x... held by goroutine 9" and so on from slot on, until it comes to one of this walk again, or to one who waits for no owned lock. marks: slots
 * that were shown are marked. The caller has told of `slot` itself.
 */
static void put_links(struct rt_printer *p, struct rt_waits *waits, struct rt_holder *slot, uint64_t first_goid)
{
	uint32_t walk = ++waits->walks;
	for (int links = 0; slot != NULL; links++) {
		struct rt_wait wait;
		slot->shown = true;
		if (slot->gp == NULL) {
			rt_put(p, ", which has ended");
			return;
		}
		if (slot->walk == walk || (links > 0 && slot->goid == first_goid))
			return; /* the circle is closed */
		slot->walk = walk;
		if (links == LINKS_MAX) {
			rt_put(p, ", and so on");
			return;
		}
		if (!rt_wait_look(slot->gp, &wait) || wait.goid != slot->goid) {
			struct gos_g g;
			if (rt_account_look(slot->gp, &g) && g.goid == slot->goid)
				rt_put_which(p, &g);
			return;
		}
		rt_put(p, ", which waits for ");
		put_lock(p, &wait);
		if (wait.holder == 0) {
			rt_put_readers(p, wait.object);
			return;
		}
		struct rt_holder *next = rt_waits_find(waits, wait.holder);
		put_holder(p, &wait, next);
		if (wait.holder == first_goid)
			return;
		slot = next;
	}
}

static void put_chain(struct rt_printer *p, struct rt_waits *waits, const struct rt_wait *wait)
{
	struct rt_holder *holder = rt_waits_find(waits, wait->holder);
	rt_put_goroutine(p, wait->goid, wait->gp);
	rt_put(p, " waits for ");
	put_lock(p, wait);
	put_holder(p, wait, holder);
	if (wait->holder != wait->goid)
		put_links(p, waits, holder, wait->goid);
}

RT_READS_WHILE_WRITTEN void rt_deadlocks_put_chains(struct rt_printer *p)
{
	struct rt_waits waits;
	struct rt_locks locks = {0}; /* none of them changes any more */
	uint64_t count = rt_load_acquire(&gos_runtime.gcount), at = 0, length, chains = 0, more = 0;

	if (rt_waits_begin(&waits, INT64_MAX, p->report) == 0) {
		for (struct rt_holder *first; (first = rt_waits_cycle(&waits, &at, &length)) != NULL;) {
			struct rt_wait wait;
			if (rt_wait_look(first->gp, &wait) && chains++ < CHAINS_MAX) {
				first->shown = true;
				put_chain(p, &waits, &wait);
				rt_put(p, "\n");
			}
		}
		/* Then those that lead into these, or elsewhere: one for each that is waited for. Who is himself waited for stands in another's. */
		for (int leads = 1; leads >= 0; leads--) {
			for (uint64_t i = 0; i < count; i++) {
				struct rt_wait wait;
				if (i % BEAT == 0)
					rt_add_fetch(&p->report->beat, 1);
				if (!rt_wait_look_among(&locks, rt_goroutine_number(i), &wait) || (leads && rt_waits_find(&waits, wait.goid) != NULL))
					continue;
				struct rt_holder *holder = rt_waits_find(&waits, wait.holder);
				if (holder == NULL || holder->shown)
					continue;
				if (chains >= CHAINS_MAX) {
					holder->shown = true;
					more++;
					continue;
				}
				chains++;
				put_chain(p, &waits, &wait);
				rt_put(p, "\n");
			}
		}
		if (more != 0) {
			rt_put(p, "... and chains to ");
			rt_put_number(p, more, 10);
			rt_put(p, " more holders of locks\n");
		}
		if (chains != 0)
			rt_put(p, "\n");
	}
	rt_waits_end(&waits);
}

/* ---- what is told once ---- */

static uint64_t told[TOLD_MAX]; /* keys; by the dumper's thread only. A deadlock stays, and goids are not used again */
static uint32_t told_count;

static uint64_t key_of(uint64_t goid, uint64_t what)
{
	return ((goid * UINT64_C(0x9e3779b97f4a7c15)) ^ (what * UINT64_C(0xc2b2ae3d27d4eb4f))) | 1;
}

/* True the first time. When there is no more room nothing is new. */
static bool is_new(struct rt_printer *p, uint64_t goid, uint64_t seq)
{
	uint64_t key = key_of(goid, seq);
	uint64_t i = key >> 20 & (TOLD_MAX - 1);
	while (told[i] != 0 && told[i] != key)
		i = (i + 1) & (TOLD_MAX - 1);
	if (told[i] == key || told_count == TOLD_MAX / 2)
		return false;
	told[i] = key;
	if (++told_count == TOLD_MAX / 2)
		rt_put(p, "gossamer: deadlocks are not told of any more: there are too many\n");
	return true;
}

/* ---- what was found ---- */

/* Before each thing that is told, which may take its time: nobody wants it any more when the process dies. */
static bool goes_on(struct rt_printer *p)
{
	rt_add_fetch(&p->report->beat, 1);
	return !p->lost && (p->report->stop == NULL || !rt_load_relaxed(p->report->stop));
}

static void begin_symbols(struct rt_printer *p)
{
	if (p->symbols == NULL)
		p->symbols = rt_symbolize_begin(p->full);
}

/* For the sentences of one look: where goroutines are is noted when there is something to tell. */
static struct rt_accounts *accounts_of(struct rt_printer *p, struct rt_accounts *accounts)
{
	if (accounts->out == NULL) {
		begin_symbols(p);
		rt_accounts_begin(accounts, p, true);
	}
	return accounts;
}

/* A line with all of the circle, and one for each of its members. */
static void put_cycle(struct rt_printer *p, struct rt_accounts *accounts, struct rt_waits *waits, struct rt_holder *first, uint64_t length)
{
	struct rt_wait wait;
	if (!rt_wait_look(first->gp, &wait)) /* it stays; but others may unlock what is not theirs */
		return;
	rt_put(p, "gossamer: deadlock: ");
	put_chain(p, waits, &wait);
	rt_put(p, "\n");
	struct rt_holder *member = first;
	for (uint64_t i = 0; i < length && i < ACCOUNTS_MAX && member != NULL; i++) {
		rt_put(p, "\t");
		rt_account_put(accounts_of(p, accounts), member->gp, NULL);
		rt_put(p, "\n");
		member = rt_waits_find(waits, member->holder);
	}
	if (length > ACCOUNTS_MAX) {
		rt_put(p, "\t... and ");
		rt_put_number(p, length - ACCOUNTS_MAX, 10);
		rt_put(p, " more in this circle\n");
	}
}

/* A lock whose owner has ended, and who waits for it. */
struct orphan {
	struct rt_wait first;
	uint64_t waiters;
	uint64_t goids[WAITERS_MAX];
};

static void put_orphan(struct rt_printer *p, struct rt_accounts *accounts, const struct orphan *orphan)
{
	rt_put(p, "gossamer: deadlock: ");
	put_lock(p, &orphan->first);
	rt_put(p, orphan->first.reason == GOS_REASON_ONCE_DO ? " is run by goroutine " : " is held by goroutine ");
	rt_put_number(p, orphan->first.holder, 10);
	rt_put(p, ", which has ended, and ");
	rt_put(p, orphan->waiters == 1 ? "is waited for by goroutine " : "is waited for by goroutines ");
	for (uint64_t i = 0; i < orphan->waiters && i < WAITERS_MAX; i++) {
		rt_put(p, i > 0 ? ", " : "");
		rt_put_number(p, orphan->goids[i], 10);
	}
	if (orphan->waiters > WAITERS_MAX) {
		rt_put(p, " and ");
		rt_put_number(p, orphan->waiters - WAITERS_MAX, 10);
		rt_put(p, " more");
	}
	rt_put(p, "\n\t");
	rt_account_put(accounts_of(p, accounts), orphan->first.gp, NULL);
	rt_put(p, "\n");
}

#define ORPHAN_SLOTS (2 * ORPHANS_MAX) /* a power of two */

/* Of the dumper; of who prints for himself. Touched where there are such locks. */
static struct orphans {
	struct orphan found[ORPHANS_MAX]; /* in the order in which they were found */
	uint16_t slot[ORPHAN_SLOTS];      /* number + 1, by lock and owner */
	struct rt_locks locks;
} orphans[2];

/* The one that `wait` waits for, or a new one; NULL: there is no room. */
static struct orphan *orphan_of(struct orphans *o, uint64_t *count, const struct rt_wait *wait)
{
	uint64_t i = key_of(wait->holder, wait->object) >> 20 & (ORPHAN_SLOTS - 1);
	for (; o->slot[i] != 0; i = (i + 1) & (ORPHAN_SLOTS - 1)) {
		struct orphan *orphan = &o->found[o->slot[i] - 1];
		if (orphan->first.object == wait->object && orphan->first.holder == wait->holder)
			return orphan;
	}
	if (*count == ORPHANS_MAX)
		return NULL;
	o->found[*count] = (struct orphan){.first = *wait};
	o->slot[i] = (uint16_t)++*count;
	return &o->found[*count - 1];
}

static int64_t look_for_orphans(struct rt_printer *p, struct rt_accounts *accounts, const struct rt_waits *waits, int64_t before, bool tell, bool once)
{
	struct orphans *o = &orphans[p->full ? 0 : 1];
	uint64_t at = 0, count = 0;
	int64_t total = 0;
	struct rt_wait wait;

	memset(o->slot, 0, sizeof o->slot);
	memset(&o->locks, 0, sizeof o->locks);
	while (rt_waits_orphan(waits, before, &o->locks, &at, &wait)) {
		struct orphan *orphan = orphan_of(o, &count, &wait);
		if (orphan == NULL)
			continue;
		if (orphan->waiters < WAITERS_MAX)
			orphan->goids[orphan->waiters] = wait.goid;
		orphan->waiters++;
	}
	for (uint64_t i = 0; i < count && goes_on(p); i++) {
		const struct orphan *orphan = &o->found[i];
		if (!rt_wait_lasts(&orphan->first) || (once && !is_new(p, orphan->first.holder, orphan->first.object)))
			continue;
		total++;
		if (tell)
			put_orphan(p, accounts, orphan);
	}
	return total;
}

int64_t rt_deadlocks_look(struct rt_printer *p, int64_t min_ns, bool tell, bool once)
{
	struct rt_waits waits;
	struct rt_accounts accounts = {0};
	int64_t before = min_ns > 0 ? rt_load_relaxed(&gos_runtime.now) - min_ns : INT64_MAX, total = 0;
	int error = rt_waits_begin(&waits, before, p->report);

	if (error == 0) {
		uint64_t at = 0, length;
		for (struct rt_holder *first; goes_on(p) && (first = rt_waits_cycle(&waits, &at, &length)) != NULL;) {
			if (once && !is_new(p, first->goid, first->seq))
				continue;
			total++;
			if (tell)
				put_cycle(p, &accounts, &waits, first, length);
		}
		if (waits.ended != 0)
			total += look_for_orphans(p, &accounts, &waits, before, tell, once);
	}
	rt_accounts_end(&accounts);
	rt_waits_end(&waits);
	return error != 0 ? error : total;
}
