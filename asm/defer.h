/* SPDX-License-Identifier: MIT */
/*
 * defer.h - what the assembly promises to defer.c, panic.c and crash.c. In asm/<architecture>/defer.S.
 *
 * The CFI is complete here too: from a deferred function a debugger sees who deferred it or who panicked, whatever instruction it stops at.
 */
#ifndef GOS_ASM_DEFER_H
#define GOS_ASM_DEFER_H

#include <stdint.h>

struct gos_defer_frame;

/* What gos_defer calls in place of fn: saves the argument registers and calls rt_defer. The static chain has a struct gos_defer_request. */
void rt_defer_entry(void);

/*
 * Calls fn with six integer and eight floating-point registers as gos_defer saved them. *cfa becomes the stack pointer at the call, by which the
 * deferred function is known. They differ in name alone: whose loop called tells recover whether there is a panic to stop.
 */
void rt_call_deferred(void *fn, const uint64_t *registers, uint64_t *cfa);
void rt_call_deferred_panicking(void *fn, const uint64_t *registers, uint64_t *cfa);

/* Where the deferred function returns to that the second calls. */
extern const void *const rt_call_deferred_panicking_return __attribute__((visibility("hidden")));

/* fn(arg), by the function whose frame is *frame. Unwinders that leave it ask rt_label_personality, for which `frame` is the word at its stack pointer. */
void rt_label_call(void (*fn)(void *arg), void *arg, struct gos_defer_frame *frame);

/* Keeps in *frame where it is called, and returns 0. */
int rt_defer_frame_save(struct gos_defer_frame *frame) __attribute__((returns_twice));

/* What kept *frame, which is this or gos_defer_frame_enter, returns once more, 1. What is below its stack pointer is left for good. */
_Noreturn void rt_defer_frame_resume(const struct gos_defer_frame *frame);

/* Where a signal handler lets a goroutine continue whose signal becomes a panic, with the stack pointer at a struct rt_fault: calls
 * rt_panic_of_fault(fault). Its CFI leads on to the instruction that raised the signal. Not callable. */
extern char rt_sigpanic[];

#endif
