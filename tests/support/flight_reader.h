/* SPDX-License-Identifier: MIT */
/*
 * flight_reader.h - reads the flight recorder of a process from outside, while it writes: by mapping its file, without stopping it and without a system call for an event.
 *
 * Each poll gives every event that came since the last one, ring by ring, oldest first, and counts the words that were overwritten before they could be read.
 */
#ifndef FLIGHT_READER_H
#define FLIGHT_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "flight.h"

/* One event, with what the words before it say of it. */
struct flight_read {
	uint32_t ring;   /* 0: without a P; 1 + the P's id */
	uint32_t kind;   /* enum gos_flight_kind, or a number that is none */
	uint64_t number; /* of its word, among those ever written to that ring */
	uint64_t payload;
	uint64_t runs; /* who ran there when it happened; 0: nobody, or it is not known */
	int64_t at;    /* CLOCK_MONOTONIC, ns; 0: not known, after a loss */
};

struct flight_ring {
	const struct gos_flight_ring *ring; /* NULL: not seen yet */
	uint64_t next;        /* the first word that was not read */
	uint64_t read, lost;  /* words */
	uint64_t losses;      /* times that some were */
	uint64_t runs, readied; /* 0: nobody, or it is not known */
	int64_t at;
};

struct flight_reader {
	int fd; /* -1: this process's own memory */
	char *map;
	size_t size;
	const struct gos_flight *flight;
	uint64_t *copy; /* of one ring */
	uint32_t rings;
	struct flight_ring ring[1 + GOS_P_MAX];
};

/* The recorder of a process, by /proc/PID/fd. False: it has none that can be found so. */
bool flight_open(struct flight_reader *r, pid_t pid);
/* That of the own process, file or not; the process may not have been forked from one that has. */
bool flight_open_own(struct flight_reader *r);
void flight_close(struct flight_reader *r);

/* Calls each(event, arg) for all events since the last poll; how many it were. */
size_t flight_poll(struct flight_reader *r, void (*each)(const struct flight_read *event, void *arg), void *arg);

/* Words written and lost, in all rings, up to the last poll. */
uint64_t flight_words(const struct flight_reader *r);
uint64_t flight_lost(const struct flight_reader *r);

/* states.def's word for a kind; "?" for a number that is none. */
const char *flight_word(uint32_t kind);

#endif
