/* SPDX-License-Identifier: MIT */
/*
 * Programs without the runtime, damaged processes, cores that are cut off: one clear sentence each, what can be shown is shown, and never
 * a Python traceback (which every session asserts) nor a hang (which every session's time limit asserts).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

static const char *const commands[] = {
	"info goroutines",       "info goroutines -limit 100",  "info goroutine 5", "goroutine",     "goroutine 5",
	"goroutine 5 bt",        "goroutine apply all -q bt 1", "info channels",    "print $goid()", "print $g(5)",
	"catch goroutine park 5"};
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static void do_all(void)
{
	gdb_begin(&run);
	for (int i = 0; i < COMMANDS; i++)
		gdb_do(&run, commands[i], "%s", commands[i]);
}

START_TEST(no_process)
{
	do_all();
	gdb_program(&run, "garden");
	for (int i = 0; i < COMMANDS - 1; i++) /* catchpoints may be set before */
		gdb_has(&run, commands[i], "nothing to look at: no process runs under gdb, and no core is loaded");
	gdb_has(&run, commands[COMMANDS - 1], "^Catchpoint 1 \\(goroutine 5, park\\)$");
	gdb_free(&run);
}
END_TEST

START_TEST(no_runtime)
{
	debuggee_start(&d, _i == 0 ? "idle" : "idle.static", NULL, NULL, NULL);
	do_all();
	gdb_do(&run, "down", "down");
	gdb_do(&run, "bt", "bt");
	gdb_attach(&run, &d);
	for (int i = 0; i < COMMANDS; i++)
		gdb_has(&run, commands[i], "this program has no Gossamer runtime");
	gdb_says(&run, "down", "^Bottom \\(innermost\\) frame selected");
	gdb_has(&run, "bt", "main \\(");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

START_TEST(not_started)
{
	debuggee_start(&d, "early", NULL, NULL, NULL);
	do_all();
	gdb_attach(&run, &d);
	for (int i = 0; i < COMMANDS - 1; i++) /* catchpoints may be set before */
		gdb_has(&run, commands[i], "the Gossamer runtime has not started: the program has not called gos_run yet");
	gdb_has(&run, commands[COMMANDS - 1], "^Catchpoint 1 \\(goroutine 5, park\\)$");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

static const struct {
	const char *how;
	const char *block, *pattern; /* what must be said where */
	bool all;                    /* every command says it */
} damages[] = {
	{"version", "info goroutines",
	 "^this program's runtime describes itself in version 99, and this gdb package knows version 1: use the package", true},
	{"magic", "info goroutines", "^what should describe the runtime, at 0x[0-9a-f]+, is something else", true},
	{"rows", "info goroutines", "^the runtime's description at 0x[0-9a-f]+ is corrupt: 2147483647 rows of ", true},
	{"machine", "info goroutines", "^this gdb package does not know the machine 'pdp11'$", false},
	{"offset", "info goroutines", "^the runtime's description is corrupt: 'g\\.goid' lies outside of its structure$", true},
	{"missing", "info goroutines", "^the runtime's description has no row 'g\\.goid'", true},
	{"size", "info goroutines", "^the runtime's description is corrupt: 'g' is said to be 0 bytes$", true},
	{"per_slab", "info goroutines", "corrupt: 'const\\.g_per_slab' is 0$|corrupt: 'g_per_slab' is 0$", false},
	{"cycle", "info goroutines",
	 "^Incomplete: slab 1 of goroutines is slab 0 again \\(0x[0-9a-f]+\\): the directory is corrupt\\.$", false},
	{"cycle", "info goroutines", "^41 goroutines in 2 groups:$", false},
	{"wild", "info goroutines",
	 "^Incomplete: 4096 records of goroutines at 0xdead0000 could not be read: nothing is there\\.$", false},
	{"wild", "info goroutines", "^41 goroutines in 2 groups:$", false},
	{"wild", "goroutine 5", "^\\[Switching to goroutine 5 ", false},
	{"directory", "info goroutines", "^Incomplete: the directory of goroutines is unreadable from slab 0 on", false},
	{"directory", "goroutine 5", "^no goroutine 5 \\(none exists; ", false},
	{"count", "info goroutines",
	 "^Incomplete: the runtime counts 1152921504606846976 records of goroutines, but its directory ends after 4096", false},
	{"queue", "info goroutine 5", "waiting to receive: .*\\(the queue comes back to 0x[0-9a-f]+: it is corrupt\\)$", false},
	{"queue", "info channels", "the queue comes back to", false},
	{"sudog", "info goroutine 5", "waiting to receive: \\(cannot read [0-9]+ bytes at 0xdead0000\\)$", false},
	{"chan", "info goroutine 5", "^  waits on  chan 0xdead0000 \\(cannot read [0-9]+ bytes at 0xdead0000\\)$", false},
	{"element", "info channels", "1125899906842624/0", false},
	{"sp", "goroutine 5",
	 "^goroutine 5's saved stack pointer 0xdead0000 is not on its stack \\(0x[0-9a-f]+\\.\\.0x[0-9a-f]+\\): its record is corrupt$",
	 false},
	{"sp", "info goroutine 5", "its saved stack pointer is 0xdead0000: the record is corrupt$", false},
	{"stack", "goroutine 5", "^\\[Switching to goroutine 5 ", false},
	{"state", "info goroutines", "^Incomplete: one goroutine's record is corrupt at 0x[0-9a-f]+ \\(id 5, state 77\\)\\.$",
	 false},
	{"state", "info goroutines", "^40 goroutines in 2 groups:$", false},
	{"reason", "info goroutine 5", "^  state     waiting, reason 99\\?, for ", false},
	{"labels", "info goroutine 5", "^  labels    cannot read [0-9]+ bytes at 0xdead0000$", false},
	{"other labels", "info goroutine 5",
	 "^  labels    what should be goroutine 5's labels, at 0x[0-9a-f]+, is something else: 43690 labels in 43690 bytes$", false},
	{"labels without end", "info goroutine 5",
	 "^  labels    goroutine 5's labels, at 0x[0-9a-f]+, are corrupt: 0 words of text for 1 labels$", false},
	{"creation", "info goroutine 5", "^            there is no stack number 3735879680 in the depot$", false},
	{"unused creation", "info goroutine 5", "^            there is no stack number 8388598 in the depot$", false},
	{"ancestors", "info goroutine 5", "^  ancestor  cannot read [0-9]+ bytes at 0xdead0000$", false},
	{"other ancestors", "info goroutine 5",
	 "^  ancestor  what should be goroutine 5's ancestors, at 0x[0-9a-f]+, is something else: 0 of them$", false},
	{"name", "info goroutine 5", "^Goroutine 5 \"\\\\x1b\\[31m\\\\n\\\\xff\\\\xfe 0123", false},
};
enum { DAMAGES = sizeof damages / sizeof damages[0] };

/* GOSMAXPROCS=1 for all: so that goroutine 5 exists. */
START_TEST(damaged_processes)
{
	setenv("GOSMAXPROCS", "1", 1);
	debuggee_start(&d, "corrupt", damages[_i].how, NULL, NULL);
	do_all();
	gdb_do(&run, "chan", "print drain");
	gdb_do(&run, "lock", "print gate");
	gdb_attach(&run, &d);
	gdb_has(&run, damages[_i].block, "%s", damages[_i].pattern);
	if (damages[_i].all) { /* and what is printed says why it says no more */
		const char *why = damages[_i].pattern + 1;
		int length = (int)strlen(why) - (why[strlen(why) - 1] == '$');
		gdb_has(&run, "chan", " 0x[0-9a-f]+ <%.*s.*>$", length, why);
		gdb_has(&run, "lock", " = <%.*s.*> = \\{state = 0, ", length, why);
	}
	for (int i = 0; i < COMMANDS && damages[_i].all; i++)
		gdb_has(&run, commands[i], "%s", damages[_i].pattern + 1);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* A kernel core, cut off at ever earlier places, down to nothing. */
START_TEST(truncated_cores)
{
	static const int percent[] = {90, 60, 40, 20, 10, 5, 2, 1, 0};
	struct stat s;
	int partly = 0;

	debuggee_start(&d, "garden", NULL, NULL, NULL);
	if (!debuggee_core(&d, CORE_KERNEL)) {
		debuggee_end(&d);
		return;
	}
	ck_assert_int_eq(stat(d.core, &s), 0);
	for (size_t i = 0; i < sizeof percent / sizeof percent[0]; i++) {
		ck_assert_int_eq(truncate(d.core, s.st_size / 100 * percent[i] + (percent[i] == 0 ? 2000 : 0)), 0);
		do_all();
		gdb_do(&run, "everything", "goroutine apply all -c bt");
		gdb_do(&run, "chan", "print seeds");
		gdb_core(&run, &d);
		for (int c = 0; c < COMMANDS; c++)
			ck_assert_int_gt(gdb_lines(&run, commands[c]), 0);
		gdb_has(&run, "chan", "^\\$[0-9]+ = (chan 0x[0-9a-f]+ \\(.*|.*0x[0-9a-f]+ <.*>|\\(gos_chan \\*\\) 0x0)$|Cannot access memory"); /* 0: what a core lacks gdb takes from the program's file */
		partly += strstr(gdb_block(&run, "info goroutines"), "could not be read") != NULL ||
			  strstr(run.block_text, "cannot read") != NULL || strstr(run.block_text, "is not in this core") != NULL;
		gdb_free(&run);
	}
	ck_assert_int_gt(partly, 0);
	debuggee_end(&d);
}
END_TEST

/* A core without the program's file: the description is in the core; frames cannot be right and that is said. */
START_TEST(core_without_its_program)
{
	debuggee_start(&d, "garden", NULL, NULL, NULL);
	ck_assert(debuggee_core(&d, CORE_GCORE));
	gdb_begin(&run);
	gdb_do(&run, "list", "info goroutines");
	gdb_do(&run, "enter", "goroutine 2");
	gdb_core_file(&run, "-c", d.core);
	gdb_has(&run, "list", "\"holder\" +waiting, sleep ");
	gdb_has(&run, "list", "chan 0x[0-9a-f]+ \\(struct seed, 0/0, made at garden\\.c:[0-9]+\\)");
	gdb_has(&run, "enter", "^warning: without the program's file");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb bad input", (const struct gdb_test[]){
						      {no_process, 0, 0},
						      {no_runtime, 0, 2},
						      {not_started, 0, 0},
						      {damaged_processes, 0, DAMAGES},
						      {truncated_cores, 200, 0},
						      {core_without_its_program, 0, 0},
						      {NULL, 0, 0},
					      });
}
