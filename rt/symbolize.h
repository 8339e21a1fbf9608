/* SPDX-License-Identifier: MIT */
/*
 * symbolize.h - from a pc to function, file and line.
 *
 * Two ways: by libdw, where that is installed (it is loaded when the first dump is asked for, and allocates memory); or by the
 * symbol tables of the mapped files, which gives functions only and may run in a signal handler. One session at a time for each way.
 */
#ifndef RT_SYMBOLIZE_H
#define RT_SYMBOLIZE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rt_symbol {
	const char *function;
	const char *file; /* NULL: unknown */
	uint32_t line;
	bool inlined;    /* into .outer */
	bool unknown;    /* function is "file+0x1234", for addr2line, or an address */
	bool ours;       /* a function of the runtime that is not public */
	uint64_t offset; /* from the function's begin; 0 for inlined ones */
	struct rt_symbol *outer;
};

struct rt_symbolizer;

/* full: with libdw. NULL: no memory for it. */
struct rt_symbolizer *rt_symbolize_begin(bool full);
/* Innermost first; never NULL. Valid until the next call. */
const struct rt_symbol *rt_symbolize(struct rt_symbolizer *s, uint64_t pc, bool exact);
/* The function that begins at pc, whatever may be inlined there, and the line of its declaration. .outer is NULL. Else as rt_symbolize. */
const struct rt_symbol *rt_symbolize_function(struct rt_symbolizer *s, uint64_t pc);
void rt_symbolize_end(struct rt_symbolizer *s);

#endif
