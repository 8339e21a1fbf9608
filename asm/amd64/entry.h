/* SPDX-License-Identifier: MIT */
/*
 * entry.h - functions that are called in place of another, whose arguments they take as they come: the entries of go() and gos_defer(), on x86-64.
 *
 * ENTRY_BEGIN saves the argument registers as START_WORD_INTEGER.. and struct gos_go_registers have them; what stands between the two puts the other
 * arguments of `function` into rdi and rcx; ENTRY_END calls function(rdi, registers, return address, rcx).
 */
	.macro	ENTRY_BEGIN name
	.globl	\name
	.hidden	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	.cfi_same_value %rbx
	endbr64
	subq	$ENTRY_FRAME, %rsp
	.cfi_adjust_cfa_offset ENTRY_FRAME
	movq	%rdi, 0(%rsp)
	movq	%rsi, 8(%rsp)
	movq	%rdx, 16(%rsp)
	movq	%rcx, 24(%rsp)
	movq	%r8, 32(%rsp)
	movq	%r9, 40(%rsp)
	movq	%xmm0, 48(%rsp)
	movq	%xmm1, 56(%rsp)
	movq	%xmm2, 64(%rsp)
	movq	%xmm3, 72(%rsp)
	movq	%xmm4, 80(%rsp)
	movq	%xmm5, 88(%rsp)
	movq	%xmm6, 96(%rsp)
	movq	%xmm7, 104(%rsp)
	.endm

	.macro	ENTRY_END name, function
	movq	%rsp, %rsi			/* registers */
	movq	ENTRY_FRAME(%rsp), %rdx			/* where the user's code stands */
	call	\function
	addq	$ENTRY_FRAME, %rsp
	.cfi_adjust_cfa_offset -ENTRY_FRAME
	ret
	.cfi_endproc
	.size	\name, . - \name
	.endm
