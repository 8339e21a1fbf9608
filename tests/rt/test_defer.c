/* SPDX-License-Identifier: MIT */
/* defer.c: when deferred calls run, in which order, with what. Built at every level of optimization by tests/story/levels.sh. */
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "told.h"

static void tell_number(int n)
{
	char word[16];
	snprintf(word, sizeof word, "%d", n);
	tell(word);
}

#define NOINLINE __attribute__((noinline))

/* ---- order ---- */

static NOINLINE void three(void)
{
	gos_defer_frame();
	gos_defer(tell, "first");
	gos_defer(tell, "second");
	gos_defer(tell, "third");
	tell("body");
}

GOS_TEST(deferred_calls_run_last_first_when_the_function_returns)
{
	three();
	tell("after");
	expect_told("body third second first after ");
}

static NOINLINE int leaves_early(int n)
{
	gos_defer_frame(-1);
	gos_defer(tell, "always");
	if (n == 0)
		return 10;
	gos_defer(tell, "later");
	return 20;
}

GOS_TEST(only_what_was_reached_runs)
{
	expect_eq(leaves_early(0), 10);
	expect_told("always ");
	expect_eq(leaves_early(1), 20);
	expect_told("later always ");
}

static NOINLINE void in_blocks(int n)
{
	gos_defer_frame();
	{
		gos_defer(tell, "block");
	}
	if (n != 0) {
		gos_defer(tell, "condition");
		tell("in");
	}
	for (int i = 0; i < 3; i++)
		gos_defer(tell_number, i);
	tell("body");
}

GOS_TEST(a_call_deferred_in_a_block_or_a_loop_waits_for_the_function)
{
	in_blocks(1);
	expect_told("in body 2 1 0 condition block ");
}

static NOINLINE int recurse(int n)
{
	gos_defer_frame(-1);
	gos_defer(tell_number, n);
	return n == 0 ? 0 : 1 + recurse(n - 1);
}

GOS_TEST(each_activation_has_its_own)
{
	expect_eq(recurse(4), 4);
	expect_told("0 1 2 3 4 ");
}

static NOINLINE void inner(void)
{
	gos_defer_frame();
	gos_defer(tell, "inner");
}

static NOINLINE void deferring_deferred(const char *name)
{
	gos_defer_frame();
	gos_defer(tell, "deferred");
	inner();
	tell(name);
}

static NOINLINE void outer(void)
{
	gos_defer_frame();
	gos_defer(tell, "first");
	gos_defer(deferring_deferred, "by");
	inner();
	tell("body");
}

GOS_TEST(a_deferred_function_may_defer)
{
	outer();
	expect_told("inner body inner by deferred first ");
}

/* ---- arguments ---- */

static NOINLINE void counts(void)
{
	gos_defer_frame();
	int i = 1;
	gos_defer(tell_number, i);
	i++;
	gos_defer(tell_number, i);
	i = 99;
	tell_number(i);
}

GOS_TEST(arguments_are_taken_when_the_call_is_deferred)
{
	counts();
	expect_told("99 2 1 ");
}

static struct {
	signed char a;
	unsigned short b;
	int64_t c;
	const char *d;
	bool e;
	uint32_t f;
} integers;

static void take_integers(signed char a, unsigned short b, int64_t c, const char *d, bool e, uint32_t f)
{
	integers.a = a;
	integers.b = b;
	integers.c = c;
	integers.d = d;
	integers.e = e;
	integers.f = f;
}

static double reals[6];

static int take_reals(double a, float b, double c, float d, double e, double f)
{
	double all[6] = {a, b, c, d, e, f};
	memcpy(reals, all, sizeof all);
	return 7;
}

static double mixed(int a, double b, long c)
{
	reals[0] = a + b + (double)c;
	return 1.5;
}

static NOINLINE void defers_all_kinds(void)
{
	gos_defer_frame();
	gos_defer(take_integers, -3, 65535, INT64_MIN, "text", 5, 0xffffffffu);
	gos_defer(take_reals, 1, 2, 3.5, 4, 5, 6.25);
}

static NOINLINE void defers_mixed(void)
{
	gos_defer_frame();
	gos_defer(mixed, 1, 2.5, 3);
}

