/* SPDX-License-Identifier: MIT */
/*
 * label.c - sets of labels, which goroutines share. Floor 1. Lock: `lock` (rank SLAB), for the free lists.
 *
 * Always true:
 *  - a set with an even turn has users and does not change; one with an odd turn is on a free list, or in the hands of who writes it;
 *  - there are as many sets as were ever in use at once, by size: what was given back is used again first.
 *
 * Rejected: malloc. An observer within the process would have to read memory that may be unmapped, and free() may be the program's own and let others
 * run, which the end of a goroutine must not. Rejected too: a table in which equal sets are found and shared: a request id is never equal to another.
 */
#include "label.h"

#include <errno.h>
#include <string.h>

#include "lock.h"
#include "slab.h"
#include "traceback.h"

#define SMALLEST sizeof(struct gos_labels)
#define CLASSES 8            /* 64, 128 ... 8192 bytes */
#define CHUNK (256u << 10)   /* memory taken from the system at once; a multiple of every size */
#define COPY_ATTEMPTS 100

_Static_assert(offsetof(struct gos_labels, text) + RT_LABELS_TEXT_MAX <= SMALLEST << (CLASSES - 1), "the largest set fits");

static struct rt_lock lock;
static struct gos_labels *spare[CLASSES];
static char *fresh, *fresh_end; /* never used yet */
uint64_t rt_labels_memory;

static uint8_t class_of(size_t bytes)
{
	uint8_t size_class = 0;
	while (offsetof(struct gos_labels, text) + bytes > SMALLEST << size_class)
		size_class++;
	return size_class;
}

/* A set whose text has room for so many bytes, with an odd turn. */
static struct gos_labels *take(size_t bytes)
{
	uint8_t size_class = class_of(bytes);
	size_t size = SMALLEST << size_class;

	rt_lock(&lock, RT_RANK_SLAB);
	struct gos_labels *set = spare[size_class];
	if (set != NULL) {
		spare[size_class] = set->link;
	} else {
		while ((size_t)(fresh_end - fresh) < size) {
			if (fresh != fresh_end) { /* what is left of it serves a smaller one */
				struct gos_labels *rest = (struct gos_labels *)fresh;
				rest->turn = 1;
				rest->link = spare[0];
				spare[0] = rest;
				fresh += SMALLEST;
				continue;
			}
			fresh = rt_map(CHUNK, "labels");
			fresh_end = fresh + CHUNK;
			rt_store_relaxed(&rt_labels_memory, rt_labels_memory + CHUNK);
		}
		set = (struct gos_labels *)fresh;
		fresh += size;
		rt_store_relaxed(&set->turn, 1u);
		set->size_class = size_class;
	}
	rt_unlock(&lock);
	return set;
}

