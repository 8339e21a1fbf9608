/* SPDX-License-Identifier: MIT */
/*
 * http.c - reading requests and writing answers. It believes nothing: what is not HTTP/1.0 or 1.1 to the letter is answered with a 4xx
 * or 5xx, and the connection closed, because nobody knows where the next request would begin.
 */
#define _GNU_SOURCE /* memmem */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "http.h"

/* ---- bytes ------------------------------------------------------------------------------------------------------------------ */

/* Another deadline for reading; may_stop: stop_reading may end the wait before. */
static void set_read_deadline(struct conn *c, bool may_stop, int64_t at)
{
	gos_mutex_lock(&c->lock);
	c->may_stop = may_stop;
	gos_set_deadline(c->fd, GOS_POLL_READ, at);
	gos_mutex_unlock(&c->lock);
}

void stop_reading(struct conn *c)
{
	gos_mutex_lock(&c->lock);
	if (c->may_stop)
		gos_set_deadline(c->fd, GOS_POLL_READ, 1); /* long ago */
	gos_mutex_unlock(&c->lock);
}

bool flush(struct conn *c)
{
	if (c->out_end > 0 && !c->broken) {
		gos_set_deadline(c->fd, GOS_POLL_WRITE, gos_now() + c->server->write_ns);
		if (gos_write(c->fd, c->out, c->out_end) != (ssize_t)c->out_end)
			c->broken = true;
		c->partly_sent = c->answered;
	}
	c->out_end = c->out_mark = 0;
	return !c->broken;
}

static void put(struct conn *c, const void *data, size_t size)
{
	while (size > 0 && !c->broken) {
		size_t room = sizeof c->out - c->out_end, n = size < room ? size : room;
		memcpy(c->out + c->out_end, data, n);
		c->out_end += n;
		data = (const char *)data + n;
		size -= n;
		if (c->out_end == sizeof c->out)
			flush(c);
	}
}

/* Receives more. The number of bytes, 0 when the client is gone or the buffer full, or -errno. */
static ssize_t fill(struct conn *c)
{
	if (c->in_at > c->in_base) {
		memmove(c->in + c->in_base, c->in + c->in_at, c->in_end - c->in_at);
		c->in_end -= c->in_at - c->in_base;
		c->in_at = c->in_base;
	}
	if (c->in_end == sizeof c->in || !flush(c))
		return 0;
	ssize_t n = gos_read(c->fd, c->in + c->in_end, sizeof c->in - c->in_end);
	if (n > 0)
		c->in_end += (size_t)n;
	return n;
}

/* ---- the head of a request ------------------------------------------------------------------------------------------------------ */

static bool is_token(const char *text)
{
	if (*text == '\0')
		return false;
	for (; *text != '\0'; text++)
		if (*text <= ' ' || *text >= 0x7f || strchr("\"(),/:;<=>?@[\\]{}", *text) != NULL)
			return false;
	return true;
}

