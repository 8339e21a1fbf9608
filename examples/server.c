/* SPDX-License-Identifier: MIT */
/*
 * server.c - a TCP server of lines, one goroutine a connection: server HOST:PORT
 *
 *	echo TEXT   answers TEXT
 *	stats       answers how much has been served, and how many goroutines there are
 *	leak TEXT   looks TEXT up with a deadline that is too short: see lookup
 *	quit        ends the connection
 *
 * drive.c is its client; telnet will do as well.
 */
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <gossamer.h>

enum { LINE_MAX_BYTES = 1024 };

static atomic_long connections_open, connections_total, requests_total;

/* ---- lines --------------------------------------------------------------------------------------------------------------- */

struct reader {
	int fd;
	size_t length, taken; /* bytes in buffer, and how many of them the last line took */
	char buffer[LINE_MAX_BYTES];
};

/* The next line without its end, or NULL: the client is gone, or its line is too long. Valid until the next call. */
static char *read_line(struct reader *r)
{
	r->length -= r->taken;
	memmove(r->buffer, r->buffer + r->taken, r->length);
	r->taken = 0;

	for (;;) {
		char *end = memchr(r->buffer, '\n', r->length);
		if (end != NULL) {
			r->taken = (size_t)(end - r->buffer) + 1;
			*end = '\0';
			if (end > r->buffer && end[-1] == '\r')
				end[-1] = '\0';
			return r->buffer;
		}
		if (r->length == sizeof r->buffer)
			return NULL;

		ssize_t n = gos_read(r->fd, r->buffer + r->length, sizeof r->buffer - r->length); /* parks until there is some */
		if (n <= 0)
			return NULL;
		r->length += (size_t)n;
	}
}

/* Sends a line; false when the client is gone. */
static bool answer(int fd, const char *text)
{
	char line[LINE_MAX_BYTES + 64];
	int n = snprintf(line, sizeof line, "%s\n", text);

	return gos_write(fd, line, (size_t)n) == n;
}

/* ---- the leak ------------------------------------------------------------------------------------------------------------ */

/*
 * A slow look-up. It sends its answer to whoever asked, but that one may have given up: then nobody ever receives on `reply`,
 * and this goroutine waits in the send for ever. It is the commonest leak of all. (The cure is a channel of capacity 1.)
 */
static void lookup(char *key, gos_chan *reply)
{
	gos_set_name("lookup %s", key);
	gos_sleep(500 * GOS_MS);
	size_t found = strlen(key);
	gos_chan_send(reply, &found);
	gos_chan_free(reply);
	free(key);
}

static bool leak(int fd, const char *text)
{
	char *key = strdup(text);
	gos_chan *reply = gos_chan_make(size_t, 0);
	gos_chan *deadline = gos_after(5 * GOS_MS);
	size_t found;
	char line[64];
	struct gos_case cases[] = {GOS_RECV(reply, &found), GOS_RECV(deadline, NULL)};

	uint64_t goid = go(lookup, key, reply);
	int which = gos_select(cases, 2);
	gos_chan_free(deadline);
	if (which == 0)
		return answer(fd, "found");
	snprintf(line, sizeof line, "timed out, while goroutine %" PRIu64 " looks on", goid);
	return answer(fd, line);
}

/* ---- connections --------------------------------------------------------------------------------------------------------- */

static bool request(int fd, const char *line)
{
	char text[160];

	atomic_fetch_add(&requests_total, 1);
	if (strncmp(line, "echo ", 5) == 0)
		return answer(fd, line + 5);
	if (strncmp(line, "leak ", 5) == 0)
		return leak(fd, line + 5);
	if (strcmp(line, "stats") == 0) {
		snprintf(text, sizeof text, "%ld connections now, %ld in all, %ld requests, %zu goroutines", atomic_load(&connections_open),
			 atomic_load(&connections_total), atomic_load(&requests_total), gos_num_goroutines());
		return answer(fd, text);
	}
	if (strcmp(line, "quit") == 0) {
		answer(fd, "bye");
		return false;
	}
	return answer(fd, "? echo TEXT, stats, leak TEXT, quit");
}

static void serve(int fd, long number)
{
	struct reader reader = {.fd = fd};
	const char *line;

	gos_set_name("conn %ld", number);
	atomic_fetch_add(&connections_open, 1);
	while ((line = read_line(&reader)) != NULL && request(fd, line))
		;
	atomic_fetch_sub(&connections_open, 1);
	gos_close(fd);
}

static int app(int argc, char **argv)
{
	struct sockaddr_storage where;
	socklen_t length = sizeof where;
	char host[64], port[8];

	if (argc != 2) {
		fprintf(stderr, "usage: server HOST:PORT   such as 127.0.0.1:7777; port 0 takes any that is free\n");
		return 64;
	}
	int listener = gos_listen_tcp(argv[1]);
	if (listener < 0) {
		fprintf(stderr, "server: cannot listen on '%s': %s\n", argv[1], strerror(-listener));
		return 1;
	}
	getsockname(listener, (struct sockaddr *)&where, &length);
	getnameinfo((struct sockaddr *)&where, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
	printf(strchr(host, ':') ? "listening on [%s]:%s\n" : "listening on %s:%s\n", host, port);
	fflush(stdout);

	gos_set_name("accept");
	for (;;) {
		int fd = gos_accept(listener, NULL, NULL);
		if (fd == -EMFILE || fd == -ENFILE || fd == -ECONNABORTED) {
			gos_sleep(10 * GOS_MS); /* out of descriptors: connections have to end first */
			continue;
		}
		if (fd < 0) {
			fprintf(stderr, "server: accept: %s\n", strerror(-fd));
			return 1;
		}
		go(serve, fd, atomic_fetch_add(&connections_total, 1) + 1);
	}
}

int main(int argc, char **argv)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a thousand connections is little: take as many as the system grants */
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return gos_run(app, argc, argv);
}
