/* SPDX-License-Identifier: MIT */
/* stress_io.c - descriptors that come and go: pipes and connections with checked bytes, closed at any moment, their numbers used again at once. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
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

STRESS_TEST(transfers_over_socket_pairs) { stress_crowd(24, transfers, false); }

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

/* Its address is in `address` then. */
static int listen_here(void)
{
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	int listener = gos_listen_tcp("127.0.0.1:0");
	expect_ge(listener, 0);
	getsockname(listener, (struct sockaddr *)&a, &size);
	snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(a.sin_port));
	return listener;
}

/* Once all clients have ended. */
static void close_listener(int listener, uint64_t accepting)
{
	gos_test_until_num(2);
	gos_test_until_waiting(accepting, "IO wait");
	gos_close(listener);
	gos_test_until_num(1);
}

STRESS_TEST(connections)
{
	int listener = listen_here();
	uint64_t accepting = go(accept_all, listener);
	stress_crowd(24, client, false);
	close_listener(listener, accepting);
	expect_eq(served, asked);
}

/* ---- thousands of connections at once, each used now and then ---- */

enum { CROWD = 10000 / GOS_TEST_SLOW, DIALLING = 200 }; /* so many at a time: more than the listener's queue holds would have to be sent again */
static gos_sema may_dial = GOS_SEMA(DIALLING);
static int crowd_connected;

static int crowd_allowed(void)
{
	enum { OTHERS = 100 };
	struct rlimit limit;
	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	expect_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	if (limit.rlim_cur >= CROWD + OTHERS)
		return CROWD;
	int n = (int)limit.rlim_cur - OTHERS;
	fprintf(stderr, "stress: %d connections, not %d: the hard limit is %llu descriptors\n", n, CROWD, (unsigned long long)limit.rlim_cur);
	return n;
}

/*
 * The server is this same program in a process of its own: limits on descriptors are often less than both ends of so many connections need. It says where it
 * listens, serves until its input ends, and says how many bytes it has served.
 */
static int crowd_server(int argc, char **argv)
{
	char byte;
	(void)argc;
	(void)argv;
	int listener = listen_here();
	uint64_t accepting = go(accept_all, listener);
	expect_gt(dprintf(STDOUT_FILENO, "%s\n", address), 0);
	expect_eq(gos_read(STDIN_FILENO, &byte, 1), 0);
	close_listener(listener, accepting);
	expect_gt(dprintf(STDOUT_FILENO, "%lld\n", (long long)served), 0);
	return 0;
}

__attribute__((constructor)) static void be_the_server(void)
{
	if (getenv("GOS_STRESS_SERVER") != NULL)
		exit(gos_run(crowd_server, 0, NULL));
}

struct server {
	pid_t pid;
	int to, from;
};

static void server_says(const struct server *server, char *line, size_t size)
{
	size_t n = 0;
	do {
		expect_lt(n, size);
		expect_eq(gos_read(server->from, &line[n], 1), 1);
	} while (line[n++] != '\n');
	line[n - 1] = '\0';
}

static struct server server_start(void)
{
	struct server server;
	int in[2], out[2];
	posix_spawn_file_actions_t actions;
	char *argv[] = {"stress server", NULL};

	expect_eq(pipe2(in, O_CLOEXEC), 0);
	expect_eq(pipe2(out, O_CLOEXEC), 0);
	posix_spawn_file_actions_init(&actions);
	posix_spawn_file_actions_adddup2(&actions, in[0], STDIN_FILENO);
	posix_spawn_file_actions_adddup2(&actions, out[1], STDOUT_FILENO);
	setenv("GOS_STRESS_SERVER", "1", 1);
	expect_eq(posix_spawn(&server.pid, "/proc/self/exe", &actions, NULL, argv, environ), 0);
	unsetenv("GOS_STRESS_SERVER");
	posix_spawn_file_actions_destroy(&actions);
	close(in[0]);
	close(out[1]);
	server.to = in[1];
	server.from = out[0];
	server_says(&server, address, sizeof address);
	return server;
}

/* Once all clients have closed their connections. */
static void server_end(struct server *server)
{
	char line[32];
	int status;
	close(server->to);
	server_says(server, line, sizeof line);
	expect_eq(atoll(line), asked);
	expect_eq(waitpid(server->pid, &status, 0), server->pid);
	expect_eq(status, 0);
	gos_close(server->from);
}

