/* SPDX-License-Identifier: MIT */
/*
 * garden.c - one goroutine in each way of waiting, named, at a line that the program itself notes down. The lines of GROW() must stay on
 * one line with the call that waits: that is how the truth knows them.
 *
 * With an argument, a number of seconds: how long it stays; else until a line comes on stdin.
 */
#include <gossamer.h>

#include "truth.h"

struct seed {
	int number;
	const char *name;
};

static struct {
	uint64_t goid;
	const char *name, *reason, *function;
	int line;
} plan[32];
static int planned;
static int pipe_ends[2];
static gos_mutex gate;
static gos_sema empty_shed;
static gos_waitgroup harvest;
static gos_chan *seeds, *letters, *numbers, *nothing;

/* Notes down where the caller is about to wait, with the call itself on the same line. */
#define GROW(name_, reason_, call)                        \
	do {                                              \
		note(name_, reason_, __func__, __LINE__); \
		call;                                     \
	} while (0)

static void note(const char *name, const char *reason, const char *function, int line)
{
	static gos_mutex lock;
	gos_set_name("%s", name);
	gos_mutex_lock(&lock);
	plan[planned].goid = gos_goid();
	plan[planned].name = name;
	plan[planned].reason = reason;
	plan[planned].function = function;
	plan[planned].line = line;
	planned++;
	gos_mutex_unlock(&lock);
}

static void receiver(int depth, const char *label)
{
	struct seed got = {depth, label};
	int local = depth * 100 + 7;
	if (depth > 0)
		receiver(depth - 1, label);
	else
		GROW("receiver", "chan receive", gos_chan_recv(seeds, &got));
	printf("%d %d\n", local, got.number);
}

static void sender(double weight)
{
	unsigned long value = (unsigned long)weight;
	GROW("sender", "chan send", gos_chan_send(numbers, &value));
	printf("%lu\n", value);
}

static void chooser(void)
{
	int value = 5;
	struct seed got;
	struct gos_case cases[] = {GOS_RECV(seeds, &got), GOS_SEND(letters, &value)};
	GROW("chooser", "select", gos_select(cases, 2));
	printf("%d\n", value);
}

static void nil_receiver(void)
{
	int value = 0;
	GROW("nil receiver", "chan receive (nil chan)", gos_chan_recv(nothing, &value));
	printf("%d\n", value);
}

static void no_cases(void)
{
	int stays = 1;
	GROW("no cases", "select (no cases)", gos_select(NULL, 0));
	printf("%d\n", stays);
}

static void shedder(void)
{
	int stays = 2;
	GROW("shedder", "semacquire", gos_sema_acquire(&empty_shed));
	printf("%d\n", stays);
}

static void locker(int who)
{
	static const char *const names[] = {"locker 0", "locker 1"};
	GROW(names[who], "sync.Mutex.Lock", gos_mutex_lock(&gate));
	printf("%d\n", who);
}

static void holder(void)
{
	gos_mutex_lock(&gate);
	GROW("holder", "sleep", gos_sleep(3600 * GOS_S));
	gos_mutex_unlock(&gate);
}

static void harvester(void)
{
	int stays = 3;
	GROW("harvester", "sync.WaitGroup.Wait", gos_waitgroup_wait(&harvest));
	printf("%d\n", stays);
}

static void reader(void)
{
	char byte = 'x';
	GROW("reader", "IO wait", gos_read(pipe_ends[0], &byte, 1));
	printf("%c\n", byte);
}

static void write_truth(void)
{
	FILE *file = truth_open();
	for (int i = 0; i < planned; i++)
		fprintf(file, "%lu|%s|%s|%s|%d\n", (unsigned long)plan[i].goid, plan[i].name, plan[i].reason, plan[i].function,
			plan[i].line);
	fclose(file);
}

static int app(int argc, char **argv)
{
	gos_set_name("gardener");
	if (pipe(pipe_ends) != 0)
		return 1;
	seeds = gos_chan_make(struct seed, 0);
	letters = gos_chan_make(int, 0);
	numbers = gos_chan_make(unsigned long, 4);
	for (unsigned long i = 0; i < 5; i++) { /* so that the buffer begins in its middle: 3, 4, 5, 6 */
		unsigned long value = i + 2, first;
		if (i == 4)
			gos_chan_recv(numbers, &first);
		gos_chan_send(numbers, &value);
	}
	gos_waitgroup_add(&harvest, 1);

	if (go(holder) != 2) /* our time slice had ended before, and the next was on a P that has other numbers to give */
		execv("/proc/self/exe", argv);
	int procs = gos_procs(1); /* which gives the others theirs, one after the other */
	until_waiting(1); /* it must have the lock first */
	go(receiver, 2, "a label");
	go(sender, 8.5);
	go(chooser);
	go(nil_receiver);
	go(no_cases);
	go(shedder);
	go(locker, 0);
	until_waiting(8); /* the lockers must queue up in order */
	go(locker, 1);
	go(harvester);
	go(reader);
	until_waiting(11);
	gos_procs(procs);
	gos_sleep(100 * GOS_MS); /* what is told has an age */
	write_truth();
	truth_ready();
	if (argc > 1) {
		pause_ms(atol(argv[1]) * 1000); /* holds its thread: the gardener is running */
	} else {
		char line[8];
		if (read(0, line, sizeof line) < 0)
			return 1;
	}
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
