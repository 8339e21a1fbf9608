/* SPDX-License-Identifier: MIT */
/*
 * Goal: the rules of rt/io.c and rt/netpoll.c: reading, writing, deadlines, waiting, closing. Method: over pipes and sockets of this process; a look at a descriptor's record tells
 * when its reader is parked.
 */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gos_net.h"
#include "pollfd.h"

static gos_waitgroup wg;

static void must_pipe(int p[2])
{
	expect_eq(pipe(p), 0);
}

static void must_socketpair(int s[2])
{
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
}

/* ---- pipes ---- */

GOS_TEST(read_gives_what_is_there)
{
	int p[2];
	must_pipe(p);
	expect_eq(gos_write(p[1], "hello", 5), 5);
	gos_waitgroup_add(&wg, 1);
	read_n(&wg, p[0], 5, "hello");
	gos_close(p[1]);
	gos_waitgroup_add(&wg, 1);
	read_n(&wg, p[0], 0, "");
	expect_eq(gos_close(p[0]), 0);
}

GOS_TEST(read_waits_for_a_writer)
{
	int p[2];
	must_pipe(p);
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(read_n, &wg, p[0], 3, "abc"), "IO wait");
		expect_eq(gos_write(p[1], "abc", 3), 3);
		gos_waitgroup_wait(&wg);
	}
}

GOS_TEST(read_waits_for_the_end)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, &wg, p[0], 0, ""), "IO wait");
	expect_eq(gos_close(p[1]), 0);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(read_is_interrupted_by_close)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, &wg, p[0], -ECANCELED, ""), "IO wait");
	expect_eq(gos_close(p[0]), 0);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_read(p[0], NULL, 0), -EBADF);
}

static void write_much(int fd, size_t size, ssize_t wanted)
{
	unsigned char *data = malloc(size);
	for (size_t i = 0; i < size; i++)
		data[i] = (unsigned char)(i * 131 >> 3);
	ssize_t n = gos_write(fd, data, size);
	if (wanted == -1) /* anything less than all */
		expect(n > 0 && n < (ssize_t)size);
	else
		expect_eq(n, wanted);
	free(data);
	gos_waitgroup_done(&wg);
}

static void read_much(int fd, size_t size, size_t at_most, uint64_t seed)
{
	unsigned char *got = malloc(at_most);
	for (size_t done = 0; done < size;) {
		ssize_t n = gos_read(fd, got, 1 + gos_test_random(&seed) % at_most);
		expect_gt(n, 0);
		for (ssize_t i = 0; i < n; i++)
			expect_eq(got[i], (unsigned char)((done + (size_t)i) * 131 >> 3));
		done += (size_t)n;
	}
	free(got);
	gos_waitgroup_done(&wg);
}

GOS_TEST(write_of_more_than_a_pipe_holds)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 2);
	gos_test_until_waiting(go(write_much, p[1], (size_t)3000000, (ssize_t)3000000), "IO wait");
	go(read_much, p[0], (size_t)3000000, (size_t)10000, gos_test_seed());
	gos_waitgroup_wait(&wg);
}

GOS_TEST(write_is_interrupted_by_close_and_tells_how_much)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(write_much, p[1], (size_t)3000000, (ssize_t)-1), "IO wait");
	gos_close(p[1]);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(write_to_nobody)
{
	int p[2], s[2];
	signal(SIGPIPE, SIG_IGN); /* pipes raise it, sockets must not */
	must_pipe(p);
	gos_close(p[0]);
	expect_eq(gos_write(p[1], "x", 1), -EPIPE);
	signal(SIGPIPE, SIG_DFL);
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	gos_close(s[0]);
	expect_eq(gos_write(s[1], "x", 1), -EPIPE);
}

GOS_TEST(write_of_nothing)
{
	int p[2];
	must_pipe(p);
	expect_eq(gos_write(p[1], "", 0), 0);
}

GOS_TEST(both_directions_of_one_descriptor_at_once)
{
	int s[2];
	expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
	gos_waitgroup_add(&wg, 4);
	for (int i = 0; i < 2; i++) {
		go(write_much, s[i], (size_t)2000000, (ssize_t)2000000);
		go(read_much, s[i], (size_t)2000000, (size_t)5000, gos_test_seed() + (uint64_t)i);
	}
	gos_waitgroup_wait(&wg);
}

