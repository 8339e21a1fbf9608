/* SPDX-License-Identifier: MIT */
/*
 * test_agreement.c - goal: for every row of layout.def and states.def the compiler, DWARF, gdb and the table in the file give one number. (The
 * table in memory is test_note.c's affair.) Method: the structure, field or enumerator that the row is made from is asked for by name.
 *
 * Usage: test_agreement OBJECT, with debugging information: a program with the static library, or the shared library.
 */
#include <check.h>
#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "expected.h"
#include "reader.h"

static const char *object;

/* ---- DWARF ----------------------------------------------------------------------------------------------------------------- */

static bool child_named(Dwarf_Die *parent, const char *name, int tag, Dwarf_Die *found)
{
	if (dwarf_child(parent, found) != 0)
		return false;
	do {
		const char *its = dwarf_diename(found);
		if (dwarf_tag(found) == tag && its != NULL && strcmp(its, name) == 0)
			return true;
	} while (dwarf_siblingof(found, found) == 0);
	return false;
}

/* A complete structure by its tag, in any compilation unit. */
static bool find_structure(Dwarf *dwarf, const char *name, Dwarf_Die *found)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		if (dwarf_child(&die, found) != 0)
			continue;
		do {
			const char *its = dwarf_diename(found);
			if (dwarf_tag(found) == DW_TAG_structure_type && its != NULL && strcmp(its, name) == 0 &&
			    !dwarf_hasattr(found, DW_AT_declaration))
				return true;
		} while (dwarf_siblingof(found, found) == 0);
	}
	return false;
}

static bool find_enumerator(Dwarf *dwarf, const char *name, int64_t *value)
{
	Dwarf_CU *unit = NULL;
	Dwarf_Die die, type, enumerator;
	Dwarf_Attribute attribute;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		if (dwarf_child(&die, &type) != 0)
			continue;
		do {
			Dwarf_Word word;
			if (dwarf_tag(&type) == DW_TAG_enumeration_type &&
			    child_named(&type, name, DW_TAG_enumerator, &enumerator) &&
			    dwarf_formudata(dwarf_attr(&enumerator, DW_AT_const_value, &attribute), &word) == 0) {
				*value = (int64_t)word;
				return true;
			}
		} while (dwarf_siblingof(&type, &type) == 0);
	}
	return false;
}

/* Offset and size of "sched.sp" in a structure. */
static bool find_field(Dwarf_Die *structure, const char *path, uint64_t *offset, uint64_t *size)
{
	Dwarf_Die type = *structure, member;
	Dwarf_Attribute attribute;
	char copy[128], *rest = copy;

	snprintf(copy, sizeof copy, "%s", path);
	*offset = 0;
	for (char *name; (name = strsep(&rest, ".")) != NULL;) {
		Dwarf_Word at;
		if (!child_named(&type, name, DW_TAG_member, &member) ||
		    dwarf_formudata(dwarf_attr(&member, DW_AT_data_member_location, &attribute), &at) != 0 ||
		    dwarf_formref_die(dwarf_attr(&member, DW_AT_type, &attribute), &type) == NULL ||
		    dwarf_peel_type(&type, &type) != 0)
			return false;
		*offset += at;
	}
	Dwarf_Word bytes;
	if (dwarf_aggregate_size(&type, &bytes) != 0)
		return false;
	*size = bytes;
	return true;
}

START_TEST(dwarf_agrees)
{
	int file = open(object, O_RDONLY | O_CLOEXEC);
	Dwarf *dwarf = dwarf_begin(file, DWARF_C_READ);
	unsigned structures = 0, fields = 0, enumerators = 0;

	ck_assert_msg(dwarf != NULL, "%s: %s", object, dwarf_errmsg(-1));
	for (unsigned i = 0; i < expected_count; i++) {
		const struct expected *e = &expected[i];
		Dwarf_Die structure;
		if (e->type != NULL)
			ck_assert_msg(find_structure(dwarf, e->type + strlen("struct "), &structure), "DWARF has no %s", e->type);
		if (e->field != NULL) {
			uint64_t offset, size;
			ck_assert_msg(find_field(&structure, e->field, &offset, &size), "DWARF has no %s.%s", e->type, e->field);
			ck_assert_msg(offset == e->row.value && size == e->row.size,
				      "%s: DWARF says offset %lu, size %lu; the row %lu, %u", e->row.name, offset, size,
				      e->row.value, e->row.size);
			fields++;
		} else if (e->type != NULL) {
			ck_assert_msg(dwarf_bytesize(&structure) == (int)e->row.size, "%s: DWARF says size %d, the row %u",
				      e->row.name, dwarf_bytesize(&structure), e->row.size);
			structures++;
		} else if (e->enumerator != NULL) {
			int64_t value;
			ck_assert_msg(find_enumerator(dwarf, e->enumerator, &value), "DWARF has no %s", e->enumerator);
			ck_assert_msg(value == e->enumerator_value, "%s: DWARF says %ld, not %ld", e->enumerator, value,
				      e->enumerator_value);
			enumerators++;
		}
	}
	dwarf_end(dwarf);
	close(file);
	printf("DWARF: %u structures, %u fields, %u enumerators\n", structures, fields, enumerators);
}
END_TEST

/* ---- gdb ------------------------------------------------------------------------------------------------------------------- */

