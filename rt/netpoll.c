/* SPDX-License-Identifier: MIT */
/*
 * netpoll.c - the poller: epoll tells which descriptors have become readable or writable. Floor 2.
 *
 * Descriptors are registered edge-triggered, for everything, once; EPOLL_CTL_MOD makes the kernel tell again what is so already. An event names the life of
 * its descriptor; those of an earlier one are dropped. The kernel may refuse us an epoll descriptor (EMFILE, ENOMEM): then those who want to
 * watch something are told so, each time, and who waits for timers alone waits on a futex instead.
 *
 * Locks: pd->lock (rank POLLFD) for registering; start_lock (rank SLAB, a leaf) for opening what the poller needs.
 */
#include "netpoll.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#define EVENTS 128           /* taken by one system call */
#define BREAK_TAG UINT64_MAX /* the event of rt_netpoll_break */

static struct rt_lock start_lock;
static int epoll_fd = -1, break_fd = -1; /* written before `started` */
static uint32_t started;                 /* Sync: atomic */
static uint32_t break_asked;             /* Sync: atomic, a futex; one write is enough */

static void futex_wake(void)
{
	syscall(SYS_futex, &break_asked, FUTEX_WAKE_PRIVATE, INT32_MAX, NULL, NULL, 0);
}

/* Lock: start_lock, held. 0 or -errno. */
static int open_both(void)
{
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = BREAK_TAG};
	uint64_t one = 1;

	int epoll = epoll_create1(EPOLL_CLOEXEC);
	if (epoll < 0)
		return -errno;
	int event = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (event < 0 || epoll_ctl(epoll, EPOLL_CTL_ADD, event, &ev) != 0) {
		int error = errno;
		if (event >= 0)
			close(event);
		close(epoll);
		return -error;
	}
	/* Whoever has asked for a break until now did so by futex alone; the first to wait here takes note of that. */
	ssize_t put = write(event, &one, sizeof one);
	(void)put;
	epoll_fd = epoll;
	break_fd = event;
	rt_store_release(&started, 1u);
	rt_exchange(&break_asked, 1u); /* and who waits without epoll begins anew, with it */
	futex_wake();
	return 0;
}

/* 0 or -errno. */
static RT_NOINLINE int start(void)
{
	int result = 0;
	if (rt_likely(rt_load_acquire(&started) != 0))
		return 0;
	rt_lock(&start_lock, RT_RANK_SLAB);
	if (started == 0)
		result = open_both();
	rt_unlock(&start_lock);
	return result;
}

/* Lock: pd->lock, held. 0; 1 when epoll cannot watch it; or -errno. *same: it was registered before. It may not be, although our record says so: then
 * somebody has closed it, and this is another file of that number. */
static int register_with_epoll(struct gos_pollfd *pd, bool *same)
{
	struct epoll_event ev = {
		.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
		.data.u64 = (uint64_t)pd->sequence << 32 | (uint32_t)pd->fd,
	};
	bool again = rt_load_relaxed(&pd->watched) == RT_WATCHED || rt_load_relaxed(&pd->watched) == RT_WATCHED_ONCE;
	*same = again && epoll_ctl(epoll_fd, EPOLL_CTL_MOD, pd->fd, &ev) == 0;
	if (*same || ((!again || errno == ENOENT) && epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pd->fd, &ev) == 0))
		return 0;
	return errno == EPERM ? 1 : -errno;
}

int rt_netpoll_watch(struct gos_pollfd *pd)
{
	int result = start();
	if (result != 0)
		return result;
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	uint32_t watched = pd->watched;
	bool same;
	if ((rt_load_relaxed(&pd->users) & RT_FD_CLOSING) != 0) {
		result = -ECANCELED;
	} else if (watched == RT_WATCHED_NEVER) {
		result = 1;
	} else if (watched != RT_WATCHED) {
		int flags = fcntl(pd->fd, F_GETFL);
		result = flags < 0 ? -errno : register_with_epoll(pd, &same);
		if (result == 0 && !(flags & O_NONBLOCK) && fcntl(pd->fd, F_SETFL, flags | O_NONBLOCK) != 0)
			result = -errno;
		if (result >= 0) {
			rt_store_relaxed(&pd->not_socket, 0u);
			rt_store_release(&pd->watched, result == 0 ? (uint32_t)RT_WATCHED : (uint32_t)RT_WATCHED_NEVER);
		}
	}
	rt_unlock(&pd->lock);
	return result;
}

