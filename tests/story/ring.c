/* SPDX-License-Identifier: MIT */
/* A token goes round a ring of 10,000 goroutines, each of which adds one to it; fewer where a sanitizer knows no more than 8,000. */
#include "gos_test.h"

enum { N = 10000 / GOS_TEST_SLOW, ROUNDS = 30 };

static void member(gos_chan *in, gos_chan *out)
{
	int64_t token;
	while (gos_chan_recv(in, &token)) {
		token++;
		gos_chan_send(out, &token);
	}
	if (out != NULL)
		gos_chan_close(out);
}

static void ring(size_t capacity)
{
	gos_chan *first = gos_chan_make(int64_t, capacity), *in = first;
	for (int i = 0; i < N; i++) {
		gos_chan *out = gos_chan_make(int64_t, capacity);
		go(member, in, out);
		in = out;
	}
	int64_t token = 0;
	for (int round = 1; round <= ROUNDS; round++) {
		gos_chan_send(first, &token);
		expect(gos_chan_recv(in, &token));
		expect_eq(token, (int64_t)round * N);
	}
	gos_chan_close(first); /* goes round, too */
	expect(!gos_chan_recv(in, NULL));
	gos_test_until_num(1);
}

GOS_TEST_WITHIN(ring_unbuffered, 60) { ring(0); }
GOS_TEST_WITHIN(ring_buffered, 60) { ring(1); }

/* Many tokens at once: as many as there are goroutines to move them. */
GOS_TEST_WITHIN(ring_of_many_tokens, 60)
{
	enum { MEMBERS = 1000, TOKENS = 400 };
	gos_chan *first = gos_chan_make(int64_t, TOKENS), *in = first;
	for (int i = 0; i < MEMBERS; i++) {
		gos_chan *out = gos_chan_make(int64_t, 0);
		go(member, in, out);
		in = out;
	}
	int64_t sum = 0, token;
	for (token = 0; token < TOKENS; token++)
		gos_chan_send(first, &token);
	for (int round = 0; round < 5 * TOKENS; round++) {
		expect(gos_chan_recv(in, &token));
		expect_eq(token % MEMBERS, round % TOKENS); /* none overtakes another */
		if (round < 4 * TOKENS)
			gos_chan_send(first, &token);
		else
			sum += token;
	}
	expect_eq(sum, (int64_t)TOKENS * (TOKENS - 1) / 2 + (int64_t)TOKENS * 5 * MEMBERS);
}
