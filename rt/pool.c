/* SPDX-License-Identifier: MIT */
/*
 * pool.c - a stock of objects to be used again, a shelf for each P. Floor 6. After Go's sync.Pool, but without a collector: objects stay until drained.
 *
 * A shelf has one place that its P uses without a lock (`mine`), and behind it a deque under a lock that nobody else mostly wants: the owner puts and
 * takes at the new end, other Ps take the oldest. What a P left in its place when gos_procs retired it, or has not wanted for
 * long, others find too: a new object is made only when every shelf has been found empty.
 *
 * Shelves come in blocks, linked from pool->local, for Ps 0.., each block going on where the one before ends; they never move or go away before the
 * drain, so a P that comes into use later adds a block and those that look around meanwhile are not disturbed. pool->local_count shelves exist.
 *
 * A goroutine stays on its P while it calls nothing that parks; malloc may be somebody's own, so the P is looked up anew after it.
 * Locks: pool->lock for adding a block, shelf->lock for a deque (rank POOL), never both.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "schedule.h"

#define DEQUE_MIN 16 /* a power of two, as all capacities */

struct shelf {
	void *mine;          /* Sync: atomic; made non-NULL by the owner P only, taken by anyone */
	struct rt_lock lock; /* of what follows */
	uint32_t capacity;   /* of ring: 0 or a power of two */
	uint64_t head, tail; /* oldest, and behind the newest; they only grow. Sync: atomic, so that a look needs no lock */
	void **ring;
} __attribute__((aligned(RT_CACHE_LINE)));

struct block {
	struct block *next; /* Sync: atomic */
	uint32_t count;
	struct shelf shelves[] __attribute__((aligned(RT_CACHE_LINE)));
};

_Static_assert(sizeof(struct rt_lock) == sizeof((gos_pool){0}.lock), "gos_pool.lock is a struct rt_lock");

/* ---- shelves ---- */

RT_INLINE struct block *first_block(const gos_pool *pool)
{
	return rt_load_acquire((struct block **)&pool->local); /* pairs with add_block */
}

/* The shelf of P number id; NULL: there is none yet. */
RT_INLINE struct shelf *shelf_of(const gos_pool *pool, uint32_t id)
{
	for (struct block *b = first_block(pool); b != NULL; b = rt_load_acquire(&b->next)) {
		if (rt_likely(id < b->count))
			return &b->shelves[id];
		id -= b->count;
	}
	return NULL;
}

/* So that P number id has one, and with it every P in use. */
static RT_NOINLINE void add_block(gos_pool *pool, uint32_t id)
{
	uint32_t before = rt_load_acquire(&pool->local_count), wanted = rt_load_relaxed(&rt_sched.nprocs);
	if (wanted <= id)
		wanted = id + 1;
	if (before >= wanted)
		return;
	size_t size = sizeof(struct block) + (wanted - before) * sizeof(struct shelf);
	struct block *new = aligned_alloc(RT_CACHE_LINE, size);
	if (new == NULL)
		rt_fatal_exhausted("a pool", ENOMEM);
	memset(new, 0, size);
	new->count = wanted - before;

	rt_lock((struct rt_lock *)&pool->lock, RT_RANK_POOL);
	bool mine = pool->local_count == before;
	if (mine) {
		struct block **end = (struct block **)&pool->local;
		while (*end != NULL)
			end = &(*end)->next;
		rt_store_release(end, new); /* pairs with shelf_of */
		rt_store_release(&pool->local_count, wanted);
	}
	rt_unlock((struct rt_lock *)&pool->lock);
	if (!mine)
		free(new); /* somebody else was quicker; the caller looks again */
}

/* ---- the deque of one shelf ---- */

/* False when it is full. */
static bool deque_put(struct shelf *s, void *p)
{
	rt_lock(&s->lock, RT_RANK_POOL);
	bool room = s->tail - s->head < s->capacity;
	if (room) {
		s->ring[s->tail & (s->capacity - 1)] = p;
		rt_store_relaxed(&s->tail, s->tail + 1);
	}
	rt_unlock(&s->lock);
	return room;
}

