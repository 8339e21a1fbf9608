/* SPDX-License-Identifier: MIT */
/*
 * Goal: the rules of rt/context.c: cancelling goes down and never up, once, and all of it before cancel returns; deadlines; values; freeing in any order. Method: black box; races are provoked with
 * seeds, and judged by what must hold whoever wins.
 */
#include <errno.h>

#include "gos_place.h"
#include "context.h"
#include "gos_test.h"

enum { FAR = 3600 }; /* seconds */

static int count, hands_done;

static int load(const int *p)
{
	return __atomic_load_n(p, __ATOMIC_SEQ_CST);
}

static void add(int *p)
{
	__atomic_add_fetch(p, 1, __ATOMIC_SEQ_CST);
}

static bool is_done(gos_context *ctx)
{
	bool open = true, got = gos_chan_try_recv(gos_context_done(ctx), NULL, &open);
	expect(!got || !open); /* nothing is ever sent */
	return got;
}

/* Both or neither. */
static void expect_ended(gos_context *ctx, int err)
{
	expect_eq(gos_context_err(ctx), err);
	expect(is_done(ctx));
}

static void expect_alive(gos_context *ctx)
{
	expect_eq(gos_context_err(ctx), 0);
	expect(!is_done(ctx));
}

static gos_context *root(void)
{
	return gos_context_background();
}

/* ---- the background ---- */

GOS_TEST(context_background_never_ends)
{
	expect(root() == gos_context_background());
	expect_eq(gos_context_err(root()), 0);
	expect(gos_context_done(root()) == NULL);
	expect(!gos_context_deadline(root(), NULL));
	expect(gos_context_value(root(), &count) == NULL);
	gos_context_cancel(root());
	gos_context_free(root());
	gos_context_free(NULL);
	expect_eq(gos_context_err(root()), 0);
}

/* ---- cancelling ---- */

static void wait_for(gos_context *ctx, int err)
{
	expect(!gos_chan_recv(gos_context_done(ctx), NULL));
	expect_eq(gos_context_err(ctx), err);
	add(&hands_done);
}

GOS_TEST(context_cancel_wakes_who_waits)
{
	gos_context *ctx = gos_context_with_cancel(root());
	expect_alive(ctx);
	expect(gos_context_done(ctx) == gos_context_done(ctx));
	for (int i = 0; i < 100; i++)
		go(wait_for, ctx, -ECANCELED);
	gos_test_until_n_waiting(100, "chan receive");
	expect_eq(gos_context_err(ctx), 0);
	gos_context_cancel(ctx);
	expect_ended(ctx, -ECANCELED);
	gos_context_cancel(ctx); /* again: nothing */
	expect_ended(ctx, -ECANCELED);
	while (load(&hands_done) < 100)
		gos_yield();
	gos_context_free(ctx);
}

GOS_TEST(context_cancel_in_a_select)
{
	gos_context *ctx = gos_context_with_cancel(root());
	gos_chan *never = gos_chan_make(int, 0);
	go(gos_context_cancel, ctx);
	struct gos_case cases[] = {GOS_RECV(never, NULL), GOS_RECV(gos_context_done(ctx), NULL), GOS_SEND(never, &count)};
	expect_eq(gos_select(cases, 3), 1);
	expect(!cases[1].ok);
	gos_context_free(ctx);
}

GOS_TEST(context_done_asked_for_after_the_end)
{
	gos_context *ctx = gos_context_with_cancel(root());
	gos_context_cancel(ctx);
	expect_ended(ctx, -ECANCELED); /* the channel is made now, closed */
	gos_context_free(ctx);
}

GOS_TEST(context_cancel_goes_down_and_not_up)
{
	gos_context *top = gos_context_with_cancel(root());
	gos_context *left = gos_context_with_cancel(top), *right = gos_context_with_timeout(top, FAR * GOS_S);
	gos_context *value = gos_context_with_value(left, &count, &count), *leaf = gos_context_with_cancel(value);
	gos_context *other = gos_context_with_cancel(root());
	gos_context_cancel(left);
	expect_ended(left, -ECANCELED);
	expect_ended(value, -ECANCELED);
	expect_ended(leaf, -ECANCELED);
	expect_alive(top);
	expect_alive(right);
	gos_context_cancel(top);
	expect_ended(top, -ECANCELED);
	expect_ended(right, -ECANCELED);
	expect_alive(other);
	gos_context *all[] = {top, left, right, value, leaf, other};
	for (int i = 0; i < 6; i++)
		gos_context_free(all[i]);
}

