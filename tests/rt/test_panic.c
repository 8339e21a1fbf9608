/* SPDX-License-Identifier: MIT */
/*
 * panic.c: panics, who may recover them and what happens then; panics that the runtime and signals raise; gos_goexit among them. After Go's
 * test/recover*.go and runtime/{panic,callers,crash}_test.go. Built at every level of optimization by tests/story/levels.sh.
 */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "told.h"

#define NOINLINE __attribute__((noinline))

#if defined(GOS_TEST_TSAN) || defined(GOS_TEST_ASAN)
#define SANITIZED 1
#else
#define SANITIZED 0 /* else their own signal handlers are installed */
#endif

/* Deferred: recovers, and tells from what. */
static void rescue(void)
{
	const char *message = gos_recover();
	tell(message != NULL ? message : "nothing");
}

/* Deferred: there must be nothing for it to recover. */
static void must_not(void)
{
	expect(gos_recover() == NULL);
}

static void panics(const char *message)
{
	gos_panic("%s", message);
}

/* ---- what a recovery does ---- */

static NOINLINE int recovers(int n)
{
	gos_defer_frame(-1);
	gos_defer(rescue);
	if (n > 0)
		gos_panic("%s-%d", "number", n);
	return 7;
}

GOS_TEST(a_recovered_panic_makes_the_function_return_its_value)
{
	expect_eq(recovers(5), -1);
	expect_told("number-5 ");
	expect_eq(recovers(0), 7);
	expect_told("nothing ");
}

static volatile int zero;
static void (*volatile panics_by_pointer)(const char *) = panics;

static NOINLINE void below(int n)
{
	if (n == 0)
		panics_by_pointer("deep");
	else
		below(n - 1);
	tell("never");
}

static NOINLINE int recovers_below(int n)
{
	gos_defer_frame(-2);
	gos_defer(tell, "first");
	gos_defer(rescue);
	gos_defer(tell, "third");
	below(n);
	return 1;
}

GOS_TEST(the_functions_between_are_left_and_the_other_deferred_calls_run)
{
	expect_eq(recovers_below(0), -2);
	expect_told("third deep first ");
	expect_eq(recovers_below(20), -2);
	expect_told("third deep first ");
}

static void rescue_into(volatile int *to)
{
	if (gos_recover() != NULL)
		*to = 33;
}

static NOINLINE int volatile_value(int n)
{
	volatile int value = 1;
	gos_defer_frame(value + n);
	gos_defer(rescue_into, &value);
	value = 2;
	gos_panic("value");
}

static NOINLINE int value_of_parameter(int a, const char *b, double c)
{
	gos_defer_frame(a + (int)strlen(b) + (int)c);
	gos_defer(rescue);
	char space[300];
	memset(space, a, sizeof space);
	tell(b);
	panics(space[299] == (char)a ? "parameter" : "wrong");
	return 0;
}

GOS_TEST(the_value_is_worked_out_at_the_recovery)
{
	expect_eq(volatile_value(100), 133);
	expect_eq(value_of_parameter(10, "four", 0.5), 14);
	expect_told("four parameter ");
}

struct big {
	int64_t a[20];
};

static NOINLINE struct big returns_structure(void)
{
	gos_defer_frame((struct big){{1, 2, 3}});
	gos_defer(rescue);
	gos_panic("structure");
}

static NOINLINE double returns_double(void)
{
	gos_defer_frame(2.5);
	gos_defer(rescue);
	gos_panic("double");
}

static NOINLINE void returns_nothing(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	gos_panic("void");
}

GOS_TEST(values_of_every_kind)
{
	struct big b = returns_structure();
	expect(b.a[2] == 3 && b.a[19] == 0);
	expect(returns_double() == 2.5);
	returns_nothing();
	expect_told("structure double void ");
}

/* Overwrites the registers that a call keeps, in a function that panics before it gives them back. */
static NOINLINE void spoil(void)
{
	__asm__ volatile("" : : : "rbx", "r12", "r13", "r14", "r15", "memory");
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5;
	__asm__ volatile("" : "+b"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e));
	if (a + b + c + d + e == 15)
		gos_panic("spoilt");
}

static NOINLINE int64_t recovers_spoilt(int64_t n)
{
	gos_defer_frame(-1);
	gos_defer(rescue);
	spoil();
	return n;
}

