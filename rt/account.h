/* SPDX-License-Identifier: MIT */
/*
 * account.h - one sentence that says what is known of a goroutine: who, what it does, since when, where, for what, by whom, whose turn. Beside the floors.
 *
 * gdb says the same in the same words: gdb/gossamer/account.py. The grammar is in gossamer(7).
 */
#ifndef RT_ACCOUNT_H
#define RT_ACCOUNT_H

#include <stdbool.h>
#include <stdint.h>

#include "waits.h"

struct gos_g;
struct gos_sudog;
struct rt_frame;
struct rt_printer;

#define RT_ACCOUNT_MAX 16384 /* bytes of a sentence: a longer one ends there, with dots */

#define RT_LINES 64 /* a power of two */

struct rt_accounts {
	struct rt_printer *out;
	struct rt_goids goids;
	uint32_t flights; /* times that the flight recorder was asked, which takes a look at all of it */
	/* Long lines of those who wait for the same: who tells of a thousand of them does not count a thousand each time. By what they wait for. */
	struct rt_line {
		const void *at;
		const struct gos_sudog *head;
		uint64_t first; /* goid */
		uint64_t count;
		bool more;      /* than were counted */
		int64_t when;
	} lines[RT_LINES];
};

/* many: they will be told of all goroutines, so it pays to note where each is. */
void rt_accounts_begin(struct rt_accounts *accounts, struct rt_printer *out, bool many);
void rt_accounts_end(struct rt_accounts *accounts);

/* The sentence, without a dot or a newline; nothing if gp has ended. False then. Of one that runs it says where, when that is known: `at`. */
bool rt_account_put(struct rt_accounts *accounts, struct gos_g *gp, const struct rt_frame *at);

/* "request=r-881, tenant=7" */
void rt_put_labels(struct rt_printer *p, const struct gos_g *gp, const char *before);

/*
 * Where it comes from, beyond what its sentence says of its creator: "called from main (srv.c:99)" for each call above the one that made it, and "ancestor goroutine 3, created
 * by goroutine 1 at main (srv.c:7)", with the calls above that, for each creator that is kept. `before` and `after` stand around each. g is a copy of *gp.
 */
void rt_put_origin(struct rt_printer *p, const struct gos_g *g, const struct gos_g *gp, const char *before, const char *after);

/* gp as it was at one moment, if it was on no thread; else as well as it can be had. False: it has ended. */
bool rt_account_look(struct gos_g *gp, struct gos_g *copy);

/* ", which waits in chan receive", ", which is running": of one in a chain. */
void rt_put_which(struct rt_printer *p, const struct gos_g *copy);
/* " held by 2 readers": of the rwmutex there. */
void rt_put_readers(struct rt_printer *p, uint64_t rwmutex);

#endif