GOS_TEST(arguments_of_every_kind_arrive)
{
	defers_all_kinds();
	expect(integers.a == -3 && integers.b == 65535 && integers.c == INT64_MIN && strcmp(integers.d, "text") == 0 && integers.e && integers.f == UINT32_MAX);
	expect(reals[0] == 1 && reals[1] == 2 && reals[2] == 3.5 && reals[3] == 4 && reals[4] == 5 && reals[5] == 6.25);
	defers_mixed();
	expect(reals[0] == 6.5);
}

static NOINLINE void defers_printing(char *to)
{
	gos_defer_frame();
	gos_defer(snprintf, to, 64, "%d %.2f %s", 42, 1.25, "end");
	to[0] = 0;
}

GOS_TEST(a_function_with_variable_arguments_may_be_deferred)
{
	char text[64] = "before";
	defers_printing(text);
	expect(strcmp(text, "42 1.25 end") == 0);
}

static NOINLINE void frees(void)
{
	gos_defer_frame();
	char *p = malloc(100), *q = malloc(100);
	gos_defer(free, p);
	gos_defer(free, q);
	memset(p, 1, 100);
	memset(q, 1, 100);
}

GOS_TEST(functions_of_libraries_may_be_deferred)
{
	for (int i = 0; i < 1000; i++)
		frees();
}

static NOINLINE void by_pointer(void (*fn)(const char *))
{
	gos_defer_frame();
	gos_defer(fn, "pointer");
	fn = NULL;
	tell("body");
}

GOS_TEST(the_function_is_taken_when_the_call_is_deferred)
{
	by_pointer(tell);
	expect_told("body pointer ");
}

/* ---- values ---- */

static int64_t cell;

static void set_cell(int64_t n)
{
	cell = n;
}

static NOINLINE int64_t returns_cell(void)
{
	gos_defer_frame(-1);
	cell = 5;
	gos_defer(set_cell, 6);
	return cell;
}

GOS_TEST(the_value_is_made_before_the_deferred_calls_run)
{
	expect_eq(returns_cell(), 5);
	expect_eq(cell, 6);
}

struct pair {
	double x;
	int64_t y[5];
};

static NOINLINE struct pair returns_structure(int n)
{
	gos_defer_frame((struct pair){0, {0}});
	gos_defer(set_cell, n);
	return (struct pair){n, {1, 2, 3, 4, 5}};
}

static NOINLINE double returns_double(double x)
{
	gos_defer_frame(0);
	gos_defer(set_cell, 1);
	return x * 2;
}

GOS_TEST(a_function_that_defers_may_return_anything)
{
	struct pair p = returns_structure(3);
	expect(p.x == 3 && p.y[4] == 5 && cell == 3);
	expect(returns_double(1.25) == 2.5);
}

/* ---- many ---- */

static int64_t next;

static void expect_next(int64_t n)
{
	expect_eq(n, next);
	next--;
}

static NOINLINE void defers_many(int n)
{
	gos_defer_frame();
	for (int i = 0; i < n; i++)
		gos_defer(expect_next, i);
	next = n - 1;
}

GOS_TEST(a_hundred_thousand_in_a_loop)
{
	for (int i = 0; i < 3; i++) {
		defers_many(100000);
		expect_eq(next, -1);
	}
}

static NOINLINE int deep(int n)
{
	gos_defer_frame(-1);
	gos_defer(expect_next, n);
	if (n < 999)
		return deep(n + 1) + 1;
	next = 999;
	return 1;
}

static void deep_goroutine(gos_waitgroup *wg)
{
	expect_eq(deep(0), 1000);
	expect_eq(next, -1);
	gos_waitgroup_done(wg);
}

GOS_TEST(a_thousand_frames)
{
	gos_waitgroup wg = {0};
	struct gos_go_options options = {.stack_size = 4 << 20};
	gos_waitgroup_add(&wg, 1);
	gos_go_with(&options, deep_goroutine, &wg);
	gos_waitgroup_wait(&wg);
}

/* ---- goroutines ---- */

static int64_t balance; /* atomic */

