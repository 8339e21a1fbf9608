/* SPDX-License-Identifier: MIT */
/*
 * lost.h - finds wake-ups that got lost, while the program runs.
 *
 * A thread of its own, no goroutine, so that it sees what happens when none runs any more. At each look it asks of every goroutine whether it should still be where it is: whoever stood
 * in the same place, without having run, at so many looks that no slow machine explains it, has been forgotten. It reads the runtime's objects as a debugger does: no lock is taken,
 * nothing is written, and the runtime does not know of it. What it reads may change meanwhile, so nothing counts that was seen once.
 */
#ifndef LOST_H
#define LOST_H

#include <stdbool.h>
#include <stddef.h>

struct lost_options {
	int period_ms; /* between looks; 0: 1000 */
	int looks;     /* at so many in a row it must be the same; 0: 10, and more for a runtime that takes its time */
	/* Also asked at each look, may be NULL: what else stands still. True ends the test with `text`. */
	bool (*also)(char *text, size_t size);
	/* What happens then; NULL: all goroutines are dumped, and the test fails. Called on the thread; looks end. */
	void (*found)(const char *text);
};

/* Starts the thread. Once in a process, at any time after gos_run began. options are copied. */
void lost_start(const struct lost_options *options);

#endif
