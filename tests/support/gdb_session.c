/* SPDX-License-Identifier: MIT */
/*
 * gdb_session.c - starts debuggees and gdb, reads what they say, cuts it into blocks.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "gdb_session.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <poll.h>
#include <regex.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define GDB_SECONDS 150 /* after which a session hangs, on a busy machine too */

static double now(void)
{
	struct timespec t;
	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* Check's messages are short; the session goes to stderr. */
static void must(bool holds, const struct gdb_run *run, const char *what, ...) __attribute__((format(printf, 3, 4)));
static void must(bool holds, const struct gdb_run *run, const char *what, ...)
{
	char message[2048];
	va_list args;

	if (holds)
		return;
	va_start(args, what);
	vsnprintf(message, sizeof message, what, args);
	va_end(args);
	fprintf(stderr, "\n---- the whole session ----\n%s\n---- %s\n", run->text, message);
	ck_abort_msg("%s", message);
}

/* ---- debuggees ------------------------------------------------------------------------------------------------------- */

static void make_directory(struct debuggee *d)
{
	const char *base = getenv("TMPDIR");
	snprintf(d->directory, sizeof d->directory, "%s/gos-gdb-XXXXXX", base != NULL ? base : "/tmp");
	ck_assert_msg(mkdtemp(d->directory) != NULL, "mkdtemp %s: %s", d->directory, strerror(errno));
}

void debuggee_start(struct debuggee *d, const char *name, const char *arg1, const char *arg2, const char *arg3)
{
	int in[2], out[2];
	char line[256];

	memset(d, 0, sizeof *d);
	make_directory(d);
	snprintf(d->program, sizeof d->program, "%s/%s", DEBUGGEE_DIR, name);
	ck_assert_int_lt(snprintf(d->truth, sizeof d->truth, "%s/truth", d->directory), GDB_PATH_MAX);
	ck_assert(pipe2(in, O_CLOEXEC) == 0 && pipe2(out, O_CLOEXEC) == 0);
	d->pid = fork();
	ck_assert(d->pid >= 0);
	if (d->pid == 0) {
		struct rlimit unlimited = {RLIM_INFINITY, RLIM_INFINITY};
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		if (setrlimit(RLIMIT_CORE, &unlimited) != 0) {
			getrlimit(RLIMIT_CORE, &unlimited);
			unlimited.rlim_cur = unlimited.rlim_max;
			setrlimit(RLIMIT_CORE, &unlimited);
		}
		setenv("GOS_TRUTH", d->truth, 1);
		dup2(in[0], 0);
		dup2(out[1], 1);
		if (chdir(d->directory) != 0)
			_exit(126);
		dup2(open("stderr", O_WRONLY | O_CREAT | O_APPEND, 0600), 2);
		execl(d->program, d->program, arg1, arg2, arg3, (char *)NULL);
		_exit(127);
	}
	close(in[0]);
	close(out[1]);
	d->in = in[1];
	d->out = out[0];
	debuggee_line(d, line, sizeof line, 60);
	ck_assert_msg(strncmp(line, "READY", 5) == 0, "%s said '%s' and not READY", name, line);
}

void debuggee_line(struct debuggee *d, char *line, size_t size, int seconds)
{
	double until = now() + seconds;
	size_t length = 0;

	while (length < size - 1) {
		struct pollfd p = {.fd = d->out, .events = POLLIN};
		int left = (int)((until - now()) * 1000);
		ck_assert_msg(left > 0 && poll(&p, 1, left) > 0, "%s has said nothing for %d s", d->program, seconds);
		ssize_t n = read(d->out, line + length, 1);
		ck_assert_msg(n == 1, "%s has ended", d->program);
		if (line[length] == '\n')
			break;
		length++;
	}
	line[length] = '\0';
}

void debuggee_must_end_well(struct debuggee *d)
{
	char line[256] = "";
	int status = 0;

	ck_assert_int_eq(write(d->in, "\n", 1), 1);
	while (strcmp(line, "EXIT-SUCCESS") != 0)
		debuggee_line(d, line, sizeof line, 60);
	ck_assert_int_eq(waitpid(d->pid, &status, 0), d->pid);
	d->pid = 0;
	ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "%s ended with status 0x%x", d->program, status);
}

