/* SPDX-License-Identifier: MIT */
/*
 * gdb holds goroutines of a process back, lets them go and wakes them; the process does it, so it is done while gdb does something else, after it has let go, and undone when
 * gdb is gone. What gdb says of it is held against what mill counts: the walker's steps, the rounds of those who never rest, the mayflies of the nursery.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

/* Lets the program go on until the nursery has made `times` more. */
static void go_on(const char *name, int times)
{
	char block[32];
	snprintf(block, sizeof block, "%s.catch", name);
	gdb_do(&run, block, "catch goroutine create");
	for (int i = 0; i < times; i++) {
		snprintf(block, sizeof block, "%s.%d", name, i);
		gdb_do(&run, block, "continue");
	}
	snprintf(block, sizeof block, "%s.delete", name);
	gdb_do(&run, block, "delete");
}

/* Prints what mill has counted, into NAME.steps and so on. */
static void count(const char *name)
{
	static const char *const what[][2] = {{"steps", "print steps"}, {"rounds", "print rounds[0] + rounds[1]"}, {"births", "print births"}, {"dives", "print dives"}};
	char block[32];
	for (size_t i = 0; i < sizeof what / sizeof *what; i++) {
		snprintf(block, sizeof block, "%s.%s", name, what[i][0]);
		gdb_do(&run, block, "%s", what[i][1]);
	}
}

static long counted(const char *name, const char *what)
{
	char block[32];
	snprintf(block, sizeof block, "%s.%s", name, what);
	return gdb_number(&run, block);
}

/* Lets it go on until the walker parks: it must be free. */
static void walker_goes_on(const char *name)
{
	char block[32];
	snprintf(block, sizeof block, "%s.catch", name);
	gdb_do(&run, block, "catch goroutine park walker_goid");
	gdb_do(&run, name, "continue");
	snprintf(block, sizeof block, "%s.again", name);
	gdb_do(&run, block, "continue");
	snprintf(block, sizeof block, "%s.delete", name);
	gdb_do(&run, block, "delete");
}

static void walker_went_on(const char *name)
{
	char block[32];
	snprintf(block, sizeof block, "%s.again", name);
	gdb_has(&run, name, "^Catchpoint [0-9]+ \\(goroutine [0-9]+ \"walker\" parks: ");
	gdb_has(&run, block, "^Catchpoint [0-9]+ \\(goroutine [0-9]+ \"walker\" parks: ");
}

START_TEST(the_frozen_one_stands_and_the_others_go_on)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "walker", "print walker_goid");
	gdb_do(&run, "freeze", "goroutine freeze walker_goid");
	gdb_do(&run, "freeze it", "goroutine freeze $g(walker_goid)->goid");
	gdb_do(&run, "word", "goroutine freeze -name walker");
	gdb_do(&run, "holder", "print gos_runtime.holder");
	gdb_do(&run, "gdb", "python import os; print(os.getpid())");
	go_on("a little", 3); /* it may have been on its way */
	count("first");
	go_on("some time", 10);
	count("second");
	gdb_do(&run, "info", "info goroutine walker_goid");
	gdb_do(&run, "list", "info goroutines -name walker");
	gdb_do(&run, "thaw", "goroutine thaw -name walker");
	gdb_do(&run, "holder after", "print gos_runtime.holder");
	walker_goes_on("goes on");
	gdb_do(&run, "again", "goroutine thaw all");
	gdb_do(&run, "info after", "info goroutine walker_goid");
	gdb_attach(&run, &d);
	long walker = gdb_number(&run, "walker");
	gdb_says(&run, "word", "^\\[Goroutine %ld \"walker\" is frozen\\]$", walker);
	gdb_says(&run, "freeze", "neither an id nor a filter");
	ck_assert_int_eq(gdb_number(&run, "holder"), gdb_number(&run, "gdb"));
	ck_assert_int_eq(counted("second", "steps"), counted("first", "steps"));
	ck_assert_int_gt(counted("second", "rounds"), counted("first", "rounds"));
	ck_assert_int_gt(counted("second", "births"), counted("first", "births"));
	ck_assert_int_gt(counted("second", "dives"), counted("first", "dives"));
	gdb_has(&run, "info", "^  state +(runnable|waiting, chan receive|waiting, sleep), frozen");
	gdb_has(&run, "list", "^  %ld +\"walker\" +[a-z, ]+, frozen ", walker);
	gdb_says(&run, "thaw", "^\\[Goroutine %ld \"walker\" is thawed\\]$", walker);
	ck_assert_int_eq(gdb_number(&run, "holder after"), 0);
	walker_went_on("goes on");
	gdb_says(&run, "again", "^\\[No goroutine is frozen\\]$");
	gdb_lacks(&run, "info after", "frozen");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

