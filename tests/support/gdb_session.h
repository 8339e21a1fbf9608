/* SPDX-License-Identifier: MIT */
/*
 * gdb_session.h - real gdb on real processes and cores, for tests that say what it must show.
 *
 * A test starts a debuggee (tests/debuggee, which writes down the truth about itself), runs gdb in batch on it, each command between
 * BEGIN and END of its own block, and asserts block by block. Every session also asserts that no Python traceback and no internal
 * error of gdb's is in it. Whatever a test starts dies with it; each works in a directory of its own, removed when it passes.
 */
#ifndef GDB_SESSION_H
#define GDB_SESSION_H

#include <check.h>
#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#define GDB_PATH_MAX 512

struct debuggee {
	char program[GDB_PATH_MAX];
	char directory[GDB_PATH_MAX]; /* its working directory */
	char truth[GDB_PATH_MAX];     /* the file that it writes */
	char core[GDB_PATH_MAX];      /* of debuggee_core */
	pid_t pid;
	int in, out;
	int deadly; /* the signal at which the kernel is to write a core of it; 0: SIGABRT */
};

/* Starts DEBUGGEE_DIR/name with up to three arguments (NULL ends them) and returns when it has said READY. */
void debuggee_start(struct debuggee *d, const char *name, const char *arg1, const char *arg2, const char *arg3);

/* Reads a line that it prints, within so many seconds. */
void debuggee_line(struct debuggee *d, char *line, size_t size, int seconds);

/* Sends it the line that it waits for, and asserts that it ends by itself, having printed EXIT-SUCCESS. */
void debuggee_must_end_well(struct debuggee *d);

/* How a core is taken. */
enum core_way { CORE_GCORE, CORE_KERNEL };

/* Takes a core into d->core; the kernel's ends the process. False, with a reason printed, where this machine writes none. */
bool debuggee_core(struct debuggee *d, enum core_way way);

/* Ends it, if it still runs, and removes its directory. */
void debuggee_end(struct debuggee *d);

/* ---- gdb ---- */

#define GDB_BLOCKS_MAX 512

struct gdb_run {
	char *text; /* all that gdb wrote, stderr too */
	char *block_text;
	double seconds;
	int status;
	/* what to run; filled by gdb_do */
	int blocks;
	struct {
		char name[32], command[512];
	} block[GDB_BLOCKS_MAX];
};

/* Begins a list of commands. */
void gdb_begin(struct gdb_run *run);

/* Adds a command, whose output is the block `name`; command is a printf format. */
void gdb_do(struct gdb_run *run, const char *name, const char *command, ...) __attribute__((format(printf, 3, 4)));

/* Runs them: on the live process, on its core, or on a program that gdb starts itself. */
void gdb_attach(struct gdb_run *run, struct debuggee *d);
void gdb_core(struct gdb_run *run, struct debuggee *d);
void gdb_core_file(struct gdb_run *run, const char *program, const char *core);
void gdb_program(struct gdb_run *run, const char *name);

/* The output of the command `name`; valid until the next call. */
const char *gdb_block(struct gdb_run *run, const char *name);

/* Assert about a block. A pattern is an extended regular expression, in which ^ and $ match at lines. */
void gdb_has(struct gdb_run *run, const char *name, const char *pattern, ...) __attribute__((format(printf, 3, 4)));
/* A frame whose function has one of these words in its name; directories may have any name. */
#define GDB_FRAME_OF(words) " [A-Za-z0-9_.]*(" words ")[A-Za-z0-9_.]* \\("
void gdb_lacks(struct gdb_run *run, const char *name, const char *pattern, ...) __attribute__((format(printf, 3, 4)));
/* The block is exactly one line, and it matches. */
void gdb_says(struct gdb_run *run, const char *name, const char *pattern, ...) __attribute__((format(printf, 3, 4)));
int gdb_lines(struct gdb_run *run, const char *name);
bool gdb_matches(const char *text, const char *pattern); /* of any text */
long gdb_number(struct gdb_run *run, const char *name); /* of "$1 = 42", or of a lone number */

void gdb_free(struct gdb_run *run);

/* ---- the same look in every way ---- */

enum gdb_way { GDB_LIVE, GDB_GCORE, GDB_KERNEL, GDB_WAYS };

/* Starts the debuggee, calls read_truth, takes the core of that way if it is one, and begins a list of commands. False, and all is over, where this machine writes no such core. */
bool gdb_way_begin(struct gdb_run *run, struct debuggee *d, const char *program, enum gdb_way way, void (*read_truth)(void));
/* Runs the commands. The live process must then end well. */
void gdb_way_look(struct gdb_run *run, struct debuggee *d, enum gdb_way way);
void gdb_way_end(struct gdb_run *run, struct debuggee *d);

/* ---- running ---- */

struct gdb_test {
	const TTest *test;
	int seconds; /* its time limit; 0: 60 */
	int times;   /* with _i from 0 on; 0: once */
};

/* main() of a test program; tests end with a row of zeros. 77 where gdb cannot be run or may not trace. */
int gdb_tests_run(const char *name, const struct gdb_test *tests);

#endif
