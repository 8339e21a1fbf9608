/* SPDX-License-Identifier: MIT */
/*
 * flight.h - the flight recorder: what has lately happened to goroutines, for who looks from outside, or at a core. Floor 1.
 *
 * Each P has a ring of words, a word an event; who holds the P writes it, and nobody else, so an event costs a few plain stores. What happens where there is no P goes into
 * a ring of its own, under a lock. states.def lists the kinds. A word is
 *
 *     63      56 55                                              0
 *     |  kind   |  payload: ns, a goid, an address, a P's number  |      PARK, PARK_NEXT: 8 bits of reason, 48 of the object's address
 *                                                                        EXIT: the goid of who runs next
 *
 * Who did it is not in the word: it is who ran on that P then, whom the RUN before it names. A RUN with none of PARK, EXIT, CALL and PREEMPT since the last one says that who ran
 * before it gave way (a yield is not worth a word). Two kinds say besides who runs next, and no RUN follows: an EXIT names him, and after a PARK_NEXT it is whom the last READY of
 * this ring names, so that of six words for a round trip of two goroutines four are enough. Where that READY is not the last one for him who runs next, or may be overwritten before he does, NEXT repeats it (rt_runq_say_next).
 *
 * TIME and NEXT are no events. TIME says when those after it happened, in ns since the recorder's start. It is written when the coarse clock has moved since the P's last event, and
 * by GOSDEBUG=flight=exact before each event, from the exact clock.
 *
 * Always true:
 *  - A ring's words and its head lie in one file in memory (memfd), which begins with struct gos_flight and which others may map: /proc/PID/fd/N. Rings never move or go.
 *  - Words are stored before the head that counts them: who reads the head, copies, reads the head again and drops all words before (second head + RT_FLIGHT_AHEAD - size) has
 *    only whole words, and knows from the first word's number how many he has missed.
 *  - After a ring's last word its first page is mapped once more: two words are stored without asking where the ring ends.
 *  - With the recorder off, and in a child of fork, all is written to a ring of one word in the P itself, which nobody reads: so there is no branch for it.
 */
#ifndef RT_FLIGHT_H
#define RT_FLIGHT_H

#include "atomic.h"
#include "state.h"

#define RT_FLIGHT_AHEAD 2 /* words that may be written beyond the head, since it counts them only once they are there */

#define RT_FLIGHT_MAGIC "GOSFLIGT" /* 8 bytes, no terminator */
#define RT_FLIGHT_VERSION 2
#define RT_FLIGHT_PAGE 4096
#define RT_FLIGHT_RING_AT (RT_FLIGHT_PAGE - RT_CACHE_LINE) /* so that the words, which follow the record, begin a page */
#define RT_FLIGHT_OBJECT_BITS 48
#define RT_FLIGHT_KIND_SHIFT 56

/* A word but for a PARK. */
RT_INLINE uint64_t rt_flight_word(enum gos_flight_kind kind, uint64_t payload)
{
	return (uint64_t)kind << RT_FLIGHT_KIND_SHIFT | payload;
}

/* The same with an address, of which what does not fit is dropped: the kernel gives no such one to who does not ask for it. */
RT_INLINE uint64_t rt_flight_word_of(enum gos_flight_kind kind, const void *object)
{
	return rt_flight_word(kind, 0) | (uint64_t)object << (64 - RT_FLIGHT_OBJECT_BITS) >> (64 - RT_FLIGHT_OBJECT_BITS);
}

RT_INLINE uint64_t rt_flight_payload(uint64_t word)
{
	return word & ((UINT64_C(1) << RT_FLIGHT_KIND_SHIFT) - 1);
}

/* Does it say who runs next after a PARK_NEXT? */
RT_INLINE bool rt_flight_is_readied(uint64_t word)
{
	return word >> RT_FLIGHT_KIND_SHIFT == GOS_FLIGHT_READY || word >> RT_FLIGHT_KIND_SHIFT == GOS_FLIGHT_NEXT;
}

/* For readers: a word of one event. One that says besides who runs next is taken apart: the result is what it says of who stopped, and *next, which is to be the goid that the last
 * READY of its ring names, 0 where that is not known, becomes who runs. Of any other word *next becomes 0. */
RT_INLINE uint64_t rt_flight_part(uint64_t word, uint64_t *next)
{
	switch ((enum gos_flight_kind)(word >> RT_FLIGHT_KIND_SHIFT)) {
	case GOS_FLIGHT_EXIT:
		*next = rt_flight_payload(word);
		return rt_flight_word(GOS_FLIGHT_EXIT, 0);
	case GOS_FLIGHT_PARK_NEXT:
		return rt_flight_word(GOS_FLIGHT_PARK, rt_flight_payload(word));
	default:
		*next = 0;
		return word;
	}
}

