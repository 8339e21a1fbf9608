/* SPDX-License-Identifier: MIT */
/*
 * note.c - a thread's one-time sleep, on a futex. Floor 0.
 */
#include "note.h"

#include <errno.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "atomic.h"
#include "clock.h"

void rt_note_clear(struct rt_note *n)
{
	rt_store_relaxed(&n->key, 0);
}

bool rt_note_sleep(struct rt_note *n, int64_t ns)
{
	int64_t deadline = ns >= 0 ? rt_real_now() + ns : 0;

	while (rt_load_acquire(&n->key) == 0) { /* pairs with rt_note_wake's exchange */
		struct timespec left, *timeout = NULL;
		if (ns >= 0) {
			int64_t rest = deadline - rt_real_now();
			if (rest <= 0)
				return false;
			left = (struct timespec){rest / 1000000000, rest % 1000000000};
			timeout = &left;
		}
		syscall(SYS_futex, &n->key, FUTEX_WAIT_PRIVATE, 0, timeout, NULL, 0);
	}
	return true;
}

void rt_note_wake(struct rt_note *n)
{
	if (rt_exchange(&n->key, 1) == 0)
		syscall(SYS_futex, &n->key, FUTEX_WAKE_PRIVATE, 1, NULL, NULL, 0);
}
