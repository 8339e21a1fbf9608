/* SPDX-License-Identifier: MIT */
/* Requests with a time limit, answered in time or not: a select over the answer and gos_after. */
#include "gos_test.h"

static int64_t answered, timed_out;

struct request {
	gos_chan *answer; /* of capacity 1: who answers too late must not wait for ever */
	int64_t work;
};

static void serve(gos_chan *requests)
{
	struct request r;
	while (gos_chan_recv(requests, &r)) {
		gos_sleep(r.work);
		gos_chan_send(r.answer, &r.work);
	}
}

static void ask(gos_chan *requests, uint64_t seed, int n, gos_waitgroup *wg)
{
	for (int i = 0; i < n; i++) {
		bool slow = gos_test_random(&seed) % 2;
		struct request r = {gos_chan_make(int64_t, 1), slow ? 60 * GOS_MS : 0};
		int64_t start = gos_now(), got = -1;
		gos_chan_send(requests, &r);
		gos_chan *late = gos_after(slow ? 5 * GOS_MS : 20 * GOS_S);
		struct gos_case cases[] = {GOS_RECV(r.answer, &got), GOS_RECV(late, NULL)};
		if (gos_select(cases, 2) == 0) {
			expect_eq(got, r.work);
			__atomic_add_fetch(&answered, 1, __ATOMIC_SEQ_CST);
		} else {
			expect_ge(gos_now() - start, 5 * GOS_MS);
			__atomic_add_fetch(&timed_out, 1, __ATOMIC_SEQ_CST);
			gos_chan_recv(r.answer, &got); /* so that it can be freed */
		}
		gos_chan_free(late);
		gos_chan_free(r.answer);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(answers_in_time_or_not, 60)
{
	enum { CLIENTS = 50, EACH = 10 };
	gos_chan *requests = gos_chan_make(struct request, 0);
	gos_waitgroup wg = {0};
	for (int i = 0; i < CLIENTS; i++)
		go(serve, requests);
	gos_waitgroup_add(&wg, CLIENTS);
	for (int i = 0; i < CLIENTS; i++)
		go(ask, requests, gos_test_seed() + (uint64_t)i, EACH, &wg);
	gos_waitgroup_wait(&wg);
	expect_eq(answered + timed_out, CLIENTS * EACH);
	expect_gt(answered, CLIENTS);
	expect_gt(timed_out, CLIENTS);
	gos_chan_close(requests);
	gos_test_until_num(1);
}

/* A clock that ticks, a worker that is asked to stop: the usual loop. */
static void work_until_told(gos_chan *quit, gos_chan *ticks, int64_t *done, gos_waitgroup *wg)
{
	for (;;) {
		int64_t tick;
		struct gos_case cases[] = {GOS_RECV(quit, NULL), GOS_RECV(ticks, &tick)};
		if (gos_select(cases, 2) == 0)
			break;
		expect_eq(tick, ++*done);
	}
	gos_waitgroup_done(wg);
}

GOS_TEST_WITHIN(workers_stop_when_told, 60)
{
	enum { WORKERS = 100 };
	static int64_t done[WORKERS];
	gos_chan *quit = gos_chan_make(char, 0), *ticks[WORKERS];
	gos_waitgroup wg = {0};
	gos_waitgroup_add(&wg, WORKERS);
	for (int i = 0; i < WORKERS; i++) {
		ticks[i] = gos_chan_make(int64_t, 0);
		go(work_until_told, quit, ticks[i], &done[i], &wg);
	}
	for (int64_t tick = 1; tick <= 200; tick++)
		for (int i = 0; i < WORKERS; i++)
			gos_chan_send(ticks[i], &tick);
	gos_chan_close(quit);
	gos_waitgroup_wait(&wg); /* a count of goroutines gives no order */
	for (int i = 0; i < WORKERS; i++)
		expect_eq(done[i], 200);
}
