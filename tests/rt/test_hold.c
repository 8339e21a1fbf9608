/* SPDX-License-Identifier: MIT */
/*
 * test_hold.c - what a debugger does to goroutines by writing words. A plain thread plays the debugger: goroutine 1 is in a blocking section while it does (`from_outside`), so that
 * it takes no part in what is scheduled. It writes what layout.def names, in the order that hold.h asks for, and calls nothing.
 *
 * Where another debugger takes over while what a dead one left is undone, the debugger is real: it stops, by ptrace, a child that plays sysmon, after each instruction.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#include "gos_test.h"
#include "hold.h"
#include "lost.h"
#include "machine.h"

#define MANY (GOS_TEST_SLOW < 8 ? 10000 : 300) /* under a sanitizer each takes a megabyte, and a turn of theirs takes long */

extern char **environ;

/* ---- the debugger ---- */

static struct gos_g *record_of(uint64_t goid)
{
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);
	for (uint64_t i = 0; i < count; i++) {
		struct gos_g *gp = &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
		if (rt_load_relaxed(&gp->goid) == goid)
			return gp;
	}
	expect(!"no such goroutine");
	return NULL;
}

static void tell(void)
{
	static uint32_t generation;
	rt_store_release(&gos_runtime.hold_generation, ++generation);
}

/* By its record, so that it costs nothing to find. */
static void freeze_record(struct gos_g *gp)
{
	rt_exchange(&gp->hold, (uint8_t)(rt_load_relaxed(&gp->hold) | RT_HOLD_FROZEN));
	tell();
}

static void thaw_record(struct gos_g *gp)
{
	rt_exchange(&gp->hold, (uint8_t)(rt_load_relaxed(&gp->hold) & ~RT_HOLD_FROZEN));
	tell();
}

static void freeze(uint64_t goid)
{
	freeze_record(record_of(goid));
}

static void thaw(uint64_t goid)
{
	thaw_record(record_of(goid));
}

static void let_run(uint64_t goid, bool allowed)
{
	rt_exchange(&record_of(goid)->hold, (uint8_t)(allowed ? 0 : RT_HOLD_OTHER));
}

static void run_only(bool on)
{
	rt_exchange(&gos_runtime.hold_mask, (uint8_t)(on ? RT_HOLD_FROZEN | RT_HOLD_OTHER : RT_HOLD_FROZEN));
	tell();
}

static void pause_us(int us)
{
	usleep((useconds_t)us);
}

/* On the debugger's thread: until it is so; the test's watchdog ends it if it never is. */
#define UNTIL(condition)                  \
	do {                              \
		while (!(condition))      \
			pause_us(200);    \
	} while (0)

static uint32_t held(void)
{
	return rt_load_relaxed(&gos_runtime.held);
}

static uint32_t status_of(uint64_t goid)
{
	return rt_load_relaxed(&record_of(goid)->status);
}

static void *call(void *arg)
{
	(*(void (**)(void))arg)();
	return NULL;
}

static void from_outside(void (*debugger)(void))
{
	gos_blocking(call, &debugger);
}

static bool built_without(void)
{
	return rt_load_relaxed(&gos_runtime.hold_mask) == 0;
}

/* ---- the debugged ---- */

static int stop;
static uint64_t turns[10000], goids[10000];
static int count;

static bool stopped(void)
{
	return rt_load_relaxed(&stop) != 0;
}

static uint64_t turns_of(int i)
{
	return rt_load_relaxed(&turns[i]);
}

static void take_turn(int i)
{
	rt_store_relaxed(&turns[i], turns[i] + 1);
}

static void yielder(int i)
{
	while (!stopped()) {
		take_turn(i);
		gos_yield();
	}
}

static void computer(int i)
{
	while (!stopped()) {
		take_turn(i);
		gos_checkpoint();
	}
}

/* Yields now and then: two that wake each other have the P for a time slice, and with one P all would have had a turn only after a minute. */
static void pinger(int i, gos_chan *there, gos_chan *back)
{
	int ball = 0;
	while (!stopped()) {
		take_turn(i);
		gos_chan_send(there, &ball);
		gos_chan_recv(back, &ball);
		if (turns[i] % 4 == 0)
			gos_yield();
	}
	gos_chan_close(there);
}

static void ponger(gos_chan *there, gos_chan *back)
{
	int ball;
	while (gos_chan_recv(there, &ball))
		gos_chan_send(back, &ball);
}

static void start_yielders(int n)
{
	for (int i = 0; i < n; i++)
		goids[count] = go(yielder, count), count++;
}

static void stop_all(void)
{
	rt_store_relaxed(&stop, 1);
	gos_test_until_num(1);
}

/* All but goroutine i take two turns more: whoever could run has been chosen. */
static void until_others_turn(int i)
{
	static uint64_t before[10000];
	for (int k = 0; k < count; k++)
		before[k] = turns_of(k);
	for (int k = 0; k < count; k++)
		UNTIL(k == i || turns_of(k) >= before[k] + 2);
}

/* Goroutine i stands still from when it is held back, and the others go on; thawed, it goes on. */
static void stands_still_alone(int i, uint64_t turns_left)
{
	uint64_t before = turns_of(i);
	int64_t began = gos_now();
	const struct gos_g *gp = record_of(goids[i]);
	freeze(goids[i]);
	uint64_t at_freeze = turns_of(i), seq = rt_load_relaxed(&gp->seq);
	UNTIL(held() == 1);
	uint64_t at_hold = turns_of(i);
	/* The run that it was in came to its end, or one for which it had been chosen before: no other began. */
	expect_le(rt_load_relaxed(&gp->seq) - seq, 2);
	printf("goroutine of %d: %llu turns and %.1f ms until it was held back\n", count, (unsigned long long)(at_hold - before), (double)(gos_now() - began) / 1e6);
	expect_le(at_hold - at_freeze, turns_left);
	until_others_turn(i);
	expect_eq(turns_of(i), at_hold);
	expect_eq(status_of(goids[i]), GOS_RUNNABLE);
	expect_eq(held(), 1);
	thaw(goids[i]);
	UNTIL(turns_of(i) > at_hold);
	expect_eq(held(), 0);
}

static void freeze_some_of_many(void)
{
	until_others_turn(-1);
	/* It may have been chosen, and have begun its turn, when the word was written. */
	stands_still_alone(0, 2);
	stands_still_alone(count / 2, 2);
	stands_still_alone(count - 1, 2);
}

