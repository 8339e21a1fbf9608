/* SPDX-License-Identifier: MIT */
/*
 * sysmon.c - the thread that watches: keeps the coarse clock, and mends what workers may miss. Floor 5.
 *
 * It holds no P and runs no goroutine. Every millisecond while anything runs, and up to 20 ms apart while nothing does, it
 *  - sets the coarse clock;
 *  - wakes a worker for a queue that stands still although Ps are idle (rt_wake_hint may have kept silent), and for an overdue timer;
 *  - looks at the netpoller when nobody has for 10 ms;
 *  - gives back the pages of stacks that no goroutine has needed for a while.
 */
#include "sysmon.h"

#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <time.h>

#include "netpoll.h"
#include "schedule.h"
#include "stack.h"
#include "throw.h"
#include "timers.h"

#define BUSY_SLEEP_NS 1000000
#define IDLE_SLEEP_NS 20000000
#define POLL_LATE_NS 10000000
#define SCAVENGE_NS INT64_C(2000000000) /* stacks unused for this long are given back */
#define SCAVENGE_BATCH 512              /* at most so many between two looks at the clock: 1.2 us each */

/* The state of each P's queues at the last look. */
static struct {
	uint64_t tick;
	bool waiting;
} seen[GOS_P_MAX];

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
	rt_inject(NULL, rt_netpoll(0));
	rt_exchange(&rt_sched.polling, 0u);
	if ((rt_netpoll_waiters() != 0 || rt_timers_first_of_all() != INT64_MAX) && rt_load_relaxed(&rt_sched.idle_p_count) != 0)
		rt_wake(); /* a worker that found the netpoller taken has gone to sleep: one must wait in it */
	rt_check_dead();
}

static void *sysmon(void *arg)
{
	int64_t sleep_ns = BUSY_SLEEP_NS, counted = rt_now();
	uint32_t discard = 0;

	(void)arg;
	pthread_setname_np(pthread_self(), "gos-sysmon");
	prctl(PR_SET_TIMERSLACK, 1);
	while (rt_load_relaxed(&gos_runtime.state) == 1) {
		nanosleep(&(struct timespec){.tv_nsec = sleep_ns}, NULL);
		int64_t now = rt_clock_refresh();
		uint32_t idle = rt_load_relaxed(&rt_sched.idle_p_count);
		if (idle == rt_load_relaxed(&rt_sched.nprocs)) {
			sleep_ns = 2 * sleep_ns < IDLE_SLEEP_NS ? 2 * sleep_ns : IDLE_SLEEP_NS;
		} else {
			sleep_ns = BUSY_SLEEP_NS;
		}
		if (work_is_stuck(now)) {
			if (idle != 0)
				rt_wake();
			else
				rt_store_relaxed(&rt_sched.help_wanted, 1u);
		}
		if (rt_netpoll_waiters() != 0 && now - rt_load_relaxed(&rt_sched.last_poll) > POLL_LATE_NS)
			poll(now);
		if (now - counted > SCAVENGE_NS) {
			discard = unneeded();
			counted = now;
		}
		if (discard != 0) {
			uint32_t n = scavenge(discard);
			discard = n != 0 ? discard - n : 0;
			sleep_ns = BUSY_SLEEP_NS;
		}
	}
	return NULL;
}

void rt_sysmon_start(void)
{
	pthread_t thread;
	sigset_t all, old;

	/* Signals are for the threads that run the program's code. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&thread, NULL, sysmon, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0)
		rt_fatal_exhausted("a thread", error);
	pthread_detach(thread);
}
