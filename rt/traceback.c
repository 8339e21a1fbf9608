/* SPDX-License-Identifier: MIT */
/*
 * traceback.c - a CFI unwinder that may run anywhere.
 *
 * Always true:
 *  - no allocation, no lock, no call into libc but memcpy and three plain system calls: callable from signal handlers;
 *  - stack memory is read through rt_memory only, unwind tables only within the mappings of the file that they describe;
 *  - every loop is bounded: by the table it reads, or by the stack pointer, which must rise from frame to frame.
 *
 * Rejected: frame pointers (libraries are built without them, and a parked goroutine's frames would end at the first);
 * libgcc's _Unwind_Backtrace (it starts at its own caller, takes locks before glibc 2.35, and reads the stack unchecked).
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "traceback.h"

#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <ucontext.h>
#include <unistd.h>

/* ---- memory --------------------------------------------------------------------------------------------------------- */

static bool peek_refused; /* process_vm_readv is not allowed here (seccomp): fall back on plain loads */

size_t rt_peek(void *to, uint64_t from, size_t n)
{
	size_t done = 0;
	while (done < n) {
		/* A page a piece: what lies before an unreadable page is still had. */
		struct iovec local = {(char *)to + done, n - done};
		struct iovec remote[16];
		size_t pieces = 0, wanted = 0;
		while (pieces < 16 && done + wanted < n) {
			uint64_t at = from + done + wanted;
			size_t piece = 4096 - (at & 4095);
			if (piece > n - done - wanted)
				piece = n - done - wanted;
			remote[pieces++] = (struct iovec){(void *)(uintptr_t)at, piece};
			wanted += piece;
		}
		if (__atomic_load_n(&peek_refused, __ATOMIC_RELAXED)) {
			memcpy((char *)to + done, (const void *)(uintptr_t)(from + done), wanted);
			done += wanted;
			continue;
		}
		int saved = errno;
		long got = syscall(SYS_process_vm_readv, syscall(SYS_getpid), &local, 1UL, remote, pieces, 0UL);
		int error = errno;
		errno = saved;
		if (got < 0 && (error == ENOSYS || error == EPERM)) {
			__atomic_store_n(&peek_refused, true, __ATOMIC_RELAXED);
			continue;
		}
		if (got <= 0)
			break;
		done += (size_t)got;
		if ((size_t)got < wanted)
			break;
	}
	return done;
}

static bool read_word(struct rt_memory *m, uint64_t at, size_t size, uint64_t *value)
{
	*value = 0;
	if (at >= m->lo && at < m->hi && size <= m->hi - at) {
		memcpy(value, m->bytes + (at - m->lo), size);
		return true;
	}
	if (!m->anywhere || at < 4096 || at + size < at)
		return false;
	if (m->page_at == 0 || at < m->page_at || at + size > m->page_at + m->page_size) {
		uint64_t from = at & ~(uint64_t)(RT_MEMORY_PAGE / 2 - 1);
		m->page_at = from;
		m->page_size = (uint32_t)rt_peek(m->page, from, RT_MEMORY_PAGE);
		if (m->page_size == 0) {
			m->page_at = 0;
			return false;
		}
		if (at + size > from + m->page_size)
			return false;
	}
	memcpy(value, m->page + (at - m->page_at), size);
	return true;
}

/* ---- which file ----------------------------------------------------------------------------------------------------- */

#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
extern __typeof__(_dl_find_object) _dl_find_object
	__attribute__((weak)); /* absent from a static program that unwinds nowhere else */
#define HAVE_FIND_OBJECT (_dl_find_object != NULL)
#else
#define HAVE_FIND_OBJECT false
#endif

/*
 * What dl_iterate_phdr, which locks, told earlier: for programs that lack _dl_find_object, and for static ones, where that answers for
 * the code alone. Some static programs also lack .eh_frame_hdr; for these the same table is made here, from the section's address in
 * the file.
 */
#define MODULES_MAX 256
static struct rt_module modules[MODULES_MAX];
static uint32_t module_count; /* Sync: release after the entries. Entries change only when files are loaded or unloaded */

static int refresh_one(struct dl_phdr_info *info, size_t size, void *arg)
{
	(void)size;
	uint32_t *count = arg;
	if (*count == MODULES_MAX)
		return 1;
	struct rt_module found = {
		.start = UINT64_MAX, .bias = info->dlpi_addr, .path = info->dlpi_name != NULL ? info->dlpi_name : ""};
	for (int i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uint64_t lo = info->dlpi_addr + ph->p_vaddr, hi = lo + ph->p_memsz;
		if (ph->p_type == PT_LOAD && lo < found.start)
			found.start = lo & ~UINT64_C(4095);
		if (ph->p_type == PT_LOAD && hi > found.end)
			found.end = hi;
		if (ph->p_type == PT_GNU_EH_FRAME)
			found.eh_frame_hdr = lo;
	}
	if (found.end == 0)
		return 0;
	struct rt_module *to = &modules[(*count)++];
	if (to->start != found.start || to->bias != found.bias || to->path != found.path) /* else as it was, with its index */
		*to = found;
	return 0;
}

static void index_program(struct rt_module *module);

