/* SPDX-License-Identifier: MIT */
/*
 * Goal: a goroutine's account can be had at any moment, and SIGQUIT ends with those that matter: rt/account.c. What each says in full is for tests/gdb/test_account.c. Method:
 * accounts of goroutines that never stand still, each of which must be a sentence; and programs that end.
 */
#include <dlfcn.h>
#include <regex.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "account.h"
#include "gos_test.h"
#include "state.h"
#include "tails.h"

static char text[8 << 20];

static void dump(void)
{
	int fd = memfd_create("accounts", 0);
	expect(fd >= 0);
	expect_eq(gos_dump(fd, GOS_DUMP_ACCOUNTS), 0);
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	expect(n >= 0);
	text[n] = 0;
	close(fd);
}

static gos_mutex lock;
static gos_rwmutex rw;
static gos_chan *pipe_line, *never;
static gos_cond cond;
static int stop;

static void change(uint64_t seed)
{
	gos_set_label("who", "changes");
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		int value = 1;
		struct gos_case cases[] = {GOS_SEND(pipe_line, &value), GOS_RECV(pipe_line, &value)};
		switch (gos_test_random(&seed) % 8) {
		case 0:
			gos_mutex_lock(&lock);
			gos_yield();
			gos_mutex_unlock(&lock);
			break;
		case 1:
			gos_rwmutex_rlock(&rw);
			gos_yield();
			gos_rwmutex_runlock(&rw);
			break;
		case 2:
			gos_rwmutex_lock(&rw);
			gos_rwmutex_unlock(&rw);
			break;
		case 3:
			gos_select(cases, 2);
			break;
		case 4:
			gos_sleep(1000);
			break;
		case 5:
			gos_blocking_begin();
			gos_blocking_end();
			break;
		case 6:
			gos_cond_broadcast(&cond);
			break;
		default:
			gos_yield();
			break;
		}
	}
}

static void wait_on_cond(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		gos_mutex_lock(&lock);
		gos_cond_wait(&cond, &lock);
		gos_mutex_unlock(&lock);
	}
}

static void short_life(void)
{
	gos_set_name("mayfly");
	gos_yield();
}

GOS_TEST_WITHIN(of_goroutines_that_change, 120)
{
	regex_t sentence;
	uint64_t seed = gos_test_seed();
	expect_eq(regcomp(&sentence,
	                  "^goroutine [0-9]+( \"[^\"]*\")? (has waited [0-9.]+[a-z]+ in [a-zA-Z. ]+|has been runnable for [0-9.]+[a-z]+|is running on thread LWP [0-9]+|"
	                  "is running|has blocked thread LWP [0-9]+ for [0-9.]+[a-z]+ in syscall| for [0-9.]+[a-z]+ in syscall).*$",
	                  REG_EXTENDED | REG_NOSUB),
	          0);
	pipe_line = gos_chan_make(int, 1);
	for (uint64_t i = 0; i < 12; i++)
		go(change, seed + i);
	for (int i = 0; i < 3; i++)
		go(wait_on_cond);
	for (int looks = 0; looks < 80 / GOS_TEST_SLOW; looks++) {
		int lines = 0;
		for (int i = 0; i < 5; i++)
			go(short_life);
		dump();
		for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
			*end = 0;
			if (regexec(&sentence, at, 0, NULL, 0) != 0) {
				fprintf(stderr, "no sentence: %s\n", at);
				expect(!"a sentence");
			}
		}
		expect(lines >= 16);
		gos_yield();
	}
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 10000 && gos_num_goroutines() > 1; i++) { /* whoever waits for another that has stopped */
		int value = 0;
		struct gos_case cases[] = {GOS_SEND(pipe_line, &value), GOS_RECV(pipe_line, &value)};
		gos_cond_broadcast(&cond);
		gos_select_try(cases, 2);
		gos_sleep(GOS_MS);
	}
	expect_eq(gos_num_goroutines(), 1);
	regfree(&sentence);
}

/* ---- entries that have no frame: the last call that they make is a jump ---- */

/* "tail_lock (tails.c:12)", as far as this machine knows lines. */
static const char *entry_at(const char *function, int line)
{
	static char place[64];
	if (dlopen("libdw.so.1", RTLD_NOW) != NULL)
		snprintf(place, sizeof place, "%s (tails.c:%d)", function, line);
	else
		snprintf(place, sizeof place, "%s", function);
	return place;
}

