/* SPDX-License-Identifier: MIT */
/*
 * address.c - names of hosts, numbers, paths: what addresses they stand for. Floor 6.
 *
 * Numbers are read here. Names are for getaddrinfo, which blocks its thread and wants much stack: goroutines with a large stack of their own call it, at most RESOLVERS at once. Who asks
 * puts a lookup in a line and parks; it may go away when its time is over, so a lookup belongs to all who still know it: the asker, the resolver, the timer.
 *
 * Lock: `lock` (rank LOOKUP), for the line and for what asker, resolver and timer tell each other.
 */
#include "address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <string.h>

#include "../asm/gobuf.h"
#include "gossamer.h"
#include "io.h"
#include "spawn.h"
#include "syscall.h"
#include "timers.h"

#define RESOLVERS 64                  /* at once: each blocks a thread */
#define RESOLVER_STACK (512 * 1024)   /* glibc's modules for host names are written for a thread's stack */

struct lookup {
	struct lookup *next; /* in the line. Lock: lock */
	struct gos_g *asker; /* while parked. Lock: lock */
	bool done;           /* `found` and the errors are there. Lock: lock */
	bool late;           /* the asker's time is over. Lock: lock */
	bool abandoned;      /* nobody waits for it any more. Lock: lock */
	uint32_t owners;     /* Sync: atomic */
	struct rt_timer timer;
	struct addrinfo hints, *found;
	int error, errno_value; /* getaddrinfo's; errno of the thread that called it */
	const char *node, *service;
	char text[];
};

static struct rt_lock lock;
static struct lookup *first, **last = &first;
static uint32_t resolvers;

static void disown(struct lookup *l)
{
	if (rt_add_fetch(&l->owners, (uint32_t)-1) != 0)
		return;
	if (l->found != NULL)
		freeaddrinfo(l->found);
	free(l);
}

static RT_NOINLINE void ask_libc(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found, int *error, int *errno_value)
{
	errno = 0;
	*error = getaddrinfo(node, service, hints, found);
	*errno_value = errno;
	if (*error != 0)
		*found = NULL;
}

/* A goroutine: takes lookups off the line until it is empty. */
static void resolver(void)
{
	for (;;) {
		rt_lock(&lock, RT_RANK_LOOKUP);
		struct lookup *l = first;
		if (l == NULL) {
			resolvers--;
			rt_unlock(&lock);
			return;
		}
		first = l->next;
		if (first == NULL)
			last = &first;
		bool wanted = !l->abandoned;
		rt_unlock(&lock);
		if (wanted) {
			rt_entersyscall(__builtin_return_address(0));
			ask_libc(l->node, l->service, &l->hints, &l->found, &l->error, &l->errno_value);
			rt_exitsyscall();
			rt_lock(&lock, RT_RANK_LOOKUP);
			l->done = true;
			struct gos_g *gp = l->asker;
			l->asker = NULL;
			rt_unlock(&lock);
			if (gp != NULL)
				rt_ready(rt_tls_m, gp);
		}
		disown(l);
	}
}

static struct gos_g *lookup_late(void *arg)
{
	struct lookup *l = arg;
	rt_lock(&lock, RT_RANK_LOOKUP);
	l->late = true;
	struct gos_g *gp = l->asker;
	l->asker = NULL;
	rt_unlock(&lock);
	disown(l);
	return gp;
}

static struct lookup *lookup_new(const char *node, const char *service, const struct addrinfo *hints)
{
	size_t node_size = node != NULL ? strlen(node) + 1 : 0, service_size = service != NULL ? strlen(service) + 1 : 0;
	struct lookup *l = calloc(1, sizeof *l + node_size + service_size);
	if (l == NULL)
		return NULL;
	l->hints = *hints;
	if (node != NULL)
		l->node = memcpy(l->text, node, node_size);
	if (service != NULL)
		l->service = memcpy(l->text + node_size, service, service_size);
	return l;
}

/* getaddrinfo by a resolver, until `until`: false when that came first. */
static bool look_up(const char *node, const char *service, const struct addrinfo *hints, int64_t until, struct addrinfo **found, int *error, int *errno_value,
                    void *pc)
{
	static const struct gos_go_options options = {.stack_size = RESOLVER_STACK, .name = "gos_getaddrinfo"};
	struct lookup *l = lookup_new(node, service, hints);

	*error = EAI_MEMORY;
	if (l == NULL)
		return true;
	l->owners = until == INT64_MAX ? 2 : 3;
	if (until != INT64_MAX) {
		l->timer = (struct rt_timer){.when = until, .fn = lookup_late, .arg = l};
		rt_timer_add(rt_tls_m->p, &l->timer);
	}
	rt_lock(&lock, RT_RANK_LOOKUP);
	*last = l;
	last = &l->next;
	bool more = resolvers < RESOLVERS;
	resolvers += more;
	rt_unlock(&lock);
	if (more)
		rt_go_helper(resolver, pc, &options);

	struct gos_m *mp = rt_tls_m; /* not earlier: rt_go_helper lets others run when it is time to */
	rt_lock(&lock, RT_RANK_LOOKUP);
	if (!l->done && !l->late) {
		l->asker = mp->curg;
		rt_park(mp, &lock, NULL, NULL, GOS_REASON_RESOLVE, NULL, pc);
		rt_lock(&lock, RT_RANK_LOOKUP);
	}
	bool done = l->done;
	l->abandoned = !done;
	rt_unlock(&lock);
	if (done) {
		*found = l->found;
		*error = l->error;
		*errno_value = l->errno_value;
		l->found = NULL;
	}
	if (until != INT64_MAX && rt_timer_stop(&l->timer))
		disown(l); /* the timer's share */
	disown(l);
	return done;
}

