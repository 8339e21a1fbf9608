/* SPDX-License-Identifier: MIT */
/*
 * machine.h - Ms, Ps, and what the scheduler shares between them. Floor 3.
 *
 * Prototypes are grouped by the file that has them.
 */
#ifndef RT_MACHINE_H
#define RT_MACHINE_H

#include <signal.h>

#include "atomic.h"
#include "coarse.h"
#include "flight.h"
#include "state.h"

/* The M of this thread; NULL on a thread that is not ours. Never take its address: a goroutine may change threads. */
extern __thread struct gos_m *rt_tls_m __attribute__((tls_model("initial-exec")));

struct rt_sched {
	struct rt_lock lock;
	uint32_t nprocs;            /* Ps in use: GOSMAXPROCS. Lock: lock; read without it */
	struct gos_p *idle_ps;      /* Lock: lock */
	struct gos_m *idle_ms;      /* Lock: lock */
	uint32_t idle_m_count;      /* Lock: lock */
	struct gos_m *unborn_ms;    /* Ms for which there was no thread. Lock: lock */
	uint32_t unborn_m_count;    /* Lock: lock; read without it */
	int64_t start_not_before;   /* no thread is tried until then, while start_error is set: coarse time. Lock: lock */
	int64_t start_backoff;      /* ns. Lock: lock */
	uint32_t in_hand;           /* 1: sysmon has taken a sleeper off its heap, and not yet made it ready. Lock: lock */
	int32_t locked_asleep;      /* Ms that wait for the goroutine locked to them. Lock: lock */
	uint32_t max_ms;            /* how many Ms may exist; 0: RT_M_DEFAULT. Lock: lock */
	struct gos_g *globq_head, *globq_tail; /* runnable Gs of nobody in particular. Lock: lock */
	struct gos_g *gfree;        /* dead Gs with a stack. Lock: lock */
	struct gos_g *gfree_cold;   /* dead Gs whose stack's pages were given back. Lock: lock */
	struct gos_g *gfree_bare;   /* dead Gs without a stack. Lock: lock */
	uint32_t gfree_count, gfree_low; /* length of gfree, and its least since sysmon looked. Lock: lock */
	uint64_t goid_next;         /* Sync: atomic */

	uint32_t globq_size __attribute__((aligned(RT_CACHE_LINE))); /* Sync: atomic, written under lock */
	uint32_t idle_p_count;      /* likewise */
	uint32_t spinning;          /* Ms that look for work. Sync: atomic */
	uint32_t help_wanted;       /* a P with work stands still, and none is idle: set by sysmon, for whoever looks around next. Sync: atomic */
	uint32_t start_error;       /* errno of the last try to start a thread; 0: it worked. Sync: atomic, written under lock */
	uint32_t polling;           /* 1 while a thread is in the netpoller, or holds what it returned. Sync: atomic */
	int64_t poll_until;         /* until when, while polling. Sync: atomic */
	int64_t last_poll;          /* coarse time of the last look at the netpoller. Sync: atomic */
	int64_t wake_not_before;    /* waking workers for local work did not pay lately: coarse time. Sync: atomic */
	int64_t wake_backoff;       /* ns. Sync: atomic; races only blur it */
	uint32_t sysmon_away;       /* enum rt_sysmon_away. Sync: atomic */
	struct rt_note sysmon_note;
};

/* How long sysmon sleeps: not over a millisecond; some; a second, unless it is woken. */
enum rt_sysmon_away { RT_SYSMON_NEAR, RT_SYSMON_SLOW, RT_SYSMON_GONE };
#define RT_M_DEFAULT 10000 /* threads, as in Go */
extern struct rt_sched rt_sched;

/* ---- processor.c ---- */

