/* SPDX-License-Identifier: MIT */
/*
 * Goal: what goroutines have done with their time is told as it was, rt/times.c. Method: what is told is held against the exact clock, read by those concerned
 * just before and after. They may be held up between such a reading and what it stands for, so what is true lies between two bounds; where nobody is held up,
 * these are less than a millisecond apart.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "gos_test.h"
#include "state.h"

#define RIGHT (1 * GOS_MS) /* how exact the ends of long spans are */

static struct gos_times times_of(uint64_t goid)
{
	struct gos_times t;
	memset(&t, 0xff, sizeof t);
	expect_eq(gos_times(goid, &t), 0);
	expect_eq(t.goid, goid);
	return t;
}

static int64_t sum(const struct gos_times *t)
{
	return t->running + t->runnable + t->in_calls + t->waiting;
}

static int64_t waited_for(const struct gos_times *t, const char *reason)
{
	for (unsigned i = 0; gos_wait_reason(i) != NULL; i++)
		if (strcmp(gos_wait_reason(i), reason) == 0)
			return t->waiting_for[i];
	gos_test_failed(__FILE__, __LINE__, reason, NULL, 0, 0);
}

static void check_sums(const struct gos_times *t)
{
	int64_t all = 0;
	for (unsigned i = 0; i < GOS_TIMES_REASONS; i++) {
		expect_ge(t->waiting_for[i], 0);
		all += t->waiting_for[i];
	}
	expect_eq(all, t->waiting);
	expect_ge(t->running, 0);
	expect_ge(t->runnable, 0);
	expect_ge(t->in_calls, 0);
	for (size_t i = 0; i < sizeof t->reserved / sizeof t->reserved[0]; i++)
		expect_eq(t->reserved[i], 0);
}

static void compute_for(int64_t ns)
{
	for (int64_t until = gos_now() + ns; gos_now() < until;)
		;
}

/* ---- who can be asked about ---- */

PLAIN_TEST(nobody_before_run)
{
	struct gos_times t;
	expect_eq(gos_times(1, &t), -ESRCH);
}

static void end(void)
{
}

GOS_TEST(nobody_of_that_name)
{
	struct gos_times t;
	expect_eq(gos_times(0, &t), -ESRCH);
	expect_eq(gos_times(UINT64_MAX, &t), -ESRCH);
	expect_eq(gos_times(1u << 20, &t), -ESRCH);
	go(end);
	uint64_t ended = gos_go_last();
	gos_test_until_num(1);
	expect_eq(gos_times(ended, &t), -ESRCH);
}

static void *ask(void *arg)
{
	struct gos_times t = times_of(*(uint64_t *)arg);
	expect_eq(sum(&t), t.as_of - t.made);
	return NULL;
}

GOS_TEST(any_thread_may_ask)
{
	pthread_t thread;
	uint64_t goid = gos_goid();
	expect_eq(pthread_create(&thread, NULL, ask, &goid), 0);
	pthread_join(thread, NULL);
}

GOS_TEST(reasons_have_their_words)
{
	unsigned n = 0;
#define GOS_REASON(symbol, number, word, object) expect(strcmp(gos_wait_reason(number), word) == 0), n++;
#include "abi/states.def"
	expect(gos_wait_reason(n) == NULL);
	expect(gos_wait_reason(UINT32_MAX) == NULL);
	expect_le(n, GOS_TIMES_REASONS);
}

/* ---- a life, exactly ---- */

static int over; /* Sync: atomic */

static bool is_over(void)
{
	return __atomic_load_n(&over, __ATOMIC_RELAXED) != 0;
}

static void set_over(int value)
{
	__atomic_store_n(&over, value, __ATOMIC_RELAXED);
}

static gos_chan *there, *back;

static void pong(void)
{
	char byte;
	while (gos_chan_recv(there, &byte))
		gos_chan_send(back, &byte);
}

