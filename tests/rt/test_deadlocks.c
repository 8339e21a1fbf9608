/* SPDX-License-Identifier: MIT */
/*
 * Goal: who can never go on is told, and nobody else is: rt/deadlocks.c and rt/waits.c. Method: circles that are known, counted by gos_deadlocks and read in what it writes;
 * and locks under heavy use, of which nothing may be said.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dump.h"
#include "gos_test.h"
#include "state.h"
#include "waits.h"

static char text[1 << 20];

/* What gos_deadlocks writes; how many it finds is *found. */
static const char *told_of(int *found)
{
	int fd = memfd_create("deadlocks", 0);
	expect(fd >= 0);
	*found = gos_deadlocks(fd);
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	expect(n >= 0);
	text[n] = 0;
	close(fd);
	return text;
}

static int times(const char *where, const char *what)
{
	int n = 0;
	for (const char *at = where; (at = strstr(at, what)) != NULL; at += strlen(what))
		n++;
	return n;
}

__attribute__((format(printf, 1, 2))) static void expect_says(const char *format, ...)
{
	char wanted[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(wanted, sizeof wanted, format, args);
	va_end(args);
	if (strstr(text, wanted) == NULL) {
		fprintf(stderr, "'%s' is not in:\n%s", wanted, text);
		expect(!"what is told");
	}
}

static gos_mutex locks[64];
static gos_waitgroup ready;

/* Locks `first`, waits until all others have locked theirs, then wants `second`. */
static void two_locks(const char *name, gos_mutex *first, gos_mutex *second)
{
	gos_set_name("%s", name);
	gos_mutex_lock(first);
	gos_waitgroup_done(&ready);
	gos_waitgroup_wait(&ready);
	gos_mutex_lock(second);
}

/* n goroutines, each of which wants the next one's lock; from lock `base` on. Their ids are in goids. */
static void circle(int n, int base, uint64_t *goids)
{
	char name[32];
	gos_waitgroup_add(&ready, n);
	for (int i = 0; i < n; i++) {
		snprintf(name, sizeof name, "c%d", i);
		goids[i] = go(two_locks, strdup(name), &locks[base + i], &locks[base + (i + 1) % n]);
	}
	for (int i = 0; i < n; i++)
		gos_test_until_waiting(goids[i], "sync.Mutex.Lock");
}

GOS_TEST(nothing_is_found_where_nothing_is)
{
	int found;
	expect_eq(strlen(told_of(&found)), 0);
	expect_eq(found, 0);
	expect_eq(gos_deadlocks(-1), 0);
}

GOS_TEST(ab_ba)
{
	uint64_t g[2];
	int found;
	circle(2, 0, g);
	expect_eq(gos_deadlocks(-1), 1);
	told_of(&found);
	expect_eq(found, 1);
	expect_says("gossamer: deadlock: goroutine %llu \"c0\" waits for mutex %p held by goroutine %llu \"c1\", which waits for mutex %p held by goroutine %llu \"c0\"\n",
	            (unsigned long long)g[0], (void *)&locks[1], (unsigned long long)g[1], (void *)&locks[0], (unsigned long long)g[0]);
	expect_says("\n\tgoroutine %llu \"c0\" has waited ", (unsigned long long)g[0]);
	expect_says("\n\tgoroutine %llu \"c1\" has waited ", (unsigned long long)g[1]);
	expect_eq(times(text, "gossamer: deadlock:"), 1);
}

GOS_TEST(circles_of_three_and_of_many)
{
	uint64_t g[43];
	int found;
	circle(3, 0, g);
	told_of(&found);
	expect_eq(found, 1);
	expect_eq(times(text, "which waits for mutex"), 2);
	circle(40, 3, g + 3);
	told_of(&found);
	expect_eq(found, 2);
	expect_says(", and so on\n");
	expect_says("\t... and 32 more in this circle\n");
}

GOS_TEST(who_only_waits_for_a_circle_is_not_in_it)
{
	uint64_t g[2];
	int found;
	circle(2, 0, g);
	ready = (gos_waitgroup){0};
	gos_waitgroup_add(&ready, 1);
	uint64_t third = go(two_locks, "third", &locks[2], &locks[0]);
	gos_test_until_waiting(third, "sync.Mutex.Lock");
	told_of(&found);
	expect_eq(found, 1);
	expect(strstr(text, "third") == NULL);
}

static void lock_twice(void)
{
	gos_mutex_lock(&locks[0]);
	gos_mutex_lock(&locks[0]);
}

GOS_TEST(a_goroutine_that_waits_for_itself)
{
	int found;
	uint64_t g = go(lock_twice);
	gos_test_until_waiting(g, "sync.Mutex.Lock");
	told_of(&found);
	expect_eq(found, 1);
	expect_says("gossamer: deadlock: goroutine %llu waits for mutex %p held by goroutine %llu\n", (unsigned long long)g, (void *)&locks[0],
	            (unsigned long long)g);
	expect_says(" that it has held itself");
}

static gos_rwmutex rw;
static gos_once once;

static void writer_then_mutex(void)
{
	gos_rwmutex_lock(&rw);
	gos_waitgroup_done(&ready);
	gos_waitgroup_wait(&ready);
	gos_mutex_lock(&locks[0]);
}

static void mutex_then_reader(void)
{
	gos_mutex_lock(&locks[0]);
	gos_waitgroup_done(&ready);
	gos_waitgroup_wait(&ready);
	gos_rwmutex_rlock(&rw);
}

static void mutex_then_writer(void)
{
	gos_mutex_lock(&locks[0]);
	gos_waitgroup_done(&ready);
	gos_waitgroup_wait(&ready);
	gos_rwmutex_lock(&rw);
}

GOS_TEST(a_reader_and_a_writer)
{
	int found;
	gos_waitgroup_add(&ready, 2);
	uint64_t a = go(writer_then_mutex), b = go(mutex_then_reader);
	gos_test_until_waiting(a, "sync.Mutex.Lock");
	gos_test_until_waiting(b, "sync.RWMutex.RLock");
	told_of(&found);
	expect_eq(found, 1);
	expect_says(" waits for rwmutex %p held by goroutine %llu", (void *)&rw, (unsigned long long)a);
}

GOS_TEST(two_writers)
{
	int found;
	gos_waitgroup_add(&ready, 2);
	uint64_t a = go(writer_then_mutex), b = go(mutex_then_writer);
	gos_test_until_waiting(a, "sync.Mutex.Lock");
	gos_test_until_waiting(b, "sync.RWMutex.Lock");
	told_of(&found);
	expect_eq(found, 1);
	expect_says(" waits for rwmutex %p held by goroutine %llu", (void *)&rw, (unsigned long long)a);
}

static gos_chan *never;

static void read_for_long(void)
{
	gos_rwmutex_rlock(&rw);
	gos_waitgroup_done(&ready);
	gos_chan_recv(never, NULL);
}

/* Who reads is not known, so nothing is proved: the writer waits for a reader who waits for a channel. */
GOS_TEST(a_writer_that_waits_for_readers_is_no_deadlock)
{
	int found;
	never = gos_chan_make(int, 0);
	gos_waitgroup_add(&ready, 2);
	go(read_for_long);
	uint64_t w = go(mutex_then_writer);
	gos_test_until_waiting(w, "sync.RWMutex.Lock");
	uint64_t late = go(mutex_then_reader);
	gos_test_until_waiting(late, "sync.Mutex.Lock");
	told_of(&found);
	expect_eq(found, 0);
}

static void call_with_lock(void *arg)
{
	(void)arg;
	gos_waitgroup_done(&ready);
	gos_waitgroup_wait(&ready);
	gos_mutex_lock(&locks[0]);
}

static void run_once(void)
{
	gos_once_do(&once, call_with_lock, NULL);
}

static void lock_then_once(void)
{
	gos_mutex_lock(&locks[0]);
	gos_waitgroup_done(&ready);
	gos_waitgroup_wait(&ready);
	gos_once_do(&once, call_with_lock, NULL);
}

GOS_TEST(a_once_and_a_mutex)
{
	int found;
	gos_waitgroup_add(&ready, 2);
	uint64_t a = go(run_once);
	gos_test_until_waiting(a, "sync.WaitGroup.Wait");
	uint64_t b = go(lock_then_once);
	gos_test_until_waiting(a, "sync.Mutex.Lock");
	gos_test_until_waiting(b, "sync.Once.Do");
	told_of(&found);
	expect_eq(found, 1);
	expect_says(" waits for once %p run by goroutine %llu", (void *)&once, (unsigned long long)a);
}

/* ---- owners that have ended ---- */

static void lock_and_end(gos_mutex *m)
{
	gos_mutex_lock(m);
}

static void want(gos_mutex *m)
{
	gos_mutex_lock(m);
	gos_mutex_unlock(m);
}

GOS_TEST(the_owner_has_ended)
{
	int found;
	uint64_t owner = go(lock_and_end, &locks[0]), waiter[11];
	gos_test_until_num(1);
	for (int i = 0; i < 11; i++) {
		waiter[i] = go(want, &locks[0]);
		gos_test_until_waiting(waiter[i], "sync.Mutex.Lock");
	}
	told_of(&found);
	expect_eq(found, 1);
	expect_says("gossamer: deadlock: mutex %p is held by goroutine %llu, which has ended, and is waited for by goroutines ", (void *)&locks[0],
	            (unsigned long long)owner);
	expect_says(" and 3 more\n");
	expect_says(" that goroutine %llu has held", (unsigned long long)owner);
	expect_says(", and that one has ended; ");

	go(lock_and_end, &locks[1]);
	gos_test_until_num(12);
	uint64_t lone = go(want, &locks[1]);
	gos_test_until_waiting(lone, "sync.Mutex.Lock");
	told_of(&found);
	expect_eq(found, 2);
	expect_says("is waited for by goroutine %llu\n", (unsigned long long)lone);

	gos_mutex_unlock(&locks[0]); /* by another, as Go allows: then it was none */
	gos_test_until_num(2);
	told_of(&found);
	expect_eq(found, 1);
}

enum { ORPHANED = 600, WAITERS_EACH = 12 };
static gos_mutex orphaned[ORPHANED];

/* More locks than are told of at first sight, and more waiters for each than are named; of one somebody else takes care. */
GOS_TEST_WITHIN(many_owners_have_ended, 120)
{
	int found;
	const int n = GOS_TEST_MANY(ORPHANED * WAITERS_EACH) < ORPHANED * WAITERS_EACH ? 100 : ORPHANED;
	for (int i = 0; i < n; i++)
		go(lock_and_end, &orphaned[i]);
	gos_test_until_num(1);
	for (int w = 0; w < WAITERS_EACH; w++)
		for (int i = 0; i < n; i++)
			go(want, &orphaned[i]);
	gos_test_until_n_waiting((size_t)n * WAITERS_EACH, "sync.Mutex.Lock");
	told_of(&found);
	expect_eq(found, n);
	expect_eq(times(text, ", which has ended, and is waited for by goroutines "), n);
	expect_eq(times(text, " and 4 more\n"), n);
	gos_mutex_unlock(&orphaned[n / 2]);
	gos_test_until_num(1 + (size_t)(n - 1) * WAITERS_EACH);
	expect_eq(gos_deadlocks(-1), n - 1);
}

/* A look says that it gets on, and ends when nobody wants it any more. */
GOS_TEST(a_look_beats_and_can_be_stopped)
{
	struct rt_waits waits;
	struct rt_goids goids;
	struct rt_wait wait;
	struct rt_locks among = {0};
	bool stop_it = false;
	struct rt_report report = {.stop = &stop_it};
	uint64_t at = 0, length;
	go(lock_and_end, &locks[0]);
	gos_test_until_num(1);
	gos_test_until_waiting(go(want, &locks[0]), "sync.Mutex.Lock");
	expect_eq(rt_waits_begin(&waits, INT64_MAX, &report), 0);
	expect(report.beat >= 2); /* one a pass, at least */
	uint64_t before = report.beat;
	expect(rt_waits_cycle(&waits, &at, &length) == NULL && at > 0);
	expect(report.beat > before);
	at = 0;
	expect(rt_waits_orphan(&waits, INT64_MAX, &among, &at, &wait) && rt_wait_lasts(&wait));
	rt_goids_begin(&goids, &report);
	expect(goids.slots != NULL);
	rt_goids_end(&goids);

	stop_it = true;
	at = 0;
	expect(!rt_waits_orphan(&waits, INT64_MAX, &among, &at, &wait) && at == 0);
	expect(rt_waits_cycle(&waits, &at, &length) == NULL && at == 0);
	rt_waits_end(&waits);
	expect_eq(rt_waits_begin(&waits, INT64_MAX, &report), -ECANCELED);
	rt_waits_end(&waits);
	rt_goids_begin(&goids, &report);
	expect(goids.slots == NULL);
	gos_mutex_unlock(&locks[0]); /* by another: what was seen is no more */
	gos_test_until_num(1);
	expect(!rt_wait_lasts(&wait));
}

/* ---- none where there is none ---- */

enum { BUSY = 8, BUSY_LOCKS = 4 };
static int stop;
static uint64_t done_operations[BUSY];

/* Locks in order of address, so that there is never a deadlock; but who waits for whom changes all the time, and each holds several. */
static void lock_much(int me, uint64_t seed)
{
	uint64_t n = 0;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint64_t set = gos_test_random(&seed) % ((1 << BUSY_LOCKS) - 1) + 1;
		for (int i = 0; i < BUSY_LOCKS; i++)
			if (set & 1u << i)
				gos_mutex_lock(&locks[i]);
		if (gos_test_random(&seed) % 2 == 0)
			gos_yield();
		for (int i = 0; i < BUSY_LOCKS; i++)
			if (set & 1u << i)
				gos_mutex_unlock(&locks[i]);
		if (gos_test_random(&seed) % 4 == 0) {
			gos_rwmutex_lock(&rw);
			gos_rwmutex_unlock(&rw);
		} else {
			gos_rwmutex_rlock(&rw);
			gos_rwmutex_runlock(&rw);
		}
		__atomic_store_n(&done_operations[me], ++n, __ATOMIC_RELAXED);
	}
}

