/* SPDX-License-Identifier: MIT */
/*
 * Goal: the flight recorder, rt/flight.c, writes down what happens, in order, and nothing else; it takes the memory that it is told to take; it survives what the system refuses it.
 * Method: small programs whose every event is known, read back by tests/support/flight_reader and by rt_flight_last.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "flight_reader.h"
#include "gos_test.h"
#include "machine.h"

#define MS 1000000

static struct flight_reader reader;
static bool no_memfd;

/* The runtime's, which this program's takes the place of. */
int memfd_create(const char *name, unsigned flags)
{
	if (no_memfd) {
		errno = ENOSYS;
		return -1;
	}
	return (int)syscall(SYS_memfd_create, name, flags);
}

/* ---- the last events, as text: "create 2|park chan receive|run 2", with names for goroutines ---- */

#define NAMES_MAX 8
static struct {
	uint64_t goid;
	const char *name;
} names[NAMES_MAX];
static struct {
	char text[4000];
	size_t length;
	int preempted;
	uint32_t ring;
} said;

static void name(uint64_t goid, const char *text)
{
	for (int i = 0; i < NAMES_MAX; i++) {
		if (names[i].goid == 0 || names[i].goid == goid) {
			names[i].goid = goid;
			names[i].name = text;
			return;
		}
	}
	expect(false);
}

static const char *name_of(uint64_t goid)
{
	for (int i = 0; i < NAMES_MAX && goid != 0; i++)
		if (names[i].goid == goid)
			return names[i].name;
	return goid == 0 ? "nobody" : "?";
}

static void say(const struct flight_read *e, void *arg)
{
	(void)arg;
	char text[100];
	if (e->ring != said.ring)
		return;
	if (e->kind == GOS_FLIGHT_PREEMPT)
		said.preempted++;
	if (e->kind == GOS_FLIGHT_PARK)
		snprintf(text, sizeof text, "%s: park %s", name_of(e->runs), gos_test_reason((unsigned)(e->payload >> RT_FLIGHT_OBJECT_BITS)));
	else if (e->kind == GOS_FLIGHT_RUN && e->runs != 0)
		snprintf(text, sizeof text, "%s gives way|run %s", name_of(e->runs), name_of(e->payload));
	else if (e->kind == GOS_FLIGHT_RUN || e->kind == GOS_FLIGHT_WAKE || e->kind == GOS_FLIGHT_CALL_END)
		snprintf(text, sizeof text, "%s %s", flight_word(e->kind), name_of(e->payload));
	else if (e->kind == GOS_FLIGHT_READY || e->kind == GOS_FLIGHT_CREATE)
		snprintf(text, sizeof text, "%s: %s %s", name_of(e->runs), flight_word(e->kind), name_of(e->payload));
	else
		snprintf(text, sizeof text, "%s: %s", name_of(e->runs), flight_word(e->kind));
	int n = snprintf(said.text + said.length, sizeof said.text - said.length, "%s%s", said.length != 0 ? "|" : "", text);
	if (n > 0 && said.length + (size_t)n < sizeof said.text)
		said.length += (size_t)n;
}

static __attribute__((noinline)) uint32_t p_id(void)
{
	return rt_tls_m->p->id;
}

/* Alone on P 0: this goroutine is the only one that can run. */
static void on_one_p(void)
{
	gos_procs(1);
	while (p_id() != 0)
		gos_yield();
	name(gos_goid(), "main");
}

/* What happens on P 0 while act runs is exactly this. Where the machine was so slow that somebody had his 10 ms in between, or the runtime gave way to try us, it is run again. */
static void happens(void (*act)(void), const char *what)
{
	for (int try = 0; try < 1000; try++) {
		struct flight_reader *r = &reader;
		flight_close(r);
		expect(flight_open_own(r));
		flight_poll(r, NULL, NULL);
		memset(&said, 0, sizeof said);
		said.ring = 1;
		act();
		flight_poll(r, say, NULL);
		if (strcmp(said.text, what) == 0)
			return;
		if (said.preempted == 0 && GOS_CHECK < 2)
			ck_abort_msg("%s\ninstead of\n%s", said.text, what);
	}
	ck_abort_msg("never undisturbed: %s\ninstead of\n%s", said.text, what);
}

