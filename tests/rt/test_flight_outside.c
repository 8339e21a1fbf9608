/* SPDX-License-Identifier: MIT */
/*
 * Goal: who reads the flight recorder from another process, while four Ps write, has each event whole and in order, and knows how many he has missed; and can hand them on as a CTF
 * trace. Method: a process that writes words which vouch for themselves, and one that lives an ordinary life and counts what it does; this one polls their memory every 5 ms.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "clock.h"
#include "ctf.h"
#include "flight_reader.h"
#include "gos_test.h"
#include "machine.h"

#define MS INT64_C(1000000)
#define WRITERS 4
#define POLL (5 * MS)

/* What both processes know. */
static struct shared {
	uint32_t ready, stop, done; /* of the writer; reader's; writer's. Sync: atomic */
	int64_t rate;               /* words a second and writer; 0: as many as it can */
	int64_t late;               /* ns: the longest that a writer has been kept from writing. Sync: atomic */
	uint64_t head[1 + GOS_P_MAX]; /* of each ring, at the end */
	uint64_t marks[1 + GOS_P_MAX]; /* words with a number of their own, in each ring */
	uint64_t spawns, ends, parks, steals, preempts;
	uint64_t objects[8], objects_count; /* all that anybody waits for */
} *shared;

static struct flight_reader reader;

static void rest(int64_t ns)
{
	nanosleep(&(struct timespec){.tv_sec = ns / 1000000000, .tv_nsec = ns % 1000000000}, NULL);
}

/* ---- the process that writes ---- */

/* 56 bits of which each word has others, and that tell which it is. */
static uint64_t mark(uint32_t ring, uint64_t number)
{
	uint64_t low = (number & 0xfffffff) | (uint64_t)ring << 28;
	uint64_t check = (low * UINT64_C(0x9e3779b97f4a7c15)) >> 44;
	return low | check << 36;
}

static __attribute__((noinline)) struct gos_p *this_p(void)
{
	return rt_tls_m->p;
}

/* As who parks and who runs next are written; of the address everything is set that does not fit, and has to go. */
static void put_two(struct gos_flight_ring *ring, uint64_t first, uint64_t second)
{
	uint64_t i = ring->head & ring->mask, top = first >> RT_FLIGHT_OBJECT_BITS;
	rt_flight_store_left(&ring->word[i], (struct rt_flight_left){(const void *)(first | ~UINT64_C(0) << RT_FLIGHT_OBJECT_BITS), (uint16_t)top});
	RT_FLIGHT_STORE(ring->word[i + 1], second);
	rt_count_by(&ring->head, 2);
}

/* n words with the numbers that come next there: each comes as the recorder's own do, alone, or as two at once. */
static void write_marks(int n)
{
	struct gos_p *pp = this_p();
	uint32_t ring = 1 + pp->id;
	uint64_t number = shared->marks[ring];
	for (int i = 0; i < n; i++) {
		rt_flight_tick(pp, rt_load_relaxed(&gos_runtime.now));
		if (i % 3 == 0 && i + 1 < n) {
			put_two(pp->flight, rt_flight_word(GOS_FLIGHT_YIELD, mark(ring, number)), rt_flight_word(GOS_FLIGHT_YIELD, mark(ring, number + 1)));
			number += 2;
			i++;
		} else {
			rt_flight_put(pp->flight, rt_flight_word(GOS_FLIGHT_YIELD, mark(ring, number++)));
		}
	}
	rt_store_relaxed(&shared->marks[ring], number);
}

/* On a thread of its own, so that there are four Ps that write, and none waits for another. */
static void marker(gos_waitgroup *all)
{
	gos_lock_thread();
	int64_t began = rt_now(), written = 0, last = began;
	while (!rt_load_relaxed(&shared->stop)) {
		if (shared->rate == 0) {
			write_marks(1000);
		} else {
			int64_t now = rt_now();
			if (now - last > rt_load_relaxed(&shared->late))
				rt_store_relaxed(&shared->late, now - last);
			last = now;
			int64_t due = (now - began) * (shared->rate / 1000) / MS - written;
			write_marks((int)due);
			written += due;
			rest(MS / 2);
		}
		gos_checkpoint();
	}
	gos_waitgroup_done(all);
}

static void report(void)
{
	uint32_t count = gos_runtime.pcount;
	for (uint32_t i = 0; i < count; i++) {
		const struct gos_p *pp = gos_runtime.ps[i];
		shared->head[1 + i] = rt_load_acquire(&pp->flight->head);
		shared->spawns += pp->spawns;
		shared->ends += pp->ends;
		shared->parks += pp->parks;
		shared->steals += pp->steals;
		shared->preempts += pp->preempts;
	}
	shared->head[0] = rt_load_acquire(&gos_runtime.flight->without_p->head);
}

