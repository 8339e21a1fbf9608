/* SPDX-License-Identifier: MIT */
/* image.c - see image.h. Symbols by libelf, source files by libdw, instructions by objdump. */
#include "image.h"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SOURCE_FOLDER "asm/amd64/"

static char message[8192];

/* The ranges of the compilation units that were assembled from asm/. */
static size_t assembled_ranges(Dwarf *dwarf, uint64_t ranges[][2], size_t most)
{
	size_t n = 0;
	Dwarf_CU *unit = NULL;
	Dwarf_Die die;

	while (dwarf_get_units(dwarf, unit, &unit, NULL, NULL, &die, NULL) == 0) {
		const char *name = dwarf_diename(&die);
		if (name == NULL || strstr(name, SOURCE_FOLDER) == NULL)
			continue;
		Dwarf_Addr base, start, end;
		for (ptrdiff_t at = 0; n < most && (at = dwarf_ranges(&die, at, &base, &start, &end)) > 0; n++) {
			ranges[n][0] = start;
			ranges[n][1] = end;
		}
	}
	return n;
}

static void read_symbols(struct image *image, Elf *elf, uint64_t ranges[][2], size_t range_count)
{
	for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section)) != NULL;) {
		GElf_Shdr header;
		gelf_getshdr(section, &header);
		if (header.sh_type != SHT_SYMTAB)
			continue;
		Elf_Data *data = elf_getdata(section, NULL);
		for (size_t i = 0; i < header.sh_size / header.sh_entsize; i++) {
			GElf_Sym symbol;
			gelf_getsym(data, (int)i, &symbol);
			const char *name = elf_strptr(elf, header.sh_link, symbol.st_name);
			if (strcmp(name, "rt_gostart_begin") == 0)
				image->start_pc = symbol.st_value;
			else if (strcmp(name, "rt_switch_resume") == 0)
				image->resume_pc = symbol.st_value;
			else if (strcmp(name, "user_checkpoint") == 0)
				image->checkpoint = symbol.st_value;
			else if (strcmp(name, "gos_runtime") == 0)
				image->runtime = symbol.st_value;
			if (symbol.st_size == 0 || image->routine_count == IMAGE_ROUTINES)
				continue;
			for (size_t k = 0; k < range_count; k++) {
				if (symbol.st_value < ranges[k][0] || symbol.st_value >= ranges[k][1])
					continue;
				struct routine *routine = &image->routines[image->routine_count++];
				snprintf(routine->name, sizeof routine->name, "%s", name);
				routine->start = symbol.st_value;
				routine->end = symbol.st_value + symbol.st_size;
				break;
			}
		}
	}
}

bool image_is_left_out(const struct routine *routine)
{
	return strcmp(routine->name, "rt_sigpanic") == 0;
}

/* Between routines there may only be padding: a routine without a size would not be looked for. */
static bool is_padding(const char *text)
{
	return strstr(text, "nop") != NULL || strncmp(text, "xchg   %ax,%ax", 14) == 0;
}

static const char *read_instructions(struct image *image, const uint64_t range[2])
{
	char command[1024], line[512];
	bool stray = false;

	snprintf(command, sizeof command, "LC_ALL=C objdump -d --no-show-raw-insn --start-address=%#lx --stop-address=%#lx '%s'",
		 range[0], range[1], image->path);
	FILE *pipe = popen(command, "r");
	if (pipe == NULL)
		return "objdump cannot be run";
	while (fgets(line, sizeof line, pipe) != NULL && image->instruction_count < IMAGE_INSTRUCTIONS) {
		char *end;
		uint64_t address = strtoull(line, &end, 16);
		if (end == line || *end != ':' || end[1] != '\t')
			continue;
		const struct routine *routine = image_routine(image, address);
		if (routine != NULL && image_is_left_out(routine))
			continue;
		if (routine != NULL)
			image->instructions[image->instruction_count++] =
				(struct instruction){.address = address, .trap = strncmp(end + 2, "ud2", 3) == 0};
		else
			stray = stray || !is_padding(end + 2);
	}
	if (pclose(pipe) != 0)
		return "objdump failed";
	return stray ? "there are instructions in " SOURCE_FOLDER " that belong to no symbol with a size" : NULL;
}

const char *image_open(struct image *image, const char *path)
{
	uint64_t ranges[64][2];

	memset(image, 0, sizeof *image);
	snprintf(image->path, sizeof image->path, "%s", path);
	elf_version(EV_CURRENT);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0)
		return "the debuggee cannot be opened";
	Elf *elf = elf_begin(file, ELF_C_READ, NULL);
	Dwarf *dwarf = dwarf_begin_elf(elf, DWARF_C_READ, NULL);
	size_t range_count = assembled_ranges(dwarf, ranges, 64);
	read_symbols(image, elf, ranges, range_count);
	dwarf_end(dwarf);
	elf_end(elf);
	close(file);
	if (range_count == 0)
		return "the debugging information names no file in " SOURCE_FOLDER;
	if (image->routine_count == 0 || image->routine_count == IMAGE_ROUTINES)
		return "no routines with a size in " SOURCE_FOLDER ", or too many";
	if (image->start_pc == 0 || image->resume_pc == 0 || image->checkpoint == 0 || image->runtime == 0)
		return "one of rt_gostart_begin, rt_switch_resume, user_checkpoint, gos_runtime is not in the symbol table";
	const char *problem = NULL;
	for (size_t i = 0; i < range_count && problem == NULL; i++)
		problem = read_instructions(image, ranges[i]);
	return problem;
}

const struct routine *image_routine(const struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->routine_count; i++)
		if (address >= image->routines[i].start && address < image->routines[i].end)
			return &image->routines[i];
	return NULL;
}

bool image_visit(struct image *image, uint64_t address)
{
	for (size_t i = 0; i < image->instruction_count; i++) {
		if (image->instructions[i].address == address) {
			image->instructions[i].visits++;
			return true;
		}
	}
	return false;
}

const char *image_unvisited(const struct image *image)
{
	size_t at = 0;

	message[0] = '\0';
	for (size_t i = 0; i < image->instruction_count; i++) {
		const struct instruction *instruction = &image->instructions[i];
		bool before_start = i + 1 < image->instruction_count && image->instructions[i + 1].address == image->start_pc;
		if (instruction->visits != 0 || instruction->trap || before_start || at + 80 > sizeof message)
			continue;
		const struct routine *routine = image_routine(image, instruction->address);
		at += (size_t)snprintf(message + at, sizeof message - at, " %s+%lu", routine->name,
				       instruction->address - routine->start);
	}
	return message;
}