GOS_TEST(bad_descriptors)
{
	char byte;
	expect_eq(gos_read(-1, &byte, 1), -EBADF);
	expect_eq(gos_write(-1, &byte, 1), -EBADF);
	expect_eq(gos_read(987, &byte, 1), -EBADF);
	expect_eq(gos_accept(-5, NULL, NULL), -EBADF);
	expect_eq(gos_close(-1), -EBADF);
	expect_eq(gos_close(987), -EBADF);
	expect_eq(gos_read(INT32_MAX, &byte, 1), -EBADF);
	int p[2];
	must_pipe(p);
	expect_eq(gos_write(p[0], &byte, 1), -EBADF);
	expect_eq(gos_read(p[1], &byte, 1), -EBADF);
	expect_eq(gos_accept(p[0], NULL, NULL), -ENOTSOCK);
}

GOS_TEST(regular_files_are_read_and_written_as_they_are)
{
	char name[] = "/tmp/gos_test_XXXXXX", got[20] = "";
	int fd = mkstemp(name);
	expect_ge(fd, 0);
	unlink(name);
	expect_eq(gos_write(fd, "regular", 7), 7);
	lseek(fd, 0, SEEK_SET);
	expect_eq(gos_read(fd, got, sizeof got), 7);
	expect(memcmp(got, "regular", 7) == 0);
	expect_eq(gos_read(fd, got, sizeof got), 0);
	expect_eq(gos_close(fd), 0);
	/* The number is another's now, and can be watched. */
	int p[2];
	must_pipe(p);
	expect(p[0] == fd || p[1] == fd);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, &wg, p[0], 1, "x"), "IO wait");
	expect_eq(gos_write(p[1], "x", 1), 1);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(descriptors_are_used_again_and_again)
{
	char byte = 'z';
	for (int i = 0; i < 3000; i++) {
		int p[2];
		must_pipe(p);
		gos_waitgroup_add(&wg, 1);
		uint64_t g = go(read_n, &wg, p[0], 1, "z");
		if (i % 10 == 0)
			gos_test_until_waiting(g, "IO wait");
		expect_eq(gos_write(p[1], &byte, 1), 1);
		gos_waitgroup_wait(&wg);
		gos_close(p[0]);
		gos_close(p[1]);
	}
}

/* Close while others are about to wait, at every moment of their way there. */
static void read_until_closed(int fd)
{
	char byte;
	ssize_t n;
	while ((n = gos_read(fd, &byte, 1)) == 1)
		;
	expect(n == -ECANCELED || n == -EBADF || n == 0);
	gos_waitgroup_done(&wg);
}

GOS_TEST(close_races_with_readers)
{
	uint64_t random = gos_test_seed();
	for (int i = 0; i < 3000; i++) {
		int p[2];
		must_pipe(p);
		gos_waitgroup_add(&wg, 1);
		go(read_until_closed, p[0]);
		for (uint64_t n = gos_test_random(&random) % 4; n > 0; n--)
			gos_yield();
		if (i % 3 == 0)
			gos_write(p[1], "xy", 2);
		gos_close(p[0]);
		gos_waitgroup_wait(&wg);
		gos_close(p[1]);
	}
}

/* Goroutines pass bytes around through a thousand pipes. */
static void relay(int in, int out)
{
	char byte;
	while (gos_read(in, &byte, 1) == 1)
		if (gos_write(out, &byte, 1) != 1)
			break;
	gos_close(out);
	gos_close(in);
	gos_waitgroup_done(&wg);
}

GOS_TEST(chain_of_pipes)
{
	enum { N = 400 };
	int first[2], from;
	must_pipe(first);
	from = first[0];
	gos_waitgroup_add(&wg, N);
	for (int i = 0; i < N; i++) {
		int p[2];
		must_pipe(p);
		go(relay, from, p[1]);
		from = p[0];
	}
	for (int round = 0; round < 20; round++) {
		char c = (char)round, d;
		expect_eq(gos_write(first[1], &c, 1), 1);
		expect_eq(gos_read(from, &d, 1), 1);
		expect_eq(c, d);
	}
	gos_close(first[1]);
	char d;
	expect_eq(gos_read(from, &d, 1), 0);
	gos_waitgroup_wait(&wg);
}

/* ---- several goroutines on one descriptor ---- */

static void read_byte(int fd)
{
	char byte;
	expect_eq(gos_read(fd, &byte, 1), 1);
	gos_waitgroup_done(&wg);
}

GOS_TEST(readers_of_one_descriptor_take_turns)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		gos_test_until_waiting(go(read_byte, p[0]), "IO wait");
	for (int i = 0; i < 3; i++)
		expect_eq(gos_write(p[1], "x", 1), 1);
	gos_waitgroup_wait(&wg); /* each has got one */
}

GOS_TEST(close_ends_all_who_wait_for_their_turn)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		gos_test_until_waiting(go(read_n, &wg, p[0], -ECANCELED, ""), "IO wait");
	expect_eq(gos_close(p[0]), 0);
	gos_waitgroup_wait(&wg);
}

