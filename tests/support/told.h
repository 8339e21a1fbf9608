/* SPDX-License-Identifier: MIT */
/* told.h - what happened, in order: a test's functions tell it, and the test says what it must be. */
#ifndef TOLD_H
#define TOLD_H

#include <stdio.h>
#include <string.h>

#include "gos_test.h"

static char told[4096];

static inline void tell(const char *word)
{
	strcat(told, word);
	strcat(told, " ");
}

/* All since the last time. */
#define expect_told(text) expect_told_at_((text), __LINE__)
static inline void expect_told_at_(const char *wanted, int line)
{
	if (strcmp(told, wanted) != 0) {
		fprintf(stderr, "line %d: told '%s' and not '%s'\n", line, told, wanted);
		expect(!"what was told");
	}
	told[0] = 0;
}

#endif
