/* SPDX-License-Identifier: MIT */
/*
 * Goal: goroutines that are alike are told of together, and only they, however many there are: rt/groups.c. Method: crowds of known size at known places, read in what
 * gos_dump(GOS_DUMP_GROUPS) writes; and groups made by hand, to fill the table.
 */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "gos_test.h"
#include "groups.h"
#include "state.h"
#include "tails.h"

#define NOINLINE __attribute__((noinline))

static char text[4 << 20];

static const char *dump(unsigned flags)
{
	int fd = memfd_create("dump", 0);
	expect(fd >= 0);
	expect_eq(gos_dump(fd, flags), 0);
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	expect(n >= 0);
	text[n] = 0;
	close(fd);
	return text;
}

static gos_chan *gate;
static gos_mutex lock;

NOINLINE static void wait_at_gate(void)
{
	gos_chan_recv(gate, NULL);
	__asm__ volatile("" ::: "memory");
}

NOINLINE static void wait_deeper(int depth)
{
	if (depth == 0)
		gos_chan_recv(gate, NULL);
	else
		wait_deeper(depth - 1);
	__asm__ volatile("" ::: "memory");
}

NOINLINE static void wait_for_lock(void)
{
	gos_mutex_lock(&lock);
	__asm__ volatile("" ::: "memory");
}

/* The group whose text has `what`, from its header on to the empty line; NULL: there is none. */
static const char *group_with(const char *what)
{
	static char block[1 << 16];
	for (const char *at = strstr(text, "\n\n"); at != NULL;) {
		const char *from = at + 2, *to = strstr(from, "\n\n");
		if (to == NULL)
			return NULL;
		snprintf(block, sizeof block, "%.*s", (int)(to - from), from);
		if (strstr(block, what) != NULL)
			return block;
		at = to;
	}
	return NULL;
}

static void expect_group(const char *what, const char *begins)
{
	const char *group = group_with(what);
	if (group == NULL || strncmp(group, begins, strlen(begins)) != 0) {
		fprintf(stderr, "no group of %s begins with '%s' in:\n%s", what, begins, text);
		expect(!"a group");
	}
}

GOS_TEST(alike_are_together)
{
	char ids[200];
	uint64_t crowd[30];
	gate = gos_chan_make(int, 0);
	gos_mutex_lock(&lock);
	for (int i = 0; i < 30; i++) {
		crowd[i] = go(wait_at_gate);
		gos_test_until_waiting(crowd[i], "chan receive");
	}
	for (volatile int i = 0; i < 5; i++) /* volatile, here and below: so that it stays a loop, and its go() one place */
		gos_test_until_waiting(go(wait_deeper, 3), "chan receive");
	gos_test_until_waiting(go(wait_deeper, 4), "chan receive");
	for (volatile int i = 0; i < 7; i++)
		gos_test_until_waiting(go(wait_for_lock), "sync.Mutex.Lock");

	dump(GOS_DUMP_GROUPS);
	expect(strncmp(text, "44 goroutines in 5 groups:\n\n30 goroutines [chan receive, ", 56) == 0); /* the largest first */
	expect_group("wait_at_gate(...)", "30 goroutines [chan receive, ");
	snprintf(ids, sizeof ids, " and 22 more\n");
	expect(strstr(group_with("wait_at_gate(...)"), ids) != NULL);
	const char *at_id = strstr(group_with("wait_at_gate(...)"), "]: ") + 3; /* any eight of them: which comes first is a matter of where they lie */
	for (int i = 0; i < RT_GROUP_IDS; i++) {
		char *end;
		uint64_t id = strtoull(at_id, &end, 10);
		int found = 0;
		for (int j = 0; j < 30; j++)
			found += crowd[j] == id;
		expect_eq(found, 1);
		expect(strncmp(end, i + 1 < RT_GROUP_IDS ? ", " : " and ", 2) == 0);
		at_id = end + 2;
	}
	expect_group("wait_for_lock(...)", "7 goroutines [sync.Mutex.Lock, ");
	expect_group("dump(...)", "1 goroutine [running]: 1\ngos_dump(...)\n");
	/* The same function and line, another depth. */
	int deep = 0;
	for (const char *at = text; (at = strstr(at, "\n\n")) != NULL; at += 2)
		deep += strncmp(at, "\n\n5 goroutines [chan receive, ", 30) == 0 || strncmp(at, "\n\n1 goroutine [chan receive, ", 29) == 0;
	expect_eq(deep, 2);
}

NOINLINE static void make(void (*entry)(gos_chan *))
{
	go(entry, gate);
}

