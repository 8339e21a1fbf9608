/* SPDX-License-Identifier: MIT */
/*
 * philosophers.c - the dining philosophers, with the mistake and without: philosophers [-o] [SEATS [MEALS]]
 *
 * SEATS philosophers (5 of them, unless said otherwise) sit at a round table with one fork between each two; to eat, one takes both.
 * Each takes the left fork first, so sooner or later each holds a left fork and waits for the right one, for ever. The runtime sees
 * that nobody can go on, prints who waits for what and who holds it, and ends the program with 2. In gdb:
 *
 *	gossamer-gdb build/examples/philosophers
 *	(gdb) set environment GOSTRACEBACK crash      the report ends in SIGABRT, where gdb stops
 *	(gdb) run
 *	(gdb) info goroutines                         each waits for a fork that the next one holds
 *	(gdb) goroutine 2 info args
 *	(gdb) print forks[0]@5
 *
 * With -o they take the fork with the lower number first: the last one begins with the right one, so no ring can close. Then
 * everybody eats MEALS times, and the program ends. Any order will do that all keep to: that is the rule for locks in general.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <gossamer.h>

enum { SEATS_MAX = 10000, MEALS_MAX = 1000000 };

static gos_mutex forks[SEATS_MAX]; /* valid when zeroed; fork i lies to the left of seat i */

static void dine(int seat, int seats, long meals, bool ordered, gos_waitgroup *table)
{
	int first = seat, second = (seat + 1) % seats;

	gos_set_name("philosopher %d", seat);
	if (ordered && second < first) {
		first = second;
		second = seat;
	}
	for (long eaten = 0; eaten < meals; eaten++) {
		gos_mutex_lock(&forks[first]);
		gos_sleep(GOS_MS); /* reaches over the table */
		gos_mutex_lock(&forks[second]);
		gos_mutex_unlock(&forks[second]);
		gos_mutex_unlock(&forks[first]);
	}
	gos_waitgroup_done(table);
}

/* A decimal number from min to max, or -1. */
static long number(const char *text, long min, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text != '\0' && *end == '\0' && n >= min && n <= max ? n : -1;
}

static int app(int argc, char **argv)
{
	bool ordered = argc > 1 && strcmp(argv[1], "-o") == 0;
	int named = ordered ? 2 : 1;
	long seats = argc > named ? number(argv[named], 2, SEATS_MAX) : 5;
	long meals = argc > named + 1 ? number(argv[named + 1], 1, MEALS_MAX) : 20;
	gos_waitgroup table = {0};

	if (argc > named + 2 || seats < 0 || meals < 0) {
		fprintf(stderr, "usage: philosophers [-o] [SEATS [MEALS]]   SEATS from 2 to %d; -o keeps an order\n", SEATS_MAX);
		return 64;
	}
	if (!ordered)
		meals = MEALS_MAX; /* until they are stuck */

	gos_waitgroup_add(&table, (int)seats);
	for (int seat = 0; seat < seats; seat++)
		go(dine, seat, (int)seats, meals, ordered, &table);
	gos_waitgroup_wait(&table);
	printf("%ld philosophers had %ld meals each\n", seats, meals);
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
