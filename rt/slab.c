/* SPDX-License-Identifier: MIT */
/*
 * slab.c - memory that is never given back or moved, found through a directory. Floor 0.
 */
#include "slab.h"

#include <errno.h>
#include <sys/mman.h>

#include "atomic.h"
#include "throw.h"

#if defined(RT_ASAN)
#include <sanitizer/lsan_interface.h>
#endif

#define DIRECTORY_SLOTS 65536

void *rt_map(size_t size, const char *what)
{
	void *p = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (p == MAP_FAILED)
		rt_fatal_exhausted(what, errno);
#if defined(RT_ASAN)
	__lsan_register_root_region(p, size); /* LeakSanitizer knows of no other mappings than malloc's */
#endif
	return p;
}

void *rt_slab_at(void ***directory, uint64_t index, uint32_t per_slab, size_t size, const char *what)
{
	if (*directory == NULL)
		*directory = rt_map(DIRECTORY_SLOTS * sizeof(void *), what);
	uint64_t number = index / per_slab;
	if (number >= DIRECTORY_SLOTS)
		rt_fatal_exhausted(what, ENOMEM);
	if ((*directory)[number] == NULL)
		(*directory)[number] = rt_map(per_slab * size, what);
	return (char *)(*directory)[number] + index % per_slab * size;
}