static void write_own_byte(const int *sent, int times)
{
	unsigned char own = (unsigned char)sent[1];
	while (times-- > 0)
		expect_eq(gos_write(sent[0], &own, 1), 1);
	gos_waitgroup_done(&wg);
}

GOS_TEST(writers_of_one_descriptor_lose_nothing)
{
	enum { WRITERS = 8, EACH = 2000 };
	int s[2];
	must_socketpair(s);
	static int sent[WRITERS][2];
	size_t seen[WRITERS] = {0};
	gos_waitgroup_add(&wg, WRITERS);
	for (int i = 0; i < WRITERS; i++) {
		sent[i][0] = s[0];
		sent[i][1] = i;
		go(write_own_byte, sent[i], EACH);
	}
	for (size_t done = 0; done < (size_t)WRITERS * EACH;) {
		unsigned char got[512];
		ssize_t n = gos_read(s[1], got, sizeof got);
		expect_gt(n, 0);
		for (ssize_t i = 0; i < n; i++) {
			expect_lt(got[i], WRITERS);
			seen[got[i]]++;
		}
		done += (size_t)n;
	}
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < WRITERS; i++)
		expect_eq(seen[i], EACH);
}

/* ---- deadlines ---- */

GOS_TEST(deadline_ends_a_read_that_waits)
{
	int s[2];
	char byte;
	must_socketpair(s);
	int64_t at = gos_now() + 20 * GOS_MS;
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, at), 0);
	expect_eq(gos_read(s[0], &byte, 1), -ETIMEDOUT);
	expect_ge(gos_now(), at);
	/* It stays over, even with something to read. */
	expect_eq(gos_write(s[1], "x", 1), 1);
	for (int i = 0; i < 3; i++)
		expect_eq(gos_read(s[0], &byte, 1), -ETIMEDOUT);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, 0), 0);
	expect_eq(gos_read(s[0], &byte, 1), 1);
}

GOS_TEST(deadline_in_the_past_ends_reads_though_there_is_something_to_read)
{
	int s[2];
	char byte;
	must_socketpair(s);
	expect_eq(gos_write(s[1], "ab", 2), 2);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, gos_now() - 5 * GOS_S), 0);
	expect_eq(gos_read(s[0], &byte, 1), -ETIMEDOUT);
	expect_eq(gos_read(s[0], &byte, 1), -ETIMEDOUT);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, gos_now() + 100 * GOS_S), 0);
	expect_eq(gos_read(s[0], &byte, 1), 1);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, -1), 0);
	expect_eq(gos_read(s[0], &byte, 1), -ETIMEDOUT);
}

GOS_TEST(deadline_that_does_not_come_changes_nothing)
{
	int s[2];
	must_socketpair(s);
	for (int i = 0; i < 200; i++) {
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, gos_now() + 1000 * GOS_S), 0);
		gos_waitgroup_add(&wg, 1);
		uint64_t reader = go(read_n, &wg, s[0], 2, "xy");
		if (i % 10 == 0)
			gos_test_until_waiting(reader, "IO wait");
		expect_eq(gos_write(s[1], "xy", 2), 2);
		gos_waitgroup_wait(&wg);
	}
}

GOS_TEST(deadline_set_to_the_past_ends_a_read_that_waits)
{
	int s[2];
	must_socketpair(s);
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(read_n, &wg, s[0], -ETIMEDOUT, ""), "IO wait");
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, 1), 0);
		gos_waitgroup_wait(&wg);
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, 0), 0);
	}
}

GOS_TEST(deadline_moved_on_while_somebody_waits)
{
	int s[2];
	must_socketpair(s);
	for (int i = 0; i < 5; i++) {
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, gos_now() + 10 * GOS_S), 0);
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(read_n, &wg, s[0], -ETIMEDOUT, ""), "IO wait");
		int64_t last = 0;
		for (int n = 0; n < 10; n++) {
			last = gos_now() + 10 * GOS_MS;
			expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, last), 0);
		}
		gos_waitgroup_wait(&wg);
		expect_ge(gos_now(), last);
	}
	/* And taken back. */
	int64_t at = gos_now() + 200 * GOS_MS;
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, at), 0);
	gos_waitgroup_add(&wg, 1);
	go(read_n, &wg, s[0], 1, "x");
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, 0), 0);
	if (gos_now() < at) { /* else the machine was too slow, and the read may have ended */
		while (gos_now() < at + 20 * GOS_MS)
			gos_sleep(10 * GOS_MS);
		expect_eq(gos_write(s[1], "x", 1), 1);
		gos_waitgroup_wait(&wg);
	}
}

