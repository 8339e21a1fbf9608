/* SPDX-License-Identifier: MIT */
/*
 * ctf.h - writes what the flight recorder has as a CTF 1.8 trace, which babeltrace2 and Trace Compass read: a directory with `metadata` and a stream file for each ring.
 */
#ifndef CTF_H
#define CTF_H

#include "flight_reader.h"

struct ctf_stream {
	char *bytes; /* the packet under way */
	size_t size, capacity;
	uint64_t events, discarded; /* words lost before the packet's end, in all */
	int64_t first, last;
	void *file;
};

struct ctf {
	char directory[256];
	int64_t to_real; /* from CLOCK_MONOTONIC to CLOCK_REALTIME */
	struct ctf_stream stream[1 + GOS_P_MAX];
	uint64_t events; /* written so far */
};

/* Begins a trace in a directory that is there, and writes its metadata. False: errno says why. */
bool ctf_begin(struct ctf *trace, const char *directory, const struct gos_flight *flight);
/* Adds an event; lost: the words that the reader has lost in that ring so far. */
bool ctf_event(struct ctf *trace, const struct flight_read *event, uint64_t lost);
bool ctf_end(struct ctf *trace);

#endif
