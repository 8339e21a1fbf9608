/* SPDX-License-Identifier: MIT */
/* unwinder.c - see unwinder.h: libdwfl with callbacks of our own; its "thread" is whatever we unwind at the moment. */
#define _GNU_SOURCE
#include "unwinder.h"

#include <elfutils/libdwfl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

/* DWARF's numbers on x86-64. */
enum { RAX, RDX, RCX, RBX, RSI, RDI, RBP, RSP, R8, R9, R10, R11, R12, R13, R14, R15, RA };
static const unsigned saved_numbers[SAVED] = {RBX, RBP, R12, R13, R14, R15};

struct unwinder {
	Dwfl *dwfl;
	pid_t pid;
	Dwfl_Module *program;
	uint64_t bias;
	Dwarf_Word registers[17];
	bool all; /* else only sp and pc */
};

#define GONE 4096

static char *debuginfo_path;
static const Dwfl_Callbacks callbacks = {
	.find_elf = dwfl_linux_proc_find_elf,
	.find_debuginfo = dwfl_standard_find_debuginfo,
	.debuginfo_path = &debuginfo_path,
};

bool read_memory(pid_t pid, uint64_t address, void *buffer, size_t size)
{
	struct iovec here = {buffer, size}, there = {(void *)address, size};
	return process_vm_readv(pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}

void saved_registers(const struct user_regs_struct *r, uint64_t saved[SAVED])
{
	memcpy(saved, (uint64_t[SAVED]){r->rbx, r->rbp, r->r12, r->r13, r->r14, r->r15}, SAVED * sizeof *saved);
}

static bool get_thread(Dwfl *dwfl, pid_t tid, void *arg, void **thread_arg)
{
	(void)dwfl, (void)tid;
	*thread_arg = arg;
	return true;
}

static pid_t next_thread(Dwfl *dwfl, void *arg, void **thread_arg)
{
	(void)dwfl;
	if (*thread_arg != NULL)
		return 0;
	*thread_arg = arg;
	return ((struct unwinder *)arg)->pid;
}

/* What is below the stack pointer is gone, even if it is still there: CFI that relies on it is wrong. */
static bool memory_read(Dwfl *dwfl, Dwarf_Addr address, Dwarf_Word *result, void *arg)
{
	struct unwinder *unwinder = arg;
	(void)dwfl;
	if (address < unwinder->registers[RSP] && address >= unwinder->registers[RSP] - GONE)
		return false;
	return read_memory(unwinder->pid, address, result, sizeof *result);
}

static bool set_initial_registers(Dwfl_Thread *thread, void *arg)
{
	struct unwinder *unwinder = arg;
	if (unwinder->all)
		return dwfl_thread_state_registers(thread, 0, 17, unwinder->registers);
	return dwfl_thread_state_registers(thread, RSP, 1, &unwinder->registers[RSP]) &&
	       dwfl_thread_state_registers(thread, RA, 1, &unwinder->registers[RA]);
}

static const Dwfl_Thread_Callbacks thread_callbacks = {
	.next_thread = next_thread,
	.get_thread = get_thread,
	.memory_read = memory_read,
	.set_initial_registers = set_initial_registers,
};

static int first_module(Dwfl_Module *module, void **user, const char *name, Dwarf_Addr start, void *arg)
{
	(void)user, (void)name, (void)start;
	*(Dwfl_Module **)arg = module;
	return DWARF_CB_ABORT;
}

struct unwinder *unwinder_begin(pid_t pid)
{
	struct unwinder *unwinder = calloc(1, sizeof *unwinder);
	GElf_Addr bias;

	unwinder->pid = pid;
	unwinder->dwfl = dwfl_begin(&callbacks);
	if (unwinder->dwfl == NULL || dwfl_linux_proc_report(unwinder->dwfl, pid) != 0 ||
	    dwfl_report_end(unwinder->dwfl, NULL, NULL) != 0)
		goto failed;
	dwfl_getmodules(unwinder->dwfl, first_module, &unwinder->program, 0);
	if (unwinder->program == NULL || dwfl_module_getelf(unwinder->program, &bias) == NULL)
		goto failed;
	unwinder->bias = bias;
	if (!dwfl_attach_state(unwinder->dwfl, NULL, pid, &thread_callbacks, unwinder))
		goto failed;
	return unwinder;
failed:
	fprintf(stderr, "libdwfl: %s\n", dwfl_errmsg(-1));
	unwinder_end(unwinder);
	return NULL;
}

void unwinder_end(struct unwinder *unwinder)
{
	if (unwinder->dwfl != NULL)
		dwfl_end(unwinder->dwfl);
	free(unwinder);
}

static int take_frame(Dwfl_Frame *state, void *arg)
{
	struct frames *frames = arg;
	struct frame *frame = &frames->frame[frames->count];

	if (frames->count == FRAMES_MAX)
		return DWARF_CB_ABORT;
	memset(frame, 0, sizeof *frame);
	bool activation;
	if (!dwfl_frame_pc(state, &frame->pc, &activation))
		return DWARF_CB_ABORT;
	frame->sp_known = dwfl_frame_reg(state, RSP, &frame->sp) == 0;
	for (int i = 0; i < SAVED; i++)
		frame->known[i] = dwfl_frame_reg(state, saved_numbers[i], &frame->saved[i]) == 0;
	frames->count++;
	return DWARF_CB_OK;
}

static void unwind(struct unwinder *unwinder, struct frames *frames)
{
	frames->count = 0;
	frames->error[0] = '\0';
	frames->clean = dwfl_getthread_frames(unwinder->dwfl, unwinder->pid, take_frame, frames) == 0;
	if (!frames->clean)
		snprintf(frames->error, sizeof frames->error, "%s",
			 frames->count == FRAMES_MAX ? "too many frames" : dwfl_errmsg(-1));
}

void unwind_registers(struct unwinder *unwinder, const struct user_regs_struct *r, struct frames *frames)
{
	memcpy(unwinder->registers,
	       (Dwarf_Word[17]){r->rax, r->rdx, r->rcx, r->rbx, r->rsi, r->rdi, r->rbp, r->rsp, r->r8, r->r9, r->r10, r->r11,
				r->r12, r->r13, r->r14, r->r15, r->rip},
	       sizeof unwinder->registers);
	unwinder->all = true;
	unwind(unwinder, frames);
}

void unwind_memory(struct unwinder *unwinder, uint64_t sp, uint64_t pc, struct frames *frames)
{
	unwinder->registers[RSP] = sp;
	unwinder->registers[RA] = pc;
	unwinder->all = false;
	unwind(unwinder, frames);
}

uint64_t unwinder_bias(struct unwinder *unwinder)
{
	return unwinder->bias;
}

const char *unwinder_name(struct unwinder *unwinder, uint64_t address)
{
	Dwfl_Module *module = dwfl_addrmodule(unwinder->dwfl, address);
	const char *name = module != NULL ? dwfl_module_addrname(module, address) : NULL;
	return name != NULL ? name : "?";
}
