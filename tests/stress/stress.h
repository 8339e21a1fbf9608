/* SPDX-License-Identifier: MIT */
/*
 * stress.h - what the subjects of the stress run share.
 *
 * A subject starts workers, which do random things until `stress_stop`, and then accounts for everything that went through the runtime: what is missing was lost, what is
 * too much came twice. Meanwhile tests/support/lost.c looks for wake-ups that got lost, by what the runtime's own objects say; and each worker reports its steps: one that makes none
 * for STRESS_STALL seconds is lost, too. Then all goroutines are dumped and the test fails.
 *
 * The seed is new each time, printed with a failure, and chosen by GOS_TEST_SEED. GOS_STRESS_SECONDS says how long each subject runs, GOS_STRESS which of them: names
 * with commas between.
 */
#ifndef STRESS_H
#define STRESS_H

#include "gos_test.h"

#define STRESS_STALL (15 + GOS_TEST_SLOW) /* seconds */
#define STRESS_SECONDS 900 /* before a subject is ended that does not end by itself */
#define STRESS_WORKERS 32768

extern int stress_stop; /* Sync: atomic */

#define STRESS_TEST(name)                                                          \
	static void name##_body(void);                                             \
	START_TEST(name)                                                           \
	{                                                                          \
		gos_test_run(#name, name##_body, STRESS_SECONDS);                  \
	}                                                                          \
	END_TEST                                                                   \
	__attribute__((constructor)) static void name##_register(void)             \
	{                                                                          \
		if (stress_chosen(#name))                                          \
			gos_test_add(name, #name, STRESS_SECONDS);                 \
	}                                                                          \
	static void name##_body(void)

bool stress_chosen(const char *name);

/* A subject's frame: stress_begin, start workers, stress_run, account, stress_end. */
void stress_begin(void);
void stress_run(void); /* waits until the time is over, sets stress_stop */
int64_t stress_duration(void);
void stress_end(void); /* waits until all workers have ended */

/* The whole frame around n workers that are alike; `changing_procs`: while the number of Ps changes. */
void stress_crowd(int n, void (*worker)(uint64_t random), bool changing_procs);
/* Starts the worker that changes it, between stress_begin and stress_run. */
void stress_change_procs(void);

/* A worker's frame. */
int stress_enter(void); /* its number */
void stress_leave(int worker);
void stress_step(int worker);

static inline bool stress_stopped(void)
{
	return __atomic_load_n(&stress_stop, __ATOMIC_ACQUIRE);
}

/* Now and then something that disturbs the schedule. */
void stress_disturb(uint64_t *random);

#endif
