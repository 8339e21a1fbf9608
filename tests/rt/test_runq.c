/* SPDX-License-Identifier: MIT */
/*
 * Goal: rt/runq.c and the global queue lose nothing, give nothing twice, and keep their order. Method: white box, without the runtime: Ps and Gs are
 * made here, owner and thieves are plain threads, and each G is counted each time it comes out.
 */
#include <pthread.h>
#include <string.h>

#include "gos_test.h"
#include "machine.h"
#include "runq.h"
#include "slab.h"

static struct gos_p *p_new(void)
{
	struct gos_p *pp = rt_map(sizeof *pp, "a P");
	rt_flight_give(pp);
	return pp;
}

static struct gos_g *gs_new(size_t n)
{
	struct gos_g *gs = rt_map(n * sizeof *gs, "goroutines");
	for (size_t i = 0; i < n; i++)
		gs[i].goid = i;
	return gs;
}

PLAIN_TEST(runq_newest_first_and_back_after_it)
{
	struct gos_p *pp = p_new();
	struct gos_g *gs = gs_new(300);
	expect(rt_runq_get(pp) == NULL);
	for (int i = 0; i < 10; i++)
		rt_runq_put(pp, &gs[i]);
	for (int i = 10; i < 20; i++)
		rt_runq_put_back(pp, &gs[i]);
	rt_runq_put_next(pp, &gs[20]);
	rt_runq_put_next(pp, &gs[21]); /* 20 goes to the deque, as its newest */
	expect(rt_runq_get(pp) == &gs[21]);
	expect(rt_runq_get(pp) == &gs[20]);
	for (int i = 9; i >= 0; i--)
		expect(rt_runq_get(pp) == &gs[i]);
	for (int i = 10; i < 20; i++)
		expect(rt_runq_get(pp) == &gs[i]);
	expect(rt_runq_get(pp) == NULL);
}

PLAIN_TEST(runq_works_when_its_counters_wrap)
{
	struct gos_p *pp = p_new();
	struct gos_g *gs = gs_new(RT_RUNQ_SIZE + 1);
	pp->runq.head = pp->runq.tail = UINT32_MAX - 100;
	pp->backq.head = pp->backq.tail = UINT32_MAX - 3;
	for (int round = 0; round < 3; round++) {
		for (int i = 0; i < RT_RUNQ_SIZE; i++)
			expect(rt_ring_put(&pp->runq, &gs[i]));
		expect(!rt_ring_put(&pp->runq, &gs[RT_RUNQ_SIZE]));
		expect_eq(rt_ring_length(&pp->runq), RT_RUNQ_SIZE);
		for (int i = 0; i < RT_RUNQ_SIZE / 2; i++)
			expect(rt_ring_take_head(&pp->runq) == &gs[i]);
		for (int i = RT_RUNQ_SIZE - 1; i >= RT_RUNQ_SIZE / 2; i--)
			expect(rt_ring_take_tail(&pp->runq) == &gs[i]);
		expect(rt_ring_take_tail(&pp->runq) == NULL && rt_ring_take_head(&pp->runq) == NULL);
		for (int i = 0; i < 7; i++)
			rt_runq_put_back(pp, &gs[i]);
		for (int i = 0; i < 7; i++)
			expect(rt_ring_take_head_owner(&pp->backq) == &gs[i]);
		expect(rt_ring_take_head_owner(&pp->backq) == NULL);
	}
}

PLAIN_TEST(runq_overflow_moves_the_older_half_to_the_global_queue)
{
	struct gos_p *pp = p_new(), *other = p_new();
	struct gos_g *gs = gs_new(RT_RUNQ_SIZE + 1);
	rt_sched.nprocs = 1;
	for (int i = 0; i <= RT_RUNQ_SIZE; i++)
		rt_runq_put(pp, &gs[i]);
	expect_eq(rt_ring_length(&pp->runq), RT_RUNQ_SIZE / 2);
	expect_eq(rt_sched.globq_size, RT_RUNQ_SIZE / 2 + 1);
	for (int i = RT_RUNQ_SIZE - 1; i >= RT_RUNQ_SIZE / 2; i--)
		expect(rt_runq_get(pp) == &gs[i]);
	expect(rt_runq_get(pp) == NULL);
	/* The global queue gives them in the order in which they were put, however many come at a time. */
	for (int i = 0; i < RT_RUNQ_SIZE / 2; i++) {
		struct gos_g *gp = rt_runq_get(other);
		if (gp == NULL)
			gp = rt_globq_get(other);
		expect(gp == &gs[i]);
	}
	struct gos_g *last = rt_runq_get(other);
	expect((last != NULL ? last : rt_globq_get(other)) == &gs[RT_RUNQ_SIZE]);
	expect(rt_globq_get(other) == NULL);
	expect_eq(rt_sched.globq_size, 0);
	expect(rt_sched.globq_head == NULL && rt_sched.globq_tail == NULL);
}

