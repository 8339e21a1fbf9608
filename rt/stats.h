/* SPDX-License-Identifier: MIT */
/*
 * stats.h - what the runtime does and holds, in numbers: gos_stats, and GOSDEBUG=schedtrace. Beside the floors.
 */
#ifndef RT_STATS_H
#define RT_STATS_H

#include <stdbool.h>
#include <stdint.h>

/* From gos_run, after rt_config_read: starts the thread that writes reports, if any are asked for. */
void rt_stats_start(void);

/* Writes one report to fd, at most 16 KiB at a time. One thread at a time. */
void rt_schedtrace_write(int fd, int64_t now, bool detail);

/* How many reports GOSDEBUG=schedtrace has had written. Sync: atomic */
extern uint64_t rt_schedtrace_count;

#endif
