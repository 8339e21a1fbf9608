/* SPDX-License-Identifier: MIT */
/* Goal: gos_run and what a program asks about itself, rt/run.c. Method: black box; environments in the table. */
#include <pthread.h>
#include <stdio.h>
#include <unistd.h>

#include "gos_test.h"

static gos_chan *c;

static void stand(void)
{
	gos_chan_recv(c, NULL);
}

static void end(void)
{
}

GOS_TEST(num_goroutines)
{
	c = gos_chan_make(char, 0);
	expect_eq(gos_num_goroutines(), 1);
	for (size_t i = 1; i <= 1000; i++) {
		go(stand);
		expect_eq(gos_num_goroutines(), i + 1);
	}
	gos_test_until_n_waiting(1000, "chan receive");
	expect_eq(gos_num_goroutines(), 1001);
	for (int i = 0; i < 1000; i++)
		go(end);
	gos_test_until_num(1001);
	expect_eq(gos_num_goroutines(), 1001);
	gos_chan_close(c);
	gos_test_until_num(1);
	expect_eq(gos_num_goroutines(), 1);
}

static void *ask(void *arg)
{
	(void)arg;
	expect_eq(gos_goid(), 0);
	expect_eq(gos_num_goroutines(), 1);
	expect_gt(gos_now(), 0);
	return NULL;
}

GOS_TEST(any_thread_may_ask)
{
	pthread_t thread;
	pthread_create(&thread, NULL, ask, NULL);
	pthread_join(thread, NULL);
}

static int app_on_a_thread(int argc, char **argv)
{
	(void)argv;
	gos_sleep(GOS_MS);
	return argc + 1;
}

static void *run_there(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)gos_run(app_on_a_thread, 41, NULL);
}

PLAIN_TEST(run_may_be_called_by_any_thread)
{
	pthread_t thread;
	void *value;
	pthread_create(&thread, NULL, run_there, NULL);
	pthread_join(thread, &value);
	expect_eq((intptr_t)value, 42);
}

/* ---- GOSMAXPROCS ---- */

static void print_procs(void)
{
	fprintf(stderr, "procs %d of %ld\n", gos_procs(0), sysconf(_SC_NPROCESSORS_ONLN));
}

static void yield_on_a_thread(void)
{
	gos_yield();
}

static void *foreign(void *arg)
{
	(void)arg;
	gos_yield();
	return NULL;
}

static void yield_on_a_foreign_thread(void)
{
	pthread_t thread;
	pthread_create(&thread, NULL, foreign, NULL);
	pthread_join(thread, NULL);
}

static void panic_with_words(void)
{
	gos_panic("the %s is %d", "answer", 42);
}

static const struct gos_death deaths[] = {
	{"procs_3", print_procs, 23, {"procs 3 of"}, "GOSMAXPROCS=3", .never = "gossamer:"},
	{"procs_1024", print_procs, 23, {"procs 1024 of"}, "GOSMAXPROCS=1024"},
	{"procs_too_many", print_procs, 23, {"procs 1024 of"}, "GOSMAXPROCS=99999"},
	{"procs_empty", print_procs, 23, {"procs "}, "GOSMAXPROCS=", .never = "gossamer:"},
	{"procs_nonsense", print_procs, 23, {"gossamer: GOSMAXPROCS=two is not a number", "procs "}, "GOSMAXPROCS=two"},
	{"procs_zero", print_procs, 23, {"gossamer: GOSMAXPROCS=0 is not a number", "procs "}, "GOSMAXPROCS=0"},
	{"procs_trailing", print_procs, 23, {"gossamer: GOSMAXPROCS=4x is not a number", "procs "}, "GOSMAXPROCS=4x"},
	{"yield_before_run", yield_on_a_thread, 2, {"gossamer: fatal error: ", "called before gos_run"}, .plain = true},
	{"yield_on_a_foreign_thread", yield_on_a_foreign_thread, 2, {"gossamer: fatal error: ", "from a thread that runs none"}},
	{"panic_with_words", panic_with_words, 2, {"panic: the answer is 42", "goroutine 1 [running]:", "panic_with_words("}},
};
GOS_DEATHS(deaths)