PLAIN_TEST(runq_back_overflows_one_by_one)
{
	struct gos_p *pp = p_new();
	struct gos_g *gs = gs_new(RT_RUNQ_SIZE + 3);
	rt_sched.nprocs = 1;
	for (int i = 0; i < RT_RUNQ_SIZE + 3; i++)
		rt_runq_put_back(pp, &gs[i]);
	expect_eq(rt_sched.globq_size, 3);
	for (int i = 0; i < RT_RUNQ_SIZE; i++)
		expect(rt_runq_get(pp) == &gs[i]);
	for (int i = 0; i < 3; i++) {
		struct gos_g *gp = rt_globq_get(pp);
		if (gp == NULL)
			gp = rt_runq_get(pp);
		(void)gp;
	}
	expect_eq(rt_sched.globq_size, 0);
}

PLAIN_TEST(globq_gives_each_p_its_share)
{
	struct gos_p *pp = p_new();
	struct gos_g *gs = gs_new(100);
	rt_sched.nprocs = 4;
	for (int i = 0; i < 99; i++)
		gs[i].link = &gs[i + 1];
	rt_globq_put_list(&gs[0], &gs[99], 100);
	expect_eq(rt_sched.globq_size, 100);
	expect(rt_globq_get(pp) == &gs[0]);
	expect_eq(rt_ring_length(&pp->runq), 100 / 4); /* 1 + a quarter, the first of them returned */
	expect_eq(rt_sched.globq_size, 100 - 26);
}

PLAIN_TEST(globq_does_not_overfill_a_p)
{
	struct gos_p *pp = p_new();
	struct gos_g *gs = gs_new(RT_RUNQ_SIZE + 100);
	rt_sched.nprocs = 1;
	for (int i = 0; i < RT_RUNQ_SIZE; i++)
		rt_runq_put(pp, &gs[i]);
	struct gos_g *more = &gs[RT_RUNQ_SIZE];
	for (int i = 0; i < 99; i++)
		more[i].link = &more[i + 1];
	rt_globq_put_list(more, &more[99], 100);
	for (int i = 0; i < 100; i++)
		expect(rt_globq_get(pp) == &more[i]); /* a full P takes one at a time */
	expect_eq(rt_ring_length(&pp->runq), RT_RUNQ_SIZE);
	expect(rt_globq_get(pp) == NULL);
}

PLAIN_TEST(steal_takes_half_and_the_oldest)
{
	struct gos_p *pp = p_new(), *victim = p_new();
	struct gos_g *gs = gs_new(100);
	for (int i = 0; i < 20; i++)
		rt_runq_put(victim, &gs[i]);
	struct gos_g *gp = rt_runq_steal(pp, victim, false);
	expect(gp == &gs[0]);
	expect_eq(rt_ring_length(&pp->runq), 9);
	expect_eq(rt_ring_length(&victim->runq), 10);
	for (int i = 19; i >= 10; i--)
		expect(rt_runq_get(victim) == &gs[i]);
	for (int i = 9; i >= 1; i--)
		expect(rt_runq_get(pp) == &gs[i]);
}

PLAIN_TEST(steal_leaves_a_lonely_one_unless_patient)
{
	struct gos_p *pp = p_new(), *victim = p_new();
	struct gos_g *gs = gs_new(3);
	expect(rt_runq_steal(pp, victim, true) == NULL);
	rt_runq_put(victim, &gs[0]);
	expect(!rt_runq_stealable(victim, false));
	expect(rt_runq_stealable(victim, true));
	expect(rt_runq_steal(pp, victim, false) == NULL);
	expect(rt_runq_steal(pp, victim, true) == &gs[0]);
	rt_runq_put_back(victim, &gs[1]);
	expect(rt_runq_steal(pp, victim, false) == NULL);
	expect(rt_runq_steal(pp, victim, true) == &gs[1]);
	rt_runq_put_next(victim, &gs[2]);
	expect(!rt_runq_stealable(victim, false));
	expect(rt_runq_steal(pp, victim, false) == NULL);
	expect(rt_runq_stealable(victim, true));
	expect(rt_runq_steal(pp, victim, true) == &gs[2]);
	expect(rt_runq_get(victim) == NULL);
	expect(rt_runq_get(pp) == NULL);
}