void rt_traceback_refresh(void)
{
	if (HAVE_FIND_OBJECT && module_count != 0)
		return;
	uint32_t count = 0;
	dl_iterate_phdr(refresh_one, &count);
	if (count != 0 && modules[0].eh_frame_hdr == 0 && modules[0].index == NULL)
		index_program(&modules[0]);
	__atomic_store_n(&module_count, count, __ATOMIC_RELEASE);
}

bool rt_module_of(uint64_t pc, struct rt_module *module)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 35)
	struct dl_find_object found;
	if (HAVE_FIND_OBJECT && _dl_find_object((void *)(uintptr_t)pc, &found) == 0) {
		module->start = (uint64_t)(uintptr_t)found.dlfo_map_start;
		module->end = (uint64_t)(uintptr_t)found.dlfo_map_end;
		module->bias = found.dlfo_link_map != NULL ? found.dlfo_link_map->l_addr : 0;
		module->eh_frame_hdr = (uint64_t)(uintptr_t)found.dlfo_eh_frame;
		module->index = NULL;
		module->index_count = 0;
		module->path =
			found.dlfo_link_map != NULL && found.dlfo_link_map->l_name != NULL ? found.dlfo_link_map->l_name : "";
		if (module->eh_frame_hdr >= module->start && module->eh_frame_hdr < module->end)
			return true;
	}
#endif
	uint32_t count = __atomic_load_n(&module_count, __ATOMIC_ACQUIRE);
	for (uint32_t i = 0; i < count; i++) {
		if (pc >= modules[i].start && pc < modules[i].end) {
			*module = modules[i];
			return true;
		}
	}
	return false;
}

/* ---- reading tables ------------------------------------------------------------------------------------------------- */

struct reader {
	uint64_t at, end;
	bool bad; /* something was asked for beyond the end; all that was read since is 0 */
};

static uint64_t take(struct reader *r, size_t size)
{
	uint64_t value = 0;
	if (r->bad || r->end - r->at < size) {
		r->bad = true;
		return 0;
	}
	memcpy(&value, (const void *)(uintptr_t)r->at, size);
	r->at += size;
	return value;
}

static int64_t take_signed(struct reader *r, size_t size)
{
	uint64_t value = take(r, size);
	unsigned shift = 64 - 8 * (unsigned)size;
	return (int64_t)(value << shift) >> shift;
}

static uint64_t take_uleb(struct reader *r)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint64_t byte = take(r, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0)
			return value;
	}
	r->bad = true;
	return 0;
}

static int64_t take_sleb(struct reader *r)
{
	uint64_t value = 0;
	for (unsigned shift = 0; shift < 70; shift += 7) {
		uint64_t byte = take(r, 1);
		if (shift < 64)
			value |= (byte & 0x7f) << shift;
		if ((byte & 0x80) == 0) {
			if ((byte & 0x40) != 0 && shift + 7 < 64)
				value |= ~UINT64_C(0) << (shift + 7);
			return (int64_t)value;
		}
	}
	r->bad = true;
	return 0;
}

/* A pointer as DW_EH_PE_* says. Indirect ones (personalities) are taken, not followed. */
static uint64_t take_pointer(struct reader *r, uint8_t encoding, uint64_t data_base)
{
	if (encoding == 0xff)
		return 0;
	uint64_t base = 0;
	switch (encoding & 0x70) {
	case 0x00:
		break;
	case 0x10:
		base = r->at;
		break;
	case 0x30:
		base = data_base;
		break;
	default:
		r->bad = true;
		return 0;
	}
	switch (encoding & 0x0f) {
	case 0x00:
	case 0x04:
	case 0x0c:
		return base + take(r, 8);
	case 0x01:
		return base + take_uleb(r);
	case 0x02:
		return base + take(r, 2);
	case 0x03:
		return base + take(r, 4);
	case 0x09:
		return base + (uint64_t)take_sleb(r);
	case 0x0a:
		return base + (uint64_t)take_signed(r, 2);
	case 0x0b:
		return base + (uint64_t)take_signed(r, 4);
	default:
		r->bad = true;
		return 0;
	}
}

/* ---- finding the entry ---------------------------------------------------------------------------------------------- */

struct fde {
	uint64_t pc_begin, pc_end;
	struct reader instructions, initial;
	uint64_t code_align;
	int64_t data_align;
	uint64_t return_register;
	uint8_t pointer_encoding;
	bool sized;
	bool signal_frame;
};

static bool entry_header(struct reader *r, struct reader *body)
{
	uint64_t length = take(r, 4);
	if (length == 0xffffffff)
		length = take(r, 8);
	if (r->bad || length == 0 || length > r->end - r->at)
		return false;
	*body = (struct reader){r->at, r->at + length, false};
	r->at += length;
	return true;
}

