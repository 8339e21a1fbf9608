/* SPDX-License-Identifier: MIT */
/*
 * reloaded.c - a module for test_origin.c that is the same code at the same addresses each time, but for the size of its function's frame: ROOM bytes. Who believes of one
 * what was true of the other takes what lies in a frame, or above the stack, for a return address.
 */
#include "reloaded.h"

void reloaded(struct reloaded *r)
{
	volatile uint64_t room[ROOM / sizeof(uint64_t)];
	for (uint32_t i = 0; i < r->words; i++)
		room[i] = r->bait;
	r->returns_to = (uint64_t)__builtin_return_address(0);
	go(r->child, r);
	__asm__ volatile("" : : "r"(room) : "memory");
}