/* A timer that is on its way when its deadline is moved must not count. */
GOS_TEST(deadlines_that_were_moved_do_not_fire)
{
	int s[2];
	char byte;
	uint64_t random = gos_test_seed();
	must_socketpair(s);
	for (int i = 0; i < 3000; i++) {
		int64_t soon = gos_now() + (int64_t)(gos_test_random(&random) % 50000);
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ | GOS_POLL_WRITE, soon), 0);
		for (uint64_t n = gos_test_random(&random) % 4; n > 0; n--)
			gos_yield();
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ | GOS_POLL_WRITE, gos_now() + 1000 * GOS_S), 0);
		expect_eq(gos_write(s[1], "x", 1), 1);
		gos_yield();
		expect_eq(gos_read(s[0], &byte, 1), 1);
		expect_eq(gos_write(s[0], "y", 1), 1);
		expect_eq(gos_read(s[1], &byte, 1), 1);
	}
}

GOS_TEST(deadlines_one_after_the_other)
{
	int s[2];
	char byte;
	must_socketpair(s);
	for (int i = 0; i < 30; i++) {
		int64_t at = gos_now() + GOS_MS;
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, at), 0);
		expect_eq(gos_read(s[0], &byte, 1), -ETIMEDOUT);
		expect_ge(gos_now(), at);
	}
}

GOS_TEST(deadline_ends_a_write_into_what_is_full)
{
	int s[2];
	size_t size = 8000000;
	char *data = calloc(1, size);
	must_socketpair(s);
	int64_t at = gos_now() + 20 * GOS_MS;
	expect_eq(gos_set_deadline(s[0], GOS_POLL_WRITE, at), 0);
	ssize_t n = gos_write(s[0], data, size);
	expect(n > 0 && n < (ssize_t)size); /* as much as went */
	expect_ge(gos_now(), at);
	expect_eq(gos_write(s[0], data, size), -ETIMEDOUT);
	expect_eq(gos_write(s[0], data, 1), -ETIMEDOUT);
	/* With a later deadline it goes on. */
	expect_eq(gos_set_deadline(s[0], GOS_POLL_WRITE, 0), 0);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(write_much, s[0], (size_t)3000000, (ssize_t)3000000), "IO wait");
	size_t left = (size_t)n + 3000000;
	while (left > 0) {
		ssize_t got = gos_read(s[1], data, size);
		expect_gt(got, 0);
		left -= (size_t)got;
	}
	gos_waitgroup_wait(&wg);
	free(data);
}

GOS_TEST(deadline_in_the_past_ends_writes_though_there_is_room)
{
	int s[2];
	must_socketpair(s);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_WRITE, gos_now() - 1), 0);
	expect_eq(gos_write(s[0], "x", 1), -ETIMEDOUT);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_WRITE, 0), 0);
	expect_eq(gos_write(s[0], "x", 1), 1);
}

/* Fills what s[0] can send. */
static void fill(int fd)
{
	static const char data[4096];
	gos_set_deadline(fd, GOS_POLL_READ, 0); /* makes it non-blocking */
	while (send(fd, data, sizeof data, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
	while (send(fd, data, 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
		;
}

static void write_n(int fd, ssize_t wanted)
{
	static const char data[100000];
	ssize_t n = gos_write(fd, data, sizeof data);
	expect_eq(n, wanted);
	gos_waitgroup_done(&wg);
}

GOS_TEST(deadline_of_both_directions_at_once)
{
	for (int i = 0; i < 40; i++) {
		int s[2];
		must_socketpair(s);
		fill(s[0]);
		gos_waitgroup_add(&wg, 2);
		gos_test_until_waiting(go(read_n, &wg, s[0], -ETIMEDOUT, ""), "IO wait");
		gos_test_until_waiting(go(write_n, s[0], (ssize_t)-ETIMEDOUT), "IO wait");
		int64_t at = i % 2 ? gos_now() + GOS_MS : gos_now() - GOS_MS;
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ | GOS_POLL_WRITE, at), 0);
		gos_waitgroup_wait(&wg);
		expect_ge(gos_now(), at);
		gos_close(s[0]);
		gos_close(s[1]);
	}
}

GOS_TEST(deadline_of_one_direction_is_not_the_others)
{
	int s[2];
	char byte;
	must_socketpair(s);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_WRITE, 1), 0);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, &wg, s[0], 1, "x"), "IO wait");
	expect_eq(gos_write(s[0], "y", 1), -ETIMEDOUT);
	expect_eq(gos_write(s[1], "x", 1), 1);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, 1), 0);
	expect_eq(gos_set_deadline(s[0], GOS_POLL_WRITE, 0), 0);
	expect_eq(gos_write(s[0], "y", 1), 1);
	expect_eq(gos_read(s[1], &byte, 1), 1);
	expect_eq(gos_read(s[0], &byte, 1), -ETIMEDOUT);
}

