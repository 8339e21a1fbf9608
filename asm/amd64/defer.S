/* SPDX-License-Identifier: MIT */
/*
 * defer.S - deferring a call, calling it, and returning to who deferred it, on x86-64. Contracts: asm/defer.h, and gossamer.h for
 * gos_defer_frame_enter. Why rbx has a CFI row where nobody touched it: switch.S.
 */
#include "../gobuf.h"
#include "../../rt/text.h"
#include "entry.h"

RT_TEXT_RANGE

	.text

	.macro	SAVE_FRAME			/* of who has just called, to where rdi points */
	movq	(%rsp), %rax
	leaq	8(%rsp), %rcx
	movq	%rax, FRAME_PC(%rdi)
	movq	%rcx, FRAME_SP(%rdi)
	movq	%rbx, FRAME_RBX(%rdi)
	movq	%rbp, FRAME_RBP(%rdi)
	movq	%r12, FRAME_R12(%rdi)
	movq	%r13, FRAME_R13(%rdi)
	movq	%r14, FRAME_R14(%rdi)
	movq	%r15, FRAME_R15(%rdi)
	.endm

/* int rt_defer_frame_save(struct gos_defer_frame *frame): 0 when called, 1 when rt_defer_frame_resume comes back to it. */
	.globl	rt_defer_frame_save
	.hidden	rt_defer_frame_save
	.type	rt_defer_frame_save, @function
	.p2align 4
rt_defer_frame_save:
	.cfi_startproc
	.cfi_same_value %rbx
	endbr64
	SAVE_FRAME
	xorl	%eax, %eax
	ret
	.cfi_endproc
	.size	rt_defer_frame_save, . - rt_defer_frame_save

/* int gos_defer_frame_enter(struct gos_defer_frame *frame): the same, for a function that defers. */
	.globl	gos_defer_frame_enter
	.type	gos_defer_frame_enter, @function
	.p2align 4
gos_defer_frame_enter:
	.cfi_startproc
	.cfi_same_value %rbx
	endbr64
	SAVE_FRAME
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	call	rt_defer_frame_begin		/* return rt_defer_frame_begin(frame): 0 */
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	gos_defer_frame_enter, . - gos_defer_frame_enter

/* _Noreturn void rt_defer_frame_resume(const struct gos_defer_frame *frame). From its second instruction on, its caller is the frame. */
#define CFI_REGISTER_IN_FRAME(number, offset) /* DW_CFA_expression(number): breg5 (rdi) offset */ \
	.cfi_escape 0x10, number, 2, 0x75, offset
	.globl	rt_defer_frame_resume
	.hidden	rt_defer_frame_resume
	.type	rt_defer_frame_resume, @function
	.p2align 4
rt_defer_frame_resume:
	.cfi_startproc
	.cfi_same_value %rbx
	endbr64
	.cfi_escape 0x0f, 3, 0x75, FRAME_SP, 0x06 /* DW_CFA_def_cfa_expression: breg5 FRAME_SP, deref */
	CFI_REGISTER_IN_FRAME(16, FRAME_PC)
	CFI_REGISTER_IN_FRAME(3, FRAME_RBX)
	CFI_REGISTER_IN_FRAME(6, FRAME_RBP)
	CFI_REGISTER_IN_FRAME(12, FRAME_R12)
	CFI_REGISTER_IN_FRAME(13, FRAME_R13)
	CFI_REGISTER_IN_FRAME(14, FRAME_R14)
	CFI_REGISTER_IN_FRAME(15, FRAME_R15)
	movq	FRAME_PC(%rdi), %rcx
	movq	FRAME_RBX(%rdi), %rbx
	movq	FRAME_RBP(%rdi), %rbp
	movq	FRAME_R12(%rdi), %r12
	movq	FRAME_R13(%rdi), %r13
	movq	FRAME_R14(%rdi), %r14
	movq	FRAME_R15(%rdi), %r15
	movq	FRAME_SP(%rdi), %rsp
	movl	$1, %eax			/* enter(frame) == 1 */
	notrack jmp	*%rcx
	.cfi_endproc
	.size	rt_defer_frame_resume, . - rt_defer_frame_resume

/* What gos_defer() calls in place of fn: rt_defer(request, registers, return address). */
	ENTRY_BEGIN rt_defer_entry
	movq	%r10, %rdi			/* request */
	ENTRY_END rt_defer_entry, rt_defer

