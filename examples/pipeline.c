/* SPDX-License-Identifier: MIT */
/*
 * pipeline.c - counts the words of many files at once: pipeline FILE...
 *
 * One goroutine a file reads and counts; at most READERS of them hold a file open. Each sends its table over one channel to
 * app, which adds the tables up and prints the total and the commonest words.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gossamer.h>

enum { READERS = 64, TOP = 10, WORD_MAX = 63 };

/* ---- a table of words and how often each came: open addressing, at most half full ---------------------------------------- */

struct entry {
	char *word; /* NULL: nothing here */
	long count;
};

struct table {
	struct entry *entries;
	size_t size, used; /* size is a power of two */
	long words;
};

static void table_grow(struct table *t);

static void table_add(struct table *t, const char *word, long count)
{
	if (t->used * 2 >= t->size)
		table_grow(t);

	uint64_t hash = 14695981039346656037u; /* FNV-1a */
	for (const char *s = word; *s != '\0'; s++)
		hash = (hash ^ (unsigned char)*s) * 1099511628211u;

	size_t i = hash & (t->size - 1);
	while (t->entries[i].word != NULL && strcmp(t->entries[i].word, word) != 0)
		i = (i + 1) & (t->size - 1);
	if (t->entries[i].word == NULL) {
		t->entries[i].word = strdup(word);
		t->used++;
	}
	t->entries[i].count += count;
	t->words += count;
}

static void table_add_all(struct table *t, const struct table *more)
{
	for (size_t i = 0; i < more->size; i++)
		if (more->entries[i].word != NULL)
			table_add(t, more->entries[i].word, more->entries[i].count);
}

static void table_free(struct table *t)
{
	for (size_t i = 0; i < t->size; i++)
		free(t->entries[i].word);
	free(t->entries);
}

static void table_grow(struct table *t)
{
	struct table bigger = {.size = t->size ? t->size * 2 : 1024};

	bigger.entries = calloc(bigger.size, sizeof *bigger.entries);
	if (bigger.entries == NULL)
		gos_panic("out of memory");
	table_add_all(&bigger, t);
	table_free(t);
	*t = bigger;
}

/* ---- the stages ---------------------------------------------------------------------------------------------------------- */

struct counted {
	const char *path;
	struct table table;
	int error; /* an errno, or 0 */
};

/* Reads one file and sends what it found. A word is a run of letters, digits, apostrophes and bytes that are not ASCII. */
static void count_file(const char *path, gos_sema *readers, gos_chan *results)
{
	struct counted result = {.path = path};
	char buffer[8192], word[WORD_MAX + 1];
	size_t length = 0;
	ssize_t n = 0;

	gos_set_name("count %s", path);
	gos_sema_acquire(readers);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	while (fd >= 0 && (n = gos_read(fd, buffer, sizeof buffer)) > 0)
		for (ssize_t i = 0; i < n; i++) {
			unsigned char c = (unsigned char)buffer[i];
			if (isalnum(c) || c == '\'' || c >= 0x80) {
				if (length < WORD_MAX) /* the rest of a longer word is dropped */
					word[length++] = (char)tolower(c);
			} else if (length > 0) {
				word[length] = '\0';
				table_add(&result.table, word, 1);
				length = 0;
			}
		}
	if (length > 0) {
		word[length] = '\0';
		table_add(&result.table, word, 1);
	}
	if (fd < 0)
		result.error = errno;
	else if (n < 0)
		result.error = (int)-n;
	if (fd >= 0)
		gos_close(fd);
	gos_sema_release(readers);

	gos_chan_send(results, &result);
}

static int by_count(const void *a, const void *b)
{
	const struct entry *x = a, *y = b;

	if (x->count != y->count)
		return x->count < y->count ? 1 : -1;
	if (x->word == NULL || y->word == NULL)
		return (x->word == NULL) - (y->word == NULL);
	return strcmp(x->word, y->word);
}

static int app(int argc, char **argv)
{
	gos_sema readers = GOS_SEMA(READERS);
	gos_chan *results = gos_chan_make(struct counted, 0);
	struct table total = {0};
	int failed = 0;

	if (argc < 2) {
		fprintf(stderr, "usage: pipeline FILE...   counts the words of the files together\n");
		return 64;
	}
	for (int i = 1; i < argc; i++)
		go(count_file, argv[i], &readers, results);

	for (int i = 1; i < argc; i++) {
		struct counted result;
		gos_chan_recv(results, &result);
		if (result.error != 0) {
			fprintf(stderr, "pipeline: %s: %s\n", result.path, strerror(result.error));
			failed++;
		}
		table_add_all(&total, &result.table);
		table_free(&result.table);
	}

	printf("%ld words, %zu different, in %d file%s\n", total.words, total.used, argc - 1 - failed, argc - 1 - failed == 1 ? "" : "s");
	qsort(total.entries, total.size, sizeof *total.entries, by_count); /* an empty table has size 0 */
	for (size_t i = 0; i < TOP && i < total.used; i++)
		printf("%8ld %s\n", total.entries[i].count, total.entries[i].word);
	table_free(&total);
	gos_chan_free(results);
	return failed > 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
