/* SPDX-License-Identifier: MIT */
/*
 * first.c - asks three at once and takes the first answer; one of them crashes, and one would take too long.
 *
 * What it shows: a context with a timeout, timers, select, and a panic that is recovered. See server.c for real connections.
 */
/* [README */
#include <stdio.h>

#include <gossamer.h>

static void report(const char *name)
{
	const char *message = gos_recover(); /* NULL, unless the goroutine panics: then it goes on as if ask had returned */
	if (message != NULL)
		printf("%s failed: %s\n", name, message);
}

static void ask(gos_context *ctx, const char *name, int64_t takes, gos_chan *answers, gos_waitgroup *wg)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg); /* both run when ask returns or panics, the last one first */
	gos_defer(report, name);

	if (takes < 0)
		gos_panic("there is no way to %s", name);
	gos_chan *timer = gos_after(takes);
	struct gos_case cases[] = {GOS_RECV(timer, NULL), GOS_RECV(gos_context_done(ctx), NULL)};
	if (gos_select(cases, 2) == 0)
		gos_chan_send(answers, &name);
	gos_chan_free(timer);
}

static int app(int argc, char **argv)
{
	gos_context *ctx = gos_context_with_timeout(gos_context_background(), 30 * GOS_S);
	gos_chan *answers = gos_chan_make(const char *, 3); /* room for all: who is late shall not wait for ever */
	gos_waitgroup wg = {0};
	const char *name = "nobody";
	struct gos_case cases[] = {GOS_RECV(answers, &name), GOS_RECV(gos_context_done(ctx), NULL)};

	(void)argc, (void)argv;
	gos_waitgroup_add(&wg, 3);
	go(ask, ctx, "Nowhere", -1, answers, &wg);
	go(ask, ctx, "London", 20 * GOS_MS, answers, &wg);
	go(ask, ctx, "the Moon", 3600 * GOS_S, answers, &wg);
	gos_select(cases, 2); /* the first answer, or the end of our patience */
	gos_context_cancel(ctx); /* tells those that are still at it */
	gos_waitgroup_wait(&wg);
	printf("%s answered first\n", name);

	gos_chan_free(answers);
	gos_context_free(ctx);
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
/* README] */
