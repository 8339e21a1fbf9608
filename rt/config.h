/* SPDX-License-Identifier: MIT */
/*
 * config.h - what the environment says, read once when the runtime begins. Floor 0.
 *
 * GOSMAXPROCS, and the words of GOSDEBUG=word=value,word=value. GOSTRACEBACK is looked at by rt_crash_level, which may be needed before gos_run;
 * here it is only checked. A mistake in any of them is named on stderr, and what it concerns stays as it was: it never ends the program.
 */
#ifndef RT_CONFIG_H
#define RT_CONFIG_H

#include <stdint.h>

/* A new word is a line here and one in config.c's table. Written by rt_config_read, before any thread of ours begins. */
struct rt_config {
	uint32_t procs;      /* GOSMAXPROCS, else the number of CPUs that the process may use */
	int64_t schedtrace;  /* milliseconds from one line about the scheduler to the next; 0: none. stats.c */
	int64_t scheddetail; /* 1: with a line for each P, M and goroutine */
	int64_t flight;      /* words of each ring of the flight recorder, flight.c, 0: none; and: */
#define RT_FLIGHT_EXACT (INT64_C(1) << 40) /* with exact times */
#define RT_FLIGHT_DEFAULT 8192
#define RT_FLIGHT_MOST (16 << 20)
	int64_t deadlock;    /* 1: goroutines that wait for each other, and locks whose owner has ended, are told of on stderr. crash.c */
	int64_t creationstack; /* calls above the place of creation that are recorded of each goroutine. origin.h */
#define RT_CREATIONSTACK_DEFAULT 1
#define RT_CREATIONSTACK_MAX 32
	int64_t ancestors;   /* creators of a goroutine, and of its creator, that are kept when they have ended. origin.h */
#define RT_ANCESTORS_MAX 16
	int64_t seed;        /* chooses the interleaving, seed.h; or one of the following */
#define RT_SEED_NONE (-1)
#define RT_SEED_RANDOM (-2)
};
extern struct rt_config rt_config;

/* From gos_run. At most procs_max Ps can be. */
void rt_config_read(uint32_t procs_max);

#endif
