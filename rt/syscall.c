/* SPDX-License-Identifier: MIT */
/*
 * syscall.c - a goroutine blocks its thread: its P goes on without it. Floor 5. After Go's entersyscall and exitsyscall.
 *
 * Protocol. rt_entersyscall leaves the P in SYSCALL, where whoever wins the compare-and-swap on its status has it: the M that left it, when the call was
 * short; sysmon, when it was not (rt_syscall_retake); or another M that comes back from a call of its own. So a short call costs two locked instructions, and a long one
 * keeps the P's goroutines waiting until sysmon looks: a millisecond or two, and none where idle workers steal them. Nobody but the winner touches what only
 * the owner of a P may.
 */
#include "syscall.h"

#include <errno.h>
#include <time.h>

#include "crash.h"
#include "gossamer.h"
#include "hold.h"
#include "park.h"

#define ASKED_MS 2000 /* who asks gives up after a second: crash.c */

/*
 * Somebody is about to send this thread a signal, to learn where the goroutine stands, and has seen it run: it comes here, where it ends no call of the program's. Who asks
 * says so before he looks at the status, and we look whether anybody has after we have changed it, so one of us sees the other.
 */
static RT_NOINLINE void wait_for_signal(struct gos_m *mp)
{
	struct timespec ms = {.tv_nsec = 1000 * 1000};
	for (int i = 0; (rt_load_relaxed(&rt_asked[0]) == mp->tid || rt_load_relaxed(&rt_asked[1]) == mp->tid) && i < ASKED_MS; i++)
		clock_nanosleep(CLOCK_MONOTONIC, 0, &ms, NULL);
}

RT_INLINE void enter(void *pc, uint64_t sp, uint64_t rbp, uint64_t at)
{
	struct gos_m *mp = rt_tls_m;
	if (rt_unlikely(mp == NULL || rt_load_relaxed(&mp->go_on) == 0)) {
		if (mp != NULL && mp->calls != 0) { /* one within the other */
			mp->calls++;
			return;
		}
		mp = rt_m_look_up(mp, pc);
	}
	struct gos_g *gp = mp->curg;
	struct gos_p *pp = mp->p;

	rt_lock_check_none();
	rt_store_relaxed(&mp->section.count, mp->section.count + 1);
	rt_store_release(&mp->section.sp, sp);
	rt_store_release(&mp->section.rbp, rbp);
	rt_store_release(&mp->section.pc, at);
	gp->wait_pc = pc;
	rt_times_pass(mp, gp, GOS_RUNNING);
	RT_PROBE1(g_syscall, gp->goid);
	rt_debug_event(gp, GOS_EVENT_CALL, GOS_REASON_NONE);
	rt_g_set(gp, GOS_RUNNING, GOS_SYSCALL);
	rt_runq_say_next(pp);
	rt_flight_of(pp, GOS_FLIGHT_CALL, pc);
	mp->calls = 1;
	mp->call_p = rt_p_release(mp);
	rt_store_relaxed(&pp->calls, pp->calls + 1);
	rt_exchange(&pp->status, (uint32_t)GOS_P_SYSCALL); /* from here it may be taken */
	if (rt_unlikely(rt_load_relaxed(&rt_sched.sysmon_away) != RT_SYSMON_NEAR))
		rt_note_wake(&rt_sched.sysmon_note);
	if (rt_unlikely((rt_load_relaxed(&rt_asked[0]) | rt_load_relaxed(&rt_asked[1])) != 0)) /* after the exchange, which orders it */
		wait_for_signal(mp);
}

/* The registers of who has called the function whose frame this is, when it returns. */
#define CALLER_SP(frame) ((uint64_t)(uintptr_t)(frame) + 16)
#define CALLER_RBP(frame) (((const uint64_t *)(frame))[0])
#define CALLER_PC(frame) (((const uint64_t *)(frame))[1])

RT_NOINLINE void rt_entersyscall(void *pc)
{
	const void *frame = __builtin_frame_address(0);
	enter(pc, CALLER_SP(frame), CALLER_RBP(frame), CALLER_PC(frame));
}

RT_NOINLINE void rt_entersyscall_in(void *pc, uint64_t sp, uint64_t rbp)
{
	enter(pc, sp, rbp, (uint64_t)(uintptr_t)pc);
}

bool rt_syscall_retake(struct gos_p *pp)
{
	if (!rt_cas(&pp->status, (uint32_t)GOS_P_SYSCALL, (uint32_t)GOS_P_IDLE))
		return false;
	if (rt_seeded())
		rt_add_fetch(&rt_seed.away, 1u); /* before anybody has the P */
	rt_count(&pp->handoffs);
	rt_p_handoff(pp);
	return true;
}

