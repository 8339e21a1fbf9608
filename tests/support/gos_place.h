/* SPDX-License-Identifier: MIT */
/*
 * gos_place.h - what the record must say, as a test knows it: where a call stands, and when it was.
 *
 *	GOS_PLACE(lock_here, (gos_mutex *m), gos_mutex_lock(m))
 *
 * defines a function lock_here that does nothing else, and lock_here_has(pc): does pc follow its call? The function has a section to itself, whose ends the
 * linker tells, so that no number of a line or of bytes stands in a test.
 */
#ifndef GOS_PLACE_H
#define GOS_PLACE_H

#include <stdbool.h>
#include <stdint.h>

#include "gossamer.h"

#define GOS_PLACE(name, parameters, ...)                                                                   \
	extern const char __start_place_##name[], __stop_place_##name[];                                   \
	__attribute__((noinline, section("place_" #name))) static void name parameters                     \
	{                                                                                                  \
		__VA_ARGS__;                                                                               \
		__asm__ volatile("" ::: "memory"); /* no jump instead of a call */                         \
	}                                                                                                  \
	__attribute__((unused)) static bool name##_has(const void *pc)                                     \
	{                                                                                                  \
		return (const char *)pc > __start_place_##name && (const char *)pc <= __stop_place_##name; \
	}

/* Was `at` read off the coarse clock between `from` and now? That clock is a few milliseconds late, on a busy machine more. */
static inline bool gos_at_since(int64_t at, int64_t from)
{
	return at >= from - 2 * GOS_S && at <= gos_now();
}

#endif
