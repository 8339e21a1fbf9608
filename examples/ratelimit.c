/* SPDX-License-Identifier: MIT */
/*
 * ratelimit.c - workers that together begin so many jobs a second and no more: ratelimit [-r RATE] [-b BURST] [-w WORKERS] [-t MS] JOBS
 *
 * What it shows: tickers, a channel as a bucket of tokens, a pool of workers, a context that ends them all, and who frees what.
 *
 *	make_jobs ──jobs──► work (WORKERS of them) ──results──► app
 *	                      ▲
 *	refill ───tokens──────┘   every 1/RATE seconds one token; the bucket holds BURST of them and is full at first
 *
 * A job is to count the steps of a Collatz chain; it stands for a request to somebody who allows RATE of them a second. -t ends it after MS
 * milliseconds, finished or not. Progress goes to the standard error each half second. Try: ratelimit -r 50 -b 10 100
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <gossamer.h>

struct result {
	long job, steps;
};

struct pool {
	gos_context *ctx; /* ends when time is up, and at last */
	gos_chan *jobs, *tokens, *results;
	gos_waitgroup working, refilling; /* who uses the channels */
};

static void make_jobs(struct pool *pool, long count)
{
	for (long job = 1; job <= count; job++) {
		struct gos_case cases[] = {GOS_SEND(pool->jobs, &job), GOS_RECV(gos_context_done(pool->ctx), NULL)};
		if (gos_select(cases, 2) == 1)
			break;
	}
	gos_chan_close(pool->jobs); /* workers that receive get false from here on */
	gos_waitgroup_done(&pool->working);
}

/* Puts a token into the bucket every `period` nanoseconds, until the context ends. Ticks that came while it did not run are dropped; so
 * it goes by the time that the tick tells, and gives what is due by then. A full bucket takes no more: that bounds the burst. */
static void refill(struct pool *pool, int64_t period)
{
	gos_ticker *ticker = gos_ticker_start(period);
	int64_t start = gos_now(), given = 0, now;
	struct gos_case cases[] = {GOS_RECV(gos_ticker_chan(ticker), &now), GOS_RECV(gos_context_done(pool->ctx), NULL)};

	while (gos_select(cases, 2) == 0)
		for (int64_t due = (now - start) / period; given < due; given++)
			if (!gos_chan_try_send(pool->tokens, &(char){0})) {
				given = due;
				break;
			}
	gos_ticker_free(ticker);
	gos_waitgroup_done(&pool->refilling);
}

static void work(struct pool *pool, int number)
{
	struct result r;

	gos_set_name("worker %d", number);
	while (gos_chan_recv(pool->jobs, &r.job)) {
		struct gos_case cases[] = {GOS_RECV(pool->tokens, NULL), GOS_RECV(gos_context_done(pool->ctx), NULL)};
		if (gos_select(cases, 2) == 1)
			break;
		r.steps = 0;
		for (uint64_t n = (uint64_t)r.job; n != 1; n = n % 2 == 0 ? n / 2 : 3 * n + 1)
			r.steps++;
		gos_chan_send(pool->results, &r); /* app receives until the results are closed */
	}
	gos_waitgroup_done(&pool->working);
}

static void close_results(struct pool *pool)
{
	gos_waitgroup_wait(&pool->working);
	gos_chan_close(pool->results);
}

static int usage(void)
{
	fprintf(stderr, "usage: ratelimit [-r RATE] [-b BURST] [-w WORKERS] [-t MS] JOBS\n"
			"  -r RATE     how many jobs begin in a second (20)\n"
			"  -b BURST    how many may begin at once after a pause (5)\n"
			"  -w WORKERS  how many run at once (4)\n"
			"  -t MS       end after that many milliseconds\n");
	return 64;
}

/* A decimal number from min to max, or -1. */
static long number(const char *text, long min, long max)
{
	char *end;
	long n = strtol(text, &end, 10);

	return *text != '\0' && *end == '\0' && n >= min && n <= max ? n : -1;
}

static int app(int argc, char **argv)
{
	long rate = 20, burst = 5, workers = 4, timeout_ms = 0, jobs, done = 0;
	struct result r, longest = {0};
	int option;

	while ((option = getopt(argc, argv, "r:b:w:t:")) != -1) {
		long *where = option == 'r' ? &rate : option == 'b' ? &burst : option == 'w' ? &workers : option == 't' ? &timeout_ms : NULL;
		if (where == NULL || (*where = number(optarg, 1, 1000000)) < 0)
			return usage();
	}
	if (optind != argc - 1 || (jobs = number(argv[optind], 0, 1000000000)) < 0)
		return usage();

	gos_context *background = gos_context_background();
	struct pool pool = {
		.ctx = timeout_ms > 0 ? gos_context_with_timeout(background, timeout_ms * GOS_MS) : gos_context_with_cancel(background),
		.jobs = gos_chan_make(long, 0),
		.tokens = gos_chan_make(char, burst),
		.results = gos_chan_make(struct result, 0),
	};
	int64_t start = gos_now();

	for (long i = 0; i < burst; i++)
		gos_chan_send(pool.tokens, &(char){0});
	gos_waitgroup_add(&pool.refilling, 1);
	go(refill, &pool, GOS_S / rate);
	gos_waitgroup_add(&pool.working, (int)workers + 1);
	go(make_jobs, &pool, jobs);
	for (int i = 1; i <= workers; i++)
		go(work, &pool, i);
	go(close_results, &pool);

	gos_ticker *progress = gos_ticker_start(GOS_S / 2);
	struct gos_case cases[] = {GOS_RECV(pool.results, &r), GOS_RECV(gos_ticker_chan(progress), NULL)};
	for (;;) {
		if (gos_select(cases, 2) == 1) {
			fprintf(stderr, "%ld of %ld jobs in %.1f s\n", done, jobs, (double)(gos_now() - start) / GOS_S);
			continue;
		}
		if (!cases[0].ok)
			break; /* closed: nobody works any more */
		done++;
		if (r.steps > longest.steps || (r.steps == longest.steps && r.job < longest.job))
			longest = r;
	}
	double seconds = (double)(gos_now() - start) / GOS_S;
	int why = gos_context_err(pool.ctx);

	printf("%ld of %ld jobs; the longest chain has %ld steps, from %ld\n", done, jobs, longest.steps, longest.job);
	printf("%.3f s by %ld workers%s\n", seconds, workers, why == 0 ? "" : ", then time was up");

	/* Before the channels are freed, whoever uses them must have ended. */
	gos_context_cancel(pool.ctx);
	gos_waitgroup_wait(&pool.refilling);
	gos_context_free(pool.ctx);
	gos_ticker_free(progress);
	gos_chan_free(pool.jobs);
	gos_chan_free(pool.tokens);
	gos_chan_free(pool.results);
	return done == jobs ? 0 : 1;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
