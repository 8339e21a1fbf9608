/* SPDX-License-Identifier: MIT */
/*
 * hold.h - goroutines that a debugger holds back, and sleepers that it wakes. Floor 3.
 *
 * Debuggers act by writing words; nobody calls into the process. Each word is one aligned store, right at any instruction of the program, which may be stopped or
 * not, and has one writer, but for sysmon where it undoes what a debugger that is gone has asked for: rt_hold_undo.
 *
 *   g.hold                   by debuggers, once rt_go has set it to OTHER. FROZEN: this one shall not run. They write no other bits than these two, whatever they read there.
 *   runtime.hold_mask        likewise. FROZEN, as it is at first; with OTHER, only those run from whose g.hold a debugger took OTHER ("run-only"): who is born
 *                            meanwhile is held back, too. What holds a goroutine back is what both have.
 *   runtime.hold_generation  by debuggers, last: another value than before, not 0, after any change of the two above.
 *   runtime.holder           by debuggers, before the others: the debugger's pid as this process knows it. When it is gone, or a zombie, or its number another's,
 *                            sysmon undoes all holds within some tenths of a second and sets the word to 0; meanwhile it is RT_HOLDER_GONE. 0: nobody asked for that.
 *   runtime.ready_goid       by debuggers: a goroutine in gos_sleep, which is to be woken at once. sysmon writes ready_result, then 0 here.
 *
 * How it works. A switch tests flags and hold of the G that it is about to become against held_flags and hold_mask: one load more than a test for RT_G_LOCKED
 * alone, and the same branch. Who is held back stays RUNNABLE and goes to a list of its own. A goroutine that runs is asked by sysmon to give way, as after its time slice; one
 * that waits is held back when it is made ready, and one in a blocking section when it comes back. So network and timers go on. sysmon alone takes goroutines off
 * the list again.
 *
 * Always true, under sched.lock: the first `pending` goroutines of the list have not been looked at since they were put there, or since sysmon last saw
 * hold_generation change. So none that was thawed is forgotten, whichever of the two came first.
 */
#ifndef RT_HOLD_H
#define RT_HOLD_H

#include "atomic.h"
#include "state.h"

/* What sysmon says of runtime.ready_goid. */
enum rt_ready_result {
	RT_READY_PENDING, /* by the debugger, before it sets ready_goid */
	RT_READY_DONE,
	RT_READY_GONE,  /* there is no such goroutine */
	RT_READY_AWAKE, /* it is not in gos_sleep, or its time came first */
};

#define RT_HOLDER_GONE UINT32_MAX /* nobody's pid */
#define RT_HOLD_CLAIMED 0x80      /* of g.hold, besides enum rt_hold: rt_hold_undo is about to write it. In no mask */

typedef uint16_t __attribute__((may_alias)) rt_pair;
_Static_assert(offsetof(struct gos_g, flags) % 2 == 0 && offsetof(struct gos_g, hold) == offsetof(struct gos_g, flags) + 1, "one pair");
_Static_assert(offsetof(struct gos_runtime, held_flags) % 2 == 0 && offsetof(struct gos_runtime, hold_mask) == offsetof(struct gos_runtime, held_flags) + 1, "one pair");

/* gp is neither held back nor locked to a thread. What a switch asks. */
RT_INLINE bool rt_g_goes_anywhere(const struct gos_g *gp)
{
#if !GOS_RECORD
	return !(gp->flags & RT_G_LOCKED);
#elif defined(RT_TSAN)
	return !(rt_load_relaxed((const rt_pair *)&gp->flags) & rt_load_relaxed((const rt_pair *)&gos_runtime.held_flags));
#else
	/* Not an atomic load of the G's pair, which compilers would not make an operand of the test. */
	return !(*(const rt_pair *)&gp->flags & rt_load_relaxed((const rt_pair *)&gos_runtime.held_flags));
#endif
}

/* Does a debugger hold gp back? Any thread. */
RT_INLINE bool rt_g_held(const struct gos_g *gp)
{
	return GOS_RECORD && (rt_load_relaxed(&gp->hold) & rt_load_relaxed(&gos_runtime.hold_mask)) != 0;
}

/* gp, which is RUNNABLE, whole and in no queue, stands by until it is not held back any more. From here it may run: do not touch it. Any thread, holding no lock. */
void rt_hold_put(struct gos_g *gp);

/* Is there anything for rt_hold_look to look after? Any thread. */
RT_INLINE bool rt_hold_in_use(void)
{
	return GOS_RECORD && (rt_load_relaxed(&gos_runtime.hold_generation) | rt_load_relaxed(&gos_runtime.holder) | rt_load_relaxed(&gos_runtime.held)) != 0;
}

/* And anything that cannot wait until somebody runs? */
RT_INLINE bool rt_hold_is_due(void)
{
	return GOS_RECORD && (rt_load_relaxed(&gos_runtime.holder) | rt_load_relaxed(&gos_runtime.held) | rt_load_relaxed(&gos_runtime.ready_goid)) != 0;
}

/* sysmon: asks goroutines that run and are held back to give way, puts back in line who is held no more, and undoes the holds of a debugger that is gone. */
void rt_hold_look(int64_t now);

/*
 * sysmon: process `gone`, which is no more, has held goroutines back, and all is to be as if it had not. Another debugger may take over at any moment, between two
 * instructions, too: then this ends, and what that one has written stays.
 */
void rt_hold_undo(uint32_t gone);

/* sysmon, when runtime.ready_goid is not 0: that sleeper, taken off its heap, to be made ready before rt_hold_ready_done is called; or NULL. */
struct gos_g *rt_hold_ready(void);
void rt_hold_ready_done(void);

#endif
