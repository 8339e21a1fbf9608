/* SPDX-License-Identifier: MIT */
/*
 * Goal: a test that fails is seen to fail, on whatever goroutine or thread it does; else the other tests here mean nothing.
 * Method: run the tests of tests/support/failing.c, which must fail, and read what Check says of them.
 */
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "gos_test.h"

static const struct {
	const char *name;
	bool passes;
	const char *says[4];
} rows[] = {
	{"passes", true, {"100%"}},
	{"fails_on_goroutine_1", false, {"repeat: CK_RUN_CASE=fails_on_goroutine_1 ", ":F:", "1 + 1 == 3 (goroutine 1)"}},
	{"fails_on_another_goroutine", false, {":F:", "6 * 7 == 41: 42 == 41 (goroutine "}},
	{"ck_assert_fails_on_another_goroutine", false, {":F:", "6 * 7 == 42, 40 == 40"}},
	{"fails_on_a_foreign_thread", false, {":F:", "2 < 1: 2 < 1 (goroutine 0)"}},
	{"fails_on_a_small_stack", false, {":F:", "42 == 41"}},
	{"never_ends", false, {"never_ends has not ended after 1 s; its goroutines:", "repeat: ", ":F:", "has not ended"}},
	{"plain_never_ends", false, {":F:", "plain_never_ends has not ended after 1 s"}},
	{"leaves_the_process", false, {":E:", "Early exit"}},
	{"is_killed", false, {":E:", "signal 9"}},
	{"panics", false, {"panic: with 5", ":E:"}},
	{"loses_a_wake_up", false, {"a wake-up is lost: goroutine 2 [chan receive] waits on a channel, but stands in no queue of it", "goroutine 2 [chan receive", ":F:"}},
};

PLAIN_TEST(goroutines_in_what_a_program_said_are_found_by_any_number)
{
	static const char said[] = "goroutine 1 [running]\nheld by goroutine 17, created by goroutine 1\ngoroutine 18: by goroutine 17\n";
	static const struct {
		const char *wanted[3];
		size_t behind[3]; /* 0: not found */
	} finds[] = {
		{{"goroutine 1 [", "by goroutine 2,", "goroutine 3: by goroutine 2\n"}, {13, 43, sizeof said - 1}},
		{{"goroutine 2: ", "by goroutine 2", "goroutine 3,"}, {81, 0, 43}}, /* it is 18 */
		{{"goroutine 1 held", "goroutine 17,", "goroutine 2 ["}, {0, 43, 0}},
		{{"", "by goroutine 3", "by goroutine 2\n"}, {0, 42, sizeof said - 1}},
	};
	ck_assert_ptr_nonnull(gos_test_find("", "", (uint64_t[GOS_TEST_WHO]){0})); /* a death that says nothing */
	ck_assert_ptr_null(gos_test_find("", "a", (uint64_t[GOS_TEST_WHO]){0}));
	for (size_t i = 0; i < sizeof finds / sizeof finds[0]; i++) {
		uint64_t who[GOS_TEST_WHO] = {0};
		for (int j = 0; j < 3; j++) {
			const char *behind = gos_test_find(said, finds[i].wanted[j], who);
			ck_assert_int_eq(behind != NULL ? behind - said : 0, (long)finds[i].behind[j]);
		}
	}
}

PLAIN_TEST_WITHIN(failing_tests_fail, 60)
{
	static char said[64 * 1024];
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char which[100];
		snprintf(which, sizeof which, "CK_RUN_CASE=%s", rows[i].name);
		char *const argv[] = {FAILING, NULL};
		int status = gos_test_spawn(argv, which, said, sizeof said, 30 * GOS_TEST_SLOW);
		if (!WIFEXITED(status) || WEXITSTATUS(status) != (rows[i].passes ? 0 : 1))
			ck_abort_msg("%s: wait status %#x; it said:\n%s", rows[i].name, status, said);
		uint64_t who[GOS_TEST_WHO] = {0};
		for (int j = 0; j < 4 && rows[i].says[j] != NULL; j++)
			if (gos_test_find(said, rows[i].says[j], who) == NULL)
				ck_abort_msg("%s: \"%s\" is not in what it said:\n%s", rows[i].name, rows[i].says[j], said);
	}
}