/* void NAME(void *fn, const uint64_t *registers, uint64_t *cfa) */
	.macro	CALL_DEFERRED name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	.cfi_same_value %rbx
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	movq	%rsp, %rbp
	.cfi_def_cfa_register %rbp
	movq	%rsp, (%rdx)			/* *cfa */
	movq	%rdi, %r11			/* fn */
	movq	%rsi, %r10			/* registers */
	movq	0(%r10), %rdi
	movq	8(%r10), %rsi
	movq	16(%r10), %rdx
	movq	24(%r10), %rcx
	movq	32(%r10), %r8
	movq	40(%r10), %r9
	movq	48(%r10), %xmm0
	movq	56(%r10), %xmm1
	movq	64(%r10), %xmm2
	movq	72(%r10), %xmm3
	movq	80(%r10), %xmm4
	movq	88(%r10), %xmm5
	movq	96(%r10), %xmm6
	movq	104(%r10), %xmm7
	movl	$8, %eax			/* a function with ... wants to know how many of xmm may be in use */
	call	*%r11				/* fn(...) */
.L\name\()_return:
	popq	%rbp
	.cfi_def_cfa %rsp, 8
	.cfi_restore %rbp
	ret
	.cfi_endproc
	.size	\name, . - \name
	.endm

	CALL_DEFERRED rt_call_deferred
	CALL_DEFERRED rt_call_deferred_panicking

/* const void *const rt_call_deferred_panicking_return. Not a label of its own: tools would take it for a function. */
	.section .data.rel.ro, "aw", @progbits
	.globl	rt_call_deferred_panicking_return
	.hidden	rt_call_deferred_panicking_return
	.type	rt_call_deferred_panicking_return, @object
	.p2align 3
rt_call_deferred_panicking_return:
	.quad	.Lrt_call_deferred_panicking_return
	.size	rt_call_deferred_panicking_return, 8
	.text

/* void rt_label_call(void (*fn)(void *arg), void *arg, struct gos_defer_frame *frame) */
	.globl	rt_label_call
	.hidden	rt_label_call
	.type	rt_label_call, @function
	.p2align 4
rt_label_call:
	.cfi_startproc
	.cfi_personality 0x1b, rt_label_personality	/* DW_EH_PE_pcrel | DW_EH_PE_sdata4 */
	.cfi_same_value %rbx
	endbr64
	pushq	%rdx				/* frame */
	.cfi_adjust_cfa_offset 8
	movq	%rdi, %rax
	movq	%rsi, %rdi
	call	*%rax				/* fn(arg) */
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
	ret
	.cfi_endproc
	.size	rt_label_call, . - rt_label_call

/*
 * "Called" by an instruction that raised a signal: its registers are in the struct rt_fault at rsp, and none of them is lost, so this is a signal
 * frame, whose caller's pc is exact. The nop is for unwinders that look up pc - 1 nevertheless.
 */
#define CFI_REGISTER_IN_FAULT(number) /* DW_CFA_expression(number): breg7 (rsp) 8 * number, which must be below 64 */ \
	.cfi_escape 0x10, number, 2, 0x77, FAULT_REGISTER(number)
#define CFI_REGISTER_IN_FAULT_2(number) /* the same in two bytes of SLEB128 */ \
	.cfi_escape 0x10, number, 3, 0x77, (FAULT_REGISTER(number) & 0x7f) | 0x80, FAULT_REGISTER(number) >> 7
	.globl	rt_sigpanic
	.hidden	rt_sigpanic
	.type	rt_sigpanic, @function
	.p2align 4
	.cfi_startproc
	.cfi_signal_frame
	.cfi_escape 0x0f, 3, 0x77, FAULT_REGISTER(7), 0x06 /* DW_CFA_def_cfa_expression: breg7 56, deref: rsp as it was */
	CFI_REGISTER_IN_FAULT(0)
	CFI_REGISTER_IN_FAULT(1)
	CFI_REGISTER_IN_FAULT(2)
	CFI_REGISTER_IN_FAULT(3)
	CFI_REGISTER_IN_FAULT(4)
	CFI_REGISTER_IN_FAULT(5)
	CFI_REGISTER_IN_FAULT(6)
	CFI_REGISTER_IN_FAULT(7)
	CFI_REGISTER_IN_FAULT_2(8)
	CFI_REGISTER_IN_FAULT_2(9)
	CFI_REGISTER_IN_FAULT_2(10)
	CFI_REGISTER_IN_FAULT_2(11)
	CFI_REGISTER_IN_FAULT_2(12)
	CFI_REGISTER_IN_FAULT_2(13)
	CFI_REGISTER_IN_FAULT_2(14)
	CFI_REGISTER_IN_FAULT_2(15)
	CFI_REGISTER_IN_FAULT_2(16)
	nop
rt_sigpanic:
	endbr64
	movq	%rsp, %rdi
	call	rt_panic_of_fault		/* rt_panic_of_fault(fault) */
	ud2
	.cfi_endproc
	.size	rt_sigpanic, . - rt_sigpanic

	.section .note.GNU-stack, "", @progbits
