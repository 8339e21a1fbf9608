/* SPDX-License-Identifier: MIT */
/*
 * gos_test.c - main() of every test of the runtime: collects the tests, runs each in a child, and watches it.
 */
#include "gos_test.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "sanitizer.h"
#include "state.h"

#define TESTS_MAX 200
#define SPARE_SECONDS 15 /* between our watchdog, which dumps, and Check's, which kills */

static struct {
	const TTest *test;
	const char *name;
	int seconds;
	const struct gos_death *deaths; /* one row after another with the same test; NULL else */
	size_t death_count;
} tests[TESTS_MAX];
static size_t test_count;

static const struct gos_death *deaths;
static size_t death_count;

static int slow(void)
{
	return GOS_TEST_SLOW * (RT_ON_VALGRIND ? 20 : 1);
}

static const char *program, *running = "?";

void gos_test_add(const TTest *test, const char *name, int seconds)
{
	if (test_count == TESTS_MAX)
		abort();
	tests[test_count].test = test;
	tests[test_count].name = name;
	tests[test_count++].seconds = seconds * slow();
}

void gos_deaths_add(const TTest *test, const struct gos_death *table, size_t n)
{
	gos_test_add(test, "deaths", GOS_TEST_SECONDS);
	tests[test_count - 1].deaths = deaths = table;
	tests[test_count - 1].death_count = death_count = n;
}

/* ---- failing ---- */

uint64_t gos_test_seed(void)
{
	const char *text = getenv("GOS_TEST_SEED");
	return text != NULL ? strtoull(text, NULL, 0) : 20091110;
}

static void print_how_to_repeat(void)
{
	const char *procs = getenv("GOSMAXPROCS");
	fprintf(stderr, "repeat: CK_RUN_CASE=%s GOSMAXPROCS=%s GOS_TEST_SEED=%llu %s\n", running, procs != NULL ? procs : "",
	        (unsigned long long)gos_test_seed(), program);
}

/* Not inlined anywhere and with small frames before the end: it may be called on a small stack. */
__attribute__((noinline)) void gos_test_failed(const char *file, int line, const char *what, const char *op, int64_t a, int64_t b)
{
	print_how_to_repeat();
	if (op != NULL)
		_ck_assert_failed(file, line, "Failed", "%s: %lld %s %lld (goroutine %llu)", what, (long long)a, op, (long long)b,
		                  (unsigned long long)gos_goid());
	else
		_ck_assert_failed(file, line, "Failed", "%s (goroutine %llu)", what, (unsigned long long)gos_goid());
	abort();
}

/* ---- running ---- */

static struct {
	sem_t done;
	int seconds;
} watched;

static void *watchdog(void *arg)
{
	struct timespec until;
	(void)arg;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += watched.seconds;
	while (sem_timedwait(&watched.done, &until) != 0)
		if (errno == ETIMEDOUT) {
			fprintf(stderr, "%s has not ended after %d s; its goroutines:\n", running, watched.seconds);
			if (gos_runtime.state == 1)
				gos_stack_dump(2);
			print_how_to_repeat();
			ck_abort_msg("%s has not ended after %d s", running, watched.seconds);
		}
	return NULL;
}

static void watch(const char *name, int seconds)
{
	pthread_t thread;
	sigset_t all, old;
	const struct rlimit no_core = {0, 0};

	running = name;
	watched.seconds = seconds * slow();
	setrlimit(RLIMIT_CORE, &no_core);
	sem_init(&watched.done, 0, 0);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &old);
	if (pthread_create(&thread, NULL, watchdog, NULL) != 0)
		ck_abort_msg("no thread for the watchdog");
	pthread_sigmask(SIG_SETMASK, &old, NULL);
	pthread_detach(thread);
}

static void (*test_body)(void);

static int app(int argc, char **argv)
{
	(void)argc;
	(void)argv;
	test_body();
	return 23;
}

void gos_test_run(const char *name, void (*body)(void), int seconds)
{
	watch(name, seconds);
	test_body = body;
	int value = gos_run(app, 0, NULL);
	sem_post(&watched.done);
	ck_assert_int_eq(value, 23);
}

void gos_test_run_plain(const char *name, void (*body)(void), int seconds)
{
	watch(name, seconds);
	body();
	sem_post(&watched.done);
}

/* ---- other programs ---- */

