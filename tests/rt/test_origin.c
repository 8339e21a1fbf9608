/* SPDX-License-Identifier: MIT */
/*
 * Goal: the stack that is recorded for a goroutine is the one that made it, exactly, however that was compiled; its ancestors are those that there were. Method: functions
 * of every kind (originated.c) call each other in random orders and note down where they return to; each goroutine compares.
 */
#include <dlfcn.h>
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "depot.h"
#include "gos_test.h"
#include "machine.h"
#include "origin.h"
#include "originated.h"
#include "reloaded.h"

static gos_waitgroup wg;
static uint64_t known, unknown;

static const struct gos_stack *stack_of_me(void)
{
	return rt_depot_get(rt_tls_m->curg->creation);
}

/* The current goroutine was made at the end of this path, of whose functions the outermost is its creator's first. */
static void check_origin(const struct path *path)
{
	const struct gos_g *gp = rt_tls_m->curg;
	const struct gos_stack *stack = stack_of_me();
	uint32_t callers = path->depth, most = (uint32_t)rt_config.creationstack;

	if (gp->creation == 0) { /* there were too many new places */
		__atomic_add_fetch(&unknown, 1, __ATOMIC_RELAXED);
		return;
	}
	expect(stack != NULL);
	expect(stack->pc[0] == (uint64_t)gp->create_pc);
	expect_eq(stack->count, 1 + (callers < most ? callers : most));
	for (uint32_t i = 1; i < stack->count; i++)
		expect(stack->pc[i] == path->returns_to[path->depth - i]);
	if (callers != most)
		expect_eq(stack->whole, callers < most);
	__atomic_add_fetch(&known, 1, __ATOMIC_RELAXED);
}

static void child(struct path *path)
{
	check_origin(path);
	gos_waitgroup_done(&path->wg);
}

static void (*const variants[])(struct path *) = {originated_plain, originated_O0, originated_O2, originated_frames};

/* A goroutine's first function: its return address lies in the runtime, so what it calls is noted down from the second on. */
NOINLINE static void walks_a_path(struct path *path, uint64_t *seed)
{
	path->depth = 0;
	path->started = false;
	path->depth_wanted = 2 + (uint32_t)(gos_test_random(seed) % 40);
	path->random = gos_test_random(seed) % 64; /* often one that there was before */
	path->elsewhere = variants[gos_test_random(seed) % 4];
	path->returns_to[path->depth++] = (uint64_t)__builtin_return_address(0);
	variants[gos_test_random(seed) % 4](path);
	__asm__ volatile("" ::: "memory");
}

static void walks_paths(uint64_t seed, int times)
{
	struct path path = {.child = child};
	for (int i = 0; i < times; i++) {
		gos_waitgroup_add(&path.wg, 1);
		walks_a_path(&path, &seed);
		gos_waitgroup_wait(&path.wg);
	}
	gos_waitgroup_done(&wg);
}

static uint64_t unknown_origins(void)
{
	uint64_t sum = 0;
	for (uint32_t i = 0; i < gos_runtime.pcount; i++)
		sum += rt_load_relaxed(&gos_runtime.ps[i]->unknown_origins);
	return sum;
}

#define WALKERS 8

static void walk_at_depth(int depth)
{
	uint64_t seed = gos_test_seed();
	rt_config.creationstack = depth;
	uint64_t before = unknown_origins();
	for (int round = 0; round < 10; round++) {
		gos_waitgroup_add(&wg, WALKERS);
		for (int i = 0; i < WALKERS; i++)
			gos_go_with((&(struct gos_go_options){.stack_size = 1 << 20}), walks_paths, gos_test_random(&seed), 500 / GOS_TEST_SLOW);
		gos_waitgroup_wait(&wg);
		gos_sleep(20 * GOS_MS); /* so that there is something left for new places */
	}
	expect_gt(known, 10 * unknown);
	expect_ge(unknown_origins() - before, unknown);
}

GOS_TEST_WITHIN(origin_is_the_truth_1_deep, 60)
{
	walk_at_depth(1);
}
GOS_TEST_WITHIN(origin_is_the_truth_2_deep, 60)
{
	walk_at_depth(2);
}
GOS_TEST_WITHIN(origin_is_the_truth_5_deep, 60)
{
	walk_at_depth(5);
}
GOS_TEST_WITHIN(origin_is_the_truth_32_deep, 60)
{
	walk_at_depth(32);
}

