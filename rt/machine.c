/* SPDX-License-Identifier: MIT */
/*
 * machine.c - Ms: starting, sleeping, waking. Floor 3.
 *
 * An M is never destroyed; idle ones sleep on their notes in sched.idle_ms. Ms with a P are running or looking for goroutines. One without a P that is not
 * idle waits in the netpoller, or its goroutine blocks it, or it waits for the goroutine that is locked to it. Step up: a new M enters rt_schedule_loop
 * (floor 4).
 *
 * The system may refuse us a thread. Where there are other Ms that is no reason to die: the P goes back to the idle ones and what is in its queues to the
 * global queue, for any M that comes to look, and the M, which is in the table for good, waits in sched.unborn_ms for a thread. Until one can be started again
 * sysmon stays awake and tries (sched.start_error); it ends the program when goroutines have waited for long and no P runs.
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
#include "fresh.h"
#include "netpoll.h"
#include "runq.h"
#include "schedule.h"
#include "slab.h"
#include "throw.h"
#include "timers.h"

#define START_PAUSE_NS 1000000 /* more each time, as in Go */
#define START_BACKOFF_MIN 1000000 /* ns until another is tried, twice as long each time */
#define START_BACKOFF_MAX 64000000

__thread struct gos_m *rt_tls_m __attribute__((tls_model("initial-exec")));

static sigset_t m_mask; /* of the thread that called gos_run: Ms are made by threads that block more */

static pthread_key_t m_key; /* has a value on each M's thread: its destructor runs when the thread ends */

/* The goroutine's frames are gone, and whatever its thread did for others will not be done. */
static void m_ended(void *arg)
{
	struct gos_m *mp = arg;
	const struct gos_g *gp = mp->curg;
	/* AddressSanitizer still knows the frames that were below here when the thread was torn away from them. */
	rt_sanitizer_open((void *)mp->g0.stack_lo, (uint64_t)__builtin_frame_address(0) - mp->g0.stack_lo);
	rt_fatal_at(NULL, "the thread that ran goroutine %llu was ended, by pthread_exit or pthread_cancel", gp != NULL ? (unsigned long long)gp->goid : 0);
}

static void *m_main(void *arg)
{
	struct gos_m *mp = arg;
	rt_tls_m = mp;
	pthread_setspecific(m_key, mp);
	rt_store_relaxed(&mp->tid, (uint32_t)syscall(SYS_gettid));
	char name[16];
	snprintf(name, sizeof name, "gos-m%u", mp->id);
	pthread_setname_np(pthread_self(), name); /* or it would be called what its maker is */
	prctl(PR_SET_TIMERSLACK, 1); /* ns; the default of 50 us would be added to every sleep */
	rt_crash_init_m(mp);
	rt_fresh_init(mp);
	rt_sanitizer_thread(&mp->g0);
	struct gos_p *pp = mp->next_p;
	mp->next_p = NULL;
	rt_p_acquire(mp, pp);
	rt_schedule_loop(mp);
}

/* One that has no thread yet. Lock: sched.lock, held. */
static struct gos_m *m_new(void)
{
	struct gos_m *unborn = rt_sched.unborn_ms;
	if (unborn != NULL) {
		rt_sched.unborn_ms = unborn->link;
		rt_store_relaxed(&rt_sched.unborn_m_count, rt_sched.unborn_m_count - 1);
		return unborn;
	}
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

int rt_thread_start(void *(*fn)(void *arg), void *arg, const sigset_t *mask, int tries)
{
	pthread_t thread;
	pthread_attr_t attr;
	sigset_t all, old;

	int error = pthread_attr_init(&attr);
	if (error != 0)
		return error;
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	/* A thread that is being made is no place for a handler. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	error = mask != NULL ? pthread_attr_setsigmask_np(&attr, mask) : 0;
	for (int try = 1; error == 0 && (error = pthread_create(&thread, &attr, fn, arg)) == EAGAIN && try < tries; try++) {
		nanosleep(&(struct timespec){.tv_nsec = try * START_PAUSE_NS}, NULL); /* others end threads too */
		error = 0;
	}
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_attr_destroy(&attr);
	return error;
}

void rt_m_start_first(struct gos_p *pp)
{
	pthread_sigmask(SIG_SETMASK, NULL, &m_mask);
	int error = pthread_key_create(&m_key, m_ended);
	if (error != 0)
		rt_fatal_exhausted("a key", error);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct gos_m *mp = m_new();
	rt_unlock(&rt_sched.lock);
	mp->next_p = pp;
	mp->spinning = 1; /* counted by gos_run */
	error = rt_thread_start(m_main, mp, &m_mask, RT_THREAD_TRIES);
	if (error != 0)
		rt_fatal_exhausted("a thread", error);
}

