/* SPDX-License-Identifier: MIT */
/*
 * hold.c - goroutines that a debugger holds back, and sleepers that it wakes. Floor 3. The words that it writes, and how they work, are in hold.h.
 *
 * Everything but rt_hold_put is sysmon's alone. Locks: sched.lock (rank SCHED) for the list.
 */
#include "hold.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gstatus.h"
#include "machine.h"
#include "timers.h"

#define LOOK_BATCH 512                   /* goroutines of the list that are looked at by one hold of the lock */
#define LOOK_BATCHES 32                  /* and such batches between two looks at the clock */
#define LOOK_AGAIN_NS INT64_C(1000000000) /* all of the list is looked at so often at least: a debugger may die between two words */
#define HOLDER_NS 100000000              /* between looks at whether the debugger lives */

static struct {
	struct gos_g *first, *last;
	uint32_t pending; /* how many, from the first on, are to be looked at: hold.h. Read without the lock */
} list;

RT_NOINLINE void rt_hold_put(struct gos_g *gp)
{
	rt_g_check(gp);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	gp->link = list.first;
	list.first = gp;
	if (list.last == NULL)
		list.last = gp;
	rt_store_relaxed(&list.pending, list.pending + 1);
	rt_store_relaxed(&gos_runtime.held, gos_runtime.held + 1);
	rt_unlock(&rt_sched.lock);
	rt_sysmon_look(); /* who comes back from a blocking section may be all that stirs */
}

/* Looks at a batch: who is held back no more goes to the global queue, the others behind those that need no look. Returns how many went. */
static uint32_t look_at_batch(void)
{
	struct gos_g *first = NULL, **end = &first, *last = NULL;
	uint32_t thawed = 0;

	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	for (uint32_t n = 0; n < LOOK_BATCH && list.pending > 0; n++) {
		struct gos_g *gp = list.first;
		rt_store_relaxed(&list.pending, list.pending - 1);
		if (!rt_g_held(gp)) {
			list.first = gp->link;
			if (list.first == NULL)
				list.last = NULL;
			*end = last = gp;
			end = &gp->link;
			thawed++;
		} else if (gp != list.last) {
			list.first = gp->link;
			list.last->link = gp;
			list.last = gp;
			gp->link = NULL;
		}
	}
	if (thawed != 0) {
		last->link = NULL;
		rt_store_relaxed(&gos_runtime.held, gos_runtime.held - thawed);
		rt_globq_put_list_locked(first, last, thawed); /* by the same hold of the lock: else rt_check_dead might find them nowhere */
	}
	rt_unlock(&rt_sched.lock);
	return thawed;
}

/* all: a word of the debugger's has changed. */
static void look_at_list(bool all)
{
	uint32_t thawed = 0;

	if (all) {
		rt_lock(&rt_sched.lock, RT_RANK_SCHED);
		rt_store_relaxed(&list.pending, gos_runtime.held);
		rt_unlock(&rt_sched.lock);
	}
	for (int i = 0; i < LOOK_BATCHES && rt_load_relaxed(&list.pending) != 0; i++)
		thawed += look_at_batch();
	if (thawed == 0)
		return;
	rt_fence(); /* pairs with a worker's last look before it sleeps: protocol "find", step 5 */
	if (rt_load_relaxed(&rt_sched.idle_p_count) != 0)
		rt_wake();
}

/* Each time, not only when a word has changed: a worker may have chosen its goroutine just before, and begun to run it after. */
static void ask_those_that_run(void)
{
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++) {
		struct gos_p *pp = gos_runtime.ps[i];
		struct gos_m *mp = rt_load_acquire(&pp->m); /* pairs with rt_p_acquire */
		struct gos_g *gp = mp != NULL ? rt_load_relaxed(&mp->curg) : NULL;
		if (gp != NULL && rt_g_held(gp))
			rt_p_ask(pp);
	}
}

/* ---- a debugger that is gone ---- */

/* When process pid was started, in the kernel's ticks; 0 when there is no such process any more, 1 when the system does not tell. */
static uint64_t start_of(pid_t pid)
{
	char path[40], text[1024];

	if (pid <= 0 || (kill(pid, 0) != 0 && errno == ESRCH))
		return 0;
	snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 1; /* no /proc, or no descriptor to be had */
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0)
		return n < 0 && errno == ESRCH ? 0 : 1;
	text[n] = '\0';
	char *at = strrchr(text, ')'), state; /* the command's name may contain anything */
	unsigned long long start;
	/* After the name: the state, 18 numbers, the time of the start. */
	if (at == NULL || sscanf(at + 1, " %c %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %*s %llu", &state, &start) != 2)
		return 1;
	return state == 'Z' || state == 'X' ? 0 : start + 2;
}

static uint32_t known; /* the holder that was last asked after; 0: none since there was none */
static uint64_t known_start;

static bool is_gone(uint32_t holder)
{
	uint64_t start = start_of((pid_t)holder);
	if (known != holder || known_start <= 1) {
		known = holder;
		known_start = start;
	}
	bool gone = start == 0 || (start != 1 && start != known_start);
	if (gone)
		known = 0;
	return gone;
}

/* hold_mask and holder, with what lies beside them. */
typedef uint64_t __attribute__((may_alias)) rt_mask_and_holder;
_Static_assert(offsetof(struct gos_runtime, held_flags) % 8 == 0, "one word");
_Static_assert(offsetof(struct gos_runtime, hold_mask) / 8 == offsetof(struct gos_runtime, holder) / 8 &&
               offsetof(struct gos_runtime, held_flags) / 8 == offsetof(struct gos_runtime, holder) / 8, "one word");

