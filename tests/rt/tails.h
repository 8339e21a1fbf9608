/* SPDX-License-Identifier: MIT */
/* tails.h - goroutines' entries whose last call is a jump, so that they have no frame: tails.c. */
#ifndef TAILS_H
#define TAILS_H

#include "gossamer.h"

void tail_receive(gos_chan *c);
void tail_receive_too(gos_chan *c);
void tail_lock(gos_mutex *m);
void tail_step(gos_chan *c); /* to a function of its own file, tail_stands, which receives */
void tail_once(gos_once *once, gos_chan *c);
void tail_dump(int fd, unsigned flags);
void tail_spin(volatile int *flags); /* spins once flags[0] is set, which it does itself, until flags[1] is */

extern const int tail_receive_line, tail_receive_too_line, tail_once_line, tail_dump_line, tail_lock_line;

#endif
