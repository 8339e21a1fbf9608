/* SPDX-License-Identifier: MIT */
/*
 * ctf.c - see ctf.h. Fields are packed, little endian. A stream is cut into packets where words were lost, since it is packets that say how many were discarded.
 *
 * An event whose time is not known, after a loss, is given that of the event before it: times of a stream may not go back, and it is not earlier.
 */
#include "ctf.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAGIC 0xC1FC1FC1u
#define HEAD (4 + 4 + 8 + 8 + 8 + 8 + 8 + 4) /* packet header and context, as in metadata */

static const char preamble[] =
	"/* CTF 1.8 */\n"
	"typealias integer { size = 8; align = 8; signed = false; } := uint8_t;\n"
	"typealias integer { size = 32; align = 8; signed = false; } := uint32_t;\n"
	"typealias integer { size = 64; align = 8; signed = false; } := uint64_t;\n"
	"typealias integer { size = 64; align = 8; signed = false; base = hex; } := address_t;\n"
	"trace {\n"
	"	major = 1; minor = 8; byte_order = le;\n"
	"	packet.header := struct { uint32_t magic; uint32_t stream_id; };\n"
	"};\n"
	"env { domain = \"gossamer\"; pid = %u; };\n"
	"clock { name = monotonic; description = \"CLOCK_MONOTONIC\"; freq = 1000000000; offset_s = %lld; offset = %lld; };\n"
	"typealias integer { size = 64; align = 8; signed = false; map = clock.monotonic.value; } := time_t;\n"
	"stream {\n"
	"	id = 0;\n"
	"	packet.context := struct {\n"
	"		time_t timestamp_begin; time_t timestamp_end; uint64_t content_size; uint64_t packet_size;\n"
	"		uint64_t events_discarded; uint32_t ring;\n"
	"	};\n"
	"	event.header := struct { uint8_t id; time_t timestamp; };\n"
	"};\n";

/* What is in an event besides who ran there, and how it is called. */
static const char *fields_of(uint32_t payload)
{
	switch ((enum gos_payload)payload) {
	case GOS_PAYLOAD_GOID:
		return " uint64_t goid;";
	case GOS_PAYLOAD_WAIT:
		return " enum reason reason; address_t object;";
	case GOS_PAYLOAD_PC:
		return " address_t pc;";
	case GOS_PAYLOAD_P:
		return " uint64_t p;";
	case GOS_PAYLOAD_NS:
	case GOS_PAYLOAD_NEXT: /* the reader makes an event of its own of it */
	case GOS_PAYLOAD_WAIT_NEXT: /* and two of this */
	case GOS_PAYLOAD_NONE:
		break;
	}
	return "";
}

/* Does the reader make events of this kind? */
static bool is_event(uint32_t kind)
{
	return kind != GOS_FLIGHT_TIME && kind != GOS_FLIGHT_NEXT && kind != GOS_FLIGHT_PARK_NEXT;
}