/* Says what time it is; now is the coarse clock, which has moved. Owner of the ring only. */
void rt_flight_stamp(struct gos_flight_ring *ring, int64_t now) __attribute__((cold));

/* The ring of pp, in which it is `now`. Owner P only. */
RT_INLINE struct gos_flight_ring *rt_flight_at(struct gos_p *pp, int64_t now)
{
	struct gos_flight_ring *ring = pp->flight;
	if (rt_unlikely(ring->time != now))
		rt_flight_stamp(ring, now);
	return ring;
}

/* A store that is whole and comes before the head's: rt_count is a barrier for the compiler. Where that is all it takes, gcc needs an instruction less than for an atomic one. */
#if defined(__x86_64__) && !defined(RT_TSAN)
#define RT_FLIGHT_STORE(place, word) ((place) = (word))
#else
#define RT_FLIGHT_STORE(place, word) rt_store_relaxed(&(place), (word))
#endif

/* One word. Owner of the ring only. */
RT_INLINE void rt_flight_put(struct gos_flight_ring *ring, uint64_t word)
{
	uint64_t i = ring->head & ring->mask;
	RT_FLIGHT_STORE(ring->word[i], word);
	rt_count(&ring->head);
}

/* The word of who is left by a switch, a PARK or PREEMPT: an address, and the kind and the reason, which lie above it. */
struct rt_flight_left {
	const void *object;
	uint16_t top;
};
#define RT_FLIGHT_LEFT(kind, reason, of) ((struct rt_flight_left){.object = (of), .top = (uint16_t)((kind) << 8 | (reason))})
#define RT_FLIGHT_NONE ((struct rt_flight_left){NULL, 0})

/* The address as it is, and over its uppermost bits the rest: half the instructions of putting them together first. Nobody looks at the word before the head counts it. */
RT_INLINE void rt_flight_store_left(uint64_t *place, struct rt_flight_left left)
{
#if defined(__x86_64__) && !defined(RT_TSAN)
	typedef uint16_t __attribute__((may_alias)) top;
	*place = (uint64_t)left.object;
	__asm__("movw %1, %0" : "=m"(((top *)place)[RT_FLIGHT_OBJECT_BITS / 16]) : "ri"(left.top)); /* not as C: gcc would put the two together */
#else
	rt_store_relaxed(place, (uint64_t)left.object << (64 - RT_FLIGHT_OBJECT_BITS) >> (64 - RT_FLIGHT_OBJECT_BITS) | (uint64_t)left.top << RT_FLIGHT_OBJECT_BITS);
#endif
}

/* One. */
RT_INLINE void rt_flight_put_left(struct gos_flight_ring *ring, struct rt_flight_left left)
{
	rt_flight_store_left(&ring->word[ring->head & ring->mask], left);
	rt_count(&ring->head);
}

/* One, and the RUN of who comes next. */
RT_INLINE void rt_flight_put_left_and_run(struct gos_flight_ring *ring, struct rt_flight_left left, uint64_t goid)
{
	uint64_t i = ring->head & ring->mask;
	rt_flight_store_left(&ring->word[i], left);
	RT_FLIGHT_STORE(ring->word[i + 1], rt_flight_word(GOS_FLIGHT_RUN, goid));
	rt_count_by(&ring->head, 2);
}

/* An event. Owner P only. */
RT_INLINE void rt_flight(struct gos_p *pp, enum gos_flight_kind kind, uint64_t payload)
{
	if (GOS_RECORD)
		rt_flight_put(rt_flight_at(pp, rt_load_relaxed(&gos_runtime.now)), rt_flight_word(kind, payload));
}

/* One that follows rt_times_pass from WAITING, after which the ring knows the time. Owner P only. */
RT_INLINE void rt_flight_passed(struct gos_p *pp, enum gos_flight_kind kind, uint64_t payload)
{
	if (GOS_RECORD)
		rt_flight_put(pp->flight, rt_flight_word(kind, payload));
}

/* One that names an address. Owner P only. */
RT_INLINE void rt_flight_of(struct gos_p *pp, enum gos_flight_kind kind, const void *object)
{
	if (GOS_RECORD)
		rt_flight_put(rt_flight_at(pp, rt_load_relaxed(&gos_runtime.now)), rt_flight_word_of(kind, object));
}

/* Looks at the clock, in place of an event that follows. Owner P only. */
RT_INLINE void rt_flight_tick(struct gos_p *pp, int64_t now)
{
	if (GOS_RECORD)
		rt_flight_at(pp, now);
}

