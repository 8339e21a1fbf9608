/* SPDX-License-Identifier: MIT */
/*
 * reader.h - the smallest reader that follows rt/abi/abi.h, and nothing else: what every observer has to do, in a page.
 *
 * Whatever it is given, it answers with a row or with one sentence. It accepts what a later runtime of the same version may do: a longer
 * header, longer rows, more rows, rows of unknown kinds.
 */
#ifndef TESTS_ABI_READER_H
#define TESTS_ABI_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rt/abi/abi.h"

struct reader {
	struct gos_abi_header header;
	const unsigned char *rows; /* in the caller's bytes */
};

/* The root's bytes, as many as there are. NULL, or what is wrong with them. */
const char *reader_open(struct reader *reader, const void *bytes, size_t size);

/* False: no such row. */
bool reader_find(const struct reader *reader, const char *name, struct gos_abi_row *row);

/* How many bytes from the root on are header and rows. */
size_t reader_size(const struct reader *reader);

struct elf_object {
	unsigned char *file;
	size_t file_size;
	size_t note_count;
	uint64_t root;              /* address as in the file */
	uint64_t first;             /* that of the file's first byte */
	const unsigned char *bytes; /* the root in the file */
	size_t size;                /* and how many bytes of its segment follow */
};

/* Finds the root through the note, without symbols or sections. NULL, or what is wrong. */
const char *elf_object_open(struct elf_object *object, const char *path);
void elf_object_close(struct elf_object *object);

#endif