/* From a call that had cost its M the P, with a seed. */
static void is_back(void)
{
	if (rt_seeded())
		rt_add_fetch(&rt_seed.away, (uint32_t)-1);
}

/* On g0, without a P: gp stands in line and its M has nothing to run. */
static void exit_commit(struct gos_g *gp, void *arg)
{
	(void)arg;
	gp->link = NULL;
	rt_globq_put_list(gp, gp, 1);
	is_back();
	rt_fence(); /* pairs with a worker's last look before it sleeps: protocol "find", step 5 */
	if (rt_load_relaxed(&rt_sched.idle_p_count) != 0)
		rt_wake();
}

static void hold_commit(struct gos_g *gp, void *arg)
{
	(void)arg;
	is_back(); /* its P is anybody's, whoever took it */
	rt_hold_put(gp);
}

/* A debugger holds the goroutine of mp back: its thread has nothing to run, and others may have the P. */
static RT_NOINLINE void stand_by(struct gos_m *mp, struct gos_g *gp, struct gos_p *pp)
{
	rt_syscall_retake(pp);
	rt_flight_without_p(GOS_FLIGHT_CALL_END, gp->goid);
	rt_times_pass(mp, gp, GOS_SYSCALL);
	rt_g_set(gp, GOS_SYSCALL, GOS_RUNNABLE);
	mp->commit = hold_commit;
	mp->commit_arg = NULL;
	rt_switch_to(mp, gp, NULL, RT_LEAVE_GIVES_WAY, RT_FLIGHT_NONE);
}

RT_NOINLINE bool rt_exitsyscall(void)
{
	struct gos_m *mp = rt_tls_m;
	if (mp == NULL || mp->calls == 0)
		return false;
	if (--mp->calls != 0)
		return true;
	struct gos_g *gp = mp->curg;
	struct gos_p *pp = mp->call_p;

	mp->call_p = NULL;
	if (rt_unlikely(rt_g_held(gp))) {
		stand_by(mp, gp, pp);
		return true;
	}
	/* Another M may have left the same P in SYSCALL since: to take it from him is as good. */
	if (rt_likely(rt_load_relaxed(&pp->status) == GOS_P_SYSCALL && rt_cas(&pp->status, (uint32_t)GOS_P_SYSCALL, (uint32_t)GOS_P_RUNNING))) {
		rt_p_acquire(mp, pp);
		rt_times_pass(mp, gp, GOS_SYSCALL);
		rt_g_set(gp, GOS_SYSCALL, GOS_RUNNING);
		rt_flight(pp, GOS_FLIGHT_CALL_END, gp->goid);
	} else if (rt_load_relaxed(&rt_sched.idle_p_count) != 0 && rt_p_acquire_idle(mp)) {
		is_back();
		rt_times_pass(mp, gp, GOS_SYSCALL);
		rt_g_set(gp, GOS_SYSCALL, GOS_RUNNING);
		rt_flight(mp->p, GOS_FLIGHT_CALL_END, gp->goid);
	} else {
		rt_times_pass(mp, gp, GOS_SYSCALL);
		rt_flight_without_p(GOS_FLIGHT_CALL_END, gp->goid);
		rt_g_set(gp, GOS_SYSCALL, GOS_RUNNABLE);
		mp->commit = exit_commit;
		mp->commit_arg = NULL;
		rt_switch_to(mp, gp, NULL, RT_LEAVE_GIVES_WAY, RT_FLIGHT_NONE);
	}
	return true;
}

/* ---- the public forms ---- */

void gos_blocking_begin(void)
{
	const void *frame = __builtin_frame_address(0);
	rt_entersyscall_in(__builtin_return_address(0), CALLER_SP(frame), CALLER_RBP(frame));
}

/* errno is the caller's business until here, so it is kept: on the thread that the goroutine is then on. */
static RT_NOINLINE int get_errno(void)
{
	return errno;
}

static RT_NOINLINE void set_errno(int value)
{
	errno = value;
}

void gos_blocking_end(void)
{
	int saved = get_errno();
	if (!rt_exitsyscall())
		rt_panic_at(__builtin_return_address(0), "gos_blocking_end without gos_blocking_begin");
	set_errno(saved);
}

void *gos_blocking(void *(*fn)(void *arg), void *arg)
{
	rt_entersyscall(__builtin_return_address(0));
	void *value = fn(arg);
	int saved = get_errno();
	rt_exitsyscall();
	set_errno(saved);
	return value;
}
