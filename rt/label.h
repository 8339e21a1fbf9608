/* SPDX-License-Identifier: MIT */
/*
 * label.h - sets of labels, which goroutines share. Floor 1.
 *
 * A set is written once and then never changed: gos_set_label makes another one. So a goroutine hands its own to each that it starts by counting one more
 * user, and a set goes back with its last user. A goroutine without labels has the flag RT_G_LABELLED off, which is all that spawn and exit look at.
 *
 * Sets lie in memory that is never unmapped and never anything else than a set of its size. Who reads one that may be given back meanwhile (g->labels of
 * another goroutine) compares `turn` before and after, as rt_labels_copy does: odd while the set is nobody's or is being written, and it only goes up.
 */
#ifndef RT_LABEL_H
#define RT_LABEL_H

#include "atomic.h"
#include "state.h"

#define RT_LABELS_MAX 16      /* of one goroutine */
#define RT_LABEL_KEY_MAX 63   /* bytes, without the zero */
#define RT_LABEL_VALUE_MAX 255
#define RT_LABELS_TEXT_MAX (RT_LABELS_MAX * (RT_LABEL_KEY_MAX + RT_LABEL_VALUE_MAX + 2))

struct gos_labels {
	uint32_t turn;           /* Sync: atomic, written by who takes it from the free list or puts it there */
	uint32_t users;          /* goroutines that have it, and calls that will give it back to theirs. Sync: atomic */
	struct gos_labels *link; /* free list. Lock: label.c's */
	uint16_t count;          /* of labels */
	uint16_t bytes;          /* of text */
	uint8_t size_class;      /* label.c */
	char text[43];           /* key, zero, value, zero, and so on, in the order of the keys. It goes on beyond the structure */
};
_Static_assert(sizeof(struct gos_labels) == RT_CACHE_LINE, "the smallest set is one cache line");

/*
 * The set that `old` (NULL: none) becomes when key has that value (NULL: is no more), with the caller as its one user; NULL where it has no labels left; `old`
 * itself, with one user more, where nothing changes. 0; or -EINVAL, -E2BIG, -ENOSPC, as gos_set_label has them. Any thread that is a user of old.
 */
int rt_labels_with(struct gos_labels *old, const char *key, const char *value, struct gos_labels **set);

/* The value of a key; NULL. A user of the set. */
const char *rt_labels_get(const struct gos_labels *set, const char *key);

/* One user less; NULL is allowed. Holding no lock of rank SLAB or later. */
void rt_labels_put(struct gos_labels *set);

/* The current goroutine gets another set, of which the caller was a user; the caller is a user now of the one before, which is returned. */
struct gos_labels *rt_labels_set(struct gos_g *gp, struct gos_labels *set);

/* One user more, by who is one: so it is not given back meanwhile. */
RT_INLINE void rt_labels_share(struct gos_labels *set)
{
	__atomic_add_fetch(&set->users, 1, __ATOMIC_RELAXED);
}

/* gp, which nobody else runs yet, gets what its creator has. Where that has labels, by the creator. */
RT_INLINE void rt_labels_inherit(struct gos_g *gp, const struct gos_g *creator)
{
	rt_labels_share(creator->labels);
	rt_store_release(&gp->labels, creator->labels);
	gp->flags |= RT_G_LABELLED;
}

/* For who looks on: the labels of another goroutine. */
struct rt_labels_copy {
	uint32_t count;
	uint32_t bytes;
	char text[RT_LABELS_TEXT_MAX];
};

/*
 * The labels that gp had at one moment of the call; false where it has none, or changes them all the time. Any thread, in a signal handler too: nothing is
 * locked or allocated, and nothing that could be wrong is believed.
 */
bool rt_labels_copy(const struct gos_g *gp, struct rt_labels_copy *copy);

/* Bytes of memory that sets lie in: what as many as ever were in use at once need. Sync: atomic */
extern uint64_t rt_labels_memory;

/* const char *at = NULL; while (rt_labels_next(copy, &at, &key, &value)): each label of a copy. */
bool rt_labels_next(const struct rt_labels_copy *copy, const char **at, const char **key, const char **value);

#endif