static void one_of_a_crowd(uint64_t random)
{
	int worker = stress_enter();
	gos_sema_acquire(&may_dial);
	int fd = gos_dial_tcp(address, 0);
	gos_sema_release(&may_dial);
	expect_ge(fd, 0);
	__atomic_add_fetch(&crowd_connected, 1, __ATOMIC_RELAXED);
	stress_step(worker);
	while (!stress_stopped()) {
		unsigned char out[200], in[200];
		uint64_t seed = gos_test_random(&random);
		size_t size = 1 + seed % sizeof out;
		for (size_t i = 0; i < size; i++)
			out[i] = byte_at(seed, i);
		expect_eq(gos_write(fd, out, size), size);
		for (size_t done = 0; done < size;) {
			ssize_t n = gos_read(fd, in + done, size - done);
			expect_gt(n, 0);
			done += (size_t)n;
		}
		expect(memcmp(in, out, size) == 0);
		__atomic_add_fetch(&asked, (int64_t)size, __ATOMIC_RELAXED);
		stress_step(worker);
		gos_sleep((int64_t)(gos_test_random(&random) % (2 * GOS_S)));
	}
	expect_eq(gos_close(fd), 0);
	stress_leave(worker);
}

STRESS_TEST(ten_thousand_connections_under_changing_procs)
{
	stress_begin();
	int crowd = crowd_allowed();
	struct server server = server_start();
	stress_change_procs();
	for (int i = 0; i < crowd; i++)
		go(one_of_a_crowd, gos_test_seed() + (uint64_t)i);
	while (__atomic_load_n(&crowd_connected, __ATOMIC_RELAXED) < crowd)
		gos_sleep(10 * GOS_MS);
	stress_run();
	stress_end();
	server_end(&server);
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

STRESS_TEST(descriptors_that_are_shut_down_at_any_moment) { stress_crowd(16, closer, false); }

/* ---- deadlines that come and go while a descriptor is read, written and waited for in every way: no byte is lost, and nobody waits past them ---- */

struct timed {
	int fd;
	int over; /* Sync: atomic: the other end has sent all */
	uint64_t seed, read;
	gos_waitgroup mover, reader;
};

static void reads_under_deadlines(struct timed *t, uint64_t random)
{
	unsigned char data[200];
	for (;;) {
		if (gos_test_random(&random) % 3 == 0) {
			int ready = gos_wait_fd(t->fd, GOS_POLL_READ, (int64_t)(gos_test_random(&random) % 100000));
			expect(ready == GOS_POLL_READ || ready == -ETIMEDOUT);
		}
		ssize_t n = gos_read(t->fd, data, sizeof data);
		if (n == -ETIMEDOUT) {
			stress_disturb(&random);
			continue;
		}
		expect_ge(n, 0);
		if (n == 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			expect_eq(data[i], byte_at(t->seed, t->read + (uint64_t)i));
		t->read += (uint64_t)n;
	}
	gos_waitgroup_done(&t->reader);
}

static void moves_deadlines(struct timed *t, uint64_t random)
{
	while (!__atomic_load_n(&t->over, __ATOMIC_ACQUIRE)) {
		int64_t at = gos_test_random(&random) % 3 == 0 ? 0 : gos_now() + (int64_t)(gos_test_random(&random) % 100000) - 10000;
		expect_eq(gos_set_deadline(t->fd, 1 + (int)(gos_test_random(&random) % 3), at), 0);
		stress_disturb(&random);
	}
	gos_waitgroup_done(&t->mover);
}

static void works_under_deadlines(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		int s[2];
		expect_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, s), 0);
		struct timed t = {.fd = s[0], .seed = gos_test_random(&random)};
		gos_waitgroup writers = {0};
		size_t size = gos_test_random(&random) % 20000;
		gos_waitgroup_add(&t.mover, 1);
		gos_waitgroup_add(&t.reader, 1);
		gos_waitgroup_add(&writers, 1);
		go(moves_deadlines, &t, gos_test_random(&random));
		go(writer, s[1], t.seed, size, &writers);
		go(reads_under_deadlines, &t, gos_test_random(&random));
		gos_waitgroup_wait(&writers);
		__atomic_store_n(&t.over, 1, __ATOMIC_RELEASE);
		gos_waitgroup_wait(&t.mover);
		expect_eq(gos_set_deadline(s[0], GOS_POLL_READ, 0), 0); /* the last one may have been over for good */
		gos_waitgroup_wait(&t.reader);
		expect_eq(t.read, size);
		expect_eq(gos_close(s[0]), 0);
		expect_eq(gos_close(s[1]), 0);
		stress_step(worker);
	}
	stress_leave(worker);
}

STRESS_TEST(descriptors_under_deadlines) { stress_crowd(16, works_under_deadlines, false); }

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