GOS_TEST_WITHIN(freezing_one_of_ten_thousand_that_yield_stops_that_one, 60)
{
	if (built_without())
		return;
	start_yielders(MANY);
	from_outside(freeze_some_of_many);
	stop_all();
}

static void freeze_some_pingers(void)
{
	until_others_turn(-1);
	stands_still_alone(1, 2);
	stands_still_alone(count - 2, 2);
}

GOS_TEST_WITHIN(freezing_one_of_five_thousand_that_ping_stops_that_one, 60)
{
	if (built_without())
		return;
	for (int i = 0; i < MANY / 2; i++) {
		gos_chan *there = gos_chan_make(int, 0), *back = gos_chan_make(int, 0);
		goids[count] = go(pinger, count, there, back), count++;
		go(ponger, there, back);
	}
	from_outside(freeze_some_pingers);
	stop_all();
}

static void freeze_computers(void)
{
	until_others_turn(-1);
	for (int i = 0; i < count; i++)
		stands_still_alone(i, INT64_MAX);
}

GOS_TEST(one_that_computes_is_asked_to_give_way)
{
	if (built_without())
		return;
	int n = 2 * gos_procs(0) + 1;
	while (count < n)
		goids[count] = go(computer, count), count++;
	from_outside(freeze_computers);
	stop_all();
}

GOS_TEST(one_that_computes_alone_is_asked_to_give_way)
{
	if (built_without())
		return;
	goids[count] = go(computer, count), count++;
	from_outside(freeze_computers);
	stop_all();
}

/* ---- wherever it is ---- */

static gos_chan *box;
static int got, went_on;

static void receiver(void)
{
	int value = 0;
	gos_chan_recv(box, &value);
	rt_store_relaxed(&got, value);
}

static void until_nothing_runs(void)
{
	UNTIL(rt_load_relaxed(&rt_sched.idle_p_count) == rt_load_relaxed(&rt_sched.nprocs));
	pause_us(50000); /* whoever looks for work, or for a deadlock, has looked */
}

static void thaw_the_receiver(void)
{
	UNTIL(held() == 1);
	until_nothing_runs();
	expect_eq(rt_load_relaxed(&got), 0);
	expect_eq(status_of(goids[0]), GOS_RUNNABLE);
	thaw(goids[0]);
}

static void *thaw_later(void *arg)
{
	thaw_the_receiver();
	return arg;
}

GOS_TEST(one_that_waits_is_held_back_when_it_is_made_ready)
{
	int value = 7;
	if (built_without())
		return;
	box = gos_chan_make(int, 0);
	goids[0] = go(receiver);
	gos_test_until_waiting(goids[0], "chan receive");
	freeze(goids[0]);
	gos_chan_send(box, &value); /* it has it, but does not know */
	from_outside(thaw_the_receiver);
	gos_test_until(&got);
	expect_eq(rt_load_relaxed(&got), 7);
}

static void answer(gos_chan *question, gos_chan *reply)
{
	int value;
	gos_chan_recv(question, &value);
	gos_chan_send(reply, &value);
}

/* All others wait for the one that is frozen: no deadlock, although nothing can run. */
GOS_TEST(goroutines_that_wait_for_one_held_back_are_no_deadlock)
{
	pthread_t thread;
	int value = 7;
	if (built_without())
		return;
	gos_chan *question = gos_chan_make(int, 0), *reply = gos_chan_make(int, 0);
	goids[0] = go(answer, question, reply);
	gos_test_until_waiting(goids[0], "chan receive");
	freeze(goids[0]);
	expect_eq(pthread_create(&thread, NULL, thaw_later, NULL), 0);
	gos_chan_send(question, &value);
	gos_chan_recv(reply, &value);
	expect_eq(value, 7);
	pthread_join(thread, NULL);
}

static void say_started(void)
{
	rt_store_relaxed(&went_on, 1);
}

GOS_TEST(one_that_stands_in_line_is_held_back_before_it_begins)
{
	if (built_without())
		return;
	gos_procs(1);
	gos_yield(); /* whatever ran on another place has come to its end */
	for (int i = 0; i < 200; i++) {
		rt_store_relaxed(&went_on, 0);
		uint64_t goid = go(say_started);
		if (rt_load_relaxed(&went_on)) /* a place that was not given up yet had it */
			continue;
		freeze(goid);
		while (held() == 0 && !rt_load_relaxed(&went_on))
			gos_yield();
		if (held() == 1) {
			for (int n = 0; n < 100; n++)
				gos_yield();
			expect_eq(rt_load_relaxed(&went_on), 0);
			thaw(goid);
			gos_test_until(&went_on);
			return;
		}
	}
	expect(!"never stood in line");
}

static int inside, let_out;

static void *in_a_call(void *arg)
{
	rt_store_relaxed(&inside, 1);
	while (!rt_load_relaxed(&let_out))
		pause_us(200);
	errno = EXDEV;
	return arg;
}

static long this_thread(void)
{
	return syscall(SYS_gettid);
}

static void caller(bool locked)
{
	if (locked)
		gos_lock_thread();
	long thread = this_thread();
	gos_blocking_begin(); /* one within the other */
	gos_blocking(in_a_call, NULL);
	gos_blocking_end();
	expect(!locked || this_thread() == thread);
	rt_store_relaxed(&went_on, 1);
}

static void freeze_in_a_call(void)
{
	UNTIL(rt_load_relaxed(&inside));
	expect_eq(status_of(goids[0]), GOS_SYSCALL);
	freeze(goids[0]);
	pause_us(20000);
	expect_eq(status_of(goids[0]), GOS_SYSCALL); /* nothing of that is stopped */
	expect_eq(held(), 0);
	rt_store_relaxed(&let_out, 1);
	UNTIL(held() == 1);
	expect_eq(status_of(goids[0]), GOS_RUNNABLE);
	until_nothing_runs();
	expect_eq(rt_load_relaxed(&went_on), 0);
	thaw(goids[0]);
	UNTIL(rt_load_relaxed(&went_on));
}

GOS_TEST(one_in_a_blocking_section_is_held_back_when_it_comes_back)
{
	if (built_without())
		return;
	goids[0] = go(caller, false);
	from_outside(freeze_in_a_call);
	gos_test_until_num(1);
}

GOS_TEST(one_in_a_blocking_section_that_is_locked_to_its_thread_too)
{
	if (built_without())
		return;
	goids[0] = go(caller, true);
	from_outside(freeze_in_a_call);
	gos_test_until_num(1);
}