static bool parse_cie(uint64_t at, const struct rt_module *module, struct fde *f)
{
	struct reader r = {at, module->end, false}, body;
	if (at < module->start || at >= module->end || !entry_header(&r, &body))
		return false;
	if (take(&body, 4) != 0) /* a CIE has id 0 */
		return false;
	uint64_t version = take(&body, 1);
	if (version != 1 && version != 3)
		return false;
	char augmentation[16];
	size_t n = 0;
	while (n < sizeof augmentation && (augmentation[n] = (char)take(&body, 1)) != 0)
		n++;
	if (n == sizeof augmentation || body.bad)
		return false;
	f->code_align = take_uleb(&body);
	f->data_align = take_sleb(&body);
	f->return_register = version == 1 ? take(&body, 1) : take_uleb(&body);
	f->pointer_encoding = 0;
	f->signal_frame = false;
	f->sized = augmentation[0] == 'z';
	if (f->sized) {
		uint64_t size = take_uleb(&body);
		if (body.bad || size > body.end - body.at)
			return false;
		uint64_t end = body.at + size;
		for (const char *a = augmentation + 1; *a != 0; a++) {
			if (*a == 'R') {
				f->pointer_encoding = (uint8_t)take(&body, 1);
			} else if (*a == 'L') {
				take(&body, 1);
			} else if (*a == 'P') {
				uint8_t encoding = (uint8_t)take(&body, 1);
				take_pointer(&body, encoding & 0x7f, 0);
			} else if (*a == 'S') {
				f->signal_frame = true;
			} else {
				break; /* unknown, but sized */
			}
		}
		body.at = end;
	} else if (augmentation[0] != 0) {
		return false;
	}
	f->initial = body;
	return !body.bad;
}

static bool parse_fde(uint64_t at, const struct rt_module *module, struct fde *f)
{
	struct reader r = {at, module->end, false}, body;
	if (at < module->start || at >= module->end || !entry_header(&r, &body))
		return false;
	uint64_t here = body.at;
	uint64_t cie = take(&body, 4);
	if (cie == 0 || !parse_cie(here - cie, module, f))
		return false;
	f->pc_begin = take_pointer(&body, f->pointer_encoding, 0);
	uint64_t size = take_pointer(&body, f->pointer_encoding & 0x0f, 0);
	f->pc_end = f->pc_begin + size;
	f->instructions = body;
	if (f->sized) { /* by its CIE's 'z' */
		uint64_t extra = take_uleb(&f->instructions);
		if (f->instructions.bad || extra > f->instructions.end - f->instructions.at)
			return false;
		f->instructions.at += extra;
	}
	return !body.bad;
}

/* By the sorted table of .eh_frame_hdr, or the one that index_program made in its stead. */
static bool find_fde(uint64_t pc, struct fde *f)
{
	struct rt_module module;
	if (!rt_module_of(pc, &module))
		return false;
	struct reader r = {module.eh_frame_hdr, module.end, false};
	uint64_t count = module.index_count;
	if (module.index == NULL) {
		if (module.eh_frame_hdr < module.start || module.eh_frame_hdr >= module.end)
			return false;
		uint64_t version = take(&r, 1);
		uint8_t frame_encoding = (uint8_t)take(&r, 1), count_encoding = (uint8_t)take(&r, 1);
		uint8_t table_encoding = (uint8_t)take(&r, 1);
		take_pointer(&r, frame_encoding, module.eh_frame_hdr);
		count = take_pointer(&r, count_encoding, module.eh_frame_hdr);
		if (r.bad || version != 1 || table_encoding != 0x3b /* 4 bytes, signed, from the header */ ||
		    count > (r.end - r.at) / 8)
			return false;
	}
	uint64_t lo = 0, hi = count, at = 0;
	while (lo < hi) { /* the first entry beyond pc, and so the one before it */
		uint64_t middle = lo + (hi - lo) / 2, begin, where;
		if (module.index != NULL) {
			begin = module.index[middle].pc;
			where = module.index[middle].fde;
		} else {
			struct reader entry = {r.at + middle * 8, r.end, false};
			begin = module.eh_frame_hdr + (uint64_t)take_signed(&entry, 4);
			where = module.eh_frame_hdr + (uint64_t)take_signed(&entry, 4);
		}
		if (begin > pc) {
			hi = middle;
		} else {
			lo = middle + 1;
			at = where;
		}
	}
	return at != 0 && parse_fde(at, &module, f) && pc >= f->pc_begin && pc < f->pc_end;
}

uint64_t rt_function_begin(uint64_t pc)
{
	struct fde f;
	return find_fde(pc, &f) ? f.pc_begin : 0;
}

static int compare_index(const void *a, const void *b)
{
	const struct rt_fde_index *left = a, *right = b;
	return left->pc < right->pc ? -1 : left->pc > right->pc;
}

