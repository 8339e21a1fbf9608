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
 * rt_go. Returns, later and perhaps on another thread, when somebody switches back, with the mp that he gave. */
struct gos_m *rt_switch(struct gos_gobuf *from, struct gos_gobuf *to, struct gos_m *mp);

/*
 * The same, for C: enters rt_switch by a jump. A call would leave an entry on the processor's return stack that no ret takes off, since
 * rt_switch comes back by a jump too, and every ret above would be mispredicted. The caller must have a frame pointer and no red zone in use
 * (it calls other functions), as all of rt/ does.
 */
#if defined(__x86_64__)
static inline __attribute__((always_inline)) struct gos_m *rt_switch_inline(struct gos_gobuf *from, struct gos_gobuf *to, struct gos_m *mp)
{
	struct gos_m *back;
	__asm__ volatile("leaq 1f(%%rip), %%rax\n\t"
	                 "pushq %%rax\n\t"
	                 "jmp rt_switch\n"
	                 "1:"
	                 : "=a"(back), "+D"(from), "+S"(to), "+d"(mp)
	                 :
	                 : "rcx", "r8", "r9", "r10", "r11", "cc", "memory", "xmm0", "xmm1", "xmm2", "xmm3", "xmm4", "xmm5", "xmm6", "xmm7",
	                   "xmm8", "xmm9", "xmm10", "xmm11", "xmm12", "xmm13", "xmm14", "xmm15");
	return back;
}
#endif

/* The same without saving anything: the current stack is not used again. */
_Noreturn void rt_jump(struct gos_gobuf *to, struct gos_m *mp);

/* Where a saved stack continues: the pc of every parked goroutine. Not callable. */
extern char rt_switch_resume[];

/* Within rt_gostart: the return address in a new goroutine's first frame. Calls rt_goroutine_begin(mp), loads the argument registers from the start
 * frame (gobuf.h), calls fn, then rt_goexit0. It is the last frame of every goroutine's stack. Not callable. */
extern char rt_gostart_begin[];

/* Within rt_gostart: where fn returns to; and so the return address of the last call that fn makes, where a compiler has made a jump of it. Not callable. */
extern char rt_gostart_return[];

/* What go() calls in place of fn: saves the argument registers and calls rt_go. fn, or the request, comes in the static chain. */
void rt_go_entry(void);
void rt_go_with_entry(void);

#endif
