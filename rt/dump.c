/* SPDX-License-Identifier: MIT */
/*
 * dump.c - what a report of goroutines says, in Go's traceback format.
 *
 * Always true:
 *  - The world is not stopped. A goroutine that is on no thread is copied whole between two equal, even readings of g->seq; one
 *    that runs is asked for its frames by a signal to its thread, and proved to have been the one asked for by its stack pointer.
 *    One in a blocking section is left alone: a signal would end the call that it is in. Where it stands is known from the kernel or from when its section began.
 *  - Nothing of the runtime is written or locked. What a goroutine waits on may be gone by now, so it is read by rt_peek.
 *  - Memory is bounded: one stack, one block of text and one symbol table at a time.
 *  - panicparse reads it: file names that it does not know as source get an ending that it does; what Go does not print
 *    (names, objects) goes into the brackets, where it is skipped.
 *
 * One report at a time is printed by the dumper's thread, and at most one by another that cannot wait for it: each has a printer.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "dump.h"

#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "account.h"
#include "atomic.h"
#include "clock.h"
#include "crash.h"
#include "deadlocks.h"
#include "groups.h"
#include "machine.h"
#include "printer.h"
#include "state.h"
#include "symbolize.h"
#include "waits.h"
#include "words.h"

#define COPY_MIN (256u << 10)
#define COPY_MAX (64u << 20) /* of one stack; deeper frames than that are not shown */
#define WAITS_MAX 100        /* lines of a deadlock report */
#define STUCK_MAX 20         /* sentences after the stacks of a report that somebody reads on a terminal */
#define LEVELS_MAX 64        /* frames that are searched for by their frame pointers */
#define BEAT 16384           /* goroutines that are only glanced at */
#define LACKS 16             /* a power of two */
#define ATTEMPTS 200         /* to find one goroutine standing still, or running, but not between the two */

struct printer {
	struct rt_printer out;
	char *copy; /* of a stack */
	size_t copy_size;
	struct gos_g g; /* as it was when its stack was copied */
	struct rt_trace trace;
	struct rt_memory memory;
	char page[RT_MEMORY_PAGE];
	uint32_t silent[16]; /* threads that did not answer: not asked again */
	uint32_t silent_count;
	struct rt_goids goids; /* while put_waits tells of many */
	struct rt_rules rules;
	struct lack { /* entry_lacks_at, of the last that were alike in this */
		uint64_t pc;
		void *entry;
		bool noted, lacks;
	} lacks[LACKS];
};

static struct printer printers[2]; /* of the dumper; of who prints for itself */

/* It gets on; and nobody wants it any more when the process dies, but for its last. */
static void beat(struct printer *p)
{
	struct rt_report *report = p->out.report;
	rt_add_fetch(&report->beat, 1);
	if (report->stop != NULL && rt_load_relaxed(report->stop))
		p->out.lost = true;
}

/* ---- objects -------------------------------------------------------------------------------------------------------- */

static enum rt_object object_of(const struct gos_g *gp)
{
	return gp->status == GOS_WAITING ? rt_reason_object(gp->reason) : RT_OBJECT_NONE;
}

static const char *doing(const struct gos_g *gp)
{
	const char *reason = gp->status == GOS_WAITING ? rt_reason_word(gp->reason) : "";
	return reason[0] != 0 && reason[0] != '?' ? reason : rt_state_word(gp->status);
}

/* With its name if there is one. Reports of a program in which all are asleep only: in others it may be gone. */
static void put_goid(struct printer *p, uint64_t goid)
{
	rt_put_goroutine(&p->out, goid, rt_goids_find(&p->goids, goid));
}

static const char *const chan_owners[] = {
	[GOS_CHAN_OF_PROGRAM] = "",
	[GOS_CHAN_OF_AFTER] = "; of gos_after",
	[GOS_CHAN_OF_TIMER] = "; of a timer",
	[GOS_CHAN_OF_TICKER] = "; of a ticker",
	[GOS_CHAN_OF_CONTEXT] = "; of a context",
};

static void put_chan(struct printer *p, const void *address, bool details)
{
	struct gos_chan c;
	rt_put(&p->out, rt_object_word(RT_OBJECT_CHAN));
	rt_put(&p->out, " ");
	rt_put_address(&p->out, address);
	if (!details || rt_peek(&c, (uint64_t)(uintptr_t)address, sizeof c) != sizeof c)
		return;
	rt_put(&p->out, " (");
	rt_put_peeked(&p->out, c.elem_type);
	if (c.capacity == 0) {
		rt_put(&p->out, "; unbuffered");
	} else {
		rt_put(&p->out, "; ");
		rt_put_number(&p->out, c.count, 10);
		rt_put(&p->out, " of ");
		rt_put_number(&p->out, c.capacity, 10);
		rt_put(&p->out, " buffered");
	}
	if (c.owner < sizeof chan_owners / sizeof *chan_owners)
		rt_put(&p->out, chan_owners[c.owner]);
	rt_put(&p->out, "; made at ");
	rt_put_peeked(&p->out, c.file);
	rt_put(&p->out, ":");
	rt_put_number(&p->out, c.line, 10);
	rt_put(&p->out, ")");
}

/*
 * " held by goroutine 7 for 5.1s, locked at load (config.c:88)", or nothing when nobody does. The place where symbols are known: not yet in the first lines of a report. m: what
 * has it written down, and did: ", locked at "; NULL: nothing has.
 */
static void put_holder(struct printer *p, const char *how, uint64_t goid, const gos_mutex *m, const char *did, bool details)
{
	if (goid == 0)
		return;
	rt_put(&p->out, how);
	if (details) {
		put_goid(p, goid);
	} else {
		rt_put(&p->out, "goroutine ");
		rt_put_number(&p->out, goid, 10);
	}
	if (m == NULL || m->since == 0)
		return;
	rt_put(&p->out, " for ");
	rt_put_duration(&p->out, rt_now() - m->since);
	if (!details) {
		rt_put(&p->out, did);
		rt_put_call(&p->out, m->pc, NULL); /* whoever made it as his last has mostly ended */
	}
}