/* The sentence of one goroutine has `before`, then a place, then `after`. */
static void expect_place(uint64_t goid, const char *before, const char *place, const char *after)
{
	char head[40], wanted[200], sentence[2000];
	snprintf(head, sizeof head, "goroutine %llu ", (unsigned long long)goid);
	const char *at = strncmp(text, head, strlen(head)) == 0 ? text : NULL;
	for (const char *line = text; at == NULL && (line = strchr(line, '\n')) != NULL; line++)
		at = strncmp(line + 1, head, strlen(head)) == 0 ? line + 1 : NULL;
	expect(at != NULL);
	snprintf(sentence, sizeof sentence, "%.*s", (int)strcspn(at, "\n"), at);
	snprintf(wanted, sizeof wanted, "%s%s%s", before, place, after);
	if (strstr(sentence, wanted) == NULL || strstr(sentence, "rt_gostart") != NULL) {
		fprintf(stderr, "not '%s' in: %s\n", wanted, sentence);
		expect(!"a place");
	}
}

GOS_TEST(of_those_whose_entries_have_no_frame)
{
	gos_mutex held = {0}, lost = {0};
	gos_once once = {0};
	never = gos_chan_make(int, 0);
	gos_mutex_lock(&held);
	go(tail_lock, &lost);
	gos_test_until_num(1);
	uint64_t receiver = go(tail_receive, never), other = go(tail_receive_too, never), opener = go(tail_once, &once, never);
	gos_test_until_n_waiting(3, "chan receive");
	uint64_t visitor = go(tail_once, &once, never), locker = go(tail_lock, &held), finder = go(tail_lock, &lost);
	gos_test_until_waiting(visitor, "sync.Once.Do");
	gos_test_until_waiting(locker, "sync.Mutex.Lock");
	gos_test_until_waiting(finder, "sync.Mutex.Lock");
	for (uint64_t i = 0; i < gos_runtime.gcount; i++) { /* else the frames are there, and this test is of nothing */
		const struct gos_g *gp = rt_goroutine_number(i);
		if (gp->goid == receiver || gp->goid == other || gp->goid == visitor || gp->goid == locker || gp->goid == finder)
			expect(gp->wait_pc == gos_runtime.entry_return_pc);
	}

	dump();
	expect_place(receiver, " in chan receive at ", entry_at("tail_receive", tail_receive_line), " for chan 0x");
	expect_place(other, " in chan receive at ", entry_at("tail_receive_too", tail_receive_too_line), " for chan 0x");
	expect_place(locker, " in sync.Mutex.Lock at ", entry_at("tail_lock", tail_lock_line), " for mutex 0x");
	expect_place(visitor, " in sync.Once.Do at ", entry_at("tail_once", tail_once_line), " for once 0x");
	/* Who runs it still lives, so it is known what he is; who has locked this and ended is known no more. */
	expect_place(visitor, ", called at ", entry_at("tail_once", tail_once_line), ", and that one has waited ");
	expect_place(finder, ", locked at its function's last call, and that one has ended", "", "");
	expect(opener != visitor);

	/* And one that asks for it itself. */
	int fd = memfd_create("accounts", 0);
	uint64_t asker = go(tail_dump, fd, GOS_DUMP_ACCOUNTS);
	gos_test_until_num(7);
	ssize_t n = pread(fd, text, sizeof text - 1, 0);
	expect(n >= 0);
	text[n] = 0;
	close(fd);
	expect_place(asker, " at ", entry_at("tail_dump", tail_dump_line), "; created by goroutine 1 at ");
}

/* ---- what many have in common ---- */

static void receive_for(int what)
{
	char number[12];
	snprintf(number, sizeof number, "%d", what);
	gos_set_name("works for %d", what);
	gos_set_label("what", number);
	gos_chan_recv(pipe_line, NULL);
}

static void receive_as_creator(void)
{
	gos_set_name("works for all");
	gos_chan_recv(pipe_line, NULL);
}

/* Each has its own labels, though others were told of between; and each stands in a line of so many. */
GOS_TEST(of_many_that_share)
{
	enum { WORKERS = 60, CREATED = 40 };
	pipe_line = gos_chan_make(int, 0);
	for (int i = 0; i < WORKERS; i++)
		gos_test_until_waiting(go(receive_for, i % 7), "chan receive");
	gos_set_label("tenant", "t1");
	for (int i = 0; i < CREATED; i++)
		gos_test_until_waiting(go(receive_as_creator), "chan receive");
	for (int take = 0; take <= 10; take++) {
		int workers = 0, created = 0, in_line = 0;
		char wanted[64];
		dump();
		snprintf(wanted, sizeof wanted, ", of %d that wait; ", WORKERS + CREATED - take);
		for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1) {
			char name[32], label[64];
			*end = 0;
			in_line += strstr(at, wanted) != NULL;
			for (int what = 0; what < 7; what++) {
				snprintf(name, sizeof name, "\"works for %d\"", what);
				if (strncmp(strchr(at, '"') != NULL ? strchr(at, '"') : "", name, strlen(name)) != 0)
					continue;
				snprintf(label, sizeof label, "; what=%d", what);
				expect(strlen(at) > strlen(label) && strcmp(at + strlen(at) - strlen(label), label) == 0);
				workers++;
			}
			if (strstr(at, "\"works for all\" has") != NULL) {
				expect(strstr(at, "; tenant=t1") != NULL && strstr(at, "what=") == NULL);
				created++;
			}
		}
		expect_eq(in_line, WORKERS + CREATED - take);
		expect_eq(workers, WORKERS - take);
		expect_eq(created, CREATED);
		int value = 1;
		gos_chan_send(pipe_line, &value); /* the first in line goes: what was counted is no more */
		gos_test_until_num(1 + (size_t)(WORKERS + CREATED - take - 1));
	}
}

