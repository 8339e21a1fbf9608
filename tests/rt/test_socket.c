/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/socket.c. Method: black box, over loopback and Unix sockets. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "gos_net.h"

static gos_waitgroup wg;

/* ---- streams ---- */

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
	gos_test_until_waiting(go(read_n, &wg, fd, -ECONNRESET, ""), "IO wait");
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
	gos_test_until_waiting(go(read_n, &wg, other, 0, ""), "IO wait");
	shutdown(fd, SHUT_WR);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_write(other, "still", 5), 5);
	char in[5];
	read_exactly(fd, in, 5);
	gos_close(fd);
	gos_close(other);
	gos_close(listener);
}

static void accept_one(int listener)
{
	expect_ge(gos_accept(listener, NULL, NULL), 0);
	gos_waitgroup_done(&wg);
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

GOS_TEST(write_to_a_peer_that_is_gone_raises_no_signal)
{
	int listener = must_listen();
	int fd = gos_dial_tcp(address_of(listener), 0), other = gos_accept(listener, NULL, NULL);
	gos_close(other);
	ssize_t n = 0;
	for (int i = 0; i < 1000 && n >= 0; i++) {
		n = gos_write(fd, "x", 1);
		gos_sleep(GOS_MS);
	}
	expect(n == -EPIPE || n == -ECONNRESET);
	for (int i = 0; i < 3; i++)
		expect_eq(gos_sendto(fd, "x", 1, 0, NULL, 0), -EPIPE);
	struct iovec v = {"x", 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
	expect_eq(gos_sendmsg(fd, &m, 0), -EPIPE);
	gos_close(fd);
	gos_close(listener);
}

/* ---- deadlines ---- */

GOS_TEST(accept_until_a_deadline)
{
	int listener = must_listen();
	for (int i = 0; i < 5; i++) {
		int64_t at = i % 2 ? gos_now() + 10 * GOS_MS : gos_now() - GOS_S;
		expect_eq(gos_set_deadline(listener, GOS_POLL_READ, at), 0);
		expect_eq(gos_accept(listener, NULL, NULL), -ETIMEDOUT);
		expect_ge(gos_now(), at);
	}
	/* Though somebody is there. */
	int fd = gos_dial_tcp(address_of(listener), 0);
	expect_ge(fd, 0);
	expect_eq(gos_accept(listener, NULL, NULL), -ETIMEDOUT);
	expect_eq(gos_set_deadline(listener, GOS_POLL_READ, gos_now() + 100 * GOS_S), 0);
	int other = gos_accept(listener, NULL, NULL);
	expect_ge(other, 0);
	gos_close(fd);
	gos_close(other);
	gos_close(listener);
}

static void accept_n(int listener, int wanted)
{
	int fd = gos_accept(listener, NULL, NULL);
	expect_eq(fd, wanted);
	gos_waitgroup_done(&wg);
}

GOS_TEST(acceptors_are_ended_by_a_deadline_and_by_close)
{
	int listener = must_listen();
	gos_waitgroup_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		go(accept_n, listener, -ETIMEDOUT);
	gos_test_until_n_waiting(10, "IO wait");
	expect_eq(gos_set_deadline(listener, GOS_POLL_READ, gos_now() + GOS_MS), 0);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_set_deadline(listener, GOS_POLL_READ, 0), 0);
	gos_waitgroup_add(&wg, 10);
	for (int i = 0; i < 10; i++)
		go(accept_n, listener, -ECANCELED);
	gos_test_until_n_waiting(10, "IO wait");
	expect_eq(gos_close(listener), 0);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_accept(listener, NULL, NULL), -EBADF);
}

/* A listener whose queue is full: who connects waits. */
static int full_listener(struct sockaddr_in *a, int filled[16], int *n)
{
	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t size = sizeof *a;
	int listener = socket(AF_INET, SOCK_STREAM, 0), result = 0;
	expect_eq(bind(listener, (struct sockaddr *)a, sizeof *a), 0);
	expect_eq(listen(listener, 0), 0);
	expect_eq(getsockname(listener, (struct sockaddr *)a, &size), 0);
	for (*n = 0; *n < 16 && (result = gos_dial_tcp(address_of(listener), 100 * GOS_MS)) >= 0;)
		filled[(*n)++] = result;
	expect_eq(result, -ETIMEDOUT);
	return listener;
}

