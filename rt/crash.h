/* SPDX-License-Identifier: MIT */
/*
 * crash.h - fatal signals, SIGQUIT, and the thread that prints. Beside the floors: uses state.h, the ground and the dumper.
 */
#ifndef RT_CRASH_H
#define RT_CRASH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gos_g;
struct gos_m;
struct rt_regs;
struct rt_report;
struct rt_trace;

/* Starts the dumper and installs the handlers that nobody else has. From gos_run, before the first M. */
void rt_crash_init(void);

/* Gives this M's thread a stack for signal handlers. On that thread. */
void rt_crash_init_m(struct gos_m *mp);

/* ---- for throw.c, dump.c and symbolize.c ---- */

/* The dumper cannot go on. Who waits for it prints the rest by symbol tables. On the dumper's thread. */
void rt_dumper_give_up(void) __attribute__((noreturn)); /* not _Noreturn, which clang does not take for the type of libdw's handler */

#define RT_SIGNAL_STACK_SIZE (64 << 10) /* room for AVX-512 and AMX frames and for printing by symbol tables */

/* GOSTRACEBACK, in Go's words and numbers. */
enum rt_traceback_level { RT_LEVEL_NONE, RT_LEVEL_SINGLE, RT_LEVEL_ALL, RT_LEVEL_SYSTEM, RT_LEVEL_CRASH };
enum rt_traceback_level rt_crash_level(void);

/* "SIGSEGV: segmentation violation" */
const char *rt_signal_text(int signal);

/*
 * The only report of a process that dies; the first thread to ask gets it, any other stops here for good. A thread that asks a
 * second time died while it reported its death, and ends the process at once.
 */
struct rt_report *rt_dying_begin(void);

/* Has the report printed, and returns when that is done as well as it could be. */
void rt_dying_print(struct rt_report *report);

/* Code 2, or SIGABRT with a core under GOSTRACEBACK=crash. */
_Noreturn void rt_dying_end(void);

/*
 * The frames of gp, which runs on mp, another thread of ours, by a signal to it; of what that thread runs when the signal comes: *sp tells. Where gp is in a blocking section, or no
 * longer on mp, nothing is sent, since a signal ends system calls.
 */
extern uint32_t rt_asked[2]; /* of the dumper, of who prints without it: the thread that is about to be sent that signal, where no blocking section begins meanwhile; 0. Sync: atomic */
enum rt_capture { RT_CAPTURED, RT_CAPTURE_ELSEWHERE, RT_CAPTURE_SILENT }; /* it did not answer in time */
enum rt_capture rt_capture_thread(struct gos_m *mp, const struct gos_g *gp, struct rt_trace *trace, uint64_t *sp);

#endif
