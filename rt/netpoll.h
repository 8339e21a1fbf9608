/* SPDX-License-Identifier: MIT */
/*
 * netpoll.h - goroutines that wait for descriptors, on epoll. Floor 2: a source, it returns goroutines and makes none ready.
 *
 * Each descriptor in use has a struct gos_pollfd, found by its number, registered once, edge-triggered, for reading and writing. Its rg (and wg for
 * writers) is RT_POLL_NONE, RT_POLL_READY (an edge came and nobody has used it up), RT_POLL_WAIT (a goroutine is about to park) or the G that is parked.
 */
#ifndef RT_NETPOLL_H
#define RT_NETPOLL_H

#include "state.h"

#define RT_POLL_NONE ((struct gos_g *)0)
#define RT_POLL_READY ((struct gos_g *)1)
#define RT_POLL_WAIT ((struct gos_g *)2)

/* The record of fd, made when missing; NULL when fd is out of range. Any M. */
struct gos_pollfd *rt_pollfd(int fd);

/* Registers with epoll and makes the descriptor non-blocking, once. 0; 1 when it cannot be watched (a regular file); or -errno. Any M. */
int rt_pollfd_watch(struct gos_pollfd *pd);

/* Ends the registration and closes the descriptor, so that nobody can register it in between. *result: 0 or -errno. Who waits is
 * returned, linked by ->link, and will see another `sequence`. Any M. */
struct gos_g *rt_pollfd_close(struct gos_pollfd *pd, int *result);

/*
 * Step 1 and 2 of parking on pd. rt_pollfd_prepare: true when there is no need to park (an edge has come; it is used up). Else park, with
 * rt_pollfd_commit(gp, slot) as the commit, on the slot &pd->rg or &pd->wg; when it returns false the goroutine must be made ready again.
 */
bool rt_pollfd_prepare(struct gos_g **slot);
/* Instead of step 2: the goroutine does not park after all. */
void rt_pollfd_cancel(struct gos_g **slot);
bool rt_pollfd_commit(struct gos_g *gp, struct gos_g **slot);

/* An edge on a slot that did not come from epoll, but from a timer: returns the G that was parked there, or NULL. Any M. */
struct gos_g *rt_pollfd_edge(struct gos_g **slot);

/* How many goroutines are parked on descriptors. Any thread. */
uint32_t rt_netpoll_waiters(void);

/* Waits up to ns (0: not at all, -1: for ever) for descriptors; returns goroutines linked by ->link. One thread at a time waits; any may look. */
struct gos_g *rt_netpoll(int64_t ns);

/* Makes the one that waits in rt_netpoll return. Any thread. */
void rt_netpoll_break(void);

#endif