/* Each event of pp's is to have a time of its own: so each change of a goroutine's state must pass slowly (times.h). */
RT_INLINE bool rt_flight_is_exact(const struct gos_p *pp)
{
	return pp->flight->time == INT64_MIN;
}

/*
 * From rt_times_pass_slowly, which each goroutine that stops comes to where the clock has moved since it began to run, and each that is made ready where it has moved since this was
 * looked at (fresh.h): so what is written right after that need not ask. Who is switched to from another goroutine has been made, made ready or left on this same P, and what was
 * then written knew the time: while the clock has not moved since, TIME is right. Owner P only.
 */
RT_INLINE void rt_flight_pass(struct gos_p *pp, int64_t now, enum gos_state from)
{
	if (from != GOS_RUNNABLE || !rt_flight_is_exact(pp)) /* with exact times who is switched to has that of who was left */
		rt_flight_tick(pp, now);
}

#if GOS_CHECK >= 2
/* The last READY of pp's ring, if it is still there, names goid; else the program ends. */
void rt_flight_check_readied(const struct gos_p *pp, uint64_t goid);
#else
#define rt_flight_check_readied(pp, goid) ((void)0)
#endif

/* What is to be written of a switch: of who is left, `left`, and of who runs next. */
enum rt_flight_leave {
	RT_LEAVE_GIVES_WAY, /* no word, and a RUN */
	RT_LEAVE_NAMED,     /* one, a PARK_NEXT, which says it all */
	RT_LEAVE,           /* one, and a RUN */
	RT_LEAVE_EXIT,      /* one that is made here */
};

/* Writes it; next is NULL for g0. After rt_times_pass, or on g0 rt_flight_tick. Owner P only. */
RT_INLINE void rt_flight_switch(struct gos_p *pp, enum rt_flight_leave leave, struct rt_flight_left left, const struct gos_g *next)
{
	if (!GOS_RECORD)
		return;
	if (leave == RT_LEAVE_EXIT) {
		rt_flight_put(pp->flight, rt_flight_word(GOS_FLIGHT_EXIT, next != NULL ? next->goid : 0));
	} else if (next == NULL) {
		if (leave == RT_LEAVE_NAMED) /* who was to run next may not, or not here */
			left.top ^= (GOS_FLIGHT_PARK_NEXT ^ GOS_FLIGHT_PARK) << 8;
		if (leave != RT_LEAVE_GIVES_WAY)
			rt_flight_put_left(pp->flight, left);
	} else if (leave == RT_LEAVE_GIVES_WAY) {
		rt_flight_put(pp->flight, rt_flight_word(GOS_FLIGHT_RUN, next->goid));
	} else if (leave == RT_LEAVE_NAMED) {
		rt_flight_check_readied(pp, next->goid);
		rt_flight_put_left(pp->flight, left);
	} else {
		rt_flight_put_left_and_run(pp->flight, left, next->goid);
	}
}

/* An event where there is no P. Any thread. */
void rt_flight_without_p(enum gos_flight_kind kind, uint64_t payload);

/* Before there are Ps: the file, and its ring 0. */
void rt_flight_start(void);
/* A new P's ring. Lock: sched.lock, held, or nobody knows of pp. */
void rt_flight_give(struct gos_p *pp);
/* In a child of fork, which is not to write into its parent's record. */
void rt_flight_in_child(void);

/* ---- reading, from within ---- */

/* Something that happened to a goroutine, as a sentence needs it. */
struct rt_flight_event {
	int64_t at;      /* CLOCK_MONOTONIC, ns */
	bool early;      /* that is not when it happened, but something that it happened before: what said when has been overwritten */
	enum gos_flight_kind kind;
	uint32_t p;      /* on which P; RT_FLIGHT_NO_P: on none */
	uint64_t goid;   /* to whom */
	uint64_t by;     /* CREATE, READY: who did it; 0: none, but a timer, the netpoller or the runtime's start, or it is not known */
	uint64_t object; /* PARK: what it waits on; CALL, PANIC: where; RUN: 0 */
	uint32_t reason; /* PARK: enum gos_reason */
};
#define RT_FLIGHT_NO_P UINT32_MAX

/* The last events of a goroutine that are still there, newest first, up to n; how many it were. Where it gave way without being asked there is an event of kind
 * GOS_FLIGHT_YIELD. Any thread; takes no lock and no memory, so that who dies may call it, but looks at every ring: 1 ns a word. */
uint32_t rt_flight_last(uint64_t goid, struct rt_flight_event *events, uint32_t n);

#endif
