/* SPDX-License-Identifier: MIT */
/*
 * late.c - a program that is not linked with the runtime, and loads it as a plug-in would.
 *
 * late ANYTHING: loads it and runs one goroutine in it, which sleeps three times. late: ends at once.
 */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

static void (*sleeps)(int64_t ns);

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	for (int i = 0; i < 3; i++)
		sleeps(1000 * 1000);
	return 0;
}

static void *must_find(void *library, const char *name)
{
	void *found = library != NULL ? dlsym(library, name) : NULL;
	if (found == NULL)
		printf("%s\n", dlerror());
	return found;
}

int main(int argc, char **argv)
{
	int (*runs)(int (*)(int, char **), int, char **);

	if (argc < 2)
		return 0;
	void *library = dlopen(LIBRARY, RTLD_NOW);
	void *run = must_find(library, "gos_run"), *sleep = must_find(library, "gos_sleep");
	if (run == NULL || sleep == NULL)
		return 1;
	memcpy(&runs, &run, sizeof runs);
	memcpy(&sleeps, &sleep, sizeof sleeps);
	return runs(app, argc, argv);
}
