/* SPDX-License-Identifier: MIT */
/*
 * Goal: GOSDEBUG=seed=N, rt/seed.c and what draws from it: the same seed is the same interleaving, another seed another one, and explore finds the seed of a mistake. Method:
 * programs of tests/seed, and the bodies of deaths below, each run many times in processes of their own.
 */
#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "gos_test.h"
#include "machine.h"

#define RUNS 100
#define RUN_SECONDS (60 * GOS_TEST_SLOW) /* until a run is taken for one that hangs */

/* What it would say about GOSMAXPROCS is for one test alone; in a death's process too. */
__attribute__((constructor)) static void forget_procs(void)
{
	unsetenv("GOSMAXPROCS");
}

/* Runs a program with a seed; its exit code, or -signal. */
static int run_seeded(char *const argv[], int64_t seed, char *said, size_t size)
{
	static char debug[64]; /* stays in the child's environment */
	snprintf(debug, sizeof debug, "GOSDEBUG=seed=%" PRId64, seed);
	int status = gos_test_spawn(argv, debug, said, size, RUN_SECONDS);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* One of the bodies of deaths, which ends with 23. */
static const char *say_seeded(const char *body, int64_t seed)
{
	static char said[65536];
	char *argv[] = {"/proc/self/exe", "--death", (char *)body, NULL};
	int code = run_seeded(argv, seed, said, sizeof said);
	if (code != 23)
		ck_abort_msg("%s, seed %lld: code %d: %s", body, (long long)seed, code, said);
	return said;
}

/* ---- one seed, one sequence ---- */

static char sequence[RUNS][200000];

static const char *racy(int64_t seed, char *said)
{
	char *argv[] = {PROGRAMS "/seed_racy" SUFFIX, "pipes", NULL};
	int code = run_seeded(argv, seed, said, sizeof sequence[0]);
	if (code != 0 || strlen(said) == sizeof sequence[0] - 1 || strstr(said, "\ttotal 78\n") == NULL)
		ck_abort_msg("seed %lld: code %d: %s", (long long)seed, code, said);
	return said;
}

static void expect_same(int64_t seed, const char *a, const char *b)
{
	if (strcmp(a, b) == 0)
		return;
	size_t same = 0, line = 0;
	for (; a[same] == b[same]; same++)
		if (a[same] == '\n')
			line = same + 1;
	ck_abort_msg("seed %lld: \"%.60s\" and \"%.60s\"", (long long)seed, a + line, b + line);
}

PLAIN_TEST_WITHIN(a_hundred_runs_of_one_seed_are_one_sequence, 120)
{
	for (int i = 0; i < RUNS; i++)
		expect_same(7, racy(7, sequence[i]), sequence[0]);
}

PLAIN_TEST_WITHIN(each_seed_repeats_itself, 120)
{
	for (int64_t seed = 0; seed < 40; seed++)
		expect_same(seed, racy(seed, sequence[0]), racy(seed, sequence[1]));
	expect_same(INT64_MAX, racy(INT64_MAX, sequence[0]), racy(INT64_MAX, sequence[1]));
}

PLAIN_TEST_WITHIN(places_that_are_asked_for_make_no_difference, 60)
{
	static const char said[] = "gossamer: GOSMAXPROCS=8: with a seed in GOSDEBUG there is one P\n";
	racy(7, sequence[0]);
	setenv("GOSMAXPROCS", "8", 1);
	racy(7, sequence[1]);
	expect(strncmp(sequence[1], said, sizeof said - 1) == 0);
	expect_same(7, sequence[0], sequence[1] + sizeof said - 1);
}

/* So a seed that fails can be looked at with other tools than the one that found it. */
PLAIN_TEST_WITHIN(other_builds_and_environments_take_the_same_course, 120)
{
	static char *const runs[][6] = {
		{PROGRAMS "/seed_racy" SUFFIX, "pipes"},
		{"/usr/bin/env", "-i", "GOSDEBUG=flight=0,seed=7", PROGRAMS "/seed_racy" SUFFIX, "pipes"},
#ifdef RACY_THREAD
		{RACY_THREAD, "pipes"},
#endif
#ifdef RACY_ADDRESS
		{RACY_ADDRESS, "pipes"},
#endif
	};
	racy(7, sequence[0]);
	for (size_t i = 0; i < sizeof runs / sizeof *runs; i++) {
		expect_eq(run_seeded(runs[i], 7, sequence[1], sizeof sequence[1]), 0);
		expect_same(7, sequence[0], sequence[1]);
	}
}

PLAIN_TEST_WITHIN(a_hundred_seeds_are_many_sequences, 120)
{
	int different = 0;
	for (int i = 0; i < RUNS; i++) {
		int k = 0;
		racy(i, sequence[i]);
		while (strcmp(sequence[k], sequence[i]) != 0)
			k++;
		different += k == i;
	}
	expect_ge(different, 95); /* each has hundreds of choices: two alike would be a rare chance */
}

/* ---- explore ---- */

static int explore(const char *options, const char *program, char *said, size_t size)
{
	char command[1000];
	snprintf(command, sizeof command, "exec %s %s %s", EXPLORE, options, program);
	char *argv[] = {"/bin/sh", "-c", command, NULL};
	int status = gos_test_spawn(argv, NULL, said, size, RUN_SECONDS);
	if (!WIFEXITED(status))
		ck_abort_msg("%s: signal %d, or no end: %s", command, WTERMSIG(status), said);
	return WEXITSTATUS(status);
}

/* A mistake in `program` is found, within a minute, and each repetition of that seed dies with the same words. */
static void find(const char *name, const char *asleep)
{
	static char said[65536], path[1000], again[65536];
	char expected[100];
	int64_t seed;

	snprintf(path, sizeof path, "%s/seed_%s%s", PROGRAMS, name, SUFFIX);
	int code = explore("-n 20000", path, said, sizeof said);
	if (code != 1 || sscanf(said, "explore: seed %" SCNd64 " fails: exit code 2\n", &seed) != 1)
		ck_abort_msg("%s: code %d: %s", name, code, said);
	snprintf(expected, sizeof expected, "\ngossamer: seed=%" PRId64 "\nfatal error: all goroutines are asleep - deadlock!\n", seed);
	expect(strstr(said, expected) != NULL);
	expect(strstr(said, asleep) != NULL);
	snprintf(expected, sizeof expected, "\nexplore: to repeat it: GOSDEBUG=seed=%" PRId64 " /", seed);
	expect(strstr(said, expected) != NULL);
	for (int i = 0; i < 20; i++) {
		char *argv[] = {path, NULL};
		expect_eq(run_seeded(argv, seed, again, sizeof again), 2);
		expect(strstr(again, "fatal error: all goroutines are asleep - deadlock!\n") != NULL);
		expect(strstr(again, asleep) != NULL);
	}
}

PLAIN_TEST_WITHIN(a_lost_wake_up_is_found, 120)
{
	find("lost_wakeup", "goroutine 1: sync.Cond.Wait on cond");
}

PLAIN_TEST_WITHIN(a_missed_close_is_found, 120)
{
	find("missed_close", "goroutine 1: chan receive on chan");
}

PLAIN_TEST_WITHIN(locks_in_two_orders_are_found, 120)
{
	find("abba", "sync.Mutex.Lock on mutex");
}

PLAIN_TEST_WITHIN(nothing_is_found_where_nothing_is_wrong, 120)
{
	char said[4096];
	int code = explore("-n 300 -s 1000", PROGRAMS "/seed_correct" SUFFIX, said, sizeof said);
	ck_assert_msg(code == 0, "%s", said);
	ck_assert_str_eq(said, "explore: seeds 1000 to 1299: none fails\n");
}

PLAIN_TEST_WITHIN(the_lowest_seed_that_fails_is_told_whatever_ends_first, 120)
{
	/* Seeds from 5 on fail, the lower ones later than the others. */
	static const char program[] = "sh -c 'n=${GOSDEBUG#*seed=}; if [ $n -ge 5 ]; then echo \"this is $n\"; [ $n -ge 8 ] || sleep 0.$((9 - n)); exit 3; fi'";
	static const char *const jobs[] = {"-j1", "-j3", "-j16"};
	char said[4096];
	for (size_t i = 0; i < sizeof jobs / sizeof *jobs; i++) {
		expect_eq(explore(jobs[i], program, said, sizeof said), 1);
		static const char begins[] = "explore: seed 5 fails: exit code 3\nthis is 5\nexplore: to repeat it: GOSDEBUG=seed=5 sh -c 'n=${GOSDEBUG";
		ck_assert_msg(strncmp(said, begins, sizeof begins - 1) == 0, "%s: %s", jobs[i], said);
	}
}

PLAIN_TEST_WITHIN(explore_tells_how_it_failed, 60)
{
	char said[300000];
	expect_eq(explore("-t 1 -s 3", "sh -c 'echo before; sleep 1000'", said, sizeof said), 1);
	expect(strstr(said, "explore: seed 3 fails: it still runs after 1 s\nbefore\n") == said);
	expect_eq(explore("", "sh -c 'kill -SEGV $$'", said, sizeof said), 1);
	expect(strstr(said, "explore: seed 1 fails: Segmentation fault\nexplore: to") == said);
	expect_eq(explore("-n 1", "sh -c 'seq 100000; exit 1'", said, sizeof said), 1);
	expect(strstr(said, " bytes left out ...\n") != NULL);
	expect(strstr(said, "\n99999\n100000\nexplore: to repeat it: ") != NULL);
	setenv("GOSDEBUG", "schedtrace=0", 1);
	expect_eq(explore("-s 9", "sh -c 'echo $GOSDEBUG; exit 1'", said, sizeof said), 1);
	expect(strstr(said, "\nschedtrace=0,seed=9\nexplore: to repeat it: GOSDEBUG=schedtrace=0,seed=9 sh ") != NULL);
}

PLAIN_TEST_WITHIN(explore_has_nothing_to_run, 60)
{
	static const char *const bad[] = {"", "-n 0 true", "-n x true", "-j 0 true", "-t true", "-x true", "-s -1 true", "/no/such/program", "/dev/null"};
	char said[4096];
	for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
		int code = explore(bad[i], "", said, sizeof said);
		if (code != 2 || (strstr(said, "usage: explore") == NULL && strstr(said, "explore: /") == NULL))
			ck_abort_msg("explore %s: code %d: %s", bad[i], code, said);
	}
}

