/* SPDX-License-Identifier: MIT */
/*
 * socket.c - sockets: accepting, connecting, datagrams, and listening and dialing by name. Floor 6.
 */
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "address.h"
#include "gossamer.h"
#include "io.h"

#define FAIR_SHARE_LEAST (2 * GOS_S) /* of the time that is left when a name has several addresses, each gets its share, but no less */
#define UNIX_BUSY_NS GOS_MS

/* ---- one system call each ---- */

static RT_NOINLINE ssize_t accept_once(int fd, struct sockaddr *address, socklen_t *length)
{
	for (;;) {
		int got = accept4(fd, address, length, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (got >= 0 || errno != ECONNABORTED) /* that one is gone, another may be there */
			return got >= 0 ? got : -errno;
	}
}

static RT_NOINLINE ssize_t recvfrom_once(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *from_length)
{
	ssize_t n = recvfrom(fd, buffer, size, flags, from, from_length);
	return n >= 0 ? n : -errno;
}

static RT_NOINLINE ssize_t sendto_once(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to, socklen_t to_length)
{
	ssize_t n = sendto(fd, buffer, size, flags | MSG_NOSIGNAL, to, to_length);
	return n >= 0 ? n : -errno;
}

static RT_NOINLINE ssize_t recvmsg_once(int fd, struct msghdr *message, int flags)
{
	ssize_t n = recvmsg(fd, message, flags);
	return n >= 0 ? n : -errno;
}

static RT_NOINLINE ssize_t sendmsg_once(int fd, const struct msghdr *message, int flags)
{
	ssize_t n = sendmsg(fd, message, flags | MSG_NOSIGNAL);
	return n >= 0 ? n : -errno;
}

/* As Go: who answers in small writes is not to wait for the peer's acknowledgements. Fails on what is not TCP, and may. */
static RT_NOINLINE void without_delay(int fd)
{
	int one = 1;
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

int gos_accept(int fd, struct sockaddr *address, socklen_t *length)
{
	int got = (int)RT_FD_CALL(fd, GOS_POLL_READ, accept_once(fd, address, length));
	if (got >= 0)
		without_delay(got);
	return got;
}

ssize_t gos_recvfrom(int fd, void *buffer, size_t size, int flags, struct sockaddr *from, socklen_t *from_length)
{
	return RT_FD_CALL_FLAGS(fd, GOS_POLL_READ, flags, recvfrom_once(fd, buffer, size, flags, from, from_length));
}

ssize_t gos_sendto(int fd, const void *buffer, size_t size, int flags, const struct sockaddr *to, socklen_t to_length)
{
	return RT_FD_CALL_FLAGS(fd, GOS_POLL_WRITE, flags, sendto_once(fd, buffer, size, flags, to, to_length));
}

ssize_t gos_recvmsg(int fd, struct msghdr *message, int flags)
{
	return RT_FD_CALL_FLAGS(fd, GOS_POLL_READ, flags, recvmsg_once(fd, message, flags));
}

ssize_t gos_sendmsg(int fd, const struct msghdr *message, int flags)
{
	return RT_FD_CALL_FLAGS(fd, GOS_POLL_WRITE, flags, sendmsg_once(fd, message, flags));
}

/* ---- connect ---- */

static RT_NOINLINE int connect_once(int fd, const struct sockaddr *address, socklen_t length)
{
	return connect(fd, address, length) == 0 ? 0 : -errno;
}

/* Does the connection stand? 1: yes; 0: not yet; or -errno. */
static RT_NOINLINE int connected(int fd, int directions)
{
	struct sockaddr_storage peer;
	int error = 0;
	socklen_t size = sizeof peer, error_size = sizeof error;

	(void)directions;
	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &error_size) != 0)
		return -errno;
	if (error != 0)
		return -error;
	return getpeername(fd, (struct sockaddr *)&peer, &size) == 0;
}

static int not_yet(int fd, int directions)
{
	(void)fd;
	(void)directions;
	return 0;
}

static int connect_until(int fd, const struct sockaddr *address, socklen_t length, int64_t until, void *pc)
{
	int result;
	struct gos_pollfd *pd = rt_fd_use(fd, GOS_POLL_WRITE, &result);
	if (pd == NULL)
		return result;
	/* A Unix socket whose listener is busy says EAGAIN, and no edge tells when it is not: ask again now and then. */
	while ((result = connect_once(fd, address, length)) == -EAGAIN) {
		int64_t now = rt_now();
		result = rt_fd_wait(pd, GOS_POLL_WRITE, not_yet, until - now < UNIX_BUSY_NS ? until : now + UNIX_BUSY_NS, pc);
		if (result != -ETIMEDOUT || rt_now() >= until || (rt_load_relaxed(&pd->users) & RT_FD_EXPIRED(GOS_POLL_WRITE)) != 0)
			break;
	}
	if (result == -EINPROGRESS || result == -EALREADY || result == -EINTR) {
		result = rt_fd_wait(pd, GOS_POLL_WRITE, connected, until, pc);
		if (result > 0)
			result = 0;
	}
	rt_fd_leave(pd);
	return result;
}

