/* SPDX-License-Identifier: MIT */
/* Goal: a thread's one-time sleep, rt/note.c: no wake-up is lost, whichever comes first. Method: white box, plain threads. */
#include <pthread.h>

#include "gos_test.h"
#include "note.h"

enum { ROUNDS = 20000 };
static struct rt_note to, fro;

static void *answer(void *arg)
{
	(void)arg;
	for (int i = 0; i < ROUNDS; i++) {
		expect(rt_note_sleep(&to, -1));
		rt_note_clear(&to);
		rt_note_wake(&fro);
	}
	return NULL;
}

PLAIN_TEST(note_ping_pong)
{
	pthread_t thread;
	pthread_create(&thread, NULL, answer, NULL);
	for (int i = 0; i < ROUNDS; i++) {
		rt_note_clear(&fro);
		rt_note_wake(&to);
		expect(rt_note_sleep(&fro, -1));
	}
	pthread_join(thread, NULL);
}

PLAIN_TEST(note_woken_before_the_sleep)
{
	struct rt_note n = {0};
	rt_note_wake(&n);
	expect(rt_note_sleep(&n, -1));
	expect(rt_note_sleep(&n, 0));
	rt_note_clear(&n);
	expect(!rt_note_sleep(&n, 0));
}

PLAIN_TEST(note_sleep_ends_after_its_time)
{
	struct rt_note n = {0};
	int64_t start = gos_now();
	expect(!rt_note_sleep(&n, 20 * GOS_MS));
	expect_ge(gos_now() - start, 20 * GOS_MS);
}