/* ---- what is chosen ---- */

/* What goroutines share without a lock, since one runs at a time: written as atomic, for who looks for races. */
#define GET(p) __atomic_load_n((p), __ATOMIC_RELAXED)
#define SET(p, v) __atomic_store_n((p), (v), __ATOMIC_RELAXED)

static int order[2], ordered;

static void come(int who)
{
	int place = GET(&ordered);
	SET(&ordered, place + 1);
	SET(&order[place], who);
}

static void say_order(void)
{
	go(come, 1);
	go(come, 2);
	gos_sleep(GOS_S);
	printf("%d %d\n", GET(&order[0]), GET(&order[1]));
}

static gos_mutex lock;
static int winner;

static void want_lock(int who)
{
	gos_mutex_lock(&lock);
	if (GET(&winner) == 0)
		SET(&winner, who);
	gos_mutex_unlock(&lock);
}

/* One waits for the lock as it is given back, another only comes then. */
static void say_winner(void)
{
	gos_mutex_lock(&lock);
	uint64_t waiter = go(want_lock, 1);
	gos_sleep(GOS_MS / 2);
	gos_test_until_waiting(waiter, "sync.Mutex.Lock");
	gos_mutex_unlock(&lock);
	want_lock(2);
	gos_sleep(GOS_S);
	printf("%d\n", GET(&winner));
}

