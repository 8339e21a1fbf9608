/* SPDX-License-Identifier: MIT */
/* reader.c - see reader.h. */
#include "reader.h"

#include <fcntl.h>
#include <gelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

static char sentence[160];

const char *reader_open(struct reader *reader, const void *bytes, size_t size)
{
	struct gos_abi_header *header = &reader->header;

	if (size < sizeof *header)
		return "the description is cut off in its header";
	memcpy(header, bytes, sizeof *header);
	if (memcmp(header->magic, GOS_ABI_MAGIC, sizeof header->magic) != 0)
		return "this is not the root of a Gossamer runtime";
	if (header->version != GOS_ABI_VERSION) {
		snprintf(sentence, sizeof sentence, "the runtime describes itself in version %u; this reader knows version %d",
			 header->version, GOS_ABI_VERSION);
		return sentence;
	}
	if (header->header_size < sizeof *header || header->row_size < sizeof(struct gos_abi_row))
		return "the description's header or rows are smaller than version 1 allows";
	if (header->header_size > size || (size - header->header_size) / header->row_size < header->row_count)
		return "the description is cut off in its rows";
	reader->rows = (const unsigned char *)bytes + header->header_size;
	for (uint32_t i = 0; i < header->row_count; i++) {
		struct gos_abi_row row;
		memcpy(&row, reader->rows + (size_t)i * header->row_size, sizeof row);
		if (memchr(row.name, '\0', sizeof row.name) == NULL || memchr(row.text, '\0', sizeof row.text) == NULL)
			return "a row of the description has a name or text without an end";
	}
	return NULL;
}

bool reader_find(const struct reader *reader, const char *name, struct gos_abi_row *row)
{
	for (uint32_t i = 0; i < reader->header.row_count; i++) {
		memcpy(row, reader->rows + (size_t)i * reader->header.row_size, sizeof *row);
		if (strcmp(row->name, name) == 0)
			return true;
	}
	return false;
}

size_t reader_size(const struct reader *reader)
{
	return reader->header.header_size + (size_t)reader->header.row_count * reader->header.row_size;
}

/* The note's owner and type are ours: follow its descriptor. `where`: the descriptor's place in the file. */
static void follow(struct elf_object *object, const GElf_Phdr *segment, uint64_t where)
{
	int64_t distance;
	memcpy(&distance, object->file + where, sizeof distance);
	object->root = segment->p_vaddr + (where - segment->p_offset) + (uint64_t)distance;
	object->note_count++;
}

static void read_notes(struct elf_object *object, Elf *elf, const GElf_Phdr *segment)
{
	Elf_Data *data = elf_getdata_rawchunk(elf, (int64_t)segment->p_offset, segment->p_filesz,
					      segment->p_align == 8 ? ELF_T_NHDR8 : ELF_T_NHDR);
	GElf_Nhdr note;
	size_t name, descriptor;

	for (size_t at = 0; data != NULL && (at = gelf_getnote(data, at, &note, &name, &descriptor)) > 0;)
		if (note.n_namesz == sizeof GOS_NOTE_OWNER &&
		    memcmp((char *)data->d_buf + name, GOS_NOTE_OWNER, sizeof GOS_NOTE_OWNER) == 0 &&
		    note.n_type == GOS_NOTE_TYPE && note.n_descsz == sizeof(int64_t))
			follow(object, segment, segment->p_offset + descriptor);
}

const char *elf_object_open(struct elf_object *object, const char *path)
{
	struct stat status;
	size_t count;
	GElf_Phdr segment;

	memset(object, 0, sizeof *object);
	int file = open(path, O_RDONLY | O_CLOEXEC);
	if (file < 0 || fstat(file, &status) != 0)
		return "the file cannot be opened";
	object->file_size = (size_t)status.st_size;
	object->file = mmap(NULL, object->file_size, PROT_READ, MAP_PRIVATE, file, 0);
	close(file);
	if (object->file == MAP_FAILED)
		return "the file cannot be mapped";
	elf_version(EV_CURRENT);
	Elf *elf = elf_memory((char *)object->file, object->file_size);
	if (elf == NULL || elf_getphdrnum(elf, &count) != 0) {
		elf_end(elf);
		return "this is no ELF file";
	}
	bool any = false;
	for (size_t i = 0; i < count; i++) {
		gelf_getphdr(elf, (int)i, &segment);
		if (segment.p_type == PT_NOTE)
			read_notes(object, elf, &segment);
		if (segment.p_type == PT_LOAD && !any) {
			object->first = segment.p_vaddr - segment.p_offset;
			any = true;
		}
	}
	for (size_t i = 0; i < count && object->note_count > 0; i++) {
		gelf_getphdr(elf, (int)i, &segment);
		if (segment.p_type != PT_LOAD || object->root < segment.p_vaddr ||
		    object->root - segment.p_vaddr >= segment.p_filesz)
			continue;
		object->bytes = object->file + segment.p_offset + (object->root - segment.p_vaddr);
		object->size = segment.p_filesz - (object->root - segment.p_vaddr);
	}
	elf_end(elf);
	if (object->note_count == 0)
		return "the file has no note of Gossamer's";
	return object->bytes == NULL ? "the note leads out of the file" : NULL;
}

void elf_object_close(struct elf_object *object)
{
	munmap(object->file, object->file_size);
}
