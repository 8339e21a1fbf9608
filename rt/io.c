/* SPDX-License-Identifier: MIT */
/*
 * io.c - input and output that parks the goroutine and not the thread. Floor 6.
 *
 * Each call first tries the system call, and only on EAGAIN parks until the netpoller has seen an edge. Errors come back as -errno.
 */
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "gossamer.h"
#include "netpoll.h"
#include "park.h"
#include "sema.h"
#include "timers.h"

/* ---- waiting for a descriptor ---- */

static void wait_commit(struct gos_g *gp, void *slot)
{
	if (!rt_pollfd_commit(gp, slot)) {
		gp->link = NULL;
		rt_inject(rt_tls_m, gp); /* the edge came while it was parking */
	}
}

static bool same_life(const struct gos_pollfd *pd, uint32_t sequence)
{
	return rt_load_acquire(&pd->sequence) == sequence;
}

/*
 * Parks until there is an edge, or until it is worth trying again. 0, or -ECANCELED when the descriptor was closed meanwhile. `sequence` is of
 * before the system call that said EAGAIN. One goroutine at a time parks in a slot; who had to wait for its turn tries the call again first, because the edge that the other used up may
 * have been for both.
 */
static int wait_edge(struct gos_pollfd *pd, bool for_write, uint32_t sequence, void *pc)
{
	struct gos_g **slot = for_write ? &pd->wg : &pd->rg;
	uint32_t *turn = for_write ? &pd->write_turn : &pd->read_turn;

	if (!rt_sema_try_acquire(turn)) {
		rt_sema_acquire(turn, false, GOS_REASON_IO_WAIT, pd, pc);
	} else if (!rt_pollfd_prepare(slot)) {
		if (same_life(pd, sequence))
			rt_park(rt_m_of_goroutine(), NULL, wait_commit, slot, GOS_REASON_IO_WAIT, pd, pc);
		else
			rt_pollfd_cancel(slot); /* else we would park in the slot of a later life */
	}
	bool same = same_life(pd, sequence);
	if (!same)
		rt_pollfd_edge(slot); /* an edge that was used up here may have been a later life's; nobody is parked while we have the turn */
	rt_sema_release(turn, false, pc);
	return same ? 0 : -ECANCELED;
}

/*
 * Each system call has a function of its own that returns -errno and is not inlined: compilers may compute the address of errno once for a whole
 * function, and after a park it is another thread's.
 */
static RT_NOINLINE ssize_t read_once(int fd, void *buffer, size_t size)
{
	ssize_t n = read(fd, buffer, size);
	return n >= 0 ? n : -errno;
}

/* Without SIGPIPE where the descriptor is a socket. */
static RT_NOINLINE ssize_t write_once(int fd, const void *buffer, size_t size)
{
	ssize_t n = send(fd, buffer, size, MSG_NOSIGNAL);
	if (n < 0 && errno == ENOTSOCK)
		n = write(fd, buffer, size);
	return n >= 0 ? n : -errno;
}

static RT_NOINLINE int accept_once(int fd, struct sockaddr *address, socklen_t *length)
{
	int got = accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
	return got >= 0 ? got : -errno;
}

static RT_NOINLINE int connect_once(int fd, const struct sockaddr *address, socklen_t length)
{
	return connect(fd, address, length) == 0 ? 0 : -errno;
}

/* Does the connection stand? 1: yes; 0: not yet; or -errno. */
static RT_NOINLINE int connected(int fd)
{
	struct sockaddr_storage peer;
	int error = 0;
	socklen_t size = sizeof peer, error_size = sizeof error;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0)
		return -errno;
	if (error != 0)
		return -error;
	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

/* The record of a descriptor that is about to be used; NULL and *result otherwise. *sequence tells its life from a later one. */
static struct gos_pollfd *use(int fd, uint32_t *sequence, int *result)
{
	rt_m_of_goroutine();
	struct gos_pollfd *pd = rt_pollfd(fd);
	if (pd == NULL) {
		*result = -EBADF;
		return NULL;
	}
	*sequence = rt_load_acquire(&pd->sequence);
	int watched = rt_pollfd_watch(pd);
	if (watched < 0) {
		*result = watched;
		return NULL;
	}
	*result = watched;
	return pd;
}

/* ---- read, write ---- */

ssize_t gos_read(int fd, void *buffer, size_t size)
{
	uint32_t sequence;
	int result;
	struct gos_pollfd *pd = use(fd, &sequence, &result);
	if (pd == NULL)
		return result;
	for (;;) {
		ssize_t n = read_once(fd, buffer, size);
		if (n == -EINTR)
			continue;
		if (n != -EAGAIN)
			return n;
		result = wait_edge(pd, false, sequence, __builtin_return_address(0));
		if (result != 0)
			return result;
	}
}

