/* SPDX-License-Identifier: MIT */
/*
 * echo-client.c - PORT N CONNECTIONS: sends n messages of 64 bytes over that many connections to a server on this machine, on each the next
 * when the last has come back. One thread and epoll, no runtime: it is the same for both sides of the benchmark.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#define SIZE 64

struct connection {
	int fd;
	int got; /* bytes of the reply */
	int64_t left;
	unsigned char number; /* in every byte of the message, so that a reply to another is seen */
};

static _Noreturn void fail(const char *what)
{
	fprintf(stderr, "echo-client: %s: %s\n", what, strerror(errno));
	exit(1);
}

static void send_message(struct connection *c)
{
	char message[SIZE];
	memset(message, ++c->number, SIZE);
	c->got = 0;
	if (write(c->fd, message, SIZE) != SIZE)
		fail("write");
}

/* True when this was the last. */
static int receive(struct connection *c)
{
	unsigned char reply[SIZE];
	ssize_t n = read(c->fd, reply, (size_t)(SIZE - c->got));
	if (n <= 0)
		fail("read");
	for (ssize_t i = 0; i < n; i++)
		if (reply[i] != c->number) {
			errno = EPROTO;
			fail("a wrong reply");
		}
	c->got += (int)n;
	if (c->got < SIZE)
		return 0;
	if (--c->left == 0) {
		close(c->fd);
		return 1;
	}
	send_message(c);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc != 4)
		return 64;
	int64_t n = atoll(argv[2]), count = atoll(argv[3]), open = count;
	struct connection *all = calloc((size_t)count, sizeof *all);
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(argv[1])), .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	int poller = epoll_create1(0), on = 1;

	for (int64_t i = 0; i < count; i++) {
		struct connection *c = &all[i];
		struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
		c->left = n / count;
		c->fd = socket(AF_INET, SOCK_STREAM, 0);
		if (c->fd < 0 || connect(c->fd, (struct sockaddr *)&address, sizeof address) != 0)
			fail("connect");
		setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event) != 0)
			fail("epoll_ctl");
	}
	for (int64_t i = 0; i < count; i++) {
		if (all[i].left > 0) {
			send_message(&all[i]);
		} else {
			close(all[i].fd);
			open--;
		}
	}
	while (open > 0) {
		struct epoll_event events[256];
		int ready = epoll_wait(poller, events, 256, -1);
		if (ready < 0 && errno != EINTR)
			fail("epoll_wait");
		for (int i = 0; i < ready; i++)
			open -= receive(events[i].data.ptr);
	}
	return 0;
}
