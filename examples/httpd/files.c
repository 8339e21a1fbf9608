/* SPDX-License-Identifier: MIT */
/*
 * files.c - answers with a file below a directory.
 *
 * No name that begins with a dot is served: that keeps out "..", and what is meant to be hidden. Symbolic links are followed: who puts
 * one there, means it.
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#include "http.h"

enum { CHUNK = 16 * 1024 };

static const char *type_of(const char *path)
{
	static const struct {
		const char *extension, *type;
	} types[] = {
		{".html", "text/html; charset=utf-8"}, {".htm", "text/html; charset=utf-8"}, {".css", "text/css; charset=utf-8"},
		{".js", "text/javascript; charset=utf-8"}, {".json", "application/json"}, {".txt", "text/plain; charset=utf-8"},
		{".md", "text/plain; charset=utf-8"}, {".c", "text/plain; charset=utf-8"}, {".h", "text/plain; charset=utf-8"}, {".svg", "image/svg+xml"},
		{".png", "image/png"}, {".jpg", "image/jpeg"}, {".jpeg", "image/jpeg"}, {".gif", "image/gif"}, {".ico", "image/x-icon"},
		{".pdf", "application/pdf"}, {".wasm", "application/wasm"}, {".xml", "application/xml"},
	};
	const char *extension = strrchr(path, '.');

	for (size_t i = 0; extension != NULL && i < sizeof types / sizeof *types; i++)
		if (strcasecmp(extension, types[i].extension) == 0)
			return types[i].type;
	return "application/octet-stream";
}

struct opening {
	const char *path;
	int fd; /* or -errno */
	struct stat status;
};

/* On a thread that may block, because a disk may be slow, or a network behind it. O_NONBLOCK: not until somebody writes into a pipe. */
static void *open_file(void *argument)
{
	struct opening *o = argument;

	o->fd = open(o->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (o->fd < 0 || fstat(o->fd, &o->status) != 0)
		o->fd = -errno;
	return NULL;
}

static void send_file(struct conn *c, const struct opening *file, const char *path)
{
	char modified[DATE_BYTES], headers[64], chunk[CHUNK];
	off_t at = 0;

	format_date(file->status.st_mtime, modified);
	snprintf(headers, sizeof headers, "Last-Modified: %s\r\n", modified);
	if (c->request.if_modified_since != NULL && strcmp(c->request.if_modified_since, modified) == 0) {
		answer_status(c, 304, headers);
		return;
	}
	answer_head(c, 200, type_of(path), file->status.st_size, headers);
	while (!c->request.is_head && at < file->status.st_size) {
		off_t left = file->status.st_size - at;
		ssize_t n = gos_pread(file->fd, chunk, left < CHUNK ? (size_t)left : CHUNK, at);
		if (n <= 0 || !answer_body(c, chunk, (size_t)n))
			return; /* it has become shorter; who called us sees that bytes are missing, and ends the connection */
		at += n;
	}
}

void serve_file(struct conn *c)
{
	gos_defer_frame();
	const char *path = c->request.path;
	char full[PATH_MAX];
	struct opening file = {.path = full};
	size_t length = strlen(path);
	int n = snprintf(full, sizeof full, "%s%s%s", c->server->root, path, path[length - 1] == '/' ? "index.html" : "");

	if (strstr(path, "/.") != NULL || n >= (int)sizeof full) {
		answer_status(c, 404, "");
		return;
	}
	gos_blocking(open_file, &file);
	if (file.fd < 0) {
		int error = -file.fd;
		answer_status(c, error == EACCES ? 403 : error == EMFILE || error == ENFILE ? 503 : 404, "");
		return;
	}
	gos_defer(gos_close, file.fd); /* however this function ends: a panic further up leaves no descriptor behind */

	if (S_ISREG(file.status.st_mode))
		send_file(c, &file, full);
	else if (S_ISDIR(file.status.st_mode) && path[length - 1] != '/')
		answer_status(c, 404, "");
	else
		answer_status(c, 403, "");
}
