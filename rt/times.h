/* SPDX-License-Identifier: MIT */
/*
 * times.h - how long each goroutine has run, stood in line, blocked its thread, and waited, and for what. Floor 3.
 *
 * Every change of a goroutine's state passes here (rt_times_pass), and closes the interval since the one before: g->wait_since is when that was, and the
 * interval goes to the account of the goroutine and to that of the P. Both ends are times of the one coarse clock, so what is added up never overlaps and has no
 * gap: a goroutine's times are its life, exactly. The interval that is open is not in any account; who reads adds it.
 *
 * Where the clock has not moved since, there is nothing to add: a load, a comparison, a branch. That is how a goroutine passes that runs for less than a
 * grain of the clock, a thousand times in one of them; the clock's step falls upon one of its intervals by chance, and of many each gets its share.
 *
 * Exactness. The end of a long run and the end of a long wait are what people look at, and the coarse clock may be late just there: nothing moves it while a
 * goroutine computes but sysmon. So on a P that switches seldom (more than RT_SELDOM_NS between two) every change looks at the exact clock, which
 * costs nothing to speak of there: bit 0 of wait_since is set, which makes the comparison fail. A P that switches often looks every 61st time, and sysmon
 * is near as long as there is one. See rt_times_pass_slowly.
 */
#ifndef RT_TIMES_H
#define RT_TIMES_H

#include "atomic.h"
#include "coarse.h"
#include "fresh.h"
#include "gossamer.h"
#include "gstatus.h"
#include "state.h"

#define RT_SELDOM_NS 4000    /* between two switches, on average: then a look at the clock at each of them is a percent */
#define RT_WINDOW_NS 250000  /* over which the average is taken */
#define RT_LONG_RUN 200000   /* ns: who runs for so long computes, and is expected to do so again */
#define RT_LONG_WAIT 5000000 /* ns: the end of a wait that is so long by the coarse clock is exact on any P */

void rt_times_pass_slowly(struct gos_m *mp, struct gos_g *gp, enum gos_state from) __attribute__((cold, noinline));

/* gp, which has been `from` until now, becomes something else: before its status is set, and for one that waits, while its reason stands. By who may set it. mp: the M that
 * this is on; from RUNNING and WAITING it has a P, whose ring then knows the time. Where it has none, the time is counted for no P. The coarse clock may be moved. */
RT_INLINE void rt_times_pass(struct gos_m *mp, struct gos_g *gp, enum gos_state from)
{
	bool look;
	if (!GOS_RECORD) {
		if (from != GOS_RUNNABLE)
			rt_store_relaxed(&gp->wait_since, rt_load_relaxed(&gos_runtime.now));
		return;
	}
	if (from == GOS_RUNNING)
		look = !rt_fresh_run(mp);
	else if (from == GOS_SYSCALL)
		look = true; /* it has no token, and mostly slept: this tells for how long */
	else
		look = (from == GOS_WAITING && !rt_fresh(mp)) || rt_load_relaxed(&gos_runtime.now) != gp->wait_since; /* nobody else writes it now, and a plain load is no instruction of its own */
	if (rt_unlikely(look))
		rt_times_pass_slowly(mp, gp, from);
}

/* gp is made, on pp. After g->goid is set, before its status is. When that was stays in wait_since until the clock has moved, and the slow road then puts it by. */
RT_INLINE void rt_times_begin(struct gos_p *pp, struct gos_g *gp)
{
	int64_t now = rt_load_relaxed(&gos_runtime.now);
	if (GOS_RECORD) {
		rt_store_relaxed(&gp->first_seq, gp->seq);
		now |= pp->seldom;
	}
	rt_store_relaxed(&gp->wait_since, now);
}

/* Of all that was passed without a P. Sync: atomic */
extern struct gos_account rt_times_of_no_p;

/* Adds an account, or what gp has been doing since its account was last added to. Any thread. */
void rt_times_add(struct gos_times *to, const struct gos_account *account);
void rt_times_add_open(struct gos_times *to, const struct gos_g *gp);

/* All of gp's times, whoever writes them meanwhile; false when it is not goid's any more, or when who writes them does not get on: a signal handler may have stopped
 * him, and wait for who asks here, or he stayed behind in the parent of this process. As of the coarse clock. Any thread. */
bool rt_times_read(const struct gos_g *gp, uint64_t goid, struct gos_times *times);

#endif
