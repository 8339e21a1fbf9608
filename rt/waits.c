/* SPDX-License-Identifier: MIT */
/*
 * waits.c - who waits for whom through locks that have an owner, and what can never end. Beside the floors.
 *
 * Nothing is stopped and nothing locked. A look goes over all goroutines twice: first to learn who holds what others wait for, then to find those, and what they wait for
 * themselves. What changes in between makes a look incomplete or wrong in places, so a cycle in it is a suspicion, which is then proved on its own
 * (rt_waits_cycle). One that is real stays, so a later look finds what this one missed.
 *
 * Cost: one cache line for each goroutine and pass, two for one that waits for an owned lock, and a system call for each lock, of which the latest are remembered.
 */
#include "waits.h"

#include <errno.h>
#include <string.h>
#include <sys/mman.h>

#include "atomic.h"
#include "dump.h"
#include "printer.h"
#include "state.h"
#include "traceback.h"
#include "words.h"

#define FIRST_SIZE 1024 /* slots; a power of two */
#define BEAT 16384      /* goroutines: a power of two */
#define ENDED 65536     /* ids of goroutines that have ended, which are remembered: a million may wait for what the same one did last. A power of two */

static bool is_alive(uint32_t status)
{
	return status != GOS_IDLE && status != GOS_DEAD;
}

/* ---- one goroutine, one lock ---- */

static bool is_owned(enum rt_object object)
{
	return object == RT_OBJECT_MUTEX || object == RT_OBJECT_RWMUTEX || object == RT_OBJECT_ONCE;
}

static struct rt_lock_seen peek_lock(enum rt_object object, uint64_t at)
{
	struct rt_lock_seen lock = {.at = at};
	if (object == RT_OBJECT_MUTEX) {
		gos_mutex m;
		if (rt_peek(&m, at, sizeof m) == sizeof m)
			lock.owner = m.owner;
	} else if (object == RT_OBJECT_ONCE) {
		gos_once once;
		if (rt_peek(&once, at, sizeof once) == sizeof once)
			lock.owner = once.mutex.owner;
	} else if (object == RT_OBJECT_RWMUTEX) {
		gos_rwmutex rw;
		if (rt_peek(&rw, at, sizeof rw) == sizeof rw) {
			lock.owner = rw.owner;
			lock.pending = rw.writers.owner;
			lock.closed = rw.readers < 0;
		}
	}
	return lock;
}

static uint64_t holder_of(const struct rt_lock_seen *lock, const struct rt_wait *wait)
{
	if (lock->owner != 0 || lock->pending == 0)
		return lock->owner;
	if (wait->reason == GOS_REASON_RWMUTEX_RLOCK)
		return lock->closed ? lock->pending : 0;
	return lock->pending != wait->goid ? lock->pending : 0; /* itself: it waits for readers */
}

/* What gp waits for, without who has it. */
RT_READS_WHILE_WRITTEN static bool look(struct gos_g *gp, struct rt_wait *wait)
{
	uint64_t seq = rt_load_acquire(&gp->seq);
	if (rt_load_relaxed(&gp->status) != GOS_WAITING || (seq & 1) != 0 || !is_owned(rt_reason_object(rt_load_relaxed(&gp->reason))))
		return false;
	*wait = (struct rt_wait){
		.gp = gp,
		.goid = rt_load_relaxed(&gp->goid),
		.seq = seq,
		.since = rt_load_relaxed(&gp->wait_since),
		.object = (uint64_t)(uintptr_t)gp->wait_obj,
		.reason = rt_load_relaxed(&gp->reason),
	};
	return true;
}

/* Whether what was read of it belongs together: it has not run since. */
RT_READS_WHILE_WRITTEN static bool still(const struct rt_wait *wait)
{
	rt_fence_acquire();
	return rt_load_relaxed(&wait->gp->status) == GOS_WAITING && rt_load_relaxed(&wait->gp->seq) == wait->seq;
}

bool rt_wait_look(struct gos_g *gp, struct rt_wait *wait)
{
	if (!look(gp, wait))
		return false;
	struct rt_lock_seen lock = peek_lock(rt_reason_object(wait->reason), wait->object);
	wait->holder = holder_of(&lock, wait);
	return still(wait);
}

bool rt_wait_lasts(const struct rt_wait *wait)
{
	struct rt_wait again;
	return rt_wait_look(wait->gp, &again) && again.seq == wait->seq && again.goid == wait->goid && again.object == wait->object && again.holder == wait->holder;
}

RT_READS_WHILE_WRITTEN bool rt_wait_is_for_lock(struct gos_g *gp)
{
	return rt_load_relaxed(&gp->status) == GOS_WAITING && is_owned(rt_reason_object(rt_load_relaxed(&gp->reason)));
}

