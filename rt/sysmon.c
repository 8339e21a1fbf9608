/* SPDX-License-Identifier: MIT */
/*
 * sysmon.c - the thread that watches: keeps the coarse clock, and mends what workers may miss. Floor 5.
 *
 * It holds no P and runs no goroutine. More often than every millisecond while anything runs, up to 20 ms apart while nothing does, and once a second when that has lasted (then who takes
 * a P from the idle list wakes it), it
 *  - sets the coarse clock;
 *  - takes the Ps of goroutines that block their threads, so that others can have them;
 *  - asks goroutines that have run for 10 ms to let others run;
 *  - wakes a worker for a queue that stands still although Ps are idle (rt_wake_hint may have kept silent), and for an overdue timer;
 *  - looks at the netpoller when nobody has for 10 ms;
 *  - does what a debugger asks for by writing words (hold.h): only for its sake it does not sleep for good;
 *  - gives back the pages of stacks that no goroutine has needed for a while.
 */
#include "sysmon.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "hold.h"
#include "netpoll.h"
#include "schedule.h"
#include "stack.h"
#include "syscall.h"
#include "throw.h"
#include "timers.h"

#define BUSY_SLEEP_NS 750000 /* so that the coarse clock is late by a millisecond at most, with what the system adds */
#define SLICE_NS 100000      /* the shortest that the system gives */
#define IDLE_SLEEP_NS 20000000
#define POLL_LATE_NS 10000000
#define SCAVENGE_NS INT64_C(2000000000) /* stacks unused for this long are given back */
#define SCAVENGE_BATCH 512              /* at most so many between two looks at the clock: 1.2 us each */

#define TIME_SLICE_NS 10000000          /* as in Go */
#define CALL_PATIENCE_NS 10000000       /* a blocked goroutine keeps its P for so long when nobody needs it */
#define SEEDED_CALL_PATIENCE 1000      /* and with a seed, looks for which it keeps it whoever needs it: longer than any call should take that waits for nobody in this process */
#define STARVED_NS INT64_C(5000000000)    /* the program ends when no thread could be had for so long, and nothing goes on without */
#define GONE_SLEEP_NS INT64_C(1000000000)
#define HOLD_SLEEP_NS 5000000             /* while a debugger waits for an answer, or holds back who would run */
#define GONE_AFTER_NS INT64_C(6000000000) /* all idle for so long: look once a second. Three rounds of giving back stacks */

/* Each P at the last look. */
static struct {
	uint64_t tick, run_tick;
	bool waiting;
	uint32_t calls;
	int64_t run_since, call_since; /* when run_tick and calls were last seen to change */
} seen[GOS_P_MAX];

/* Takes Ps whose goroutines block them, and asks for others' after their time slice. True: something of that kind is going on. */
static bool retake(int64_t now)
{
	bool busy = false;
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++) {
		struct gos_p *pp = gos_runtime.ps[i];
		uint32_t status = rt_load_relaxed(&pp->status), calls = rt_load_relaxed(&pp->calls);
		uint64_t tick = rt_load_relaxed(&pp->tick);
		if (status == GOS_P_SYSCALL) {
			busy = true;
			if (calls != seen[i].calls) {
				seen[i].calls = calls;
				seen[i].call_since = now;
				continue;
			}
			/* When nobody waits in its queues and others look for work anyway, it may keep it for a while. */
			if (!rt_runq_stealable(pp, true) && rt_load_relaxed(&rt_sched.globq_size) == 0 &&
			    rt_load_relaxed(&rt_sched.idle_p_count) + rt_load_relaxed(&rt_sched.spinning) != 0 && now - seen[i].call_since < CALL_PATIENCE_NS)
				continue;
			rt_syscall_retake(pp);
		} else if (status == GOS_P_RUNNING) {
			if (tick != seen[i].run_tick) {
				seen[i].run_tick = tick;
				seen[i].run_since = now;
			} else if (now - seen[i].run_since >= TIME_SLICE_NS) {
				rt_p_ask(pp);
				seen[i].run_since = now;
			}
		}
	}
	return busy;
}

/*
 * With a seed, where a goroutine that blocks its thread keeps the P: what runs next must not depend on how long the kernel takes. But it may wait for what
 * only another goroutine can do, and a program that stands still is worse than one whose seed has said its last.
 */