/* A call that is over at once never gives its place away; it is held back all the same. */
static void *short_call(void *arg)
{
	return arg;
}

static void short_caller(int i)
{
	while (!stopped()) {
		take_turn(i);
		gos_blocking(short_call, NULL);
	}
}

GOS_TEST(one_in_short_blocking_sections_is_held_back)
{
	if (built_without())
		return;
	for (int i = 0; i < 3; i++)
		goids[count] = go(short_caller, count), count++;
	from_outside(freeze_computers);
	stop_all();
}

static void locked_yielder(int i)
{
	gos_lock_thread();
	long thread = this_thread();
	while (!stopped()) {
		take_turn(i);
		gos_yield();
		expect_eq(this_thread(), thread);
	}
}

static void locked_computer(int i)
{
	gos_lock_thread();
	long thread = this_thread();
	while (!stopped()) {
		take_turn(i);
		gos_checkpoint();
		expect_eq(this_thread(), thread);
	}
}

GOS_TEST(one_that_is_locked_to_its_thread_is_held_back_and_goes_on_there)
{
	if (built_without())
		return;
	start_yielders(4);
	goids[count] = go(locked_yielder, count), count++;
	goids[count] = go(locked_computer, count), count++;
	goids[count] = go(locked_yielder, count), count++;
	from_outside(freeze_computers);
	stop_all();
}

/* ---- what is said of it ---- */

static char text[1 << 16];

static void read_dump(void (*dump)(int fd))
{
	FILE *file = tmpfile();
	expect(file != NULL);
	dump(fileno(file));
	ssize_t n = pread(fileno(file), text, sizeof text - 1, 0);
	expect_gt(n, 0);
	text[n] = '\0';
	fclose(file);
}

static void dump_groups(int fd)
{
	expect_eq(gos_dump(fd, GOS_DUMP_GROUPS), 0);
}

/* The dump's words for goroutine goid: what stands in the brackets. */
static void header_of(uint64_t goid, char *header, size_t size)
{
	char start[40];
	read_dump(gos_stack_dump);
	snprintf(start, sizeof start, "goroutine %llu [", (unsigned long long)goid);
	const char *at = strstr(text, start);
	expect(at != NULL);
	snprintf(header, size, "%.*s", (int)strcspn(at, "\n"), at);
}

static void look_at_dumps(void)
{
	char header[200];
	until_others_turn(-1);
	freeze(goids[0]);
	UNTIL(held() == 1);
	header_of(goids[0], header, sizeof header);
	expect(strstr(header, " [runnable, frozen, ") != NULL);
	read_dump(dump_groups); /* it is not like the others, though it stands where they do */
	snprintf(header, sizeof header, " [runnable, frozen]: %llu\n", (unsigned long long)goids[0]);
	expect(strstr(text, header) != NULL);
	let_run(goids[1], true);
	run_only(true);
	UNTIL(held() == (uint32_t)count - 1);
	header_of(goids[2], header, sizeof header);
	expect(strstr(header, " [runnable, held by run-only, ") != NULL);
	header_of(goids[0], header, sizeof header);
	expect(strstr(header, " [runnable, frozen, ") != NULL);
	header_of(goids[1], header, sizeof header);
	expect(strstr(header, "frozen") == NULL && strstr(header, "run-only") == NULL);
	run_only(false);
	thaw(goids[0]);
	UNTIL(held() == 0);
	header_of(goids[0], header, sizeof header);
	expect(strstr(header, "frozen") == NULL && strstr(header, "run-only") == NULL);
}

GOS_TEST(dumps_say_who_is_held_back_and_how)
{
	if (built_without())
		return;
	start_yielders(3);
	from_outside(look_at_dumps);
	stop_all();
}

/* ---- lives ---- */

static uint64_t ended;

static void freeze_itself_and_end(void)
{
	uint64_t me = gos_goid();
	freeze(me); /* and is gone before anybody asks */
	rt_store_release(&ended, me); /* who acts as the debugger next does so after it */
}

GOS_TEST(a_record_that_was_frozen_is_not_so_in_its_next_life)
{
	if (built_without())
		return;
	for (int i = 0; i < 100; i++) {
		uint64_t goid = go(freeze_itself_and_end);
		while (rt_load_acquire(&ended) != goid)
			gos_yield();
		while (gos_num_goroutines() > 1 && held() == 0)
			gos_yield();
		if (held() != 0) { /* asked at its very end: it was not quick enough */
			thaw(goid);
			gos_test_until_num(1);
		}
		rt_store_relaxed(&went_on, 0);
		go(say_started);
		gos_test_until(&went_on);
	}
	expect_eq(held(), 0);
}

static void freeze_half(void)
{
	until_others_turn(-1);
	for (int i = 0; i < count; i += 2)
		freeze(goids[i]);
	UNTIL(held() == (uint32_t)(count + 1) / 2);
}

/* The test's process must end well. */
GOS_TEST(a_program_ends_though_some_are_held_back)
{
	if (built_without())
		return;
	start_yielders(9);
	goids[count] = go(locked_yielder, count), count++;
	goids[count] = go(locked_yielder, count), count++;
	from_outside(freeze_half);
}

static void freeze_all_and_thaw_them(void)
{
	until_others_turn(-1);
	for (int i = 0; i < count; i++)
		freeze(goids[i]);
	UNTIL(held() == (uint32_t)count);
	uint64_t before = 0, after = 0;
	for (int i = 0; i < count; i++)
		before += turns_of(i);
	until_nothing_runs();
	for (int i = 0; i < count; i++)
		after += turns_of(i);
	expect_eq(after, before);
	/* One by one, in an order of its own: the list is walked again and again. */
	for (int i = 0; i < count && i < 20; i++) {
		int k = i * 7919 % count;
		thaw(goids[k]);
		uint64_t was = turns_of(k);
		UNTIL(turns_of(k) > was);
		expect_eq(held(), count - i - 1);
	}
	for (int i = 0; i < count; i++)
		rt_store_relaxed(&record_of(goids[i])->hold, (uint8_t)RT_HOLD_OTHER);
	tell(); /* once for all */
	UNTIL(held() == 0);
	until_others_turn(-1);
}

GOS_TEST_WITHIN(all_of_many_are_frozen_and_thawed, 60)
{
	if (built_without())
		return;
	start_yielders(MANY * 3 / 10);
	from_outside(freeze_all_and_thaw_them);
	stop_all();
}

