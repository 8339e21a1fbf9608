/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/rwmutex.c: who excludes whom, that writers are not starved, and whose it is. Method: black box, but for readers and leaving. */
#include "gos_place.h"
#include "gos_test.h"

static gos_rwmutex rw;
static int32_t activity; /* readers inside, 10,000 for a writer */
static int stop;

#define now(field) __atomic_load_n(&rw.field, __ATOMIC_ACQUIRE) /* of one that others use */

static void expect_unlocked(void)
{
	expect_eq(rw.readers, 0);
	expect_eq(rw.leaving, 0);
	expect_eq(rw.owner, 0);
	expect_eq(rw.writers.state, 0);
	expect_eq(rw.writers.owner, 0);
	expect_eq(rw.writer_sema, 0);
	expect_eq(rw.reader_sema, 0);
}

/* ---- readers do not exclude each other ---- */

static void read_and_wait(gos_sema *inside, gos_sema *leave, gos_waitgroup *wg)
{
	gos_rwmutex_rlock(&rw);
	gos_sema_release(inside);
	gos_sema_acquire(leave);
	gos_rwmutex_runlock(&rw);
	gos_waitgroup_done(wg);
}

static void parallel_readers(int n, int procs)
{
	gos_sema inside = GOS_SEMA(0), leave = GOS_SEMA(0);
	gos_waitgroup wg = {0};
	int before = gos_procs(procs);

	gos_waitgroup_add(&wg, n);
	for (int i = 0; i < n; i++)
		go(read_and_wait, &inside, &leave, &wg);
	for (int i = 0; i < n; i++) /* they are in together, or this waits for ever */
		gos_sema_acquire(&inside);
	expect_eq(now(readers), n);
	expect_eq(now(owner), 0);
	for (int i = 0; i < n; i++)
		gos_sema_release(&leave);
	gos_waitgroup_wait(&wg);
	expect_unlocked();
	gos_procs(before);
}

GOS_TEST(rwmutex_readers_hold_it_together)
{
	parallel_readers(1, 4);
	parallel_readers(3, 4);
	parallel_readers(4, 2);
	parallel_readers(1000, 8);
}

/* ---- exclusion ---- */

static void hammer_read(int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		gos_rwmutex_rlock(&rw);
		int32_t now = __atomic_add_fetch(&activity, 1, __ATOMIC_SEQ_CST);
		expect(now >= 1 && now < 10000);
		expect_eq(rw.owner, 0);
		if (i % 3 == 0)
			gos_yield();
		__atomic_sub_fetch(&activity, 1, __ATOMIC_SEQ_CST);
		gos_rwmutex_runlock(&rw);
	}
	gos_waitgroup_done(wg);
}

static void hammer_write(int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		gos_rwmutex_lock(&rw);
		expect_eq(__atomic_add_fetch(&activity, 10000, __ATOMIC_SEQ_CST), 10000);
		expect_eq(rw.owner, gos_goid());
		if (i % 3 == 0)
			gos_yield();
		expect_eq(rw.owner, gos_goid());
		expect_eq(__atomic_sub_fetch(&activity, 10000, __ATOMIC_SEQ_CST), 0);
		gos_rwmutex_unlock(&rw);
	}
	gos_waitgroup_done(wg);
}

/* By trying, which may be refused: as many entries as there are tries that succeed. */
static void hammer_try(int n, gos_waitgroup *wg)
{
	while (n > 0) {
		if (gos_rwmutex_try_rlock(&rw)) {
			expect_lt(__atomic_add_fetch(&activity, 1, __ATOMIC_SEQ_CST), 10000);
			gos_yield();
			__atomic_sub_fetch(&activity, 1, __ATOMIC_SEQ_CST);
			gos_rwmutex_runlock(&rw);
			n--;
		}
		if (gos_rwmutex_try_lock(&rw)) {
			expect_eq(__atomic_add_fetch(&activity, 10000, __ATOMIC_SEQ_CST), 10000);
			expect_eq(rw.owner, gos_goid());
			gos_yield();
			expect_eq(__atomic_sub_fetch(&activity, 10000, __ATOMIC_SEQ_CST), 0);
			gos_rwmutex_unlock(&rw);
			n--;
		}
		gos_yield();
	}
	gos_waitgroup_done(wg);
}

