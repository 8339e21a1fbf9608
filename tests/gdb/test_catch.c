/* SPDX-License-Identifier: MIT */
/*
 * Catchpoints stop at the transition that was asked for and at no other, whatever the rest of the program does meanwhile; they cost the
 * rest next to nothing, and nothing of them stays behind.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

/* The walker counts its steps before each park: no stop may be missed, and none may be another's. */
START_TEST(every_park_of_one_and_no_other)
{
	enum { STOPS = 24 };
	char name[32];

	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "walker", "print walker_goid");
	gdb_do(&run, "catch", "catch goroutine park walker_goid");
	for (int i = 0; i < STOPS; i++) {
		snprintf(name, sizeof name, "stop.%d", i);
		gdb_do(&run, name, "continue");
		snprintf(name, sizeof name, "steps.%d", i);
		gdb_do(&run, name, "print steps");
	}
	gdb_do(&run, "breakpoints", "info breakpoints");
	gdb_attach(&run, &d);
	long walker = gdb_number(&run, "walker");
	gdb_says(&run, "catch", "^Catchpoint 1 \\(goroutine %ld, park\\)$", walker);
	long first = gdb_number(&run, "steps.0");
	for (int i = 0; i < STOPS; i++) {
		snprintf(name, sizeof name, "steps.%d", i);
		long steps = gdb_number(&run, name);
		ck_assert_int_eq(steps, first + i);
		snprintf(name, sizeof name, "stop.%d", i);
		if (steps % 2 != 0)
			gdb_has(&run, name,
				"^Catchpoint 1 \\(goroutine %ld \"walker\" parks: sleep on timer, (due|[0-9.]+[a-z]+ left)\\), walker \\(mill\\.c:[0-9]+\\)$",
				walker);
		else
			gdb_has(&run, name,
				"^Catchpoint 1 \\(goroutine %ld \"walker\" parks: chan receive on chan 0x[0-9a-f]+ \\(int, 0/0, made at mill\\.c:[0-9]+\\)\\), walker \\(mill\\.c:[0-9]+\\)$",
				walker);
	}
	gdb_has(&run, "breakpoints", "breakpoint already hit %d times", STOPS);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* With a reason: every second of them. */
START_TEST(a_reason_narrows_it)
{
	char name[32];

	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "catch", "catch goroutine park walker_goid -reason \"chan receive\"");
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "stop.%d", i);
		gdb_do(&run, name, "continue");
		snprintf(name, sizeof name, "steps.%d", i);
		gdb_do(&run, name, "print steps");
	}
	gdb_attach(&run, &d);
	gdb_says(&run, "catch", "^Catchpoint 1 \\(goroutine [0-9]+, park, chan receive\\)$");
	for (int i = 0; i < 6; i++) {
		snprintf(name, sizeof name, "stop.%d", i);
		gdb_has(&run, name, "parks: chan receive on");
		snprintf(name, sizeof name, "steps.%d", i);
		ck_assert_int_eq(gdb_number(&run, name), gdb_number(&run, "steps.0") + 2 * i);
	}
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Two that wait for the same event of two goroutines: each stop is told by the one that was met. gdb names both, since they are one address. */
START_TEST(only_what_was_met_is_told)
{
	enum { STOPS = 8 };
	char name[32];
	bool walked = false, dived = false;

	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "walker", "catch goroutine park walker_goid -reason sleep");
	gdb_do(&run, "diver", "catch goroutine park diver_goid");
	for (int i = 0; i < STOPS; i++) {
		snprintf(name, sizeof name, "stop.%d", i);
		gdb_do(&run, name, "continue");
	}
	gdb_attach(&run, &d);
	for (int i = 0; i < STOPS; i++) {
		snprintf(name, sizeof name, "stop.%d", i);
		gdb_has(&run, name, "^Catchpoint (1 \\(goroutine [0-9]+ \"walker\"|2 \\(goroutine [0-9]+ \"diver\") parks: ");
		gdb_lacks(&run, name, "^Catchpoint (1 \\(goroutine [0-9]+ \"diver\"|2 \\(goroutine [0-9]+ \"walker\") ");
		walked |= gdb_matches(gdb_block(&run, name), "^Catchpoint 1 ");
		dived |= gdb_matches(gdb_block(&run, name), "^Catchpoint 2 ");
	}
	ck_assert(walked && dived);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* The other events, each with what gdb says of it; several at once; disable, enable and delete. */