static bool retake_late(void)
{
	static bool said;
	static uint32_t looks; /* at this call: a debugger that stops the program uses up none */
	struct gos_p *pp = gos_runtime.ps[0];
	uint32_t calls = rt_load_relaxed(&pp->calls);
	if (rt_load_relaxed(&pp->status) != GOS_P_SYSCALL)
		return false;
	looks = calls == seen[0].calls ? looks + 1 : 0;
	seen[0].calls = calls;
	bool wanted = rt_runq_stealable(pp, true) || rt_load_relaxed(&rt_sched.globq_size) != 0 || rt_netpoll_waiters() != 0 ||
	              rt_timers_first(pp) <= RT_SEED_HORIZON;
	uint32_t patience = said ? CALL_PATIENCE_NS / BUSY_SLEEP_NS : SEEDED_CALL_PATIENCE; /* what is lost is lost */
	if (wanted && looks >= patience && rt_syscall_retake(pp) && !said) {
		said = true;
		fprintf(stderr, "gossamer: seed=%lld: a goroutine has blocked its thread for long; others go on, and what follows is not for the seed alone to decide\n",
		        (long long)rt_seed.number);
	}
	return true;
}

/* Is there work that waits for a P which does not switch, or, when Ps are idle, any that they could take? */
static bool work_is_stuck(int64_t now)
{
	bool stuck = rt_load_relaxed(&rt_sched.globq_size) != 0 && rt_load_relaxed(&rt_sched.idle_p_count) != 0;
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++) {
		struct gos_p *pp = gos_runtime.ps[i];
		uint64_t tick = rt_load_relaxed(&pp->tick);
		bool waiting = rt_runq_stealable(pp, true);
		if (waiting && seen[i].tick == tick && seen[i].waiting)
			stuck = true;
		if (rt_runq_stealable(pp, false) && rt_load_relaxed(&rt_sched.idle_p_count) != 0)
			stuck = true;
		if (rt_timers_first(pp) < now - BUSY_SLEEP_NS)
			stuck = true;
		seen[i].tick = tick;
		seen[i].waiting = waiting;
	}
	return stuck;
}

/* Gives back the pages of up to `most` stacks whose Gs are in the shared free list; how many it were. */
static uint32_t scavenge(uint32_t most)
{
	struct gos_g *list = NULL;
	uint32_t n = 0;

	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	for (; n < most && n < SCAVENGE_BATCH && rt_sched.gfree != NULL; n++) {
		struct gos_g *gp = rt_sched.gfree;
		rt_sched.gfree = gp->link;
		rt_sched.gfree_count--;
		gp->link = list;
		list = gp;
	}
	rt_unlock(&rt_sched.lock);
	while (list != NULL) {
		struct gos_g *gp = list;
		list = gp->link;
		rt_stack_discard(gp);
		rt_lock(&rt_sched.lock, RT_RANK_SCHED);
		gp->link = rt_sched.gfree_cold;
		rt_sched.gfree_cold = gp;
		rt_unlock(&rt_sched.lock);
	}
	return n;
}

/* How many Gs were in the shared free list all the while since the last call: that many stacks are not needed. */
static uint32_t unneeded(void)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	uint32_t n = rt_sched.gfree_low;
	rt_sched.gfree_low = rt_sched.gfree_count;
	rt_unlock(&rt_sched.lock);
	return n;
}

/* What it finds is nobody's until it is in the global queue: `polling` says so to rt_check_dead, which is then asked again. */
static void poll(int64_t now)
{
	if (!rt_cas(&rt_sched.polling, 0u, 1u))
		return;
	rt_store_relaxed(&rt_sched.last_poll, now);
	rt_inject(NULL, rt_netpoll(0), false);
	rt_exchange(&rt_sched.polling, 0u);
	if ((rt_netpoll_waiters() != 0 || rt_timers_first_of_all() != INT64_MAX) && rt_load_relaxed(&rt_sched.idle_p_count) != 0)
		rt_wake(); /* a worker that found the netpoller taken has gone to sleep: one must wait in it */
	rt_check_dead();
}

/* Goroutines wait for a thread that the system does not give, and no P runs: those that block their threads may wait for just these goroutines. */
static void check_starved(int64_t now, bool stuck)
{
	static int64_t since; /* 0: it is not so */
	uint32_t error = rt_load_relaxed(&rt_sched.start_error);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	bool starved = stuck && error != 0 && rt_sched.idle_m_count == 0 && rt_sched.idle_p_count == rt_sched.nprocs && gos_runtime.state == 1;
	rt_unlock(&rt_sched.lock);
	if (!starved)
		since = 0;
	else if (since == 0)
		since = now;
	else if (now - since > STARVED_NS)
		rt_fatal_starved((int)error);
}

static void wake_sleeper(void)
{
	struct gos_g *gp = rt_hold_ready();
	if (gp == NULL)
		return;
	rt_inject(NULL, gp, false);
	rt_hold_ready_done();
}

