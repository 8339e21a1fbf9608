/* SPDX-License-Identifier: MIT */
/*
 * spawn.h - goroutines begin. Floor 5.
 */
#ifndef RT_SPAWN_H
#define RT_SPAWN_H

#include "state.h"

struct gos_go_options;

/* IDLE or DEAD -> RUNNABLE: a new goroutine that will call fn with these argument registers (START_WORD_INTEGER.. of gobuf.h). Its goid
 * is left in the creator's last_made. Called by the assembly entries, on a goroutine. */
void rt_go(void *fn, const uint64_t *registers, void *pc, const struct gos_go_options *options);

/* A goroutine of the runtime's own that calls fn, needed first by the current one, whose code stands at pc: what it works for is not that one's alone, so it has no
 * labels, and no stack of creation. On a goroutine; a place where others run. */
void rt_go_helper(void (*fn)(void), void *pc, const struct gos_go_options *options);

/* Goroutine 1, which stands in no line yet. By gos_run. */
struct gos_g *rt_go_first(void *fn, const uint64_t *registers, void *pc);

/* A goroutine that calls fn(arg), in the name of goroutine `creator`, whose code stands or stood at pc: behind all others, so that those that are made one after
 * the other begin in that order. On an M with a P, g0 too. */
void rt_go_for(uint64_t creator, void *pc, void (*fn)(void *arg), void *arg);

/* The first thing a new goroutine's stack does. Called by rt_gostart. */
void rt_goroutine_begin(struct gos_m *mp);

#endif
