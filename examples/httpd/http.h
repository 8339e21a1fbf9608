/* SPDX-License-Identifier: MIT */
/*
 * http.h - a connection of HTTP/1.1 as httpd.c sees it: read a request, read its body, answer it. One goroutine uses a connection.
 *
 * The head of a request lies in `in`, where it is cut into strings; they are valid until the next request is read. What is answered is
 * collected in `out`, which goes out when it is full, and at the latest before the connection waits for more from the client.
 */
#ifndef HTTP_H
#define HTTP_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include <gossamer.h>

enum {
	HEAD_MAX = 8 * 1024,         /* bytes of a request line and headers; more is answered with 431 */
	IN_BYTES = HEAD_MAX + 1024,  /* the lines between chunks of a body are read behind the head */
	OUT_BYTES = 16 * 1024,
	BODY_MAX = 1024 * 1024,      /* more is answered with 413 */
	DATE_BYTES = 32
};

struct server {
	const char *root;                          /* the directory whose files are served */
	int64_t idle_ns, read_ns, write_ns, slow_ns; /* how long: between requests; for a request; for an answer to be taken; for /api/slow */
	gos_context *ctx;                          /* ends when the server shall stop */
	gos_waitgroup running;                     /* accept's goroutine and each connection's */
	gos_mutex lock;                            /* of the list of connections */
	struct conn *conns;
	gos_pool unused;                           /* struct conn's */
	atomic_long connections, requests, panics, timeouts, gone;
};

struct conn {
	struct server *server;
	struct conn *next, **prev; /* in server->conns */
	int fd;

	gos_mutex lock;            /* of the deadline for reading, which stop_reading sets from outside */
	bool may_stop;             /* waits for a request, not for a body */

	size_t in_at, in_end;      /* what has been received and not yet used is in[in_at..in_end) */
	size_t in_base;            /* where the head of the current request ends */
	size_t out_end, out_mark;  /* bytes in out; where the current answer begins */
	bool answered, partly_sent; /* the current request's answer has begun; some of it is on its way */
	bool broken;               /* nothing can be sent any more */
	bool keep_alive;           /* another request may follow */
	int64_t answer_left;       /* bytes of the answer that were announced and are still to come */

	struct request {
		const char *method, *path, *query; /* path: decoded, begins with a slash; query: "" where there is none */
		const char *if_modified_since;     /* NULL: not there */
		int minor;                         /* of HTTP/1.x */
		bool is_head, chunked, body_ended, expects_continue;
		int64_t body_left;                 /* of the body, or of the current chunk */
		int64_t body_read;
	} request;

	char in[IN_BYTES], out[OUT_BYTES];
};

/* Reads the next request. 0; or a status with which to answer what came; or -1: there is none, close the connection. */
int read_request(struct conn *c);

/* Reads from the request's body: the number of bytes; 0 at its end; or the status, negative, with which to answer. */
ssize_t read_body(struct conn *c, void *buffer, size_t size);

/* Begins an answer: its head. `length` bytes of body must follow by answer_body; headers: further ones, each ends with \r\n. */
void answer_head(struct conn *c, int status, const char *type, int64_t length, const char *headers);
/* Adds to the body. False when there is no use in going on: the client is gone. */
bool answer_body(struct conn *c, const void *data, size_t size);
/* A whole answer. */
void answer(struct conn *c, int status, const char *type, const void *body, size_t length);
/* A whole answer that says no more than the status. */
void answer_status(struct conn *c, int status, const char *headers);
/* Takes an answer back that is not complete, so that another can be given. False: some of it is on its way. */
bool answer_take_back(struct conn *c);
/* Sends what is in out. */
bool flush(struct conn *c);

/* Ends the wait for the next request, if it is that what the connection does: for other goroutines. */
void stop_reading(struct conn *c);
/* Closes politely: sends what is left, and lets the client read it before it learns that its own bytes were not wanted. */
void hang_up(struct conn *c);

/* A time as HTTP writes it. */
void format_date(time_t when, char text[DATE_BYTES]);

/* files.c: answers with a file below server->root. */
void serve_file(struct conn *c);

#endif
