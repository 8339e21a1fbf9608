/* SPDX-License-Identifier: MIT */
/* Goal: only listed transitions of a goroutine's state are possible, rt/gstatus.c. Method: white box, every pair of states against states.def's picture; the bad ones must die. */
#include "gos_test.h"
#include "gstatus.h"

static const enum gos_state states[] = {GOS_IDLE, GOS_RUNNABLE, GOS_RUNNING, GOS_SYSCALL, GOS_WAITING, GOS_DEAD};
enum { STATES = sizeof states / sizeof states[0] };

/* Written once more, by hand, from the picture in the design: rows from, columns to. */
static const bool legal[STATES][STATES] = {
	/*              IDLE   RUNNABLE RUNNING SYSCALL WAITING DEAD */
	/* IDLE     */ {false, true,    false,  false,  false,  false},
	/* RUNNABLE */ {false, false,   true,   false,  false,  false},
	/* RUNNING  */ {false, true,    false,  true,   true,   true},
	/* SYSCALL  */ {false, true,    true,   false,  false,  false},
	/* WAITING  */ {false, true,    false,  false,  false,  false},
	/* DEAD     */ {false, true,    false,  false,  false,  false},
};

PLAIN_TEST(transitions_are_those_of_the_picture)
{
	for (int from = 0; from < STATES; from++)
		for (int to = 0; to < STATES; to++)
			expect_eq(rt_g_legal(states[from], states[to]), legal[from][to]);
}

PLAIN_TEST(legal_transitions_are_made)
{
	for (int from = 0; from < STATES; from++)
		for (int to = 0; to < STATES; to++) {
			struct gos_g g = {.status = states[from], .goid = 9};
			if (!legal[from][to])
				continue;
			rt_g_set(&g, states[from], states[to]);
			expect_eq(g.status, states[to]);
		}
}

static void dead_to_running(void)
{
	struct gos_g g = {.status = GOS_DEAD, .goid = 9};
	rt_g_set(&g, GOS_DEAD, GOS_RUNNING);
}

static void not_what_it_was(void)
{
	struct gos_g g = {.status = GOS_RUNNABLE, .goid = 9};
	rt_g_set(&g, GOS_WAITING, GOS_RUNNABLE);
}

static void made_ready_twice(void)
{
	struct gos_g g = {.status = GOS_WAITING, .goid = 9};
	rt_g_set(&g, GOS_WAITING, GOS_RUNNABLE);
	rt_g_set(&g, GOS_WAITING, GOS_RUNNABLE);
}

#if GOS_CHECK >= 2
static void runnable_but_waits(void)
{
	struct gos_g g = {.status = GOS_RUNNABLE, .goid = 9, .waiting = &g.sudog};
	rt_g_check(&g);
}

static void runnable_without_goid(void)
{
	struct gos_g g = {.status = GOS_RUNNABLE};
	rt_g_check(&g);
}

static void stack_pointer_elsewhere(void)
{
	struct gos_g g = {.status = GOS_RUNNABLE, .goid = 9, .stack_lo = 0x10000, .stack_hi = 0x20000, .sched.sp = 0x20000};
	rt_g_check(&g);
}
#endif

static const struct gos_death deaths[] = {
	{"dead_to_running", dead_to_running, 2, {"gossamer: goroutine 9 is dead; it was to go from dead to running", "bad goroutine status"}},
	{"not_what_it_was", not_what_it_was, 2, {"gossamer: goroutine 9 is runnable; it was to go from waiting to runnable", "bad goroutine status"}},
	{"made_ready_twice", made_ready_twice, 2, {"bad goroutine status"}, .plain = true},
#if GOS_CHECK >= 2
	{"runnable_but_waits", runnable_but_waits, 2, {"gossamer: fatal error: ", "gp->waiting == NULL", "does not hold"}},
	{"runnable_without_goid", runnable_without_goid, 2, {"gossamer: fatal error: ", "does not hold"}},
	{"stack_pointer_elsewhere", stack_pointer_elsewhere, 2, {"gossamer: fatal error: ", "sched.sp", "does not hold"}},
#endif
};
GOS_DEATHS(deaths)
