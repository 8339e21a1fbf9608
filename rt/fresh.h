/* SPDX-License-Identifier: MIT */
/*
 * fresh.h - whether a thread may believe the coarse clock, without looking at the exact one. Floor 1.
 *
 * Each M has a *token*, a word of its own. It is set by who has just looked at the exact clock, and is not 0 only while all of this has been true since then:
 *
 *  - nobody has moved the coarse clock: who moves it takes the tokens of all others away (rt_fresh_none);
 *  - the thread has not lost its processor, which may be for milliseconds in which nobody else looked at a clock either: where the kernel and the C library have restartable
 *    sequences (rseq(2)), the token is the thread's rseq_cs. The kernel sets that to 0 when a thread continues that it had interrupted and preempted, moved
 *    or sent a signal, unless it is within a certain range of instructions; the token names one that nobody ever executes. (After a sleep in a system call older kernels do so as
 *    well, newer ones need not: nothing here relies on it.)
 *  - the M has kept its P, whose ring in the flight recorder has said what time it is.
 *
 * So one look at the token stands for several comparisons of times. RT_FRESH_RUN says besides that the goroutine that runs here has had its last change of state at that same time
 * of the clock, so that there is nothing to add up when it stops. Who reads the clock after he has looked at the token has a time that was right when he looked.
 *
 * A library in the program that uses restartable sequences itself writes the same word. It is not disturbed: nobody takes away what is not a token, and who sets one is in no
 * sequence; nor is what it writes taken for RT_FRESH_RUN. But a word that others write says nothing, so an M that finds another value there has a word in its own structure from then on, as where there is no rseq; that the thread
 * has lost its processor is then found by sysmon or the next look at the clock.
 */
#ifndef RT_FRESH_H
#define RT_FRESH_H

#include "atomic.h"
#include "state.h"

/* A token is the address of one of these. The kernel reads them (struct rseq_cs). */
#define RT_FRESH_SIZE 32
extern const struct rt_fresh_tokens {
	uint64_t event[4]; /* the clock can be believed */
	uint64_t run[4];   /* and who runs here has changed its state at that time */
} rt_fresh_tokens __attribute__((aligned(RT_FRESH_SIZE), visibility("hidden")));

#define RT_FRESH_EVENT ((uint64_t)rt_fresh_tokens.event)
#define RT_FRESH_RUN ((uint64_t)rt_fresh_tokens.run)

RT_INLINE uint64_t rt_fresh_token(const struct gos_m *mp)
{
	return rt_load_relaxed(rt_load_relaxed(&mp->fresh));
}

/* Can gos_runtime.now be believed? On mp, which has a P. (Once on a thread it may be another library's word that says so; the goroutine's stop then finds out.) */
RT_INLINE bool rt_fresh(const struct gos_m *mp)
{
	return rt_fresh_token(mp) != 0;
}

/* And has nothing to be added up for who runs on it? */
RT_INLINE bool rt_fresh_run(const struct gos_m *mp)
{
	return rt_fresh_token(mp) == RT_FRESH_RUN;
}

/* The calling thread is mp's. Before it has a P. */
void rt_fresh_init(struct gos_m *mp);

/* Sets mp's token: *before* the look at the clock that it vouches for, since the thread may lose its processor in between, and the clock may be moved. On mp. */
void rt_fresh_set(struct gos_m *mp, uint64_t token);

/* It vouches no more for who runs here: RT_FRESH_EVENT, if it is still there. On mp. */
void rt_fresh_lower(struct gos_m *mp);

/* In a child of fork, where of all Ms only the calling thread's has a thread, or none: the others' words may be unmapped. */
void rt_fresh_in_child(const struct gos_m *mine);

/* Takes it away. On mp, or by who has mp in his hands. */
RT_INLINE void rt_fresh_clear(struct gos_m *mp)
{
	if (rt_fresh_token(mp) != 0)
		rt_store_relaxed(rt_load_relaxed(&mp->fresh), UINT64_C(0));
}

/* The coarse clock has been moved: takes the tokens of all Ms away but that of `but`, which may be NULL. Any thread. */
void rt_fresh_none(const struct gos_m *but);

#endif
