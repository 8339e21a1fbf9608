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
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "flight_reader.h"
#include "gos_test.h"
#include "schedule.h"

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
		rt_tls_m->p->ticks_left = RT_TICKS; /* it is not time to look around meanwhile */
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

/* ---- who was made ready last runs after a park, and has no word of its own ---- */

static gos_chan *replies;
static uint64_t words;

static uint64_t words_here(void)
{
	return rt_tls_m->p->flight->head;
}

static void reply(void)
{
	int x;
	while (gos_chan_recv(c, &x))
		gos_chan_send(replies, &x);
}

static void ask_and_hear(void)
{
	int x = 1;
	words = words_here();
	gos_chan_send(c, &x);
	gos_chan_recv(replies, &x);
	words = words_here() - words;
}

GOS_TEST(a_round_trip_is_four_words)
{
	on_one_p();
	c = gos_chan_make(int, 0);
	replies = gos_chan_make(int, 0);
	start(reply);
	gos_yield();
	for (int i = 0; i < 100; i++) {
		happens(ask_and_hear, "main: ready other|main: park chan receive|run other|other: ready main|other: park chan receive|run main");
		expect_ge(words, 4);
		if (words == 4) /* else the clock has moved, or a look around was due */
			return;
	}
	expect(false);
}

static gos_chan *asked[2];
static int pair[2];

/* Two that answer. */
static void answer(int which)
{
	int x;
	while (gos_chan_recv(asked[which], &x))
		gos_chan_send(replies, &x);
}

/* And one that answers when its wait for a descriptor ends. */
static void answer_late(void)
{
	int x = 1;
	char byte;
	while (gos_read(pair[0], &byte, 1) == -ETIMEDOUT) {
		gos_set_deadline(pair[0], GOS_POLL_READ, 0);
		gos_chan_send(replies, &x);
	}
}

static void ask_two(void)
{
	int x = 1;
	gos_chan_send(asked[0], &x);
	gos_chan_send(asked[1], &x);
	gos_chan_recv(replies, &x);
	gos_chan_recv(replies, &x);
}

static void prepare_two(void)
{
	on_one_p();
	replies = gos_chan_make(int, 0);
	for (int i = 0; i < 2; i++) {
		asked[i] = gos_chan_make(int, 0);
		name(go(answer, i), i == 0 ? "first" : "second");
		gos_yield();
	}
}

GOS_TEST(of_two_who_were_made_ready_it_is_the_last_who_runs_next)
{
	prepare_two();
	happens(ask_two, "main: ready first|main: ready second|main: park chan receive|run second|second: ready main|second: park chan receive|run main|"
	                 "main: park chan receive|run first|first: ready main|first: park chan receive|run main");
}

static void ask_one_and_end_a_wait(void)
{
	int x = 1;
	gos_chan_send(asked[0], &x);
	gos_set_deadline(pair[0], GOS_POLL_READ, 1);
	gos_chan_recv(replies, &x);
	gos_chan_recv(replies, &x);
}