START_TEST(run_only_lets_one_run)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "only", "goroutine run-only -name nursery");
	go_on("a little", 3);
	count("first");
	go_on("some time", 10);
	count("second");
	gdb_do(&run, "held", "print gos_runtime.held");
	gdb_do(&run, "list", "info goroutines -no-group -all");
	gdb_do(&run, "off", "goroutine run-only off");
	gdb_do(&run, "exit", "catch goroutine exit");
	for (int i = 0; i < 12; i++) {
		char name[32];
		snprintf(name, sizeof name, "exit.%d", i);
		gdb_do(&run, name, "continue");
	}
	gdb_do(&run, "delete", "delete");
	walker_goes_on("goes on");
	gdb_do(&run, "list after", "info goroutines -no-group -all");
	gdb_do(&run, "holder after", "print gos_runtime.holder");
	gdb_do(&run, "off again", "goroutine run-only off");
	gdb_attach(&run, &d);
	gdb_says(&run, "only", "^\\[Only goroutine [0-9]+ \"nursery\" runs\\]$");
	ck_assert_int_eq(counted("second", "steps"), counted("first", "steps"));
	ck_assert_int_eq(counted("second", "rounds"), counted("first", "rounds"));
	ck_assert_int_eq(counted("second", "births"), counted("first", "births")); /* they are made, and stand by */
	ck_assert_int_eq(counted("second", "dives"), counted("first", "dives"));
	ck_assert_int_ge(gdb_number(&run, "held"), 10);
	gdb_has(&run, "list", "runnable, not started, held by run-only .* nursery \\(mill\\.c");
	gdb_has(&run, "list", "\"dreamer\" +waiting, sleep, held by run-only ");
	gdb_lacks(&run, "list", "\"nursery\".*held by run-only");
	gdb_says(&run, "off", "^\\[All goroutines run, but for those that are frozen\\]$");
	gdb_has(&run, "exit.11", "^Catchpoint [0-9]+ \\(goroutine [0-9]+ exits\\), which ran mayfly");
	walker_went_on("goes on");
	gdb_lacks(&run, "list after", "held by run-only");
	ck_assert_int_eq(gdb_number(&run, "holder after"), 0);
	gdb_says(&run, "off again", "^\\[All goroutines may run already");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

START_TEST(ready_wakes_a_sleeper_once)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "dreamer", "print dreamer_goid");
	gdb_do(&run, "ready", "goroutine ready dreamer_goid");
	gdb_do(&run, "twice", "goroutine ready dreamer_goid");
	gdb_do(&run, "catch", "catch goroutine park dreamer_goid");
	gdb_do(&run, "stop", "continue");
	gdb_do(&run, "wakes", "print wakes");
	gdb_do(&run, "answer", "print gos_runtime.ready_goid");
	gdb_do(&run, "delete", "delete");
	go_on("some time", 5); /* back to its sleep */
	gdb_do(&run, "wakes later", "print wakes");
	gdb_do(&run, "again", "goroutine ready dreamer_goid");
	gdb_do(&run, "catch again", "catch goroutine park dreamer_goid");
	gdb_do(&run, "stop again", "continue");
	gdb_do(&run, "wakes again", "print wakes");
	gdb_do(&run, "delete again", "delete");
	gdb_do(&run, "nobody", "goroutine ready 1234567");
	gdb_do(&run, "main", "goroutine ready 1");
	gdb_do(&run, "none", "goroutine ready");
	gdb_attach(&run, &d);
	long dreamer = gdb_number(&run, "dreamer");
	gdb_says(&run, "ready", "^\\[Goroutine %ld \"dreamer\" is woken when the program goes on\\]$", dreamer);
	gdb_says(&run, "twice", "^goroutine %ld is to be woken first: let the program go on$", dreamer);
	gdb_has(&run, "stop", "^\\[Goroutine %ld was woken\\]$", dreamer);
	ck_assert_int_eq(gdb_number(&run, "wakes"), 1);
	ck_assert_int_eq(gdb_number(&run, "answer"), 0);
	ck_assert_int_eq(gdb_number(&run, "wakes later"), 1);
	ck_assert_int_eq(gdb_number(&run, "wakes again"), 2);
	gdb_has(&run, "stop again", "^\\[Goroutine %ld was woken\\]$", dreamer);
	gdb_says(&run, "nobody", "^no goroutine 1234567 ");
	gdb_says(&run, "main", "^goroutine 1 does not sleep: it is waiting, IO wait$");
	gdb_says(&run, "none", "^one goroutine at a time: goroutine ready ID$");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* While gdb lives the frozen one stays so, also after gdb has let go of the process; when gdb has ended, it goes on. */