static void settle(int64_t n)
{
	gos_yield(); /* and goes on elsewhere */
	__atomic_add_fetch(&balance, n, __ATOMIC_SEQ_CST);
}

static NOINLINE void owes(int64_t n)
{
	gos_defer_frame();
	for (int64_t i = 1; i <= n; i++) {
		gos_defer(settle, -i);
		__atomic_add_fetch(&balance, i, __ATOMIC_SEQ_CST);
		gos_yield();
	}
}

static void debtor(gos_waitgroup *wg, int64_t n)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	owes(n);
}

GOS_TEST(goroutines_that_change_threads_keep_their_deferred_calls)
{
	gos_waitgroup wg = {0};
	for (int i = 0; i < 500; i++) {
		gos_waitgroup_add(&wg, 1);
		go(debtor, &wg, i % 20);
	}
	gos_waitgroup_wait(&wg);
	expect_eq(balance, 0);
}

/* ---- goexit ---- */

static NOINLINE void exits_inside(void)
{
	gos_defer_frame();
	gos_defer(tell, "inner");
	gos_goexit();
}

static void expect_no_panic(const char *word)
{
	expect(gos_recover() == NULL);
	tell(word);
}

static void exits(gos_waitgroup *wg)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	gos_defer(expect_no_panic, "outer");
	gos_defer(tell, "second");
	exits_inside();
	tell("never");
}

GOS_TEST(goexit_runs_the_deferred_calls_of_all_functions)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	go(exits, &wg);
	gos_waitgroup_wait(&wg);
	expect_told("inner second outer ");
}

static void exits_again(void)
{
	tell("again");
	gos_goexit();
}

static NOINLINE void exits_twice_inside(void)
{
	gos_defer_frame();
	gos_defer(tell, "first");
	gos_defer(exits_again);
	gos_defer(tell, "third");
	gos_goexit();
}

static void exits_twice(gos_waitgroup *wg)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	exits_twice_inside();
	tell("never");
}

GOS_TEST(goexit_in_a_deferred_call_of_goexit_goes_on_with_the_rest)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	go(exits_twice, &wg);
	gos_waitgroup_wait(&wg);
	expect_told("third again first ");
}

static NOINLINE void exits_when_it_returns(void)
{
	gos_defer_frame();
	gos_defer(tell, "first");
	gos_defer(exits_again);
}

static void exits_by_return(gos_waitgroup *wg)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	exits_when_it_returns();
	tell("never");
}

GOS_TEST(goexit_in_a_deferred_call_of_a_function_that_returns)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	go(exits_by_return, &wg);
	gos_waitgroup_wait(&wg);
	expect_told("again first ");
}

/* ---- longjmp ---- */

static jmp_buf out;

static NOINLINE void jumps(int n)
{
	gos_defer_frame();
	gos_defer(tell, "dropped");
	if (n > 0)
		jumps(n - 1);
	longjmp(out, 1);
}

static NOINLINE void overwrites(void)
{
	volatile char stack[2000];
	memset((char *)stack, 0xee, sizeof stack);
}

static NOINLINE void jumped_over(void)
{
	gos_defer_frame();
	gos_defer(tell, "kept");
	if (setjmp(out) == 0)
		jumps(3);
	overwrites();
	tell("body");
}

GOS_TEST(longjmp_drops_the_calls_of_the_functions_that_it_leaves)
{
	jumped_over();
	expect_told("body kept ");
	if (setjmp(out) == 0)
		jumps(5);
	overwrites();
	three();
	expect_told("body third second first ");
}

GOS_TEST(what_longjmp_left_does_not_pile_up)
{
	for (int i = 0; i < 10000; i++)
		if (setjmp(out) == 0)
			jumps(i % 4);
	three();
	expect_told("body third second first ");
}

static void ends_after_longjmp(gos_waitgroup *wg)
{
	if (setjmp(out) == 0)
		jumps(2);
	gos_waitgroup_done(wg);
}

GOS_TEST(a_goroutine_that_ends_drops_what_longjmp_left)
{
	gos_waitgroup wg = {0};
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		go(ends_after_longjmp, &wg);
		gos_waitgroup_wait(&wg);
		three(); /* perhaps in a goroutine's life after it */
		expect_told("body third second first ");
	}
}
