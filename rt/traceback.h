/* SPDX-License-Identifier: MIT */
/*
 * traceback.h - from registers and a stack to the list of frames. Used by dumps; floor 0.
 *
 * Everything here may run in a signal handler: no memory is allocated, no lock is taken, and whatever is read that could be
 * wrong (a stack, unwind tables) is checked first. Unwinding goes by .eh_frame alone, which stripping leaves in place.
 */
#ifndef RT_TRACEBACK_H
#define RT_TRACEBACK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of DWARF for x86-64. */
enum {
	RT_REG_RBX = 3,
	RT_REG_RBP = 6,
	RT_REG_RSP = 7,
	RT_REG_R12 = 12,
	RT_REG_R13,
	RT_REG_R14,
	RT_REG_R15,
	RT_REG_RIP,
	RT_REG_COUNT
};

struct rt_regs {
	uint64_t value[RT_REG_COUNT];
	uint32_t known; /* bit n: value[n] is what the frame sees */
};

/*
 * The memory that an unwind may read: [lo, hi), whose bytes are at `bytes`: (const char *)lo itself, or a private copy.
 * `anywhere` lets it read outside of that too, by system calls that fail where a load would fault.
 */
struct rt_memory {
	uint64_t lo, hi;
	const char *bytes;
	bool anywhere;
	uint64_t page_at; /* the last page read from elsewhere, page_size bytes of it; 0: none */
	uint32_t page_size;
	char *page; /* RT_MEMORY_PAGE bytes for it. May be NULL when !anywhere */
};
#define RT_MEMORY_PAGE 1024

struct rt_frame {
	uint64_t pc;
	bool exact; /* pc is where it stands, not where a call returns to: look it up as it is, not one less */
};

struct rt_cursor {
	struct rt_regs regs;
	struct rt_memory *memory;
	bool exact;
	bool signal_frame_seen;
	uint32_t steps;
};

/* A stack of any depth, as Go shows it: both ends, and how many there are in all. */
#define RT_TRACE_HALF 50
struct rt_trace {
	size_t total;
	struct rt_frame first[RT_TRACE_HALF];
	struct rt_frame last[RT_TRACE_HALF]; /* a ring: frame number i >= RT_TRACE_HALF is at [i % RT_TRACE_HALF] */
};

/* Finds out which files are mapped where; once at the start, and again before dumps that nothing is wrong with. Not in a signal handler. */
void rt_traceback_refresh(void);

/* The innermost frame is the one in regs; exact: it stands there, as opposed to having called from there. */
void rt_cursor_start(struct rt_cursor *cursor, const struct rt_regs *regs, bool exact, struct rt_memory *memory);
/* To the caller's frame. False: there is none, or none that can be known. */
bool rt_cursor_step(struct rt_cursor *cursor);

/* The frames from regs outwards, at most max; how many. */
size_t rt_unwind(const struct rt_regs *regs, bool exact, struct rt_memory *memory, struct rt_frame *frames, size_t max);
void rt_unwind_trace(const struct rt_regs *regs, bool exact, struct rt_memory *memory, struct rt_trace *trace);
const struct rt_frame *rt_trace_frame(const struct rt_trace *trace, size_t i); /* NULL: elided */

/* How the frame of a function is left at a return address, where that takes no more than rsp and rbp. */
enum rt_frame_kind {
	RT_FRAME_UNKNOWN, /* nothing describes it */
	RT_FRAME_LAST,    /* it has no caller */
	RT_FRAME_OF_RSP,  /* the caller's rsp is rsp + cfa */
	RT_FRAME_OF_RBP,  /* ... rbp + cfa */
	RT_FRAME_AT_RBP,  /* ... kept at rbp + cfa: gcc's frames of variables that are aligned to more than 16 bytes */
	RT_FRAME_OTHER,   /* rt_cursor_step may know */
};
enum rt_frame_rbp { RT_RBP_KEPT, RT_RBP_SAVED, RT_RBP_SAVED_AT_RBP, RT_RBP_LOST };
struct rt_frame_rule {
	uint8_t kind;
	uint8_t rbp;      /* the caller's: as it is; at the caller's rsp + rbp_at; at rbp + rbp_at; not known */
	int16_t rbp_at;
	int32_t cfa;      /* the return address is 8 bytes below the caller's rsp */
};
struct rt_frame_rule rt_frame_rule(uint64_t return_address);
/* Where the function, or the part of one, that pc is in begins, as the unwind tables have it, which are there without symbols too; 0: none does, that they know. A microsecond. */
uint64_t rt_function_begin(uint64_t pc);

/* What rt_frame_rule said lately: a million goroutines stand at a few dozen return addresses. Zero is an empty one. Not beyond a report: code may be unloaded, and other code loaded there. */
#define RT_RULES 1024 /* a power of two */
struct rt_rules {
	struct {
		uint64_t pc;
		struct rt_frame_rule rule;
	} known[RT_RULES];
};
/*
 * As rt_unwind_trace of who is parked, ten times as fast. False: that would take more than rsp and rbp, or something is not in order, and rt_unwind_trace is to tell; what is in
 * the trace then is of no use.
 */
bool rt_unwind_trace_by_rules(struct rt_rules *rules, const struct rt_regs *regs, struct rt_memory *memory, struct rt_trace *trace);

/* Registers of a parked goroutine, of who calls, and of who was interrupted (a ucontext_t). */
void rt_regs_parked(struct rt_regs *regs, uint64_t sp, uint64_t resume_pc);
void rt_regs_of_signal(struct rt_regs *regs, const void *ucontext);
#define rt_regs_here(regs)                                                                                                \
	__asm__ volatile("movq %%rbx, %c1(%0)\n\tmovq %%rbp, %c2(%0)\n\tmovq %%rsp, %c3(%0)\n\tmovq %%r12, %c4(%0)\n\t"   \
			 "movq %%r13, %c5(%0)\n\tmovq %%r14, %c6(%0)\n\tmovq %%r15, %c7(%0)\n\tleaq 0f(%%rip), %%rax\n"   \
			 "0:\tmovq %%rax, %c8(%0)\n\tmovl %9, %c10(%0)"                                                   \
			 :                                                                                                \
			 : "r"(regs), "i"(RT_REG_RBX * 8), "i"(RT_REG_RBP * 8), "i"(RT_REG_RSP * 8), "i"(RT_REG_R12 * 8), \
			   "i"(RT_REG_R13 * 8), "i"(RT_REG_R14 * 8), "i"(RT_REG_R15 * 8), "i"(RT_REG_RIP * 8),            \
			   "i"(RT_REGS_SAVED), "i"(offsetof(struct rt_regs, known))                                       \
			 : "rax", "memory")
/* What a call keeps: rbx rbp rsp r12 r13 r14 r15 rip. */
#define RT_REGS_SAVED (1 << 3 | 1 << 6 | 1 << 7 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 16)

/* Copies n bytes of this process's memory; how many could be read. Never faults. */
size_t rt_peek(void *to, uint64_t from, size_t n);

/* The mapped file that pc is in. */
struct rt_module {
	uint64_t start, end; /* of its mappings, holes between them included */
	uint64_t bias;       /* address in memory minus address in the file's symbols */
	uint64_t eh_frame_hdr;
	const struct rt_fde_index {
		uint64_t pc, fde;
	} *index; /* sorted; instead of eh_frame_hdr. NULL: none */
	uint64_t index_count;
	const char *path; /* "" for the program itself */
};
bool rt_module_of(uint64_t pc, struct rt_module *module);

#endif