START_TEST(what_is_frozen_stays_so_as_long_as_gdb_lives)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "freeze", "goroutine freeze -name walker");
	go_on("a little", 3);
	count("first");
	gdb_do(&run, "detach", "detach");
	gdb_do(&run, "sleep", "shell sleep 1"); /* twenty of the walker's steps */
	gdb_do(&run, "attach", "attach %d", (int)d.pid);
	count("second");
	gdb_do(&run, "list", "info goroutines -name walker");
	if (_i == 1)
		gdb_do(&run, "kill gdb", "shell kill -9 $PPID");
	gdb_attach(&run, &d);
	gdb_has(&run, "detach", "^\\[Goroutine [0-9]+ \"walker\" stays frozen until this gdb ends\\]$");
	ck_assert_int_eq(counted("second", "steps"), counted("first", "steps"));
	ck_assert_int_gt(counted("second", "rounds"), counted("first", "rounds"));
	gdb_has(&run, "list", "frozen");
	gdb_free(&run);
	gdb_begin(&run);
	walker_goes_on("goes on");
	gdb_do(&run, "holder", "print gos_runtime.holder");
	gdb_do(&run, "all", "goroutine thaw all");
	gdb_attach(&run, &d);
	walker_went_on("goes on");
	ck_assert_int_eq(gdb_number(&run, "holder"), 0);
	gdb_says(&run, "all", "^\\[No goroutine is frozen\\]$");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* The process is stopped in the middle of undoing what an earlier gdb held back: it has left marks, which are as rt/hold.h says. */
START_TEST(what_is_just_being_undone_is_taken_over)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "gone", "set var gos_runtime.holder = 0xffffffff");
	gdb_do(&run, "bits", "set var $g(walker_goid)->hold = 0x83");
	gdb_do(&run, "freeze", "goroutine freeze -name walker");
	gdb_do(&run, "gdb", "python import os; print(os.getpid())");
	gdb_do(&run, "holder", "print gos_runtime.holder");
	gdb_do(&run, "hold", "print/d $g(walker_goid)->hold");
	go_on("a little", 3);
	count("first");
	go_on("some time", 10);
	count("second");
	gdb_do(&run, "thaw", "goroutine thaw all");
	walker_goes_on("goes on");
	gdb_attach(&run, &d);
	gdb_has(&run, "freeze", "^\\[What a debugger that has ended held back here was just being undone: what is left of it ends with this gdb\\]$");
	gdb_has(&run, "freeze", "^\\[Goroutine [0-9]+ \"walker\" is frozen\\]$");
	ck_assert_int_eq(gdb_number(&run, "holder"), gdb_number(&run, "gdb"));
	ck_assert_int_eq(gdb_number(&run, "hold"), 3);
	ck_assert_int_eq(counted("second", "steps"), counted("first", "steps"));
	walker_went_on("goes on");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* -keep: until somebody thaws it. */
START_TEST(what_is_kept_outlives_gdb)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "freeze", "goroutine freeze -keep -name walker");
	go_on("a little", 3);
	count("first");
	gdb_do(&run, "detach", "detach");
	gdb_attach(&run, &d);
	gdb_has(&run, "detach", "^\\[Goroutine [0-9]+ \"walker\" stays frozen until somebody thaws what is held back\\]$");
	long steps = counted("first", "steps");
	gdb_free(&run);
	gdb_begin(&run);
	go_on("some time", 10);
	count("second");
	gdb_do(&run, "list", "info goroutines -name walker");
	gdb_do(&run, "thaw", "goroutine thaw all");
	walker_goes_on("goes on");
	gdb_attach(&run, &d);
	ck_assert_int_eq(counted("second", "steps"), steps);
	gdb_has(&run, "list", "frozen");
	gdb_says(&run, "thaw", "^\\[Goroutine [0-9]+ \"walker\" is thawed\\]$");
	walker_went_on("goes on");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

