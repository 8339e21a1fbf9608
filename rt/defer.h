/* SPDX-License-Identifier: MIT */
/*
 * defer.h - deferred calls and panics of a goroutine, for defer.c, panic.c, crash.c and exit.c. Floor 5: nothing there parks.
 *
 * g->deferred: the calls to be made, newest first, and so ordered by the address of their frames, the lowest first. A frame is a local variable of
 * the function that defers. Who leaves a function by longjmp leaves its records behind: they are known, and dropped, by frames below what is in use.
 * For that the records are not on the stack.
 *
 * g->panic: the panics (and the gos_goexit) that are under way, innermost first. After Go 1.19's runtime/panic.go.
 */
#ifndef RT_DEFER_H
#define RT_DEFER_H

#include <unwind.h>

#include "label.h"
#include "schedule.h"

#define RT_DEFERRED_CACHE_MAX 64 /* free records that a P keeps */

/* A call that waits for its function's end. */
struct rt_deferred {
	struct rt_deferred *link; /* the one deferred before; or the next free one */
	const struct gos_defer_frame *frame;
	void *fn;
	void *pc; /* where gos_defer stands */
	struct rt_panic *panic; /* that runs it; NULL: none does */
	struct gos_go_registers registers;
};

/* Who raised a signal that became a panic: written to its stack by the handler, read by the CFI of rt_sigpanic. */
struct rt_fault {
	uint64_t reg[17]; /* by their DWARF numbers, the last is rip */
	uint64_t address;
	int signal, code;
};

struct rt_panic {
	struct rt_panic *link; /* the panic during which this one arose */
	uint32_t users;        /* the list, g->recovered, and g->unwinding: freed with the last of them */
	int signal;            /* that caused it; 0: none */
	bool goexit;           /* not a panic: gos_goexit running the deferred calls */
	bool recovered;        /* by the deferred call that runs now */
	bool aborted;          /* its deferred call panicked itself, and that panic ran the calls that were left */
	uint64_t sp;           /* of the function that panicked: whatever is below belongs to the panic */
	uint64_t call_cfa;     /* stack pointer at the call of the deferred function that it runs; 0: it runs none */
	void *value;
	struct gos_defer_frame resume;        /* gos_goexit: where it goes on; while destructors run: where that goes on */
	const struct gos_defer_frame *target; /* while destructors run: the frame that is to be continued */
	uint64_t limit;                       /* likewise: frames beyond this address are left alone */
	struct rt_panic *unwinding_before;    /* likewise: g->unwinding before */
	struct rt_fault fault;                /* meaningful when signal != 0 */
	struct _Unwind_Exception exception;   /* what destructors are run with */
	char message[];
};

/* ---- defer.c ---- */

_Noreturn void rt_no_goroutine(struct gos_m *mp, void *pc);

/* The current goroutine, in a blocking section too; ends the program when there is none. Not a place where others run. */
RT_INLINE struct gos_g *rt_g_here(void *pc)
{
	struct gos_m *mp = rt_tls_m;
	if (rt_unlikely(mp == NULL || mp->curg == NULL))
		rt_no_goroutine(mp, pc);
	return mp->curg;
}

void rt_deferred_put(struct rt_deferred *d);

/*
 * Deferred by gos_with_label, annotate.c: the goroutine has its labels of before again. Where that was left by longjmp they only have one user less: since then the goroutine
 * may have got others, which it shall keep.
 */
void rt_label_give_back(struct gos_labels *before);

/* The newest call is not deferred any more; its record is free. */
RT_INLINE void rt_deferred_drop(struct gos_g *gp)
{
	struct rt_deferred *d = gp->deferred;
	gp->deferred = d->link;
	if (rt_unlikely(d->fn == (void *)rt_label_give_back && d->panic == NULL)) /* else it has been called */
		rt_labels_put((struct gos_labels *)d->registers.integer[0]);
	rt_deferred_put(d);
}

/* One user less. */
void rt_panic_put(struct rt_panic *p);

/* The innermost panic whose destructors ran has no more of them, or they were left. */
void rt_unwinding_pop(struct gos_g *gp);

/* gp ends: whatever is left of its deferred calls and panics is dropped. */
void rt_defer_end(struct gos_g *gp);

/* For asm/. */
struct gos_defer_request;
void rt_defer(const struct gos_defer_request *request, const struct gos_go_registers *registers, void *pc);
int rt_defer_frame_begin(struct gos_defer_frame *frame);
_Unwind_Reason_Code rt_label_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
                                         struct _Unwind_Context *context);

/* ---- panic.c ---- */

/* Continues gp, which raised a signal, as if it had called a function that panics. For asm/. */
_Noreturn void rt_panic_of_fault(const struct rt_fault *fault);

#endif
