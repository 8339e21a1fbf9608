/* SPDX-License-Identifier: MIT */
/*
 * marked.h - marked_X(fn, argument) calls fn(argument) with known values in the callee-saved registers. They depend on the
 * function and the register, so that no mistake can pass for the truth.
 */
#ifndef TESTS_ASM_MARKED_H
#define TESTS_ASM_MARKED_H

#define MARK_RBX(n) (0x6262626200000000 + (n))
#define MARK_RBP(n) (0x7070707000000000 + (n))
#define MARK_R12(n) (0x1212121200000000 + (n))
#define MARK_R13(n) (0x1313131300000000 + (n))
#define MARK_R14(n) (0x1414141400000000 + (n))
#define MARK_R15(n) (0x1515151500000000 + (n))

#define MARKED_SPAWNER 1
#define MARKED_YIELDER 2
#define MARKED_SLEEPER 3
#define MARKED_RECEIVER 4
#define MARKED_SENDER 5
#define MARKED_DEFERRER 6

#ifndef __ASSEMBLER__
void marked_spawner(void (*fn)(void *), void *argument);
void marked_yielder(void (*fn)(void *), void *argument);
void marked_sleeper(void (*fn)(void *), void *argument);
void marked_receiver(void (*fn)(void *), void *argument);
void marked_sender(void (*fn)(void *), void *argument);
void marked_deferrer(void (*fn)(void *), void *argument);
#endif

#endif
