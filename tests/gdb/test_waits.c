/* SPDX-License-Identifier: MIT */
/*
 * Why a goroutine does not get on: who holds the lock that it waits for, how many others wait, and which thread it blocks or is locked to. What
 * gdb says of every goroutine of orchard is what orchard wrote down, on a live process, on gcore's core and on the kernel's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

struct truth {
	int goid;
	char name[32], state[64], function[40];
	int line, holder, thread;
};
enum { GOROUTINES = 17 };
static struct truth truths[GOROUTINES];

static void read_truth(void)
{
	FILE *file = fopen(d.truth, "r");
	int n = 0;

	ck_assert_ptr_nonnull(file);
	for (struct truth *t = truths; n < GOROUTINES && fscanf(file, " %d|%31[^|]|%63[^|]|%39[^|]|%d|%d|%d", &t->goid, t->name, t->state,
								t->function, &t->line, &t->holder, &t->thread) == 7;
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
	ck_abort_msg("orchard has no '%s'", name);
	return NULL;
}

static int id(const char *name)
{
	return named(name)->goid;
}

static const char *const programs[] = {"orchard", "orchard.O2", "orchard.stripped"};
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

/* "waiting, sync.RWMutex.RLock" as the list has it; the thread stands before ", locked". */
static const char *state_pattern(const struct truth *t, const char *separator)
{
	static char pattern[160];
	if (strncmp(t->state, "syscall", 7) == 0)
		snprintf(pattern, sizeof pattern, "syscall on thread [0-9]+%s%s", t->state + 7, separator);
	else
		snprintf(pattern, sizeof pattern, "%s%s", t->state, separator);
	return pattern;
}

START_TEST(list_is_the_truth)
{
	char name[40], place[128] = "";
	bool lines = _i % PROGRAMS != 2;

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
		snprintf(name, sizeof name, "goid.%d", truths[i].goid);
		gdb_do(&run, name, "print $goid()");
		snprintf(name, sizeof name, "thread.%d", truths[i].goid);
		gdb_do(&run, name, "python t = gdb.selected_thread().ptid; print(t[1] or t[2])");
	}
	look(_i);

	ck_assert_int_eq(gdb_lines(&run, "list"), 1 + GOROUTINES + 1);
	gdb_has(&run, "list", "^[ *] 1 +\"gardener\" +running on thread [0-9]+ ");
	for (int i = 0; i < GOROUTINES; i++) {
		const struct truth *t = &truths[i];
		bool calls = strncmp(t->state, "syscall", 7) == 0;
		if (lines)
			snprintf(place, sizeof place, "%s \\(orchard\\.c:%d\\) +", t->function, t->line);
		gdb_has(&run, "list", "^[ *] %d +\"%s\" +%s.*[0-9]m?s +%s", t->goid, t->name, state_pattern(t, " "), place);
		snprintf(name, sizeof name, "info.%d", t->goid);
		gdb_has(&run, name, "^  state     %s", state_pattern(t, ", for "));
		if (calls)
			gdb_has(&run, name, "^  thread    [0-9]+ \\(LWP [0-9]+\\), M [0-9]+ without a P$");
		else
			gdb_lacks(&run, name, "^  thread ");
		if (strstr(t->state, "locked") != NULL)
			gdb_has(&run, name, "^  locked    to thread [0-9]+ \\(LWP [0-9]+\\), M [0-9]+$");
		else
			gdb_lacks(&run, name, "^  locked |locked to");
		if (t->thread != 0) {
			gdb_has(&run, name, "^  thread    [0-9]+ \\(LWP %d\\)", t->thread);
			gdb_has(&run, name, "^  locked    to thread [0-9]+ \\(LWP %d\\)", t->thread);
		}
		if (t->holder != 0)
			gdb_has(&run, name, "^            (held|run|to be held next) by goroutine %d \"", t->holder);

		snprintf(name, sizeof name, "enter.%d", t->goid);
		gdb_has(&run, name, "^\\[Switching to goroutine %d \"%s\" ", t->goid, t->name);
		if (lines)
			gdb_has(&run, name, "^#[0-9]+ .*%s \\(.*orchard\\.c:%d$", t->function, t->line);
		snprintf(name, sizeof name, "bt.%d", t->goid);
		if (lines)
			gdb_has(&run, name, "^#[0-9]+ .*%s \\(.*orchard\\.c:%d$", t->function, t->line);
		else
			ck_assert_int_ge(gdb_lines(&run, name), 3);
		gdb_lacks(&run, name, GDB_FRAME_OF("futex|epoll|clone") "|Backtrace stopped|corrupt");
		if (calls) { /* the thread itself is shown, in its system call */
			gdb_has(&run, name, "^#0 ");
			if (lines)
				gdb_has(&run, name, "read \\(");
		} else {
			gdb_lacks(&run, name, "^#0 ");
		}
		snprintf(name, sizeof name, "goid.%d", t->goid);
		ck_assert_int_eq(gdb_number(&run, name), t->goid);
		snprintf(name, sizeof name, "thread.%d", t->goid);
		if (t->thread != 0)
			ck_assert_int_eq(gdb_number(&run, name), t->thread);
	}
	end();
}
END_TEST

