/* SPDX-License-Identifier: MIT */
/*
 * tails.c - goroutines whose entry ends in a call that compilers make a jump of, so that no frame of theirs is the entry's. Compiled with optimization.
 * Each entry stands on one line, which it notes down.
 *
 * The truth, a line each: goid|name|state and reason|function|line|address of the entry|whether that is where it stands, in every observer's eyes
 */
#define _GNU_SOURCE
#include <gossamer.h>

#include "truth.h"

static struct tail {
	uint64_t goid;
	const char *name, *state, *function;
	int line, is_where;
	void *entry;
} tails[16];
static int count;
static gos_mutex notes;

gos_mutex door, lost;
gos_once opening;
static gos_chan *never;
static int pipe_ends[2];
static volatile int inside;

static void note(const char *name, const char *state, const char *function, int line, void *entry, int is_where)
{
	gos_set_name("%s", name);
	gos_mutex_lock(&notes);
	tails[count++] = (struct tail){gos_goid(), name, state, function, line, is_where, entry};
	gos_mutex_unlock(&notes);
}

#define NOTE(name, state, is_where) note(name, state, __func__, __LINE__, (void *)entry, is_where)
#define ENTRY(function, ...) static void function(void) { void (*entry)(void) = function; __VA_ARGS__; }

/* A part of this is split off, and lies elsewhere. */
__attribute__((cold, noinline)) static void rare(void)
{
	gos_panic("this does not happen");
}
ENTRY(receiver, NOTE("receiver", "waiting, chan receive", 1); gos_chan_recv(never, NULL))
ENTRY(other_receiver, NOTE("other receiver", "waiting, chan receive", 1); gos_chan_recv(never, NULL))
ENTRY(locker, NOTE("locker", "waiting, sync.Mutex.Lock", 1); if (gos_goid() == 0) rare(); gos_mutex_lock(&door))
ENTRY(sleeper, NOTE("sleeper", "waiting, sleep", 1); gos_sleep(GOS_S * 1000000))

/* The jump is to a function of the program's own. */
static const int steps_at = __LINE__ + 3;
__attribute__((noinline)) static void step(void)
{
	gos_chan_recv(never, NULL);
	__asm__ volatile("" ::: "memory");
}
ENTRY(stepper, note("stepper", "waiting, chan receive", "step", steps_at, (void *)entry, 0); step())

/* What it jumps to lasts, and others wait for it. */
static void open_up(void *unused)
{
	(void)unused;
	gos_chan_recv(never, NULL);
	__asm__ volatile("" ::: "memory");
}
static const int opens_at = __LINE__ - 3;
ENTRY(opener, note("opener", "waiting, chan receive", "open_up", opens_at, (void *)entry, 0); gos_once_do(&opening, open_up, NULL))
ENTRY(visitor, NOTE("visitor", "waiting, sync.Once.Do", 1); gos_once_do(&opening, open_up, NULL))

/* It has ended, and has a lock. */
ENTRY(loser, (void)entry; gos_mutex_lock(&lost))
ENTRY(finder, NOTE("finder", "waiting, sync.Mutex.Lock", 1); gos_mutex_lock(&lost))

/* A call of libc's, on a thread. */
ENTRY(reader, static char byte; NOTE("reader", "syscall", 1); gos_blocking_begin(); inside = 1; read(pipe_ends[0], &byte, 1))

static void until(const volatile int *flag)
{
	while (!*flag)
		gos_sleep(GOS_MS);
}

static int app(int argc, char **argv)
{
	char line[16];
	FILE *truth;

	(void)argc, (void)argv;
	never = gos_chan_make(int, 0);
	if (pipe(pipe_ends) != 0)
		return 1;
	gos_set_name("gardener");
	gos_mutex_lock(&door);
	go(loser);
	while (gos_num_goroutines() > 1)
		gos_sleep(GOS_MS);
	go(receiver);
	go(other_receiver);
	go(locker);
	go(sleeper);
	go(stepper);
	go(opener);
	while (count < 6)
		gos_sleep(GOS_MS);
	until_waiting(6);
	go(visitor);
	go(finder);
	until_waiting(8);
	go(reader);
	until(&inside);
	truth = truth_open();
	for (int i = 0; i < count; i++)
		fprintf(truth, "%d|%s|%s|%s|%d|%p|%d\n", (int)tails[i].goid, tails[i].name, tails[i].state, tails[i].function, tails[i].line, tails[i].entry, tails[i].is_where);
	fclose(truth);
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
