/* SPDX-License-Identifier: MIT */
/* Goal: rt/stack.c: stacks do not overlap, overflow dies with a report, sizes and reuse, a great many at once. Method: black box, and the ranges in the Gs. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gos_test.h"
#include "stack.h"
#include "state.h"

#ifdef GOS_TEST_ASAN
#include <sanitizer/asan_interface.h>
#endif

static gos_chan *gate;
static gos_waitgroup wg;

static void stand(void)
{
	gos_chan_recv(gate, NULL);
	gos_waitgroup_done(&wg);
}

static struct gos_g *g_at(uint64_t i)
{
	return (struct gos_g *)gos_runtime.gslabs[i / GOS_G_PER_SLAB] + i % GOS_G_PER_SLAB;
}

static int by_address(const void *a, const void *b)
{
	const struct gos_g *x = *(struct gos_g *const *)a, *y = *(struct gos_g *const *)b;
	return x->stack_lo < y->stack_lo ? -1 : x->stack_lo > y->stack_lo;
}

GOS_TEST(stacks_do_not_overlap)
{
	enum { N = 3000 };
	static struct gos_g *all[20000];
	gate = gos_chan_make(char, 0);
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++) {
		struct gos_go_options o = {.stack_size = (size_t)16384 << i % 4};
		if (i % 3)
			go(stand);
		else
			gos_go_with(&o, stand);
	}
	gos_test_until_n_waiting(N, "chan receive");
	size_t n = 0;
	for (uint64_t i = 0; i < gos_runtime.gcount && n < 20000; i++)
		if (g_at(i)->stack_hi != 0)
			all[n++] = g_at(i);
	expect_ge(n, N);
	qsort(all, n, sizeof all[0], by_address);
	for (size_t i = 0; i < n; i++) {
		expect_eq(all[i]->stack_lo % 4096, 0);
		expect_ge(all[i]->stack_hi - all[i]->stack_lo, RT_STACK_MIN - 2048);
		if (i > 0)
			expect_ge(all[i]->stack_lo, all[i - 1]->stack_hi + RT_GUARD_SIZE); /* a guard between them */
	}
	gos_chan_close(gate);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(stack_size_is_at_least_what_was_asked_for)
{
	static const size_t sizes[] = {0, 1, 16384, 16385, 65536, 65537, 100000, 1 << 20, 3 << 20};
	gate = gos_chan_make(char, 0);
	for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		struct gos_go_options o = {.stack_size = sizes[i]};
		gos_waitgroup_add(&wg, 1);
		uint64_t goid = gos_go_with(&o, stand);
		gos_test_until_waiting(goid, "chan receive");
		for (uint64_t j = 0; j < gos_runtime.gcount; j++)
			if (g_at(j)->goid == goid)
				expect_ge(g_at(j)->stack_hi - g_at(j)->stack_lo, sizes[i] - (sizes[i] == 65536 ? 2048 : 0));
	}
	gos_chan_close(gate);
	gos_waitgroup_wait(&wg);
}

static __attribute__((noinline)) int touch(const char *top, size_t bytes)
{
	volatile char a[1000];
	__asm__ volatile("" ::"r"(a) : "memory"); /* else clang keeps a few bytes of it */
	memset((char *)a, 1, sizeof a);
	size_t used = (size_t)(top - (const char *)__builtin_frame_address(0));
	return used + 3 * sizeof a < bytes ? touch(top, bytes) + a[7] - a[8] : a[9];
}

static void use(size_t bytes)
{
	expect_eq(touch(__builtin_frame_address(0), bytes), 1);
	gos_waitgroup_done(&wg);
}