/* An M that sleeps, or a new one, which must be started; or NULL, when no thread could be had a moment ago. Lock: sched.lock, held. */
static struct gos_m *m_take(bool *fresh)
{
	struct gos_m *mp = rt_sched.idle_ms;
	*fresh = mp == NULL;
	if (mp == NULL) {
		bool too_early = rt_load_relaxed(&rt_sched.start_error) != 0 && rt_load_relaxed(&gos_runtime.now) < rt_sched.start_not_before;
		return too_early ? NULL : m_new();
	}
	rt_sched.idle_ms = mp->link;
	rt_sched.idle_m_count--;
	rt_store_relaxed(&mp->asleep, 0u);
	return mp;
}

/* What is in pp's queues is anybody's now, so that pp may be put aside. Nobody else has it. */
static void empty_queues(struct gos_p *pp)
{
	struct gos_g *gp;
	while ((gp = rt_runq_get(pp)) != NULL) {
		gp->link = NULL;
		rt_globq_put_list(gp, gp, 1);
	}
}

/* mp, which was to run pp, has got no thread. */
static RT_NOINLINE void m_not_started(struct gos_m *mp, struct gos_p *pp, int error)
{
	bool searched = mp->spinning != 0;

	mp->next_p = NULL;
	mp->spinning = 0;
	empty_queues(pp);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	int64_t backoff = 2 * rt_sched.start_backoff;
	backoff = backoff < START_BACKOFF_MIN ? START_BACKOFF_MIN : backoff > START_BACKOFF_MAX ? START_BACKOFF_MAX : backoff;
	rt_sched.start_backoff = backoff;
	rt_sched.start_not_before = rt_clock_refresh() + backoff;
	rt_store_relaxed(&rt_sched.wake_not_before, rt_sched.start_not_before);
	rt_store_relaxed(&rt_sched.start_error, (uint32_t)error);
	mp->link = rt_sched.unborn_ms;
	rt_sched.unborn_ms = mp;
	rt_store_relaxed(&rt_sched.unborn_m_count, rt_sched.unborn_m_count + 1);
	rt_p_put_idle(pp);
	if (searched) /* before the lock is released, as in rt_wake */
		rt_add_fetch(&rt_sched.spinning, (uint32_t)-1);
	rt_unlock(&rt_sched.lock);
	rt_sysmon_look(); /* it is away for good only when it has seen, under the lock, that there was no error */
	rt_fence();
	/* Who went to sleep meanwhile, since pp was not to be had or somebody was about to search, can do what there is; and so can who waits in the netpoller. */
	if (rt_load_relaxed(&rt_sched.globq_size) != 0) {
		rt_wake();
		if (rt_load_relaxed(&rt_sched.polling))
			rt_netpoll_break();
	}
	rt_check_dead();
}

static void m_give(struct gos_m *mp, struct gos_p *pp, bool fresh)
{
	mp->next_p = pp;
	RT_PROBE1(m_wake, mp->id);
	if (fresh) {
		int error = rt_thread_start(m_main, mp, &m_mask, 1);
		if (rt_unlikely(error != 0)) {
			m_not_started(mp, pp, error);
			return;
		}
		if (rt_unlikely(rt_load_relaxed(&rt_sched.start_error) != 0)) {
			rt_lock(&rt_sched.lock, RT_RANK_SCHED);
			rt_store_relaxed(&rt_sched.start_error, 0u);
			rt_sched.start_backoff = 0;
			rt_unlock(&rt_sched.lock);
		}
	} else {
		rt_note_wake(&mp->note);
	}
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
	if (pp != NULL && mp == NULL)
		rt_p_put_idle(pp);
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
	if (mp == NULL && !rt_runq_stealable(pp, true)) {
		rt_p_put_idle(pp);
		pp = NULL;
	}
	rt_unlock(&rt_sched.lock);
	if (mp != NULL) {
		m_give(mp, pp, fresh);
		return;
	}
	if (pp != NULL) {
		empty_queues(pp);
		rt_lock(&rt_sched.lock, RT_RANK_SCHED);
		rt_p_put_idle(pp);
		rt_unlock(&rt_sched.lock);
	}
	/* Who waits in the netpoller waits for what is gone: a timer that was stopped. As in protocol "find", step 6. Or can do what nobody else is there for. */
	rt_fence();
	if (rt_load_relaxed(&rt_sched.polling))
		rt_netpoll_break();
	rt_check_dead();
}

void rt_check_dead(void)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	uint32_t out = rt_sched.idle_m_count + (uint32_t)rt_sched.locked_asleep + rt_sched.unborn_m_count;
	bool dead = out == gos_runtime.mcount && rt_sched.globq_size == 0 && gos_runtime.held == 0 && rt_sched.in_hand == 0 && gos_runtime.state == 1 &&
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
	uint32_t exist = gos_runtime.mcount - rt_sched.unborn_m_count;
	if (n > 0)
		rt_sched.max_ms = n < GOS_M_MAX ? (uint32_t)n : GOS_M_MAX;
	bool enough = n <= 0 || exist <= rt_sched.max_ms;
	rt_unlock(&rt_sched.lock);
	if (!enough)
		rt_fatal_threads(exist - 1);
	return (int)before;
}