/* What gp waits on. prefix comes before each, if there is anything. */
static void put_objects(struct printer *p, const struct gos_g *gp, const char *prefix, bool details)
{
	enum rt_object object = object_of(gp);
	uint64_t at = (uint64_t)(uintptr_t)gp->wait_obj;
	if (object == RT_OBJECT_NONE || at == 0 || (object == RT_OBJECT_TIMER && !details))
		return;
	if (object == RT_OBJECT_SELECT) {
		struct gos_sudog sg;
		for (int n = 0; at != 0 && rt_peek(&sg, at, sizeof sg) == sizeof sg; at = (uint64_t)(uintptr_t)sg.waitlink) {
			rt_put(&p->out, prefix);
			if (n++ == (details ? 16 : 4)) {
				rt_put(&p->out, "...");
				return;
			}
			if (details)
				rt_put(&p->out, sg.case_dir == GOS_DIR_SEND ? "send to " : "receive from ");
			put_chan(p, sg.obj, details);
		}
		return;
	}
	rt_put(&p->out, prefix);
	if (object == RT_OBJECT_CHAN) {
		put_chan(p, gp->wait_obj, details);
		return;
	}
	rt_put(&p->out, rt_object_word(object));
	rt_put(&p->out, " ");
	if (object == RT_OBJECT_FD) {
		struct gos_pollfd pd;
		if (rt_peek(&pd, at, sizeof pd) == sizeof pd)
			rt_put_signed(&p->out, pd.fd);
		else
			rt_put(&p->out, "?");
		return;
	}
	rt_put_address(&p->out, gp->wait_obj);
	if (object == RT_OBJECT_GROUP) {
		gos_waitgroup wg;
		if (rt_peek(&wg, at, sizeof wg) == sizeof wg) {
			rt_put(&p->out, " with ");
			rt_put_number(&p->out, wg.state >> 32, 10);
			rt_put(&p->out, " to come");
		}
	} else if (object == RT_OBJECT_MUTEX) {
		gos_mutex m;
		if (rt_peek(&m, at, sizeof m) == sizeof m)
			put_holder(p, " held by ", m.owner, &m, ", locked at ", details);
	} else if (object == RT_OBJECT_RWMUTEX) {
		gos_rwmutex rw;
		if (rt_peek(&rw, at, sizeof rw) != sizeof rw)
			return;
		put_holder(p, " held by ", rw.owner, &rw.writers, ", locked at ", details);
		if (rw.owner == 0 && rw.leaving > 0) {
			rt_put(&p->out, " held by ");
			rt_put_number(&p->out, (uint64_t)rw.leaving, 10);
			rt_put(&p->out, rw.leaving == 1 ? " reader" : " readers");
			if (rw.writers.owner != 0 && rw.writers.owner != gp->goid) {
				put_holder(p, " that ", rw.writers.owner, NULL, NULL, details);
				rt_put(&p->out, " waits for");
			}
		}
	} else if (object == RT_OBJECT_ONCE) {
		gos_once once;
		if (rt_peek(&once, at, sizeof once) == sizeof once)
			put_holder(p, " run by ", once.mutex.owner, &once.mutex, ", called at ", details);
	}
}

/* ---- frames --------------------------------------------------------------------------------------------------------- */

/* "\tfile:line +0x1d", with offset even where that is 0: panicparse stops at endings of file names that no compiler of Go knows. */
static void put_place(struct printer *p, const struct rt_symbol *symbol, bool offset)
{
	rt_put(&p->out, "\n\t");
	if (symbol->file == NULL) {
		rt_put(&p->out, "??:0");
	} else {
		size_t n = strlen(symbol->file);
		const char *end = n > 2 && symbol->file[n - 2] == '.' ? symbol->file + n - 1 : "";
		if (*end == 'S') {
			rt_put_part(&p->out, symbol->file, n - 1);
			rt_put(&p->out, "s");
		} else {
			rt_put_part(&p->out, symbol->file, n);
			if (*end != 'c' && *end != 's' && (n < 4 || strcmp(symbol->file + n - 3, ".go") != 0))
				rt_put(&p->out, ".c");
		}
		rt_put(&p->out, ":");
		rt_put_number(&p->out, symbol->line, 10);
	}
	if (symbol->offset != 0 || offset) {
		rt_put(&p->out, " +0x");
		rt_put_number(&p->out, symbol->offset, 16);
	}
	rt_put(&p->out, "\n");
}

static void put_symbol(struct printer *p, const struct rt_symbol *symbol)
{
	rt_put_function(&p->out, symbol);
	rt_put(&p->out, "(...)");
	put_place(p, symbol, false);
}

/* The function that goroutine p->g is, where no frame of it tells: "+0x0", where it begins. */
static void put_entry(struct printer *p)
{
	const struct rt_symbol *symbol = rt_printer_function(&p->out, (uint64_t)(uintptr_t)p->g.entry);
	rt_put_function(&p->out, symbol);
	rt_put(&p->out, "(...)");
	put_place(p, symbol, !symbol->unknown);
}

/* The function of a frame, without what is inlined into it. A copy: the next look may drop it. */
static struct rt_symbol outermost(const struct rt_symbol *symbol)
{
	while (symbol->outer != NULL)
		symbol = symbol->outer;
	return *symbol;
}

/*
 * Whether the function that stands at frame, called by what calls p->g.entry, is another than that: then the entry's last call was a jump. noted: the record says that the user's code
 * called from there. Else only what is certain counts: both are known by their names, which differ before a dot, where compilers write what part or clone of a function this is.
 */
