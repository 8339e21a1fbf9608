/* SPDX-License-Identifier: MIT */
/*
 * netpoll.c - goroutines that wait for descriptors, on epoll. Floor 2.
 *
 * No lost edge: a goroutine sets its slot from NONE to WAIT before it parks and from WAIT to itself once it is parked; the poller
 * exchanges the slot for READY. Whichever is second sees the other. Lock: pd->lock (rank POLLFD) for registering and closing only.
 */
#include "netpoll.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "slab.h"
#include "throw.h"

#define FDS_PER_SLAB 1024
#define EVENTS 128                   /* taken by one system call */
#define BREAK_TAG UINT64_MAX         /* the event of rt_netpoll_break */
#define FD_LIMIT (64 * 1024 * 1024)

static struct rt_lock table_lock;
static void **table;
static pthread_once_t once = PTHREAD_ONCE_INIT;
static int epoll_fd = -1, break_fd = -1;
static uint32_t waiters;     /* Sync: atomic */
static uint32_t break_asked; /* Sync: atomic; one write is enough */

static void start(void)
{
	epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (epoll_fd < 0)
		rt_fatal_exhausted("an epoll descriptor", errno);
	break_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (break_fd < 0)
		rt_fatal_exhausted("an event descriptor", errno);
	struct epoll_event ev = {.events = EPOLLIN, .data.u64 = BREAK_TAG};
	if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, break_fd, &ev) != 0)
		rt_fatal_exhausted("an epoll registration", errno);
}

struct gos_pollfd *rt_pollfd(int fd)
{
	if (fd < 0 || fd >= FD_LIMIT)
		return NULL;
	void **directory = rt_load_acquire(&table);
	if (directory != NULL) {
		struct gos_pollfd *slab = rt_load_acquire(&directory[fd / FDS_PER_SLAB]);
		if (rt_likely(slab != NULL && rt_load_acquire(&slab[fd % FDS_PER_SLAB].number) != 0))
			return &slab[fd % FDS_PER_SLAB];
	}
	rt_lock(&table_lock, RT_RANK_SLAB);
	void **made = table;
	struct gos_pollfd *pd = rt_slab_at(&made, (uint64_t)fd, FDS_PER_SLAB, sizeof *pd, "descriptors' records");
	if (rt_load_relaxed(&pd->number) == 0) {
		pd->fd = fd;
		pd->read_turn = pd->write_turn = 1;
		rt_store_release(&pd->number, (uint32_t)fd + 1);
	}
	rt_store_release(&table, made);
	rt_unlock(&table_lock);
	return pd;
}

int rt_pollfd_watch(struct gos_pollfd *pd)
{
	if (rt_likely(rt_load_acquire(&pd->watched) == 1))
		return 0;
	if (pd->watched == 2)
		return 1;
	pthread_once(&once, start);
	int result = 0;
	rt_lock(&pd->lock, RT_RANK_POLLFD);
	if (pd->watched == 0) {
		int flags = fcntl(pd->fd, F_GETFL);
		struct epoll_event ev = {
			.events = EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET,
			.data.u64 = (uint64_t)pd->sequence << 32 | (uint32_t)pd->fd,
		};
		if (flags < 0) {
			result = -errno;
		} else if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, pd->fd, &ev) == 0) {
			if (!(flags & O_NONBLOCK))
				fcntl(pd->fd, F_SETFL, flags | O_NONBLOCK);
			rt_store_release(&pd->watched, 1u);
		} else if (errno == EPERM) { /* a regular file or a directory: always ready */
			rt_store_release(&pd->watched, 2u);
			result = 1;
		} else {
			result = -errno;
		}
	} else if (pd->watched == 2) {
		result = 1;
	}
	rt_unlock(&pd->lock);
	return result;
}

struct gos_g *rt_pollfd_edge(struct gos_g **slot)
{
	for (;;) {
		struct gos_g *old = rt_load_acquire(slot);
		if (old == RT_POLL_READY)
			return NULL;
		if (old == RT_POLL_NONE || old == RT_POLL_WAIT) { /* WAIT: rt_pollfd_commit will find the slot changed */
			if (rt_cas(slot, old, RT_POLL_READY))
				return NULL;
		} else if (rt_cas(slot, old, RT_POLL_NONE)) {
			rt_add_fetch(&waiters, (uint32_t)-1);
			return old;
		}
	}
}

static void append(struct gos_g ***end, struct gos_g *gp)
{
	if (gp == NULL)
		return;
	gp->link = NULL;
	**end = gp;
	*end = &gp->link;
}

struct gos_g *rt_pollfd_close(struct gos_pollfd *pd, int *result)
{
	struct gos_g *list = NULL, **end = &list;

	rt_lock(&pd->lock, RT_RANK_POLLFD);
	if (pd->watched == 1)
		epoll_ctl(epoll_fd, EPOLL_CTL_DEL, pd->fd, NULL);
	/* In this order: who reads the new sequence, and then `watched`, must not take this life's for the next one's and park for ever. */
	rt_store_release(&pd->watched, 0u);
	rt_store_release(&pd->sequence, pd->sequence + 1);
	append(&end, rt_pollfd_edge(&pd->rg));
	append(&end, rt_pollfd_edge(&pd->wg));
	*result = close(pd->fd) == 0 ? 0 : -errno;
	rt_unlock(&pd->lock);
	return list;
}

bool rt_pollfd_prepare(struct gos_g **slot)
{
	for (;;) {
		struct gos_g *old = rt_load_acquire(slot);
		if (old == RT_POLL_READY) {
			if (rt_cas(slot, RT_POLL_READY, RT_POLL_NONE))
				return true;
		} else if (old == RT_POLL_NONE) {
			if (rt_cas(slot, RT_POLL_NONE, RT_POLL_WAIT))
				return false;
		} else {
			rt_throw("two goroutines wait for the same direction of one descriptor");
		}
	}
}

bool rt_pollfd_commit(struct gos_g *gp, struct gos_g **slot)
{
	rt_add_fetch(&waiters, 1); /* before it can be seen in the slot, so that the count never runs below zero */
	if (rt_cas(slot, RT_POLL_WAIT, gp))
		return true;
	rt_add_fetch(&waiters, (uint32_t)-1);
	rt_cas(slot, RT_POLL_READY, RT_POLL_NONE); /* by an edge or by close: used up */
	return false;
}

void rt_pollfd_cancel(struct gos_g **slot)
{
	if (!rt_cas(slot, RT_POLL_WAIT, RT_POLL_NONE))
		rt_cas(slot, RT_POLL_READY, RT_POLL_NONE);
}

uint32_t rt_netpoll_waiters(void)
{
	return rt_load_relaxed(&waiters);
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

	pthread_once(&once, start);
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
		if (e & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
			append(&end, rt_pollfd_edge(&pd->rg));
		if (e & (EPOLLOUT | EPOLLHUP | EPOLLERR))
			append(&end, rt_pollfd_edge(&pd->wg));
	}
	return list;
}

void rt_netpoll_break(void)
{
	pthread_once(&once, start);
	if (rt_exchange(&break_asked, 1u) != 0)
		return;
	uint64_t one = 1;
	ssize_t put = write(break_fd, &one, sizeof one);
	(void)put;
}
