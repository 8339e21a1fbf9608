/* SPDX-License-Identifier: MIT */
/*
 * dump.h - what a report of goroutines says, in Go's traceback format. Beside the floors: reads state.h, changes nothing.
 */
#ifndef RT_DUMP_H
#define RT_DUMP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "traceback.h"

struct gos_g;

/* What to print. Filled by who asks; printed by the dumper, or by who asked when there is none. */
struct rt_report {
	int fd;
	char head[2048];       /* the first lines; zero-terminated */
	bool waits;            /* then who waits for what, and for whom: the report of a program in which all are asleep */
	bool deadlocks;        /* then who can never go on, of those who have waited for deadlock_ns; or, if fd is negative, how many in `found` alone */
	bool once;             /* of these only what no such report has told yet */
	int64_t deadlock_ns;
	int64_t found;         /* circles, and locks whose owner has ended; -ENOMEM, -ECANCELED */
	bool show_current;     /* then the goroutine, or thread, that asks */
	bool show_others;      /* then all other goroutines */
	bool groups;           /* then those that are alike together */
	bool account_current;  /* with show_current, after all of these: a sentence about the one that asks, and which calls led to it */
	bool accounts;         /* then a sentence about each goroutine */
	bool stuck;            /* then a sentence about those that wait for locks, and that have waited longest: a screenful */
	bool system;           /* frames of the runtime too */
	bool system_current;   /* frames of the runtime in the one that asks */
	bool exact;            /* regs is where it was interrupted, not where it called from */
	uint32_t tid;          /* who asks; it stands still until the report is printed */
	struct gos_g *current; /* its goroutine. NULL: it runs none */
	struct rt_regs regs;
	void *user_pc; /* the frame of `current` to begin with; NULL: the first that is not ours */

	uint32_t *phase; /* RT_DUMPER_WORKING, changed while writing; NULL: nobody can take over */
	uint64_t
		next; /* where to go on if somebody takes over: 0 the head, 1 the current one, 2 + i goroutine i, RT_NEXT_GROUPS the groups, RT_NEXT_ACCOUNTS + i its sentence, RT_NEXT_LAST what comes last. Sync: under phase */
	uint64_t beat;    /* goes up while there is progress. Sync: atomic */
	const bool *stop; /* set by others: drop this report */
	uint32_t done;    /* 1 once it is printed. Sync: atomic */
	bool given_up;    /* by the dumper, or it was by us */
	int error;        /* errno of a write that failed */
};
#define RT_NEXT_GROUPS (UINT64_C(1) << 40)
#define RT_NEXT_ACCOUNTS (UINT64_C(2) << 40)
#define RT_NEXT_LAST (UINT64_C(3) << 40)

enum rt_dumper_phase { RT_DUMPER_NONE, RT_DUMPER_IDLE, RT_DUMPER_WORKING, RT_DUMPER_WRITING, RT_DUMPER_LOST };

/* Prints it. full: with libdw and malloc, on the dumper's thread only; else safe in a signal handler. False: taken over, or told to stop. */
bool rt_report_print(struct rt_report *report, bool full);

/* The goroutine that this thread runs, if `sp` belongs to it and not to the scheduler. */
struct gos_g *rt_dump_goroutine_at(uint64_t sp);

/* Ends the program because no goroutine can ever run again. On an M's own stack. */
_Noreturn void rt_report_deadlock(void) __attribute__((cold));

#endif
