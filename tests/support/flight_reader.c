/* SPDX-License-Identifier: MIT */
/* flight_reader.c - see flight_reader.h. The file is the reader's to map, but not to believe: what does not fit is refused. */
#include "flight_reader.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static bool sound(const struct gos_flight *f, uint64_t size)
{
	return memcmp(f->magic, RT_FLIGHT_MAGIC, sizeof f->magic) == 0 && f->version == RT_FLIGHT_VERSION && f->words != 0 &&
	       (f->words & (f->words - 1)) == 0 && f->ring_size >= RT_FLIGHT_RING_AT + sizeof(struct gos_flight_ring) + f->words * sizeof(uint64_t) &&
	       f->rings <= 1 + GOS_P_MAX && f->first + f->rings * f->ring_size <= size;
}

/* Maps the file, which may have grown, and finds the rings that are new. */
static bool map(struct flight_reader *r)
{
	struct stat s;
	if (fstat(r->fd, &s) != 0 || s.st_size < RT_FLIGHT_PAGE)
		return false;
	if ((size_t)s.st_size != r->size) {
		if (r->map != NULL)
			munmap(r->map, r->size);
		r->size = (size_t)s.st_size;
		r->map = mmap(NULL, r->size, PROT_READ, MAP_SHARED, r->fd, 0);
		if (r->map == MAP_FAILED) {
			r->map = NULL;
			r->size = 0;
			return false;
		}
	}
	r->flight = (const struct gos_flight *)r->map;
	if (!sound(r->flight, r->size))
		return false;
	r->rings = rt_load_acquire(&r->flight->rings);
	for (uint32_t i = 0; i < r->rings; i++)
		r->ring[i].ring = (const struct gos_flight_ring *)(r->map + r->flight->first + i * r->flight->ring_size + RT_FLIGHT_RING_AT);
	return true;
}

bool flight_open(struct flight_reader *r, pid_t pid)
{
	char path[32], link[300], name[80];
	memset(r, 0, sizeof *r);
	r->fd = -1;
	snprintf(path, sizeof path, "/proc/%d/fd", (int)pid);
	DIR *directory = opendir(path);
	const struct dirent *entry;
	while (directory != NULL && (entry = readdir(directory)) != NULL) {
		snprintf(link, sizeof link, "%s/%s", path, entry->d_name);
		ssize_t n = readlink(link, name, sizeof name - 1);
		name[n > 0 ? n : 0] = '\0';
		if (strncmp(name, "/memfd:gossamer-flight", strlen("/memfd:gossamer-flight")) != 0)
			continue;
		r->fd = open(link, O_RDONLY | O_CLOEXEC);
		if (r->fd >= 0 && map(r))
			break;
		flight_close(r);
	}
	if (directory != NULL)
		closedir(directory);
	if (r->fd < 0)
		return false;
	r->copy = malloc(r->flight->words * sizeof *r->copy);
	return r->copy != NULL;
}

bool flight_open_own(struct flight_reader *r)
{
	memset(r, 0, sizeof *r);
	r->fd = -1;
	r->flight = gos_runtime.flight;
	if (r->flight == NULL)
		return false;
	r->copy = malloc(r->flight->words * sizeof *r->copy);
	return r->copy != NULL;
}

void flight_close(struct flight_reader *r)
{
	if (r->map != NULL)
		munmap(r->map, r->size);
	if (r->fd >= 0)
		close(r->fd);
	free(r->copy);
	memset(r, 0, sizeof *r);
	r->fd = -1;
}

/* The rings of this process. */
static void find_own(struct flight_reader *r)
{
	uint32_t count = rt_load_acquire(&gos_runtime.pcount);
	r->ring[0].ring = r->flight->without_p;
	for (uint32_t i = 0; i < count; i++)
		if (gos_runtime.ps[i]->flight->mask != 0)
			r->ring[1 + i].ring = gos_runtime.ps[i]->flight;
	r->rings = 1 + count;
}

/* What an event changes of who runs there. */
static uint64_t runs_after(const struct flight_read *e)
{
	switch ((enum gos_flight_kind)e->kind) {
	case GOS_FLIGHT_RUN:
	case GOS_FLIGHT_CALL_END:
		return e->payload;
	case GOS_FLIGHT_PARK:
	case GOS_FLIGHT_EXIT:
	case GOS_FLIGHT_CALL:
	case GOS_FLIGHT_PREEMPT:
		return 0;
	default:
		return e->runs;
	}
}

static void tell(struct flight_ring *ring, const struct flight_read *event, void (*each)(const struct flight_read *, void *), void *arg)
{
	if (event->ring != 0)
		ring->runs = runs_after(event);
	if (each != NULL)
		each(event, arg);
}

/* Everything from `next` on that is whole. */
static size_t poll_ring(struct flight_reader *r, uint32_t number, void (*each)(const struct flight_read *, void *), void *arg)
{
	struct flight_ring *ring = &r->ring[number];
	uint64_t size = r->flight->words, head = rt_load_acquire(&ring->ring->head), first = ring->next;
	size_t events = 0;

	if (head - first > size)
		first = head - size;
	for (uint64_t i = first; i < head; i++)
		r->copy[i % size] = rt_load_relaxed(&ring->ring->word[i % size]);
	rt_fence_acquire(); /* what was copied while it was overwritten, the head now tells of */
	uint64_t later = rt_load_relaxed(&ring->ring->head) + RT_FLIGHT_AHEAD;
	if (later > first + size)
		first = later - size;
	if (first > head) /* nothing of it is left */
		first = head;
	if (first != ring->next) {
		ring->lost += first - ring->next;
		ring->losses++;
		ring->runs = ring->readied = 0;
		ring->at = 0;
	}
	for (uint64_t i = first; i < head; i++) {
		uint64_t next = ring->readied, word = rt_flight_part(r->copy[i % size], &next);
		if (rt_flight_is_readied(word))
			ring->readied = rt_flight_payload(word);
		struct flight_read event = {number, (uint32_t)(word >> RT_FLIGHT_KIND_SHIFT), i, rt_flight_payload(word), ring->runs, ring->at};
		if (event.kind == GOS_FLIGHT_TIME) {
			ring->at = r->flight->start + (int64_t)event.payload;
			continue;
		}
		if (event.kind == GOS_FLIGHT_NEXT)
			continue;
		tell(ring, &event, each, arg);
		events++;
		if (next != 0) { /* two in one word */
			tell(ring, &(struct flight_read){number, GOS_FLIGHT_RUN, i, next, ring->runs, ring->at}, each, arg);
			events++;
		}
	}
	ring->read += head - first;
	ring->next = head;
	return events;
}

size_t flight_poll(struct flight_reader *r, void (*each)(const struct flight_read *, void *), void *arg)
{
	size_t events = 0;
	if (r->fd < 0)
		find_own(r);
	else if (!map(r))
		return 0;
	for (uint32_t i = 0; i < r->rings; i++)
		if (r->ring[i].ring != NULL)
			events += poll_ring(r, i, each, arg);
	return events;
}

uint64_t flight_words(const struct flight_reader *r)
{
	uint64_t words = 0;
	for (uint32_t i = 0; i < r->rings; i++)
		words += r->ring[i].next;
	return words;
}

uint64_t flight_lost(const struct flight_reader *r)
{
	uint64_t lost = 0;
	for (uint32_t i = 0; i < r->rings; i++)
		lost += r->ring[i].lost;
	return lost;
}

const char *flight_word(uint32_t kind)
{
	switch (kind) {
#define GOS_FLIGHT(symbol, number, word, payload) \
	case number:                              \
		return word;
#include "abi/states.def"
	}
	return "?";
}
