/* SPDX-License-Identifier: MIT */
/*
 * preempt.c - the points at which user code lets others run. Floor 5.
 *
 * sysmon asks a goroutine that has run for 10 ms to let others run, by clearing its M's go_on. The goroutine finds out at the next public function that it
 * calls (rt_m_of_goroutine), at gos_checkpoint, or at a point that the compiler put into user code. Nothing is ever interrupted between such points: not the
 * runtime, not libc, no signal is sent. So a goroutine cannot be stopped while it holds a lock of libc, unless libc calls it back: see GOS_NO_PREEMPT.
 *
 * In a child of fork there is only the thread that forked: no other worker, no sysmon. A goroutine there may go on as a plain thread and print its death, but not
 * wait: go_on stays 0, so that whatever needs a goroutine finds out at no cost to others.
 */
#include "gossamer.h"
#include "park.h"

bool rt_forked;

void rt_preempt_in_child(void)
{
	struct gos_m *mp = rt_tls_m;
	rt_store_relaxed(&rt_forked, true);
	rt_flight_in_child();
	rt_fresh_in_child(mp);
	if (mp == NULL)
		return;
	rt_store_relaxed(&mp->go_on, 0u); /* so each function looks up, and says it */
	if (mp->calls != 0)
		mp->calls = INT32_MAX; /* the blocking section does not end: its P may be another's */
}

/* To the line that all Ps share, as in Go: those that compute without end then have their turns from all Ps alike. */
static void to_global_queue(struct gos_g *gp, void *arg)
{
	(void)arg;
	gp->link = NULL;
	rt_globq_put_list(gp, gp, 1);
	rt_wake_hint();
}

/* A scheduling point of a program that has a seed. What its goroutines call on another stack than their own is none: there they could not wait. */
static struct gos_m *ask_dice(struct gos_m *mp, void *pc)
{
	uint64_t here = (uint64_t)__builtin_frame_address(0);
	rt_seed_pass(RT_SEED_STEP);
	rt_clock_set();
	if (!rt_seed_once_in(rt_seed.give_way) || here >= mp->curg->stack_hi || here < mp->curg->stack_lo)
		return mp;
	rt_count(&mp->p->preempts);
	return rt_give_way(mp, NULL, true, rt_yield_commit, pc);
}

/* The current goroutine of mp has had its time. Returns the M that it is then on. */
static struct gos_m *preempt(struct gos_m *mp, void *pc)
{
	rt_lock_check_none();
	if (rt_seeded())
		return ask_dice(mp, pc);
	rt_store_relaxed(&mp->go_on, 1u);
	rt_count(&mp->p->preempts);
	/* The long road: those whom timers and the netpoller have woken meanwhile come before those who compute. */
	return rt_give_way(mp, NULL, true, to_global_queue, pc);
}

RT_NOINLINE struct gos_m *rt_m_look_up(struct gos_m *mp, void *pc)
{
	if (rt_load_relaxed(&rt_forked))
		rt_throw("a function that needs a goroutine was called in a child of fork");
	if (mp == NULL || mp->p == NULL) {
		if (gos_runtime.state == 0)
			rt_throw("a function that needs a goroutine was called before gos_run");
		if (mp == NULL || mp->curg == NULL)
			rt_throw("a function that needs a goroutine was called from a thread that runs none");
		rt_panic_at(pc, "a function that needs a goroutine was called between gos_blocking_begin and gos_blocking_end");
	}
	if (mp->curg == NULL) { /* g0, which is not asked to wait */
		rt_store_relaxed(&mp->go_on, (uint32_t)!rt_seeded());
		return mp;
	}
	return preempt(mp, pc);
}

static RT_NOINLINE void point(struct gos_m *mp, void *pc)
{
	struct gos_g *gp = mp->curg;
	uint64_t here = (uint64_t)__builtin_frame_address(0);
	/* A blocking section has no P to give up. Who is not on the goroutine's own stack is a signal handler, or foreign code on a stack of its own. */
	if (mp->p != NULL && gp != NULL && !rt_load_relaxed(&rt_forked) && here >= gp->stack_lo && here < gp->stack_hi)
		preempt(mp, pc);
}

void gos_checkpoint(void)
{
	struct gos_m *mp = rt_tls_m;
	if (rt_unlikely(mp != NULL && rt_load_relaxed(&mp->go_on) == 0))
		point(mp, __builtin_return_address(0));
}

/* What compilers call with -fsanitize-coverage=trace-pc, at each function's entry and in each loop. */
GOS_API void __sanitizer_cov_trace_pc(void);
void __sanitizer_cov_trace_pc(void)
{
	struct gos_m *mp = rt_tls_m;
	if (rt_unlikely(mp != NULL && rt_load_relaxed(&mp->go_on) == 0))
		point(mp, __builtin_return_address(0));
}
