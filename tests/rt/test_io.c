/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/io.c and rt/netpoll.c. Method: black box, over pipes, loopback and files of this process. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gos_test.h"

static gos_waitgroup wg;

static void must_pipe(int p[2])
{
	expect_eq(pipe(p), 0);
}

/* "127.0.0.1:port" of a listener. */
static const char *address_of(int listener)
{
	static char text[64];
	struct sockaddr_in6 a = {0};
	socklen_t size = sizeof a;
	expect_eq(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(a.sin6_port)); /* the port stands at the same place in both families */
	return text;
}

static int must_listen(void)
{
	int fd = gos_listen_tcp("127.0.0.1:0");
	expect_ge(fd, 0);
	return fd;
}

/* ---- pipes ---- */

static void read_n(int fd, ssize_t wanted, const char *text)
{
	char got[100] = "";
	expect_eq(gos_read(fd, got, sizeof got), wanted);
	if (wanted > 0)
		expect(memcmp(got, text, (size_t)wanted) == 0);
	gos_waitgroup_done(&wg);
}

GOS_TEST(read_gives_what_is_there)
{
	int p[2];
	must_pipe(p);
	expect_eq(gos_write(p[1], "hello", 5), 5);
	gos_waitgroup_add(&wg, 1);
	read_n(p[0], 5, "hello");
	gos_close(p[1]);
	gos_waitgroup_add(&wg, 1);
	read_n(p[0], 0, "");
	expect_eq(gos_close(p[0]), 0);
}

GOS_TEST(read_waits_for_a_writer)
{
	int p[2];
	must_pipe(p);
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(read_n, p[0], 3, "abc"), "IO wait");
		expect_eq(gos_write(p[1], "abc", 3), 3);
		gos_waitgroup_wait(&wg);
	}
}

GOS_TEST(read_waits_for_the_end)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, p[0], 0, ""), "IO wait");
	expect_eq(gos_close(p[1]), 0);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(read_is_interrupted_by_close)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, p[0], -ECANCELED, ""), "IO wait");
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
	gos_test_until_waiting(go(read_n, p[0], 1, "x"), "IO wait");
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
		uint64_t g = go(read_n, p[0], 1, "z");
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

/* ---- TCP ---- */

static void echo(int fd)
{
	char buffer[4096];
	ssize_t n;
	while ((n = gos_read(fd, buffer, sizeof buffer)) > 0)
		expect_eq(gos_write(fd, buffer, (size_t)n), n);
	expect_eq(n, 0);
	gos_close(fd);
	gos_waitgroup_done(&wg);
}

static void serve(int listener)
{
	int fd;
	while ((fd = gos_accept(listener, NULL, NULL)) >= 0) {
		gos_waitgroup_add(&wg, 1);
		go(echo, fd);
	}
	expect_eq(fd, -ECANCELED);
	gos_waitgroup_done(&wg);
}

static void read_exactly(int fd, char *buffer, size_t size)
{
	for (size_t done = 0; done < size;) {
		ssize_t n = gos_read(fd, buffer + done, size - done);
		expect_gt(n, 0);
		done += (size_t)n;
	}
}

static void client(const char *address, int rounds, uint64_t seed)
{
	char out[1000], in[1000];
	int fd = gos_dial_tcp(address, 0);
	expect_ge(fd, 0);
	while (rounds-- > 0) {
		size_t size = 1 + gos_test_random(&seed) % sizeof out;
		for (size_t i = 0; i < size; i++)
			out[i] = (char)gos_test_random(&seed);
		expect_eq(gos_write(fd, out, size), size);
		read_exactly(fd, in, size);
		expect(memcmp(in, out, size) == 0);
	}
	expect_eq(gos_close(fd), 0);
	gos_waitgroup_done(&wg);
}

GOS_TEST(tcp_echo)
{
	int listener = must_listen();
	const char *address = address_of(listener);
	gos_waitgroup_add(&wg, 1);
	uint64_t server = go(serve, listener);
	gos_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(client, address, 50, gos_test_seed() + (uint64_t)i);
	for (int i = 0; i < 50; i++) {
		gos_waitgroup_add(&wg, 1);
		client(address, 1, 5);
	}
	gos_test_until_waiting(server, "IO wait");
	while (gos_num_goroutines() > 2)
		gos_sleep(GOS_MS);
	expect_eq(gos_close(listener), 0); /* ends the accept */
	gos_waitgroup_wait(&wg);
}

