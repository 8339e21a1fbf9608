/* SPDX-License-Identifier: MIT */
/*
 * origin.h - where goroutines come from: the calls above the go() that made one, and those that made its creators. Floor 1.
 *
 * g->creation is the number of a stack in the depot: the return address of go(), which is g->create_pc, and those of rt_config.creationstack calls above it. To learn it a P
 * unwinds; mostly it only verifies. For each place of creation it has a *site*: where the return addresses were the last time, and what they were. They are still the same when
 *
 *  - the place is one where the compiler knows how far below its caller's frame the stack pointer is (CFA = rsp + n, in the words of DWARF), which then is so each time: the return
 *    address lies at sp + offset; or one that has a frame pointer: it lies at rbp + 8; and
 *  - what lies there is the same; and then the next frame is of a place that is known too, and so on.
 *
 * So an address that is read is a return address, whatever was called in between: frames of changing size (alloca) have a frame pointer. That is what is inlined below, for
 * one caller. For more of them origin.c does the same, and where a frame further up has a frame pointer, it first makes sure that this is as far from sp as it was.
 *
 * What is not as it was is walked, frame by frame, by rules that each P remembers for a return address: twenty to forty ns. Only one that it does not remember costs a look
 * into the unwind tables, of about a microsecond; there is a budget for these, beyond which a goroutine gets the number 0: it is not known. Who has stood at a place with
 * one caller and then with another does not even walk: the pair of the two says which stack it is.
 *
 * Code may be unloaded, and other code be loaded to its addresses, whose frames are others. So nothing is believed of code that can be unloaded before the loader was asked
 * whether any has been, which costs two dozen ns; and the sites below are of places alone that last as long as the program. Where such a place was called from may
 * come and go: a return address is read where one lies.
 *
 * Rejected: unwinding at each go(), 20 ns a frame at best; frame pointers alone, which most libraries lack; believing the first stack seen at a place, which is wrong for the next.
 */
#ifndef RT_ORIGIN_H
#define RT_ORIGIN_H

#include "state.h"

#include "atomic.h"

/* A creator of a goroutine, or a creator's creator, as it was. */
struct gos_ancestor {
	uint64_t goid;
	uint64_t creator;   /* goid; 0: nobody's go() made it */
	uint64_t create_pc;
	uint32_t creation;  /* as g->creation */
	uint32_t pad;
};

/* The creators of those that one goroutine makes: itself first. Shared by them, and given back with the last. In memory that is never unmapped or anything else. */
struct gos_ancestors {
	uint32_t turn;  /* as of struct gos_labels */
	uint32_t users; /* Sync: atomic */
	uint32_t count;
	uint32_t pad;
	struct gos_ancestors *link; /* free list */
	struct gos_ancestor ancestor[1]; /* rt_config.ancestors of them */
};

/* Before the first goroutine: which code lasts. */
void rt_origin_init(void);

/* Can the code that returns there not be unloaded? */
bool rt_origin_lasts(uint64_t return_address);

/* rt_origin, where the site does not hold. */
uint32_t rt_origin_slow(struct gos_p *pp, struct gos_g *gp, uint64_t sp, const uint64_t *entry);

/* Of a creator's own stack, not as its variable: a sanitizer need not know. */
RT_INLINE uint64_t rt_origin_word(uint64_t address)
{
#if defined(__x86_64__)
	uint64_t word;
	__asm__("movq %1, %0" : "=r"(word) : "m"(*(const uint64_t *)address));
	return word;
#else
	return *(const volatile uint64_t *)address;
#endif
}

/*
 * The number of the stack that makes gp now, and gp's ancestors where they are kept: pp's goroutine has called go(), which returns to pc with sp and has saved rbp at *entry.
 * A dozen instructions where the site holds.
 */
RT_INLINE uint32_t rt_origin(struct gos_p *pp, const struct gos_g *parent, struct gos_g *gp, uint64_t pc, uint64_t sp, const uint64_t *entry)
{
	const struct rt_site *site = (const struct rt_site *)((const char *)pp->sites + (pc & (sizeof pp->sites - sizeof *pp->sites)));
	if (rt_likely(site->pc == pc)) {
		if (rt_likely(rt_origin_word(sp + (uint64_t)(int64_t)site->offset) == site->caller))
			return site->creation;
	} else if (site->rbp_pc == pc) {
		uint64_t rbp = *entry;
		/* Where what describes the code is wrong, rbp may be something else. */
		if (rt_likely(rbp - sp < parent->stack_hi - 16 - sp) && rt_likely(rt_origin_word(rbp + 8) == site->caller))
			return site->creation;
	}
	return rt_origin_slow(pp, gp, sp, entry);
}

/* gp ends: its ancestors have one user less. While it has the flag RT_G_ANCESTORS. */
void rt_ancestors_drop(struct gos_g *gp);

/* For who looks on: the ancestors of a goroutine, the nearest first, at most max; how many. Any thread, in a signal handler too; as rt_labels_copy. */
size_t rt_ancestors_copy(const struct gos_g *gp, struct gos_ancestor *to, size_t max);

#endif
