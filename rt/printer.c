/* SPDX-License-Identifier: MIT */
/*
 * printer.c - the text of a report on its way out. Beside the floors.
 *
 * Always true: one who has not got the dumper's phase writes nothing, so that a report which somebody else has taken over is not printed by two.
 */
#include "printer.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "atomic.h"
#include "dump.h"
#include "state.h"
#include "symbolize.h"
#include "traceback.h"
#include "words.h"

RT_READS_WHILE_WRITTEN void rt_g_copy(struct gos_g *to, const struct gos_g *from)
{
	typedef uint64_t __attribute__((may_alias)) word;
	_Static_assert(sizeof *to % sizeof(word) == 0, "words");
	for (size_t i = 0; i < sizeof *to / sizeof(word); i++)
		((word *)to)[i] = ((const volatile word *)from)[i]; /* volatile: so that it stays a loop */
}

static bool write_all(int fd, const char *text, size_t n)
{
	while (n > 0) {
		ssize_t done = write(fd, text, n);
		if (done < 0 && errno == EAGAIN) { /* somebody made stderr non-blocking */
			struct pollfd p = {.fd = fd, .events = POLLOUT};
			poll(&p, 1, -1);
		} else if (done < 0 && errno != EINTR) {
			return false;
		} else if (done > 0) {
			text += done;
			n -= (size_t)done;
		}
	}
	return true;
}

void rt_printer_flush(struct rt_printer *p, uint64_t next)
{
	struct rt_report *report = p->report;
	if (p->lost || p->used == 0)
		return;
	if (report->phase != NULL) {
		uint32_t working = RT_DUMPER_WORKING;
		if (!__atomic_compare_exchange_n(report->phase, &working, RT_DUMPER_WRITING, false, __ATOMIC_ACQUIRE,
						 __ATOMIC_RELAXED)) {
			p->lost = true;
			return;
		}
	}
	bool written = write_all(report->fd, p->text, p->used);
	p->used = 0;
	report->next = next;
	if (report->phase != NULL)
		rt_store_release(report->phase, (uint32_t)RT_DUMPER_WORKING);
	if (!written) {
		p->error = errno;
		p->lost = true;
	}
}

void rt_put_part(struct rt_printer *p, const char *text, size_t n)
{
	if (p->limit != 0 && n > p->limit - p->used)
		n = p->limit - p->used;
	while (n > sizeof p->text - p->used) {
		size_t part = sizeof p->text - p->used;
		memcpy(p->text + p->used, text, part);
		p->used += part;
		text += part;
		n -= part;
		rt_printer_flush(p, p->report->next);
		if (p->lost) {
			p->used = 0;
			return;
		}
	}
	memcpy(p->text + p->used, text, n);
	p->used += n;
}

void rt_put(struct rt_printer *p, const char *text)
{
	rt_put_part(p, text, strlen(text));
}

void rt_put_number(struct rt_printer *p, uint64_t value, unsigned base)
{
	char digits[24], *at = digits + sizeof digits;
	*--at = 0;
	do {
		*--at = "0123456789abcdef"[value % base];
		value /= base;
	} while (value != 0);
	rt_put(p, at);
}

void rt_put_signed(struct rt_printer *p, int64_t value)
{
	if (value < 0)
		rt_put(p, "-");
	rt_put_number(p, value < 0 ? -(uint64_t)value : (uint64_t)value, 10);
}

void rt_put_address(struct rt_printer *p, const void *address)
{
	rt_put(p, "0x");
	rt_put_number(p, (uint64_t)(uintptr_t)address, 16);
}

/* Bytes of the character of UTF-8 that text begins with, of which max may be read, up to a zero; 0: it begins with none (RFC 3629). */
static size_t character(const unsigned char *text, size_t max)
{
	unsigned char first = text[0];
	size_t n = first < 0x80 ? 1 : first >= 0xc2 && first <= 0xdf ? 2 : first >= 0xe0 && first <= 0xef ? 3 : first >= 0xf0 && first <= 0xf4 ? 4 : 0;
	unsigned char low = first == 0xe0 ? 0xa0 : first == 0xf0 ? 0x90 : 0x80, high = first == 0xed ? 0x9f : first == 0xf4 ? 0x8f : 0xbf; /* of the second */
	if (n > max)
		return 0;
	for (size_t i = 1; i < n; i++, low = 0x80, high = 0xbf)
		if (text[i] < low || text[i] > high)
			return 0;
	return n;
}

RT_READS_WHILE_WRITTEN void rt_put_inert(struct rt_printer *p, const char *text, size_t max)
{
	unsigned char copy[128];
	size_t n = 0;
	while (n < max && n + 1 < sizeof copy && text[n] != 0) {
		copy[n] = (unsigned char)text[n];
		n++;
	}
	for (size_t i = 0, size; i < n; i += size) {
		unsigned char *c = &copy[i];
		size = character(c, n - i);
		if (size == 0) { /* each byte by itself */
			*c = '?';
			size = 1;
		}
		if (size == 1)
			*c = *c == '[' ? '(' : *c == ']' ? ')' : *c == ',' ? ';' : *c < ' ' || *c == 127 ? '?' : *c;
	}
	copy[n] = 0;
	rt_put(p, (const char *)copy);
}

void rt_printer_forget(struct rt_printer *p)
{
	for (size_t i = 0; i < RT_PEEKED_SLOTS; i++)
		p->peeked[i].at = NULL;
	p->labels.set = NULL;
}