GOS_TEST(context_made_from_one_that_has_ended)
{
	gos_context *top = gos_context_with_cancel(root());
	gos_context *timed = gos_context_with_timeout(root(), -1);
	gos_context_cancel(top);
	gos_context *made[] = {gos_context_with_cancel(top), gos_context_with_timeout(top, FAR * GOS_S), gos_context_with_timeout(top, 0),
	                       gos_context_with_value(top, &count, NULL)};
	for (int i = 0; i < 4; i++)
		expect_ended(made[i], -ECANCELED);
	gos_context *late = gos_context_with_cancel(timed);
	expect_ended(late, -ETIMEDOUT);
	for (int i = 0; i < 4; i++)
		gos_context_free(made[i]);
	gos_context_free(late);
	gos_context_free(timed);
	gos_context_free(top);
}

/* ---- deadlines ---- */

GOS_TEST(context_times_out)
{
	int64_t start = gos_now(), at;
	gos_context *ctx = gos_context_with_timeout(root(), 5 * GOS_MS);
	gos_context *child = gos_context_with_cancel(ctx), *grandchild = gos_context_with_value(child, &count, NULL);
	expect(gos_context_deadline(ctx, &at));
	expect_ge(at, start + 5 * GOS_MS);
	expect(!gos_chan_recv(gos_context_done(grandchild), NULL));
	expect_ge(gos_now(), at);
	expect_ended(ctx, -ETIMEDOUT);
	expect_ended(child, -ETIMEDOUT);
	expect_ended(grandchild, -ETIMEDOUT);
	gos_context_cancel(ctx);
	expect_ended(ctx, -ETIMEDOUT);
	gos_context_free(ctx);
	gos_context_free(child);
	gos_context_free(grandchild);
}

GOS_TEST(context_deadline_that_has_passed)
{
	static const int64_t times[] = {0, -1, INT64_MIN, 1};
	for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
		gos_context *ctx = gos_context_with_deadline(root(), times[i]);
		expect_ended(ctx, -ETIMEDOUT);
		gos_context_free(ctx);
	}
	gos_context *ctx = gos_context_with_timeout(root(), 0), *below = gos_context_with_timeout(root(), INT64_MIN);
	expect_ended(ctx, -ETIMEDOUT);
	expect_ended(below, -ETIMEDOUT);
	gos_context_free(ctx);
	gos_context_free(below);
}

GOS_TEST(context_deadline_of_292_years)
{
	gos_context *ctx = gos_context_with_timeout(root(), INT64_MAX), *at = gos_context_with_deadline(root(), INT64_MAX);
	expect(gos_context_deadline(ctx, NULL));
	expect(gos_context_deadline(at, NULL));
	gos_sleep(GOS_MS);
	expect_alive(ctx);
	expect_alive(at);
	gos_context_free(ctx);
	gos_context_free(at);
}

GOS_TEST(context_deadline_is_never_later_than_the_parents)
{
	int64_t now = gos_now(), at = 0;
	gos_context *parent = gos_context_with_deadline(root(), now + FAR * GOS_S);
	gos_context *later = gos_context_with_deadline(parent, now + 2 * FAR * GOS_S);
	gos_context *earlier = gos_context_with_deadline(parent, now + FAR * GOS_S / 2);
	gos_context *none = gos_context_with_cancel(earlier), *value = gos_context_with_value(later, &count, NULL);
	expect(gos_context_deadline(later, &at));
	expect_eq(at, now + FAR * GOS_S);
	expect(gos_context_deadline(earlier, &at));
	expect_eq(at, now + FAR * GOS_S / 2);
	expect(gos_context_deadline(none, &at));
	expect_eq(at, now + FAR * GOS_S / 2);
	expect(gos_context_deadline(value, &at));
	expect_eq(at, now + FAR * GOS_S);
	gos_context *all[] = {value, none, earlier, later, parent};
	for (int i = 0; i < 5; i++)
		gos_context_free(all[i]);

	/* The parent's time comes first, and is the child's. */
	parent = gos_context_with_timeout(root(), 3 * GOS_MS);
	later = gos_context_with_timeout(parent, FAR * GOS_S);
	expect(!gos_chan_recv(gos_context_done(later), NULL));
	expect_ended(later, -ETIMEDOUT);
	/* And a child's is not its parent's. */
	gos_context *long_lived = gos_context_with_timeout(root(), FAR * GOS_S);
	earlier = gos_context_with_timeout(long_lived, 3 * GOS_MS);
	expect(!gos_chan_recv(gos_context_done(earlier), NULL));
	expect_ended(earlier, -ETIMEDOUT);
	expect_alive(long_lived);
	gos_context_free(parent);
	gos_context_free(later);
	gos_context_free(earlier);
	gos_context_free(long_lived);
}

