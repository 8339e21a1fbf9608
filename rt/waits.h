/* SPDX-License-Identifier: MIT */
/*
 * waits.h - who waits for whom through locks that have an owner, and what can never end. Beside the floors: reads state.h, changes nothing.
 *
 * The locks are mutex, rwmutex and once. Of the readers of an rwmutex the runtime knows the number and not who they are, so a chain ends at a writer that waits
 * for readers. Any goroutine may unlock, as in Go: of a program that has others unlock than lock, what is found here may yet be resolved.
 */
#ifndef RT_WAITS_H
#define RT_WAITS_H

#include <stdbool.h>
#include <stdint.h>

struct gos_g;
struct rt_report;

/* A goroutine that waits for an owned lock, as it stood still. */
struct rt_wait {
	struct gos_g *gp;
	uint64_t goid;
	uint64_t seq;     /* equal again later: it has waited all the while */
	int64_t since;
	uint64_t object;
	uint64_t holder;  /* goid of who has the lock, or comes first; 0: nobody, or readers */
	uint8_t reason;
};

/* Whether gp waits for an owned lock just now, and how. */
bool rt_wait_look(struct gos_g *gp, struct rt_wait *wait);

/* The locks that were looked at last, for who looks at many goroutines: a million may wait for the same one, and a look at a lock is a system call. Zero is an empty one. */
#define RT_LOCKS_REMEMBERED 256 /* a power of two */
struct rt_locks {
	/* What a lock says of who has it; of several kinds of waiters each asks for another part. */
	struct rt_lock_seen {
		uint64_t at;
		uint64_t owner;   /* who holds it */
		uint64_t pending; /* of an rwmutex: who has excluded other writers, and waits for readers if it is not the owner too */
		bool closed;      /* of an rwmutex: to new readers */
	} seen[RT_LOCKS_REMEMBERED];
};

/* The same; but who has the lock is who had it when it was looked at. */
bool rt_wait_look_among(struct rt_locks *locks, struct gos_g *gp, struct rt_wait *wait);

/* Whether it waits as it did, for a lock that the same one has. */
bool rt_wait_lasts(const struct rt_wait *wait);

/* Whether gp waits for an owned lock just now: without a look at the lock. */
bool rt_wait_is_for_lock(struct gos_g *gp);

/* One who holds such a lock, while others wait for it. */
struct rt_holder {
	uint64_t goid;   /* 0: this slot is free */
	uint64_t holder; /* of the lock that it waits for itself; 0: it waits for none */
	uint64_t seq;    /* as in struct rt_wait, while a cycle is proved */
	struct gos_g *gp; /* NULL: it has ended */
	uint32_t walk;   /* that came here last */
	bool shown;
};

/* All of them, of one look. Zero is an empty one. Memory: 48 bytes for each who holds a lock that others wait for, twice that at most. */
struct rt_waits {
	struct rt_holder *slots;
	uint64_t size, used;
	uint64_t ended;  /* of those, how many have ended */
	uint32_t walks;
	struct rt_report *report; /* its beat goes up while there is progress, and nobody wants it any more when its stop is set */
};

/* Takes a look, at goroutines that have waited since `before` or earlier. 0; -ENOMEM; -ECANCELED: nobody wants it any more. End it in any case. */
int rt_waits_begin(struct rt_waits *waits, int64_t before, struct rt_report *report);
void rt_waits_end(struct rt_waits *waits);
struct rt_holder *rt_waits_find(const struct rt_waits *waits, uint64_t goid);

/*
 * The next cycle: one of its members, whose holder is the next, and so on until it comes back; `length` is how many they are. NULL: there are no more. *at is 0 at first.
 * It is proved: each member was seen to wait for the next one's lock twice, with nothing changed, the second time after all had been seen the first time. So there was
 * a moment at which all of them waited.
 */
struct rt_holder *rt_waits_cycle(struct rt_waits *waits, uint64_t *at, uint64_t *length);

/*
 * The next goroutine that waits for a lock whose owner has ended, of those that have waited since `before` or earlier. *at is 0 and `locks` empty at first. It waits; but the lock
 * may have been looked at earlier, and be somebody else's since. Where the lock is his still after all of them, it was his all the while, since who has ended locks nothing any
 * more: rt_wait_lasts of any who waits for it proves it of all.
 */
bool rt_waits_orphan(const struct rt_waits *waits, int64_t before, struct rt_locks *locks, uint64_t *at, struct rt_wait *wait);

/* Where goroutines are, by id: for who looks up many. Zero is an empty one, by which they are searched for one by one. */
struct rt_goids {
	uint32_t *slots; /* number + 1 of a goroutine; 0: free */
	uint64_t size;
	uint64_t *ended; /* ids that were searched for in vain, by hash: they are not used again. Where there are slots */
};
void rt_goids_begin(struct rt_goids *goids, struct rt_report *report); /* without memory it stays empty; it counts the report's beat up, as looks do */
void rt_goids_end(struct rt_goids *goids);
/* NULL: it has ended. */
struct gos_g *rt_goids_find(const struct rt_goids *goids, uint64_t goid);

#endif