START_TEST(each_event_says_what_happens)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "create", "catch goroutine create");
	gdb_do(&run, "on create", "continue");
	gdb_do(&run, "delete", "delete 1");
	gdb_do(&run, "exit", "catch goroutine exit");
	gdb_do(&run, "on exit", "continue");
	gdb_do(&run, "delete 2", "delete 2");
	gdb_do(&run, "ready", "catch goroutine ready walker_goid");
	gdb_do(&run, "on ready", "continue");
	gdb_do(&run, "run", "catch goroutine run walker_goid");
	gdb_do(&run, "on run", "continue");
	gdb_do(&run, "steps", "print steps");
	gdb_do(&run, "disable", "disable 4");
	gdb_do(&run, "only ready", "continue");
	gdb_do(&run, "only ready 2", "continue");
	gdb_do(&run, "steps 2", "print steps");
	gdb_do(&run, "enable", "enable 4");
	gdb_do(&run, "disable 3", "disable 3");
	gdb_do(&run, "only run", "continue");
	gdb_do(&run, "only run 2", "continue");
	gdb_do(&run, "info", "info breakpoints");
	gdb_attach(&run, &d);
	gdb_says(&run, "create", "^Catchpoint 1 \\(any goroutine, create\\)$");
	gdb_has(&run, "on create", "^Catchpoint 1 \\(goroutine [0-9]+ is created\\), mayfly made by nursery \\(mill\\.c:[0-9]+\\)$");
	gdb_has(&run, "on exit", "^Catchpoint 2 \\(goroutine [0-9]+ exits\\), which ran mayfly$");
	gdb_has(&run, "on ready",
		"^Catchpoint 3 \\(goroutine [0-9]+ \"walker\" becomes ready: (sleep on timer|chan receive on chan 0x)");
	gdb_has(&run, "on run", "^Catchpoint 4 \\(goroutine [0-9]+ \"walker\" runs\\), walker \\(mill\\.c:[0-9]+\\)$");
	gdb_has(&run, "only ready", "^Catchpoint 3 ");
	gdb_has(&run, "only ready 2", "^Catchpoint 3 ");
	ck_assert_int_eq(gdb_number(&run, "steps 2"), gdb_number(&run, "steps") + 2);
	gdb_has(&run, "only run", "^Catchpoint 4 ");
	gdb_has(&run, "only run 2", "^Catchpoint 4 ");
	gdb_has(&run, "info", "stop only if");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Each section that blocks the thread, and nothing else that the goroutine does; there, gdb stands on it and on its thread. */
