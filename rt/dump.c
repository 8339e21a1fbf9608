/* SPDX-License-Identifier: MIT */
/*
 * dump.c - what a report of goroutines says, in Go's traceback format.
 *
 * Always true:
 *  - The world is not stopped. A goroutine that is on no thread is copied whole between two equal, even readings of g->seq; one
 *    that runs is asked for its frames by a signal to its thread, and proved to have been the one asked for by its stack pointer.
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

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "atomic.h"
#include "clock.h"
#include "crash.h"
#include "machine.h"
#include "state.h"
#include "symbolize.h"

#define COPY_MIN (256u << 10)
#define COPY_MAX (64u << 20) /* of one stack; deeper frames than that are not shown */
#define WAITS_MAX 100        /* lines of a deadlock report */
#define ATTEMPTS 200         /* to find one goroutine standing still, or running, but not between the two */

enum object {
#define GOS_OBJECT(symbol, number, word) OBJECT_##symbol = number,
#include "abi/states.def"
};

static const char *const object_words[] = {
#define GOS_OBJECT(symbol, number, word) [number] = word,
#include "abi/states.def"
};

static const char *const state_words[] = {
#define GOS_STATE(symbol, number, word, ...) [number] = word,
#include "abi/states.def"
};

static const struct {
	const char *word;
	enum object object;
} reasons[] = {
#define GOS_REASON(symbol, number, word, object) [number] = {word, OBJECT_##object},
#include "abi/states.def"
};

static const struct {
	uint8_t bit;
	const char *word;
} flags[] = {
#define GOS_FLAG(symbol, word) {RT_G_##symbol, word},
#include "abi/states.def"
};

/* Reads what others write, on purpose: what is proved afterwards not to have changed, or is only shown. */
#define READS_WHILE_WRITTEN __attribute__((no_sanitize("thread")))

struct printer {
	struct rt_report *report;
	struct rt_symbolizer *symbols;
	bool lost; /* somebody else has taken over, or nobody wants it any more */
	size_t used;
	char text[64 << 10];
	char *copy; /* of a stack */
	size_t copy_size;
	struct gos_g g; /* as it was when its stack was copied */
	struct rt_trace trace;
	struct rt_memory memory;
	char page[RT_MEMORY_PAGE];
	uint32_t silent[16]; /* threads that did not answer: not asked again */
	uint32_t silent_count;
};

static struct printer printers[2]; /* of the dumper; of who prints for itself */

/* ---- text ----------------------------------------------------------------------------------------------------------- */

static bool write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);
		if (done < 0 && errno == EAGAIN) { /* somebody made stderr non-blocking */
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			poll(&p, 1, -1);
		} else if (done < 0 && errno != EINTR) {
			return false;
		} else if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
	return true;
}

/* Writes what there is; `next` is then where to go on. */
static void flush(struct printer *p, uint64_t next)
{
	struct rt_report *report = p->report;
	if (p->lost || p->used == 0)
		return;
	if (report->phase != NULL) {
		uint32_t working = RT_DUMPER_WORKING;
		if (!__atomic_compare_exchange_n(report->phase, &working, RT_DUMPER_WRITING, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED)) {
			p->lost = true;
			return;
		}
	}
	bool written = write_all(report->fd, p->text, p->used);
	p->used = 0;
	report->next = next;
	if (report->phase != NULL)
		rt_store_release(report->phase, (uint32_t)RT_DUMPER_WORKING);
	if (!written)
		p->lost = true;
}

static void put_part(struct printer *p, const char *text, size_t n)
{
	while (n > sizeof p->text - p->used) {
		size_t part = sizeof p->text - p->used;
		memcpy(p->text + p->used, text, part);
		p->used += part;
		text += part;
		n -= part;
		flush(p, p->report->next);
		if (p->lost) {
			p->used = 0;
			return;
		}
	}
	memcpy(p->text + p->used, text, n);
	p->used += n;
}

static void put(struct printer *p, const char *text)
{
	put_part(p, text, strlen(text));
}

static void put_number(struct printer *p, uint64_t value, unsigned base)
{
	char digits[24], *at = digits + sizeof digits;
	*--at = 0;
	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	put(p, at);
}