static void all_stop(void)
{
	/* The others' Ps are idle, or will be: what is written after this line is what gos_run's end takes, which is nothing. */
	gos_procs(1);
	gos_sleep(50 * MS);
	report();
	rt_store_release(&shared->done, 1u);
	for (;;)
		pause();
}

static int mark_away(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	gos_waitgroup all = {0};
	gos_waitgroup_add(&all, WRITERS);
	for (int i = 0; i < WRITERS; i++)
		go(marker, &all);
	rt_store_release(&shared->ready, 1u);
	gos_waitgroup_wait(&all);
	all_stop();
	return 0;
}

/* Starts the writer; its pid. */
static pid_t begin(int (*writer)(int, char **), const char *debug, const char *procs)
{
	if (shared == NULL)
		shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	expect(shared != MAP_FAILED);
	pid_t pid = fork();
	expect_ge(pid, 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setenv("GOSDEBUG", debug, 1);
		setenv("GOSMAXPROCS", procs, 1);
		_exit(gos_run(writer, 0, NULL));
	}
	while (!rt_load_acquire(&shared->ready))
		rest(MS);
	expect(flight_open(&reader, pid));
	return pid;
}

static void end(pid_t pid)
{
	expect_eq(kill(pid, SIGKILL), 0);
	expect_eq(waitpid(pid, NULL, 0), pid);
	flight_close(&reader);
	memset(shared, 0, sizeof *shared);
}

/* ---- the one that reads ---- */

static struct {
	uint64_t number[1 + GOS_P_MAX]; /* of the next mark */
	uint64_t losses[1 + GOS_P_MAX]; /* that had been when the last one came */
	uint64_t events, marks, missing;
	uint64_t kinds[256];
} seen;

static void check_mark(const struct flight_read *e)
{
	uint64_t low = e->payload & 0xfffffff, *next = &seen.number[e->ring], number = (*next & ~UINT64_C(0xfffffff)) | low;
	if (number < *next)
		number += UINT64_C(1) << 28;
	if (e->payload != mark(e->ring, number))
		ck_abort_msg("ring %u, word %llu: %llx is torn", e->ring, (unsigned long long)e->number, (unsigned long long)e->payload);
	if (reader.ring[e->ring].losses == seen.losses[e->ring] && number != *next)
		ck_abort_msg("ring %u, word %llu: mark %llu comes after %llu, and nothing was lost between them", e->ring, (unsigned long long)e->number,
		             (unsigned long long)number, (unsigned long long)*next - 1);
	seen.losses[e->ring] = reader.ring[e->ring].losses;
	seen.missing += number - *next;
	*next = number + 1;
	seen.marks++;
}

static void check(const struct flight_read *e, void *arg)
{
	(void)arg;
	seen.events++;
	seen.kinds[e->kind]++;
	if (e->kind == GOS_FLIGHT_YIELD) { /* which the runtime itself never writes */
		check_mark(e);
		return;
	}
	if (strcmp(flight_word(e->kind), "?") == 0)
		ck_abort_msg("ring %u, word %llu: an event of no kind, %u", e->ring, (unsigned long long)e->number, e->kind);
	if (e->kind == GOS_FLIGHT_PARK && shared->objects_count != 0) {
		bool known = false;
		for (uint64_t i = 0; i < shared->objects_count; i++)
			known |= shared->objects[i] == (e->payload & ((UINT64_C(1) << RT_FLIGHT_OBJECT_BITS) - 1));
		if (!known)
			ck_abort_msg("ring %u, word %llu: somebody waits for %llx, which is nothing", e->ring, (unsigned long long)e->number, (unsigned long long)e->payload);
	}
}

/* Polls for so long, and then until the writer has ended. The longest time between two polls, ns. */
static int64_t watch(int64_t ns)
{
	int64_t began = rt_now(), last = began, longest = 0;
	bool ended = false;
	while (!ended) {
		ended = rt_load_acquire(&shared->done); /* then this poll is the last */
		flight_poll(&reader, check, NULL);
		int64_t now = rt_now();
		if (now - last > longest)
			longest = now - last;
		last = now;
		if (now - began > ns)
			rt_store_relaxed(&shared->stop, 1u);
		if (!ended)
			rest(POLL);
	}
	return longest;
}