GOS_TEST(context_cancelled_before_its_deadline)
{
	gos_context *ctx[100];
	for (int i = 0; i < 100; i++)
		ctx[i] = gos_context_with_timeout(root(), 20 * GOS_MS);
	for (int i = 0; i < 100; i++)
		gos_context_cancel(ctx[i]);
	int err[100];
	for (int i = 0; i < 100; i++) /* on a slow machine some timed out first */
		err[i] = gos_context_err(ctx[i]);
	gos_sleep(40 * GOS_MS);
	for (int i = 0; i < 100; i++) {
		expect(err[i] == -ECANCELED || err[i] == -ETIMEDOUT);
		expect_ended(ctx[i], err[i]); /* it does not change */
		gos_context_free(ctx[i]);
	}
}

/* Whoever wins, it ends once and stays so, and nobody sees one of channel and error without the other. */
static void look_at(gos_context *ctx)
{
	for (;;) {
		int err = gos_context_err(ctx);
		bool closed = is_done(ctx);
		if (err != 0)
			expect(closed);
		if (closed) {
			expect_ne(gos_context_err(ctx), 0);
			break;
		}
		gos_yield();
	}
	add(&hands_done);
}

GOS_TEST(context_cancelled_at_its_deadline)
{
	uint64_t random = gos_test_seed();
	for (int i = 0; i < 300; i++) {
		int64_t ns = (int64_t)(gos_test_random(&random) % 60000);
		gos_context *ctx = gos_context_with_timeout(root(), ns), *child = gos_context_with_cancel(ctx);
		go(look_at, ctx);
		go(look_at, child);
		for (int64_t until = gos_now() + (int64_t)(gos_test_random(&random) % 60000); gos_now() < until;)
			gos_yield();
		gos_context_cancel(ctx);
		int err = gos_context_err(ctx);
		expect(err == -ECANCELED || err == -ETIMEDOUT);
		expect_ended(child, err);
		while (load(&hands_done) < 2 * (i + 1))
			gos_yield();
		expect_eq(gos_context_err(ctx), err);
		gos_context_free(child);
		gos_context_free(ctx);
	}
}

/* ---- values ---- */

GOS_TEST(context_values)
{
	static int key_a, key_b, key_c, one, two, three;
	gos_context *a = gos_context_with_value(root(), &key_a, &one);
	gos_context *b = gos_context_with_value(a, &key_b, &two);
	gos_context *timed = gos_context_with_timeout(b, FAR * GOS_S);
	gos_context *shadow = gos_context_with_value(timed, &key_a, &three);
	gos_context *nothing = gos_context_with_value(shadow, &key_b, NULL);
	expect(gos_context_value(a, &key_a) == &one);
	expect(gos_context_value(a, &key_b) == NULL); /* not from below */
	expect(gos_context_value(b, &key_a) == &one);
	expect(gos_context_value(timed, &key_b) == &two);
	expect(gos_context_value(shadow, &key_a) == &three);
	expect(gos_context_value(shadow, &key_b) == &two);
	expect(gos_context_value(nothing, &key_b) == NULL); /* a NULL hides what is above */
	expect(gos_context_value(nothing, &key_c) == NULL);
	expect(gos_context_value(nothing, NULL) == NULL);
	gos_context_cancel(shadow); /* values stay */
	expect(gos_context_value(nothing, &key_a) == &three);
	/* Freed from the top: those below keep what they need. */
	gos_context_free(a);
	gos_context_free(b);
	gos_context_free(timed);
	gos_context_free(shadow);
	for (int i = 0; i < 10; i++) /* their memory is not others' yet */
		gos_context_free(gos_context_with_value(root(), &key_a, &two));
	expect(gos_context_value(nothing, &key_a) == &three);
	expect_ended(nothing, -ECANCELED);
	gos_context_free(nothing);
}