static void say_case(void)
{
	gos_chan *a = gos_chan_make(int, 1), *b = gos_chan_make(int, 1);
	int value = 1;
	gos_chan_send(a, &value);
	gos_chan_send(b, &value);
	struct gos_case cases[] = {GOS_RECV(a, &value), GOS_RECV(b, &value)};
	printf("%d\n", gos_select(cases, 2));
}

static int come_due;

static void due(void *arg)
{
	(void)arg;
	SET(&come_due, 1);
}

static void say_when_timer_is_seen(void)
{
	int64_t began = gos_now();
	int yields = 0;
	gos_timer_start(10 * GOS_US, due, NULL);
	for (; !GET(&come_due); yields++)
		gos_yield();
	printf("%d\n", gos_now() - began < 10 * GOS_US ? -1 : yields < 6 ? 0 : yields < 9 ? 1 : 2);
}

static void count_up(int *counter)
{
	for (;;) {
		gos_checkpoint();
		SET(counter, GET(counter) + 1);
	}
}

/* Two that never wait, and never call anything but gos_checkpoint: each gets on. */
static void say_both_get_on(void)
{
	static int counter[2];
	go(count_up, &counter[0]);
	go(count_up, &counter[1]);
	while (GET(&counter[0]) < 1000 || GET(&counter[1]) < 1000)
		gos_yield();
	printf("both\n");
}