/* Makes Ps 0..n-1 the ones in use. Returns how many were before. */
uint32_t rt_procs_set(uint32_t n);
/* An idle P, or NULL. Lock: sched.lock, held. */
struct gos_p *rt_p_take_idle(void);
/* Lock: sched.lock, held. pp's queues are empty. */
void rt_p_put_idle(struct gos_p *pp);
/* mp now runs pp, and the reverse. */
void rt_p_acquire(struct gos_m *mp, struct gos_p *pp);
struct gos_p *rt_p_release(struct gos_m *mp);
/* mp gets an idle P, if there is one. It has none. */
bool rt_p_acquire_idle(struct gos_m *mp);
/* Asks whoever runs on pp to give way at the next public function that it calls. Any thread. */
void rt_p_ask(struct gos_p *pp);
/* Moves all that a P beyond GOSMAXPROCS holds to where others find it; its M then gives it up. Owner P only. */
void rt_p_drain(struct gos_p *pp);

/* A list of n Gs, linked by ->link, to the end of the global queue. Any M. */
void rt_globq_put_list(struct gos_g *first, struct gos_g *last, uint32_t n);
/* The same. Lock: sched.lock, held. */
void rt_globq_put_list_locked(struct gos_g *first, struct gos_g *last, uint32_t n);
/* One goroutine, and a fair share of the others into pp's queues; NULL when empty. Owner of pp only. */
struct gos_g *rt_globq_get(struct gos_p *pp);

/* ---- machine.c ---- */

/* Wakes or makes an M for an idle P, if there is one and nobody looks for work already, and if there is a thread to be had. Any thread. */
void rt_wake(void);
/* Ends the program when nothing can ever happen again: all Ms asleep, nobody in the netpoller, no work, no timer, no descriptor waited on. Any thread. */
void rt_check_dead(void);
/* Sleeps until somebody hands over a P. Called on g0, without a P. */
void rt_m_stop(struct gos_m *mp);
/* Gives up the P, if there is one, and sleeps until mp->locked_g can run and a P is handed over. On g0 of an M with a locked goroutine. */
void rt_m_wait_locked(struct gos_m *mp);
/* Hands mp's P to the M that gp, just taken off a queue, is locked to, and sleeps until there is another. On g0. */
void rt_m_hand_to_locked(struct gos_m *mp, struct gos_g *gp);
/* A P whose M has left it: to another M when there is anything to do or to wait for, else to the idle ones. Any thread; nobody else has pp. */
void rt_p_handoff(struct gos_p *pp);
/* A detached thread that runs fn(arg), with these signals blocked (NULL: all): 0 or an errno. Tried so often while there is no room for one. Any thread. */
int rt_thread_start(void *(*fn)(void *arg), void *arg, const sigset_t *mask, int tries);
#define RT_THREAD_TRIES 20 /* for a thread without which nothing goes on: 190 ms in all */
/* The first M, with a P in whose queue goroutine 1 stands. From gos_run. */
void rt_m_start_first(struct gos_p *pp);

/*
 * Tells sleeping workers of a goroutine just put in this P's queues. Waking a thread costs tens of microseconds, and this P would often have
 * run the goroutine by then; so workers that came, found nothing and went back to sleep make this quiet for some
 * milliseconds, while sysmon looks for queues that stand still. No fence between the put and these loads: what it would
 * catch, sysmon catches a millisecond later.
 */
RT_INLINE void rt_wake_hint(void)
{
	if (rt_load_relaxed(&rt_sched.idle_p_count) == 0 || rt_load_relaxed(&rt_sched.spinning) != 0)
		return;
	if (rt_load_relaxed(&rt_sched.wake_not_before) > rt_load_relaxed(&gos_runtime.now))
		return;
	rt_wake();
}

/* Tells sysmon, if it sleeps for long, that Ps run again. After a P was taken off the idle list. Any thread. */
RT_INLINE void rt_sysmon_look(void)
{
	if (rt_unlikely(rt_load_relaxed(&rt_sched.sysmon_away) == RT_SYSMON_GONE))
		rt_note_wake(&rt_sched.sysmon_note);
}

/* A 32-bit random number; xorshift, Marsaglia 2003. Owner P only. */
RT_INLINE uint32_t rt_random(struct gos_p *pp)
{
	uint32_t x = pp->random;
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	return pp->random = x;
}

#endif
