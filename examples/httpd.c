/* SPDX-License-Identifier: MIT */
/*
 * httpd.c - an HTTP/1.1 server: httpd [-i MS] [-r MS] [-w MS] [-s MS] HOST:PORT DIRECTORY
 *
 * What it shows: a goroutine for each connection, written as if it were alone; deadlines; a context that ends what takes too long, and what
 * nobody waits for any more; a panic that costs one request and not the server; and an end in which nothing is cut off.
 *
 *	/…               files below DIRECTORY, index.html for a directory
 *	/api/stats       what the runtime and the server have done
 *	/api/slow?ms=N   works for N milliseconds, but no longer than -s allows: then 504
 *	/api/count       POST: counts lines, words and bytes of what is sent
 *	/api/panic       a bug in a handler; /api/null another: 500, and the server goes on
 *
 * SIGINT and SIGTERM end it: no more connections, waiting ones are closed, requests that are being answered get their answers. A
 * second one ends it at once. Try: httpd 127.0.0.1:8080 . & curl -i http://127.0.0.1:8080/README.md
 *
 * httpd/http.c reads requests and writes answers; httpd/files.c is the part about files.
 */
#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

#include "httpd/http.h"

static const char json[] = "application/json";

/* ---- handlers that take their time ------------------------------------------------------------------------------------------- */

/* While a handler works, nobody reads from its client. So this does, and ends the handler's context when the client goes away. */
static void watch_client(struct conn *c, gos_context *ctx, gos_chan *ended)
{
	char byte;

	gos_set_name("watch");
	if (gos_wait_fd(c->fd, GOS_POLL_READ, 0) > 0 && recv(c->fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) == 0)
		gos_context_cancel(ctx);
	gos_chan_close(ended); /* a byte is of the next request: the client is there */
}

/* Stands for a query to a database, say: takes ns, or until the context ends. 0, or as gos_context_err. */
static int work(gos_context *ctx, int64_t ns)
{
	gos_chan *result = gos_after(ns);
	struct gos_case cases[] = {GOS_RECV(result, NULL), GOS_RECV(gos_context_done(ctx), NULL)};
	int which = gos_select(cases, 2);

	gos_chan_free(result);
	return which == 0 ? 0 : gos_context_err(ctx);
}

static void handle_slow(struct conn *c)
{
	const char *ms_text = strncmp(c->request.query, "ms=", 3) == 0 ? c->request.query + 3 : "";
	char *end, body[64];
	long ms = strtol(ms_text, &end, 10);

	if (!isdigit((unsigned char)*ms_text) || *end != '\0' || ms > 1000000) {
		answer_status(c, 400, "");
		return;
	}
	flush(c); /* answers to earlier requests shall not wait for this one */
	gos_context *ctx = gos_context_with_timeout(c->server->ctx, c->server->slow_ns);
	gos_chan *watch_ended = gos_chan_make(char, 0);
	gos_set_deadline(c->fd, GOS_POLL_READ, 0);
	go(watch_client, c, ctx, watch_ended);

	int error = work(ctx, ms * GOS_MS);

	gos_set_deadline(c->fd, GOS_POLL_READ, 1); /* long ago: wakes the watcher, if it still waits */
	gos_chan_recv(watch_ended, NULL);
	gos_chan_free(watch_ended);
	gos_context_free(ctx);

	if (error == 0) {
		answer(c, 200, json, body, (size_t)snprintf(body, sizeof body, "{\"worked_ms\": %ld}\n", ms));
	} else if (error == -ETIMEDOUT) {
		atomic_fetch_add(&c->server->timeouts, 1);
		answer_status(c, 504, "");
	} else if (gos_context_err(c->server->ctx) != 0) {
		answer_status(c, 503, "");
	} else { /* then it was the watcher: nobody is there to be answered */
		atomic_fetch_add(&c->server->gone, 1);
		c->broken = true;
	}
}