/* Until the next look; nothing has run for idle_ns. may_go: there is nothing that only time makes necessary. */
static void wait(int64_t idle_ns, bool may_go)
{
	int64_t sleep_ns = BUSY_SLEEP_NS + idle_ns / 4;
	enum rt_sysmon_away away = RT_SYSMON_NEAR;

	if (sleep_ns > IDLE_SLEEP_NS)
		sleep_ns = IDLE_SLEEP_NS;
	if (sleep_ns > HOLD_SLEEP_NS && rt_unlikely(rt_hold_is_due())) {
		sleep_ns = HOLD_SLEEP_NS;
		may_go = false;
	}
	if (sleep_ns > BUSY_SLEEP_NS)
		away = RT_SYSMON_SLOW;
	if (may_go && idle_ns > GONE_AFTER_NS && rt_load_relaxed(&rt_sched.start_error) == 0)
		away = RT_SYSMON_GONE;
	if (away != RT_SYSMON_NEAR) {
		rt_note_clear(&rt_sched.sysmon_note);
		/* Under the lock under which Ps leave the idle list, and under which it is noted that no thread was to be had: who does so later sees that sysmon is
		 * away. A fence here would not do, since they have none. */
		rt_lock(&rt_sched.lock, RT_RANK_SCHED);
		bool idle = rt_sched.idle_p_count == rt_sched.nprocs && (away != RT_SYSMON_GONE || rt_load_relaxed(&rt_sched.start_error) == 0);
		if (idle)
			rt_store_relaxed(&rt_sched.sysmon_away, (uint32_t)away);
		rt_unlock(&rt_sched.lock);
		if (idle)
			rt_note_sleep(&rt_sched.sysmon_note, away == RT_SYSMON_GONE ? GONE_SLEEP_NS : sleep_ns);
		rt_store_relaxed(&rt_sched.sysmon_away, (uint32_t)RT_SYSMON_NEAR);
		return;
	}
	nanosleep(&(struct timespec){.tv_nsec = sleep_ns}, NULL);
}

/*
 * Asks the system for short slices of processor time: who asks for less runs sooner, where others compete (Linux 6.12; earlier ones ignore it). Not for one with a
 * negative nice value: its threads would lose that with the slice, which they shall not have.
 */
static void ask_for_promptness(void)
{
	struct {
		uint32_t size, policy;
		uint64_t flags;
		int32_t nice;
		uint32_t priority;
		uint64_t runtime, deadline, period;
	} how = {0};
	_Static_assert(sizeof how == 48, "SCHED_ATTR_SIZE_VER0");
	if (syscall(SYS_sched_getattr, 0, &how, sizeof how, 0) != 0 || how.policy != SCHED_OTHER || how.nice < 0)
		return;
	how.size = sizeof how;
	how.flags |= 1; /* SCHED_FLAG_RESET_ON_FORK: not for workers that this thread starts */
	how.runtime = SLICE_NS;
	syscall(SYS_sched_setattr, 0, &how, 0);
}

static void *sysmon(void *arg)
{
	int64_t counted = rt_real_now(), idle_since = counted;
	uint32_t discard = 0;

	(void)arg;
	pthread_setname_np(pthread_self(), "gos-sysmon");
	prctl(PR_SET_TIMERSLACK, 1);
	ask_for_promptness();
	for (int64_t now = counted; rt_load_relaxed(&gos_runtime.state) == 1;) {
		wait(now - idle_since, discard == 0);
		bool seeded = rt_seeded();
		now = seeded ? rt_real_now() : rt_clock_set();
		bool calls = seeded ? retake_late() : retake(now);
		uint32_t idle = rt_load_relaxed(&rt_sched.idle_p_count);
		if (idle != rt_load_relaxed(&rt_sched.nprocs) || calls || discard != 0)
			idle_since = now;
		if (rt_unlikely(rt_hold_in_use()))
			rt_hold_look(now);
		if (rt_unlikely(GOS_RECORD && rt_load_relaxed(&gos_runtime.ready_goid) != 0))
			wake_sleeper();
		bool stuck = work_is_stuck(seeded ? rt_now() : now);
		if (stuck) {
			if (idle != 0)
				rt_wake();
			else
				rt_store_relaxed(&rt_sched.help_wanted, 1u);
		}
		if (rt_unlikely(rt_load_relaxed(&rt_sched.start_error) != 0))
			check_starved(now, stuck);
		if (seeded)
			continue; /* what follows would come at any moment, by the kernel's clock */
		if (rt_netpoll_waiters() != 0 && now - rt_load_relaxed(&rt_sched.last_poll) > POLL_LATE_NS)
			poll(now);
		if (now - counted > SCAVENGE_NS) {
			discard = unneeded();
			counted = now;
		}
		if (discard != 0) {
			uint32_t n = scavenge(discard);
			discard = n != 0 ? discard - n : 0;
		}
	}
	return NULL;
}

void rt_sysmon_start(void)
{
	/* Signals are for the threads that run the program's code. */
	int error = rt_thread_start(sysmon, NULL, NULL, RT_THREAD_TRIES);
	if (error != 0)
		rt_fatal_exhausted("a thread", error);
}