static void hammer(int procs, int readers, int n)
{
	gos_waitgroup wg = {0};
	int before = gos_procs(procs);

	gos_waitgroup_add(&wg, readers + 2);
	go(hammer_write, n, &wg);
	for (int i = 0; i < readers / 2; i++)
		go(hammer_read, n, &wg);
	go(hammer_write, n, &wg);
	for (int i = readers / 2; i < readers; i++)
		go(hammer_read, n, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(activity, 0);
	expect_unlocked();
	gos_procs(before);
}

GOS_TEST_WITHIN(rwmutex_writers_exclude_all, 60)
{
	static const int procs[] = {1, 4, 10}, readers[] = {1, 3, 5, 10};
	for (size_t p = 0; p < sizeof procs / sizeof procs[0]; p++)
		for (size_t r = 0; r < sizeof readers / sizeof readers[0]; r++)
			hammer(procs[p], readers[r], 1000);
}

GOS_TEST_WITHIN(rwmutex_writers_exclude_all_of_many, 60)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 500);
	for (int i = 0; i < 100; i++) {
		for (int k = 0; k < 4; k++)
			go(hammer_read, 40, &wg);
		go(hammer_write, 40, &wg);
	}
	gos_waitgroup_wait(&wg);
	expect_unlocked();
}

GOS_TEST_WITHIN(rwmutex_tries_exclude_too, 60)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 9);
	for (int i = 0; i < 3; i++) {
		go(hammer_try, 500, &wg);
		go(hammer_read, 500, &wg);
		go(hammer_write, 500, &wg);
	}
	gos_waitgroup_wait(&wg);
	expect_unlocked();
}

/* ---- trying ---- */

GOS_TEST(rwmutex_try)
{
	gos_rwmutex_lock(&rw);
	expect(!gos_rwmutex_try_lock(&rw));
	expect(!gos_rwmutex_try_rlock(&rw));
	gos_rwmutex_unlock(&rw);

	expect(gos_rwmutex_try_lock(&rw));
	expect_eq(rw.owner, gos_goid());
	expect(!gos_rwmutex_try_lock(&rw));
	expect(!gos_rwmutex_try_rlock(&rw));
	gos_rwmutex_unlock(&rw);
	expect_eq(rw.owner, 0);

	expect(gos_rwmutex_try_rlock(&rw));
	expect(gos_rwmutex_try_rlock(&rw));
	expect(!gos_rwmutex_try_lock(&rw));
	expect_eq(rw.writers.state, 0); /* and leaves nothing behind */
	gos_rwmutex_runlock(&rw);
	expect(!gos_rwmutex_try_lock(&rw));
	gos_rwmutex_runlock(&rw);
	expect(gos_rwmutex_try_lock(&rw));
	gos_rwmutex_unlock(&rw);
	expect_unlocked();
}

/* ---- who waits for whom ---- */

static int entered[8], order;

static void write_once(int me, gos_waitgroup *wg)
{
	gos_rwmutex_lock(&rw);
	expect_eq(rw.owner, gos_goid());
	entered[me] = __atomic_add_fetch(&order, 1, __ATOMIC_SEQ_CST);
	gos_rwmutex_unlock(&rw);
	gos_waitgroup_done(wg);
}

static void read_once(int me, gos_waitgroup *wg)
{
	gos_rwmutex_rlock(&rw);
	entered[me] = __atomic_add_fetch(&order, 1, __ATOMIC_SEQ_CST);
	gos_rwmutex_runlock(&rw);
	gos_waitgroup_done(wg);
}

GOS_TEST(rwmutex_a_writer_that_waits_keeps_new_readers_off)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 2);
	gos_rwmutex_rlock(&rw);
	gos_rwmutex_rlock(&rw);
	gos_test_until_waiting(go(write_once, 0, &wg), "sync.RWMutex.Lock");
	expect_eq(now(owner), 0); /* waits, and does not have it */
	expect_eq(now(leaving), 2);
	expect(!gos_rwmutex_try_rlock(&rw));
	expect(!gos_rwmutex_try_lock(&rw));
	gos_test_until_waiting(go(read_once, 1, &wg), "sync.RWMutex.RLock");
	gos_rwmutex_runlock(&rw);
	expect_eq(now(leaving), 1);
	expect_eq(__atomic_load_n(&order, __ATOMIC_ACQUIRE), 0);
	gos_rwmutex_runlock(&rw);
	gos_waitgroup_wait(&wg);
	expect_eq(entered[0], 1);
	expect_eq(entered[1], 2);
	expect_unlocked();
}

GOS_TEST(rwmutex_readers_go_before_the_next_writer)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 8);
	gos_rwmutex_lock(&rw);
	gos_test_until_waiting(go(write_once, 0, &wg), "sync.RWMutex.Lock");
	for (int i = 1; i < 8; i++)
		gos_test_until_waiting(go(read_once, i, &wg), "sync.RWMutex.RLock");
	gos_rwmutex_unlock(&rw);
	gos_waitgroup_wait(&wg);
	expect_eq(entered[0], 8);
	expect_unlocked();
}