static void connect_n(int fd, const struct sockaddr_in *a, int wanted)
{
	expect_eq(gos_connect(fd, (const struct sockaddr *)a, sizeof *a), wanted);
	gos_waitgroup_done(&wg);
}

GOS_TEST(connect_ends_by_a_deadline_or_by_close)
{
	struct sockaddr_in a;
	int filled[16], n, listener = full_listener(&a, filled, &n);
	for (int i = 0; i < 3; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		gos_waitgroup_add(&wg, 1);
		uint64_t g = go(connect_n, fd, &a, i == 2 ? -ECANCELED : -ETIMEDOUT);
		gos_test_until_waiting(g, "IO wait");
		if (i < 2)
			expect_eq(gos_set_deadline(fd, GOS_POLL_WRITE, i == 0 ? 1 : gos_now() + GOS_MS), 0);
		else
			expect_eq(gos_close(fd), 0);
		gos_waitgroup_wait(&wg);
		if (i < 2) {
			expect_eq(gos_connect(fd, (struct sockaddr *)&a, sizeof a), -ETIMEDOUT);
			/* Later, it goes on with the same connection. */
			expect_eq(gos_set_deadline(fd, GOS_POLL_WRITE, gos_now() + GOS_MS), 0);
			expect_eq(gos_connect(fd, (struct sockaddr *)&a, sizeof a), -ETIMEDOUT);
			gos_close(fd);
		}
	}
	while (n > 0)
		gos_close(filled[--n]);
	close(listener);
}

/* ---- datagrams ---- */

static uint16_t port_of(int fd)
{
	struct sockaddr_in6 a;
	socklen_t size = sizeof a;
	expect_eq(getsockname(fd, (struct sockaddr *)&a, &size), 0);
	return ntohs(a.sin6_port);
}

static void udp_echo(int fd, int times)
{
	while (times-- > 0) {
		char data[2000];
		struct sockaddr_storage from;
		socklen_t length = sizeof from;
		ssize_t n = gos_recvfrom(fd, data, sizeof data, 0, (struct sockaddr *)&from, &length);
		expect_ge(n, 0);
		expect_eq(gos_sendto(fd, data, (size_t)n, 0, (struct sockaddr *)&from, length), n);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(udp_echoes)
{
	static const char *const listens[] = {"127.0.0.1:0", ":0", "[::1]:0"};
	for (int i = 0; i < 3; i++) {
		int server = gos_listen_udp(listens[i]);
		if (server < 0 && i == 2) /* no IPv6 here */
			continue;
		expect_ge(server, 0);
		char text[64];
		snprintf(text, sizeof text, i == 2 ? "[::1]:%d" : "127.0.0.1:%d", port_of(server));
		gos_waitgroup_add(&wg, 1);
		gos_test_until_waiting(go(udp_echo, server, 50), "IO wait");
		int fd = gos_dial_udp(text);
		expect_ge(fd, 0);
		for (int n = 0; n < 50; n++) {
			char out[1000], in[1000];
			memset(out, 'a' + n % 26, sizeof out);
			expect_eq(gos_write(fd, out, (size_t)(n * 20)), n * 20); /* one of no bytes too */
			expect_eq(gos_read(fd, in, sizeof in), n * 20);
			expect(memcmp(in, out, (size_t)(n * 20)) == 0);
		}
		gos_waitgroup_wait(&wg);
		gos_close(fd);
		gos_close(server);
	}
}

GOS_TEST(udp_datagrams_are_cut_and_said_to_be)
{
	int server = gos_listen_udp("127.0.0.1:0"), fd = gos_dial_udp(address_of(server));
	char in[10] = "";
	expect_eq(gos_write(fd, "0123456789", 10), 10);
	expect_eq(gos_write(fd, "0123456789", 10), 10);
	expect_eq(gos_write(fd, "next", 4), 4);
	expect_eq(gos_recvfrom(server, in, 4, 0, NULL, NULL), 4);
	expect(memcmp(in, "0123", 4) == 0);
	struct iovec v = {in, 4};
	struct sockaddr_in from;
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_name = &from, .msg_namelen = sizeof from};
	expect_eq(gos_recvmsg(server, &m, 0), 4);
	expect_ne(m.msg_flags & MSG_TRUNC, 0);
	expect_eq(ntohs(from.sin_port), port_of(fd));
	v.iov_len = sizeof in;
	expect_eq(gos_recvmsg(server, &m, 0), 4);
	expect_eq(m.msg_flags & MSG_TRUNC, 0);
	expect(memcmp(in, "next", 4) == 0);
	gos_close(fd);
	gos_close(server);
}

GOS_TEST(udp_until_a_deadline_and_until_close)
{
	int server = gos_listen_udp("127.0.0.1:0");
	char byte;
	int64_t at = gos_now() + 10 * GOS_MS;
	expect_eq(gos_set_deadline(server, GOS_POLL_READ, at), 0);
	expect_eq(gos_recvfrom(server, &byte, 1, 0, NULL, NULL), -ETIMEDOUT);
	expect_ge(gos_now(), at);
	expect_eq(gos_set_deadline(server, GOS_POLL_READ, 0), 0);
	expect_eq(gos_recvfrom(server, &byte, 1, MSG_DONTWAIT, NULL, NULL), -EAGAIN);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, &wg, server, -ECANCELED, ""), "IO wait");
	gos_close(server);
	gos_waitgroup_wait(&wg);
}

