/* SPDX-License-Identifier: MIT */
/*
 * What goroutines have done with their time. What gdb says of those of clockwork, on a live process, on gcore's core and on the kernel's, is what gos_times said in
 * the process, to the nanosecond; and what it shows is that, in words.
 */
#include <inttypes.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

enum { PARTS = 6 };
static struct truth {
	int goid;
	char name[32], reason[32];
	int64_t made, runs, running, runnable, in_calls, waiting;
} truths[PARTS];

static void read_truth(void)
{
	FILE *file = fopen(d.truth, "r");
	char line[512];
	int n = 0;

	ck_assert_ptr_nonnull(file);
	for (; n < PARTS && fgets(line, sizeof line, file) != NULL; n++) {
		struct truth *t = &truths[n];
		t->reason[0] = '\0';
		ck_assert_int_ge(sscanf(line, "%d|%31[^|]|%" SCNd64 "|%" SCNd64 "|%" SCNd64 "|%" SCNd64 "|%" SCNd64 "|%" SCNd64 "|%31[^\n]", &t->goid, t->name, &t->made,
					&t->runs, &t->running, &t->runnable, &t->in_calls, &t->waiting, t->reason), 8);
	}
	fclose(file);
	ck_assert_int_eq(n, PARTS);
}

static const char *const programs[] = {"clockwork", "clockwork.shared", "clockwork.stripped"};
enum { PROGRAMS = sizeof programs / sizeof programs[0], WAYS = GDB_WAYS }; /* live, gcore's core, the kernel's */

/* Starts the program of _i and takes the core of _i; false where this machine writes none. */
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

/* As gdb shows a duration below a minute. */
static const char *shown(int64_t ns)
{
	static char texts[8][32];
	static int next;
	char *text = texts[next++ % 8];
	if (ns >= 1000000000)
		snprintf(text, 32, "%" PRId64 "\\.%" PRId64 "s", ns / 1000000000, ns / 100000000 % 10);
	else if (ns >= 1000000)
		snprintf(text, 32, "%" PRId64 "ms", ns / 1000000);
	else if (ns >= 1000)
		snprintf(text, 32, "%" PRId64 "us", ns / 1000);
	else
		snprintf(text, 32, "%" PRId64 "ns", ns);
	return text;
}

START_TEST(times_are_what_the_goroutine_says)
{
	char name[40], pattern[400];

	if (!begin(_i))
		return;
	for (int i = 0; i < PARTS; i++) {
		snprintf(name, sizeof name, "info.%d", i);
		gdb_do(&run, name, "info goroutine %d", truths[i].goid);
		snprintf(name, sizeof name, "exact.%d", i);
		gdb_do(&run, name, "python import gossamer.commands as c; rt = c.runtime(); t = rt.times(rt.find(%d)); n = rt.abi.state; s = t.spent; "
		       "print('made', t.made, 'runs', t.runs, 'running', s[n('RUNNING')], 'runnable', s[n('RUNNABLE')], 'syscall', s[n('SYSCALL')], "
		       "'other', sum(v for k, v in t.waited.items() if rt.reason_word(k) != 'chan receive'), "
		       "'sums', sum(s.values()) == t.as_of - t.made and sum(t.waited.values()) == s[rt.waiting])", truths[i].goid);
	}
	look(_i);
	for (int i = 0; i < PARTS; i++) {
		const struct truth *t = &truths[i];
		bool calls = strcmp(t->name, "caller") == 0;
		char in_calls[32] = "[0-9]+";
		if (!calls)
			snprintf(in_calls, sizeof in_calls, "%" PRId64, t->in_calls);
		snprintf(name, sizeof name, "exact.%d", i);
		gdb_has(&run, name, "^made %" PRId64 " runs %" PRId64 " running %" PRId64 " runnable %" PRId64 " syscall %s other %" PRId64 " sums True$", t->made,
			t->runs, t->running, t->runnable, in_calls, t->waiting);

		int n = snprintf(pattern, sizeof pattern, "^  times     ran %s in %" PRId64 " run%s", shown(t->running), t->runs, t->runs == 1 ? "" : "s");
		if (t->runnable != 0)
			n += snprintf(pattern + n, sizeof pattern - (size_t)n, ", runnable %s", shown(t->runnable));
		if (calls)
			n += snprintf(pattern + n, sizeof pattern - (size_t)n, ", syscall [0-9.]+m?s");
		else if (t->in_calls != 0)
			n += snprintf(pattern + n, sizeof pattern - (size_t)n, ", syscall %s", shown(t->in_calls));
		if (!calls) /* the longest first: which that is depends on how long the others took to get here */
			n += snprintf(pattern + n, sizeof pattern - (size_t)n, ", waited [0-9.]+m?s: (%s %s, )?chan receive [0-9.]+m?s(, %s %s)?", t->reason, shown(t->waiting),
				      t->reason, shown(t->waiting));
		snprintf(pattern + n, sizeof pattern - (size_t)n, "$");
		snprintf(name, sizeof name, "info.%d", i);
		gdb_has(&run, name, "%s", pattern);
		if (t->reason[0] != '\0')
			gdb_has(&run, name, "^  times .*%s %s", t->reason, shown(t->waiting));
	}
	end();
}
END_TEST

