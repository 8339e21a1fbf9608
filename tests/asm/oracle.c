/* SPDX-License-Identifier: MIT */
/* oracle.c - see oracle.h. */
#define _GNU_SOURCE
#include "oracle.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../asm/gobuf.h"

#define THREADS_MAX 16
#define SWITCH_DISTANCE 2048 /* no routine of asm/ moves within a stack by so much; no two stacks' tops are closer */
#define INSTRUCTION_MAX 15   /* bytes */

struct thread {
	pid_t tid;
	struct user_regs_struct registers; /* before the instruction that it executes now */
	struct stack *stack;
	const struct stack *routine_stack; /* the one on which it entered the routine of asm/ that it is in */
};

static struct thread threads[THREADS_MAX];

static bool fail(struct oracle *oracle, const char *text, uint64_t number)
{
	snprintf(oracle->error, sizeof oracle->error, "%s (%#lx)", text, number);
	return false;
}

static struct stack *new_stack(struct oracle *oracle, bool of_goroutine)
{
	struct stack *stack = calloc(1, sizeof *stack);
	stack->occupied = true;
	stack->of_goroutine = of_goroutine;
	stack->next = oracle->stacks;
	return oracle->stacks = stack;
}

static void drop_stack(struct oracle *oracle, struct stack *dead)
{
	struct stack **at = &oracle->stacks;
	while (*at != dead)
		at = &(*at)->next;
	*at = dead->next;
	free(dead);
}

const struct stack *oracle_stack_left_at(const struct oracle *oracle, uint64_t sp)
{
	for (const struct stack *stack = oracle->stacks; stack != NULL; stack = stack->next)
		if (!stack->occupied && stack->left_at == sp)
			return stack;
	return NULL;
}

static const struct routine *routine_of(const struct oracle *oracle, uint64_t pc)
{
	return image_routine(oracle->image, pc - unwinder_bias(oracle->unwinder));
}

/* The stack pointer has jumped. */
static bool change_stacks(struct oracle *oracle, struct thread *thread, const struct user_regs_struct *now)
{
	struct stack *left = thread->stack;
	if (strcmp(routine_of(oracle, thread->registers.rip)->name, "rt_jump") == 0) {
		drop_stack(oracle, left);
	} else {
		left->occupied = false;
		left->left_at = thread->registers.rsp;
	}
	struct stack *entered = (struct stack *)oracle_stack_left_at(oracle, now->rsp);
	if (entered == NULL) {
		/* What rt_go promises: six zeros, then the address of rt_gostart. */
		uint64_t words[START_WORD_RETURN + 1];
		if (!read_memory(oracle->pid, now->rsp, words, sizeof words))
			return fail(oracle, "a stack was entered that cannot be read", now->rsp);
		if (words[START_WORD_RETURN] != oracle->image->start_pc + unwinder_bias(oracle->unwinder))
			return fail(oracle, "a stack was entered that nobody had left, and that does not begin in rt_gostart",
				    now->rsp);
		entered = new_stack(oracle, true);
		entered->calls[0].slot = now->rsp + START_WORD_RETURN * 8;
		entered->calls[0].return_address = words[START_WORD_RETURN];
		entered->count = 1;
	}
	entered->occupied = true;
	thread->stack = entered;
	return true;
}

/* A call, or a push of an address just behind, which makes the jump that follows a call (rt_switch_inline). */
static bool is_call(const struct oracle *oracle, const struct user_regs_struct *before, const struct user_regs_struct *now)
{
	uint64_t top;
	return now->rsp == before->rsp - 8 && read_memory(oracle->pid, now->rsp, &top, sizeof top) && top > before->rip &&
	       top <= before->rip + INSTRUCTION_MAX && now->rip != top;
}

/* From its second instruction on rt_defer_frame_resume's caller is the frame that it continues; whoever is below that is gone. */
static bool resumes(const struct oracle *oracle, const struct routine *routine, const struct user_regs_struct *now)
{
	return routine != NULL && strcmp(routine->name, "rt_defer_frame_resume") == 0 &&
	       now->rip - unwinder_bias(oracle->unwinder) != routine->start;
}

static bool change_frames(struct oracle *oracle, struct stack *stack, const struct user_regs_struct *now)
{
	uint64_t frame[FRAME_R15 / 8 + 1];
	if (!read_memory(oracle->pid, now->rdi, frame, sizeof frame))
		return fail(oracle, "the frame to be continued cannot be read", now->rdi);
	while (stack->count > 0 && stack->calls[stack->count - 1].slot < frame[FRAME_SP / 8])
		stack->count--;
	struct call *call = &stack->calls[stack->count++];
	call->slot = frame[FRAME_SP / 8] - 8;
	call->return_address = frame[FRAME_PC / 8];
	for (size_t i = 0; i < sizeof call->saved / sizeof *call->saved; i++)
		call->saved[i] = frame[FRAME_RBX / 8 + i];
	return true;
}

static bool report(struct oracle *oracle, const struct thread *thread, const struct user_regs_struct *registers, size_t count,
		   const struct routine *routine, const struct oracle_listener *listener)
{
	struct moment moment = {
		.registers = *registers,
		.calls = thread->stack->calls,
		.count = count,
		.of_goroutine = thread->stack->of_goroutine,
		.routine = routine,
		.entered = routine != NULL && thread->routine_stack != thread->stack,
	};
	return listener->moment(oracle, &moment, listener->arg);
}

