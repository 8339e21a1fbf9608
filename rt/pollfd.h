/* SPDX-License-Identifier: MIT */
/*
 * pollfd.h - the record of a descriptor: who uses it, who waits for it, and until when. Floor 2: it returns goroutines and makes none ready.
 *
 * A record belongs to a number for good; the files that have that number one after the other are its lives. What holds:
 *  - A call counts itself among the users before its first system call on the descriptor, and leaves after the last. gos_close marks the life as CLOSING
 *    and wakes who waits; close(2) is called once the last user has left. So no call ever meets the next file of that number.
 *  - Whoever's leaving makes the count of a CLOSING life zero sets FINAL, and alone calls close(2) and begins the next life. Who comes in between waits for that: his file may be new.
 *  - A deadline that has passed is a bit beside the count, so that a call learns of it by the addition that it makes anyway.
 *
 * Two ways to wait. rg (wg for writers) is a slot for one goroutine, RT_POLL_NONE, RT_POLL_READY (an edge came and nobody has used it up), RT_POLL_WAIT
 * (a goroutine is about to park) or the G that is parked: for those whose next system call tells all. The list `waiting` is for those who look at
 * the descriptor without using up what they find: each edge wakes them all.
 */
#ifndef RT_POLLFD_H
#define RT_POLLFD_H

#include "state.h"

#define RT_POLL_NONE ((struct gos_g *)0)
#define RT_POLL_READY ((struct gos_g *)1)
#define RT_POLL_WAIT ((struct gos_g *)2)

enum rt_watched {
	RT_WATCHED_NOT,   /* nobody has asked yet */
	RT_WATCHED,       /* registered with epoll, and non-blocking */
	RT_WATCHED_NEVER, /* epoll cannot: a regular file, a directory */
	RT_WATCHED_ONCE,  /* registered for gos_wait_fd, and perhaps closed since by somebody else: to be asked about each time */
};

#define RT_FD_CLOSING 0x80000000u
#define RT_FD_FINAL 0x40000000u
#define RT_FD_EXPIRED(directions) ((uint32_t)(directions) << 28) /* of GOS_POLL_READ, GOS_POLL_WRITE */
#define RT_FD_USERS 0x0fffffffu                                  /* as many as there can be goroutines */

/* The record of fd, made when missing; NULL when fd is out of range. Any M. */
struct gos_pollfd *rt_pollfd(int fd);

/* How many goroutines are parked on descriptors. Sync: atomic */
extern uint32_t rt_pollfd_parked;

/* ---- users ---- */

/* One more; what the word has become. With CLOSING in it the caller must leave again at once. Any M. */
RT_INLINE uint32_t rt_pollfd_enter(struct gos_pollfd *pd)
{
	return rt_add_fetch(&pd->users, 1);
}

bool rt_pollfd_last(struct gos_pollfd *pd);

/* One less. True: the caller was the last of a life that ends: he must call rt_netpoll_forget, close(2) and rt_pollfd_next_life. Any M. */
RT_INLINE bool rt_pollfd_leave(struct gos_pollfd *pd)
{
	uint32_t users = rt_add_fetch(&pd->users, (uint32_t)-1);
	return rt_unlikely((users & RT_FD_CLOSING) != 0) && rt_pollfd_last(pd);
}

/* Marks the life as CLOSING, ends its deadlines, and takes all who wait off it; false when it was so marked before. The caller is a user. Any M. */
bool rt_pollfd_begin_close(struct gos_pollfd *pd, struct gos_g **woken);

/* After close(2): the number may be anybody's. */
void rt_pollfd_next_life(struct gos_pollfd *pd);

/* ---- a slot ---- */

RT_INLINE struct gos_g **rt_pollfd_slot(struct gos_pollfd *pd, int direction)
{
	return direction == GOS_POLL_WRITE ? &pd->wg : &pd->rg;
}

/*
 * Step 1 and 2 of parking in a slot. rt_pollfd_prepare: true when there is no need to park (an edge has come; it is used up). Else look at pd->users once more, and
 * park with rt_pollfd_commit(gp, slot) as the commit; when that returns false the goroutine must be made ready again.
 */
bool rt_pollfd_prepare(struct gos_g **slot);
/* Instead of step 2: the goroutine does not park after all. */
void rt_pollfd_cancel(struct gos_g **slot);
bool rt_pollfd_commit(struct gos_g *gp, struct gos_g **slot);

/* An edge on a slot; the G that was parked there, or NULL. Any M. */
struct gos_g *rt_pollfd_edge(struct gos_g **slot);

/* ---- the list ---- */

/* On the stack of who waits. Lock: pd->lock, for all of it */
struct rt_fd_waiter {
	struct gos_g *g;
	struct rt_fd_waiter *next;
	struct gos_pollfd *pd;
	int directions;
	bool listed; /* false once an edge, a deadline or the close has taken it off */
	bool parked;
	bool late;   /* its own time is over */
};

/*
 * Puts w on the list. Then look at the descriptor: an edge that comes after that look is not lost. Then park with pd->lock as the lock, if rt_fd_waiter_may_park,
 * which takes that lock where it returns true; or take w off.
 */
void rt_fd_waiter_enlist(struct rt_fd_waiter *w, int directions);
bool rt_fd_waiter_may_park(struct rt_fd_waiter *w, struct gos_g *gp);
void rt_fd_waiter_delist(struct rt_fd_waiter *w);
/* Its time is over: the G to make ready, or NULL. Any M. */
struct gos_g *rt_fd_waiter_late(struct rt_fd_waiter *w);

/* Takes those off who wait in any of these directions; those to make ready are put at *end, which is moved on. Any M, holding no lock. */
void rt_fd_waiters_take(struct gos_pollfd *pd, int directions, struct gos_g ***end);

/* ---- deadlines ---- */

/* Replaces the deadlines of these directions (0: none); returns those to make ready because it has passed. *first: it is now the first
 * timer of pp to be due. The caller is a user, on pp. */
struct gos_g *rt_pollfd_set_deadline(struct gos_pollfd *pd, int directions, int64_t at, struct gos_p *pp, bool *first);

/* Appends gp, if it is not NULL, to a list linked by ->link. */
RT_INLINE void rt_g_append(struct gos_g ***end, struct gos_g *gp)
{
	if (gp == NULL)
		return;
	gp->link = NULL;
	**end = gp;
	*end = &gp->link;
}

#endif