/* ---- other handlers ---------------------------------------------------------------------------------------------------------- */

static void handle_stats(struct conn *c)
{
	struct server *s = c->server;
	struct gos_stats r;
	char body[1024];

	gos_stats(&r);
	int n = snprintf(body, sizeof body,
			 "{\"connections\": %ld, \"requests\": %ld, \"panics\": %ld, \"timeouts\": %ld, \"gone\": %ld,\n"
			 " \"goroutines\": %" PRIu64 ", \"runnable\": %" PRIu64 ", \"running\": %" PRIu64 ", \"waiting\": %" PRIu64 ", \"in_calls\": %" PRIu64
			 ", \"created\": %" PRIu64 ",\n \"switches\": %" PRIu64 ", \"parks\": %" PRIu64 ", \"steals\": %" PRIu64 ", \"preempts\": %" PRIu64
			 ", \"handoffs\": %" PRIu64 ",\n \"procs\": %" PRIu64 ", \"idle_procs\": %" PRIu64 ", \"threads\": %" PRIu64 ", \"idle_threads\": %" PRIu64
			 ",\n \"stacks\": %" PRIu64 ", \"stack_bytes\": %" PRIu64 ", \"timers\": %" PRIu64 ", \"channels\": %" PRIu64 "}\n",
			 atomic_load(&s->connections), atomic_load(&s->requests), atomic_load(&s->panics), atomic_load(&s->timeouts),
			 atomic_load(&s->gone), r.goroutines, r.runnable, r.running, r.waiting, r.in_calls, r.created, r.switches, r.parks, r.steals,
			 r.preempts, r.handoffs, r.procs, r.idle_procs, r.threads, r.idle_threads, r.stacks, r.stack_bytes, r.timers, r.channels);
	answer(c, 200, json, body, (size_t)n);
}

static void handle_count(struct conn *c)
{
	long lines = 0, words = 0, bytes = 0;
	bool in_word = false;
	char buffer[4096];
	ssize_t n;

	while ((n = read_body(c, buffer, sizeof buffer)) > 0) {
		for (ssize_t i = 0; i < n; i++) {
			bool space = isspace((unsigned char)buffer[i]);
			lines += buffer[i] == '\n';
			words += !space && !in_word;
			in_word = !space;
		}
		bytes += n;
	}
	if (n < 0) {
		c->keep_alive = false;
		answer_status(c, (int)-n, "");
		return;
	}
	answer(c, 200, json, buffer, (size_t)snprintf(buffer, sizeof buffer, "{\"lines\": %ld, \"words\": %ld, \"bytes\": %ld}\n", lines, words, bytes));
}

static void handle_panic(struct conn *c)
{
	gos_panic("%s was asked for", c->request.path);
}

static void handle_null(struct conn *c)
{
	volatile int *volatile nothing = NULL;

	answer_head(c, 200, json, *nothing, "");
}

/* ---- requests ------------------------------------------------------------------------------------------------------------------ */

static void handle(struct conn *c)
{
	static const struct {
		const char *path, *method;
		void (*handle)(struct conn *c);
	} routes[] = {
		{"/api/stats", "GET", handle_stats}, {"/api/slow", "GET", handle_slow},   {"/api/count", "POST", handle_count},
		{"/api/panic", "GET", handle_panic}, {"/api/null", "GET", handle_null}, {NULL, "GET", serve_file},
	};
	const struct request *r = &c->request;
	size_t i = 0;

	while (routes[i].path != NULL && strcmp(r->path, routes[i].path) != 0)
		i++;
	if (strcmp(r->method, routes[i].method) == 0 || (r->is_head && strcmp(routes[i].method, "GET") == 0))
		routes[i].handle(c);
	else
		answer_status(c, 405, strcmp(routes[i].method, "GET") == 0 ? "Allow: GET, HEAD\r\n" : "Allow: POST\r\n");
}

