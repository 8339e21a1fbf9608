/* SPDX-License-Identifier: MIT */
/*
 * gos_test.h - how a test of the runtime is written.
 *
 *	GOS_TEST(chan_len_and_cap) { ...; expect(x == 1); }
 *
 * is a whole test: it names itself, and its body runs as goroutine 1 in a process of its own (gos_run may be called only once), under a watchdog that
 * dumps all goroutines. There is no other list of tests: tests/support/gos_test.c has main(). One test alone: CK_RUN_CASE=chan_len_and_cap PROGRAM.
 *
 * Tests that must die are rows of a table, see GOS_DEATHS: what runs, with which code it ends, what it says. One death alone: PROGRAM --death NAME.
 */
#ifndef GOS_TEST_H
#define GOS_TEST_H

#include <check.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "gossamer.h"

#define GOS_TEST_SECONDS 20 /* a test's time on a machine that does many other things */

/* The body is goroutine 1. */
#define GOS_TEST(name) GOS_TEST_WITHIN(name, GOS_TEST_SECONDS)
#define GOS_TEST_WITHIN(name, seconds) GOS_TEST_BY_(gos_test_run, name, seconds)

/* The body runs on the process's own thread and the runtime is not started: for white boxes. */
#define PLAIN_TEST(name) PLAIN_TEST_WITHIN(name, GOS_TEST_SECONDS)
#define PLAIN_TEST_WITHIN(name, seconds) GOS_TEST_BY_(gos_test_run_plain, name, seconds)

