/* SPDX-License-Identifier: MIT */
/* expected.h - what the compiler says here and now about every row of layout.def and states.def. */
#ifndef TESTS_ABI_EXPECTED_H
#define TESTS_ABI_EXPECTED_H

#include "rt/abi/abi.h"

struct expected {
	struct gos_abi_row row;
	const char *type;       /* "struct gos_g"; NULL for what is in no structure */
	const char *field;      /* "sched.sp" */
	const char *enumerator; /* "GOS_REASON_SLEEP" */
	long enumerator_value;
};

extern const struct expected expected[];
extern const unsigned expected_count;

#endif