/* Deferred: runs when handle has returned, or panicked. */
static void recover_handler(struct conn *c)
{
	const char *message = gos_recover();

	if (message == NULL)
		return;
	atomic_fetch_add(&c->server->panics, 1);
	fprintf(stderr, "httpd: %s %s: panic: %s\n", c->request.method, c->request.path, message);
}

/* 0; or 500 when the handler panicked: then this function returns from here, with the value that stands in gos_defer_frame. */
static int handle_or_recover(struct conn *c)
{
	gos_defer_frame(500);
	gos_defer(recover_handler, c);

	handle(c);
	return 0;
}

/* Reads a request and answers it. False: the connection shall end. */
static bool serve_request(struct conn *c)
{
	char dropped[4096];
	int status = read_request(c);
	ssize_t n;

	if (status < 0)
		return false;
	atomic_fetch_add(&c->server->requests, 1);
	if (status == 0)
		status = handle_or_recover(c);
	if (status != 0) {
		c->keep_alive = false;
		if (answer_take_back(c))
			answer_status(c, status, "");
	}
	if (c->answer_left != 0)
		c->broken = true; /* what we announced did not come: only the end of the connection tells the client */
	if (!c->keep_alive || c->broken || c->request.expects_continue)
		return false;
	while ((n = read_body(c, dropped, sizeof dropped)) > 0) /* the next request comes after what nobody wanted of this one */
		;
	return n == 0;
}

/* ---- connections --------------------------------------------------------------------------------------------------------------- */

static void *make_conn(void)
{
	struct conn *c = malloc(sizeof *c);

	if (c == NULL)
		gos_panic("out of memory");
	return c;
}

static struct conn *open_conn(struct server *s, int fd)
{
	struct conn *c = gos_pool_get(&s->unused);

	memset(c, 0, offsetof(struct conn, in));
	c->server = s;
	c->fd = fd;
	gos_mutex_lock(&s->lock);
	c->next = s->conns;
	c->prev = &s->conns;
	if (c->next != NULL)
		c->next->prev = &c->next;
	s->conns = c;
	gos_mutex_unlock(&s->lock);
	atomic_fetch_add(&s->connections, 1);
	return c;
}

static void close_conn(struct conn *c)
{
	struct server *s = c->server;

	hang_up(c);
	gos_mutex_lock(&s->lock);
	*c->prev = c->next;
	if (c->next != NULL)
		c->next->prev = c->prev;
	gos_mutex_unlock(&s->lock);
	atomic_fetch_sub(&s->connections, 1);
	gos_pool_put(&s->unused, c);
}

static void serve(struct server *s, int fd)
{
	struct conn *c = open_conn(s, fd);
	int one = 1;

	gos_set_name("conn %d", fd);
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one); /* answers go out whole: nothing is won by waiting for more */
	while (serve_request(c))
		;
	close_conn(c);
	gos_waitgroup_done(&s->running);
}

static void accept_connections(struct server *s, int listener)
{
	gos_set_name("accept");
	while (gos_context_err(s->ctx) == 0) {
		int fd = gos_accept(listener, NULL, NULL);
		if (fd >= 0) {
			gos_waitgroup_add(&s->running, 1);
			go(serve, s, fd);
		} else if (fd != -ETIMEDOUT) { /* that is stop's deadline */
			fprintf(stderr, "httpd: accept: %s\n", strerror(-fd));
			gos_sleep(100 * GOS_MS); /* out of descriptors, mostly: connections have to end first */
		}
	}
	gos_close(listener); /* here, where it is used: elsewhere its number might be another file's before we see it */
	gos_waitgroup_done(&s->running);
}

/* ---- beginning and end ------------------------------------------------------------------------------------------------------------ */

/* Waits for SIGINT or SIGTERM, which main has blocked: they come as something to be read. */
static void wait_signal(int signals)
{
	struct signalfd_siginfo got;

	if (gos_read(signals, &got, sizeof got) != sizeof got)
		gos_panic("httpd: cannot read signals");
}

