/* SPDX-License-Identifier: MIT */
/* Goal: how goroutines end, rt/exit.c, and how the program does, rt/run.c. Method: black box. */
#include "gos_test.h"

static gos_waitgroup wg;
static int ran, after;

static void (*volatile deeper)(int);

static void deep(int depth)
{
	if (depth > 0) {
		deeper(depth - 1);
		after++;
	}
	__atomic_add_fetch(&ran, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(&wg);
	gos_goexit();
}

GOS_TEST(goexit_ends_from_any_depth)
{
	deeper = deep;
	gos_waitgroup_add(&wg, 1000);
	for (int i = 0; i < 1000; i++)
		go(deep, i % 20);
	gos_waitgroup_wait(&wg);
	expect_eq(ran, 1000);
	expect_eq(after, 0);
	gos_test_until_num(1);
}

/* Ends while it holds things; they are nobody's then, as in Go. */
static gos_chan *c;

static void answer(int64_t v)
{
	gos_chan_send(c, &v);
}

GOS_TEST(goexit_after_every_kind_of_wait)
{
	c = gos_chan_make(int64_t, 0);
	for (int i = 0; i < 1000; i++) {
		int64_t v;
		go(answer, i);
		expect(gos_chan_recv(c, &v));
		expect_eq(v, i);
	}
	gos_test_until_num(1);
}

/* ---- goroutine 1 ---- */

static void say(const char *text)
{
	for (const char *p = text; *p != '\0'; p++)
		;
	gos_write(2, text, __builtin_strlen(text));
}

static void outlives(void)
{
	gos_sleep(20 * GOS_MS);
	say("the other went on\n");
	_Exit(5);
}

static void main_goexit(void)
{
	go(outlives);
	gos_goexit();
}

static void main_goexit_alone(void)
{
	gos_goexit();
}

static void last_one(void)
{
	gos_yield();
}

static void all_exit(void)
{
	for (int i = 0; i < 10; i++)
		go(last_one);
	gos_goexit();
}

/* The others are dropped when app returns: whatever they do. */
static void spins(void)
{
	for (;;)
		gos_yield();
}

static void burns(void)
{
	for (;;)
		__asm__ volatile("" ::: "memory");
}

static void parks(void)
{
	gos_chan_recv(NULL, NULL);
}

static void sleeps(void)
{
	for (;;)
		gos_sleep(10 * GOS_US);
}

static void drops_others(void)
{
	for (int i = 0; i < 100; i++) {
		go(spins);
		go(parks);
		go(sleeps);
	}
	gos_sleep(5 * GOS_MS);
}

static void drops_one_that_burns(void)
{
	if (gos_procs(0) < 2)
		gos_procs(2);
	go(burns);
	gos_sleep(5 * GOS_MS);
}

static int second_app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return 0;
}

static void run_twice(void)
{
	gos_run(second_app, 0, NULL);
}

static int three(int argc, char **argv)
{
	return argc == 3 && argv[1][0] == 'x' ? gos_goid() == 1 ? 3 : 4 : 5;
}

static void returns_apps_value(void)
{
	char *argv[] = {"a", "x", "y", NULL};
	exit(gos_run(three, 3, argv));
}

static void run_twice_after_its_end(void)
{
	char *argv[] = {"a", "x", "y", NULL};
	gos_run(three, 3, argv);
	gos_run(three, 3, argv);
}

static const struct gos_death deaths[] = {
	{"main_goexit", main_goexit, 5, {"the other went on\n"}},
	{"main_goexit_alone", main_goexit_alone, 2, {"fatal error: no goroutines (main called gos_goexit) - deadlock!"}, .never = "asleep"},
	{"all_exit", all_exit, 2, {"fatal error: ", "deadlock"}},
	{"drops_others", drops_others, 23, {NULL}},
	{"drops_one_that_burns", drops_one_that_burns, 23, {NULL}},
	{"run_twice", run_twice, 2, {"gos_run was called a second time"}},
	{"run_twice_after_its_end", run_twice_after_its_end, 2, {"gos_run was called a second time"}, .plain = true},
	{"returns_apps_value", returns_apps_value, 3, {NULL}, .plain = true},
};
GOS_DEATHS(deaths)