GOS_TEST(who_is_made_ready_to_stand_in_line_is_not_said_to_run_next)
{
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
	prepare_two();
	uint64_t late = go(answer_late);
	name(late, "late");
	gos_test_until_waiting(late, "IO wait");
	happens(ask_one_and_end_a_wait, "main: ready first|main: ready late|main: park chan receive|run first|first: ready main|first: park chan receive|run main|"
	                                "main: park chan receive|run late|late: ready main|late: park IO wait|run main");
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

/* Until it stands there that goid has ended: it is counted out a little before. */
static void until_exit_of(uint64_t goid)
{
	for (;; gos_yield())
		for (uint32_t i = 0, n = last_of(goid); i < n; i++)
			if (last[i].kind == GOS_FLIGHT_EXIT)
				return;
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
	until_exit_of(id);
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
	until_exit_of(id);
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

/* ---- memory ---- */

static int (*then)(void);

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	return then();
}

/* As a program that begins with this GOSDEBUG, on so many Ps, and returns what fn does. */
static int run(const char *debug, const char *procs, int (*fn)(void))
{
	setenv("GOSDEBUG", debug, 1);
	setenv("GOSMAXPROCS", procs, 1);
	then = fn;
	return gos_run(app, 0, NULL);
}

static void send_one_to(gos_chan *chan)
{
	int x = 2;
	gos_chan_send(chan, &x);
}

static void nothing_much(void)
{
}

/* Is something recorded, of which a reader in this process finds all? */
static void expect_recorded(void)
{
	int x = 1;
	gos_chan *chan = gos_chan_make(int, 1);
	gos_chan_send(chan, &x);
	uint64_t id = go(send_one_to, chan), me = gos_goid();
	gos_test_until_waiting(id, "chan send");
	expect_last(id, "park|run|create");
	expect_eq(newest(GOS_FLIGHT_CREATE, id)->by, me);
	gos_chan_recv(chan, &x);
	gos_test_until_num(1);
}

static int words_of_flight(void)
{
	expect_recorded();
	struct stat s;
	const struct gos_flight *f = gos_runtime.flight;
	expect(f->fd >= 0);
	expect_eq(f->rings, 1 + gos_runtime.pcount);
	expect_eq(fstat(f->fd, &s), 0);
	expect_eq(s.st_size, f->first + f->rings * f->ring_size);
	return (int)f->words;
}

#define SIZES(X)                                                                                                                  \
	X(default_size, "", 8192) X(one, "flight=1", 512) X(the_least, "flight=512", 512) X(above_the_least, "flight=513", 1024)  \
	X(a_power_of_two, "flight=65536", 65536) X(exact, "flight=exact", 8192) X(both, "flight=2000:exact", 2048) X(nonsense, "flight=-5", 8192)
#define X(name, debug, words)                                                      \
	PLAIN_TEST(size_##name)                                                    \
	{                                                                          \
		expect_eq(run(debug, "3", words_of_flight), words);                \
	}
SIZES(X)
#undef X

static int is_off(void)
{
	int x = 1;
	c = gos_chan_make(int, 0);
	for (int i = 0; i < 100; i++) {
		go(send_one);
		gos_chan_recv(c, &x);
	}
	gos_blocking(nothing, NULL);
	expect(gos_runtime.flight == NULL);
	expect_eq(rt_flight_last(gos_goid(), last, 16), 0);
	expect(!flight_open_own(&reader));
	expect(!flight_open(&reader, getpid()));
	return 3;
}

PLAIN_TEST(off_is_off)
{
	expect_eq(run("flight=0", "3", is_off), 3);
}

static int without_a_name(void)
{
	expect_recorded();
	expect_eq(gos_runtime.flight->fd, -1);
	expect_eq(gos_runtime.flight->rings, 0);
	expect(!flight_open(&reader, getpid()));
	expect(flight_open_own(&reader));
	expect_gt(flight_poll(&reader, NULL, NULL), 0);
	return 4;
}

PLAIN_TEST(without_memfd_create_it_is_memory_without_a_name)
{
	no_memfd = true;
	expect_eq(run("", "3", without_a_name), 4);
}

PLAIN_TEST(a_file_that_may_not_grow_is_not_tried)
{
	struct rlimit limit = {100, RLIM_INFINITY}; /* else SIGXFSZ ends us */
	expect_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	expect_eq(run("", "3", without_a_name), 4);
}

/* Descriptors of the program's, where the recorder's was. */
static int closes_all(void)
{
	char text[100] = "";
	int fd = gos_runtime.flight->fd;
	struct stat s;
	expect_recorded();
	expect_eq(close(fd), 0);
	FILE *mine = tmpfile();
	expect(mine != NULL);
	expect_eq(dup2(fileno(mine), fd), fd);
	fputs("mine", mine);
	fflush(mine);
	gos_procs(6);
	for (int i = 0; i < 20; i++)
		expect_recorded();
	expect_eq(gos_runtime.pcount, 6);
	expect_eq(gos_runtime.flight->rings, 3); /* those that came later are no part of the file */
	for (int i = 0; i < 6; i++)
		expect_eq(gos_runtime.ps[i]->flight->mask, 8191);
	expect_eq(fstat(fd, &s), 0);
	expect_eq(s.st_size, 4);
	expect_eq(pread(fd, text, sizeof text, 0), 4);
	expect(strcmp(text, "mine") == 0);
	return 5;
}

PLAIN_TEST(a_closed_descriptor_is_nobodys_loss)
{
	expect_eq(run("", "2", closes_all), 5);
}

GOS_TEST(the_file_is_not_inherited_and_cannot_be_cut)
{
	int fd = gos_runtime.flight->fd;
	expect(fcntl(fd, F_GETFD) & FD_CLOEXEC);
	errno = 0;
	expect_eq(ftruncate(fd, 0), -1);
	expect_eq(errno, EPERM);
	expect_recorded();
}

GOS_TEST(new_places_have_rings_and_old_ones_keep_theirs)
{
	struct flight_reader *r = &reader;
	gos_procs(2);
	const struct gos_flight_ring *first = gos_runtime.ps[1]->flight;
	expect(flight_open(r, getpid()));
	flight_poll(r, NULL, NULL);
	gos_procs(20);
	expect_recorded();
	gos_procs(1);
	expect_recorded();
	gos_procs(20);
	expect(gos_runtime.ps[1]->flight == first);
	flight_poll(r, NULL, NULL);
	expect_eq(r->rings, 21);
	expect_eq(flight_lost(r), 0);
}

static uint64_t words_in_file(void)
{
	expect(flight_open(&reader, getpid()));
	flight_poll(&reader, NULL, NULL);
	uint64_t words = flight_words(&reader);
	flight_close(&reader);
	return words;
}

static void die_in_child(void)
{
	gos_panic("on purpose");
}

static void no_panic(const struct flight_read *e, void *arg)
{
	(void)arg;
	expect_ne(e->kind, GOS_FLIGHT_PANIC);
}

GOS_TEST(a_child_of_fork_does_not_write_into_it)
{
	expect_gt(words_in_file(), 0);
	pid_t pid = fork();
	expect_ge(pid, 0);
	if (pid == 0) {
		if (gos_runtime.flight != NULL || rt_flight_last(gos_goid(), last, 16) != 0)
			_exit(1);
		int null = open("/dev/null", O_WRONLY);
		dup2(null, 2);
		die_in_child();
	}
	int status;
	expect_eq(waitpid(pid, &status, 0), pid);
	expect(WIFEXITED(status));
	expect_eq(WEXITSTATUS(status), 2);
	expect(flight_open(&reader, getpid()));
	expect_gt(flight_poll(&reader, no_panic, NULL), 0);
}

/* ---- what is lost is counted ---- */

static void count(const struct flight_read *e, void *arg)
{
	uint64_t *next = arg;
	static uint64_t twice[1 + GOS_P_MAX]; /* 1 + the word of an EXIT or a PARK: it may say who runs next, too */
	if (e->kind != GOS_FLIGHT_RUN || twice[e->ring] != e->number + 1)
		expect_ge(e->number, next[e->ring]); /* none comes twice, and each in its order */
	twice[e->ring] = e->kind == GOS_FLIGHT_EXIT || e->kind == GOS_FLIGHT_PARK ? e->number + 1 : 0;
	next[e->ring] = e->number + 1;
	expect(strcmp(flight_word(e->kind), "?") != 0);
}

static int overflows(void)
{
	static uint64_t next[1 + GOS_P_MAX];
	struct flight_reader *r = &reader;
	uint64_t before = 0;
	expect(flight_open(r, getpid()));
	c = gos_chan_make(int, 0);
	for (int round = 0; round < 50; round++) {
		for (int i = 0; i < round * 10; i++) {
			int x;
			go(send_one);
			gos_chan_recv(c, &x);
		}
		flight_poll(r, count, next);
		for (uint32_t i = 0; i < r->rings; i++) {
			expect_eq(r->ring[i].read + r->ring[i].lost, r->ring[i].next);
			if (round == 0)
				before += r->ring[i].next;
		}
	}
	expect_gt(flight_words(r) - before, 49 * 50 / 2 * 10 * 4); /* a create, park, run, ready, exit, run each */
	expect_gt(flight_lost(r), 0);
	expect_lt(flight_lost(r), flight_words(r));
	return 6;
}

PLAIN_TEST(what_is_overwritten_is_counted)
{
	expect_eq(run("flight=512", "1", overflows), 6);
}

/* ---- who was made ready last, long before he runs ---- */

static enum gos_flight_kind kind_before_head(int n)
{
	const struct gos_flight_ring *ring = rt_tls_m->p->flight;
	return (enum gos_flight_kind)(ring->word[(ring->head - (uint64_t)n) & ring->mask] >> RT_FLIGHT_KIND_SHIFT);
}

static void spawn_once(void)
{
	go(nothing_much);
}

enum { SLOW_MAX = 3 };
static void (*once)(void);
static int times;

/* What says that he was made ready is overwritten when he begins to run. */
static int ran_long_after(void)
{
	int slow = 0;
	prepare_two();
	for (int try = 0; try < 100 && slow < SLOW_MAX; try++) {
		int x = 1;
		int64_t since = rt_now();
		uint64_t began = words_here();
		rt_tls_m->p->ticks_left = RT_TICKS;
		gos_chan_send(asked[0], &x);
		for (int i = 0; i < times; i++)
			once();
		gos_chan_recv(replies, &x);
		uint64_t wrote = words_here() - began;
		bool at_once = kind_before_head(3) == GOS_FLIGHT_PARK_NEXT && kind_before_head(2) == GOS_FLIGHT_READY && kind_before_head(1) == GOS_FLIGHT_PARK_NEXT;
		uint32_t n = last_of(names[1].goid);
		if (rt_now() - since > 5 * MS) /* a goroutine's time is 10 */
			slow++;
		gos_test_until_num(3);
		if (!at_once) /* others had a turn in between, or the clock moved */
			continue;
		expect_gt(wrote, gos_runtime.flight->words);
		expect_eq(n, 2);
		expect_eq(last[0].kind, GOS_FLIGHT_PARK);
		expect_eq(last[1].kind, GOS_FLIGHT_RUN);
		return 9;
	}
	return slow == SLOW_MAX || GOS_CHECK >= 2 || GOS_TEST_SLOW > 1 ? 9 : 0; /* there who does so much has to give way before he waits */
}

#define LONG_AFTER(X)                                                                                                                          \
	X(spawns, spawn_once, 9000, "") X(spawns_in_a_small_ring, spawn_once, 520, "flight=512") X(blocking_calls, call, 300, "flight=512")  \
	X(panics, panic_and_recover, 520, "flight=512")
#define X(what, fn, n, debug)                                                               \
	PLAIN_TEST_WITHIN(who_runs_next_is_known_after_many_##what, 100)                    \
	{                                                                                   \
		once = fn;                                                                  \
		times = n;                                                                  \
		expect_eq(run(debug, "1", ran_long_after), 9);                              \
	}
LONG_AFTER(X)
#undef X

/* What is not known is not made up. */
static int ran_after_many_words(void)
{
	prepare_two();
	uint64_t first = names[1].goid, second = names[2].goid;
	ask_two();
	expect(flight_open_own(&reader));
	flight_poll(&reader, NULL, NULL);
	int x = 1;
	gos_chan_send(asked[0], &x);
	gos_chan_recv(replies, &x);
	flight_poll(&reader, NULL, NULL); /* who was made ready last was main, and before that the first */
	gos_chan_send(asked[1], &x);
	for (int i = 0; i < 600; i++)
		rt_flight_stamp(rt_tls_m->p->flight, rt_load_relaxed(&gos_runtime.now));
	memset(&said, 0, sizeof said);
	said.ring = 1;
	gos_chan_recv(replies, &x);
	flight_poll(&reader, say, NULL);
	if (strcmp(said.text, "nobody: park chan receive|nobody: ready main|nobody: park chan receive|run main") != 0)
		ck_abort_msg("%s", said.text);
	expect_eq(last_of(first), 0);
	expect_eq(last_of(second), 0);
	expect_last(gos_goid(), "run|ready");
	expect_eq(newest(GOS_FLIGHT_READY, gos_goid())->by, 0);
	return 10;
}

PLAIN_TEST(who_runs_next_is_left_open_when_that_he_was_made_ready_is_lost)
{
	expect_eq(run("flight=512", "1", ran_after_many_words), 10);
}

/* ---- exact times ---- */

static int naps(void)
{
	int64_t before, after;
	uint64_t id;
	for (int i = 0; i < 20; i++) {
		before = rt_now();
		id = go(nothing_much);
		after = rt_now();
		until_exit_of(id);
		int64_t made = newest(GOS_FLIGHT_CREATE, id)->at;
		expect_ge(made, before);
		expect_le(made, after);
		int64_t ran = newest(GOS_FLIGHT_RUN, id)->at, ended = newest(GOS_FLIGHT_EXIT, id)->at;
		expect_ge(ran, made);
		expect_ge(ended, ran);
	}
	return 7;
}

PLAIN_TEST(exact_times_lie_between_looks_at_the_clock)
{
	expect_eq(run("flight=exact", "2", naps), 7);
}

/* Much is written in a moment, and then it waits. */
static void write_much_and_wait(void)
{
	int x;
	for (int i = 0; i < 12; i++) /* more words than are written between two looks at them, in less time than a step of the clock */
		rt_flight_put(rt_tls_m->p->flight, rt_flight_word(GOS_FLIGHT_STEAL, 0));
	gos_chan_recv(c, &x);
}

static const struct rt_flight_event *park_of(uint64_t goid)
{
	uint32_t n = last_of(goid);
	for (uint32_t i = 0; i < n; i++)
		if (last[i].kind == GOS_FLIGHT_PARK)
			return &last[i];
	return NULL;
}

/* As the ring goes on, first what says when it parked is lost, and then that it did. */
static int forgets(void)
{
	int x = 0;
	c = gos_chan_make(int, 0);
	for (int try = 0; try < 100; try++) {
		uint64_t id = go(write_much_and_wait);
		gos_test_until_waiting(id, "chan receive");
		const struct rt_flight_event *park = park_of(id);
		expect(park != NULL && !park->early);
		int64_t at = park->at;
		bool early = false;
		while ((park = park_of(id)) != NULL) {
			if (park->early) {
				expect_ge(park->at, at);
				early = true;
			} else {
				expect(!early);
				expect_eq(park->at, at);
			}
			gos_sleep(MS / 10);
		}
		gos_chan_send(c, &x);
		gos_test_until_num(1);
		if (early)
			return 8;
	}
	return 9; /* time has always stepped in between */
}

PLAIN_TEST_WITHIN(a_time_that_was_overwritten_is_told_as_an_earlier_one, 100)
{
	expect_eq(run("flight=512", "1", forgets), 8);
}
