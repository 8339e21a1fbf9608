/* SPDX-License-Identifier: MIT */
/*
 * switch.h - what the assembly promises to C. One family of routines for each architecture, in asm/<architecture>/switch.S.
 *
 * Saved at a switch: the callee-saved general registers, on the stack that is left, and the stack pointer, in the gobuf. Not
 * saved: the floating-point control words (mxcsr, x87), which the ABI lets only library calls change temporarily; signal masks;
 * shadow stacks, which must be off. The CFI is complete: a debugger may look at any instruction.
 */
#ifndef GOS_ASM_SWITCH_H
#define GOS_ASM_SWITCH_H

#include <stdint.h>

struct gos_gobuf;
struct gos_m;

/* Leaves the current stack, saving it in *from, and continues on *to, which must have been saved by rt_switch or built by
 * rt_spawn. Returns, later and perhaps on another thread, when somebody switches back, with the mp that he gave. */
struct gos_m *rt_switch(struct gos_gobuf *from, struct gos_gobuf *to, struct gos_m *mp);

/* The same without saving anything: the current stack is not used again. */
_Noreturn void rt_jump(struct gos_gobuf *to, struct gos_m *mp);

/* Where a saved stack continues: the pc of every parked goroutine. Not callable. */
extern char rt_switch_resume[];

/* The return address in a new goroutine's first frame. Calls rt_goroutine_begin(mp), loads the argument registers from the start
 * frame (gobuf.h), calls fn, then rt_goexit0. It is the last frame of every goroutine's stack. Not callable. */
extern char rt_gostart[];

/* What go() calls in place of fn: saves the argument registers and calls rt_go. fn, or the request, comes in the static chain. */
void rt_go_entry(void);
void rt_go_with_entry(void);

#endif