static volatile int64_t one = 1;

GOS_TEST(the_caller_goes_on_with_its_registers_and_variables)
{
	int64_t a = one, b = one + 1, c = one + 2, d = one + 3, e = one + 4, f = one + 5, g = one + 6;
	double x = (double)one;
	for (int i = 0; i < 100; i++) {
		a += recovers_spoilt(1);
		b ^= a;
		c += b * recovers_spoilt(2);
		d -= c;
		e += d ^ recovers_spoilt(3);
		f += e;
		g ^= f + i;
		x += 0.5;
		told[0] = 0;
	}
	int64_t a2 = one, b2 = one + 1, c2 = one + 2, d2 = one + 3, e2 = one + 4, f2 = one + 5, g2 = one + 6;
	for (int i = 0; i < 100; i++) {
		a2 += -1;
		b2 ^= a2;
		c2 += b2 * -1;
		d2 -= c2;
		e2 += d2 ^ -1;
		f2 += e2;
		g2 ^= f2 + i;
	}
	expect(a == a2 && b == b2 && c == c2 && d == d2 && e == e2 && f == f2 && g == g2 && x == 51);
}

GOS_TEST(a_function_may_recover_any_number_of_times)
{
	/* ThreadSanitizer keeps a stack of its own, of 64 Ki calls, on which those that were left stay. */
	for (int i = 1; i < (GOS_TEST_SLOW == 1 ? 20000 : 2000); i++) {
		expect_eq(recovers(i), -1);
		told[0] = 0;
	}
}

static void make_long(char *text, size_t n)
{
	memset(text, 'x', n - 1);
	text[n - 1] = 0;
}

static const char *kept;

static void keep(void)
{
	kept = gos_recover();
}

static NOINLINE void panics_kept(const char *text)
{
	gos_defer_frame();
	gos_defer(keep);
	gos_panic("%s!", text);
}

GOS_TEST(the_message_is_whole_and_lives_until_the_next_recovery)
{
	static char text[100000];
	make_long(text, sizeof text);
	panics_kept(text);
	expect_eq(strlen(kept), sizeof text);
	expect(kept[0] == 'x' && kept[sizeof text - 1] == '!');
	expect(gos_recover() == NULL); /* which is no recovery */
	expect_eq(strlen(kept), sizeof text);
	panics_kept("");
	expect(strcmp(kept, "!") == 0);
}

static int thing;

static void rescue_value(void)
{
	expect(gos_recover() != NULL);
	expect(gos_recovered_value() == &thing);
	expect_eq(gos_recovered_signal(), 0);
}

static NOINLINE void panics_with_value(void)
{
	gos_defer_frame();
	gos_defer(rescue_value);
	gos_panic_value(&thing, "with %s", "value");
}

GOS_TEST(the_value_goes_to_who_recovers)
{
	expect(gos_recovered_value() == NULL);
	panics_with_value();
	expect(gos_recovered_value() == &thing);
	expect_eq(recovers(1), -1);
	expect(gos_recovered_value() == NULL);
}

/* ---- who may recover ---- */

static inline const char *inline_helper(void)
{
	return gos_recover();
}

static NOINLINE const char *helper(void)
{
	const char *message = gos_recover();
	expect(message == NULL);
	return message;
}

static NOINLINE void calls_helpers(void)
{
	expect(helper() == NULL);
	expect(inline_helper() == NULL);
	rescue(); /* nothing, too */
	tell("helped"); /* without this rescue may be jumped to, and is the deferred function then */
}

static NOINLINE void defers_rescue(void)
{
	gos_defer_frame();
	gos_defer(must_not);
	must_not();
}

static NOINLINE void tries_all(void)
{
	gos_defer_frame();
	gos_defer(tell, "end");
	gos_defer(must_not); /* nothing is left */
	gos_defer(rescue);
	gos_defer(calls_helpers);
	gos_defer(defers_rescue); /* its own deferred call runs because it returns, not because of the panic */
	gos_panic("all");
}

GOS_TEST(only_the_deferred_function_itself_recovers)
{
	must_not();
	expect(inline_helper() == NULL);
	tries_all();
	expect_told("nothing helped all end ");
	must_not();
}

