/* SPDX-License-Identifier: MIT */
/* stranger.c - a program written from README alone, by somebody who has only an installation: squares, added up. */
#include <stdio.h>

#include <gossamer.h>

static void square(gos_chan *out, int n)
{
	int value = n * n;
	gos_chan_send(out, &value);
}

static int app(int argc, char **argv)
{
	gos_chan *squares = gos_chan_make(int, 4);
	int value, sum = 0;

	(void)argc, (void)argv;
	for (int n = 1; n <= 100; n++)
		go(square, squares, n);
	for (int n = 1; n <= 100; n++) {
		gos_chan_recv(squares, &value);
		sum += value;
	}
	gos_chan_free(squares);
	printf("%d\n", sum);
	return sum == 338350 ? 0 : 1;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