void rt_labels_put(struct gos_labels *set)
{
	if (set == NULL || __atomic_sub_fetch(&set->users, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	rt_store_relaxed(&set->turn, set->turn + 1); /* odd */
	rt_fence_release(); /* before whatever is written to it again; pairs with rt_labels_copy */
	rt_lock(&lock, RT_RANK_SLAB);
	set->link = spare[set->size_class];
	spare[set->size_class] = set;
	rt_unlock(&lock);
}

struct gos_labels *rt_labels_set(struct gos_g *gp, struct gos_labels *set)
{
	struct gos_labels *old = gp->labels;
	if (set != NULL)
		gp->flags |= RT_G_LABELLED;
	else
		gp->flags &= (uint8_t)~RT_G_LABELLED;
	rt_store_release(&gp->labels, set); /* pairs with rt_labels_copy: the set is whole */
	return old;
}

/* ---- text ----------------------------------------------------------------------------------------------------------- */

static const char *after(const char *string)
{
	return string + strlen(string) + 1;
}

/* The first label whose key is not before `key`; the end of the text where there is none. */
static const char *find(const struct gos_labels *set, const char *key, bool *found)
{
	const char *at = set->text;
	int order = 1;
	*found = false;
	for (uint32_t i = 0; i < set->count; i++, at = after(after(at))) {
		order = strcmp(at, key);
		if (order >= 0)
			break;
	}
	*found = order == 0;
	return at;
}

const char *rt_labels_get(const struct gos_labels *set, const char *key)
{
	bool found;
	const char *at = find(set, key, &found);
	return found ? after(at) : NULL;
}

int rt_labels_with(struct gos_labels *old, const char *key, const char *value, struct gos_labels **result)
{
	/* No more of them is looked at than a label may have: they may be a megabyte. */
	size_t key_size = key != NULL ? strnlen(key, RT_LABEL_KEY_MAX + 1) : 0;
	size_t value_size = value != NULL ? strnlen(value, RT_LABEL_VALUE_MAX + 1) : 0;
	if (key_size == 0)
		return -EINVAL;
	if (key_size > RT_LABEL_KEY_MAX || value_size > RT_LABEL_VALUE_MAX)
		return -E2BIG;
	if (memchr(key, '=', key_size) != NULL)
		return -EINVAL;

	static const struct gos_labels none;
	const struct gos_labels *from = old != NULL ? old : &none;
	bool found;
	const char *at = find(from, key, &found), *end = from->text + from->bytes, *rest = found ? after(after(at)) : at;
	if (found ? value != NULL && strcmp(after(at), value) == 0 : value == NULL) {
		if (old != NULL)
			rt_labels_share(old);
		*result = old;
		return 0;
	}
	uint32_t count = from->count + (value != NULL) - found;
	if (count > RT_LABELS_MAX)
		return -ENOSPC;
	if (count == 0) {
		*result = NULL;
		return 0;
	}
	size_t before = (size_t)(at - from->text), left = (size_t)(end - rest);
	size_t bytes = before + left + (value != NULL ? key_size + value_size + 2 : 0);
	struct gos_labels *set = take(bytes);
	char *to = set->text;
	memcpy(to, from->text, before);
	to += before;
	if (value != NULL) {
		memcpy(to, key, key_size + 1);
		to += key_size + 1;
		memcpy(to, value, value_size + 1);
		to += value_size + 1;
	}
	memcpy(to, rest, left);
	set->count = (uint16_t)count;
	set->bytes = (uint16_t)bytes;
	set->users = 1;
	rt_store_release(&set->turn, set->turn + 1); /* even: pairs with rt_labels_copy */
	*result = set;
	return 0;
}

/* ---- for who looks on ----------------------------------------------------------------------------------------------- */

/* So many zero-terminated strings fill the text? */
static bool whole(const struct rt_labels_copy *copy)
{
	const char *at = copy->text, *end = copy->text + copy->bytes;
	for (uint32_t i = 0; i < 2 * copy->count; i++) {
		const char *zero = at < end ? memchr(at, '\0', (size_t)(end - at)) : NULL;
		if (zero == NULL)
			return false;
		at = zero + 1;
	}
	return at == end;
}

bool rt_labels_copy(const struct gos_g *gp, struct rt_labels_copy *copy)
{
	for (int i = 0; i < COPY_ATTEMPTS; i++) {
		struct gos_labels *set = rt_load_acquire(&gp->labels), head;
		uint32_t turn;
		if (set == NULL || rt_peek(&head, (uint64_t)(uintptr_t)set, offsetof(struct gos_labels, text)) < offsetof(struct gos_labels, text))
			return false;
		copy->count = head.count;
		copy->bytes = head.bytes;
		if ((head.turn & 1) != 0 || head.count == 0 || head.count > RT_LABELS_MAX || head.bytes > RT_LABELS_TEXT_MAX ||
		    rt_peek(copy->text, (uint64_t)(uintptr_t)set->text, head.bytes) < head.bytes)
			continue;
		/* Still gp's, and not given back and made anew since: then what was copied is what gp had. */
		rt_fence_acquire();
		if (rt_load_acquire(&gp->labels) == set && rt_peek(&turn, (uint64_t)(uintptr_t)&set->turn, sizeof turn) == sizeof turn && turn == head.turn)
			return whole(copy);
	}
	return false;
}

bool rt_labels_next(const struct rt_labels_copy *copy, const char **at, const char **key, const char **value)
{
	if (*at == NULL)
		*at = copy->text;
	if (*at == copy->text + copy->bytes)
		return false;
	*key = *at;
	*value = after(*key);
	*at = after(*value);
	return true;
}
