/* SPDX-License-Identifier: MIT */
/*
 * ledger.c - locks, counters, channels and contexts, of each of which it is known who did what to it last, where and when: written down as it is done. The line of
 * DO() must stay on one line with the call.
 *
 * The truth, a line each: what was done|goid|function|line|when, by gos_now()
 */
#define _GNU_SOURCE
#include <gossamer.h>
#include <string.h>

#include "state.h"
#include "truth.h"

static struct entry {
	const char *what, *function;
	uint64_t goid;
	int line;
	int64_t at;
} entries[40];
static int written;
static gos_mutex writing;
static gos_sema ready; /* one for each that stands where it says */

gos_mutex kept, orphaned, unused;
gos_rwmutex read_by, written_by, left_by;
gos_cond called, silent, early;
gos_once starting;
gos_waitgroup group;
gos_sema tokens;
gos_chan *mail, *counter, *shut, *untouched, *alarm_clock;
gos_context *stopped, *late;
static gos_chan *never;

/* rt/select.c has another structure of this name, as large. */
struct order {
	int number;
	char dish[28];
};
gos_chan *orders;
static gos_mutex cond_lock;

static void enter(const char *what, const char *function, int line)
{
	gos_mutex_lock(&writing);
	for (int i = 0; i < written; i++) /* what is done again later counts */
		if (strcmp(entries[i].what, what) == 0)
			entries[i] = entries[--written];
	entries[written++] = (struct entry){what, function, gos_goid(), line, gos_now()};
	gos_mutex_unlock(&writing);
}

#define DO(what, call)                                \
	do {                                          \
		enter(what, __func__, __LINE__);      \
		call;                                 \
	} while (0)

static void for_ever(void)
{
	int nothing = 0;
	gos_sema_release(&ready);
	gos_chan_recv(never, &nothing);
	printf("%d\n", nothing);
}

/* ---- those who hold something ---- */

static void keep(void)
{
	DO("kept", gos_mutex_lock(&kept));
	for_ever();
	gos_mutex_unlock(&kept);
}

static void orphan(void)
{
	DO("orphaned", gos_mutex_lock(&orphaned));
	gos_sema_release(&ready);
}

static void write_in(void)
{
	DO("written_by", gos_rwmutex_lock(&written_by));
	for_ever();
	gos_rwmutex_unlock(&written_by);
}

static void read_in(void)
{
	DO("read_by", gos_rwmutex_rlock(&read_by));
	for_ever();
	gos_rwmutex_runlock(&read_by);
}

static void leave(void)
{
	DO("left_by", gos_rwmutex_rlock(&left_by));
	gos_rwmutex_runlock(&left_by);
	gos_sema_release(&ready);
}

static void begin(void *arg)
{
	(void)arg;
	for_ever();
}

static void start(void)
{
	DO("starting", gos_once_do(&starting, begin, NULL));
	printf("started\n");
}

/* ---- those who wait ---- */

static void want_kept(void)
{
	enter("want_kept", __func__, __LINE__);
	gos_mutex_lock(&kept);
	gos_mutex_unlock(&kept);
}

static void want_orphaned(void)
{
	enter("want_orphaned", __func__, __LINE__);
	gos_mutex_lock(&orphaned);
	gos_mutex_unlock(&orphaned);
}

static void want_group(void)
{
	enter("want_group", __func__, __LINE__);
	gos_waitgroup_wait(&group);
	printf("all done\n");
}

static void want_token(void)
{
	enter("want_token", __func__, __LINE__);
	gos_sema_acquire(&tokens);
	printf("a token\n");
}

static void want_call(gos_cond *c, const char *name)
{
	gos_mutex_lock(&cond_lock);
	enter(name, __func__, __LINE__);
	gos_cond_wait(c, &cond_lock);
	gos_mutex_unlock(&cond_lock);
}

static void want_mail(void)
{
	struct gos_case cases[] = {GOS_RECV(mail, NULL), GOS_RECV(untouched, NULL)};
	enter("want_mail", __func__, __LINE__);
	gos_select(cases, 2);
	printf("mail\n");
}

static void want_count(void)
{
	int n = 0;
	enter("want_count", __func__, __LINE__);
	gos_chan_recv(counter, &n);
	printf("%d\n", n);
}

/* ---- those who came and went ---- */

