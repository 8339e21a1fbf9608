/* SPDX-License-Identifier: MIT */
/*
 * flight.c - the flight recorder's memory, and what its hot paths leave out. Floor 1. What is written into it when is in flight.h.
 *
 * The file is made with the first Ps and grows by a ring with each new P. Its pages are there before they are written to: a page that could not be had later would be a
 * SIGBUS in the middle of a switch. Where the system has no memfd_create, or the file may not grow (RLIMIT_FSIZE, or the program has closed the descriptor: its number may be
 * another file's by then), a ring is memory without a name, which debuggers and cores show as well. Where there is no memory at all, that P's events are not recorded.
 */
#include "flight.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "clock.h"
#include "config.h"
#include "lock.h"
#include "throw.h"

#define FILE_NAME "gossamer-flight"

_Static_assert(offsetof(struct gos_flight_ring, word) == RT_CACHE_LINE, "flight.h: RT_FLIGHT_RING_AT");
_Static_assert(sizeof(struct gos_flight) <= RT_FLIGHT_PAGE, "the file's first page");

static struct {
	int fd;
	dev_t dev;
	ino_t ino; /* to know it again */
} file = {.fd = -1};

static struct rt_lock without_p_lock;

static uint32_t words_wanted(void)
{
	uint32_t least = RT_FLIGHT_PAGE / sizeof(uint64_t), words = least, wanted = (uint32_t)(rt_config.flight & ~RT_FLIGHT_EXACT);
	if (wanted == 0)
		return 0;
	while (words < wanted)
		words *= 2;
	return words;
}

/* ---- the file ---- */

static bool is_ours(int fd)
{
	struct stat s;
	return fd >= 0 && fstat(fd, &s) == 0 && s.st_dev == file.dev && s.st_ino == file.ino;
}

/* Makes the file so long that [from, from + size) is in it, with all its pages. A file that may not grow so far is not tried: the kernel would send SIGXFSZ. */
static bool file_has(int fd, uint64_t from, uint64_t size)
{
	struct rlimit limit;
	return getrlimit(RLIMIT_FSIZE, &limit) == 0 && (limit.rlim_cur == RLIM_INFINITY || from + size <= limit.rlim_cur) &&
	       fallocate(fd, 0, (off_t)from, (off_t)size) == 0;
}