/* ---- freeing ---- */

GOS_TEST(context_free_cancels_what_is_below)
{
	gos_context *top = gos_context_with_cancel(root()), *mid = gos_context_with_timeout(top, FAR * GOS_S), *leaf = gos_context_with_cancel(mid);
	gos_context_free(mid);
	expect_ended(leaf, -ECANCELED);
	expect_alive(top);
	gos_context_free(top);
	gos_context_free(leaf);
}

static void shuffle(gos_context **list, int n, uint64_t *random)
{
	for (int i = n - 1; i > 0; i--) {
		int j = (int)(gos_test_random(random) % (uint64_t)(i + 1));
		gos_context *swap = list[i];
		list[i] = list[j];
		list[j] = swap;
	}
}

static gos_context *random_child(gos_context *parent, uint64_t *random)
{
	switch (gos_test_random(random) % 4) {
	case 0:
		return gos_context_with_cancel(parent);
	case 1:
		return gos_context_with_value(parent, &count, parent);
	case 2:
		return gos_context_with_timeout(parent, (int64_t)(gos_test_random(random) % 2000000));
	default:
		return gos_context_with_deadline(parent, gos_now() + FAR * GOS_S);
	}
}

GOS_TEST(contexts_freed_in_any_order)
{
	enum { N = 200 };
	uint64_t random = gos_test_seed();
	for (int round = 0; round < 50; round++) {
		gos_context *list[N];
		for (int i = 0; i < N; i++)
			list[i] = random_child(i == 0 ? root() : list[gos_test_random(&random) % (uint64_t)i], &random);
		shuffle(list, N, &random);
		for (int i = 0; i < N; i++)
			gos_context_free(list[i]);
	}
}

/* A long-lived parent keeps nothing of the children that have gone: their records are used again. */
GOS_TEST(context_cancelled_leaves_its_parents_list)
{
	gos_context *top = gos_context_with_cancel(root()), *stay = gos_context_with_cancel(top), *seen[64];
	int fresh = 0;
	for (int i = 0; i < 20000; i++) {
		gos_context *ctx = gos_context_with_timeout(top, FAR * GOS_S);
		int known = 0;
		while (known < fresh && seen[known] != ctx)
			known++;
		if (known == fresh) {
			expect_lt(fresh, 64);
			seen[fresh++] = ctx;
		}
		if (i % 2)
			gos_context_cancel(ctx);
		gos_context_free(ctx);
	}
	expect_alive(stay);
	gos_context_cancel(top);
	expect_ended(stay, -ECANCELED);
	gos_context_free(stay);
	gos_context_free(top);
}

/* ---- many ---- */

GOS_TEST(contexts_a_thousand_deep)
{
	enum { DEEP = 1000 };
	static gos_context *c[DEEP];
	for (int i = 0; i < DEEP; i++)
		c[i] = i % 3 ? gos_context_with_cancel(i ? c[i - 1] : root()) : gos_context_with_value(i ? c[i - 1] : root(), &c[i], &c[i]);
	expect(gos_context_value(c[DEEP - 1], &c[0]) == &c[0]);
	expect_alive(c[DEEP - 1]);
	gos_context_cancel(c[DEEP / 2]);
	expect_alive(c[DEEP / 2 - 1]);
	for (int i = DEEP / 2; i < DEEP; i++)
		expect_ended(c[i], -ECANCELED);
	/* All but the last are held by those below, and go with it at once. */
	for (int i = 0; i < DEEP; i++)
		gos_context_free(c[i]);
}

/* The whole tree times out, on a worker's own stack. */
GOS_TEST_WITHIN(contexts_a_hundred_thousand_deep_time_out, 60)
{
	enum { DEEP = 100000 };
	static gos_context *c[DEEP + 1];
	c[0] = gos_context_with_timeout(root(), 50 * GOS_MS);
	for (int i = 1; i <= DEEP; i++)
		c[i] = gos_context_with_cancel(c[i - 1]);
	gos_chan_recv(gos_context_done(c[DEEP]), NULL);
	for (int i = 0; i <= DEEP; i++)
		expect_eq(gos_context_err(c[i]), -ETIMEDOUT);
	for (int i = 0; i <= DEEP; i++)
		gos_context_free(c[i]);
}