/* ---- code that is unloaded ---- */

/* A goroutine's first function. */
static void walks_in_module(void (*module)(struct path *), uint64_t seed)
{
	struct path path = {.child = child};
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&path.wg, 1);
		path.depth = 0;
		path.started = false;
		path.depth_wanted = 1 + (uint32_t)(gos_test_random(&seed) % 8);
		path.random = gos_test_random(&seed) % 16;
		module(&path);
		gos_waitgroup_wait(&path.wg);
	}
	gos_waitgroup_done(&wg);
}

static void walk_in_modules(int depth)
{
	static const char *const modules[] = {MODULE_1000, MODULE_3000};
	uint64_t seed = gos_test_seed();
	uint64_t last = 0, same = 0;

	rt_config.creationstack = depth;
	for (int i = 0; i < 20; i++) {
		void *handle = dlopen(modules[i % 2], RTLD_NOW | RTLD_LOCAL);
		expect(handle != NULL);
		void (*module)(struct path *) = (void (*)(struct path *))dlsym(handle, "originated_plain");
		expect(module != NULL);
		same += (uint64_t)module == last;
		last = (uint64_t)module;
		gos_waitgroup_add(&wg, 4);
		for (int j = 0; j < 4; j++)
			gos_go_with((&(struct gos_go_options){.stack_size = 1 << 20}), walks_in_module, module, gos_test_random(&seed));
		gos_waitgroup_wait(&wg);
		gos_test_until_num(1);
		expect_eq(dlclose(handle), 0);
	}
	expect_gt(known, 10 * unknown);
	if (same == 0)
		printf("no module lay where another had been: nothing was to be forgotten\n");
}

GOS_TEST_WITHIN(origin_forgets_code_that_was_unloaded_1_deep, 60)
{
	walk_in_modules(1);
}
GOS_TEST_WITHIN(origin_forgets_code_that_was_unloaded_4_deep, 60)
{
	walk_in_modules(4);
}

/* What would be wrong if the other module were believed in is made to happen. */
enum { ROOMS = 2, ROOM_LEAST = 200, ROOM_MOST = 2400 };

/* How many Ps have a site of this place, which they believe in without a question. */
static int sites_of(uint64_t pc)
{
	int n = 0;
	for (uint32_t i = 0; i < gos_runtime.pcount; i++)
		for (size_t j = 0; j < RT_SITES; j++)
			n += gos_runtime.ps[i]->sites[j].pc == pc || gos_runtime.ps[i]->sites[j].rbp_pc == pc;
	return n;
}

static void is_from_there(struct reloaded *r)
{
	const struct gos_g *gp = rt_tls_m->curg;
	const struct gos_stack *stack = stack_of_me();

	r->place = (uint64_t)gp->create_pc;
	if (stack != NULL) {
		expect(stack->pc[0] == r->place);
		expect(r->callers == 0 ? stack->count == 1 && stack->whole : stack->count > 1);
		expect(r->callers == 0 || stack->pc[1] == r->returns_to);
		known++;
	} else {
		unknown++;
	}
	gos_waitgroup_done(&wg);
}

NOINLINE static void calls(void (*module)(struct reloaded *r), struct reloaded *r)
{
	module(r);
	__asm__ volatile("" ::: "memory");
}

/* Whoever looks for the return address above what calls it finds the bait. */
NOINLINE static void calls_below_bait(void (*module)(struct reloaded *r), struct reloaded *r)
{
	volatile uint64_t above[2 * ROOM_MOST / sizeof(uint64_t)];
	for (size_t i = 0; i < sizeof above / sizeof *above; i++)
		above[i] = r->bait;
	module(r);
	__asm__ volatile("" ::: "memory");
}