GOS_TEST(tcp_accept_tells_who_it_is)
{
	int listener = must_listen();
	gos_waitgroup_add(&wg, 1);
	go(client, address_of(listener), 0, 0);
	struct sockaddr_in from;
	socklen_t size = sizeof from;
	int fd = gos_accept(listener, (struct sockaddr *)&from, &size);
	expect_ge(fd, 0);
	expect_eq(from.sin_family, AF_INET);
	expect_eq(ntohl(from.sin_addr.s_addr), INADDR_LOOPBACK);
	expect_ne(fcntl(fd, F_GETFD) & FD_CLOEXEC, 0);
	gos_waitgroup_wait(&wg);
	gos_close(fd);
	gos_close(listener);
}

GOS_TEST(dial_a_closed_port)
{
	int listener = must_listen();
	char address[64];
	strcpy(address, address_of(listener));
	gos_close(listener);
	for (int i = 0; i < 50; i++)
		expect_eq(gos_dial_tcp(address, i % 2 ? GOS_S : 0), -ECONNREFUSED);
}

/* A listener whose queue is full lets the next ones wait: that is what a host that does not answer looks like. */
GOS_TEST(dial_times_out)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int listener = socket(AF_INET, SOCK_STREAM, 0), filled[16], n = 0, result = 0;
	expect_eq(bind(listener, (struct sockaddr *)&a, sizeof a), 0);
	expect_eq(listen(listener, 0), 0);
	const char *address = address_of(listener);
	while (n < 16 && (result = gos_dial_tcp(address, 100 * GOS_MS)) >= 0)
		filled[n++] = result;
	expect_eq(result, -ETIMEDOUT);
	for (int i = 0; i < 5; i++) {
		int64_t start = gos_now();
		expect_eq(gos_dial_tcp(address, 20 * GOS_MS), -ETIMEDOUT);
		expect_ge(gos_now() - start, 20 * GOS_MS);
	}
	while (n > 0)
		gos_close(filled[--n]);
	close(listener);
}

GOS_TEST(dial_within_its_time)
{
	int listener = must_listen();
	for (int i = 0; i < 20; i++) {
		int fd = gos_dial_tcp(address_of(listener), 10 * GOS_S);
		expect_ge(fd, 0);
		gos_close(fd);
	}
	gos_sleep(10 * GOS_MS);
	gos_close(listener);
}