GOS_TEST(contexts_a_thousand_wide)
{
	enum { WIDE = 1000 };
	static gos_context *c[WIDE];
	gos_context *top = gos_context_with_cancel(root());
	for (int i = 0; i < WIDE; i++) {
		c[i] = gos_context_with_timeout(top, (1 + i % 2) * FAR * GOS_S);
		go(wait_for, c[i], -ECANCELED);
	}
	gos_test_until_n_waiting(WIDE, "chan receive");
	gos_context_cancel(top);
	for (int i = 0; i < WIDE; i++)
		expect_ended(c[i], -ECANCELED);
	while (load(&hands_done) < WIDE)
		gos_yield();
	for (int i = 0; i < WIDE; i++)
		gos_context_free(c[i]);
	gos_context_free(top);
}

/* One context, ten thousand who wait for it, ended by the timer. */
GOS_TEST_WITHIN(context_of_ten_thousand_waiters_times_out, 60)
{
	enum { N = 10000 };
	gos_context *ctx = gos_context_with_timeout(root(), 100 * GOS_MS);
	for (int i = 0; i < N; i++)
		go(wait_for, ctx, -ETIMEDOUT);
	while (load(&hands_done) < N)
		gos_sleep(GOS_MS);
	gos_context_free(ctx);
}

/* ---- at once ---- */

static void cancel_then_check(gos_context *ctx, gos_context **below, int n)
{
	gos_context_cancel(ctx);
	for (int i = 0; i < n; i++) /* whoever else is at it: all of it has ended when this has returned */
		expect_ended(below[i], -ECANCELED);
	add(&hands_done);
}

GOS_TEST(contexts_cancelled_by_many_at_once)
{
	enum { HANDS = 6, DEEP = 40 };
	for (int round = 0; round < 200; round++) {
		gos_context *c[DEEP];
		for (int i = 0; i < DEEP; i++)
			c[i] = gos_context_with_cancel(i ? c[i - 1 - (i > 2 ? i % 2 : 0)] : root());
		__atomic_store_n(&hands_done, 0, __ATOMIC_SEQ_CST);
		for (int i = 0; i < HANDS; i++) { /* of a chain with twigs, at different heights */
			int at = (i + round) % 3;
			if (at == 0)
				go(cancel_then_check, c[0], c, DEEP);
			else
				go(cancel_then_check, c[at * 2], &c[at * 2], 1);
		}
		go(cancel_then_check, c[0], c, DEEP);
		while (load(&hands_done) < HANDS + 1)
			gos_yield();
		for (int i = 0; i < DEEP; i++)
			gos_context_free(c[i]);
	}
}

/* Each waits for the one before and then cancels the next: from a goroutine that a cancel woke. */
static void pass_on(gos_context *wait, gos_context *then)
{
	gos_chan_recv(gos_context_done(wait), NULL);
	gos_context_cancel(then);
	add(&hands_done);
}

GOS_TEST(contexts_that_cancel_one_another)
{
	enum { N = 100 };
	gos_context *top = gos_context_with_cancel(root()), *c[N];
	for (int i = 0; i < N; i++)
		c[i] = gos_context_with_cancel(top);
	for (int i = 0; i < N; i++)
		go(pass_on, c[i], i + 1 < N ? c[i + 1] : top); /* the last one cancels the parent of them all */
	gos_context_cancel(c[0]);
	while (load(&hands_done) < N)
		gos_yield();
	expect_ended(top, -ECANCELED);
	for (int i = 0; i < N; i++)
		gos_context_free(c[i]);
	gos_context_free(top);
}

/* Go's TestInterlockedCancels: parent and child end each other. */
GOS_TEST(contexts_interlocked)
{
	gos_context *parent = gos_context_with_cancel(root()), *child = gos_context_with_cancel(parent);
	go(pass_on, parent, child);
	go(pass_on, child, parent);
	gos_context_cancel(parent);
	while (load(&hands_done) < 2)
		gos_yield();
	expect_ended(child, -ECANCELED);
	gos_context_free(child);
	gos_context_free(parent);
}

/* Children are made while the parent ends: each has ended soon after, in the list or not. */
static gos_context *busy_parent;