ssize_t gos_write(int fd, const void *buffer, size_t size)
{
	uint32_t sequence;
	int result;
	struct gos_pollfd *pd = use(fd, &sequence, &result);
	size_t done = 0;

	if (pd == NULL)
		return result;
	do {
		ssize_t n = write_once(fd, (const char *)buffer + done, size - done);
		if (n >= 0) {
			done += (size_t)n;
			continue;
		}
		if (n == -EINTR)
			continue;
		result = n == -EAGAIN ? wait_edge(pd, true, sequence, __builtin_return_address(0)) : (int)n;
		if (result != 0)
			return done > 0 ? (ssize_t)done : result;
	} while (done < size);
	return (ssize_t)done;
}

/* ---- sockets ---- */

int gos_accept(int fd, struct sockaddr *address, socklen_t *length)
{
	uint32_t sequence;
	int result;
	struct gos_pollfd *pd = use(fd, &sequence, &result);
	if (pd == NULL)
		return result;
	for (;;) {
		int got = accept_once(fd, address, length);
		if (got == -EINTR || got == -ECONNABORTED)
			continue;
		if (got != -EAGAIN)
			return got;
		result = wait_edge(pd, false, sequence, __builtin_return_address(0));
		if (result != 0)
			return result;
	}
}

struct connect_timeout {
	struct rt_timer timer;
	struct gos_pollfd *pd;
	uint32_t expired; /* set before the edge that says so. Sync: atomic */
	uint32_t done;    /* set last: this record may go away. Sync: atomic */
};

static struct gos_g *connect_timed_out(void *arg)
{
	struct connect_timeout *to = arg;
	rt_store_release(&to->expired, 1u);
	struct gos_g *gp = rt_pollfd_edge(&to->pd->wg);
	rt_store_release(&to->done, 1u);
	return gp;
}

static int connect_until(int fd, const struct sockaddr *address, socklen_t length, int64_t deadline, void *pc)
{
	uint32_t sequence;
	int result;
	struct gos_pollfd *pd = use(fd, &sequence, &result);
	if (pd == NULL)
		return result;
	/* A Unix socket whose listener is busy says EAGAIN, and no edge tells when it is not: ask again now and then. */
	while ((result = connect_once(fd, address, length)) == -EAGAIN) {
		if (rt_now() >= deadline)
			return -ETIMEDOUT;
		gos_sleep(GOS_MS);
	}
	if (result != -EINPROGRESS && result != -EINTR)
		return result;

	struct connect_timeout to = {.pd = pd, .timer = {.when = deadline, .fn = connect_timed_out, .arg = &to}};
	if (deadline != INT64_MAX)
		rt_timer_add(rt_m_of_goroutine()->p, &to.timer);
	for (;;) {
		result = connected(fd); /* an edge may be a stale one, from before the connect */
		if (result != 0) {
			result = result > 0 ? 0 : result;
			break;
		}
		if (rt_load_acquire(&to.expired)) {
			result = -ETIMEDOUT;
			break;
		}
		result = wait_edge(pd, true, sequence, pc);
		if (result != 0)
			break;
	}
	if (deadline != INT64_MAX && !rt_timer_stop(&to.timer))
		while (!rt_load_acquire(&to.done)) /* its function is running on another worker */
			rt_pause();
	return result;
}

int gos_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return connect_until(fd, address, length, INT64_MAX, __builtin_return_address(0));
}

int gos_close(int fd)
{
	rt_m_of_goroutine();
	struct gos_pollfd *pd = rt_pollfd(fd);
	if (pd == NULL)
		return -EBADF;
	int result;
	struct gos_g *waiters = rt_pollfd_close(pd, &result);
	rt_inject(rt_tls_m, waiters);
	return result;
}

/* ---- addresses ---- */

struct lookup {
	const char *host, *port;
	struct addrinfo hints, *found;
	int error, errno_value; /* getaddrinfo's; errno of the thread that called it */
};

static void lookup(struct lookup *l)
{
	l->hints.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV;
	l->error = getaddrinfo(l->host, l->port, &l->hints, &l->found);
	if (l->error == EAI_NONAME && l->host != NULL) {
		l->hints.ai_flags &= ~AI_NUMERICHOST;
		l->error = getaddrinfo(l->host, l->port, &l->hints, &l->found);
	}
	l->errno_value = errno;
}

