/* SPDX-License-Identifier: MIT */
/*
 * What lately happened to a goroutine, as gdb tells it from the flight recorder, is what diary wrote down while it happened: on a live process, on gcore's core and on the kernel's.
 */
#include <regex.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

enum { EVENTS = 64 };
static struct event {
	int goid;
	char kind[16];
	unsigned long object;
	long from, to; /* ns */
} events[EVENTS];
static int count;

static void read_truth(void)
{
	FILE *file = fopen(d.truth, "r");
	ck_assert_ptr_nonnull(file);
	count = 0;
	while (count < EVENTS && fscanf(file, " %d|%15[^|]|%lu|%ld|%ld", &events[count].goid, events[count].kind, &events[count].object, &events[count].from,
					&events[count].to) == 5)
		count++;
	fclose(file);
	ck_assert_int_eq(count, 14);
}

/* What the list says of an event. */
static const char *listed(const struct event *e)
{
	static char pattern[200];
	if (strcmp(e->kind, "made") == 0 || strcmp(e->kind, "ready") == 0)
		snprintf(pattern, sizeof pattern, " [0-9]+ +%lu +%s goroutine %d$", e->object, e->kind[0] == 'm' ? "made" : "made ready", e->goid);
	else if (strcmp(e->kind, "parked-chan") == 0)
		snprintf(pattern, sizeof pattern, " [0-9]+ +%d +parked: chan receive, chan 0x%lx$", e->goid, e->object);
	else if (strcmp(e->kind, "parked-mutex") == 0)
		snprintf(pattern, sizeof pattern, " [0-9]+ +%d +parked: sync\\.Mutex\\.Lock, mutex 0x%lx$", e->goid, e->object);
	else if (strcmp(e->kind, "parked-sleep") == 0)
		snprintf(pattern, sizeof pattern, " [0-9]+ +%d +parked: sleep$", e->goid);
	else if (strcmp(e->kind, "woken") == 0)
		snprintf(pattern, sizeof pattern, " [0-9]* +%d +was woken$", e->goid);
	else if (strcmp(e->kind, "called") == 0)
		snprintf(pattern, sizeof pattern, " [0-9]+ +%d +began a blocking call at caller \\(diary\\.c:[0-9]+\\)$", e->goid);
	else if (strcmp(e->kind, "ended") == 0)
		snprintf(pattern, sizeof pattern, " [0-9]+ +%d +ended$", e->goid);
	else
		ck_abort_msg("diary has written '%s'", e->kind);
	return pattern;
}

/* What 'lately' says of it. */
static const char *told(const struct event *e)
{
	static char pattern[200];
#define AGO "(just now|[0-9.]+[mun]?s ago|[0-9]+m[0-9]+s ago)"
#define RAN ", having run (for [0-9.a-z]+ )?on P [0-9]+$"
	if (strcmp(e->kind, "made") == 0 || strcmp(e->kind, "ready") == 0)
		snprintf(pattern, sizeof pattern, "%s " AGO " by goroutine %lu( \"author\")? on P [0-9]+$", e->kind[0] == 'm' ? "made" : "made ready", e->object);
	else if (strcmp(e->kind, "parked-chan") == 0)
		snprintf(pattern, sizeof pattern, "parked " AGO " on chan receive of chan 0x%lx" RAN, e->object);
	else if (strcmp(e->kind, "parked-mutex") == 0)
		snprintf(pattern, sizeof pattern, "parked " AGO " on sync\\.Mutex\\.Lock of mutex 0x%lx" RAN, e->object);
	else if (strcmp(e->kind, "parked-sleep") == 0)
		snprintf(pattern, sizeof pattern, "parked " AGO " on sleep" RAN);
	else if (strcmp(e->kind, "woken") == 0)
		snprintf(pattern, sizeof pattern, "made ready " AGO " by a timer, the netpoller or the like( on P [0-9]+)?$");
	else if (strcmp(e->kind, "called") == 0)
		snprintf(pattern, sizeof pattern, "began a blocking call " AGO " at caller \\(diary\\.c:[0-9]+\\)" RAN);
	else
		ck_abort_msg("diary has written '%s'", e->kind);
	return pattern;
}

enum { WAYS = GDB_WAYS, KINDS = 2, PROGRAMS = 2 }; /* live, gcore's core, the kernel's; coarse or exact; static or shared */
static const char *const programs[] = {"diary", "diary.O2"};

static bool begin(int i)
{
	setenv("GOSDEBUG", i / WAYS % KINDS != 0 ? "flight=exact" : "", 1);
	return gdb_way_begin(&run, &d, programs[i / WAYS / KINDS], i % WAYS, read_truth);
}

static void look(int i)
{
	gdb_way_look(&run, &d, i % WAYS);
}

static void end(void)
{
	gdb_way_end(&run, &d);
}

/* The next line of *text that is no step aside which any goroutine may take at any time, and is not its first run; NULL: there is none. */
static char *next_line(char **text)
{
	for (;;) {
		char *line = strsep(text, "\n");
		if (line == NULL)
			return NULL;
		if (line[0] != '\0' && strstr(line, "gave way") == NULL && strstr(line, "had to give way") == NULL && strstr(line, " ran") == NULL &&
		    strstr(line, "began to run") == NULL)
			return line;
	}
}