int gos_test_spawn(char *const argv[], const char *environment, char *text, size_t size, int seconds)
{
	int out[2], status = 0;
	size_t length = 0;

	if (pipe(out) != 0)
		ck_abort_msg("pipe: %s", strerror(errno));
	fflush(NULL);
	pid_t pid = fork();
	if (pid < 0)
		ck_abort_msg("fork: %s", strerror(errno));
	if (pid == 0) {
		const struct rlimit no_core = {0, 0};
		setrlimit(RLIMIT_CORE, &no_core);
		setpgid(0, 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		close(out[0]);
		close(out[1]);
		if (environment != NULL)
			putenv((char *)environment);
		execv(argv[0], argv);
		_exit(127);
	}
	close(out[1]);
	struct timespec now;
	clock_gettime(CLOCK_MONOTONIC, &now);
	int64_t until = (int64_t)(now.tv_sec + seconds) * 1000 + now.tv_nsec / 1000000;
	bool late = false;
	for (;;) {
		clock_gettime(CLOCK_MONOTONIC, &now);
		int64_t left = until - ((int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000);
		struct pollfd p = {.fd = out[0], .events = POLLIN};
		if (left <= 0 || (poll(&p, 1, (int)left) == 0)) {
			late = true;
			kill(-pid, SIGKILL);
			break;
		}
		char rest[4096];
		bool room = length < size - 1;
		ssize_t n = read(out[0], room ? text + length : rest, room ? size - 1 - length : sizeof rest);
		if (n <= 0)
			break;
		if (room)
			length += (size_t)n;
	}
	text[length] = '\0';
	close(out[0]);
	waitpid(pid, &status, 0);
	if (late) {
		fprintf(stderr, "it said:\n%s\n", text);
		ck_abort_msg("%s %s %s has not ended after %d s", argv[0], argv[1] ? argv[1] : "", argv[1] && argv[2] ? argv[2] : "", seconds);
	}
	return status;
}

/* The number at `text`; *end is behind it, or at `text` where there is none. */
static uint64_t number_at(const char *text, const char **end)
{
	uint64_t n = 0;
	for (*end = text; **end >= '0' && **end <= '9'; (*end)++)
		n = 10 * n + (uint64_t)(**end - '0');
	return n;
}

/* Behind `wanted`, if `said` begins so. */
static const char *begins(const char *said, const char *wanted, uint64_t *who)
{
	static const char goroutine[] = "goroutine ";
	const char *from = wanted;
	while (*wanted != '\0') {
		const char *end;
		uint64_t n = number_at(wanted, &end);
		if (end > wanted && n > 1 && n < GOS_TEST_WHO && (size_t)(wanted - from) >= strlen(goroutine) &&
		    memcmp(wanted - strlen(goroutine), goroutine, strlen(goroutine)) == 0) {
			wanted = end;
			uint64_t id = number_at(said, &said);
			if (id < 2 || (who[n] != 0 && who[n] != id))
				return NULL;
			who[n] = id;
		} else if (*said++ != *wanted++) {
			return NULL;
		}
	}
	return said;
}

const char *gos_test_find(const char *said, const char *wanted, uint64_t who[GOS_TEST_WHO])
{
	for (;; said++) {
		uint64_t perhaps[GOS_TEST_WHO];
		memcpy(perhaps, who, sizeof perhaps);
		const char *behind = begins(said, wanted, perhaps);
		if (behind != NULL) {
			memcpy(who, perhaps, sizeof perhaps);
			return behind;
		}
		if (*said == '\0') /* where there may be nothing to find, too */
			return NULL;
	}
}

/* Check's messages have a limit, and what a dying program says may be long. */
static _Noreturn void bad_death(const struct gos_death *d, const char *said, const char *what, const char *text)
{
	fprintf(stderr, "%s --death %s said:\n%s\n", program, d->name, said);
	ck_abort_msg("%s --death %s: %s \"%s\"", program, d->name, what, text);
	abort();
}

void gos_deaths_check(int row)
{
	static char said[256 * 1024];
	const struct gos_death *d = &deaths[row];
	char path[4096] = "";
	char *const argv[] = {path, "--death", (char *)d->name, NULL};

	running = "deaths";
	if (readlink("/proc/self/exe", path, sizeof path - 1) <= 0) /* not that name itself: under valgrind it is valgrind's */
		ck_abort_msg("readlink: %s", strerror(errno));
	int status = gos_test_spawn(argv, d->environment, said, sizeof said, GOS_TEST_SECONDS * GOS_TEST_SLOW);
	int code = WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
	if (code != d->code) {
		char text[100];
		snprintf(text, sizeof text, "%d, not %d", code, d->code);
		bad_death(d, said, "it ended with", text);
	}
	const char *at = said;
	uint64_t who[GOS_TEST_WHO] = {0};
	for (size_t i = 0; i < sizeof d->says / sizeof d->says[0] && d->says[i] != NULL; i++) {
		at = gos_test_find(at, d->says[i], who);
		if (at == NULL)
			bad_death(d, said, "it did not say, or not in this order,", d->says[i]);
	}
	if (d->never != NULL && strstr(said, d->never) != NULL)
		bad_death(d, said, "it must not say", d->never);
	static const char race[] = "WARNING: ThreadSanitizer"; /* which leaves alone the code of who ends by himself */
	if (strstr(said, race) != NULL && (d->says[0] == NULL || strcmp(d->says[0], "WARNING: ThreadSanitizer: data race") != 0))
		bad_death(d, said, "it must not say", race);
}

static int die(const char *name)
{
	for (size_t i = 0; i < death_count; i++) {
		if (strcmp(deaths[i].name, name) != 0)
			continue;
		test_body = deaths[i].body;
		if (deaths[i].plain) {
			test_body();
			return 23;
		}
		return gos_run(app, 0, NULL);
	}
	fprintf(stderr, "%s: no death of the name %s\n", program, name);
	return 64;
}

/* ---- looking at goroutines: as a debugger would, through the slabs ---- */

const char *gos_test_reason(unsigned reason)
{
	switch (reason) {
#define GOS_REASON(symbol, number, word, object) \
	case number:                             \
		return word;
#include "abi/states.def"
	}
	return "?";
}

static struct gos_g *g_at(uint64_t i)
{
	return (struct gos_g *)((char *)gos_runtime.gslabs[i / GOS_G_PER_SLAB] + i % GOS_G_PER_SLAB * sizeof(struct gos_g));
}

static bool is_parked(const struct gos_g *gp, const char *reason)
{
	return rt_load_acquire(&gp->status) == GOS_WAITING && (rt_load_acquire(&gp->seq) & 1) == 0 &&
	       strcmp(gos_test_reason(rt_load_relaxed(&gp->reason)), reason) == 0;
}

size_t gos_test_waiting(const char *reason)
{
	size_t n = 0;
	for (uint64_t i = 0, count = rt_load_acquire(&gos_runtime.gcount); i < count; i++)
		if (is_parked(g_at(i), reason))
			n++;
	return n;
}

static void pause_until(int64_t *started, const char *what)
{
	int64_t now = gos_now();
	if (*started == 0)
		*started = now;
	if (now - *started > GOS_TEST_SECONDS * GOS_S * slow() / 2) {
		fprintf(stderr, "waited in vain for: %s\n", what);
		gos_stack_dump(2);
		gos_test_failed(__FILE__, __LINE__, what, NULL, 0, 0);
	}
	if (now - *started < GOS_MS)
		gos_yield();
	else
		gos_sleep(200 * GOS_US);
}

void gos_test_until_waiting(uint64_t goid, const char *reason)
{
	for (int64_t started = 0;; pause_until(&started, reason))
		for (uint64_t i = 0, count = rt_load_acquire(&gos_runtime.gcount); i < count; i++)
			if (rt_load_relaxed(&g_at(i)->goid) == goid && is_parked(g_at(i), reason))
				return;
}

void gos_test_until_n_waiting(size_t n, const char *reason)
{
	for (int64_t started = 0; gos_test_waiting(reason) != n;)
		pause_until(&started, reason);
}

void gos_test_until(const volatile int *flag)
{
	for (int64_t started = 0; !__atomic_load_n(flag, __ATOMIC_ACQUIRE);)
		pause_until(&started, "a flag");
}

void gos_test_until_num(size_t n)
{
	for (int64_t started = 0; gos_num_goroutines() > n;)
		pause_until(&started, "fewer goroutines");
}

/* ---- main ---- */

int main(int argc, char **argv)
{
	program = argv[0];
	signal(SIGPIPE, SIG_DFL);
	if (argc == 3 && strcmp(argv[1], "--death") == 0)
		return die(argv[2]);
	if (argc != 1) {
		fprintf(stderr, "usage: [CK_RUN_CASE=NAME] %s [--death NAME]\n", program);
		return 64;
	}

	const char *slash = strrchr(program, '/');
	Suite *suite = suite_create(slash != NULL ? slash + 1 : program);
	for (size_t i = 0; i < test_count; i++) {
		TCase *tc = tcase_create(tests[i].name);
		tcase_set_timeout(tc, tests[i].seconds + SPARE_SECONDS);
		if (tests[i].deaths != NULL)
			tcase_add_loop_test(tc, tests[i].test, 0, (int)tests[i].death_count);
		else
			tcase_add_test(tc, tests[i].test);
		suite_add_tcase(suite, tc);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner), ran = srunner_ntests_run(runner);
	srunner_free(runner);
	if (ran == 0)
		fprintf(stderr, "%s: no test was run\n", program);
	return failed != 0 || ran == 0;
}
