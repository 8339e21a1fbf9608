/* SPDX-License-Identifier: MIT */
/*
 * note.h - a thread's one-time sleep, on a futex. Floor 0.
 *
 * rt_note_clear, then any number of rt_note_sleep by one thread and one rt_note_wake by another, in any order.
 */
#ifndef RT_NOTE_H
#define RT_NOTE_H

#include <stdbool.h>
#include <stdint.h>

struct rt_note {
	uint32_t key; /* 1: woken. Sync: atomic */
};

void rt_note_clear(struct rt_note *n);
/* Sleeps until woken; ns >= 0 bounds it. True when it was woken. */
bool rt_note_sleep(struct rt_note *n, int64_t ns);
void rt_note_wake(struct rt_note *n);

#endif