/* ---- numbers ---- */

static bool is_port(const char *text)
{
	size_t n = strspn(text, "0123456789");
	return n >= 1 && n <= 5 && text[n] == '\0' && atoi(text) <= 65535;
}

/* A host that is a number, with or without its port. */
static bool read_number(const char *host, uint16_t port, struct rt_address *a)
{
	*a = (struct rt_address){0};
	if (inet_pton(AF_INET, host, &a->v4.sin_addr) == 1) {
		a->v4.sin_family = AF_INET;
		a->v4.sin_port = htons(port);
		a->length = sizeof a->v4;
		return true;
	}
	if (inet_pton(AF_INET6, host, &a->v6.sin6_addr) == 1) {
		a->v6.sin6_family = AF_INET6;
		a->v6.sin6_port = htons(port);
		a->length = sizeof a->v6;
		return true;
	}
	return false;
}

int gos_getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found, int *error)
{
	struct addrinfo asked = hints != NULL ? *hints : (struct addrinfo){.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG}; /* what glibc takes NULL for */
	struct rt_address number;
	int result, errno_value = 0;

	rt_m_of_goroutine();
	*found = NULL;
	if ((node == NULL || read_number(node, 0, &number)) && (service == NULL || is_port(service))) {
		asked.ai_flags |= AI_NUMERICHOST | AI_NUMERICSERV; /* no file is read and nobody asked: here and now */
		ask_libc(node, service, &asked, found, &result, &errno_value);
	} else {
		look_up(node, service, &asked, INT64_MAX, found, &result, &errno_value, __builtin_return_address(0));
	}
	if (error != NULL)
		*error = errno_value;
	return result;
}

/* ---- "host:port" ---- */

/* Splits "host:port", "[v6]:port", ":port" into text, which holds `size` bytes. *host is NULL where there is none. */
static bool split(const char *host_port, char *text, size_t size, const char **host, uint16_t *port)
{
	if (host_port == NULL || strlen(host_port) >= size)
		return false;
	strcpy(text, host_port);
	char *colon = strrchr(text, ':');
	if (colon == NULL || !is_port(colon + 1))
		return false;
	*colon = '\0';
	*port = (uint16_t)atoi(colon + 1);
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

static void without_host(bool listen, uint16_t port, struct rt_address *a)
{
	if (listen)
		*a = (struct rt_address){.v6 = {.sin6_family = AF_INET6, .sin6_port = htons(port), .sin6_addr = IN6ADDR_ANY_INIT}, .length = sizeof a->v6};
	else
		*a = (struct rt_address){
			.v4 = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, .length = sizeof a->v4};
}

static int errno_of(int error, int errno_value)
{
	switch (error) {
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_AGAIN:
		return -EAGAIN;
	case EAI_SYSTEM:
		return errno_value != 0 ? -errno_value : -EIO;
	default:
		return -ENOENT;
	}
}

int rt_resolve(const char *host_port, bool listen, int socktype, int64_t until, struct rt_addresses *found, void *pc)
{
	char text[300]; /* a name has at most 255 bytes */
	const char *host;
	uint16_t port;
	struct addrinfo hints = {.ai_socktype = socktype, .ai_flags = listen ? AI_PASSIVE : 0}, *list = NULL;
	int error, errno_value;

	rt_m_of_goroutine();
	if (!split(host_port, text, sizeof text, &host, &port))
		return -EINVAL;
	found->n = 1;
	if (host == NULL) {
		without_host(listen, port, &found->a[0]);
		return 0;
	}
	if (read_number(host, port, &found->a[0]))
		return 0;
	if (!look_up(host, NULL, &hints, until, &list, &error, &errno_value, pc))
		return -ETIMEDOUT;
	if (error != 0)
		return errno_of(error, errno_value);
	found->n = 0;
	for (const struct addrinfo *a = list; a != NULL && found->n < RT_ADDRESSES; a = a->ai_next) {
		struct rt_address *to = &found->a[found->n];
		if (a->ai_addrlen > sizeof to->v6)
			continue;
		memset(to, 0, sizeof *to);
		memcpy(&to->any, a->ai_addr, a->ai_addrlen);
		to->length = a->ai_addrlen;
		if (to->any.sa_family == AF_INET6)
			to->v6.sin6_port = htons(port);
		else
			to->v4.sin_port = htons(port);
		found->n++;
	}
	freeaddrinfo(list);
	return found->n > 0 ? 0 : -ENOENT;
}

int rt_unix_address(const char *path, struct sockaddr_un *address)
{
	if (path == NULL || path[0] == '\0')
		return -EINVAL;
	size_t n = strlen(path);
	if (n >= sizeof address->sun_path)
		return -ENAMETOOLONG;
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	memcpy(address->sun_path, path, n);
	if (path[0] != '@')
		return (int)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	address->sun_path[0] = '\0';
	return (int)(offsetof(struct sockaddr_un, sun_path) + n);
}
