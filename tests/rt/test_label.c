/* SPDX-License-Identifier: MIT */
/*
 * Goal: a goroutine has the labels that were set, hands them to those that it starts, and gives them back; what is too much is refused and changes nothing; who looks on
 * sees whole sets only. Method: black box; memory and what a looker sees are read by label.h.
 */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdio.h>
#include <string.h>

#include "gos_test.h"
#include "label.h"
#include "machine.h"

#define NOINLINE __attribute__((noinline))

/* The labels of the calling goroutine, as an observer has them: "key=value,key=value". */
static const char *seen(char *text, size_t size)
{
	static _Thread_local struct rt_labels_copy copy;
	const char *at = NULL, *key, *value;
	size_t used = 0;

	text[0] = '\0';
	if (!rt_labels_copy(rt_tls_m->curg, &copy))
		return "none";
	while (rt_labels_next(&copy, &at, &key, &value))
		used += (size_t)snprintf(text + used, size - used, "%s%s=%s", used ? "," : "", key, value);
	expect_lt(used, size);
	return text;
}

static bool labels_are(const char *wanted)
{
	char text[8192];
	return strcmp(seen(text, sizeof text), wanted) == 0;
}

static bool is(const char *key, const char *wanted)
{
	const char *value = gos_label(key);
	return wanted == NULL || value == NULL ? wanted == value : strcmp(value, wanted) == 0;
}

GOS_TEST(label_set_replaced_and_removed)
{
	expect(labels_are("none"));
	expect(is("request", NULL));
	expect_eq(gos_set_label("tenant", "acme"), 0);
	expect_eq(gos_set_label("request", "r-881"), 0);
	expect_eq(gos_set_label("zone", ""), 0);
	expect(is("tenant", "acme") && is("request", "r-881") && is("zone", "") && is("zon", NULL) && is("zones", NULL) && is("", NULL) && is(NULL, NULL));
	expect(labels_are("request=r-881,tenant=acme,zone="));
	expect_eq(gos_set_label("request", "r-882, the longer one"), 0);
	expect(labels_are("request=r-882, the longer one,tenant=acme,zone="));
	expect_eq(gos_set_label("request", NULL), 0);
	expect_eq(gos_set_label("request", NULL), 0);
	expect(labels_are("tenant=acme,zone="));
	expect_eq(gos_set_label("zone", NULL), 0);
	expect_eq(gos_set_label("tenant", NULL), 0);
	expect(labels_are("none") && is("tenant", NULL));
	expect_eq(gos_set_label("tenant", NULL), 0);
	expect_eq(gos_set_label("again", "1"), 0);
	expect(labels_are("again=1"));
}

/* ---- limits ---- */

static char *text_of_length(char *text, size_t length, char c)
{
	memset(text, c, length);
	text[length] = '\0';
	return text;
}

GOS_TEST(label_too_long_or_no_key_is_refused_and_changes_nothing)
{
	static char key[128], value[512], huge[(1 << 20) + 1];
	text_of_length(huge, 1 << 20, 'h');
	expect_eq(gos_set_label("request", "r-881"), 0);

	expect_eq(gos_set_label(text_of_length(key, 64, 'k'), "v"), -E2BIG);
	expect_eq(gos_set_label("k", text_of_length(value, 256, 'v')), -E2BIG);
	expect_eq(gos_set_label("request", value), -E2BIG);
	expect_eq(gos_set_label(huge, "v"), -E2BIG);
	expect_eq(gos_set_label(huge, NULL), -E2BIG);
	expect_eq(gos_set_label("request", huge), -E2BIG);
	expect_eq(gos_set_label(huge, huge), -E2BIG);
	expect_eq(gos_set_label("", "v"), -EINVAL);
	expect_eq(gos_set_label(NULL, "v"), -EINVAL);
	expect_eq(gos_set_label(NULL, NULL), -EINVAL);
	expect_eq(gos_set_label("a=b", "v"), -EINVAL);
	expect_eq(gos_set_label("=", "v"), -EINVAL);
	expect(labels_are("request=r-881"));

	expect_eq(gos_set_label(text_of_length(key, 63, 'k'), text_of_length(value, 255, 'v')), 0);
	expect(is(key, value));
}

