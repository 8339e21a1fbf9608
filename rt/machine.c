/* SPDX-License-Identifier: MIT */
/*
 * machine.c - Ms: starting, sleeping, waking. Floor 3.
 *
 * An M is never destroyed; idle ones sleep on their notes in sched.idle_ms. Ms with a P are running or looking for goroutines; the one without a P that is not
 * idle waits in the netpoller. Step up: a new M enters rt_schedule_loop (floor 4).
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
#include "schedule.h"
#include "slab.h"
#include "throw.h"
#include "timers.h"

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
	if (id >= GOS_M_MAX)
		return NULL;
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
	int error = pthread_create(&thread, &attr, m_main, mp);
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

RT_NOINLINE void rt_wake(void)
{
	if (!rt_cas(&rt_sched.spinning, 0u, 1u)) /* one searcher at a time: he wakes the next when he finds something */
		return;
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct gos_p *pp = rt_p_take_idle();
	struct gos_m *mp = rt_sched.idle_ms;
	bool fresh = false;
	if (pp != NULL) {
		if (mp != NULL) {
			rt_sched.idle_ms = mp->link;
			rt_sched.idle_m_count--;
			mp->asleep = 0;
		} else {
			mp = m_new();
			fresh = true;
			if (mp == NULL)
				rt_p_put_idle(pp);
		}
	}
	rt_unlock(&rt_sched.lock);
	if (pp == NULL || mp == NULL) {
		rt_add_fetch(&rt_sched.spinning, (uint32_t)-1);
		return;
	}
	mp->spinning = 1;
	mp->next_p = pp;
	RT_PROBE1(m_wake, mp->id);
	if (fresh)
		m_start_thread(mp);
	else
		rt_note_wake(&mp->note);
}

void rt_check_dead(void)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	bool dead = rt_sched.idle_m_count == gos_runtime.mcount && rt_sched.globq_size == 0 && gos_runtime.state == 1 &&
	            rt_load_seq_cst(&rt_sched.polling) == 0 && rt_netpoll_waiters() == 0 && rt_timers_first_of_all() == INT64_MAX;
	rt_unlock(&rt_sched.lock);
	if (dead)
		rt_report_deadlock();
}

void rt_m_stop(struct gos_m *mp)
{
	rt_note_clear(&mp->note);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	mp->link = rt_sched.idle_ms;
	rt_sched.idle_ms = mp;
	mp->asleep = 1;
	rt_sched.idle_m_count++;
	rt_unlock(&rt_sched.lock);
	rt_check_dead();
	rt_note_sleep(&mp->note, -1);
	rt_clock_refresh();
	struct gos_p *pp = mp->next_p;
	mp->next_p = NULL;
	rt_p_acquire(mp, pp);
}
