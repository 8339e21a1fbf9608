/* SPDX-License-Identifier: MIT */
/*
 * How long a wait has lasted that is not over. hourglass is idle, and says when each of its goroutines began to wait and, by a clock that it read itself, when it
 * stopped, 0.4 s or more after the runtime had last looked at the clock: what gdb tells lies between the bounds that these set, live, in gcore's core and in the kernel's.
 */
#include <inttypes.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

enum { PARTS = 4 };
static const int64_t LATE_NS = 400000000; /* as hourglass has it */
static struct truth {
	int goid;
	char name[32];
	int64_t before, after;
} truths[PARTS];

static const char *const programs[] = {"hourglass", "hourglass.shared"};
enum { PROGRAMS = sizeof programs / sizeof programs[0] };

static int64_t clock_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000000000 + t.tv_nsec;
}

static void start(const char *program, const char *way)
{
	debuggee_start(&d, program, way, NULL, NULL);
	FILE *file = fopen(d.truth, "r");
	int n = 0;
	ck_assert_ptr_nonnull(file);
	for (struct truth *t = truths; n < PARTS && fscanf(file, " %d|%31[^|]|%" SCNd64 "|%" SCNd64, &t->goid, t->name, &t->before, &t->after) == 4; t++)
		n++;
	fclose(file);
	ck_assert_int_eq(n, PARTS);
}

/* ---- what gdb is asked, and says ---- */

struct said {
	int64_t now, word, stood, waited[PARTS], clock; /* gdb's time of the look; the runtime's clock; hourglass's own; ages; the clock when gdb said it */
	int64_t held, left;                             /* of the lock, and of the sleep */
};

static void prepare(void)
{
	gdb_do(&run, "import", "python import time, gossamer.commands as c; from gossamer import words");
	gdb_do(&run, "define", "python number = lambda text: int(gdb.parse_and_eval(text)); clock = lambda: time.clock_gettime_ns(time.CLOCK_MONOTONIC)");
	gdb_do(&run, "word", "python word = lambda rt: rt.word_value('now')");
	gdb_do(&run, "ages", "python ages = lambda rt: [rt.waited(rt.find(goid)) for goid in (%d, %d, %d, %d)]", truths[0].goid, truths[1].goid, truths[2].goid, truths[3].goid);
	gdb_do(&run, "held", "python held = lambda rt: rt.now - rt.mutex(number('(long)&lock')).lock.at");
	gdb_do(&run, "left", "python left = lambda rt: rt.timer_when(rt.find(%d).wait_obj) - rt.now", truths[3].goid);
	gdb_do(&run, "look", "python look = lambda rt: print('look', rt.now, word(rt), number('stood_at'), *ages(rt), held(rt), left(rt), clock())");
}

static void ask(const char *name)
{
	gdb_do(&run, name, "python look(c.runtime())");
}

static struct said answer(const char *name)
{
	struct said s;
	const char *text = gdb_block(&run, name);
	ck_assert_msg(sscanf(text, "look %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64 " %" SCNd64, &s.now, &s.word,
			     &s.stood, &s.waited[0], &s.waited[1], &s.waited[2], &s.waited[3], &s.held, &s.left, &s.clock) == 10, "gdb said '%s'", text);
	return s;
}

/* The program stood still from some moment between lo and hi on. The runtime's clock is even, which is the 1 below. */
static void exact(const struct said *s, int64_t lo, int64_t hi)
{
	static const int64_t sleep_ns = INT64_C(3600) * 1000000000;
	ck_assert_int_ge(s->now, lo - 1);
	ck_assert_int_le(s->now, hi);
	for (int i = 0; i < PARTS; i++) {
		const struct truth *t = &truths[i];
		ck_assert_msg(s->waited[i] >= lo - 1 - t->after && s->waited[i] <= hi - t->before + 1, "%s has waited %" PRId64 " ns, says gdb, and not %" PRId64 " to %" PRId64, t->name,
			      s->waited[i], lo - t->after, hi - t->before);
	}
	ck_assert_int_ge(s->held, lo - 1 - truths[1].after);
	ck_assert_int_le(s->held, hi - truths[1].before + 1);
	ck_assert_int_ge(s->left, truths[3].before + sleep_ns - hi - 1);
	ck_assert_int_le(s->left, truths[3].after + sleep_ns - lo + 1);
}

