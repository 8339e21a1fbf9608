/* SPDX-License-Identifier: MIT */
/*
 * gobuf.h - the numbers that assembly and C share. Plain #defines, so that .S files can include it; rt/spawn.c, rt/defer.c
 * and rt/panic.c assert every one of them against the C structures.
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
#define ENTRY_FRAME 120         /* bytes that these entries take on the stack of who calls them, below the return address */

/* struct gos_defer_frame: where gos_defer_frame_enter returns to, and what it keeps. */
#define FRAME_PC 0
#define FRAME_SP 8
#define FRAME_RBX 16
#define FRAME_RBP 24
#define FRAME_R12 32
#define FRAME_R13 40
#define FRAME_R14 48
#define FRAME_R15 56

/* struct rt_fault: the registers of who raised a signal, by their DWARF numbers. */
#define FAULT_REGISTER(n) (8 * (n))

#endif
