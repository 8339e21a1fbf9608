/* SPDX-License-Identifier: MIT */
/* unwinder.h - libdw asked for a stack, from registers that we give and the memory of a live process. */
#ifndef TESTS_ASM_UNWINDER_H
#define TESTS_ASM_UNWINDER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>
#include <sys/user.h>

#define FRAMES_MAX 64
#define SAVED 6 /* the callee-saved registers: rbx rbp r12 r13 r14 r15 */

struct frame {
	uint64_t pc, sp;
	uint64_t saved[SAVED];
	bool known[SAVED], sp_known;
};

struct frames {
	struct frame frame[FRAMES_MAX];
	size_t count;
	bool clean; /* the last frame said that it is the last */
	char error[128];
};

struct unwinder;

struct unwinder *unwinder_begin(pid_t pid); /* NULL: no */
void unwinder_end(struct unwinder *unwinder);

/* All registers known, as of a thread; or sp and pc only, as of a goroutine that no thread is on. */
void unwind_registers(struct unwinder *unwinder, const struct user_regs_struct *registers, struct frames *frames);
void unwind_memory(struct unwinder *unwinder, uint64_t sp, uint64_t pc, struct frames *frames);

/* What to add to an address of the main program's file, and a function's name by address in memory ("?" if unknown). */
uint64_t unwinder_bias(struct unwinder *unwinder);
const char *unwinder_name(struct unwinder *unwinder, uint64_t address);

bool read_memory(pid_t pid, uint64_t address, void *buffer, size_t size);
void saved_registers(const struct user_regs_struct *registers, uint64_t saved[SAVED]);

#endif