static void write_questions(FILE *script)
{
	for (unsigned i = 0; i < expected_count; i++) {
		const struct expected *e = &expected[i];
		if (e->field != NULL)
			fprintf(script, "printf \"#%u %%lu %%lu\\n\", (unsigned long)&((%s *)0)->%s, sizeof(((%s *)0)->%s)\n", i,
				e->type, e->field, e->type, e->field);
		else if (e->type != NULL)
			fprintf(script, "printf \"#%u 0 %%lu\\n\", sizeof(%s)\n", i, e->type);
		else if (e->enumerator != NULL)
			fprintf(script, "printf \"#%u %%lu 0\\n\", (unsigned long)%s\n", i, e->enumerator);
		/* And what gdb reads in the table. */
		fprintf(script, "output gos_runtime.rows[%u].name\necho \\n\noutput gos_runtime.rows[%u].text\necho \\n\n", i, i);
		fprintf(script,
			"printf \"=%u %%lu %%u %%u\\n\", gos_runtime.rows[%u].value, gos_runtime.rows[%u].size, gos_runtime.rows[%u].kind\n",
			i, i, i, i);
	}
}

/* gdb's "abc", '\000' <repeats 36 times> begins with the text. */
static bool quotes(const char *line, const char *text)
{
	size_t length = strlen(text);
	return (line[0] == '"' && strncmp(line + 1, text, length) == 0 &&
		(line[1 + length] == '"' || line[1 + length] == '\\')) ||
	       (length == 0 && strstr(line, "\\000") != NULL);
}

START_TEST(gdb_agrees)
{
	char path[64], command[2048], line[512], name[512] = "", text[512] = "";
	unsigned answered = 0, read = 0, asked = 0;

	if (system("gdb --version >/dev/null 2>&1") != 0) {
		printf("skipped: gdb is not installed\n");
		return;
	}
	FILE *script = tmpfile(); /* nameless: gone with this process, however it ends */
	ck_assert_ptr_nonnull(script);
	write_questions(script);
	fflush(script);
	snprintf(path, sizeof path, "/proc/%d/fd/%d", getpid(), fileno(script));
	snprintf(command, sizeof command,
		 "gdb -q -nx -batch -iex 'set auto-load off' -iex 'set debuginfod enabled off' -x '%s' '%s' </dev/null 2>&1",
		 path, object);
	FILE *gdb = popen(command, "r");
	while (fgets(line, sizeof line, gdb) != NULL) {
		unsigned i, size, kind;
		unsigned long value, bytes;
		if (sscanf(line, "#%u %lu %lu", &i, &value, &bytes) == 3 && i < expected_count) {
			const struct expected *e = &expected[i];
			uint64_t wanted = e->enumerator != NULL ? (uint64_t)e->enumerator_value : e->row.value;
			ck_assert_msg(value == wanted && (e->enumerator != NULL || bytes == e->row.size),
				      "%s: gdb says %lu, size %lu; the row %lu, %u", e->row.name, value, bytes, wanted,
				      e->row.size);
			answered++;
		} else if (sscanf(line, "=%u %lu %u %u", &i, &value, &size, &kind) == 4 && i < expected_count) {
			const struct gos_abi_row *row = &expected[i].row;
			ck_assert_msg(value == row->value && size == row->size && kind == row->kind && quotes(name, row->name) &&
					      quotes(text, row->text),
				      "row %u: gdb reads %s %s %lu %u %u, not %s '%s' %lu %u %u", i, name, text, value, size,
				      kind, row->name, row->text, row->value, row->size, row->kind);
			read++;
		} else {
			ck_assert_msg(line[0] == '"' || strstr(line, "\\000") != NULL, "gdb: %s", line);
			strcpy(name, text);
			strcpy(text, line);
		}
	}
	ck_assert_int_eq(pclose(gdb), 0);
	fclose(script);
	for (unsigned i = 0; i < expected_count; i++)
		asked += expected[i].type != NULL || expected[i].enumerator != NULL;
	ck_assert_msg(answered == asked && read == expected_count, "gdb answered %u of %u and read %u rows of %u", answered,
		      asked, read, expected_count);
	printf("gdb: %u answers, %u rows\n", answered, read);
}
END_TEST

START_TEST(file_agrees)
{
	struct elf_object elf;
	struct reader reader;
	struct gos_abi_row row;
	const char *problem = elf_object_open(&elf, object);

	ck_assert_msg(problem == NULL, "%s", problem);
	problem = reader_open(&reader, elf.bytes, elf.size);
	ck_assert_msg(problem == NULL, "%s", problem);
	ck_assert_uint_eq(reader.header.row_count, expected_count);
	for (unsigned i = 0; i < expected_count; i++)
		ck_assert_msg(reader_find(&reader, expected[i].row.name, &row) && memcmp(&row, &expected[i].row, sizeof row) == 0,
			      "row %s differs", expected[i].row.name);
	elf_object_close(&elf);
}
END_TEST

int main(int argc, char **argv)
{
	if (argc != 2) {
		fprintf(stderr, "usage: %s OBJECT\n", argv[0]);
		return 64;
	}
	object = argv[1];
	Suite *suite = suite_create("abi");
	TCase *agreement = tcase_create("agreement");
	tcase_set_timeout(agreement, 60);
	tcase_add_test(agreement, file_agrees);
	tcase_add_test(agreement, dwarf_agrees);
	tcase_add_test(agreement, gdb_agrees);
	suite_add_tcase(suite, agreement);
	SRunner *runner = srunner_create(suite);
	srunner_run_all(runner, CK_NORMAL);
	int failed = srunner_ntests_failed(runner);
	srunner_free(runner);
	return failed == 0 ? 0 : 1;
}
