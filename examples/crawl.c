/* SPDX-License-Identifier: MIT */
/*
 * crawl.c - counts the lines, words and bytes of all files below a directory, many at once: crawl [-w WORKERS] [-f TEXT] [-l LIMIT] [-t MS] DIRECTORY
 *
 * What it shows: fan-out and fan-in, blocking calls that hold up nobody, and a context that ends everything early.
 *
 *	walk ──files──► read_files (WORKERS of them) ──results──► app
 *
 * One goroutine walks the tree in the order of the names and numbers the files that it finds; WORKERS of them read what is found; app prints
 * the results in the order of those numbers, so that the output is always the same. With -f only the files are shown that hold TEXT.
 * The first error, LIMIT files shown (-l), or MS milliseconds (-t) cancel the context: walk and workers end, wherever they are.
 * Try: crawl -f gos_select -l 5 rt
 */
#define _GNU_SOURCE /* asprintf, memmem */
#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <gossamer.h>

enum { READ_BYTES = 32 * 1024, TEXT_MAX = 1024 };

/* What the goroutines share. Only app frees it, after all of them have ended. */
struct crawl {
	gos_context *ctx;
	gos_chan *files, *results; /* of struct file and struct result */
	gos_waitgroup running;
	const char *text; /* NULL: count only */
};

struct file {
	long number;
	char *path; /* whoever received it frees it */
};

struct result {
	struct file file;
	long lines, words, bytes;
	bool found;
	int error; /* an errno; or 0 */
};

static void *checked(void *memory)
{
	if (memory == NULL)
		gos_panic("out of memory");
	return memory;
}

/* Sends unless the context ends: then false. */
static bool send_or_cancelled(gos_context *ctx, gos_chan *to, void *elem)
{
	struct gos_case cases[] = {GOS_SEND(to, elem), GOS_RECV(gos_context_done(ctx), NULL)};

	return gos_select(cases, 2) == 0;
}

/* ---- the walk ------------------------------------------------------------------------------------------------------------ */

struct listing {
	const char *path;
	struct dirent **entries;
	int count; /* or -errno */
};

/* Reads a directory. It may block its thread for as long as the disk or the network takes; that is why it is called through gos_blocking, and others go on
 * meanwhile. errno may be used here: the goroutine stays on the thread until this function has returned. */
static void *list_directory(void *argument)
{
	struct listing *listing = argument;

	listing->count = scandir(listing->path, &listing->entries, NULL, alphasort);
	if (listing->count < 0)
		listing->count = -errno;
	for (int i = 0; i < listing->count; i++) {
		struct dirent *entry = listing->entries[i];
		struct stat status;
		char *path;
		if (entry->d_type != DT_UNKNOWN) /* some file systems do not tell */
			continue;
		if (asprintf(&path, "%s/%s", listing->path, entry->d_name) < 0)
			abort();
		if (lstat(path, &status) == 0)
			entry->d_type = S_ISDIR(status.st_mode) ? DT_DIR : S_ISREG(status.st_mode) ? DT_REG : DT_UNKNOWN;
		free(path);
	}
	return NULL;
}

/* Sends every regular file below `path`; symbolic links are not followed. False when there is no point in going on. */
static bool walk_directory(struct crawl *crawl, const char *path, long *number)
{
	struct listing listing = {.path = path};
	bool go_on = true;

	gos_blocking(list_directory, &listing);
	if (listing.count < 0) { /* an error takes its place in the order, too */
		struct result r = {.file = {++*number, checked(strdup(path))}, .error = -listing.count};
		go_on = send_or_cancelled(crawl->ctx, crawl->results, &r);
		if (!go_on)
			free(r.file.path);
		return go_on;
	}
	for (int i = 0; i < listing.count; i++) {
		const char *name = listing.entries[i]->d_name;
		unsigned char type = listing.entries[i]->d_type;
		bool is_directory = type == DT_DIR && strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
		char *below;
		if (go_on && (is_directory || type == DT_REG)) {
			if (asprintf(&below, "%s/%s", path, name) < 0)
				gos_panic("out of memory");
			if (is_directory) {
				go_on = walk_directory(crawl, below, number);
				free(below);
			} else {
				go_on = send_or_cancelled(crawl->ctx, crawl->files, &(struct file){++*number, below});
				if (!go_on)
					free(below);
			}
		}
		free(listing.entries[i]);
	}
	free(listing.entries);
	return go_on;
}

static void walk(struct crawl *crawl, const char *path)
{
	long number = 0;

	gos_set_name("walk %s", path);
	walk_directory(crawl, path, &number);
	gos_chan_close(crawl->files);
	gos_waitgroup_done(&crawl->running);
}

/* ---- the workers ---------------------------------------------------------------------------------------------------------- */

/* Reads one file. The buffer begins with the end of what was read before, in case the text lies across. */
static void read_file(struct crawl *crawl, struct result *r, char *buffer)
{
	size_t text_length = crawl->text ? strlen(crawl->text) : 0, kept = 0;
	bool in_word = false;
	ssize_t n;
	int fd = gos_open(r->file.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW, 0);

	if (fd < 0) {
		r->error = -fd;
		return;
	}
	while ((n = gos_read(fd, buffer + kept, READ_BYTES)) > 0) {
		if ((r->error = -gos_context_err(crawl->ctx)) != 0)
			break;
		for (ssize_t i = 0; i < n; i++) {
			unsigned char c = (unsigned char)buffer[kept + (size_t)i];
			bool space = isspace(c);
			r->lines += c == '\n';
			r->words += !space && !in_word;
			in_word = !space;
		}
		r->bytes += n;
		if (text_length > 0) {
			size_t length = kept + (size_t)n;
			r->found = r->found || memmem(buffer, length, crawl->text, text_length) != NULL;
			kept = length < text_length - 1 ? length : text_length - 1;
			memmove(buffer, buffer + length - kept, kept);
		}
	}
	if (n < 0)
		r->error = (int)-n;
	gos_close(fd);
}

