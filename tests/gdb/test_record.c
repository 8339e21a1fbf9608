/* SPDX-License-Identifier: MIT */
/*
 * Who holds it, and who used it last: what gdb says of every lock, counter, channel and context of ledger is what ledger wrote down as it was done, on a live
 * process, on gcore's core and on the kernel's.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

struct truth {
	char what[32], function[40];
	int goid, line;
	double at; /* s */
};
static struct truth truths[40];
static int known;
static double ready_at;

static double now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec * 1e-9;
}

static void read_truth(void)
{
	FILE *file = fopen(d.truth, "r");
	long long ns;

	ready_at = now();
	ck_assert_ptr_nonnull(file);
	for (known = 0; known < 40; known++) {
		struct truth *t = &truths[known];
		if (fscanf(file, " %31[^|]|%d|%39[^|]|%d|%lld", t->what, &t->goid, t->function, &t->line, &ns) != 5)
			break;
		t->at = (double)ns * 1e-9;
	}
	fclose(file);
	ck_assert_int_eq(known, 26);
}

static const struct truth *of(const char *what)
{
	for (int i = 0; i < known; i++)
		if (strcmp(truths[i].what, what) == 0)
			return &truths[i];
	ck_abort_msg("ledger has no '%s'", what);
	return NULL;
}

static int id(const char *what)
{
	return of(what)->goid;
}

static const char *const programs[] = {"ledger", "ledger.O2"};
enum { PROGRAMS = sizeof programs / sizeof programs[0], WAYS = GDB_WAYS }; /* live, gcore's core, the kernel's */

static bool begin(int i)
{
	return gdb_way_begin(&run, &d, programs[i % PROGRAMS], i / PROGRAMS, read_truth);
}

static void look(int i)
{
	gdb_way_look(&run, &d, i / PROGRAMS);
}

static void end(void)
{
	gdb_way_end(&run, &d);
}

#define AGE "[0-9][0-9a-z.]*"

/* In `block` stands "WORDS by goroutine N AGE ago at FUNCTION (ledger.c:LINE)", as the truth `what` has it; place: with the last part. */
static void has_mark(const char *block, const char *words, const char *what, bool place)
{
	const struct truth *t = of(what);
	if (place)
		gdb_has(&run, block, "%s by goroutine %d " AGE " ago at %s \\(ledger\\.c:%d\\)", words, t->goid, t->function, t->line);
	else
		gdb_has(&run, block, "%s by goroutine %d " AGE " ago", words, t->goid);
}

/* "held by goroutine N for AGE, locked at FUNCTION (ledger.c:LINE)" */
static void has_holder(const char *block, const char *has, const char *did, const char *what)
{
	const struct truth *t = of(what);
	gdb_has(&run, block, "%s by goroutine %d for " AGE ", %s at %s \\(ledger\\.c:%d\\)", has, t->goid, did, t->function, t->line);
}

/* The first age behind `words` in `block`, in seconds, is what the truth `what` gives for some moment after the debuggee was ready; its clock may be half a second late. */
static void has_age(const char *block, const char *words, const char *what)
{
	const char *at = strstr(gdb_block(&run, block), words);
	regex_t pattern;
	regmatch_t match[3];
	char minutes[16] = "", seconds[16] = "";

	ck_assert_msg(at != NULL, "no '%s' in %s", words, block);
	ck_assert_int_eq(regcomp(&pattern, " ([0-9]+m)?([0-9]+|[0-9]+\\.[0-9])s( ago|,)", REG_EXTENDED), 0);
	ck_assert_msg(regexec(&pattern, at, 3, match, 0) == 0, "no age in '%s'", at);
	regfree(&pattern);
	if (match[1].rm_so >= 0)
		snprintf(minutes, sizeof minutes, "%.*s", (int)(match[1].rm_eo - match[1].rm_so), at + match[1].rm_so);
	snprintf(seconds, sizeof seconds, "%.*s", (int)(match[2].rm_eo - match[2].rm_so), at + match[2].rm_so);
	double age = 60 * atof(minutes) + atof(seconds);
	ck_assert_msg(age >= ready_at - of(what)->at - 0.5 - 0.5 && age <= now() - of(what)->at + 1, "%s: %s: %.1f s, but it was %.1f s ago when it was ready", block,
		      words, age, ready_at - of(what)->at);
}

