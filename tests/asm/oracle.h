/* SPDX-License-Identifier: MIT */
/*
 * oracle.h - the true stack of every thread and goroutine, without any unwinding.
 *
 * Every thread but the first is single-stepped from its first instruction on. A call is seen when it happens: the stack pointer drops by one
 * word, which holds an address just behind the instruction, and execution does not go there. What the callee-saved registers hold
 * then is what the caller's frame must be found to have. A switch is seen as a jump of the stack pointer inside asm/;
 * which stack was entered is known by the stack pointer with which it had been left. One that nobody has left is a new goroutine's.
 */
#ifndef TESTS_ASM_ORACLE_H
#define TESTS_ASM_ORACLE_H

#include "image.h"
#include "unwinder.h"

struct call {
	uint64_t slot; /* address of the return address: the caller's CFA is 8 above it */
	uint64_t return_address;
	uint64_t saved[SAVED]; /* the caller's registers */
};

struct stack {
	struct stack *next;
	bool occupied;     /* a thread is on it */
	uint64_t left_at;  /* else: its stack pointer */
	bool of_goroutine; /* so its outermost frame is rt_gostart's */
	size_t count;
	struct call calls[256]; /* outermost first */
};

/* A thread stands before an instruction of asm/, before the one that led there, or at the first one after. */
struct moment {
	struct user_regs_struct registers;
	const struct call *calls; /* the truth */
	size_t count;
	bool of_goroutine;
	const struct routine *routine; /* NULL: not in asm/ */
	bool entered;                  /* this stack was switched to since the routine was entered */
};

struct oracle {
	struct image *image;
	pid_t pid;
	struct unwinder *unwinder; /* from the first moment on */
	struct stack *stacks;
	size_t steps;
	int exit_code; /* the debuggee's */
	char error[1024];
};

/* What the one who asks does; each returns false after writing oracle->error. */
struct oracle_listener {
	bool (*moment)(struct oracle *oracle, const struct moment *moment, void *arg);
	bool (*checkpoint)(struct oracle *oracle, void *arg); /* a thread enters user_checkpoint */
	void *arg;
};

/* Runs the debuggee to its end. False: oracle->error says why not. */
bool oracle_run(struct oracle *oracle, struct image *image, const struct oracle_listener *listener);

/* The stack that was left with this stack pointer; NULL: nobody has been on it. */
const struct stack *oracle_stack_left_at(const struct oracle *oracle, uint64_t sp);

#endif
