/* SPDX-License-Identifier: MIT */
/*
 * stats.c - what the runtime does and holds, in numbers: gos_stats, and GOSDEBUG=schedtrace. Beside the floors.
 *
 * Always true:
 *  - Nothing is stopped. Counters and statuses are read while others write them: each number was true at some moment of the call.
 *  - The scheduler's lock, and each P's timers lock, is held for a few loads, never while something is written.
 *  - Reports are written by a thread of their own, so that a reader of stderr who is slow delays nobody, and a program that does nothing
 *    still reports: a report that is due while the last one is still being written is left out. It needs no malloc, and memory for 16 KiB of text however many goroutines there are.
 */
#include "stats.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "gossamer.h"
#include "machine.h"
#include "printer.h"
#include "runq.h"
#include "stack.h"
#include "timers.h"
#include "times.h"
#include "words.h"

/* What changes under the scheduler's lock, at one moment. */
struct sched_numbers {
	uint32_t procs, idle_procs, threads, idle_threads, spinning, globq;
};

static struct sched_numbers sched_numbers(void)
{
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct sched_numbers n = {
		.procs = rt_sched.nprocs,
		.idle_procs = rt_sched.idle_p_count,
		.threads = gos_runtime.mcount - rt_load_relaxed(&rt_sched.unborn_m_count),
		.idle_threads = rt_sched.idle_m_count,
		.spinning = rt_load_relaxed(&rt_sched.spinning),
		.globq = rt_sched.globq_size,
	};
	rt_unlock(&rt_sched.lock);
	return n;
}

/* Goroutines in line at pp. */
static uint32_t runq_length(const struct gos_p *pp)
{
	return rt_ring_length(&pp->runq) + rt_ring_length(&pp->backq) + (rt_load_relaxed(&pp->runnext) != NULL);
}

/* ---- gos_stats ---- */

static void count_goroutines(struct gos_stats *s)
{
	uint64_t count = rt_load_acquire(&gos_runtime.gcount); /* pairs with make_g in spawn.c */
	for (uint64_t i = 0; i < count; i++) {
		rt_times_add_open(&s->times, rt_goroutine_number(i));
		switch ((enum gos_state)rt_load_relaxed(&rt_goroutine_number(i)->status)) {
		case GOS_RUNNABLE:
			s->runnable++;
			break;
		case GOS_RUNNING:
			s->running++;
			break;
		case GOS_WAITING:
			s->waiting++;
			break;
		case GOS_SYSCALL:
			s->in_calls++;
			break;
		case GOS_IDLE:
		case GOS_DEAD:
			break;
		}
	}
	s->goroutines = s->runnable + s->running + s->waiting + s->in_calls;
}

static void count_channels(struct gos_stats *s)
{
	uint64_t count = rt_load_acquire(&gos_runtime.ccount);
	for (uint64_t i = 0; i < count; i++) {
		const struct gos_chan *c = (const struct gos_chan *)gos_runtime.cslabs[i / GOS_C_PER_SLAB] + i % GOS_C_PER_SLAB;
		s->channels += rt_load_relaxed(&c->live) != 0;
	}
}

void gos_stats(struct gos_stats *stats)
{
	struct gos_stats s = {0};

	if (rt_load_relaxed(&gos_runtime.state) != 0)
		rt_clock_set();
	count_goroutines(&s);
	uint32_t count = rt_load_acquire(&gos_runtime.pcount);
	uint64_t late = 0;
	for (uint32_t i = 0; i < count; i++) {
		struct gos_p *pp = gos_runtime.ps[i];
		s.created += rt_load_relaxed(&pp->spawns);
		s.switches += rt_load_relaxed(&pp->tick);
		s.parks += rt_load_relaxed(&pp->parks);
		s.steals += rt_load_relaxed(&pp->steals);
		s.preempts += rt_load_relaxed(&pp->preempts);
		s.handoffs += rt_load_relaxed(&pp->handoffs);
		s.runq += runq_length(pp);
		s.timers += rt_timers_count(pp);
		rt_times_add(&s.times, &pp->times);
		for (uint32_t k = 0; k < RT_LATENCIES; k++) {
			uint64_t n = rt_load_relaxed(&pp->latencies[k]);
			s.latencies[k] += n;
			late += n;
		}
	}
	rt_times_add(&s.times, &rt_times_of_no_p);
	s.times.runs = s.switches;
	s.times.as_of = rt_load_relaxed(&gos_runtime.now);
	s.latencies[0] = s.switches > late ? s.switches - late : 0;
	struct sched_numbers n = sched_numbers();
	s.procs = n.procs;
	s.idle_procs = n.idle_procs;
	s.threads = n.threads;
	s.idle_threads = n.idle_threads;
	s.spinning_threads = n.spinning;
	s.runq += n.globq;
	rt_stack_totals(&s.stacks, &s.stack_bytes);
	count_channels(&s);
	*stats = s;
}

/* ---- schedtrace ---- */

uint64_t rt_schedtrace_count;

static int64_t started; /* the clock when gos_run began */

static struct {
	int fd;
	size_t used;
	char text[16 << 10];
} out; /* of the one thread that writes a report */