/* Reads where .eh_frame is from the program's file; its entries are then in memory. Not in a signal handler. */
static void index_program(struct rt_module *module)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return;
	ElfW(Ehdr) eh;
	uint64_t lo = 0, hi = 0;
	if (pread(fd, &eh, sizeof eh, 0) == sizeof eh && eh.e_shentsize == sizeof(ElfW(Shdr))) {
		ElfW(Shdr) names, section;
		char name[10] = "";
		off_t strings = (off_t)(eh.e_shoff + (uint64_t)eh.e_shstrndx * sizeof names);
		if (pread(fd, &names, sizeof names, strings) != sizeof names)
			names.sh_offset = 0;
		for (unsigned i = 0; i < eh.e_shnum && hi == 0 && names.sh_offset != 0; i++) {
			off_t at = (off_t)(eh.e_shoff + (uint64_t)i * sizeof section);
			if (pread(fd, &section, sizeof section, at) != sizeof section ||
			    pread(fd, name, sizeof name, (off_t)(names.sh_offset + section.sh_name)) != sizeof name)
				break;
			if (memcmp(name, ".eh_frame", sizeof name) == 0) {
				lo = module->bias + section.sh_addr;
				hi = lo + section.sh_size;
			}
		}
	}
	close(fd);
	if (lo < module->start || hi > module->end || lo >= hi)
		return;

	struct rt_fde_index *index = NULL;
	for (int pass = 0; pass < 2; pass++) {
		uint64_t count = 0;
		struct reader r = {lo, hi, false}, body;
		while (true) {
			uint64_t at = r.at;
			struct fde f;
			if (!entry_header(&r, &body))
				break;
			if (take(&body, 4) == 0 || !parse_fde(at, module, &f)) /* a CIE? */
				continue;
			if (pass == 1)
				index[count] = (struct rt_fde_index){f.pc_begin, at};
			count++;
		}
		if (count == 0)
			return;
		if (pass == 0) {
			index = mmap(NULL, count * sizeof *index, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
			if (index == MAP_FAILED)
				return;
		} else {
			qsort(index, count, sizeof *index, compare_index);
			module->index_count = count;
			module->index = index;
		}
	}
}

/* ---- rows ----------------------------------------------------------------------------------------------------------- */

enum rule {
	RULE_UNSET,
	RULE_SAME,
	RULE_UNDEFINED,
	RULE_OFFSET,
	RULE_VAL_OFFSET,
	RULE_REGISTER,
	RULE_EXPRESSION,
	RULE_VAL_EXPRESSION
};

struct row {
	uint8_t rule[RT_REG_COUNT];
	int64_t value[RT_REG_COUNT];   /* offset or register; for expressions: where they begin */
	uint64_t length[RT_REG_COUNT]; /* of expressions */
	uint64_t cfa_register;         /* RT_REG_COUNT: by expression */
	int64_t cfa_offset;
	uint64_t cfa_expression, cfa_expression_length;
};

#define REMEMBER_MAX 4

static void set_rule(struct row *row, uint64_t reg, enum rule rule, int64_t value)
{
	if (reg < RT_REG_COUNT) { /* vector registers and the like are not followed */
		row->rule[reg] = (uint8_t)rule;
		row->value[reg] = value;
	}
}

static void take_expression(struct reader *r, uint64_t *at, uint64_t *length)
{
	*length = take_uleb(r);
	*at = r->at;
	if (r->bad || *length > r->end - r->at)
		r->bad = true;
	else
		r->at += *length;
}

/* Runs the instructions up to those for `target`. initial: the row after the CIE's, NULL while running the CIE's own. */
static bool run_cfa(const struct fde *f, struct reader r, uint64_t target, struct row *row, const struct row *initial,
		    struct row *remembered)
{
	uint64_t at = f->pc_begin, next, reg;
	unsigned depth = 0;
	while (r.at < r.end && !r.bad) {
		uint8_t op = (uint8_t)take(&r, 1);
		uint8_t low = op & 0x3f;
		next = at;
		switch (op & 0xc0) {
		case 0x40: /* advance_loc */
			next = at + low * f->code_align;
			break;
		case 0x80: /* offset */
			set_rule(row, low, RULE_OFFSET, (int64_t)take_uleb(&r) * f->data_align);
			continue;
		case 0xc0: /* restore */
			if (initial == NULL)
				return false;
			if (low < RT_REG_COUNT)
				set_rule(row, low, initial->rule[low], initial->value[low]),
					row->length[low] = initial->length[low];
			continue;
		default:
			switch (op) {
			case 0x00: /* nop */
				continue;
			case 0x01: /* set_loc */
				next = take_pointer(&r, f->pointer_encoding, 0);
				break;
			case 0x02: /* advance_loc1 */
				next = at + take(&r, 1) * f->code_align;
				break;
			case 0x03: /* advance_loc2 */
				next = at + take(&r, 2) * f->code_align;
				break;
			case 0x04: /* advance_loc4 */
				next = at + take(&r, 4) * f->code_align;
				break;
			case 0x05: /* offset_extended */
				reg = take_uleb(&r);
				set_rule(row, reg, RULE_OFFSET, (int64_t)take_uleb(&r) * f->data_align);
				continue;
			case 0x06: /* restore_extended */
				reg = take_uleb(&r);
				if (initial == NULL)
					return false;
				if (reg < RT_REG_COUNT)
					set_rule(row, reg, initial->rule[reg], initial->value[reg]),
						row->length[reg] = initial->length[reg];
				continue;
			case 0x07: /* undefined */
				set_rule(row, take_uleb(&r), RULE_UNDEFINED, 0);
				continue;
			case 0x08: /* same_value */
				set_rule(row, take_uleb(&r), RULE_SAME, 0);
				continue;
			case 0x09: /* register */
				reg = take_uleb(&r);
				set_rule(row, reg, RULE_REGISTER, (int64_t)take_uleb(&r));
				continue;
			case 0x0a: /* remember_state */
				if (depth == REMEMBER_MAX)
					return false;
				remembered[depth++] = *row;
				continue;
			case 0x0b: /* restore_state */
				if (depth == 0)
					return false;
				*row = remembered[--depth];
				continue;
			case 0x0c: /* def_cfa */
				row->cfa_register = take_uleb(&r);
				row->cfa_offset = (int64_t)take_uleb(&r);
				continue;
			case 0x0d: /* def_cfa_register */
				row->cfa_register = take_uleb(&r);
				continue;
			case 0x0e: /* def_cfa_offset */
				row->cfa_offset = (int64_t)take_uleb(&r);
				continue;
			case 0x0f: /* def_cfa_expression */
				take_expression(&r, &row->cfa_expression, &row->cfa_expression_length);
				row->cfa_register = RT_REG_COUNT;
				continue;
			case 0x10:   /* expression */
			case 0x16: { /* val_expression */
				uint64_t where, length;
				reg = take_uleb(&r);
				take_expression(&r, &where, &length);
				set_rule(row, reg, op == 0x10 ? RULE_EXPRESSION : RULE_VAL_EXPRESSION, (int64_t)where);
				if (reg < RT_REG_COUNT)
					row->length[reg] = length;
				continue;
			}
			case 0x11: /* offset_extended_sf */
				reg = take_uleb(&r);
				set_rule(row, reg, RULE_OFFSET, take_sleb(&r) * f->data_align);
				continue;
			case 0x12: /* def_cfa_sf */
				row->cfa_register = take_uleb(&r);
				row->cfa_offset = take_sleb(&r) * f->data_align;
				continue;
			case 0x13: /* def_cfa_offset_sf */
				row->cfa_offset = take_sleb(&r) * f->data_align;
				continue;
			case 0x14: /* val_offset */
				reg = take_uleb(&r);
				set_rule(row, reg, RULE_VAL_OFFSET, (int64_t)take_uleb(&r) * f->data_align);
				continue;
			case 0x15: /* val_offset_sf */
				reg = take_uleb(&r);
				set_rule(row, reg, RULE_VAL_OFFSET, take_sleb(&r) * f->data_align);
				continue;
			case 0x2e: /* GNU_args_size */
				take_uleb(&r);
				continue;
			case 0x2f: /* GNU_negative_offset_extended */
				reg = take_uleb(&r);
				set_rule(row, reg, RULE_OFFSET, -((int64_t)take_uleb(&r) * f->data_align));
				continue;
			default:
				return false;
			}
		}
		if (next > target)
			break;
		at = next;
	}
	return !r.bad;
}

