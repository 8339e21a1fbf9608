/* SPDX-License-Identifier: MIT */
/*
 * machine.c - Ms: starting, sleeping, waking. Floor 3.
 *
 * An M is never destroyed; idle ones sleep on their notes in sched.idle_ms. Ms with a P are running or looking for goroutines. One without a P that is not
 * idle waits in the netpoller, or its goroutine blocks it, or it waits for the goroutine that is locked to it. Step up: a new M enters rt_schedule_loop
 * (floor 4).
 */
#include "machine.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "crash.h"
#include "dump.h"
#include "netpoll.h"
#include "runq.h"
#include "schedule.h"
#include "slab.h"
#include "throw.h"
#include "timers.h"

#define START_TRIES 20         /* when the system has no room for a thread: 210 ms in all */
#define START_PAUSE_NS 1000000 /* more each time, as in Go */

__thread struct gos_m *rt_tls_m __attribute__((tls_model("initial-exec")));

static sigset_t m_mask; /* of the thread that called gos_run: Ms are made by threads that block more */

static void *m_main(void *arg)
{
	struct gos_m *mp = arg;
	rt_tls_m = mp;
	mp->tid = (uint32_t)syscall(SYS_gettid);
	char name[16];
	snprintf(name, sizeof name, "gos-m%u", mp->id);
	pthread_setname_np(pthread_self(), name); /* or it would be called what its maker is */
	prctl(PR_SET_TIMERSLACK, 1); /* ns; the default of 50 us would be added to every sleep */
	rt_crash_init_m(mp);
	rt_sanitizer_thread(&mp->g0);
	struct gos_p *pp = mp->next_p;
	mp->next_p = NULL;
	rt_p_acquire(mp, pp);
	rt_schedule_loop(mp);
}

/* Lock: sched.lock, held. */
static struct gos_m *m_new(void)
{
	uint32_t id = gos_runtime.mcount;
	if (id >= (rt_sched.max_ms != 0 ? rt_sched.max_ms : RT_M_DEFAULT)) {
		rt_unlock(&rt_sched.lock);
		rt_fatal_threads(id);
	}
	struct gos_m *mp = rt_map(sizeof *mp, "an M");
	mp->id = id;
	mp->g0.status = GOS_RUNNING;
	gos_runtime.ms[id] = mp;
	rt_store_release(&gos_runtime.mcount, id + 1);
	return mp;
}

static void m_start_thread(struct gos_m *mp)
{
	pthread_t thread;
	pthread_attr_t attr;
	sigset_t all, old;

	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* A thread that is being made is no place for a handler. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	pthread_attr_setsigmask_np(&attr, &m_mask);
	int error;
	for (int tries = 1; (error = pthread_create(&thread, &attr, m_main, mp)) == EAGAIN && tries <= START_TRIES; tries++)
		nanosleep(&(struct timespec){.tv_nsec = tries * START_PAUSE_NS}, NULL); /* others end threads too */
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	if (error != 0)
		rt_fatal_exhausted("a thread", error);
}

void rt_m_start_first(struct gos_p *pp)
{
	pthread_sigmask(SIG_SETMASK, NULL, &m_mask);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct gos_m *mp = m_new();
	rt_unlock(&rt_sched.lock);
	mp->next_p = pp;
	mp->spinning = 1; /* counted by gos_run */
	m_start_thread(mp);
}

/* An M that sleeps, or a new one. Lock: sched.lock, held. */
static struct gos_m *m_take(bool *fresh)
{
	struct gos_m *mp = rt_sched.idle_ms;
	*fresh = mp == NULL;
	if (mp == NULL)
		return m_new();
	rt_sched.idle_ms = mp->link;
	rt_sched.idle_m_count--;
	rt_store_relaxed(&mp->asleep, 0u);
	return mp;
}

static void m_give(struct gos_m *mp, struct gos_p *pp, bool fresh)
{
	mp->next_p = pp;
	RT_PROBE1(m_wake, mp->id);
	if (fresh)
		m_start_thread(mp);
	else
		rt_note_wake(&mp->note);
	rt_sysmon_look();
}