static bool is_not_entry(struct printer *p, const struct rt_frame *frame, bool noted)
{
	struct rt_symbol has = outermost(rt_printer_symbol(&p->out, frame->pc, frame->exact));
	uint64_t entry = (uint64_t)(uintptr_t)p->g.entry;
	if (frame->pc - has.offset == entry)
		return false;
	struct rt_symbol wanted = *rt_printer_function(&p->out, entry);
	bool has_name = !has.unknown && has.function[0] != '?', wanted_has_name = !wanted.unknown && wanted.function[0] != '?';
	size_t n = strcspn(has.function, ".");
	if (wanted.ours || wanted.offset != 0)
		return false;
	if (has_name && wanted_has_name && n == strcspn(wanted.function, ".") && memcmp(has.function, wanted.function, n) == 0)
		return false;
	return ((has_name && wanted_has_name) || noted) && rt_function_begin(entry) == entry && rt_function_begin(frame->pc - !frame->exact) != entry;
}

/* At which frame of the trace the entry of p->g is to be told of, because it has none and yet is what this goroutine is. 0: at none. */
static size_t entry_lacks_at(struct printer *p, const void *user_pc)
{
	size_t first = p->g.goid == 1 ? 2 : 1, i = p->trace.total - first; /* the app of goroutine 1 is called by a function of the runtime's */
	const struct rt_frame *last = p->trace.total > first ? rt_trace_frame(&p->trace, p->trace.total - 1) : NULL;
	if (last == NULL || last->exact || last->pc != (uint64_t)(uintptr_t)gos_runtime.entry_return_pc || p->g.entry == NULL)
		return 0;
	const struct rt_frame *caller = rt_trace_frame(&p->trace, i), *frame = rt_trace_frame(&p->trace, i - 1);
	if (caller == NULL || frame == NULL)
		return 0;
	bool noted = caller->pc == (uint64_t)(uintptr_t)user_pc;
	struct lack *seen = &p->lacks[((frame->pc ^ (uint64_t)(uintptr_t)p->g.entry) * UINT64_C(0x9e3779b97f4a7c15)) >> 40 & (LACKS - 1)];
	if (seen->pc != frame->pc || seen->entry != p->g.entry || seen->noted != noted)
		*seen = (struct lack){frame->pc, p->g.entry, noted, is_not_entry(p, frame, noted)};
	return seen->lacks ? i : 0;
}

/* What every goroutine starts from, and what calls the app in goroutine 1: where symbol tables do not tell them from a user's. */
static bool is_outermost(const struct printer *p, const struct rt_frame *frame, const struct rt_symbol *symbol, size_t i)
{
	if (i + 1 == p->trace.total)
		return frame->pc - (uint64_t)(uintptr_t)gos_runtime.start_pc < 256;
	return p->g.goid == 1 && i + 2 == p->trace.total && frame->pc - symbol->offset != (uint64_t)(uintptr_t)p->g.entry &&
	       symbol->outer == NULL && symbol->offset != 0;
}

/* The frames that are a user's business, or with `system` all. How many were printed. */
static size_t put_frames(struct printer *p, void *user_pc, bool system)
{
	const struct rt_trace *trace = &p->trace;
	size_t i = 0, printed = 0;
	if (!system && user_pc != NULL) {
		while (i < trace->total && i < RT_TRACE_HALF && trace->first[i].pc != (uint64_t)(uintptr_t)user_pc)
			i++;
		if (i == trace->total || i == RT_TRACE_HALF) {
			i = 0;
		} else if (i > 0) { /* and the public function that was called there */
			const struct rt_symbol *symbol = rt_printer_symbol(&p->out, trace->first[i - 1].pc, trace->first[i - 1].exact);
			while (symbol->outer != NULL)
				symbol = symbol->outer;
			if (strncmp(symbol->function, "gos_", 4) == 0) {
				put_symbol(p, symbol);
				printed++;
			}
		}
	}
	size_t entry_at = entry_lacks_at(p, user_pc);
	bool elided = false;
	for (; i < trace->total; i++) {
		const struct rt_frame *frame = rt_trace_frame(trace, i);
		if (frame == NULL) {
			if (!elided) /* in the words that panicparse knows; how many there are is said in the brackets */
				rt_put(&p->out, "...additional frames elided...\n");
			elided = true;
			i = trace->total - RT_TRACE_HALF - 1;
			continue;
		}
		if (i == entry_at && i != 0) {
			put_entry(p);
			printed++;
		}
		const struct rt_symbol *symbol = rt_printer_symbol(&p->out, frame->pc, frame->exact);
		for (; symbol != NULL; symbol = symbol->outer) {
			if (!system && (symbol->ours || is_outermost(p, frame, symbol, i)))
				continue;
			put_symbol(p, symbol);
			printed++;
		}
	}
	return printed;
}

static void put_creation(struct printer *p, const struct gos_g *gp)
{
	if (gp->create_pc == NULL || gp->creator == 0)
		return;
	static const struct rt_symbol untold = {.function = "?"}; /* rt_put_call says why */
	const struct rt_symbol *symbol =
		gp->create_pc != gos_runtime.entry_return_pc ? rt_printer_symbol(&p->out, (uint64_t)(uintptr_t)gp->create_pc, false) : &untold;
	/* Not Go's newer "in goroutine N" after it: panicparse 2.3 takes that for a part of the name, and then nothing that different
	 * goroutines made is alike. The header says it. */
	rt_put(&p->out, "created by ");
	rt_put_function(&p->out, symbol);
	put_place(p, symbol, false);
}