static void reload(int depth)
{
	static const char *const modules[ROOMS] = {RELOADED_200, RELOADED_2400};
	static const uint32_t rooms[ROOMS] = {ROOM_LEAST, ROOM_MOST};
	uint64_t last_place = 0, last_caller = 0;
	int same = 0;

	rt_config.creationstack = depth;
	for (int i = 0; i < 40; i++) {
		struct reloaded r = {.child = is_from_there, .words = rooms[i % ROOMS] / sizeof(uint64_t), .bait = last_caller}, top = r;
		void *handle = dlopen(modules[i % ROOMS], RTLD_NOW | RTLD_LOCAL);
		expect(handle != NULL);
		void (*module)(struct reloaded *) = (void (*)(struct reloaded *))dlsym(handle, "reloaded");
		expect(module != NULL);
		gos_waitgroup_add(&wg, 1);
		go(module, &top); /* at the top of a stack: nothing that lies above can be read */
		gos_waitgroup_wait(&wg);
		same += top.place == last_place;
		last_place = top.place;
		r.callers = 1;
		gos_waitgroup_add(&wg, 1);
		calls_below_bait(module, &r);
		gos_waitgroup_wait(&wg);
		gos_waitgroup_add(&wg, 1);
		calls(module, &r); /* what the next one finds remembered */
		gos_waitgroup_wait(&wg);
		last_caller = r.returns_to;
		gos_test_until_num(1); /* nobody is in its code any more */
		expect_eq(sites_of(r.place), 0);
		expect_eq(dlclose(handle), 0);
	}
	expect_gt(known, 10 * unknown);
	if (same == 0)
		printf("no module lay where another had been: nothing was to be forgotten\n");
}

GOS_TEST(origin_of_code_that_takes_the_place_of_other_code_1_deep)
{
	reload(1);
}
GOS_TEST(origin_of_code_that_takes_the_place_of_other_code_4_deep)
{
	reload(4);
}

static uint64_t made_at;

static void tell_place(void)
{
	made_at = (uint64_t)rt_tls_m->curg->create_pc;
	gos_waitgroup_done(&wg);
}

GOS_TEST(origin_of_code_that_lasts_is_believed_without_a_question)
{
	gos_waitgroup_add(&wg, 1);
	go(tell_place);
	gos_waitgroup_wait(&wg);
	expect(rt_origin_lasts(made_at));
	expect_gt(sites_of(made_at), 0);
}

GOS_TEST(code_lasts_of_the_program_and_of_what_it_needs)
{
	expect(rt_origin_lasts((uint64_t)sites_of + 1));
	expect(rt_origin_lasts((uint64_t)qsort + 1));
	expect(rt_origin_lasts((uint64_t)suite_create + 1));
	void *handle = dlopen(RELOADED_200, RTLD_NOW | RTLD_LOCAL);
	expect(handle != NULL);
	expect(!rt_origin_lasts((uint64_t)dlsym(handle, "reloaded") + 1));
	expect_eq(dlclose(handle), 0);
}

/* ---- what is easily taken for something else ---- */

static uint64_t callers[2];

static void tell_caller(int i)
{
	const struct gos_stack *stack = stack_of_me();
	expect(stack != NULL && stack->count >= 2);
	callers[i] = stack->pc[1];
	gos_waitgroup_done(&wg);
}

NOINLINE static void spawns(int i)
{
	gos_waitgroup_add(&wg, 1);
	go(tell_caller, i);
	gos_waitgroup_wait(&wg);
}

NOINLINE static void one_caller(uint64_t *here)
{
	spawns(0);
	*here = (uint64_t)one_caller;
}

NOINLINE static void another_caller(uint64_t *here)
{
	spawns(1);
	*here = (uint64_t)another_caller;
}

GOS_TEST(origin_two_callers_of_the_same_function_in_turn)
{
	uint64_t functions[2];
	for (int i = 0; i < 1000; i++) {
		one_caller(&functions[0]);
		another_caller(&functions[1]);
		for (int j = 0; j < 2; j++)
			expect(callers[j] > functions[j] && callers[j] - functions[j] < 200);
		expect_ne(callers[0], callers[1]);
	}
}

static uint32_t levels_seen;

static void tell_levels(void)
{
	const struct gos_stack *stack = stack_of_me();
	expect(stack != NULL);
	uint32_t same = 0;
	for (uint32_t i = 2; i < stack->count && stack->pc[i] == stack->pc[1]; i++)
		same++;
	levels_seen = same + 1;
	gos_waitgroup_done(&wg);
}

NOINLINE static int recurses(int levels)
{
	if (levels > 0)
		return recurses(levels - 1) + 1;
	gos_waitgroup_add(&wg, 1);
	go(tell_levels);
	gos_waitgroup_wait(&wg);
	return 1;
}

