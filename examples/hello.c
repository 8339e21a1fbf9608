/* SPDX-License-Identifier: MIT */
/*
 * hello.c - two goroutines and a channel: the smallest whole program. Say who to greet: hello [NAME]
 */
/* [README: hello.c */
#include <stdio.h>

#include <gossamer.h>

static void greet(gos_chan *words, const char *name)
{
	const char *text[] = {"hello,", name};
	for (int i = 0; i < 2; i++)
		gos_chan_send(words, &text[i]); /* waits until somebody receives it */
	gos_chan_close(words);
}

static int app(int argc, char **argv)
{
	gos_chan *words = gos_chan_make(const char *, 0);
	const char *word;

	go(greet, words, argc > 1 ? argv[1] : "world");
	while (gos_chan_recv(words, &word)) /* false once the channel is closed */
		puts(word);
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv); /* app is goroutine 1 */
}
/* README] */