START_TEST(every_blocking_section_of_one)
{
	enum { STOPS = 8 };
	char name[32];

	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "diver", "print diver_goid");
	gdb_do(&run, "catch", "catch goroutine syscall diver_goid");
	for (int i = 0; i < STOPS; i++) {
		snprintf(name, sizeof name, "stop.%d", i);
		gdb_do(&run, name, "continue");
		snprintf(name, sizeof name, "dives.%d", i);
		gdb_do(&run, name, "print dives");
	}
	gdb_do(&run, "goid", "print $goid() == diver_goid");
	gdb_do(&run, "break", "break under_water");
	gdb_do(&run, "inside", "continue");
	gdb_do(&run, "state", "info goroutines -state syscall");
	gdb_do(&run, "enter", "goroutine diver_goid");
	gdb_do(&run, "bt", "bt");
	gdb_do(&run, "no reason", "catch goroutine syscall -reason sleep");
	gdb_attach(&run, &d);
	long diver = gdb_number(&run, "diver"), first = gdb_number(&run, "dives.0");
	gdb_says(&run, "catch", "^Catchpoint 1 \\(goroutine %ld, syscall\\)$", diver);
	for (int i = 0; i < STOPS; i++) {
		snprintf(name, sizeof name, "stop.%d", i);
		gdb_has(&run, name, "^Catchpoint 1 \\(goroutine %ld \"diver\" blocks its thread\\), diver \\(mill\\.c:[0-9]+\\)$", diver);
		snprintf(name, sizeof name, "dives.%d", i);
		ck_assert_int_eq(gdb_number(&run, name), first + i);
	}
	ck_assert_int_eq(gdb_number(&run, "goid"), 1);
	gdb_has(&run, "state", "^\\* %ld +\"diver\" +syscall on thread [0-9]+ .* under_water \\(mill\\.c:[0-9]+\\) ", diver);
	ck_assert_int_eq(gdb_lines(&run, "state"), 2);
	gdb_has(&run, "enter", "^\\[Switching to goroutine %ld \"diver\" \\(syscall on thread [0-9]+", diver);
	gdb_has(&run, "enter", "^#0 +under_water \\(");
	gdb_has(&run, "bt", "^#0 +under_water .*\n#1 .*gos_blocking .*\n#2 .*diver \\(\\)");
	gdb_says(&run, "no reason", "^-reason goes with park and ready only: a goroutine has none at 'syscall'$");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Goroutines that do not exist yet; mistakes; more than there are watches. */
START_TEST(what_cannot_be_caught_is_said)
{
	char name[32];

	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "no event", "catch goroutine");
	gdb_do(&run, "bad event", "catch goroutine sneeze");
	gdb_do(&run, "bad goid", "catch goroutine park seven");
	gdb_do(&run, "zero", "catch goroutine park 0");
	gdb_do(&run, "bad reason", "catch goroutine park -reason boredom");
	gdb_do(&run, "no reason", "catch goroutine exit -reason sleep");
	gdb_do(&run, "too much", "catch goroutine park 7 8");
	gdb_do(&run, "exists", "catch goroutine create 1");
	gdb_do(&run, "too large", "catch goroutine park 18446744073709551616");
	gdb_do(&run, "fraction", "catch goroutine park 1.5");
	gdb_do(&run, "pointer", "catch goroutine park &steps");
	gdb_do(&run, "nothing", "catch goroutine park -reason \"\"");
	gdb_do(&run, "none yet", "info breakpoints");
	gdb_do(&run, "later", "catch goroutine exit 200");
	gdb_do(&run, "on later", "continue");
	for (int i = 0; i < 8; i++) {
		snprintf(name, sizeof name, "more.%d", i);
		gdb_do(&run, name, "catch goroutine exit %d", 100000 + i);
	}
	gdb_do(&run, "delete", "delete");
	gdb_do(&run, "again", "catch goroutine park");
	gdb_attach(&run, &d);
	gdb_says(&run, "no event", "^which event\\? goroutines' events are create, run, park, ready, exit, syscall$");
	gdb_says(&run, "bad event", "^no event 'sneeze'; goroutines' events are create, run, park, ready, exit, syscall$");
	gdb_says(&run, "bad goid", "^'seven' is no goroutine's id$");
	gdb_says(&run, "zero", "^goroutines' ids begin at 1$");
	gdb_says(&run, "bad reason", "^no wait reason 'boredom' \\(chan receive, ");
	gdb_says(&run, "no reason", "^-reason goes with park and ready only");
	gdb_says(&run, "too much", "^'8' is too much");
	gdb_says(&run, "exists", "^goroutine 1 exists already$");
	gdb_says(&run, "too large", "^no goroutine's id is as large as 18446744073709551616$");
	gdb_says(&run, "fraction", "^'1\\.5' is no goroutine's id$");
	gdb_says(&run, "pointer", "^'&steps' is no goroutine's id$");
	gdb_says(&run, "nothing", "^-reason needs a value$");
	gdb_says(&run, "none yet", "^No breakpoints or watchpoints\\.$");
	gdb_has(&run, "later", "^\\[Goroutine 200 does not exist now; when it does, it is caught\\]$");
	gdb_has(&run, "on later", "^Catchpoint 1 \\(goroutine 200 exits\\), which ran mayfly$");
	gdb_says(&run, "more.7", "^all 8 watches of the runtime are in use; delete a goroutine catchpoint first$");
	gdb_says(&run, "again", "^Catchpoint [0-9]+ \\(any goroutine, park\\)$");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* After gdb has let go, by detach or by its end, the runtime's watches are as they were. */
