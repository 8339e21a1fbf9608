/* SPDX-License-Identifier: MIT */
/*
 * test_sanitizer.c - what the sanitizers say of goroutines: nothing while all is well, and what a thread would hear when it is not.
 *
 * The tests order plain memory by each of the runtime's means; ThreadSanitizer would report one that gives no order, AddressSanitizer a stack
 * that it has lost track of. In plain builds they check the values. The deaths are of sanitizer builds: mistakes that must be
 * reported, with the function that makes them, and things that look like mistakes and must not be.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gos_test.h"

enum { MANY = 200, ROUNDS = 20 };

struct thing {
	int64_t number;
	char text[40];
};

static struct thing *make_thing(int64_t number)
{
	struct thing *t = malloc(sizeof *t);
	expect(t != NULL);
	t->number = number;
	snprintf(t->text, sizeof t->text, "thing %lld", (long long)number);
	return t;
}

static int64_t end_thing(struct thing *t)
{
	char text[40];
	int64_t number = t->number;
	snprintf(text, sizeof text, "thing %lld", (long long)number);
	expect(strcmp(text, t->text) == 0);
	free(t);
	return number;
}

/* ---- locks ---------------------------------------------------------------------------------------------------------- */

static gos_mutex mutex;
static gos_rwmutex rwmutex;
static gos_sema sema = GOS_SEMA(1);
static gos_waitgroup wg;
static int64_t counter;

static void count_under_mutex(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		if (i % 4 != 0 || !gos_mutex_try_lock(&mutex))
			gos_mutex_lock(&mutex);
		counter++;
		if (i % 5 == 0)
			gos_yield();
		gos_mutex_unlock(&mutex);
	}
	gos_waitgroup_done(&wg);
}

static void count_under_sema(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		gos_sema_acquire(&sema);
		counter++;
		gos_sema_release(&sema);
	}
	gos_waitgroup_done(&wg);
}

static void count_under_rwmutex(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		gos_rwmutex_lock(&rwmutex);
		counter++;
		gos_rwmutex_unlock(&rwmutex);
		gos_rwmutex_rlock(&rwmutex);
		expect_gt(counter, 0);
		gos_rwmutex_runlock(&rwmutex);
	}
	gos_waitgroup_done(&wg);
}

static void count_by(void (*how)(void))
{
	counter = 0;
	gos_waitgroup_add(&wg, MANY);
	for (int i = 0; i < MANY; i++)
		go(how);
	gos_waitgroup_wait(&wg);
	expect_eq(counter, MANY * ROUNDS);
}

GOS_TEST(mutex_orders_what_it_protects) { count_by(count_under_mutex); }
GOS_TEST(sema_orders_what_it_protects) { count_by(count_under_sema); }
GOS_TEST(rwmutex_orders_what_it_protects) { count_by(count_under_rwmutex); }

static int64_t results[MANY];

static void put_result(int i)
{
	results[i] = i + 1;
	gos_waitgroup_done(&wg);
}

GOS_TEST(waitgroup_and_go_order_what_is_before_and_after)
{
	for (int round = 0; round < ROUNDS; round++) {
		memset(results, 0, sizeof results);
		gos_waitgroup_add(&wg, MANY);
		for (int i = 0; i < MANY; i++)
			go(put_result, i);
		gos_waitgroup_wait(&wg);
		for (int i = 0; i < MANY; i++)
			expect_eq(results[i], i + 1);
	}
}

static gos_once onces[ROUNDS];
static struct thing *of_once[ROUNDS];

static void make_for_once(void *arg)
{
	int i = (int)(intptr_t)arg;
	of_once[i] = make_thing(i);
	gos_yield();
}

static void use_onces(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		gos_once_do(&onces[i], make_for_once, (void *)(intptr_t)i);
		expect_eq(of_once[i]->number, i);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(once_orders_what_was_done_once)
{
	gos_waitgroup_add(&wg, MANY);
	for (int i = 0; i < MANY; i++)
		go(use_onces);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < ROUNDS; i++)
		end_thing(of_once[i]);
}

static gos_cond cond;
static int64_t stock;

static void consume(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		gos_mutex_lock(&mutex);
		while (stock == 0)
			gos_cond_wait(&cond, &mutex);
		stock--;
		gos_mutex_unlock(&mutex);
	}
	gos_waitgroup_done(&wg);
}