START_TEST(who_holds_and_who_waits)
{
	if (!begin(_i))
		return;
	gdb_do(&run, "list", "info goroutines -no-group");
	gdb_do(&run, "shed reader", "info goroutine %d", id("shed reader 0"));
	gdb_do(&run, "shed taker", "info goroutine %d", id("shed taker"));
	gdb_do(&run, "barn taker", "info goroutine %d", id("barn taker"));
	gdb_do(&run, "barn late", "info goroutine %d", id("barn late"));
	gdb_do(&run, "taster", "info goroutine %d", id("taster 0"));
	gdb_do(&run, "onlooker", "info goroutine %d", id("onlooker"));
	gdb_do(&run, "harvester", "info goroutine %d", id("harvester"));
	look(_i);

#define RWMUTEX(name) "rwmutex 0x[0-9a-f]+ \\(" name "\\)"
	bool lines = _i % PROGRAMS != 2;
#define AT(function) lines ? "at " function " \\(orchard\\.c:[0-9]+\\)" : "at [^;]+"
#define FOR "for [0-9.]+m?s"
#define AGO "[0-9.]+m?s ago"
	int keeper = id("shed keeper"), taker = id("barn taker");
	gdb_has(&run, "list", "\"shed reader 1\" .* " RWMUTEX("held by goroutine %d"), keeper);
	gdb_has(&run, "list", "\"shed taker\" .* " RWMUTEX("held by goroutine %d"), keeper);
	gdb_has(&run, "list", "\"barn taker\" .* " RWMUTEX("held by 2 readers"));
	gdb_has(&run, "list", "\"barn late\" .* " RWMUTEX("held by 2 readers that goroutine %d waits for"), taker);
	gdb_has(&run, "list", "\"taster 1\" .* cond 0x[0-9a-f]+");
	gdb_has(&run, "list", "\"onlooker\" .* once 0x[0-9a-f]+ \\(run by goroutine %d\\)", id("planter"));
	gdb_has(&run, "list", "\"harvester\" .* waitgroup 0x[0-9a-f]+ \\(3 to come\\)");

	gdb_has(&run, "shed reader", "^            held by goroutine %d \"shed keeper\" " FOR ", locked %s; it waits in chan receive " FOR " %s$", keeper, AT("shed_keeper"), AT("shed_keeper"));
	gdb_has(&run, "shed reader", "^            also waiting on it: [0-9]+, [0-9]+$");
	gdb_has(&run, "shed taker", "^            held by goroutine %d \"shed keeper\" ", keeper);
	gdb_lacks(&run, "barn taker", "held next");
	gdb_has(&run, "barn taker", "^            last locked for reading by goroutine [0-9]+ " AGO " %s$", AT("barn_reader"));
	gdb_has(&run, "barn taker", "^            also waiting on it: %d$", id("barn late"));
	gdb_has(&run, "barn late", "^            to be held next by goroutine %d \"barn taker\"; it waits in sync\\.RWMutex\\.Lock " FOR " %s$", taker, AT("barn_taker"));
	gdb_has(&run, "taster", "^            also waiting on it: %d$", id("taster 1"));
	gdb_has(&run, "taster", "^            never signalled$");
	gdb_has(&run, "onlooker", "^            run by goroutine %d \"planter\" " FOR ", called at [^;]+; it waits in chan receive " FOR " %s$", id("planter"), AT("plant"));
	gdb_has(&run, "harvester", "^            last changed by goroutine 1 " AGO " %s$", AT("app"));
	end();
}
END_TEST