/* ---- DWARF expressions: what PLT entries and signal trampolines use, and a little more ------------------------------- */

static unsigned operands(uint8_t op)
{
	switch (op) {
	case 0x06: /* deref, dup, drop, abs, neg, not, plus_uconst, bra, deref_size */
	case 0x12:
	case 0x13:
	case 0x19:
	case 0x1f:
	case 0x20:
	case 0x23:
	case 0x28:
	case 0x94:
		return 1;
	case 0x14: /* over, swap */
	case 0x16:
		return 2;
	default:
		return op >= 0x1a && op <= 0x2e ? 2 : 0;
	}
}

static bool evaluate(struct reader r, const struct rt_regs *regs, struct rt_memory *memory, bool has_first, uint64_t first,
		     uint64_t *result)
{
	uint64_t stack[16];
	unsigned n = 0;
	unsigned budget = 256; /* operations: DW_OP_skip may go back */
	if (has_first)
		stack[n++] = first;
	uint64_t begin = r.at;
	while (r.at < r.end) {
		if (budget-- == 0 || r.bad)
			return false;
		uint8_t op = (uint8_t)take(&r, 1);
		uint64_t value, other;
		if (op >= 0x30 && op <= 0x4f) { /* lit0 .. lit31 */
			value = op - 0x30;
		} else if ((op >= 0x70 && op <= 0x8f) || op == 0x92) { /* breg0 .. breg31, bregx */
			uint64_t reg = op == 0x92 ? take_uleb(&r) : (uint64_t)op - 0x70;
			int64_t offset = take_sleb(&r);
			if (reg >= RT_REG_COUNT || (regs->known >> reg & 1) == 0)
				return false;
			value = regs->value[reg] + (uint64_t)offset;
		} else {
			/* What it takes off the stack, and then what it puts there. */
			unsigned need = operands(op);
			if (n < need)
				return false;
			uint64_t top = n >= 1 ? stack[n - 1] : 0, second = n >= 2 ? stack[n - 2] : 0;
			/* clang-format off */
			switch (op) {
			case 0x03: value = take(&r, 8); break;                          /* addr */
			case 0x08: value = take(&r, 1); break;                          /* const1u .. consts */
			case 0x09: value = (uint64_t)take_signed(&r, 1); break;
			case 0x0a: value = take(&r, 2); break;
			case 0x0b: value = (uint64_t)take_signed(&r, 2); break;
			case 0x0c: value = take(&r, 4); break;
			case 0x0d: value = (uint64_t)take_signed(&r, 4); break;
			case 0x0e:
			case 0x0f: value = take(&r, 8); break;
			case 0x10: value = take_uleb(&r); break;
			case 0x11: value = (uint64_t)take_sleb(&r); break;
			case 0x12: value = top; break;                                  /* dup */
			case 0x13: n--; continue;                                       /* drop */
			case 0x14: value = second; break;                               /* over */
			case 0x16: stack[n - 1] = second; stack[n - 2] = top; continue; /* swap */
			case 0x06:                                                      /* deref, deref_size */
			case 0x94:
				other = op == 0x06 ? 8 : take(&r, 1);
				if (other == 0 || other > 8 || !read_word(memory, top, other, &value))
					return false;
				n--;
				break;
			case 0x19: n--; value = (int64_t)top < 0 ? -top : top; break;   /* abs */
			case 0x1a: n -= 2; value = second & top; break;
			case 0x1c: n -= 2; value = second - top; break;
			case 0x1e: n -= 2; value = second * top; break;
			case 0x1f: n--; value = -top; break;
			case 0x20: n--; value = ~top; break;
			case 0x21: n -= 2; value = second | top; break;
			case 0x22: n -= 2; value = second + top; break;
			case 0x23: n--; value = top + take_uleb(&r); break;             /* plus_uconst */
			case 0x24: n -= 2; value = top < 64 ? second << top : 0; break;
			case 0x25: n -= 2; value = top < 64 ? second >> top : 0; break;
			case 0x26: n -= 2; value = (uint64_t)((int64_t)second >> (top < 64 ? top : 63)); break;
			case 0x27: n -= 2; value = second ^ top; break;
			case 0x29: n -= 2; value = second == top; break;
			case 0x2a: n -= 2; value = (int64_t)second >= (int64_t)top; break;
			case 0x2b: n -= 2; value = (int64_t)second > (int64_t)top; break;
			case 0x2c: n -= 2; value = (int64_t)second <= (int64_t)top; break;
			case 0x2d: n -= 2; value = (int64_t)second < (int64_t)top; break;
			case 0x2e: n -= 2; value = second != top; break;
			case 0x28:                                                      /* bra, skip */
			case 0x2f: {
				uint64_t to = (uint64_t)take_signed(&r, 2) + r.at;
				if (op == 0x28 && (n--, top == 0))
					continue;
				if (to < begin || to > r.end)
					return false;
				r.at = to;
				continue;
			}
			case 0x96: continue;                                            /* nop */
			default: return false;
			}
			/* clang-format on */
		}
		if (n == sizeof stack / sizeof *stack)
			return false;
		stack[n++] = value;
	}
	if (n == 0 || r.bad)
		return false;
	*result = stack[n - 1];
	return true;
}