/* All that was written has been read or is known to be lost. */
static void expect_all_accounted_for(void)
{
	for (uint32_t i = 0; i < reader.rings; i++) {
		const struct flight_ring *ring = &reader.ring[i];
		expect_eq(ring->read + ring->lost, ring->next);
		expect_eq(ring->next, shared->head[i]);
		expect_le(seen.number[i], shared->marks[i]);
		if (ring->lost == 0)
			expect_eq(seen.number[i], shared->marks[i]);
		seen.missing += shared->marks[i] - seen.number[i]; /* those lost at the end */
	}
}

PLAIN_TEST_WITHIN(at_full_rate_no_event_is_torn_and_losses_are_counted, 60)
{
	pid_t pid = begin(mark_away, "flight=16384", "4");
	watch(1500 * MS);
	expect_all_accounted_for();
	uint64_t lost = flight_lost(&reader), words = flight_words(&reader);
	printf("%llu words, %.1f M/s, %.1f %% lost\n", (unsigned long long)words, words / 1.5e6, 100.0 * lost / words);
	expect_gt(seen.marks, 0);
	expect_gt(lost, 0); /* else this is no test of losses */
	expect_le(seen.missing, lost);
	expect_gt(seen.missing, lost / 2); /* most words are marks */
	end(pid);
}

