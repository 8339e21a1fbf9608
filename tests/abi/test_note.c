/* SPDX-License-Identifier: MIT */
/*
 * test_note.c - goal: however a program was linked, and stripped or not, an observer finds the runtime through the note and reads the
 * same rows from the file and from the process, which are what the compiler says. Method: the reader of reader.h, on one program that
 * was linked in one way; CMakeLists.txt lists the ways.
 *
 * Usage: test_note PROGRAM OBJECT, where OBJECT is the file that holds the runtime: the program itself or a shared library.
 */
#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expected.h"
#include "live.h"
#include "reader.h"

static const char *program, *object;

/* ---- the rows -------------------------------------------------------------------------------------------------------------- */

static void rows_are_expected(const struct reader *reader, const char *where)
{
	ck_assert_msg(reader->header.row_count == expected_count, "%s: %u rows, not %u", where, reader->header.row_count,
		      expected_count);
	ck_assert_str_eq(reader->header.machine, "x86_64");
	for (unsigned i = 0; i < expected_count; i++) {
		const struct gos_abi_row *wanted = &expected[i].row;
		struct gos_abi_row row;
		ck_assert_msg(reader_find(reader, wanted->name, &row), "%s: no row %s", where, wanted->name);
		ck_assert_msg(strcmp(row.text, wanted->text) == 0, "%s: %s: text '%s', not '%s'", where, row.name, row.text,
			      wanted->text);
		ck_assert_msg(row.kind == wanted->kind, "%s: %s: kind %u, not %u", where, row.name, row.kind, wanted->kind);
		ck_assert_msg(row.size == wanted->size, "%s: %s: size %u, not %u", where, row.name, row.size, wanted->size);
		ck_assert_msg(row.value == wanted->value, "%s: %s: value %lu, not %lu", where, row.name, row.value,
			      wanted->value);
	}
}

static void file_is_right(const char *path, struct elf_object *elf, struct reader *reader)
{
	const char *problem = elf_object_open(elf, path);
	ck_assert_msg(problem == NULL, "%s: %s", path, problem);
	ck_assert_msg(elf->note_count == 1, "%s: %zu notes", path, elf->note_count);
	problem = reader_open(reader, elf->bytes, elf->size);
	ck_assert_msg(problem == NULL, "%s: %s", path, problem);
	rows_are_expected(reader, path);
}

/* ---- the process ----------------------------------------------------------------------------------------------------------- */

static uint64_t field(const struct live *live, const struct reader *reader, const char *name, uint64_t base)
{
	struct gos_abi_row row;
	uint64_t value = 0;

	ck_assert_msg(reader_find(reader, name, &row), "no row %s", name);
	ck_assert_msg(row.kind == GOS_ROW_FIELD && row.size <= sizeof value, "%s is no number", name);
	ck_assert_msg(live_read(live, base + row.value, &value, row.size), "%s cannot be read", name);
	return value;
}

static uint64_t number(const struct reader *reader, const char *name)
{
	struct gos_abi_row row;
	ck_assert_msg(reader_find(reader, name, &row), "no row %s", name);
	return row.kind == GOS_ROW_STRUCT ? row.size : row.value;
}

/* The rows alone must lead to goroutine 1, which runs, and to the M that it runs on. */
static void goroutine_is_found(const struct live *live, const struct reader *reader, uint64_t root)
{
	ck_assert_uint_eq(field(live, reader, "runtime.state", root), 1);
	uint64_t slabs = field(live, reader, "runtime.gslabs", root), count = field(live, reader, "runtime.gcount", root);
	uint64_t running = 0, slab = 0;
	for (uint64_t i = 0; i < count; i++) {
		ck_assert(live_read(live, slabs + i / number(reader, "const.g_per_slab") * 8, &slab, sizeof slab));
		uint64_t g = slab + i % number(reader, "const.g_per_slab") * number(reader, "g");
		if (field(live, reader, "g.status", g) != number(reader, "state.RUNNING"))
			continue;
		running++;
		ck_assert_uint_eq(field(live, reader, "g.goid", g), 1);
		uint64_t m = field(live, reader, "g.m", g);
		ck_assert_uint_eq(field(live, reader, "m.curg", m), g);
	}
	ck_assert_uint_eq(running, 1);
}

static void process_is_right(const char *running, const char *path, const char *library_folder)
{
	struct elf_object elf;
	struct reader in_file, in_memory;
	struct live live;

	file_is_right(path, &elf, &in_file);
	ck_assert_msg(live_start(&live, running, library_folder), "%s does not get ready", running);
	uint64_t mapping = live_mapping(&live, path);
	ck_assert_msg(mapping != 0, "%s is not mapped", path);
	uint64_t root = elf.root - elf.first + mapping;
	size_t size = reader_size(&in_file);
	unsigned char *memory = malloc(size);
	ck_assert_msg(live_read(&live, root, memory, size), "the root cannot be read from the process");
	ck_assert_msg(memcmp(memory, elf.bytes, size) == 0, "the process's description is not the file's");
	const char *problem = reader_open(&in_memory, memory, size);
	ck_assert_msg(problem == NULL, "the process: %s", problem);
	rows_are_expected(&in_memory, "the process");
	goroutine_is_found(&live, &in_memory, root);
	ck_assert_int_eq(live_end(&live), 0);
	free(memory);
	elf_object_close(&elf);
}

/* ---- tests ----------------------------------------------------------------------------------------------------------------- */

START_TEST(note_leads_to_the_rows)
{
	process_is_right(program, object, NULL);
}
END_TEST

static char folder[] = "/tmp/gossamer-note-XXXXXX";

static void make_folder(void)
{
	ck_assert_ptr_nonnull(mkdtemp(folder));
}

static void remove_folder(void)
{
	char command[64];
	snprintf(command, sizeof command, "rm -r '%s'", folder);
	if (system(command) != 0)
		fprintf(stderr, "%s failed\n", command);
}

START_TEST(note_survives_strip)
{
	char copy[512], command[2048];
	const char *slash = strrchr(object, '/');

	snprintf(copy, sizeof copy, "%s/%s", folder, slash != NULL ? slash + 1 : object);
	snprintf(command, sizeof command, "strip -o '%s' '%s'", copy, object);
	ck_assert_int_eq(system(command), 0);
	if (strcmp(program, object) == 0)
		process_is_right(copy, copy, NULL);
	else
		process_is_right(program, copy, folder);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: %s PROGRAM OBJECT\n", argv[0]);
		return 64;
	}
	program = argv[1];
	object = argv[2];
	Suite *suite = suite_create("abi");
	TCase *note = tcase_create("note");
	tcase_set_timeout(note, 30);
	tcase_add_unchecked_fixture(note, make_folder, remove_folder);
	tcase_add_test(note, note_leads_to_the_rows);
	tcase_add_test(note, note_survives_strip);
	suite_add_tcase(suite, note);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
