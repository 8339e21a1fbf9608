/* SPDX-License-Identifier: MIT */
/* stress_io.c - descriptors that come and go: pipes and connections with checked bytes, closed at any moment, their numbers used again at once. */
#include <errno.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stress.h"

static unsigned char byte_at(uint64_t seed, uint64_t i)
{
	return (unsigned char)(seed + i * 131 + (i >> 7));
}

/* ---- whole transfers: every byte arrives, in order ---- */

static void writer(int fd, uint64_t seed, size_t size, gos_waitgroup *wg)
{
	unsigned char data[1000];
	uint64_t random = seed;
	for (size_t done = 0; done < size;) {
		size_t n = 1 + gos_test_random(&random) % sizeof data;
		if (n > size - done)
			n = size - done;
		for (size_t i = 0; i < n; i++)
			data[i] = byte_at(seed, done + i);
		expect_eq(gos_write(fd, data, n), n);
		done += n;
		stress_disturb(&random);
	}
	shutdown(fd, SHUT_WR);
	gos_waitgroup_done(wg);
}

static void read_all(int fd, uint64_t seed, size_t size)
{
	unsigned char data[1500];
	uint64_t random = ~seed;
	for (size_t done = 0;;) {
		ssize_t n = gos_read(fd, data, 1 + gos_test_random(&random) % sizeof data);
		expect_ge(n, 0);
		if (n == 0) {
			expect_eq(done, size);
			return;
		}
		for (ssize_t i = 0; i < n; i++)
			expect_eq(data[i], byte_at(seed, done + (size_t)i));
		done += (size_t)n;
		stress_disturb(&random);
	}
}

static void transfers(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		int s[2];
		uint64_t seed = gos_test_random(&random);
		size_t size = gos_test_random(&random) % 20000;
		gos_waitgroup wg = {0};
		expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
		if (gos_test_random(&random) % 2) {
			int small = 4096;
			setsockopt(s[0], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
		}
		gos_waitgroup_add(&wg, 1);
		go(writer, s[0], seed, size, &wg);
		read_all(s[1], seed, size);
		gos_waitgroup_wait(&wg);
		expect_eq(gos_close(s[0]), 0);
		expect_eq(gos_close(s[1]), 0);
		stress_step(worker);
	}
	stress_leave(worker);
}

STRESS_TEST(transfers_over_socket_pairs)
{
	stress_begin();
	for (uint64_t i = 0; i < 24; i++)
		go(transfers, gos_test_seed() + i);
	stress_run();
	stress_end();
}

/* ---- connections: dialled, used, closed; the server's side, too ---- */

static char address[64];
static int64_t served, asked;

static void serve(int fd)
{
	unsigned char data[300];
	ssize_t n;
	while ((n = gos_read(fd, data, sizeof data)) > 0) {
		expect_eq(gos_write(fd, data, (size_t)n), n);
		__atomic_add_fetch(&served, n, __ATOMIC_RELAXED);
	}
	expect_eq(n, 0);
	expect_eq(gos_close(fd), 0);
}

static void accept_all(int listener)
{
	int fd;
	while ((fd = gos_accept(listener, NULL, NULL)) >= 0)
		go(serve, fd);
	expect_eq(fd, -ECANCELED);
}

static void client(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		int fd = gos_dial_tcp(address, gos_test_random(&random) % 2 ? 10 * GOS_S : 0);
		if (fd == -EADDRNOTAVAIL || fd == -ETIMEDOUT) { /* out of ports for a while: the kernel keeps closed ones for a minute */
			gos_sleep(50 * GOS_MS);
			stress_step(worker);
			continue;
		}
		expect_ge(fd, 0);
		for (int rounds = (int)(gos_test_random(&random) % 30); rounds >= 0; rounds--) {
			unsigned char out[200], in[200];
			size_t size = 1 + gos_test_random(&random) % sizeof out;
			for (size_t i = 0; i < size; i++)
				out[i] = (unsigned char)gos_test_random(&random);
			expect_eq(gos_write(fd, out, size), size);
			for (size_t done = 0; done < size;) {
				ssize_t n = gos_read(fd, in + done, size - done);
				expect_gt(n, 0);
				done += (size_t)n;
			}
			expect(memcmp(in, out, size) == 0);
			__atomic_add_fetch(&asked, (int64_t)size, __ATOMIC_RELAXED);
			stress_step(worker);
		}
		expect_eq(gos_close(fd), 0);
	}
	stress_leave(worker);
}

