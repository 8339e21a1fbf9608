/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/spawn.c and of the go() macros: arguments arrive as the prototype says, ids are unique, Gs are reused. Method: black box; names and stacks are read from the G. */
#include <stdio.h>
#include <string.h>

#include "gos_test.h"
#include "state.h"

static gos_waitgroup wg;
static uint64_t got[16];
static double real[16];

/* Uninteresting bits must not be seen: the compiler may rely on arguments being extended. */
#define DONE gos_waitgroup_done(&wg)

static void none(void)
{
	got[0] = 1;
	DONE;
}
static void one(int a)
{
	got[0] = (uint64_t)a;
	DONE;
}
static void two(long a, void *b)
{
	got[0] = (uint64_t)a;
	got[1] = (uint64_t)b;
	DONE;
}
static void three(uint64_t a, uint64_t b, uint64_t c)
{
	got[0] = a, got[1] = b, got[2] = c;
	DONE;
}
static void four(uint64_t a, uint64_t b, uint64_t c, uint64_t d)
{
	got[0] = a, got[1] = b, got[2] = c, got[3] = d;
	DONE;
}
static void five(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e)
{
	got[0] = a, got[1] = b, got[2] = c, got[3] = d, got[4] = e;
	DONE;
}
static void six(uint64_t a, uint64_t b, uint64_t c, uint64_t d, uint64_t e, uint64_t f)
{
	got[0] = a, got[1] = b, got[2] = c, got[3] = d, got[4] = e, got[5] = f;
	DONE;
}

#define WORD(n) (UINT64_C(0x1122334455667700) + (n))

GOS_TEST(go_passes_0_to_6_arguments)
{
	for (int n = 0; n <= 6; n++) {
		memset(got, 0, sizeof got);
		gos_waitgroup_add(&wg, 1);
		switch (n) {
		case 0: go(none); break;
		case 1: go(one, -7); break;
		case 2: go(two, -8, &wg); break;
		case 3: go(three, WORD(0), WORD(1), WORD(2)); break;
		case 4: go(four, WORD(0), WORD(1), WORD(2), WORD(3)); break;
		case 5: go(five, WORD(0), WORD(1), WORD(2), WORD(3), WORD(4)); break;
		case 6: go(six, WORD(0), WORD(1), WORD(2), WORD(3), WORD(4), WORD(5)); break;
		}
		gos_waitgroup_wait(&wg);
		if (n == 0)
			expect_eq(got[0], 1);
		else if (n == 1)
			expect_eq(got[0], -7);
		else if (n == 2) {
			expect_eq(got[0], -8);
			expect(got[1] == (uint64_t)&wg);
		} else
			for (int i = 0; i < n; i++)
				expect(got[i] == WORD((uint64_t)i));
	}
}

static void narrow(signed char a, unsigned char b, short c, unsigned short d, bool e, unsigned f)
{
	got[0] = (uint64_t)(int64_t)a, got[1] = b, got[2] = (uint64_t)(int64_t)c, got[3] = d, got[4] = e, got[5] = f;
	DONE;
}

GOS_TEST(go_converts_as_the_prototype_says)
{
	int three_hundred = 300;
	long hundred_thousand = 100000, minus_one = -1;
	gos_waitgroup_add(&wg, 1);
	go(narrow, minus_one, three_hundred, hundred_thousand, minus_one, 77, minus_one);
	gos_waitgroup_wait(&wg);
	expect_eq(got[0], -1);
	expect_eq(got[1], 300 - 256);
	expect_eq(got[2], 100000 - 65536 * 2);
	expect_eq(got[3], 65535);
	expect_eq(got[4], 1);
	expect_eq(got[5], 0xffffffff);

	gos_waitgroup_add(&wg, 1);
	signed char minus = -5;
	go(narrow, minus, minus, minus, minus, minus, minus);
	gos_waitgroup_wait(&wg);
	expect_eq(got[0], -5);
	expect_eq(got[1], 251);
	expect_eq(got[2], -5);
	expect_eq(got[3], 65531);
	expect_eq(got[4], 1);
	expect_eq(got[5], 0xfffffffb);
}