#define GOS_TEST_BY_(run, name, seconds)                                                                                          \
	static void name##_body(void);                                                                                            \
	START_TEST(name)                                                                                                          \
	{                                                                                                                         \
		run(#name, name##_body, (seconds));                                                                               \
	}                                                                                                                         \
	END_TEST                                                                                                                  \
	__attribute__((constructor)) static void name##_register(void)                                                            \
	{                                                                                                                         \
		gos_test_add(name, #name, (seconds));                                                                             \
	}                                                                                                                         \
	static void name##_body(void)

/*
 * Fails the test from any goroutine or thread. Unlike ck_assert these cost nothing while they hold, and need no stack to speak of, so they may stand in
 * loops and on small stacks. (A failing one ends the process: Check's ck_abort does that in the forked child, from any thread.)
 */
#define expect(condition) ((condition) ? (void)0 : gos_test_failed(__FILE__, __LINE__, #condition, NULL, 0, 0))
#define expect_eq(a, b) expect_cmp_(a, ==, b)
#define expect_ne(a, b) expect_cmp_(a, !=, b)
#define expect_lt(a, b) expect_cmp_(a, <, b)
#define expect_le(a, b) expect_cmp_(a, <=, b)
#define expect_gt(a, b) expect_cmp_(a, >, b)
#define expect_ge(a, b) expect_cmp_(a, >=, b)
#define expect_cmp_(a, op, b)                                                                                                     \
	do {                                                                                                                      \
		int64_t gos_a_ = (int64_t)(a), gos_b_ = (int64_t)(b);                                                             \
		if (!(gos_a_ op gos_b_))                                                                                          \
			gos_test_failed(__FILE__, __LINE__, #a " " #op " " #b, #op, gos_a_, gos_b_);                              \
	} while (0)

void gos_test_add(const TTest *test, const char *name, int seconds);
void gos_test_run(const char *name, void (*body)(void), int seconds);
void gos_test_run_plain(const char *name, void (*body)(void), int seconds);
_Noreturn void gos_test_failed(const char *file, int line, const char *what, const char *op, int64_t a, int64_t b);

/* ---- tests that die ---- */

struct gos_death {
	const char *name;
	void (*body)(void);      /* goroutine 1 of a new process */
	int code;                /* its exit code; -SIGABRT: killed by that signal */
	const char *says[12];    /* each stands on stderr, in this order, as gos_test_find finds it */
	const char *environment; /* "NAME=value", or NULL */
	bool plain;              /* the runtime is not started: body runs on the process's own thread */
	const char *never;       /* does not stand on stderr; or NULL */
};

/* static const struct gos_death deaths[] = {...}; GOS_DEATHS(deaths) */
#define GOS_DEATHS(table)                                                                                                         \
	START_TEST(table##_as_told)                                                                                               \
	{                                                                                                                         \
		gos_deaths_check(_i);                                                                                             \
	}                                                                                                                         \
	END_TEST                                                                                                                  \
	__attribute__((constructor)) static void table##_register(void)                                                           \
	{                                                                                                                         \
		gos_deaths_add(table##_as_told, table, sizeof(table) / sizeof(table)[0]);                                         \
	}

void gos_deaths_add(const TTest *test, const struct gos_death *table, size_t n);
void gos_deaths_check(int row);

/* Runs a program to its end, or kills it after `seconds`; its wait status. What it prints on stdout and stderr, up to size - 1 bytes, is put in text. */
int gos_test_spawn(char *const argv[], const char *environment, char *text, size_t size, int seconds);

/*
 * Finds `wanted` in what a program said and returns what follows it; NULL: it is not there. "goroutine 2" and higher in it stand for some goroutine's number, the same each time with
 * the same `who`, which begins as zeroes: goroutine 1 may have moved to another P before it makes others, and each P has its own numbers to give.
 */
#define GOS_TEST_WHO 10
const char *gos_test_find(const char *said, const char *wanted, uint64_t who[GOS_TEST_WHO]);

/* ---- helpers ---- */

/* Waits until goroutine `goid` is parked for `reason` (states.def's word: "chan receive"), with its stack whole. Fails the test after some seconds. */
void gos_test_until_waiting(uint64_t goid, const char *reason);
/* states.def's word for a number of it. */
const char *gos_test_reason(unsigned reason);
/* How many goroutines are parked for that reason. */
size_t gos_test_waiting(const char *reason);
/* Waits until that many are. */
void gos_test_until_n_waiting(size_t n, const char *reason);
/* Lets others run until *flag is not 0. Fails the test after some seconds. */
void gos_test_until(const volatile int *flag);
/* Waits until no more than n goroutines live. */
void gos_test_until_num(size_t n);

/* Numbers that a failure can be repeated with: GOS_TEST_SEED chooses them, and is printed with each failure. */
uint64_t gos_test_seed(void);
static inline uint64_t gos_test_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15u);
	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

/* What sanitizers this program is built with: gcc and clang say it in different ways. */
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define GOS_TEST_TSAN 1
#endif
#if __has_feature(address_sanitizer)
#define GOS_TEST_ASAN 1
#endif
#endif
#if defined(__SANITIZE_THREAD__)
#define GOS_TEST_TSAN 1
#endif
#if defined(__SANITIZE_ADDRESS__)
#define GOS_TEST_ASAN 1
#endif

/* Runs slower than a plain build by this factor, roughly: sanitizers, and the runtime that takes its time. */
#if defined(GOS_TEST_TSAN) || defined(GOS_TEST_ASAN)
#define GOS_TEST_SLOW 8
#define GOS_TEST_SHADOW 1 /* each page of the program's memory costs more than itself */
#elif defined(GOS_TEST_JITTER)
#define GOS_TEST_SLOW 4
#else
#define GOS_TEST_SLOW 1
#endif
#ifndef GOS_TEST_SHADOW
#define GOS_TEST_SHADOW 0
#endif

/* n goroutines that live at the same time, or as many as ThreadSanitizer can follow beside the test's others. A constant. */
#ifdef GOS_TEST_TSAN
#define GOS_TEST_MANY(n) ((n) < 7000 ? (n) : 7000)
#else
#define GOS_TEST_MANY(n) (n)
#endif

#endif
