/* SPDX-License-Identifier: MIT */
/*
 * hog.c - a loop that calls nothing, on the only P: ends when it is built with the option for preemption, and never else.
 */
#include <gossamer.h>
#include <stdio.h>

static volatile int stop;

static void hog(void)
{
	while (!stop)
		;
}

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	gos_procs(1);
	go(hog);
	gos_yield();
	stop = 1;
	puts("preempted");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