static void reals(double a, float b, double c, float d, double e, double f)
{
	real[0] = a, real[1] = (double)b, real[2] = c, real[3] = (double)d, real[4] = e, real[5] = f;
	DONE;
}

GOS_TEST(go_passes_floating_point)
{
	gos_waitgroup_add(&wg, 1);
	go(reals, 1.5, 2.25, 3, 4, -0.1, 1e300);
	gos_waitgroup_wait(&wg);
	expect(real[0] == 1.5 && real[1] == 2.25 && real[2] == 3 && real[3] == 4 && real[4] == -0.1 && real[5] == 1e300);
}

static void mixed(int a, double b, const char *c, float d, char e, uint64_t f)
{
	got[0] = (uint64_t)a, real[1] = b, got[2] = (uint64_t)c, real[3] = (double)d, got[4] = (uint64_t)(int64_t)e, got[5] = f;
	DONE;
}

GOS_TEST(go_passes_integers_and_floating_point_mixed)
{
	gos_waitgroup_add(&wg, 1);
	double almost_four = 3.9;
	go(mixed, almost_four, 2, "text", 0.5, 'x', UINT64_MAX);
	gos_waitgroup_wait(&wg);
	expect_eq(got[0], 3);
	expect(real[1] == 2.0 && real[3] == 0.5);
	expect(strcmp((const char *)got[2], "text") == 0);
	expect_eq(got[4], 'x');
	expect(got[5] == UINT64_MAX);
}

enum colour { RED, GREEN = 7 };

static void enumerated(enum colour a, const volatile int *b, void (*c)(void))
{
	got[0] = a, got[1] = (uint64_t)b, got[2] = (uint64_t)c;
	DONE;
}

GOS_TEST(go_passes_enums_and_any_pointer)
{
	gos_waitgroup_add(&wg, 1);
	int x[3];
	go(enumerated, GREEN, x, none); /* an array and a function decay */
	gos_waitgroup_wait(&wg);
	expect_eq(got[0], GREEN);
	expect(got[1] == (uint64_t)x);
	expect(got[2] == (uint64_t)none);
}

static int returns_a_value(int a)
{
	expect_eq(a, 5);
	DONE;
	return 42;
}

static _Noreturn void never_returns(int a)
{
	expect_ge(a, 6);
	DONE;
	gos_goexit();
}

static const struct gos_go_options named = {.name = "named"};

GOS_TEST(go_of_functions_that_return_or_do_not)
{
	gos_waitgroup_add(&wg, 3);
	expect_ne(go(returns_a_value, 5), 0);
	expect_ne(go(never_returns, 6), 0);
	expect_ne(gos_go_with(&named, never_returns, 7), 0); /* and what stands behind it is run */
	gos_waitgroup_wait(&wg);
}

static int evaluated;

static int evaluate(int v)
{
	evaluated++;
	return v;
}

static void through(void (*fn)(int), int v)
{
	go(fn, v);
}

GOS_TEST(go_evaluates_its_arguments_once_and_before_it_returns)
{
	void (*pointers[])(int) = {one, one};
	void (**fn)(int) = pointers;
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		int before = evaluated;
		go(one, evaluate(i));
		expect_eq(evaluated, before + 1);
		gos_waitgroup_wait(&wg);
		expect_eq(got[0], i);
	}
	gos_waitgroup_add(&wg, 1);
	through(*fn, 99);
	gos_waitgroup_wait(&wg);
	expect_eq(got[0], 99);
}

GOS_TEST(go_as_an_expression)
{
	gos_waitgroup_add(&wg, 4);
	uint64_t a = go(none), b = gos_go(none);
	expect(go(none) != gos_go(none));
	expect(a != b);
	gos_waitgroup_wait(&wg);
}

/* ---- what is recorded ---- */