static void make_children_and_free(int me)
{
	uint64_t random = gos_test_seed() + (uint64_t)me;
	for (bool last = false; !last;) {
		last = gos_context_err(busy_parent) != 0;
		gos_context *pair[2];
		pair[0] = random_child(busy_parent, &random);
		pair[1] = gos_context_with_cancel(pair[0]);
		if (gos_test_random(&random) % 2)
			gos_yield();
		if (last) {
			expect_ended(pair[0], gos_context_err(pair[0]));
			expect_ne(gos_context_err(pair[1]), 0);
		}
		if (gos_test_random(&random) % 8 == 0)
			gos_context_cancel(pair[0]);
		if (gos_context_err(pair[0]) != 0)
			gos_chan_recv(gos_context_done(pair[1]), NULL); /* soon: would wait for ever if it had been missed */
		shuffle(pair, 2, &random);
		gos_context_free(pair[0]);
		gos_context_free(pair[1]);
	}
	add(&hands_done);
}

GOS_TEST(contexts_made_while_their_parent_ends)
{
	for (int round = 0; round < 100; round++) {
		__atomic_store_n(&hands_done, 0, __ATOMIC_SEQ_CST);
		busy_parent = round % 2 ? gos_context_with_cancel(root()) : gos_context_with_timeout(root(), GOS_MS);
		for (int i = 0; i < 6; i++)
			go(make_children_and_free, i + round);
		if (round % 2) {
			gos_sleep(500 * GOS_US);
			gos_context_cancel(busy_parent);
		}
		while (load(&hands_done) < 6)
			gos_sleep(100 * GOS_US);
		gos_context_free(busy_parent);
	}
}

/* Go's testLayers: chains of random kinds; waiters on each layer; ended by a random cancel or by a deadline. */
static void layers(uint64_t seed)
{
	enum { LAYERS = 30 };
	uint64_t random = seed;
	gos_context *c[LAYERS + 1];
	static int keys[LAYERS + 1];
	int waiting = 0, before = load(&hands_done);
	bool times_out = gos_test_random(&random) % 2;
	int kinds[LAYERS + 1], timed = -1;

	c[0] = root();
	int64_t at = gos_now() + FAR * GOS_S;
	for (int i = 1; i <= LAYERS; i++) {
		kinds[i] = (int)(gos_test_random(&random) % 3);
		if (times_out && timed < 0 && i > LAYERS / 3) {
			timed = i;
			c[i] = gos_context_with_timeout(c[i - 1], 2 * GOS_MS);
			kinds[i] = 0;
		} else if (kinds[i] == 0) {
			c[i] = gos_context_with_cancel(c[i - 1]);
		} else if (kinds[i] == 1) {
			c[i] = gos_context_with_deadline(c[i - 1], at + i);
		} else {
			c[i] = gos_context_with_value(c[i - 1], &keys[i], &c[i]);
		}
	}
	int ended = times_out ? timed : 1 + (int)(gos_test_random(&random) % LAYERS);
	for (int i = ended; i <= LAYERS; i += 3, waiting++)
		go(wait_for, c[i], times_out ? -ETIMEDOUT : -ECANCELED);
	for (int i = 1; i <= LAYERS; i++)
		if (kinds[i] == 2)
			expect(gos_context_value(c[LAYERS], &keys[i]) == &c[i]);
	if (times_out)
		gos_chan_recv(gos_context_done(c[LAYERS]), NULL);
	else
		gos_context_cancel(c[ended]);
	for (int i = 1; i <= LAYERS; i++) {
		if (i < ended)
			expect_alive(c[i]);
		else
			expect_ended(c[i], times_out ? -ETIMEDOUT : -ECANCELED);
		if (kinds[i] == 2)
			expect(gos_context_value(c[LAYERS], &keys[i]) == &c[i]);
	}
	while (load(&hands_done) < before + waiting)
		gos_yield();
	shuffle(c + 1, LAYERS, &random);
	for (int i = 1; i <= LAYERS; i++)
		gos_context_free(c[i]);
}

GOS_TEST_WITHIN(contexts_in_layers, 60)
{
	uint64_t random = gos_test_seed();
	for (int i = 0; i < 200; i++)
		layers(gos_test_random(&random));
}