START_TEST(detaching_disarms)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "one", "catch goroutine park walker_goid");
	gdb_do(&run, "all", "catch goroutine exit");
	gdb_do(&run, "stop", "continue");
	gdb_do(&run, "mask", "print gos_runtime.watchmask");
	if (_i == 0)
		gdb_do(&run, "detach", "detach");
	else if (_i == 1)
		gdb_do(&run, "kill gdb", "shell kill -9 $PPID"); /* then the next gdb's first catchpoint clears what is left */
	gdb_attach(&run, &d);
	ck_assert_int_ne(gdb_number(&run, "mask"), 0);
	gdb_free(&run);
	if (_i == 1) { /* int3s of a killed gdb would end it */
		debuggee_end(&d);
		return;
	}
	gdb_begin(&run);
	gdb_do(&run, "mask", "print gos_runtime.watchmask");
	gdb_do(&run, "events", "output gos_runtime.watches[0].events + gos_runtime.watches[1].events");
	gdb_do(&run, "dbgmask", "print $g(walker_goid)->dbgmask");
	gdb_attach(&run, &d);
	ck_assert_int_eq(gdb_number(&run, "mask"), 0);
	ck_assert_int_eq(gdb_number(&run, "events"), 0);
	gdb_has(&run, "dbgmask", " = 0( '\\\\000')?$");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* A program that parks a million times a second, with a catchpoint that never matches, against one without: the figures are printed. */
static double rounds_per_cpu_second(bool armed)
{
	char line[256];
	double rounds = 0, per_cpu = 0;

	debuggee_start(&d, "mill", "3", NULL, NULL);
	gdb_begin(&run);
	if (armed) {
		gdb_do(&run, "catch", "catch goroutine park 1 -reason \"IO wait\"");
		gdb_do(&run, "one", "catch goroutine exit walker_goid");
	}
	gdb_do(&run, "exit", "break exit"); /* gdb 13 has an internal error now and then when a program with many threads ends before its eyes */
	gdb_do(&run, "go", "continue");
	gdb_attach(&run, &d);
	gdb_free(&run);
	debuggee_line(&d, line, sizeof line, 60);
	ck_assert_int_eq(sscanf(line, "rounds %lf steps %*d cpu %lf", &rounds, &per_cpu), 2);
	debuggee_end(&d);
	return per_cpu;
}

START_TEST(what_does_not_match_costs_next_to_nothing)
{
	double best[2] = {0, 0};

	for (int i = 0; i < 6; i++) {
		double rate = rounds_per_cpu_second(i % 2);
		if (rate > best[i % 2])
			best[i % 2] = rate;
	}
	printf("rounds of two goroutines per second of processor time: %.2f million without catchpoints, %.2f million with two armed (%+.1f %%)\n",
	       best[0] / 1e6, best[1] / 1e6, (best[1] / best[0] - 1) * 100);
	ck_assert_msg(best[1] > best[0] * 0.75, "catchpoints that do not match make it %.0f %% slower",
		      (1 - best[1] / best[0]) * 100);
}
END_TEST