RT_NOINLINE void rt_wake(void)
{
	if (!rt_cas(&rt_sched.spinning, 0u, 1u)) /* one searcher at a time: he wakes the next when he finds something */
		return;
	bool fresh;
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct gos_p *pp = rt_p_take_idle();
	struct gos_m *mp = pp != NULL ? m_take(&fresh) : NULL;
	if (mp == NULL) /* before the lock is released: a worker that gives up its P after this looks for what was kept from waking one by our count */
		rt_add_fetch(&rt_sched.spinning, (uint32_t)-1);
	rt_unlock(&rt_sched.lock);
	if (mp == NULL)
		return;
	rt_store_relaxed(&mp->spinning, 1u);
	m_give(mp, pp, fresh);
}

void rt_p_handoff(struct gos_p *pp)
{
	bool fresh;
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	/* Somebody must be there for what is in its queues, and for what only comes with time. */
	bool wanted = rt_runq_stealable(pp, true) || rt_sched.globq_size != 0 || rt_netpoll_waiters() != 0 ||
	              rt_timers_first_of_all() != INT64_MAX;
	struct gos_m *mp = wanted ? m_take(&fresh) : NULL;
	if (mp == NULL)
		rt_p_put_idle(pp);
	rt_unlock(&rt_sched.lock);
	if (mp != NULL) {
		m_give(mp, pp, fresh);
		return;
	}
	/* Who waits in the netpoller waits for what is gone: a timer that was stopped. As in protocol "find", step 6 */
	rt_fence();
	if (rt_load_relaxed(&rt_sched.polling))
		rt_netpoll_break();
	rt_check_dead();
}

void rt_check_dead(void)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	bool dead = rt_sched.idle_m_count + (uint32_t)rt_sched.locked_asleep == gos_runtime.mcount && rt_sched.globq_size == 0 && gos_runtime.state == 1 &&
	            rt_load_seq_cst(&rt_sched.polling) == 0 && rt_netpoll_waiters() == 0 && rt_timers_first_of_all() == INT64_MAX;
	rt_unlock(&rt_sched.lock);
	if (dead)
		rt_report_deadlock();
}

static void sleep_until_given(struct gos_m *mp)
{
	rt_note_sleep(&mp->note, -1);
	rt_clock_refresh();
	struct gos_p *pp = mp->next_p;
	mp->next_p = NULL;
	rt_p_acquire(mp, pp);
}

void rt_m_stop(struct gos_m *mp)
{
	rt_note_clear(&mp->note);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	mp->link = rt_sched.idle_ms;
	rt_sched.idle_ms = mp;
	rt_store_relaxed(&mp->asleep, 1u);
	rt_sched.idle_m_count++;
	rt_unlock(&rt_sched.lock);
	rt_check_dead();
	sleep_until_given(mp);
}

void rt_m_wait_locked(struct gos_m *mp)
{
	/* The note was cleared when the goroutine was locked, or below: it may have been rung already. */
	if (mp->p != NULL)
		rt_p_handoff(rt_p_release(mp));
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	rt_sched.locked_asleep++;
	rt_unlock(&rt_sched.lock);
	rt_check_dead();
	sleep_until_given(mp);
	rt_note_clear(&mp->note);
}

void rt_m_hand_to_locked(struct gos_m *mp, struct gos_g *gp)
{
	struct gos_m *to = gp->locked_m;
	struct gos_p *pp = rt_p_release(mp);

	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	rt_sched.locked_asleep--; /* it may not have come so far yet: then this is below zero for a moment */
	rt_unlock(&rt_sched.lock);
	to->next_p = pp;
	rt_note_wake(&to->note);
	rt_m_stop(mp);
}

int gos_set_max_threads(int n)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	uint32_t before = rt_sched.max_ms != 0 ? rt_sched.max_ms : RT_M_DEFAULT;
	uint32_t exist = gos_runtime.mcount;
	if (n > 0)
		rt_sched.max_ms = n < GOS_M_MAX ? (uint32_t)n : GOS_M_MAX;
	bool enough = n <= 0 || exist <= rt_sched.max_ms;
	rt_unlock(&rt_sched.lock);
	if (!enough)
		rt_fatal_threads(exist - 1);
	return (int)before;
}