const char *rt_printer_peek(struct rt_printer *p, const char *text)
{
	if (text == NULL)
		return "";
	struct rt_peeked *slot = &p->peeked[((uintptr_t)text * UINT64_C(0x9e3779b97f4a7c15)) >> 40 & (RT_PEEKED_SLOTS - 1)];
	if (slot->at != text) {
		slot->text[rt_peek(slot->text, (uint64_t)(uintptr_t)text, sizeof slot->text - 1)] = 0;
		slot->at = text;
	}
	return slot->text;
}

void rt_put_peeked(struct rt_printer *p, const char *text)
{
	const char *copy = rt_printer_peek(p, text);
	rt_put_inert(p, copy[0] != 0 ? copy : "?", 99);
}

void rt_put_duration(struct rt_printer *p, int64_t ns)
{
	uint64_t n = ns > 0 ? (uint64_t)ns : 0, seconds = n / GOS_S, minutes = seconds / 60;
	if (n < GOS_S) {
		uint64_t unit = n >= GOS_MS ? GOS_MS : n >= GOS_US ? GOS_US : 1;
		rt_put_number(p, n / unit, 10);
		rt_put(p, unit == GOS_MS ? "ms" : unit == GOS_US ? "us" : "ns");
	} else if (seconds < 60) {
		rt_put_number(p, seconds, 10);
		rt_put(p, ".");
		rt_put_number(p, n / (GOS_S / 10) % 10, 10);
		rt_put(p, "s");
	} else {
		uint64_t hours = minutes / 60;
		bool short_time = minutes < 60, days = hours >= 48;
		uint64_t large = short_time ? minutes : days ? hours / 24 : hours, small = short_time ? seconds % 60 : days ? hours % 24 : minutes % 60;
		rt_put_number(p, large, 10);
		rt_put(p, short_time ? "m" : days ? "d" : "h");
		rt_put(p, small < 10 ? "0" : "");
		rt_put_number(p, small, 10);
		rt_put(p, short_time ? "s" : days ? "h" : "m");
	}
}

void rt_put_words(struct rt_printer *p, const char *before, unsigned bits, const struct rt_flag_word *word)
{
	for (; word->word != NULL; word++) {
		if (bits & word->bit) {
			rt_put(p, before);
			rt_put(p, word->word);
		}
	}
}

void rt_put_count(struct rt_printer *p, uint64_t n, const char *noun)
{
	rt_put_number(p, n, 10);
	rt_put(p, " ");
	rt_put(p, noun);
	rt_put(p, n == 1 ? "" : "s");
}

RT_READS_WHILE_WRITTEN void rt_put_goroutine(struct rt_printer *p, uint64_t goid, const struct gos_g *gp)
{
	rt_put(p, "goroutine ");
	rt_put_number(p, goid, 10);
	if (gp != NULL && rt_load_relaxed(&gp->goid) == goid && gp->name[0] != 0) {
		rt_put(p, " \"");
		rt_put_inert(p, gp->name, sizeof gp->name);
		rt_put(p, "\"");
	}
}

const struct rt_symbol *rt_printer_symbol(struct rt_printer *p, uint64_t pc, bool exact)
{
	static const struct rt_symbol none = {.function = "?"};
	return p->symbols != NULL ? rt_symbolize(p->symbols, pc, exact) : &none;
}

const struct rt_symbol *rt_printer_function(struct rt_printer *p, uint64_t pc)
{
	return p->symbols != NULL ? rt_symbolize_function(p->symbols, pc) : rt_printer_symbol(p, pc, true);
}

void rt_put_function(struct rt_printer *p, const struct rt_symbol *symbol)
{
	char name[128];
	size_t n = strcspn(symbol->function, ".");
	if (n == 0 || n >= sizeof name) {
		rt_put(p, symbol->function);
		return;
	}
	memcpy(name, symbol->function, n);
	name[n] = 0;
	rt_put(p, name);
}

static void put_where(struct rt_printer *p, const struct rt_symbol *symbol, uint64_t pc, bool exact)
{
	if (symbol->unknown || symbol->function[0] == '?') {
		rt_put(p, "0x");
		rt_put_number(p, pc - !exact, 16);
		return;
	}
	rt_put_function(p, symbol);
	if (symbol->file != NULL) {
		const char *slash = strrchr(symbol->file, '/');
		rt_put(p, " (");
		rt_put(p, slash != NULL ? slash + 1 : symbol->file);
		rt_put(p, ":");
		rt_put_number(p, symbol->line, 10);
		rt_put(p, ")");
	} else if (symbol->offset > !exact) {
		rt_put(p, "+");
		rt_put_number(p, symbol->offset - !exact, 10);
	}
}

void rt_put_where(struct rt_printer *p, uint64_t pc, bool exact)
{
	put_where(p, rt_printer_symbol(p, pc, exact), pc, exact);
}

void rt_put_entry(struct rt_printer *p, uint64_t pc)
{
	put_where(p, rt_printer_function(p, pc), pc, true);
}

void rt_put_call(struct rt_printer *p, const void *pc, const void *entry)
{
	if (pc != gos_runtime.entry_return_pc)
		rt_put_where(p, (uint64_t)(uintptr_t)pc, false);
	else if (entry != NULL)
		rt_put_entry(p, (uint64_t)(uintptr_t)entry);
	else
		rt_put(p, "its function's last call");
}