/* It is armed when the program comes to have goroutines, each time that it is run, wherever it is loaded to. */
START_TEST(before_the_program_is_started)
{
	gdb_begin(&run);
	gdb_do(&run, "catch", "catch goroutine park -reason sleep");
	gdb_do(&run, "run", "run 1");
	gdb_do(&run, "breakpoints", "info breakpoints");
	gdb_do(&run, "else", "set disable-randomization off");
	gdb_do(&run, "again", "run 1");
	gdb_do(&run, "catch more", "catch goroutine exit 1");
	gdb_do(&run, "delete", "delete");
	gdb_do(&run, "end", "continue");
	gdb_program(&run, "mill");
	gdb_says(&run, "catch", "^Catchpoint 1 \\(any goroutine, park, sleep\\)$");
	gdb_has(&run, "run", "^Catchpoint 1 \\(goroutine [0-9]+( \"[a-z]+\")? parks: sleep on timer, ");
	gdb_has(&run, "breakpoints", "breakpoint already hit 1 time$");
	gdb_lacks(&run, "breakpoints", "gos_run");
	gdb_has(&run, "again", "^Catchpoint 1 \\(goroutine [0-9]+( \"[a-z]+\")? parks: sleep on timer, ");
	gdb_says(&run, "catch more", "^Catchpoint 2 \\(goroutine 1, exit\\)$");
	gdb_has(&run, "end", "exited normally");
	gdb_free(&run);
}
END_TEST

#define PENDING "^1 +breakpoint +(keep|del|dis) +y +<PENDING> +-qualified rt_debug_trap"

/* Where the runtime is in a library, it waits for that: linked to the program, without symbols, or loaded by the program as it runs; and again each time that it is run. */
START_TEST(pending_until_the_library_is_loaded)
{
	static const char *const programs[] = {"mill.shared", "garden.bare", "late"};

	gdb_begin(&run);
	gdb_do(&run, "catch", "catch goroutine park -reason sleep");
	gdb_do(&run, "breakpoints", "info breakpoints");
	gdb_do(&run, "setting", "show breakpoint pending");
	gdb_do(&run, "run", "run 9");
	gdb_do(&run, "loaded", "info breakpoints");
	gdb_do(&run, "again", "run 9");
	gdb_do(&run, "kill", "kill");
	gdb_do(&run, "killed", "info breakpoints");
	gdb_do(&run, "else", "set disable-randomization off");
	gdb_do(&run, "after kill", "run 9");
	gdb_do(&run, "start", "start 9");
	gdb_do(&run, "after start", "continue");
	gdb_do(&run, "end", "kill");
	gdb_program(&run, programs[_i]);
	gdb_says(&run, "catch", "^Catchpoint 1 \\(any goroutine, park, sleep\\) pending until the runtime is loaded\\.$");
	gdb_has(&run, "breakpoints", PENDING " if \\$_goroutine_event\\(\"park -reason sleep\"\\)$");
	gdb_has(&run, "setting", "is auto\\.$");
	static const char *const stops[] = {"run", "again", "after kill", "after start"};
	for (size_t i = 0; i < sizeof stops / sizeof stops[0]; i++) {
		gdb_has(&run, stops[i], "^Catchpoint 1 \\(goroutine [0-9]+( \"[a-z]+\")? parks: sleep on timer, ");
		gdb_lacks(&run, stops[i], "Error|pending");
	}
	gdb_has(&run, "loaded", "^1 +breakpoint +keep +y +0x[0-9a-f]+ .*rt_debug_trap.*\n.*stop only if .*\n.*already hit 1 time$");
	gdb_lacks(&run, "loaded", "gos_run");
	gdb_has(&run, "killed", "^1 +breakpoint +keep +y ");
	gdb_free(&run);
}
END_TEST

