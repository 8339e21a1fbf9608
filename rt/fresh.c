/* SPDX-License-Identifier: MIT */
/*
 * fresh.c - tokens that vouch for the coarse clock. Floor 1. What they say is in fresh.h.
 */
#include "fresh.h"

#include "seed.h"

#if defined(__x86_64__) && defined(__has_include)
#if __has_include(<sys/rseq.h>)
#include <sys/rseq.h>
#define HAVE_RSEQ 1
#endif
#endif

#if HAVE_RSEQ

_Static_assert(sizeof(struct rseq_cs) == RT_FRESH_SIZE, "a token is one of them");

/* The sequence that nobody executes, and where it would be left: the kernel wants the signature there. The two of the structure are the same, of version 0, without flags. */
#define STRINGIFY_(x) #x
#define STRINGIFY(x) STRINGIFY_(x)
__asm__(".pushsection .text\n"
        "0:	ud2\n"
        "1:	.byte 0x0f, 0xb9, 0x3d\n" /* with the signature an instruction, for who disassembles */
        "	.long " STRINGIFY(RSEQ_SIG) "\n"
        "2:	ud2\n"
        "	.popsection\n"
        "	.pushsection .data.rel.ro, \"aw\"\n"
        "	.balign 32\n"
        "	.globl rt_fresh_tokens\n"
        "	.hidden rt_fresh_tokens\n"
        "	.type rt_fresh_tokens, @object\n"
        "	.size rt_fresh_tokens, 64\n"
        "rt_fresh_tokens:\n"
        "	.quad 0, 0b, 1b - 0b, 2b\n"
        "	.quad 0, 0b, 1b - 0b, 2b\n"
        "	.popsection");

/* glibc's, from 2.35 on; weak, so that what is built with it runs with an older one. */
#pragma weak __rseq_size
#pragma weak __rseq_offset

static uint64_t *rseq_word(void)
{
	if (&__rseq_size == NULL || __rseq_size == 0) /* GLIBC_TUNABLES, or an old kernel */
		return NULL;
	struct rseq *area = (struct rseq *)((char *)__builtin_thread_pointer() + __rseq_offset);
	return (int32_t)area->cpu_id >= 0 ? (uint64_t *)&area->rseq_cs : NULL;
}

#else

const struct rt_fresh_tokens rt_fresh_tokens;

static uint64_t *rseq_word(void)
{
	return NULL;
}

#endif

void rt_fresh_init(struct gos_m *mp)
{
	uint64_t *word = rt_seeded() ? NULL : rseq_word(); /* with a seed the clock is one that no kernel stops */
	rt_store_relaxed(&mp->fresh, word != NULL ? word : &mp->own_fresh);
}

void rt_fresh_in_child(const struct gos_m *mine)
{
	uint32_t count = rt_load_acquire(&gos_runtime.mcount);
	for (uint32_t i = 0; i < count; i++)
		if (gos_runtime.ms[i] != mine)
			rt_store_relaxed(&gos_runtime.ms[i]->fresh, &gos_runtime.ms[i]->own_fresh);
}

/* Not a token, nor 0: somebody else uses the word of mp's thread. */
static bool is_foreign(uint64_t token)
{
	return token != 0 && token != RT_FRESH_EVENT && token != RT_FRESH_RUN;
}

void rt_fresh_set(struct gos_m *mp, uint64_t token)
{
	if (rt_unlikely(is_foreign(rt_fresh_token(mp))))
		rt_store_relaxed(&mp->fresh, &mp->own_fresh);
	rt_store_relaxed(rt_load_relaxed(&mp->fresh), token);
	rt_fence(); /* pairs with the compare-and-swap that moves the clock: either the mover finds this token, or what is now read of the clock is his */
}

void rt_fresh_lower(struct gos_m *mp)
{
	rt_cas(rt_load_relaxed(&mp->fresh), RT_FRESH_RUN, RT_FRESH_EVENT); /* not where it has been taken away meanwhile */
}

void rt_fresh_none(const struct gos_m *but)
{
	uint32_t count = rt_load_acquire(&gos_runtime.pcount);
	for (uint32_t i = 0; i < count; i++) {
		struct gos_m *mp = rt_load_acquire(&gos_runtime.ps[i]->m); /* pairs with rt_p_acquire. Ms are never freed, and their threads never end; a child of fork has none of them: rt_fresh_in_child */
		if (mp == NULL || mp == but)
			continue;
		uint64_t *word = rt_load_relaxed(&mp->fresh), token = rt_load_relaxed(word);
		if (rt_unlikely(is_foreign(token)))
			rt_store_relaxed(&mp->fresh, &mp->own_fresh);
		else if (token != 0)
			rt_cas(word, token, UINT64_C(0)); /* not a store, which might end a sequence of another library's that its thread has just begun */
	}
}