/* Asserts that what is shown is told by the time of the look. */
static void ask_shown(void)
{
	for (int i = 0; i < PARTS; i++) {
		char name[32];
		snprintf(name, sizeof name, "shown.%d", i);
		gdb_do(&run, name, "python rt = c.runtime(); d = words.duration(ages(rt)[%d]); t = gdb.execute('info goroutine %d', to_string=True); print(', for ' + d in t, 'has waited ' + d in t)",
		       i, truths[i].goid);
	}
	gdb_do(&run, "shown.list", "python t = gdb.execute('info goroutines -no-group', to_string=True); print([words.duration(age) in t for age in ages(c.runtime())])");
	gdb_do(&run, "shown.held", "python t = gdb.execute('info goroutine %d', to_string=True); rt = c.runtime(); print(t.count(' for ' + words.duration(held(rt)) + ', locked'))", truths[2].goid);
	gdb_do(&run, "shown.lock", "python print(gdb.parse_and_eval('lock').format_string().count(' for ' + words.duration(held(c.runtime())) + ', locked'))");
	gdb_do(&run, "shown.left", "python t = gdb.execute('info goroutine %d', to_string=True); rt = c.runtime(); print(t.count(words.duration(left(rt)) + ' left'))", truths[3].goid);
	gdb_do(&run, "shown.flight", "python from gossamer import flight; rt = c.runtime(); f = flight.Recorder(rt); t = gdb.execute('info flight', to_string=True); "
	       "print('It is %%.3f now.' %% ((rt.now - f.start) / 1e9) in t)");
}

static void shown(void)
{
	for (int i = 0; i < PARTS; i++) {
		char name[32];
		snprintf(name, sizeof name, "shown.%d", i);
		gdb_says(&run, name, "^True True$");
	}
	gdb_says(&run, "shown.list", "^\\[True, True, True, True\\]$");
	gdb_says(&run, "shown.held", "^[12]$");
	gdb_says(&run, "shown.lock", "^1$");
	gdb_says(&run, "shown.left", "^2$");
	gdb_says(&run, "shown.flight", "^True$");
}

/* ---- live ---- */

