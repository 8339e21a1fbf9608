/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/cond.c: who is woken, in which order, and that no signal gets lost. Method: black box, but for the tickets and the workers. */
#include "gos_place.h"
#include "gos_test.h"
#include "state.h"

static gos_cond c;
static gos_mutex m;
static gos_rwmutex rw;
static int awake, turn_of[200];

static void expect_idle(void)
{
	expect_eq(c.wait, c.notify);
	expect(c.first == NULL && c.last == NULL);
	expect_eq(c.lock, 0);
}

static void one_worker(void)
{
	gos_procs(1);
	for (uint32_t id = 1; id < gos_runtime.pcount; id++) /* they see it one by one */
		while (__atomic_load_n(&gos_runtime.ps[id]->status, __ATOMIC_ACQUIRE) != GOS_P_RETIRED)
			gos_sleep(100 * GOS_US);
}

/* ---- signal ---- */

static void wait_once(int me, gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	gos_cond_wait(&c, &m);
	expect_eq(m.owner, gos_goid()); /* has the lock again */
	turn_of[me] = ++awake;
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

static int awake_now(void)
{
	gos_mutex_lock(&m);
	int n = awake;
	gos_mutex_unlock(&m);
	return n;
}

/* Each signal wakes one, the one that has waited longest. */
static void signal_in_turn(int n)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, n);
	for (int i = 0; i < n; i++)
		gos_test_until_waiting(go(wait_once, i, &wg), "sync.Cond.Wait");
	for (int i = 1; i <= n; i++) {
		expect_eq(awake_now(), i - 1);
		gos_mutex_lock(&m);
		gos_cond_signal(&c);
		gos_mutex_unlock(&m);
		gos_test_until_n_waiting((size_t)(n - i), "sync.Cond.Wait");
		while (awake_now() < i)
			gos_yield();
		expect_eq(awake, i);
	}
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < n; i++)
		expect_eq(turn_of[i], i + 1);
	gos_cond_signal(&c); /* for nobody */
	expect_idle();
}

GOS_TEST(cond_signal_wakes_the_one_that_has_waited_longest) { signal_in_turn(100); }

GOS_TEST(cond_tickets_may_wrap_around)
{
	c.wait = c.notify = UINT32_MAX - 7;
	signal_in_turn(20);
	expect_eq(c.wait, 12);
}

GOS_TEST(cond_signal_for_nobody_is_not_kept)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	gos_cond_signal(&c);
	gos_cond_broadcast(&c);
	gos_test_until_waiting(go(wait_once, 0, &wg), "sync.Cond.Wait");
	expect_eq(awake_now(), 0);
	gos_cond_signal(&c);
	gos_waitgroup_wait(&wg);
	expect_idle();
}

/* Goroutines that come while others are being woken do not take their places: Go's TestCondSignalGenerations. */
static int generation[100], generations;

static void wait_in_generation(int me, gos_sema *running, gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	gos_sema_release(running);
	gos_cond_wait(&c, &m);
	generation[generations] = me;
	__atomic_store_n(&generations, generations + 1, __ATOMIC_RELEASE);
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST(cond_those_who_come_later_do_not_take_a_signal)
{
	gos_sema running = GOS_SEMA(0);
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++) {
		go(wait_in_generation, i, &running, &wg);
		if (i > 0) {
			while (__atomic_load_n(&generations, __ATOMIC_ACQUIRE) < i)
				gos_yield();
			expect_eq(generation[i - 1], i - 1);
		}
		gos_sema_acquire(&running);
		gos_mutex_lock(&m);
		gos_cond_signal(&c);
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < 100; i++)
		expect_eq(generation[i], i);
	expect_idle();
}

/* ---- broadcast ---- */

static int rounds_left, exits;

