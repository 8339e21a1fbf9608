/* SPDX-License-Identifier: MIT */
/*
 * test_unwind.c - goal: whoever looks at a thread in asm/, at any instruction, sees the right goroutine's stack, whole and with
 * the right registers. Method: the debuggee lives through a spawn, a first run, a park, a resume and an exit under single-stepping;
 * at every instruction libdw's answer is held against the oracle's truth. gdb walks the same way by itself (steps.py).
 *
 * Usage: test_unwind DEBUGGEE STEPS.PY
 */
#define _GNU_SOURCE
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "marked.h"
#include "oracle.h"
#include "rt/state.h"

#define RBX_OF_SAVED 0

static const char *debuggee, *steps_py;

/* ---- the truth in the source --------------------------------------------------------------------------------------------- */

/* The user's frames that a stack may have while in asm/, and each must have been seen there. */
static struct known {
	const char *routine, *chain;
	unsigned left, entered; /* how often before and after the stack pointer's jump */
} known[] = {
	{"rt_go_entry", "user_spawns_plain marked_spawner user_app", 0, 0},
	{"rt_go_with_entry", "user_spawns_named marked_spawner user_app", 0, 0},
	{"rt_switch", "user_yields marked_yielder user_app", 0, 0},
	{"rt_switch", "user_sleeps marked_sleeper user_app", 0, 0},
	{"rt_switch", "user_waits marked_receiver user_receiver", 0, 0},
	{"rt_switch", "user_sends marked_sender user_sender", 0, 0},
	{"rt_switch", "", 0, 0},                                   /* the scheduler's own stack, and first runs */
	{"rt_jump", "user_sends marked_sender user_sender", 0, 0}, /* gos_goexit */
	{"rt_jump", "", 0, 0},                                     /* fn has returned */
	{"rt_gostart", "", 0, 0},
	{"gos_defer_frame_enter", "user_defers marked_deferrer user_app", 0, 0},
	{"gos_defer_frame_enter", "user_sends marked_sender user_sender", 0, 0},
	{"rt_defer_entry", "user_defers marked_deferrer user_app", 0, 0},
	{"rt_defer_entry", "user_sends marked_sender user_sender", 0, 0},
	{"gos_defer_frame_enter", "user_labels marked_deferrer user_app", 0, 0},
	{"rt_defer_entry", "user_labels marked_deferrer user_app", 0, 0},
	{"rt_label_call", "user_labels marked_deferrer user_app", 0, 0},
	{"rt_call_deferred", "user_labels marked_deferrer user_app", 0, 0},
	{"rt_call_deferred", "user_defers marked_deferrer user_app", 0, 0},
	{"rt_call_deferred_panicking", "user_fails user_defers marked_deferrer user_app", 0, 0},
	{"rt_call_deferred_panicking", "user_sends marked_sender user_sender", 0, 0}, /* gos_goexit */
	{"rt_defer_frame_save", "user_sends marked_sender user_sender", 0, 0},
	{"rt_defer_frame_resume", "user_fails user_defers marked_deferrer user_app", 0, 0},
	{"rt_defer_frame_resume", "user_defers marked_deferrer user_app", 0, 0}, /* from its second instruction on */
};
#define KNOWN_COUNT (sizeof known / sizeof *known)

static const struct {
	const char *name;
	uint64_t number;
} marks[] = {
	{"marked_spawner", MARKED_SPAWNER},   {"marked_yielder", MARKED_YIELDER}, {"marked_sleeper", MARKED_SLEEPER},
	{"marked_receiver", MARKED_RECEIVER}, {"marked_sender", MARKED_SENDER},   {"marked_deferrer", MARKED_DEFERRER},
};

static bool marks_are_right(const char *name, const struct frame *frame)
{
	for (size_t i = 0; i < sizeof marks / sizeof *marks; i++) {
		uint64_t n = marks[i].number;
		uint64_t wanted[SAVED] = {MARK_RBX(n), MARK_RBP(n), MARK_R12(n), MARK_R13(n), MARK_R14(n), MARK_R15(n)};
		if (strcmp(name, marks[i].name) != 0)
			continue;
		for (int k = 0; k < SAVED; k++)
			if (frame->known[k] && frame->saved[k] != wanted[k])
				return false;
		return true;
	}
	return false;
}