PLAIN_TEST_WITHIN(at_two_million_a_second_nothing_is_lost, 200)
{
	for (int try = 0; try < 20; try++) {
		memset(&seen, 0, sizeof seen);
		if (shared == NULL)
			shared = mmap(NULL, sizeof *shared, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		shared->rate = 2000000 / WRITERS;
		pid_t pid = begin(mark_away, "flight=131072", "4");
		int64_t longest = watch(1500 * MS), late = rt_load_relaxed(&shared->late);
		expect_all_accounted_for();
		uint64_t lost = flight_lost(&reader), words = flight_words(&reader);
		printf("%llu words, %.1f M/s, %llu lost, the longest time between polls %.1f ms, between writes %.1f ms\n", (unsigned long long)words, words / 1.5e6,
		       (unsigned long long)lost, longest / 1e6, late / 1e6);
		/* A ring holds what is written in a quarter of a second. Where this process, and the writer, were kept from running for that long, it was not this that was tried. */
		if (longest + late < 250 * MS) {
			expect_eq(lost, 0);
			expect_eq(seen.missing, 0);
			expect_gt(seen.marks, 1000000);
			end(pid);
			return;
		}
		end(pid);
	}
	ck_abort_msg("this machine does not let anybody poll");
}

/* ---- an ordinary life ---- */

static gos_chan *there, *back, *ends;
static gos_mutex mutex;

static void echo(void)
{
	int x;
	while (gos_chan_recv(there, &x))
		gos_chan_send(back, &x);
	gos_chan_send(ends, &x);
}

static void child(void)
{
	int x = 0;
	for (int i = 0; i < 20; i++) {
		gos_mutex_lock(&mutex);
		gos_yield();
		gos_mutex_unlock(&mutex);
	}
	gos_chan_send(ends, &x);
}

static int live(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	int x = 0;
	there = gos_chan_make(int, 0);
	back = gos_chan_make(int, 0);
	ends = gos_chan_make(int, 0);
	shared->objects[0] = (uint64_t)there;
	shared->objects[1] = (uint64_t)back;
	shared->objects[2] = (uint64_t)ends;
	shared->objects[3] = (uint64_t)&mutex;
	for (int i = 0; i < 4; i++)
		shared->objects[i] &= (UINT64_C(1) << RT_FLIGHT_OBJECT_BITS) - 1;
	rt_store_release(&shared->objects_count, 4);
	rt_store_release(&shared->ready, 1u);
	for (int i = 0; i < 4; i++)
		go(echo);
	while (!rt_load_relaxed(&shared->stop)) {
		for (int i = 0; i < 8; i++)
			go(child);
		for (int i = 0; i < 50; i++) {
			gos_chan_send(there, &x);
			gos_chan_recv(back, &x);
		}
		for (int i = 0; i < 8; i++)
			gos_chan_recv(ends, &x);
		rest(MS); /* not gos_sleep: what that waits for is on the stack */
	}
	gos_chan_close(there);
	for (int i = 0; i < 4; i++)
		gos_chan_recv(ends, &x);
	while (gos_num_goroutines() != 1)
		gos_yield();
	report();
	rt_store_release(&shared->done, 1u);
	for (;;)
		pause();
	return 0;
}

PLAIN_TEST_WITHIN(what_is_read_adds_up_to_what_the_runtime_counts, 120)
{
	pid_t pid = begin(live, "flight=4194304", "4");
	watch(1000 * MS);
	rest(100 * MS); /* the idle workers' last steps, which are no events of those counted */
	flight_poll(&reader, check, NULL);
	expect_eq(flight_lost(&reader), 0);
	expect_eq(seen.kinds[GOS_FLIGHT_CREATE], shared->spawns);
	expect_eq(seen.kinds[GOS_FLIGHT_EXIT], shared->ends);
	expect_eq(seen.kinds[GOS_FLIGHT_PARK], shared->parks);
	expect_eq(seen.kinds[GOS_FLIGHT_PREEMPT], shared->preempts);
	expect_eq(seen.kinds[GOS_FLIGHT_STEAL], shared->steals);
	/* Each who waited was made ready, and each who was made or made ready has run. */
	expect_eq(seen.kinds[GOS_FLIGHT_READY] + seen.kinds[GOS_FLIGHT_WAKE], seen.kinds[GOS_FLIGHT_PARK]);
	expect_ge(seen.kinds[GOS_FLIGHT_RUN], seen.kinds[GOS_FLIGHT_PARK] + seen.kinds[GOS_FLIGHT_CREATE] - 1);
	expect_gt(shared->parks, 100);
	end(pid);
}

/* ---- CTF ---- */

#ifdef BABELTRACE
static struct ctf trace;

static void convert(const struct flight_read *e, void *arg)
{
	(void)arg;
	expect(ctf_event(&trace, e, reader.ring[e->ring].lost));
	seen.kinds[e->kind]++;
}

/* Lines of what babeltrace2 says of the trace, and how many of them have each of the words. */
static uint64_t babeltrace(const char *directory, const char *const *words, uint64_t *counts, uint64_t *discarded)
{
	char command[400], line[600];
	uint64_t lines = 0;
	snprintf(command, sizeof command, "%s %s 2>%s.complaints", BABELTRACE, directory, directory);
	FILE *pipe = popen(command, "r");
	expect(pipe != NULL);
	while (fgets(line, sizeof line, pipe) != NULL) {
		lines++;
		for (int i = 0; words[i] != NULL; i++)
			counts[i] += strstr(line, words[i]) != NULL;
	}
	expect_eq(pclose(pipe), 0);
	snprintf(command, sizeof command, "%s.complaints", directory);
	FILE *complaints = fopen(command, "r");
	expect(complaints != NULL);
	while (fgets(line, sizeof line, complaints) != NULL) {
		unsigned long long n;
		const char *at = strstr(line, "discarded ");
		if (at == NULL || sscanf(at, "discarded %llu", &n) != 1)
			ck_abort_msg("babeltrace2: %s", line);
		*discarded += n;
	}
	fclose(complaints);
	return lines;
}

static void convert_and_compare(const char *debug, int64_t ns, bool losses)
{
	char directory[] = "/tmp/gossamer-ctf-XXXXXX", command[100];
	static const char *const words[] = {") park: {", ") run: {", ") create: {", ") ready: {", ") exit: {", "\"chan receive\"", NULL};
	uint64_t counts[6] = {0}, discarded = 0, lost = 0;
	expect(mkdtemp(directory) != NULL);
	pid_t pid = begin(live, debug, "4");
	expect(ctf_begin(&trace, directory, reader.flight));
	int64_t began = rt_now();
	bool ended = false;
	while (!ended) {
		ended = rt_load_acquire(&shared->done);
		flight_poll(&reader, convert, NULL);
		if (rt_now() - began > ns)
			rt_store_relaxed(&shared->stop, 1u);
		rest(POLL);
	}
	uint64_t events = trace.events;
	for (uint32_t i = 0; i < reader.rings; i++)
		lost += trace.stream[i].discarded;
	expect(ctf_end(&trace));
	expect_eq(babeltrace(directory, words, counts, &discarded), events);
	expect_gt(events, 1000);
	for (int i = 0; i < 5; i++) {
		static const int kinds[] = {GOS_FLIGHT_PARK, GOS_FLIGHT_RUN, GOS_FLIGHT_CREATE, GOS_FLIGHT_READY, GOS_FLIGHT_EXIT};
		expect_eq(counts[i], seen.kinds[kinds[i]]);
	}
	expect_gt(counts[5], 0);
	expect_eq(discarded > 0, losses);
	expect_eq(discarded, lost);
	snprintf(command, sizeof command, "rm -rf %s %s.complaints", directory, directory);
	expect_eq(system(command), 0);
	end(pid);
}

PLAIN_TEST_WITHIN(babeltrace2_reads_all_that_was_read, 120)
{
	convert_and_compare("flight=4194304", 100 * MS, false);
}

PLAIN_TEST_WITHIN(babeltrace2_says_what_was_lost, 120)
{
	convert_and_compare("flight=512", 300 * MS, true);
}
#endif