int rt_netpoll_watch_once(struct gos_pollfd *pd)
{
	int result = start();
	if (result != 0)
		return result;
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	if ((rt_load_relaxed(&pd->users) & RT_FD_CLOSING) != 0) {
		result = -ECANCELED;
	} else {
		bool same;
		result = register_with_epoll(pd, &same);
		if (pd->watched != RT_WATCHED || !same)
			rt_store_release(&pd->watched, result == 0 ? (uint32_t)RT_WATCHED_ONCE : (uint32_t)RT_WATCHED_NOT);
	}
	rt_unlock(&pd->lock);
	return result;
}

void rt_netpoll_forget(struct gos_pollfd *pd)
{
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	if (pd->watched == RT_WATCHED || pd->watched == RT_WATCHED_ONCE)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, pd->fd, NULL); /* close(2) would not, where the file has another descriptor */
	rt_store_release(&pd->watched, (uint32_t)RT_WATCHED_NOT);
	rt_store_relaxed(&pd->not_socket, 0u);
	rt_store_release(&pd->sequence, pd->sequence + 1);
	rt_unlock(&pd->lock);
}

uint32_t rt_netpoll_waiters(void)
{
	return rt_load_relaxed(&rt_pollfd_parked);
}

/* There is no epoll descriptor: until somebody asks for a break, or the time is over. */
static void wait_without_epoll(int64_t ns)
{
	struct timespec ts = {ns / 1000000000, ns % 1000000000};
	if (ns == 0)
		return;
	syscall(SYS_futex, &break_asked, FUTEX_WAIT_PRIVATE, 0, ns > 0 ? &ts : NULL, NULL, 0);
	rt_exchange(&break_asked, 0u); /* it is on its way out, and looks at everything again */
}

static int wait_events(struct epoll_event *events, int64_t ns)
{
	static bool no_pwait2;

	if (ns > 0 && !rt_load_relaxed(&no_pwait2)) {
		struct timespec ts = {ns / 1000000000, ns % 1000000000};
		int n = (int)syscall(SYS_epoll_pwait2, epoll_fd, events, EVENTS, &ts, NULL, (size_t)8);
		if (n >= 0 || errno != ENOSYS)
			return n;
		rt_store_relaxed(&no_pwait2, true);
	}
	int ms = ns <= 0 ? (int)ns : ns > INT64_C(1000000) * 3600000 ? 3600000 : (int)((ns + 999999) / 1000000);
	return epoll_wait(epoll_fd, events, EVENTS, ms);
}

struct gos_g *rt_netpoll(int64_t ns)
{
	struct epoll_event events[EVENTS];
	struct gos_g *list = NULL, **end = &list;

	if (rt_unlikely(start() != 0)) {
		wait_without_epoll(ns);
		return NULL;
	}
	int n = wait_events(events, ns);
	for (int i = 0; i < n; i++) {
		uint64_t tag = events[i].data.u64;
		if (tag == BREAK_TAG) {
			if (ns != 0) { /* else it is meant for the one who waits */
				uint64_t count;
				ssize_t got = read(break_fd, &count, sizeof count);
				(void)got;
				/* After the read: who is kept from writing in between need not, since this one is on its way out and looks again. */
				rt_exchange(&break_asked, 0u);
			}
			continue;
		}
		struct gos_pollfd *pd = rt_pollfd((int)(uint32_t)tag);
		if (rt_load_relaxed(&pd->sequence) != (uint32_t)(tag >> 32))
			continue; /* of an earlier life of this number */
		uint32_t e = events[i].events;
		int directions = 0;
		if (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR)) {
			directions |= GOS_POLL_READ;
			rt_g_append(&end, rt_pollfd_edge(&pd->rg));
		}
		if (e & (EPOLLOUT | EPOLLHUP | EPOLLERR)) {
			directions |= GOS_POLL_WRITE;
			rt_g_append(&end, rt_pollfd_edge(&pd->wg));
		}
		rt_fd_waiters_take(pd, directions, &end);
	}
	return list;
}

void rt_netpoll_break(void)
{
	if (rt_exchange(&break_asked, 1u) != 0)
		return;
	if (rt_unlikely(rt_load_acquire(&started) == 0)) {
		futex_wake();
		return; /* open_both looks after those who come to wait with epoll */
	}
	uint64_t one = 1;
	ssize_t put = write(break_fd, &one, sizeof one);
	(void)put;
}
