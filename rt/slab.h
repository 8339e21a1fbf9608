/* SPDX-License-Identifier: MIT */
/*
 * slab.h - memory that is never given back or moved, found through a directory. Floor 0.
 *
 * An observer reaches record i at directory[i / per_slab] + (i % per_slab) * size. The directory is one reservation of address
 * space, so that it never moves either; slabs come from mmap, zeroed, and are committed by touching.
 */
#ifndef RT_SLAB_H
#define RT_SLAB_H

#include <stddef.h>
#include <stdint.h>

/* Address space from mmap, readable, writable and zero; ends the program with `what` when there is none. */
void *rt_map(size_t size, const char *what);

/* The address of record `index`, whose slab and directory are made where they are missing. Lock: the caller's. */
void *rt_slab_at(void ***directory, uint64_t index, uint32_t per_slab, size_t size, const char *what);

#endif