/* On g0, whose stack is a thread's: the resolver wants more than a goroutine has. */
static void lookup_commit(struct gos_g *gp, void *arg)
{
	lookup(arg);
	gp->link = NULL;
	rt_inject(rt_tls_m, gp);
}

/* Splits "host:port", "[v6]:port", ":port" into text, which holds `size` bytes. */
static bool split(const char *host_port, char *text, size_t size, const char **host, const char **port)
{
	if (host_port == NULL || strlen(host_port) >= size)
		return false;
	strcpy(text, host_port);
	char *colon = strrchr(text, ':');
	if (colon == NULL || colon[1] == '\0')
		return false;
	*colon = '\0';
	*port = colon + 1;
	char *end;
	long number = strtol(*port, &end, 10);
	if (*end != '\0' || number < 0 || number > 65535 || **port == '+' || **port == '-' || **port == ' ')
		return false;
	*host = text;
	if (text[0] == '[') {
		if (colon == text || colon[-1] != ']')
			return false;
		colon[-1] = '\0';
		*host = text + 1;
	} else if (strchr(text, ':') != NULL) {
		return false; /* a bare v6 address: which colon is meant? */
	}
	if (**host == '\0')
		*host = NULL;
	return true;
}

static int resolve(const char *host_port, int flags, struct addrinfo **found, void *pc)
{
	char text[300];
	struct lookup l = {.hints = {.ai_socktype = SOCK_STREAM, .ai_flags = flags}};
	struct gos_m *mp = rt_m_of_goroutine();

	if (!split(host_port, text, sizeof text, &l.host, &l.port))
		return -EINVAL;
	if (l.host == NULL)
		l.hints.ai_family = flags & AI_PASSIVE ? AF_INET6 : AF_INET;
	/* Straight to g0: what it returns from lookup_commit is this goroutine, ready again. */
	mp->p->ticks_left = 0;
	rt_park(mp, NULL, lookup_commit, &l, GOS_REASON_IO_WAIT, NULL, pc);
	*found = l.found;
	switch (l.error) {
	case 0:
		return 0;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_SYSTEM:
		return l.errno_value != 0 ? -l.errno_value : -EIO;
	default:
		return -ENOENT;
	}
}

static RT_NOINLINE int listen_on(const struct addrinfo *a)
{
	int one = 1, zero = 0;
	int fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0)
		return -errno;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
	if (a->ai_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, a->ai_addr, a->ai_addrlen) != 0 || listen(fd, SOMAXCONN) != 0) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

int gos_listen_tcp(const char *host_port)
{
	struct addrinfo *found = NULL;
	int result = resolve(host_port, AI_PASSIVE, &found, __builtin_return_address(0));
	if (result != 0)
		return result;
	result = -EADDRNOTAVAIL;
	for (const struct addrinfo *a = found; a != NULL && result < 0; a = a->ai_next)
		result = listen_on(a);
	if (result == -EAFNOSUPPORT && found->ai_family == AF_INET6) { /* ":port" where there is no IPv6 */
		struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = ((struct sockaddr_in6 *)found->ai_addr)->sin6_port};
		struct addrinfo v4 = {.ai_family = AF_INET, .ai_socktype = SOCK_STREAM, .ai_addr = (struct sockaddr *)&any, .ai_addrlen = sizeof any};
		result = listen_on(&v4);
	}
	freeaddrinfo(found);
	return result;
}

static RT_NOINLINE int socket_for(const struct addrinfo *a)
{
	int one = 1, fd = socket(a->ai_family, a->ai_socktype | SOCK_NONBLOCK | SOCK_CLOEXEC, a->ai_protocol);
	if (fd < 0)
		return -errno;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	return fd;
}

int gos_dial_tcp(const char *host_port, int64_t timeout_ns)
{
	struct addrinfo *found = NULL;
	void *pc = __builtin_return_address(0);
	int64_t deadline = INT64_MAX;
	if (timeout_ns > 0 && __builtin_add_overflow(rt_now(), timeout_ns, &deadline))
		deadline = INT64_MAX;
	int result = resolve(host_port, 0, &found, pc);
	if (result != 0)
		return result;
	result = -EADDRNOTAVAIL;
	for (const struct addrinfo *a = found; a != NULL; a = a->ai_next) {
		int fd = socket_for(a);
		if (fd < 0) {
			result = fd;
			continue;
		}
		result = connect_until(fd, a->ai_addr, a->ai_addrlen, deadline, pc);
		if (result == 0) {
			result = fd;
			break;
		}
		gos_close(fd);
	}
	freeaddrinfo(found);
	return result;
}