static void ping(void)
{
	char byte = 0;
	while (!is_over()) {
		gos_chan_send(there, &byte);
		gos_chan_recv(back, &byte);
	}
	gos_chan_close(there);
}

static void sleeper(void)
{
	while (!is_over())
		gos_sleep(3 * GOS_MS);
}

static void yielder(void)
{
	while (!is_over())
		gos_yield();
}

static void blocker(void)
{
	while (!is_over()) {
		gos_blocking_begin();
		usleep(2000);
		gos_blocking_end();
	}
}

static void worker(void)
{
	while (!is_over()) {
		compute_for(700000);
		gos_checkpoint();
		gos_sleep(GOS_MS);
	}
}

static void child(gos_waitgroup *wg, int64_t ns)
{
	compute_for(ns);
	gos_waitgroup_done(wg);
}

static void parent(void)
{
	static gos_waitgroup wg;
	while (!is_over()) {
		gos_waitgroup_add(&wg, 2);
		go(child, &wg, 100000);
		go(child, &wg, 300000);
		gos_waitgroup_wait(&wg);
	}
}

static uint64_t zoo[64];
static int zoo_size;

static void zoo_open(void)
{
	static void (*const kinds[])(void) = {pong, ping, sleeper, yielder, blocker, worker, parent, sleeper};
	there = gos_chan_make(char, 0);
	back = gos_chan_make(char, 0);
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		go(kinds[i]);
		zoo[zoo_size++] = gos_go_last();
	}
}

static void zoo_close(void)
{
	set_over(1);
	gos_test_until_num(1);
}

/* Whatever they do, and in the middle of doing it: nothing is counted twice and nothing is left out. */
GOS_TEST(times_are_the_life_whoever_is_asked_whenever)
{
	struct gos_times last[64] = {0};
	int64_t begin = gos_now();
	zoo_open();
	int64_t made = gos_now();
	while (gos_now() - made < 500 * GOS_MS) {
		for (int i = 0; i < zoo_size; i++) {
			int64_t before = gos_now();
			struct gos_times t = times_of(zoo[i]);
			expect_ge(t.as_of, before - 1);
			expect_le(t.as_of, gos_now());
			check_sums(&t);
			expect_eq(sum(&t), t.as_of - t.made);
			expect_ge(t.made, begin - RIGHT);
			expect_le(t.made, made);
			expect_ge(t.runs, last[i].runs);
			expect_ge(sum(&t), sum(&last[i]));
			last[i] = t;
		}
		gos_sleep(GOS_MS / 4);
	}
	zoo_close();
}

static void lives_for(int64_t ns)
{
	gos_sleep(ns);
}

/* The G that somebody leaves is taken by who comes next. */
GOS_TEST(a_new_life_begins_with_nothing)
{
	gos_procs(1);
	for (int i = 0; i < 20; i++) {
		go(lives_for, 2 * GOS_MS);
		gos_test_until_num(1);
		int64_t before = gos_now();
		go(yielder);
		struct gos_times t = times_of(gos_go_last());
		expect_eq(t.waiting, 0);
		expect_eq(t.in_calls, 0);
		expect_eq(t.running, 0);
		expect_eq(t.runs, 0);
		expect_eq(t.runnable, t.as_of - t.made);
		expect_ge(t.made, before - RIGHT);
		set_over(1);
		gos_test_until_num(1);
		set_over(0);
	}
}

static void wait_in_a_channel(gos_chan *c)
{
	char byte;
	while (gos_chan_recv(c, &byte))
		;
}

/* No goroutine has ended, and only this one runs: what all of them tell is what the Ps have counted. */
GOS_TEST(runs_are_switches)
{
	gos_chan *c = gos_chan_make(char, 0);
	uint64_t waiters[50];
	for (int i = 0; i < 50; i++) {
		go(wait_in_a_channel, c);
		waiters[i] = gos_go_last();
	}
	for (int i = 0; i < 5000; i++)
		gos_chan_send(c, "");
	gos_test_until_n_waiting(50, "chan receive");
	struct gos_stats s;
	gos_stats(&s);
	uint64_t runs = times_of(1).runs;
	for (int i = 0; i < 50; i++) {
		struct gos_times t = times_of(waiters[i]);
		expect_ge(t.runs, 1);
		runs += t.runs;
	}
	expect_eq(runs, s.switches);
	expect_eq(s.times.runs, s.switches);
}

