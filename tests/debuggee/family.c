/* SPDX-License-Identifier: MIT */
/*
 * family.c - goroutines that are labelled, or made at the end of known calls, each named. GOSDEBUG must have ancestors=4, and creationstack=N with N of 8 or more.
 *
 * The truth, a line each: goid|name|labels as gdb shows them, or nothing|where it was made, and the calls above that, as function:line,function:line, or nothing|goid of its creator
 */
#include <gossamer.h>

#include "truth.h"

#define FRAME __attribute__((noinline))

static struct member {
	uint64_t goid;
	const char *name, *labels, *made;
	uint64_t creator;
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
	members[count++] = (struct member){gos_goid(), name, labels, "", 0};
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

/* ---- calls ---- */

static volatile int after; /* is changed after a call, so that this is no tail call */

FRAME static void made(const char *name, const char *how, uint64_t creator)
{
	settle(name, "");
	members[0].creator = creator + (how != NULL); /* never */
}

static const int spawn_at = __LINE__ + 3;
FRAME static void spawn(const char *name)
{
	go(made, name, NULL, gos_goid());
	after++;
}

static const int left_at = __LINE__ + 3;
FRAME static void left(const char *name)
{
	spawn(name);
	after++;
}

static const int right_at = __LINE__ + 4;
FRAME static void right(const char *name, int levels)
{
	if (levels > 0)
		right(name, levels - 1);
	else
		spawn(name);
	after++;
}

static const int maker_at = __LINE__ + 5;
static uint64_t maker_goid;
FRAME static void maker(void)
{
	maker_goid = gos_goid();
	left("left");
	right("right", 2);
	after++;
}

static const int start_at = __LINE__ + 3;
FRAME static void start(void)
{
	go(maker); /* which ends */
	after++;
}

static void note_how_made(void)
{
	static char left_made[256], right_made[256];
	snprintf(left_made, sizeof left_made, "spawn:%d,left:%d,maker:%d", spawn_at, left_at, maker_at);
	snprintf(right_made, sizeof right_made, "spawn:%d,right:%d,right:%d,right:%d,maker:%d", spawn_at, right_at + 2, right_at, right_at, maker_at + 1);
	for (int i = 0; i < count; i++) {
		const char *how = strcmp(members[i].name, "left") == 0 ? left_made : strcmp(members[i].name, "right") == 0 ? right_made : NULL;
		if (how != NULL) {
			members[i].made = how;
			members[i].creator = maker_goid;
		}
	}
}

static const int app_at = __LINE__ + 12;
static int app(int argc, char **argv)
{
	char line[8];
	(void)argc;
	(void)argv;
	never = gos_chan_make(int, 0);
	gos_waitgroup_add(&settled, 9);
	go(settle, "plain", "");
	go(parent);
	go(scoped);
	go(odd);
	start();
	go(full);
	gos_waitgroup_wait(&settled);
	until_waiting(9);
	note_how_made();

	FILE *file = truth_open();
	for (int i = 0; i < count; i++)
		fprintf(file, "%lu|%s|%s|%s|%lu\n", (unsigned long)members[i].goid, members[i].name, members[i].labels, members[i].made, (unsigned long)members[i].creator);
	fprintf(file, "0|||start:%d,app:%d|1\n", start_at, app_at); /* of maker, which has ended */
	fclose(file);
	truth_ready();
	if (read(0, line, sizeof line) < 0)
		return 1;
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	int code = gos_run(app, argc, argv);
	after = code;
	return code;
}