static void *deque_take(struct shelf *s, bool newest)
{
	void *p = NULL;

	if (rt_load_relaxed(&s->head) == rt_load_relaxed(&s->tail))
		return NULL;
	rt_lock(&s->lock, RT_RANK_POOL);
	if (s->head != s->tail) {
		if (newest) {
			rt_store_relaxed(&s->tail, s->tail - 1);
			p = s->ring[s->tail & (s->capacity - 1)];
		} else {
			p = s->ring[s->head & (s->capacity - 1)];
			rt_store_relaxed(&s->head, s->head + 1);
		}
	}
	rt_unlock(&s->lock);
	return p;
}

/* Doubles it, unless somebody else has done so. */
static RT_NOINLINE void deque_grow(struct shelf *s)
{
	uint32_t before = rt_load_relaxed(&s->capacity), capacity = before ? 2 * before : DEQUE_MIN;
	void **new = capacity != 0 ? malloc(capacity * sizeof *new) : NULL, **old = new;
	if (new == NULL)
		rt_fatal_exhausted("a pool", ENOMEM);
	rt_lock(&s->lock, RT_RANK_POOL);
	if (s->capacity == before) {
		for (uint64_t i = s->head; i != s->tail; i++)
			new[i & (capacity - 1)] = s->ring[i & (before - 1)];
		old = s->ring;
		s->ring = new;
		rt_store_relaxed(&s->capacity, capacity);
	}
	rt_unlock(&s->lock);
	free(old);
}

/* ---- put, get, drain ---- */

void gos_pool_put(gos_pool *pool, void *p)
{
	if (rt_unlikely(p == NULL)) {
		rt_m_of_goroutine();
		rt_panic_at(__builtin_return_address(0), "NULL put into a pool");
	}
	for (;;) {
		uint32_t id = rt_m_of_goroutine()->p->id;
		struct shelf *s = shelf_of(pool, id);
		if (rt_unlikely(s == NULL)) {
			add_block(pool, id);
			__asm__ volatile("" ::: "memory"); /* the goroutine may be on another thread now */
			continue;
		}
		void *kept = rt_load_relaxed(&s->mine);
		if (kept == NULL) { /* others only take away: a store is enough */
			rt_store_release(&s->mine, p); /* pairs with take_mine */
			return;
		}
		if (rt_likely(deque_put(s, p)))
			return;
		deque_grow(s);
		__asm__ volatile("" ::: "memory");
	}
}

/* p is what a P had put last, and is taken by one. */
RT_INLINE void *take_mine(struct shelf *s)
{
	void *p = rt_load_relaxed(&s->mine);
	return p != NULL && rt_cas(&s->mine, p, NULL) ? p : NULL;
}

/* From anyone's shelf, the neighbours' first; what they would take next themselves last. */
static RT_NOINLINE void *take_anywhere(gos_pool *pool, uint32_t id)
{
	uint32_t n = rt_load_acquire(&pool->local_count);
	void *p;

	for (uint32_t i = 1; i <= n; i++)
		if ((p = deque_take(shelf_of(pool, (id + i) % n), false)) != NULL)
			return p;
	for (uint32_t i = 1; i <= n; i++)
		if ((p = take_mine(shelf_of(pool, (id + i) % n))) != NULL)
			return p;
	return NULL;
}

void *gos_pool_get(gos_pool *pool)
{
	uint32_t id = rt_m_of_goroutine()->p->id;
	struct shelf *s = shelf_of(pool, id);
	void *p = NULL;

	if (rt_likely(s != NULL)) {
		p = take_mine(s);
		if (p == NULL)
			p = deque_take(s, true);
	}
	if (p == NULL)
		p = take_anywhere(pool, id);
	if (p == NULL && pool->make != NULL)
		p = pool->make();
	return p;
}

void gos_pool_drain(gos_pool *pool, void (*release)(void *p))
{
	rt_m_of_goroutine();
	/* The pool is empty and valid before release is called for the first time. */
	struct block *b = pool->local;
	pool->local = NULL;
	pool->local_count = 0;
	while (b != NULL) {
		struct block *next = b->next;
		for (uint32_t i = 0; i < b->count; i++) {
			struct shelf *s = &b->shelves[i];
			if (release != NULL) {
				if (s->mine != NULL)
					release(s->mine);
				for (uint64_t k = s->head; k != s->tail; k++)
					release(s->ring[k & (s->capacity - 1)]);
			}
			free(s->ring);
		}
		free(b);
		b = next;
	}
}
