/* SPDX-License-Identifier: MIT */
/*
 * Goal: rt/timers.c is a heap, whatever is added, stopped, fired or moved, in whatever order. Method: white box, without the runtime, against a plain sorted list; then with
 * threads that add and stop while others fire, each timer counted.
 */
#include <pthread.h>
#include <string.h>

#include "gos_test.h"
#include "slab.h"
#include "timers.h"

enum { N = 3000 };

static struct gos_p *p_new(void)
{
	struct gos_p *pp = rt_map(sizeof *pp, "a P");
	rt_timers_init(pp);
	return pp;
}

static void check_heap(const struct gos_p *pp)
{
	for (uint32_t i = 0; i < pp->timers_count; i++) {
		const struct rt_timer *t = (struct rt_timer *)pp->timers[i].what;
		if (!(pp->timers[i].what & RT_SLEEPER)) {
			expect_eq(t->heap_index, i);
			expect_eq(t->when, pp->timers[i].when);
			expect(t->p == pp);
		}
		if (i > 0)
			expect_le(pp->timers[(i - 1) / 4].when, pp->timers[i].when);
	}
	expect_eq(rt_timers_first(pp), pp->timers_count > 0 ? pp->timers[0].when : INT64_MAX);
}

static int64_t fired[N];
static int fired_count;

static struct gos_g *note_time(void *arg)
{
	const struct rt_timer *t = arg;
	fired[fired_count++] = t->when;
	return NULL;
}

PLAIN_TEST(timers_none)
{
	struct gos_p *pp = p_new();
	expect_eq(rt_timers_first(pp), INT64_MAX);
	expect(rt_timers_run(pp, INT64_MAX - 1) == NULL);
}

PLAIN_TEST(timers_fire_in_order_and_not_before_their_time)
{
	static struct rt_timer t[N];
	struct gos_p *pp = p_new();
	uint64_t random = gos_test_seed();
	for (int i = 0; i < N; i++) {
		t[i] = (struct rt_timer){.when = (int64_t)(gos_test_random(&random) % 1000), .fn = note_time, .arg = &t[i]};
		rt_timer_add(pp, &t[i]);
		check_heap(pp);
	}
	for (int64_t now = -1; now < 1000; now++) {
		int before = fired_count;
		rt_timers_run(pp, now);
		for (int i = before; i < fired_count; i++)
			expect_eq(fired[i], now);
		check_heap(pp);
	}
	expect_eq(fired_count, N);
	expect_eq(pp->timers_count, 0);
}

PLAIN_TEST(timers_against_a_sorted_list)
{
	static struct rt_timer t[N];
	static bool in[N];
	struct gos_p *pp = p_new();
	uint64_t random = gos_test_seed();
	int64_t now = 0;
	uint32_t count = 0;

	for (int step = 0; step < 60000; step++) {
		uint32_t i = (uint32_t)(gos_test_random(&random) % N);
		switch (gos_test_random(&random) % 8) {
		default: /* add, or stop what is in */
			if (!in[i]) {
				t[i] = (struct rt_timer){.when = now + (int64_t)(gos_test_random(&random) % 5000), .fn = note_time, .arg = &t[i]};
				rt_timer_add(pp, &t[i]);
				in[i] = true;
				count++;
				break;
			}
			/* fall through */
		case 0:
			expect_eq(rt_timer_stop(&t[i]), in[i]);
			count -= in[i];
			in[i] = false;
			break;
		case 1: /* time goes on */
			now += (int64_t)(gos_test_random(&random) % 100);
			fired_count = 0;
			rt_timers_run(pp, now);
			int due = 0;
			for (int j = 0; j < N; j++)
				if (in[j] && t[j].when <= now) {
					in[j] = false;
					due++;
				}
			expect_eq(fired_count, due);
			for (int j = 1; j < fired_count; j++)
				expect_le(fired[j - 1], fired[j]);
			count -= (uint32_t)due;
			break;
		}
		expect_eq(pp->timers_count, count);
		if (step % 16 == 0)
			check_heap(pp);
		int64_t first = INT64_MAX;
		if (step % 64 == 0) {
			for (int j = 0; j < N; j++)
				if (in[j] && t[j].when < first)
					first = t[j].when;
			expect_eq(rt_timers_first(pp), first);
		}
	}
}