/* ---- what is written ---- */

static gos_chan *c;
static gos_mutex mutex;
static uint64_t other;

static void send_one(void)
{
	int x = 1;
	gos_chan_send(c, &x);
}

static void start(void *fn)
{
	other = go((void (*)(void))fn);
	name(other, "other");
}

static void meet(void)
{
	int x;
	start(send_one);
	gos_chan_recv(c, &x);
	gos_test_until_num(1);
}

GOS_TEST(a_meeting_is_written_down_event_by_event)
{
	on_one_p();
	c = gos_chan_make(int, 0);
	happens(meet, "main: create other|main: park chan receive|run other|other: ready main|other: exit|run main");
}

static void lock_and_unlock(void)
{
	gos_mutex_lock(&mutex);
	gos_mutex_unlock(&mutex);
}

static void hold(void)
{
	gos_mutex_lock(&mutex);
	start(lock_and_unlock);
	gos_yield();
	gos_mutex_unlock(&mutex);
	gos_yield();
	gos_test_until_num(1);
}

GOS_TEST(a_yield_is_told_by_the_run_of_the_next)
{
	on_one_p();
	happens(hold, "main: create other|main gives way|run other|other: park sync.Mutex.Lock|run main|main: ready other|"
		      "main gives way|run other|other: exit|run main");
}

static void nap(void)
{
	gos_sleep(MS);
}

GOS_TEST(a_timer_wakes_and_is_nobody)
{
	on_one_p();
	happens(nap, "main: park sleep|wake main|run main");
}

static void *nothing(void *arg)
{
	return arg;
}

static void call(void)
{
	gos_blocking(nothing, NULL);
}

GOS_TEST(a_short_blocking_section_is_two_events)
{
	on_one_p();
	happens(call, "main: syscall|syscall end main");
}

/* ---- the last events of one goroutine ---- */

static struct rt_flight_event last[16];

/* "kind" of the newest n events of a goroutine, newest first, with no steps aside that the runtime may make it take. */
static uint32_t last_of(uint64_t goid)
{
	return rt_flight_last(goid, last, 16);
}

static void expect_last(uint64_t goid, const char *kinds)
{
	char text[400] = "";
	uint32_t n = last_of(goid);
	for (uint32_t i = 0; i < n; i++) {
		if ((last[i].kind == GOS_FLIGHT_RUN && i + 1 < n && (last[i + 1].kind == GOS_FLIGHT_YIELD || last[i + 1].kind == GOS_FLIGHT_PREEMPT)) ||
		    last[i].kind == GOS_FLIGHT_YIELD || last[i].kind == GOS_FLIGHT_PREEMPT)
			continue;
		snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s", text[0] != '\0' ? "|" : "", flight_word(last[i].kind));
	}
	if (strcmp(text, kinds) != 0)
		ck_abort_msg("goroutine %llu: %s, not %s", (unsigned long long)goid, text, kinds);
}

static const struct rt_flight_event *newest(enum gos_flight_kind kind, uint64_t goid)
{
	uint32_t n = last_of(goid);
	for (uint32_t i = 0; i < n; i++)
		if (last[i].kind == kind)
			return &last[i];
	ck_abort_msg("goroutine %llu: no %s in %u events", (unsigned long long)goid, flight_word(kind), n);
	return NULL;
}

static void recv_and_lock(void)
{
	int x;
	gos_chan_recv(c, &x);
	gos_mutex_lock(&mutex);
	gos_mutex_unlock(&mutex);
}