/* A debugger may die between the word of a goroutine and the generation. */
static void thaw_without_telling(void)
{
	until_others_turn(-1);
	freeze(goids[0]);
	UNTIL(held() == 1);
	uint64_t was = turns_of(0);
	rt_exchange(&record_of(goids[0])->hold, (uint8_t)RT_HOLD_OTHER);
	UNTIL(turns_of(0) > was);
}

GOS_TEST(a_thaw_that_was_not_told_of_is_seen_all_the_same)
{
	if (built_without())
		return;
	start_yielders(3);
	from_outside(thaw_without_telling);
	stop_all();
}

/* ---- run-only ---- */

static void hold_all_but_two(void)
{
	until_others_turn(-1);
	let_run(goids[3], true);
	let_run(goids[5], true);
	run_only(true);
	UNTIL(held() == (uint32_t)count - 2);
	uint64_t before[100], three = turns_of(3), five = turns_of(5);
	for (int i = 0; i < count; i++)
		before[i] = turns_of(i);
	UNTIL(turns_of(3) > three + 100 && turns_of(5) > five + 100);
	for (int i = 0; i < count; i++)
		expect(i == 3 || i == 5 || turns_of(i) == before[i]);
	/* Another, too; and one not any more. */
	let_run(goids[7], true);
	let_run(goids[5], false);
	tell();
	UNTIL(turns_of(7) > before[7] + 100);
	UNTIL(held() == (uint32_t)count - 2);
	five = turns_of(5);
	uint64_t seven = turns_of(7);
	UNTIL(turns_of(7) > seven + 100);
	expect_eq(turns_of(5), five);
	run_only(false);
	until_others_turn(-1);
	expect_eq(held(), 0);
}

GOS_TEST(run_only_lets_run_only_those)
{
	if (built_without())
		return;
	start_yielders(50);
	goids[count] = go(computer, count), count++;
	goids[count] = go(locked_yielder, count), count++;
	from_outside(hold_all_but_two);
	stop_all();
}

static int pipes[2][2], echoed, ticked, born;
static void *fired;

static void say_born(void)
{
	rt_store_relaxed(&born, 1);
}

static void on_timer(void *arg)
{
	rt_store_relaxed(&fired, arg);
}

/* Allowed: it sleeps, waits for a timer's channel, reads from a pipe; and makes a goroutine, which nobody has allowed. */
static void busy(void)
{
	char byte;
	for (int i = 0; i < 20; i++) {
		gos_sleep(GOS_MS);
		gos_chan *after = gos_after(GOS_MS);
		gos_chan_recv(after, NULL);
		gos_chan_free(after);
		rt_store_relaxed(&ticked, i + 1);
	}
	go(say_born);
	while (gos_read(pipes[0][0], &byte, 1) == 1 && byte != 0)
		rt_store_relaxed(&echoed, echoed + 1);
}

/* Not allowed: it is made ready by the network, and held back. */
static void idler(void)
{
	char byte;
	expect_eq(gos_read(pipes[1][0], &byte, 1), 1);
	rt_store_relaxed(&got, byte);
}

static void sleeper(void)
{
	gos_sleep(20 * GOS_MS);
	rt_store_relaxed(&went_on, 1);
}

static void put(int fd, char byte)
{
	expect_eq(write(fd, &byte, 1), 1);
}

static void use_network_and_timers(void)
{
	let_run(goids[0], true);
	run_only(true);
	rt_store_relaxed(&let_out, 1);
	UNTIL(rt_load_relaxed(&ticked) == 20);
	for (int i = 1; i <= 50; i++) {
		put(pipes[0][1], 'x');
		UNTIL(rt_load_relaxed(&echoed) == i);
	}
	put(pipes[1][1], 'y');
	UNTIL(held() == 4); /* who was born, who reads, who slept, and what the timer calls */
	until_nothing_runs();
	expect_eq(rt_load_relaxed(&got), 0);
	expect_eq(rt_load_relaxed(&born), 0);
	expect_eq(rt_load_relaxed(&went_on), 0);
	expect(rt_load_relaxed(&fired) == NULL);
	run_only(false);
	UNTIL(rt_load_relaxed(&got) == 'y' && rt_load_relaxed(&born) && rt_load_relaxed(&went_on) && rt_load_relaxed(&fired) != NULL);
	put(pipes[0][1], 0);
}

GOS_TEST(run_only_leaves_network_and_timers_working)
{
	if (built_without())
		return;
	expect_eq(pipe(pipes[0]), 0);
	expect_eq(pipe(pipes[1]), 0);
	goids[0] = go(busy);
	go(idler);
	go(sleeper);
	gos_timer *timer = gos_timer_start(20 * GOS_MS, on_timer, &fired);
	from_outside(use_network_and_timers);
	gos_test_until_num(1);
	gos_timer_free(timer);
}

/* ---- nothing is lost ---- */

enum { PIPES = 24, SENDERS = 2, LOCKERS = 8, SLEEPERS = 6, CALLERS = 4, LOCKED = 3, PARENTS = 4, ACTIONS = 100000 };
static gos_mutex mutex;
static uint64_t under_mutex, lockings, sent, sum_sent, received, sum_received, made, unmade, rounds;
static gos_waitgroup senders[PIPES];

static void add(uint64_t *counter, uint64_t n)
{
	__atomic_add_fetch(counter, n, __ATOMIC_RELAXED);
}

static void sender(gos_chan *c, gos_waitgroup *wg, bool locked)
{
	uint64_t n = 0, sum = 0;
	if (locked)
		gos_lock_thread();
	while (!stopped()) {
		n++;
		sum += n;
		gos_chan_send(c, &n);
	}
	add(&sent, n);
	add(&sum_sent, sum);
	gos_waitgroup_done(wg);
}

static void drainer(gos_chan *c)
{
	uint64_t value, n = 0, sum = 0;
	while (gos_chan_recv(c, &value)) {
		n++;
		sum += value;
	}
	add(&received, n);
	add(&sum_received, sum);
}

static void selecting_drainer(gos_chan *c, gos_chan *other)
{
	uint64_t value, n = 0, sum = 0;
	bool open = true;
	while (open) {
		struct gos_case cases[] = {GOS_RECV(c, &value), GOS_RECV(other, NULL)};
		expect_eq(gos_select(cases, 2), 0);
		open = cases[0].ok;
		n += open;
		sum += open ? value : 0;
	}
	add(&received, n);
	add(&sum_received, sum);
}

