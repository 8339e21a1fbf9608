/* SPDX-License-Identifier: MIT */
/*
 * Goal: the runtime's numbers are true, rt/stats.c. Method: situations that are known, counted by gos_stats and read back from reports.
 *
 * Where a number must be exact all goroutines stand on one P, and those that are runnable yield for ever: whatever the runtime does meanwhile,
 * they are runnable whenever the goroutine that counts runs.
 */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gos_test.h"
#include "stack.h"
#include "state.h"
#include "stats.h"

static gos_chan *gate;
static int enough;

static void wait_at_gate(void)
{
	gos_chan_recv(gate, NULL);
}

static void end(void)
{
}

static void sleep_long(void)
{
	gos_sleep(3600 * GOS_S);
}

static void yield_for_ever(void)
{
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED))
		gos_yield();
}

static struct gos_stats stats(void)
{
	struct gos_stats s;
	gos_stats(&s);
	return s;
}

/* From here on one P runs everything: the other workers sleep. */
static void one_proc(void)
{
	gos_procs(1);
	/* No P is idle: it is this goroutine's, and not one that is too many. */
	for (struct gos_stats s = stats(); s.idle_procs != 0 || s.idle_threads != s.threads - 1 || s.spinning_threads != 0; s = stats())
		gos_yield();
}

/* n goroutines at the gate, all of them parked. */
static void crowd(size_t n)
{
	gate = gos_chan_make(char, 0);
	for (size_t i = 0; i < n; i++)
		go(wait_at_gate);
	gos_test_until_n_waiting(n, "chan receive");
}

/* ---- gos_stats ---- */

PLAIN_TEST(nothing_before_run)
{
	struct gos_stats s, none = {0};
	memset(&s, 0xff, sizeof s);
	gos_stats(&s);
	expect(memcmp(&s, &none, sizeof s) == 0);
}

GOS_TEST(goroutines_are_those_made_less_those_ended)
{
	struct gos_stats s = stats();
	expect_eq(s.goroutines, 1);
	expect_eq(s.running, 1);
	expect_eq(s.created, 1);
	for (int i = 0; i < 1000; i++)
		go(end);
	gos_test_until_num(1);
	crowd(500);
	s = stats();
	expect_eq(s.created, 1501);
	expect_eq(s.goroutines, 501);
	expect_eq(s.goroutines, gos_num_goroutines());
	expect_eq(s.waiting, 500);
	expect_eq(s.running, 1);
	expect_eq(s.runnable, 0);
	expect_eq(s.in_calls, 0);
	expect_eq(s.runq, 0);
	gos_chan_close(gate);
	gos_test_until_num(1);
	s = stats();
	expect_eq(s.goroutines, 1);
	expect_eq(s.created, 1501);
}

GOS_TEST(who_is_in_line_is_runnable)
{
	one_proc();
	for (int i = 0; i < 1500; i++) /* more than a ring holds: some are in the global queue */
		go(yield_for_ever);
	crowd(7);
	struct gos_stats s = stats();
	expect_eq(s.runnable, 1500);
	expect_eq(s.runq, 1500);
	expect_eq(s.running, 1);
	expect_eq(s.waiting, 7);
	expect_eq(s.goroutines, 1508);
	expect_eq(s.procs, 1);
	expect_eq(s.idle_procs, 0);
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	gos_test_until_num(8);
	expect_eq(stats().runq, 0);
}

GOS_TEST(procs_and_threads)
{
	gos_procs(4);
	struct gos_stats s = stats();
	expect_eq(s.procs, 4);
	expect_le(s.idle_procs, 4); /* this goroutine may still be on one of those that are too many */
	expect_ge(s.threads, 1);
	expect_lt(s.idle_threads, s.threads);
	one_proc();
	s = stats();
	expect_eq(s.procs, 1);
	expect_eq(s.idle_procs, 0);
	expect_eq(s.idle_threads, s.threads - 1);
}

static void pong(gos_chan *there, gos_chan *back)
{
	char byte;
	while (gos_chan_recv(there, &byte))
		gos_chan_send(back, &byte);
}

