/* SPDX-License-Identifier: MIT */
/*
 * corrupt.c - a process that has damaged what an observer reads: corrupt HOW. It has 40 goroutines, then writes over its own runtime's
 * records by the rows of rt/abi, and from then on does nothing but wait in the kernel for a line on stdin.
 */
#include <gossamer.h>

#include "abi/abi.h"
#include "truth.h"

extern char gos_runtime[];
static gos_chan *drain;
gos_mutex gate;

static struct gos_abi_row *row(const char *name)
{
	struct gos_abi_header *header = (struct gos_abi_header *)gos_runtime;
	for (uint32_t i = 0; i < header->row_count; i++) {
		struct gos_abi_row *r = (struct gos_abi_row *)(gos_runtime + header->header_size + (size_t)i * header->row_size);
		if (strcmp(r->name, name) == 0)
			return r;
	}
	abort();
}

static void *field(void *object, const char *name)
{
	return (char *)object + row(name)->value;
}

static uint64_t *root(const char *name)
{
	return field(gos_runtime, name);
}

/* The goroutine of this id; they all fit the first slab here. */
static char *g_of(uint64_t goid)
{
	char *slab = ((char **)*root("runtime.gslabs"))[0];
	for (uint64_t i = 0; i < *root("runtime.gcount"); i++)
		if (*(uint64_t *)field(slab + i * row("g")->size, "g.goid") == goid)
			return slab + i * row("g")->size;
	abort();
}

static void break_it(const char *how)
{
	struct gos_abi_header *header = (struct gos_abi_header *)gos_runtime;
	uint64_t *slabs = (uint64_t *)*root("runtime.gslabs"), per_slab = row("const.g_per_slab")->value;

	if (strcmp(how, "version") == 0) {
		header->version = 99;
	} else if (strcmp(how, "magic") == 0) {
		header->magic[0] = 'X';
	} else if (strcmp(how, "rows") == 0) {
		header->row_count = 0x7fffffff;
	} else if (strcmp(how, "machine") == 0) {
		strcpy(header->machine, "pdp11");
	} else if (strcmp(how, "offset") == 0) {
		row("g.goid")->value = (uint64_t)1 << 40;
	} else if (strcmp(how, "missing") == 0) {
		row("g.goid")->name[0] = 'h';
	} else if (strcmp(how, "size") == 0) {
		row("g")->size = 0;
	} else if (strcmp(how, "per_slab") == 0) {
		row("const.g_per_slab")->value = 0;
	} else if (strcmp(how, "cycle") == 0) {
		slabs[1] = slabs[0];
		*root("runtime.gcount") = 2 * per_slab;
	} else if (strcmp(how, "wild") == 0) {
		slabs[1] = 0xdead0000;
		*root("runtime.gcount") = 2 * per_slab;
	} else if (strcmp(how, "directory") == 0) {
		*root("runtime.gslabs") = 0xdead0000;
	} else if (strcmp(how, "count") == 0) {
		*root("runtime.gcount") = (uint64_t)1 << 60;
	} else if (strcmp(how, "queue") == 0) {
		char *first = *(char **)field(drain, "chan.recvq"), *second = *(char **)field(first, "sudog.next");
		*(char **)field(second, "sudog.next") = first;
	} else if (strcmp(how, "sudog") == 0) {
		*(uint64_t *)field(drain, "chan.recvq") = 0xdead0000;
	} else if (strcmp(how, "chan") == 0) {
		*(uint64_t *)field(g_of(5), "g.wait_obj") = 0xdead0000;
	} else if (strcmp(how, "element") == 0) {
		*(uint64_t *)field(drain, "chan.count") = (uint64_t)1 << 50;
		*(uint64_t *)field(drain, "chan.buffer") = 0xdead0000;
		*(uint64_t *)field(drain, "chan.elem_type") = 0xdead0000;
	} else if (strcmp(how, "sp") == 0) {
		*(uint64_t *)field(g_of(5), "g.sched_sp") = 0xdead0000;
	} else if (strcmp(how, "stack") == 0) { /* the stack's memory is overwritten */
		char *top = *(char **)field(g_of(5), "g.stack_hi");
		memset(*(char **)field(g_of(5), "g.sched_sp"), 0xaa, (size_t)(top - *(char **)field(g_of(5), "g.sched_sp")));
	} else if (strcmp(how, "state") == 0) {
		*(uint32_t *)field(g_of(5), "g.status") = 77;
	} else if (strcmp(how, "reason") == 0) {
		*(uint8_t *)field(g_of(5), "g.reason") = 99;
	} else if (strcmp(how, "name") == 0) {
		memcpy(field(g_of(5), "g.name"), "\033[31m\n\xff\xfe 0123456789012345678901234567", 32);
	} else if (strcmp(how, "labels") == 0) {
		*(uint64_t *)field(g_of(5), "g.labels") = 0xdead0000;
	} else if (strcmp(how, "other labels") == 0) {
		memset(*(char **)field(g_of(5), "g.labels"), 0xaa, row("labels")->size);
	} else if (strcmp(how, "labels without end") == 0) {
		memset(field(*(char **)field(g_of(5), "g.labels"), "labels.text"), 'x', 24);
	} else if (strcmp(how, "creation") == 0) {
		*(uint32_t *)field(g_of(5), "g.creation") = 0xdead0000;
	} else if (strcmp(how, "unused creation") == 0) {
		*(uint32_t *)field(g_of(5), "g.creation") = (uint32_t)row("const.depot_words")->value - 10;
	} else if (strcmp(how, "ancestors") == 0) {
		*(uint64_t *)field(g_of(5), "g.ancestors") = 0xdead0000;
	} else if (strcmp(how, "other ancestors") == 0) {
		*(uint64_t *)field(g_of(5), "g.ancestors") = *(uint64_t *)field(g_of(5), "g.stack_lo") + 4096;
	} else if (strcmp(how, "nothing") != 0) {
		abort();
	}
}

static void drop(void)
{
	int got;
	gos_chan_recv(drain, &got);
}

static int app(int argc, char **argv)
{
	char line[8];

	drain = gos_chan_make(int, 0);
	gos_set_label("request", "r-881");
	for (int i = 0; i < 40; i++)
		go(drop);
	until_waiting(40);
	break_it(argc > 1 ? argv[1] : "nothing");
	truth_ready();
	if (read(0, line, sizeof line) < 0)
		return 1;
	_exit(0);
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
