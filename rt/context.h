/* SPDX-License-Identifier: MIT */
/*
 * context.h - a context's record, of which observers may see what layout.def names; nobody but context.c uses it. Floor 6.
 */
#ifndef RT_CONTEXT_H
#define RT_CONTEXT_H

#include "state.h"

#define RT_CONTEXT_LIVE 0x74786574u /* "text" */

struct gos_context {
	struct rt_timer timer;  /* in a heap only while err is 0 and the deadline is this context's own. Lock: lock */
	struct rt_lock lock;
	uint32_t magic;         /* RT_CONTEXT_LIVE until it is freed, for the program's handle. Sync: atomic, written under lock */
	int32_t err;            /* 0, -ECANCELED, -ETIMEDOUT. Sync: atomic, written once under lock */
	uint32_t refs;          /* Sync: atomic */
	uint32_t settled;       /* all below has ended. Sync: atomic */
	bool listed;            /* in parent's list. Lock: parent's */
	struct gos_chan *done;  /* made when first asked for. Sync: atomic, written under lock */
	struct gos_context *children;         /* Lock: lock */
	struct gos_context *next, *prev;      /* in parent's list. Lock: parent's */
	struct gos_context *below;            /* who ended it: the context that is worked on after this one */
	struct gos_mark ended;                /* by whom; goid 0: the runtime, by its deadline. Lock: lock */
	/* What does not change. */
	struct gos_context *parent;
	int64_t deadline; /* its own, or an earlier one of those above; INT64_MAX: none */
	const void *key;
	void *value;
	const char *file;
	int line;
	struct gos_context *link; /* free list. Lock: slab_lock */
} __attribute__((aligned(RT_CACHE_LINE)));

#endif
