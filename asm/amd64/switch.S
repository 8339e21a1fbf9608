/* SPDX-License-Identifier: MIT */
/*
 * switch.S - leaving one stack and continuing on another, on x86-64. Contracts: asm/switch.h.
 *
 * A parked goroutine's stack, highest address first:
 *
 *        ...     frame of who called rt_switch
 *   sp + 48      return address into it            <- CFA - 8
 *   sp + 40      rbp
 *   sp + 32      rbx
 *   sp + 24      r12
 *   sp + 16      r13
 *   sp +  8      r14
 *   sp +  0      r15                                <- gobuf.sp
 *
 * A goroutine that has not run looks as if it had parked in rt_switch, called from rt_gostart: above the six registers and
 * the return address come fn, six integer and eight floating-point argument registers (START_WORD_*, gobuf.h), and 8 bytes
 * that keep the stack aligned.
 *
 * The resume label's CFI row describes the frame above, so {sp, pc = rt_switch_resume} is all that an unwinder needs. The nop before the label
 * has the same row, because unwinders look up pc - 1; so has the one before rt_gostart_begin.
 *
 * Where rbx is untouched the CFI says so, although that is the default: elfutils, up to 0.188 at least, has rax in rbx's place among
 * its defaults and would lose rbx.
 *
 * Resuming ends in an indirect jump and not in ret: the processor's return stack holds the other goroutine's addresses.
 */
#include "../gobuf.h"
#include "../../rt/text.h"
#include "entry.h"

RT_TEXT_RANGE

	.text

#define CFI_SAVED_FRAME /* the CFI of a saved frame, for one whose stack pointer has just been loaded */ \
	.cfi_def_cfa %rsp, 56;                                                                           \
	.cfi_offset %rbp, -16;                                                                           \
	.cfi_offset %rbx, -24;                                                                           \
	.cfi_offset %r12, -32;                                                                           \
	.cfi_offset %r13, -40;                                                                           \
	.cfi_offset %r14, -48;                                                                           \
	.cfi_offset %r15, -56

/* struct gos_m *rt_switch(struct gos_gobuf *from, struct gos_gobuf *to, struct gos_m *mp) */
	.globl	rt_switch
	.hidden	rt_switch
	.type	rt_switch, @function
	.globl	rt_switch_resume
	.hidden	rt_switch_resume
	.type	rt_switch_resume, @notype
	.p2align 6
rt_switch:
	.cfi_startproc
	.cfi_same_value %rbx
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	movq	%rsp, GOBUF_SP(%rdi)		/* from->sp = rsp */
	movq	%rdx, %rax			/* return mp */
	movq	GOBUF_SP(%rsi), %rsp		/* rsp = to->sp: from here we are the other */
	nop
rt_switch_resume:
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_same_value %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	notrack jmp	*%rcx			/* return mp */
	.cfi_endproc
	.size	rt_switch, . - rt_switch

/* _Noreturn void rt_jump(struct gos_gobuf *to, struct gos_m *mp) */
	.globl	rt_jump
	.hidden	rt_jump
	.type	rt_jump, @function
	.p2align 4
rt_jump:
	.cfi_startproc
	.cfi_same_value %rbx
	endbr64
	movq	%rsi, %rax			/* return mp, over there */
	movq	GOBUF_SP(%rdi), %rsp		/* rsp = to->sp */
	CFI_SAVED_FRAME
	jmp	rt_switch_resume
	.cfi_endproc
	.size	rt_jump, . - rt_jump

/* The last frame of every goroutine. Entered at rt_gostart_begin by rt_switch_resume's jump with rax = mp and rsp at START_WORD_FN. */
	.globl	rt_gostart
	.hidden	rt_gostart
	.globl	rt_gostart_begin
	.hidden	rt_gostart_begin
	.globl	rt_gostart_return
	.hidden	rt_gostart_return
	.type	rt_gostart, @function
	.type	rt_gostart_begin, @notype
	.type	rt_gostart_return, @notype
	.p2align 4
rt_gostart:
	.cfi_startproc
	.cfi_undefined %rip			/* the stack ends here, for every unwinder */
	.cfi_def_cfa_offset 128			/* the top of the stack, whatever is left of the start frame */
	nop
rt_gostart_begin:
	movq	%rax, %rdi
	xorl	%ebp, %ebp			/* and for those that follow frame pointers */
	call	rt_goroutine_begin		/* rt_goroutine_begin(mp) */
	popq	%rax				/* rax = fn */
	.cfi_adjust_cfa_offset -8
	popq	%rdi
	.cfi_adjust_cfa_offset -8
	popq	%rsi
	.cfi_adjust_cfa_offset -8
	popq	%rdx
	.cfi_adjust_cfa_offset -8
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	popq	%r8
	.cfi_adjust_cfa_offset -8
	popq	%r9
	.cfi_adjust_cfa_offset -8
	movq	0(%rsp), %xmm0
	movq	8(%rsp), %xmm1
	movq	16(%rsp), %xmm2
	movq	24(%rsp), %xmm3
	movq	32(%rsp), %xmm4
	movq	40(%rsp), %xmm5
	movq	48(%rsp), %xmm6
	movq	56(%rsp), %xmm7
	addq	$56, %rsp			/* all but 16 bytes of the start frame: fn wants rsp aligned */
	.cfi_adjust_cfa_offset -56
	call	*%rax				/* fn(...) */
rt_gostart_return:
	call	rt_goexit0
	ud2
	.cfi_endproc
	.size	rt_gostart, . - rt_gostart

/* What go() and gos_go_with() call in place of fn: rt_go(fn, registers, return address, options). */
	.macro	GO_ENTRY name, load
	ENTRY_BEGIN \name
	.if \load
	movq	8(%r10), %rcx			/* request->options */
	movq	0(%r10), %rdi			/* request->fn */
	.else
	xorl	%ecx, %ecx			/* no options */
	movq	%r10, %rdi			/* fn */
	.endif
	ENTRY_END \name, rt_go
	.endm

	GO_ENTRY rt_go_entry, 0
	GO_ENTRY rt_go_with_entry, 1

	.section .note.GNU-stack, "", @progbits
