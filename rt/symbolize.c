/* SPDX-License-Identifier: MIT */
/*
 * symbolize.c - from a pc to function, file and line.
 *
 * Always true:
 *  - libdw is never linked: dlopen finds it, or not, and only once a dump is asked for. A static program has no dlopen.
 *  - Without it nothing here allocates from the heap, locks, or uses stdio.
 *  - What was found for a pc is kept for the session: a dump of 100,000 goroutines has a few dozen different ones, at 20 us each.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "symbolize.h"

#include <dlfcn.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "crash.h"
#include "traceback.h"

#if defined(__has_include)
#if __has_include(<elfutils/libdwfl.h>)
#include <dwarf.h>
#include <elfutils/libdwfl.h>
#define HAVE_LIBDWFL_H 1
#endif
#endif

#define TABLE_SIZE 65536 /* pcs remembered, a power of two */
#define ARENA_SIZE (8 << 20)
#define FILES_MAX 128

struct file {
	uint64_t start;
	const char *bytes; /* of the whole file; NULL: could not be used */
	size_t size;
	const ElfW(Sym) * symbols;
	size_t symbol_count;
	const char *strings;
	size_t strings_size;
};

struct remembered {
	uint64_t key; /* pc << 1 | exact, and IS_KEY, and OF_FUNCTION of one whose function was asked for; 0: free */
	struct rt_symbol *symbol;
};

struct rt_symbolizer {
	bool full;
	uint32_t remembered_count;
	uint32_t file_count;
	size_t arena_used;
	char own[512]; /* the directory of the runtime's source files, slash included; "": not known */
	size_t own_size;
	uint64_t library_start, library_end; /* the shared library, where the runtime is one */
#ifdef HAVE_LIBDWFL_H
	Dwfl *dwfl;
#endif
	struct file files[FILES_MAX];
	struct remembered table[TABLE_SIZE];
	char arena[ARENA_SIZE] __attribute__((aligned(16)));
};

/* NULL when it is full: then all that was remembered is dropped, once, by rt_symbolize. */
static void *arena_take(struct rt_symbolizer *s, size_t size)
{
	size = (size + 15) & ~(size_t)15;
	if (size > ARENA_SIZE - s->arena_used)
		return NULL;
	void *at = s->arena + s->arena_used;
	s->arena_used += size;
	return at;
}

static struct rt_symbol *symbol_new(struct rt_symbolizer *s, const char *function, const char *file, uint32_t line)
{
	struct rt_symbol *symbol = arena_take(s, sizeof *symbol);
	if (symbol != NULL)
		*symbol = (struct rt_symbol){.function = function, .file = file, .line = line};
	return symbol;
}