/* ---- the cursor ----------------------------------------------------------------------------------------------------- */

void rt_cursor_start(struct rt_cursor *cursor, const struct rt_regs *regs, bool exact, struct rt_memory *memory)
{
	cursor->regs = *regs;
	cursor->memory = memory;
	cursor->exact = exact;
	cursor->signal_frame_seen = false;
	cursor->steps = 0;
}

/* A jump through a wild pointer: nothing describes this pc, but the call that led here has just pushed where it came from. */
static bool step_from_nowhere(struct rt_cursor *cursor)
{
	struct rt_module module;
	uint64_t sp = cursor->regs.value[RT_REG_RSP], pc;
	if (!cursor->exact || cursor->steps != 1 || rt_module_of(cursor->regs.value[RT_REG_RIP], &module) ||
	    !read_word(cursor->memory, sp, 8, &pc) || !rt_module_of(pc, &module))
		return false;
	cursor->regs.value[RT_REG_RIP] = pc;
	cursor->regs.value[RT_REG_RSP] = sp + 8;
	cursor->exact = false;
	return true;
}

bool rt_cursor_step(struct rt_cursor *cursor)
{
	/* 2^26 frames of 16 bytes fill the largest stack; a stack that is read from anywhere has no such bound by itself. */
	if (++cursor->steps > 1U << 26)
		return false;
	const struct rt_regs *old = &cursor->regs;
	uint64_t pc = old->value[RT_REG_RIP] - !cursor->exact;
	struct fde f;
	if (!find_fde(pc, &f))
		return step_from_nowhere(cursor);

	struct row initial, row, remembered[REMEMBER_MAX];
	memset(&initial, 0, sizeof initial);
	initial.cfa_register = RT_REG_RSP;
	if (!run_cfa(&f, f.initial, UINT64_MAX, &initial, NULL, remembered))
		return false;
	row = initial;
	if (!run_cfa(&f, f.instructions, pc, &row, &initial, remembered))
		return false;

	uint64_t cfa;
	if (row.cfa_register == RT_REG_COUNT) {
		struct reader r = {row.cfa_expression, row.cfa_expression + row.cfa_expression_length, false};
		if (!evaluate(r, old, cursor->memory, false, 0, &cfa))
			return false;
	} else {
		if (row.cfa_register > RT_REG_COUNT || (old->known >> row.cfa_register & 1) == 0)
			return false;
		cfa = old->value[row.cfa_register] + (uint64_t)row.cfa_offset;
	}
	/* The stack is popped, or it is another one: where a handler ran on its own. Only who has just popped his return address has nothing left. */
	if ((cfa < old->value[RT_REG_RSP] || (cfa == old->value[RT_REG_RSP] && cursor->steps > 1)) && !f.signal_frame)
		return false;
	if (f.signal_frame && cursor->signal_frame_seen && cfa <= old->value[RT_REG_RSP])
		return false; /* once at most, or this might go round */
	cursor->signal_frame_seen |= f.signal_frame;

	struct rt_regs new;
	new.known = 0;
	for (unsigned i = 0; i < RT_REG_COUNT; i++) {
		uint64_t value = 0;
		bool known = true;
		struct reader r = {(uint64_t)row.value[i], (uint64_t)row.value[i] + row.length[i], false};
		switch (row.rule[i]) {
		case RULE_UNSET: /* kept by calls, or else lost */
			known = (old->known >> i & 1) != 0 && (f.signal_frame || (RT_REGS_SAVED >> i & 1) != 0) &&
				i != RT_REG_RIP;
			value = i == RT_REG_RSP ? cfa : old->value[i];
			break;
		case RULE_SAME:
			known = (old->known >> i & 1) != 0;
			value = old->value[i];
			break;
		case RULE_UNDEFINED:
			known = false;
			break;
		case RULE_OFFSET:
			known = read_word(cursor->memory, cfa + (uint64_t)row.value[i], 8, &value);
			break;
		case RULE_VAL_OFFSET:
			value = cfa + (uint64_t)row.value[i];
			break;
		case RULE_REGISTER:
			known = (uint64_t)row.value[i] < RT_REG_COUNT && (old->known >> row.value[i] & 1) != 0;
			value = known ? old->value[row.value[i]] : 0;
			break;
		case RULE_EXPRESSION:
			known = evaluate(r, old, cursor->memory, true, cfa, &value) &&
				read_word(cursor->memory, value, 8, &value);
			break;
		case RULE_VAL_EXPRESSION:
			known = evaluate(r, old, cursor->memory, true, cfa, &value);
			break;
		}
		new.value[i] = value;
		if (known)
			new.known |= 1U << i;
	}
	if (f.return_register != RT_REG_RIP || (new.known >> RT_REG_RIP & 1) == 0 || (new.known >> RT_REG_RSP & 1) == 0 ||
	    new.value[RT_REG_RIP] < 4096)
		return false;
	cursor->regs = new;
	cursor->exact = f.signal_frame;
	return true;
}