/* ---- what it was spent on ---- */

/* A wait that is told must be one that can have been: it began between these readings of the clock, and ended between those. */
struct wait {
	int64_t called, seen, waking, woken;
};

static void check_wait(const char *what, int64_t told, const struct wait *w)
{
	if (told >= w->waking - w->seen - RIGHT && told <= w->woken - w->called + RIGHT)
		return;
	gos_test_failed(__FILE__, __LINE__, what, "is not a wait that ended after", told, w->waking - w->seen);
}

static struct wait wait_now;
static gos_chan *gate, *full;
static gos_mutex mutex;
static gos_rwmutex rw;
static gos_sema sema;
static gos_cond cond;
static gos_waitgroup group;
static int ends[2];

static void called(void)
{
	__atomic_store_n(&wait_now.called, gos_now(), __ATOMIC_RELAXED);
}

static void w_recv(void) { char b; called(); gos_chan_recv(gate, &b); }
static void r_recv(void) { gos_chan_send(gate, ""); }
static void w_send(void) { called(); gos_chan_send(gate, ""); }
static void r_send(void) { char b; gos_chan_recv(gate, &b); }
static void w_select(void) { char b; struct gos_case cases[] = {GOS_RECV(gate, &b), GOS_RECV(full, &b)}; called(); gos_select(cases, 2); }
static void w_mutex(void) { called(); gos_mutex_lock(&mutex); gos_mutex_unlock(&mutex); }
static void r_mutex(void) { gos_mutex_unlock(&mutex); }
static void w_rlock(void) { called(); gos_rwmutex_rlock(&rw); gos_rwmutex_runlock(&rw); }
static void r_rlock(void) { gos_rwmutex_unlock(&rw); }
static void w_sema(void) { called(); gos_sema_acquire(&sema); }
static void r_sema(void) { gos_sema_release(&sema); }
static void w_cond(void) { gos_mutex_lock(&mutex); called(); gos_cond_wait(&cond, &mutex); gos_mutex_unlock(&mutex); }
static void r_cond(void) { gos_cond_signal(&cond); }
static void w_group(void) { called(); gos_waitgroup_wait(&group); }
static void r_group(void) { gos_waitgroup_done(&group); }
static void w_read(void) { char b; called(); expect_eq(gos_read(ends[0], &b, 1), 1); }
static void r_read(void) { expect_eq(write(ends[1], "", 1), 1); }

static const struct kind {
	const char *reason;
	void (*wait)(void), (*wake)(void);
} kinds[] = {
	{"chan receive", w_recv, r_recv}, {"chan send", w_send, r_send}, {"select", w_select, r_recv}, {"sync.Mutex.Lock", w_mutex, r_mutex},
	{"sync.RWMutex.RLock", w_rlock, r_rlock}, {"semacquire", w_sema, r_sema}, {"sync.Cond.Wait", w_cond, r_cond},
	{"sync.WaitGroup.Wait", w_group, r_group}, {"IO wait", w_read, r_read},
};

static void wait_one(const struct kind *kind, int64_t compute)
{
	if (compute != 0)
		compute_for(compute);
	kind->wait();
	gos_chan_recv(full, NULL); /* be there to be asked */
}

/* goid parks for kind's reason, and is left there for some time. */
static void watch_wait(const struct kind *kind, uint64_t goid)
{
	gos_test_until_waiting(goid, kind->reason);
	wait_now.seen = gos_now();
	gos_sleep(25 * GOS_MS);
	struct gos_times t = times_of(goid);
	struct wait until_now = wait_now;
	until_now.waking = until_now.woken = t.as_of;
	check_wait(kind->reason, waited_for(&t, kind->reason), &until_now); /* while it still waits */
	expect_eq(waited_for(&t, kind->reason), t.waiting);
	if (kind->wait == w_read)
		compute_for(20 * GOS_MS); /* nobody moves the clock, but sysmon */
	wait_now.waking = gos_now();
	kind->wake();
}

