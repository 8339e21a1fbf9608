/* SPDX-License-Identifier: MIT */
/* gos_net.h - what tests of descriptors begin with. */
#ifndef GOS_NET_H
#define GOS_NET_H

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "gos_test.h"

/* A listener on any free port of 127.0.0.1. */
static inline int must_listen(void)
{
	int fd = gos_listen_tcp("127.0.0.1:0");
	expect_ge(fd, 0);
	return fd;
}

/* "127.0.0.1:port" of a listener; until the next call. */
static inline const char *address_of(int listener)
{
	static char text[64];
	struct sockaddr_in6 a = {0};
	socklen_t size = sizeof a;
	expect_eq(getsockname(listener, (struct sockaddr *)&a, &size), 0);
	snprintf(text, sizeof text, "127.0.0.1:%d", ntohs(a.sin6_port)); /* the port stands at the same place in both families */
	return text;
}

/* One read gives just this; then one of wg is done. */
static inline void read_n(gos_waitgroup *wg, int fd, ssize_t wanted, const char *text)
{
	char got[100] = "";
	expect_eq(gos_read(fd, got, sizeof got), wanted);
	if (wanted > 0)
		expect(memcmp(got, text, (size_t)wanted) == 0);
	gos_waitgroup_done(wg);
}

#endif
