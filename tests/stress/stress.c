/* SPDX-License-Identifier: MIT */
/* stress.c - the frame of the stress run, and its subjects of goroutines as such: births, deaths, Ps. */
#include "stress.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "lost.h"

int stress_stop;

static struct {
	uint64_t steps; /* Owner: the worker. Sync: atomic */
	uint32_t busy;
} __attribute__((aligned(64))) workers[STRESS_WORKERS];
static int worker_count;
static gos_waitgroup ended;

/* The seed: before main, so that the children that Check forks have the same. */
__attribute__((constructor)) static void choose_seed(void)
{
	if (getenv("GOS_TEST_SEED") == NULL) {
		struct timespec ts;
		char text[32];
		clock_gettime(CLOCK_REALTIME, &ts);
		snprintf(text, sizeof text, "%llu", (unsigned long long)ts.tv_sec * 1000003 + (unsigned long long)ts.tv_nsec % 1000003);
		setenv("GOS_TEST_SEED", text, 1);
	}
	fprintf(stderr, "stress: seed %s\n", getenv("GOS_TEST_SEED"));
}

bool stress_chosen(const char *name)
{
	const char *list = getenv("GOS_STRESS");
	size_t length = strlen(name);
	if (list == NULL || *list == '\0')
		return true;
	for (const char *at = list; (at = strstr(at, name)) != NULL; at += length)
		if ((at == list || at[-1] == ',') && (at[length] == ',' || at[length] == '\0'))
			return true;
	return false;
}

int64_t stress_duration(void)
{
	const char *text = getenv("GOS_STRESS_SECONDS");
	double seconds = text != NULL ? atof(text) : 3;
	return (int64_t)(seconds * 1e9);
}

/* Asked by tests/support/lost.c at each of its looks, once a second. */
static bool stands_still(char *text, size_t size)
{
	static uint64_t seen[STRESS_WORKERS];
	static int still[STRESS_WORKERS];
	int n = __atomic_load_n(&worker_count, __ATOMIC_ACQUIRE);
	for (int i = 0; i < n; i++) {
		uint64_t steps = __atomic_load_n(&workers[i].steps, __ATOMIC_RELAXED);
		bool moved = steps != seen[i] || !__atomic_load_n(&workers[i].busy, __ATOMIC_RELAXED);
		seen[i] = steps;
		still[i] = moved ? 0 : still[i] + 1;
		if (still[i] < STRESS_STALL)
			continue;
		snprintf(text, size, "worker %d of %d stands still after %llu steps", i, n, (unsigned long long)steps);
		return true;
	}
	return false;
}

void stress_begin(void)
{
	lost_start(&(struct lost_options){.also = stands_still});
}

void stress_run(void)
{
	/* In small sleeps: this goroutine takes part, too. */
	for (int64_t until = gos_now() + stress_duration(); gos_now() < until;)
		gos_sleep(10 * GOS_MS);
	__atomic_store_n(&stress_stop, 1, __ATOMIC_RELEASE);
}

void stress_crowd(int n, void (*worker)(uint64_t random), bool changing_procs)
{
	stress_begin();
	if (changing_procs)
		stress_change_procs();
	for (int i = 0; i < n; i++)
		go(worker, gos_test_seed() + (uint64_t)i);
	stress_run();
	stress_end();
}

void stress_end(void)
{
	gos_waitgroup_wait(&ended);
}

int stress_enter(void)
{
	gos_waitgroup_add(&ended, 1);
	int worker = __atomic_fetch_add(&worker_count, 1, __ATOMIC_ACQ_REL);
	expect_lt(worker, STRESS_WORKERS);
	__atomic_store_n(&workers[worker].busy, 1, __ATOMIC_RELAXED);
	return worker;
}

void stress_leave(int worker)
{
	__atomic_store_n(&workers[worker].busy, 0, __ATOMIC_RELAXED);
	gos_waitgroup_done(&ended);
}

void stress_step(int worker)
{
	__atomic_store_n(&workers[worker].steps, workers[worker].steps + 1, __ATOMIC_RELAXED);
}

void stress_disturb(uint64_t *random)
{
	uint64_t x = gos_test_random(random);
	switch (x % 64) {
	case 0 ... 5:
		gos_yield();
		break;
	case 6:
		gos_sleep((int64_t)(x >> 8) % 200000);
		break;
	case 7:
		for (uint64_t n = (x >> 8) % 2000; n > 0; n--)
			__asm__ volatile("");
		break;
	case 8:
		if ((x >> 8) % 64 == 0)
			for (int64_t until = gos_now() + (int64_t)(x >> 16) % 1000000; gos_now() < until;)
				;
		break;
	}
}

/* ---- Ps that come and go ---- */

static void change_procs(uint64_t random)
{
	int worker = stress_enter();
	int before = gos_procs(0);
	while (!stress_stopped()) {
		gos_procs(1 + (int)(gos_test_random(&random) % 9));
		stress_disturb(&random);
		stress_step(worker);
		gos_sleep((int64_t)(gos_test_random(&random) % 500000));
	}
	gos_procs(before);
	stress_leave(worker);
}

void stress_change_procs(void)
{
	go(change_procs, ~gos_test_seed());
}

/* ---- births and deaths ---- */

static int64_t born, died;

static void child(int depth, uint64_t seed, gos_waitgroup *wg)
{
	uint64_t random = seed;
	stress_disturb(&random);
	if (depth > 0)
		for (uint64_t n = gos_test_random(&random) % 4; n > 0; n--) {
			gos_waitgroup_add(wg, 1);
			__atomic_add_fetch(&born, 1, __ATOMIC_RELAXED);
			struct gos_go_options o = {.stack_size = (size_t)16384 << gos_test_random(&random) % 4, .name = "odd"};
			if (gos_test_random(&random) % 16 == 0)
				gos_go_with(&o, child, depth - 1, gos_test_random(&random), wg);
			else
				go(child, depth - 1, gos_test_random(&random), wg);
		}
	__atomic_add_fetch(&died, 1, __ATOMIC_RELAXED);
	gos_waitgroup_done(wg);
	if (gos_test_random(&random) % 8 == 0)
		gos_goexit();
}

static void breeder(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		gos_waitgroup wg = {0};
		gos_waitgroup_add(&wg, 1);
		__atomic_add_fetch(&born, 1, __ATOMIC_RELAXED);
		go(child, 8, gos_test_random(&random), &wg);
		gos_waitgroup_wait(&wg);
		stress_step(worker);
	}
	stress_leave(worker);
}

static void births_and_deaths(bool changing_procs)
{
	stress_crowd(12, breeder, changing_procs);
	expect_eq(born, died);
	gos_test_until_num(1);
	expect_eq(gos_num_goroutines(), 1);
}

STRESS_TEST(births_and_deaths_of_goroutines) { births_and_deaths(false); }
STRESS_TEST(births_and_deaths_under_changing_procs) { births_and_deaths(true); }
