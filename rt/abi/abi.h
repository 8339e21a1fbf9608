/* SPDX-License-Identifier: MIT */
/*
 * abi.h - how a process that runs goroutines describes itself to an observer.
 *
 * The root object (symbol gos_runtime; hidden alias behind ELF note .note.gos) begins with a struct gos_abi: a header, then
 * `row_count` rows of `row_size` bytes. Rows are found by name, never by position, and hold no pointers, so the table in the
 * ELF file and the table in memory are the same bytes. This header is all that an observer compiles in; every offset, size,
 * number and word comes from the rows. See layout.def and states.def for what the rows mean.
 *
 * Finding the root without symbols: PT_NOTE with owner "GOS", type GOS_NOTE_TYPE; its 8-byte descriptor, added to the
 * descriptor's own address, is the address of the root.
 */
#ifndef GOS_ABI_H
#define GOS_ABI_H

#include <stdint.h>

#define GOS_ABI_MAGIC "GOSSAMER" /* 8 bytes, no terminator */
#define GOS_ABI_VERSION 1        /* bumped only when a walk changes; an observer refuses one that it does not know */
#define GOS_NOTE_OWNER "GOS"
#define GOS_NOTE_TYPE 1

enum gos_row_kind {
	GOS_ROW_STRUCT = 1, /* size: sizeof */
	GOS_ROW_FIELD = 2,  /* size: of the field; value: its offset; text: its form, see layout.def */
	GOS_ROW_CONST = 3,  /* value */
	GOS_ROW_STATE = 4,  /* name "state.X"; value: the number; text: the word */
	GOS_ROW_REASON = 5, /* name "reason.X"; value, text; size: number of the GOS_OBJECT that wait_obj points to */
	GOS_ROW_OBJECT = 6, /* name "object.X"; value, text */
	GOS_ROW_EVENT = 7,  /* name "event.X"; value: bit number; text */
	GOS_ROW_FLAG = 8,   /* name "flag.X"; value: bit of g.flags; text */
	GOS_ROW_FLIGHT = 9, /* name "flight.X"; value: kind of the flight recorder's; text; size: enum gos_payload */
	GOS_ROW_HOLD = 10,  /* name "hold.X"; value: bit of g.hold and runtime.hold_mask; text */
};

/* What a word of the flight recorder has in the bits below its kind. */
enum gos_payload {
	GOS_PAYLOAD_NONE,
	GOS_PAYLOAD_NS,   /* since the recorder's start */
	GOS_PAYLOAD_GOID,
	GOS_PAYLOAD_WAIT, /* const.flight_object_bits of what it waits on, and the reason above them */
	GOS_PAYLOAD_PC,   /* where the program's code stands: a return address */
	GOS_PAYLOAD_P,    /* a P's id */
	GOS_PAYLOAD_NEXT, /* a goid: right after that RUN of this goroutine happened, which has no word of its own; 0: it did not */
	GOS_PAYLOAD_WAIT_NEXT, /* as WAIT, and right after that RUN of the goroutine that this ring's last READY or NEXT names */
};

struct gos_abi_row {
	char name[40]; /* zero-terminated */
	char text[40];
	uint32_t kind;
	uint32_t size;
	uint64_t value;
};

struct gos_abi_header {
	char magic[8];
	uint32_t version;
	uint32_t header_size; /* the rows begin here */
	uint32_t row_size;
	uint32_t row_count;
	char machine[16]; /* "x86_64" */
};

#endif