/* What is set while the library is loaded holds when the program is run anew. */
START_TEST(run_again_with_a_library)
{
	gdb_begin(&run);
	gdb_do(&run, "start", "start 9");
	gdb_do(&run, "catch", "catch goroutine park -reason sleep");
	gdb_do(&run, "continue", "continue");
	gdb_do(&run, "again", "run 9");
	gdb_do(&run, "breakpoints", "info breakpoints");
	gdb_do(&run, "end", "kill");
	gdb_program(&run, "mill.shared");
	gdb_says(&run, "catch", "^Catchpoint 2 \\(any goroutine, park, sleep\\)$");
	gdb_has(&run, "continue", "^Catchpoint 2 \\(goroutine ");
	gdb_has(&run, "again", "^Catchpoint 2 \\(goroutine ");
	gdb_lacks(&run, "again", "Error in re-setting");
	gdb_has(&run, "breakpoints", "^2 +breakpoint +keep +y ");
	gdb_free(&run);
}
END_TEST

/* Pending, it can be disabled, made to stop once only, be deleted; and where it stops does not depend on that. */
START_TEST(what_is_pending_obeys)
{
	gdb_begin(&run);
	gdb_do(&run, "off", "catch goroutine create 1");
	gdb_do(&run, "disable", "disable 1");
	gdb_do(&run, "gone", "catch goroutine create");
	gdb_do(&run, "delete", "delete 2");
	gdb_do(&run, "once", "tcatch goroutine run 1");
	gdb_do(&run, "delete it", "catch goroutine run 1");
	gdb_do(&run, "so", "enable delete 4");
	gdb_do(&run, "ignored", "catch goroutine park -reason sleep");
	gdb_do(&run, "ignore", "ignore 5 3");
	gdb_do(&run, "commands", "python gdb.breakpoints()[-1].commands = 'silent\\necho COMMANDS RUN\\\\n'");
	gdb_do(&run, "breakpoints", "info breakpoints");
	gdb_do(&run, "run", "run 9");
	gdb_do(&run, "after", "info breakpoints");
	gdb_do(&run, "next", "continue");
	gdb_do(&run, "hits", "info breakpoints");
	gdb_do(&run, "enable", "enable 1");
	gdb_do(&run, "again", "run 9");
	gdb_do(&run, "end", "kill");
	gdb_program(&run, "mill.shared");
	gdb_says(&run, "once", "^Temporary catchpoint 3 \\(goroutine 1, run\\) pending until the runtime is loaded\\.$");
	gdb_has(&run, "breakpoints", "^1 +breakpoint +keep +n +<PENDING>");
	gdb_lacks(&run, "breakpoints", "^2 ");
	gdb_has(&run, "breakpoints", "^3 +breakpoint +del +y +<PENDING>");
	gdb_has(&run, "breakpoints", "^4 +breakpoint +del +y +<PENDING>");
	gdb_lacks(&run, "run", "Catchpoint [125]");
	gdb_has(&run, "run", "^Catchpoint 3 \\(goroutine 1 runs\\)");
	gdb_has(&run, "run", "^Catchpoint 4 \\(goroutine 1 runs\\)");
	gdb_lacks(&run, "after", "^[234] ");
	gdb_has(&run, "next", "^COMMANDS RUN$");
	gdb_has(&run, "hits", "already hit 4 times");
	gdb_has(&run, "again", "^Catchpoint 1 \\(goroutine 1 is created\\)");
	gdb_free(&run);
}
END_TEST