GOS_TEST(origin_levels_of_a_recursion_are_counted)
{
	rt_config.creationstack = 32;
	for (int i = 0; i < 20; i++) {
		for (int levels = 1; levels <= 40; levels++) {
			levels_seen = 0;
			expect_eq(recurses(levels), levels + 1);
			expect_eq(levels_seen, levels < 32 ? levels : 32);
		}
	}
}

static void tell_whole(void)
{
	const struct gos_stack *stack = stack_of_me();
	expect(stack != NULL);
	expect_eq(stack->count, 1);
	expect_eq(stack->whole, 1);
	gos_waitgroup_done(&wg);
}

static void first_function(void)
{
	gos_waitgroup_add(&wg, 1);
	go(tell_whole);
	gos_waitgroup_done(&wg);
}

GOS_TEST(origin_in_a_first_function_has_no_callers)
{
	for (int depth = 1; depth <= 32; depth++) {
		rt_config.creationstack = depth;
		gos_waitgroup_add(&wg, 1);
		go(first_function);
		gos_waitgroup_wait(&wg);
	}
}

static void tell_callers(uint32_t wanted)
{
	const struct gos_stack *stack = stack_of_me();
	expect(stack != NULL);
	expect_eq(stack->count, 1 + wanted);
	expect(stack->whole || wanted == (uint32_t)rt_config.creationstack);
	gos_waitgroup_done(&wg);
}

/* The first function of some goroutines, and called by others. */
NOINLINE static void first_or_not(uint32_t callers)
{
	go(tell_callers, callers);
	__asm__ volatile("" ::: "memory");
}

static void calls_it(uint32_t callers)
{
	first_or_not(callers);
	__asm__ volatile("" ::: "memory");
}

static void begin_in_different_places(int depth)
{
	rt_config.creationstack = depth;
	for (int i = 0; i < 200; i++) {
		gos_waitgroup_add(&wg, 3);
		go(first_or_not, 0);
		go(calls_it, 1);
		first_or_not((uint32_t)depth); /* of goroutine 1, which has many */
		gos_waitgroup_wait(&wg);
	}
}

GOS_TEST(origin_of_goroutines_that_begin_in_different_places_1_deep)
{
	begin_in_different_places(1);
}
GOS_TEST(origin_of_goroutines_that_begin_in_different_places_2_deep)
{
	begin_in_different_places(2);
}
GOS_TEST(origin_of_goroutines_that_begin_in_different_places_3_deep)
{
	begin_in_different_places(3);
}

static void tell_none(void)
{
	expect_eq(rt_tls_m->curg->creation, 0);
	gos_waitgroup_done(&wg);
}

GOS_TEST(origin_is_left_out_where_nobody_wants_it)
{
	rt_config.creationstack = 0;
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		go(tell_none);
		gos_waitgroup_wait(&wg);
	}
}

static void tell_none_of_timer(void *arg)
{
	expect_eq(rt_tls_m->curg->creation, 0);
	expect(rt_tls_m->curg->ancestors == NULL);
	gos_waitgroup_done(arg);
}

GOS_TEST(origin_of_a_timers_goroutine_is_not_its_gs_last)
{
	for (int i = 0; i < 20; i++) {
		gos_waitgroup_add(&wg, 2);
		go(tell_caller, 0); /* whose G is used again */
		gos_timer *t = gos_timer_start(1, tell_none_of_timer, &wg);
		gos_waitgroup_wait(&wg);
		gos_timer_free(t);
	}
}

/* ---- too many new places ---- */

static uint64_t zeroes, told, last_place;

static void tell_known(void)
{
	const struct gos_stack *stack = stack_of_me();
	if (stack != NULL) { /* the calls come in the order of their addresses */
		expect_eq(stack->count, 2);
		expect(stack->pc[1] > last_place);
		last_place = stack->pc[1];
	} else {
		zeroes++;
	}
	told++;
	gos_waitgroup_done(&wg);
}

NOINLINE static void starts_here(void)
{
	gos_waitgroup_add(&wg, 1);
	go(tell_known);
	gos_waitgroup_wait(&wg);
}

#define CALL starts_here();
#define CALLS_4 CALL CALL CALL CALL
#define CALLS_16 CALLS_4 CALLS_4 CALLS_4 CALLS_4
#define CALLS_64 CALLS_16 CALLS_16 CALLS_16 CALLS_16
#define CALLS_256 CALLS_64 CALLS_64 CALLS_64 CALLS_64
#define CALLS_1024 CALLS_256 CALLS_256 CALLS_256 CALLS_256