GOS_TEST(dial_is_interrupted_by_nothing_else)
{
	/* Many at once, each with a timer that does not fire. */
	int listener = must_listen();
	gos_waitgroup_add(&wg, 1);
	go(serve, listener);
	const char *address = address_of(listener);
	gos_waitgroup_add(&wg, 200);
	for (int i = 0; i < 200; i++)
		go(client, address, 2, (uint64_t)i);
	while (gos_num_goroutines() > 2)
		gos_sleep(GOS_MS);
	gos_close(listener);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(addresses_that_cannot_be_read)
{
	static const char *const bad[] = {"",          "nothing",       "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
	                                  "127.0.0.1:80x", "::1:80",    "[::1]",     "[::1:80",    "::1]:80",     "127.0.0.1: 80",   "[]x:80"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int a = gos_dial_tcp(bad[i], GOS_S), b = gos_listen_tcp(bad[i]);
		if (a != -EINVAL || b != -EINVAL)
			ck_abort_msg("\"%s\": dial %d, listen %d, not -EINVAL", bad[i], a, b);
	}
	expect_eq(gos_dial_tcp(NULL, GOS_S), -EINVAL);
	char many[1000];
	memset(many, 'a', sizeof many);
	strcpy(many + 900, ":80");
	expect_eq(gos_dial_tcp(many, GOS_S), -EINVAL);
}

GOS_TEST(listen_everywhere_and_dial_by_every_name)
{
	int listener = gos_listen_tcp(":0");
	expect_ge(listener, 0);
	const char *port = strrchr(address_of(listener), ':');
	char text[100];
	static const char *const hosts[] = {"127.0.0.1", "localhost", "", "[::1]"};
	for (int i = 0; i < 4; i++) {
		if (i == 1 && access("/etc/hosts", R_OK) != 0) /* nobody here knows localhost */
			continue;
		snprintf(text, sizeof text, "%s%s", hosts[i], port);
		int fd = gos_dial_tcp(text, 5 * GOS_S);
		if (fd < 0 && i == 3) /* no IPv6 here */
			continue;
		if (fd < 0)
			ck_abort_msg("\"%s\": %d", text, fd);
		int other = gos_accept(listener, NULL, NULL);
		expect_ge(other, 0);
		gos_close(other);
		gos_close(fd);
	}
	gos_close(listener);
}

GOS_TEST(listen_where_somebody_listens)
{
	int listener = must_listen();
	expect_eq(gos_listen_tcp(address_of(listener)), -EADDRINUSE);
	gos_close(listener);
}

GOS_TEST(connect_by_address)
{
	int listener = must_listen();
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	getsockname(listener, (struct sockaddr *)&a, &size);
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	expect_eq(gos_connect(fd, (struct sockaddr *)&a, size), 0);
	gos_connect(fd, (struct sockaddr *)&a, size); /* 0, the first time after a connection that was waited for: Linux */
	expect_eq(gos_connect(fd, (struct sockaddr *)&a, size), -EISCONN);
	gos_close(fd);
	gos_close(listener);
	fd = socket(AF_INET, SOCK_STREAM, 0);
	expect_eq(gos_connect(fd, (struct sockaddr *)&a, size), -ECONNREFUSED);
	gos_close(fd);
}

GOS_TEST(unix_sockets)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX, .sun_path = "\0gossamer-test"};
	socklen_t size = sizeof a.sun_family + 14;
	snprintf(a.sun_path + 1, sizeof a.sun_path - 1, "gossamer-%d", getpid());
	size = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(a.sun_path + 1));
	int listener = socket(AF_UNIX, SOCK_STREAM, 0);
	expect_eq(bind(listener, (struct sockaddr *)&a, size), 0);
	expect_eq(listen(listener, 10), 0);
	gos_waitgroup_add(&wg, 1);
	uint64_t server = go(serve, listener);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	expect_eq(gos_connect(fd, (struct sockaddr *)&a, size), 0);
	char in[6];
	expect_eq(gos_write(fd, "nearby", 6), 6);
	read_exactly(fd, in, 6);
	expect(memcmp(in, "nearby", 6) == 0);
	gos_close(fd);
	gos_test_until_waiting(server, "IO wait");
	gos_close(listener);
	gos_waitgroup_wait(&wg);
}

/* A peer that resets the connection. */
GOS_TEST(reset_by_peer)
{
	int listener = must_listen();
	int fd = gos_dial_tcp(address_of(listener), 0), other = gos_accept(listener, NULL, NULL);
	struct linger now = {1, 0};
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, fd, -ECONNRESET, ""), "IO wait");
	setsockopt(other, SOL_SOCKET, SO_LINGER, &now, sizeof now);
	gos_close(other);
	gos_waitgroup_wait(&wg);
	gos_close(fd);
	gos_close(listener);
}

/* Half a connection. */
GOS_TEST(end_of_a_half_closed_connection)
{
	int listener = must_listen();
	int fd = gos_dial_tcp(address_of(listener), 0), other = gos_accept(listener, NULL, NULL);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, other, 0, ""), "IO wait");
	shutdown(fd, SHUT_WR);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_write(other, "still", 5), 5);
	char in[5];
	read_exactly(fd, in, 5);
	gos_close(fd);
	gos_close(other);
	gos_close(listener);
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

static void accept_one(int listener)
{
	expect_ge(gos_accept(listener, NULL, NULL), 0);
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

GOS_TEST(acceptors_of_one_listener_all_get_connections)
{
	int listener = must_listen();
	gos_waitgroup_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		gos_test_until_waiting(go(accept_one, listener), "IO wait");
	for (int i = 0; i < 4; i++) /* some of them in one edge */
		expect_ge(gos_dial_tcp(address_of(listener), 0), 0);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(close_ends_all_who_wait_for_their_turn)
{
	int p[2];
	must_pipe(p);
	gos_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		gos_test_until_waiting(go(read_n, p[0], -ECANCELED, ""), "IO wait");
	expect_eq(gos_close(p[0]), 0);
	gos_waitgroup_wait(&wg);
}