static void wait_for_rounds(int me, gos_sema *running, gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	while (rounds_left > 0) {
		gos_sema_release(running);
		gos_cond_wait(&c, &m);
		turn_of[me]++;
	}
	exits++;
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST(cond_broadcast_wakes_all)
{
	enum { N = 200, ROUNDS = 10 };
	gos_sema running = GOS_SEMA(0);
	gos_waitgroup wg = {0};
	rounds_left = ROUNDS;
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++)
		go(wait_for_rounds, i, &running, &wg);
	for (int round = 1; round <= ROUNDS; round++) {
		for (int i = 0; i < N; i++)
			gos_sema_acquire(&running);
		expect_eq(exits, 0);
		gos_mutex_lock(&m); /* so all have drawn their tickets */
		for (int i = 0; i < N; i++)
			expect_eq(turn_of[i], round - 1);
		if (round == ROUNDS)
			rounds_left = 0;
		gos_cond_broadcast(&c);
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_wait(&wg);
	expect_eq(exits, N);
	for (int i = 0; i < N; i++)
		expect_eq(turn_of[i], ROUNDS);
	gos_cond_broadcast(&c);
	expect_idle();
}

GOS_TEST(cond_broadcast_lets_go_first_who_came_first)
{
	gos_waitgroup wg = {0};
	one_worker(); /* with more, two that are awake may come to the lock in any order */
	gos_waitgroup_add(&wg, 20);
	for (int i = 0; i < 20; i++)
		gos_test_until_waiting(go(wait_once, i, &wg), "sync.Cond.Wait");
	gos_mutex_lock(&m);
	gos_cond_broadcast(&c);
	gos_test_until_n_waiting(20, "sync.Mutex.Lock");
	gos_mutex_unlock(&m);
	gos_waitgroup_wait(&wg);
	int inversions = 0;
	for (int i = 0; i < 20; i++)
		for (int k = 0; k < i; k++)
			inversions += turn_of[k] > turn_of[i];
	expect_le(inversions, 40); /* of 190. The scheduler's turns may let a few go out of turn */
	expect_idle();
}

/* ---- between ticket and parking ---- */

/* The signal is given the moment the lock is free: the waiter may have its ticket and not be parked yet. */
static int phase;

static void ping(int me, int n, gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	for (int i = 0; i < n; i++) {
		while (phase != me)
			gos_cond_wait(&c, &m);
		phase = 1 - me;
		gos_cond_signal(&c);
	}
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(cond_no_signal_is_lost_between_two, 60)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 2);
	go(ping, 0, 30000, &wg);
	go(ping, 1, 30000, &wg);
	gos_waitgroup_wait(&wg);
	expect_idle();
}

/*
 * That moment for sure: a mutex whose waiter starves is handed over, and the processor with it, within the unlock that gos_cond_wait makes after it has
 * drawn its ticket. So who gets the mutex signals before the other one parks.
 */
enum { STARVING = 4 }; /* of m.state: rt/mutex.c */

