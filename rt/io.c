/* SPDX-License-Identifier: MIT */
/*
 * io.c - what descriptors of every kind have in common: reading, writing, waiting, deadlines, closing. Floor 6.
 *
 * Each call first tries the system call, and only on EAGAIN parks until the netpoller has seen an edge. Errors come back as -errno. socket.c, address.c and file.c
 * have the rest.
 */
#include "io.h"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>

#include "sema.h"
#include "timer.h"
#include "timers.h"

/* ---- coming in, and leaving ---- */

RT_NOINLINE struct gos_pollfd *rt_fd_use_slowly(struct gos_pollfd *pd, uint32_t users, int directions, bool watch, int *result)
{
	while ((users & RT_FD_CLOSING) != 0) {
		rt_fd_leave(pd);
		*result = -EBADF;
		if ((users & RT_FD_FINAL) == 0)
			return NULL;
		gos_sleep(10 * GOS_US); /* close(2) is on its way, and has perhaps given the number away already: to our caller's file, as far as we know */
		users = rt_pollfd_enter(pd);
	}
	*result = (users & RT_FD_EXPIRED(directions)) != 0 ? -ETIMEDOUT : watch ? rt_netpoll_watch(pd) : 0;
	if (*result >= 0)
		return pd;
	rt_fd_leave(pd);
	return NULL;
}

static RT_NOINLINE int close_once(int fd)
{
	return close(fd) == 0 ? 0 : -errno;
}

RT_NOINLINE int rt_fd_end(struct gos_pollfd *pd)
{
	bool file = rt_load_relaxed(&pd->watched) == RT_WATCHED_NEVER;
	rt_netpoll_forget(pd);
	int result = file ? RT_BLOCKING(close_once(pd->fd)) : close_once(pd->fd); /* a file may have much to write first */
	rt_pollfd_next_life(pd);
	return result;
}

/* What has become of the descriptor while its user waited: 0, -ECANCELED, or -ETIMEDOUT. A deadline wakes one of those who wait; he wakes the others. */
static int fate(struct gos_pollfd *pd, int directions)
{
	uint32_t users = rt_load_seq_cst(&pd->users);
	if (rt_likely((users & (RT_FD_CLOSING | RT_FD_EXPIRED(directions))) == 0))
		return 0;
	if ((users & RT_FD_CLOSING) != 0)
		return -ECANCELED;
	struct gos_g *list = NULL, **end = &list;
	rt_fd_waiters_take(pd, (int)(users >> 28) & directions, &end);
	rt_inject(rt_tls_m, list, true);
	return -ETIMEDOUT;
}

/* ---- waiting in a slot ---- */

static void wait_commit(struct gos_g *gp, void *slot)
{
	if (!rt_pollfd_commit(gp, slot)) {
		gp->link = NULL;
		rt_inject(rt_tls_m, gp, false); /* the edge came while it was parking */
	}
}

/*
 * Parks until there is an edge, or until it is worth trying again: 0; or what fate says. One goroutine at a time parks in a slot; who had to wait for
 * his turn tries the call again first, because the edge that the other used up may have been for both.
 */
static int wait_edge(struct gos_pollfd *pd, int direction, void *pc)
{
	struct gos_g **slot = rt_pollfd_slot(pd, direction);
	uint32_t *turn = direction == GOS_POLL_WRITE ? &pd->write_turn : &pd->read_turn;
	int result = 0;

	if (!rt_sema_try_acquire(turn)) {
		rt_sema_acquire(turn, false, GOS_REASON_IO_WAIT, pd, pc);
	} else if (!rt_pollfd_prepare(slot)) {
		result = fate(pd, direction);
		if (result == 0)
			rt_park(rt_tls_m, NULL, wait_commit, slot, GOS_REASON_IO_WAIT, pd, pc);
		else
			rt_pollfd_cancel(slot);
	}
	if (result == 0)
		result = fate(pd, direction);
	rt_sema_release(turn, false, pc);
	return result;
}

RT_NOINLINE bool rt_fd_again(struct gos_pollfd *pd, int direction, ssize_t *n, void *pc)
{
	if (*n == -EINTR)
		return true;
	if (*n != -EAGAIN || rt_load_relaxed(&pd->watched) != RT_WATCHED)
		return false;
	int result = wait_edge(pd, direction, pc);
	if (result == 0)
		return true;
	*n = result;
	return false;
}

/* ---- waiting on the list ---- */

struct timed_waiter {
	struct rt_fd_waiter waiter;
	struct rt_timer timer;
	uint32_t timer_done; /* set last by its function: this record may go away. Sync: atomic */
};

static struct gos_g *time_is_over(void *arg)
{
	struct timed_waiter *t = arg;
	struct gos_g *gp = rt_fd_waiter_late(&t->waiter);
	rt_store_release(&t->timer_done, 1u);
	return gp;
}

int rt_fd_wait(struct gos_pollfd *pd, int directions, int (*look)(int fd, int directions), int64_t until, void *pc)
{
	struct timed_waiter t = {.waiter.pd = pd, .timer = {.when = until, .fn = time_is_over, .arg = &t}};
	struct rt_fd_waiter *w = &t.waiter;
	int result;

	if (until != INT64_MAX)
		rt_timer_add(rt_tls_m->p, &t.timer);
	for (;;) {
		rt_fd_waiter_enlist(w, directions);
		result = look(pd->fd, directions);
		if (result == 0)
			result = fate(pd, directions);
		if (result == 0 && rt_load_relaxed(&w->late))
			result = -ETIMEDOUT;
		if (result != 0)
			break;
		struct gos_m *mp = rt_tls_m;
		if (rt_fd_waiter_may_park(w, mp->curg))
			rt_park(mp, &pd->lock, NULL, NULL, GOS_REASON_IO_WAIT, pd, pc);
	}
	rt_fd_waiter_delist(w);
	if (until != INT64_MAX && !rt_timer_stop(&t.timer))
		while (!rt_load_acquire(&t.timer_done)) /* its function is running on another worker */
			rt_pause();
	return result;
}