static void quit_at_once(int signals)
{
	wait_signal(signals);
	_exit(1);
}

static void stop(struct server *s, int listener)
{
	gos_context_cancel(s->ctx); /* nobody begins anything any more, and handlers hurry */
	gos_set_deadline(listener, GOS_POLL_READ, 1);
	gos_mutex_lock(&s->lock);
	for (struct conn *c = s->conns; c != NULL; c = c->next)
		stop_reading(c);    /* who waits for a request, waits no more */
	gos_mutex_unlock(&s->lock);
	gos_waitgroup_wait(&s->running);
}

static int usage(void)
{
	fprintf(stderr, "usage: httpd [-i MS] [-r MS] [-w MS] [-s MS] HOST:PORT DIRECTORY   such as 127.0.0.1:8080; port 0 takes any that is free\n"
			"  -i MS   a connection may be idle for so long (60000)\n"
			"  -r MS   a request must be there within that time (10000)\n"
			"  -w MS   a client must take an answer, or the next 16 KiB of it, within that time (10000)\n"
			"  -s MS   /api/slow may take so long (2000)\n");
	return 64;
}

static int app(int argc, char **argv)
{
	struct server s = {.idle_ns = 60 * GOS_S, .read_ns = 10 * GOS_S, .write_ns = 10 * GOS_S, .slow_ns = 2 * GOS_S, .unused = {.make = make_conn}};
	struct sockaddr_storage where;
	socklen_t length = sizeof where;
	char host[64], port[8];
	struct stat root;
	sigset_t set;
	int option;

	while ((option = getopt(argc, argv, "i:r:w:s:")) != -1) {
		int64_t *ns = option == 'i' ? &s.idle_ns : option == 'r' ? &s.read_ns : option == 'w' ? &s.write_ns : option == 's' ? &s.slow_ns : NULL;
		char *end;
		if (ns == NULL)
			return usage();
		*ns = strtol(optarg, &end, 10) * GOS_MS;
		if (*end != '\0' || *ns <= 0 || *ns > 86400 * GOS_S)
			return usage();
	}
	if (optind != argc - 2)
		return usage();
	s.root = argv[optind + 1];
	if (stat(s.root, &root) != 0 || !S_ISDIR(root.st_mode)) {
		fprintf(stderr, "httpd: %s is not a directory\n", s.root);
		return 1;
	}
	int listener = gos_listen_tcp(argv[optind]);
	if (listener < 0) {
		fprintf(stderr, "httpd: cannot listen on '%s': %s\n", argv[optind], strerror(-listener));
		return 1;
	}
	sigemptyset(&set);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
	if (signals < 0) {
		perror("httpd: signalfd");
		return 1;
	}

	s.ctx = gos_context_with_cancel(gos_context_background());
	gos_waitgroup_add(&s.running, 1);
	go(accept_connections, &s, listener);
	getsockname(listener, (struct sockaddr *)&where, &length);
	getnameinfo((struct sockaddr *)&where, length, host, sizeof host, port, sizeof port, NI_NUMERICHOST | NI_NUMERICSERV);
	printf(strchr(host, ':') ? "listening on [%s]:%s\n" : "listening on %s:%s\n", host, port);
	fflush(stdout);

	wait_signal(signals);
	printf("stopping, with %ld connections\n", atomic_load(&s.connections));
	fflush(stdout);
	go(quit_at_once, signals);
	stop(&s, listener);
	gos_pool_drain(&s.unused, free);
	gos_context_free(s.ctx);
	printf("%ld requests served\n", atomic_load(&s.requests));
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit files;
	sigset_t set;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a thousand connections is little: take as many as the system grants */
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	sigemptyset(&set); /* here, so that every thread of the runtime inherits it */
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGTERM);
	sigprocmask(SIG_BLOCK, &set, NULL);
	return gos_run(app, argc, argv);
}
