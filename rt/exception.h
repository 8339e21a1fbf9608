/* SPDX-License-Identifier: MIT */
/*
 * exception.h - C++ exceptions that are thrown or caught belong to a goroutine, though C++ keeps them by thread. Floor 4, below schedule.
 *
 * The runtime of C++ counts, for each thread, the exceptions on their way and lists those whose catch block has not ended (Itanium C++ ABI, exception handling,
 * 2.2.2). A goroutine that waits in a catch block, or in a destructor that an exception runs, would leave them to whoever runs on the thread next, and go
 * on where another's are. So it takes them along.
 *
 * Always true: at a switch the thread's record is empty. Who has something in it keeps it on his stack meanwhile (rt_switch_with_exceptions).
 */
#ifndef RT_EXCEPTION_H
#define RT_EXCEPTION_H

#include <stddef.h>

#include "atomic.h"

struct rt_exceptions {
	void *caught;
	unsigned int uncaught;
};

/* This thread's. In the program if it is one of C++. */
extern struct rt_exceptions *__cxa_get_globals(void) __attribute__((weak));

/* Does the goroutine that runs on this thread have any? */
RT_INLINE bool rt_exceptions_here(void)
{
	if (rt_likely(__cxa_get_globals == NULL))
		return false;
	const struct rt_exceptions *e = __cxa_get_globals();
	return e->caught != NULL || e->uncaught != 0;
}

/* Takes them from the thread. */
RT_INLINE struct rt_exceptions rt_exceptions_take(void)
{
	struct rt_exceptions *here = __cxa_get_globals(), taken = *here;
	here->caught = NULL;
	here->uncaught = 0;
	return taken;
}

#endif