GOS_TEST(label_sixteen_and_not_one_more)
{
	char key[64], value[256], text[8192], wanted[8192];
	size_t used = 0;
	for (int i = 15; i >= 0; i--) { /* backwards: they come in the order of their keys all the same */
		snprintf(text_of_length(key, 63, 'k'), 3, "%02d", i);
		key[2] = 'k';
		expect_eq(gos_set_label(key, text_of_length(value, 255, (char)('a' + i))), 0);
	}
	for (int i = 0; i < 16; i++) {
		snprintf(text_of_length(key, 63, 'k'), 3, "%02d", i);
		key[2] = 'k';
		used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%s=%s", i ? "," : "", key, text_of_length(value, 255, (char)('a' + i)));
	}
	expect(strcmp(seen(text, sizeof text), wanted) == 0);
	expect_eq(gos_set_label("one more", "v"), -ENOSPC);
	expect(strcmp(seen(text, sizeof text), wanted) == 0);
	expect_eq(gos_set_label("one more", NULL), 0);
	expect_eq(gos_set_label(key, "another"), 0); /* of those that are there */
	expect(is(key, "another"));
	expect_eq(gos_set_label(key, NULL), 0);
	expect_eq(gos_set_label("one more", "v"), 0);
	expect(is("one more", "v"));
}

/* ---- children ---- */

static gos_waitgroup wg;

static void grandchild(const char *wanted)
{
	expect(labels_are(wanted));
	gos_waitgroup_done(&wg);
}

static void child(gos_chan *changed, gos_chan *go_on)
{
	int i;
	expect(labels_are("request=r-881,tenant=acme"));
	expect_eq(gos_set_label("request", "r-882"), 0);
	expect_eq(gos_set_label("tenant", NULL), 0);
	gos_chan_send(changed, &i);
	gos_chan_recv(go_on, &i);
	expect(labels_are("request=r-882"));
	go(grandchild, "request=r-882");
}

GOS_TEST(label_children_begin_with_them_and_keep_their_own)
{
	gos_chan *changed = gos_chan_make(int, 0), *go_on = gos_chan_make(int, 0);
	int i = 0;
	gos_set_label("request", "r-881");
	gos_set_label("tenant", "acme");
	gos_waitgroup_add(&wg, 3);
	go(child, changed, go_on);
	gos_chan_recv(changed, &i);
	expect(labels_are("request=r-881,tenant=acme"));
	gos_set_label("request", "r-883");
	gos_chan_send(go_on, &i);
	gos_go_with((&(struct gos_go_options){.name = "named", .stack_size = 200000}), grandchild, "request=r-883,tenant=acme");
	gos_set_label("request", NULL);
	gos_set_label("tenant", NULL);
	go(grandchild, "none");
	gos_waitgroup_wait(&wg);
}

static void labels_itself(int i)
{
	char value[32];
	snprintf(value, sizeof value, "%d", i);
	expect(labels_are("none")); /* although its G had been a labelled goroutine's */
	expect_eq(gos_set_label("i", value), 0);
	gos_waitgroup_done(&wg);
}

GOS_TEST(label_ends_with_the_goroutine)
{
	for (int i = 0; i < 1000; i++) {
		gos_waitgroup_add(&wg, 1);
		go(labels_itself, i);
		gos_waitgroup_wait(&wg);
	}
}

/* ---- within a call ---- */

static void check_labels(void *wanted)
{
	expect(labels_are(wanted));
}

static void changes_more(void *arg)
{
	expect(labels_are("request=r-881,step=parse"));
	expect_eq(gos_set_label("request", NULL), 0);
	expect_eq(gos_set_label("extra", "e"), 0);
	expect_eq(gos_with_label("step", "inner", check_labels, "extra=e,step=inner"), 0);
	expect_eq(gos_with_label("step", NULL, check_labels, "extra=e"), 0);
	expect_eq(gos_with_label("", "v", check_labels, "extra=e,step=parse"), -EINVAL);
	expect_eq(gos_with_label("step", "parse", check_labels, "extra=e,step=parse"), 0); /* nothing changes */
	expect(labels_are("extra=e,step=parse"));
	(*(int *)arg)++;
}

GOS_TEST(label_of_a_call_goes_with_it)
{
	int calls = 0;
	expect_eq(gos_with_label("step", "alone", check_labels, "step=alone"), 0);
	expect(labels_are("none"));
	expect_eq(gos_with_label(NULL, "v", check_labels, "none"), -EINVAL);
	gos_set_label("request", "r-881");
	expect_eq(gos_with_label("step", "parse", changes_more, &calls), 0);
	expect(labels_are("request=r-881"));
	expect_eq(calls, 1);
}

static void panics_with(void *arg)
{
	expect(labels_are("request=r-881,step=fails"));
	gos_set_label("extra", "e");
	gos_panic("%s", (const char *)arg);
}

static void rescues(const char *wanted)
{
	expect(gos_recover() != NULL);
	expect(labels_are(wanted));
}

static void recovers(void)
{
	gos_defer_frame();
	gos_defer(rescues, "request=r-881"); /* called after what gos_with_label had deferred */
	gos_with_label("step", "fails", panics_with, "on purpose");
	expect(!"returned");
}