static void recovers_twice(void)
{
	expect(gos_recover() != NULL);
	expect(gos_recover() == NULL);
	expect(gos_recover() == NULL);
}

static NOINLINE void panics_once(void)
{
	gos_defer_frame();
	gos_defer(recovers_twice);
	gos_panic("once");
}

GOS_TEST(a_panic_is_recovered_once)
{
	panics_once();
}

static NOINLINE void defers_recover_itself(void)
{
	gos_defer_frame();
	gos_defer(gos_recover);
	gos_panic("not by recover itself");
}

static NOINLINE void around_it(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	defers_recover_itself();
	tell("never");
}

GOS_TEST(recover_deferred_by_itself_does_nothing)
{
	around_it();
	expect_told("not by recover itself ");
}

static void after_many_locals(int a, const char *b, double c)
{
	char space[1000];
	snprintf(space, sizeof space, "%d%s%.1f", a, b, c);
	tell(space);
	volatile char variable[one + 100];
	variable[one] = 1;
	rescue();
	const char *message = gos_recover();
	expect(message != NULL && strcmp(message, "locals") == 0 && variable[one] == 1);
}

static NOINLINE void panics_locals(void)
{
	gos_defer_frame();
	gos_defer(after_many_locals, 1, "b", 2);
	gos_panic("locals");
}

GOS_TEST(a_deferred_function_of_any_shape_recovers)
{
	panics_locals();
	expect_told("1b2.0 nothing ");
}

static void recovers_in_a_loop(void)
{
	int n = 0;
	for (int i = 0; i < 3; i++)
		n += gos_recover() != NULL;
	expect_eq(n, 1);
}

static NOINLINE void panics_for_loop(void)
{
	gos_defer_frame();
	gos_defer(recovers_in_a_loop);
	gos_panic("loop");
}

GOS_TEST(recover_in_a_loop)
{
	panics_for_loop();
}

/* ---- panics in panics ---- */

static void panics_again(const char *message)
{
	gos_panic("%s", message);
}

static NOINLINE void replaced(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	gos_defer(panics_again, "third");
	gos_defer(panics_again, "second");
	gos_panic("first");
}

GOS_TEST(a_panic_in_a_deferred_call_takes_the_place_of_the_first)
{
	replaced();
	expect_told("third ");
	must_not();
}

static void rescue_and_panic(void)
{
	tell(gos_recover());
	gos_panic("again");
}

static NOINLINE void panics_and_again(void)
{
	gos_defer_frame();
	gos_defer(tell, "first");
	gos_defer(rescue_and_panic);
	gos_panic("once");
}

static NOINLINE void catches_again(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	panics_and_again();
	tell("never");
}

GOS_TEST(who_recovers_may_panic_again)
{
	catches_again();
	expect_told("once first again ");
}

static void rescues_one_inside(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	gos_panic("inside");
}

static NOINLINE void nested(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	gos_defer(rescues_one_inside);
	gos_defer(rescues_one_inside);
	gos_panic("outside");
}

GOS_TEST(a_panic_recovered_within_a_deferred_call_leaves_the_first_as_it_was)
{
	nested();
	expect_told("inside inside outside ");
}

static void three_levels(int n)
{
	gos_defer_frame();
	gos_defer(rescue);
	if (n > 0)
		gos_defer(three_levels, n - 1);
	gos_panic("level%d", n);
}

GOS_TEST(panics_nest_to_any_depth)
{
	three_levels(3);
	expect_told("level0 level1 level2 level3 ");
}

static NOINLINE void inner_frame(void)
{
	gos_defer_frame();
	gos_defer(tell, "inner");
	gos_defer(panics_again, "two");
	gos_panic("one");
}

static NOINLINE void middle_frame(void)
{
	gos_defer_frame();
	gos_defer(tell, "middle");
	gos_defer(panics_again, "three");
	inner_frame();
}

static NOINLINE int outer_frame(void)
{
	gos_defer_frame(9);
	gos_defer(tell, "outer");
	gos_defer(rescue);
	middle_frame();
	return 1;
}

GOS_TEST(each_frame_runs_its_calls_once_whoever_panics)
{
	expect_eq(outer_frame(), 9);
	expect_told("inner middle three outer ");
}