/* Is an expression no more than rbp + offset, and, with deref, what is kept there? */
static bool is_of_rbp(uint64_t at, uint64_t length, bool deref, int64_t *offset)
{
	struct reader r = {at, at + length, false};
	bool is = take(&r, 1) == 0x70 + RT_REG_RBP;
	*offset = take_sleb(&r);
	if (deref)
		is &= take(&r, 1) == 0x06;
	return is && !r.bad && r.at == r.end && *offset >= INT16_MIN && *offset <= INT16_MAX;
}

struct rt_frame_rule rt_frame_rule(uint64_t return_address)
{
	struct rt_frame_rule found = {.kind = RT_FRAME_UNKNOWN};
	uint64_t pc = return_address - 1;
	struct fde f;
	struct row initial, row, remembered[REMEMBER_MAX];

	memset(&initial, 0, sizeof initial);
	initial.cfa_register = RT_REG_RSP;
	if (!find_fde(pc, &f) || !run_cfa(&f, f.initial, UINT64_MAX, &initial, NULL, remembered))
		return found;
	row = initial;
	if (!run_cfa(&f, f.instructions, pc, &row, &initial, remembered) || f.return_register != RT_REG_RIP)
		return found;
	if (row.rule[RT_REG_RIP] == RULE_UNDEFINED) {
		found.kind = RT_FRAME_LAST;
		return found;
	}
	found.kind = RT_FRAME_OTHER;
	if (f.signal_frame || row.rule[RT_REG_RIP] != RULE_OFFSET || row.value[RT_REG_RIP] != -8 || row.rule[RT_REG_RSP] != RULE_UNSET)
		return found;
	int64_t offset = row.cfa_offset;
	if (row.cfa_register == RT_REG_COUNT && is_of_rbp(row.cfa_expression, row.cfa_expression_length, true, &offset))
		found.kind = RT_FRAME_AT_RBP;
	else if ((row.cfa_register == RT_REG_RSP || row.cfa_register == RT_REG_RBP) && offset >= 0 && offset <= INT32_MAX)
		found.kind = row.cfa_register == RT_REG_RSP ? RT_FRAME_OF_RSP : RT_FRAME_OF_RBP;
	found.cfa = (int32_t)offset;
	switch (row.rule[RT_REG_RBP]) {
	case RULE_EXPRESSION:
		found.rbp = is_of_rbp((uint64_t)row.value[RT_REG_RBP], row.length[RT_REG_RBP], false, &offset) ? RT_RBP_SAVED_AT_RBP : RT_RBP_LOST;
		found.rbp_at = (int16_t)offset;
		break;
	case RULE_UNSET:
	case RULE_SAME:
		found.rbp = RT_RBP_KEPT;
		break;
	case RULE_OFFSET:
		found.rbp = row.value[RT_REG_RBP] >= INT16_MIN && row.value[RT_REG_RBP] <= INT16_MAX ? RT_RBP_SAVED : RT_RBP_LOST;
		found.rbp_at = (int16_t)row.value[RT_REG_RBP];
		break;
	default:
		found.rbp = RT_RBP_LOST;
		break;
	}
	return found;
}