/* Readers of which one is always inside: the writer gets in between nevertheless. */
static void overlapping(gos_sema *mine, gos_sema *next, gos_waitgroup *wg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		gos_sema_acquire(mine); /* the other one is inside */
		gos_rwmutex_rlock(&rw);
		gos_sema_release(next);
		gos_yield();
		gos_rwmutex_runlock(&rw);
	}
	gos_sema_release(next);
	gos_waitgroup_done(wg);
}

GOS_TEST(rwmutex_a_stream_of_readers_does_not_starve_a_writer)
{
	gos_sema a = GOS_SEMA(1), b = GOS_SEMA(0);
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 2);
	go(overlapping, &a, &b, &wg);
	go(overlapping, &b, &a, &wg);
	for (int i = 0; i < 200; i++) {
		gos_rwmutex_lock(&rw);
		expect_eq(rw.owner, gos_goid());
		gos_rwmutex_unlock(&rw);
		gos_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	expect_unlocked();
}

/* Nor do writers starve a reader: each lets those in who waited for him. */
static void write_on_and_on(gos_waitgroup *wg)
{
	while (!__atomic_load_n(&stop, __ATOMIC_ACQUIRE)) {
		gos_rwmutex_lock(&rw);
		gos_yield();
		gos_rwmutex_unlock(&rw);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(rwmutex_writers_do_not_starve_a_reader)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		go(write_on_and_on, &wg);
	for (int i = 0; i < 200; i++) {
		gos_rwmutex_rlock(&rw);
		gos_rwmutex_runlock(&rw);
		gos_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	expect_unlocked();
}

static void unlock_it(gos_waitgroup *wg)
{
	gos_rwmutex_unlock(&rw);
	gos_waitgroup_done(wg);
}

static void runlock_it(gos_waitgroup *wg)
{
	gos_rwmutex_runlock(&rw);
	gos_waitgroup_done(wg);
}

GOS_TEST(rwmutex_may_be_unlocked_by_another)
{
	gos_waitgroup wg = {0};
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 2);
		gos_rwmutex_lock(&rw);
		go(unlock_it, &wg);
		gos_rwmutex_rlock(&rw);
		go(runlock_it, &wg);
		gos_rwmutex_lock(&rw);
		gos_waitgroup_wait(&wg);
		expect_eq(rw.owner, gos_goid());
		gos_rwmutex_unlock(&rw);
	}
	expect_unlocked();
}

/* ---- deaths ---- */

static void unlock_unlocked(void) { gos_rwmutex_unlock(&rw); }

static void unlock_rlocked(void)
{
	gos_rwmutex_rlock(&rw);
	gos_rwmutex_unlock(&rw);
}

static void unlock_twice(void)
{
	gos_rwmutex_lock(&rw);
	gos_rwmutex_unlock(&rw);
	gos_rwmutex_unlock(&rw);
}

/* Where the writer only waits, there is nothing to unlock yet. */
static void unlock_early(void)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	gos_rwmutex_rlock(&rw);
	gos_test_until_waiting(go(write_once, 0, &wg), "sync.RWMutex.Lock");
	gos_rwmutex_unlock(&rw);
}

static void runlock_unlocked(void) { gos_rwmutex_runlock(&rw); }

static void runlock_locked(void)
{
	gos_rwmutex_lock(&rw);
	gos_rwmutex_runlock(&rw);
}

static void runlock_twice(void)
{
	gos_rwmutex_rlock(&rw);
	gos_rwmutex_runlock(&rw);
	gos_rwmutex_runlock(&rw);
}

static void lock_twice(void)
{
	gos_rwmutex_lock(&rw);
	gos_rwmutex_lock(&rw);
}

static void rlock_locked(void)
{
	gos_rwmutex_lock(&rw);
	gos_rwmutex_rlock(&rw);
}

/* The second of them waits for the first writer's mutex: it is listed with the lock that the program knows. */
static void two_writers_behind_a_reader(void)
{
	static gos_waitgroup wg;
	gos_waitgroup_add(&wg, 2);
	gos_rwmutex_rlock(&rw);
	gos_test_until_waiting(go(write_once, 0, &wg), "sync.RWMutex.Lock");
	gos_test_until_waiting(go(write_once, 1, &wg), "sync.RWMutex.Lock");
	gos_rwmutex_rlock(&rw);
}

