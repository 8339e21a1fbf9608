/* SPDX-License-Identifier: MIT */
/*
 * explore.c - runs a program with one seed after the other until one fails, and says how to make it fail again.
 *
 *	explore [-n SEEDS] [-s FIRST] [-j JOBS] [-t SECONDS] [--] PROGRAM [ARGUMENT...]
 *
 * A run fails when its exit code is not 0, when a signal ends it, or when it still runs after SECONDS; each run is GOSDEBUG=seed=N in the environment of a process of its own.
 * Of those that fail the lowest seed is told, whatever order they ended in, so that the answer does not depend on JOBS or on the machine. The code is 1 when
 * a seed fails, 0 when none does, 2 when there was nothing to be run.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define JOBS_MAX 256
#define SHOWN 65536 /* bytes of a run's output from its beginning, and as many from its end */

static struct run {
	pid_t pid; /* 0: none */
	int64_t seed, until;
	int output; /* a file without a name */
	bool late;
} runs[JOBS_MAX];

static struct {
	int64_t seeds, first, jobs, seconds;
	char **program;
} want = {.seeds = 100, .first = 1, .seconds = 10};

static struct {
	int64_t seed;
	int status, output;
	bool late;
} failed = {.seed = -1};

static int64_t clock_ms(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (int64_t)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: explore [-n SEEDS] [-s FIRST] [-j JOBS] [-t SECONDS] [--] PROGRAM [ARGUMENT...]\n");
	exit(2);
}

static _Noreturn void cannot(const char *what, int error)
{
	fprintf(stderr, "explore: %s: %s\n", what, strerror(error));
	exit(2); /* and the kernel ends what runs: PR_SET_PDEATHSIG */
}

static int64_t number(const char *text, int64_t least, int64_t most)
{
	char *end;
	errno = 0;
	long long value = strtoll(text, &end, 0);
	if (errno != 0 || end == text || *end != '\0' || value < least || value > most) {
		fprintf(stderr, "explore: %s is not a number from %" PRId64 " to %" PRId64 "\n", text, least, most);
		usage();
	}
	return value;
}

/* What else stands in GOSDEBUG stays; of two seeds the last counts. */
static void set_seed(int64_t seed)
{
	const char *before = getenv("GOSDEBUG");
	char *text;
	if (asprintf(&text, "%s%sseed=%" PRId64, before != NULL ? before : "", before != NULL && *before != '\0' ? "," : "", seed) < 0)
		_exit(127);
	setenv("GOSDEBUG", text, 1);
}

static void start(struct run *r, int64_t seed)
{
	int told[2], error = 0;
	pid_t parent = getpid();
	FILE *file = tmpfile();

	if (file == NULL || pipe2(told, O_CLOEXEC) != 0)
		cannot("a file for the output", errno);
	r->output = dup(fileno(file));
	fclose(file);
	r->seed = seed;
	r->until = clock_ms() + want.seconds * 1000;
	r->late = false;
	r->pid = fork();
	if (r->pid < 0)
		cannot("fork", errno);
	if (r->pid == 0) {
		const struct rlimit no_core = {0, 0};
		sigset_t none;
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (getppid() != parent)
			_exit(127);
		setpgid(0, 0);
		setrlimit(RLIMIT_CORE, &no_core); /* who repeats the run gets one, if he wants one */
		sigemptyset(&none);
		sigprocmask(SIG_SETMASK, &none, NULL);
		set_seed(seed);
		int null = open("/dev/null", O_RDONLY);
		if (null < 0 || dup2(null, 0) < 0 || dup2(r->output, 1) < 0 || dup2(r->output, 2) < 0 ||
		    fcntl(r->output, F_SETFD, FD_CLOEXEC) != 0 || execvp(want.program[0], want.program) != 0)
			error = errno;
		ssize_t put = write(told[1], &error, sizeof error);
		_exit(put > 0 ? 127 : 126);
	}
	close(told[1]);
	if (read(told[0], &error, sizeof error) == sizeof error)
		cannot(want.program[0], error);
	close(told[0]);
}

static void ended(struct run *r, int status)
{
	bool good = !r->late && WIFEXITED(status) && WEXITSTATUS(status) == 0;
	kill(-r->pid, SIGKILL); /* what it left behind */
	r->pid = 0;
	if (good || (failed.seed >= 0 && failed.seed < r->seed)) {
		close(r->output);
		return;
	}
	if (failed.seed >= 0)
		close(failed.output);
	failed.seed = r->seed;
	failed.status = status;
	failed.late = r->late;
	failed.output = r->output;
}

