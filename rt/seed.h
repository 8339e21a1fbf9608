/* SPDX-License-Identifier: MIT */
/*
 * seed.h - GOSDEBUG=seed=N: one number decides the interleaving. Floor 0: the dice, and a clock that nobody outside of the process moves.
 *
 * Always true, while a seed is given:
 *  - there is one P, so one goroutine runs at a time, and whoever holds the P throws the dice: the order of the throws is the order of the program;
 *  - nothing of what the program sees depends on a clock of the kernel, on another thread of ours, or on an address;
 *  - m->go_on of whoever has the P is 0 and its ticks_left are used up: each public function is a scheduling point (preempt.c), and each choice of who runs
 *    next is made on g0 (schedule.c). So the short roads pay nothing for any of this: they are not taken.
 * What comes from outside is outside of the seed: descriptors, signals, threads that the program made, clocks that it reads itself.
 */
#ifndef RT_SEED_H
#define RT_SEED_H

#include <stdbool.h>
#include <stdint.h>

#include "atomic.h"

struct rt_seed {
	uint32_t on;       /* set before the first P exists, and then for good */
	int64_t number;    /* the seed */
	int64_t now;       /* the clock, ns; gos_runtime.now is a copy. Sync: atomic, written by who has the P */
	uint64_t state;    /* of the dice. Owner: who has the P */
	uint64_t favour;   /* who is favoured at present: mixed with a goid. Owner: who has the P */
	uint32_t give_way; /* at one scheduling point in so many a goroutine lets others run */
	uint32_t rivals;   /* so many candidates are drawn for the next turn, and the most favoured has it */
	uint32_t away;     /* goroutines that block their threads and whose P was taken after all. Sync: atomic */
	uint32_t stalls;   /* at one choice in so many the machine stands still for a while; 0: never */
};
extern struct rt_seed rt_seed;

#define RT_SEED_START INT64_C(1000000000000) /* ns: what the clock shows at the beginning, as on a machine that has been up for a while */
#define RT_SEED_STEP INT64_C(1000)           /* ns that pass at each scheduling point and each look at the clock */
#define RT_SEED_HORIZON (INT64_MAX / 2)      /* what is due later than this is not waited for by moving the clock: it is meant to be never */

/* Is there a seed? */
RT_INLINE bool rt_seeded(void)
{
	return rt_unlikely(rt_load_relaxed(&rt_seed.on) != 0);
}

/* From here on number decides; RT_SEED_RANDOM of config.h: one that is drawn now, and said on stderr. From gos_run, before the first P. */
void rt_seed_begin(int64_t number);

/* A number below n, which is not 0. Who has the P. */
uint32_t rt_seed_below(uint32_t n);

/* True once in n times. Who has the P. */
static inline bool rt_seed_once_in(uint32_t n)
{
	return rt_seed_below(n) == 0;
}

/* How much a goroutine is favoured at present. Who has the P. */
uint64_t rt_seed_favour(uint64_t goid);
/* A choice was made: perhaps others are favoured from here on. Who has the P. */
void rt_seed_chosen(void);

/* So many ns have passed at a choice: mostly a step, but now and then the machine does something else for a while. Who has the P. */
int64_t rt_seed_delay(void);

/* Moves the clock on by ns, but not beyond the horizon; it is returned. Who has the P. */
int64_t rt_seed_pass(int64_t ns);

#endif
