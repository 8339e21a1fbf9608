/* SPDX-License-Identifier: MIT */
/* live.h - a running subject (subject.c), and its memory. */
#ifndef TESTS_ABI_LIVE_H
#define TESTS_ABI_LIVE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct live {
	pid_t pid;
	int input;
};

/* Runs the program until it says "ready". library_folder may be NULL. */
bool live_start(struct live *live, const char *program, const char *library_folder);

/* Lets it end; its exit code. */
int live_end(struct live *live);

/* Where the file's first byte is mapped; 0: nowhere. */
uint64_t live_mapping(const struct live *live, const char *path);

bool live_read(const struct live *live, uint64_t address, void *buffer, size_t size);

#endif
