/* SPDX-License-Identifier: MIT */
/*
 * run.c - gos_run: the runtime begins and ends; and what a program asks about itself. Floor 5.
 *
 * The calling thread does not run goroutines: it waits for the app's value, so that it can return it whatever the workers are doing.
 */
#include <pthread.h>
#include <stdarg.h>
#include <stdio.h>

#include "../asm/switch.h"
#include "config.h"
#include "crash.h"
#include "exit.h"
#include "fresh.h"
#include "origin.h"
#include "schedule.h"
#include "slab.h"
#include "spawn.h"
#include "stats.h"
#include "sysmon.h"

static struct {
	struct rt_note done;
	int value;
} app_end;

/* Goroutine 1. */
static void run_app(int (*app)(int, char **), int argc, char **argv)
{
	/* volatile, so that app is called as it was written and not as a clone with fewer arguments: gdb shows it with all of them. */
	int (*volatile entry)(int, char **) = app;
	app_end.value = entry(argc, argv);
	if (rt_load_relaxed(&rt_forked))
		rt_throw("goroutine 1 ended in a child of fork, where nobody waits for it: call exit or _exit");
	rt_store_release(&gos_runtime.state, 2u);
	rt_note_wake(&app_end.done);
	/* This worker has nothing more to do; the others find out when they next look for work. */
	struct rt_note never = {0};
	rt_note_sleep(&never, -1);
}

int gos_run(int (*app)(int argc, char **argv), int argc, char **argv)
{
	uint32_t fresh = 0;
	if (!__atomic_compare_exchange_n(&gos_runtime.state, &fresh, 1, false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
		rt_throw("gos_run was called a second time");
	if (app == NULL)
		rt_throw("gos_run of nil function");
	pthread_atfork(NULL, NULL, rt_preempt_in_child);

	rt_config_read(GOS_P_MAX);
	if (rt_config.seed != RT_SEED_NONE) {
		gos_runtime.own_time = 1;
		rt_seed_begin(rt_config.seed);
	}
	rt_clock_refresh();
	gos_runtime.ms = rt_map(GOS_M_MAX * sizeof(struct gos_m *), "the table of Ms");
	gos_runtime.ps = rt_map(GOS_P_MAX * sizeof(struct gos_p *), "the table of Ps");
	rt_crash_init();
	if (GOS_RECORD)
		rt_origin_init();
	rt_flight_start();
	rt_procs_set(rt_config.procs);
	rt_stats_start();
	rt_sysmon_start();

	/* Goroutine 1 is made by this thread in the place of an M, for as long as that takes. */
	static struct gos_m maker; /* static: sysmon may look at who has a P a moment longer than he has it */
	rt_store_relaxed(&maker.fresh, &maker.own_fresh);
	rt_lock(&rt_sched.lock, RT_RANK_SCHED);
	struct gos_p *pp = rt_p_take_idle();
	rt_unlock(&rt_sched.lock);
	rt_p_acquire(&maker, pp);
	rt_tls_m = &maker;
	uint64_t registers[START_REGISTER_WORDS] = {(uint64_t)app, (uint64_t)argc, (uint64_t)argv};
	rt_store_relaxed(&rt_sched.spinning, 1u); /* nobody is woken before goroutine 1 is complete; the first M takes over the count */
	struct gos_g *gp = rt_go_first((void *)run_app, registers, __builtin_return_address(0));
	gp->entry = (void *)app;
	rt_runq_put(pp, gp);
	rt_tls_m = NULL;
	rt_p_release(&maker);

	rt_m_start_first(pp);
	rt_note_sleep(&app_end.done, -1);
	return app_end.value;
}

uint64_t gos_goid(void)
{
	struct gos_m *mp = rt_tls_m;
	return mp != NULL && mp->curg != NULL ? mp->curg->goid : 0;
}

size_t gos_num_goroutines(void)
{
	uint64_t made = 0, ended = 0;
	uint32_t count = rt_load_acquire(&gos_runtime.pcount);
	/* Ends first: who has ended had been made, be it by another P. */
	for (uint32_t i = 0; i < count; i++)
		ended += rt_load_relaxed(&gos_runtime.ps[i]->ends);
	for (uint32_t i = 0; i < count; i++)
		made += rt_load_relaxed(&gos_runtime.ps[i]->spawns);
	return made > ended ? (size_t)(made - ended) : 0;
}

/* As config.c says it of GOSMAXPROCS. */
static RT_NOINLINE void say_once_one_p(int n)
{
	static bool said;
	if (!said)
		fprintf(stderr, "gossamer: gos_procs(%d): with a seed in GOSDEBUG there is one P\n", n);
	said = true;
}

int gos_procs(int n)
{
	rt_m_of_goroutine();
	if (n <= 0 || rt_seeded()) {
		if (n > 1)
			say_once_one_p(n);
		return (int)rt_load_relaxed(&rt_sched.nprocs);
	}
	int before = (int)rt_procs_set((uint32_t)n);
	rt_wake(); /* more Ps may find more work; the search goes on from one worker to the next */
	return before;
}

void gos_set_name(const char *format, ...)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	char text[GOS_NAME_SIZE] = ""; /* what follows the end is seen by debuggers too */
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	__builtin_memcpy(gp->name, text, sizeof text);
	gp->flags |= RT_G_NAMED;
}

int64_t gos_now(void)
{
	const struct gos_m *mp = rt_tls_m;
	if (rt_seeded() && mp != NULL && mp->p != NULL) { /* time passes for those who wait for it in a loop, too */
		rt_seed_pass(RT_SEED_STEP);
		rt_clock_set();
	}
	return rt_now();
}