static void locker(void)
{
	while (!stopped()) {
		gos_mutex_lock(&mutex);
		uint64_t was = under_mutex; /* what the mutex guards */
		if (was % 16 == 0)
			gos_yield();
		under_mutex = was + 1;
		gos_mutex_unlock(&mutex);
		add(&lockings, 1);
	}
}

static void napper(void)
{
	while (!stopped()) {
		gos_sleep(300 * GOS_US);
		add(&rounds, 1);
	}
}

static void *nap(void *arg)
{
	pause_us(100);
	return arg;
}

static void blocker(void)
{
	while (!stopped()) {
		gos_blocking(nap, NULL);
		add(&rounds, 1);
	}
}

static void child(gos_waitgroup *children)
{
	add(&unmade, 1);
	gos_waitgroup_done(children);
}

static void parent(void)
{
	gos_waitgroup children = {0};
	while (!stopped()) {
		gos_waitgroup_add(&children, 20);
		for (int i = 0; i < 20; i++)
			go(child, &children);
		add(&made, 20);
		gos_waitgroup_wait(&children);
	}
}

/* ACTIONS random ones, each on a goroutine of the load; run-only now and then. In the end all go on. */
static void freeze_and_thaw_at_random(void)
{
	static struct gos_g *records[1000];
	uint64_t seed = gos_test_seed();
	uint32_t most = 0, frozen = 0;

	for (int i = 0; i < count; i++)
		records[i] = record_of(goids[i]);
	for (int n = 0; n < ACTIONS; n++) {
		uint64_t r = gos_test_random(&seed);
		struct gos_g *gp = records[(r >> 8) % (uint64_t)count];
		bool is_frozen = rt_load_relaxed(&gp->hold) & RT_HOLD_FROZEN;
		if (is_frozen || frozen > (uint32_t)count / 2) {
			thaw_record(gp);
			frozen -= is_frozen;
		} else {
			freeze_record(gp);
			frozen++;
		}
		if (r % 64 == 0) {
			rt_store_relaxed(&gp->hold, (uint8_t)(rt_load_relaxed(&gp->hold) ^ RT_HOLD_OTHER));
			run_only(r & 64);
		}
		if (held() > most)
			most = held();
		if (n % 16 == 0)
			pause_us(300);
	}
	for (int i = 0; i < count; i++)
		rt_store_relaxed(&records[i]->hold, (uint8_t)RT_HOLD_OTHER);
	run_only(false);
	UNTIL(held() == 0);
	printf("%d actions: up to %u of %d goroutines and their children were held back at a time\n", ACTIONS, most, count);
	expect_gt(most, count / 8);
}

GOS_TEST_WITHIN(a_hundred_thousand_freezes_and_thaws_lose_nothing, 200)
{
	gos_chan *pipe[PIPES], *never = gos_chan_make(int, 0);

	if (built_without())
		return;
	for (int i = 0; i < PIPES; i++) {
		pipe[i] = gos_chan_make(uint64_t, (size_t)i % 4);
		gos_waitgroup_add(&senders[i], SENDERS);
		for (int k = 0; k < SENDERS; k++)
			goids[count++] = go(sender, pipe[i], &senders[i], i < LOCKED && k == 0);
		goids[count++] = go(drainer, pipe[i]);
		goids[count++] = go(selecting_drainer, pipe[i], never);
	}
	for (int i = 0; i < LOCKERS; i++)
		goids[count++] = go(locker);
	for (int i = 0; i < SLEEPERS; i++)
		goids[count++] = go(napper);
	for (int i = 0; i < CALLERS; i++)
		goids[count++] = go(blocker);
	for (int i = 0; i < PARENTS; i++)
		goids[count++] = go(parent);
	lost_start(&(struct lost_options){0});
	from_outside(freeze_and_thaw_at_random);
	rt_store_relaxed(&stop, 1);
	for (int i = 0; i < PIPES; i++) {
		gos_waitgroup_wait(&senders[i]);
		gos_chan_close(pipe[i]);
	}
	gos_test_until_num(1);
	uint64_t all_sent = rt_load_relaxed(&sent), all_made = rt_load_relaxed(&made), all_lockings = rt_load_relaxed(&lockings);
	expect_gt(all_sent, 0);
	expect_eq(rt_load_relaxed(&received), all_sent);
	expect_eq(rt_load_relaxed(&sum_received), rt_load_relaxed(&sum_sent));
	expect_eq(rt_load_relaxed(&under_mutex), all_lockings);
	expect_eq(rt_load_relaxed(&unmade), all_made);
	expect_gt(rt_load_relaxed(&rounds), 0);
	printf("meanwhile %llu values were sent, %llu locks taken, %llu goroutines made; %llu naps and calls\n", (unsigned long long)all_sent, (unsigned long long)all_lockings,
	       (unsigned long long)all_made, (unsigned long long)rt_load_relaxed(&rounds));
}

/* ---- ready ---- */

/* Asks, and waits for the answer. */
static uint32_t ready(uint64_t goid)
{
	rt_store_relaxed(&gos_runtime.ready_result, (uint32_t)RT_READY_PENDING);
	rt_store_release(&gos_runtime.ready_goid, goid);
	while (rt_load_acquire(&gos_runtime.ready_goid) != 0)
		pause_us(20);
	return rt_load_relaxed(&gos_runtime.ready_result);
}

static int64_t sleep_for; /* ns, of naps to come */
static uint64_t naps, early;

static void sleep_again_and_again(void)
{
	while (!stopped()) {
		int64_t length = rt_load_relaxed(&sleep_for), until = gos_now() + length;
		gos_sleep(length);
		if (gos_now() < until)
			add(&early, 1);
		add(&naps, 1);
	}
}

static void wake_sleepers_of_an_hour(void)
{
	enum { TIMES = 300 };
	for (int n = 1; n <= TIMES; n++) {
		int i = n % 3;
		while (status_of(goids[i]) != GOS_WAITING)
			pause_us(50);
		expect_eq(ready(goids[i]), RT_READY_DONE);
		UNTIL(rt_load_relaxed(&naps) == (uint64_t)n); /* neither none nor two */
	}
	rt_store_relaxed(&stop, 1);
	for (int i = 0; i < 3; i++) {
		while (status_of(goids[i]) != GOS_WAITING)
			pause_us(50);
		expect_eq(ready(goids[i]), RT_READY_DONE);
	}
	UNTIL(rt_load_relaxed(&naps) == TIMES + 3);
}

