/* SPDX-License-Identifier: MIT */
/*
 * image.h - what the debuggee's file says about itself: the routines of asm/ and where each of their instructions begins.
 *
 * The routines are found by the name of their source file in the debugging information, so that a new one cannot be forgotten.
 */
#ifndef TESTS_ASM_IMAGE_H
#define TESTS_ASM_IMAGE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define IMAGE_ROUTINES 32
#define IMAGE_INSTRUCTIONS 1024

struct routine {
	char name[48];
	uint64_t start, end; /* as in the file */
};

struct instruction {
	uint64_t address; /* as in the file */
	bool trap;        /* ud2: nobody arrives there */
	unsigned visits;
};

struct image {
	char path[512];
	struct routine routines[IMAGE_ROUTINES];
	size_t routine_count;
	struct instruction instructions[IMAGE_INSTRUCTIONS];
	size_t instruction_count;
	uint64_t start_pc, resume_pc, checkpoint, runtime; /* rt_gostart, rt_switch_resume, user_checkpoint, gos_runtime */
};

/* NULL, or what is wrong. */
const char *image_open(struct image *image, const char *path);

/* Which routine an address as in the file is in; NULL: none. */
const struct routine *image_routine(const struct image *image, uint64_t address);

/* rt_sigpanic is entered by a signal handler that changes its own return, which single-stepping does not see: tests/gdb looks at it. */
bool image_is_left_out(const struct routine *routine);

/* Notes that somebody stopped at the address. False: no instruction begins there. */
bool image_visit(struct image *image, uint64_t address);

/*
 * The instructions that nobody visited, as text; "" when there is none. Left out are ud2 and the one just before rt_gostart, which exists
 * only for those who look up a return address minus one.
 */
const char *image_unvisited(const struct image *image);

#endif