/* A thread has executed one instruction. */
static bool step(struct oracle *oracle, struct thread *thread, const struct oracle_listener *listener)
{
	struct user_regs_struct now, before = thread->registers;
	if (ptrace(PTRACE_GETREGS, thread->tid, NULL, &now) != 0) /* ESRCH: the process has exited meanwhile */
		return errno == ESRCH || fail(oracle, "PTRACE_GETREGS", (uint64_t)errno);
	oracle->steps++;
	if (oracle->unwinder == NULL && (oracle->unwinder = unwinder_begin(oracle->pid)) == NULL)
		return fail(oracle, "libdwfl does not take the process", 0);

	const struct routine *was = routine_of(oracle, before.rip), *is = routine_of(oracle, now.rip);
	bool resuming = resumes(oracle, is, &now);
	if (was != NULL && !resuming && llabs((long long)(now.rsp - before.rsp)) > SWITCH_DISTANCE && !change_stacks(oracle, thread, &now))
		return false;
	struct stack *stack = thread->stack;
	if (resuming && !resumes(oracle, was, &before) && !change_frames(oracle, stack, &now))
		return false;
	size_t count_before = stack->count;
	if (is_call(oracle, &before, &now)) {
		struct call *call = &stack->calls[stack->count++];
		if (stack->count == sizeof stack->calls / sizeof *stack->calls)
			return fail(oracle, "calls too deep", stack->count);
		call->slot = now.rsp;
		read_memory(oracle->pid, now.rsp, &call->return_address, sizeof call->return_address);
		saved_registers(&now, call->saved);
	}
	/* Returned. Inside asm/ a return address may have been taken off the stack but not yet jumped to. */
	while (stack->count > 0 && stack->calls[stack->count - 1].slot < now.rsp &&
	       (is == NULL || stack->calls[stack->count - 1].return_address == now.rip))
		stack->count--;

	thread->registers = now;
	if (is != NULL && was == NULL) {
		thread->routine_stack = stack;
		/*
		 * The instruction before. If it was a call, only the return address has been written since; if it was a jump, the return
		 * address is on the stack already, but the frame that it leads to is still the one that executes. Returns are left
		 * out: at a compiled ret gcc's tables may still place rbp below the stack pointer.
		 */
		bool jumped = count_before == stack->count && before.rsp == now.rsp;
		bool called = count_before < stack->count;
		if ((jumped || called) &&
		    !report(oracle, thread, &before, jumped ? count_before - 1 : count_before, NULL, listener))
			return false;
	}
	if ((is != NULL || was != NULL) && !report(oracle, thread, &now, stack->count, is, listener))
		return false;
	if (now.rip - unwinder_bias(oracle->unwinder) == oracle->image->checkpoint)
		return listener->checkpoint(oracle, listener->arg);
	return true;
}

static pid_t start(const char *path)
{
	pid_t pid = fork();
	if (pid == 0) {
		setenv("GOSMAXPROCS", "1", 1);
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execl(path, path, (char *)NULL);
		_exit(127);
	}
	return pid;
}

static struct thread *find_thread(pid_t tid)
{
	for (size_t i = 0; i < THREADS_MAX; i++)
		if (threads[i].tid == tid)
			return &threads[i];
	return NULL;
}

bool oracle_run(struct oracle *oracle, struct image *image, const struct oracle_listener *listener)
{
	int status;

	memset(oracle, 0, sizeof *oracle);
	memset(threads, 0, sizeof threads);
	oracle->image = image;
	oracle->pid = start(image->path);
	if (waitpid(oracle->pid, &status, 0) != oracle->pid || !WIFSTOPPED(status))
		return fail(oracle, "the debuggee does not start", (uint64_t)status);
	ptrace(PTRACE_SETOPTIONS, oracle->pid, NULL, PTRACE_O_TRACECLONE | PTRACE_O_EXITKILL);
	ptrace(PTRACE_CONT, oracle->pid, NULL, NULL);

	for (;;) {
		pid_t tid = waitpid(-1, &status, __WALL);
		if (tid < 0)
			return fail(oracle, "waitpid", (uint64_t)errno);
		struct thread *thread = find_thread(tid);
		if (WIFEXITED(status) || WIFSIGNALED(status)) {
			if (tid == oracle->pid) {
				oracle->exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
				return true;
			}
			if (thread != NULL)
				thread->tid = 0;
			continue;
		}
		int signal = WSTOPSIG(status);
		if (tid == oracle->pid) {
			ptrace(PTRACE_CONT, tid, NULL, signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
			continue;
		}
		if (thread == NULL) {
			if ((thread = find_thread(0)) == NULL)
				return fail(oracle, "more threads than expected", THREADS_MAX);
			thread->tid = tid;
			thread->stack = new_stack(oracle, false);
			ptrace(PTRACE_GETREGS, tid, NULL, &thread->registers);
			signal = SIGTRAP;
		} else if (signal == SIGTRAP) {
			if (!step(oracle, thread, listener))
				return false;
		}
		ptrace(PTRACE_SINGLESTEP, tid, NULL, signal == SIGTRAP || signal == SIGSTOP ? 0 : signal);
	}
}