/* Until goid waits in `full`: it has been woken, and what it woke for is over. */
static struct gos_times watch_end(uint64_t goid)
{
	gos_test_until_waiting(goid, "chan receive");
	return times_of(goid);
}

static void prepare(void)
{
	gate = gos_chan_make(char, 0);
	full = gos_chan_make(char, 0);
	expect_eq(pipe(ends), 0);
	gos_rwmutex_lock(&rw);
	gos_waitgroup_add(&group, 1);
}

/* Each kind of waiting place tells how long, while it lasts and when it is over. */
GOS_TEST_WITHIN(each_wait_is_told_for_what_it_was, 60)
{
	prepare();
	for (size_t i = 0; i < sizeof kinds / sizeof kinds[0]; i++) {
		const struct kind *kind = &kinds[i];
		if (kind->wait == w_mutex)
			gos_mutex_lock(&mutex);
		wait_now = (struct wait){0};
		go(wait_one, kind, (int64_t)0);
		uint64_t goid = gos_go_last();
		watch_wait(kind, goid);
		wait_now.woken = gos_now();
		if (strcmp(kind->reason, "chan receive") == 0)
			continue; /* what comes after it has the same reason */
		struct gos_times t = watch_end(goid);
		/* From the wake to the run it stands in line: that is not waiting. For IO the wake comes when somebody looks. */
		if (kind->wait != w_read)
			check_wait(kind->reason, waited_for(&t, kind->reason), &wait_now);
		expect_ge(waited_for(&t, kind->reason), wait_now.waking - wait_now.seen - RIGHT);
		expect_eq(waited_for(&t, kind->reason) + waited_for(&t, "chan receive"), t.waiting);
	}
}

/* The moment that matters: somebody computes for long, so that nobody looks at the clock, and then parks. However late the system lets sysmon be. */
GOS_TEST_WITHIN(a_wait_begins_when_its_goroutine_has_computed, 60)
{
	prepare();
	for (int i = 0; i < 12; i++) {
		const struct kind *kind = &kinds[i % 2];
		gos_sleep(30 * GOS_MS); /* all rest, and sysmon too */
		wait_now = (struct wait){0};
		go(wait_one, kind, (3 + i) * GOS_MS);
		uint64_t goid = gos_go_last();
		gos_sleep(50 * GOS_MS);
		watch_wait(kind, goid);
		wait_now.woken = gos_now();
	}
}

static void computes_and_waits(void)
{
	char byte;
	do
		compute_for(2 * GOS_MS);
	while (gos_chan_recv(gate, &byte));
}

static struct gos_g *record_of(uint64_t goid)
{
	for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
		struct gos_g *gp = &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
		if (gp->goid == goid)
			return gp;
	}
	gos_test_failed(__FILE__, __LINE__, "its record", NULL, 0, 0);
}

/* Who has run for long looks at the clock when it stops the next time, also on a P that has no time for that: others switch there all the while. */
GOS_TEST(who_has_computed_is_expected_to_do_so_again)
{
	gate = gos_chan_make(char, 0);
	gos_procs(1);
	gos_yield();
	go(yielder);
	go(yielder);
	go(computes_and_waits);
	uint64_t goid = gos_go_last();
	const struct gos_p *pp = gos_runtime.ps[0];
	int64_t running = 0;
	for (int i = 0, seen = 0; i < 50 && seen < 5; i++) {
		bool often = __atomic_load_n(&pp->seldom, __ATOMIC_RELAXED) == 0;
		gos_test_until_waiting(goid, "chan receive");
		struct gos_times t = times_of(goid);
		if (often && __atomic_load_n(&pp->seldom, __ATOMIC_RELAXED) == 0 && t.running - running >= GOS_MS) { /* the runtime has seen it, too */
			expect_eq(__atomic_load_n(&record_of(goid)->wait_since, __ATOMIC_RELAXED) & 1, 1);
			seen++;
		}
		running = t.running;
		for (int64_t until = gos_now() + GOS_MS; gos_now() < until;)
			gos_yield();
		gos_chan_send(gate, "");
	}
	set_over(1);
}

