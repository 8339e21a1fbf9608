/* SPDX-License-Identifier: MIT */
/*
 * annotate.c - what a program says about its goroutines: labels. Floor 6. The sets are label.c's.
 *
 * g->labels is written by its goroutine only, and handed on to the goroutines that it makes.
 */
#include "../asm/defer.h"
#include "defer.h"
#include "gossamer.h"
#include "label.h"
#include "schedule.h"

/* In the program, if anything there needs it. */
extern __typeof__(_Unwind_GetCFA) _Unwind_GetCFA __attribute__((weak));

int gos_set_label(const char *key, const char *value)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	struct gos_labels *set;
	int error = rt_labels_with(gp->labels, key, value, &set);
	if (error == 0)
		rt_labels_put(rt_labels_set(gp, set));
	return error;
}

const char *gos_label(const char *key)
{
	struct gos_m *mp = rt_tls_m;
	const struct gos_g *gp = mp != NULL ? mp->curg : NULL;
	return gp != NULL && gp->labels != NULL && key != NULL ? rt_labels_get(gp->labels, key) : NULL;
}

/* Deferred: fn may panic, or end the goroutine, which goes on with other deferred calls then. */
void rt_label_give_back(struct gos_labels *before)
{
	rt_labels_put(rt_labels_set(rt_tls_m->curg, before));
}

/*
 * By an unwinder that leaves rt_label_call, whose frame is at the stack pointer there: what a destructor would do. It has no exception to stop, and no code of its own to run, so
 * nothing of libgcc or libstdc++ is needed: only programs that throw come here.
 */
_Unwind_Reason_Code rt_label_personality(int version, _Unwind_Action actions, _Unwind_Exception_Class class, struct _Unwind_Exception *exception,
                                         struct _Unwind_Context *context)
{
	(void)version, (void)class, (void)exception;
	if ((actions & _UA_CLEANUP_PHASE) != 0 && _Unwind_GetCFA != NULL)
		gos_defer_frame_leave(*(struct gos_defer_frame **)_Unwind_GetCFA(context));
	return _URC_CONTINUE_UNWIND;
}

int gos_with_label(const char *key, const char *value, void (*fn)(void *arg), void *arg)
{
	gos_defer_frame(0);
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	struct gos_labels *before = gp->labels, *set;

	if (rt_unlikely(fn == NULL))
		rt_panic_at(__builtin_return_address(0), "gos_with_label of nil function");
	int error = rt_labels_with(before, key, value, &set);
	if (error != 0) {
		if (before != NULL)
			rt_labels_share(before);
		set = before;
	}
	gos_defer(rt_label_give_back, before); /* this call is a user of it now, in the place of the goroutine */
	rt_labels_set(gp, set);
	rt_label_call(fn, arg, &gos_defer_frame_of_this_function);
	return error;
}