/* A tree that many grow, cut and look at; at the end all of it is gone and its timers too, or the report of a deadlock would be late for ever. */
enum { NODES = 64 };
static gos_context *nodes[NODES];
static gos_mutex nodes_lock[NODES];

static void grow_and_cut(int me, int rounds)
{
	uint64_t random = gos_test_seed() + (uint64_t)me * 991;
	for (int i = 0; i < rounds; i++) {
		int from = (int)(gos_test_random(&random) % NODES), to = (int)(gos_test_random(&random) % NODES);
		gos_mutex_lock(&nodes_lock[from]);
		gos_context *made = random_child(nodes[from] != NULL ? nodes[from] : root(), &random);
		if (nodes[from] != NULL && gos_test_random(&random) % 4 == 0)
			gos_context_cancel(nodes[from]);
		gos_mutex_unlock(&nodes_lock[from]);
		gos_mutex_lock(&nodes_lock[to]);
		gos_context *old = nodes[to];
		nodes[to] = made;
		gos_mutex_unlock(&nodes_lock[to]);
		if (old != NULL) {
			int err = gos_context_err(old);
			expect(err == 0 || err == -ECANCELED || err == -ETIMEDOUT);
			if (err != 0)
				expect_ended(old, err);
		}
		gos_context_free(old);
	}
	add(&hands_done);
}

GOS_TEST_WITHIN(contexts_grown_and_cut_by_many, 60)
{
	for (int i = 0; i < 8; i++)
		go(grow_and_cut, i, 3000);
	while (load(&hands_done) < 8)
		gos_sleep(GOS_MS);
	for (int i = 0; i < NODES; i++)
		gos_context_free(nodes[i]);
}

/* ---- deadlock, and misuse ---- */

GOS_TEST(no_deadlock_while_a_deadline_is_to_come)
{
	gos_context *ctx = gos_context_with_timeout(root(), 50 * GOS_MS);
	gos_chan_recv(gos_context_done(ctx), NULL);
	expect_ended(ctx, -ETIMEDOUT);
	gos_context_free(ctx);
}

static void cancelled_deadline_is_no_hope(void)
{
	gos_context *ctx = gos_context_with_timeout(root(), FAR * GOS_S), *other = gos_context_with_cancel(root());
	gos_context *below = gos_context_with_timeout(ctx, FAR * GOS_S / 2);
	(void)below;
	gos_context_cancel(ctx);
	gos_chan_recv(gos_context_done(other), NULL);
}

static void background_is_for_ever(void)
{
	gos_chan_recv(gos_context_done(root()), NULL);
}

static void parent_is_null(void)
{
	gos_context_with_cancel(NULL);
}

static gos_context *freed(void)
{
	gos_context *ctx = gos_context_with_cancel(root());
	gos_context_free(ctx);
	return ctx;
}

static void parent_was_freed(void)
{
	gos_context_with_timeout(freed(), GOS_S);
}

static void cancel_of_freed(void)
{
	gos_context_cancel(freed());
}

static void err_of_freed_with_children(void)
{
	gos_context *ctx = gos_context_with_cancel(root());
	gos_context_with_cancel(ctx); /* keeps the record */
	gos_context_free(ctx);
	gos_context_with_value(root(), &count, NULL);
	gos_context_err(ctx);
}

static void freed_twice(void)
{
	gos_context_free(freed());
}

static void freed_while_awaited(void)
{
	gos_context *ctx = gos_context_with_cancel(root());
	uint64_t g = go(wait_for, ctx, -ECANCELED);
	gos_test_until_waiting(g, "chan receive");
	gos_context_free(ctx);
}

static void key_is_null(void)
{
	gos_context_with_value(root(), NULL, NULL);
}

static void close_of_done(void)
{
	gos_chan_close(gos_context_done(gos_context_with_cancel(root())));
}

static void free_of_done(void)
{
	gos_chan_free(gos_context_done(gos_context_with_cancel(root())));
}

static void not_a_context(void)
{
	static char text[256] = "not a context";
	gos_context_done((gos_context *)text);
}

static void with_cancel_outside(void)
{
	gos_context_with_cancel(root());
}