static void sleep_once(struct wait *w)
{
	compute_for(3 * GOS_MS);
	struct gos_times before = times_of(gos_goid());
	w->called = gos_now();
	gos_sleep(40 * GOS_MS);
	w->woken = gos_now();
	struct gos_times t = times_of(gos_goid());
	expect_le(waited_for(&t, "sleep"), w->woken - w->called + RIGHT);
	/* The system may hold the thread up when it has been said until when, but it does not wait yet. */
	expect_ge(waited_for(&t, "sleep") + t.running - before.running, 40 * GOS_MS - RIGHT);
	expect_ge(t.running, 3 * GOS_MS - RIGHT);
}

GOS_TEST(sleepers)
{
	struct wait w[20] = {0};
	for (int i = 0; i < 20; i++)
		go(sleep_once, &w[i]);
	gos_test_until_num(1);
}

GOS_TEST(blocking_sections)
{
	for (int i = 0; i < 10; i++) {
		struct gos_times before = times_of(gos_goid());
		int64_t outside = gos_now();
		gos_blocking_begin();
		int64_t inside = gos_now();
		usleep(20000);
		struct gos_times t = times_of(gos_goid());
		expect_ge(t.in_calls - before.in_calls, t.as_of - inside - RIGHT);
		expect_le(t.in_calls - before.in_calls, t.as_of - outside + RIGHT);
		int64_t end = gos_now();
		gos_blocking_end();
		int64_t after = gos_now();
		t = times_of(gos_goid());
		expect_ge(t.in_calls - before.in_calls, end - inside - RIGHT);
		expect_le(t.in_calls - before.in_calls, after - outside + RIGHT);
		expect_eq(sum(&t), t.as_of - t.made);
	}
}

/* ---- all of them together ---- */

static int64_t cpu(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return t.tv_sec * GOS_S + t.tv_nsec;
}

static struct gos_stats stats(void)
{
	struct gos_stats s;
	gos_stats(&s);
	check_sums(&s.times);
	return s;
}

static void computes(void)
{
	while (!is_over())
		gos_checkpoint();
}

/* n lives for T seconds are n T seconds, to within 2 %, whatever they did. */
GOS_TEST_WITHIN(totals_are_the_lives, 60)
{
	set_over(0);
	zoo_open();
	for (int i = 0; i < 3; i++) {
		struct gos_stats a = stats();
		gos_sleep(400 * GOS_MS);
		struct gos_stats b = stats();
		/* `parent` makes others: those that were there at both ends lived all the while, the others a small part of it. */
		int64_t wall = b.times.as_of - a.times.as_of, least = (zoo_size + 1) * wall, most = (zoo_size + 3) * wall;
		int64_t told = sum(&b.times) - sum(&a.times);
		expect_ge(told, least - least / 50);
		expect_le(told, most + most / 50);
	}
	zoo_close();
}

GOS_TEST_WITHIN(n_goroutines_for_t_seconds, 60)
{
	enum { N = 40 };
	static void (*const kinds[])(void) = {computes, yielder, sleeper, worker};
	int64_t begin = gos_now();
	for (int i = 0; i < N; i++)
		go(kinds[i % 4]);
	int64_t made = gos_now();
	gos_sleep(GOS_S);
	struct gos_stats s = stats();
	int64_t told = sum(&s.times), least = (N + 1) * (s.times.as_of - made), most = (N + 1) * (s.times.as_of - begin + RIGHT);
	expect_ge(told, least - least / 50);
	expect_le(told, most + most / 50);
	set_over(1);
	gos_test_until_num(1);
	/* The ended ones' are still there. */
	expect_ge(stats().times.running, s.times.running);
	s = stats();
	expect_ge(sum(&s.times), told);
}