static void return_panics(void)
{
	gos_defer_frame();
	gos_defer(tell, "rest");
	gos_defer(panics, "at return");
}

static NOINLINE int catches_at_return(void)
{
	gos_defer_frame(4);
	gos_defer(rescue);
	return_panics();
	return 1;
}

GOS_TEST(a_deferred_call_that_panics_as_its_function_returns)
{
	expect_eq(catches_at_return(), 4);
	expect_told("rest at return ");
}

static NOINLINE int recovers_own_return(void)
{
	gos_defer_frame(5);
	gos_defer(tell, "rest");
	gos_defer(rescue);
	gos_defer(panics, "own");
	return 1;
}

GOS_TEST(and_is_recovered_by_another_of_the_same_function)
{
	expect_eq(recovers_own_return(), 5);
	expect_told("own rest ");
}

/* ---- many ---- */

static int64_t expected, ran;

static void expect_order(int64_t n)
{
	expect_eq(n, expected--);
	ran++;
}

static NOINLINE void deep(int64_t n)
{
	gos_defer_frame();
	gos_defer(expect_order, 2 * n);
	gos_defer(expect_order, 2 * n + 1);
	if (n == 999) {
		expected = 2 * n + 1;
		gos_panic("deep");
	}
	deep(n + 1);
	expect(!"reached");
}

static NOINLINE void catches_deep(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	deep(0);
}

static void in_large_goroutine(gos_waitgroup *wg, void (*fn)(void))
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	fn();
}

static void run_large(void (*fn)(void))
{
	gos_waitgroup wg = {0};
	struct gos_go_options options = {.stack_size = 16 << 20};
	gos_waitgroup_add(&wg, 1);
	gos_go_with(&options, in_large_goroutine, &wg, fn);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(a_panic_runs_the_calls_of_a_thousand_frames_in_order)
{
	run_large(catches_deep);
	expect_eq(expected, -1);
	expect_eq(ran, 2000);
	expect_told("deep ");
}

static void count_if_recovered(int64_t *counter)
{
	const char *message = gos_recover();
	expect(message != NULL);
	gos_yield();
	char wanted[32];
	snprintf(wanted, sizeof wanted, "by %llu", (unsigned long long)gos_goid());
	expect(strcmp(message, wanted) == 0);
	__atomic_add_fetch(counter, 1, __ATOMIC_SEQ_CST);
}

static NOINLINE int panics_now(int64_t *counter)
{
	gos_defer_frame(3);
	gos_defer(count_if_recovered, counter);
	gos_defer(gos_yield);
	gos_panic("by %llu", (unsigned long long)gos_goid());
}

static void panicker(gos_waitgroup *wg, int64_t *counter)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	for (int i = 0; i < 5; i++)
		expect_eq(panics_now(counter), 3);
}

GOS_TEST(goroutines_panic_and_recover_each_for_itself)
{
	gos_waitgroup wg = {0};
	int64_t counter = 0;
	for (int i = 0; i < 1000; i++) {
		gos_waitgroup_add(&wg, 1);
		go(panicker, &wg, &counter);
	}
	gos_waitgroup_wait(&wg);
	expect_eq(counter, 5000);
}

static void receives(gos_chan *c)
{
	int n = 0;
	expect(gos_chan_recv(c, &n) && n == 8);
	tell("received");
}

static NOINLINE void panics_and_waits(gos_chan *c)
{
	gos_defer_frame();
	gos_defer(rescue);
	gos_defer(receives, c);
	gos_panic("waits");
}

static void sends_eight(gos_chan *c)
{
	int n = 8;
	gos_chan_send(c, &n);
}

GOS_TEST(a_deferred_call_may_wait_while_its_goroutine_panics)
{
	gos_chan *c = gos_chan_make(int, 0);
	uint64_t goid = go(sends_eight, c);
	gos_test_until_waiting(goid, "chan send");
	panics_and_waits(c);
	expect_told("received waits ");
	gos_chan_free(c);
}

/* ---- goexit ---- */

static void as_goroutine(gos_waitgroup *wg, void (*fn)(void))
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	fn();
	tell("returned");
}

static void run(void (*fn)(void))
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	go(as_goroutine, &wg, fn);
	gos_waitgroup_wait(&wg);
}

