/* SPDX-License-Identifier: MIT */
/*
 * schedule.c - the long road: where a worker looks for a goroutine when its own queues have none, and how it goes to sleep. Floor 4.
 *
 * Protocol "find", whose steps other files refer to:
 *   1. own queues; every RT_TICKS switches first, in turn, the global queue, the oldest of the deque, the oldest of those that yielded;
 *   2. the global queue; 3. the netpoller, without waiting; 4. other Ps' queues and due timers, spinning for some microseconds;
 *   5. give up the P; stop spinning; fence; look once more at everything (who submits work looks at `spinning` after he put it);
 *   6. wait in the netpoller until the first timer of any P, if nobody does so already; else sleep until woken.
 */
#include "schedule.h"

#include <stdio.h>

#include "dump.h"
#include "netpoll.h"
#include "park.h"
#include "timers.h"

#define SPIN_ROUNDS 24       /* looks at everybody's queues before a worker sleeps: about 20 us in all */
#define SPIN_PAUSES 30       /* pauses between them, about a microsecond: each look takes a cache line from its owner */
#define PATIENCE_PAUSES 120  /* about 3 us, as Go's: how long a goroutine must have stood alone before it is stolen */
#define POLL_INTERVAL 1000000 /* ns between looks at the netpoller while there is other work */
#define OLDEST_INTERVAL 1000000 /* ns between turns of the oldest goroutine of a deque that never gets empty */
#define OLD_AGE 100000000       /* ns: one that has been runnable for so long joins those that yielded, who take turns */
#define OLD_BATCH 32            /* at most so many at a time */
#define WAKE_BACKOFF_MIN 1000000 /* ns */
#define WAKE_BACKOFF_MAX 8000000
#define SEED_POLLS 4         /* with a seed: one choice in so many looks at the netpoller */
#define SEED_PATIENCE_MIN 1000000 /* ns of the kernel's time that a descriptor has before the clock is moved */
#define SEED_PATIENCE_MAX 250000000
#define SEED_LATE 100000      /* ns that a timer is late at most when nobody can run */
#define TIMER_GRAIN 50000 /* ns: what the kernel lets any sleep be late by; see wait_in_netpoller */

RT_NOINLINE struct gos_m *rt_switch_with_exceptions(struct gos_m *mp, struct gos_g *from, struct gos_g *next, enum rt_flight_leave leave, struct rt_flight_left left)
{
	struct rt_exceptions mine = rt_exceptions_take();
	mp = rt_switch_without_exceptions(mp, from, next, leave, left);
	*__cxa_get_globals() = mine; /* perhaps another thread's */
	return mp;
}

/* Without a P, or more than a P can hold: to the global queue. */
static void inject_global(struct gos_g *list)
{
	struct gos_g *last = list;
	uint32_t n = 1;
	while (last->link != NULL) {
		last = last->link;
		n++;
	}
	rt_globq_put_list(list, last, n);
}

void rt_inject(struct gos_m *mp, struct gos_g *list, bool by_goroutine)
{
	if (list == NULL)
		return;
	for (struct gos_g *gp = list; gp != NULL; gp = gp->link) {
		RT_PROBE2(g_ready, gp->goid, 0);
		if (GOS_RECORD)
			rt_times_pass_slowly(mp, gp, GOS_WAITING); /* it may be on no M, or without a P */
		else
			rt_times_pass(mp, gp, GOS_WAITING);
		rt_g_set(gp, GOS_WAITING, GOS_RUNNABLE);
		gp->waiting = NULL;
		if (mp != NULL && mp->p != NULL)
			rt_flight(mp->p, by_goroutine ? GOS_FLIGHT_READY : GOS_FLIGHT_WAKE, gp->goid);
		else
			rt_flight_without_p(GOS_FLIGHT_WAKE, gp->goid);
		rt_debug_event(gp, GOS_EVENT_READY, gp->reason);
	}
	if (mp == NULL || mp->p == NULL) {
		inject_global(list);
		rt_fence(); /* step 5's partner: nobody here will run these, so a worker must see them */
		if (rt_load_relaxed(&rt_sched.idle_p_count) != 0)
			rt_wake();
		return;
	} else {
		rt_runq_say_next(mp->p);
		/* Behind what yielded, in the order in which they came; what does not fit goes to the global queue. */
		while (list != NULL && rt_ring_length(&mp->p->backq) < RT_RUNQ_SIZE) {
			struct gos_g *gp = list;
			list = gp->link;
			rt_runq_put_back(mp->p, gp);
		}
		if (list != NULL)
			inject_global(list);
	}
	rt_wake_hint();
}