GOS_TEST(a_sleeper_is_woken_exactly_once)
{
	if (built_without())
		return;
	rt_store_relaxed(&sleep_for, 3600 * GOS_S);
	for (int i = 0; i < 3; i++)
		goids[i] = go(sleep_again_and_again);
	from_outside(wake_sleepers_of_an_hour);
	gos_test_until_num(1);
	expect_eq(rt_load_relaxed(&early), 303);
}

static void race_with_the_timer(void)
{
	uint64_t seed = gos_test_seed(), done = 0, awake = 0;
	int64_t end = gos_now() + 3 * GOS_S;
	while (gos_now() < end || done == 0) {
		rt_store_relaxed(&sleep_for, 1 + (int64_t)(gos_test_random(&seed) % (3 * GOS_MS)));
		pause_us((int)(gos_test_random(&seed) % 500));
		switch (ready(goids[gos_test_random(&seed) % 8])) {
		case RT_READY_DONE:
			done++;
			break;
		case RT_READY_AWAKE:
			awake++;
			break;
		default:
			expect(!"an answer");
		}
	}
	rt_store_relaxed(&stop, 1);
	printf("woken %llu times, of these %llu before their time; %llu times it did not sleep any more\n", (unsigned long long)done,
	       (unsigned long long)rt_load_relaxed(&early), (unsigned long long)awake);
	/* Nobody wakes early unless asked, and nobody is woken twice: that would end the program. */
	expect_le(rt_load_relaxed(&early), done);
}

GOS_TEST(waking_a_sleeper_may_race_with_its_time)
{
	if (built_without())
		return;
	rt_store_relaxed(&sleep_for, GOS_MS);
	for (int i = 0; i < 8; i++)
		goids[i] = go(sleep_again_and_again);
	lost_start(&(struct lost_options){0});
	from_outside(race_with_the_timer);
	gos_test_until_num(1);
}

static void wake_whom_one_cannot_wake(void)
{
	expect_eq(ready(1), RT_READY_AWAKE); /* in a blocking section */
	expect_eq(ready(goids[0]), RT_READY_AWAKE);
	expect_eq(ready(UINT64_C(1) << 60), RT_READY_GONE);
}

GOS_TEST(who_does_not_sleep_cannot_be_woken)
{
	int value = 1;
	if (built_without())
		return;
	box = gos_chan_make(int, 0);
	goids[0] = go(receiver);
	gos_test_until_waiting(goids[0], "chan receive");
	from_outside(wake_whom_one_cannot_wake);
	gos_chan_send(box, &value);
	gos_test_until_num(1);
	expect_eq(ready(goids[0]), RT_READY_GONE);
}

/* Frozen, it is made ready and does not run. */
static void wake_a_frozen_sleeper(void)
{
	freeze(goids[0]);
	UNTIL(status_of(goids[0]) == GOS_WAITING);
	expect_eq(ready(goids[0]), RT_READY_DONE);
	UNTIL(held() == 1);
	until_nothing_runs();
	expect_eq(rt_load_relaxed(&naps), 0);
	rt_store_relaxed(&stop, 1);
	thaw(goids[0]);
}

GOS_TEST(a_frozen_sleeper_is_woken_and_held_back)
{
	if (built_without())
		return;
	rt_store_relaxed(&sleep_for, 3600 * GOS_S);
	goids[0] = go(sleep_again_and_again);
	gos_test_until_waiting(goids[0], "sleep");
	from_outside(wake_a_frozen_sleeper);
	gos_test_until_num(1);
}

static uint64_t of_main;

static void *wake_main_when_all_is_quiet(void *arg)
{
	while (rt_load_relaxed(&rt_sched.sysmon_away) != RT_SYSMON_GONE)
		pause_us(1000);
	expect_eq(ready(of_main), RT_READY_DONE);
	return arg;
}

/* The last timer of all is taken away: no deadlock. Nothing has run for so long that sysmon rests. */
GOS_TEST_WITHIN(the_only_goroutine_is_woken_though_nothing_has_run_for_long, 60)
{
	const char *procs = getenv("GOSMAXPROCS");
	pthread_t thread;
	if (built_without() || (procs != NULL && strcmp(procs, "2") == 0))
		return; /* seven seconds */
	of_main = gos_goid();
	expect_eq(pthread_create(&thread, NULL, wake_main_when_all_is_quiet, NULL), 0);
	int64_t began = gos_now();
	gos_sleep(3600 * GOS_S);
	expect_lt(gos_now() - began, 3600 * GOS_S);
	pthread_join(thread, NULL);
}

/* ---- a debugger that dies ---- */

static pid_t start_child(void)
{
	char *argv[] = {"sleep", "1000", NULL};
	pid_t pid;
	expect_eq(posix_spawnp(&pid, "sleep", NULL, NULL, argv, environ), 0);
	return pid;
}

static void hold_for(pid_t holder)
{
	rt_store_relaxed(&gos_runtime.holder, (uint32_t)holder);
	freeze(goids[0]);
	let_run(goids[1], true);
	run_only(true);
	UNTIL(held() == (uint32_t)count - 1);
}

static void all_is_undone(void)
{
	UNTIL(rt_load_relaxed(&gos_runtime.holder) == 0);
	until_others_turn(-1);
	UNTIL(held() == 0);
	expect_eq(rt_load_relaxed(&gos_runtime.hold_mask), RT_HOLD_FROZEN);
	for (int i = 0; i < count; i++)
		expect_eq(rt_load_relaxed(&record_of(goids[i])->hold), RT_HOLD_OTHER);
}

static void let_the_holder_die(void)
{
	until_others_turn(-1);
	for (int reaped = 0; reaped < 2; reaped++) {
		pid_t child = start_child();
		hold_for(child);
		pause_us(500000); /* it lives: nothing is undone */
		expect_eq(held(), count - 1);
		expect_eq(rt_load_relaxed(&gos_runtime.holder), child);
		kill(child, SIGKILL);
		if (reaped)
			waitpid(child, NULL, 0);
		all_is_undone(); /* be it a zombie */
		if (!reaped)
			waitpid(child, NULL, 0);
	}
	pid_t child = start_child();
	hold_for(child);
	rt_store_relaxed(&gos_runtime.holder, (uint32_t)-5); /* no pid at all */
	all_is_undone();
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
}

GOS_TEST(when_the_holder_dies_all_is_undone)
{
	if (built_without())
		return;
	start_yielders(20);
	from_outside(let_the_holder_die);
	stop_all();
}