GOS_TEST(label_of_a_call_that_panics_goes_with_it)
{
	gos_set_label("request", "r-881");
	for (int i = 0; i < 100; i++)
		recovers();
	expect(labels_are("request=r-881"));
}

static void exits(void *arg)
{
	expect(labels_are(arg));
	gos_goexit();
}

static void last_words(void)
{
	expect(labels_are("request=r-881"));
	gos_waitgroup_done(&wg);
}

static void ends_in_a_call(void)
{
	gos_defer_frame();
	gos_defer(last_words);
	gos_with_label("step", "ends", exits, "request=r-881,step=ends");
	expect(!"returned");
}

GOS_TEST(label_of_a_call_that_ends_the_goroutine_goes_with_it)
{
	gos_set_label("request", "r-881");
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		go(ends_in_a_call);
		gos_waitgroup_wait(&wg);
	}
}

/* ---- a longjmp out of a call ---- */

struct jump {
	jmp_buf out;
	int depth;
};

static void jumps(void *arg)
{
	struct jump *jump = arg;
	if (jump->depth-- > 0)
		gos_with_label("step", "inner", jumps, jump);
	else
		longjmp(jump->out, 1);
	expect(!"returned");
}

NOINLINE static void leaves_by_longjmp(int depth)
{
	struct jump jump = {.depth = depth};
	if (setjmp(jump.out) == 0)
		gos_with_label("step", "outer", jumps, &jump);
}

static void defers_nothing(void)
{
	gos_defer_frame();
}

/* As it is documented; and labels that it gets afterwards are not taken for those of the call. */
GOS_TEST(label_of_a_call_that_is_left_by_longjmp_stays)
{
	gos_set_label("request", "r-881");
	for (int i = 0; i < 100; i++) {
		leaves_by_longjmp(i % 3);
		expect(labels_are(i % 3 == 0 ? "request=r-881,step=outer" : "request=r-881,step=inner"));
		gos_set_label("step", "later");
		defers_nothing(); /* meets what was left */
		gos_yield();
		expect(labels_are("request=r-881,step=later"));
		gos_set_label("step", NULL);
	}
}

static void leaves_and_ends(void)
{
	leaves_by_longjmp(2);
	gos_waitgroup_done(&wg);
}

GOS_TEST(label_sets_of_calls_left_by_longjmp_are_given_back_at_the_end)
{
	uint64_t before = 0;
	gos_set_label("request", "r-881");
	for (int i = 0; i < 20000; i++) {
		gos_waitgroup_add(&wg, 1);
		go(leaves_and_ends);
		gos_waitgroup_wait(&wg);
		if (i == 100)
			before = rt_load_relaxed(&rt_labels_memory);
	}
	gos_test_until_num(1);
	expect_eq(rt_load_relaxed(&rt_labels_memory), before);
}

/* ---- memory ---- */

#define MILLION (1000000 / (GOS_TEST_SHADOW ? 50 : GOS_TEST_SLOW))
#define AT_ONCE 100

static void holds(long i)
{
	char value[64];
	snprintf(value, sizeof value, "request %ld of a million", i);
	expect_eq(gos_set_label("request", value), 0);
	gos_yield();
	expect(is("request", value));
	gos_waitgroup_done(&wg);
}

GOS_TEST_WITHIN(label_a_million_distinct_ones_leave_no_memory_behind, 120)
{
	gos_set_label("tenant", "acme"); /* so that each begins with a set that is shared */
	uint64_t before = 0;
	for (long i = 0; i < MILLION; i += AT_ONCE) {
		gos_waitgroup_add(&wg, AT_ONCE);
		for (long j = i; j < i + AT_ONCE; j++)
			go(holds, j);
		gos_waitgroup_wait(&wg);
		gos_test_until_num(1);
		if (i == 0)
			before = rt_load_relaxed(&rt_labels_memory);
	}
	expect_gt(before, 0);
	expect_eq(rt_load_relaxed(&rt_labels_memory), before);
	expect(labels_are("tenant=acme"));
}

GOS_TEST_WITHIN(label_a_million_values_of_one_goroutine_leave_no_memory_behind, 120)
{
	char value[256];
	for (long i = 0; i < MILLION; i++) {
		snprintf(text_of_length(value, (size_t)(i % 256), '.'), sizeof value, "%ld", i); /* shorter and longer */
		expect_eq(gos_set_label("request", value), 0);
	}
	expect_le(rt_load_relaxed(&rt_labels_memory), 256 << 10);
}

/* ---- who looks on ---- */

static volatile int changing;
static struct gos_g *changed;