/*
 * Step 1, when ticks have run out: whoever's turn it is. The oldest of the deque waits for OLDEST_INTERVAL and not for ticks: each time it is begun before
 * what is newer, a tree of goroutines grows by a branch, and with turns as frequent as the others' it is walked breadth first.
 */
static struct gos_g *take_turn(struct gos_p *pp, int64_t now)
{
	struct gos_g *gp = NULL;
	for (uint32_t i = 0; i < 3 && gp == NULL; i++) {
		switch (pp->turn++ % 3) {
		case 0:
			gp = rt_globq_get(pp);
			break;
		case 1:
			if (now - pp->oldest_at < OLDEST_INTERVAL)
				break;
			pp->oldest_at = now;
			gp = rt_ring_take_head_owner(&pp->runq);
			for (uint32_t n = 0; n < OLD_BATCH && rt_ring_length(&pp->backq) < RT_RUNQ_SIZE; n++) {
				struct gos_g *old = rt_ring_head(&pp->runq);
				if (old == NULL || now - rt_load_relaxed(&old->wait_since) < OLD_AGE)
					break;
				old = rt_ring_take_head_owner(&pp->runq);
				if (old != NULL)
					rt_runq_put_back(pp, old);
			}
			break;
		case 2:
			gp = rt_ring_take_head_owner(&pp->backq);
			break;
		}
	}
	return gp;
}

static void run_due_timers(struct gos_m *mp, struct gos_p *pp, int64_t now)
{
	if (rt_timers_first(pp) <= now)
		rt_inject(mp, rt_timers_run(pp, now), false);
}

/* Those of all Ps that are late by more than `late`. */
static void run_all_due_timers(struct gos_m *mp, int64_t now, int64_t late)
{
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++)
		if (rt_timers_first(gos_runtime.ps[i]) <= now - late)
			run_due_timers(mp, gos_runtime.ps[i], now);
}

static void poll_without_waiting(struct gos_m *mp)
{
	if (rt_netpoll_waiters() == 0 || rt_load_relaxed(&rt_sched.polling))
		return;
	rt_store_relaxed(&rt_sched.last_poll, rt_load_relaxed(&gos_runtime.now));
	rt_inject(mp, rt_netpoll(0), false);
}

/* Has `victim` not switched for some microseconds? Then what stands alone in its queue is not about to be run. */
static bool stands_still(const struct gos_p *victim)
{
	uint64_t tick = rt_load_relaxed(&victim->tick);
	for (int i = 0; i < PATIENCE_PAUSES; i++)
		rt_pause();
	return rt_load_relaxed(&victim->tick) == tick;
}

/* Step 4. */
static struct gos_g *steal(struct gos_m *mp)
{
	struct gos_p *pp = mp->p;

	for (int round = 0; round < SPIN_ROUNDS; round++) {
		uint32_t n = rt_load_acquire(&gos_runtime.pcount), start = rt_random(pp);
		bool patient = round % 4 == 3;
		if (round % 8 == 7) {
			run_all_due_timers(mp, rt_clock_refresh(), TIMER_GRAIN); /* their own P's worker did not get there. Else spinning pays where timers are dense, and never ends */
		}
		for (uint32_t i = 0; i < n; i++) {
			struct gos_p *victim = gos_runtime.ps[(start + i) % n];
			if (victim == pp)
				continue;
			struct gos_g *gp = rt_runq_steal(pp, victim, false);
			if (gp == NULL && patient && rt_runq_stealable(victim, true) && stands_still(victim))
				gp = rt_runq_steal(pp, victim, true);
			if (gp != NULL)
				return gp;
		}
		struct gos_g *gp = rt_runq_get(pp); /* timers' goroutines */
		if (gp == NULL)
			gp = rt_globq_get(pp);
		if (gp != NULL)
			return gp;
		if (rt_load_relaxed(&gos_runtime.state) != 1 || pp->id >= rt_load_relaxed(&rt_sched.nprocs))
			return NULL;
		for (int i = 0; i < SPIN_PAUSES; i++)
			rt_pause();
	}
	return NULL;
}

/* Does somebody run who does not search himself? Only then can there be something to find. */
static bool worth_spinning(void)
{
	int32_t busy = (int32_t)(rt_load_relaxed(&rt_sched.nprocs) - rt_load_relaxed(&rt_sched.idle_p_count));
	return busy - 1 > 2 * (int32_t)rt_load_relaxed(&rt_sched.spinning);
}