static bool kernel_core(struct debuggee *d)
{
	char pattern[256] = "";
	FILE *file = fopen("/proc/sys/kernel/core_pattern", "r");

	if (file == NULL || fgets(pattern, sizeof pattern, file) == NULL || pattern[0] == '|' || strchr(pattern, '/') != NULL) {
		printf("skipped: kernel.core_pattern is '%s', so cores are not written to the working directory\n", pattern);
		if (file != NULL)
			fclose(file);
		return false;
	}
	fclose(file);
	kill(d->pid, d->deadly != 0 ? d->deadly : SIGABRT);
	int status = 0;
	waitpid(d->pid, &status, 0);
	d->pid = 0;
	if (!WIFSIGNALED(status) || !WCOREDUMP(status)) {
		printf("skipped: the kernel wrote no core (status 0x%x): is the hard limit of core files 0?\n", status);
		return false;
	}
	DIR *directory = opendir(d->directory);
	ck_assert_ptr_nonnull(directory);
	for (struct dirent *entry; (entry = readdir(directory)) != NULL;)
		if (strncmp(entry->d_name, "core", 4) == 0)
			ck_assert_int_lt(snprintf(d->core, sizeof d->core, "%s/%s", d->directory, entry->d_name), GDB_PATH_MAX);
	closedir(directory);
	return d->core[0] != '\0';
}

bool debuggee_core(struct debuggee *d, enum core_way way)
{
	static struct gdb_run run;

	if (way == CORE_KERNEL)
		return kernel_core(d);
	ck_assert_int_lt(snprintf(d->core, sizeof d->core, "%s/gcore", d->directory), GDB_PATH_MAX);
	gdb_begin(&run);
	gdb_do(&run, "gcore", "generate-core-file %s", d->core);
	gdb_attach(&run, d);
	gdb_has(&run, "gcore", "Saved corefile");
	gdb_free(&run);
	return true;
}

static int remove_one(const char *path, const struct stat *s, int flag, struct FTW *walk)
{
	(void)s;
	(void)flag;
	(void)walk;
	return remove(path);
}