/* ---- one stack ----------------------------------------------------------------------------------------------------------- */

static void describe(struct oracle *oracle, const char *what, const struct frames *frames, const struct call *calls, size_t count)
{
	size_t at = 0, size = sizeof oracle->error;
	uint64_t pc = frames->count > 0 ? frames->frame[0].pc : 0;
	const struct routine *routine = image_routine(oracle->image, pc - unwinder_bias(oracle->unwinder));
	at += (size_t)snprintf(oracle->error, size,
			       "at %s+%lu: %s %s; libdw:", routine != NULL ? routine->name : unwinder_name(oracle->unwinder, pc),
			       routine != NULL ? pc - unwinder_bias(oracle->unwinder) - routine->start : 0, what, frames->error);
	for (size_t i = 0; i < frames->count && at < size - 64; i++)
		at += (size_t)snprintf(oracle->error + at, size - at, " %s(%lx)",
				       unwinder_name(oracle->unwinder, frames->frame[i].pc - (i > 0)), frames->frame[i].sp);
	if (at < size - 64)
		at += (size_t)snprintf(oracle->error + at, size - at, "; truth:");
	for (size_t i = 0; i < count && at < size - 64; i++)
		at += (size_t)snprintf(oracle->error + at, size - at, " %s(%lx)",
				       unwinder_name(oracle->unwinder, calls[count - 1 - i].return_address - 1),
				       calls[count - 1 - i].slot + 8);
}

/* Are the frames those of the calls, innermost last, and is the chain of the user's frames written to `chain`? */
static bool frames_are_right(struct oracle *oracle, const struct frames *frames, const struct call *calls, size_t count,
			     bool of_goroutine, char *chain, size_t chain_size)
{
	const char *wrong = NULL;
	char text[128];

	bool in_asm_itself =
		frames->count > 0 && image_routine(oracle->image, frames->frame[0].pc - unwinder_bias(oracle->unwinder)) != NULL;
	chain[0] = '\0';
	if (!frames->clean)
		wrong = "the stack does not end cleanly:";
	for (size_t i = 1; wrong == NULL && i <= count && i < frames->count; i++) {
		const struct frame *frame = &frames->frame[i];
		const struct call *call = &calls[count - i];
		if (frame->pc != call->return_address)
			wrong = "a return address is wrong";
		else if (!frame->sp_known || frame->sp != call->slot + 8)
			wrong = "a CFA is wrong";
		for (int k = 0; wrong == NULL && k < SAVED; k++)
			if (!frame->known[k] && k == RBX_OF_SAVED && !(i == 1 && in_asm_itself))
				continue; /* lost by a C function: see switch.S about elfutils and rbx */
			else if (!frame->known[k] || frame->saved[k] != call->saved[k]) {
				static const char *const names[SAVED] = {"rbx", "rbp", "r12", "r13", "r14", "r15"};
				snprintf(text, sizeof text, "%s of frame %zu is %s%lx and not %lx", names[k], i,
					 frame->known[k] ? "" : "unknown ", frame->saved[k], call->saved[k]);
				wrong = text;
			}
		const char *name = unwinder_name(oracle->unwinder, frame->pc - 1);
		if (strncmp(name, "marked_", 7) == 0 && wrong == NULL && !marks_are_right(name, frame))
			wrong = "a register that the program marked is wrong";
		if (strncmp(name, "marked_", 7) == 0 || strncmp(name, "user_", 5) == 0) {
			size_t at = strlen(chain);
			snprintf(chain + at, chain_size - at, "%s%s", at > 0 ? " " : "", name);
		}
	}
	if (wrong == NULL && frames->count != count + 1)
		wrong = "there are too many frames, or too few";
	if (wrong == NULL && of_goroutine) {
		uint64_t last = frames->frame[count].pc - unwinder_bias(oracle->unwinder);
		const struct routine *routine = image_routine(oracle->image, last);
		if (routine != image_routine(oracle->image, oracle->image->start_pc))
			wrong = "the outermost frame is not rt_gostart";
	}
	if (wrong != NULL)
		describe(oracle, wrong, frames, calls, count);
	return wrong == NULL;
}

/* ---- at every instruction ------------------------------------------------------------------------------------------------ */

struct tally {
	size_t moments, parked, new_ones;
};

