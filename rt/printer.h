/* SPDX-License-Identifier: MIT */
/*
 * printer.h - the text of a report on its way out: bounded memory, no malloc, no stdio. Beside the floors.
 */
#ifndef RT_PRINTER_H
#define RT_PRINTER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct gos_g;
struct gos_labels;
struct rt_flag_word;
struct rt_report;
struct rt_symbol;
struct rt_symbolizer;

/* Reads what others write, on purpose: what is proved afterwards not to have changed, or is only shown. */
#define RT_READS_WHILE_WRITTEN __attribute__((no_sanitize("thread")))

/* *to = *from, where others may write *from meanwhile. A plain assignment is a call of memcpy for some compilers, into which a sanitizer looks all the same. */
void rt_g_copy(struct gos_g *to, const struct gos_g *from);

#define RT_PEEKED 1024
#define RT_PEEKED_SLOTS 16 /* a power of two */
#define RT_LABELS_SHOWN 4224 /* 16 labels of which key and value are cut at 127 bytes each */

struct rt_printer {
	struct rt_report *report;
	struct rt_symbolizer *symbols; /* NULL: what a pc is cannot be told */
	bool lost;                     /* somebody else has taken over, or nobody wants it any more */
	int error;                     /* errno of a write that failed; then lost too */
	bool full;                     /* with libdw and malloc */
	size_t used;
	size_t limit; /* 0; or where what is put now ends, at the latest: it is cut there, and nothing is written before it is whole. rt_account_put */
	char text[64 << 10];
	/* What was read lately, for the time of a report: a million goroutines wait on channels that were made in a few places, and work for a few requests. */
	struct rt_peeked {
		const char *at;
		char text[RT_PEEKED];
	} peeked[RT_PEEKED_SLOTS];
	struct {
		const struct gos_labels *set;
		uint32_t turn;
		uint32_t size;
		char text[RT_LABELS_SHOWN];
	} labels;
};

/* Writes what there is; `next` is then where to go on if somebody takes the report over: rt_report.next. */
void rt_printer_flush(struct rt_printer *p, uint64_t next);

void rt_put(struct rt_printer *p, const char *text);
void rt_put_part(struct rt_printer *p, const char *text, size_t n);
void rt_put_number(struct rt_printer *p, uint64_t value, unsigned base);
void rt_put_signed(struct rt_printer *p, int64_t value);
void rt_put_address(struct rt_printer *p, const void *address);
/* Text of the program's within brackets: what would end an item or a line is replaced. */
void rt_put_inert(struct rt_printer *p, const char *text, size_t max);
/* Begins a report: what was remembered of an earlier one is forgotten. */
void rt_printer_forget(struct rt_printer *p);
/* Text of the program's that does not change, but may not be there any more: a copy, of RT_PEEKED - 1 bytes at most; "" then. Valid until the next call. */
const char *rt_printer_peek(struct rt_printer *p, const char *text);
/* The same, of text that may not be there any more. */
void rt_put_peeked(struct rt_printer *p, const char *text);

/* "3.2s", "450ms", "2m05s": two or three digits that matter. */
void rt_put_duration(struct rt_printer *p, int64_t ns);
/* "1 reader", "3 readers". */
void rt_put_count(struct rt_printer *p, uint64_t n, const char *noun);
/* The words of those bits that have one, `before` before each: words.h. */
void rt_put_words(struct rt_printer *p, const char *before, unsigned bits, const struct rt_flag_word *words);
/* "goroutine 7 "loader"". gp: where it is; NULL: nowhere any more. */
void rt_put_goroutine(struct rt_printer *p, uint64_t goid, const struct gos_g *gp);

/* What is known of a pc; exact: it stands there, as opposed to having called from there. Never NULL; valid until the next call. */
const struct rt_symbol *rt_printer_symbol(struct rt_printer *p, uint64_t pc, bool exact);
/* The function that begins at pc; likewise. */
const struct rt_symbol *rt_printer_function(struct rt_printer *p, uint64_t pc);
/* Without what compilers append to the parts of a function that they split off: ".cold", ".part.0". */
void rt_put_function(struct rt_printer *p, const struct rt_symbol *symbol);
/* "serve (srv.c:41)", "serve+23" where lines are not known, else the address: what gdb says of it. */
void rt_put_where(struct rt_printer *p, uint64_t pc, bool exact);
/* The same of the function that begins at pc. */
void rt_put_entry(struct rt_printer *p, uint64_t pc);
/* Where a goroutine's call stands that returns to pc. entry: its entry, which is where that is when the entry made the call last, by a jump; NULL: that is not known. */
void rt_put_call(struct rt_printer *p, const void *pc, const void *entry);

#endif