static void changes_all_the_time(void)
{
	char value[256];
	changed = rt_tls_m->curg;
	gos_set_label("a", "");
	gos_set_label("b", "");
	__atomic_store_n(&changing, 1, __ATOMIC_RELEASE);
	for (unsigned i = 0; __atomic_load_n(&changing, __ATOMIC_ACQUIRE) == 1; i++) {
		text_of_length(value, i * 7 % 256, (char)('a' + i % 26)); /* as long as others, with other bytes */
		gos_set_label("a", value);
		gos_set_label("b", value);
		gos_checkpoint();
	}
	gos_waitgroup_done(&wg);
}

/* Sets that are given back are soon somebody else's. */
static void takes_what_is_given_back(void)
{
	char value[256];
	for (unsigned i = 0; __atomic_load_n(&changing, __ATOMIC_ACQUIRE) <= 1; i++) {
		gos_set_label("other", text_of_length(value, i * 11 % 256, 'X'));
		gos_checkpoint();
	}
	gos_waitgroup_done(&wg);
}

static void *looks(void *arg)
{
	static struct rt_labels_copy copy;
	long *whole = arg;
	for (int i = 0; i < 100000 / GOS_TEST_SLOW; i++) {
		const char *at = NULL, *key, *value;
		char last[2] = "";
		int n = 0;
		if (!rt_labels_copy(changed, &copy))
			continue;
		for (; rt_labels_next(&copy, &at, &key, &value); n++) {
			size_t length = strlen(value);
			expect(strcmp(key, n == 0 ? "a" : "b") == 0);
			for (size_t j = 0; j < length; j++)
				expect(value[j] == value[0] && value[j] != 'X');
			/* b is what a is, or was a moment before. */
			if (n == 1 && last[0] != '\0' && length != 0)
				expect(value[0] == last[0] || (value[0] - 'a' + 1) % 26 == last[0] - 'a');
			last[0] = value[0];
		}
		expect_eq(n, 2);
		(*whole)++;
	}
	return NULL;
}

static void *look_from_a_thread(void *arg)
{
	pthread_t thread;
	expect_eq(pthread_create(&thread, NULL, looks, arg), 0);
	pthread_join(thread, NULL);
	return NULL;
}

GOS_TEST_WITHIN(label_who_looks_on_sees_whole_sets, 60)
{
	long whole = 0;
	gos_waitgroup_add(&wg, 2);
	go(changes_all_the_time);
	gos_test_until(&changing);
	go(takes_what_is_given_back);
	gos_blocking(look_from_a_thread, &whole);
	expect_gt(whole, 0);
	__atomic_store_n(&changing, 2, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(label_who_looks_on_believes_no_nonsense)
{
	static struct rt_labels_copy copy;
	static struct gos_labels bad;
	struct gos_g g = {.labels = (void *)8};
	expect(!rt_labels_copy(&g, &copy));
	g.labels = &bad;
	bad = (struct gos_labels){.count = 17, .bytes = 4};
	expect(!rt_labels_copy(&g, &copy));
	bad = (struct gos_labels){.count = 1, .bytes = 60000};
	expect(!rt_labels_copy(&g, &copy));
	bad = (struct gos_labels){.count = 1, .bytes = 4, .text = "k\0va"}; /* the last zero lies beyond */
	expect(!rt_labels_copy(&g, &copy));
	bad = (struct gos_labels){.count = 2, .bytes = 4, .text = "k\0v"};
	expect(!rt_labels_copy(&g, &copy));
	bad = (struct gos_labels){.turn = 1, .count = 1, .bytes = 4, .text = "k\0v"};
	expect(!rt_labels_copy(&g, &copy));
	bad.turn = 2;
	expect(rt_labels_copy(&g, &copy));
}

/* ---- outside of goroutines; deaths ---- */

static void *asks(void *arg)
{
	*(const char **)arg = gos_label("request");
	return NULL;
}

static void *ask_from_a_thread(void *arg)
{
	pthread_t thread;
	expect_eq(pthread_create(&thread, NULL, asks, arg), 0);
	pthread_join(thread, NULL);
	return NULL;
}

GOS_TEST(label_of_a_thread_without_goroutine_is_null)
{
	const char *value = "?";
	gos_set_label("request", "r-881");
	gos_blocking(ask_from_a_thread, &value);
	expect(value == NULL);
	gos_blocking_begin();
	expect(is("request", "r-881"));
	gos_blocking_end();
}

static void with_nothing(void)
{
	gos_with_label("request", "r-881", NULL, NULL);
}

static const struct gos_death deaths[] = {
	{"with_nothing", with_nothing, 2, {"panic: gos_with_label of nil function", "goroutine 1 [running]:", "gos_with_label", "with_nothing"}},
};
GOS_DEATHS(deaths)
