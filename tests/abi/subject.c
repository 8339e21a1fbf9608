/* SPDX-License-Identifier: MIT */
/* subject.c - a program to be looked at: says "ready", and ends when its input does. */
#include <gossamer.h>
#include <unistd.h>

static int app(int argc, char **argv)
{
	char byte;
	(void)argc;
	(void)argv;
	if (write(STDOUT_FILENO, "ready\n", 6) != 6)
		return 1;
	while (read(STDIN_FILENO, &byte, 1) > 0)
		;
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