static void wait_n(int fd, int directions, int wanted)
{
	expect_eq(gos_wait_fd(fd, directions, 0), wanted);
	gos_waitgroup_done(&wg);
}

GOS_TEST(deadline_ends_all_who_wait)
{
	for (int i = 0; i < 10; i++) {
		int s[2];
		must_socketpair(s);
		gos_waitgroup_add(&wg, 60);
		for (int n = 0; n < 30; n++) {
			go(read_n, &wg, s[0], -ETIMEDOUT, "");
			go(wait_n, s[0], GOS_POLL_READ, -ETIMEDOUT);
		}
		gos_test_until_n_waiting(60, "IO wait");
		int64_t at = i % 2 ? gos_now() + GOS_MS : 1;
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, at), 0);
		gos_waitgroup_wait(&wg);
		expect_ge(gos_now(), at);
		gos_close(s[0]);
		gos_close(s[1]);
	}
}

/* The number's next file has no deadline, whatever the last one had. */
GOS_TEST(deadlines_end_with_the_descriptor)
{
	for (int i = 0; i < 30; i++) {
		int s[2], t[2];
		must_socketpair(s);
		int64_t at = i % 3 == 0 ? 1 : gos_now() + (i % 3) * GOS_MS;
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ | GOS_POLL_WRITE, at), 0);
		if (i % 4 == 0) {
			gos_waitgroup_add(&wg, 1);
			read_n(&wg, s[0], -ETIMEDOUT, "");
		}
		expect_eq(gos_close(s[0]), 0);
		expect_eq(gos_close(s[1]), 0);
		must_socketpair(t);
		expect(t[0] == s[0] || t[1] == s[0]);
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(read_n, &wg, s[0], 1, "x"), "IO wait");
		if (gos_now() < at + GOS_MS)
			gos_sleep(2 * GOS_MS);
		expect_eq(gos_write(t[0] == s[0] ? t[1] : t[0], "x", 1), 1);
		gos_waitgroup_wait(&wg);
		expect_eq(gos_write(s[0], "x", 1), 1);
		gos_close(t[0]);
		gos_close(t[1]);
	}
}

static void read_until_it_ends(int fd)
{
	char byte;
	ssize_t n;
	while ((n = gos_read(fd, &byte, 1)) == 1)
		;
	expect(n == -ETIMEDOUT || n == -ECANCELED || n == -EBADF);
	gos_waitgroup_done(&wg);
}

GOS_TEST(deadline_races_with_close)
{
	uint64_t random = gos_test_seed();
	for (int i = 0; i < 1500; i++) {
		int s[2];
		must_socketpair(s);
		gos_waitgroup_add(&wg, 2);
		go(read_until_it_ends, s[0]);
		go(read_until_it_ends, s[0]);
		int64_t at = gos_now() + (int64_t)(gos_test_random(&random) % 30000);
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, at), 0);
		for (uint64_t n = gos_test_random(&random) % 6; n > 0; n--)
			gos_yield();
		expect_eq(gos_close(s[0]), 0);
		gos_waitgroup_wait(&wg);
		gos_close(s[1]);
	}
}

struct traffic {
	int fd[2];
	int stop;
};

static void sets_deadlines(struct traffic *t, uint64_t random)
{
	while (!__atomic_load_n(&t->stop, __ATOMIC_ACQUIRE)) {
		int64_t at = gos_test_random(&random) % 4 == 0 ? 0 : gos_now() + (int64_t)(gos_test_random(&random) % 20000) - 5000;
		expect_eq(gos_set_deadline(t->fd[0], 1 + (int)(gos_test_random(&random) % 3), at), 0);
		gos_yield();
	}
	gos_waitgroup_done(&wg);
}

static void reads_what_comes(struct traffic *t, size_t *got, gos_waitgroup *over)
{
	char data[300];
	for (;;) {
		ssize_t n = gos_read(t->fd[0], data, sizeof data);
		if (n == 0)
			break;
		expect(n > 0 || n == -ETIMEDOUT);
		*got += n > 0 ? (size_t)n : 0;
		gos_yield();
	}
	gos_waitgroup_done(over);
}