static int hex(char c)
{
	return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Decodes %41 in place. False for what is no such code, or stands for a zero byte. */
static bool decode(char *text)
{
	char *to = text;

	for (; *text != '\0'; text++) {
		if (*text == '%') {
			int high = hex(text[1]), low = high >= 0 ? hex(text[2]) : -1;
			if (low < 0 || high + low == 0)
				return false;
			*to++ = (char)(high * 16 + low);
			text += 2;
		} else {
			*to++ = *text;
		}
	}
	*to = '\0';
	return true;
}

static int parse_request_line(struct conn *c, char *line)
{
	struct request *r = &c->request;
	char *target = strchr(line, ' '), *version = target != NULL ? strchr(target + 1, ' ') : NULL, *query;

	if (version == NULL)
		return 400;
	*target++ = '\0';
	*version++ = '\0';
	if (!is_token(line) || strncmp(version, "HTTP/", 5) != 0 || strlen(version) != 8 || version[6] != '.')
		return 400;
	if (version[5] != '1' || (version[7] != '0' && version[7] != '1'))
		return 505;
	r->method = line;
	r->is_head = strcmp(line, "HEAD") == 0;
	r->minor = version[7] - '0';
	c->keep_alive = r->minor == 1;

	for (char *s = target; *s != '\0'; s++)
		if (*s <= ' ' || *s == 0x7f)
			return 400;
	if (strncasecmp(target, "http://", 7) == 0) { /* as to a proxy; the host does not matter to us */
		target = strchr(target + 7, '/');
		if (target == NULL)
			return 400;
	}
	if (*target != '/')
		return 400;
	query = strchr(target, '?');
	if (query != NULL)
		*query++ = '\0';
	r->query = query != NULL ? query : "";
	r->path = target;
	return decode(target) ? 0 : 400;
}

static int parse_length(struct request *r, const char *value)
{
	size_t digits = strspn(value, "0123456789");

	if (digits == 0 || value[digits] != '\0' || !r->body_ended || r->chunked)
		return 400; /* a second length, too: which one would be right? */
	r->body_left = digits > 15 ? INT64_MAX : atoll(value);
	r->body_ended = false;
	return 0;
}

static int parse_header(struct conn *c, char *line, int *hosts)
{
	struct request *r = &c->request;
	char *value = strchr(line, ':'), *end;

	if (value == NULL)
		return 400;
	*value++ = '\0';
	if (!is_token(line)) /* so a line that continues the last one is refused, and a space before the colon */
		return 400;
	value += strspn(value, " \t");
	for (end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t'); end--)
		;
	*end = '\0';
	for (const char *s = value; *s != '\0'; s++)
		if (((unsigned char)*s < ' ' && *s != '\t') || *s == 0x7f)
			return 400;

	if (strcasecmp(line, "host") == 0) {
		++*hosts;
	} else if (strcasecmp(line, "content-length") == 0) {
		return parse_length(r, value);
	} else if (strcasecmp(line, "transfer-encoding") == 0) {
		if (!r->body_ended || r->minor == 0)
			return 400;
		if (strcasecmp(value, "chunked") != 0)
			return 501;
		r->chunked = true;
		r->body_ended = false;
	} else if (strcasecmp(line, "expect") == 0) {
		if (strcasecmp(value, "100-continue") != 0)
			return 417;
		r->expects_continue = r->minor == 1;
	} else if (strcasecmp(line, "if-modified-since") == 0) {
		r->if_modified_since = value;
	} else if (strcasecmp(line, "connection") == 0) {
		for (char *word = strtok_r(value, ", \t", &end); word != NULL; word = strtok_r(NULL, ", \t", &end)) {
			if (strcasecmp(word, "close") == 0)
				c->keep_alive = false;
			else if (strcasecmp(word, "keep-alive") == 0 && r->minor == 0)
				c->keep_alive = true;
		}
	}
	return 0;
}

/* Cuts the head into lines; the last one is empty. */
static int parse_head(struct conn *c, char *head, size_t length)
{
	int status = 0, hosts = 0;

	if (memchr(head, '\0', length) != NULL)
		return 400;
	for (char *line = head, *end; status == 0; line = end + 1) {
		end = strchr(line, '\n');
		*(end > line && end[-1] == '\r' ? end - 1 : end) = '\0';
		if (line == head)
			status = parse_request_line(c, line);
		else if (*line == '\0')
			break;
		else
			status = parse_header(c, line, &hosts);
	}
	if (status == 0 && (hosts > 1 || (hosts == 0 && c->request.minor == 1)))
		status = 400;
	if (status == 0 && !c->request.chunked && c->request.body_left > BODY_MAX)
		status = 413;
	return status;
}

/* How many bytes the head takes that begins at in_at, with the empty line that ends it; 0 while it is not complete. */
static size_t head_length(struct conn *c)
{
	while (c->in_at < c->in_end && (c->in[c->in_at] == '\r' || c->in[c->in_at] == '\n'))
		c->in_at++; /* empty lines before a request are allowed */

	const char *head = c->in + c->in_at, *end = head;
	size_t length = c->in_end - c->in_at;

	while ((end = memchr(end, '\n', length - (size_t)(end - head))) != NULL) {
		end++;
		size_t left = length - (size_t)(end - head);
		if (left >= 1 && end[0] == '\n')
			return (size_t)(end - head) + 1;
		if (left >= 2 && end[0] == '\r' && end[1] == '\n')
			return (size_t)(end - head) + 2;
	}
	return 0;
}

int read_request(struct conn *c)
{
	int64_t begun = 0; /* when the first byte of the head was there */
	size_t length;

	c->request = (struct request){.body_ended = true, .method = "", .path = "", .query = ""};
	c->in_base = 0;
	c->out_mark = c->out_end;
	c->answered = c->partly_sent = c->keep_alive = false;

	while ((length = head_length(c)) == 0) {
		if (c->in_end - c->in_at >= HEAD_MAX)
			return 431;
		bool idle = begun == 0 && c->in_at == c->in_end;
		if (!idle && begun == 0)
			begun = gos_now();
		/* The whole head must come within read_ns, not each byte: who sends one byte a second shall not keep a connection. */
		set_read_deadline(c, true, idle ? gos_now() + c->server->idle_ns : begun + c->server->read_ns);
		if (gos_context_err(c->server->ctx) != 0)
			return -1; /* after the deadline was set: stop_reading comes after the context's end, so one of the two is seen */
		ssize_t n = fill(c);
		if (n == -ETIMEDOUT && c->in_at < c->in_end && gos_context_err(c->server->ctx) == 0)
			return 408;
		if (n <= 0)
			return -1;
		if (begun == 0)
			begun = gos_now();
	}
	if (length > HEAD_MAX)
		return 431;
	gos_mutex_lock(&c->lock);
	c->may_stop = false;
	gos_mutex_unlock(&c->lock);

	char *head = c->in + c->in_at;
	c->in_at += length;
	c->in_base = c->in_at;
	int status = parse_head(c, head, length);
	if (status != 0)
		c->keep_alive = false;
	return status;
}

/* ---- the body of a request ------------------------------------------------------------------------------------------------------ */

/* As fill, for the middle of a body: the status, negative, with which to answer when nothing more comes. */
static int fill_body(struct conn *c)
{
	ssize_t n = fill(c);

	return n > 0 ? 0 : n == -ETIMEDOUT ? -408 : -400;
}

/* A line between chunks, without its end; NULL and *status when there is none. Valid until the next call. */
static char *read_line(struct conn *c, int *status)
{
	char *end;

	while ((end = memchr(c->in + c->in_at, '\n', c->in_end - c->in_at)) == NULL)
		if ((*status = fill_body(c)) != 0)
			return NULL;
	char *line = c->in + c->in_at;
	c->in_at = (size_t)(end - c->in) + 1;
	*(end > line && end[-1] == '\r' ? end - 1 : end) = '\0';
	return line;
}

/* Reads the line before a chunk, which says how long it is; after the last chunk, what follows it. 0, or a status. */
static int next_chunk(struct conn *c)
{
	struct request *r = &c->request;
	int status = 0, digits = 0;
	char *line = read_line(c, &status);

	if (line != NULL && r->body_read > 0) { /* the chunk before ends with an empty line */
		if (*line != '\0')
			return -400;
		line = read_line(c, &status);
	}
	if (line == NULL)
		return status;
	for (; hex(line[digits]) >= 0; digits++) {
		if (digits == 8)
			return -413;
		r->body_left = r->body_left * 16 + hex(line[digits]);
	}
	if (digits == 0 || (line[digits] != '\0' && strchr("; \t", line[digits]) == NULL))
		return -400;
	if (r->body_left > 0)
		return 0;
	for (size_t bytes = 0; bytes < HEAD_MAX;) { /* headers that follow the body: nobody wants them */
		line = read_line(c, &status);
		if (line == NULL)
			return status;
		if (*line == '\0') {
			r->body_ended = true;
			return 0;
		}
		bytes += strlen(line) + 1;
	}
	return -431;
}

ssize_t read_body(struct conn *c, void *buffer, size_t size)
{
	struct request *r = &c->request;
	int status;

	if (r->body_ended)
		return 0;
	if (r->expects_continue && c->in_at == c->in_end)
		put(c, "HTTP/1.1 100 Continue\r\n\r\n", 25);
	r->expects_continue = false;
	if (r->body_read == 0)
		set_read_deadline(c, false, gos_now() + c->server->read_ns);
	if (r->chunked && r->body_left == 0) {
		status = next_chunk(c);
		if (status != 0 || r->body_ended)
			return status;
	}
	if (c->in_at == c->in_end && r->body_left > 0 && (status = fill_body(c)) != 0)
		return status;
	size_t there = c->in_end - c->in_at, n = size < there ? size : there;
	if ((int64_t)n > r->body_left)
		n = (size_t)r->body_left;
	memcpy(buffer, c->in + c->in_at, n);
	c->in_at += n;
	r->body_left -= (int64_t)n;
	r->body_read += (int64_t)n;
	if (!r->chunked && r->body_left == 0)
		r->body_ended = true;
	return r->body_read > BODY_MAX ? -413 : (ssize_t)n;
}

/* ---- answers -------------------------------------------------------------------------------------------------------------------- */

static const char *phrase_of(int status)
{
	static const struct {
		int status;
		const char *phrase;
	} phrases[] = {
		{200, "OK"}, {301, "Moved Permanently"}, {304, "Not Modified"}, {400, "Bad Request"}, {403, "Forbidden"}, {404, "Not Found"},
		{405, "Method Not Allowed"}, {408, "Request Timeout"}, {413, "Content Too Large"}, {417, "Expectation Failed"},
		{431, "Request Header Fields Too Large"}, {500, "Internal Server Error"}, {501, "Not Implemented"}, {503, "Service Unavailable"},
		{504, "Gateway Timeout"}, {505, "HTTP Version Not Supported"},
	};

	for (size_t i = 0; i < sizeof phrases / sizeof *phrases; i++)
		if (phrases[i].status == status)
			return phrases[i].phrase;
	return "Unknown";
}

void format_date(time_t when, char text[DATE_BYTES])
{
	struct tm parts;

	gmtime_r(&when, &parts);
	strftime(text, DATE_BYTES, "%a, %d %b %Y %H:%M:%S GMT", &parts);
}

void answer_head(struct conn *c, int status, const char *type, int64_t length, const char *headers)
{
	char line[512], date[DATE_BYTES];

	if (c->answered)
		gos_panic("httpd: a second answer to one request");
	c->answered = true;
	if (gos_context_err(c->server->ctx) != 0)
		c->keep_alive = false; /* the server ends */
	c->answer_left = c->request.is_head || status == 304 ? 0 : length;
	format_date(time(NULL), date);
	put(c, line, (size_t)snprintf(line, sizeof line, "HTTP/1.1 %d %s\r\nDate: %s\r\n", status, phrase_of(status), date));
	if (status != 304)
		put(c, line, (size_t)snprintf(line, sizeof line, "Content-Type: %s\r\nContent-Length: %lld\r\n", type, (long long)length));
	put(c, headers, strlen(headers));
	if (!c->keep_alive)
		put(c, "Connection: close\r\n", 19);
	else if (c->request.minor == 0)
		put(c, "Connection: keep-alive\r\n", 24);
	put(c, "\r\n", 2);
}

bool answer_body(struct conn *c, const void *data, size_t size)
{
	if (c->request.is_head)
		return true;
	c->answer_left -= (int64_t)size;
	put(c, data, size);
	return !c->broken;
}

void answer(struct conn *c, int status, const char *type, const void *body, size_t length)
{
	answer_head(c, status, type, (int64_t)length, "");
	answer_body(c, body, length);
}

void answer_status(struct conn *c, int status, const char *headers)
{
	char text[64];
	size_t length = (size_t)snprintf(text, sizeof text, "%d %s\n", status, phrase_of(status));

	answer_head(c, status, "text/plain; charset=utf-8", (int64_t)length, headers);
	if (status != 304)
		answer_body(c, text, length);
}

bool answer_take_back(struct conn *c)
{
	if (c->partly_sent)
		return false;
	c->out_end = c->out_mark;
	c->answered = false;
	return true;
}

void hang_up(struct conn *c)
{
	char dropped[4096];

	/* Bytes that arrive at a closed socket make its system answer with a reset, which may overtake our last answer. So we say that we
	 * are done, and read what the client still sends, for a while. */
	if (flush(c) && shutdown(c->fd, SHUT_WR) == 0) {
		set_read_deadline(c, true, gos_now() + GOS_S / 2);
		for (size_t left = BODY_MAX; left > sizeof dropped && gos_read(c->fd, dropped, sizeof dropped) > 0; left -= sizeof dropped)
			;
	}
	gos_close(c->fd);
}
