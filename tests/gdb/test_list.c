/* SPDX-License-Identifier: MIT */
/*
 * The list is the truth: what 'info goroutines' says of every goroutine of garden is what garden wrote down about itself, and each of
 * them can be entered, however the program was built and however it is looked at.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb_session.h"

struct truth {
	int goid;
	char name[32], reason[40], function[40], line[16];
};

static int read_truth(struct debuggee *d, struct truth *truths, int max)
{
	FILE *file = fopen(d->truth, "r");
	int n = 0;

	ck_assert_ptr_nonnull(file);
	while (n < max && fscanf(file, " %d|%31[^|]|%39[^|]|%39[^|]|%15[^\n]", &truths[n].goid, truths[n].name, truths[n].reason,
				 truths[n].function, truths[n].line) == 5)
		n++;
	fclose(file);
	ck_assert_int_eq(n, 11);
	return n;
}

/* A text as a pattern that matches just it. */
static const char *quoted(const char *text)
{
	static char pattern[128];
	char *to = pattern;
	for (; *text != '\0'; text++) {
		if (strchr(".()[]*+?", *text) != NULL)
			*to++ = '\\';
		*to++ = *text;
	}
	*to = '\0';
	return pattern;
}

static const struct {
	const char *program;
	bool lines, functions; /* what symbols there are */
} variants[] = {
	{"garden", true, true},
	{"garden.O2", true, true},
	{"garden.shared", true, true},
	{"garden.static", true, true},
	{"garden.split", true, true},
	{"garden.stripped", false, false},
	{"garden.shared.stripped", false, false},
	{"garden.static.stripped", false, false},
};
enum { VARIANTS = sizeof variants / sizeof variants[0] };
enum { WAYS = 3 }; /* live, gcore's core, the kernel's core */

static void look(struct gdb_run *run, struct debuggee *d, int way)
{
	if (way == 0)
		gdb_attach(run, d);
	else
		gdb_core(run, d);
}