static void put_signed(struct printer *p, int64_t value)
{
	if (value < 0)
		put(p, "-");
	put_number(p, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

static void put_address(struct printer *p, const void *address)
{
	put(p, "0x");
	put_number(p, (uint64_t)(uintptr_t)address, 16);
}

/* Text of the program's within brackets: what would end an item or a line is replaced. */
static void put_inert(struct printer *p, const char *text, size_t max)
{
	char copy[128];
	size_t n = 0;
	for (; n < max && n + 1 < sizeof copy && text[n] != 0; n++) {
		char c = text[n];
		copy[n] = c == '[' ? '(' : c == ']' ? ')' : c == ',' ? ';' : (unsigned char)c < ' ' || c == 127 ? '?' : c;
	}
	copy[n] = 0;
	put(p, copy);
}

/* The same, of text that may not be there any more. */
static void put_peeked(struct printer *p, const char *text)
{
	char copy[100];
	size_t n = text != NULL ? rt_peek(copy, (uint64_t)(uintptr_t)text, sizeof copy - 1) : 0;
	copy[n] = 0;
	put_inert(p, n > 0 ? copy : "?", sizeof copy);
}

/* ---- objects -------------------------------------------------------------------------------------------------------- */

static enum object object_of(const struct gos_g *gp)
{
	return gp->status == GOS_WAITING && gp->reason < sizeof reasons / sizeof *reasons ? reasons[gp->reason].object
											  : OBJECT_NONE;
}

static const char *doing(const struct gos_g *gp)
{
	if (gp->status == GOS_WAITING)
		return gp->reason < sizeof reasons / sizeof *reasons && reasons[gp->reason].word[0] != 0
			       ? reasons[gp->reason].word
			       : "waiting";
	return gp->status < sizeof state_words / sizeof *state_words && state_words[gp->status] != NULL ? state_words[gp->status]
													: "?";
}

static struct gos_g *goroutine_number(uint64_t i)
{
	return &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
}

/* "goroutine 7", and its name if there is one. A search: deadlock reports only. */
READS_WHILE_WRITTEN static void put_goid(struct printer *p, uint64_t goid)
{
	put(p, "goroutine ");
	put_number(p, goid, 10);
	uint64_t count = rt_load_acquire(&gos_runtime.gcount);
	for (uint64_t i = 0; i < count; i++) {
		const struct gos_g *gp = goroutine_number(i);
		if (rt_load_relaxed(&gp->goid) == goid && gp->name[0] != 0) {
			put(p, " \"");
			put_inert(p, gp->name, sizeof gp->name);
			put(p, "\"");
			break;
		}
	}
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
	put(p, object_words[OBJECT_CHAN]);
	put(p, " ");
	put_address(p, address);
	if (!details || rt_peek(&c, (uint64_t)(uintptr_t)address, sizeof c) != sizeof c)
		return;
	put(p, " (");
	put_peeked(p, c.elem_type);
	if (c.capacity == 0) {
		put(p, "; unbuffered");
	} else {
		put(p, "; ");
		put_number(p, c.count, 10);
		put(p, " of ");
		put_number(p, c.capacity, 10);
		put(p, " buffered");
	}
	if (c.owner < sizeof chan_owners / sizeof *chan_owners)
		put(p, chan_owners[c.owner]);
	put(p, "; made at ");
	put_peeked(p, c.file);
	put(p, ":");
	put_number(p, c.line, 10);
	put(p, ")");
}

/* " held by goroutine 7", or nothing when nobody does. */
static void put_holder(struct printer *p, const char *how, uint64_t goid, bool details)
{
	if (goid == 0)
		return;
	put(p, how);
	if (details) {
		put_goid(p, goid);
	} else {
		put(p, "goroutine ");
		put_number(p, goid, 10);
	}
}

/* What gp waits on. prefix comes before each, if there is anything. */
static void put_objects(struct printer *p, const struct gos_g *gp, const char *prefix, bool details)
{
	enum object object = object_of(gp);
	uint64_t at = (uint64_t)(uintptr_t)gp->wait_obj;
	if (object == OBJECT_NONE || at == 0 || (object == OBJECT_TIMER && !details))
		return;
	if (object == OBJECT_SELECT) {
		struct gos_sudog sg;
		for (int n = 0; at != 0 && rt_peek(&sg, at, sizeof sg) == sizeof sg; at = (uint64_t)(uintptr_t)sg.waitlink) {
			put(p, prefix);
			if (n++ == (details ? 16 : 4)) {
				put(p, "...");
				return;
			}
			if (details)
				put(p, sg.case_dir == GOS_DIR_SEND ? "send to " : "receive from ");
			put_chan(p, sg.obj, details);
		}
		return;
	}
	put(p, prefix);
	if (object == OBJECT_CHAN) {
		put_chan(p, gp->wait_obj, details);
		return;
	}
	put(p, object_words[object]);
	put(p, " ");
	if (object == OBJECT_FD) {
		struct gos_pollfd pd;
		if (rt_peek(&pd, at, sizeof pd) == sizeof pd)
			put_signed(p, pd.fd);
		else
			put(p, "?");
		return;
	}
	put_address(p, gp->wait_obj);
	if (object == OBJECT_GROUP) {
		gos_waitgroup wg;
		if (rt_peek(&wg, at, sizeof wg) == sizeof wg) {
			put(p, " with ");
			put_number(p, wg.state >> 32, 10);
			put(p, " to come");
		}
	} else if (object == OBJECT_MUTEX) {
		gos_mutex m;
		if (rt_peek(&m, at, sizeof m) == sizeof m)
			put_holder(p, " held by ", m.owner, details);
	} else if (object == OBJECT_RWMUTEX) {
		gos_rwmutex rw;
		if (rt_peek(&rw, at, sizeof rw) != sizeof rw)
			return;
		put_holder(p, " held by ", rw.owner, details);
		if (rw.owner == 0 && rw.leaving > 0) {
			put(p, " held by ");
			put_number(p, (uint64_t)rw.leaving, 10);
			put(p, rw.leaving == 1 ? " reader" : " readers");
			if (rw.writers.owner != 0 && rw.writers.owner != gp->goid) {
				put_holder(p, " that ", rw.writers.owner, details);
				put(p, " waits for");
			}
		}
	} else if (object == OBJECT_ONCE) {
		gos_once once;
		if (rt_peek(&once, at, sizeof once) == sizeof once)
			put_holder(p, " run by ", once.mutex.owner, details);
	}
}

/* ---- frames --------------------------------------------------------------------------------------------------------- */

/* "\tfile:line +0x1d": panicparse stops at endings of file names that no compiler of Go knows. */
static void put_place(struct printer *p, const struct rt_symbol *symbol)
{
	put(p, "\n\t");
	if (symbol->file == NULL) {
		put(p, "??:0");
	} else {
		size_t n = strlen(symbol->file);
		const char *end = n > 2 && symbol->file[n - 2] == '.' ? symbol->file + n - 1 : "";
		if (*end == 'S') {
			put_part(p, symbol->file, n - 1);
			put(p, "s");
		} else {
			put_part(p, symbol->file, n);
			if (*end != 'c' && *end != 's' && (n < 4 || strcmp(symbol->file + n - 3, ".go") != 0))
				put(p, ".c");
		}
		put(p, ":");
		put_number(p, symbol->line, 10);
	}
	if (symbol->offset != 0) {
		put(p, " +0x");
		put_number(p, symbol->offset, 16);
	}
	put(p, "\n");
}

/* Without what compilers append to the parts of a function that they split off: ".cold", ".part.0". */
static void put_function(struct printer *p, const struct rt_symbol *symbol)
{
	char name[128];
	size_t n = strcspn(symbol->function, ".");
	if (n == 0 || n >= sizeof name) {
		put(p, symbol->function);
		return;
	}
	memcpy(name, symbol->function, n);
	name[n] = 0;
	put(p, name);
}

static void put_symbol(struct printer *p, const struct rt_symbol *symbol)
{
	put_function(p, symbol);
	put(p, "(...)");
	put_place(p, symbol);
}

static const struct rt_symbol *symbol_of(struct printer *p, uint64_t pc, bool exact)
{
	static const struct rt_symbol none = {.function = "?"};
	return p->symbols != NULL ? rt_symbolize(p->symbols, pc, exact) : &none;
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
			const struct rt_symbol *symbol = symbol_of(p, trace->first[i - 1].pc, trace->first[i - 1].exact);
			while (symbol->outer != NULL)
				symbol = symbol->outer;
			if (strncmp(symbol->function, "gos_", 4) == 0) {
				put_symbol(p, symbol);
				printed++;
			}
		}
	}
	bool elided = false;
	for (; i < trace->total; i++) {
		const struct rt_frame *frame = rt_trace_frame(trace, i);
		if (frame == NULL) {
			if (!elided) /* in the words that panicparse knows; how many there are is said in the brackets */
				put(p, "...additional frames elided...\n");
			elided = true;
			i = trace->total - RT_TRACE_HALF - 1;
			continue;
		}
		const struct rt_symbol *symbol = symbol_of(p, frame->pc, frame->exact);
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
	const struct rt_symbol *symbol = symbol_of(p, (uint64_t)(uintptr_t)gp->create_pc, false);
	/* Not Go's newer "in goroutine N" after it: panicparse 2.3 takes that for a part of the name, and then nothing that different
	 * goroutines made is alike. The header says it. */
	put(p, "created by ");
	put_function(p, symbol);
	put_place(p, symbol);
}

static void put_header(struct printer *p, const struct gos_g *gp, const char *word, size_t frames)
{
	put(p, "goroutine ");
	put_number(p, gp->goid, 10);
	put(p, " [");
	put(p, word);
	if (gp->status == GOS_WAITING || gp->status == GOS_SYSCALL) {
		int64_t minutes = (rt_now() - gp->wait_since) / (60 * GOS_S);
		if (minutes >= 1 && gp->wait_since != 0) {
			put(p, ", ");
			put_signed(p, minutes);
			put(p, " minutes");
		}
	}
	for (size_t i = 0; i < sizeof flags / sizeof *flags; i++) {
		if (gp->flags & flags[i].bit) {
			put(p, ", ");
			put(p, flags[i].word);
		}
	}
	if (gp->name[0] != 0) {
		put(p, ", \"");
		put_inert(p, gp->name, sizeof gp->name);
		put(p, "\"");
	}
	put_objects(p, gp, ", ", false);
	if (gp->creator != 0 && gp->status != GOS_RUNNING) { /* "goroutine 7 [running]:" is what people and programs look for */
		put(p, ", created by goroutine ");
		put_number(p, gp->creator, 10);
	}
	if (frames > 2 * RT_TRACE_HALF) {
		put(p, ", ");
		put_number(p, frames, 10);
		put(p, " frames");
	}
	put(p, "]:\n");
}

/* ---- one goroutine -------------------------------------------------------------------------------------------------- */

static void unwind_current(struct printer *p)
{
	const struct rt_report *report = p->report;
	p->memory = (struct rt_memory){.anywhere = true, .page = p->page};
	rt_unwind_trace(&report->regs, report->exact, &p->memory, &p->trace);
}

READS_WHILE_WRITTEN static void put_current(struct printer *p)
{
	const struct rt_report *report = p->report;
	unwind_current(p);
	bool system = report->system || report->system_current;
	if (report->current != NULL) {
		p->g = *report->current;
		if (p->g.status != GOS_SYSCALL) /* on its way to another state, it is running still */
			p->g.status = GOS_RUNNING;
		put_header(p, &p->g, doing(&p->g), p->trace.total);
	} else {
		p->g.goid = 0;
		put(p, "goroutine 0 [");
		put(p, state_words[GOS_RUNNING]);
		put(p, ", thread ");
		put_number(p, report->tid, 10);
		put(p, " outside of goroutines]:\n");
	}
	if (put_frames(p, report->user_pc, system) == 0)
		put_frames(p, NULL, true);
	if (report->current != NULL)
		put_creation(p, &p->g);
	put(p, "\n");
}

enum found { FOUND_PARKED, FOUND_RUNNING, FOUND_SILENT, FOUND_NONE };

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

/* Leaves in p->g what the goroutine was, and in p->trace its frames. */
READS_WHILE_WRITTEN static enum found look_at(struct printer *p, struct gos_g *gp)
{
	for (int attempt = 0; attempt < ATTEMPTS; attempt++) {
		uint64_t seq = rt_load_acquire(&gp->seq);
		p->g = *gp;
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
			size_t copied = rt_peek(p->copy, sp, size);
			rt_fence_acquire();
			if (rt_load_relaxed(&gp->seq) != seq || rt_load_relaxed(&gp->goid) != p->g.goid ||
			    rt_load_relaxed(&gp->status) != status)
				continue;
			p->g.status = status;
			p->memory = (struct rt_memory){.lo = sp, .hi = sp + copied, .bytes = p->copy};
			struct rt_regs regs;
			rt_regs_parked(&regs, sp, (uint64_t)(uintptr_t)gos_runtime.resume_pc);
			rt_unwind_trace(&regs, false, &p->memory, &p->trace);
			return FOUND_PARKED;
		}
		struct gos_m *mp = rt_load_acquire(&gp->m);
		if (mp == NULL || rt_load_relaxed(&mp->curg) != gp) {
			sched_yield(); /* in a switch */
			continue;
		}
		uint32_t tid = rt_load_relaxed(&mp->tid);
		if (tid == p->report->tid)
			return FOUND_SILENT; /* it waits for this report */
		for (uint32_t i = 0; i < p->silent_count; i++)
			if (p->silent[i] == tid)
				return FOUND_SILENT;
		if (!rt_capture_thread(tid, &p->trace, &sp)) {
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
	bool system = p->report->system;
	put_header(p, &p->g, doing(&p->g), found == FOUND_SILENT ? 0 : p->trace.total);
	if (found == FOUND_SILENT) {
		put(p, "\tgoroutine running on other thread; stack unavailable\n");
	} else if (put_frames(p, found == FOUND_PARKED ? p->g.wait_pc : NULL, system) == 0) {
		/* It has not begun, or it has ended: what is its own is its function. */
		put_symbol(p, symbol_of(p, (uint64_t)(uintptr_t)p->g.entry, true));
	}
	put_creation(p, &p->g);
	put(p, "\n");
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

READS_WHILE_WRITTEN static void put_waits(struct printer *p)
{
	uint64_t count = rt_load_acquire(&gos_runtime.gcount), waiting = 0;
	for (uint64_t i = 0; i < count; i++) {
		struct gos_g *gp = goroutine_number(i);
		if (rt_load_acquire(&gp->status) != GOS_WAITING || ++waiting > WAITS_MAX)
			continue;
		p->g = *gp;
		put(p, "goroutine ");
		put_number(p, gp->goid, 10);
		if (gp->name[0] != 0) {
			put(p, " \"");
			put_inert(p, gp->name, sizeof gp->name);
			put(p, "\"");
		}
		put(p, ": ");
		put(p, doing(&p->g));
		put_objects(p, &p->g, object_of(&p->g) == OBJECT_SELECT ? "; " : " on ", true);
		put(p, "\n");
	}
	if (waiting > WAITS_MAX) {
		put(p, "... and ");
		put_number(p, waiting - WAITS_MAX, 10);
		put(p, " more\n");
	}
	if (waiting > 0)
		put(p, "\n");
}

/* ---- a report ------------------------------------------------------------------------------------------------------- */

bool rt_report_print(struct rt_report *report, bool full)
{
	struct printer *p = &printers[full ? 0 : 1];
	p->report = report;
	p->lost = false;
	p->used = 0;
	p->silent_count = 0;

	/* What is known goes out before symbols are looked for, which is where a broken process breaks again. */
	if (report->next == 0) {
		put(p, report->head);
		if (report->waits)
			put_waits(p);
		flush(p, 1);
	}
	uint64_t count = report->show_others ? rt_load_acquire(&gos_runtime.gcount) : 0;
	if (!report->show_current && count == 0)
		return !p->lost;
	if (report->given_up)
		put(p, "gossamer: symbols could not be read as usual: names only, from here on\n\n");
	p->symbols = rt_symbolize_begin(full);
	if (report->next <= 1 && report->show_current && !p->lost) {
		rt_add_fetch(&report->beat, 1);
		put_current(p);
		flush(p, 2);
	}
	if (report->next < 2)
		report->next = 2;
	for (uint64_t i = report->next - 2; i < count && !p->lost; i++) {
		struct gos_g *gp = goroutine_number(i);
		rt_add_fetch(&report->beat, 1);
		if (report->stop != NULL && rt_load_relaxed(report->stop))
			p->lost = true;
		if (gp == report->current && report->show_current)
			continue;
		put_goroutine(p, gp);
		if (p->used > sizeof p->text / 2)
			flush(p, i + 3);
	}
	flush(p, count + 2);
	if (p->symbols != NULL)
		rt_symbolize_end(p->symbols);
	p->symbols = NULL;
	if (p->copy != NULL)
		munmap(p->copy, p->copy_size);
	p->copy = NULL;
	p->copy_size = 0;
	return !p->lost;
}
