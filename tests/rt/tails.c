/* SPDX-License-Identifier: MIT */
/*
 * tails.c - goroutines' entries whose last call is a jump, so that they have no frame. Compiled with optimization, and without sanitizers, which want to know of each return.
 */
#include "tails.h"

#define NOINLINE __attribute__((noinline))

const int tail_receive_line = __LINE__ + 1;
void tail_receive(gos_chan *c)
{
	gos_chan_recv(c, NULL);
}

__attribute__((cold, noinline)) static void tail_rare(void)
{
	gos_panic("this does not happen");
}

const int tail_receive_too_line = __LINE__ + 1;
void tail_receive_too(gos_chan *c)
{
	gos_yield(); /* not the same code: compilers would make one function of the two */
	if (gos_goid() == 0)
		tail_rare(); /* in a part that is split off and lies elsewhere */
	gos_chan_recv(c, NULL);
}

const int tail_lock_line = __LINE__ + 1;
void tail_lock(gos_mutex *m)
{
	gos_mutex_lock(m);
}

NOINLINE static void tail_stands(gos_chan *c)
{
	gos_chan_recv(c, NULL);
	__asm__ volatile("" ::: "memory");
}

void tail_step(gos_chan *c)
{
	gos_yield();
	tail_stands(c);
}

NOINLINE static void tail_within(void *c)
{
	gos_yield(); /* likewise */
	gos_chan_recv(c, NULL);
	__asm__ volatile("" ::: "memory");
}

const int tail_once_line = __LINE__ + 1;
void tail_once(gos_once *once, gos_chan *c)
{
	gos_once_do(once, tail_within, c);
}

const int tail_dump_line = __LINE__ + 1;
void tail_dump(int fd, unsigned flags)
{
	gos_dump(fd, flags);
}

NOINLINE static void tail_spins(volatile int *flags)
{
	flags[0] = 1;
	while (!flags[1])
		__builtin_ia32_pause();
	__asm__ volatile("" ::: "memory");
}

void tail_spin(volatile int *flags)
{
	gos_yield();
	tail_spins(flags);
}