/* The kernel gives the dead debugger's number to another process: one that may set that (root) finds out. */
static pid_t start_child_as(pid_t wanted)
{
	for (int tries = 0; tries < 200; tries++) {
		char text[16];
		int fd = open("/proc/sys/kernel/ns_last_pid", O_WRONLY);
		if (fd < 0)
			return 0;
		int n = snprintf(text, sizeof text, "%d", (int)wanted - 1);
		bool set = write(fd, text, (size_t)n) == n;
		close(fd);
		if (!set)
			return 0;
		pid_t pid = start_child();
		if (pid == wanted)
			return pid;
		kill(pid, SIGKILL);
		waitpid(pid, NULL, 0);
	}
	return 0;
}

static void reuse_the_holders_pid(void)
{
	until_others_turn(-1);
	pid_t child = start_child();
	hold_for(child);
	pause_us(300000);
	/* Between two looks of sysmon, mostly; where it was quicker, it has seen that there is none, and that is well too. */
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	pid_t other = start_child_as(child);
	all_is_undone();
	if (other == 0) {
		printf("the number could not be given to another process: only that it was gone was tested\n");
		return;
	}
	kill(other, SIGKILL);
	waitpid(other, NULL, 0);
}

GOS_TEST(another_process_of_the_holders_number_is_not_the_holder)
{
	if (built_without())
		return;
	start_yielders(20);
	from_outside(reuse_the_holders_pid);
	stop_all();
}

/* ---- a debugger that takes over while that is done ---- */

#define GONE UINT32_C(0x7ffffff0) /* more than any pid is: pid_max is 2^22 at most */

/* Who waits for ever, for the child to hold back. */
static void stands(gos_chan *c)
{
	gos_chan_recv(c, NULL);
}

enum { FROZEN_BY_BOTH, ALLOWED_BY_BOTH, LEFT_ALONE, FROZEN_BY_OTHER, STANDING };
static struct gos_g *standing[STANDING];
static int undone; /* in the child: rt_hold_undo has returned */

static _Noreturn void play_sysmon(void)
{
	if (ptrace(PTRACE_TRACEME, 0, NULL, NULL) != 0)
		_exit(77);
	raise(SIGTRAP);
	rt_hold_undo(GONE);
	undone = 1;
	raise(SIGTRAP);
	_exit(1); /* it is killed before */
}

struct child {
	pid_t pid;
	int memory; /* /proc/PID/mem */
};

/* All that rt_hold_undo could change, and where it stands. */
struct state {
	struct user_regs_struct registers;
	struct user_fpregs_struct more;
	char stack[16384];
	uint64_t stack_at;
	ssize_t stack_size;
	struct {
		uint8_t mask, hold[STANDING], of_main;
		uint32_t holder, generation;
		int undone;
	} words;
};

/* It is the same program: its words lie where ours do. */
#define GET(child, to, word) expect_eq(pread((child)->memory, &(to), sizeof(to), (off_t)(uintptr_t)(word)), sizeof(to))
#define PUT(child, from, word) expect_eq(pwrite((child)->memory, &(from), sizeof(from), (off_t)(uintptr_t)(word)), sizeof(from))

static void copy_words(const struct child *c, struct state *s, bool put)
{
#define BOTH(value, word)                           \
	do {                                        \
		if (put)                            \
			PUT(c, s->words.value, word); \
		else                                \
			GET(c, s->words.value, word); \
	} while (0)
	BOTH(mask, &gos_runtime.hold_mask);
	BOTH(holder, &gos_runtime.holder);
	BOTH(generation, &gos_runtime.hold_generation);
	BOTH(undone, &undone);
	BOTH(of_main, &gos_runtime.gslabs[0][0].hold);
	for (int i = 0; i < STANDING; i++)
		BOTH(hold[i], &standing[i]->hold);
#undef BOTH
}

static void save(const struct child *c, struct state *s)
{
	expect_eq(ptrace(PTRACE_GETREGS, c->pid, NULL, &s->registers), 0);
	expect_eq(ptrace(PTRACE_GETFPREGS, c->pid, NULL, &s->more), 0);
	s->stack_at = s->registers.rsp - sizeof s->stack / 2;
	s->stack_size = pread(c->memory, s->stack, sizeof s->stack, (off_t)s->stack_at);
	expect_gt(s->stack_size, (ssize_t)sizeof s->stack / 2); /* it may end above */
	copy_words(c, s, false);
}

static void restore(const struct child *c, struct state *s)
{
	expect_eq(ptrace(PTRACE_SETREGS, c->pid, NULL, &s->registers), 0);
	expect_eq(ptrace(PTRACE_SETFPREGS, c->pid, NULL, &s->more), 0);
	expect_eq(pwrite(c->memory, s->stack, (size_t)s->stack_size, (off_t)s->stack_at), s->stack_size);
	copy_words(c, s, true);
}

/* Until it traps again. */
static void let_go(const struct child *c, bool single)
{
	int status;
	expect_eq(ptrace(single ? PTRACE_SINGLESTEP : PTRACE_CONT, c->pid, NULL, NULL), 0);
	expect_eq(waitpid(c->pid, &status, 0), c->pid);
	expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
}

/* What the dead one has left: two are frozen, two may run, one stands by. */
static void hold_in(const struct child *c)
{
	struct state s;
	copy_words(c, &s, false);
	s.words.mask = RT_HOLD_FROZEN | RT_HOLD_OTHER;
	s.words.holder = GONE;
	s.words.hold[FROZEN_BY_BOTH] = RT_HOLD_FROZEN | RT_HOLD_OTHER;
	s.words.hold[ALLOWED_BY_BOTH] = 0;
	s.words.hold[LEFT_ALONE] = RT_HOLD_FROZEN;
	s.words.hold[FROZEN_BY_OTHER] = RT_HOLD_OTHER;
	copy_words(c, &s, true);
}

static void write_hold(const struct child *c, int i, uint8_t bits)
{
	PUT(c, bits, &standing[i]->hold);
}

static void write_mask(const struct child *c, uint8_t bits)
{
	PUT(c, bits, &gos_runtime.hold_mask);
}

static void write_holder(const struct child *c, uint32_t holder)
{
	PUT(c, holder, &gos_runtime.holder);
}

/* What the runtime may have made of what nobody but the dead one has written: as it was, or undone. */
static bool is_either(uint8_t word, uint8_t before, uint8_t after)
{
	return word == before || word == after;
}