/* gos_times, called in the stopped process, and gdb's own reading differ by nothing but the moment. */
START_TEST(a_call_says_the_same)
{
	char name[40];

	if (!begin(_i))
		return;
	gdb_do(&run, "commands", "python import gossamer.commands as c");
	for (int i = 0; i < PARTS; i++) {
		snprintf(name, sizeof name, "call.%d", i);
		gdb_do(&run, name, "print (int)gos_times(%d, &times)", truths[i].goid);
		snprintf(name, sizeof name, "read.%d", i);
		gdb_do(&run, name, "python rt = c.runtime(); g = rt.find(%d); t = rt.times(g); v = gdb.parse_and_eval('times'); late = t.as_of - int(v['as_of'])", truths[i].goid);
		snprintf(name, sizeof name, "receive.%d", i);
		gdb_do(&run, name, "python k = next(k for k, w in rt.abi.reasons.items() if w.text == 'chan receive'); of = lambda state: t.spent[rt.abi.state(state)]");
		snprintf(name, sizeof name, "more.%d", i);
		gdb_do(&run, name, "python calls = of('SYSCALL') - int(v['in_calls']); waits = of('WAITING') - int(v['waiting']); receives = t.waited[k] - int(v['waiting_for'][k])");
		snprintf(name, sizeof name, "same.%d", i);
		gdb_do(&run, name, "python print(late >= 0, t.made - int(v['made']), t.runs - int(v['runs']), of('RUNNING') - int(v['running']), "
		       "of('RUNNABLE') - int(v['runnable']), calls + waits - late, waits - receives, calls * waits)");
	}
	look(_i);
	for (int i = 0; i < PARTS; i++) {
		snprintf(name, sizeof name, "call.%d", i);
		ck_assert_int_eq(gdb_number(&run, name), 0);
		snprintf(name, sizeof name, "same.%d", i);
		gdb_has(&run, name, "^True 0 0 0 0 0 0 0$");
	}
	end();
}
END_TEST

START_TEST(the_runtime_at_a_glance)
{
	if (!begin(_i))
		return;
	gdb_do(&run, "all", "info gossamer");
	gdb_do(&run, "argument", "info gossamer 7");
	gdb_do(&run, "sums", "python import gossamer.commands as c; v = c.View().load(); rt = v.rt; ps = list(rt.ps()); t = rt.total_times(v.goroutines, ps); "
	       "l = rt.latencies(ps); n = [rt.times(g) for g in v.goroutines]; "
	       "print('all', sum(t.spent.values()) - sum(sum(x.spent.values()) for x in n), 'runs', t.runs - sum(x.runs for x in n), 'in line', sum(l) - t.runs)");
	look(_i);
	gdb_has(&run, "all", "^7 goroutines: 5 waiting, 1 running, 1 syscall$");
	gdb_has(&run, "all", "^  waiting   [0-9.]+m?s: chan receive [0-9.]+m?s, ");
	gdb_has(&run, "all", "^  waiting .*select 2[2-9]ms|^  waiting .*select [3-9][0-9]");
	gdb_has(&run, "all", "^  running   [0-9.]+m?s$");
	gdb_has(&run, "all", "^  syscall   [0-9.]+m?s$");
	gdb_has(&run, "all", "^  P +M +Thread +Switches +Parks +Made +Ended +Stolen +Preempted +Taken away$");
	gdb_has(&run, "all", "^  0 +([0-9]+ +LWP [0-9]+|-) +[0-9,]+ +");
	gdb_has(&run, "all", "^Stood in line before they ran:$");
	gdb_has(&run, "argument", "^'info gossamer' takes no argument$");
	/* None has ended: what the Ps have counted is what the goroutines tell. */
	gdb_has(&run, "sums", "^all 0 runs 0 in line 0$");
	end();
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb times", (const struct gdb_test[]){
						  {times_are_what_the_goroutine_says, 300, PROGRAMS * WAYS},
						  {a_call_says_the_same, 300, 2}, /* with the library in the program, and beside it */
						  {the_runtime_at_a_glance, 300, PROGRAMS * WAYS},
						  {NULL, 0, 0},
					  });
}
