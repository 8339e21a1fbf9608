/* SPDX-License-Identifier: MIT */
/*
 * test_reader.c - goal: what abi.h promises to observers about other runtimes holds. Method: forge descriptions, older, newer, cut off, and
 * let the smallest reader have them. What this reader answers is what gdb's and the tools' readers have to answer as well.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "expected.h"
#include "reader.h"

/* A description of our rows with room for more, as a later runtime might write it. */
struct forgery {
	unsigned char *bytes;
	size_t size;
};

static struct forgery forge(uint32_t version, uint32_t more_header, uint32_t more_row, uint32_t more_rows)
{
	struct gos_abi_header header = {
		.magic = {'G', 'O', 'S', 'S', 'A', 'M', 'E', 'R'},
		.version = version,
		.header_size = (uint32_t)sizeof header + more_header,
		.row_size = (uint32_t)sizeof(struct gos_abi_row) + more_row,
		.row_count = expected_count + more_rows,
		.machine = "x86_64",
	};
	struct forgery forgery = {.size = header.header_size + (size_t)header.row_size * header.row_count};
	forgery.bytes = malloc(forgery.size);
	memset(forgery.bytes, 0xa5, forgery.size);
	memcpy(forgery.bytes, &header, sizeof header);
	unsigned char *at = forgery.bytes + header.header_size;
	for (uint32_t i = 0; i < header.row_count; i++, at += header.row_size) {
		struct gos_abi_row later = {
			.name = "g.from_the_future", .text = "?", .kind = 4711, .size = 3, .value = UINT64_MAX};
		/* New rows come first: nobody may rely on positions. */
		memcpy(at, i < more_rows ? &later : &expected[i - more_rows].row, sizeof later);
	}
	return forgery;
}

static void reads_all_rows(const struct forgery *forgery)
{
	struct reader reader;
	struct gos_abi_row row;
	const char *problem = reader_open(&reader, forgery->bytes, forgery->size);

	ck_assert_msg(problem == NULL, "%s", problem);
	for (unsigned i = 0; i < expected_count; i++) {
		ck_assert(reader_find(&reader, expected[i].row.name, &row));
		ck_assert_msg(memcmp(&row, &expected[i].row, sizeof row) == 0, "%s was read wrongly", row.name);
	}
	ck_assert(!reader_find(&reader, "g.never_was", &row));
}

static void says(const struct forgery *forgery, size_t size, const char *wanted)
{
	struct reader reader;
	const char *problem = reader_open(&reader, forgery->bytes, size);
	ck_assert_msg(problem != NULL && strstr(problem, wanted) != NULL, "said '%s' and not '%s'",
		      problem != NULL ? problem : "all is well", wanted);
}

START_TEST(later_runtimes_of_the_same_version_are_read)
{
	for (uint32_t more = 0; more <= 24; more += 8) {
		struct forgery forgery = forge(GOS_ABI_VERSION, more, 0, 0);
		reads_all_rows(&forgery);
		forgery = forge(GOS_ABI_VERSION, 0, more, 0);
		reads_all_rows(&forgery);
		forgery = forge(GOS_ABI_VERSION, 0, 0, more);
		reads_all_rows(&forgery);
		forgery = forge(GOS_ABI_VERSION, more, more, more);
		reads_all_rows(&forgery);
	}
}
END_TEST

START_TEST(other_versions_are_refused)
{
	struct forgery forgery = forge(GOS_ABI_VERSION + 1, 0, 0, 0);
	says(&forgery, forgery.size, "version 2; this reader knows version 1");
	forgery = forge(0, 0, 0, 0);
	says(&forgery, forgery.size, "version 0");
}
END_TEST

START_TEST(other_things_are_refused)
{
	struct forgery forgery = forge(GOS_ABI_VERSION, 0, 0, 0);
	for (size_t i = 0; i < 8; i++) {
		forgery.bytes[i] ^= 1;
		says(&forgery, forgery.size, "not the root");
		forgery.bytes[i] ^= 1;
	}
	memset(forgery.bytes, 0, forgery.size);
	says(&forgery, forgery.size, "not the root");
}
END_TEST

/* At the end of a mapping, so that reading a byte too much is seen. */
START_TEST(cut_off_anywhere_is_said)
{
	struct forgery forgery = forge(GOS_ABI_VERSION, 8, 8, 2);
	size_t page = (size_t)sysconf(_SC_PAGESIZE), room = (forgery.size + page - 1) / page * page;
	unsigned char *map = mmap(NULL, room + page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	ck_assert(map != MAP_FAILED);
	mprotect(map + room, page, PROT_NONE);
	for (size_t size = 0; size < forgery.size; size++) {
		struct forgery part = {map + room - size, size};
		memcpy(part.bytes, forgery.bytes, size);
		says(&part, size, "cut off");
	}
}
END_TEST

START_TEST(nonsense_sizes_are_refused)
{
	struct gos_abi_header *header;
	struct forgery forgery = forge(GOS_ABI_VERSION, 0, 0, 0);
	header = (struct gos_abi_header *)forgery.bytes;
	struct gos_abi_header good = *header;

	header->row_count = UINT32_MAX;
	says(&forgery, forgery.size, "cut off");
	*header = good;
	header->row_size = UINT32_MAX;
	says(&forgery, forgery.size, "cut off");
	header->row_size = 0;
	says(&forgery, forgery.size, "smaller");
	*header = good;
	header->header_size = UINT32_MAX;
	says(&forgery, forgery.size, "cut off");
	header->header_size = 8;
	says(&forgery, forgery.size, "smaller");
	*header = good;
	memset(forgery.bytes + good.header_size, 'x', sizeof((struct gos_abi_row *)0)->name);
	says(&forgery, forgery.size, "without an end");
}
END_TEST

/* Is any file's note followed without harm? Those of other owners, and files that are none. */
START_TEST(files_without_the_runtime_are_refused)
{
	struct elf_object elf;
	ck_assert_str_eq(elf_object_open(&elf, "/proc/self/exe"), "the file has no note of Gossamer's");
	ck_assert_str_eq(elf_object_open(&elf, __FILE__), "this is no ELF file");
	ck_assert_str_eq(elf_object_open(&elf, "/nowhere"), "the file cannot be opened");
}
END_TEST

START_TEST(names_are_unique)
{
	for (unsigned i = 0; i < expected_count; i++)
		for (unsigned k = 0; k < i; k++)
			ck_assert_msg(strcmp(expected[i].row.name, expected[k].row.name) != 0, "two rows are called %s",
				      expected[i].row.name);
}
END_TEST

int main(void)
{
	Suite *suite = suite_create("abi");
	TCase *reader = tcase_create("reader");
	tcase_add_test(reader, later_runtimes_of_the_same_version_are_read);
	tcase_add_test(reader, other_versions_are_refused);
	tcase_add_test(reader, other_things_are_refused);
	tcase_add_test(reader, cut_off_anywhere_is_said);
	tcase_add_test(reader, nonsense_sizes_are_refused);
	tcase_add_test(reader, files_without_the_runtime_are_refused);
	tcase_add_test(reader, names_are_unique);
	suite_add_tcase(suite, reader);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