static void send_mail(int n)
{
	DO("mail sent", gos_chan_send(mail, &n));
	gos_sema_release(&ready);
}

static void take_mail(int n)
{
	DO("mail received", gos_chan_recv(mail, &n));
	gos_sema_release(&ready);
}

static void count(int n)
{
	DO("counter sent", gos_chan_send(counter, &n));
	gos_sema_release(&ready);
}

static void shut_it(void)
{
	DO("shut", gos_chan_close(shut));
	gos_sema_release(&ready);
}

static void stop_it(void)
{
	DO("stopped", gos_context_cancel(stopped));
	gos_sema_release(&ready);
}

static void finish(void)
{
	DO("group", gos_waitgroup_done(&group));
	gos_sema_release(&ready);
}

static void use_token(void)
{
	DO("tokens released", gos_sema_release(&tokens));
	DO("tokens acquired", gos_sema_acquire(&tokens));
	gos_sema_release(&ready);
}

static void call_early(void)
{
	DO("early", gos_cond_signal(&early));
	gos_sema_release(&ready);
}

static void call(void)
{
	DO("called", gos_cond_broadcast(&called));
	gos_sema_release(&ready);
}

#define ONE_AFTER_ANOTHER(...)               \
	do {                                 \
		go(__VA_ARGS__);             \
		gos_sema_acquire(&ready);    \
	} while (0)

/* ---- when all stand where they should ---- */

/* So many live, and all of them but this one wait. */
static void until_alone(size_t lives)
{
	for (size_t waiting = 0; waiting != lives - 1 || gos_num_goroutines() != lives; gos_sleep(GOS_MS)) {
		waiting = 0;
		for (uint64_t i = 0; i < gos_runtime.gcount; i++) {
			struct gos_g *gp = &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
			waiting += __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) == GOS_WAITING && (__atomic_load_n(&gp->seq, __ATOMIC_ACQUIRE) & 1) == 0;
		}
	}
}

static int app(int argc, char **argv)
{
	char line[8];
	int n = 0;
	int64_t when;
	(void)argc;
	(void)argv;
	never = gos_chan_make(int, 0);
	mail = gos_chan_make(int, 4);
	counter = gos_chan_make(int, 0);
	shut = gos_chan_make(int, 1);
	untouched = gos_chan_make(int, 1);
	alarm_clock = gos_after(GOS_MS);
	stopped = gos_context_with_cancel(gos_context_background());
	late = gos_context_with_timeout(gos_context_background(), GOS_MS);
	gos_waitgroup_add(&group, 2);
	orders = gos_chan_make(struct order, 2);
	gos_chan_send(orders, &(struct order){7, "soup"});

	ONE_AFTER_ANOTHER(keep);
	ONE_AFTER_ANOTHER(orphan);
	ONE_AFTER_ANOTHER(write_in);
	ONE_AFTER_ANOTHER(read_in);
	ONE_AFTER_ANOTHER(leave);
	ONE_AFTER_ANOTHER(start);
	ONE_AFTER_ANOTHER(send_mail, 1);
	ONE_AFTER_ANOTHER(take_mail, 1);
	go(count, 5);
	DO("counter received", gos_chan_recv(counter, &n));
	gos_sema_acquire(&ready);
	ONE_AFTER_ANOTHER(shut_it);
	ONE_AFTER_ANOTHER(stop_it);
	ONE_AFTER_ANOTHER(finish);
	ONE_AFTER_ANOTHER(use_token);
	ONE_AFTER_ANOTHER(call_early);
	ONE_AFTER_ANOTHER(call);
	DO("alarm received", gos_chan_recv(alarm_clock, &when));
	gos_chan_recv(gos_context_done(late), NULL);

	go(want_kept);
	go(want_orphaned);
	go(want_group);
	go(want_token);
	go(want_call, &called, "want_called");
	go(want_call, &silent, "want_silent");
	go(want_mail);
	go(want_count);
	until_alone(13);
	gos_sleep(1500 * GOS_MS); /* what is told has an age */

	FILE *file = truth_open();
	for (int i = 0; i < written; i++)
		fprintf(file, "%s|%lu|%s|%d|%lld\n", entries[i].what, (unsigned long)entries[i].goid, entries[i].function, entries[i].line, (long long)entries[i].at);
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