static struct gos_g *g_of(uint64_t goid)
{
	for (uint64_t i = 0; i < __atomic_load_n(&gos_runtime.gcount, __ATOMIC_ACQUIRE); i++) {
		struct gos_g *gp = (struct gos_g *)gos_runtime.gslabs[i / GOS_G_PER_SLAB] + i % GOS_G_PER_SLAB;
		if (gp->goid == goid && gp->status != GOS_DEAD)
			return gp;
	}
	ck_abort_msg("goroutine %llu is in no slab", (unsigned long long)goid);
}

static gos_chan *gate;

static void stand(void)
{
	gos_chan_recv(gate, NULL);
	DONE;
}

static void names_itself(void)
{
	gos_set_name("%s number %d", "worker", 12);
	gos_chan_recv(gate, NULL);
	gos_set_name("%s", "a name that is much longer than the thirty-one bytes it may have");
	gos_chan_recv(gate, NULL);
	DONE;
}

GOS_TEST(go_with_a_name)
{
	gate = gos_chan_make(char, 0);
	gos_waitgroup_add(&wg, 4);
	char text[100] = "copied";
	struct gos_go_options o = {.name = text};
	uint64_t a = gos_go_with(&o, stand);
	strcpy(text, "a name that is much longer than the thirty-one bytes it may have");
	uint64_t b = gos_go_with(&o, stand), c = gos_go_with(NULL, stand), d = go(names_itself);
	memset(text, 'z', sizeof text - 1);
	gos_test_until_n_waiting(4, "chan receive");
	expect(strcmp(g_of(a)->name, "copied") == 0);
	expect(strcmp(g_of(b)->name, "a name that is much longer than") == 0);
	expect(strcmp(g_of(c)->name, "") == 0);
	expect(strcmp(g_of(d)->name, "worker number 12") == 0);
	gos_set_name("main");
	expect(strcmp(g_of(1)->name, "main") == 0);
	char e = 0;
	for (int i = 0; i < 4; i++)
		gos_chan_send(gate, &e);
	gos_test_until_n_waiting(1, "chan receive");
	expect(strcmp(g_of(d)->name, "a name that is much longer than") == 0);
	gos_chan_send(gate, &e);
	gos_waitgroup_wait(&wg);
	/* Its successor on the same G has no name. */
	gos_waitgroup_add(&wg, 1);
	uint64_t f = go(stand);
	gos_test_until_waiting(f, "chan receive");
	expect(strcmp(g_of(f)->name, "") == 0);
	gos_chan_close(gate);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(go_records_who_made_it_and_what_it_runs)
{
	gate = gos_chan_make(char, 0);
	gos_waitgroup_add(&wg, 1);
	uint64_t a = go(stand);
	gos_test_until_waiting(a, "chan receive");
	struct gos_g *gp = g_of(a);
	expect_eq(gp->creator, 1);
	expect(gp->entry == (void *)stand);
	expect(gp->create_pc != NULL);
	expect(gp->wait_obj == gate);
	expect_eq(g_of(1)->creator, 0);
	gos_chan_close(gate);
	gos_waitgroup_wait(&wg);
}

/* ---- ids ---- */

enum { MAKERS = 16, EACH = 5000 };
static uint64_t ids[MAKERS][EACH];

static void nothing(void)
{
}

static void id_is(uint64_t *place)
{
	*place = gos_goid();
	DONE;
}

static void make_many(uint64_t *to)
{
	for (int i = 0; i < EACH; i++)
		to[i] = go(nothing);
	DONE;
}

static int compare(const void *a, const void *b)
{
	uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
	return x < y ? -1 : x > y;
}

GOS_TEST(goids_are_unique_and_never_0)
{
	gos_waitgroup_add(&wg, MAKERS);
	for (int i = 0; i < MAKERS; i++)
		go(make_many, ids[i]);
	gos_waitgroup_wait(&wg);
	uint64_t *all = &ids[0][0];
	qsort(all, MAKERS * EACH, sizeof *all, compare);
	expect_gt(all[0], 1);
	for (int i = 1; i < MAKERS * EACH; i++)
		expect(all[i] != all[i - 1]);
}

GOS_TEST(goid_is_what_go_returned)
{
	expect_eq(gos_goid(), 1);
	for (int i = 0; i < 1000; i++) {
		uint64_t inside = 0;
		gos_waitgroup_add(&wg, 1);
		uint64_t outside = go(id_is, &inside);
		gos_waitgroup_wait(&wg);
		expect_eq(inside, outside);
	}
}

PLAIN_TEST(goid_is_0_where_no_goroutine_runs)
{
	expect_eq(gos_goid(), 0);
	expect_eq(gos_num_goroutines(), 0);
}

/* ---- reuse ---- */

static void finish(void)
{
	DONE;
}

GOS_TEST(gs_are_used_again)
{
	for (int i = 0; i < 1000; i++) {
		gos_waitgroup_add(&wg, 100);
		for (int j = 0; j < 100; j++)
			go(finish);
		gos_waitgroup_wait(&wg);
	}
	/* 100,000 have lived, no more than some hundreds at once: each P keeps up to 64 and makes 32 at a time. */
	expect_lt(gos_runtime.gcount, 4000);
}

GOS_TEST(gs_migrate_between_ps)
{
	/* Made here, ended elsewhere, and the reverse: the lists of dead Gs must balance. */
	for (int round = 0; round < 50; round++) {
		gos_waitgroup_add(&wg, 2000);
		for (int i = 0; i < 2000; i++)
			go(finish);
		gos_waitgroup_wait(&wg);
	}
	expect_lt(gos_runtime.gcount, 20000);
}

/* ---- stacks ---- */

/* Goes down until so many bytes are in use, touching each page. */
static __attribute__((noinline)) size_t use_stack(const char *top, size_t bytes)
{
	volatile char a[1024];
	__asm__ volatile("" ::"r"(a) : "memory"); /* else clang keeps one byte of it */
	a[0] = 1;
	size_t used = (size_t)(top - (const char *)__builtin_frame_address(0));
	return (used + 3 * sizeof a < bytes ? use_stack(top, bytes) : used) * (size_t)a[0];
}

static void use(size_t bytes)
{
	size_t used = use_stack(__builtin_frame_address(0), bytes);
	expect_ge(used + 3 * 1024, bytes);
	DONE;
}

GOS_TEST(go_with_a_stack_size)
{
	static const size_t sizes[] = {1, 16 << 10, 20000, 64 << 10, 65 << 10, 256 << 10, 1 << 20, 16 << 20};
	for (int round = 0; round < 20; round++)
		for (size_t i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
			struct gos_go_options o = {.stack_size = sizes[i]};
			size_t usable = sizes[i] < 16 << 10 ? 16 << 10 : sizes[i];
			gos_waitgroup_add(&wg, 1);
			gos_go_with(&o, use, usable - 512);
			gos_waitgroup_wait(&wg);
		}
}

GOS_TEST(go_with_stack_sizes_by_many)
{
	uint64_t random = gos_test_seed();
	gos_waitgroup_add(&wg, 5000);
	for (int i = 0; i < 5000; i++) {
		size_t size = (size_t)(16 << 10) << gos_test_random(&random) % 5;
		struct gos_go_options o = {.stack_size = size};
		gos_go_with(&o, use, size / 2);
	}
	gos_waitgroup_wait(&wg);
}

GOS_TEST(default_stack_is_64_kib)
{
	for (int i = 0; i < 200; i++) { /* also those whose top is moved down for the caches */
		gos_waitgroup_add(&wg, 1);
		go(use, (64 << 10) - 2048 - 512);
		gos_waitgroup_wait(&wg);
	}
}

/* The stack is aligned as the ABI says, or SSE code dies. */
static void alignment(void)
{
	got[0] = (uint64_t)__builtin_frame_address(0) % 16;
	DONE;
}

GOS_TEST(stack_is_aligned)
{
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		go(alignment);
		gos_waitgroup_wait(&wg);
		expect_eq(got[0], 0);
	}
}

static void from_nowhere(void)
{
	go(nothing);
}

static const struct gos_death deaths[] = {
	{"from_nowhere", from_nowhere, 2, {"called before gos_run"}, .plain = true},
};
GOS_DEATHS(deaths)