static bool starts_with(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

/* ---- by symbol table ------------------------------------------------------------------------------------------------ */

static bool within(const struct file *f, uint64_t offset, uint64_t size)
{
	return offset <= f->size && size <= f->size - offset;
}

static void find_tables(struct file *f)
{
	const ElfW(Ehdr) *eh = (const ElfW(Ehdr) *)f->bytes;
	if (!within(f, 0, sizeof *eh) || memcmp(eh->e_ident, ELFMAG, SELFMAG) != 0 || eh->e_ident[EI_CLASS] != ELFCLASS64 ||
	    eh->e_shentsize != sizeof(ElfW(Shdr)) || !within(f, eh->e_shoff, (uint64_t)eh->e_shnum * sizeof(ElfW(Shdr))) ||
	    eh->e_shoff % 8 != 0)
		return;
	const ElfW(Shdr) *sections = (const ElfW(Shdr) *)(f->bytes + eh->e_shoff);
	for (unsigned i = 0; i < eh->e_shnum; i++) {
		const ElfW(Shdr) *section = &sections[i];
		if ((section->sh_type != SHT_SYMTAB && (section->sh_type != SHT_DYNSYM || f->symbols != NULL)) ||
		    section->sh_link >= eh->e_shnum || section->sh_entsize != sizeof(ElfW(Sym)) || section->sh_offset % 8 != 0)
			continue;
		const ElfW(Shdr) *strings = &sections[section->sh_link];
		if (!within(f, section->sh_offset, section->sh_size) || !within(f, strings->sh_offset, strings->sh_size) ||
		    strings->sh_size == 0 || f->bytes[strings->sh_offset + strings->sh_size - 1] != 0)
			continue;
		f->symbols = (const ElfW(Sym) *)(f->bytes + section->sh_offset);
		f->symbol_count = section->sh_size / sizeof(ElfW(Sym));
		f->strings = f->bytes + strings->sh_offset;
		f->strings_size = strings->sh_size;
	}
}

/* The file that is mapped there, mapped once more and whole: sections and symbols are not part of what runs. */
static struct file *file_of(struct rt_symbolizer *s, const struct rt_module *module)
{
	for (uint32_t i = 0; i < s->file_count; i++)
		if (s->files[i].start == module->start)
			return &s->files[i];
	if (s->file_count == FILES_MAX)
		return NULL;
	struct file *f = &s->files[s->file_count++];
	*f = (struct file){.start = module->start};
	int fd = open(module->path[0] == 0 ? "/proc/self/exe" : module->path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return f; /* the vdso has no file */
	struct stat st;
	if (fstat(fd, &st) == 0 && st.st_size > (off_t)sizeof(ElfW(Ehdr))) {
		void *bytes = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
		if (bytes != MAP_FAILED) {
			f->bytes = bytes;
			f->size = (size_t)st.st_size;
		}
	}
	close(fd);
	/* Is it still the same file? The first bytes have the program headers and, mostly, the build id. */
	char begin[1024];
	uint64_t first = module->start;
	if (module->path[0] == 0) {
		/* With _dl_find_object in static programs, start is that of the code; the header is where the kernel says. */
		uint64_t phdr = getauxval(AT_PHDR);
		const ElfW(Ehdr) *eh = (const ElfW(Ehdr) *)f->bytes;
		if (f->bytes != NULL)
			first = phdr - eh->e_phoff;
	}
	size_t compared = f->size < sizeof begin ? f->size : sizeof begin;
	if (f->bytes != NULL && (rt_peek(begin, first, compared) != compared || memcmp(begin, f->bytes, compared) != 0)) {
		munmap((void *)f->bytes, f->size);
		f->bytes = NULL;
	}
	if (f->bytes != NULL)
		find_tables(f);
	return f;
}

static char *put_text(char *to, const char *end, const char *text)
{
	while (*text != 0 && to < end)
		*to++ = *text++;
	return to;
}

/* file+0x1234: when there is no symbol, this is what addr2line wants. */
static struct rt_symbol *symbol_unknown(struct rt_symbolizer *s, uint64_t pc, const struct rt_module *module)
{
	char text[128], digits[17], *end = text + sizeof text - 24;
	const char *name = module == NULL ? "nowhere" : module->path;
	const char *slash = strrchr(name, '/');
	if (slash != NULL)
		name = slash + 1;
	if (*name == 0) {
		name = (const char *)(uintptr_t)getauxval(AT_EXECFN);
		slash = name != NULL ? strrchr(name, '/') : NULL;
		name = slash != NULL ? slash + 1 : name != NULL ? name : "?";
	}
	char *to = module == NULL ? put_text(text, end, "0x") : put_text(put_text(text, end, name), end + 3, "+0x");
	uint64_t offset = module == NULL ? pc : pc - module->bias;
	int n = 0;
	do {
		digits[n++] = "0123456789abcdef"[offset & 15];
		offset >>= 4;
	} while (offset != 0);
	while (n > 0)
		*to++ = digits[--n];
	*to++ = 0;
	char *kept = arena_take(s, (size_t)(to - text));
	if (kept == NULL)
		return NULL;
	memcpy(kept, text, (size_t)(to - text));
	struct rt_symbol *symbol = symbol_new(s, kept, NULL, 0);
	if (symbol != NULL)
		symbol->unknown = true;
	return symbol;
}

static struct rt_symbol *by_symbol_table(struct rt_symbolizer *s, uint64_t pc, uint64_t lookup)
{
	struct rt_module module;
	if (!rt_module_of(lookup, &module))
		return symbol_unknown(s, pc, NULL);
	const struct file *f = file_of(s, &module);
	const ElfW(Sym) *best = NULL;
	uint64_t address = lookup - module.bias;
	for (size_t i = 0; f != NULL && i < f->symbol_count; i++) {
		const ElfW(Sym) *sym = &f->symbols[i];
		unsigned type = ELF64_ST_TYPE(sym->st_info);
		if (sym->st_shndx == SHN_UNDEF || (type != STT_FUNC && type != STT_GNU_IFUNC) || address < sym->st_value ||
		    sym->st_name >= f->strings_size)
			continue;
		if (sym->st_size != 0 ? address - sym->st_value >= sym->st_size : address != sym->st_value)
			continue;
		/* The innermost; of aliases the one without a leading underscore. */
		if (best == NULL || sym->st_value > best->st_value ||
		    (sym->st_value == best->st_value && f->strings[best->st_name] == '_' && f->strings[sym->st_name] != '_'))
			best = sym;
	}
	if (best == NULL || f->strings[best->st_name] == 0)
		return symbol_unknown(s, pc, &module);
	struct rt_symbol *symbol = symbol_new(s, f->strings + best->st_name, NULL, 0);
	if (symbol == NULL)
		return NULL;
	symbol->offset = pc - module.bias - best->st_value;
	if (lookup >= s->library_start && lookup < s->library_end)
		symbol->ours = !starts_with(symbol->function, "gos_");
	else /* ours are hidden: a program's own rt_... is mostly not */
		symbol->ours = starts_with(symbol->function, "rt_") &&
			       (ELF64_ST_VISIBILITY(best->st_other) == STV_HIDDEN || ELF64_ST_BIND(best->st_info) == STB_LOCAL);
	return symbol;
}

/* ---- by libdw ------------------------------------------------------------------------------------------------------- */

#ifdef HAVE_LIBDWFL_H

/*
 * Weak, because a static program has neither; and by their oldest version, which libc.a does not have, because ld warns about
 * every static program that so much as mentions dlopen.
 */
extern __typeof__(dlopen) rt_dlopen __attribute__((weak));
extern __typeof__(dlsym) rt_dlsym __attribute__((weak));
#if defined(__GLIBC__) && defined(__x86_64__)
__asm__(".symver rt_dlopen, dlopen@GLIBC_2.2.5");
__asm__(".symver rt_dlsym, dlsym@GLIBC_2.2.5");
#endif

#define LIBDW_FUNCTIONS(X)              \
	X(dwfl_begin)                   \
	X(dwfl_end)                     \
	X(dwfl_report_begin)            \
	X(dwfl_report_end)              \
	X(dwfl_linux_proc_report)       \
	X(dwfl_linux_proc_find_elf)     \
	X(dwfl_standard_find_debuginfo) \
	X(dwfl_build_id_find_debuginfo) \
	X(dwfl_addrmodule)              \
	X(dwfl_module_addrdie)          \
	X(dwfl_module_getdwarf)         \
	X(dwarf_new_oom_handler)        \
	X(dwfl_module_nextcu)           \
	X(dwfl_module_addrinfo)         \
	X(dwarf_haspc)                  \
	X(dwarf_getscopes)              \
	X(dwarf_getscopes_die)          \
	X(dwarf_tag)                    \
	X(dwarf_diename)                \
	X(dwarf_entrypc)                \
	X(dwarf_attr)                   \
	X(dwarf_attr_integrate)         \
	X(dwarf_formudata)              \
	X(dwarf_formstring)             \
	X(dwarf_getsrcfiles)            \
	X(dwarf_filesrc)                \
	X(dwarf_getsrc_die)             \
	X(dwarf_lineno)                 \
	X(dwarf_linesrc)                \
	X(dwarf_decl_line)              \
	X(dwarf_decl_file)

static struct {
	bool tried, usable;
#define X(name) __typeof__(name) *name;
	LIBDW_FUNCTIONS(X)
#undef X
} libdw;

static bool load_libdw(void)
{
	if (libdw.tried)
		return libdw.usable;
	libdw.tried = true;
	if (rt_dlopen == NULL || rt_dlsym == NULL)
		return false;
	void *library = rt_dlopen("libdw.so.1", RTLD_NOW | RTLD_LOCAL); /* never closed: it is asked for again */
	if (library == NULL)
		return false;
	bool usable = true;
#define X(name) usable = (libdw.name = (__typeof__(name) *)rt_dlsym(library, #name)) != NULL && usable;
	LIBDW_FUNCTIONS(X)
#undef X
	return libdw.usable = usable;
}

/* The program's own file may have been replaced or removed since; the kernel still has it. */
static int find_elf(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, char **path, Elf **elf)
{
	int fd = libdw.dwfl_linux_proc_find_elf(module, data, name, base, path, elf);
	struct rt_module own;
	if (fd < 0 && *elf == NULL && rt_module_of(getauxval(AT_PHDR), &own) && own.start == base) {
		free(*path);
		*path = strdup("/proc/self/exe");
		fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	}
	return fd;
}

/* Local debug files only: a process that dies does not wait for a server. */
static int find_debuginfo(Dwfl_Module *module, void **data, const char *name, Dwarf_Addr base, const char *path, const char *link,
			  GElf_Word crc, char **found)
{
	const char *servers = getenv("DEBUGINFOD_URLS");
	if (servers != NULL && *servers != 0)
		return libdw.dwfl_build_id_find_debuginfo(module, data, name, base, path, link, crc, found);
	return libdw.dwfl_standard_find_debuginfo(module, data, name, base, path, link, crc, found);
}

static Dwarf_Die *unit_of(Dwfl_Module *module, uint64_t lookup, Dwarf_Addr *bias)
{
	Dwarf_Die *cu = libdw.dwfl_module_addrdie(module, lookup, bias);
	if (cu != NULL)
		return cu;
	/* clang leaves out .debug_aranges, which that goes by. */
	while ((cu = libdw.dwfl_module_nextcu(module, cu, bias)) != NULL)
		if (libdw.dwarf_haspc(cu, lookup - *bias) > 0)
			return cu;
	return NULL;
}

static const char *absolute(struct rt_symbolizer *s, Dwarf_Die *cu, const char *file)
{
	Dwarf_Attribute attribute;
	const char *directory;
	if (file == NULL || *file == '/' || libdw.dwarf_attr(cu, DW_AT_comp_dir, &attribute) == NULL ||
	    (directory = libdw.dwarf_formstring(&attribute)) == NULL)
		return file;
	size_t n = strlen(directory), m = strlen(file);
	char *path = arena_take(s, n + m + 2);
	if (path == NULL)
		return file;
	memcpy(path, directory, n);
	path[n] = '/';
	memcpy(path + n + 1, file, m + 1);
	return path;
}

/* function: what is inlined there does not matter. */
static struct rt_symbol *by_libdw(struct rt_symbolizer *s, uint64_t pc, uint64_t lookup, bool function)
{
	Dwfl_Module *module = libdw.dwfl_addrmodule(s->dwfl, lookup);
	if (module == NULL)
		return NULL;
	Dwarf_Addr bias = 0;
	Dwarf *dwarf = libdw.dwfl_module_getdwarf(module, &bias);
	if (dwarf != NULL)
		libdw.dwarf_new_oom_handler(dwarf, rt_dumper_give_up); /* else libdw ends the process where it has no memory */
	Dwarf_Die *cu = unit_of(module, lookup, &bias);
	const char *file = NULL;
	int line = 0;
	if (cu != NULL) {
		Dwarf_Line *source = libdw.dwarf_getsrc_die(cu, lookup - bias);
		if (source != NULL) {
			file = absolute(s, cu, libdw.dwarf_linesrc(source, NULL, NULL));
			libdw.dwarf_lineno(source, &line);
		}
		Dwarf_Die *lexical = NULL, *scopes = NULL;
		int n = libdw.dwarf_getscopes(cu, lookup - bias, &lexical);
		/* The scopes as the program text nests them; again, as the code does, from the innermost outwards. */
		int m = n > 0 ? libdw.dwarf_getscopes_die(&lexical[0], &scopes) : 0;
		struct rt_symbol *first = NULL, **to = &first;
		bool whole = false;
		for (int i = 0; i < m && !whole; i++) {
			Dwarf_Die *die = &scopes[i];
			int tag = libdw.dwarf_tag(die);
			if ((tag != DW_TAG_inlined_subroutine || function) && tag != DW_TAG_subprogram)
				continue;
			int declared = 0;
			if (function && libdw.dwarf_decl_line(die, &declared) == 0 && declared != 0) {
				file = absolute(s, cu, libdw.dwarf_decl_file(die));
				line = declared;
			}
			const char *name = libdw.dwarf_diename(die);
			struct rt_symbol *symbol = symbol_new(s, name != NULL ? name : "?", file, (uint32_t)line);
			if (symbol == NULL)
				break;
			*to = symbol;
			to = &symbol->outer;
			if (tag == DW_TAG_subprogram) {
				Dwarf_Addr entry;
				GElf_Sym sym;
				GElf_Off offset;
				if (libdw.dwarf_entrypc(die, &entry) == 0 && pc - bias >= entry)
					symbol->offset = pc - bias - entry;
				else if (libdw.dwfl_module_addrinfo(module, lookup, &offset, &sym, NULL, NULL, NULL) != NULL)
					symbol->offset = offset + (pc - lookup); /* one in several pieces */
				whole = true;
				break;
			}
			symbol->inlined = true;
			/* Where it was called from. */
			Dwarf_Attribute attribute;
			Dwarf_Word value;
			Dwarf_Files *files;
			size_t count;
			file = NULL;
			line = 0;
			if (libdw.dwarf_formudata(libdw.dwarf_attr_integrate(die, DW_AT_call_file, &attribute), &value) == 0 &&
			    libdw.dwarf_getsrcfiles(cu, &files, &count) == 0)
				file = absolute(s, cu, libdw.dwarf_filesrc(files, value, NULL, NULL));
			if (libdw.dwarf_formudata(libdw.dwarf_attr_integrate(die, DW_AT_call_line, &attribute), &value) == 0)
				line = (int)value;
		}
		free(lexical);
		free(scopes);
		if (whole)
			return first;
	}
	/* No function in DWARF: assembly with a line table, or no debug information at all. */
	GElf_Sym sym;
	GElf_Off offset = 0;
	const char *name = libdw.dwfl_module_addrinfo(module, lookup, &offset, &sym, NULL, NULL, NULL);
	if (name == NULL || *name == 0)
		return NULL;
	struct rt_symbol *symbol = symbol_new(s, name, file, (uint32_t)line);
	if (symbol != NULL)
		symbol->offset = offset + (pc - lookup);
	return symbol;
}

static void mark_ours(struct rt_symbolizer *s, struct rt_symbol *symbol)
{
	for (; symbol != NULL; symbol = symbol->outer) {
		if (starts_with(symbol->function, "gos_"))
			continue;
		bool named = starts_with(symbol->function, "rt_");
		size_t n = symbol->file != NULL ? strlen(symbol->file) : 0;
		bool assembly = n > 2 && symbol->file[n - 2] == '.' && (symbol->file[n - 1] | 32) == 's';
		if (s->own_size != 0 && symbol->file != NULL && !assembly)
			symbol->ours = strncmp(symbol->file, s->own, s->own_size) == 0;
		else
			symbol->ours = named;
	}
}

#endif

/* ---- the session ---------------------------------------------------------------------------------------------------- */

struct rt_symbolizer *rt_symbolize_begin(bool full)
{
	/* Most of it is never touched. */
	struct rt_symbolizer *s =
		mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	if (s == MAP_FAILED)
		return NULL;
	struct rt_module own;
	if (rt_module_of((uint64_t)(uintptr_t)rt_symbolize_begin, &own) && strstr(own.path, "libgossamer") != NULL) {
		s->library_start = own.start;
		s->library_end = own.end;
	}
#ifdef HAVE_LIBDWFL_H
	static char *no_path = NULL;
	static const Dwfl_Callbacks callbacks = {
		.find_elf = find_elf, .find_debuginfo = find_debuginfo, .debuginfo_path = &no_path};
	if (full && load_libdw() && (s->dwfl = libdw.dwfl_begin(&callbacks)) != NULL) {
		if (libdw.dwfl_linux_proc_report(s->dwfl, getpid()) == 0 && libdw.dwfl_report_end(s->dwfl, NULL, NULL) == 0) {
			s->full = true;
			const struct rt_symbol *symbol = rt_symbolize(s, (uint64_t)(uintptr_t)rt_symbolize_begin, true);
			const char *slash = symbol->file != NULL ? strrchr(symbol->file, '/') : NULL;
			if (slash != NULL && slash - symbol->file + 1 < (ptrdiff_t)sizeof s->own) {
				s->own_size = (size_t)(slash - symbol->file) + 1;
				memcpy(s->own, symbol->file, s->own_size);
			}
		} else {
			libdw.dwfl_end(s->dwfl);
			s->dwfl = NULL;
		}
	}
#else
	(void)full;
#endif
	return s;
}

#define IS_KEY (UINT64_C(1) << 63)
#define OF_FUNCTION (UINT64_C(1) << 62)

static const struct rt_symbol *look_up(struct rt_symbolizer *s, uint64_t pc, bool exact, bool function)
{
	static const struct rt_symbol none = {.function = "?"};
	uint64_t key = ((pc << 1 | exact) & ~OF_FUNCTION) | IS_KEY | (function ? OF_FUNCTION : 0);
	uint32_t i = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (TABLE_SIZE - 1);
	while (s->table[i].key != 0 && s->table[i].key != key)
		i = (i + 1) & (TABLE_SIZE - 1);
	if (s->table[i].key == key)
		return s->table[i].symbol;

	uint64_t lookup = pc - !exact;
	struct rt_symbol *symbol = NULL;
	for (int attempt = 0; attempt < 2 && symbol == NULL; attempt++) {
		if (attempt == 1 || s->remembered_count > TABLE_SIZE / 2) { /* full: begin anew */
			memset(s->table, 0, sizeof s->table);
			s->remembered_count = 0;
			s->arena_used = 0;
			i = (uint32_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (TABLE_SIZE - 1);
		}
#ifdef HAVE_LIBDWFL_H
		if (s->full) {
			symbol = by_libdw(s, pc, lookup, function);
			mark_ours(s, symbol);
		}
#endif
		if (symbol == NULL)
			symbol = by_symbol_table(s, pc, lookup);
	}
	if (symbol == NULL)
		return &none;
	s->table[i].key = key;
	s->table[i].symbol = symbol;
	s->remembered_count++;
	return symbol;
}

const struct rt_symbol *rt_symbolize(struct rt_symbolizer *s, uint64_t pc, bool exact)
{
	return look_up(s, pc, exact, false);
}

const struct rt_symbol *rt_symbolize_function(struct rt_symbolizer *s, uint64_t pc)
{
	return look_up(s, pc, true, true);
}

void rt_symbolize_end(struct rt_symbolizer *s)
{
#ifdef HAVE_LIBDWFL_H
	if (s->dwfl != NULL)
		libdw.dwfl_end(s->dwfl);
#endif
	for (uint32_t i = 0; i < s->file_count; i++)
		if (s->files[i].bytes != NULL)
			munmap((void *)s->files[i].bytes, s->files[i].size);
	munmap(s, sizeof *s);
}