static void file_make(void)
{
	struct stat s;
	int fd = memfd_create(FILE_NAME, MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (fd < 0)
		return;
	if (!file_has(fd, 0, RT_FLIGHT_PAGE) || fstat(fd, &s) != 0) {
		close(fd);
		return;
	}
	fcntl(fd, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_SEAL); /* nobody shall take pages from under us */
	file.fd = fd;
	file.dev = s.st_dev;
	file.ino = s.st_ino;
}

/* ---- rings ---- */

/* Ring `number`, of memory that is there; NULL: there is none. *in_file: it is the file's. */
static struct gos_flight_ring *ring_map(uint32_t number, uint32_t words, bool *in_file)
{
	size_t size = RT_FLIGHT_PAGE + words * sizeof(uint64_t);
	uint64_t from = RT_FLIGHT_PAGE + (uint64_t)number * size;
	char *base = mmap(NULL, size + RT_FLIGHT_PAGE, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (base == MAP_FAILED)
		return NULL;
	*in_file = is_ours(file.fd) && file_has(file.fd, from, size) &&
	           mmap(base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.fd, (off_t)from) != MAP_FAILED &&
	           mmap(base + size, RT_FLIGHT_PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_FIXED, file.fd, (off_t)from + RT_FLIGHT_PAGE) != MAP_FAILED;
	if (!*in_file && /* a shared mapping whose old size is 0 is not moved, but had once more */
	    (mmap(base, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED ||
	     mremap(base + RT_FLIGHT_PAGE, 0, RT_FLIGHT_PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, base + size) == MAP_FAILED)) {
		munmap(base, size + RT_FLIGHT_PAGE);
		return NULL;
	}
	struct gos_flight_ring *ring = (struct gos_flight_ring *)(base + RT_FLIGHT_RING_AT);
	ring->mask = words - 1;
	ring->number = number;
	ring->time = INT64_MIN; /* no event was yet */
	return ring;
}

/* One word that nobody reads, in memory that is zero. */
static struct gos_flight_ring *no_ring(uint64_t *memory)
{
	return (struct gos_flight_ring *)memory;
}

void rt_flight_start(void)
{
	uint32_t words = words_wanted();
	bool in_file;
	if (!GOS_RECORD || words == 0)
		return;
	file_make();
	struct gos_flight *f = mmap(NULL, RT_FLIGHT_PAGE, PROT_READ | PROT_WRITE, file.fd >= 0 ? MAP_SHARED : MAP_PRIVATE | MAP_ANONYMOUS, file.fd, 0);
	struct gos_flight_ring *without_p = f != MAP_FAILED ? ring_map(0, words, &in_file) : NULL;
	if (without_p == NULL) {
		fprintf(stderr, "gossamer: no memory for the flight recorder: %s; it is off\n", strerror(errno));
		return;
	}
	struct timespec real;
	memcpy(f->magic, RT_FLIGHT_MAGIC, sizeof f->magic);
	f->version = RT_FLIGHT_VERSION;
	f->first = RT_FLIGHT_PAGE;
	f->words = words;
	f->ring_size = RT_FLIGHT_PAGE + words * sizeof(uint64_t);
	f->exact = (rt_config.flight & RT_FLIGHT_EXACT) != 0;
	f->pid = (uint32_t)getpid();
	f->fd = file.fd;
	f->start = rt_now();
	clock_gettime(CLOCK_REALTIME, &real);
	f->start_real = (int64_t)real.tv_sec * 1000000000 + real.tv_nsec;
	f->without_p = without_p;
	rt_store_release(&f->rings, in_file ? 1u : 0u);
	gos_runtime.flight = f;
}

void rt_flight_give(struct gos_p *pp)
{
	struct gos_flight *f = gos_runtime.flight;
	struct gos_flight_ring *ring = NULL;
	bool in_file = false;
	if (f != NULL)
		ring = ring_map(1 + pp->id, f->words, &in_file);
	if (in_file)
		rt_store_release(&f->rings, 2 + pp->id);
	pp->flight = ring != NULL ? ring : no_ring(pp->no_flight);
}

void rt_flight_in_child(void)
{
	uint32_t n = rt_load_acquire(&gos_runtime.pcount);
	gos_runtime.flight = NULL; /* what is there is another process's record */
	for (uint32_t i = 0; i < n; i++)
		gos_runtime.ps[i]->flight = no_ring(gos_runtime.ps[i]->no_flight);
}

/* ---- writing ---- */

void rt_flight_stamp(struct gos_flight_ring *ring, int64_t now)
{
	struct gos_flight *f = gos_runtime.flight;
	if (f == NULL) { /* it is one word that nobody reads */
		rt_store_relaxed(&ring->time, now);
		return;
	}
	int64_t at = f->exact ? rt_now() : now;
	if (!f->exact)
		rt_store_relaxed(&ring->time, now);
	rt_flight_put(ring, rt_flight_word(GOS_FLIGHT_TIME, at > f->start ? (uint64_t)(at - f->start) : 0));
}

void rt_flight_without_p(enum gos_flight_kind kind, uint64_t payload)
{
	struct gos_flight *f = gos_runtime.flight;
	if (!GOS_RECORD || f == NULL)
		return;
	rt_lock(&without_p_lock, RT_RANK_FLIGHT);
	struct gos_flight_ring *ring = f->without_p;
	int64_t now = rt_load_relaxed(&gos_runtime.now);
	if (ring->time != now)
		rt_flight_stamp(ring, now);
	rt_flight_put(ring, rt_flight_word(kind, payload));
	rt_unlock(&without_p_lock);
}

#if GOS_CHECK >= 2
void rt_flight_check_readied(const struct gos_p *pp, uint64_t goid)
{
	const struct gos_flight_ring *ring = pp->flight;
	for (uint64_t i = ring->head; i != 0 && ring->head - i <= ring->mask; i--) {
		uint64_t word = ring->word[(i - 1) & ring->mask];
		if (!rt_flight_is_readied(word))
			continue;
		if (rt_flight_payload(word) != goid)
			rt_throw("rt/flight: another goroutine runs next than was made ready last");
		return;
	}
}
#endif

/* ---- reading ---- */

#define LAST_MAX 16 /* events of a goroutine */

/* The last of them that have been found, oldest first from `first`, around the end. */
struct found {
	struct rt_flight_event event[LAST_MAX];
	uint64_t count; /* ever put in */
};

static void found_put(struct found *found, const struct rt_flight_event *event)
{
	found->event[found->count++ % LAST_MAX] = *event;
}

static uint64_t found_first(const struct found *found)
{
	return found->count > LAST_MAX ? found->count - LAST_MAX : 0;
}

/* The time of the last n. */
static void found_date(struct found *found, uint64_t n, int64_t at, bool early)
{
	for (uint64_t i = found->count > n ? found->count - n : 0; i < found->count; i++) {
		found->event[i % LAST_MAX].at = at;
		found->event[i % LAST_MAX].early = early;
	}
}

/* What a word says of goroutine `goid`, when `runs` ran there; false: nothing. */
static bool about(uint64_t word, uint64_t goid, uint64_t runs, struct rt_flight_event *event)
{
	uint64_t payload = rt_flight_payload(word);
	*event = (struct rt_flight_event){.kind = (enum gos_flight_kind)(word >> RT_FLIGHT_KIND_SHIFT), .goid = goid};
	switch (event->kind) {
	case GOS_FLIGHT_RUN:
		if (payload == goid)
			return true;
		event->kind = GOS_FLIGHT_YIELD;
		return runs == goid;
	case GOS_FLIGHT_CREATE:
	case GOS_FLIGHT_READY:
		event->by = runs;
		return payload == goid;
	case GOS_FLIGHT_WAKE:
	case GOS_FLIGHT_CALL_END:
		return payload == goid;
	case GOS_FLIGHT_PARK:
		event->object = payload & ((UINT64_C(1) << RT_FLIGHT_OBJECT_BITS) - 1);
		event->reason = (uint32_t)(payload >> RT_FLIGHT_OBJECT_BITS);
		return runs == goid;
	case GOS_FLIGHT_CALL:
	case GOS_FLIGHT_PANIC:
		event->object = payload;
		return runs == goid;
	case GOS_FLIGHT_PREEMPT:
		return runs == goid;
	case GOS_FLIGHT_EXIT:
		return runs == goid;
	default:
		return false;
	}
}

/* Who runs there after a word, when `runs` did before it. */
static uint64_t runs_after(uint64_t word, uint64_t runs)
{
	switch ((enum gos_flight_kind)(word >> RT_FLIGHT_KIND_SHIFT)) {
	case GOS_FLIGHT_RUN:
	case GOS_FLIGHT_CALL_END:
		return rt_flight_payload(word);
	case GOS_FLIGHT_EXIT:
	case GOS_FLIGHT_PARK:
	case GOS_FLIGHT_CALL:
	case GOS_FLIGHT_PREEMPT:
		return 0;
	default:
		return runs;
	}
}

/* How far a ring has been read. */
struct sight {
	uint64_t runs, readied; /* who runs there and who was made ready last; 0: nobody, or it is not known */
	int64_t at;
	uint64_t untimed; /* so many of what was found last, whose time is not known yet */
	bool timed;
};

/* One event of the ring of P p. */
static void see(struct sight *sight, uint64_t word, uint32_t p, uint64_t goid, struct found *found)
{
	struct rt_flight_event event;
	if (about(word, goid, sight->runs, &event)) {
		event.at = sight->at;
		event.p = p;
		found_put(found, &event);
		sight->untimed += !sight->timed;
	}
	if (p != RT_FLIGHT_NO_P)
		sight->runs = runs_after(word, sight->runs);
	if (rt_flight_is_readied(word))
		sight->readied = rt_flight_payload(word);
}

/* What a ring, which may be written meanwhile, still has of one goroutine. */
static void look(const struct gos_flight *f, const struct gos_flight_ring *ring, uint64_t goid, struct found *found)
{
	uint64_t head = rt_load_acquire(&ring->head), size = ring->mask + 1;
	uint64_t i = head + RT_FLIGHT_AHEAD > size ? head + RT_FLIGHT_AHEAD - size : 0;
	uint32_t p = ring->number != 0 ? ring->number - 1 : RT_FLIGHT_NO_P;
	struct sight sight = {0};

	found->count = 0;
	while (i < head) {
		uint64_t word = rt_load_relaxed(&ring->word[i & ring->mask]);
		rt_fence_acquire(); /* pairs with the release of the head: a newer word here, and the head is newer too */
		uint64_t lost = rt_load_relaxed(&ring->head) + RT_FLIGHT_AHEAD;
		if (rt_unlikely(lost > i + size)) { /* it is being overwritten: go on some way after that */
			i = lost - size + size / 8;
			sight.runs = sight.readied = 0;
			sight.timed = false;
			continue;
		}
		i++;
		if (word >> RT_FLIGHT_KIND_SHIFT == GOS_FLIGHT_TIME) {
			sight.at = f->start + (int64_t)rt_flight_payload(word);
			found_date(found, sight.untimed, sight.at, true);
			sight.untimed = 0;
			sight.timed = true;
			continue;
		}
		uint64_t next = sight.readied;
		see(&sight, rt_flight_part(word, &next), p, goid, found);
		if (next != 0)
			see(&sight, rt_flight_word(GOS_FLIGHT_RUN, next), p, goid, found);
	}
	/* What was written after the last TIME of all, which is no longer there, has the time that the ring itself remembers. */
	found_date(found, sight.untimed, rt_load_relaxed(&ring->time), false);
}

/* Can this happen to a goroutine right after that? Says which came first where the clock does not. */
static bool can_follow(enum gos_flight_kind before, enum gos_flight_kind kind)
{
	switch (kind) {
	case GOS_FLIGHT_CREATE:
		return false;
	case GOS_FLIGHT_READY:
	case GOS_FLIGHT_WAKE:
		return before == GOS_FLIGHT_PARK;
	case GOS_FLIGHT_CALL_END:
		return before == GOS_FLIGHT_CALL;
	case GOS_FLIGHT_RUN: /* without a P the end of a call is followed by one too */
		return before != GOS_FLIGHT_PARK && before != GOS_FLIGHT_RUN && before != GOS_FLIGHT_EXIT;
	default: /* it runs */
		return before == GOS_FLIGHT_RUN || before == GOS_FLIGHT_CALL_END || before == GOS_FLIGHT_PANIC;
	}
}

/* Did the goroutine give way, or have to, at the end of the run that begins with event i? Then it may have run elsewhere right after that. */
static bool gave_way(const struct found *found, uint64_t i)
{
	while (++i < found->count && found->event[i % LAST_MAX].kind == GOS_FLIGHT_PANIC)
		;
	return i < found->count && (found->event[i % LAST_MAX].kind == GOS_FLIGHT_YIELD || found->event[i % LAST_MAX].kind == GOS_FLIGHT_PREEMPT);
}

/* The events of both, in the order in which they happened. */
static void merge(const struct found *a, const struct found *b, struct found *both)
{
	uint64_t i = found_first(a), k = found_first(b);
	both->count = 0;
	while (i < a->count || k < b->count) {
		const struct rt_flight_event *x = i < a->count ? &a->event[i % LAST_MAX] : NULL, *y = k < b->count ? &b->event[k % LAST_MAX] : NULL;
		bool first;
		if (x == NULL || y == NULL) {
			first = y == NULL;
		} else if (x->at != y->at) {
			first = x->at < y->at;
		} else if (x->kind == GOS_FLIGHT_RUN && y->kind == GOS_FLIGHT_RUN) {
			first = gave_way(a, i) || !gave_way(b, k);
		} else {
			enum gos_flight_kind before = both->count != 0 ? both->event[(both->count - 1) % LAST_MAX].kind : GOS_FLIGHT_TIME;
			first = both->count == 0 ? !can_follow(y->kind, x->kind) : can_follow(before, x->kind) || !can_follow(before, y->kind);
		}
		found_put(both, first ? x : y);
		if (first)
			i++;
		else
			k++;
	}
}

uint32_t rt_flight_last(uint64_t goid, struct rt_flight_event *events, uint32_t n)
{
	struct gos_flight *f = gos_runtime.flight;
	struct found sofar, here, both;
	uint32_t count = rt_load_acquire(&gos_runtime.pcount);
	if (!GOS_RECORD || f == NULL)
		return 0;
	look(f, f->without_p, goid, &sofar);
	for (uint32_t i = 0; i < count; i++) {
		const struct gos_p *pp = gos_runtime.ps[i];
		if (pp->flight->mask == 0)
			continue;
		look(f, pp->flight, goid, &here);
		if (here.count == 0)
			continue;
		merge(&sofar, &here, &both);
		sofar = both;
	}
	uint64_t have = sofar.count - found_first(&sofar);
	if (n > have)
		n = (uint32_t)have;
	for (uint32_t i = 0; i < n; i++)
		events[i] = sofar.event[(sofar.count - 1 - i) % LAST_MAX];
	return n;
}