START_TEST(live_waits_are_told_as_of_the_stop)
{
	start(programs[_i], NULL);
	gdb_begin(&run);
	prepare();
	gdb_do(&run, "before", "python print(clock())");
	gdb_do(&run, "attach", "attach %d", (int)d.pid);
	ask("attached");
	gdb_do(&run, "break", "break stand");
	gdb_do(&run, "go", "continue");
	ask("stood");
	ask_shown();
	gdb_do(&run, "wait", "shell sleep 1.1");
	ask("later");
	gdb_do(&run, "go on", "continue");
	ask("again");
	gdb_do(&run, "delete", "delete");
	gdb_do(&run, "detach", "detach");
	gdb_program(&run, programs[_i]);
	debuggee_must_end_well(&d);

	struct said attached = answer("attached"), stood = answer("stood"), later = answer("later"), again = answer("again");
	exact(&attached, gdb_number(&run, "before"), attached.clock);
	exact(&stood, stood.stood, stood.clock);
	ck_assert_int_ge(stood.now - stood.word, LATE_NS - 1); /* it was not the runtime that knew */
	shown();
	/* It stands still, and so does its time; and nothing was written. */
	ck_assert_int_eq(later.now, stood.now);
	ck_assert_int_eq(later.word, stood.word);
	ck_assert_int_ge(later.clock - stood.clock, 1000000000);
	/* While it stood the others waited on. */
	ck_assert_int_gt(again.stood, later.clock);
	exact(&again, again.stood, again.clock);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* A function called by hand lets the program run for a moment: so it is later then. */
START_TEST(a_call_by_hand_moves_the_time)
{
	start(programs[0], NULL);
	gdb_begin(&run);
	prepare();
	gdb_do(&run, "break", "break stand");
	gdb_do(&run, "go", "continue");
	ask("stood");
	gdb_do(&run, "wait", "shell sleep 0.1");
	gdb_do(&run, "before", "python print(clock())");
	gdb_do(&run, "call", "print (int)getpid()");
	ask("called");
	gdb_do(&run, "delete", "delete");
	long pid = d.pid;
	gdb_attach(&run, &d);
	debuggee_must_end_well(&d);
	struct said stood = answer("stood"), called = answer("called");
	exact(&stood, stood.stood, stood.clock);
	ck_assert_int_eq(gdb_number(&run, "call"), pid);
	exact(&called, gdb_number(&run, "before"), called.clock);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* With a seed the program has a time of its own, which is not gdb's: in an idle one all that was to come has come. */
START_TEST(with_a_seed_time_is_the_programs_own)
{
	static const char *const look = "python rt = c.runtime(); print(rt.now - word(rt), word(rt), words.duration(rt.waited(rt.find(%d))) in gdb.execute('info goroutine %d', to_string=True))";
	int64_t at, later;
	char end;

	setenv("GOSDEBUG", "seed=7", 1);
	start(programs[_i], NULL);
	unsetenv("GOSDEBUG");
	gdb_begin(&run);
	prepare();
	gdb_do(&run, "break", "break stand");
	gdb_do(&run, "go", "continue");
	gdb_do(&run, "stood", look, truths[0].goid, truths[0].goid);
	gdb_do(&run, "core", "generate-core-file %s/core.seeded", d.directory);
	gdb_do(&run, "after", look, truths[0].goid, truths[0].goid);
	gdb_do(&run, "delete", "delete");
	gdb_attach(&run, &d);
	debuggee_must_end_well(&d);
	ck_assert_int_eq(sscanf(gdb_block(&run, "stood"), "0 %" SCNd64 " Tru%c", &at, &end), 2);
	gdb_has(&run, "core", "Saved corefile");
	ck_assert_int_eq(sscanf(gdb_block(&run, "after"), "0 %" SCNd64 " Tru%c", &later, &end), 2);
	ck_assert_int_eq(later, at);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* ---- cores ---- */

START_TEST(gcores_core_is_as_of_the_stop)
{
	start(programs[_i], NULL);
	ck_assert_int_lt(snprintf(d.core, sizeof d.core, "%s/gcore", d.directory), GDB_PATH_MAX);
	gdb_begin(&run);
	prepare();
	gdb_do(&run, "break", "break stand");
	gdb_do(&run, "go", "continue");
	ask("stood");
	gdb_do(&run, "gcore", "gcore %s", d.core);
	gdb_do(&run, "delete", "delete");
	gdb_attach(&run, &d);
	gdb_has(&run, "gcore", "Saved corefile");
	debuggee_must_end_well(&d);
	struct said live = answer("stood");
	gdb_free(&run);

	gdb_begin(&run);
	prepare();
	ask("core");
	ask_shown();
	gdb_core(&run, &d);
	struct said core = answer("core");
	exact(&core, core.stood, live.clock);
	ck_assert_int_eq(core.now, live.now & ~INT64_C(1));
	ck_assert_int_eq(core.word, core.now);
	shown();
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

static const char *const deaths[] = {"abort", "segv", "quit"}; /* the last by GOSTRACEBACK=crash, which makes it a core */
enum { DEATHS = sizeof deaths / sizeof deaths[0] };

START_TEST(the_kernels_core_is_as_of_the_death)
{
	setenv("GOSTRACEBACK", "crash", 1);
	start(programs[_i % PROGRAMS], deaths[_i / PROGRAMS]);
	unsetenv("GOSTRACEBACK");
	d.deadly = SIGUSR1;
	if (!debuggee_core(&d, CORE_KERNEL)) {
		debuggee_end(&d);
		return;
	}
	int64_t dead = clock_now();
	gdb_begin(&run);
	prepare();
	ask("core");
	ask_shown();
	gdb_core(&run, &d);
	struct said core = answer("core");
	exact(&core, core.stood, dead);
	ck_assert_int_eq(core.word, core.now);
	shown();
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb clock", (const struct gdb_test[]){
						  {live_waits_are_told_as_of_the_stop, 180, PROGRAMS},
						  {a_call_by_hand_moves_the_time, 180, 1},
						  {with_a_seed_time_is_the_programs_own, 180, PROGRAMS},
						  {gcores_core_is_as_of_the_stop, 180, PROGRAMS},
						  {the_kernels_core_is_as_of_the_death, 180, PROGRAMS * DEATHS},
						  {NULL, 0, 0},
					  });
}