/* A program that never loads it ends as ever, and it goes on to wait. */
START_TEST(pending_for_ever)
{
	gdb_begin(&run);
	gdb_do(&run, "catch", "catch goroutine park 7 -reason chan receive");
	gdb_do(&run, "run", "run < /dev/null");
	gdb_do(&run, "breakpoints", "info breakpoints");
	gdb_do(&run, "start", "starti < /dev/null");
	gdb_do(&run, "more", "catch goroutine exit");
	gdb_do(&run, "continue", "continue");
	gdb_do(&run, "after", "info breakpoints");
	gdb_do(&run, "off", "set breakpoint pending off");
	gdb_do(&run, "refused", "catch goroutine exit");
	gdb_program(&run, _i == 0 ? "late" : "idle");
	gdb_says(&run, "catch", "^Catchpoint 1 \\(goroutine 7, park, chan receive\\) pending until the runtime is loaded\\.$");
	gdb_has(&run, "run", "exited normally");
	gdb_has(&run, "breakpoints", PENDING);
	gdb_says(&run, "more", "^Catchpoint 2 \\(any goroutine, exit\\) pending until the runtime is loaded\\.$");
	gdb_has(&run, "continue", "exited normally");
	gdb_lacks(&run, "continue", "Catchpoint");
	gdb_has(&run, "after", PENDING);
	gdb_says(&run, "refused", "^the runtime is not loaded yet, and 'set breakpoint pending off' says not to wait for it$");
	gdb_free(&run);
}
END_TEST

/* What is no word of the runtime's is said when that is there to tell, and hinders nothing else; what cannot be a command is said at once. */
START_TEST(a_mistake_that_is_pending)
{
	gdb_begin(&run);
	gdb_do(&run, "no event", "catch goroutine");
	gdb_do(&run, "zero", "catch goroutine park 0");
	gdb_do(&run, "bad goid", "catch goroutine park seven");
	gdb_do(&run, "too much", "catch goroutine park 7 8");
	gdb_do(&run, "no value", "catch goroutine park -reason");
	gdb_do(&run, "empty", "catch goroutine \"\"");
	gdb_do(&run, "too large", "catch goroutine park 18446744073709551616");
	gdb_do(&run, "nothing", "catch goroutine park -reason \"\"");
	gdb_do(&run, "none yet", "info breakpoints");
	gdb_do(&run, "bad event", "catch goroutine sneeze");
	gdb_do(&run, "bad reason", "catch goroutine park -reason \"bore\\\"dom\" 7");
	gdb_do(&run, "no reason", "catch goroutine exit -reason sleep");
	gdb_do(&run, "good", "catch goroutine park -reason sleep");
	gdb_do(&run, "run", "run 9");
	gdb_do(&run, "end", "kill");
	gdb_program(&run, "mill.shared");
	gdb_says(&run, "no event", "^which event\\? ");
	gdb_says(&run, "zero", "^goroutines' ids begin at 1$");
	gdb_says(&run, "bad goid", "^'seven' is no goroutine's id$");
	gdb_says(&run, "too much", "^'8' is too much");
	gdb_says(&run, "no value", "^-reason needs a value$");
	gdb_says(&run, "empty", "^which event\\? ");
	gdb_says(&run, "too large", "^no goroutine's id is as large as ");
	gdb_says(&run, "nothing", "^-reason needs a value$");
	gdb_says(&run, "none yet", "^No breakpoints or watchpoints\\.$");
	gdb_says(&run, "bad event", "^Catchpoint 1 \\(any goroutine, sneeze\\) pending ");
	gdb_has(&run, "run", "^\\[Catchpoint 1 catches nothing: no event 'sneeze'; goroutines' events are create, run, park, ready, exit, syscall\\]$");
	gdb_has(&run, "run", "^\\[Catchpoint 2 catches nothing: no wait reason 'bore\"dom' \\(chan receive, ");
	gdb_has(&run, "run", "^\\[Catchpoint 3 catches nothing: -reason goes with park and ready only");
	gdb_has(&run, "run", "^Catchpoint 4 \\(goroutine ");
	gdb_free(&run);
}
END_TEST

