/* SPDX-License-Identifier: MIT */
/* idle.c - a program that waits in the kernel for a line on stdin. Built without the runtime, and once with it but never starting it. */
#ifdef WITH_RUNTIME
#include <gossamer.h>
#endif

#include "truth.h"

int main(int argc, char **argv)
{
	char line[8];
#ifdef WITH_RUNTIME
	if (argc > 99)
		return gos_run((int (*)(int, char **))main, argc, argv);
#endif
	(void)argv;
	truth_ready();
	return argc > 0 && read(0, line, sizeof line) >= 0 ? 0 : 1;
}