static size_t resident(void)
{
	size_t pages = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	expect_eq(fscanf(f, "%*u %zu", &pages), 1);
	fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

/* Big stacks that were used and are free must not stay resident for ever. */
GOS_TEST(big_stacks_give_their_memory_back)
{
	struct gos_go_options o = {.stack_size = 8 << 20};
	size_t before = resident();
	for (int i = 0; i < 200 / GOS_TEST_SLOW; i++) {
		gos_waitgroup_add(&wg, 1);
		gos_go_with(&o, use, (size_t)(8 << 20) - 10000);
		gos_waitgroup_wait(&wg);
	}
	gos_test_until_num(1);
	size_t after = resident();
	if (after > before && GOS_TEST_SHADOW == 0)
		expect_lt(after - before, 32 << 20);
}

static void use_and_stand(size_t bytes)
{
	expect_eq(touch(__builtin_frame_address(0), bytes), 1);
	stand();
}

GOS_TEST_WITHIN(stacks_of_dead_goroutines_are_given_back_in_time, 30)
{
	enum { N = 4000 };
	gos_procs(1); /* each P keeps a thousand for itself */
	gos_waitgroup_add(&wg, N);
	gate = gos_chan_make(char, 0);
	for (int i = 0; i < N; i++)
		go(use_and_stand, (size_t)20000);
	gos_test_until_n_waiting(N, "chan receive");
	gos_chan_close(gate);
	gos_waitgroup_wait(&wg);
	size_t most = resident();
	for (int i = 0; i < 200 && resident() + (16 << 20) > most; i++)
		gos_sleep(50 * GOS_MS);
	expect_lt(resident() + (16 << 20), most);
	/* And they work when they are used again. */
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		go(use, (size_t)50000);
	gos_waitgroup_wait(&wg);
}

/* Stacks in three quarters of which something else has been before: nothing of the old goroutine may matter. */
static void check_registers(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	expect(a == 1 && b == 2 && c == 3 && d == 4 && e == 5 && f == 6);
	use(20000);
}

GOS_TEST(stacks_are_used_again)
{
	for (int round = 0; round < 100; round++) {
		gos_waitgroup_add(&wg, 100);
		for (int i = 0; i < 100; i++)
			go(check_registers, 1, 2, 3, 4, 5, 6);
		gos_waitgroup_wait(&wg);
	}
}

GOS_TEST_WITHIN(a_hundred_thousand_parked_at_once, 60)
{
	enum { N = GOS_TEST_MANY(100000) };
	gate = gos_chan_make(char, 0);
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		go(stand);
	gos_test_until_n_waiting(N, "chan receive");
	expect_eq(gos_num_goroutines(), N + 1);
	if (GOS_TEST_SHADOW == 0)
		expect_lt(resident(), (size_t)N * 3 * 4096); /* a page of stack each, and a G */
	gos_chan_close(gate);
	gos_waitgroup_wait(&wg);
	gos_test_until_num(1);
}

/* AddressSanitizer is a guard, too. */
static bool is_poisoned(const void *p)
{
#ifdef GOS_TEST_ASAN
	return __asan_address_is_poisoned(p);
#endif
	(void)p;
	return false;
}

/* Each of them can still be seen to overflow. */
static void guarded(void)
{
	struct gos_g *gp = NULL;
	for (uint64_t i = 0; i < __atomic_load_n(&gos_runtime.gcount, __ATOMIC_ACQUIRE); i++)
		if (g_at(i)->goid == gos_goid())
			gp = g_at(i);
	expect(gp != NULL);
	unsigned char in;
	/* The kernel copies nothing from a guard: asked without dying. */
	int p[2];
	expect_eq(pipe(p), 0);
	expect(is_poisoned((char *)gp->stack_lo - 1) || write(p[1], (char *)gp->stack_lo - 1, 1) < 0);
	expect_eq(write(p[1], (char *)gp->stack_lo, 1), 1);
	expect_eq(read(p[0], &in, 1), 1);
	close(p[0]);
	close(p[1]);
	gos_waitgroup_done(&wg);
}

GOS_TEST(every_stack_has_a_guard)
{
	static const size_t sizes[] = {0, 16384, 131072, 1 << 20};
	for (int i = 0; i < 200; i++) {
		struct gos_go_options o = {.stack_size = sizes[i % 4]};
		gos_waitgroup_add(&wg, 1);
		gos_go_with(&o, guarded);
		gos_waitgroup_wait(&wg);
	}
}

#ifndef GOS_TEST_TSAN /* which follows fewer goroutines */
static void guarded_late(void)
{
	gos_chan_recv(gate, NULL);
	guarded();
}

GOS_TEST_WITHIN(stacks_past_the_hard_guards_have_one_too, 60)
{
	enum { N = RT_HARD_GUARDS + 3000 };
	gate = gos_chan_make(char, 0);
	gos_waitgroup_add(&wg, N + 20);
	for (int i = 0; i < N; i++)
		go(stand);
	gos_test_until_n_waiting(N, "chan receive");
	for (int i = 0; i < 20; i++)
		go(guarded_late);
	gos_test_until_n_waiting(N + 20, "chan receive");
	expect_le(gos_runtime.hard_guards, 2 * RT_HARD_GUARDS);
	gos_chan_close(gate);
	gos_waitgroup_wait(&wg);
}
#endif

/* ---- deaths ---- */

static int (*volatile again)(int);

static int recurse(int n)
{
	volatile char a[200];
	a[0] = (char)n;
	return again(n + 1) + a[0];
}

static void overflow_main(void)
{
	again = recurse;
	recurse(0);
}

static void overflow_it(void)
{
	gos_set_name("the greedy one");
	overflow_main();
}

static void overflow_other(void)
{
	go(overflow_it);
	gos_sleep(10 * GOS_S);
}

static void overflow_small(void)
{
	static const struct gos_go_options small = {.stack_size = 16384};
	gos_go_with(&small, overflow_it);
	gos_sleep(10 * GOS_S);
}

__attribute__((unused)) static void overflow_big(void)
{
	static const struct gos_go_options big = {.stack_size = 16 << 20};
	gos_go_with(&big, overflow_it);
	gos_sleep(10 * GOS_S);
}

static void overflow_the_last_of_many(void)
{
	gate = gos_chan_make(char, 0);
	enum { N = GOS_TEST_MANY(20000) };
	for (int i = 0; i < N; i++)
		go(stand);
	gos_test_until_n_waiting(N, "chan receive");
	go(overflow_it);
	gos_sleep(10 * GOS_S);
}

#if defined(GOS_TEST_ASAN) || defined(GOS_TEST_TSAN) /* they see the fault before we do */
#ifdef GOS_TEST_ASAN
enum { CODE = 1 };
#else
enum { CODE = 66 };
#endif
static const struct gos_death deaths[] = {
	{"overflow_main", overflow_main, CODE, {"Sanitizer: ", "recurse"}},
	{"overflow_other", overflow_other, CODE, {"Sanitizer: ", "recurse"}},
	{"overflow_small", overflow_small, CODE, {"Sanitizer: ", "recurse"}},
	{"overflow_the_last_of_many", overflow_the_last_of_many, CODE, {"Sanitizer: ", "recurse"}},
#ifdef GOS_TEST_ASAN /* the other has no room for so many calls */
	{"overflow_big", overflow_big, CODE, {"Sanitizer: ", "recurse"}},
#endif
};
#else
static const struct gos_death deaths[] = {
	{"overflow_main", overflow_main, 2, {"goroutine 1 exceeds its stack of 65536 bytes", "stack overflow", "goroutine 1 [running", "recurse("}},
	{"overflow_other", overflow_other, 2, {"stack overflow", "the greedy one", "recurse("}},
	{"overflow_small", overflow_small, 2, {"stack overflow", "the greedy one", "recurse("}},
	{"overflow_big", overflow_big, 2, {"stack overflow", "the greedy one", "recurse("}},
	{"overflow_the_last_of_many", overflow_the_last_of_many, 2, {"stack overflow", "the greedy one", "recurse("}},
};
#endif
GOS_DEATHS(deaths)
