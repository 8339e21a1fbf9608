/* SPDX-License-Identifier: MIT */
/* Stopped in a deferred function gdb shows who deferred it, or who panicked and who called that, with arguments and locals: tests/debuggee/deferring.c. */
#include <stdio.h>

#include "gdb_session.h"

static struct gdb_run run;

static const char *const programs[] = {"deferring", "deferring.O2"};

#define SYMBOL "(0x[0-9a-f]+ in )?"
#define THEN "[^\n]*\n#[0-9]+ +" SYMBOL
#define ENDS "app \\(argc=1, argv=[^\n]*\\)" THEN "run_app " THEN "rt_gostart"

START_TEST(a_deferred_function_is_above_who_deferred_or_panicked)
{
	gdb_begin(&run);
	gdb_do(&run, "set", "handle SIGSEGV nostop noprint pass");
	gdb_do(&run, "break", "break deferred_here");
	gdb_do(&run, "run", "run");
	gdb_do(&run, "plain", "bt");
	gdb_do(&run, "plain goroutines", "info goroutines");
	gdb_do(&run, "continue", "continue");
	gdb_do(&run, "panic", "bt");
	gdb_do(&run, "panic goroutines", "info goroutines");
	gdb_do(&run, "goroutine", "goroutine 1 bt");
	gdb_do(&run, "fails", "frame 5");
	gdb_do(&run, "local", "info locals");
	gdb_do(&run, "up", "up 2");
	gdb_do(&run, "local 3", "print local");
	gdb_do(&run, "finish", "frame 0");
	gdb_do(&run, "continue 2", "continue");
	gdb_do(&run, "nil", "bt");
	gdb_do(&run, "reads", "frame function reads");
	gdb_do(&run, "nil local", "info locals");
	gdb_do(&run, "instruction", "x/i $pc");
	gdb_do(&run, "nil caller", "up");
	gdb_do(&run, "end", "continue");
	gdb_program(&run, programs[_i]);

	gdb_has(&run, "plain", "#0 +deferred_here \\(number=1, word=0x[0-9a-f]+ \"plain\"\\)" THEN "rt_call_deferred " THEN
			       "gos_defer_frame_leave " THEN "returns_plainly \\(n=[^\n]*\\)" THEN ENDS);
	gdb_has(&run, "plain goroutines", "^\\* *1 +running");
	gdb_has(&run, "panic",
		"#0 +deferred_here \\(number=2, word=0x[0-9a-f]+ \"panic\"\\)" THEN "rt_call_deferred_panicking " THEN "run_deferred "
		"(.*\n)+#[0-9]+ +" SYMBOL "gos_panic (.*\n)+#[0-9]+ +" SYMBOL "fails \\(depth=[^\n]*1\\)" THEN "fails \\(depth=[^\n]*\\)" THEN
		"fails \\(depth=[^\n]*\\)" THEN "recovers_panic \\(n=[^\n]*\\)" THEN ENDS);
	gdb_has(&run, "panic goroutines", "^\\* *1 +running");
	gdb_has(&run, "goroutine", "deferred_here (.*\n)+.*gos_panic (.*\n)+.*fails (.*\n)+.*recovers_panic ");
	gdb_has(&run, "local", "local = 111");
	gdb_has(&run, "local 3", "= 333");
	gdb_has(&run, "nil", "#0 +deferred_here \\(number=3, word=0x[0-9a-f]+ \"nil\"\\)" THEN "rt_call_deferred_panicking (.*\n)+#[0-9]+ +" SYMBOL
			     "rt_panic_of_fault (.*\n)+#[0-9]+ +<signal handler called>\n#[0-9]+ +" SYMBOL "reads \\(pointer=[^\n]*\\)" THEN
			     "recovers_nil \\(n=[^\n]*\\)" THEN ENDS);
	gdb_has(&run, "nil local", "local = 222");
	gdb_has(&run, "instruction", "=> 0x[0-9a-f]+ <reads\\+[0-9]+>:.*\\(%%r[a-z0-9]+\\)");
	gdb_has(&run, "nil caller", "recovers_nil \\(n=");
	gdb_has(&run, "end", "EXIT-SUCCESS");
	gdb_free(&run);
}
END_TEST

/* Where a signal handler let the goroutine go on, at each instruction, the function that raised the signal is the caller. */
START_TEST(each_instruction_after_a_signal_leads_back_to_it)
{
	gdb_begin(&run);
	gdb_do(&run, "set", "handle SIGSEGV nostop noprint pass");
	gdb_do(&run, "break", "break *rt_sigpanic");
	gdb_do(&run, "run", "run");
	for (int i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof name, "bt %d", i);
		gdb_do(&run, name, "bt");
		snprintf(name, sizeof name, "local %d", i);
		gdb_do(&run, name, "frame function reads");
		gdb_do(&run, "step", "stepi");
	}
	gdb_program(&run, programs[_i]);
	for (int i = 0; i < 4; i++) {
		char name[16];
		snprintf(name, sizeof name, "bt %d", i);
		gdb_has(&run, name, "<signal handler called>\n#[0-9]+ +" SYMBOL "reads \\(pointer=[^\n]*\\)" THEN "recovers_nil \\(n=[^\n]*\\)" THEN ENDS);
		gdb_lacks(&run, name, "corrupt|Backtrace stopped|\\?\\?");
	}
	gdb_free(&run);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb defer", (const struct gdb_test[]){
						  {a_deferred_function_is_above_who_deferred_or_panicked, 0, 2},
						  {each_instruction_after_a_signal_leads_back_to_it, 0, 2},
						  {NULL, 0, 0},
					  });
}