static void flush(void)
{
	size_t at = 0;
	while (at < out.used) {
		ssize_t n = write(out.fd, out.text + at, out.used - at);
		if (n > 0) {
			at += (size_t)n;
		} else if (n < 0 && errno == EAGAIN) { /* somebody made stderr non-blocking */
			struct pollfd p = {.fd = out.fd, .events = POLLOUT};
			poll(&p, 1, -1);
		} else if (n < 0 && errno != EINTR) {
			break; /* nobody reads it */
		}
	}
	out.used = 0;
}

#define ITEM_MAX 256 /* bytes that one call of put adds */

__attribute__((format(printf, 1, 2))) static void put(const char *format, ...)
{
	if (sizeof out.text - out.used < ITEM_MAX)
		flush();
	va_list args;
	va_start(args, format);
	int n = vsnprintf(out.text + out.used, ITEM_MAX, format, args);
	va_end(args);
	if (n > 0)
		out.used += n < ITEM_MAX ? (size_t)n : ITEM_MAX - 1;
}

static RT_READS_WHILE_WRITTEN void put_p(const struct gos_p *pp)
{
	const struct gos_m *mp = pp->m;
	put("  P%u: status=%u schedtick=%llu m=%lld runqsize=%u gfreecnt=%u timerslen=%u parks=%llu spawns=%llu steals=%llu preempts=%llu handoffs=%llu\n",
	    pp->id, pp->status, (unsigned long long)pp->tick, mp != NULL ? (long long)mp->id : -1, runq_length(pp), pp->gfree_count,
	    pp->timers_count, (unsigned long long)pp->parks, (unsigned long long)pp->spawns, (unsigned long long)pp->steals,
	    (unsigned long long)pp->preempts, (unsigned long long)pp->handoffs);
}

static RT_READS_WHILE_WRITTEN void put_m(const struct gos_m *mp)
{
	const struct gos_p *pp = mp->p;
	const struct gos_g *gp = mp->curg;
	put("  M%u: p=%lld curg=%lld tid=%u spinning=%s blocked=%s\n", mp->id, pp != NULL ? (long long)pp->id : -1, gp != NULL ? (long long)gp->goid : -1,
	    mp->tid, mp->spinning ? "true" : "false", mp->asleep ? "true" : "false");
}

static RT_READS_WHILE_WRITTEN void put_g(const struct gos_g *gp)
{
	uint32_t status = gp->status;
	const struct gos_m *mp = gp->m;
	if (status == GOS_IDLE || status == GOS_DEAD)
		return;
	uint8_t reason = status == GOS_WAITING ? gp->reason : GOS_REASON_NONE;
	const struct gos_m *locked = gp->flags & RT_G_LOCKED ? gp->locked_m : NULL;
	put("  G%llu: status=%u(%s) m=%lld lockedm=%lld\n", (unsigned long long)gp->goid, status,
	    rt_reason_word(reason), mp != NULL ? (long long)mp->id : -1,
	    locked != NULL ? (long long)locked->id : -1);
}

void rt_schedtrace_write(int fd, int64_t now, bool detail)
{
	struct sched_numbers n = sched_numbers();
	uint32_t pcount = rt_load_acquire(&gos_runtime.pcount);

	out.fd = fd;
	put("SCHED %lldms: gomaxprocs=%u idleprocs=%u threads=%u spinningthreads=%u idlethreads=%u runqueue=%u", (long long)((now - started) / GOS_MS),
	    n.procs, n.idle_procs, n.threads, n.spinning, n.idle_threads, n.globq);
	if (!detail) {
		for (uint32_t i = 0; i < n.procs && i < pcount; i++)
			put(i == 0 ? " [%u" : " %u", runq_length(gos_runtime.ps[i]));
		put("]\n");
		flush();
		return;
	}
	put(" polling=%u\n", rt_load_relaxed(&rt_sched.polling));
	for (uint32_t i = 0; i < pcount; i++)
		put_p(gos_runtime.ps[i]);
	for (uint32_t i = 0; i < n.threads; i++)
		put_m(gos_runtime.ms[i]);
	uint64_t gcount = rt_load_acquire(&gos_runtime.gcount);
	for (uint64_t i = 0; i < gcount; i++)
		put_g(rt_goroutine_number(i));
	flush();
}

static _Noreturn void *tracer_main(void *arg)
{
	int64_t period = rt_config.schedtrace * GOS_MS, at = started; /* the first at once, as in Go */
	(void)arg;
	pthread_setname_np(pthread_self(), "gos-schedtrace");
	for (;;) {
		rt_schedtrace_write(2, rt_real_now(), rt_config.scheddetail != 0);
		rt_store_release(&rt_schedtrace_count, rt_schedtrace_count + 1);
		int64_t late = rt_real_now() - at;
		at += (late / period + 1) * period;
		struct timespec until = {at / GOS_S, at % GOS_S};
		while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR)
			;
	}
}

void rt_stats_start(void)
{
	pthread_t thread;
	sigset_t all, old;

	started = rt_real_now();
	if (rt_config.schedtrace == 0)
		return;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	int error = pthread_create(&thread, NULL, tracer_main, NULL);
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	if (error != 0) {
		fprintf(stderr, "gossamer: no thread for schedtrace: %s\n", strerror(error));
		return;
	}
	pthread_detach(thread);
}