/* Some P has work and stands still, and no P is idle: take some of it, though this P has its own. */
static void help(struct gos_m *mp)
{
	struct gos_p *pp = mp->p;
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);

	for (uint32_t i = 0; i < n; i++) {
		struct gos_p *victim = gos_runtime.ps[i];
		if (victim == pp || !rt_runq_stealable(victim, true) || !stands_still(victim))
			continue;
		struct gos_g *gp = rt_runq_steal(pp, victim, true);
		if (gp != NULL)
			rt_runq_put_back(pp, gp);
	}
}

static void start_spinning(struct gos_m *mp)
{
	mp->spinning = 1;
	rt_add_fetch(&rt_sched.spinning, 1);
}

/* Was it worth waking this worker? rt_wake_hint listens. */
static void report_search(bool found)
{
	int64_t backoff = 0;
	if (!found) {
		backoff = 2 * rt_load_relaxed(&rt_sched.wake_backoff);
		if (backoff < WAKE_BACKOFF_MIN)
			backoff = WAKE_BACKOFF_MIN;
		if (backoff > WAKE_BACKOFF_MAX)
			backoff = WAKE_BACKOFF_MAX;
		rt_store_relaxed(&rt_sched.wake_not_before, rt_load_relaxed(&gos_runtime.now) + backoff);
	} else {
		rt_store_relaxed(&rt_sched.wake_not_before, (int64_t)0);
	}
	rt_store_relaxed(&rt_sched.wake_backoff, backoff);
}

static void stop_spinning_found(struct gos_m *mp)
{
	mp->spinning = 0;
	if (rt_add_fetch(&rt_sched.spinning, (uint32_t)-1) == 0)
		rt_wake_hint(); /* there may be more where that came from */
}

/* Step 5's second look, after the fence in giving up `spinning`. */
static bool work_somewhere(void)
{
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++)
		if (rt_runq_stealable(gos_runtime.ps[i], false))
			return true;
	return rt_load_relaxed(&rt_sched.globq_size) != 0;
}

static bool something_to_wait_for(void)
{
	return rt_netpoll_waiters() != 0 || rt_timers_first_of_all() != INT64_MAX;
}

static bool more_than_one_timer(void)
{
	uint32_t timers = 0, n = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < n; i++)
		timers += rt_load_relaxed(&gos_runtime.ps[i]->timers_count);
	return timers > 1;
}

/* Step 6, the netpoller. True when mp has a P again. */
static bool wait_in_netpoller(struct gos_m *mp)
{
	int64_t until;

	for (;;) {
		if (!rt_cas(&rt_sched.polling, 0u, 1u)) {
			/* Somebody waits already. If he does not know of a timer that is due before he wakes, or if what he waits for is
			 * gone, tell him: pairs with his second look at the timers. That a descriptor is waited on, he finds when he gives up
			 * `polling`. */
			rt_fence();
			until = rt_load_relaxed(&rt_sched.poll_until);
			if (until == 0 || rt_timers_first_of_all() < until || !something_to_wait_for())
				rt_netpoll_break();
			return false;
		}
		until = rt_timers_first_of_all();
		for (;;) {
			rt_store_relaxed(&rt_sched.poll_until, until);
			rt_fence();
			int64_t again = rt_timers_first_of_all();
			if (again >= until)
				break;
			until = again;
		}
		if (until != INT64_MAX || rt_netpoll_waiters() != 0)
			break;
		/* Nothing to wait for: give it up, and look again, for those who meanwhile found it taken. */
		rt_store_relaxed(&rt_sched.poll_until, (int64_t)0);
		rt_store_release(&rt_sched.polling, 0u);
		rt_fence();
		if (!something_to_wait_for())
			return false;
	}

	/* Each return from here costs as much as ten sleeps. Where timers are so dense that this worker has only just come back from waiting for one, it lets some
	 * more of them come due; a timer that is alone is waited for exactly. (Go's waits are never shorter than a millisecond.) */
	int64_t now = rt_now(), wait = -1, grain = 0;
	if (until != INT64_MAX) {
		if (now - rt_load_relaxed(&rt_sched.last_poll) < TIMER_GRAIN && more_than_one_timer())
			grain = TIMER_GRAIN;
		wait = until - now > grain ? until - now : grain;
	}
	struct gos_g *list = rt_netpoll(wait);
	rt_store_relaxed(&rt_sched.last_poll, rt_clock_refresh());
	rt_store_relaxed(&rt_sched.poll_until, (int64_t)0);
	bool got = rt_p_acquire_idle(mp);
	rt_inject(mp, list, false);
	rt_store_release(&rt_sched.polling, 0u);
	rt_fence();
	/* Who gave up his P in the meantime found the netpoller taken, and sleeps: go on in his place. */
	return got || (something_to_wait_for() && rt_p_acquire_idle(mp));
}

