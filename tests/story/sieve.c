/* SPDX-License-Identifier: MIT */
/* The prime sieve of channels, against a sieve in an array. */
#include <string.h>

#include "gos_test.h"

enum { PRIMES = 500, BELOW = 4000 };

static void generate(gos_chan *out)
{
	for (int n = 2;; n++)
		gos_chan_send(out, &n);
}

static void filter(gos_chan *in, gos_chan *out, int prime)
{
	int n;
	while (gos_chan_recv(in, &n))
		if (n % prime != 0)
			gos_chan_send(out, &n);
}

GOS_TEST_WITHIN(sieve_finds_the_first_primes, 60)
{
	static char composite[BELOW];
	gos_chan *c = gos_chan_make(int, 0);
	int expected = 2;
	go(generate, c);
	for (int i = 0; i < PRIMES; i++) {
		int prime;
		expect(gos_chan_recv(c, &prime));
		expect_eq(prime, expected);
		for (int j = 2 * prime; j < BELOW; j += prime)
			composite[j] = 1;
		do
			expected++;
		while (expected < BELOW && composite[expected]);
		gos_chan *next = gos_chan_make(int, 0);
		go(filter, c, next, prime);
		c = next;
	}
	expect_lt(expected, BELOW);
	expect_eq(gos_num_goroutines(), PRIMES + 2);
}
