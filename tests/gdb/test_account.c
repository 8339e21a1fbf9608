/* SPDX-License-Identifier: MIT */
/*
 * One sentence about each goroutine, whatever it waits for: who, what, since when, where, for what, by whom, whose turn. The program itself says it of every goroutine of
 * village, and so does gdb, on the live process and on the kernel's core: in the words that village wrote down.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

enum { GOROUTINES = 49, SENTENCE = 4096 };
static struct truth {
	int goid;
	char sentence[SENTENCE], pattern[SENTENCE];
} truths[GOROUTINES + 1]; /* the last: of goroutine 1 while it was in gos_dump */

#define DURATION "([0-9]+(ns|us|ms)|[0-9]+\\.[0-9]s|[0-9]+m[0-9][0-9]s|[0-9]+h[0-9][0-9]m)"

/* The sentence as a regular expression, in which <D> is a duration, and <T> what it has done with its time. */
static void make_pattern(struct truth *t)
{
	char *to = t->pattern, *end = t->pattern + sizeof t->pattern - 600;
	*to++ = '^';
	for (const char *at = t->sentence; *at != '\0' && to < end; at++) {
		if (strncmp(at, "<D>", 3) == 0 || strncmp(at, "<T>", 3) == 0) {
			to += sprintf(to, "%s", at[1] == 'D' ? DURATION : "; in all it ran " DURATION " in [0-9]+ runs?, was runnable " DURATION "(, in syscall " DURATION ")? and waited " DURATION);
			at += 2;
			continue;
		}
		if (strchr("()[].*+?^$|{}\\", *at) != NULL)
			*to++ = '\\';
		*to++ = *at;
	}
	ck_assert(to < end);
	strcpy(to, "$");
}

static void read_truth(void)
{
	static char line[SENTENCE + 16];
	FILE *file = fopen(d.truth, "r");
	int n = 0;

	ck_assert_ptr_nonnull(file);
	for (; n <= GOROUTINES && fgets(line, sizeof line, file) != NULL; n++) {
		struct truth *t = &truths[n];
		int at = 0;
		line[strcspn(line, "\n")] = '\0';
		ck_assert_int_eq(sscanf(line, "%d|%n", &t->goid, &at), 1);
		ck_assert_int_ne(at, 0);
		snprintf(t->sentence, sizeof t->sentence, "%s", line + at);
		make_pattern(t);
	}
	fclose(file);
	ck_assert_int_eq(n, GOROUTINES + 1);
	ck_assert_int_eq(truths[GOROUTINES].goid, 0);
}

static const char *const programs[] = {"village", "village.O2"};
enum { PROGRAMS = sizeof programs / sizeof programs[0], WAYS = 2 }; /* live, the kernel's core */

START_TEST(gdb_says_what_is_so)
{
	char name[40];
	bool core = _i / PROGRAMS == 1;

	debuggee_start(&d, programs[_i % PROGRAMS], NULL, NULL, NULL);
	read_truth();
	if (core && !debuggee_core(&d, CORE_KERNEL)) {
		debuggee_end(&d);
		return;
	}
	gdb_begin(&run);
	for (int i = 0; i < GOROUTINES; i++) {
		snprintf(name, sizeof name, "account.%d", truths[i].goid);
		gdb_do(&run, name, "info goroutine -account %d", truths[i].goid);
	}
	gdb_do(&run, "all", "info goroutine %d", truths[0].goid);
	if (core) {
		gdb_core(&run, &d);
	} else {
		gdb_attach(&run, &d);
		debuggee_must_end_well(&d);
	}
	for (int i = 0; i < GOROUTINES; i++) {
		snprintf(name, sizeof name, "account.%d", truths[i].goid);
		gdb_says(&run, name, "%s", truths[i].pattern);
	}
	gdb_has(&run, "all", "^  account   %s", truths[0].pattern + 1);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* The same words from the program itself. */
START_TEST(the_program_says_what_is_so)
{
	static char line[SENTENCE];
	char path[GDB_PATH_MAX + 16];
	int said = 0;

	debuggee_start(&d, programs[_i], NULL, NULL, NULL);
	read_truth();
	snprintf(path, sizeof path, "%s.accounts", d.truth);
	FILE *file = fopen(path, "r");
	ck_assert_ptr_nonnull(file);
	while (fgets(line, sizeof line, file) != NULL) {
		int goid;
		line[strcspn(line, "\n")] = '\0';
		ck_assert_int_eq(sscanf(line, "goroutine %d ", &goid), 1);
		const struct truth *t = goid == 1 ? &truths[GOROUTINES] : truths;
		while (t < truths + GOROUTINES && t->goid != goid)
			t++;
		if (t == truths + GOROUTINES && goid != 1)
			continue; /* of the runtime's own making: who looks up names */
		said++;
		ck_assert_msg(gdb_matches(line, t->pattern), "the program says\n%s\nand not\n%s", line, t->sentence);
	}
	fclose(file);
	ck_assert_int_eq(said, GOROUTINES);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb account", (const struct gdb_test[]){
						    {gdb_says_what_is_so, 0, PROGRAMS * WAYS},
						    {the_program_says_what_is_so, 0, PROGRAMS},
						    {NULL, 0, 0},
					    });
}