START_TEST(locks_say_who_holds_them_where_and_since_when)
{
	static const char *const objects[] = {"kept", "orphaned", "unused", "written_by", "read_by", "left_by", "starting"};

	if (!begin(_i))
		return;
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
		gdb_do(&run, objects[i], "print %s", objects[i]);
	look(_i);

	gdb_says(&run, "kept", " = held by goroutine %d for .*, 1 goroutine waits$", id("kept"));
	has_holder("kept", "held", "locked", "kept");
	has_age("kept", "held by", "kept");
	gdb_says(&run, "orphaned", " = held by goroutine %d, which has ended, for " AGE ", locked at orphan \\(ledger\\.c:%d\\), 1 goroutine waits$", id("orphaned"),
		 of("orphaned")->line);
	has_age("orphaned", "ended,", "orphaned");
	gdb_says(&run, "unused", " = not held$");
	has_holder("written_by", "held", "locked", "written_by");
	has_age("written_by", "held by", "written_by");
	gdb_has(&run, "read_by", " = held by 1 reader, last locked for reading by ");
	has_mark("read_by", "last locked for reading", "read_by", true);
	gdb_has(&run, "left_by", " = not held, last locked for reading by ");
	has_mark("left_by", "last locked for reading", "left_by", true);
	has_age("left_by", "last locked for reading", "left_by");
	has_holder("starting", "run", "called", "starting");
	has_age("starting", "run by", "starting");
	end();
}
END_TEST

START_TEST(counters_and_conditions_say_who_used_them_last)
{
	static const char *const objects[] = {"group", "tokens", "called", "silent", "early", "stopped", "late"};

	if (!begin(_i))
		return;
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
		gdb_do(&run, objects[i], "print %s", objects[i]);
	look(_i);

	gdb_has(&run, "group", " = 1 to come, 1 goroutine waits, last changed by ");
	has_mark("group", "last changed", "group", true);
	has_age("group", "last changed", "group");
	gdb_has(&run, "tokens", " = 0 units, last acquired by ");
	has_mark("tokens", "last acquired", "tokens acquired", true);
	has_mark("tokens", "last released", "tokens released", true);
	has_age("tokens", "last released", "tokens released");
	gdb_has(&run, "called", " = 1 goroutine waits: %d; last signalled by ", id("want_called"));
	has_mark("called", "last signalled", "called", true);
	gdb_says(&run, "silent", " = 1 goroutine waits: %d; never signalled$", id("want_silent"));
	gdb_has(&run, "early", " = no goroutine waits; last signalled by ");
	has_mark("early", "last signalled", "early", true);
	gdb_has(&run, "stopped", " = context 0x[0-9a-f]+ \\(cancelled by ");
	has_mark("stopped", "cancelled", "stopped", true);
	has_age("stopped", "cancelled", "stopped");
	gdb_has(&run, "late", " = context 0x[0-9a-f]+ \\(timed out " AGE " ago; ");
	end();
}
END_TEST