/* Who computes all the time on one P: their running is the time of the P, shared alike, and not less than what the system says that they had. */
GOS_TEST_WITHIN(running_is_what_a_p_gives, 60)
{
	enum { N = 3 };
	uint64_t ids[N];
	gos_procs(1);
	gos_yield();
	for (int i = 0; i < N; i++) {
		go(computes);
		ids[i] = gos_go_last();
	}
	struct gos_stats a = stats();
	int64_t used = cpu(), before = gos_now();
	gos_sleep(GOS_S);
	int64_t wall = gos_now() - before;
	used = cpu() - used;
	struct gos_stats b = stats();
	int64_t running = b.times.running - a.times.running;
	/* Other threads of the process use some time, too, and the system may hold up the P's between two goroutines: then none is running. */
	int64_t least = used < wall ? used : wall;
	expect_ge(running, least - least / 10);
	expect_le(running, wall + wall / 50);
	int64_t all = 0;
	for (int i = 0; i < N; i++) {
		struct gos_times t = times_of(ids[i]);
		expect_ge(t.running, wall / (4 * N));
		expect_eq(t.running + t.runnable, t.as_of - t.made);
		all += t.running;
	}
	expect_ge(all, least - least / 10);
	set_over(1);
}

/* ---- who does not get on ---- */

static void wait_for_gate(gos_chan *c)
{
	gos_chan_recv(c, NULL);
}

/* A signal stops a thread anywhere, also where it has half written the times of a goroutine that it makes ready, and the handler may wait for the report. */
GOS_TEST(times_that_are_never_whole_hold_up_no_report)
{
	gos_chan *c = gos_chan_make(char, 0);
	uint64_t goid = go(wait_for_gate, c);
	struct gos_g *gp = NULL;
	gos_sleep(5 * GOS_MS);
	for (uint64_t i = 0; i < gos_runtime.gcount; i++)
		if (gos_runtime.gslabs[0][i].goid == goid)
			gp = &gos_runtime.gslabs[0][i];
	expect(gp != NULL && __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) == GOS_WAITING);
	__atomic_fetch_add(&gp->times->version, 1, __ATOMIC_RELEASE);
	int fd = open("/dev/null", O_WRONLY);
	expect_eq(gos_dump(fd, GOS_DUMP_ACCOUNTS), 0);
	__atomic_fetch_add(&gp->times->version, 1, __ATOMIC_RELEASE);
	close(fd);
	times_of(goid);
	gos_chan_close(c);
	gos_test_until_num(1);
	gos_chan_free(c);
}

/* ---- latencies ---- */

static uint64_t latencies_from(const struct gos_stats *s, int bucket)
{
	uint64_t n = 0;
	for (int i = bucket; i < GOS_LATENCIES; i++)
		n += s->latencies[i];
	return n;
}

/* Each run that a goroutine stood in line for is in one bucket. */
GOS_TEST(each_run_has_its_latency)
{
	zoo_open();
	gos_sleep(100 * GOS_MS);
	zoo_close();
	struct gos_stats s = stats();
	expect_eq(latencies_from(&s, 0), s.switches);
}

GOS_TEST(who_stands_in_line_for_long_is_counted_there)
{
	gos_procs(1);
	gos_yield();
	struct gos_stats a = stats();
	for (int i = 0; i < 5; i++)
		go(end);
	compute_for(70 * GOS_MS); /* 2^26 ns and more; nobody else runs */
	expect_eq(latencies_from(&a, 26), 0);
	gos_test_until_num(1);
	struct gos_stats b = stats();
	expect_ge(latencies_from(&b, 26), 5);
	expect_ge(b.times.runnable - a.times.runnable, 5 * 69 * GOS_MS);
}