GOS_TEST(parks_and_switches)
{
	gos_chan *there = gos_chan_make(char, 0), *back = gos_chan_make(char, 0);
	char byte = 0;

	one_proc();
	go(pong, there, back);
	struct gos_stats before = stats();
	for (int i = 0; i < 1000; i++) {
		gos_chan_send(there, &byte);
		gos_chan_recv(back, &byte);
	}
	struct gos_stats after = stats();
	/* Each round trip parks at least one of the two on each side, and at most twice each. */
	expect_ge(after.parks - before.parks, 1999);
	expect_le(after.parks - before.parks, 4000);
	expect_ge(after.switches - before.switches, after.parks - before.parks);
	expect_eq(after.steals, before.steals); /* from whom? */
	expect_eq(after.created, before.created);
}

static int stolen;

static void be_stolen(void)
{
	__atomic_store_n(&stolen, 1, __ATOMIC_RELEASE);
}

GOS_TEST(steals)
{
	gos_procs(2);
	uint64_t before = stats().steals;
	go(be_stolen);
	while (!__atomic_load_n(&stolen, __ATOMIC_ACQUIRE)) /* it does not give way: only another worker can have run it */
		;
	expect_gt(stats().steals, before);
}

GOS_TEST(timers)
{
	uint64_t before = stats().timers;
	for (int i = 0; i < 300; i++)
		go(sleep_long);
	gos_test_until_n_waiting(300, "sleep");
	expect_eq(stats().timers, before + 300);
}

GOS_TEST(channels)
{
	gos_chan *c[100];
	uint64_t before = stats().channels;
	for (int i = 0; i < 100; i++)
		c[i] = gos_chan_make(int, (size_t)i);
	expect_eq(stats().channels, before + 100);
	for (int i = 0; i < 40; i++)
		gos_chan_free(c[i]);
	expect_eq(stats().channels, before + 60);
	gos_chan_make(int, 0);
	expect_eq(stats().channels, before + 61);
}

GOS_TEST(stacks)
{
	one_proc(); /* who has ended has been buried before another goroutine runs */
	crowd(300);
	struct gos_stats s = stats(), t;
	expect_ge(s.stacks, 301);
	expect_eq(s.stack_bytes, s.stacks * (RT_STACK_DEFAULT + RT_GUARD_SIZE));
	for (int i = 0; i < 2; i++) { /* the second one takes the first one's stack */
		gos_go_with(&(struct gos_go_options){.stack_size = 1 << 20}, end);
		gos_test_until_num(301);
		t = stats();
		expect_eq(t.stacks, s.stacks + 1);
		expect_eq(t.stack_bytes, s.stack_bytes + (1 << 20) + RT_GUARD_SIZE);
	}
}

static int churning;

static void churn(gos_chan *c)
{
	int value = 0;
	while (!__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
		go(end);
		gos_chan_send(c, &value);
		gos_chan_recv(c, &value);
		gos_yield();
	}
	__atomic_sub_fetch(&churning, 1, __ATOMIC_RELAXED);
}

static void *count_often(void *arg)
{
	struct gos_stats last = {0};
	(void)arg;
	for (int i = 0; i < 2000; i++) {
		struct gos_stats s = stats();
		expect_eq(s.goroutines, s.runnable + s.running + s.waiting + s.in_calls);
		expect_ge(s.created, last.created);
		expect_ge(s.switches, last.switches);
		expect_ge(s.parks, last.parks);
		expect_ge(s.steals, last.steals);
		expect_ge(s.stacks, last.stacks);
		expect_le(s.idle_procs, s.procs);
		expect_le(s.idle_threads, s.threads);
		last = s;
	}
	__atomic_store_n(&enough, 1, __ATOMIC_RELAXED);
	return NULL;
}

/* By a thread that is not ours, while everything moves. */
GOS_TEST(counters_only_grow)
{
	pthread_t thread;
	gos_chan *c = gos_chan_make(int, 4);
	churning = 8;
	for (int i = 0; i < 8; i++)
		go(churn, c);
	pthread_create(&thread, NULL, count_often, NULL);
	int value;
	while (__atomic_load_n(&churning, __ATOMIC_RELAXED) > 0) { /* those that are left alone may wait for ever */
		if (__atomic_load_n(&enough, __ATOMIC_RELAXED)) {
			if (!gos_chan_try_recv(c, &value, NULL))
				gos_chan_try_send(c, &value);
		}
		gos_yield();
	}
	pthread_join(thread, NULL);
	gos_test_until_num(1);
	struct gos_stats s = stats();
	expect_eq(s.goroutines, 1);
	expect_eq(s.waiting, 0);
}

/* ---- reports ---- */

static char *report; /* the last one */