/* Deadlines that come and go all the time cost nobody a byte. */
GOS_TEST(deadlines_set_by_many_while_others_read)
{
	struct traffic t = {.stop = 0};
	gos_waitgroup readers = {0};
	size_t got = 0, sent = 0;
	uint64_t random = gos_test_seed();
	must_socketpair(t.fd);
	gos_waitgroup_add(&wg, 3);
	gos_waitgroup_add(&readers, 1);
	for (uint64_t i = 0; i < 3; i++)
		go(sets_deadlines, &t, random + i);
	go(reads_what_comes, &t, &got, &readers);
	for (int i = 0; i < 2000; i++) {
		static const char data[500];
		size_t size = 1 + gos_test_random(&random) % sizeof data;
		expect_eq(gos_write(t.fd[1], data, size), size);
		sent += size;
		if (i % 16 == 0)
			gos_sleep(20 * GOS_US);
	}
	shutdown(t.fd[1], SHUT_WR);
	__atomic_store_n(&t.stop, 1, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_set_deadline(t.fd[0], GOS_POLL_READ, 0), 0);
	gos_waitgroup_wait(&readers);
	expect_eq(got, sent);
}

GOS_TEST(deadlines_that_cannot_be_set)
{
	char name[] = "/tmp/gos_test_XXXXXX";
	int fd = mkstemp(name), p[2];
	expect_ge(fd, 0);
	unlink(name);
	must_pipe(p);
	expect_eq(gos_set_deadline(fd, GOS_POLL_READ, 1), -EPERM);
	expect_eq(gos_set_deadline(-1, GOS_POLL_READ, 1), -EBADF);
	expect_eq(gos_set_deadline(987, GOS_POLL_READ, 1), -EBADF);
	expect_eq(gos_set_deadline(p[0], 0, 1), -EINVAL);
	expect_eq(gos_set_deadline(p[0], 4, 1), -EINVAL);
	gos_close(p[0]);
	expect_eq(gos_set_deadline(p[0], GOS_POLL_READ, 1), -EBADF);
}

/* ---- close ---- */

static void close_counts(int fd, int *closed)
{
	int result = gos_close(fd);
	expect(result == 0 || result == -EBADF);
	if (result == 0)
		__atomic_add_fetch(closed, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(&wg);
}

GOS_TEST(close_counts_once)
{
	for (int i = 0; i < 300; i++) {
		int p[2], closed = 0;
		must_pipe(p);
		expect_eq(gos_write(p[1], "", 0), 0); /* the runtime opens its own descriptors now, and not with the number that is closed below */
		gos_waitgroup_add(&wg, 6);
		go(read_until_closed, p[0]);
		for (int n = 0; n < 5; n++)
			go(close_counts, p[0], &closed);
		gos_waitgroup_wait(&wg);
		expect_eq(closed, 1);
		expect_eq(gos_close(p[0]), -EBADF);
		gos_close(p[1]);
	}
}

GOS_TEST(close_ends_writers_and_readers_and_those_who_only_wait)
{
	int s[2];
	must_socketpair(s);
	fill(s[0]);
	gos_waitgroup_add(&wg, 12);
	for (int i = 0; i < 3; i++) {
		go(write_n, s[0], (ssize_t)-ECANCELED);
		go(read_n, &wg, s[0], -ECANCELED, "");
		go(wait_n, s[0], GOS_POLL_READ, -ECANCELED);
		go(wait_n, s[0], GOS_POLL_WRITE, -ECANCELED);
	}
	gos_test_until_n_waiting(12, "IO wait");
	expect_eq(gos_close(s[0]), 0);
	gos_waitgroup_wait(&wg);
	char byte;
	expect_eq(gos_read(s[1], &byte, 1), 1); /* what was sent before */
}

struct reused {
	int fd;
	unsigned char own;
	int over;
};

/* Waits inside its only call until there is something; that must be its own, although the number may be another's by now. */
static void reads_its_own(struct reused *r)
{
	unsigned char got[8];
	ssize_t n = gos_read(r->fd, got, sizeof got);
	expect(n > 0 || n == -ECANCELED);
	for (ssize_t i = 0; i < n; i++)
		expect_eq(got[i], r->own);
	__atomic_store_n(&r->over, 1, __ATOMIC_RELEASE);
}

static void close_while_read(uint64_t random, unsigned char own, int rounds)
{
	while (rounds-- > 0) {
		int s[2];
		unsigned char data[8];
		must_socketpair(s);
		struct reused r = {.fd = s[0], .own = own};
		memset(data, own, sizeof data);
		go(reads_its_own, &r);
		while ((uintptr_t)rt_load_acquire(&rt_pollfd(s[0])->rg) <= (uintptr_t)RT_POLL_WAIT) /* it is not parked yet */
			gos_yield();
		size_t size = gos_test_random(&random) % sizeof data;
		expect_eq(gos_write(s[1], data, size), size);
		expect_eq(gos_close(s[0]), 0);
		expect_eq(gos_close(s[1]), 0);
		while (!__atomic_load_n(&r.over, __ATOMIC_ACQUIRE))
			gos_yield();
	}
	gos_waitgroup_done(&wg);
}

/* Others take the numbers as soon as they are free, and have bytes of their own in them. */
GOS_TEST(close_never_lets_a_reader_meet_the_next_file_of_that_number)
{
	gos_waitgroup_add(&wg, 16);
	for (int i = 0; i < 16; i++)
		go(close_while_read, gos_test_seed() + (uint64_t)i, (unsigned char)(i + 1), 60);
	gos_waitgroup_wait(&wg);
}

/* ---- gos_wait_fd ---- */

static bool blocks(int fd)
{
	int flags = fcntl(fd, F_GETFL);
	expect_ge(flags, 0);
	return !(flags & O_NONBLOCK);
}

GOS_TEST(wait_fd_until_readable_and_the_descriptor_stays_blocking)
{
	int p[2];
	char byte;
	must_pipe(p);
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(wait_n, p[0], GOS_POLL_READ, GOS_POLL_READ), "IO wait");
		expect_eq(write(p[1], "x", 1), 1);
		gos_waitgroup_wait(&wg);
		/* It is so until somebody reads. */
		for (int n = 0; n < 3; n++)
			expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, n == 0 ? 0 : GOS_S), GOS_POLL_READ);
		expect_eq(read(p[0], &byte, 1), 1);
	}
	expect(blocks(p[0]));
	expect_eq(close(p[1]), 0);
	expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, 0), GOS_POLL_READ); /* the end is something to read */
	expect_eq(read(p[0], &byte, 1), 0);
	gos_close(p[0]);
}