STRESS_TEST(connections)
{
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	stress_begin();
	int listener = gos_listen_tcp("127.0.0.1:0");
	expect_ge(listener, 0);
	getsockname(listener, (struct sockaddr *)&a, &size);
	snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(a.sin_port));
	uint64_t accepting = go(accept_all, listener);
	for (uint64_t i = 0; i < 24; i++)
		go(client, gos_test_seed() + i);
	stress_run();
	stress_end();
	gos_test_until_num(2);
	gos_test_until_waiting(accepting, "IO wait");
	gos_close(listener);
	gos_test_until_num(1);
	expect_eq(served, asked);
}

/* ---- close at any moment: who waits is told, whoever gets the number next is not disturbed ---- */

struct victim {
	int fd;
	gos_waitgroup wg;
};

static void reads_until_closed(struct victim *v, uint64_t random)
{
	unsigned char data[100];
	ssize_t n;
	do {
		stress_disturb(&random);
		n = gos_read(v->fd, data, sizeof data);
	} while (n > 0);
	if (n != 0 && n != -ECANCELED && n != -EBADF)
		expect_eq(n, -ECANCELED);
	gos_waitgroup_done(&v->wg);
}

static void writes_until_closed(struct victim *v, uint64_t random)
{
	static const unsigned char data[3000];
	ssize_t n;
	do {
		stress_disturb(&random);
		n = gos_write(v->fd, data, 1 + gos_test_random(&random) % sizeof data);
	} while (n > 0);
	if (n != -EPIPE && n != -ECANCELED && n != -EBADF && n != -ECONNRESET)
		expect_eq(n, -ECANCELED);
	gos_waitgroup_done(&v->wg);
}

/*
 * Four goroutines use both ends while a fifth ends it. The number of a closed descriptor may be another's at once, as ever, so where many do this the connection is shut
 * down first, and closed when nobody uses it any more.
 */
static void closer(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		int s[2];
		expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
		struct victim v = {.fd = s[0]}, w = {.fd = s[1]};
		gos_waitgroup_add(&v.wg, 2);
		gos_waitgroup_add(&w.wg, 2);
		go(reads_until_closed, &v, gos_test_random(&random));
		go(writes_until_closed, &v, gos_test_random(&random));
		go(reads_until_closed, &w, gos_test_random(&random));
		go(writes_until_closed, &w, gos_test_random(&random));
		for (uint64_t n = gos_test_random(&random) % 20; n > 0; n--)
			stress_disturb(&random);
		shutdown(s[0], SHUT_RDWR); /* all four end, whatever they do */
		gos_waitgroup_wait(&v.wg);
		gos_waitgroup_wait(&w.wg);
		expect_eq(gos_close(s[0]), 0);
		expect_eq(gos_close(s[1]), 0);
		stress_step(worker);
	}
	stress_leave(worker);
}

STRESS_TEST(descriptors_that_are_shut_down_at_any_moment)
{
	stress_begin();
	for (uint64_t i = 0; i < 16; i++)
		go(closer, gos_test_seed() + i);
	stress_run();
	stress_end();
}

/* One at a time, so that nobody else gets the number: now with a real close. */
STRESS_TEST(descriptors_that_are_closed_at_any_moment)
{
	uint64_t random = gos_test_seed();
	stress_begin();
	int worker = stress_enter();
	struct sigaction ignore = {.sa_handler = SIG_IGN};
	sigaction(SIGPIPE, &ignore, NULL);
	int first[2];
	expect_eq(pipe(first), 0);
	gos_write(first[1], "x", 1); /* the runtime opens its own descriptors now, and not with a number that is closed below */
	for (int64_t until = gos_now() + stress_duration(); gos_now() < until;) {
		int s[2];
		expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
		struct victim v = {.fd = s[0]};
		gos_waitgroup_add(&v.wg, 2);
		go(reads_until_closed, &v, gos_test_random(&random));
		go(writes_until_closed, &v, gos_test_random(&random));
		for (uint64_t n = gos_test_random(&random) % 10; n > 0; n--)
			stress_disturb(&random);
		if (gos_test_random(&random) % 2)
			gos_write(s[1], "some", 4);
		expect_eq(gos_close(s[0]), 0);
		gos_waitgroup_wait(&v.wg);
		expect_eq(gos_close(s[1]), 0);
		stress_step(worker);
	}
	stress_leave(worker);
	stress_end();
}