START_TEST(a_core_tells_who_was_frozen_and_cannot_be_acted_on)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "freeze", "goroutine freeze -keep -name walker");
	gdb_attach(&run, &d);
	gdb_free(&run);
	if (!debuggee_core(&d, _i == 0 ? CORE_GCORE : CORE_KERNEL)) {
		debuggee_end(&d);
		return;
	}
	gdb_begin(&run);
	gdb_do(&run, "list", "info goroutines -name walker");
	gdb_do(&run, "freeze", "goroutine freeze 1");
	gdb_do(&run, "thaw", "goroutine thaw all");
	gdb_do(&run, "only", "goroutine run-only 1");
	gdb_do(&run, "ready", "goroutine ready 1");
	gdb_core(&run, &d);
	gdb_has(&run, "list", "\"walker\".*, frozen ");
	static const char *const commands[] = {"freeze", "thaw", "only", "ready"};
	for (size_t i = 0; i < sizeof commands / sizeof *commands; i++)
		gdb_says(&run, commands[i], "^a core does not run: goroutines can be held back, let go and woken in a process only$");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

START_TEST(mistakes_are_said_and_help_says_that_it_acts)
{
	static const char *const names[] = {"freeze", "thaw", "run-only", "ready"};
	char name[32];

	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "none", "goroutine freeze");
	gdb_do(&run, "nobody", "goroutine freeze 1234567");
	gdb_do(&run, "no match", "goroutine freeze -name nobody");
	gdb_do(&run, "word", "goroutine freeze walker");
	gdb_do(&run, "not frozen", "goroutine thaw 1");
	gdb_do(&run, "nothing", "print gos_runtime.hold_generation");
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "help.%s", names[i]);
		gdb_do(&run, name, "help goroutine %s", names[i]);
	}
	gdb_do(&run, "complete", "complete goroutine r");
	gdb_do(&run, "complete off", "complete goroutine run-only o");
	gdb_do(&run, "complete all", "complete goroutine thaw a");
	gdb_do(&run, "complete name", "complete goroutine freeze -na");
	gdb_do(&run, "complete info", "complete info goroutines -na");
	gdb_do(&run, "several", "goroutine freeze 1-3");
	gdb_do(&run, "complete frozen", "complete goroutine thaw ");
	gdb_do(&run, "thaw", "goroutine thaw 1 2 3");
	gdb_attach(&run, &d);
	gdb_says(&run, "none", "^say which goroutines: goroutine freeze \\[-keep\\] ID");
	gdb_says(&run, "nobody", "^no goroutine 1234567 ");
	gdb_says(&run, "no match", "^no goroutine matches \\(of [0-9]+\\)$");
	gdb_says(&run, "word", "^'walker' is neither an id nor a filter: goroutine freeze ");
	gdb_says(&run, "not frozen", "^\\[Goroutine 1 is not frozen\\]$");
	ck_assert_int_eq(gdb_number(&run, "nothing"), 0);
	for (int i = 0; i < 4; i++) {
		snprintf(name, sizeof name, "help.%s", names[i]);
		gdb_has(&run, name, "^Usage: goroutine %s ", names[i]);
		gdb_has(&run, name, "^This acts on the process: it writes to it\\.");
	}
	gdb_has(&run, "complete", "^goroutine ready\ngoroutine run-only$");
	gdb_says(&run, "complete off", "^goroutine run-only off$");
	gdb_says(&run, "complete all", "^goroutine thaw all$");
	gdb_says(&run, "complete name", "^goroutine freeze -name$");
	gdb_says(&run, "complete info", "^info goroutines -name$");
	gdb_says(&run, "several", "^\\[3 goroutines \\(1, 2, 3\\) are frozen\\]$");
	gdb_has(&run, "complete frozen", "^goroutine thaw 1\ngoroutine thaw 2\ngoroutine thaw 3\ngoroutine thaw all$");
	gdb_lacks(&run, "complete frozen", "^goroutine thaw 4$");
	gdb_says(&run, "thaw", "^\\[3 goroutines \\(1, 2, 3\\) are thawed\\]$");
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb hold", (const struct gdb_test[]){
						 {the_frozen_one_stands_and_the_others_go_on, 120, 0},
						 {run_only_lets_one_run, 120, 0},
						 {ready_wakes_a_sleeper_once, 120, 0},
						 {what_is_frozen_stays_so_as_long_as_gdb_lives, 120, 2},
						 {what_is_just_being_undone_is_taken_over, 120, 0},
						 {what_is_kept_outlives_gdb, 120, 0},
						 {a_core_tells_who_was_frozen_and_cannot_be_acted_on, 120, 2},
						 {mistakes_are_said_and_help_says_that_it_acts, 120, 0},
						 {NULL, 0, 0},
					 });
}