static void nothing_else_is_wrong(const struct state *end)
{
	expect_eq(end->words.of_main, RT_HOLD_OTHER);
	expect(is_either(end->words.hold[LEFT_ALONE], RT_HOLD_FROZEN, RT_HOLD_OTHER));
}

/* It wants in part what the dead one wanted: it writes the values that were there, but for its pid. */
static void freeze_and_run_only(const struct child *c, uint32_t holder)
{
	write_holder(c, holder);
	write_hold(c, FROZEN_BY_BOTH, RT_HOLD_FROZEN | RT_HOLD_OTHER);
	write_hold(c, ALLOWED_BY_BOTH, 0);
	write_hold(c, FROZEN_BY_OTHER, RT_HOLD_FROZEN | RT_HOLD_OTHER);
	write_mask(c, RT_HOLD_FROZEN | RT_HOLD_OTHER);
}

static void what_it_wrote_stays(const struct state *end, uint32_t holder)
{
	expect_eq(end->words.holder, holder);
	expect_eq(end->words.hold[FROZEN_BY_BOTH], RT_HOLD_FROZEN | RT_HOLD_OTHER);
	expect_eq(end->words.hold[ALLOWED_BY_BOTH], 0);
	expect_eq(end->words.hold[FROZEN_BY_OTHER], RT_HOLD_FROZEN | RT_HOLD_OTHER);
	expect_eq(end->words.mask, RT_HOLD_FROZEN | RT_HOLD_OTHER);
}

static void another(const struct child *c, const struct state *at)
{
	(void)at;
	freeze_and_run_only(c, 4711);
}

static void another_end(const struct state *at, const struct state *end)
{
	(void)at;
	what_it_wrote_stays(end, 4711);
}

/* The kernel has given it the dead one's number. Where the undoing has not begun, it cannot be told from that one. */
static void same_number(const struct child *c, const struct state *at)
{
	freeze_and_run_only(c, at->words.holder == GONE ? GONE - 1 : GONE);
}

static void same_number_end(const struct state *at, const struct state *end)
{
	what_it_wrote_stays(end, at->words.holder == GONE ? GONE - 1 : GONE);
}

/* It freezes one, and writes nothing else; nobody's end shall undo it. */
static void keeper(const struct child *c, const struct state *at)
{
	(void)at;
	write_holder(c, 0);
	write_hold(c, FROZEN_BY_BOTH, RT_HOLD_FROZEN | RT_HOLD_OTHER);
}

static void keeper_end(const struct state *at, const struct state *end)
{
	(void)at;
	expect_eq(end->words.holder, 0);
	expect_eq(end->words.hold[FROZEN_BY_BOTH], RT_HOLD_FROZEN | RT_HOLD_OTHER);
	expect(is_either(end->words.hold[ALLOWED_BY_BOTH], 0, RT_HOLD_OTHER));
	expect_eq(end->words.hold[FROZEN_BY_OTHER], RT_HOLD_OTHER);
	expect(is_either(end->words.mask, RT_HOLD_FROZEN | RT_HOLD_OTHER, RT_HOLD_FROZEN));
}

/* It ends what there is of run-only, and thaws one, without becoming the holder: there is no hold of its own. */
static void thawer(const struct child *c, const struct state *at)
{
	(void)at;
	write_hold(c, ALLOWED_BY_BOTH, RT_HOLD_OTHER);
	write_mask(c, RT_HOLD_FROZEN);
	write_hold(c, FROZEN_BY_BOTH, RT_HOLD_OTHER);
}

/* All of it, then. */
static void all_of_it(const struct state *at, const struct state *end)
{
	(void)at;
	expect_eq(end->words.holder, 0);
	expect_eq(end->words.mask, RT_HOLD_FROZEN);
	for (int i = 0; i < STANDING; i++)
		expect_eq(end->words.hold[i], RT_HOLD_OTHER);
}

static void nobody(const struct child *c, const struct state *at)
{
	(void)c, (void)at;
}

static const struct {
	void (*act)(const struct child *c, const struct state *at);
	void (*check)(const struct state *at, const struct state *end);
} takeovers[] = {{another, another_end}, {same_number, same_number_end}, {keeper, keeper_end}, {thawer, all_of_it}, {nobody, all_of_it}};

/* Stops sysmon before each of its instructions in turn, writes, lets it come to its end, looks, and puts all back as it was at the stop. */
static void take_over_at_each_instruction(void)
{
	struct child c = {.pid = fork()};
	char path[40];
	int status;

	expect_ge(c.pid, 0);
	if (c.pid == 0)
		play_sysmon();
	expect_eq(waitpid(c.pid, &status, 0), c.pid);
	if (WIFEXITED(status) && WEXITSTATUS(status) == 77) {
		printf("this system lets nobody be traced\n");
		return;
	}
	expect(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTRAP);
	expect_eq(ptrace(PTRACE_SETOPTIONS, c.pid, NULL, PTRACE_O_EXITKILL), 0);
	snprintf(path, sizeof path, "/proc/%d/mem", (int)c.pid);
	c.memory = open(path, O_RDWR | O_CLOEXEC);
	expect_ge(c.memory, 0);
	hold_in(&c);
	int stops = 0, in_between = 0;
	static struct state at, end;
	for (save(&c, &at); !at.words.undone; save(&c, &at), stops++) {
		in_between += at.words.holder == RT_HOLDER_GONE;
		for (size_t i = 0; i < sizeof takeovers / sizeof *takeovers; i++) {
			takeovers[i].act(&c, &at);
			let_go(&c, false);
			copy_words(&c, &end, false);
			expect_eq(end.words.undone, 1);
			takeovers[i].check(&at, &end);
			nothing_else_is_wrong(&end);
			restore(&c, &at);
		}
		let_go(&c, true);
	}
	printf("%d stops, %d of them with all begun and not done\n", stops, in_between);
	expect_gt(in_between, 100);
	kill(c.pid, SIGKILL);
	waitpid(c.pid, NULL, 0);
	close(c.memory);
}

GOS_TEST_WITHIN(a_debugger_may_take_over_before_any_instruction_of_the_undoing, 120)
{
	if (built_without() || GOS_TEST_SLOW >= 8) /* a sanitizer's own code would be stepped through */
		return;
	gos_chan *c = gos_chan_make(int, 0);
	for (int i = 0; i < STANDING; i++)
		standing[i] = record_of(go(stands, c));
	gos_test_until_n_waiting(STANDING, "chan receive");
	from_outside(take_over_at_each_instruction);
	gos_chan_close(c);
	gos_test_until_num(1);
}