/* ---- a look at all ---- */

static void *map(uint64_t size)
{
	void *at = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	return at != MAP_FAILED ? at : NULL;
}

static uint64_t hash(uint64_t value)
{
	return (value * UINT64_C(0x9e3779b97f4a7c15)) >> 24;
}

/* The slot of goid, or the free one where it belongs. */
static struct rt_holder *slot_of(const struct rt_waits *waits, uint64_t goid)
{
	uint64_t i = hash(goid) & (waits->size - 1);
	while (waits->slots[i].goid != 0 && waits->slots[i].goid != goid)
		i = (i + 1) & (waits->size - 1);
	return &waits->slots[i];
}

struct rt_holder *rt_waits_find(const struct rt_waits *waits, uint64_t goid)
{
	if (goid == 0 || waits->size == 0)
		return NULL;
	struct rt_holder *slot = slot_of(waits, goid);
	return slot->goid != 0 ? slot : NULL;
}

static int add(struct rt_waits *waits, uint64_t goid)
{
	if (waits->used >= waits->size / 2) {
		struct rt_waits larger = {.size = waits->size != 0 ? waits->size * 2 : FIRST_SIZE, .used = waits->used, .report = waits->report};
		larger.slots = map(larger.size * sizeof *larger.slots);
		if (larger.slots == NULL)
			return -ENOMEM;
		for (uint64_t i = 0; i < waits->size; i++)
			if (waits->slots[i].goid != 0)
				*slot_of(&larger, waits->slots[i].goid) = waits->slots[i];
		rt_waits_end(waits);
		*waits = larger;
	}
	struct rt_holder *slot = slot_of(waits, goid);
	waits->used += slot->goid == 0;
	slot->goid = goid;
	return 0;
}

/* Who waits for a report gives up one that does not get on; and nobody waits for another one when the process dies, least of all its last. False: no more of it. */
static bool tick(struct rt_report *report, uint64_t i)
{
	if (i % BEAT != 0)
		return true;
	rt_add_fetch(&report->beat, 1);
	return report->stop == NULL || !rt_load_relaxed(report->stop);
}

static uint64_t remembered_holder(struct rt_locks *locks, const struct rt_wait *wait)
{
	struct rt_lock_seen *lock = &locks->seen[hash(wait->object) & (RT_LOCKS_REMEMBERED - 1)];
	if (lock->at != wait->object)
		*lock = peek_lock(rt_reason_object(wait->reason), wait->object);
	return holder_of(lock, wait);
}

bool rt_wait_look_among(struct rt_locks *locks, struct gos_g *gp, struct rt_wait *wait)
{
	if (!look(gp, wait))
		return false;
	wait->holder = remembered_holder(locks, wait);
	return still(wait);
}

int rt_waits_begin(struct rt_waits *waits, int64_t before, struct rt_report *report)
{
	struct rt_locks memory = {0};
	struct rt_wait wait;
	uint64_t count = rt_load_acquire(&gos_runtime.gcount); /* pairs with make_g in spawn.c */

	*waits = (struct rt_waits){.report = report};
	for (uint64_t i = 0; i < count; i++) {
		if (!tick(report, i))
			return -ECANCELED;
		if (!look(rt_goroutine_number(i), &wait) || wait.since > before)
			continue;
		uint64_t holder = remembered_holder(&memory, &wait);
		if (holder != 0 && add(waits, holder) != 0)
			return -ENOMEM;
	}
	if (waits->used == 0)
		return 0;

	/* Who holds a lock was made before it was seen to, so the second pass must meet it, if it has not ended. */
	memset(&memory, 0, sizeof memory);
	count = rt_load_acquire(&gos_runtime.gcount);
	waits->ended = waits->used;
	for (uint64_t i = 0; i < count; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		if (!tick(report, i))
			return -ECANCELED;
		if (!is_alive(rt_load_acquire(&gp->status)))
			continue;
		struct rt_holder *slot = rt_waits_find(waits, rt_load_relaxed(&gp->goid));
		if (slot == NULL || slot->gp != NULL)
			continue;
		slot->gp = gp;
		waits->ended--;
		if (look(gp, &wait) && wait.goid == slot->goid && wait.since <= before)
			slot->holder = remembered_holder(&memory, &wait);
	}
	return 0;
}

void rt_waits_end(struct rt_waits *waits)
{
	if (waits->slots != NULL)
		munmap(waits->slots, waits->size * sizeof *waits->slots);
	*waits = (struct rt_waits){0};
}

/* ---- what can never end ---- */