static struct gos_g *give(void *arg)
{
	return arg;
}

PLAIN_TEST(timers_return_their_goroutines_oldest_first)
{
	struct gos_p *pp = p_new();
	struct gos_g *gs = rt_map(10 * sizeof *gs, "goroutines");
	struct rt_timer t[10];
	for (int i = 0; i < 10; i++) {
		t[i] = (struct rt_timer){.when = 100 - i * 10, .fn = give, .arg = &gs[i]};
		gs[i].link = &gs[0]; /* rubbish */
		rt_timer_add(pp, &t[i]);
	}
	struct gos_g *list = rt_timers_run(pp, 55);
	for (int i = 9; i >= 5; i--) {
		expect(list == &gs[i]);
		list = list->link;
	}
	expect(list == NULL);
	expect_eq(pp->timers_count, 5);
}

/* Sleeping goroutines and timers share a heap; those stand in it themselves. */
PLAIN_TEST(timers_and_sleepers_in_one_heap)
{
	enum { G = 400 };
	struct gos_p *pp = p_new(), *other = p_new();
	struct gos_g *gs = rt_map(G * sizeof *gs, "goroutines");
	static struct rt_timer t[G];
	bool woken[G] = {false};
	uint64_t random = gos_test_seed();
	for (int i = 0; i < G; i++) {
		gs[i].goid = gos_test_random(&random) % 500; /* its time */
		rt_timer_add_sleeper(pp, (int64_t)gs[i].goid, &gs[i]);
		t[i] = (struct rt_timer){.when = (int64_t)(gos_test_random(&random) % 500), .fn = note_time, .arg = &t[i]};
		rt_timer_add(pp, &t[i]);
		check_heap(pp);
	}
	int stopped = 0;
	for (int i = 0; i < G; i += 3) {
		expect(rt_timer_stop(&t[i]));
		check_heap(pp);
		stopped++;
	}
	for (int64_t now = 9; now < 500; now += 10) {
		if (now == 249) {
			rt_timers_move(pp, other);
			expect_eq(pp->timers_count, 0);
			pp = other;
			check_heap(pp);
		}
		uint64_t last = 0;
		for (struct gos_g *gp = rt_timers_run(pp, now); gp != NULL; gp = gp->link) {
			expect(!woken[gp - gs]);
			woken[gp - gs] = true;
			expect_le((int64_t)gp->goid, now);
			expect_ge((int64_t)gp->goid, now - 9);
			expect_le(last, gp->goid);
			last = gp->goid;
		}
		check_heap(pp);
	}
	for (int i = 0; i < G; i++)
		expect(woken[i]);
	expect_eq(fired_count, G - stopped);
	expect_eq(pp->timers_count, 0);
}

PLAIN_TEST(timers_say_which_is_first)
{
	struct gos_p *pp = p_new();
	struct rt_timer t[] = {{.when = 50}, {.when = 60}, {.when = 50}, {.when = 40}};
	expect(rt_timer_add(pp, &t[0]));
	expect(!rt_timer_add(pp, &t[1]));
	expect(!rt_timer_add(pp, &t[2]));
	expect(rt_timer_add(pp, &t[3]));
	expect_eq(rt_timers_first(pp), 40);
	rt_timer_stop(&t[3]);
	expect_eq(rt_timers_first(pp), 50);
}

static struct gos_p *again_on;
static int again_left;

static struct gos_g *start_again(void *arg)
{
	struct rt_timer *t = arg;
	if (--again_left > 0) {
		t->when += 1;
		rt_timer_add(again_on, t); /* no lock is held meanwhile */
	}
	return NULL;
}

PLAIN_TEST(timers_may_be_started_again_by_their_own_function)
{
	struct rt_timer t = {.when = 5, .fn = start_again, .arg = &t};
	again_on = p_new();
	again_left = 10;
	rt_timer_add(again_on, &t);
	rt_timers_run(again_on, 100);
	expect_eq(again_left, 0);
	expect_eq(again_on->timers_count, 0);
}

