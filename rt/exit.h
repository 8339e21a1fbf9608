/* SPDX-License-Identifier: MIT */
/*
 * exit.h - goroutines end. Floor 5.
 */
#ifndef RT_EXIT_H
#define RT_EXIT_H

/* RUNNING -> DEAD: the end of the current goroutine. Called by rt_gostart when fn has returned. */
_Noreturn void rt_goexit0(void);

#endif
