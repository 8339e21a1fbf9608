/* SPDX-License-Identifier: MIT */
/*
 * debuggee.c - lives through everything that asm/ does: spawns of both kinds, first runs, parks, resumes, exits; each with and
 * without another goroutine to go to; and deferred calls, that run when a function returns, panics or exits. To be run with GOSMAXPROCS=1, so that the order is always this one.
 *
 * The truth that the testers know: functions called user_* and marked_* and their order; inside marked_X, the callee-saved
 * registers (marked.h). What a goroutine does is called from marked_X, so these values must be found in its frame from below.
 */
#include <gossamer.h>
#include <stdio.h>
#include <stdlib.h>

#include "marked.h"

#if defined(__clang__)
#define FRAME __attribute__((noinline))
#else
#define FRAME __attribute__((noinline, noclone))
#endif
#define NO_TAIL_CALL() __asm__ volatile("" ::: "memory")

static gos_chan *channel;
static int sum;

/* Every goroutine that the testers know of is parked or has not run: they look at all of them from memory. */
FRAME void user_checkpoint(void)
{
	NO_TAIL_CALL();
}

/* Ends by returning. Two values over an unbuffered channel: whoever of the two comes first, both have to park. */
static FRAME void user_waits(void *unused)
{
	(void)unused;
	for (int i = 0; i < 2; i++) {
		int value = 0;
		user_checkpoint();
		gos_chan_recv(channel, &value);
		sum += value;
	}
}

FRAME void user_receiver(void)
{
	marked_receiver(user_waits, NULL);
	NO_TAIL_CALL();
}

static FRAME void user_deferred(int n)
{
	sum += n - 1;
}

static FRAME void user_rescues(void)
{
	if (gos_recover() == NULL)
		abort();
}

static FRAME void user_fails(void)
{
	gos_panic("recovered");
}

/* One deferred call runs because of the panic, the other because the function returns. */
static FRAME void user_defers(void *unused)
{
	gos_defer_frame();
	(void)unused;
	gos_defer(user_deferred, 1);
	gos_defer(user_rescues);
	user_fails();
	NO_TAIL_CALL();
}

static FRAME void user_labelled(void *unused)
{
	(void)unused;
	sum++;
}

/* The runtime itself defers a call, and calls. */
static FRAME void user_labels(void *unused)
{
	gos_with_label("step", "one", user_labelled, unused);
	NO_TAIL_CALL();
}

/* Ends by gos_goexit, in the middle of its frames, while others are runnable. */
static FRAME void user_sends(void *value)
{
	gos_defer_frame();
	gos_defer(user_deferred, 1);
	gos_chan_send(channel, value);
	gos_chan_send(channel, value);
	gos_goexit();
}

/* Its arguments came through the start frame: are they right? */
FRAME void user_sender(int value, double real, const char *text)
{
	if (value != 7 || real != 2.5 || text[0] != 't')
		abort();
	marked_sender(user_sends, &value);
	NO_TAIL_CALL();
}

/* Ends while nobody is runnable, so that its thread goes to the scheduler's own stack. */
FRAME void user_short(void)
{
	sum++;
}

static FRAME void user_spawns_plain(void *unused)
{
	(void)unused;
	go(user_receiver);
	go(user_sender, 7, 2.5, "text");
	NO_TAIL_CALL();
}

static FRAME void user_spawns_named(void *unused)
{
	struct gos_go_options options = {.name = "named"};
	(void)unused;
	gos_go_with(&options, user_short);
	NO_TAIL_CALL();
}

/* The goroutine that parks with others runnable: to them directly. */
static FRAME void user_yields(void *unused)
{
	(void)unused;
	for (int i = 0; i < 4; i++) {
		gos_yield();
		user_checkpoint();
	}
}

/* The one that parks with nobody runnable: to the scheduler's stack, and back from there. */
static FRAME void user_sleeps(void *unused)
{
	(void)unused;
	gos_sleep(2 * GOS_MS);
	NO_TAIL_CALL();
}

static int user_app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	channel = gos_chan_make(int, 0);
	for (int round = 0; round < 2; round++) { /* again, on stacks that have been used */
		marked_spawner(user_spawns_plain, NULL);
		user_checkpoint();
		marked_yielder(user_yields, NULL);
		user_checkpoint();
		marked_spawner(user_spawns_named, NULL);
		user_checkpoint();
		marked_sleeper(user_sleeps, NULL);
		user_checkpoint();
		marked_deferrer(user_defers, NULL);
		marked_deferrer(user_labels, NULL);
	}
	while (gos_num_goroutines() > 1) /* stepped, others may take longer than the sleep */
		marked_yielder(user_yields, NULL);
	gos_chan_free(channel);
	printf("sum %d\n", sum);
	return sum == 32 ? 0 : 1;
}

int main(int argc, char **argv)
{
	return gos_run(user_app, argc, argv);
}
