/* SPDX-License-Identifier: MIT */
/*
 * seed.c - the dice of GOSDEBUG=seed=N, and the clock that goes with them. Floor 0.
 *
 * The dice are splitmix64 (Steele, Lea, Flood 2014): any number is a good seed, also 0, 1, 2. pp->random, which select, semaphores and the like draw from, begins
 * with a throw of them.
 *
 * A seed does not only decide each choice, but first of all how choices are made. Giving way often finds what needs many switches, giving way seldom what needs
 * a long run without one; choosing evenly finds what needs two to keep up with each other, favouring one goroutine over
 * the others for a while what needs one to stay far behind; and who takes "a millisecond later" for "afterwards" is refuted by a machine that stands still for ten. A mistake that one way finds once in a million runs another often finds at once, and nobody knows
 * beforehand which: so each seed takes one of them. (Randomized priorities: Burckhardt and others, ASPLOS 2010; changing the ways between runs: Groce and others,
 * ISSTA 2012.)
 */
#include "seed.h"

#include <stdio.h>
#include <sys/random.h>
#include <time.h>

#include "config.h"

#define FAVOUR_CHOICES 64 /* on average so many choices until others are favoured */
#define STALL_MIN INT64_C(10000) /* ns */
#define STALL_DOUBLINGS 10       /* up to 10 ms: a busy machine's, not a broken one's. Timeouts of a second are not what such seeds are about */

struct rt_seed rt_seed;

static uint64_t mix(uint64_t z)
{
	z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
	z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
	return z ^ (z >> 31);
}

static uint64_t throw_dice(void)
{
	return mix(rt_seed.state += UINT64_C(0x9e3779b97f4a7c15));
}

uint32_t rt_seed_below(uint32_t n)
{
	return (uint32_t)((throw_dice() >> 32) * n >> 32);
}

uint64_t rt_seed_favour(uint64_t goid)
{
	return mix(goid + rt_seed.favour);
}

void rt_seed_chosen(void)
{
	if (rt_seed_once_in(FAVOUR_CHOICES))
		rt_seed.favour = throw_dice();
}

int64_t rt_seed_delay(void)
{
	if (rt_seed.stalls == 0 || rt_load_relaxed(&rt_seed.away) != 0 || !rt_seed_once_in(rt_seed.stalls))
		return RT_SEED_STEP;
	return STALL_MIN << rt_seed_below(STALL_DOUBLINGS + 1);
}

int64_t rt_seed_pass(int64_t ns)
{
	int64_t now = rt_load_relaxed(&rt_seed.now);
	now = ns < RT_SEED_HORIZON - now ? now + ns : RT_SEED_HORIZON;
	rt_store_relaxed(&rt_seed.now, now);
	return now;
}

/* Short enough to be typed. */
static int64_t draw(void)
{
	uint32_t number;
	if (getrandom(&number, sizeof number, GRND_NONBLOCK) != sizeof number) {
		struct timespec ts;
		clock_gettime(CLOCK_REALTIME, &ts);
		number = (uint32_t)mix((uint64_t)ts.tv_sec * 1000000000 + (uint64_t)ts.tv_nsec);
	}
	return number;
}

void rt_seed_begin(int64_t number)
{
	static const uint8_t give_way[] = {2, 3, 4, 4, 8, 8, 16, 64};
	static const uint8_t rivals[] = {1, 1, 2, 8};
	static const uint8_t stalls[] = {0, 0, 128, 16};

	if (number == RT_SEED_RANDOM) {
		number = draw();
		fprintf(stderr, "gossamer: seed=%lld\n", (long long)number);
	}
	rt_seed.number = number;
	rt_seed.state = (uint64_t)number;
	rt_seed.now = RT_SEED_START;
	rt_seed.give_way = give_way[rt_seed_below(sizeof give_way)];
	rt_seed.rivals = rivals[rt_seed_below(sizeof rivals)];
	rt_seed.stalls = stalls[rt_seed_below(sizeof stalls)];
	rt_seed.favour = throw_dice();
	rt_store_relaxed(&rt_seed.on, 1u);
}