static NOINLINE void exits_after_recovery(void)
{
	gos_defer_frame();
	gos_defer(tell, "first");
	recovers(1);
	gos_goexit();
}

GOS_TEST(goexit_after_a_recovered_panic)
{
	run(exits_after_recovery);
	expect_told("number-1 first ");
}

static NOINLINE void exits_while_panicking(void)
{
	gos_defer_frame();
	gos_defer(must_not); /* goexit is no panic, and has ended the one there was */
	gos_defer(tell, "more");
	gos_defer(gos_goexit);
	gos_panic("forgotten");
}

GOS_TEST(goexit_in_a_deferred_call_ends_the_panic_and_the_goroutine)
{
	run(exits_while_panicking);
	expect_told("more ");
}

static NOINLINE void panic_while_exiting(void)
{
	gos_defer_frame();
	gos_defer(tell, "last");
	gos_defer(rescue);
	gos_defer(panics, "on the way");
	gos_goexit();
}

GOS_TEST(a_panic_during_goexit_that_is_recovered_lets_goexit_go_on)
{
	run(panic_while_exiting);
	expect_told("on the way last ");
}

static NOINLINE void exits_in_inner(void)
{
	gos_defer_frame();
	gos_defer(panics, "inner");
	gos_goexit();
}

static NOINLINE void recovers_in_outer(void)
{
	gos_defer_frame();
	gos_defer(tell, "outer");
	gos_defer(rescue);
	exits_in_inner();
	tell("never");
}

static NOINLINE void around_outer(void)
{
	gos_defer_frame();
	gos_defer(must_not);
	recovers_in_outer();
	tell("never");
}

GOS_TEST(and_the_function_that_recovered_does_not_return)
{
	run(around_outer);
	expect_told("inner outer ");
}

static void recovers_within(void)
{
	recovers(2);
}

static NOINLINE void exit_with_recovery_inside(void)
{
	gos_defer_frame();
	gos_defer(tell, "first");
	gos_defer(recovers_within);
	gos_goexit();
}

GOS_TEST(a_panic_recovered_within_a_deferred_call_of_goexit)
{
	run(exit_with_recovery_inside);
	expect_told("number-2 first ");
}

static NOINLINE void panics_twice_on_the_way(void)
{
	gos_defer_frame();
	gos_defer(tell, "last");
	gos_defer(rescue);
	gos_defer(panics_again, "second");
	gos_defer(panics_again, "first");
	gos_goexit();
}

GOS_TEST(two_panics_during_goexit)
{
	run(panics_twice_on_the_way);
	expect_told("second last ");
}

/* ---- what the runtime finds wrong ---- */

static NOINLINE int closes(gos_chan *c)
{
	gos_defer_frame(-1);
	gos_defer(rescue);
	gos_chan_close(c);
	return 0;
}

static NOINLINE int sends(gos_chan *c, int n)
{
	gos_defer_frame(-1);
	gos_defer(rescue);
	gos_chan_send(c, &n);
	return 0;
}

static NOINLINE int tries_to_send(gos_chan *c, int n)
{
	gos_defer_frame(-1);
	gos_defer(rescue);
	gos_chan_try_send(c, &n);
	return 0;
}

static NOINLINE int selects(gos_chan *c, int n)
{
	gos_defer_frame(-1);
	gos_defer(rescue);
	struct gos_case cases[] = {GOS_SEND(c, &n)};
	return gos_select(cases, 1);
}

static void sender_of_closed(gos_chan *c, gos_waitgroup *wg)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	expect_eq(sends(c, 1), -1);
}

GOS_TEST(misuse_of_a_channel_is_recovered_and_the_channel_is_as_before)
{
	gos_chan *c = gos_chan_make(int, 2);
	expect_eq(sends(c, 41), 0);
	expect_eq(closes(c), 0);
	told[0] = 0;
	for (int i = 0; i < 3; i++) {
		expect_eq(closes(c), -1);
		expect_told("close of closed channel ");
		expect_eq(sends(c, 1), -1);
		expect_told("send on closed channel ");
		expect_eq(tries_to_send(c, 1), -1);
		expect_told("send on closed channel ");
		expect_eq(selects(c, 1), -1);
		expect_told("send on closed channel ");
	}
	expect_eq(closes(NULL), -1);
	expect_told("close of nil channel ");
	int n = 0;
	expect(gos_chan_recv(c, &n) && n == 41);
	expect(!gos_chan_recv(c, &n) && n == 0);
	gos_chan_free(c);
}

