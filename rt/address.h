/* SPDX-License-Identifier: MIT */
/*
 * address.h - "host:port", and what it stands for. Floor 6.
 */
#ifndef RT_ADDRESS_H
#define RT_ADDRESS_H

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#define RT_ADDRESSES 32 /* of one name; more are left out */

struct rt_address {
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	};
	socklen_t length;
};

struct rt_addresses {
	size_t n;
	struct rt_address a[RT_ADDRESSES];
};

/*
 * The addresses of "host:port", "[v6]:port" or ":port". Without a host: all of this machine's (IPv6's, which takes IPv4's in) to listen on, the loopback to dial. A host that is not
 * a number is looked up until `until`. 0 or -errno: -EINVAL when it cannot be read, -ENOENT when there is no such host, -ETIMEDOUT. May park.
 */
int rt_resolve(const char *host_port, bool listen, int socktype, int64_t until, struct rt_addresses *found, void *pc);

/* The address of a Unix socket, '@' for the abstract name space. Its length, or -errno. */
int rt_unix_address(const char *path, struct sockaddr_un *address);

#endif
