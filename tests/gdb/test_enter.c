/* SPDX-License-Identifier: MIT */
/*
 * Standing on a goroutine: gdb's own commands act on it, nothing of the thread that shows it is seen, and nothing that is done then can
 * harm the process: resuming, letting go, or killing gdb.
 */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

/* The same words on a live process (_i 0), on gcore's core and on the kernel's. */
START_TEST(commands_act_on_the_goroutine)
{
	debuggee_start(&d, "garden", NULL, NULL, NULL);
	if (_i > 0 && !debuggee_core(&d, _i == 1 ? CORE_GCORE : CORE_KERNEL)) {
		debuggee_end(&d);
		return;
	}
	gdb_begin(&run);
	gdb_do(&run, "find",
	       "python import re; gdb.set_convenience_variable('r', int(re.search(r'([0-9]+) +.receiver', gdb.execute('info goroutines', to_string=True)).group(1)))");
	gdb_do(&run, "enter", "goroutine $r");
	gdb_do(&run, "args", "info args");
	gdb_do(&run, "locals", "info locals");
	gdb_do(&run, "list", "list");
	gdb_do(&run, "x", "x/s label");
	gdb_do(&run, "up", "up");
	gdb_do(&run, "print", "print local");
	gdb_do(&run, "up 2", "up");
	gdb_do(&run, "print 2", "print local");
	gdb_do(&run, "down", "down");
	gdb_do(&run, "bt", "bt");
	gdb_do(&run, "bt 2", "bt 2");
	gdb_do(&run, "bt -2", "bt -2");
	gdb_do(&run, "top", "up 99");
	gdb_do(&run, "too high", "up");
	gdb_do(&run, "bottom", "down 99");
	gdb_do(&run, "too low", "down");
	gdb_do(&run, "too low again", "down 3");
	gdb_do(&run, "still there", "frame");
	gdb_do(&run, "frame 0", "frame 0");
	gdb_do(&run, "after frame 0", "frame");
	gdb_do(&run, "select-frame 0", "select-frame 0");
	gdb_do(&run, "after select-frame 0", "frame");
	gdb_do(&run, "up -5", "up -5");
	gdb_do(&run, "after up -5", "frame");
	gdb_do(&run, "frame function", "frame function receiver");
	gdb_do(&run, "which", "goroutine");
	gdb_do(&run, "variable", "print $_goroutine == $r");
	gdb_do(&run, "goid", "print $goid() == $r");
	gdb_do(&run, "sp", "print (unsigned long) $sp - $g()->stack_lo < $g()->stack_hi - $g()->stack_lo");
	gdb_do(&run, "another", "goroutine $r+1");
	gdb_do(&run, "weight", "print weight");
	gdb_do(&run, "back", "goroutine $r");
	gdb_do(&run, "excursion", "goroutine 2 info locals");
	gdb_do(&run, "excursion back", "goroutine");
	gdb_do(&run, "excursion frame", "frame");
	gdb_do(&run, "excursion error", "goroutine 2 print no_such_thing");
	gdb_do(&run, "excursion error back", "goroutine");
	gdb_do(&run, "apply", "goroutine apply all -name \"locker*\" print who");
	gdb_do(&run, "apply quiet", "goroutine apply all -reason \"sync.Mutex.Lock\" -q print who");
	gdb_do(&run, "apply errors", "goroutine apply all -s -q print who");
	gdb_do(&run, "apply back", "goroutine");
	gdb_do(&run, "threads", "thread apply all bt 1");
	gdb_do(&run, "threads back", "goroutine");
	gdb_do(&run, "no such", "goroutine 9999");
	gdb_do(&run, "no number", "goroutine seven");
	gdb_do(&run, "apply nothing", "goroutine apply all");
	gdb_do(&run, "apply nobody", "goroutine apply bt");
	gdb_do(&run, "leave", "thread 1");
	gdb_do(&run, "after leave", "bt");
	if (_i == 0)
		gdb_attach(&run, &d);
	else
		gdb_core(&run, &d);

	gdb_has(&run, "enter", "^\\[Switching to goroutine [0-9]+ \"receiver\" \\(chan receive, [0-9.]+m?s\\)\\]$");
	gdb_has(&run, "enter", "^#[0-9]+ .*receiver \\(depth=0, label=0x[0-9a-f]+ \"a label\"\\)");
	gdb_has(&run, "args", "^depth = 0$");
	gdb_has(&run, "args", "^label = 0x[0-9a-f]+ \"a label\"$");
	gdb_has(&run, "locals", "^got = \\{number = 0, name = 0x[0-9a-f]+ \"a label\"\\}$");
	gdb_has(&run, "locals", "^local = 7$");
	gdb_has(&run, "list", "gos_chan_recv\\(seeds, &got\\)");
	gdb_has(&run, "x", "\"a label\"$");
	gdb_has(&run, "up", "receiver \\(depth=1");
	ck_assert_int_eq(gdb_number(&run, "print"), 107);
	ck_assert_int_eq(gdb_number(&run, "print 2"), 207);
	gdb_has(&run, "down", "receiver \\(depth=1");

	gdb_lacks(&run, "bt", "^#0|" GDB_FRAME_OF("syscall|futex|epoll|clone|start_thread|gos_run"));
	ck_assert_msg(strncmp(gdb_block(&run, "bt"), "#1", 2) == 0, "bt begins with %.40s", gdb_block(&run, "bt"));
	gdb_has(&run, "bt", "receiver \\(depth=2.*\n#[0-9]+ .*rt_gostart");
	gdb_lacks(&run, "bt", "Backtrace stopped|corrupt");
	gdb_has(&run, "bt 2", "^#1 .*\n#2 ");
	gdb_lacks(&run, "bt 2", "^#[03]");
	gdb_has(&run, "bt -2", "receiver \\(depth=2");

	gdb_has(&run, "top", "rt_gostart");
	gdb_says(&run, "too high", "^Initial frame selected; you can(not|'t) go up\\.$");
	gdb_has(&run, "bottom", "^#1 ");
	gdb_says(&run, "too low", "^Bottom \\(innermost\\) frame selected; you can(not|'t) go down\\.$");
	gdb_says(&run, "too low again", "^Bottom \\(innermost\\) frame selected; you can(not|'t) go down\\.$");
	gdb_has(&run, "still there", "^#1 ");
	gdb_has(&run, "frame 0", "^\\[That frame is not goroutine [0-9]+'s; its innermost one is:\\]\n#1 ");
	gdb_has(&run, "after frame 0", "^#1 ");
	gdb_says(&run, "select-frame 0", "^$");
	gdb_has(&run, "after select-frame 0", "^#1 ");
	gdb_has(&run, "after up -5", "^#1 ");
	gdb_has(&run, "frame function", "receiver \\(depth=0");
	gdb_has(&run, "which", "^\\[Current goroutine is [0-9]+ \"receiver\" \\(chan receive, ");
	ck_assert_int_eq(gdb_number(&run, "variable"), 1);
	ck_assert_int_eq(gdb_number(&run, "goid"), 1);
	ck_assert_int_eq(gdb_number(&run, "sp"), 1);
	gdb_has(&run, "another", "\"sender\" \\(chan send");
	gdb_has(&run, "weight", " = 8\\.5$");
	gdb_says(&run, "excursion", "^No locals\\.$|^__func__ = \"holder\"$");
	gdb_has(&run, "excursion back", "\"receiver\"");
	gdb_has(&run, "excursion frame", "receiver \\(depth=0");
	gdb_says(&run, "excursion error", "^No symbol \"no_such_thing\" in current context\\.$");
	gdb_has(&run, "excursion error back", "\"receiver\"");
	gdb_has(&run, "apply", "^Goroutine [0-9]+ \"locker 0\" \\(sync\\.Mutex\\.Lock, .*\\):\n.* = 0$");
	gdb_has(&run, "apply", "^Goroutine [0-9]+ \"locker 1\" .*\n.* = 1$");
	ck_assert_int_eq(gdb_lines(&run, "apply quiet"), 2);
	ck_assert_int_eq(gdb_lines(&run, "apply errors"), 2);
	gdb_has(&run, "apply back", "\"receiver\"");
	gdb_lacks(&run, "threads", "rt_switch");
	gdb_has(&run, "threads", "^#0 ");
	gdb_has(&run, "threads back", "\"receiver\"");
	gdb_says(&run, "no such",
		 "^no goroutine 9999 \\(1[^0-9].*exist|^no goroutine 9999 \\(12 exist, between 1 and [0-9]+\\)$");
	gdb_says(&run, "no number", "^'seven' is no goroutine's id$");
	gdb_says(&run, "apply nothing", "^say which command to run on them");
	gdb_says(&run, "apply nobody", "^say on which goroutines");
	gdb_has(&run, "leave", "^\\[Leaving goroutine [0-9]+: 'thread' acts on threads\\]$");
	gdb_has(&run, "after leave", "^#0 ");
	gdb_lacks(&run, "after leave", "receiver");
	if (_i == 0)
		debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* What would act on the hosting thread is refused or leaves the goroutine first. */
START_TEST(commands_for_threads_spare_the_goroutine)
{
	debuggee_start(&d, "garden", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "enter", "goroutine 2");
	gdb_do(&run, "return", "return");
	gdb_do(&run, "finish", "finish");
	gdb_do(&run, "jump", "jump 1");
	gdb_do(&run, "still", "goroutine");
	gdb_do(&run, "stepi", "tbreak printf");
	gdb_do(&run, "innermost", "down 99");
	gdb_do(&run, "write", "set var $rip = 0");
	gdb_do(&run, "registers", "info registers rip");
	gdb_do(&run, "inferior", "inferior 1");
	gdb_do(&run, "thread", "thread 1");
	gdb_do(&run, "native", "bt -1");
	gdb_attach(&run, &d);
	gdb_says(&run, "return", "^goroutine 2 does not run: 'return' would act on the thread that shows it");
	gdb_says(&run, "finish", "^goroutine 2 does not run: 'finish' would act");
	gdb_says(&run, "jump", "^goroutine 2 does not run: 'jump' would act");
	gdb_has(&run, "still", "\"holder\"");
	gdb_has(&run, "write", "unmodifiable|not ");
	gdb_has(&run, "registers", "holder\\+[0-9]+|0x");
	gdb_has(&run, "native", "main|_start");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Any way of going on, from a selected goroutine: the program does what it would have done. */
START_TEST(resuming_is_safe)
{
	static const char *const ways[] = {"continue", "next",  "step",           "stepi",
					   "nexti",    "until", "advance mayfly", "goroutine 1 continue"};
	if (_i >= (int)(sizeof ways / sizeof ways[0]))
		return;
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "break", "tbreak mayfly");
	gdb_do(&run, "walker", "goroutine walker_goid");
	gdb_do(&run, "nursery", "goroutine 1");
	gdb_do(&run, "bt", "bt");
	gdb_do(&run, "go", "%s", ways[_i]);
	gdb_do(&run, "where", "bt 3");
	gdb_do(&run, "which", "goroutine");
	gdb_do(&run, "break 2", "tbreak mayfly");
	gdb_do(&run, "again", "continue");
	gdb_do(&run, "where again", "bt 1");
	gdb_do(&run, "select again", "goroutine 1");
	gdb_do(&run, "detach", "detach");
	gdb_attach(&run, &d);
	gdb_has(&run, "bt", "gos_read");
	gdb_has(&run, "where", "^#0 ");
	gdb_has(&run, "where again", "^#0 +mayfly");
	gdb_has(&run, "detach", "^\\[Inferior 1 \\(process [0-9]+\\) detached\\]$");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* While one goroutine is shown in the place of another's thread, the list still says where that other one stands. */
START_TEST(the_list_sees_through_a_selection)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "break", "tbreak mayfly");
	gdb_do(&run, "stop", "continue");
	gdb_do(&run, "mayfly", "print $_goroutine");
	gdb_do(&run, "enter", "goroutine walker_goid");
	gdb_do(&run, "up", "up");
	gdb_do(&run, "list", "info goroutines");
	gdb_do(&run, "frame", "frame");
	gdb_do(&run, "return", "goroutine 1");
	gdb_attach(&run, &d);
	gdb_has(&run, "list",
		"^  %ld +running on thread [0-9]+ +mayfly \\(mill\\.c:[0-9]+\\) +nursery \\(mill\\.c:[0-9]+\\) by [0-9]+$",
		gdb_number(&run, "mayfly"));
	gdb_has(&run, "list", "^\\* [0-9]+ +\"walker\" ");
	ck_assert_str_eq(strchr(gdb_block(&run, "frame"), '#'), run.block_text);
	char frame[512];
	snprintf(frame, sizeof frame, "%s", run.block_text);
	ck_assert_str_eq(gdb_block(&run, "up"), frame);
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* gdb dies while a goroutine is selected, and a catchpoint armed: the program neither notices nor stops. */
START_TEST(killing_gdb_leaves_the_program_running)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "catch", "catch goroutine exit 999999");
	gdb_do(&run, "run", "tbreak mayfly");
	gdb_do(&run, "stop", "continue");
	gdb_do(&run, "delete", "delete breakpoints"); /* gdb leaves int3s behind when it is killed; that is not ours to mend */
	gdb_do(&run, "catch again", "catch goroutine exit 999998");
	gdb_do(&run, "enter", "goroutine walker_goid");
	gdb_do(&run, "bt", "bt");
	gdb_do(&run, "die", "shell kill -9 $PPID");
	gdb_attach(&run, &d);
	ck_assert_msg(strstr(run.text, "END bt") != NULL && strstr(run.text, "END die") == NULL, "gdb did not die:\n%s",
		      run.text);
	gdb_has(&run, "bt", "walker \\(\\)");
	usleep(200000); /* it goes on for a while */
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Loading the package twice, as libgossamer.so and a program may ask for it, changes nothing. */
START_TEST(loading_twice_is_harmless)
{
	debuggee_start(&d, "garden", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "load", "source " GOSSAMER_GDB_DIR "/gossamer-gdb.py");
	gdb_do(&run, "enter", "goroutine 2");
	gdb_do(&run, "load again", "source " GOSSAMER_GDB_DIR "/gossamer-gdb.py");
	gdb_do(&run, "down", "down 99");
	gdb_do(&run, "bottom", "down");
	gdb_do(&run, "return", "return");
	gdb_attach(&run, &d);
	gdb_says(&run, "load", "^$");
	gdb_says(&run, "load again", "^$");
	gdb_has(&run, "enter", "holder \\(\\)");
	gdb_has(&run, "down", "^#1 ");
	gdb_says(&run, "bottom", "^Bottom ");
	gdb_says(&run, "return", "does not run");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb enter", (const struct gdb_test[]){
						  {commands_act_on_the_goroutine, 120, 3},
						  {commands_for_threads_spare_the_goroutine, 0, 0},
						  {resuming_is_safe, 0, 8},
						  {the_list_sees_through_a_selection, 0, 0},
						  {killing_gdb_leaves_the_program_running, 0, 0},
						  {loading_twice_is_harmless, 0, 0},
						  {NULL, 0, 0},
					  });
}