static RT_NOINLINE int ready(int fd, int directions)
{
	struct pollfd p = {
		.fd = fd,
		.events = (short)((directions & GOS_POLL_READ ? POLLIN | POLLRDHUP : 0) | (directions & GOS_POLL_WRITE ? POLLOUT : 0)),
	};
	int found = 0;
	if (poll(&p, 1, 0) < 0)
		return errno == EINTR ? 0 : -errno;
	if (p.revents & POLLNVAL)
		return -EBADF;
	if (p.revents & (POLLIN | POLLRDHUP | POLLHUP | POLLERR))
		found |= GOS_POLL_READ;
	if (p.revents & (POLLOUT | POLLHUP | POLLERR))
		found |= GOS_POLL_WRITE;
	return found & directions;
}

int gos_wait_fd(int fd, int directions, int64_t timeout_ns)
{
	void *pc = __builtin_return_address(0);
	int64_t until = rt_until(timeout_ns);
	int result;

	if (directions == 0 || (directions & ~(GOS_POLL_READ | GOS_POLL_WRITE)) != 0)
		return -EINVAL;
	struct gos_pollfd *pd = rt_fd_use_unwatched(fd, directions, &result);
	if (pd == NULL)
		return result;
	result = rt_netpoll_watch_once(pd);
	if (result == 0)
		result = rt_fd_wait(pd, directions, ready, until, pc);
	else if (result == 1)
		result = ready(fd, directions); /* a file is, always */
	rt_fd_leave(pd);
	return result;
}

/* ---- read, write ---- */

static RT_NOINLINE ssize_t read_once(int fd, void *buffer, size_t size)
{
	ssize_t n = read(fd, buffer, size);
	return n >= 0 ? n : -errno;
}

/* Without SIGPIPE where the descriptor is a socket. */
static RT_NOINLINE ssize_t write_once(struct gos_pollfd *pd, const void *buffer, size_t size)
{
	ssize_t n = -1;
	if (!rt_load_relaxed(&pd->not_socket)) {
		n = send(pd->fd, buffer, size, MSG_NOSIGNAL);
		if (n >= 0 || errno != ENOTSOCK)
			return n >= 0 ? n : -errno;
		rt_store_relaxed(&pd->not_socket, 1u);
	}
	n = write(pd->fd, buffer, size);
	return n >= 0 ? n : -errno;
}

ssize_t gos_read(int fd, void *buffer, size_t size)
{
	return RT_FD_CALL(fd, GOS_POLL_READ, read_once(fd, buffer, size));
}

ssize_t gos_write(int fd, const void *buffer, size_t size)
{
	int result;
	struct gos_pollfd *pd = rt_fd_use(fd, GOS_POLL_WRITE, &result);
	size_t done = 0;

	if (pd == NULL)
		return result;
	ssize_t n;
	do {
		const char *rest = (const char *)buffer + done;
		n = rt_likely(result == 0) ? write_once(pd, rest, size - done) : RT_BLOCKING(write_once(pd, rest, size - done));
		if (n >= 0)
			done += (size_t)n;
	} while (n >= 0 ? done < size : rt_fd_again(pd, GOS_POLL_WRITE, &n, __builtin_return_address(0)));
	rt_fd_leave(pd);
	return n < 0 && done == 0 ? n : (ssize_t)done;
}

/* ---- deadlines, closing ---- */

int gos_set_deadline(int fd, int directions, int64_t at_ns)
{
	int result;
	if (directions == 0 || (directions & ~(GOS_POLL_READ | GOS_POLL_WRITE)) != 0)
		return -EINVAL;
	struct gos_pollfd *pd = rt_fd_use(fd, 0, &result);
	if (pd == NULL)
		return result;
	if (result == 0) {
		bool first;
		rt_inject(rt_tls_m, rt_pollfd_set_deadline(pd, directions, at_ns, rt_tls_m->p, &first), true);
		if (first)
			rt_timer_tell_poller(at_ns);
	}
	rt_fd_leave(pd);
	return result == 0 ? 0 : -EPERM;
}

static RT_NOINLINE bool is_open(int fd)
{
	return fcntl(fd, F_GETFD) >= 0;
}

int gos_close(int fd)
{
	int result;
	struct gos_g *woken;
	struct gos_pollfd *pd = rt_fd_use_unwatched(fd, 0, &result);
	if (pd == NULL)
		return result;
	/* A number that is not open: else who leaves last would be told so, and not we. */
	bool ours = rt_load_acquire(&pd->watched) != RT_WATCHED_NOT || is_open(fd);
	ours = ours && rt_pollfd_begin_close(pd, &woken);
	if (ours)
		rt_inject(rt_tls_m, woken, true);
	/* Who is still inside and comes out last closes it. */
	if (rt_pollfd_leave(pd))
		result = rt_fd_end(pd);
	return ours ? result : -EBADF;
}
