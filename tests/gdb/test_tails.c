/* SPDX-License-Identifier: MIT */
/*
 * Goroutines whose entry has jumped to its last call, as optimizing compilers make it: no frame tells of the entry, but it is where they are. What gdb says of those of tails, on a live
 * process, on gcore's core and on the kernel's, with and without symbols.
 */
#include <stdio.h>
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

struct truth {
	int goid;
	char name[32], state[64], function[40];
	int line;
	unsigned long entry;
	int is_where;
};
enum { GOROUTINES = 9 };
static struct truth truths[GOROUTINES];

static void read_truth(void)
{
	FILE *file = fopen(d.truth, "r");
	int n = 0;

	ck_assert_ptr_nonnull(file);
	for (struct truth *t = truths; n < GOROUTINES && fscanf(file, " %d|%31[^|]|%63[^|]|%39[^|]|%d|%lx|%d", &t->goid, t->name, t->state, t->function, &t->line, &t->entry,
								&t->is_where) == 7;
	     t++)
		n++;
	fclose(file);
	ck_assert_int_eq(n, GOROUTINES);
}

static const struct truth *named(const char *name)
{
	for (int i = 0; i < GOROUTINES; i++)
		if (strcmp(truths[i].name, name) == 0)
			return &truths[i];
	ck_abort_msg("tails has no '%s'", name);
	return NULL;
}

static const char *const programs[] = {"tails", "tails.shared", "tails.stripped"};
enum { PROGRAMS = sizeof programs / sizeof programs[0], STRIPPED = 2, WAYS = GDB_WAYS };

static bool begin(int i)
{
	return gdb_way_begin(&run, &d, programs[i % PROGRAMS], i / PROGRAMS, read_truth);
}

static void end(void)
{
	gdb_way_end(&run, &d);
}

/* What every observer says of where it stands, as a pattern. */
static const char *place_of(const struct truth *t, int i)
{
	static char place[128];
	if (i % PROGRAMS == STRIPPED)
		snprintf(place, sizeof place, "0x%lx", t->entry);
	else
		snprintf(place, sizeof place, "%s \\(tails\\.c:%d\\)", t->function, t->line);
	return place;
}

START_TEST(entries_are_where_they_stand)
{
	bool symbols = _i % PROGRAMS != STRIPPED;
	char name[40];

	if (!begin(_i))
		return;
	gdb_do(&run, "list", "info goroutines -no-group");
	for (int i = 0; i < GOROUTINES; i++) {
		snprintf(name, sizeof name, "info.%d", truths[i].goid);
		gdb_do(&run, name, "info goroutine %d", truths[i].goid);
		snprintf(name, sizeof name, "enter.%d", truths[i].goid);
		gdb_do(&run, name, "goroutine %d", truths[i].goid);
		snprintf(name, sizeof name, "bt.%d", truths[i].goid);
		gdb_do(&run, name, "bt");
	}
	gdb_way_look(&run, &d, _i / PROGRAMS);

	ck_assert_int_eq(gdb_lines(&run, "list"), 1 + GOROUTINES + 1);
	gdb_lacks(&run, "list", "rt_gostart|switch\\.S");
	for (int i = 0; i < GOROUTINES; i++) {
		const struct truth *t = &truths[i];
		bool calls = strcmp(t->state, "syscall") == 0;
		if (!symbols && (!t->is_where || calls)) /* the frame that is the program's is not known from the library's */
			continue;
		gdb_has(&run, "list", "^[ *] %d +\"%s\" +%s.*[0-9]m?s +%s +", t->goid, t->name, t->state, place_of(t, _i));
		snprintf(name, sizeof name, "info.%d", t->goid);
		gdb_has(&run, name, "^  where     %s$", place_of(t, _i));
		gdb_has(&run, name, "^  account   goroutine %d \"%s\" has .* at %s", t->goid, t->name, place_of(t, _i));
		gdb_lacks(&run, name, "rt_gostart|switch\\.S");
		if (!symbols)
			continue;
		/* And there is no frame of it, so this was not read from one. */
		snprintf(name, sizeof name, "bt.%d", t->goid);
		gdb_has(&run, name, " rt_gostart \\(");
		if (t->is_where)
			gdb_lacks(&run, name, GDB_FRAME_OF("receiver|locker|sleeper|visitor|finder|reader"));
		else
			gdb_lacks(&run, name, GDB_FRAME_OF("stepper|opener"));
		snprintf(name, sizeof name, "enter.%d", t->goid);
		gdb_lacks(&run, name, " rt_gostart \\(");
		if (t->is_where && !calls)
			gdb_has(&run, name, "^#[0-9]+ .*gos_[a-z_]+ \\("); /* what it has called is the innermost that there is */
	}
	end();
}
END_TEST

START_TEST(who_has_ended_has_no_place)
{
	if (!begin(_i * PROGRAMS))
		return;
	gdb_do(&run, "finder", "info goroutine %d", named("finder")->goid);
	gdb_do(&run, "visitor", "info goroutine %d", named("visitor")->goid);
	gdb_do(&run, "lost", "print lost");
	gdb_do(&run, "opening", "print opening");
	gdb_way_look(&run, &d, _i);

	gdb_has(&run, "finder", "^            held by goroutine [0-9]+, which has ended, for [0-9.]+m?s, locked at its function's last call$");
	gdb_has(&run, "finder", "^  account   .* has held for [0-9.]+m?s, locked at its function's last call, and that one has ended");
	gdb_has(&run, "lost", "locked at its function's last call");
	/* One that still runs has. */
	gdb_has(&run, "visitor", "^            run by goroutine %d \"opener\" for [0-9.]+m?s, called at opener \\(tails\\.c:[0-9]+\\); ", named("opener")->goid);
	gdb_has(&run, "visitor", "^  account   .* has run for [0-9.]+m?s, called at opener \\(tails\\.c:[0-9]+\\), and that one has waited ");
	gdb_has(&run, "opening", "called at opener \\(tails\\.c:[0-9]+\\)");
	end();
}
END_TEST

START_TEST(filters_and_groups_know_them)
{
	if (!begin(_i * PROGRAMS))
		return;
	gdb_do(&run, "at", "info goroutines -at other_receiver");
	gdb_do(&run, "groups", "info goroutines -group -all");
	gdb_way_look(&run, &d, _i);

	ck_assert_int_eq(gdb_lines(&run, "at"), 2);
	gdb_has(&run, "at", "^[ *] %d +\"other receiver\"", named("other receiver")->goid);
	gdb_has(&run, "groups", "^ +1 +waiting, chan receive .* receiver \\(tails\\.c:%d\\) .* %d$", named("receiver")->line, named("receiver")->goid);
	gdb_has(&run, "groups", "^ +1 +waiting, chan receive .* other_receiver \\(tails\\.c:%d\\) .* %d$", named("other receiver")->line, named("other receiver")->goid);
	gdb_lacks(&run, "groups", "rt_gostart|switch\\.S");
	end();
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb tails", (const struct gdb_test[]){
						  {entries_are_where_they_stand, 0, PROGRAMS * WAYS},
						  {who_has_ended_has_no_place, 0, WAYS},
						  {filters_and_groups_know_them, 0, WAYS},
						  {NULL, 0, 0},
					  });
}