GOS_TEST(the_last_events_say_who_what_and_when)
{
	int x = 1;
	int64_t began = rt_now();
	c = gos_chan_make(int, 0);
	gos_mutex_lock(&mutex);
	uint64_t id = go(recv_and_lock), me = gos_goid();
	gos_test_until_waiting(id, "chan receive");
	expect_last(id, "park|run|create");
	expect(newest(GOS_FLIGHT_PARK, id)->object == ((uint64_t)c & 0xffffffffffff));
	expect_eq(last[0].reason, GOS_REASON_CHAN_RECV);
	expect_eq(newest(GOS_FLIGHT_CREATE, id)->by, me);
	gos_chan_send(c, &x);
	gos_test_until_waiting(id, "sync.Mutex.Lock");
	expect_last(id, "park|run|ready|park|run|create");
	expect(newest(GOS_FLIGHT_PARK, id)->object == ((uint64_t)&mutex & 0xffffffffffff));
	expect_eq(last[0].reason, GOS_REASON_MUTEX_LOCK);
	expect_eq(newest(GOS_FLIGHT_READY, id)->by, me);
	gos_mutex_unlock(&mutex);
	gos_test_until_num(1);
	last_of(id);
	expect_eq(last[0].kind, GOS_FLIGHT_EXIT);
	int64_t ended = rt_now(), later = INT64_MAX;
	for (uint32_t i = 0, n = last_of(id); i < n; i++) {
		expect_le(last[i].at, ended);
		expect_ge(last[i].at, began - 100 * MS); /* the coarse clock may be late, where there is no time for sysmon; but is not another clock */
		expect_le(last[i].at, later);
		later = last[i].at;
	}
}

static int flag;

static void compute(void)
{
	while (!__atomic_load_n(&flag, __ATOMIC_RELAXED))
		gos_checkpoint();
}

GOS_TEST(who_has_had_his_time_is_preempted)
{
	uint64_t id = go(compute);
	int64_t until = rt_now() + INT64_C(10000000000);
	for (bool seen = false; !seen;) {
		gos_sleep(10 * MS);
		uint32_t n = last_of(id);
		for (uint32_t i = 0; i < n; i++)
			seen |= last[i].kind == GOS_FLIGHT_PREEMPT;
		expect_lt(rt_now(), until);
	}
	__atomic_store_n(&flag, 1, __ATOMIC_RELAXED);
	gos_test_until_num(1);
}

static void recover(void *arg)
{
	(void)arg;
	gos_recover();
}

static void panic_and_recover(void)
{
	gos_defer_frame();
	gos_defer(recover, NULL);
	gos_panic("on purpose");
}

GOS_TEST(a_panic_is_written_down_with_its_place)
{
	uint64_t id = go(panic_and_recover);
	gos_test_until_num(1);
	uint64_t where = newest(GOS_FLIGHT_PANIC, id)->object, fn = (uint64_t)panic_and_recover;
	expect(where > fn && where < fn + 1000);
	expect_eq(newest(GOS_FLIGHT_EXIT, id)->goid, id);
}

static int ends[2];

static void *read_end(void *arg)
{
	char byte;
	expect_eq(read(ends[0], &byte, 1), 1);
	return arg;
}

static void block(void)
{
	gos_blocking(read_end, NULL);
}

/* While it blocks its P is taken by others who never let go: it comes back to none. */
GOS_TEST(the_end_of_a_call_without_a_P_is_not_lost)
{
	expect_eq(pipe(ends), 0);
	gos_procs(1);
	for (int try = 0; try < 100; try++) {
		flag = 0;
		uint64_t id = go(block);
		gos_sleep(5 * MS);
		uint64_t hog = go(compute);
		while (last_of(hog) < 2)
			gos_sleep(MS);
		expect_eq(write(ends[1], "x", 1), 1);
		gos_test_until_num(2);
		__atomic_store_n(&flag, 1, __ATOMIC_RELAXED);
		gos_test_until_num(1);
		expect_last(id, "exit|run|syscall end|syscall|run|create");
		if (newest(GOS_FLIGHT_CALL_END, id)->p == RT_FLIGHT_NO_P)
			return;
		expect_last(id, "exit|syscall end|syscall|run|create");
	}
	expect(false);
}