PLAIN_TEST(steal_into_a_full_queue_loses_nothing)
{
	struct gos_p *pp = p_new(), *victim = p_new();
	struct gos_g *gs = gs_new(2 * RT_RUNQ_SIZE);
	rt_sched.nprocs = 1;
	for (int i = 0; i < RT_RUNQ_SIZE - 3; i++)
		rt_runq_put(pp, &gs[i]);
	for (int i = 0; i < RT_RUNQ_SIZE; i++)
		rt_runq_put(victim, &gs[RT_RUNQ_SIZE + i]);
	struct gos_g *gp = rt_runq_steal(pp, victim, false);
	expect(gp != NULL);
	uint32_t total = 1 + rt_ring_length(&pp->runq) + rt_ring_length(&victim->runq) + rt_sched.globq_size;
	expect_eq(total, RT_RUNQ_SIZE - 3 + RT_RUNQ_SIZE);
}

/* ---- races ---- */

enum { COUNT = 400000, THIEVES = 3 };
static struct gos_g *all;
static uint8_t *times; /* each G came out */
static struct gos_p *owner_p;
static int finished;

static void count(struct gos_g *gp)
{
	expect_eq(__atomic_fetch_add(&times[gp - all], 1, __ATOMIC_RELAXED), 0);
}

static void *thief(void *arg)
{
	struct gos_p *pp = p_new();
	bool one_at_a_time = arg != NULL;
	uint64_t stolen = 0;
	for (;;) {
		int last = __atomic_load_n(&finished, __ATOMIC_ACQUIRE);
		struct gos_g *gp = one_at_a_time ? rt_ring_take_head(&owner_p->runq) : rt_runq_steal(pp, owner_p, stolen % 3 == 0);
		if (gp == NULL && last)
			break;
		while (gp != NULL) {
			count(gp);
			stolen++;
			gp = rt_runq_get(pp);
		}
	}
	return (void *)stolen;
}

/*
 * The owner puts and takes in small bursts, so that the ring is mostly nearly empty: there the last one is raced for.
 * How many G are in use at once does not matter, each goes through the queue once.
 */
static void race(uint32_t burst, bool single_thieves)
{
	pthread_t threads[THIEVES];
	uint64_t random = gos_test_seed(), mine = 0, stolen = 0;

	owner_p = p_new();
	all = gs_new(COUNT);
	times = calloc(COUNT, 1);
	rt_sched.nprocs = 1;
	for (int i = 0; i < THIEVES; i++)
		expect_eq(pthread_create(&threads[i], NULL, thief, single_thieves ? "" : NULL), 0);
	for (uint32_t next = 0; next < COUNT;) {
		for (uint64_t n = 1 + gos_test_random(&random) % burst; n > 0 && next < COUNT; n--) {
			switch (single_thieves ? 0 : gos_test_random(&random) % 4) {
			case 0:
			case 1:
				rt_runq_put(owner_p, &all[next++]);
				break;
			case 2:
				rt_runq_put_next(owner_p, &all[next++]);
				break;
			case 3:
				rt_runq_put_back(owner_p, &all[next++]);
				break;
			}
		}
		for (uint64_t n = gos_test_random(&random) % (burst + 2); n > 0; n--) {
			struct gos_g *gp = n % 5 == 0 ? rt_ring_take_head_owner(&owner_p->runq) : rt_runq_get(owner_p);
			if (gp == NULL)
				break;
			count(gp);
			mine++;
		}
	}
	struct gos_g *gp;
	do {
		while ((gp = rt_runq_get(owner_p)) != NULL || (gp = rt_globq_get(owner_p)) != NULL) {
			count(gp);
			mine++;
		}
	} while (rt_runq_stealable(owner_p, true));
	__atomic_store_n(&finished, 1, __ATOMIC_RELEASE);
	for (int i = 0; i < THIEVES; i++) {
		void *n;
		pthread_join(threads[i], &n);
		stolen += (uint64_t)n;
	}
	/* Thieves may have spilled into the global queue. */
	while ((gp = rt_globq_get(owner_p)) != NULL || (gp = rt_runq_get(owner_p)) != NULL) {
		count(gp);
		mine++;
	}
	expect_eq(mine + stolen, COUNT);
	for (uint32_t i = 0; i < COUNT; i++)
		expect_eq(times[i], 1);
}

PLAIN_TEST_WITHIN(race_for_the_last_one, 60) { race(1, true); }
PLAIN_TEST_WITHIN(race_in_a_nearly_empty_ring, 60) { race(3, true); }
PLAIN_TEST_WITHIN(race_with_thieves_of_half, 60) { race(20, false); }
PLAIN_TEST_WITHIN(race_with_overflow, 60) { race(400, false); }