static void read_files(struct crawl *crawl, int worker)
{
	char *buffer = checked(malloc(READ_BYTES + TEXT_MAX)); /* too much for a goroutine's 64 KiB */
	struct file file;

	gos_set_name("worker %d", worker);
	while (gos_chan_recv(crawl->files, &file)) {
		struct result r = {.file = file};
		read_file(crawl, &r, buffer);
		if (!send_or_cancelled(crawl->ctx, crawl->results, &r))
			free(file.path); /* and on: what is still in the channel must be freed, too */
	}
	free(buffer);
	gos_waitgroup_done(&crawl->running);
}

static void close_results(struct crawl *crawl)
{
	gos_waitgroup_wait(&crawl->running);
	gos_chan_close(crawl->results);
}

/* ---- the results, in order ------------------------------------------------------------------------------------------------ */

struct ordered {
	struct result *results; /* by number; a path that is NULL: not there yet, or given out */
	size_t size, next;
};

static void ordered_put(struct ordered *o, const struct result *r)
{
	size_t i = (size_t)r->file.number - 1;

	if (i >= o->size) {
		size_t size = i * 2 + 64;
		o->results = checked(realloc(o->results, size * sizeof *o->results));
		memset(o->results + o->size, 0, (size - o->size) * sizeof *o->results);
		o->size = size;
	}
	o->results[i] = *r;
}

static bool ordered_take(struct ordered *o, struct result *r)
{
	if (o->next >= o->size || o->results[o->next].file.path == NULL)
		return false;
	*r = o->results[o->next];
	o->results[o->next++].file.path = NULL;
	return true;
}

static void ordered_free(struct ordered *o)
{
	for (size_t i = o->next; i < o->size; i++)
		free(o->results[i].file.path);
	free(o->results);
}

/* ---- app ----------------------------------------------------------------------------------------------------------------- */

/* A decimal number from min to max, or -1. */
static long number(const char *text, long min, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text != '\0' && *end == '\0' && n >= min && n <= max ? n : -1;
}

static int usage(void)
{
	fprintf(stderr, "usage: crawl [-w WORKERS] [-f TEXT] [-l LIMIT] [-t MS] DIRECTORY\n"
			"  -w WORKERS  how many files are read at once (8)\n"
			"  -f TEXT     show only files that hold TEXT\n"
			"  -l LIMIT    end after so many files shown\n"
			"  -t MS       end after that many milliseconds\n");
	return 64;
}

static int app(int argc, char **argv)
{
	struct crawl crawl = {0};
	struct ordered ordered = {0};
	struct result r, total = {0};
	long workers = 8, limit = 0, timeout_ms = 0, shown = 0;
	int option, status = 0;

	while ((option = getopt(argc, argv, "w:f:l:t:")) != -1) {
		long *where = option == 'w' ? &workers : option == 'l' ? &limit : option == 't' ? &timeout_ms : NULL;
		if (option == 'f' && *optarg != '\0' && strlen(optarg) <= TEXT_MAX)
			crawl.text = optarg;
		else if (where == NULL || (*where = number(optarg, 1, 1000000)) < 0)
			return usage();
	}
	if (optind != argc - 1)
		return usage();

	gos_context *background = gos_context_background();
	crawl.ctx = timeout_ms > 0 ? gos_context_with_timeout(background, timeout_ms * GOS_MS) : gos_context_with_cancel(background);
	crawl.files = gos_chan_make(struct file, (size_t)workers);
	crawl.results = gos_chan_make(struct result, 0);
	gos_waitgroup_add(&crawl.running, (int)workers + 1);
	gos_go_with(&(struct gos_go_options){.stack_size = 1024 * 1024}, walk, &crawl, argv[optind]); /* it recurses */
	for (int i = 1; i <= workers; i++)
		go(read_files, &crawl, i);
	go(close_results, &crawl);

	bool more = true;
	while (more && gos_chan_recv(crawl.results, &r)) {
		ordered_put(&ordered, &r);
		while (more && ordered_take(&ordered, &r)) {
			if (r.error != 0) {
				if (gos_context_err(crawl.ctx) == 0) /* else it was that which cut the file short */
					fprintf(stderr, "crawl: %s: %s\n", r.file.path, strerror(r.error));
				status = 1;
				more = false;
			} else if (crawl.text == NULL || r.found) {
				printf("%8ld %8ld %8ld %s\n", r.lines, r.words, r.bytes, r.file.path);
				total.lines += r.lines;
				total.words += r.words;
				total.bytes += r.bytes;
				more = ++shown != limit;
			}
			free(r.file.path);
		}
	}
	if (gos_context_err(crawl.ctx) == -ETIMEDOUT) {
		fprintf(stderr, "crawl: not done within %ld ms\n", timeout_ms);
		status = 1;
	}

	gos_context_cancel(crawl.ctx); /* now they all end; wait until they have */
	while (gos_chan_recv(crawl.results, &r))
		free(r.file.path);
	printf("%8ld %8ld %8ld in %ld file%s\n", total.lines, total.words, total.bytes, shown, shown == 1 ? "" : "s");

	ordered_free(&ordered);
	gos_chan_free(crawl.files);
	gos_chan_free(crawl.results);
	gos_context_free(crawl.ctx);
	return status;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