static void must_match(const char *line, const char *pattern, const char *all)
{
	regex_t regex;
	ck_assert_int_eq(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB), 0);
	if (line == NULL || regexec(&regex, line, 0, NULL, 0) != 0)
		ck_abort_msg("'%s' is not '%s' in:\n%s", line != NULL ? line : "nothing", pattern, all);
	regfree(&regex);
}

START_TEST(the_list_is_the_diary)
{
	char name[40];
	bool exact = _i / WAYS % KINDS != 0;
	if (!begin(_i))
		return;
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "list.%d", events[i].goid);
		if (i == 0 || events[i].goid != events[i - 1].goid)
			gdb_do(&run, name, "info flight -g %d", events[i].goid);
	}
	look(_i);
	for (int first = 0, last; first < count; first = last) {
		snprintf(name, sizeof name, "list.%d", events[first].goid);
		char *all = strdup(gdb_block(&run, name)), *copy = strdup(all), *text = copy;
		char *line = next_line(&text);
		must_match(line, "^ *Time +P +Goroutine +Event$", all);
		for (last = first; last < count && events[last].goid == events[first].goid; last++) {
			double at;
			do {
				line = next_line(&text); /* but for what it did to others */
			} while (line != NULL && strstr(line, "made ready") != NULL && strcmp(events[last].kind, "ready") != 0);
			must_match(line, listed(&events[last]), all);
			ck_assert_int_eq(sscanf(line, "%lf", &at), 1);
			if (exact && (at * 1e9 < events[last].from - 1000 || at * 1e9 > events[last].to + 1000)) /* it is shown to a microsecond */
				ck_abort_msg("'%s' was between %ld and %ld ns", line, events[last].from, events[last].to);
		}
		must_match(next_line(&text), "^It is [0-9.]+ now\\.$", all);
		free(copy);
		free(all);
	}
	end();
}
END_TEST

START_TEST(lately_is_the_diary_backwards)
{
	char name[40];
	if (!begin(_i))
		return;
	for (int i = 0; i < count; i++) {
		snprintf(name, sizeof name, "info.%d", events[i].goid);
		if ((i == 0 || events[i].goid != events[i - 1].goid) && strcmp(events[i + 1].kind, "ended") != 0)
			gdb_do(&run, name, "info goroutine %d", events[i].goid);
	}
	look(_i);
	for (int first = 0, last; first < count; first = last) {
		for (last = first; last < count && events[last].goid == events[first].goid; last++)
			;
		if (strcmp(events[last - 1].kind, "ended") == 0)
			continue;
		snprintf(name, sizeof name, "info.%d", events[first].goid);
		const char *found = strstr(gdb_block(&run, name), "\n  lately    ");
		ck_assert_msg(found != NULL, "no 'lately' in:\n%s", gdb_block(&run, name));
		char *all = strdup(found + 1), *copy = strdup(all), *text = copy, *line = copy;
		memset(line, ' ', strlen("  lately"));
		int lines = 0;
		for (int i = last; i-- > first; lines++) {
			line = next_line(&text);
			if (line != NULL && strncmp(line, "            ", 12) != 0 && lines > 0) /* six lines, some of which were steps aside */
				break;
			must_match(line, told(&events[i]), all);
		}
		free(copy);
		free(all);
	}
	end();
}
END_TEST

START_TEST(what_is_asked_wrongly_is_said)
{
	if (!begin(0))
		return;
	gdb_do(&run, "none", "info flight -g 4711");
	gdb_do(&run, "no id", "info flight -g");
	gdb_do(&run, "no number", "info flight -n many");
	gdb_do(&run, "zero", "info flight -n 0");
	gdb_do(&run, "no option", "info flight 5");
	gdb_do(&run, "two", "info flight -n 2");
	look(0);
	gdb_says(&run, "none", "^Nothing has been written down of goroutine 4711, or it was too long ago\\.$");
	gdb_says(&run, "no id", "^-g needs a goroutine's id$");
	gdb_says(&run, "no number", "^'many' is no number of events$");
	gdb_says(&run, "zero", "^'0' is no number of events$");
	gdb_says(&run, "no option", "^'5' is no option; options are -g ID, -n COUNT$");
	ck_assert_int_eq(gdb_lines(&run, "two"), 4);
	end();
}
END_TEST

START_TEST(that_it_is_off_is_said)
{
	setenv("GOSDEBUG", "flight=0", 1);
	debuggee_start(&d, "diary", NULL, NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "list", "info flight");
	gdb_do(&run, "info", "info goroutine 1");
	gdb_attach(&run, &d);
	debuggee_must_end_well(&d);
	gdb_says(&run, "list", "^the flight recorder is off ");
	gdb_has(&run, "info", "^  lately    not known: the flight recorder is off ");
	end();
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb flight", (const struct gdb_test[]){
						   {the_list_is_the_diary, 0, WAYS * KINDS * PROGRAMS},
						   {lately_is_the_diary_backwards, 0, WAYS * KINDS * PROGRAMS},
						   {what_is_asked_wrongly_is_said, 0, 0},
						   {that_it_is_off_is_said, 0, 0},
						   {NULL, 0, 0},
					   });
}
