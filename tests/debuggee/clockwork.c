/* SPDX-License-Identifier: MIT */
/*
 * clockwork.c - goroutines that have spent their time in ways that they know, and now do nothing but wait, or block their threads.
 *
 * The truth, a line each: goid|name|ns at which it was made|runs|ns running|ns runnable|ns in calls|ns waiting, but for chan receive|what it was that it waited for
 * All of them wait for a chan receive now, but "caller", which is in a call.
 */
#include <errno.h>
#include <gossamer.h>

#include "truth.h"

static gos_chan *never;
static int pipe_ends[2];
struct gos_times times; /* for gdb, which calls gos_times(…, &times) */

static void compute(int64_t ns)
{
	for (int64_t until = gos_now() + ns; gos_now() < until;)
		;
}

static void rest(void)
{
	char byte;
	gos_chan_recv(never, &byte);
	printf("%d\n", byte);
}

static void worker(void)
{
	compute(41 * GOS_MS);
	rest();
}

static void sleeper(void)
{
	for (int i = 0; i < 5; i++)
		gos_sleep(13 * GOS_MS);
	rest();
}

static void blocker(void)
{
	gos_blocking_begin();
	pause_ms(31);
	gos_blocking_end();
	rest();
}

static void listener(void)
{
	struct gos_case cases[] = {GOS_RECV(never, NULL), GOS_RECV(gos_after(23 * GOS_MS), NULL)};
	gos_select(cases, 2);
	rest();
}

static void idler(void)
{
	rest();
}

static void caller(void)
{
	char byte;
	gos_blocking_begin();
	while (read(pipe_ends[0], &byte, 1) < 0 && errno == EINTR)
		;
	gos_blocking_end();
}

static const struct part {
	void (*fn)(void);
	const char *name, *reason;
} parts[] = {{worker, "worker", ""}, {sleeper, "sleeper", "sleep"}, {blocker, "blocker", ""}, {listener, "listener", "select"}, {idler, "idler", ""}, {caller, "caller", ""}};
enum { PARTS = sizeof parts / sizeof parts[0] };

static unsigned receive;

/* Does the goroutine do what it does in the end? Nothing else that it has done changes any more. */
static int settled(uint64_t goid, const struct part *part, struct gos_times *t)
{
	struct gos_times later;
	gos_times(goid, t);
	gos_sleep(20 * GOS_MS);
	gos_times(goid, &later);
	if (later.runs != t->runs)
		return 0;
	return part->fn == caller ? later.in_calls - t->in_calls == later.as_of - t->as_of : later.waiting_for[receive] - t->waiting_for[receive] == later.as_of - t->as_of;
}

static int app(int argc, char **argv)
{
	char line[8];
	uint64_t ids[PARTS];
	(void)argc;
	(void)argv;
	if (pipe(pipe_ends) != 0)
		return 1;
	never = gos_chan_make(char, 0);
	while (strcmp(gos_wait_reason(receive), "chan receive") != 0)
		receive++;
	for (int i = 0; i < PARTS; i++)
		ids[i] = gos_go_with(&((struct gos_go_options){.name = parts[i].name}), parts[i].fn);

	FILE *file = truth_open();
	for (int i = 0; i < PARTS; i++) {
		struct gos_times t;
		while (!settled(ids[i], &parts[i], &t))
			;
		fprintf(file, "%lu|%s|%ld|%lu|%ld|%ld|%ld|%ld|%s\n", (unsigned long)ids[i], parts[i].name, (long)t.made, (unsigned long)t.runs, (long)t.running,
			(long)t.runnable, parts[i].fn == caller ? 0 : (long)t.in_calls, (long)(t.waiting - t.waiting_for[receive]), parts[i].reason);
	}
	fclose(file);
	truth_ready();
	if (read(0, line, sizeof line) < 0)
		return 1;
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
