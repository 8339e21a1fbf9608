/* SPDX-License-Identifier: MIT */
/*
 * netpoll.h - the poller: epoll tells which descriptors have become readable or writable. Floor 2: a source, it returns goroutines and makes none ready.
 *
 * pollfd.h has the records of descriptors, and how a goroutine waits in one.
 */
#ifndef RT_NETPOLL_H
#define RT_NETPOLL_H

#include "pollfd.h"

/* Registers the descriptor and makes it non-blocking, once in its life. 0; 1 when it cannot be watched (a regular file); or -errno, -ECANCELED when it is
 * being closed. The caller is a user. Any M. */
int rt_netpoll_watch(struct gos_pollfd *pd);

/* Registers it, each time: for one that others use with their own system calls, and perhaps close. It stays blocking, or not, as it is. An edge comes if it is ready already.
 * As rt_netpoll_watch otherwise. */
int rt_netpoll_watch_once(struct gos_pollfd *pd);

/* Ends the registration: events that are on their way are not the next life's. Only the last user, before close(2). */
void rt_netpoll_forget(struct gos_pollfd *pd);

/* How many goroutines are parked on descriptors. Any thread. */
uint32_t rt_netpoll_waiters(void);

/* Waits up to ns (0: not at all, -1: for ever) for descriptors; returns goroutines linked by ->link. One thread at a time waits; any may look. */
struct gos_g *rt_netpoll(int64_t ns);

/* Makes the one that waits in rt_netpoll return. Any thread. */
void rt_netpoll_break(void);

#endif