static bool is_claimed(void)
{
	return rt_load_seq_cst(&gos_runtime.holder) == RT_HOLDER_GONE; /* after what was done to g.hold */
}

static void undo_mask(void)
{
	rt_mask_and_holder *word = (rt_mask_and_holder *)&gos_runtime.held_flags, before, after;
	uint32_t holder;
	do {
		before = after = rt_load_relaxed(word);
		((uint8_t *)&after)[offsetof(struct gos_runtime, hold_mask) % 8] = RT_HOLD_FROZEN;
		memcpy(&holder, (char *)&before + offsetof(struct gos_runtime, holder) % 8, sizeof holder);
	} while (holder == RT_HOLDER_GONE && !rt_cas(word, before, after));
}

static void undo_one(struct gos_g *gp)
{
	uint8_t hold = rt_load_relaxed(&gp->hold), claimed = hold | RT_HOLD_CLAIMED;
	if (hold == RT_HOLD_OTHER || rt_load_relaxed(&gp->goid) == 0)
		return;
	if (!rt_cas(&gp->hold, hold, claimed)) /* born anew, or another debugger's */
		return;
	rt_cas(&gp->hold, claimed, is_claimed() ? (uint8_t)RT_HOLD_OTHER : hold);
}

/*
 * Who takes over writes plain words, `holder` before the others. So:
 *  1. `holder` is claimed: what is there then is no pid, and another value as soon as somebody has taken over.
 *  2. hold_mask lies in one word with it: a compare-and-swap changes the mask while the claim stands, or not at all.
 *  3. A g.hold lies elsewhere. It gets a bit that no debugger writes; then `holder` is looked at; then a compare-and-swap replaces what has the bit. Who has written this
 *     g.hold since the bit was set has taken the bit away, and who did before is seen in `holder`.
 * Rejected: comparing the value alone, without a bit. A debugger that wants what the dead one wanted writes the same value.
 */
void rt_hold_undo(uint32_t gone)
{
	if (!rt_cas(&gos_runtime.holder, gone, RT_HOLDER_GONE))
		return;
	undo_mask();
	uint64_t count = rt_load_acquire(&gos_runtime.gcount); /* pairs with make_g in spawn.c */
	for (uint64_t i = 0; i < count && is_claimed(); i++)
		undo_one(rt_goroutine_number(i));
	rt_cas(&gos_runtime.holder, RT_HOLDER_GONE, 0u);
}

void rt_hold_look(int64_t now)
{
	static uint32_t generation;
	static int64_t all_looked_at, holder_looked_at;
	bool all = now - all_looked_at >= LOOK_AGAIN_NS;

	uint32_t holder = rt_load_relaxed(&gos_runtime.holder);
	if (holder == 0)
		known = 0; /* the next one may have the pid of one that ended long ago */
	if (holder != 0 && now - holder_looked_at >= HOLDER_NS) {
		holder_looked_at = now;
		if (is_gone(holder)) {
			rt_hold_undo(holder);
			all = true;
		}
	}
	uint32_t current = rt_load_acquire(&gos_runtime.hold_generation); /* pairs with its store by a debugger, which comes last */
	if (current != generation) {
		generation = current;
		all = true;
	}
	if (all)
		all_looked_at = now;
	ask_those_that_run();
	look_at_list(all);
}

/* ---- a sleeper that is to be woken ---- */

/* The living goroutine of that id, or NULL. */
static struct gos_g *find(uint64_t goid)
{
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);
	for (uint64_t i = 0; i < count; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		if (rt_load_relaxed(&gp->goid) != goid)
			continue;
		uint32_t status = rt_load_relaxed(&gp->status);
		return status != GOS_IDLE && status != GOS_DEAD ? gp : NULL;
	}
	return NULL;
}

static void answer(enum rt_ready_result result)
{
	rt_store_relaxed(&gos_runtime.ready_result, (uint32_t)result);
	rt_store_release(&gos_runtime.ready_goid, UINT64_C(0)); /* who sees it sees the result */
}

static void set_in_hand(uint32_t in_hand)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	rt_sched.in_hand = in_hand;
	rt_unlock(&rt_sched.lock);
}

struct gos_g *rt_hold_ready(void)
{
	uint64_t goid = rt_load_acquire(&gos_runtime.ready_goid);
	struct gos_g *gp = find(goid);

	if (gp == NULL) {
		answer(RT_READY_GONE);
		return NULL;
	}
	if (rt_load_relaxed(&gp->status) != GOS_WAITING || rt_load_relaxed(&gp->reason) != GOS_REASON_SLEEP) {
		answer(RT_READY_AWAKE);
		return NULL;
	}
	/* Whoever takes it off the heap, which is done under that heap's lock, makes it ready; nobody else does. */
	set_in_hand(1);
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++)
		if (rt_timers_take_sleeper(gos_runtime.ps[i], gp, goid)) {
			answer(RT_READY_DONE); /* before it runs: a debugger may be told of what it does next, and looks here then */
			return gp;
		}
	/* On its way into a heap, or from one to another, or woken by its time this moment: the next look tells. */
	set_in_hand(0);
	rt_check_dead();
	return NULL;
}

void rt_hold_ready_done(void)
{
	set_in_hand(0);
	rt_check_dead();
}
