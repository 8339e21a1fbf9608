/* SPDX-License-Identifier: MIT */
/*
 * jitter.c - a runtime whose every function may take its time.
 *
 * Races hide because the moments between two instructions are short. The flavour `jitter` of the runtime is built with -finstrument-functions,
 * so that each entry and exit of one of its functions, inlined ones too, comes by here: mostly nothing, at times a
 * pause, a yielded CPU or a sleep, so that other threads get into the gap. Nothing in rt/ knows of this.
 */
#include <errno.h>
#include <sched.h>
#include <stdint.h>
#include <stdlib.h>
#include <time.h>

#define QUIET __attribute__((no_instrument_function))

static uint32_t threads; /* Sync: atomic */

static QUIET void jitter(void)
{
	static __thread uint32_t state;
	uint32_t x = state;
	if (x == 0) {
		const char *seed = getenv("GOS_TEST_SEED");
		x = (seed != NULL ? (uint32_t)strtoull(seed, NULL, 0) : 1) * 2654435761u + __atomic_add_fetch(&threads, 1, __ATOMIC_RELAXED) * 40503u;
		x |= 1;
	}
	x ^= x << 13;
	x ^= x >> 17;
	x ^= x << 5;
	state = x;
	if (x % 32 != 0)
		return;
	x /= 32;
	if (x % 4096 == 0) {
		int saved = errno;
		nanosleep(&(struct timespec){.tv_nsec = 1000 + (x >> 12) % 300000}, NULL);
		errno = saved;
	} else if (x % 128 == 0) {
		int saved = errno;
		sched_yield();
		errno = saved;
	} else {
		for (uint32_t n = (x >> 8) % 64; n > 0; n--)
			__asm__ volatile("pause" ::: "memory");
	}
}

QUIET void __cyg_profile_func_enter(void *fn, void *site);
QUIET void __cyg_profile_func_exit(void *fn, void *site);

void __cyg_profile_func_enter(void *fn, void *site)
{
	(void)fn;
	(void)site;
	jitter();
}

void __cyg_profile_func_exit(void *fn, void *site)
{
	(void)fn;
	(void)site;
	jitter();
}