static const struct gos_death deaths[] = {
	{"cancelled_deadline_is_no_hope", cancelled_deadline_is_no_hope, 2, {"all goroutines are asleep - deadlock!", "chan receive"}},
	{"background_is_for_ever", background_is_for_ever, 2, {"all goroutines are asleep - deadlock!", "chan receive (nil chan)"}},
	{"parent_is_null", parent_is_null, 2, {"panic: gos_context_with_cancel: the context is NULL", "parent_is_null"}},
	{"parent_was_freed", parent_was_freed, 2, {"panic: gos_context_with_timeout: the context was freed", "parent_was_freed"}},
	{"cancel_of_freed", cancel_of_freed, 2, {"panic: gos_context_cancel: the context was freed", "cancel_of_freed"}},
	{"err_of_freed_with_children", err_of_freed_with_children, 2, {"panic: gos_context_err: the context was freed"}},
	{"freed_twice", freed_twice, 2, {"panic: gos_context_free: the context was freed", "freed_twice"}},
	{"freed_while_awaited", freed_while_awaited, 2, {"panic: free of a context on which goroutines wait"}},
	{"key_is_null", key_is_null, 2, {"panic: gos_context_with_value: the key is NULL"}},
	{"close_of_done", close_of_done, 2, {"panic: close of the channel of a context"}},
	{"free_of_done", free_of_done, 2, {"panic: free of the channel of a context"}},
	{"not_a_context", not_a_context, 2, {"panic: gos_context_done: the context is none"}},
	{"with_cancel_outside", with_cancel_outside, 2, {"before gos_run"}, NULL, true},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

GOS_PLACE(cancel_here, (gos_context *ctx), gos_context_cancel(ctx))
GOS_PLACE(free_here, (gos_context *ctx), gos_context_free(ctx))

static void expect_ended_by(gos_context *ctx, uint64_t goid, int64_t start)
{
	const gos_chan *done_chan = gos_context_done(ctx);
	expect_eq(ctx->ended.goid, goid);
	expect(gos_at_since(ctx->ended.at, start));
	expect_eq(done_chan->closer.goid, goid);
	expect(done_chan->closer.pc == ctx->ended.pc);
	expect_eq(done_chan->closer.at, ctx->ended.at);
}

GOS_TEST(context_says_who_cancelled_it_and_all_below_where_and_when)
{
	int64_t start = gos_now();
	gos_context *top = gos_context_with_cancel(gos_context_background()), *below = gos_context_with_cancel(top), *lowest = gos_context_with_timeout(below, FAR * GOS_S);
	expect_eq(top->ended.at, 0);
	expect_eq(gos_context_done(lowest)->closer.at, 0);
	uint64_t other = go(cancel_here, top);
	expect(!gos_chan_recv(gos_context_done(lowest), NULL));
	while (gos_context_err(below) == 0)
		gos_yield();
	gos_context *each[] = {top, below, lowest};
	for (int i = 0; i < 3; i++) { /* the channels of two of them are made only now, and closed in the name of who cancelled */
		expect_ended_by(each[i], other, start);
		expect(cancel_here_has(each[i]->ended.pc));
	}
	cancel_here(top); /* ended it was already */
	expect_eq(top->ended.goid, other);

	gos_context *late = gos_context_with_cancel(top);
	expect_ended_by(late, other, start);
	gos_context *all[] = {late, lowest, below, top};
	for (int i = 0; i < 4; i++)
		gos_context_free(all[i]);
}

GOS_TEST(context_says_that_its_deadline_ended_it)
{
	int64_t start = gos_now();
	gos_context *timed = gos_context_with_timeout(gos_context_background(), 20 * GOS_MS), *below = gos_context_with_cancel(timed);
	expect(!gos_chan_recv(gos_context_done(below), NULL));
	expect(!gos_chan_recv(gos_context_done(timed), NULL));
	gos_context *over = gos_context_with_timeout(gos_context_background(), -1);
	gos_context *all[] = {below, timed, over};
	for (int i = 0; i < 3; i++) {
		expect_ended_by(all[i], 0, start);
		expect(all[i]->ended.pc == NULL);
		gos_context_free(all[i]);
	}
}

GOS_TEST(context_says_who_freed_what_it_ended_by)
{
	int64_t start = gos_now();
	gos_context *top = gos_context_with_cancel(gos_context_background()), *below = gos_context_with_cancel(top);
	free_here(top);
	expect_ended_by(below, gos_goid(), start);
	expect(free_here_has(below->ended.pc));
	gos_context_free(below);
}