GOS_TEST(udp_to_nobody)
{
	int server = gos_listen_udp("127.0.0.1:0"), fd = gos_dial_udp(address_of(server));
	char byte;
	gos_close(server);
	expect_eq(gos_write(fd, "x", 1), 1);
	expect_eq(gos_read(fd, &byte, 1), -ECONNREFUSED);
	gos_close(fd);
}

GOS_TEST(udp_where_somebody_is_bound)
{
	int server = gos_listen_udp("127.0.0.1:0");
	expect_eq(gos_listen_udp(address_of(server)), -EADDRINUSE);
	gos_close(server);
	expect_eq(gos_listen_udp("nothing"), -EINVAL);
	expect_eq(gos_dial_udp("nothing"), -EINVAL);
}

GOS_TEST(a_descriptor_travels_in_a_message)
{
	int s[2], p[2];
	char byte = 'd', control[CMSG_SPACE(sizeof(int))] = {0};
	expect_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	expect_eq(pipe(p), 0);
	struct iovec v = {&byte, 1};
	struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	*c = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
	memcpy(CMSG_DATA(c), &p[1], sizeof(int));
	expect_eq(gos_sendmsg(s[0], &m, 0), 1);
	memset(control, 0, sizeof control);
	m.msg_controllen = sizeof control;
	expect_eq(gos_recvmsg(s[1], &m, MSG_CMSG_CLOEXEC), 1);
	int got;
	c = CMSG_FIRSTHDR(&m);
	expect(c != NULL && c->cmsg_type == SCM_RIGHTS);
	memcpy(&got, CMSG_DATA(c), sizeof got);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(read_n, &wg, p[0], 3, "abc"), "IO wait");
	expect_eq(gos_write(got, "abc", 3), 3);
	gos_waitgroup_wait(&wg);
}

static void send_much(int fd, int times)
{
	char data[1000] = "";
	while (times-- > 0)
		expect_eq(gos_sendto(fd, data, sizeof data, 0, NULL, 0), sizeof data);
	gos_waitgroup_done(&wg);
}

GOS_TEST(datagrams_wait_for_room)
{
	int s[2];
	char data[1000];
	expect_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, s), 0);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(send_much, s[0], 3000), "IO wait");
	for (int i = 0; i < 3000; i++)
		expect_eq(gos_read(s[1], data, sizeof data), sizeof data);
	gos_waitgroup_wait(&wg);
}

/* ---- Unix sockets by path ---- */