size_t rt_unwind(const struct rt_regs *regs, bool exact, struct rt_memory *memory, struct rt_frame *frames, size_t max)
{
	struct rt_cursor cursor;
	size_t n = 0;
	rt_cursor_start(&cursor, regs, exact, memory);
	while (n < max) {
		frames[n].pc = cursor.regs.value[RT_REG_RIP];
		frames[n++].exact = cursor.exact;
		if (!rt_cursor_step(&cursor))
			break;
	}
	return n;
}

void rt_unwind_trace(const struct rt_regs *regs, bool exact, struct rt_memory *memory, struct rt_trace *trace)
{
	struct rt_cursor cursor;
	rt_cursor_start(&cursor, regs, exact, memory);
	trace->total = 0;
	do {
		size_t i = trace->total++;
		struct rt_frame *to = i < RT_TRACE_HALF ? &trace->first[i] : &trace->last[i % RT_TRACE_HALF];
		to->pc = cursor.regs.value[RT_REG_RIP];
		to->exact = cursor.exact;
	} while (rt_cursor_step(&cursor));
}

static const struct rt_frame_rule *rule_of(struct rt_rules *rules, uint64_t pc)
{
	size_t i = (size_t)((pc * UINT64_C(0x9e3779b97f4a7c15)) >> 40) & (RT_RULES - 1);
	if (rules->known[i].pc != pc) {
		rules->known[i].rule = rt_frame_rule(pc);
		rules->known[i].pc = pc;
	}
	return &rules->known[i].rule;
}

bool rt_unwind_trace_by_rules(struct rt_rules *rules, const struct rt_regs *regs, struct rt_memory *memory, struct rt_trace *trace)
{
	uint64_t pc = regs->value[RT_REG_RIP], sp = regs->value[RT_REG_RSP], rbp = regs->value[RT_REG_RBP], up;
	bool rbp_known = (regs->known >> RT_REG_RBP & 1) != 0;
	trace->total = 0;
	if ((regs->known >> RT_REG_RSP & 1) == 0)
		return false;
	while (true) {
		size_t i = trace->total++;
		struct rt_frame *to = i < RT_TRACE_HALF ? &trace->first[i] : &trace->last[i % RT_TRACE_HALF];
		to->pc = pc;
		to->exact = false;
		const struct rt_frame_rule *rule = rule_of(rules, pc);
		switch ((enum rt_frame_kind)rule->kind) {
		case RT_FRAME_UNKNOWN:
		case RT_FRAME_LAST:
			return true;
		case RT_FRAME_OF_RSP:
			up = sp + (uint64_t)(int64_t)rule->cfa;
			break;
		case RT_FRAME_OF_RBP:
		case RT_FRAME_AT_RBP:
			if (!rbp_known)
				return false;
			up = rbp + (uint64_t)(int64_t)rule->cfa;
			if (rule->kind == RT_FRAME_AT_RBP && !read_word(memory, up, 8, &up))
				return false;
			break;
		default:
			return false;
		}
		if (up <= sp || !read_word(memory, up - 8, 8, &pc) || pc < 4096)
			return false;
		switch ((enum rt_frame_rbp)rule->rbp) {
		case RT_RBP_KEPT:
			break;
		case RT_RBP_SAVED:
		case RT_RBP_SAVED_AT_RBP:
			if (rule->rbp == RT_RBP_SAVED_AT_RBP && !rbp_known)
				return false;
			rbp_known = read_word(memory, (rule->rbp == RT_RBP_SAVED ? up : rbp) + (uint64_t)(int64_t)rule->rbp_at, 8, &rbp);
			break;
		case RT_RBP_LOST:
			rbp_known = false;
			break;
		}
		sp = up;
	}
}

const struct rt_frame *rt_trace_frame(const struct rt_trace *trace, size_t i)
{
	if (i < RT_TRACE_HALF)
		return &trace->first[i];
	return i + RT_TRACE_HALF >= trace->total ? &trace->last[i % RT_TRACE_HALF] : NULL;
}

/* ---- where to start ------------------------------------------------------------------------------------------------- */

void rt_regs_parked(struct rt_regs *regs, uint64_t sp, uint64_t resume_pc)
{
	memset(regs, 0, sizeof *regs);
	regs->value[RT_REG_RSP] = sp;
	regs->value[RT_REG_RIP] = resume_pc;
	regs->known = 1U << RT_REG_RSP | 1U << RT_REG_RIP;
}

void rt_regs_of_signal(struct rt_regs *regs, const void *ucontext)
{
	static const uint8_t from[RT_REG_COUNT] = {REG_RAX, REG_RDX, REG_RCX, REG_RBX, REG_RSI, REG_RDI, REG_RBP, REG_RSP, REG_R8,
						   REG_R9,  REG_R10, REG_R11, REG_R12, REG_R13, REG_R14, REG_R15, REG_RIP};
	const ucontext_t *uc = ucontext;
	for (unsigned i = 0; i < RT_REG_COUNT; i++)
		regs->value[i] = (uint64_t)uc->uc_mcontext.gregs[from[i]];
	regs->known = (1U << RT_REG_COUNT) - 1;
}