static void write_metadata(FILE *file, const struct gos_flight *f, int64_t to_real)
{
	int64_t seconds = to_real / 1000000000, rest = to_real % 1000000000;
	if (rest < 0) {
		rest += 1000000000;
		seconds--;
	}
	fprintf(file, preamble, f->pid, (long long)seconds, (long long)rest);
	fprintf(file, "enum reason : uint8_t {\n");
#define GOS_REASON(symbol, number, word, object) fprintf(file, "\t\"%s\" = %d,\n", number != 0 ? word : "none", number);
#include "abi/states.def"
	fprintf(file, "};\n");
#define GOS_FLIGHT(symbol, number, word, payload)                                                                                   \
	if (is_event(number))                                                                                                       \
		fprintf(file, "event { id = %d; name = \"%s\"; stream_id = 0; fields := struct { uint64_t runs;%s }; };\n", number, word, \
		        fields_of(GOS_PAYLOAD_##payload));
#include "abi/states.def"
}

bool ctf_begin(struct ctf *trace, const char *directory, const struct gos_flight *flight)
{
	char path[300];
	memset(trace, 0, sizeof *trace);
	snprintf(trace->directory, sizeof trace->directory, "%s", directory);
	trace->to_real = flight->start_real - flight->start;
	for (size_t i = 0; i < sizeof trace->stream / sizeof *trace->stream; i++)
		trace->stream[i].last = flight->start; /* nothing was earlier */
	snprintf(path, sizeof path, "%s/metadata", trace->directory);
	FILE *file = fopen(path, "w");
	if (file == NULL)
		return false;
	write_metadata(file, flight, trace->to_real);
	return fclose(file) == 0;
}

static bool put(struct ctf_stream *s, uint64_t value, size_t bytes)
{
	if (s->size + bytes > s->capacity) {
		size_t capacity = s->capacity != 0 ? 2 * s->capacity : 4096;
		char *more = realloc(s->bytes, capacity);
		if (more == NULL)
			return false;
		s->bytes = more;
		s->capacity = capacity;
	}
	for (size_t i = 0; i < bytes; i++)
		s->bytes[s->size++] = (char)(value >> 8 * i);
	return true;
}

/* Writes the packet under way, if there is any, and begins another. The first one has no events: it is from there that losses are counted. */
static bool cut(struct ctf *trace, uint32_t ring)
{
	struct ctf_stream *s = &trace->stream[ring];
	if (s->size != 0) {
		char path[300];
		size_t size = s->size;
		snprintf(path, sizeof path, "%s/ring%u", trace->directory, ring);
		if (s->file == NULL)
			s->file = fopen(path, "w");
		if (s->file == NULL)
			return false;
		s->size = 0;
		put(s, MAGIC, 4);
		put(s, 0, 4);
		put(s, (uint64_t)s->first, 8);
		put(s, (uint64_t)s->last, 8);
		put(s, 8 * size, 8);
		put(s, 8 * size, 8);
		put(s, s->discarded, 8);
		put(s, ring, 4);
		if (fwrite(s->bytes, size, 1, s->file) != 1)
			return false;
	}
	s->size = 0;
	for (size_t i = 0; i < HEAD; i++)
		if (!put(s, 0, 1))
			return false;
	return true;
}

static uint32_t payload_of(uint32_t kind)
{
	switch (kind) {
#define GOS_FLIGHT(symbol, number, word, payload) \
	case number:                              \
		return GOS_PAYLOAD_##payload;
#include "abi/states.def"
	}
	return GOS_PAYLOAD_NONE;
}

bool ctf_event(struct ctf *trace, const struct flight_read *e, uint64_t lost)
{
	struct ctf_stream *s = &trace->stream[e->ring];
	if (s->size == 0) {
		s->first = s->last;
		if (!cut(trace, e->ring) || !cut(trace, e->ring))
			return false;
	} else if (lost != s->discarded && !cut(trace, e->ring)) {
		return false;
	}
	s->discarded = lost;
	if (e->at > s->last)
		s->last = e->at;
	if (s->size == HEAD)
		s->first = s->last;
	bool well = put(s, e->kind, 1) && put(s, (uint64_t)s->last, 8) && put(s, e->runs, 8);
	switch ((enum gos_payload)payload_of(e->kind)) {
	case GOS_PAYLOAD_WAIT:
		well = well && put(s, e->payload >> RT_FLIGHT_OBJECT_BITS, 1) && put(s, e->payload & ((UINT64_C(1) << RT_FLIGHT_OBJECT_BITS) - 1), 8);
		break;
	case GOS_PAYLOAD_NEXT:
	case GOS_PAYLOAD_WAIT_NEXT:
	case GOS_PAYLOAD_NONE:
		break;
	default:
		well = well && put(s, e->payload, 8);
	}
	s->events++;
	trace->events++;
	return well;
}

bool ctf_end(struct ctf *trace)
{
	bool well = true;
	for (uint32_t i = 0; i < sizeof trace->stream / sizeof *trace->stream; i++) {
		struct ctf_stream *s = &trace->stream[i];
		if (s->size != 0)
			well = cut(trace, i) && well;
		if (s->file != NULL)
			well = fclose(s->file) == 0 && well;
		free(s->bytes);
	}
	return well;
}