START_TEST(objects_print_what_they_are)
{
	static const char *const objects[] = {"shed", "barn", "ripe", "planting", "harvest", "baskets", "door", "&barn"};

	if (!begin(_i * PROGRAMS))
		return;
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
		gdb_do(&run, objects[i], "print %s", objects[i]);
	gdb_do(&run, "raw", "print/r shed.owner");
	gdb_do(&run, "on", "info goroutines -on &barn");
	gdb_do(&run, "off", "disable pretty-printer global gossamer;gos_rwmutex");
	gdb_do(&run, "plain", "print shed");
	look(_i * PROGRAMS);

	/* test_record.c is about who did what, where and when. */
	gdb_says(&run, "shed", " = held by goroutine %d for .*, locked at shed_keeper .*, 2 readers wait, 1 writer waits$", id("shed keeper"));
	gdb_says(&run, "barn", " = held by 2 readers that goroutine %d waits for, 1 reader waits, last locked for reading by goroutine [0-9]+ .* ago at barn_reader .*$", id("barn taker"));
	gdb_says(&run, "ripe", " = 2 goroutines wait: %d, %d; never signalled$", id("taster 0"), id("taster 1"));
	gdb_says(&run, "planting", " = run by goroutine %d for .*, called at first_planter .*, 1 goroutine waits$", id("planter"));
	gdb_says(&run, "harvest", " = 3 to come, 1 goroutine waits, last changed by goroutine 1 .* ago at app .*$");
	gdb_says(&run, "baskets", " = 3 units$");
	gdb_says(&run, "door", " = not held$");
	gdb_says(&run, "&barn", "\\(gos_rwmutex \\*\\) 0x[0-9a-f]+ <barn>$");
	ck_assert_int_eq(gdb_number(&run, "raw"), id("shed keeper"));
	ck_assert_int_eq(gdb_lines(&run, "on"), 3);
	gdb_has(&run, "plain", "writers = ");
	end();
}
END_TEST

START_TEST(timers_and_contexts_print_what_they_are)
{
	static const char *const objects[] = {"alarm_clock", "stopped_clock", "silent_clock", "clock_tower",
					      "season",      "day",           "over",         "labelled"};

	if (!begin(_i * PROGRAMS))
		return;
	for (size_t i = 0; i < sizeof objects / sizeof objects[0]; i++)
		gdb_do(&run, objects[i], "print %s", objects[i]);
	gdb_do(&run, "watcher", "info goroutine %d", id("watcher"));
	gdb_do(&run, "channels", "info channels");
	gdb_do(&run, "no timer", "print (gos_timer *) &baskets");
	gdb_do(&run, "no context", "print (gos_context *) &baskets");
	gdb_do(&run, "nowhere", "print (gos_context *) 16");
	gdb_do(&run, "nil", "print (gos_timer *) 0");
	look(_i * PROGRAMS);

#define HANDLE "0x[0-9a-f]+"
#define SET "; set at make_clocks \\(orchard\\.c:[0-9]+\\) by goroutine 1\\)$"
#define SEASON "context " HANDLE " \\(59m[0-9]+s left; made at orchard\\.c:[0-9]+; 1 below it\\) of the background$"
#define DAY "context " HANDLE " \\(59m[0-9]+s left; done chan " HANDLE "; made at orchard\\.c:[0-9]+; 1 below it\\) of " SEASON
	gdb_says(&run, "alarm_clock", " = timer " HANDLE " \\(59m[0-9]+s left; calls ring" SET);
	gdb_says(&run, "stopped_clock", " = timer " HANDLE " \\(stopped, or has fired; calls ring" SET);
	gdb_says(&run, "silent_clock", " = timer " HANDLE " \\(59m[0-9]+s left; sends on chan " HANDLE SET);
	gdb_says(&run, "clock_tower", " = ticker " HANDLE " \\(every 30m00s; 29m[0-9]+s left; sends on chan " HANDLE SET);
	gdb_says(&run, "season", " = " SEASON);
	gdb_says(&run, "day", " = " DAY);
	gdb_says(&run, "over", " = context " HANDLE " \\(cancelled by goroutine 1 .* ago at make_clocks \\(orchard\\.c:[0-9]+\\); made at orchard\\.c:[0-9]+\\) of " SEASON);
	gdb_says(&run, "labelled", " = context " HANDLE " \\(59m[0-9]+s left; key label_key, value " HANDLE "; made at orchard\\.c:[0-9]+\\) of " DAY);
	gdb_has(&run, "watcher", "^  waits on  chan " HANDLE " \\(void, 0/0, of a context, made at orchard\\.c:[0-9]+\\)$");
	gdb_has(&run, "channels", " orchard\\.c:[0-9]+ of a context +%d$", id("watcher"));
	gdb_has(&run, "channels", " orchard\\.c:[0-9]+ of a ticker$");
	gdb_says(&run, "no timer", " = timer " HANDLE " \\(freed, or none\\)$");
	ck_assert_int_eq(gdb_lines(&run, "no context"), 1);
	gdb_says(&run, "nowhere", " = .*0x10 <cannot read [0-9]+ bytes at 0x10>$");
	gdb_says(&run, "nil", " = .*0x0$");
	end();
}
END_TEST