/* What jumped to the call that they wait in is all that tells them from each other: the record of it, the frames, and the place where they were made are the same. */
GOS_TEST(those_whose_entries_have_no_frames_are_told_apart)
{
	gate = gos_chan_make(int, 0);
	for (int i = 0; i < 3; i++)
		make(tail_receive);
	for (int i = 0; i < 4; i++)
		make(tail_receive_too);
	gos_test_until_n_waiting(7, "chan receive");
	dump(GOS_DUMP_GROUPS);
	expect(strstr(text, "8 goroutines in 3 groups:\n\n4 goroutines [chan receive, ") == text);
	expect_group("\ntail_receive(...)\n\t", "3 goroutines [chan receive, ");
	expect_group("\ntail_receive_too(...)\n\t", "4 goroutines [chan receive, ");
}

GOS_TEST(all_three_in_their_order)
{
	gate = gos_chan_make(int, 0);
	gos_test_until_waiting(go(wait_at_gate), "chan receive");
	dump(GOS_DUMP_STACKS | GOS_DUMP_GROUPS | GOS_DUMP_ACCOUNTS);
	const char *stack = strstr(text, "goroutine 1 [running]:\n"), *group = strstr(text, "2 goroutines in 2 groups:\n\n"), *account = strstr(text, " has waited ");
	expect(stack == text);
	expect(group != NULL && group > stack);
	expect(account != NULL && account > group);
}

enum { CROWD = 100000 / GOS_TEST_SLOW };

GOS_TEST_WITHIN(a_crowd_is_a_line, 120)
{
	int n = GOS_TEST_MANY(CROWD);
	char head[100];
	gate = gos_chan_make(int, 0);
	for (int i = 0; i < n; i++)
		go(wait_at_gate);
	gos_test_until_n_waiting((size_t)n, "chan receive");
	dump(GOS_DUMP_GROUPS);
	snprintf(head, sizeof head, "%d goroutines in 2 groups:\n\n%d goroutines [chan receive, ", n + 1, n);
	expect(strncmp(text, head, strlen(head)) == 0);
	expect(strlen(text) < 2000);
}

/* ---- the table ---- */

static struct gos_g g;

static void add(struct rt_groups *groups, uint64_t goid, uint64_t pc, size_t frames)
{
	static struct rt_trace trace;
	trace.total = frames;
	for (size_t i = 0; i < frames; i++)
		*(i < RT_TRACE_HALF ? &trace.first[i] : &trace.last[i % RT_TRACE_HALF]) = (struct rt_frame){.pc = pc + i, .exact = i == 0};
	g.goid = goid;
	g.status = GOS_WAITING;
	g.reason = GOS_REASON_SLEEP;
	g.wait_since = (int64_t)goid * 10;
	rt_groups_add(groups, &g, &g, &trace);
}

PLAIN_TEST(members_times_and_frames)
{
	struct rt_groups groups;
	static struct rt_trace trace;
	expect(rt_groups_begin(&groups));
	for (uint64_t i = 1; i <= 10; i++)
		add(&groups, i, 1000, 3);
	for (uint64_t i = 11; i <= 31; i++)
		add(&groups, i, 1000, 240); /* of which the first and the last 50 are known */
	add(&groups, 32, 1001, 3);
	rt_groups_add(&groups, &g, &g, NULL);
	expect_eq(groups.count, 4);
	expect_eq(groups.members, 33);
	rt_groups_sort(&groups);
	expect_eq(groups.group[0].count, 21);
	expect_eq(groups.group[0].ids[0], 11);
	expect_eq(groups.group[0].ids[7], 18);
	expect_eq(groups.group[0].oldest, 110);
	expect_eq(groups.group[0].newest, 310);
	expect_eq(groups.group[1].count, 10);
	expect_eq(groups.group[2].count, 1);
	expect_eq(groups.group[3].count, 1);
	rt_group_trace(&groups, &groups.group[0], &trace);
	expect_eq(trace.total, 240);
	expect(rt_trace_frame(&trace, 0)->exact && !rt_trace_frame(&trace, 1)->exact);
	expect_eq(rt_trace_frame(&trace, 49)->pc, 1049);
	expect(rt_trace_frame(&trace, 50) == NULL);
	expect_eq(rt_trace_frame(&trace, 190)->pc, 1190);
	expect_eq(rt_trace_frame(&trace, 239)->pc, 1239);
	rt_groups_end(&groups);
}

PLAIN_TEST(what_has_no_room_is_counted)
{
	struct rt_groups groups;
	expect(rt_groups_begin(&groups));
	for (uint64_t i = 1; i <= 70000; i++)
		add(&groups, i, i * 1000, 2);
	expect_eq(groups.count, 65536);
	expect_eq(groups.members, 65536);
	expect_eq(groups.others, 70000 - 65536);
	add(&groups, 70001, 5000, 2); /* one that is there */
	expect_eq(groups.members, 65537);
	rt_groups_sort(&groups);
	expect_eq(groups.group[0].count, 2);
	expect_eq(groups.group[1].ids[0], 1);
	expect_eq(groups.group[65535].ids[0], 65536);
	rt_groups_end(&groups);
}
