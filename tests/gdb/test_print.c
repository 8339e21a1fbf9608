/* SPDX-License-Identifier: MIT */
/*
 * Channels and mutexes print as what they are, $goid() and $g() work in expressions, and help says what the commands really do.
 */
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

START_TEST(channels_show_their_elements_and_waiters)
{
	debuggee_start(&d, "garden", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "pointer", "print numbers");
	gdb_do(&run, "value", "print *numbers");
	gdb_do(&run, "empty", "print seeds");
	gdb_do(&run, "nil", "print nothing");
	gdb_do(&run, "raw", "print/r numbers");
	gdb_do(&run, "goroutine", "info goroutine 2");
	gdb_do(&run, "channels", "info channels");
	gdb_do(&run, "waited", "info channels -waited");
	gdb_do(&run, "bad", "info channels -x");
	gdb_do(&run, "mutex", "print gate");
	gdb_do(&run, "printers", "info pretty-printer global gossamer");
	gdb_do(&run, "off", "disable pretty-printer global gossamer;gos_chan");
	gdb_do(&run, "plain", "print numbers");
	gdb_attach(&run, &d);
	gdb_has(&run, "pointer",
		"^\\$1 = chan 0x[0-9a-f]+ \\(unsigned long, 4/4, made at garden\\.c:[0-9]+\\); last sent to by goroutine 1 .*; last received from by goroutine 1 .* ago; waiting to send: [0-9]+ = \\{3, 4, 5, 6\\}$");
	gdb_has(&run, "value",
		"^\\$2 = chan 0x[0-9a-f]+ \\(unsigned long, 4/4, made at garden\\.c:[0-9]+\\); last sent to by goroutine 1 .*; last received from by goroutine 1 .* ago; waiting to send: [0-9]+ = \\{3, 4, 5, 6\\}$");
	gdb_has(&run, "empty",
		"^\\$3 = chan 0x[0-9a-f]+ \\(struct seed, 0/0, made at garden\\.c:[0-9]+\\); waiting to receive: [0-9]+, [0-9]+$");
	gdb_has(&run, "nil", "= 0x0$|\\(gos_chan \\*\\) 0x0");
	gdb_has(&run, "raw", "\\(gos_chan \\*\\) 0x[0-9a-f]+$");
	ck_assert_int_eq(gdb_lines(&run, "channels"), 4);
	ck_assert_int_eq(gdb_lines(&run, "waited"), 4);
	gdb_says(&run, "bad", "^'-x' is no option");
	gdb_says(&run, "mutex", " = held by goroutine 2 for .*, locked at holder \\(garden\\.c:[0-9]+\\), 2 goroutines wait$");
	gdb_has(&run, "printers", "gos_chan");
	gdb_has(&run, "plain", "\\(gos_chan \\*\\) 0x");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Two sources may have a type of one name: the elements are of that in the source which made the channel, wherever gdb stands. */
START_TEST(elements_are_of_the_type_of_their_source)
{
	debuggee_start(&d, "ledger", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "stopped", "print orders");
	gdb_do(&run, "enter", "goroutine 2");
	gdb_do(&run, "entered", "print *orders");
	gdb_attach(&run, &d);
	gdb_has(&run, "stopped", " \\(struct order, 1/2, made at ledger\\.c:[0-9]+\\).* = \\{\\{number = 7, dish = \"soup\"");
	gdb_has(&run, "entered", " = \\{\\{number = 7, dish = \"soup\"");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* The type may be unknown to the program: its library was built without debugging information. */
START_TEST(channels_print_where_their_type_is_opaque)
{
	debuggee_start(&d, "garden.opaque", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "pointer", "print numbers");
	gdb_do(&run, "value", "print *numbers");
	gdb_do(&run, "g", "print $g(2)");
	gdb_do(&run, "enter", "goroutine 2");
	gdb_do(&run, "bt", "bt");
	gdb_do(&run, "list", "info goroutines 2");
	gdb_attach(&run, &d);
	gdb_has(&run, "pointer",
		"\\(unsigned long, 4/4, made at garden\\.c:[0-9]+\\); last sent to by goroutine 1 .*; last received from by goroutine 1 .* ago; waiting to send: [0-9]+ = \\{3, 4, 5, 6\\}$");
	gdb_has(&run, "value", "\\{3, 4, 5, 6\\}$|<incomplete type>$");
	gdb_has(&run, "g", "0x[0-9a-f]+$");
	gdb_has(&run, "enter", "holder \\(\\) at ");
	gdb_has(&run, "list", "holder \\(garden\\.c:[0-9]+\\)");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

START_TEST(functions_work_in_expressions)
{
	debuggee_start(&d, "mill", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "break", "break mayfly if $goid() %% 7 == 0");
	gdb_do(&run, "go", "continue");
	gdb_do(&run, "goid", "print $goid() %% 7");
	gdb_do(&run, "noted", "print $_goroutine == $goid()");
	gdb_do(&run, "same", "print $g()->goid == $goid()");
	gdb_do(&run, "other", "print $g(walker_goid)->name");
	gdb_do(&run, "none", "print $g(99999)");
	gdb_attach(&run, &d);
	ck_assert_int_eq(gdb_number(&run, "goid"), 0);
	ck_assert_int_eq(gdb_number(&run, "noted"), 1);
	ck_assert_int_eq(gdb_number(&run, "same"), 1);
	gdb_has(&run, "other", "\"walker\"");
	gdb_says(&run, "none", "no goroutine 99999 \\(");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* The first line a sentence, then Usage; the examples' headers are those that are printed. */
START_TEST(help_is_in_gdbs_shape)
{
	static const char *const commands[] = {"info goroutines", "info goroutine",  "info channels", "goroutine",
					       "goroutine apply", "catch goroutine", "tcatch goroutine", "function goid", "function g",
					       "function _goroutine_event"};

	debuggee_start(&d, "garden", NULL, NULL, NULL);
	gdb_begin(&run);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		gdb_do(&run, commands[i], "help %s", commands[i]);
	gdb_do(&run, "list", "info goroutines");
	gdb_do(&run, "channels", "info channels");
	gdb_attach(&run, &d);
	for (size_t i = 0; i < sizeof commands / sizeof commands[0]; i++)
		gdb_has(&run, commands[i], "^[A-Z].*\\.$\nUsage: \\$?");
	gdb_has(&run, "info goroutines", "^  Id  Name +State +For +Where +Waits on +Created$");
	gdb_has(&run, "list", "^  Id  Name +State +For +Where +Waits on +Created$");
	gdb_has(&run, "info channels", "^  Channel +Type +Elements +Made +Waiting to send +Waiting to receive$");
	gdb_has(&run, "channels", "^  Channel +Type +Elements +Made +Waiting to send +Waiting to receive$");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb print", (const struct gdb_test[]){
						  {channels_show_their_elements_and_waiters, 0, 0},
						  {elements_are_of_the_type_of_their_source, 0, 0},
						  {channels_print_where_their_type_is_opaque, 0, 0},
						  {functions_work_in_expressions, 0, 0},
						  {help_is_in_gdbs_shape, 0, 0},
						  {NULL, 0, 0},
					  });
}
