/* SPDX-License-Identifier: MIT */
/*
 * drive.c - puts server to work: drive HOST:PORT CONNECTIONS LEAKS [SECONDS]
 *
 * Opens CONNECTIONS at once, one goroutine each; all of them have lines echoed, and the first LEAKS of them ask for a look-up
 * that leaks. Prints what came back, keeps the connections open for SECONDS, and fails when an answer was not the right one.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <gossamer.h>

enum { ECHOES = 3, ANSWER_MAX_BYTES = 256 };

struct result {
	int echoed, timed_out;
	uint64_t leaked;    /* the goroutine of the server that the last time-out left behind */
	const char *failed; /* what went wrong, or NULL */
	int error;          /* and its errno, or 0 */
};

/* Sends a request and reads its answer, a line, without its end. False when the server is gone or says too much. */
static bool ask(int fd, const char *request, char answer[ANSWER_MAX_BYTES])
{
	char line[ANSWER_MAX_BYTES];
	size_t length = 0;
	int n = snprintf(line, sizeof line, "%s\n", request);

	if (gos_write(fd, line, (size_t)n) != n)
		return false;
	while (length == 0 || answer[length - 1] != '\n') {
		ssize_t got = length < ANSWER_MAX_BYTES ? gos_read(fd, answer + length, ANSWER_MAX_BYTES - length) : 0;
		if (got <= 0)
			return false;
		length += (size_t)got;
	}
	answer[length - 1] = '\0';
	return true;
}

static struct result converse(int fd, int number, bool leaks)
{
	struct result r = {0};
	char request[64], answer[ANSWER_MAX_BYTES];

	for (int i = 1; i <= ECHOES; i++) {
		snprintf(request, sizeof request, "echo line %d of connection %d", i, number);
		if (!ask(fd, request, answer) || strcmp(answer, request + strlen("echo ")) != 0) {
			r.failed = "a line did not come back as it was sent";
			return r;
		}
		r.echoed++;
	}
	if (leaks) {
		snprintf(request, sizeof request, "leak key-%d", number);
		if (!ask(fd, request, answer) || sscanf(answer, "timed out, while goroutine %" SCNu64, &r.leaked) != 1)
			r.failed = "a look-up did not time out";
		else
			r.timed_out++;
	}
	return r;
}

static void connection(const char *host_port, int number, bool leaks, gos_chan *results, gos_chan *hold)
{
	int fd = gos_dial_tcp(host_port, 5 * GOS_S);
	struct result r = {0};

	gos_set_name("connection %d", number);
	if (fd < 0) {
		r.failed = "cannot connect";
		r.error = -fd;
	} else {
		r = converse(fd, number, leaks);
	}
	gos_chan_send(results, &r);
	gos_chan_recv(hold, NULL); /* nothing is ever sent: it ends when the channel is closed */
	if (fd >= 0)
		gos_close(fd);
}

/* A decimal number from 0 to max, or -1. */
static long number(const char *text, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text != '\0' && *end == '\0' && n >= 0 && n <= max ? n : -1;
}

static int app(int argc, char **argv)
{
	long connections = argc > 2 ? number(argv[2], 1000000) : -1;
	long leaks = argc > 3 ? number(argv[3], connections) : -1;
	long seconds = argc > 4 ? number(argv[4], 86400) : 0;
	char answer[ANSWER_MAX_BYTES];
	struct result sum = {0};

	if (argc < 4 || argc > 5 || connections < 0 || leaks < 0 || seconds < 0) {
		fprintf(stderr, "usage: drive HOST:PORT CONNECTIONS LEAKS [SECONDS]   LEAKS is at most CONNECTIONS\n");
		return 64;
	}

	gos_chan *results = gos_chan_make(struct result, 0);
	gos_chan *hold = gos_chan_make(char, 0);
	for (int i = 1; i <= connections; i++)
		go(connection, argv[1], i, i <= leaks, results, hold);
	for (long i = 0; i < connections; i++) {
		struct result r;
		gos_chan_recv(results, &r);
		sum.echoed += r.echoed;
		sum.timed_out += r.timed_out;
		if (r.leaked != 0)
			sum.leaked = r.leaked;
		if (r.failed != NULL && sum.failed == NULL) {
			sum.failed = r.failed;
			sum.error = r.error;
		}
	}
	if (sum.failed != NULL) {
		fprintf(stderr, "drive: %s%s%s\n", sum.failed, sum.error ? ": " : "", sum.error ? strerror(sum.error) : "");
		return 1;
	}
	printf("%ld connections, %d lines echoed, %d look-ups timed out\n", connections, sum.echoed, sum.timed_out);
	if (sum.leaked != 0)
		printf("the last look-up that timed out is goroutine %" PRIu64 " of the server\n", sum.leaked);

	int fd = gos_dial_tcp(argv[1], 5 * GOS_S);
	if (fd < 0 || !ask(fd, "stats", answer)) {
		fprintf(stderr, "drive: the server does not answer 'stats'\n");
		return 1;
	}
	gos_close(fd);
	printf("the server says: %s\n", answer);
	fflush(stdout);

	gos_sleep(seconds * GOS_S);
	gos_chan_close(hold);
	return 0;
}

int main(int argc, char **argv)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0) { /* a thousand connections is little: take as many as the system grants */
		files.rlim_cur = files.rlim_max;
		setrlimit(RLIMIT_NOFILE, &files);
	}
	return gos_run(app, argc, argv);
}
