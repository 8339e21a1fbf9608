/* SPDX-License-Identifier: MIT */
/*
 * echo.c - a TCP server, a goroutine a connection, that sends back what it gets: n messages of 64 bytes over `tasks` connections.
 *
 * The client is a process of its own (echo-client.c, the same for both sides), so that ns_cpu is the server's CPU time for one message.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench.h"

const char bench_name[] = "echo";
const int64_t bench_warm_part = 10;

static void serve(gos_waitgroup *wg, int fd, int64_t *served)
{
	char message[64];
	ssize_t n;
	int64_t count = 0;

	while ((n = gos_read(fd, message, sizeof message)) > 0) {
		if (gos_write(fd, message, (size_t)n) != n)
			bench_fail("a reply was not written");
		count++;
	}
	gos_close(fd);
	__atomic_add_fetch(served, count, __ATOMIC_RELAXED);
	gos_waitgroup_done(wg);
}

/* The client stands beside this program. */
static pid_t start_client(int port, int64_t n, int64_t tasks)
{
	extern char **environ;
	char path[4096] = "", words[3][24];
	pid_t pid;

	if (readlink("/proc/self/exe", path, sizeof path - 64) <= 0 || strrchr(path, '/') == NULL)
		bench_fail("cannot find out where this program is");
	strcpy(strrchr(path, '/'), "/echo-client");
	snprintf(words[0], sizeof words[0], "%d", port);
	snprintf(words[1], sizeof words[1], "%lld", (long long)n);
	snprintf(words[2], sizeof words[2], "%lld", (long long)tasks);
	char *argv[] = {path, words[0], words[1], words[2], NULL};
	if (posix_spawn(&pid, path, NULL, NULL, argv, environ) != 0)
		bench_fail("cannot start %s", path);
	return pid;
}

int64_t bench_work(int64_t n, int64_t tasks)
{
	static gos_waitgroup wg;
	struct sockaddr_in address;
	socklen_t length = sizeof address;
	int64_t served = 0;
	int status;

	int listener = gos_listen_tcp("127.0.0.1:0");
	if (listener < 0 || getsockname(listener, (struct sockaddr *)&address, &length) != 0)
		bench_fail("cannot listen");
	pid_t client = start_client(ntohs(address.sin_port), n, tasks);
	gos_waitgroup_add(&wg, (int)tasks);
	for (int64_t i = 0; i < tasks; i++) {
		int fd = gos_accept(listener, NULL, NULL);
		if (fd < 0)
			bench_fail("accept: %s", strerror(-fd));
		go(serve, &wg, fd, &served);
	}
	gos_waitgroup_wait(&wg);
	gos_close(listener);

	if (waitpid(client, &status, 0) != client || status != 0)
		bench_fail("the client failed");
	if (served != n / tasks * tasks)
		bench_fail("%lld messages, not %lld", (long long)served, (long long)n);
	return served;
}