GOS_TEST(a_sender_whose_channel_is_closed_meanwhile_recovers)
{
	gos_chan *c = gos_chan_make(int, 0);
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	uint64_t goid = go(sender_of_closed, c, &wg);
	gos_test_until_waiting(goid, "chan send");
	gos_chan_close(c);
	gos_waitgroup_wait(&wg);
	expect_told("send on closed channel ");
	gos_chan_free(c);
}

static NOINLINE int done(gos_waitgroup *wg)
{
	gos_defer_frame(-1);
	gos_defer(rescue);
	gos_waitgroup_done(wg);
	return 0;
}

GOS_TEST(a_negative_wait_group_is_recovered)
{
	gos_waitgroup wg = {0};
	expect_eq(done(&wg), -1);
	expect_told("negative wait group counter ");
}

/* ---- blocking sections ---- */

static NOINLINE int panics_in_section(void)
{
	gos_defer_frame(21);
	gos_defer(rescue);
	gos_defer(gos_yield); /* needs a goroutine that may wait */
	gos_blocking_begin();
	gos_blocking_begin();
	gos_panic("in a section");
}

static NOINLINE int recovers_in_section(void)
{
	gos_defer_frame(22);
	gos_defer(rescue);
	gos_panic("within the section");
}

static NOINLINE void *deferring_in_section(void *arg)
{
	gos_defer_frame(NULL);
	gos_defer(tell, "deferred");
	tell(arg);
	return arg;
}

static NOINLINE int misuses_section(gos_chan *c)
{
	gos_defer_frame(23);
	gos_defer(rescue);
	gos_blocking_begin();
	gos_chan_send(c, &c);
	return 0;
}

GOS_TEST(a_panic_ends_the_blocking_section_that_it_leaves)
{
	for (int i = 0; i < 50; i++) {
		expect_eq(panics_in_section(), 21);
		expect_told("in a section ");
	}
	gos_yield();
}

GOS_TEST(a_function_that_recovers_within_a_blocking_section_stays_there)
{
	gos_blocking_begin();
	gos_blocking_begin();
	expect_eq(recovers_in_section(), 22);
	gos_blocking_end();
	expect_eq(recovers_in_section(), 22);
	gos_blocking_end();
	expect_told("within the section within the section ");
	gos_yield();
}

GOS_TEST(functions_called_in_a_blocking_section_may_defer)
{
	expect(gos_blocking(deferring_in_section, "body") != NULL);
	expect_told("body deferred ");
}

GOS_TEST(misuse_in_a_blocking_section_is_recovered)
{
	gos_chan *c = gos_chan_make(gos_chan *, 1);
	expect_eq(misuses_section(c), 23);
	expect(strncmp(told, "a function that needs a goroutine was called between", 52) == 0);
	expect_eq(gos_chan_len(c), 0);
	gos_chan_free(c);
}

/* ---- longjmp ---- */

static jmp_buf out;

static void jumps_out(void)
{
	longjmp(out, 1);
}

static NOINLINE void panics_and_jumps(void)
{
	gos_defer_frame();
	gos_defer(tell, "left");
	gos_defer(jumps_out);
	gos_panic("left by longjmp");
}

GOS_TEST(longjmp_out_of_a_deferred_call_ends_the_panic)
{
	for (int i = 0; i < 100; i++) {
		if (setjmp(out) == 0)
			panics_and_jumps();
		must_not();
		expect_eq(recovers(0), 7);
		expect_told("nothing ");
		expect_eq(recovers(1), -1);
		expect_told("number-1 ");
	}
}

/* ---- signals ---- */

static int *volatile nil;

static NOINLINE int leaf(volatile int *p)
{
	return *p + 1;
}

static void rescue_signal(volatile int *signal)
{
	const char *message = gos_recover();
	if (message == NULL)
		return;
	tell(message);
	*signal = gos_recovered_signal();
}

static NOINLINE int reads(int *p)
{
	volatile int signal = 0;
	gos_defer_frame(signal);
	gos_defer(rescue_signal, &signal);
	return leaf(p);
}