static void unix_talk(const char *path)
{
	int listener = gos_listen_unix(path);
	expect_ge(listener, 0);
	expect_eq(gos_listen_unix(path), -EADDRINUSE);
	gos_waitgroup_add(&wg, 1);
	uint64_t server = go(serve, listener);
	for (int i = 0; i < 20; i++) {
		int fd = gos_dial_unix(path, i % 2 ? 10 * GOS_S : 0);
		char in[6];
		expect_ge(fd, 0);
		expect_eq(gos_write(fd, "nearby", 6), 6);
		read_exactly(fd, in, 6);
		expect(memcmp(in, "nearby", 6) == 0);
		gos_close(fd);
	}
	gos_test_until_num(2);
	gos_test_until_waiting(server, "IO wait");
	gos_close(listener);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_dial_unix(path, 0), -ECONNREFUSED);
}

GOS_TEST(unix_sockets_by_path)
{
	char directory[] = "/tmp/gos_test_XXXXXX", path[120];
	expect(mkdtemp(directory) != NULL);
	snprintf(path, sizeof path, "%s/socket", directory);
	expect_eq(gos_dial_unix(path, 0), -ENOENT);
	unix_talk(path);
	expect_eq(gos_listen_unix(path), -EADDRINUSE); /* the file is left */
	unlink(path);
	int fd = gos_listen_unix(path);
	expect_ge(fd, 0);
	gos_close(fd);
	unlink(path);
	rmdir(directory);
}

GOS_TEST(unix_sockets_by_abstract_name)
{
	char name[60];
	snprintf(name, sizeof name, "@gossamer-test-%d", getpid());
	expect_eq(gos_dial_unix(name, 0), -ECONNREFUSED);
	unix_talk(name);
	int fd = gos_listen_unix(name); /* nothing is left of it */
	expect_ge(fd, 0);
	expect_ne(access(name, F_OK), 0);
	gos_close(fd);
}

GOS_TEST(unix_paths_that_are_none)
{
	char path[200];
	memset(path, 'x', sizeof path);
	path[0] = '@';
	for (size_t n = 108; n < 199; n++) {
		path[n] = '\0';
		expect_eq(gos_listen_unix(path), -ENAMETOOLONG);
		expect_eq(gos_dial_unix(path, 0), -ENAMETOOLONG);
		path[n] = 'x';
	}
	path[107] = '\0';
	int fd = gos_listen_unix(path), other = gos_dial_unix(path, 0);
	expect_ge(fd, 0);
	expect_ge(other, 0);
	path[106] = '\0'; /* another name */
	expect_eq(gos_dial_unix(path, 0), -ECONNREFUSED);
	expect_eq(gos_listen_unix(""), -EINVAL);
	expect_eq(gos_dial_unix(NULL, 0), -EINVAL);
}

/* A Unix listener that is busy lets others wait without telling them when to come back. */
static void dial_unix_n(const char *name, int64_t timeout, int wanted)
{
	int fd = gos_dial_unix(name, timeout);
	if (wanted < 0)
		expect_eq(fd, wanted);
	else
		expect_ge(fd, 0);
	gos_waitgroup_done(&wg);
}

GOS_TEST(unix_listener_that_is_busy)
{
	struct sockaddr_un a = {.sun_family = AF_UNIX};
	char name[60];
	snprintf(name, sizeof name, "@gossamer-busy-%d", getpid());
	memcpy(a.sun_path + 1, name + 1, strlen(name) - 1);
	int listener = socket(AF_UNIX, SOCK_STREAM, 0), n = 0, result = 0;
	expect_eq(bind(listener, (struct sockaddr *)&a, (socklen_t)(offsetof(struct sockaddr_un, sun_path) + strlen(name))), 0);
	expect_eq(listen(listener, 0), 0);
	while (n < 20 && (result = gos_dial_unix(name, 20 * GOS_MS)) >= 0)
		n++;
	expect_eq(result, -ETIMEDOUT);
	int64_t start = gos_now();
	expect_eq(gos_dial_unix(name, 10 * GOS_MS), -ETIMEDOUT);
	expect_ge(gos_now() - start, 10 * GOS_MS);
	gos_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		go(dial_unix_n, name, i ? 100 * GOS_S : 0, 0);
	for (int i = 0; i < n + 3; i++)
		expect_ge(gos_accept(listener, NULL, NULL), 0);
	gos_waitgroup_wait(&wg);
	gos_close(listener);
}
