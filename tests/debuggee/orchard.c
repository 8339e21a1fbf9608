/* SPDX-License-Identifier: MIT */
/*
 * orchard.c - goroutines that wait for locks, conditions and calls whose holders are known, that block their threads, and that are locked to
 * one; each named, at a line that the program itself notes down. The lines of GROW() and BLOCK() must stay on one line with the call that waits.
 *
 * The truth, a line each: goid|name|state and reason|function|line|goid of who keeps it waiting, or 0|its thread, where it is locked to one that it is on, or 0
 */
#define _GNU_SOURCE
#include <gossamer.h>
#include <sys/syscall.h>

#include "state.h"
#include "truth.h"

static struct plant {
	uint64_t goid, holder;
	const char *name, *state, *function;
	int line, thread;
} plan[32];
static int planned;
static gos_mutex notes;

gos_rwmutex shed, barn; /* held by a writer; by two readers, and one writer waits */
gos_mutex door;
gos_cond ripe;
gos_once planting;
gos_waitgroup harvest;
gos_sema baskets = GOS_SEMA(3);
gos_timer *alarm_clock, *stopped_clock, *silent_clock;
gos_ticker *clock_tower;
gos_context *season, *day, *over, *labelled;
int label_key;
static gos_chan *never;
static int pipe_ends[2];
static volatile int inside;
static uint64_t shed_writer, barn_writer, planter;

static void note(const char *name, const char *state, uint64_t holder, const char *function, int line, int thread)
{
	gos_set_name("%s", name);
	gos_mutex_lock(&notes);
	plan[planned++] = (struct plant){gos_goid(), holder, name, state, function, line, thread};
	gos_mutex_unlock(&notes);
}

static int this_thread(void)
{
	return (int)syscall(SYS_gettid);
}

#define GROW(name_, reason_, holder_, call)                                           \
	do {                                                                          \
		note(name_, "waiting, " reason_, holder_, __func__, __LINE__, 0);     \
		call;                                                                 \
	} while (0)
#define BLOCK(call)     \
	do {            \
		inside++; \
		call;   \
	} while (0)

/* ---- calls that block their threads ---- */

static const int drinks_at = __LINE__ + 4;
static void *drink(void *well)
{
	char drop = 'd';
	BLOCK(well = read(pipe_ends[0], &drop, 1) < 0 ? NULL : well);
	return well;
}

static void drinker(void)
{
	int thirst = 11;
	note("drinker", "syscall", 0, "drink", drinks_at, 0);
	gos_blocking(drink, &thirst);
	printf("%d\n", thirst);
}

static void digger(int depth)
{
	char earth = 'e';
	int here = __LINE__ + 3;
	note("digger", "syscall, locked to thread", 0, __func__, here, this_thread());
	gos_blocking_begin();
	BLOCK(depth += (int)read(pipe_ends[0], &earth, 1));
	gos_blocking_end();
	printf("%d\n", depth);
}

static void locked_digger(int depth)
{
	gos_lock_thread();
	digger(depth);
	gos_unlock_thread();
}

static void scarecrow(void)
{
	int bird = 0;
	gos_lock_thread();
	GROW("scarecrow", "chan receive, locked to thread", 0, gos_chan_recv(never, &bird));
	gos_unlock_thread();
}

/* ---- locks ---- */

static void shed_keeper(void)
{
	int tool = 0;
	gos_rwmutex_lock(&shed);
	shed_writer = gos_goid();
	GROW("shed keeper", "chan receive", 0, gos_chan_recv(never, &tool));
	gos_rwmutex_unlock(&shed);
}

static void shed_reader(int who)
{
	static const char *const names[] = {"shed reader 0", "shed reader 1"};
	GROW(names[who], "sync.RWMutex.RLock", shed_writer, gos_rwmutex_rlock(&shed));
	gos_rwmutex_runlock(&shed);
}

static void shed_taker(void)
{
	int stays = 1;
	GROW("shed taker", "sync.RWMutex.Lock", shed_writer, gos_rwmutex_lock(&shed));
	printf("%d\n", stays);
}

static void barn_reader(int who)
{
	static const char *const names[] = {"barn reader 0", "barn reader 1"};
	int hay = who;
	gos_rwmutex_rlock(&barn);
	GROW(names[who], "chan receive", 0, gos_chan_recv(never, &hay));
	gos_rwmutex_runlock(&barn);
}

