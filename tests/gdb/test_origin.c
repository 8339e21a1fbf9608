/* SPDX-License-Identifier: MIT */
/* What a goroutine works for, and where it comes from: what gdb says of every goroutine of family is what family wrote down, on a live process, on gcore's core and on the kernel's. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

enum { MEMBERS = 9 };
static struct truth {
	int goid, creator;
	char name[32], labels[8192], made[256];
} truths[MEMBERS + 1]; /* the last is of the creator of some, which has ended */

static void read_truth(void)
{
	static char line[16384];
	FILE *file = fopen(d.truth, "r");
	int n = 0;

	ck_assert_ptr_nonnull(file);
	for (; n < MEMBERS + 1 && fgets(line, sizeof line, file) != NULL; n++) {
		struct truth *t = &truths[n];
		char *field = line;
		t->goid = atoi(strsep(&field, "|"));
		snprintf(t->name, sizeof t->name, "%s", strsep(&field, "|"));
		snprintf(t->labels, sizeof t->labels, "%s", strsep(&field, "|"));
		snprintf(t->made, sizeof t->made, "%s", strsep(&field, "|"));
		ck_assert_ptr_nonnull(field);
		t->creator = atoi(field);
	}
	fclose(file);
	ck_assert_int_eq(n, MEMBERS + 1);
}

static int id(const char *name)
{
	for (int i = 0; i < MEMBERS; i++)
		if (strcmp(truths[i].name, name) == 0)
			return truths[i].goid;
	ck_abort_msg("family has no '%s'", name);
	return 0;
}

static const char *const programs[] = {"family", "family.O2", "family.stripped"};
enum { PROGRAMS = sizeof programs / sizeof programs[0], WAYS = GDB_WAYS }; /* live, gcore's core, the kernel's */

/* Starts the program of _i and takes the core of _i; false where this machine writes none. */
static bool begin(int i)
{
	setenv("GOSDEBUG", "creationstack=12,ancestors=4", 1);
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

/* The line of a block that begins with `label`, without that; NULL. */
static const char *line_of(const char *block, const char *label)
{
	static char line[16384];
	char begins[32];
	snprintf(begins, sizeof begins, "\n  %-8s  ", label);
	const char *at = strstr(block, begins);
	if (at == NULL)
		return NULL;
	snprintf(line, sizeof line, "%s", at + strlen(begins));
	line[strcspn(line, "\n")] = '\0';
	return line;
}

START_TEST(labels_are_the_truth)
{
	char name[40];

	if (!begin(_i))
		return;
	for (int i = 0; i < MEMBERS; i++) {
		snprintf(name, sizeof name, "info.%d", truths[i].goid);
		gdb_do(&run, name, "info goroutine %d", truths[i].goid);
	}
	gdb_do(&run, "request", "info goroutines -label request=r-881");
	gdb_do(&run, "pattern", "info goroutines -label request=r-88*");
	gdb_do(&run, "key", "info goroutines -label tenant");
	gdb_do(&run, "two", "info goroutines -label tenant=acme -label attempt");
	gdb_do(&run, "empty", "info goroutines -label empty=");
	gdb_do(&run, "odd", "info goroutines -label \"text=one*three*\"");
	gdb_do(&run, "none", "info goroutines -label request=r-88");
	gdb_do(&run, "no key", "info goroutines -label");
	gdb_do(&run, "apply", "goroutine apply all -label step=parse -q print $goid()");
	look(_i);

	for (int i = 0; i < MEMBERS; i++) {
		const struct truth *t = &truths[i];
		snprintf(name, sizeof name, "info.%d", t->goid);
		const char *line = line_of(gdb_block(&run, name), "labels");
		if (t->labels[0] == '\0')
			ck_assert_ptr_null(line);
		else
			ck_assert_str_eq(line, t->labels);
	}
	ck_assert_int_eq(gdb_lines(&run, "request"), 3);
	gdb_has(&run, "request", "^  %d +\"child\"", id("child"));
	gdb_has(&run, "request", "^  %d +\"parent\"", id("parent"));
	ck_assert_int_eq(gdb_lines(&run, "pattern"), 5);
	gdb_has(&run, "pattern", "^  %d +\"parser\"", id("parser"));
	ck_assert_int_eq(gdb_lines(&run, "key"), 4);
	ck_assert_int_eq(gdb_lines(&run, "two"), 2);
	gdb_has(&run, "two", "^  %d +\"changed child\"", id("changed child"));
	ck_assert_int_eq(gdb_lines(&run, "empty"), 2);
	gdb_has(&run, "empty", "^  %d +\"odd\"", id("odd"));
	gdb_has(&run, "odd", "^  %d +\"odd\"", id("odd"));
	gdb_says(&run, "none", "No goroutine matches \\(of 10\\)\\.");
	gdb_says(&run, "no key", "-label needs a value");
	ck_assert_int_eq(gdb_number(&run, "apply"), id("parser"));
	end();
}
END_TEST

/* "spawn:12,left:20": the pattern of the lines that say so, the first of them as `first` has it, which has a %s for the place. */
static const char *made_pattern(const struct truth *t, const char *first)
{
	static char pattern[2048];
	char copy[sizeof t->made], *rest = copy;
	size_t used = 0;

	snprintf(copy, sizeof copy, "%s", t->made);
	while (rest != NULL) {
		const char *function = strsep(&rest, ":"), *line = strsep(&rest, ",");
		char place[128];
		snprintf(place, sizeof place, "%s \\(family\\.c:%s\\)", function, line);
		used += (size_t)snprintf(pattern + used, sizeof pattern - used, used == 0 ? first : "\n            called from %s", place);
	}
	return pattern;
}

START_TEST(creation_is_the_truth)
{
	bool lines = _i % PROGRAMS != 2;
	char name[40], first[128];

	if (!begin(_i))
		return;
	for (int i = 0; i < MEMBERS; i++) {
		snprintf(name, sizeof name, "info.%d", truths[i].goid);
		gdb_do(&run, name, "info goroutine %d", truths[i].goid);
	}
	gdb_do(&run, "list", "info goroutines -created spawn");
	look(_i);

	int made = 0;
	for (int i = 0; i < MEMBERS; i++) {
		const struct truth *t = &truths[i];
		if (t->made[0] == '\0')
			continue;
		made++;
		snprintf(name, sizeof name, "info.%d", t->goid);
		if (!lines) { /* calls are shown all the same */
			gdb_has(&run, name, "^            called from ");
			gdb_has(&run, name, "^  ancestor  goroutine %d, created at .* by goroutine 1$", t->creator);
			continue;
		}
		snprintf(first, sizeof first, "  created   %%s by goroutine %d, which has ended", t->creator);
		gdb_has(&run, name, "^%s\n  ancestor ", made_pattern(t, first));
		snprintf(first, sizeof first, "  ancestor  goroutine %d, created at %%s by goroutine 1", t->creator);
		gdb_has(&run, name, "^%s\n  ancestor ", made_pattern(&truths[MEMBERS], first));
		gdb_has(&run, name, "^  ancestor  goroutine 1, created at main \\(family\\.c:[0-9]+\\)\n  [a-z]");
	}
	ck_assert_int_eq(made, 2);
	if (lines)
		ck_assert_int_eq(gdb_lines(&run, "list"), 3);
	end();
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb origin", (const struct gdb_test[]){
						   {labels_are_the_truth, 300, PROGRAMS * WAYS},
						   {creation_is_the_truth, 300, PROGRAMS * WAYS},
						   {NULL, 0, 0},
					   });
}