/* of: whose copy gp is. "goroutine 7 [running]:" is what people and programs look for, so of one that runs nothing is said that is not out of the ordinary. */
static void put_header(struct printer *p, const struct gos_g *gp, const struct gos_g *of, const char *word, size_t frames)
{
	rt_put(&p->out, "goroutine ");
	rt_put_number(&p->out, gp->goid, 10);
	rt_put(&p->out, " [");
	rt_put(&p->out, word);
	if ((gp->status == GOS_WAITING || gp->status == GOS_SYSCALL) && gp->wait_since != 0) {
		int64_t waited = rt_now() - gp->wait_since;
		rt_put(&p->out, ", ");
		if (waited < 60 * GOS_S) {
			rt_put_duration(&p->out, waited);
		} else { /* as Go has it */
			rt_put_signed(&p->out, waited / (60 * GOS_S));
			rt_put(&p->out, " minutes");
		}
	}
	rt_put_words(&p->out, ", ", gp->flags, rt_flag_words);
	rt_put_words(&p->out, ", ", gp->hold & rt_load_relaxed(&gos_runtime.hold_mask), rt_hold_words);
	if (gp->name[0] != 0) {
		rt_put(&p->out, ", \"");
		rt_put_inert(&p->out, gp->name, sizeof gp->name);
		rt_put(&p->out, "\"");
	}
	put_objects(p, gp, ", ", false);
	if (gp->creator != 0 && gp->status != GOS_RUNNING) {
		rt_put(&p->out, ", created by goroutine ");
		rt_put_number(&p->out, gp->creator, 10);
		rt_put_origin(&p->out, gp, of, ", ", "");
	}
	if (gp->status != GOS_RUNNING)
		rt_put_labels(&p->out, of, ", ");
	if (frames > 2 * RT_TRACE_HALF) {
		rt_put(&p->out, ", ");
		rt_put_number(&p->out, frames, 10);
		rt_put(&p->out, " frames");
	}
	rt_put(&p->out, "]:\n");
}

/* ---- one goroutine -------------------------------------------------------------------------------------------------- */

static void unwind_current(struct printer *p)
{
	const struct rt_report *report = p->out.report;
	p->memory = (struct rt_memory){.anywhere = true, .page = p->page};
	rt_unwind_trace(&report->regs, report->exact, &p->memory, &p->trace);
}

RT_READS_WHILE_WRITTEN static void put_current(struct printer *p)
{
	const struct rt_report *report = p->out.report;
	unwind_current(p);
	bool system = report->system || report->system_current;
	if (report->current != NULL) {
		rt_g_copy(&p->g, report->current);
		if (p->g.status != GOS_SYSCALL) /* on its way to another state, it is running still */
			p->g.status = GOS_RUNNING;
		put_header(p, &p->g, report->current, doing(&p->g), p->trace.total);
	} else {
		p->g.goid = 0;
		rt_put(&p->out, "goroutine 0 [");
		rt_put(&p->out, rt_state_word(GOS_RUNNING));
		rt_put(&p->out, ", thread ");
		rt_put_number(&p->out, report->tid, 10);
		rt_put(&p->out, " outside of goroutines]:\n");
	}
	if (put_frames(p, report->user_pc, system) == 0)
		put_frames(p, NULL, true);
	if (report->current != NULL)
		put_creation(p, &p->g);
	rt_put(&p->out, "\n");
}

enum found { FOUND_PARKED, FOUND_RUNNING, FOUND_SILENT, FOUND_NONE };

/*
 * What a stack holds, without a system call: what lo and hi of a goroutine's record are belongs to one stack if its seq, goid and status were the same before and after they were read,
 * and stacks are never unmapped. Not in the report of a process that dies, where nothing is certain, nor with a sanitizer, to which this is the goroutine's.
 */
#if defined(RT_TSAN) || defined(RT_ASAN)
#define IS_PLAIN false
#else
#define IS_PLAIN true
#endif
static void copy_words(char *to, uint64_t from, size_t size)
{
	typedef uint64_t __attribute__((may_alias)) word;
	const volatile word *at = (const volatile word *)(uintptr_t)from;
	for (size_t i = 0; i < size / sizeof(word); i++)
		((word *)to)[i] = at[i];
}

static bool copy_room(struct printer *p, size_t size)
{
	if (size <= p->copy_size)
		return true;
	size_t wanted = COPY_MIN;
	while (wanted < size)
		wanted *= 2;
	if (p->copy != NULL)
		munmap(p->copy, p->copy_size);
	p->copy_size = 0;
	p->copy = mmap(NULL, wanted, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p->copy == MAP_FAILED) {
		p->copy = NULL;
		return false;
	}
	p->copy_size = wanted;
	return true;
}

static bool is_alive(uint32_t status)
{
	return status != GOS_IDLE && status != GOS_DEAD;
}

/* ---- one in a system call ---- */

/* Where a thread of ours stands that sleeps in the kernel; false: it does not, or that cannot be known. */
static bool stands_in_kernel(uint32_t tid, uint64_t *sp, uint64_t *pc)
{
	char path[64], text[256], *to = stpcpy(path, "/proc/self/task/"), digits[12], *digit = digits + sizeof digits;
	*--digit = 0;
	do {
		*--digit = (char)('0' + tid % 10);
	} while ((tid /= 10) != 0);
	stpcpy(stpcpy(to, digit), "/syscall");
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return false;
	ssize_t n = read(fd, text, sizeof text - 1);
	close(fd);
	if (n <= 0 || text[0] == 'r') /* "running" */
		return false;
	text[n] = 0;
	/* The last two numbers: "230 0x0 ... 0x7ffd79e258 0x7f8275553503" */
	uint64_t value[2] = {0, 0};
	int words = 0;
	for (const char *at = text; (at = strstr(at, " 0x")) != NULL; words++) {
		value[0] = value[1];
		value[1] = 0;
		for (at += 3; (*at >= '0' && *at <= '9') || (*at >= 'a' && *at <= 'f'); at++)
			value[1] = value[1] << 4 | (uint64_t)(*at <= '9' ? *at - '0' : *at - 'a' + 10);
	}
	*sp = value[0];
	*pc = value[1];
	return words >= 2;
}

static bool stack_word(const struct rt_memory *memory, uint64_t at, uint64_t *value)
{
	if (at < memory->lo || memory->hi - at < sizeof *value || at > memory->hi)
		return false;
	memcpy(value, memory->bytes + (at - memory->lo), sizeof *value);
	return true;
}

/*
 * What the frame pointer is at sp, where it was `rbp` when the stack pointer was `end`: each frame since keeps the one above it, next to where it returns to. 0: two
 * words of the stack could be that, so it is not known.
 */