START_TEST(channels_say_who_sent_received_and_closed)
{
	static const char *const objects[] = {"mail", "counter", "shut", "untouched", "alarm_clock"};
	char name[40];

	if (!begin(_i))
		return;
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++) {
		gdb_do(&run, objects[i], "print %s", objects[i]);
		snprintf(name, sizeof name, "info.%s", objects[i]);
		gdb_do(&run, name, "info channel %s", objects[i]);
	}
	gdb_do(&run, "address", "eval \"info channel %%p\", shut");
	gdb_do(&run, "none", "info channel &kept");
	gdb_do(&run, "nothing", "info channel");
	gdb_do(&run, "bad", "info channel no_such_thing");
	look(_i);

	for (int info = 0; info < 2; info++) {
#define BLOCK(name) (info ? "info." name : name)
		has_mark(BLOCK("mail"), "last sent to", "mail sent", false);
		has_mark(BLOCK("mail"), "last received from", "mail received", false);
		has_age(BLOCK("mail"), "last received from", "mail received");
		gdb_lacks(&run, BLOCK("mail"), "closed");
		has_mark(BLOCK("counter"), "last sent to", "counter sent", false);
		has_mark(BLOCK("counter"), "last received from", "counter received", false);
		gdb_has(&run, BLOCK("counter"), "waiting to receive: %d$", id("want_count"));
		has_mark(BLOCK("shut"), "closed", "shut", true);
		has_age(BLOCK("shut"), "closed by", "shut");
		gdb_lacks(&run, BLOCK("shut"), "sent|received");
		gdb_lacks(&run, BLOCK("untouched"), "sent|received|closed");
		gdb_has(&run, BLOCK("alarm_clock"), "last sent to by the runtime " AGE " ago");
		has_mark(BLOCK("alarm_clock"), "last received from", "alarm received", false);
	}
	gdb_has(&run, "info.shut", "^Channel 0x[0-9a-f]+ \\(int, 0/1, closed, made at ledger\\.c:[0-9]+\\)$");
	gdb_has(&run, "info.mail", "^  waiting to receive: %d$", id("want_mail"));
	has_mark("address", "^  closed", "shut", true);
	gdb_says(&run, "none", "there is no channel at 0x[0-9a-f]+; 'info channels' lists them");
	gdb_says(&run, "nothing", "of which channel\\?");
	gdb_has(&run, "bad", "'no_such_thing' is no channel: ");
	end();
}
END_TEST

START_TEST(goroutines_say_who_used_what_they_wait_on)
{
	static const char *const waiting[] = {"want_kept", "want_orphaned", "want_group", "want_token", "want_called", "want_silent", "want_mail", "want_count"};

	if (!begin(_i))
		return;
	for (size_t i = 0; i < sizeof waiting / sizeof waiting[0]; i++)
		gdb_do(&run, waiting[i], "info goroutine %d", id(waiting[i]));
	gdb_do(&run, "list", "info goroutines -no-group");
	look(_i);

	gdb_has(&run, "list", " mutex 0x[0-9a-f]+ \\(held by goroutine %d\\) ", id("kept"));
	gdb_has(&run, "list", " mutex 0x[0-9a-f]+ \\(held by goroutine %d, which has ended\\) ", id("orphaned"));

	gdb_has(&run, "want_kept", "^  account .* that goroutine %d has held for " AGE ", locked at keep \\(ledger\\.c:%d\\), and that one has waited ", id("kept"), of("kept")->line);
	has_age("want_kept", " has held", "kept");
	gdb_has(&run, "want_orphaned", "^  waits on  mutex 0x[0-9a-f]+ \\(held by goroutine %d, which has ended\\)$", id("orphaned"));
	gdb_has(&run, "want_orphaned", "^  account .* that goroutine %d has held for " AGE ", locked at orphan \\(ledger\\.c:%d\\), and that one has ended", id("orphaned"),
		of("orphaned")->line);
	has_mark("want_group", "^  account .*, last changed", "group", true);
	has_mark("want_token", "^  account .*, last acquired", "tokens acquired", true);
	has_mark("want_token", "^  account .*, last released", "tokens released", true);
	has_mark("want_called", "^  account .*, last signalled", "called", true);
	gdb_has(&run, "want_silent", "^  account .*, never signalled");
	has_mark("want_mail", "^  account .*, last sent to", "mail sent", false);
	has_mark("want_mail", "^  account .*, last received from", "mail received", false);
	has_mark("want_count", "^  account .*, last sent to", "counter sent", false);
	has_mark("want_count", "^  account .*, last received from", "counter received", false);
	end();
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb record", (const struct gdb_test[]){
						   {locks_say_who_holds_them_where_and_since_when, 0, PROGRAMS * WAYS},
						   {counters_and_conditions_say_who_used_them_last, 0, PROGRAMS * WAYS},
						   {channels_say_who_sent_received_and_closed, 0, PROGRAMS * WAYS},
						   {goroutines_say_who_used_what_they_wait_on, 0, PROGRAMS * WAYS},
						   {NULL, 0, 0},
					   });
}