/* The filters and the groups know the states, the reasons and the threads. */
START_TEST(filters_and_groups_know_them)
{
	if (!begin(_i * PROGRAMS))
		return;
	gdb_do(&run, "calls", "info goroutines -state syscall");
	gdb_do(&run, "long", "info goroutines -state syscall -waiting-longer 1us");
	gdb_do(&run, "longer", "info goroutines -state syscall -waiting-longer 1h");
	gdb_do(&run, "rwmutex", "info goroutines -reason sync.RWMutex");
	gdb_do(&run, "rlock", "info goroutines -reason sync.RWMutex.RLock");
	gdb_do(&run, "cond", "info goroutines -reason sync.Cond.Wait");
	gdb_do(&run, "groups", "info goroutines -group -all");
	gdb_do(&run, "apply", "goroutine apply all -state syscall -q bt 1");
	gdb_do(&run, "help", "help catch goroutine");
	look(_i * PROGRAMS);

	ck_assert_int_eq(gdb_lines(&run, "calls"), 3);
	gdb_has(&run, "calls", "\"drinker\"");
	gdb_has(&run, "calls", "\"digger\"");
	ck_assert_int_eq(gdb_lines(&run, "long"), 3);
	gdb_says(&run, "longer", "^No goroutine matches \\(of 18\\)\\.$");
	ck_assert_int_eq(gdb_lines(&run, "rwmutex"), 6);
	ck_assert_int_eq(gdb_lines(&run, "rlock"), 4);
	ck_assert_int_eq(gdb_lines(&run, "cond"), 3);
	gdb_has(&run, "groups", "^ +1 +syscall on 1 thread +[0-9.]+m?s ");
	gdb_has(&run, "groups", "^ +1 +syscall on 1 thread, locked to thread +[0-9.]+m?s ");
	gdb_has(&run, "groups", "^ +1 +waiting, chan receive, locked to thread +");
	gdb_has(&run, "groups", "^ +2 +waiting, chan receive +[0-9.]+m?s.* +barn_reader \\(");
	gdb_has(&run, "apply", "^#0 ");
	gdb_has(&run, "help", "create\\|run\\|park\\|ready\\|exit\\|syscall");
	end();
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb waits", (const struct gdb_test[]){
						  {list_is_the_truth, 0, PROGRAMS * WAYS},
						  {who_holds_and_who_waits, 0, PROGRAMS * WAYS},
						  {objects_print_what_they_are, 0, WAYS},
						  {timers_and_contexts_print_what_they_are, 0, WAYS},
						  {filters_and_groups_know_them, 0, WAYS},
						  {NULL, 0, 0},
					  });
}