/* A file in which the runtime is, or which can have none, has nothing to wait for. */
START_TEST(nothing_to_wait_for)
{
	static const struct {
		const char *program, *says;
	} files[] = {
		{"garden.stripped", "^the program is not started, and its file has lost the runtime's symbols: catch when it runs, or is attached to$"},
		{"garden.static.stripped", "^the program is not started, and its file has lost the runtime's symbols: "},
		{"idle.static", "^this program has no Gossamer runtime, and loads no library that could bring it$"},
	};

	gdb_begin(&run);
	gdb_do(&run, "catch", "catch goroutine park");
	gdb_do(&run, "breakpoints", "info breakpoints");
	gdb_program(&run, files[_i].program);
	gdb_says(&run, "catch", "%s", files[_i].says);
	gdb_says(&run, "breakpoints", "^No breakpoints or watchpoints\\.$");
	gdb_free(&run);
}
END_TEST

/* gdb gives up breakpoints at functions when the program's file is taken away: the next catchpoint is armed all the same. */
START_TEST(another_file)
{
	gdb_begin(&run);
	gdb_do(&run, "one", "catch goroutine run 1");
	gdb_do(&run, "run", "run 9");
	gdb_do(&run, "kill", "kill");
	gdb_do(&run, "nothing", "file");
	gdb_do(&run, "early", "catch goroutine park");
	gdb_do(&run, "delete", "delete");
	gdb_do(&run, "file", "file " DEBUGGEE_DIR "/mill.shared");
	gdb_do(&run, "two", "catch goroutine park 1");
	gdb_do(&run, "again", "run 9");
	gdb_do(&run, "end", "kill");
	gdb_program(&run, "mill");
	gdb_has(&run, "run", "^Catchpoint 1 \\(goroutine 1 runs\\)");
	gdb_says(&run, "early", "^there is neither a program to be run \\('file PROGRAM'\\) nor a process$");
	gdb_has(&run, "two", "^Catchpoint 2 \\(goroutine 1, park\\)");
	gdb_has(&run, "again", "^Catchpoint 2 \\(goroutine 1 parks: sleep on timer, ");
	gdb_free(&run);
}
END_TEST

/* The process that it waits for may be one that gdb attaches to. */
START_TEST(attaching_to_what_was_waited_for)
{
	const char *program = _i == 0 ? "mill.shared" : "mill";

	debuggee_start(&d, program, NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "catch", "catch goroutine park -reason \"chan receive\" 999999");
	gdb_do(&run, "and", "catch goroutine create");
	gdb_do(&run, "attach", "attach %d", (int)d.pid);
	gdb_do(&run, "continue", "continue");
	gdb_do(&run, "detach", "detach");
	gdb_do(&run, "back", "attach %d", (int)d.pid);
	gdb_do(&run, "again", "continue");
	gdb_do(&run, "let go", "detach");
	gdb_program(&run, program);
	gdb_has(&run, "continue", "^Catchpoint 2 \\(goroutine [0-9]+ is created\\), mayfly made by nursery ");
	gdb_has(&run, "again", "^Catchpoint 2 \\(goroutine [0-9]+ is created\\), mayfly made by nursery ");
	gdb_free(&run);
	debuggee_must_end_well(&d);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb catch", (const struct gdb_test[]){
						  {every_park_of_one_and_no_other, 120, 0},
						  {a_reason_narrows_it, 0, 0},
						  {only_what_was_met_is_told, 120, 0},
						  {each_event_says_what_happens, 0, 0},
						  {every_blocking_section_of_one, 0, 0},
						  {what_cannot_be_caught_is_said, 120, 0},
						  {detaching_disarms, 0, 3},
						  {what_does_not_match_costs_next_to_nothing, 200, 0},
						  {before_the_program_is_started, 120, 0},
						  {pending_until_the_library_is_loaded, 150, 3},
						  {run_again_with_a_library, 120, 0},
						  {what_is_pending_obeys, 120, 0},
						  {pending_for_ever, 120, 2},
						  {a_mistake_that_is_pending, 120, 0},
						  {nothing_to_wait_for, 0, 3},
						  {another_file, 120, 0},
						  {attaching_to_what_was_waited_for, 120, 2},
						  {NULL, 0, 0},
					  });
}