/* ---- of any length ---- */

#define JOIN_(a, b) a##b
#define JOIN(a, b) JOIN_(a, b)
#define TWICE(a) JOIN(a, a)
#define LONG(a) TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(TWICE(a)))))))))
#define WAITS_LONG LONG(waits_in_a_long) /* 7,680 characters */
#define MAKES_LONG LONG(makes_by_a_name_of_length)

static void __attribute__((noinline)) WAITS_LONG(void)
{
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED))
		gos_sleep(GOS_MS); /* so that it changes while it is told of */
	gos_chan_recv(never, NULL);
	__asm__ volatile("" ::: "memory");
}

static void __attribute__((noinline)) MAKES_LONG(void)
{
	go(WAITS_LONG);
	__asm__ volatile("" ::: "memory");
}

/* One that would be too long ends with dots; and whoever it is about, it is told once. */
GOS_TEST(of_any_length)
{
	enum { LOOKS = 30 };
	never = gos_chan_make(int, 0);
	for (int i = 0; i < 8; i++)
		MAKES_LONG();
	for (int look = 0; look <= LOOKS; look++) {
		if (look == LOOKS) { /* at last they stand still */
			__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
			gos_test_until_n_waiting(8, "chan receive");
		}
		dump();
		int lines = 0, cut = 0;
		for (char *at = text, *end; (end = strchr(at, '\n')) != NULL; at = end + 1, lines++) {
			expect(strncmp(at, "goroutine ", 10) == 0);
			expect(end - at <= RT_ACCOUNT_MAX);
			if (end - at == RT_ACCOUNT_MAX) {
				expect(strncmp(end - 3, "...", 3) == 0);
				cut++;
			}
		}
		expect_eq(lines, 9);
		if (look == LOOKS)
			expect_eq(cut, 8);
		gos_sleep(GOS_MS);
	}
}

/* ---- SIGQUIT ---- */

static void hold(void)
{
	gos_set_name("holder");
	gos_set_label("request", "r-881"); /* as what else is new in a header, no obstacle for who reads it */
	gos_mutex_lock(&lock);
	gos_chan_recv(never, NULL);
}

static void want(void)
{
	gos_set_name("wants it");
	gos_mutex_lock(&lock);
}

static void sleep_long(void)
{
	gos_sleep(3600 * GOS_S);
}

/* Those who wait for a lock come first, and it is a screenful. */
static void quit(void)
{
	never = gos_chan_make(int, 0);
	gos_test_until_waiting(go(hold), "chan receive");
	for (int i = 0; i < 100; i++)
		go(sleep_long);
	gos_test_until_n_waiting(100, "sleep");
	gos_test_until_waiting(go(want), "sync.Mutex.Lock");
	kill(getpid(), SIGQUIT);
	for (;;)
		gos_sleep(GOS_S);
}

/* What comes after the stacks does not keep panicparse from reading them. */
PLAIN_TEST(panicparse_reads_what_sigquit_prints)
{
	char name[] = "/tmp/gossamer-quit-XXXXXX", command[100];
	if (system("command -v panicparse >/dev/null") != 0)
		return;
	gos_test_spawn((char *[]){"/proc/self/exe", "--death", "quit", NULL}, NULL, text, sizeof text, GOS_TEST_SECONDS * GOS_TEST_SLOW);
	int fd = mkstemp(name);
	expect(fd >= 0);
	expect_eq(write(fd, text, strlen(text)), (ssize_t)strlen(text));
	close(fd);
	snprintf(command, sizeof command, "panicparse -no-color < %s", name);
	FILE *parsed = popen(command, "r");
	expect(parsed != NULL);
	size_t n = fread(text, 1, sizeof text - 1, parsed);
	text[n] = 0;
	pclose(parsed);
	unlink(name);
	expect(strstr(text, "100: sleep") != NULL);
	expect(strstr(text, "1: sync.Mutex.Lock") != NULL);
	expect(strstr(text, " \"wants it\" has waited ") != NULL); /* passed on as it is */
}

static const struct gos_death deaths[] = {
	{"quit",
	 quit,
	 2,
	 {"SIGQUIT: quit\n", " [sleep", "created by quit\n", "\n\ngoroutine ", " \"wants it\" has waited ", " that goroutine 2 \"holder\" has held",
	  "\ngoroutine 2 \"holder\" has waited ", "more that wait\n"}},
};
GOS_DEATHS(deaths)