static NOINLINE int divides(int a, int b)
{
	volatile int signal = 0;
	gos_defer_frame(signal);
	gos_defer(rescue_signal, &signal);
	/* By hand: to divide by zero is undefined, and compilers make use of that. */
	int quotient;
	__asm__ volatile("movl %1, %%eax\n\tcltd\n\tidivl %2\n\tmovl %%eax, %0" : "=r"(quotient) : "r"(a), "r"(b) : "eax", "edx", "cc");
	return quotient;
}

static NOINLINE int calls(void (*volatile *fn)(void))
{
	volatile int signal = 0;
	gos_defer_frame(signal);
	gos_defer(rescue_signal, &signal);
	(*fn)();
	return 0;
}

#define NIL_TEXT "runtime error: invalid memory address or nil pointer dereference "

GOS_TEST(a_nil_pointer_is_recovered)
{
	if (SANITIZED)
		return;
	int n = 4;
	for (int i = 0; i < 1000; i++) { /* and the signal may come again */
		expect_eq(reads(nil), SIGSEGV);
		expect_told(NIL_TEXT);
	}
	expect_eq(reads(&n), 5);
	expect_told("");
}

GOS_TEST(a_division_by_zero_is_recovered)
{
	if (SANITIZED)
		return;
	expect_eq(divides(1, zero), SIGFPE);
	expect_told("runtime error: integer divide by zero ");
	expect_eq(divides(6, 2), 3);
}

GOS_TEST(a_call_of_nil_is_recovered)
{
	if (SANITIZED)
		return;
	void (*volatile fn)(void) = NULL;
	expect_eq(calls(&fn), SIGSEGV);
	expect_told(NIL_TEXT);
}

static void nil_in_goroutine(gos_waitgroup *wg)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	for (int i = 0; i < 20; i++) {
		expect_eq(reads(nil), SIGSEGV);
		gos_yield();
		__atomic_store_n(&told[0], 0, __ATOMIC_RELAXED);
	}
}

GOS_TEST(nil_pointers_in_many_goroutines)
{
	if (SANITIZED)
		return;
	gos_waitgroup wg = {0};
	for (int i = 0; i < 50; i++) {
		gos_waitgroup_add(&wg, 1);
		go(nil_in_goroutine, &wg);
		gos_waitgroup_wait(&wg);
	}
}

/* ---- deaths ---- */

static void die_unrecovered(void)
{
	gos_defer_frame();
	gos_defer(tell, "not enough");
	gos_defer(calls_helpers);
	gos_panic("nobody recovers");
}

static NOINLINE void first_panic(void)
{
	gos_defer_frame();
	gos_defer(panics_again, "second");
	gos_panic("first");
}

static void die_in_chain(void)
{
	gos_defer_frame();
	gos_defer(panics_again, "third");
	first_panic();
}

static void die_repanicking(void)
{
	gos_defer_frame();
	gos_defer(rescue_and_panic);
	gos_panic("once");
}

static void die_after_recovery_inside(void)
{
	gos_defer_frame();
	gos_defer(rescues_one_inside);
	gos_panic("outside");
}

static void die_many(void)
{
	gos_defer_frame();
	static char words[40][8];
	for (int i = 39; i > 0; i--) {
		snprintf(words[i], sizeof words[i], "p%d", i);
		gos_defer(panics_again, words[i]);
	}
	gos_panic("p0");
}

static void die_long(void)
{
	static char text[5000];
	gos_defer_frame();
	make_long(text, sizeof text);
	gos_defer(panics_again, "short");
	gos_panic("%s", text);
}

static void goexit_panics(void)
{
	gos_defer_frame();
	gos_defer(panics_again, "while exiting");
	gos_goexit();
}

static void die_in_goexit(void)
{
	goexit_panics();
}

#if !SANITIZED
static void die_by_nil(void)
{
	gos_defer_frame();
	gos_defer(tell, "not enough");
	leaf(nil);
}

static void die_by_nil_and_panic(void)
{
	gos_defer_frame();
	gos_defer(panics_again, "later");
	leaf(nil);
}

static void die_by_nil_without_deferred(void)
{
	gos_defer_frame();
	leaf(nil);
}

static volatile size_t length;

static void die_in_libc(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	length = strlen((const char *)nil);
}

