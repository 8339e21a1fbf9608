/* SPDX-License-Identifier: MIT */
/*
 * deferring.c - comes to deferred_here three times: as its function returns, because of a panic, and because of a nil pointer. No truth file: a test
 * stops it there and looks at the frames, whose names, arguments and locals are told here.
 */
#include <stdio.h>

#include "gossamer.h"

#define FRAME __attribute__((noinline))

static int *volatile nil;
volatile int sum;

FRAME void deferred_here(int number, const char *word)
{
	const char *message = gos_recover();
	sum += number + word[0] + (message != NULL ? message[0] : 0);
}

FRAME int fails(int depth)
{
	volatile int local = depth * 111;
	if (depth == 1)
		gos_panic("at depth %d", depth);
	return fails(depth - 1) + local;
}

FRAME int reads(int *pointer)
{
	volatile int local = 222;
	return *pointer + local;
}

FRAME int returns_plainly(int n)
{
	gos_defer_frame(-1);
	gos_defer(deferred_here, 1, "plain");
	return n + 1;
}

FRAME int recovers_panic(int n)
{
	gos_defer_frame(-2);
	gos_defer(deferred_here, 2, "panic");
	return fails(3) + n;
}

FRAME int recovers_nil(int n)
{
	gos_defer_frame(-3);
	gos_defer(deferred_here, 3, "nil");
	return reads(nil) + n;
}

static int app(int argc, char **argv)
{
	(void)argv;
	int a = returns_plainly(argc), b = recovers_panic(argc), c = recovers_nil(argc);
	printf("%s\n", a == 2 && b == -2 && c == -3 ? "EXIT-SUCCESS" : "wrong values");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
