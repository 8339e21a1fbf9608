/* SPDX-License-Identifier: MIT */
/*
 * gstatus.c - what holds in each state of a goroutine, checked. Floor 1. The list is states.def.
 */
#include "gstatus.h"

#include <stdio.h>

static const char *state_word(uint32_t state)
{
	switch (state) {
#define GOS_STATE(symbol, number, word, ...) \
	case number:                         \
		return word;
#include "abi/states.def"
	}
	return "?";
}

RT_NOINLINE void rt_g_bad_status(const struct gos_g *gp, enum gos_state from, enum gos_state to)
{
	fprintf(stderr, "gossamer: goroutine %llu is %s; it was to go from %s to %s\n", (unsigned long long)gp->goid,
	        state_word(gp->status), state_word(from), state_word(to));
	rt_throw("bad goroutine status");
}

#if GOS_CHECK >= 2
void rt_g_check(const struct gos_g *gp)
{
	bool saved = (rt_load_relaxed(&gp->seq) & 1) == 0;

	switch ((enum gos_state)gp->status) {
	case GOS_IDLE:
		rt_assert(gp->m == NULL && saved);
		break;
	case GOS_RUNNABLE:
		rt_assert(gp->goid != 0 && gp->waiting == NULL);
		break;
	case GOS_RUNNING:
		rt_assert(gp->goid != 0 && gp->m != NULL && !saved);
		break;
	case GOS_SYSCALL:
		rt_assert(gp->m != NULL);
		break;
	case GOS_WAITING:
		rt_assert(gp->reason != GOS_REASON_NONE);
		break;
	case GOS_DEAD:
		rt_assert(gp->waiting == NULL);
		break;
	}
	rt_assert(((gp->flags & RT_G_LABELLED) != 0) == (gp->labels != NULL));
	rt_assert(((gp->flags & RT_G_ANCESTORS) != 0) == (gp->ancestors != NULL || gp->lineage != NULL));
	/* Wherever it is, a saved stack pointer lies in its stack. */
	if (saved && gp->stack_hi != 0)
		rt_assert(gp->sched.sp >= gp->stack_lo && gp->sched.sp < gp->stack_hi);
}
#endif