static uint64_t frame_pointer_at(const struct rt_memory *memory, uint64_t sp, uint64_t end, uint64_t rbp)
{
	for (int levels = 0; levels < LEVELS_MAX; levels++) {
		uint64_t found = 0, word, back;
		struct rt_module module;
		for (uint64_t at = sp & ~UINT64_C(7); at < end && stack_word(memory, at, &word); at += 8) {
			if (word != rbp || !stack_word(memory, at + 8, &back) || !rt_module_of(back, &module))
				continue;
			if (found != 0)
				return 0;
			found = at;
		}
		if (found == 0)
			return rbp;
		rbp = end = found;
	}
	return 0;
}

/* Whether the trace ends where every goroutine begins. */
static bool is_whole(const struct rt_trace *trace)
{
	const struct rt_frame *last = rt_trace_frame(trace, trace->total - 1);
	return last->pc - (uint64_t)(uintptr_t)gos_runtime.start_pc < 256;
}

enum in_call { CALL_SEEN, CALL_UNKNOWN, CALL_CHANGED };

/*
 * gp blocks its thread. Of its registers the kernel tells two, where the thread sleeps; from those its frames are known where each of them says how to come to the next without the others,
 * or with the frame pointer that it had when its section began. Else it is shown from where that was, which is what Go shows of a system call. In neither case if it does not
 * stand where it stood, or is in another section, after its stack was copied.
 */
RT_READS_WHILE_WRITTEN static enum in_call look_in_call(struct printer *p, struct gos_g *gp, struct gos_m *mp, uint32_t tid, uint32_t status)
{
	struct rt_section section = {.count = rt_load_acquire(&mp->section.count)};
	section.sp = rt_load_acquire(&mp->section.sp);
	section.rbp = rt_load_acquire(&mp->section.rbp);
	section.pc = rt_load_acquire(&mp->section.pc);
	uint64_t lo = p->g.stack_lo, hi = p->g.stack_hi, sp = 0, pc = 0, again_sp = 0, again_pc = 0;
	bool asleep = stands_in_kernel(tid, &sp, &pc) && sp >= lo && sp < hi, begun = status == GOS_SYSCALL && section.sp >= lo && section.sp < hi;
	if (!asleep && !begun)
		return CALL_UNKNOWN;
	uint64_t from = asleep && (!begun || sp < section.sp) ? sp : section.sp;
	from = from - lo >= 128 ? from - 128 : lo; /* what was just popped, in the red zone, is said to be there still */
	size_t size = hi - from;
	if (size > COPY_MAX || !copy_room(p, size) || rt_peek(p->copy, from, size) != size)
		return CALL_UNKNOWN;
	rt_fence_acquire();
	if (rt_load_relaxed(&gp->status) != status || rt_load_relaxed(&gp->goid) != p->g.goid || rt_load_relaxed(&gp->m) != mp || rt_load_relaxed(&mp->curg) != gp ||
	    rt_load_relaxed(&mp->section.count) != section.count)
		return CALL_CHANGED;
	p->g.status = status;
	p->g.wait_since = rt_load_relaxed(&gp->wait_since);
	p->memory = (struct rt_memory){.lo = from, .hi = hi, .bytes = p->copy};

	struct rt_regs regs = {.known = 1U << RT_REG_RSP | 1U << RT_REG_RIP};
	if (asleep && stands_in_kernel(tid, &again_sp, &again_pc) && again_sp == sp && again_pc == pc) {
		regs.value[RT_REG_RSP] = sp;
		regs.value[RT_REG_RIP] = pc;
		if (begun && sp <= section.sp) {
			/* Where it was no frame pointer, those who were called since have kept it. */
			bool frames = section.rbp >= section.sp && section.rbp < hi;
			uint64_t rbp = frames ? frame_pointer_at(&p->memory, sp, section.sp, section.rbp) : section.rbp;
			regs.value[RT_REG_RBP] = rbp;
			regs.known |= !frames || rbp != 0 ? 1U << RT_REG_RBP : 0;
		}
		rt_unwind_trace(&regs, true, &p->memory, &p->trace);
		if (is_whole(&p->trace) || !begun || section.sp < sp) /* it has left the function in which its section began: this is all that can be known */
			return is_whole(&p->trace) || begun ? CALL_SEEN : CALL_UNKNOWN;
	}
	if (!begun)
		return CALL_UNKNOWN;
	regs.value[RT_REG_RSP] = section.sp;
	regs.value[RT_REG_RIP] = section.pc;
	regs.value[RT_REG_RBP] = section.rbp;
	regs.known |= 1U << RT_REG_RBP;
	rt_unwind_trace(&regs, false, &p->memory, &p->trace);
	return CALL_SEEN;
}

