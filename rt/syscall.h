/* SPDX-License-Identifier: MIT */
/*
 * syscall.h - a goroutine blocks its thread: its P goes on without it. Floor 5.
 *
 * Between rt_entersyscall and rt_exitsyscall the goroutine is in SYSCALL, on its own stack and thread. Its P stays within reach, for a short call, until
 * sysmon or gos_procs takes it away; then rt_exitsyscall looks for an idle one, or stands in line.
 */
#ifndef RT_SYSCALL_H
#define RT_SYSCALL_H

#include "schedule.h"

/* pc is where the user's code stands. They nest. From a goroutine, holding no lock of the runtime; nothing that needs a P in between. The caller does not return before the section ends. */
void rt_entersyscall(void *pc);
/* The same; but who does not return before it ends, if anybody, is the function that stands at `pc` with these registers. */
void rt_entersyscall_in(void *pc, uint64_t sp, uint64_t rbp);
/* The goroutine runs again when it returns, perhaps on another M. False: there was no beginning. */
bool rt_exitsyscall(void);

/* Takes a P away from a goroutine that blocks, and finds another M for it. False: it has come back meanwhile. From sysmon. */
bool rt_syscall_retake(struct gos_p *pp);

#endif