static bool in_asm(struct oracle *oracle, const struct moment *moment, void *arg)
{
	struct tally *tally = arg;
	struct frames frames;
	char chain[256];

	tally->moments++;
	unwind_registers(oracle->unwinder, &moment->registers, &frames);
	if (!frames_are_right(oracle, &frames, moment->calls, moment->count, moment->of_goroutine, chain, sizeof chain))
		return false;
	if (moment->routine == NULL)
		return true;
	uint64_t pc = moment->registers.rip - unwinder_bias(oracle->unwinder);
	if (!image_visit(oracle->image, pc)) {
		describe(oracle, "objdump knows no instruction here", &frames, moment->calls, moment->count);
		return false;
	}
	bool has_label =
		pc == oracle->image->resume_pc || pc == oracle->image->start_pc; /* whose name libdw prefers, just there */
	if (!has_label && strcmp(unwinder_name(oracle->unwinder, moment->registers.rip), moment->routine->name) != 0) {
		describe(oracle, "the function's name is wrong", &frames, moment->calls, moment->count);
		return false;
	}
	struct known *match = NULL;
	for (size_t i = 0; i < KNOWN_COUNT; i++)
		if (strcmp(known[i].routine, moment->routine->name) == 0 && strcmp(known[i].chain, chain) == 0)
			match = &known[i];
	/* rt_jump and then rt_switch_resume: whom it arrives at is rt_switch's affair. */
	if (match == NULL && moment->entered)
		for (size_t i = 0; i < KNOWN_COUNT; i++)
			if (strcmp(known[i].routine, "rt_switch") == 0 && strcmp(known[i].chain, chain) == 0)
				match = &known[i];
	/* A goroutine that has had its time gives way wherever it calls in, and single-stepping takes that time; rt_jump arrives at it later. */
	static struct known preempted;
	if (match == NULL && (strcmp(moment->routine->name, "rt_switch") == 0 || strcmp(moment->routine->name, "rt_jump") == 0))
		for (size_t i = 0; i < KNOWN_COUNT; i++)
			if (strcmp(known[i].chain, chain) == 0)
				match = &preempted;
	if (match == NULL) {
		snprintf(oracle->error, sizeof oracle->error, "in %s: the user's frames '%s' are none that the program has there",
			 moment->routine->name, chain);
		return false;
	}
	if (moment->entered)
		match->entered++;
	else
		match->left++;

	/* The instruction before rt_gostart is never executed, but its row serves return addresses minus one. */
	if (pc == oracle->image->start_pc) {
		struct user_regs_struct registers = moment->registers;
		registers.rip--;
		unwind_registers(oracle->unwinder, &registers, &frames);
		return frames_are_right(oracle, &frames, NULL, 0, true, chain, sizeof chain);
	}
	return true;
}

/* ---- all goroutines that no thread is on, from memory --------------------------------------------------------------------- */

static bool from_memory(struct oracle *oracle, uint64_t sp, const struct stack *stack, struct tally *tally)
{
	struct frames frames;
	char chain[256];
	struct call first = {
		.slot = sp + START_WORD_RETURN * 8,
		.return_address = oracle->image->start_pc + unwinder_bias(oracle->unwinder),
	};

	unwind_memory(oracle->unwinder, sp, oracle->image->resume_pc + unwinder_bias(oracle->unwinder), &frames);
	if (stack == NULL) {
		tally->new_ones++;
		return frames_are_right(oracle, &frames, &first, 1, true, chain, sizeof chain);
	}
	tally->parked += stack->of_goroutine;
	return frames_are_right(oracle, &frames, stack->calls, stack->count, stack->of_goroutine, chain, sizeof chain);
}

static bool at_checkpoint(struct oracle *oracle, void *arg)
{
	static struct gos_runtime runtime;
	struct gos_g g, *slab;

	if (!read_memory(oracle->pid, oracle->image->runtime + unwinder_bias(oracle->unwinder), &runtime, sizeof runtime) ||
	    !read_memory(oracle->pid, (uint64_t)runtime.gslabs, &slab, sizeof slab)) {
		snprintf(oracle->error, sizeof oracle->error, "the runtime cannot be read");
		return false;
	}
	for (uint64_t i = 0; i < runtime.gcount && i < GOS_G_PER_SLAB; i++) {
		read_memory(oracle->pid, (uint64_t)(slab + i), &g, sizeof g);
		if ((g.status == GOS_WAITING || g.status == GOS_RUNNABLE) &&
		    !from_memory(oracle, g.sched.sp, oracle_stack_left_at(oracle, g.sched.sp), arg))
			return false;
	}
	/* The scheduler's own stacks that were left too. */
	for (const struct stack *stack = oracle->stacks; stack != NULL; stack = stack->next)
		if (!stack->occupied && !from_memory(oracle, stack->left_at, stack, arg))
			return false;
	return true;
}

