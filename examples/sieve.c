/* SPDX-License-Identifier: MIT */
/*
 * sieve.c - the first primes, by a chain of goroutines: sieve [COUNT]
 *
 * generate sends 2, 3, 4, ... down a channel. Each prime that arrives at the end of the chain gets a filter of its own, which
 * passes on what that prime does not divide:
 *
 *	generate -> filter 2 -> filter 3 -> filter 5 -> ... -> app
 */
#include <stdio.h>
#include <stdlib.h>

#include <gossamer.h>

static void generate(gos_chan *out)
{
	gos_set_name("generate");
	for (int n = 2;; n++)
		gos_chan_send(out, &n);
}

static void filter(gos_chan *in, gos_chan *out, int prime)
{
	int n;

	gos_set_name("filter %d", prime);
	while (gos_chan_recv(in, &n))
		if (n % prime != 0)
			gos_chan_send(out, &n);
}

static int app(int argc, char **argv)
{
	char *end = "";
	long count = argc > 1 ? strtol(argv[1], &end, 10) : 10;

	if (argc > 2 || *end != '\0' || count < 1 || count > 5000) {
		fprintf(stderr, "usage: sieve [COUNT]   prints the first COUNT primes, 1 to 5000\n");
		return 64;
	}

	gos_chan *chain = gos_chan_make(int, 0);
	go(generate, chain);
	for (long i = 0; i < count; i++) {
		int prime;
		gos_chan_recv(chain, &prime);
		printf("%d\n", prime);

		gos_chan *next = gos_chan_make(int, 0);
		go(filter, chain, next, prime);
		chain = next;
	}
	return 0; /* the generator and the filters end with the program */
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
