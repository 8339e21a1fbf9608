/* SPDX-License-Identifier: MIT */
/*
 * gobuf.h - the numbers that assembly and C share. Plain #defines, so that .S files can include it; rt/spawn.c asserts
 * every one of them against the C structures.
 */
#ifndef GOS_ASM_GOBUF_H
#define GOS_ASM_GOBUF_H

#define GOBUF_SP 0 /* offsetof(struct gos_gobuf, sp) */

/* The frame that a new goroutine starts from, in words from the saved sp (amd64). rt_go fills it, rt_gostart uses it up. */
#define START_WORD_RETURN 6   /* rt_gostart_begin, where rt_switch "returns" to */
#define START_WORD_FN 7
#define START_WORD_INTEGER 8  /* rdi rsi rdx rcx r8 r9 */
#define START_WORD_REAL 14    /* xmm0 .. xmm7 */
#define START_WORDS 23          /* odd: rt_gostart then finds the stack aligned */
#define START_REGISTER_WORDS 14 /* integer and real together: what the entries of go() save */

#endif