static const struct gos_death deaths[] = {
	{"unlock_unlocked", unlock_unlocked, 2, {"panic: unlock of unlocked rwmutex", "goroutine 1 [running]:", "gos_rwmutex_unlock", "unlock_unlocked"}},
	{"unlock_rlocked", unlock_rlocked, 2, {"panic: unlock of unlocked rwmutex"}},
	{"unlock_twice", unlock_twice, 2, {"panic: unlock of unlocked rwmutex"}},
	{"unlock_early", unlock_early, 2, {"panic: unlock of unlocked rwmutex", "goroutine 1 [running]:"}},
	{"runlock_unlocked", runlock_unlocked, 2, {"panic: read unlock of unlocked rwmutex", "goroutine 1 [running]:", "gos_rwmutex_runlock", "runlock_unlocked"}},
	{"runlock_locked", runlock_locked, 2, {"panic: read unlock of unlocked rwmutex"}},
	{"runlock_twice", runlock_twice, 2, {"panic: read unlock of unlocked rwmutex"}},
	{"lock_twice", lock_twice, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.RWMutex.Lock, ", "rwmutex 0x", "held by goroutine 1 for "}, .never = "sync.Mutex.Lock"},
	{"rlock_locked", rlock_locked, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.RWMutex.RLock, ", "rwmutex 0x", "held by goroutine 1 for "}},
	{"two_writers_behind_a_reader", two_writers_behind_a_reader, 2,
	 {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.RWMutex.RLock, ", "rwmutex 0x", "held by 1 reader that goroutine ", "goroutine 2 [sync.RWMutex.Lock, ", "rwmutex 0x", "held by 1 reader",
	  "goroutine 3 [sync.RWMutex.Lock, ", "rwmutex 0x", "held by 1 reader"}, .never = "sync.Mutex.Lock"},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

GOS_PLACE(write_here, (void), gos_rwmutex_lock(&rw))
GOS_PLACE(try_write_here, (void), expect(gos_rwmutex_try_lock(&rw)))
GOS_PLACE(read_here, (void), gos_rwmutex_rlock(&rw))
GOS_PLACE(try_read_here, (void), expect(gos_rwmutex_try_rlock(&rw)))

GOS_TEST(rwmutex_says_who_writes_where_and_since_when)
{
	int64_t start = gos_now();
	write_here();
	expect_eq(rw.owner, gos_goid());
	expect_eq(rw.writers.owner, gos_goid());
	expect(write_here_has(rw.writers.pc));
	expect(gos_at_since(rw.writers.since, start));
	expect_eq(rw.reader.at, 0);
	gos_rwmutex_unlock(&rw);
	expect_unlocked();
	try_write_here();
	expect_eq(rw.owner, gos_goid());
	expect(try_write_here_has(rw.writers.pc));
	gos_rwmutex_unlock(&rw);
	expect_unlocked();
}

GOS_TEST(rwmutex_says_who_read_last)
{
	int64_t start = gos_now(), first;
	read_here();
	expect_eq(rw.reader.goid, gos_goid());
	expect(read_here_has(rw.reader.pc));
	expect(gos_at_since(rw.reader.at, start));
	first = rw.reader.at;
	gos_sleep(100 * GOS_MS);
	try_read_here();
	expect_eq(rw.reader.goid, gos_goid());
	expect(try_read_here_has(rw.reader.pc));
	expect_gt(rw.reader.at, first);
	expect(!gos_rwmutex_try_lock(&rw));
	expect_eq(rw.owner, 0);
	expect(try_read_here_has(rw.reader.pc));
	gos_rwmutex_runlock(&rw);
	gos_rwmutex_runlock(&rw);
	expect_unlocked();
}

static int64_t left_at;
static int over;

static void write_after_readers(void)
{
	write_here();
	expect_eq(rw.owner, gos_goid());
	expect(write_here_has(rw.writers.pc));
	expect(gos_at_since(rw.writers.since, left_at)); /* since it has it */
	gos_rwmutex_unlock(&rw);
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
}

GOS_TEST(rwmutex_says_who_waits_for_readers_and_then_who_writes)
{
	read_here();
	uint64_t writer = go(write_after_readers);
	gos_test_until_waiting(writer, "sync.RWMutex.Lock");
	expect_eq(now(owner), 0);
	expect_eq(now(writers.owner), writer);
	expect(write_here_has(now(writers.pc)));
	gos_sleep(3 * GOS_S);
	left_at = gos_now();
	gos_rwmutex_runlock(&rw);
	gos_test_until(&over);
}

static void read_after_writer(void)
{
	read_here();
	expect_eq(rw.reader.goid, gos_goid());
	expect(read_here_has(rw.reader.pc));
	expect(gos_at_since(rw.reader.at, left_at));
	gos_rwmutex_runlock(&rw);
	__atomic_store_n(&over, 1, __ATOMIC_RELEASE);
}

GOS_TEST(rwmutex_says_nothing_of_a_reader_that_waits)
{
	write_here();
	uint64_t reader = go(read_after_writer);
	gos_test_until_waiting(reader, "sync.RWMutex.RLock");
	expect_eq(now(reader.at), 0);
	gos_sleep(3 * GOS_S);
	left_at = gos_now();
	gos_rwmutex_unlock(&rw);
	gos_test_until(&over);
}