static void signal_once_locked(bool all, gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	if (c.first == NULL)
		phase++;
	if (all)
		gos_cond_broadcast(&c);
	else
		gos_cond_signal(&c);
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST(cond_signal_between_ticket_and_parking_is_not_lost)
{
	enum { TIMES = 200 };
	one_worker();
	for (int i = 0; i < TIMES; i++) {
		gos_waitgroup wg = {0};
		gos_waitgroup_add(&wg, 1);
		gos_mutex_lock(&m);
		gos_test_until_waiting(go(signal_once_locked, i % 2 == 0, &wg), "sync.Mutex.Lock");
		__atomic_or_fetch(&m.state, STARVING, __ATOMIC_SEQ_CST); /* as one does that has waited for too long */
		gos_cond_wait(&c, &m);
		gos_mutex_unlock(&m);
		gos_waitgroup_wait(&wg);
		expect_idle();
	}
	expect_gt(phase, TIMES / 2); /* nobody had parked yet; now and then the scheduler lets him do so */
}

/* A queue of at most 4 with several at both ends; each item is taken once, each waiter woken by a signal for him. */
static int queued, taken;
static gos_cond not_empty, not_full;

static void produce(int n, gos_waitgroup *wg)
{
	while (n-- > 0) {
		gos_mutex_lock(&m);
		while (queued == 4)
			gos_cond_wait(&not_full, &m);
		queued++;
		gos_mutex_unlock(&m);
		gos_cond_signal(&not_empty); /* without the lock, which is allowed */
	}
	gos_waitgroup_done(wg);
}

static void consume(int n, gos_waitgroup *wg)
{
	while (n-- > 0) {
		gos_mutex_lock(&m);
		while (queued == 0)
			gos_cond_wait(&not_empty, &m);
		expect(queued > 0 && queued <= 4);
		queued--;
		taken++;
		gos_mutex_unlock(&m);
		gos_cond_signal(&not_full);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(cond_no_signal_is_lost_among_many, 60)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 40);
	for (int i = 0; i < 20; i++) {
		go(produce, 1000, &wg);
		go(consume, 1000, &wg);
	}
	gos_waitgroup_wait(&wg);
	expect_eq(taken, 20 * 1000);
	expect_eq(queued, 0);
}

/* Go's TestRace: three that depend on each other's signals. */
static int x;

static void first(gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	x = 1;
	gos_cond_wait(&c, &m);
	expect_eq(x, 2);
	x = 3;
	gos_cond_signal(&c);
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

static void second(gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	for (;;) {
		if (x == 1) {
			x = 2;
			gos_cond_signal(&c);
			break;
		}
		gos_mutex_unlock(&m);
		gos_yield();
		gos_mutex_lock(&m);
	}
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

static void third(gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	for (;;) {
		if (x == 2) {
			gos_cond_wait(&c, &m);
			expect_eq(x, 3);
			break;
		}
		if (x == 3)
			break;
		gos_mutex_unlock(&m);
		gos_yield();
		gos_mutex_lock(&m);
	}
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST(cond_three_in_a_ring)
{
	for (int i = 0; i < 500; i++) {
		gos_waitgroup wg = {0};
		x = 0;
		gos_waitgroup_add(&wg, 3);
		go(first, &wg);
		go(second, &wg);
		go(third, &wg);
		gos_waitgroup_wait(&wg);
		expect_idle();
	}
}

/* Go's TestCondSignalStealing: the signal is for the one who waits, not for one who comes after it. */
static int condition;

static void wait_simply(gos_sema *locked, gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	gos_sema_release(locked);
	gos_cond_wait(&c, &m);
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

static void broadcast_soon(gos_waitgroup *wg)
{
	gos_yield();
	gos_mutex_lock(&m);
	condition = 1;
	gos_mutex_unlock(&m);
	gos_cond_broadcast(&c);
	gos_waitgroup_done(wg);
}

static void come_late(gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	while (!condition)
		gos_cond_wait(&c, &m);
	gos_mutex_unlock(&m);
	gos_waitgroup_done(wg);
}

GOS_TEST(cond_a_signal_is_not_stolen)
{
	for (int i = 0; i < 1000; i++) {
		gos_waitgroup woken = {0}, others = {0};
		gos_sema locked = GOS_SEMA(0);
		condition = 0;
		gos_waitgroup_add(&woken, 1);
		gos_waitgroup_add(&others, 2);
		go(wait_simply, &locked, &woken);
		gos_sema_acquire(&locked);
		gos_mutex_lock(&m); /* he has drawn his ticket */
		gos_mutex_unlock(&m);
		go(come_late, &others);
		gos_cond_signal(&c);
		gos_waitgroup_wait(&woken); /* without the broadcast */
		go(broadcast_soon, &others);
		gos_waitgroup_wait(&others);
		expect_idle();
	}
}

/* ---- with a reader-writer lock ---- */

static int published;

static void wait_published(gos_waitgroup *wg)
{
	gos_rwmutex_lock(&rw);
	while (!published) {
		gos_cond_wait_rw(&c, &rw);
		expect_eq(rw.owner, gos_goid());
	}
	gos_rwmutex_unlock(&rw);
	gos_waitgroup_done(wg);
}

GOS_TEST(cond_wait_gives_a_reader_writer_lock_back)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(wait_published, &wg);
	gos_test_until_n_waiting(50, "sync.Cond.Wait");
	expect(gos_rwmutex_try_rlock(&rw));
	gos_rwmutex_runlock(&rw);
	gos_rwmutex_lock(&rw);
	published = 1;
	gos_cond_broadcast(&c);
	gos_rwmutex_unlock(&rw);
	gos_waitgroup_wait(&wg);
	expect_eq(rw.readers, 0);
	expect_eq(rw.owner, 0);
	expect_idle();
}

/* ---- deaths ---- */

static void wait_unlocked(void) { gos_cond_wait(&c, &m); }
static void wait_unlocked_rw(void) { gos_cond_wait_rw(&c, &rw); }

static void wait_rlocked(void)
{
	gos_rwmutex_rlock(&rw);
	gos_cond_wait_rw(&c, &rw);
}

static void never_signalled(void)
{
	gos_mutex_lock(&m);
	gos_cond_wait(&c, &m);
}

static void signal_and_keep(gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	gos_cond_signal(&c);
	gos_waitgroup_wait(wg);
}

/* Signalled, but without its mutex: it waits for that. */
static void never_unlocked(void)
{
	static gos_waitgroup wg;
	gos_waitgroup_add(&wg, 1);
	gos_mutex_lock(&m);
	go(signal_and_keep, &wg);
	gos_cond_wait(&c, &m);
}

static const struct gos_death deaths[] = {
	{"wait_unlocked", wait_unlocked, 2, {"panic: unlock of unlocked mutex", "goroutine 1 [running]:", "gos_cond_wait", "wait_unlocked"}},
	{"wait_unlocked_rw", wait_unlocked_rw, 2, {"panic: unlock of unlocked rwmutex", "gos_cond_wait_rw", "wait_unlocked_rw"}},
	{"wait_rlocked", wait_rlocked, 2, {"panic: unlock of unlocked rwmutex"}},
	{"never_signalled", never_signalled, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.Cond.Wait, ", "cond 0x", "gos_cond_wait", "never_signalled"}},
	{"never_unlocked", never_unlocked, 2, {"all goroutines are asleep - deadlock!", "goroutine 1 [sync.Mutex.Lock, ", "mutex 0x", "held by goroutine 2 for ", "gos_cond_wait", "never_unlocked"}},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

GOS_PLACE(signal_here, (void), gos_cond_signal(&c))
GOS_PLACE(broadcast_here, (void), gos_cond_broadcast(&c))
GOS_PLACE(wait_here, (void), gos_cond_wait(&c, &m))
GOS_PLACE(wait_rw_here, (void), gos_cond_wait_rw(&c, &rw))

GOS_TEST(cond_says_who_called_though_nobody_waited)
{
	int64_t start = gos_now(), first;
	expect_eq(c.called.at, 0);
	signal_here();
	expect_eq(c.called.goid, gos_goid());
	expect(signal_here_has(c.called.pc));
	expect(gos_at_since(c.called.at, start));
	first = c.called.at;
	gos_sleep(100 * GOS_MS);
	broadcast_here();
	expect(broadcast_here_has(c.called.pc));
	expect_gt(c.called.at, first);
	expect_idle();
}

static void wait_and_look(gos_waitgroup *wg)
{
	gos_mutex_lock(&m);
	wait_here();
	expect_eq(m.owner, gos_goid()); /* it has it by the wait */
	expect(wait_here_has(m.pc));
	gos_mutex_unlock(&m);
	gos_rwmutex_lock(&rw);
	awake = 1;
	wait_rw_here();
	expect_eq(rw.owner, gos_goid());
	expect(wait_rw_here_has(rw.writers.pc));
	gos_rwmutex_unlock(&rw);
	gos_waitgroup_done(wg);
}

GOS_TEST(cond_says_who_called_who_waited)
{
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, 1);
	uint64_t waiter = go(wait_and_look, &wg);
	gos_test_until_waiting(waiter, "sync.Cond.Wait");
	expect_eq(__atomic_load_n(&c.called.at, __ATOMIC_RELAXED), 0);
	gos_mutex_lock(&m);
	signal_here();
	gos_mutex_unlock(&m);
	expect_eq(c.called.goid, gos_goid());
	expect(signal_here_has(c.called.pc));
	for (bool waits = false; !waits; gos_yield()) { /* its ticket is drawn under the lock */
		gos_rwmutex_lock(&rw);
		waits = awake;
		gos_rwmutex_unlock(&rw);
	}
	broadcast_here();
	expect_eq(c.called.goid, gos_goid());
	expect(broadcast_here_has(c.called.pc));
	gos_waitgroup_wait(&wg);
}