GOS_TEST(wait_fd_within_its_time)
{
	int p[2];
	must_pipe(p);
	for (int i = 0; i < 5; i++) {
		int64_t start = gos_now();
		expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, 10 * GOS_MS), -ETIMEDOUT);
		expect_ge(gos_now() - start, 10 * GOS_MS);
		expect_eq(gos_wait_fd(p[1], GOS_POLL_WRITE, 10 * GOS_MS), GOS_POLL_WRITE);
	}
	for (int i = 0; i < 300; i++) /* many timers that do not fire, some that do */
		expect_eq(gos_wait_fd(p[1], GOS_POLL_WRITE, 1 + i % 2 * GOS_S), GOS_POLL_WRITE);
	for (int i = 0; i < 300; i++)
		expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, 1 + i * 100), -ETIMEDOUT);
}

GOS_TEST(wait_fd_for_both_directions)
{
	int s[2];
	must_socketpair(s);
	expect_eq(gos_wait_fd(s[0], GOS_POLL_READ | GOS_POLL_WRITE, 0), GOS_POLL_WRITE);
	fill(s[0]);
	expect_eq(gos_wait_fd(s[0], GOS_POLL_READ | GOS_POLL_WRITE, GOS_MS), -ETIMEDOUT);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(wait_n, s[0], GOS_POLL_READ | GOS_POLL_WRITE, GOS_POLL_READ), "IO wait");
	expect_eq(gos_write(s[1], "x", 1), 1);
	gos_waitgroup_wait(&wg);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(wait_n, s[0], GOS_POLL_WRITE, GOS_POLL_WRITE), "IO wait");
	static char data[1000000];
	expect_gt(gos_read(s[1], data, sizeof data), 0);
	while (recv(s[1], data, sizeof data, MSG_DONTWAIT) > 0)
		;
	gos_waitgroup_wait(&wg);
	expect_eq(gos_wait_fd(s[0], GOS_POLL_READ | GOS_POLL_WRITE, 0), GOS_POLL_READ | GOS_POLL_WRITE);
}

GOS_TEST(wait_fd_by_many_at_once)
{
	int s[2];
	must_socketpair(s);
	fill(s[0]);
	for (int i = 0; i < 10; i++) {
		gos_waitgroup_add(&wg, 20);
		for (int n = 0; n < 20; n++)
			go(wait_n, s[0], n % 2 ? GOS_POLL_READ : GOS_POLL_READ | GOS_POLL_WRITE, GOS_POLL_READ);
		gos_test_until_n_waiting(20, "IO wait");
		expect_eq(gos_write(s[1], "x", 1), 1);
		gos_waitgroup_wait(&wg);
		char byte;
		expect_eq(read(s[0], &byte, 1), 1);
	}
}

static void wait_late(int fd, int64_t timeout)
{
	int result = gos_wait_fd(fd, GOS_POLL_READ, timeout);
	expect(result == -ETIMEDOUT || result == GOS_POLL_READ || result == -ECANCELED || result == -EBADF);
	gos_waitgroup_done(&wg);
}