/* Waits until a run has ended, and kills those that are late, or that cannot tell a lower seed any more. */
static void wait_for_some(void)
{
	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	for (bool some = false; !some;) {
		int64_t now = clock_ms(), next = now + 1000;
		for (int i = 0; i < want.jobs; i++) {
			struct run *r = &runs[i];
			int status;
			if (r->pid == 0)
				continue;
			if (waitpid(r->pid, &status, WNOHANG) == r->pid) {
				ended(r, status);
				some = true;
				continue;
			}
			if (failed.seed >= 0 && r->seed > failed.seed) {
				kill(r->pid, SIGKILL);
			} else if (now >= r->until) {
				r->late = true;
				kill(r->pid, SIGKILL);
			} else if (r->until < next) {
				next = r->until;
			}
		}
		if (!some) /* SIGCHLD is blocked: one that came since waits to be seen */
			sigtimedwait(&child, NULL, &(struct timespec){(next - now) / 1000, (next - now) % 1000 * 1000000 + 1000000 - 1});
	}
}

static void copy(off_t from, off_t to)
{
	char text[4096];
	while (from < to) {
		ssize_t n = pread(failed.output, text, to - from < (off_t)sizeof text ? (size_t)(to - from) : sizeof text, from);
		if (n <= 0 || fwrite(text, 1, (size_t)n, stdout) != (size_t)n)
			return;
		from += n;
	}
}

static void put_word(const char *word)
{
	if (*word != '\0' && strspn(word, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_./-+=:,@%") == strlen(word)) {
		printf(" %s", word);
		return;
	}
	printf(" '");
	for (; *word != '\0'; word++)
		printf(*word == '\'' ? "'\\''" : "%c", *word);
	printf("'");
}

static void report(void)
{
	const char *debug = getenv("GOSDEBUG");
	off_t size = lseek(failed.output, 0, SEEK_END);
	char last = '\n';

	printf("explore: seed %" PRId64 " fails: ", failed.seed);
	if (failed.late)
		printf("it still runs after %" PRId64 " s\n", want.seconds);
	else if (WIFSIGNALED(failed.status))
		printf("%s\n", strsignal(WTERMSIG(failed.status)));
	else
		printf("exit code %d\n", WEXITSTATUS(failed.status));
	if (size > 2 * SHOWN) {
		copy(0, SHOWN);
		printf("\nexplore: ... %lld bytes left out ...\n", (long long)size - 2 * SHOWN);
		copy(size - SHOWN, size);
	} else {
		copy(0, size);
	}
	if (size > 0 && pread(failed.output, &last, 1, size - 1) == 1 && last != '\n')
		printf("\n");
	printf("explore: to repeat it: GOSDEBUG=%s%sseed=%" PRId64, debug != NULL ? debug : "", debug != NULL && *debug != '\0' ? "," : "", failed.seed);
	for (char **word = want.program; *word != NULL; word++)
		put_word(*word);
	printf("\n");
}

int main(int argc, char **argv)
{
	int option;
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);

	want.jobs = cpus < 1 ? 1 : cpus > JOBS_MAX ? JOBS_MAX : cpus;
	while ((option = getopt(argc, argv, "+n:s:j:t:")) != -1) {
		switch (option) {
		case 'n':
			want.seeds = number(optarg, 1, INT64_MAX);
			break;
		case 's':
			want.first = number(optarg, 0, INT64_MAX);
			break;
		case 'j':
			want.jobs = number(optarg, 1, JOBS_MAX);
			break;
		case 't':
			want.seconds = number(optarg, 1, 1000000);
			break;
		default:
			usage();
		}
	}
	if (optind == argc)
		usage();
	want.program = argv + optind;
	if (want.seeds - 1 > INT64_MAX - want.first)
		want.seeds = INT64_MAX - want.first + 1;

	sigset_t child;
	sigemptyset(&child);
	sigaddset(&child, SIGCHLD);
	sigprocmask(SIG_BLOCK, &child, NULL);

	int64_t begun = 0;
	for (;;) {
		int running = 0;
		for (int i = 0; i < want.jobs; i++) {
			if (runs[i].pid == 0 && begun < want.seeds && failed.seed < 0)
				start(&runs[i], want.first + begun++);
			running += runs[i].pid != 0;
		}
		if (running == 0)
			break;
		wait_for_some();
	}
	if (failed.seed >= 0)
		report();
	else
		printf("explore: seeds %" PRId64 " to %" PRId64 ": none fails\n", want.first, want.first + want.seeds - 1);
	return failed.seed >= 0;
}