/* Leaves in p->g what the goroutine was, and in p->trace its frames. */
RT_READS_WHILE_WRITTEN static enum found look_at(struct printer *p, struct gos_g *gp)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		uint64_t seq = rt_load_acquire(&gp->seq);
		rt_g_copy(&p->g, gp);
		uint32_t status = rt_load_acquire(&gp->status);
		uint64_t sp = p->g.sched.sp, hi = p->g.stack_hi;
		if (!is_alive(status))
			return FOUND_NONE;
		if ((seq & 1) == 0 && (status == GOS_WAITING || status == GOS_RUNNABLE)) {
			/* On no thread: it stands still for as long as seq does. */
			if (sp < p->g.stack_lo || sp >= hi)
				continue; /* being made */
			size_t size = hi - sp < COPY_MAX ? hi - sp : COPY_MAX;
			if (!copy_room(p, size))
				return FOUND_SILENT;
			size_t copied = size;
			if (IS_PLAIN && p->out.report->stop != NULL && rt_load_relaxed(&gp->seq) == seq && rt_load_relaxed(&gp->goid) == p->g.goid && rt_load_relaxed(&gp->status) == status)
				copy_words(p->copy, sp, size);
			else
				copied = rt_peek(p->copy, sp, size);
			rt_fence_acquire();
			if (rt_load_relaxed(&gp->seq) != seq || rt_load_relaxed(&gp->goid) != p->g.goid ||
			    rt_load_relaxed(&gp->status) != status)
				continue;
			p->g.status = status;
			p->memory = (struct rt_memory){.lo = sp, .hi = sp + copied, .bytes = p->copy};
			struct rt_regs regs;
			rt_regs_parked(&regs, sp, (uint64_t)(uintptr_t)gos_runtime.resume_pc);
			if (!rt_unwind_trace_by_rules(&p->rules, &regs, &p->memory, &p->trace))
				rt_unwind_trace(&regs, false, &p->memory, &p->trace);
			return FOUND_PARKED;
		}
		struct gos_m *mp = rt_load_acquire(&gp->m);
		if (mp == NULL || rt_load_relaxed(&mp->curg) != gp) {
			sched_yield(); /* in a switch */
			continue;
		}
		uint32_t tid = rt_load_relaxed(&mp->tid);
		if (status == GOS_SYSCALL || status == GOS_RUNNING) {
			enum in_call in_call = look_in_call(p, gp, mp, tid, status);
			if (in_call == CALL_SEEN)
				return FOUND_RUNNING;
			if (in_call == CALL_UNKNOWN && status == GOS_SYSCALL)
				return FOUND_SILENT;
			if (in_call == CALL_CHANGED)
				continue;
		}
		if (tid == p->out.report->tid)
			return FOUND_SILENT; /* it waits for this report */
		for (uint32_t i = 0; i < p->silent_count; i++)
			if (p->silent[i] == tid)
				return FOUND_SILENT;
		enum rt_capture captured = rt_capture_thread(mp, gp, &p->trace, &sp);
		if (captured == RT_CAPTURE_ELSEWHERE)
			continue;
		if (captured == RT_CAPTURE_SILENT) {
			if (p->silent_count < sizeof p->silent / sizeof *p->silent)
				p->silent[p->silent_count++] = tid;
			return FOUND_SILENT;
		}
		if (sp >= p->g.stack_lo && sp < hi && rt_load_relaxed(&gp->goid) == p->g.goid) {
			bool calls = rt_load_relaxed(&gp->status) == GOS_SYSCALL; /* the same call, or one that began since */
			p->g.status = calls ? GOS_SYSCALL : GOS_RUNNING;
			p->g.wait_since = rt_load_relaxed(&gp->wait_since);
			return FOUND_RUNNING;
		}
	}
	return FOUND_SILENT;
}

static void put_goroutine(struct printer *p, struct gos_g *gp)
{
	enum found found = look_at(p, gp);
	if (found == FOUND_NONE)
		return;
	bool system = p->out.report->system;
	put_header(p, &p->g, gp, doing(&p->g), found == FOUND_SILENT ? 0 : p->trace.total);
	if (found == FOUND_SILENT) {
		rt_put(&p->out, "\tgoroutine running on other thread; stack unavailable\n");
	} else if (put_frames(p, found == FOUND_PARKED ? p->g.wait_pc : NULL, system) == 0) {
		/* It has not begun, or it has ended: what is its own is its function. */
		put_entry(p);
	}
	put_creation(p, &p->g);
	rt_put(&p->out, "\n");
}

struct gos_g *rt_dump_goroutine_at(uint64_t sp)
{
	struct gos_m *mp = rt_tls_m;
	struct gos_g *gp = mp != NULL ? mp->curg : NULL;
	if (gp == NULL)
		return NULL;
	/* Beyond its end too: that is how an overflow looks. */
	if (sp < gp->stack_hi && sp + (1 << 20) >= gp->stack_lo)
		return gp;
	/* In a handler that interrupted it; or nowhere, which is no worker's stack either. */
	char byte;
	uint64_t handlers = (uint64_t)(uintptr_t)mp->signal_stack;
	if ((handlers != 0 && sp - handlers < RT_SIGNAL_STACK_SIZE) || rt_peek(&byte, sp, 1) == 0)
		return gp;
	return NULL;
}

/* ---- who waits for what --------------------------------------------------------------------------------------------- */

RT_READS_WHILE_WRITTEN static void put_waits(struct printer *p)
{
	uint64_t count = rt_load_acquire(&gos_runtime.gcount), waiting = 0;
	rt_goids_begin(&p->goids, p->out.report);
	for (uint64_t i = 0; i < count; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		if (i % BEAT == 0)
			beat(p);
		if (rt_load_acquire(&gp->status) != GOS_WAITING || ++waiting > WAITS_MAX)
			continue;
		rt_g_copy(&p->g, gp);
		rt_put_goroutine(&p->out, p->g.goid, gp);
		rt_put(&p->out, ": ");
		rt_put(&p->out, doing(&p->g));
		put_objects(p, &p->g, object_of(&p->g) == RT_OBJECT_SELECT ? "; " : " on ", true);
		if (p->g.wait_since != 0) {
			rt_put(&p->out, "; it has waited ");
			rt_put_duration(&p->out, rt_now() - p->g.wait_since);
		}
		rt_put_labels(&p->out, gp, "; ");
		rt_put(&p->out, "\n");
	}
	if (waiting > WAITS_MAX) {
		rt_put(&p->out, "... and ");
		rt_put_number(&p->out, waiting - WAITS_MAX, 10);
		rt_put(&p->out, " more\n");
	}
	if (waiting > 0)
		rt_put(&p->out, "\n");
	rt_goids_end(&p->goids);
}

/* ---- a report ------------------------------------------------------------------------------------------------------- */

static void print_others(struct printer *p)
{
	struct rt_report *report = p->out.report;
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);
	for (uint64_t i = report->next - 2; i < count && !p->out.lost; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		beat(p);
		if (gp == report->current && report->show_current)
			continue;
		put_goroutine(p, gp);
		if (p->out.used > sizeof p->out.text / 2)
			rt_printer_flush(&p->out, i + 3);
	}
	rt_printer_flush(&p->out, count + 2);
}