static bool prove(const struct rt_waits *waits, struct rt_holder *first)
{
	for (int round = 0; round < 2; round++) {
		struct rt_holder *member = first;
		do {
			struct rt_wait wait;
			if (!rt_wait_look(member->gp, &wait) || wait.goid != member->goid || wait.holder != member->holder ||
			    (round == 1 && wait.seq != member->seq))
				return false;
			member->seq = wait.seq;
			member = slot_of(waits, member->holder);
		} while (member != first);
	}
	return true;
}

struct rt_holder *rt_waits_cycle(struct rt_waits *waits, uint64_t *at, uint64_t *length)
{
	for (; *at < waits->size; ++*at) {
		struct rt_holder *slot = &waits->slots[*at];
		if (!tick(waits->report, *at))
			return NULL;
		if (slot->goid == 0 || slot->gp == NULL || slot->walk != 0)
			continue;
		uint32_t walk = ++waits->walks;
		while (slot != NULL && slot->gp != NULL && slot->walk == 0) {
			slot->walk = walk;
			slot = rt_waits_find(waits, slot->holder);
		}
		if (slot == NULL || slot->walk != walk)
			continue; /* it ends, or comes to where another walk has been */
		struct rt_holder *start = slot, *first = slot; /* begins with the oldest, so that the same cycle is always told the same way */
		*length = 0;
		do {
			if (slot->goid < first->goid)
				first = slot;
			++*length;
			slot = slot_of(waits, slot->holder);
		} while (slot != start);
		if (prove(waits, first))
			return first;
	}
	return NULL;
}

bool rt_waits_orphan(const struct rt_waits *waits, int64_t before, struct rt_locks *locks, uint64_t *at, struct rt_wait *wait)
{
	uint64_t count = waits->ended != 0 ? rt_load_acquire(&gos_runtime.gcount) : 0;
	for (; *at < count; ++*at) {
		struct gos_g *gp = rt_goroutine_number(*at);
		if (!tick(waits->report, *at))
			return false;
		if (!look(gp, wait) || wait->since > before)
			continue;
		wait->holder = remembered_holder(locks, wait);
		const struct rt_holder *slot = rt_waits_find(waits, wait->holder);
		if (slot == NULL || slot->gp != NULL || !still(wait))
			continue;
		/* It was not met in the second pass, which began after it had held a lock: it has ended. */
		++*at;
		return true;
	}
	return false;
}

/* ---- by id ---- */

static uint64_t bytes_of(const struct rt_goids *goids)
{
	return goids->size * sizeof *goids->slots + ENDED * sizeof *goids->ended;
}

void rt_goids_begin(struct rt_goids *goids, struct rt_report *report)
{
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);
	*goids = (struct rt_goids){.size = FIRST_SIZE};
	if (count >= UINT32_MAX)
		return;
	while (goids->size < 2 * count)
		goids->size *= 2;
	goids->slots = map(bytes_of(goids));
	goids->ended = (uint64_t *)(goids->slots != NULL ? goids->slots + goids->size : NULL);
	for (uint64_t i = 0; goids->slots != NULL && i < count; i++) {
		const struct gos_g *gp = rt_goroutine_number(i);
		if (!tick(report, i)) {
			rt_goids_end(goids);
			return;
		}
		if (!is_alive(rt_load_relaxed(&gp->status)))
			continue;
		uint64_t at = hash(rt_load_relaxed(&gp->goid)) & (goids->size - 1);
		while (goids->slots[at] != 0)
			at = (at + 1) & (goids->size - 1);
		goids->slots[at] = (uint32_t)i + 1;
	}
}

void rt_goids_end(struct rt_goids *goids)
{
	if (goids->slots != NULL)
		munmap(goids->slots, bytes_of(goids));
	*goids = (struct rt_goids){0};
}

static bool is_it(const struct gos_g *gp, uint64_t goid)
{
	return rt_load_relaxed(&gp->goid) == goid && is_alive(rt_load_relaxed(&gp->status));
}

struct gos_g *rt_goids_find(const struct rt_goids *goids, uint64_t goid)
{
	if (goids->slots != NULL) {
		for (uint64_t at = hash(goid) & (goids->size - 1); goids->slots[at] != 0; at = (at + 1) & (goids->size - 1)) {
			struct gos_g *gp = rt_goroutine_number(goids->slots[at] - 1);
			if (is_it(gp, goid))
				return gp;
		}
	}
	uint64_t *ended = goids->slots != NULL ? &goids->ended[hash(goid) & (ENDED - 1)] : NULL;
	if (ended != NULL && *ended == goid)
		return NULL;
	/* It has ended, or was made since. */
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);
	for (uint64_t i = 0; i < count; i++)
		if (is_it(rt_goroutine_number(i), goid))
			return rt_goroutine_number(i);
	if (ended != NULL)
		*ended = goid;
	return NULL;
}