static uint64_t operations(void)
{
	uint64_t sum = 0;
	for (int i = 0; i < BUSY; i++)
		sum += __atomic_load_n(&done_operations[i], __ATOMIC_RELAXED);
	return sum;
}

/* Short lives: ids, records and stacks are used again while somebody looks. */
static void lock_once(int i)
{
	gos_mutex_lock(&locks[i]);
	gos_yield();
	gos_mutex_unlock(&locks[i]);
}

GOS_TEST_WITHIN(nothing_is_found_in_heavy_traffic, 120)
{
	uint64_t seed = gos_test_seed(), looks = 0, wanted = 2000000 / GOS_TEST_SLOW; /* rounds: each some five locks taken and released */
	for (int i = 0; i < BUSY; i++)
		go(lock_much, i, seed + (uint64_t)i);
	while (operations() < wanted || looks < 200) {
		for (int i = 0; i < 8; i++)
			go(lock_once, i % BUSY_LOCKS);
		expect_eq(gos_deadlocks(-1), 0);
		looks++;
		for (int i = 0; i < 100; i++)
			gos_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	gos_test_until_num(1);
	expect_eq(gos_deadlocks(-1), 0);
}

/* The same, with a circle among it all: it is found every time, and only it. */
GOS_TEST_WITHIN(a_circle_is_found_in_heavy_traffic, 120)
{
	uint64_t g[3], seed = gos_test_seed();
	circle(3, BUSY_LOCKS, g);
	for (int i = 0; i < BUSY; i++)
		go(lock_much, i, seed + (uint64_t)i);
	for (int looks = 0; looks < 200; looks++) {
		expect_eq(gos_deadlocks(-1), 1);
		gos_yield();
	}
}

/* ---- bad calls ---- */

GOS_TEST(bad_descriptors)
{
	int ends[2];
	expect_eq(gos_deadlocks(12345), -EBADF);
	expect_eq(pipe(ends), 0);
	expect_eq(gos_deadlocks(ends[0]), -EBADF); /* for reading only */
	expect_eq(gos_dump(ends[0], GOS_DUMP_STACKS), -EBADF);
	expect_eq(gos_dump(12345, GOS_DUMP_STACKS), -EBADF);
	expect_eq(gos_dump(2, 0), -EINVAL);
	expect_eq(gos_dump(2, 1u << 31), -EINVAL);
	expect_eq(gos_dump(-1, GOS_DUMP_STACKS), -EBADF);
	int full = open("/dev/full", O_WRONLY);
	expect(full >= 0);
	expect_eq(gos_dump(full, GOS_DUMP_STACKS), -ENOSPC);
	expect_eq(gos_dump(full, GOS_DUMP_ACCOUNTS), -ENOSPC);
	uint64_t g = go(lock_twice);
	gos_test_until_waiting(g, "sync.Mutex.Lock");
	expect_eq(gos_deadlocks(full), -ENOSPC);
	expect_eq(gos_deadlocks(-1), 1);
}

PLAIN_TEST(before_run_there_is_none)
{
	expect_eq(gos_deadlocks(-1), 0);
}

/* ---- reports that nobody asked for ---- */

/* GOSDEBUG=deadlock=1. stderr goes where it can be read; a second circle, which is told of after the first, shows that a look has passed since and has not told of it again. */
static void watched(void)
{
	uint64_t g[5];
	int out = dup(2), fd = memfd_create("stderr", 0);
	dup2(fd, 2);
	circle(2, 0, g);
	for (int round = 1; round <= 2; round++) {
		do {
			gos_sleep(10 * GOS_MS);
			ssize_t n = pread(fd, text, sizeof text - 1, 0);
			text[n > 0 ? n : 0] = 0;
		} while (times(text, "gossamer: deadlock: ") < round);
		if (round == 1)
			circle(3, 2, g + 2);
	}
	dup2(out, 2);
	fprintf(stderr, "%d and %d\n", times(text, "gossamer: deadlock: "), times(text, "which waits for mutex"));
	_exit(23);
}

static void all_asleep_in_a_circle(void)
{
	uint64_t g[3];
	gos_set_name("main");
	circle(3, 0, g);
	gos_mutex_lock(&locks[1]);
}

static void all_asleep_behind_a_channel(void)
{
	never = gos_chan_make(int, 0);
	gos_waitgroup_add(&ready, 2);
	gos_mutex_lock(&locks[1]);
	go(two_locks, "near", &locks[0], &locks[1]);
	gos_waitgroup_done(&ready);
	gos_test_until_n_waiting(1, "sync.Mutex.Lock");
	uint64_t far = gos_go_with((&(struct gos_go_options){.name = "far"}), want, &locks[0]);
	gos_test_until_waiting(far, "sync.Mutex.Lock");
	gos_chan_recv(never, NULL);
}

__attribute__((noinline)) static uint64_t make_one(const char *name, gos_mutex *first, gos_mutex *second)
{
	return go(two_locks, name, first, second);
}

/* All that is known of each: what it works for, since when it waits, where its lock was taken and by whom, who made it and what led to that. */
static void all_asleep_in_detail(void)
{
	gos_set_label("request", "r-881");
	gos_set_label("tenant", "7");
	gos_waitgroup_add(&ready, 2);
	uint64_t a = make_one("a", &locks[0], &locks[1]);
	uint64_t b = make_one("b", &locks[1], &locks[0]);
	gos_test_until_waiting(a, "sync.Mutex.Lock");
	gos_test_until_waiting(b, "sync.Mutex.Lock");
	gos_sleep(20 * GOS_MS);
	gos_select(NULL, 0);
}

static const struct gos_death deaths[] = {
	{"all_asleep_in_detail",
	 all_asleep_in_detail,
	 2,
	 {"all goroutines are asleep - deadlock!\n", "\": sync.Mutex.Lock on mutex 0x", " held by goroutine ", "\" for ", "; it has waited ", "s; request=r-881, tenant=7\n",
	  " [sync.Mutex.Lock, ", "\", mutex 0x", " held by goroutine ", "s, locked at two_locks (test_deadlocks.c:",
	  ", created by goroutine 1, called from all_asleep_in_detail (test_deadlocks.c:", ", request=r-881, tenant=7]:\n"}},
	{"all_asleep_in_sentences",
	 all_asleep_in_detail,
	 2,
	 {"created by make_one\n", "created by make_one\n", "\n\ngoroutine ", "\" has waited ", " in sync.Mutex.Lock at two_locks (test_deadlocks.c:", "\" has held for ",
	  ", locked at two_locks (test_deadlocks.c:", "; it is next in line; created by goroutine 1 at make_one (test_deadlocks.c:", "; request=r-881, tenant=7\n\tcalled from all_asleep_in_detail (test_deadlocks.c:",
	  "\ngoroutine 1 has waited ", " in select (no cases)"}},
	{"all_asleep_without_tracebacks",
	 all_asleep_in_detail,
	 2,
	 {"all goroutines are asleep - deadlock!\n", "\": sync.Mutex.Lock on mutex 0x", "; it has waited "},
	 "GOSTRACEBACK=none",
	 .never = "created by"},
	{"watched", watched, 23, {"2 and 3\n"}, "GOSDEBUG=deadlock=1"},
	{"all_asleep_in_a_circle",
	 all_asleep_in_a_circle,
	 2,
	 {"all goroutines are asleep - deadlock!\n", "goroutine 1 \"main\": sync.Mutex.Lock on mutex 0x", "\"c0\" waits for mutex 0x", "\"c1\", which waits for mutex 0x",
	  "\"c2\", which waits for mutex 0x", "\"c0\"\n", "goroutine 1 [sync.Mutex.Lock"}},
	{"all_asleep_behind_a_channel",
	 all_asleep_behind_a_channel,
	 2,
	 {"all goroutines are asleep - deadlock!\n", "\"far\" waits for mutex 0x",
	  "\"near\", which waits for mutex 0x", " held by goroutine 1, which waits in chan receive\n\n"},
	 .never = "gossamer: deadlock"},
};
GOS_DEATHS(deaths)
