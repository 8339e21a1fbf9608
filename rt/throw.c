/* SPDX-License-Identifier: MIT */
/*
 * throw.c - the ways to die: each fills the one report of a dying process and has it printed. Floor 0, but prints by dump.c.
 *
 * Always true: the first thread to die prints; nothing here returns, takes a lock of the runtime or needs more than a few KiB of stack.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "throw.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "crash.h"
#include "dump.h"
#include "gossamer.h"

/* By hand: snprintf may allocate, and rt_throw may be called where that is locked. */
void rt_report_add(struct rt_report *report, const char *text)
{
	size_t n = strlen(report->head), m = strlen(text);
	if (m > sizeof report->head - 1 - n)
		m = sizeof report->head - 1 - n;
	memcpy(report->head + n, text, m);
	report->head[n + m] = 0;
}

static void who(struct rt_report *report)
{
	report->current = rt_dump_goroutine_at(report->regs.value[RT_REG_RSP]);
}

/* RT_LEVEL_SINGLE shows the one that dies; without one, as in Go, all are shown. */
static void how_much(struct rt_report *report)
{
	enum rt_traceback_level level = rt_crash_level();
	report->show_current = level >= RT_LEVEL_SINGLE;
	report->show_others = level >= RT_LEVEL_ALL || (level == RT_LEVEL_SINGLE && report->current == NULL);
	report->account_current = true;
	report->system = level >= RT_LEVEL_SYSTEM;
}

_Noreturn void rt_throw(const char *message)
{
	struct rt_report *report = rt_dying_begin();
	rt_regs_here(&report->regs);
	who(report);
	how_much(report);
	report->system_current = true;
	rt_report_add(report, "gossamer: fatal error: ");
	rt_report_add(report, message);
	rt_report_add(report, "\n\n");
	rt_dying_print(report);
	rt_dying_end();
}

struct rt_report *rt_report_begin(const struct rt_regs *regs)
{
	struct rt_report *report = rt_dying_begin();
	report->regs = *regs;
	who(report);
	how_much(report);
	return report;
}

_Noreturn void rt_fatal_at(void *user_pc, const char *format, ...)
{
	struct rt_regs regs;
	rt_regs_here(&regs);
	struct rt_report *report = rt_report_begin(&regs);
	report->user_pc = user_pc;
	rt_report_add(report, "panic: ");
	size_t n = strlen(report->head);
	va_list args;
	va_start(args, format);
	vsnprintf(report->head + n, sizeof report->head - n - 3, format, args);
	va_end(args);
	rt_report_add(report, "\n\n");
	rt_dying_print(report);
	rt_dying_end();
}

static _Noreturn void exhausted(const char *what, int error, bool show_others)
{
	struct rt_report *report = rt_dying_begin();
	rt_regs_here(&report->regs);
	who(report);
	how_much(report);
	report->show_others = show_others;
	rt_report_add(report, "gossamer: fatal error: cannot allocate ");
	rt_report_add(report, what);
	const char *text = strerrordesc_np(error < 0 ? -error : error);
	rt_report_add(report, ": ");
	rt_report_add(report, text != NULL ? text : "unknown error");
	rt_report_add(report, "\n\n");
	rt_dying_print(report);
	rt_dying_end();
}

_Noreturn void rt_fatal_exhausted(const char *what, int error)
{
	exhausted(what, error, rt_crash_level() >= RT_LEVEL_ALL); /* a million of them are why there is no memory */
}

_Noreturn void rt_fatal_starved(int error)
{
	exhausted("a thread", error, rt_crash_level() != RT_LEVEL_NONE); /* who they are that block the threads there are */
}

_Noreturn void rt_fatal_threads(unsigned limit)
{
	struct rt_report *report = rt_dying_begin();
	rt_regs_here(&report->regs);
	who(report);
	how_much(report);
	report->show_others = rt_crash_level() != RT_LEVEL_NONE; /* who they are that block theirs */
	char digits[12];
	snprintf(digits, sizeof digits, "%u", limit);
	rt_report_add(report, "gossamer: program exceeds ");
	rt_report_add(report, digits);
	rt_report_add(report, "-thread limit\nfatal error: thread exhaustion\n\n");
	rt_dying_print(report);
	rt_dying_end();
}

_Noreturn void rt_fatal_fibers(unsigned limit)
{
	struct rt_report *report = rt_dying_begin();
	rt_regs_here(&report->regs);
	who(report);
	how_much(report);
	report->show_others = rt_crash_level() >= RT_LEVEL_ALL; /* thousands of them are what is wrong */
	char digits[12];
	snprintf(digits, sizeof digits, "%u", limit);
	rt_report_add(report, "gossamer: fatal error: ThreadSanitizer follows at most ");
	rt_report_add(report, digits);
	rt_report_add(report, " goroutines that live at the same time\n"
	                      "Let this build of the program make fewer; AddressSanitizer and valgrind have no such limit.\n\n");
	rt_dying_print(report);
	rt_dying_end();
}

_Noreturn void rt_report_deadlock(void)
{
	struct rt_report *report = rt_dying_begin();
	rt_report_add(report, gos_num_goroutines() == 0 ? "fatal error: no goroutines (main called gos_goexit) - deadlock!\n\n" :
	                                                  "fatal error: all goroutines are asleep - deadlock!\n\n");
	report->waits = true;
	report->show_others = rt_crash_level() != RT_LEVEL_NONE;
	report->stuck = rt_crash_level() != RT_LEVEL_NONE;
	report->system = rt_crash_level() >= RT_LEVEL_SYSTEM;
	rt_dying_print(report);
	rt_dying_end();
}
