/* SPDX-License-Identifier: MIT */
/*
 * marked.S - see marked.h. When fn comes back, the registers must still be there: a switch that loses one ends the program.
 */
#include "marked.h"

	.text

	.macro	STILL value, register
	movabsq	$\value, %rax
	cmpq	%rax, \register
	jne	9f
	.endm

	.macro	MARKED name, number
	.globl	\name
	.type	\name, @function
	.p2align 4
\name:
	.cfi_startproc
	endbr64
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
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
	subq	$8, %rsp
	.cfi_adjust_cfa_offset 8
	movq	%rdi, %rax
	movq	%rsi, %rdi
	movabsq	$MARK_RBX(\number), %rbx
	movabsq	$MARK_RBP(\number), %rbp
	movabsq	$MARK_R12(\number), %r12
	movabsq	$MARK_R13(\number), %r13
	movabsq	$MARK_R14(\number), %r14
	movabsq	$MARK_R15(\number), %r15
	call	*%rax
	STILL	MARK_RBX(\number), %rbx
	STILL	MARK_RBP(\number), %rbp
	STILL	MARK_R12(\number), %r12
	STILL	MARK_R13(\number), %r13
	STILL	MARK_R14(\number), %r14
	STILL	MARK_R15(\number), %r15
	addq	$8, %rsp
	.cfi_adjust_cfa_offset -8
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
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	ret
	.cfi_adjust_cfa_offset 56
9:	ud2
	.cfi_endproc
	.size	\name, . - \name
	.endm

	MARKED	marked_spawner, MARKED_SPAWNER
	MARKED	marked_yielder, MARKED_YIELDER
	MARKED	marked_sleeper, MARKED_SLEEPER
	MARKED	marked_receiver, MARKED_RECEIVER
	MARKED	marked_sender, MARKED_SENDER
	MARKED	marked_deferrer, MARKED_DEFERRER

	.section .note.GNU-stack, "", @progbits