static void produce(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		gos_mutex_lock(&mutex);
		stock++;
		gos_mutex_unlock(&mutex);
		if (i % 2 == 0)
			gos_cond_signal(&cond);
		else
			gos_cond_broadcast(&cond);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(cond_orders_what_its_mutex_protects)
{
	gos_waitgroup_add(&wg, 2 * MANY);
	for (int i = 0; i < MANY; i++) {
		go(consume);
		go(produce);
	}
	gos_waitgroup_wait(&wg);
	expect_eq(stock, 0);
}

static void *make_of_pool(void) { return make_thing(0); }
static void end_of_pool(void *t) { end_thing(t); }
static gos_pool pool = {.make = make_of_pool};

static void use_pool(void)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct thing *t = gos_pool_get(&pool);
		t->number++;
		snprintf(t->text, sizeof t->text, "thing %lld", (long long)t->number);
		gos_pool_put(&pool, t);
		gos_yield();
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(pool_orders_those_who_had_an_object)
{
	gos_waitgroup_add(&wg, MANY);
	for (int i = 0; i < MANY; i++)
		go(use_pool);
	gos_waitgroup_wait(&wg);
	gos_pool_drain(&pool, end_of_pool);
}

/* ---- channels -------------------------------------------------------------------------------------------------------- */

static void send_things(gos_chan *c, int64_t from, bool in_select)
{
	for (int64_t i = from; i < from + ROUNDS; i++) {
		struct thing *t = make_thing(i);
		if (in_select) {
			struct gos_case cases[] = {GOS_SEND(c, &t), GOS_RECV(NULL, NULL)};
			expect_eq(gos_select(cases, 2), 0);
		} else {
			gos_chan_send(c, &t);
		}
	}
	gos_waitgroup_done(&wg);
}

static void close_after_all(gos_chan *c)
{
	gos_waitgroup_wait(&wg);
	gos_chan_close(c);
}

static void things_go_through(size_t capacity, bool in_select)
{
	gos_chan *c = gos_chan_make(struct thing *, capacity), *never = gos_chan_make(int, 0);
	int64_t sum = 0, n = 0;
	gos_waitgroup_add(&wg, MANY);
	for (int i = 0; i < MANY; i++)
		go(send_things, c, (int64_t)i * ROUNDS, in_select);
	go(close_after_all, c);
	for (;; n++) {
		struct thing *t;
		if (in_select) {
			struct gos_case cases[] = {GOS_RECV(never, NULL), GOS_RECV(c, &t)};
			expect_eq(gos_select(cases, 2), 1);
			if (!cases[1].ok)
				break;
		} else if (!gos_chan_recv(c, &t)) {
			break;
		}
		sum += end_thing(t);
	}
	expect_eq(n, MANY * ROUNDS);
	expect_eq(sum, n * (n - 1) / 2);
	gos_chan_free(c);
	gos_chan_free(never);
}

GOS_TEST(channel_orders_the_object_that_is_sent) { things_go_through(0, false); }
GOS_TEST(channel_with_a_buffer_orders_the_object_that_is_sent) { things_go_through(7, false); }
GOS_TEST(select_orders_the_object_that_is_sent) { things_go_through(0, true); }
GOS_TEST(select_on_a_buffer_orders_the_object_that_is_sent) { things_go_through(3, true); }

static void write_behind(gos_chan *c, int64_t *mine)
{
	*mine = 5; /* in another goroutine's frame */
	gos_chan_recv(c, NULL);
	*mine = 6;
	gos_chan_close(c);
}

GOS_TEST(rendezvous_and_close_order_both_ways)
{
	for (int round = 0; round < 10 * ROUNDS; round++) {
		gos_chan *c = gos_chan_make(int, 0);
		int64_t mine = 0;
		go(write_behind, c, &mine);
		gos_chan_send(c, &(int){1});
		gos_chan_recv(c, NULL);
		expect_eq(mine, 6);
		gos_chan_free(c);
	}
}

static void count_in_turn(gos_chan *units)
{
	for (int i = 0; i < ROUNDS; i++) {
		gos_chan_send(units, &(int){0}); /* Go's memory model: the kth receive is before the (k+C)th send */
		counter++;
		gos_chan_recv(units, NULL);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(channel_of_capacity_one_is_a_mutex)
{
	gos_chan *units = gos_chan_make(int, 1);
	counter = 0;
	gos_waitgroup_add(&wg, MANY);
	for (int i = 0; i < MANY; i++)
		go(count_in_turn, units);
	gos_waitgroup_wait(&wg);
	expect_eq(counter, MANY * ROUNDS);
	gos_chan_free(units);
}

/* ---- time ------------------------------------------------------------------------------------------------------------- */

struct timed {
	int64_t before, after;
	gos_chan *done;
};

static void when_due(void *arg)
{
	struct timed *t = arg;
	t->after = t->before + 1;
	gos_chan_send(t->done, &(int){1});
}

static void use_timers(void)
{
	for (int i = 0; i < 5; i++) {
		struct timed t = {.before = i, .done = gos_chan_make(int, 0)};
		gos_timer *timer = gos_timer_start(50 * GOS_US, when_due, &t);
		gos_chan_recv(t.done, NULL);
		expect_eq(t.after, i + 1);
		t.before = 100;
		gos_timer_reset(timer, 50 * GOS_US);
		gos_chan_recv(t.done, NULL);
		expect_eq(t.after, 101);
		gos_timer_free(timer);
		gos_chan_free(t.done);

		gos_chan *after = gos_after(20 * GOS_US);
		gos_chan_recv(after, NULL);
		gos_chan_free(after);
		gos_sleep(10 * GOS_US);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(timers_order_what_was_set_and_what_they_do)
{
	gos_waitgroup_add(&wg, MANY / 10);
	for (int i = 0; i < MANY / 10; i++)
		go(use_timers);
	gos_waitgroup_wait(&wg);
}

static void wait_for_end(gos_context *ctx, const int64_t *told)
{
	gos_chan_recv(gos_context_done(ctx), NULL);
	expect(gos_context_err(ctx) == -ECANCELED);
	expect_eq(*told, 7);
	gos_waitgroup_done(&wg);
}

GOS_TEST(context_orders_what_was_before_its_end)
{
	for (int round = 0; round < ROUNDS; round++) {
		int64_t told = 0;
		gos_context *top = gos_context_with_cancel(gos_context_background());
		gos_context *below = gos_context_with_timeout(top, 1000 * GOS_S);
		gos_waitgroup_add(&wg, 20);
		for (int i = 0; i < 20; i++)
			go(wait_for_end, i % 2 ? top : below, &told);
		gos_yield();
		told = 7;
		gos_context_cancel(top);
		gos_waitgroup_wait(&wg);
		gos_context_free(below);
		gos_context_free(top);
	}
}

/* ---- edges of a life ---------------------------------------------------------------------------------------------------- */

static void *block(void *arg)
{
	usleep(100);
	*(int64_t *)arg += 1;
	return arg;
}

static void blocks(int64_t *shared)
{
	for (int i = 0; i < 5; i++) {
		gos_mutex_lock(&mutex);
		gos_blocking_begin();
		usleep(100);
		*shared += 1;
		gos_blocking_end();
		expect(gos_blocking(block, shared) == shared);
		gos_mutex_unlock(&mutex);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(blocking_sections_keep_the_order_of_their_goroutine)
{
	int64_t shared = 0;
	gos_waitgroup_add(&wg, MANY / 10);
	for (int i = 0; i < MANY / 10; i++)
		go(blocks, &shared);
	gos_waitgroup_wait(&wg);
	expect_eq(shared, MANY / 10 * 10);
}

static void locks_thread(int64_t *shared)
{
	gos_lock_thread();
	for (int i = 0; i < 5; i++) {
		gos_mutex_lock(&mutex);
		*shared += 1;
		gos_yield();
		gos_mutex_unlock(&mutex);
	}
	gos_unlock_thread();
	gos_waitgroup_done(&wg);
}

GOS_TEST(goroutines_that_are_locked_to_threads_keep_their_order)
{
	int64_t shared = 0;
	gos_waitgroup_add(&wg, MANY / 10);
	for (int i = 0; i < MANY / 10; i++)
		go(locks_thread, &shared);
	gos_waitgroup_wait(&wg);
	expect_eq(shared, MANY / 10 * 5);
}

/* Fills its frames, and ends in one of three ways, at one of several depths. */
__attribute__((noinline)) static int64_t dig(int depth, int how)
{
	volatile char frame[300];
	memset((char *)frame, depth, sizeof frame);
	if (depth == 0) {
		gos_yield();
		if (how == 1) {
			gos_waitgroup_done(&wg);
			gos_goexit();
		}
		return frame[how];
	}
	int64_t sum = dig(depth - 1, how);
	return sum + frame[how];
}

static void lives(int i)
{
	int64_t sum = dig(i % 40, i % 3 == 2);
	expect_eq(sum, (int64_t)(i % 40) * (i % 40 + 1) / 2);
	gos_waitgroup_done(&wg);
}

GOS_TEST(stacks_are_used_again_after_every_kind_of_end)
{
	for (int round = 0; round < ROUNDS; round++) {
		gos_waitgroup_add(&wg, 2 * MANY);
		for (int i = 0; i < MANY; i++) {
			go(lives, i);
			struct gos_go_options of_a_size = {.stack_size = (size_t)32768 << i % 3, .name = "of a size"};
			gos_go_with(&of_a_size, lives, i);
		}
		gos_waitgroup_wait(&wg);
	}
}

static void recover_it(void)
{
	expect(gos_recover() != NULL);
}


__attribute__((noinline)) static int64_t dig_and_panic(int depth)
{
	volatile char frame[100];
	memset((char *)frame, depth, sizeof frame);
	if (depth == 0) {
		if (gos_goid() != 0) /* always; but compilers see a recursion without end */
			gos_panic("at the bottom");
		return 0;
	}
	return dig_and_panic(depth - 1) + frame[depth];
}

__attribute__((noinline)) static int panics_and_recovers(int depth)
{
	gos_defer_frame(1);
	gos_defer(recover_it);
	dig_and_panic(depth);
	return 0;
}

/* The frames that a panic leaves: who keeps count of them, or of what in them may be touched, must hear of it. */
GOS_TEST(frames_are_left_by_panics)
{
	for (int i = 0; i < 10000; i++) {
		expect_eq(panics_and_recovers(5 + i % 7), 1);
		int64_t sum = dig(10, 0);
		expect_eq(sum, 55);
	}
}

static void pass_by_pipe(int from, int to)
{
	struct thing *t;
	for (int i = 0; i < ROUNDS; i++) {
		expect_eq(gos_read(from, &t, sizeof t), sizeof t);
		t->number++;
		expect_eq(gos_write(to, &t, sizeof t), sizeof t);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(what_goes_through_a_pipe_is_ordered)
{
	int there[2], back[2];
	struct thing *t = make_thing(0), *same;
	expect(pipe(there) == 0 && pipe(back) == 0);
	gos_waitgroup_add(&wg, 1);
	go(pass_by_pipe, there[0], back[1]);
	for (int i = 0; i < ROUNDS; i++) {
		t->number++;
		expect_eq(gos_write(there[1], &t, sizeof t), sizeof t);
		expect_eq(gos_read(back[0], &same, sizeof same), sizeof same);
		expect(same == t);
	}
	expect_eq(t->number, 2 * ROUNDS);
	gos_waitgroup_wait(&wg);
	free(t);
}

/* ---- what must be said -------------------------------------------------------------------------------------------------- */

#ifdef GOS_TEST_TSAN

static int64_t raced;
static uint32_t racing;

/* A step that the racers see of each other and that gives no order; nothing moves past it. */
static void step(void)
{
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
	__atomic_add_fetch(&racing, 1, __ATOMIC_RELAXED);
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

static void until_step(uint32_t n)
{
	while (__atomic_load_n(&racing, __ATOMIC_RELAXED) < n)
		;
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
}

/*
 * Both run, on two workers, before either touches `raced`, and neither calls the runtime until both have: so nothing orders what they do. But one
 * does it after the other: ThreadSanitizer looks for others' accesses and then notes down its own without a lock, and accesses of the same few
 * nanoseconds miss each other.
 */
__attribute__((noinline)) static void racer(gos_chan *done, uint32_t turn)
{
	step();
	until_step(2 + turn);
	raced++;
	step();
	until_step(4);
	gos_chan_send(done, &(int){1});
}

static void race(void)
{
	gos_procs(2);
	gos_chan *done = gos_chan_make(int, 0);
	go(racer, done, 0);
	go(racer, done, 1);
	gos_chan_recv(done, NULL);
	gos_chan_recv(done, NULL);
}

static void park(gos_chan *c)
{
	gos_chan_recv(c, NULL);
}

static void too_many(void)
{
	gos_chan *c = gos_chan_make(int, 0);
	for (int i = 0; i < 10000; i++)
		go(park, c);
}

/* One after the other any number may live. */
static void many_in_turn(void)
{
	for (int i = 0; i < 100; i++)
		count_by(count_under_mutex);
}

static const struct gos_death deaths[] = {
	{"race", race, 66, {"WARNING: ThreadSanitizer: data race", "racer", "racer", "'goroutine ", "rt_go", "race "}, "TSAN_OPTIONS=halt_on_error=0"},
	{"too_many", too_many, 2, {"gossamer: fatal error: ThreadSanitizer follows at most ", " goroutines that live at the same time\nLet this build", "too_many"}},
	{"many_in_turn", many_in_turn, 23, {NULL}, NULL, .never = "ThreadSanitizer"},
};
GOS_DEATHS(deaths)

#endif

#ifdef GOS_TEST_ASAN

static void *volatile kept;
static volatile char sink;

__attribute__((noinline)) static void uses_freed(gos_chan *done)
{
	char *p = malloc(10);
	kept = p;
	free(p);
	sink = ((char *)kept)[3];
	gos_chan_send(done, &(int){1});
}

static void use_after_free(void)
{
	gos_chan *done = gos_chan_make(int, 0);
	go(uses_freed, done);
	gos_chan_recv(done, NULL);
}

__attribute__((noinline)) static void writes_past(char *p, int i)
{
	p[i] = 1;
}

static void overflows(gos_chan *done)
{
	char local[32];
	memset(local, 0, sizeof local);
	gos_chan_send(done, &(int){1});
	writes_past(local, 32 + (int)gos_num_goroutines() - 2); /* its frame has been parked and resumed */
	kept = local;
}

static void stack_overflow(void)
{
	gos_chan *done = gos_chan_make(int, 0);
	go(overflows, done);
	gos_chan_recv(done, NULL);
	gos_test_until_num(1);
}

__attribute__((noinline)) static void leaves_a_frame(void)
{
	char local[64];
	memset(local, 1, sizeof local);
	kept = local;
	gos_yield();
}

static void returns(void)
{
	leaves_a_frame();
	sink = *(char *)kept;
}

static void use_after_return(void)
{
	go(returns);
	gos_test_until_num(1);
}

static void leaves_a_scope(void)
{
	{
		char local[64];
		memset(local, 1, sizeof local);
		kept = local;
		gos_yield();
	}
	sink = *(char *)kept;
}

static void use_after_scope(void)
{
	go(leaves_a_scope);
	gos_test_until_num(1);
}

__attribute__((noinline)) static void lends_its_frame(void)
{
	volatile int64_t local = 1;
	kept = (void *)&local;
	gos_yield();
	local++;
}

static void use_after_the_end(void)
{
	go(lends_its_frame);
	gos_test_until_num(1);
	sink = *(char *)kept;
}

/* Parked for good, with the only pointers to blocks in their frames, in a channel's buffer and in a timer. */
static void holds(gos_chan *c)
{
	struct thing *mine = make_thing(1);
	gos_chan_recv(c, NULL);
	end_thing(mine);
}

static void never_due(void *arg)
{
	end_thing(arg);
}

__attribute__((noinline)) static void fill(gos_chan *full)
{
	for (int i = 0; i < 10; i++) {
		struct thing *t = make_thing(i);
		gos_chan_send(full, &t);
	}
	gos_timer_start(1000 * GOS_S, never_due, make_thing(3));
	gos_context_with_timeout(gos_context_background(), 1000 * GOS_S);
}

static void parked_holders(void)
{
	gos_chan *c = gos_chan_make(int, 0), *full = gos_chan_make(struct thing *, 10);
	for (int i = 0; i < 3000; i++)
		go(holds, c);
	struct gos_go_options of_a_size = {.stack_size = 32768};
	gos_go_with(&of_a_size, holds, c);
	go(fill, full);
	gos_test_until_n_waiting(3001, "chan receive");
	gos_test_until_num(3002);
}

static void loses(void)
{
	struct thing *t = make_thing(1);
	char frame[2000];
	memset(frame, 0, sizeof frame);
	kept = frame;
	sink = t->text[0];
}

static void leak(void)
{
	for (int i = 0; i < 50; i++)
		go(loses);
	gos_test_until_num(1);
	kept = NULL;
}

#define LEAKS "ASAN_OPTIONS=detect_leaks=1"
static const struct gos_death deaths[] = {
	{"use_after_free", use_after_free, 1, {"ERROR: AddressSanitizer: heap-use-after-free", "uses_freed", "freed by thread", "uses_freed", "previously allocated", "uses_freed"}},
	{"stack_overflow", stack_overflow, 1, {"ERROR: AddressSanitizer: stack-buffer-overflow", "writes_past", "overflows"}},
	{"use_after_return", use_after_return, 1, {"ERROR: AddressSanitizer: stack-use-after-return", "returns"}, "ASAN_OPTIONS=detect_stack_use_after_return=1"},
	{"use_after_scope", use_after_scope, 1, {"ERROR: AddressSanitizer: stack-use-after-scope", "leaves_a_scope"}},
	{"use_after_the_end", use_after_the_end, 1, {"ERROR: AddressSanitizer: use-after-poison", "use_after_the_end"}, "ASAN_OPTIONS=detect_stack_use_after_return=0"},
	{"parked_holders", parked_holders, 23, {NULL}, LEAKS, .never = "Sanitizer"},
	{"leak", leak, 1, {"ERROR: LeakSanitizer: detected memory leaks", "make_thing", "loses", "SUMMARY: AddressSanitizer: "}, LEAKS},
};
GOS_DEATHS(deaths)

#endif