/* The app has returned: nothing runs any more. */
static _Noreturn void rest_for_ever(struct gos_m *mp)
{
	for (;;) {
		rt_note_clear(&mp->note);
		rt_note_sleep(&mp->note, -1);
	}
}

/* With a seed, how long a descriptor may be silent before the clock is moved on by ns: more where that would be the end of a longer patience. */
static int64_t kernels_share(int64_t ns)
{
	int64_t share = ns / 32;
	share = share < SEED_PATIENCE_MIN ? SEED_PATIENCE_MIN : share > SEED_PATIENCE_MAX ? SEED_PATIENCE_MAX : share;
	return ns < 0 ? 0 : ns < share ? ns : share;
}

/*
 * Step 1 with a seed, in place of all that depends on what other workers or the kernel's clock do: who runs next, when a timer that is due is seen and when
 * descriptors are looked at is drawn. When nobody can run, the clock is moved to the first timer; but who waits for a descriptor gets a little
 * of the kernel's time first, since what is on its way to him would otherwise always be too late. NULL: there is nothing to run, nor any timer that may come due.
 */
static struct gos_g *draw(struct gos_m *mp)
{
	struct gos_p *pp = mp->p;
	int64_t now = rt_seed_pass(rt_seed_delay());

	rt_clock_set();
	pp->ticks_left = 0; /* the next one to stop comes here, too */
	if (rt_timers_first(pp) <= now && rt_seed_once_in(2))
		run_due_timers(mp, pp, now);
	if (rt_netpoll_waiters() != 0 && rt_seed_once_in(SEED_POLLS))
		poll_without_waiting(mp);
	for (;;) {
		struct gos_g *gp = rt_runq_draw(pp);
		if (gp != NULL)
			return gp;
		int64_t first = rt_timers_first(pp);
		bool due = first <= RT_SEED_HORIZON;
		now = rt_load_relaxed(&rt_seed.now);
		if (rt_netpoll_waiters() != 0) {
			struct gos_g *list = rt_netpoll(due ? kernels_share(first - now) : 0);
			rt_inject(mp, list, false);
			if (list != NULL)
				continue;
		}
		if (!due)
			return NULL;
		if (first > now && rt_load_relaxed(&rt_seed.away) != 0) {
			/* Somebody is in a call for which the kernel's time counts, and would find that hours have passed: for as long the two are one. */
			int64_t began = rt_real_now(), wait = first - now < SEED_PATIENCE_MIN ? first - now : SEED_PATIENCE_MIN;
			nanosleep(&(struct timespec){.tv_nsec = wait}, NULL);
			wait = rt_real_now() - began;
			rt_seed_pass(wait < first - now ? wait : first - now);
			rt_clock_set();
			continue;
		}
		if (first > now) {
			/* Workers come late, too: what is due a little later than the first may have come due by then. */
			int64_t late = rt_seed_once_in(4) ? rt_seed_below(SEED_LATE) : 0;
			now = rt_seed_pass(first - now + late);
			rt_clock_set();
		}
		run_due_timers(mp, pp, now);
	}
}

/* Protocol "find". Returns with a P and a goroutine. On g0. */
static struct gos_g *find_runnable(struct gos_m *mp)
{
	struct gos_g *gp;
	bool woken = false; /* by rt_wake, to look for work */