GOS_TEST(wait_fd_time_races_with_edges_and_close)
{
	uint64_t random = gos_test_seed();
	for (int i = 0; i < 1000; i++) {
		int s[2];
		must_socketpair(s);
		gos_waitgroup_add(&wg, 3);
		for (int n = 0; n < 3; n++)
			go(wait_late, s[0], (int64_t)(1 + gos_test_random(&random) % 30000));
		for (uint64_t n = gos_test_random(&random) % 6; n > 0; n--)
			gos_yield();
		if (i % 2)
			expect_eq(gos_write(s[1], "x", 1), 1);
		if (i % 3)
			expect_eq(gos_close(s[0]), 0);
		gos_waitgroup_wait(&wg);
		if (i % 3 == 0)
			gos_close(s[0]);
		gos_close(s[1]);
	}
}

/* Libraries close their descriptors themselves; the number's next file must not suffer from what is remembered. */
GOS_TEST(wait_fd_and_a_close_by_others)
{
	for (int i = 0; i < 50; i++) {
		int p[2], q[2];
		must_pipe(p);
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(wait_n, p[0], GOS_POLL_READ, GOS_POLL_READ), "IO wait");
		expect_eq(write(p[1], "x", 1), 1);
		gos_waitgroup_wait(&wg);
		expect_eq(close(p[0]), 0);
		expect_eq(close(p[1]), 0);
		expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, 0), -EBADF);
		must_pipe(q);
		expect_eq(q[0], p[0]);
		gos_waitgroup_add(&wg, 1);
		if (i % 2)
			gos_test_until_waiting(go(wait_n, q[0], GOS_POLL_READ, GOS_POLL_READ), "IO wait");
		else
			gos_test_until_waiting(go(read_n, &wg, q[0], 1, "y"), "IO wait"); /* and waited for in the other way */
		expect(blocks(q[0]) == (i % 2 == 1));
		expect_eq(write(q[1], "y", 1), 1);
		gos_waitgroup_wait(&wg);
		if (i % 2)
			expect_eq(close(q[0]), 0);
		else
			expect_eq(gos_close(q[0]), 0);
		expect_eq(close(q[1]), 0);
	}
}

GOS_TEST(wait_fd_and_reads_of_one_descriptor)
{
	int p[2];
	must_pipe(p);
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 2);
		uint64_t a = go(wait_n, p[0], GOS_POLL_READ, GOS_POLL_READ), b = go(read_byte, p[0]);
		gos_test_until_waiting(a, "IO wait");
		gos_test_until_waiting(b, "IO wait");
		expect_eq(gos_write(p[1], "xy", 2), 2); /* one to be read, one to be seen */
		gos_waitgroup_wait(&wg);
		char byte;
		expect_eq(gos_read(p[0], &byte, 1), 1);
	}
}

GOS_TEST(wait_fd_of_what_cannot_be_waited_for)
{
	char name[] = "/tmp/gos_test_XXXXXX";
	int fd = mkstemp(name), p[2];
	unlink(name);
	must_pipe(p);
	expect_eq(gos_wait_fd(fd, GOS_POLL_READ, 0), GOS_POLL_READ); /* files are always ready */
	expect_eq(gos_wait_fd(fd, GOS_POLL_READ | GOS_POLL_WRITE, GOS_S), GOS_POLL_READ | GOS_POLL_WRITE);
	expect_eq(gos_wait_fd(-1, GOS_POLL_READ, 0), -EBADF);
	expect_eq(gos_wait_fd(987, GOS_POLL_READ, 0), -EBADF);
	expect_eq(gos_wait_fd(p[0], 0, 0), -EINVAL);
	expect_eq(gos_wait_fd(p[0], 8, 0), -EINVAL);
	gos_close(fd);
}

/* ---- a machine that is too small ---- */

static size_t open_descriptors(void)
{
	size_t n = 0;
	for (int fd = 0; fd < 1000; fd++)
		n += fcntl(fd, F_GETFD) >= 0;
	return n;
}

GOS_TEST(no_descriptor_left_for_the_poller)
{
	int p[2];
	char byte;
	struct rlimit old, none;
	must_pipe(p);
	size_t before = open_descriptors();
	expect_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
	none = old;
	none.rlim_cur = 3; /* those that are open stay so */
	expect_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	expect_eq(gos_read(p[0], &byte, 1), -EMFILE);
	expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, 0), -EMFILE);
	expect_eq(gos_set_deadline(p[0], GOS_POLL_READ, 1), -EMFILE);
	/* Timers need none. */
	for (int i = 0; i < 5; i++) {
		int64_t start = gos_now();
		gos_sleep(3 * GOS_MS);
		expect_ge(gos_now() - start, 3 * GOS_MS);
	}
	expect_eq(open_descriptors(), before);
	expect_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, &wg, p[0], 1, "x"), "IO wait");
	gos_sleep(2 * GOS_MS);
	expect_eq(gos_write(p[1], "x", 1), 1);
	gos_waitgroup_wait(&wg);
}
