/* SPDX-License-Identifier: MIT */
/*
 * bench.c - runs one benchmark program and prints its result as one line of key=value words.
 *
 * Time is taken inside the process, around the work alone, after a warm-up: starting a process and a runtime is not part of
 * any figure. CPU time of all threads is taken over the same span, so that workers that spin while they wait are seen.
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench.h"

static char notes[512];

int64_t bench_now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * GOS_S + t.tv_nsec;
}

int64_t bench_cpu(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (u.ru_utime.tv_sec + u.ru_stime.tv_sec) * GOS_S + (u.ru_utime.tv_usec + u.ru_stime.tv_usec) * GOS_US;
}

int64_t bench_rss(void)
{
	long long size, resident;
	FILE *f = fopen("/proc/self/statm", "r");
	if (f == NULL || fscanf(f, "%lld %lld", &size, &resident) != 2)
		bench_fail("cannot read /proc/self/statm");
	fclose(f);
	return resident * sysconf(_SC_PAGESIZE);
}

int64_t bench_status(const char *key)
{
	char line[256];
	long long kb = -1;
	size_t n = strlen(key);
	FILE *f = fopen("/proc/self/status", "r");
	while (f != NULL && kb < 0 && fgets(line, sizeof line, f) != NULL)
		if (strncmp(line, key, n) == 0 && line[n] == ':')
			sscanf(line + n + 1, "%lld", &kb);
	if (kb < 0)
		bench_fail("no %s in /proc/self/status", key);
	fclose(f);
	return kb * 1024;
}

void bench_touch(int64_t bytes)
{
	char *p = mmap(NULL, (size_t)bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	if (p == MAP_FAILED)
		bench_fail("no %lld bytes of memory", (long long)bytes);
	for (int64_t i = 0; i < bytes; i += 4096)
		p[i] = 1;
	munmap(p, (size_t)bytes);
}

void bench_note(const char *key, double value)
{
	size_t used = strlen(notes);
	snprintf(notes + used, sizeof notes - used, " %s=%.2f", key, value);
}

void bench_fail(const char *format, ...)
{
	va_list args;
	fprintf(stderr, "%s: ", bench_name);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fputc('\n', stderr);
	exit(1);
}

static int app(int argc, char **argv)
{
	if (argc < 2)
		bench_fail("usage: %s N [TASKS]", argv[0]);
	int64_t n = atoll(argv[1]);
	int64_t tasks = argc > 2 ? atoll(argv[2]) : 0;

	bench_work(n / bench_warm_part, tasks);

	notes[0] = '\0';
	int64_t wall = bench_now();
	int64_t cpu = bench_cpu();
	int64_t check = bench_work(n, tasks);
	cpu = bench_cpu() - cpu;
	wall = bench_now() - wall;

	printf("bench=%s side=gossamer procs=%d n=%lld tasks=%lld check=%lld wall=%lld cpu=%lld ns=%.2f ns_cpu=%.2f peak=%lld%s\n", bench_name,
	       gos_procs(0), (long long)n, (long long)tasks, (long long)check, (long long)wall, (long long)cpu, (double)wall / (double)n,
	       (double)cpu / (double)n, 	       (long long)bench_status("VmHWM"), notes);
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