/* Over some seeds the body says each of these, and nothing else. */
static void expect_all_of(const char *body, const char *const words[], size_t count)
{
	uint32_t seen = 0;
	for (int64_t seed = 0; seed < 300 && seen != (1u << count) - 1; seed++) {
		const char *said = say_seeded(body, seed);
		size_t i = 0;
		while (i < count && strcmp(said, words[i]) != 0)
			i++;
		if (i == count)
			ck_abort_msg("%s, seed %lld: %s", body, (long long)seed, said);
		seen |= 1u << i;
	}
	ck_assert_msg(seen == (1u << count) - 1, "%s: only 0x%x", body, seen);
}
#define EXPECT_ALL_OF(body, ...) \
	do { \
		static const char *const words[] = {__VA_ARGS__}; \
		expect_all_of(body, words, sizeof words / sizeof *words); \
	} while (0)

PLAIN_TEST_WITHIN(who_runs_first_is_chosen, 60)
{
	EXPECT_ALL_OF("say_order", "1 2\n", "2 1\n");
}

PLAIN_TEST_WITHIN(who_wins_a_lock_is_chosen, 60)
{
	EXPECT_ALL_OF("say_winner", "1\n", "2\n");
}

PLAIN_TEST_WITHIN(which_case_of_a_select_is_chosen, 60)
{
	EXPECT_ALL_OF("say_case", "0\n", "1\n");
}

PLAIN_TEST_WITHIN(when_a_timer_is_seen_is_chosen, 60)
{
	EXPECT_ALL_OF("say_when_timer_is_seen", "0\n", "1\n", "2\n");
}

PLAIN_TEST_WITHIN(checkpoints_are_scheduling_points, 60)
{
	for (int64_t seed = 0; seed < 10; seed++)
		ck_assert_str_eq(say_seeded("say_both_get_on", seed), "both\n");
}

/* ---- more than the queues hold ---- */

#define CROWD 6000

static uint64_t crowd_hash = 1;
static gos_waitgroup crowd;

static void one_of_crowd(int me)
{
	gos_yield();
	SET(&crowd_hash, GET(&crowd_hash) * 1099511628211u + (uint64_t)me);
	gos_waitgroup_done(&crowd);
}

static void say_crowd(void)
{
	gos_waitgroup_add(&crowd, CROWD);
	for (int i = 0; i < CROWD; i++)
		go(one_of_crowd, i);
	gos_waitgroup_wait(&crowd);
	printf("%" PRIx64 "\n", crowd_hash);
}

PLAIN_TEST_WITHIN(thousands_are_chosen_from_and_none_is_forgotten, 60)
{
	char first[4][100];
	for (int seed = 0; seed < 4; seed++) {
		snprintf(first[seed], sizeof first[seed], "%s", say_seeded("say_crowd", seed));
		ck_assert_str_eq(say_seeded("say_crowd", seed), first[seed]);
		for (int other = 0; other < seed; other++)
			ck_assert_str_ne(first[seed], first[other]);
	}
}

/* ---- time ---- */

static void print_now(void)
{
	int64_t began = gos_now();
	printf("now %" PRId64 ".\n", began / GOS_MS);
	expect_gt(gos_now(), began); /* who waits for a time in a loop sees it come */
}

static int64_t real_now(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return ts.tv_sec * GOS_S + ts.tv_nsec;
}

/* In the order of their times, each not before it, and all in no time. */
static void sleep_for_years(void)
{
	int64_t real = real_now(), began = gos_now(), hour = 3600 * GOS_S, value;
	gos_chan *day = gos_after(24 * hour), *year = gos_after(365 * 24 * hour);
	gos_sleep(hour);
	expect_ge(gos_now() - began, hour);
	expect_lt(gos_now() - began, hour + GOS_S);
	gos_chan_recv(year, &value);
	expect_ge(value - began, 365 * 24 * hour);
	gos_chan_recv(day, &value);
	expect_ge(value - began, 24 * hour);
	expect_lt(value - began, 25 * hour);
	expect_lt(real_now() - real, hour);
	printf("a year\n");
}

static void sleep_for_ever(void)
{
	gos_sleep(INT64_MAX);
	printf("the end of time\n");
}

/* Who sleeps until the end of time does not bring it about. */
static void say_it_is_not_the_end(void)
{
	go(sleep_for_ever);
	gos_sleep(3600 * GOS_S);
	expect_lt(gos_now(), 365 * 24 * 3600 * GOS_S);
	printf("not the end\n");
}

