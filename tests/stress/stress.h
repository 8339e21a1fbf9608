/* SPDX-License-Identifier: MIT */
/*
 * stress.h - what the subjects of the stress run share.
 *
 * A subject starts workers, which do random things until `stress_stop`, and then accounts for everything that went through the runtime: what is missing was lost, what is
 * too much came twice. Each worker reports its steps; one that makes none for STRESS_STALL seconds has lost a wake-up: all goroutines are dumped and the
 * test fails.
 *
 * The seed is new each time, printed with a failure, and chosen by GOS_TEST_SEED; GOS_STRESS_SECONDS says how long each subject runs.
 */
#ifndef STRESS_H
#define STRESS_H

#include "gos_test.h"

#define STRESS_STALL (15 + GOS_TEST_SLOW) /* seconds */
#define STRESS_WORKERS 4096

extern int stress_stop; /* Sync: atomic */

#define STRESS_TEST(name) GOS_TEST_WITHIN(name, 900)

/* A subject's frame: stress_begin, start workers, stress_run, account, stress_end. */
void stress_begin(void);
void stress_run(void); /* waits until the time is over, sets stress_stop */
int64_t stress_duration(void);
void stress_end(void); /* waits until all workers have ended */

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