static void barn_taker(void)
{
	int stays = 2;
	barn_writer = gos_goid();
	GROW("barn taker", "sync.RWMutex.Lock", 0, gos_rwmutex_lock(&barn));
	printf("%d\n", stays);
}

static void barn_late(void)
{
	int stays = 3;
	GROW("barn late", "sync.RWMutex.RLock", barn_writer, gos_rwmutex_rlock(&barn));
	printf("%d\n", stays);
}

static void taster(int who)
{
	static const char *const names[] = {"taster 0", "taster 1"};
	gos_mutex_lock(&door);
	GROW(names[who], "sync.Cond.Wait", 0, gos_cond_wait(&ripe, &door));
	gos_mutex_unlock(&door);
}

static void plant(void *seed)
{
	int got = 0;
	planter = gos_goid();
	GROW(seed, "chan receive", 0, gos_chan_recv(never, &got));
	printf("%d\n", got);
}

static void first_planter(void)
{
	gos_once_do(&planting, plant, "planter");
}

static void second_planter(void)
{
	int stays = 4;
	GROW("onlooker", "sync.Once.Do", planter, gos_once_do(&planting, plant, NULL));
	printf("%d\n", stays);
}

static void harvester(void)
{
	int stays = 5;
	GROW("harvester", "sync.WaitGroup.Wait", 0, gos_waitgroup_wait(&harvest));
	printf("%d\n", stays);
}

/* ---- time ---- */

static void ring(void *arg)
{
	printf("%p\n", arg);
}

static void watcher(void)
{
	int stays = 6;
	GROW("watcher", "chan receive", 0, gos_chan_recv(gos_context_done(day), NULL));
	printf("%d\n", stays);
}

static void make_clocks(void)
{
	alarm_clock = gos_timer_start(3600 * GOS_S, ring, &baskets);
	stopped_clock = gos_timer_start(3600 * GOS_S, ring, &baskets);
	gos_timer_stop(stopped_clock);
	silent_clock = gos_timer_start(3600 * GOS_S, NULL, NULL);
	clock_tower = gos_ticker_start(1800 * GOS_S);
	season = gos_context_with_timeout(gos_context_background(), 3600 * GOS_S);
	day = gos_context_with_cancel(season);
	over = gos_context_with_cancel(season);
	gos_context_cancel(over);
	labelled = gos_context_with_value(day, &label_key, &baskets);
}

/* ---- when all stand where they said ---- */

static bool stands(const struct plant *p)
{
	uint32_t wanted = p->state[0] == 's' ? GOS_SYSCALL : GOS_WAITING;
	for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
		struct gos_g *gp = &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
		if (gp->goid == p->goid)
			return __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) == wanted &&
			       (wanted == GOS_SYSCALL || (__atomic_load_n(&gp->seq, __ATOMIC_ACQUIRE) & 1) == 0);
	}
	return false;
}

/* Until n have noted down what they do, and do it. */
static void until(int n)
{
	for (;;) {
		gos_mutex_lock(&notes);
		int here = planned, good = 0;
		gos_mutex_unlock(&notes);
		for (int i = 0; i < here; i++)
			good += stands(&plan[i]);
		if (good >= n)
			return;
		gos_sleep(GOS_MS);
	}
}

static int app(int argc, char **argv)
{
	char line[8];
	(void)argc;
	(void)argv;
	gos_set_name("gardener");
	if (pipe(pipe_ends) != 0)
		return 1;
	never = gos_chan_make(int, 0);
	gos_waitgroup_add(&harvest, 3);
	make_clocks();

	go(drinker);
	go(locked_digger, 4);
	go(scarecrow);
	go(shed_keeper);
	until(4);
	go(shed_reader, 0);
	until(5);
	go(shed_reader, 1);
	until(6);
	go(shed_taker);
	for (int who = 0; who < 2; who++) /* at one place, so that they are a group */
		go(barn_reader, who);
	until(9);
	go(barn_taker);
	until(10);
	go(barn_late);
	go(taster, 0);
	until(12);
	go(taster, 1);
	go(first_planter);
	until(14);
	go(second_planter);
	go(harvester);
	go(watcher);
	until(17);
	while (inside != 2)
		gos_sleep(GOS_MS);

	FILE *file = truth_open();
	for (int i = 0; i < planned; i++)
		fprintf(file, "%lu|%s|%s|%s|%d|%lu|%d\n", (unsigned long)plan[i].goid, plan[i].name, plan[i].state, plan[i].function,
			plan[i].line, (unsigned long)plan[i].holder, plan[i].thread);
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