static void miss_a_deadline(void)
{
	gos_context *ctx = gos_context_with_timeout(gos_context_background(), 600 * GOS_S);
	gos_chan_recv(gos_context_done(ctx), NULL);
	expect_eq(gos_context_err(ctx), -ETIMEDOUT);
	printf("missed\n");
}

/* ---- threads and descriptors ---- */

static int others_ran;

static void run_on(void)
{
	SET(&others_ran, 1);
}

static void *doze(void *arg)
{
	usleep(50000);
	return arg;
}

/* For as long as a call takes that waits for nobody here, nobody runs: how long that is must not matter. */
static void block_for_a_while(void)
{
	for (int i = 0; i < 3; i++)
		go(run_on);
	gos_blocking_begin();
	int before = GET(&others_ran);
	doze(NULL);
	expect_eq(GET(&others_ran), before);
	gos_blocking_end();
	gos_sleep(GOS_MS);
	expect(GET(&others_ran));
	printf("one after the other\n");
}

static int ends[2];

static void write_in_a_while(void)
{
	gos_sleep(GOS_MS);
	expect_eq(write(ends[1], "x", 1), 1);
}

/* What only another goroutine can end: the seed's word is not worth standing still for ever. */
static void block_until_another_writes(void)
{
	char byte;
	expect_eq(pipe(ends), 0);
	go(write_in_a_while);
	gos_blocking_begin();
	expect_eq(read(ends[0], &byte, 1), 1);
	gos_blocking_end();
	printf("read %c\n", byte);
}

static void write_after_a_sleep(void)
{
	int64_t began = gos_now(), real = real_now();
	gos_sleep(100 * GOS_MS);
	expect_ge(gos_now() - began, 100 * GOS_MS);
	expect_ge(real_now() - real, 90 * GOS_MS); /* the choices take theirs too */
	expect_eq(write(ends[1], "z", 1), 1);
}

/* Who waits for something real must not find that hours have passed; afterwards they may. */
static void time_is_real_while_one_blocks(void)
{
	char byte;
	expect_eq(pipe(ends), 0);
	for (int i = 0; i < 3; i++) {
		go(write_after_a_sleep);
		gos_blocking_begin();
		expect_eq(read(ends[0], &byte, 1), 1);
		gos_blocking_end();
	}
	int64_t real = real_now();
	gos_sleep(3600 * GOS_S);
	expect_lt(real_now() - real, 3600 * GOS_S);
	printf("read %c\n", byte);
}

static int came_back;

/* As a debugger would do it. */
static void *freeze(void *arg)
{
	struct gos_g *gp = arg;
	rt_store_relaxed(&gp->hold, (uint8_t)(gp->hold | RT_HOLD_FROZEN));
	rt_store_release(&gos_runtime.hold_generation, 1u);
	return NULL;
}

static void be_frozen_in_a_call(void)
{
	gos_blocking(freeze, rt_tls_m->curg);
	SET(&came_back, 1);
}

/* Whom a debugger holds back as his call ends is in that call no more. */
static void hold_one_back(void)
{
	struct gos_g *gp;
	go(be_frozen_in_a_call);
	while (rt_load_relaxed(&gos_runtime.held) == 0)
		gos_yield();
	gp = &gos_runtime.gslabs[0][0];
	while (!(gp->hold & RT_HOLD_FROZEN))
		gp++;
	gos_sleep(3600 * GOS_S);
	expect(!GET(&came_back));
	rt_store_relaxed(&gp->hold, (uint8_t)(gp->hold & ~RT_HOLD_FROZEN));
	rt_store_release(&gos_runtime.hold_generation, 2u);
	while (!GET(&came_back))
		gos_yield();
	printf("back\n");
}

static void *write_later(void *arg)
{
	usleep(100000);
	expect_eq(write(ends[1], "y", 1), 1);
	return arg;
}

/* What a thread of the program's own does takes the kernel's time, and is waited for. */
static void read_what_a_thread_writes(void)
{
	char byte;
	pthread_t thread;
	expect_eq(pipe(ends), 0);
	expect_eq(pthread_create(&thread, NULL, write_later, NULL), 0);
	expect_eq(gos_read(ends[0], &byte, 1), 1);
	printf("read %c\n", byte);
	pthread_join(thread, NULL);
}

static void ask_for_procs(void)
{
	expect_eq(gos_procs(0), 1);
	expect_eq(gos_procs(4), 1);
	expect_eq(gos_procs(1), 1);
	expect_eq(gos_procs(8), 1);
	printf("procs %d\n", gos_procs(0));
}

/* ---- deaths name the seed ---- */