static void take_report(bool detail)
{
	int fd = memfd_create("report", 0);
	expect(fd >= 0);
	rt_schedtrace_write(fd, gos_now(), detail);
	off_t size = lseek(fd, 0, SEEK_END);
	free(report);
	report = calloc(1, (size_t)size + 1);
	expect_eq(pread(fd, report, (size_t)size, 0), size);
	close(fd);
}

struct header {
	long long ms;
	unsigned gomaxprocs, idleprocs, threads, spinning, idlethreads, runqueue;
	const char *rest;
};

static struct header parse_header(const char *line)
{
	struct header h = {0};
	int length = 0;
	int n = sscanf(line, "SCHED %lldms: gomaxprocs=%u idleprocs=%u threads=%u spinningthreads=%u idlethreads=%u runqueue=%u%n", &h.ms, &h.gomaxprocs,
	               &h.idleprocs, &h.threads, &h.spinning, &h.idlethreads, &h.runqueue, &length);
	if (n != 7)
		ck_abort_msg("not a line of schedtrace: %s", line);
	h.rest = line + length;
	return h;
}

/* [1 2 3] and the end of the line: the sum of the numbers, and how many they are. */
static unsigned parse_queues(const char *text, unsigned *count)
{
	unsigned sum = 0;
	expect(strncmp(text, " [", 2) == 0);
	text += 2;
	for (*count = 0; *text != ']'; (*count)++) {
		char *after;
		sum += (unsigned)strtoul(text, &after, 10);
		expect(after != text && (*after == ' ' || *after == ']'));
		text = after + (*after == ' ');
	}
	expect(strcmp(text, "]\n") == 0);
	return sum;
}

static size_t lines_with(const char *begin)
{
	size_t n = 0;
	for (const char *line = report; *line != '\0'; line = strchr(line, '\n') + 1) {
		expect(strchr(line, '\n') != NULL);
		n += strncmp(line, begin, strlen(begin)) == 0;
	}
	return n;
}

/* How often it stands in the report. */
static size_t times(const char *text)
{
	size_t n = 0;
	for (const char *at = report; (at = strstr(at, text)) != NULL; at++)
		n++;
	return n;
}

GOS_TEST(a_report_is_one_line)
{
	unsigned count;
	one_proc();
	for (int i = 0; i < 1500; i++)
		go(yield_for_ever);
	crowd(3);
	take_report(false);
	struct header h = parse_header(report);
	expect_eq(h.gomaxprocs, 1);
	expect_eq(h.idleprocs, 0);
	expect_eq(h.spinning, 0);
	expect_eq(h.idlethreads, h.threads - 1);
	expect_eq(h.runqueue + parse_queues(h.rest, &count), 1500);
	expect_eq(count, 1);
}

GOS_TEST(a_number_for_each_proc)
{
	unsigned count;
	gos_procs(5);
	take_report(false);
	struct header h = parse_header(report);
	parse_queues(h.rest, &count);
	expect_eq(count, 5);
	expect_eq(h.gomaxprocs, 5);
	gos_procs(2); /* those that are not in use have no queue to speak of */
	take_report(false);
	parse_queues(parse_header(report).rest, &count);
	expect_eq(count, 2);
	gos_procs(1024); /* more than a buffer's last part */
	take_report(false);
	parse_queues(parse_header(report).rest, &count);
	expect_eq(count, 1024);
}

GOS_TEST(time_is_since_the_start)
{
	int64_t begin = gos_now();
	take_report(false);
	long long first = parse_header(report).ms;
	gos_sleep(20 * GOS_MS);
	take_report(false);
	long long second = parse_header(report).ms, most = (gos_now() - begin) / GOS_MS + 1;
	expect_ge(first, 0);
	expect_ge(second - first, 20);
	expect_le(second - first, most);
	expect_lt(first, 3600 * 1000); /* not since the machine's start, or 1970 */
}