int gos_connect(int fd, const struct sockaddr *address, socklen_t length)
{
	return connect_until(fd, address, length, INT64_MAX, __builtin_return_address(0));
}

/* ---- by name ---- */

static RT_NOINLINE int new_socket(int family, int type)
{
	int one = 1, fd = socket(family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (family != AF_UNIX && type == SOCK_STREAM)
		without_delay(fd);
	if (family != AF_UNIX && type == SOCK_DGRAM)
		setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
	return fd;
}

/* A socket of this type that is bound to the address and, if it is of streams, listens. */
static RT_NOINLINE int bound(const struct sockaddr *address, socklen_t length, int type)
{
	int one = 1, zero = 0, fd = new_socket(address->sa_family, type);
	if (fd < 0)
		return fd;
	if (address->sa_family != AF_UNIX && type == SOCK_STREAM)
		setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one); /* connections of an earlier run do not keep the port. On datagrams it would share it */
	if (address->sa_family == AF_INET6)
		setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &zero, sizeof zero);
	if (bind(fd, address, length) != 0 || (type == SOCK_STREAM && listen(fd, SOMAXCONN) != 0)) {
		int error = errno;
		close(fd);
		return -error;
	}
	return fd;
}

static int listen_by_name(const char *host_port, int type, void *pc)
{
	struct rt_addresses found;
	int result = rt_resolve(host_port, true, type, INT64_MAX, &found, pc);
	if (result != 0)
		return result;
	result = -EADDRNOTAVAIL;
	for (size_t i = 0; i < found.n && result < 0; i++)
		result = bound(&found.a[i].any, found.a[i].length, type);
	const struct sockaddr_in6 *v6 = &found.a[0].v6;
	if (result == -EAFNOSUPPORT && v6->sin6_family == AF_INET6 && IN6_IS_ADDR_UNSPECIFIED(&v6->sin6_addr)) { /* ":port" where there is no IPv6 */
		struct sockaddr_in any = {.sin_family = AF_INET, .sin_port = v6->sin6_port};
		result = bound((struct sockaddr *)&any, sizeof any, type);
	}
	return result;
}

/* One of n addresses that are still to be tried gets this much of the time until `until`. */
static int64_t share_of(int64_t until, size_t n)
{
	int64_t now = rt_now();
	if (until == INT64_MAX || until <= now)
		return until;
	int64_t share = (until - now) / (int64_t)n;
	if (share < FAIR_SHARE_LEAST)
		share = FAIR_SHARE_LEAST;
	return share < until - now ? now + share : until;
}

static int dial(const struct sockaddr *address, socklen_t length, int type, int64_t until, void *pc)
{
	int fd = new_socket(address->sa_family, type);
	if (fd < 0)
		return fd;
	int result = connect_until(fd, address, length, until, pc);
	if (result == 0)
		return fd;
	gos_close(fd);
	return result;
}

/* Tells the first address's error, as the one that the most was hoped of. */
static int dial_by_name(const char *host_port, int type, int64_t until, void *pc)
{
	struct rt_addresses found;
	int error = 0, result = rt_resolve(host_port, false, type, until, &found, pc);
	if (result != 0)
		return result;
	for (size_t i = 0; i < found.n; i++) {
		result = dial(&found.a[i].any, found.a[i].length, type, share_of(until, found.n - i), pc);
		if (result >= 0)
			return result;
		if (error == 0)
			error = result;
	}
	return error;
}

int gos_listen_tcp(const char *host_port)
{
	return listen_by_name(host_port, SOCK_STREAM, __builtin_return_address(0));
}

int gos_dial_tcp(const char *host_port, int64_t timeout_ns)
{
	return dial_by_name(host_port, SOCK_STREAM, rt_until(timeout_ns), __builtin_return_address(0));
}

int gos_listen_udp(const char *host_port)
{
	return listen_by_name(host_port, SOCK_DGRAM, __builtin_return_address(0));
}

int gos_dial_udp(const char *host_port)
{
	return dial_by_name(host_port, SOCK_DGRAM, INT64_MAX, __builtin_return_address(0));
}

int gos_listen_unix(const char *path)
{
	struct sockaddr_un address;
	rt_m_of_goroutine();
	int length = rt_unix_address(path, &address);
	return length < 0 ? length : bound((struct sockaddr *)&address, (socklen_t)length, SOCK_STREAM);
}

int gos_dial_unix(const char *path, int64_t timeout_ns)
{
	struct sockaddr_un address;
	int length = rt_unix_address(path, &address);
	return length < 0 ? length : dial((struct sockaddr *)&address, (socklen_t)length, SOCK_STREAM, rt_until(timeout_ns), __builtin_return_address(0));
}