static void fall_asleep(void)
{
	gos_chan_recv(NULL, NULL);
}

static void panic(void)
{
	gos_panic("what is this?");
}

#if !defined(GOS_TEST_TSAN) && !defined(GOS_TEST_ASAN) /* which report it themselves */
static void crash(void)
{
	static volatile int *volatile nil;
	*nil = 1;
}
#endif

static void quit(void)
{
	raise(SIGQUIT);
}

static void look(void)
{
	gos_stack_dump(2);
}

static void return_at_once(void)
{
}

static const struct gos_death deaths[] = {
	{"say_order", say_order, 23},
	{"say_winner", say_winner, 23},
	{"say_case", say_case, 23},
	{"say_when_timer_is_seen", say_when_timer_is_seen, 23, .environment = "GOSDEBUG=seed=3"},
	{"say_both_get_on", say_both_get_on, 23, {"both\n"}},
	{"say_crowd", say_crowd, 23},
	{"now_1", print_now, 23, {"now 1000000.\n"}, "GOSDEBUG=seed=1"},
	{"now_2", print_now, 23, {"now 1000000.\n"}, "GOSDEBUG=seed=2"},
	{"years", sleep_for_years, 23, {"a year\n"}, "GOSDEBUG=seed=3"},
	{"not_the_end", say_it_is_not_the_end, 23, {"not the end\n"}, "GOSDEBUG=seed=3", .never = "the end of time"},
	{"deadline", miss_a_deadline, 23, {"missed\n"}, "GOSDEBUG=seed=3"},
	{"block", block_for_a_while, 23, {"one after the other\n"}, "GOSDEBUG=seed=3", .never = "gossamer:"},
	{"block_for_another",
	 block_until_another_writes,
	 23,
	 {"gossamer: seed=3: a goroutine has blocked its thread for long; ", "read x\n"},
	 "GOSDEBUG=seed=3"},
	{"time_while_blocked", time_is_real_while_one_blocks, 23, {"read z\n"}, "GOSDEBUG=seed=3"},
	{"hold", hold_one_back, 23, {"back\n"}, "GOSDEBUG=seed=3"},
	{"thread", read_what_a_thread_writes, 23, {"read y\n"}, "GOSDEBUG=seed=3"},
	{"procs", ask_for_procs, 23, {"gossamer: gos_procs(4): with a seed in GOSDEBUG there is one P\n", "procs 1\n"}, "GOSDEBUG=seed=3", .never = "gos_procs(8)"},
	{"asleep", fall_asleep, 2, {"gossamer: seed=77\nfatal error: all goroutines are asleep - deadlock!\n"}, "GOSDEBUG=seed=77"},
	{"panic", panic, 2, {"gossamer: seed=77\npanic: what is this?"}, "GOSDEBUG=seed=77"},
#if !defined(GOS_TEST_TSAN) && !defined(GOS_TEST_ASAN)
	{"crash", crash, -SIGSEGV, {"gossamer: seed=77\nfatal error: unexpected signal\n"}, "GOSDEBUG=seed=77"},
#endif
	{"quit", quit, 2, {"gossamer: seed=0\nSIGQUIT: quit\n"}, "GOSDEBUG=seed=0"},
	{"look", look, 23, {"goroutine 1 [running]:\n"}, "GOSDEBUG=seed=77", .never = "gossamer:"}, /* which is no death */
	{"no_seed", fall_asleep, 2, {"fatal error: all goroutines are asleep"}, "GOSDEBUG=", .never = "gossamer: seed"},
	{"nothing", return_at_once, 23, {""}, "GOSDEBUG=seed=1", .never = "gossamer:"},
};
GOS_DEATHS(deaths)

PLAIN_TEST_WITHIN(a_random_seed_is_told, 60)
{
	char said[2][4096];
	int64_t seed[2], at_death;
	char *argv[] = {"/proc/self/exe", "--death", "asleep", NULL};
	for (int i = 0; i < 2; i++) {
		int status = gos_test_spawn(argv, "GOSDEBUG=seed=random", said[i], sizeof said[i], RUN_SECONDS);
		expect(WIFEXITED(status) && WEXITSTATUS(status) == 2);
		expect_eq(sscanf(said[i], "gossamer: seed=%" SCNd64 "\ngossamer: seed=%" SCNd64 "\nfatal error: ", &seed[i], &at_death), 2);
		expect_eq(seed[i], at_death);
	}
	expect_ne(seed[0], seed[1]);
}
