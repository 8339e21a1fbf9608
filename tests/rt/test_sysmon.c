/* SPDX-License-Identifier: MIT */
/*
 * test_sysmon.c - the thread that watches is there when it is needed, and only then.
 */
#include <dirent.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "gos_test.h"

#define MS 1000000

static volatile int stop;

/* Voluntary context switches of the thread with that name: how often it has slept. */
static long sleeps_of(const char *name)
{
	long total = -1;
	DIR *dir = opendir("/proc/self/task");
	expect(dir != NULL);
	for (struct dirent *e; (e = readdir(dir)) != NULL;) {
		char path[300], line[200];
		long n;
		bool it = false;
		snprintf(path, sizeof path, "/proc/self/task/%s/status", e->d_name);
		FILE *f = fopen(path, "r");
		if (f == NULL)
			continue;
		while (fgets(line, sizeof line, f) != NULL) {
			if (strncmp(line, "Name:", 5) == 0)
				it = strstr(line, name) != NULL;
			else if (it && sscanf(line, "voluntary_ctxt_switches: %ld", &n) == 1)
				total = n;
		}
		fclose(f);
	}
	closedir(dir);
	return total;
}

static void *wait_outside(void *arg)
{
	(void)arg;
	usleep(8500000); /* it takes six seconds to be sure that nothing runs */
	long before = sleeps_of("gos-sysmon");
	usleep(2000000);
	long after = sleeps_of("gos-sysmon");
	expect_ge(before, 0);
	expect_le(after - before, 4); /* once a second, for the sake of a debugger that asks for something */
	return NULL;
}

static void wait_in_a_channel(gos_chan *c)
{
	gos_chan_recv(c, NULL);
}

static void hog(void)
{
	while (!stop)
		gos_checkpoint();
}

/* A pthread looks, so that no P is in use meanwhile. */
GOS_TEST_WITHIN(it_sleeps_while_nothing_runs_and_is_there_again_when_something_does, 60)
{
	const char *procs = getenv("GOSMAXPROCS");
	if (procs != NULL && strcmp(procs, "1") != 0)
		return; /* ten seconds: once is enough */
	pthread_t thread;
	go(wait_in_a_channel, gos_chan_make(int, 0));
	expect_eq(pthread_create(&thread, NULL, wait_outside, NULL), 0);
	gos_sleep(11500L * MS);
	pthread_join(thread, NULL);
	/* Preempting the hog needs sysmon. */
	go(hog);
	gos_yield();
	stop = 1;
}
