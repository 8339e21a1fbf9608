/* SPDX-License-Identifier: MIT */
/*
 * originated.c - functions of every kind that call each other and then start a goroutine, for test_origin.c. Compiled several times, with other options each time, under the name
 * that VARIANT is. Each function notes down where it returns to before it goes on, so the stack at the go() is known without unwinding.
 */
#include <alloca.h>

#include "originated.h"

#ifndef ROOM
#define ROOM 1000
#endif

#define NAMED_(variant) originated_##variant
#define NAMED(variant) NAMED_(variant)

#define CALLED (path->returns_to[path->depth++] = (uint64_t)__builtin_return_address(0))
#define NEXT next(path)
#define AFTER __asm__ volatile("" ::: "memory") /* so that what stands before is no tail call */

NOINLINE static void next(struct path *path);

NOINLINE static void plain(struct path *path)
{
	CALLED;
	NEXT;
	AFTER;
}

NOINLINE static void with_array(struct path *path)
{
	volatile char room[ROOM];
	CALLED;
	room[path->depth_wanted] = 1;
	NEXT;
	path->sum += (uint64_t)room[path->depth_wanted];
	AFTER;
}

NOINLINE static void with_alloca(struct path *path)
{
	volatile char *room = alloca(16 + path->depth * 48 + path->random % 512);
	CALLED;
	room[0] = 1;
	NEXT;
	path->sum += (uint64_t)room[0];
	AFTER;
}

NOINLINE static void aligned(struct path *path)
{
	_Alignas(64) volatile char room[64];
	CALLED;
	room[0] = (char)((uint64_t)room % 64);
	NEXT;
	path->sum += (uint64_t)room[0];
	AFTER;
}

NOINLINE static void aligned_with_alloca(struct path *path)
{
	_Alignas(64) volatile char room[64];
	volatile char *more = alloca(16 + path->random % 512);
	CALLED;
	room[0] = more[0] = 1;
	NEXT;
	path->sum += (uint64_t)(room[0] + more[0]);
	AFTER;
}

NOINLINE static void many_arguments(int a, int b, int c, int d, int e, int f, struct path *path, int h, int i)
{
	CALLED;
	path->sum += a + b + c + d + e + f + h + i;
	NEXT;
	AFTER;
}

NOINLINE static void calls_with_many(struct path *path)
{
	CALLED;
	many_arguments(1, 2, 3, 4, 5, 6, path, 8, 9);
	AFTER;
}

NOINLINE static void uses_registers(struct path *path)
{
	uint64_t a = path->random, b = a * 3, c = a ^ b, d = b + c, e = c * 5, f = d ^ e;
	CALLED;
	NEXT;
	path->sum += a + b + c + d + e + f;
	NEXT; /* where it is told that there is an end */
	path->sum += (a ^ b) + (c ^ d) + (e ^ f);
}

/* Those that start it. */

NOINLINE static void starts(struct path *path)
{
	CALLED;
	go(path->child, path);
	AFTER;
}

NOINLINE static void starts_at_another_place(struct path *path)
{
	CALLED;
	path->sum++;
	gos_go_with((&(struct gos_go_options){.name = "originated"}), path->child, path);
	AFTER;
}

NOINLINE static void starts_after_alloca(struct path *path)
{
	volatile char *room = alloca(16 + path->random % 2000);
	CALLED;
	room[0] = 1;
	go(path->child, path);
	path->sum += (uint64_t)room[0];
	AFTER;
}

NOINLINE static void starts_aligned(struct path *path)
{
	_Alignas(64) volatile char room[64];
	CALLED;
	room[0] = 1;
	go(path->child, path);
	path->sum += (uint64_t)room[0];
	AFTER;
}

NOINLINE static void starts_as_cxx_does(struct path *path)
{
	struct gos_go_registers registers = {.integer = {(uint64_t)path}};
	CALLED;
	gos_go_with_registers(NULL, (void *)path->child, &registers);
	AFTER;
}

NOINLINE static void next(struct path *path)
{
	static void (*const calls[])(struct path *) = {plain, with_array, with_alloca, aligned, aligned_with_alloca, calls_with_many, uses_registers};
	static void (*const starters[])(struct path *) = {starts, starts_at_another_place, starts_after_alloca, starts_aligned, starts_as_cxx_does};

	if (path->started)
		return;
	CALLED;
	path->random = path->random * 6364136223846793005u + 1442695040888963407u;
	uint64_t choice = path->random >> 33;
	if (path->depth >= path->depth_wanted) {
		path->started = true;
		starters[choice % (sizeof starters / sizeof *starters)](path);
	} else if (path->elsewhere != NULL && choice % 5 == 0) {
		path->elsewhere(path);
	} else {
		calls[choice % (sizeof calls / sizeof *calls)](path);
	}
	AFTER;
}

void NAMED(VARIANT)(struct path *path)
{
	CALLED;
	NEXT;
	AFTER;
}