GOS_TEST(detail_has_a_line_for_each)
{
	char line[100];
	one_proc();
	for (int i = 0; i < 20; i++)
		go(yield_for_ever);
	crowd(30);
	for (int i = 0; i < 10; i++)
		go(sleep_long);
	gos_test_until_n_waiting(10, "sleep");
	take_report(true);
	struct header h = parse_header(report);
	expect(strchr(h.rest, '[') == NULL || strchr(h.rest, '[') > strchr(h.rest, '\n'));
	expect_eq(lines_with("SCHED "), 1);
	expect_eq(lines_with("  P"), gos_runtime.pcount);
	expect_eq(lines_with("  M"), h.threads);
	expect_eq(lines_with("  G"), 61);
	snprintf(line, sizeof line, "  G1: status=2() m=%u lockedm=-1\n", gos_runtime.ps[0]->m->id);
	expect_eq(lines_with(line), 1);
	snprintf(line, sizeof line, "  M%u: p=0 curg=1 tid=%u spinning=false blocked=false\n", gos_runtime.ps[0]->m->id, (unsigned)gettid());
	expect_eq(lines_with(line), 1);
	snprintf(line, sizeof line, "  P0: status=1 schedtick=%llu m=%u runqsize=20 ", (unsigned long long)gos_runtime.ps[0]->tick,
	         gos_runtime.ps[0]->m->id);
	expect_eq(lines_with(line), 1);
	expect_eq(times(": status=4(chan receive) m=-1 lockedm=-1\n"), 30);
	expect_eq(times(": status=4(sleep) m=-1 lockedm=-1\n"), 10);
	expect_eq(times(": status=1() m=-1 lockedm=-1\n"), 20);
}

/* What stands in the way of a report is its reader; memory does not grow with goroutines, so it goes out in parts. */
static int pipe_end;
static size_t received;

static void *read_all(void *arg)
{
	static char text[1 << 20];
	ssize_t n;
	(void)arg;
	while ((n = read(pipe_end, text, sizeof text)) > 0)
		received += (size_t)n;
	return NULL;
}

#define MANY (20000 / GOS_TEST_SLOW) /* ThreadSanitizer knows 8,000 goroutines at most */

GOS_TEST(a_long_report_goes_out_whole)
{
	int ends[2];
	pthread_t thread;
	crowd(MANY);
	take_report(true);
	expect_eq(lines_with("  G"), MANY + 1);
	expect_gt(strlen(report), MANY * strlen("  G1: status=4(chan receive) m=-1 lockedm=-1\n"));

	expect_eq(pipe(ends), 0);
	expect_eq(fcntl(ends[1], F_SETFL, O_NONBLOCK), 0); /* it must wait by itself where the descriptor does not */
	pipe_end = ends[0];
	pthread_create(&thread, NULL, read_all, NULL);
	rt_schedtrace_write(ends[1], gos_now(), true);
	close(ends[1]);
	pthread_join(thread, NULL);
	expect_gt(received, MANY * strlen("  G1: status=4(chan receive) m=-1 lockedm=-1\n"));
}

GOS_TEST(a_locked_thread_is_named)
{
	char line[100];
	one_proc();
	gos_lock_thread();
	take_report(true);
	unsigned m = gos_runtime.ps[0]->m->id;
	snprintf(line, sizeof line, "  G1: status=2() m=%u lockedm=%u\n", m, m);
	expect_eq(lines_with(line), 1);
	gos_unlock_thread();
}

GOS_TEST(nobody_reads_the_report)
{
	int ends[2];
	expect_eq(pipe(ends), 0);
	signal(SIGPIPE, SIG_IGN);
	close(ends[0]);
	rt_schedtrace_write(ends[1], gos_now(), true); /* and it returns */
}

/* ---- by GOSDEBUG ---- */

static void be_traced(void)
{
	crowd(2);
	for (uint64_t before = rt_load_acquire(&rt_schedtrace_count); rt_load_acquire(&rt_schedtrace_count) < before + 2;)
		gos_sleep(GOS_MS);
}

static void not_be_traced(void)
{
	gos_sleep(30 * GOS_MS);
	expect_eq(rt_load_acquire(&rt_schedtrace_count), 0);
}

static const struct gos_death deaths[] = {
	{"lines", be_traced, 23, {"SCHED ", "ms: gomaxprocs=", " idleprocs=", " threads=", " runqueue=", " [", "]\n", "SCHED "}, "GOSDEBUG=schedtrace=1", .never = "G1"},
	{"details", be_traced, 23, {"SCHED ", "\n  P0: status=", "\n  M0: p=", "\n  G1: status="}, "GOSDEBUG=schedtrace=1,scheddetail=1"},
	{"detail_alone", not_be_traced, 23, {""}, "GOSDEBUG=scheddetail=1", .never = "SCHED"},
	{"off", not_be_traced, 23, {""}, "GOSDEBUG=schedtrace=0", .never = "SCHED"},
};
GOS_DEATHS(deaths)
