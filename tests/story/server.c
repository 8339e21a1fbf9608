/* SPDX-License-Identifier: MIT */
/* A TCP line server, one goroutine a connection, and a thousand clients at once, all in one process. */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "gos_test.h"

enum { CLIENTS = 1000, LINES = 10 };

static gos_waitgroup serving, asking;
static gos_mutex lock;
static int64_t lines_served;
static char address[64];

static ssize_t read_line(int fd, char *line, size_t size)
{
	size_t n = 0;
	while (n < size - 1) {
		ssize_t got = gos_read(fd, line + n, 1);
		if (got <= 0)
			return got;
		if (line[n++] == '\n')
			break;
	}
	line[n] = '\0';
	return (ssize_t)n;
}

static void serve(int fd)
{
	char line[128];
	ssize_t n;
	while ((n = read_line(fd, line, sizeof line)) > 0) {
		for (ssize_t i = 0; i < (n - 1) / 2; i++) { /* backwards */
			char c = line[i];
			line[i] = line[n - 2 - i];
			line[n - 2 - i] = c;
		}
		gos_mutex_lock(&lock);
		lines_served++;
		gos_mutex_unlock(&lock);
		expect_eq(gos_write(fd, line, (size_t)n), n);
	}
	gos_close(fd);
	gos_waitgroup_done(&serving);
}

static void listen_and_serve(int listener)
{
	int fd;
	while ((fd = gos_accept(listener, NULL, NULL)) >= 0) {
		gos_waitgroup_add(&serving, 1);
		go(serve, fd);
	}
	expect_eq(fd, -ECANCELED);
	gos_waitgroup_done(&serving);
}

static void ask(int me, gos_chan *connected, gos_chan *start)
{
	int fd = gos_dial_tcp(address, 15 * GOS_S);
	expect_ge(fd, 0);
	gos_chan_send(connected, &me);
	gos_chan_recv(start, NULL);
	for (int i = 0; i < LINES; i++) {
		char out[64], in[64], back[64];
		int n = snprintf(out, sizeof out, "client %d asks %d\n", me, i);
		expect_eq(gos_write(fd, out, (size_t)n), n);
		expect_eq(read_line(fd, in, sizeof in), n);
		for (int j = 0; j < n - 1; j++)
			back[j] = in[n - 2 - j];
		expect(memcmp(back, out, (size_t)n - 1) == 0);
	}
	gos_close(fd);
	gos_waitgroup_done(&asking);
}

GOS_TEST_WITHIN(server_with_a_thousand_connections, 60)
{
	struct rlimit files;
	getrlimit(RLIMIT_NOFILE, &files);
	files.rlim_cur = files.rlim_max;
	setrlimit(RLIMIT_NOFILE, &files);
	int clients = files.rlim_cur > 2 * CLIENTS + 50 ? CLIENTS : (int)(files.rlim_cur - 50) / 2;

	int listener = gos_listen_tcp("127.0.0.1:0");
	expect_ge(listener, 0);
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	getsockname(listener, (struct sockaddr *)&a, &size);
	snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(a.sin_port));

	gos_chan *connected = gos_chan_make(int, 0), *start = gos_chan_make(char, 0);
	gos_waitgroup_add(&serving, 1);
	go(listen_and_serve, listener);
	gos_waitgroup_add(&asking, clients);
	for (int i = 0; i < clients; i++)
		go(ask, i, connected, start);
	for (int i = 0; i < clients; i++)
		gos_chan_recv(connected, NULL);
	while (gos_test_waiting("IO wait") != (size_t)clients + 1) /* every server's goroutine, and the one that accepts */
		gos_sleep(GOS_MS);
	expect_eq(gos_num_goroutines(), 2 * clients + 2);
	gos_chan_close(start);
	gos_waitgroup_wait(&asking);
	gos_test_until_num(2);
	gos_close(listener);
	gos_waitgroup_wait(&serving);
	expect_eq(lines_served, (int64_t)clients * LINES);
}

/* Connections that come and go. */
static void come_and_go(int me, int n)
{
	for (int i = 0; i < n; i++) {
		char out[64], in[64];
		int fd = gos_dial_tcp(address, 15 * GOS_S);
		expect_ge(fd, 0);
		int size = snprintf(out, sizeof out, "%d\n", me % 10);
		expect_eq(gos_write(fd, out, (size_t)size), size);
		expect_eq(read_line(fd, in, sizeof in), size);
		expect(memcmp(in, out, (size_t)size) == 0);
		gos_close(fd);
	}
	gos_waitgroup_done(&asking);
}

GOS_TEST_WITHIN(server_with_connections_that_come_and_go, 60)
{
	int listener = gos_listen_tcp("127.0.0.1:0");
	struct sockaddr_in a;
	socklen_t size = sizeof a;
	getsockname(listener, (struct sockaddr *)&a, &size);
	snprintf(address, sizeof address, "127.0.0.1:%d", ntohs(a.sin_port));
	gos_waitgroup_add(&serving, 1);
	go(listen_and_serve, listener);
	gos_waitgroup_add(&asking, 50);
	for (int i = 0; i < 50; i++)
		go(come_and_go, i, 50);
	gos_waitgroup_wait(&asking);
	gos_test_until_num(2);
	gos_close(listener);
	gos_waitgroup_wait(&serving);
	expect_eq(lines_served, 50 * 50);
}