/* The innermost frame of the trace that is the user's code; false: there is none that is known. */
static bool own_frame(struct printer *p, struct rt_frame *frame)
{
	for (size_t i = 0; i < p->trace.total && i < RT_TRACE_HALF; i++) {
		const struct rt_symbol *symbol = rt_printer_symbol(&p->out, p->trace.first[i].pc, p->trace.first[i].exact);
		if (!symbol->ours && strncmp(symbol->function, "gos_", 4) != 0 && symbol->file != NULL) {
			*frame = p->trace.first[i];
			return true;
		}
	}
	/* What it runs its entry has jumped to, and it is nobody's whose lines are known: that is the innermost that is. */
	const struct rt_frame *last = p->trace.total > 0 ? rt_trace_frame(&p->trace, p->trace.total - 1) : NULL;
	if (last == NULL || last->exact || last->pc != (uint64_t)(uintptr_t)gos_runtime.entry_return_pc || entry_lacks_at(p, NULL) == 0)
		return false;
	*frame = *last;
	return true;
}

/* Where one that runs stands, in the user's code; NULL: it does not run, or does not say. */
static const struct rt_frame *running_at(struct printer *p, struct gos_g *gp)
{
	static struct rt_frame found[2];
	struct rt_report *report = p->out.report;
	struct rt_frame *frame = &found[p->out.full ? 0 : 1];
	if (gp == report->current && rt_load_relaxed(&gp->status) != GOS_SYSCALL) {
		*frame = (struct rt_frame){.pc = (uint64_t)(uintptr_t)report->user_pc};
		return report->user_pc != NULL ? frame : NULL;
	}
	if (rt_load_relaxed(&gp->status) != GOS_RUNNING || look_at(p, gp) != FOUND_RUNNING || p->g.status != GOS_RUNNING)
		return NULL;
	return own_frame(p, frame) ? frame : NULL;
}

static void print_accounts(struct printer *p)
{
	struct rt_report *report = p->out.report;
	struct rt_accounts accounts;
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);
	rt_accounts_begin(&accounts, &p->out, true);
	for (uint64_t i = report->next - RT_NEXT_ACCOUNTS; i < count && !p->out.lost; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		beat(p);
		if (rt_account_put(&accounts, gp, running_at(p, gp)))
			rt_put(&p->out, "\n");
		if (p->out.used > sizeof p->out.text / 2)
			rt_printer_flush(&p->out, RT_NEXT_ACCOUNTS + i + 1);
	}
	rt_printer_flush(&p->out, RT_NEXT_ACCOUNTS + count);
	rt_accounts_end(&accounts);
}

/* "3 goroutines [chan receive, 1.2s to 3.4s]: 7, 9, 12" */
static void put_group_header(struct printer *p, const struct rt_group *group)
{
	rt_put_count(&p->out, group->count, "goroutine");
	rt_put(&p->out, " [");
	rt_put(&p->out, doing(&p->g));
	if (group->status == GOS_WAITING || group->status == GOS_SYSCALL) {
		int64_t now = rt_now();
		rt_put(&p->out, ", ");
		rt_put_duration(&p->out, now - group->newest);
		if (group->count > 1) {
			rt_put(&p->out, " to ");
			rt_put_duration(&p->out, now - group->oldest);
		}
	}
	rt_put_words(&p->out, ", ", group->flags, rt_flag_words);
	rt_put_words(&p->out, ", ", group->hold, rt_hold_words);
	rt_put(&p->out, "]: ");
	for (uint64_t i = 0; i < group->count && i < RT_GROUP_IDS; i++) {
		rt_put(&p->out, i > 0 ? ", " : "");
		rt_put_number(&p->out, group->ids[i], 10);
	}
	if (group->count > RT_GROUP_IDS) {
		rt_put(&p->out, " and ");
		rt_put_number(&p->out, group->count - RT_GROUP_IDS, 10);
		rt_put(&p->out, " more");
	}
	rt_put(&p->out, "\n");
}

static void put_group(struct printer *p, const struct rt_groups *groups, const struct rt_group *group)
{
	p->g = (struct gos_g){.goid = group->goid, .status = group->status, .reason = group->reason, .flags = group->flags, .entry = group->entry, .creator = group->creator, .create_pc = group->create_pc};
	put_group_header(p, group);
	rt_group_trace(groups, group, &p->trace);
	if (group->silent)
		rt_put(&p->out, "\tgoroutine running on other thread; stack unavailable\n");
	else if (put_frames(p, group->wait_pc, p->out.report->system) == 0)
		put_entry(p);
	put_creation(p, &p->g);
	rt_put(&p->out, "\n");
}

/* Who takes this over begins it anew. */
RT_READS_WHILE_WRITTEN static void print_groups(struct printer *p)
{
	struct rt_report *report = p->out.report;
	struct rt_groups groups;
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);

	if (!rt_groups_begin(&groups)) {
		rt_put(&p->out, "gossamer: no memory for groups\n\n");
		return;
	}
	for (uint64_t i = 0; i < count && !p->out.lost; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		beat(p);
		if (gp == report->current) {
			unwind_current(p);
			p->g = *gp;
			if (p->g.status != GOS_SYSCALL)
				p->g.status = GOS_RUNNING;
			p->g.wait_pc = report->user_pc;
			rt_groups_add(&groups, gp, &p->g, &p->trace);
			continue;
		}
		enum found found = look_at(p, gp);
		if (found != FOUND_NONE)
			rt_groups_add(&groups, gp, &p->g, found != FOUND_SILENT ? &p->trace : NULL);
	}
	rt_groups_sort(&groups);
	rt_put_count(&p->out, groups.members + groups.others, "goroutine");
	rt_put(&p->out, " in ");
	rt_put_count(&p->out, groups.count, "group");
	rt_put(&p->out, groups.others != 0 ? ", and " : ":\n\n");
	if (groups.others != 0) {
		rt_put_number(&p->out, groups.others, 10);
		rt_put(&p->out, " of them in more groups than there is room for:\n\n");
	}
	for (uint32_t i = 0; i < groups.count && !p->out.lost; i++) {
		beat(p);
		put_group(p, &groups, &groups.group[i]);
		if (p->out.used > sizeof p->out.text / 2)
			rt_printer_flush(&p->out, RT_NEXT_GROUPS);
	}
	rt_printer_flush(&p->out, RT_NEXT_ACCOUNTS);
	rt_groups_end(&groups);
}