NOINLINE static void calls_from_everywhere(void)
{
	last_place = 0;
	CALLS_1024 CALLS_1024
}

GOS_TEST_WITHIN(origin_of_a_storm_of_new_places_is_unknown_and_counted, 60)
{
	uint64_t before = unknown_origins();
	for (int i = 0; i < 20; i++)
		calls_from_everywhere();
	expect_eq(told, 20 * 2048);
	expect_eq(unknown_origins() - before, zeroes);
	/* And then it is as before. */
	for (int i = 0; i < 1000; i++) {
		gos_sleep(GOS_MS);
		uint64_t zeroes_before = zeroes;
		last_place = 0;
		starts_here();
		if (zeroes == zeroes_before)
			return;
	}
	expect(!"known again");
}

/* ---- ancestors ---- */

static uint64_t family[32]; /* goids, the first first */
static uint64_t places[32];

static void generation(long n, long last)
{
	const struct gos_g *gp = rt_tls_m->curg;
	struct gos_ancestor a[RT_ANCESTORS_MAX + 1];
	uint32_t most = (uint32_t)rt_config.ancestors, count = (uint32_t)rt_ancestors_copy(gp, a, RT_ANCESTORS_MAX + 1);

	family[n] = gos_goid();
	places[n] = (uint64_t)gp->create_pc;
	expect_eq(count, (uint32_t)n < most ? (uint32_t)n : most);
	for (uint32_t i = 0; i < count; i++) {
		uint64_t which = (uint64_t)n - 1 - i;
		expect_eq(a[i].goid, family[which]);
		expect_eq(a[i].creator, which > 0 ? family[which - 1] : 0);
		expect_eq(a[i].create_pc, places[which]);
		expect_eq(a[i].creation != 0, which > 0);
	}
	if (n < last)
		go(generation, n + 1, last); /* and ends */
	else
		gos_waitgroup_done(&wg);
}

static void test_ancestors(int kept)
{
	rt_config.ancestors = kept;
	family[0] = gos_goid();
	places[0] = (uint64_t)rt_tls_m->curg->create_pc;
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		go(generation, 1L, 20L);
		gos_waitgroup_wait(&wg);
	}
	gos_test_until_num(1);
}

GOS_TEST(ancestors_are_who_they_were_1_kept)
{
	test_ancestors(1);
}
GOS_TEST(ancestors_are_who_they_were_3_kept)
{
	test_ancestors(3);
}
GOS_TEST(ancestors_are_who_they_were_16_kept)
{
	test_ancestors(16);
}
GOS_TEST(ancestors_without_stacks)
{
	rt_config.creationstack = 0;
	rt_config.ancestors = 2;
	gos_waitgroup_add(&wg, 1);
	go(tell_none);
	gos_waitgroup_wait(&wg);
}

/* ---- deaths that are none: what the environment says ---- */

static void print_depths(void)
{
	fprintf(stderr, "creationstack %d, ancestors %d\n", (int)rt_config.creationstack, (int)rt_config.ancestors);
	exit(23);
}

#define DEFAULTS "creationstack 1, ancestors 0"
static const struct gos_death deaths[] = {
	{"default", print_depths, 23, {DEFAULTS}, .never = "gossamer:"},
	{"both", print_depths, 23, {"creationstack 32, ancestors 16"}, "GOSDEBUG=creationstack=32,ancestors=16", .never = "gossamer:"},
	{"too_deep", print_depths, 23, {"gossamer: GOSDEBUG: creationstack=33 is not a number from 0 to 32; ignored\n", DEFAULTS}, "GOSDEBUG=creationstack=33"},
	{"negative", print_depths, 23, {"gossamer: GOSDEBUG: creationstack=-1 is not a number from 0 to 32; ignored\n", DEFAULTS}, "GOSDEBUG=creationstack=-1"},
	{"too_old", print_depths, 23, {"gossamer: GOSDEBUG: ancestors=17 is not a number from 0 to 16; ignored\n", DEFAULTS}, "GOSDEBUG=ancestors=17"},
	{"no_number", print_depths, 23, {"gossamer: GOSDEBUG: ancestors=all is not a number from 0 to 16; ignored\n", DEFAULTS}, "GOSDEBUG=ancestors=all"},
};
GOS_DEATHS(deaths)