START_TEST(list_is_the_truth)
{
	static struct gdb_run run;
	struct debuggee d;
	struct truth truths[16];
	int variant = _i % VARIANTS, way = _i / VARIANTS;

	debuggee_start(&d, variants[variant].program, NULL, NULL, NULL);
	int n = read_truth(&d, truths, 16);
	if (way != 0 && !debuggee_core(&d, way == 1 ? CORE_GCORE : CORE_KERNEL)) {
		debuggee_end(&d);
		return;
	}
	gdb_begin(&run);
	gdb_do(&run, "list", "info goroutines");
	gdb_do(&run, "channels", "info channels");
	for (int i = 0; i < n; i++) {
		char name[40];
		snprintf(name, sizeof name, "enter.%d", truths[i].goid);
		gdb_do(&run, name, "goroutine %d", truths[i].goid);
		snprintf(name, sizeof name, "bt.%d", truths[i].goid);
		gdb_do(&run, name, "bt");
		snprintf(name, sizeof name, "info.%d", truths[i].goid);
		gdb_do(&run, name, "info goroutine %d", truths[i].goid);
	}
	look(&run, &d, way);

	ck_assert_int_eq(gdb_lines(&run, "list"), 1 + n + 1); /* the header, these, and the gardener */
	gdb_has(&run, "list", "^[ *] 1 +\"gardener\" +running on thread [0-9]+");
	for (int i = 0; i < n; i++) {
		struct truth *t = &truths[i];
		char name[40], place[128] = "";
		if (variants[variant].lines)
			snprintf(place, sizeof place, "%s \\(garden\\.c:%s\\) +", t->function, t->line);
		gdb_has(&run, "list", "^  %d +\"%s\" +waiting, %s .*[0-9]m?s +%s", t->goid, t->name, quoted(t->reason), place);
		snprintf(name, sizeof name, "enter.%d", t->goid);
		gdb_has(&run, name, "^\\[Switching to goroutine %d \"%s\" \\(%s, [0-9.]+m?s\\)\\]$", t->goid, t->name,
			quoted(t->reason));
		if (variants[variant].lines)
			gdb_has(&run, name, "^#[0-9]+ .*%s \\(.*garden\\.c:%s$", t->function, t->line);
		snprintf(name, sizeof name, "bt.%d", t->goid);
		if (variants[variant].lines)
			gdb_has(&run, name, "^#[0-9]+ .*%s \\(.*garden\\.c:%s$", t->function, t->line);
		else
			ck_assert_int_ge(gdb_lines(&run, name), 3);
		gdb_lacks(&run, name, GDB_FRAME_OF("syscall|futex|epoll|nanosleep|clone") "|Backtrace stopped|^#0 ");
		snprintf(name, sizeof name, "info.%d", t->goid);
		gdb_has(&run, name, "^Goroutine %d \"%s\"$", t->goid, t->name);
		gdb_has(&run, name, "^  state     waiting, %s, for ", quoted(t->reason));
	}
	/* What they wait on. */
	gdb_has(&run, "list", "\"receiver\" .* chan 0x[0-9a-f]+ \\(struct seed, 0/0, made at garden\\.c:[0-9]+\\)");
	gdb_has(&run, "list", "\"sender\" .* chan 0x[0-9a-f]+ \\(unsigned long, 4/4, made at garden\\.c:[0-9]+\\)");
	gdb_has(&run, "list", "\"chooser\" .* 2 channels: 0x[0-9a-f]+, 0x[0-9a-f]+");
	gdb_has(&run, "list", "\"locker 0\" .* mutex 0x[0-9a-f]+ \\(held by goroutine 2\\)");
	gdb_has(&run, "list", "\"reader\" .* fd [0-9]+ to read");
	gdb_has(&run, "list", "\"holder\" .* timer, 59m[0-9]+s left");
	gdb_has(&run, "channels", "struct seed +0/0 +garden\\.c:[0-9]+ +[0-9]+, [0-9]+$");
	if (variants[variant].functions)
		gdb_has(&run, "list", "^  2 .* app \\(garden\\.c:[0-9]+\\) by 1$");
	if (way == 0)
		debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Every field of a line, by the filters that ask for it. */
START_TEST(filters_find_what_they_name)
{
	static struct gdb_run run;
	struct debuggee d;

	debuggee_start(&d, "garden", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "state", "info goroutines -state running");
	gdb_do(&run, "reason", "info goroutines -reason \"chan receive\"");
	gdb_do(&run, "bare reason", "info goroutines -reason chan receive -name rec*");
	gdb_do(&run, "part", "info goroutines -reason chan");
	gdb_do(&run, "name", "info goroutines -name \"lock*\"");
	gdb_do(&run, "at", "info goroutines -at locker");
	gdb_do(&run, "created", "info goroutines -created main");
	gdb_do(&run, "long", "info goroutines -waiting-longer 1h");
	gdb_do(&run, "short", "info goroutines -waiting-longer 1ms");
	gdb_do(&run, "on", "info goroutines -on seeds");
	gdb_do(&run, "ids", "info goroutines 2 5000-6000 1");
	gdb_do(&run, "both", "info goroutines -reason chan -name sender");
	gdb_do(&run, "limit", "info goroutines -limit 5");
	gdb_do(&run, "page", "info goroutines -limit 5 -page 3");
	gdb_do(&run, "no page", "info goroutines -limit 5 -page 4");
	gdb_do(&run, "group", "info goroutines -group");
	gdb_do(&run, "group all", "info goroutines -group -all");
	gdb_do(&run, "sort", "info goroutines -sort time -limit 1");
	gdb_do(&run, "bad option", "info goroutines -frobnicate");
	gdb_do(&run, "bad state", "info goroutines -state purple");
	gdb_do(&run, "bad reason", "info goroutines -reason purple");
	gdb_do(&run, "bad time", "info goroutines -waiting-longer soon");
	gdb_do(&run, "bad on", "info goroutines -on no_such_symbol");
	gdb_do(&run, "no value", "info goroutines -at");
	gdb_attach(&run, &d);

	gdb_has(&run, "state", "\"gardener\"");
	ck_assert_int_eq(gdb_lines(&run, "state"), 2);
	gdb_has(&run, "reason", "\"receiver\"");
	ck_assert_int_eq(gdb_lines(&run, "reason"), 2);
	ck_assert_int_eq(gdb_lines(&run, "bare reason"), 2);
	ck_assert_int_eq(gdb_lines(&run, "part"), 4); /* receive, send, receive (nil chan) */
	ck_assert_int_eq(gdb_lines(&run, "name"), 3);
	ck_assert_int_eq(gdb_lines(&run, "at"), 3);
	gdb_has(&run, "created", "\"gardener\"");
	ck_assert_int_eq(gdb_lines(&run, "created"), 2);
	gdb_says(&run, "long", "^No goroutine matches \\(of 12\\)\\.$");
	ck_assert_int_eq(gdb_lines(&run, "short"), 12);
	gdb_has(&run, "on", "\"receiver\"");
	gdb_has(&run, "on", "\"chooser\"");
	ck_assert_int_eq(gdb_lines(&run, "on"), 3);
	ck_assert_int_eq(gdb_lines(&run, "ids"), 3);
	ck_assert_int_eq(gdb_lines(&run, "both"), 2);
	gdb_has(&run, "limit", "^1 to 5 of 12 goroutines; -limit 5 -page 2 shows the next");
	gdb_has(&run, "page", "^11 to 12 of 12 goroutines\\.$");
	gdb_says(&run, "no page", "^there is no page 4: 12 fill 3 pages$");
	ck_assert_int_lt(gdb_lines(&run, "group"), 10);
	gdb_has(&run, "group", "^12 goroutines in 12 groups:$");
	gdb_has(&run, "group", "^6 goroutines in 6 more groups not shown");
	ck_assert_int_eq(gdb_lines(&run, "group all"), 2 + 12 + 1);
	gdb_has(&run, "sort", "\"holder\"");
	gdb_says(&run, "bad option", "'-frobnicate' is neither an id nor an option; options are -state");
	gdb_says(&run, "bad state", "^no state 'purple' \\(.*running.*waiting");
	gdb_says(&run, "bad reason", "^no wait reason 'purple' \\(.*chan receive.*IO wait.*\\)");
	gdb_says(&run, "bad time", "'soon' is no duration");
	gdb_says(&run, "bad on", "no_such_symbol");
	gdb_says(&run, "no value", "^-at needs a value$");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* A running goroutine shows where its thread is, and gdb's own place is marked. */
START_TEST(running_ones_are_where_their_threads_are)
{
	static struct gdb_run run;
	struct debuggee d;

	debuggee_start(&d, "garden", "600", NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "list", "info goroutines 1");
	gdb_do(&run, "none", "goroutine");
	gdb_do(&run, "enter", "goroutine 1");
	gdb_do(&run, "which", "goroutine");
	gdb_do(&run, "marked", "info goroutines 1-2");
	gdb_do(&run, "thread", "python print(gdb.selected_thread().num)");
	gdb_do(&run, "parked", "goroutine 2");
	gdb_do(&run, "moved", "info goroutines 1-2");
	gdb_attach(&run, &d);
	gdb_has(&run, "list", "^  1 +\"gardener\" +running on thread [0-9]+ +pause_ms \\(truth\\.h:[0-9]+\\)");
	gdb_has(&run, "none", "^\\[No goroutine: thread 1 runs none\\]$");
	gdb_has(&run, "enter", "^\\[Switching to goroutine 1 \"gardener\" \\(running on thread [0-9]+\\)\\]$");
	gdb_has(&run, "enter", "pause_ms \\(ms=600000\\)");
	gdb_has(&run, "which", "^\\[Current goroutine is 1 \"gardener\" \\(running on thread %ld\\)\\]$",
		gdb_number(&run, "thread"));
	gdb_has(&run, "marked", "^\\* 1 ");
	gdb_has(&run, "marked", "^  2 ");
	gdb_has(&run, "moved", "^  1 ");
	gdb_has(&run, "moved", "^\\* 2 ");
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb list", (const struct gdb_test[]){
						 {list_is_the_truth, 120, VARIANTS * WAYS},
						 {filters_find_what_they_name, 0, 0},
						 {running_ones_are_where_their_threads_are, 0, 0},
						 {NULL, 0, 0},
					 });
}