/* ---- tests ---------------------------------------------------------------------------------------------------------------- */

START_TEST(libdw_is_right_at_every_instruction)
{
	static struct image image;
	static struct oracle oracle;
	struct tally tally = {0};

	const char *problem = image_open(&image, debuggee);
	ck_assert_msg(problem == NULL, "%s", problem);
	struct oracle_listener listener = {.moment = in_asm, .checkpoint = at_checkpoint, .arg = &tally};
	bool ok = oracle_run(&oracle, &image, &listener);
	ck_assert_msg(ok, "%s", oracle.error);
	ck_assert_msg(oracle.exit_code == 0, "the debuggee ended with %d", oracle.exit_code);

	const char *unvisited = image_unvisited(&image);
	ck_assert_msg(unvisited[0] == '\0', "never came to:%s", unvisited);
	for (size_t i = 0; i < KNOWN_COUNT; i++) {
		bool switches = strcmp(known[i].routine, "rt_switch") == 0;
		ck_assert_msg(known[i].left > 0 && (!switches || known[i].entered > 0),
			      "%s from '%s': seen %u times leaving, %u entering", known[i].routine, known[i].chain, known[i].left,
			      known[i].entered);
	}
	ck_assert_msg(tally.parked >= 2 && tally.new_ones >= 1, "%zu parked and %zu new goroutines unwound from memory",
		      tally.parked, tally.new_ones);
	printf("%zu steps, %zu of them in asm/, %zu instructions of %zu routines; from memory %zu parked and %zu new goroutines\n",
	       oracle.steps, tally.moments, image.instruction_count, image.routine_count, tally.parked, tally.new_ones);
}
END_TEST

START_TEST(gdb_is_right_at_every_instruction)
{
	static struct image image;
	char command[4096], routines[2048] = "", line[4096];

	if (system("gdb --version >/dev/null 2>&1") != 0) {
		printf("skipped: gdb is not installed\n");
		return;
	}
	const char *problem = image_open(&image, debuggee);
	ck_assert_msg(problem == NULL, "%s", problem);
	for (size_t i = 0; i < image.routine_count; i++) {
		size_t at = strlen(routines);
		if (image_is_left_out(&image.routines[i]))
			continue;
		snprintf(routines + at, sizeof routines - at, "%s:%lu ", image.routines[i].name,
			 image.routines[i].end - image.routines[i].start);
	}
	setenv("ROUTINES", routines, 1);
	snprintf(command, sizeof command,
		 "gdb -q -nx -batch -iex 'set auto-load off' -iex 'set debuginfod enabled off' -x '%s' '%s' </dev/null 2>&1",
		 steps_py, debuggee);
	FILE *gdb = popen(command, "r");
	ck_assert_ptr_nonnull(gdb);
	char text[3072] = ""; /* from the line on that says what is wrong; Check does not take much more */
	bool right = false, wrong = false;
	while (fgets(line, sizeof line, gdb) != NULL) {
		if (strncmp(line, "RIGHT: ", 7) == 0) {
			right = true;
			printf("gdb: %s", line + 7);
		}
		wrong = wrong || strncmp(line, "WRONG: ", 7) == 0;
		size_t length = wrong ? strlen(text) : 0;
		snprintf(text + length, sizeof text - length, "%.2000s", line);
	}
	int status = pclose(gdb);
	ck_assert_msg(right && status == 0, "%s", text);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s DEBUGGEE STEPS.PY\n", argv[0]);
		return 64;
	}
	debuggee = argv[1];
	steps_py = argv[2];
	Suite *suite = suite_create("asm");
	TCase *unwind = tcase_create("unwind");
	tcase_set_timeout(unwind, 100);
	tcase_add_test(unwind, libdw_is_right_at_every_instruction);
	tcase_add_test(unwind, gdb_is_right_at_every_instruction);
	suite_add_tcase(suite, unwind);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
