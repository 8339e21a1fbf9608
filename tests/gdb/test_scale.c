/* SPDX-License-Identifier: MIT */
/*
 * A hundred thousand goroutines: short lists, little time; cores with every stack in them, and a warning where there would be none.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "gdb_session.h"

static struct gdb_run run;
static struct debuggee d;

#define CLOCK "python import time; began = (time.time(), time.process_time())"
#define READ_CLOCK "python print('%%.2f %%.2f' %% (time.time() - began[0], time.process_time() - began[1]))"

START_TEST(a_hundred_thousand_list_at_once)
{
	double wall, cpu;

	debuggee_start(&d, "flood", "100000", NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "clock", CLOCK);
	gdb_do(&run, "list", "info goroutines");
	gdb_do(&run, "time", READ_CLOCK);
	gdb_do(&run, "limit", "info goroutines -limit 3");
	gdb_do(&run, "named", "info goroutines -name \"drop 9999?\"");
	gdb_do(&run, "enter", "goroutine apply all -name \"drop 77770\" -q print mark");
	gdb_do(&run, "where", "info goroutines -at drop -group");
	gdb_do(&run, "chan", "print drain");
	gdb_attach(&run, &d);
	ck_assert_int_lt(gdb_lines(&run, "list"), 10);
	gdb_has(&run, "list", "^100,001 goroutines in 2 groups:$");
	gdb_has(&run, "list",
		"^  100,000 +waiting, chan receive +[0-9.]+m?s to [0-9.]+m?s +drop \\(flood\\.c:[0-9]+\\) +app \\(flood\\.c:[0-9]+\\) ");
	gdb_has(&run, "limit", "^1 to 3 of 100,001 goroutines; -limit 3 -page 2 shows the next");
	ck_assert_int_eq(gdb_lines(&run, "named"), 2);
	ck_assert_int_eq(gdb_number(&run, "enter"), 77770 * 3 + 1);
	gdb_has(&run, "where", "^100,000 goroutines in 1 group:$");
	gdb_has(&run, "chan", "and more");
	ck_assert_int_eq(sscanf(gdb_block(&run, "time"), "%lf %lf", &wall, &cpu), 2);
	printf("100,000 goroutines: info goroutines %.2f s (%.2f s of processor time); the whole session %.2f s\n", wall, cpu,
	       run.seconds);
	ck_assert_msg(cpu < 2, "info goroutines took %.2f s of processor time", cpu);
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* gdb's own gcore at 10,000: each goroutine is in the core, with its whole stack. */
START_TEST(gcore_is_whole_at_ten_thousand)
{
	debuggee_start(&d, "flood", "10000", NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "soft", "print gos_runtime.soft_guards");
	ck_assert_int_lt(snprintf(d.core, sizeof d.core, "%s/gcore", d.directory), GDB_PATH_MAX);
	gdb_do(&run, "gcore", "generate-core-file %s", d.core);
	gdb_attach(&run, &d);
	ck_assert_int_eq(gdb_number(&run, "soft"), 0);
	gdb_lacks(&run, "gcore", "warning: this core will lack");
	gdb_free(&run);

	gdb_begin(&run);
	gdb_do(&run, "list", "info goroutines");
	gdb_do(&run, "stacks",
	       "python import gossamer.commands as c, gossamer.target as t; v = c.View().load(); "
	       "print(sum(any(bytes(t.read(g.sched_sp, g.stack_hi - g.sched_sp))) for g in v.goroutines if g.address not in v.on_thread))");
	gdb_do(&run, "marks", "goroutine apply all -name \"drop ??20\" -q print mark");
	gdb_core(&run, &d);
	gdb_has(&run, "list", "^10,001 goroutines in 2 groups:$");
	ck_assert_int_eq(gdb_number(&run, "stacks"), 10000);
	ck_assert_int_eq(gdb_lines(&run, "marks"), 90);
	gdb_has(&run, "marks", " = %d$", 9920 * 3 + 1);
	debuggee_must_end_well(&d);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

/* Past the guards that gcore understands it would lose stacks: it says so first, and the way that it names works. */
START_TEST(gcore_that_would_lose_stacks_says_so)
{
	debuggee_start(&d, "flood", "30000", NULL, NULL);
	gdb_begin(&run);
	gdb_do(&run, "soft", "print gos_runtime.soft_guards");
	gdb_do(&run, "gcore", "gcore %s/gcore", d.directory);
	gdb_attach(&run, &d);
	if (gdb_number(&run, "soft") == 0) {
		gdb_lacks(&run, "gcore", "this core will lack");
		printf("skipped: this kernel has no MADV_GUARD_INSTALL, so no core lacks stacks\n");
	} else {
		gdb_has(&run, "gcore",
			"^warning: this core will lack goroutines' stacks\\. Of [0-9,]+ goroutine stacks [0-9,]+ end in guard pages");
		gdb_has(&run, "gcore", "prlimit --core=unlimited --pid %d", (int)d.pid);
	}
	gdb_free(&run);
	if (debuggee_core(&d, CORE_KERNEL)) {
		gdb_begin(&run);
		gdb_do(&run, "list", "info goroutines");
		gdb_do(&run, "mark", "goroutine apply all -name \"drop 29990\" -q print mark");
		gdb_core(&run, &d);
		gdb_has(&run, "list", "^30,001 goroutines in 2 groups:$");
		ck_assert_int_eq(gdb_number(&run, "mark"), 29990 * 3 + 1);
		gdb_free(&run);
	}
	debuggee_end(&d);
}
END_TEST

/* The kernel's core of a hundred thousand has every stack. */
START_TEST(kernel_core_is_whole_at_a_hundred_thousand)
{
	debuggee_start(&d, "flood", "100000", NULL, NULL);
	if (!debuggee_core(&d, CORE_KERNEL)) {
		debuggee_end(&d);
		return;
	}
	gdb_begin(&run);
	gdb_do(&run, "list", "info goroutines");
	gdb_do(&run, "stacks",
	       "python import gossamer.commands as c, gossamer.target as t; v = c.View().load(); "
	       "print(sum(any(bytes(t.read(g.sched_sp, g.stack_hi - g.sched_sp))) for g in v.goroutines if g.address not in v.on_thread))");
	gdb_do(&run, "mark", "goroutine apply all -name \"drop 99990\" -q print mark");
	gdb_core(&run, &d);
	gdb_has(&run, "list", "^100,001 goroutines in 2 groups:$");
	ck_assert_int_eq(gdb_number(&run, "stacks"), 100000);
	ck_assert_int_eq(gdb_number(&run, "mark"), 99990 * 3 + 1);
	gdb_free(&run);
	debuggee_end(&d);
}
END_TEST

int main(void)
{
	return gdb_tests_run("gdb scale", (const struct gdb_test[]){
						  {a_hundred_thousand_list_at_once, 200, 0},
						  {gcore_is_whole_at_ten_thousand, 200, 0},
						  {gcore_that_would_lose_stacks_says_so, 250, 0},
						  {kernel_core_is_whole_at_a_hundred_thousand, 250, 0},
						  {NULL, 0, 0},
					  });
}