/* A line, and one for each call that led to its creation. */
static void put_account(struct printer *p, struct rt_accounts *accounts, struct gos_g *gp, const struct rt_frame *at)
{
	if (!rt_account_put(accounts, gp, at))
		return;
	rt_put(&p->out, "\n");
	if (rt_account_look(gp, &p->g))
		rt_put_origin(&p->out, &p->g, gp, "\t", "\n");
}

/* Of the one that asks, or dies: what its stack does not say of it, if there is anything. */
RT_READS_WHILE_WRITTEN static void print_current_account(struct printer *p)
{
	struct rt_report *report = p->out.report;
	struct gos_g *gp = report->current;
	struct rt_accounts accounts;
	if (gp == NULL || (rt_load_relaxed(&gp->creator) == 0 && rt_load_relaxed(&gp->labels) == NULL))
		return;
	beat(p);
	rt_g_copy(&p->g, gp);
	unwind_current(p);
	struct rt_frame at, *found = own_frame(p, &at) ? &at : NULL;
	rt_accounts_begin(&accounts, &p->out, false); /* of one that runs nothing is told that names others */
	put_account(p, &accounts, gp, found);
	rt_put(&p->out, "\n");
	rt_accounts_end(&accounts);
}

/* Those who wait for owned locks come first, then who has waited longest; of equals the first. */
RT_READS_WHILE_WRITTEN static void print_stuck(struct printer *p)
{
	struct stuck {
		struct gos_g *gp;
		int64_t since;
		bool lock;
	} list[STUCK_MAX];
	size_t n = 0;
	uint64_t count = rt_load_acquire(&gos_runtime.gcount), waiting = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct gos_g *gp = rt_goroutine_number(i);
		if (i % BEAT == 0)
			beat(p);
		if (rt_load_relaxed(&gp->status) != GOS_WAITING)
			continue;
		waiting++;
		struct stuck one = {.gp = gp, .since = rt_load_relaxed(&gp->wait_since), .lock = rt_wait_is_for_lock(gp)};
		size_t at = n;
		while (at > 0 && (one.lock != list[at - 1].lock ? one.lock : one.since < list[at - 1].since))
			at--;
		if (at == STUCK_MAX)
			continue;
		n += n < STUCK_MAX;
		memmove(&list[at + 1], &list[at], (n - 1 - at) * sizeof *list);
		list[at] = one;
	}
	struct rt_accounts accounts;
	rt_accounts_begin(&accounts, &p->out, true);
	for (size_t i = 0; i < n && !p->out.lost; i++) {
		beat(p);
		put_account(p, &accounts, list[i].gp, NULL);
	}
	if (waiting > n) {
		rt_put(&p->out, "... and ");
		rt_put_number(&p->out, waiting - n, 10);
		rt_put(&p->out, " more that wait\n");
	}
	if (n != 0)
		rt_put(&p->out, "\n");
	rt_printer_flush(&p->out, RT_NEXT_LAST);
	rt_accounts_end(&accounts);
}

static void print_goroutines(struct printer *p)
{
	struct rt_report *report = p->out.report;
	if (report->given_up)
		rt_put(&p->out, "gossamer: symbols could not be read as usual: names only, from here on\n\n");
	if (p->out.symbols == NULL)
		p->out.symbols = rt_symbolize_begin(p->out.full);
	if (report->next <= 1 && report->show_current && !p->out.lost) {
		beat(p);
		put_current(p);
		rt_printer_flush(&p->out, 2);
	}
	if (report->next < 2)
		report->next = 2;
	if (report->show_others && report->next < RT_NEXT_GROUPS)
		print_others(p);
	if (report->next < RT_NEXT_GROUPS && !p->out.lost)
		report->next = RT_NEXT_GROUPS;
	if (report->groups && report->next < RT_NEXT_ACCOUNTS && !p->out.lost)
		print_groups(p);
	if (report->next < RT_NEXT_ACCOUNTS && !p->out.lost)
		report->next = RT_NEXT_ACCOUNTS;
	if (report->accounts && report->next < RT_NEXT_LAST && !p->out.lost)
		print_accounts(p);
	if (report->next < RT_NEXT_LAST && !p->out.lost)
		report->next = RT_NEXT_LAST;
	if (report->show_current && report->account_current && !p->out.lost)
		print_current_account(p);
	if (report->stuck && !p->out.lost)
		print_stuck(p);
	rt_printer_flush(&p->out, RT_NEXT_LAST);
}

bool rt_report_print(struct rt_report *report, bool full)
{
	struct printer *p = &printers[full ? 0 : 1];
	p->out.report = report;
	p->out.full = full;
	p->out.lost = false;
	p->out.error = 0;
	p->out.used = 0;
	p->out.limit = 0;
	rt_printer_forget(&p->out);
	memset(&p->rules, 0, sizeof p->rules);
	memset(p->lacks, 0, sizeof p->lacks);
	p->silent_count = 0;

	/* What is known goes out before symbols are looked for, which is where a broken process breaks again. */
	if (report->next == 0) {
		if (rt_seeded() && report->head[0] != 0) { /* the process dies: this is how it can be made to do so again */
			rt_put(&p->out, "gossamer: seed=");
			rt_put_number(&p->out, (uint64_t)rt_seed.number, 10);
			rt_put(&p->out, "\n");
		}
		rt_put(&p->out, report->head);
		if (report->waits) {
			put_waits(p);
			rt_deadlocks_put_chains(&p->out);
		}
		if (report->deadlocks)
			report->found = rt_deadlocks_look(&p->out, report->deadlock_ns, report->fd >= 0, report->once);
		rt_printer_flush(&p->out, 1);
	}
	if (report->show_current || report->show_others || report->groups || report->accounts || report->stuck)
		print_goroutines(p);
	if (p->out.symbols != NULL)
		rt_symbolize_end(p->out.symbols);
	p->out.symbols = NULL;
	if (p->copy != NULL)
		munmap(p->copy, p->copy_size);
	p->copy = NULL;
	p->copy_size = 0;
	if (p->out.error != 0)
		report->error = p->out.error;
	return !p->out.lost;
}
