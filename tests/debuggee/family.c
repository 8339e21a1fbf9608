/* SPDX-License-Identifier: MIT */
/*
 * family.c - goroutines that are labelled, each named, and what their labels are.
 *
 * The truth, a line each: goid|name|labels as gdb shows them, or nothing
 */
#include <gossamer.h>

#include "truth.h"

#define FRAME __attribute__((noinline))

static struct member {
	uint64_t goid;
	const char *name, *labels;
} members[32];
static int count;
static gos_mutex notes;
static gos_waitgroup settled;
static gos_chan *never;

/* Noted down, the caller waits for ever. */
FRAME static void settle(const char *name, const char *labels)
{
	int value = 0;
	gos_set_name("%s", name);
	gos_mutex_lock(&notes);
	members[count++] = (struct member){gos_goid(), name, labels};
	gos_mutex_unlock(&notes);
	gos_waitgroup_done(&settled);
	gos_chan_recv(never, &value);
	printf("%d\n", value); /* never; so that it is no tail call */
}

/* ---- labels ---- */

static void changed_child(void)
{
	gos_set_label("request", "r-882");
	gos_set_label("attempt", "2");
	settle("changed child", "attempt=2, request=r-882, tenant=acme");
}

static void parent(void)
{
	gos_set_label("tenant", "acme");
	gos_set_label("request", "r-881");
	go(settle, "child", "request=r-881, tenant=acme");
	go(changed_child);
	gos_set_label("step", "later");
	settle("parent", "request=r-881, step=later, tenant=acme");
}

static void parse(void *arg)
{
	settle("parser", arg);
	printf("%p\n", arg);
}

static void scoped(void)
{
	gos_set_label("request", "r-883");
	gos_with_label("step", "parse", parse, "request=r-883, step=parse");
}

static void odd(void)
{
	gos_set_label("text", "one\ntwo \"three\", \xff\033[31m");
	gos_set_label("empty", "");
	settle("odd", "empty=, text=one\\ntwo \"three\", \\xff\\x1b[31m");
}

static void full(void)
{
	static char wanted[8192];
	char key[64], value[256];
	size_t used = 0;
	memset(value, 'v', 255);
	value[255] = '\0';
	for (int i = 0; i < 16; i++) {
		memset(key, 'k', 63);
		key[63] = '\0';
		key[0] = (char)('a' + i);
		gos_set_label(key, value);
		used += (size_t)snprintf(wanted + used, sizeof wanted - used, "%s%s=%s", i ? ", " : "", key, value);
	}
	settle("full", wanted);
}

static int app(int argc, char **argv)
{
	char line[8];
	(void)argc;
	(void)argv;
	never = gos_chan_make(int, 0);
	gos_waitgroup_add(&settled, 7);
	go(settle, "plain", "");
	go(parent);
	go(scoped);
	go(odd);
	go(full);
	gos_waitgroup_wait(&settled);

	FILE *file = truth_open();
	for (int i = 0; i < count; i++)
		fprintf(file, "%lu|%s|%s\n", (unsigned long)members[i].goid, members[i].name, members[i].labels);
	fclose(file);
	truth_ready();
	if (read(0, line, sizeof line) < 0)
		return 1;
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