static void die_by_wild_pointer(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	leaf((int *)(uintptr_t)(0x5000 + (unsigned)zero));
}

static void die_in_runtime(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	gos_chan *c = gos_chan_make(int64_t, 1);
	gos_chan_send(c, nil);
}

static NOINLINE int eats_stack(volatile char *above)
{
	volatile char space[1000];
	space[0] = *above;
	if (zero)
		return 0;
	return eats_stack(space) + space[0];
}

static void die_by_overflow(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	char c = 0;
	eats_stack(&c);
}

#endif

static void die_by_unlock(void)
{
	gos_defer_frame();
	gos_defer(rescue);
	gos_mutex m = {0};
	gos_mutex_unlock(&m);
}

static void die_unwinding_threads(void)
{
	gos_defer_frame();
	gos_defer(gos_yield);
	gos_panic("after others ran");
}

static const struct gos_death deaths[] = {
	{"unrecovered", die_unrecovered, 2, {"panic: nobody recovers\n\ngoroutine 1 [running]:\ngos_panic(...)\n\t", "die_unrecovered(...)\n\t"}, .never = "[recovered]"},
	{"chain", die_in_chain, 2, {"panic: first\n\tpanic: second\n\tpanic: third\n\ngoroutine 1 [running]:\ngos_panic(...)\n\t", "panics_again(...)\n\t", "first_panic(...)\n\t", "die_in_chain(...)\n\t"}},
	{"repanic", die_repanicking, 2, {"panic: once [recovered]\n\tpanic: again\n\ngoroutine 1 [running]:\n", "rescue_and_panic(...)\n\t", "die_repanicking(...)\n\t"}},
	{"recovered_inside", die_after_recovery_inside, 2, {"panic: outside\n\ngoroutine 1"}, .never = "panic: inside"},
	{"many", die_many, 2, {"panic: p0\n\tpanic: p1\n\tpanic: p2\n\tpanic: p3\n\t...more panics elided...\n\tpanic: p36\n", "\tpanic: p39\n\ngoroutine 1"}, .never = "panic: p20"},
	{"long", die_long, 2, {"panic: xxxxxxxx", "\n\tpanic: short\n\ngoroutine 1 [running]:\n"}},
	{"goexit", die_in_goexit, 2, {"panic: while exiting\n\ngoroutine 1"}},
	{"after_a_yield", die_unwinding_threads, 2, {"panic: after others ran\n\ngoroutine 1 [running]:\ngos_panic(...)\n\t", "die_unwinding_threads(...)\n\t"}},
	{"unlock", die_by_unlock, 2, {"panic: unlock of unlocked mutex\n\ngoroutine 1 [running]:\ngos_mutex_unlock(...)\n\t", "die_by_unlock(...)\n\t"}},
#if !SANITIZED
	{"nil", die_by_nil, 2, {"panic: runtime error: invalid memory address or nil pointer dereference\n[signal SIGSEGV: segmentation violation code=0x1 addr=0x0 pc=0x", "]\n\ngoroutine 1 [running]:\nleaf(...)\n\t", "die_by_nil(...)\n\t"}},
	{"nil_and_panic", die_by_nil_and_panic, 2, {"panic: runtime error: invalid memory address or nil pointer dereference\n\tpanic: later\n[signal SIGSEGV", "panics_again(...)\n\t", "leaf(...)\n\t", "die_by_nil_and_panic(...)\n\t"}},
	{"nil_without_deferred_calls", die_by_nil_without_deferred, -SIGSEGV, {"fatal error: unexpected signal\n[signal SIGSEGV", "leaf(...)\n\t"}},
	{"in_libc", die_in_libc, -SIGSEGV, {"fatal error: unexpected signal\n[signal SIGSEGV", "die_in_libc(...)\n\t"}},
	{"wild_pointer", die_by_wild_pointer, -SIGSEGV, {"fatal error: unexpected signal\n[signal SIGSEGV", "leaf(...)\n\t"}},
	{"in_the_runtime", die_in_runtime, -SIGSEGV, {"fatal error: unexpected signal\n[signal SIGSEGV", "die_in_runtime(...)\n\t"}},
	{"overflow", die_by_overflow, 2, {"fatal error: stack overflow\n"}},
#endif
};
GOS_DEATHS(deaths)