	for (;;) {
		if (rt_unlikely(rt_load_relaxed(&gos_runtime.state) != 1))
			rest_for_ever(mp);
		struct gos_p *pp = mp->p;
		bool drained = pp->id >= rt_load_relaxed(&rt_sched.nprocs); /* gos_procs made this P one too many */
		if (rt_unlikely(drained)) {
			rt_p_drain(pp);
		} else if (rt_seeded()) {
			gp = draw(mp);
			if (gp != NULL) {
				if (mp->spinning)
					stop_spinning_found(mp);
				return gp;
			}
		} else {
			bool turn = --pp->ticks_left < 0;
			if (turn) /* else one that yields alone would never let it come to that: each time it gets here */
				pp->ticks_left = RT_TICKS - 1;
			if (turn || rt_timers_first(pp) != INT64_MAX || rt_load_relaxed(&gos_runtime.now) - pp->looked_at >= POLL_INTERVAL) {
				int64_t now = rt_clock_glance();
				pp->looked_at = now;
				run_due_timers(mp, pp, now);
				if (now - rt_load_relaxed(&rt_sched.last_poll) >= POLL_INTERVAL)
					poll_without_waiting(mp);
				if (rt_unlikely(rt_load_relaxed(&rt_sched.help_wanted))) {
					rt_store_relaxed(&rt_sched.help_wanted, 0u);
					run_all_due_timers(mp, now, 0);
					help(mp);
				}
			}
			gp = turn ? take_turn(pp, rt_load_relaxed(&gos_runtime.now)) : NULL;
			if (gp == NULL)
				gp = rt_runq_get(pp);
			if (gp == NULL)
				gp = rt_globq_get(pp);
			if (gp == NULL) {
				run_all_due_timers(mp, rt_clock_refresh(), 0);
				poll_without_waiting(mp);
				gp = rt_runq_get(pp);
			}
			if (gp == NULL && (mp->spinning || worth_spinning())) {
				woken = mp->spinning;
				if (!mp->spinning)
					start_spinning(mp);
				gp = steal(mp);
				if (woken || gp != NULL)
					report_search(gp != NULL);
			}
			if (gp != NULL && rt_unlikely(pp->id >= rt_load_relaxed(&rt_sched.nprocs))) {
				rt_runq_put(pp, gp); /* it was one too many by the time it was found: not run here */
				continue;
			}
			if (gp != NULL) {
				if (mp->spinning)
					stop_spinning_found(mp);
				return gp;
			}
		}

		/* Step 5. */
		rt_lock(&rt_sched.lock, RT_RANK_SCHED);
		bool keep = pp->id < rt_sched.nprocs || drained;
		if (keep)
			rt_p_put_idle(rt_p_release(mp));
		rt_unlock(&rt_sched.lock);
		if (!keep)
			continue; /* gos_procs has just made it one too many: drain it first */
		if (mp->spinning) {
			mp->spinning = 0;
			rt_add_fetch(&rt_sched.spinning, (uint32_t)-1);
		}
		rt_fence(); /* pairs with putting work in a queue before rt_wake */
		if (work_somewhere() && rt_p_acquire_idle(mp)) {
			start_spinning(mp);
			continue;
		}
		/* Step 6. */
		if (!wait_in_netpoller(mp)) {
			RT_PROBE1(m_sleep, mp->id);
			rt_m_stop(mp);
		}
	}
}

/* Runs gp, and whoever it gives way to; returns when somebody gives way to g0. g0 stays on its thread. */
static void switch_from_g0(struct gos_m *mp, struct gos_g *gp)
{
	rt_flight_tick(mp->p, rt_load_relaxed(&gos_runtime.now));
	/* Not rt_become: it might find gp held back by now. */
	mp->prev = &mp->g0;
	rt_flight_switch(mp->p, RT_LEAVE_GIVES_WAY, RT_FLIGHT_NONE, gp);
	rt_execute(mp, mp->p, gp);
	rt_sanitizer_leave(&mp->g0, gp);
	mp = rt_switch_inline(&mp->g0.sched, &gp->sched, mp);
	rt_sanitizer_arrive(&mp->g0);
	rt_switch_finish(mp, NULL);
}

void rt_schedule_loop(struct gos_m *mp)
{
	for (;;) {
		struct gos_g *gp = mp->locked_g;
		if (rt_unlikely(gp != NULL)) {
			rt_m_wait_locked(mp);
		} else {
			gp = mp->chosen;
			mp->chosen = NULL;
			if (mp->p == NULL) /* its goroutine came back from a blocking section and stands in line */
				rt_m_stop(mp);
			if (gp == NULL)
				gp = find_runnable(mp);
			if (rt_unlikely(rt_g_held(gp))) {
				rt_hold_put(gp);
				continue;
			}
			if (rt_unlikely(gp->flags & RT_G_LOCKED)) {
				rt_m_hand_to_locked(mp, gp);
				continue;
			}
		}
		switch_from_g0(mp, gp);
		/* g0 stays on its thread: mp is the same. */
	}
}