PLAIN_TEST(timers_move)
{
	static struct rt_timer t[500];
	struct gos_p *from = p_new(), *to = p_new();
	for (int i = 0; i < 500; i++) {
		t[i] = (struct rt_timer){.when = (i * 37) % 500, .fn = note_time, .arg = &t[i]};
		rt_timer_add(i % 2 ? from : to, &t[i]);
	}
	rt_timers_move(from, from);
	expect_eq(from->timers_count, 250);
	rt_timers_move(from, to);
	expect_eq(from->timers_count, 0);
	expect_eq(rt_timers_first(from), INT64_MAX);
	expect_eq(to->timers_count, 500);
	check_heap(to);
	for (int i = 0; i < 250; i++)
		expect(rt_timer_stop(&t[i]));
	expect(!rt_timer_stop(&t[0]));
	check_heap(to);
	rt_timers_run(to, 1000);
	expect_eq(fired_count, 250);
}

/* ---- with threads ---- */

enum { OWNERS = 3, ROUNDS = 60000 };
static struct gos_p *ps[OWNERS];
static int stop_firing;

struct counted {
	struct rt_timer t;
	uint32_t fired;
};

static struct gos_g *count_up(void *arg)
{
	struct counted *c = arg;
	__atomic_add_fetch(&c->fired, 1, __ATOMIC_SEQ_CST);
	return NULL;
}

static void *fire(void *arg)
{
	(void)arg;
	for (uint64_t random = gos_test_seed(); !__atomic_load_n(&stop_firing, __ATOMIC_ACQUIRE);) {
		struct gos_p *pp = ps[gos_test_random(&random) % OWNERS];
		if (gos_test_random(&random) % 16 == 0)
			rt_timers_move(pp, ps[gos_test_random(&random) % OWNERS]);
		else
			rt_timers_run(pp, gos_now());
	}
	return NULL;
}

/* Starts timers on its P and stops them again at about their time: each has fired or been stopped, never both, never neither. */
static void *own(void *arg)
{
	struct gos_p *pp = arg;
	static __thread struct counted c[8];
	uint64_t random = gos_test_seed() + (uint64_t)arg, stopped = 0;

	for (int round = 0; round < ROUNDS; round += 8) {
		memset(c, 0, sizeof c);
		for (int i = 0; i < 8; i++) {
			c[i].t = (struct rt_timer){.when = gos_now() + (int64_t)(gos_test_random(&random) % 5000), .fn = count_up, .arg = &c[i]};
			rt_timer_add(pp, &c[i].t);
		}
		for (int64_t until = gos_now() + (int64_t)(gos_test_random(&random) % 5000); gos_now() < until;)
			;
		for (int i = 0; i < 8; i++) {
			if (rt_timer_stop(&c[i].t)) {
				stopped++;
				expect_eq(__atomic_load_n(&c[i].fired, __ATOMIC_SEQ_CST), 0);
			} else {
				while (__atomic_load_n(&c[i].fired, __ATOMIC_SEQ_CST) == 0) /* its function is about to be called */
					;
			}
		}
		for (int i = 0; i < 8; i++)
			expect_le(__atomic_load_n(&c[i].fired, __ATOMIC_SEQ_CST), 1);
	}
	return (void *)stopped;
}

PLAIN_TEST_WITHIN(timers_fired_or_stopped_but_not_both, 60)
{
	pthread_t owners[OWNERS], firing[2];
	uint64_t stopped = 0;
	for (int i = 0; i < OWNERS; i++)
		ps[i] = p_new();
	for (int i = 0; i < 2; i++)
		pthread_create(&firing[i], NULL, fire, NULL);
	for (int i = 0; i < OWNERS; i++)
		pthread_create(&owners[i], NULL, own, ps[i]);
	for (int i = 0; i < OWNERS; i++) {
		void *n;
		pthread_join(owners[i], &n);
		stopped += (uint64_t)n;
	}
	__atomic_store_n(&stop_firing, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < 2; i++)
		pthread_join(firing[i], NULL);
	expect_gt(stopped, 0);
	expect_lt(stopped, OWNERS * ROUNDS);
	for (int i = 0; i < OWNERS; i++)
		expect_eq(ps[i]->timers_count, 0);
}
