/* SPDX-License-Identifier: MIT */
/*
 * rwmutex.h - the writer's side of a reader-writer lock for cond, which says itself where the user's code stands. Floor 6.
 */
#ifndef RT_RWMUTEX_H
#define RT_RWMUTEX_H

#include "gossamer.h"

void rt_rwmutex_lock(gos_rwmutex *rw, void *pc);
void rt_rwmutex_unlock(gos_rwmutex *rw, void *pc);

#endif