void debuggee_end(struct debuggee *d)
{
	if (d->pid > 0) {
		kill(d->pid, SIGKILL);
		waitpid(d->pid, NULL, 0);
		d->pid = 0;
	}
	close(d->in);
	close(d->out);
	nftw(d->directory, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

/* ---- gdb --------------------------------------------------------------------------------------------------------------- */

static const char *gdb_path(void)
{
	const char *path = getenv("GOS_GDB");
	return path != NULL ? path : "gdb";
}

void gdb_begin(struct gdb_run *run)
{
	memset(run, 0, sizeof *run);
}

void gdb_do(struct gdb_run *run, const char *name, const char *command, ...)
{
	va_list args;

	ck_assert_int_lt(run->blocks, GDB_BLOCKS_MAX);
	snprintf(run->block[run->blocks].name, sizeof run->block->name, "%s", name);
	va_start(args, command);
	ck_assert_int_lt(vsnprintf(run->block[run->blocks].command, sizeof run->block->command, command, args),
			 (int)sizeof run->block->command);
	va_end(args);
	run->blocks++;
}

/* Reads all that comes from fd; kills the reader's group when that takes too long. */
static char *read_all(int fd, pid_t pid)
{
	size_t size = 1 << 16, length = 0;
	char *text = malloc(size);
	double until = now() + GDB_SECONDS;

	for (;;) {
		struct pollfd p = {.fd = fd, .events = POLLIN};
		int left = (int)((until - now()) * 1000);
		if (left <= 0 || poll(&p, 1, left) <= 0) {
			kill(-pid, SIGKILL);
			text[length] = '\0';
			fprintf(stderr, "%s\n", text);
			ck_abort_msg("gdb has not ended after %d s", GDB_SECONDS);
		}
		if (size - length < 4096)
			text = realloc(text, size *= 2);
		ssize_t n = read(fd, text + length, size - length - 1);
		if (n <= 0)
			break;
		length += (size_t)n;
	}
	text[length] = '\0';
	return text;
}

/* gdb 13 on processors with AMX says this of every thread of a kernel core; it is harmless and known. */
static void drop_noise(char *text)
{
	static const char noise[] = "warning: Section `.reg-xstate/";
	for (char *at; (at = strstr(text, noise)) != NULL;) {
		char *end = strchr(at, '\n');
		size_t rest = end != NULL ? strlen(end + 1) + 1 : 1;
		if (at > text + 1 && at[-1] == '\n' && at[-2] == '\n') /* with the empty line before it */
			at--;
		memmove(at, end != NULL ? end + 1 : at + strlen(at), rest);
	}
}

static void must_be_tidy(struct gdb_run *run)
{
	static const char *const never[] = {"Traceback (most recent call", "Python Exception", "Error occurred in Python",
					    "internal-error", "fault of the gdb package"};
	for (size_t i = 0; i < sizeof never / sizeof never[0]; i++)
		must(strstr(run->text, never[i]) == NULL, run, "gdb said '%s'", never[i]);
}

static void run_gdb(struct gdb_run *run, const char *const *target)
{
	enum { FIXED = 24 };
	const char **argv = calloc((size_t)run->blocks * 6 + FIXED + 8, sizeof *argv);
	char(*echoes)[2][64] = calloc((size_t)run->blocks + 1, sizeof *echoes);
	int argc = 0, out[2];
	static const char *const fixed[] = {"-nx",  "-batch",
					    "-iex", "set auto-load off",
					    "-iex", "set debuginfod enabled off",
					    "-iex", "set style enabled off",
					    "-iex", "set width 0",
					    "-x",   GOSSAMER_GDB_DIR "/gossamer-gdb.py"};

	argv[argc++] = gdb_path();
	for (size_t i = 0; i < sizeof fixed / sizeof fixed[0]; i++)
		argv[argc++] = fixed[i];
	while (*target != NULL)
		argv[argc++] = *target++;
	for (int i = 0; i < run->blocks; i++) {
		snprintf(echoes[i][0], sizeof echoes[i][0], "echo \\nBEGIN %s\\n", run->block[i].name);
		snprintf(echoes[i][1], sizeof echoes[i][1], "echo \\nEND %s\\n", run->block[i].name);
		const char *const commands[] = {echoes[i][0], run->block[i].command, echoes[i][1]};
		for (int c = 0; c < 3; c++) {
			argv[argc++] = "-ex";
			argv[argc++] = commands[c];
		}
	}
	ck_assert(pipe2(out, O_CLOEXEC) == 0);
	double began = now();
	pid_t pid = fork();
	ck_assert(pid >= 0);
	if (pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		setpgid(0, 0);
		setenv("LC_ALL", "C.UTF-8", 1);
		int null = open("/dev/null", O_RDONLY);
		dup2(null, 0);
		dup2(out[1], 1);
		dup2(out[1], 2);
		execvp(argv[0], (char *const *)argv);
		_exit(127);
	}
	close(out[1]);
	run->text = read_all(out[0], pid);
	close(out[0]);
	drop_noise(run->text);
	waitpid(pid, &run->status, 0);
	run->seconds = now() - began;
	free(argv);
	free(echoes);
	must_be_tidy(run);
}

void gdb_attach(struct gdb_run *run, struct debuggee *d)
{
	char pid[16];
	snprintf(pid, sizeof pid, "%d", (int)d->pid);
	run_gdb(run, (const char *[]){"-p", pid, NULL});
}

void gdb_core(struct gdb_run *run, struct debuggee *d)
{
	run_gdb(run, (const char *[]){d->program, d->core, NULL});
}

void gdb_core_file(struct gdb_run *run, const char *program, const char *core)
{
	run_gdb(run, (const char *[]){program, core, NULL});
}

void gdb_program(struct gdb_run *run, const char *name)
{
	char program[GDB_PATH_MAX];
	snprintf(program, sizeof program, "%s/%s", DEBUGGEE_DIR, name);
	run_gdb(run, (const char *[]){program, NULL});
}

const char *gdb_block(struct gdb_run *run, const char *name)
{
	char begin[64], end[64];

	snprintf(begin, sizeof begin, "\nBEGIN %s\n", name);
	snprintf(end, sizeof end, "\nEND %s\n", name);
	const char *from = strstr(run->text, begin);
	must(from != NULL, run, "there is no block %s", name);
	from += strlen(begin);
	const char *to = strstr(from - 1, end);
	must(to != NULL, run, "block %s does not end", name);
	free(run->block_text);
	run->block_text = to < from ? strdup("") : strndup(from, (size_t)(to - from));
	size_t length = strlen(run->block_text);
	while (length > 0 && run->block_text[length - 1] == '\n')
		run->block_text[--length] = '\0';
	return run->block_text;
}

bool gdb_matches(const char *text, const char *pattern)
{
	regex_t regex;
	ck_assert_msg(regcomp(&regex, pattern, REG_EXTENDED | REG_NOSUB | REG_NEWLINE) == 0, "bad pattern %s", pattern);
	bool found = regexec(&regex, text, 0, NULL, 0) == 0;
	regfree(&regex);
	return found;
}

#define FORMAT(pattern)                                                                  \
	char wanted[4096];                                                               \
	va_list args;                                                                    \
	va_start(args, pattern);                                                         \
	ck_assert(vsnprintf(wanted, sizeof wanted, pattern, args) < (int)sizeof wanted); \
	va_end(args)

void gdb_has(struct gdb_run *run, const char *name, const char *pattern, ...)
{
	FORMAT(pattern);
	const char *text = gdb_block(run, name);
	must(gdb_matches(text, wanted), run, "block %s lacks /%s/: %.900s", name, wanted, text);
}

void gdb_lacks(struct gdb_run *run, const char *name, const char *pattern, ...)
{
	FORMAT(pattern);
	const char *text = gdb_block(run, name);
	must(!gdb_matches(text, wanted), run, "block %s has /%s/: %.900s", name, wanted, text);
}

void gdb_says(struct gdb_run *run, const char *name, const char *pattern, ...)
{
	FORMAT(pattern);
	const char *text = gdb_block(run, name);
	must(strchr(text, '\n') == NULL && gdb_matches(text, wanted), run, "block %s is not the line /%s/: %.900s", name, wanted,
	     text);
}

int gdb_lines(struct gdb_run *run, const char *name)
{
	const char *text = gdb_block(run, name);
	int lines = *text != '\0';
	for (; *text != '\0'; text++)
		lines += *text == '\n';
	return lines;
}

long gdb_number(struct gdb_run *run, const char *name)
{
	const char *text = gdb_block(run, name), *equals = strstr(text, " = ");
	char *end;
	long value = strtol(equals != NULL ? equals + 3 : text, &end, 0);
	must(end != text && *end == '\0', run, "block %s is no number: %.900s", name, text);
	return value;
}

void gdb_free(struct gdb_run *run)
{
	free(run->text);
	free(run->block_text);
	run->text = run->block_text = NULL;
}

/* ---- the same look in every way ------------------------------------------------------------------------------------------- */

bool gdb_way_begin(struct gdb_run *run, struct debuggee *d, const char *program, enum gdb_way way, void (*read_truth)(void))
{
	debuggee_start(d, program, NULL, NULL, NULL);
	read_truth();
	if (way != GDB_LIVE && !debuggee_core(d, way == GDB_GCORE ? CORE_GCORE : CORE_KERNEL)) {
		debuggee_end(d);
		return false;
	}
	gdb_begin(run);
	return true;
}

void gdb_way_look(struct gdb_run *run, struct debuggee *d, enum gdb_way way)
{
	if (way == GDB_LIVE) {
		gdb_attach(run, d);
		debuggee_must_end_well(d);
	} else {
		gdb_core(run, d);
	}
}

void gdb_way_end(struct gdb_run *run, struct debuggee *d)
{
	gdb_free(run);
	debuggee_end(d);
}

/* ---- running -------------------------------------------------------------------------------------------------------------- */

/* Whether gdb is here and may attach to a child of ours. */
static const char *cannot(void)
{
	char command[512];
	snprintf(
		command, sizeof command,
		"sleep 60 & p=$!; %s -nx -batch -iex 'set auto-load off' -p $p 2>&1 | grep -q 'detached'; r=$?; kill $p; exit $r",
		gdb_path());
	snprintf(command + strlen(command), sizeof command - strlen(command), " 2>/dev/null");
	return system(command) == 0 ? NULL : "gdb is not installed, or may not attach to processes here";
}

int gdb_tests_run(const char *name, const struct gdb_test *tests)
{
	const char *why = cannot();
	if (why != NULL) {
		printf("skipped: %s\n", why);
		return 77;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	Suite *suite = suite_create(name);
	for (; tests->test != NULL; tests++) {
		TCase *tcase = tcase_create(tests->test->name);
		tcase_set_timeout(tcase, tests->seconds > 0 ? tests->seconds : 60);
		if (tests->times > 0)
			tcase_add_loop_test(tcase, tests->test, 0, tests->times);
		else
			tcase_add_test(tcase, tests->test);
		suite_add_tcase(suite, tcase);
	}
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_ENV);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed != 0;
}
