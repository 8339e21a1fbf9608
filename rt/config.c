/* SPDX-License-Identifier: MIT */
/*
 * config.c - what the environment says, read once when the runtime begins. Floor 0.
 */
#include "config.h"

#include <sched.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SHOWN_MAX 60     /* bytes of the environment's text in a complaint */
#define COMPLAINTS_MAX 8 /* about one variable */

struct rt_config rt_config;

/* The words of GOSDEBUG. */
static const struct knob {
	const char *word;
	int64_t *value;
	int64_t least, most;
	const char *name; /* may stand in place of a number; NULL: none may */
	int64_t meaning;  /* what it means */
	int64_t more;     /* what it means after a number and a colon; 0: it may not stand there */
} knobs[] = {
	{"schedtrace", &rt_config.schedtrace, 0, INT32_MAX},
	{"scheddetail", &rt_config.scheddetail, 0, 1},
	{"flight", &rt_config.flight, 0, RT_FLIGHT_MOST, "exact", RT_FLIGHT_DEFAULT | RT_FLIGHT_EXACT, RT_FLIGHT_EXACT},
	{"deadlock", &rt_config.deadlock, 0, 1},
	{"creationstack", &rt_config.creationstack, 0, RT_CREATIONSTACK_MAX},
	{"ancestors", &rt_config.ancestors, 0, RT_ANCESTORS_MAX},
	{"seed", &rt_config.seed, 0, INT64_MAX, "random", RT_SEED_RANDOM},
};

/* The first `length` bytes of what the environment says, fit to be printed. */
struct shown {
	char text[SHOWN_MAX + sizeof "..."];
};

static struct shown show(const char *text, size_t length)
{
	struct shown shown;
	size_t n = length < SHOWN_MAX ? length : SHOWN_MAX;
	for (size_t i = 0; i < n; i++)
		shown.text[i] = text[i] >= ' ' && text[i] <= '~' ? text[i] : '?';
	memcpy(shown.text + n, n < length ? "..." : "", n < length ? sizeof "..." : 1);
	return shown;
}

/* A number, decimal or 0x and hexadecimal, and nothing else. */
static bool parse(const char *text, size_t length, int64_t *value)
{
	bool minus = length > 0 && *text == '-';
	uint64_t magnitude = 0, base = 10, limit = minus ? UINT64_C(1) << 63 : INT64_MAX;

	text += minus;
	length -= minus;
	if (length > 2 && text[0] == '0' && (text[1] == 'x' || text[1] == 'X')) {
		base = 16;
		text += 2;
		length -= 2;
	}
	if (length == 0)
		return false;
	for (size_t i = 0; i < length; i++) {
		char c = text[i];
		uint64_t digit = c >= '0' && c <= '9' ? (uint64_t)(c - '0') : c >= 'a' && c <= 'f' ? (uint64_t)(c - 'a') + 10 :
		                 c >= 'A' && c <= 'F' ? (uint64_t)(c - 'A') + 10 : 16;
		if (digit >= base || magnitude > (limit - digit) / base)
			return false;
		magnitude = magnitude * base + digit;
	}
	*value = minus ? (int64_t)-magnitude : (int64_t)magnitude;
	return true;
}

/* ---- GOSDEBUG ---- */

static uint32_t complaints;

__attribute__((format(printf, 3, 4))) static void complain(const char *word, size_t length, const char *format, ...)
{
	if (complaints++ >= COMPLAINTS_MAX) {
		if (complaints == COMPLAINTS_MAX + 1)
			fprintf(stderr, "gossamer: GOSDEBUG: and more that is not known\n");
		return;
	}
	char why[160];
	va_list args;
	va_start(args, format);
	vsnprintf(why, sizeof why, format, args);
	va_end(args);
	fprintf(stderr, "gossamer: GOSDEBUG: %s %s; ignored\n", show(word, length).text, why);
}

static bool is_name(const struct knob *knob, const char *text, size_t length)
{
	return knob->name != NULL && strlen(knob->name) == length && memcmp(knob->name, text, length) == 0;
}

/* A number within the knob's bounds, or its name, or one and then the other. */
static bool read_value(const struct knob *knob, const char *text, size_t length, int64_t *value)
{
	const char *colon = knob->more != 0 ? memchr(text, ':', length) : NULL;
	size_t digits = colon != NULL ? (size_t)(colon - text) : length;
	int64_t more = 0, number;

	if (is_name(knob, text, length)) {
		*value = knob->meaning;
		return true;
	}
	if (colon != NULL) {
		if (!is_name(knob, colon + 1, length - digits - 1))
			return false;
		more = knob->more;
	}
	if (!parse(text, digits, &number) || number < knob->least || number > knob->most)
		return false;
	*value = number | more;
	return true;
}

/* One word=value, of `length` bytes. Said twice, the last counts. */
static void debug_word(const char *word, size_t length)
{
	const char *equals = memchr(word, '=', length);
	size_t name_length = equals != NULL ? (size_t)(equals - word) : length;
	const struct knob *knob = NULL;
	int64_t value;

	for (size_t i = 0; i < sizeof knobs / sizeof *knobs; i++)
		if (strlen(knobs[i].word) == name_length && memcmp(knobs[i].word, word, name_length) == 0)
			knob = &knobs[i];
	if (knob == NULL)
		complain(word, length, "is not a word that is known");
	else if (equals == NULL)
		complain(word, length, "has no value");
	else if (!read_value(knob, equals + 1, length - name_length - 1, &value))
		complain(word, length, "is not a number from %lld to %lld%s%s", (long long)knob->least, (long long)knob->most,
		         knob->name != NULL ? ", nor " : "", knob->name != NULL ? knob->name : "");
	else
		*knob->value = value;
}

static void read_debug(void)
{
	const char *text = getenv("GOSDEBUG");
	while (text != NULL && *text != '\0') {
		size_t length = strcspn(text, ",");
		if (length > 0)
			debug_word(text, length);
		text += length;
		text += *text == ',';
	}
}

/* ---- GOSMAXPROCS, GOSTRACEBACK ---- */

static void read_procs(uint32_t most)
{
	cpu_set_t set;
	uint32_t cpus = sched_getaffinity(0, sizeof set, &set) == 0 ? (uint32_t)CPU_COUNT(&set) : 1;
	const char *text = getenv("GOSMAXPROCS");
	int64_t n;

	rt_config.procs = cpus < most ? cpus : most;
	if (text == NULL || *text == '\0')
		return;
	if (parse(text, strlen(text), &n) && n >= 1)
		rt_config.procs = n < most ? (uint32_t)n : most;
	else
		fprintf(stderr, "gossamer: GOSMAXPROCS=%s is not a number from 1 to %u; using %u\n", show(text, strlen(text)).text, most,
		        rt_config.procs);
}

static void check_traceback(void)
{
	static const char *const words[] = {"", "none", "single", "all", "system", "crash", "0", "1", "2"}; /* rt_crash_level's */
	const char *text = getenv("GOSTRACEBACK");
	if (text == NULL)
		return;
	for (size_t i = 0; i < sizeof words / sizeof *words; i++)
		if (strcmp(text, words[i]) == 0)
			return;
	fprintf(stderr, "gossamer: GOSTRACEBACK=%s is not none, single, all, system or crash; using single\n", show(text, strlen(text)).text);
}

/* A seed decides who runs next: for that there is one P. */
static void one_p_for_seed(void)
{
	const char *text = getenv("GOSMAXPROCS");
	if (rt_config.seed == RT_SEED_NONE)
		return;
	if (rt_config.procs > 1 && text != NULL && *text != '\0')
		fprintf(stderr, "gossamer: GOSMAXPROCS=%s: with a seed in GOSDEBUG there is one P\n", show(text, strlen(text)).text);
	rt_config.procs = 1;
}

void rt_config_read(uint32_t procs_max)
{
	rt_config.flight = RT_FLIGHT_DEFAULT;
	rt_config.seed = RT_SEED_NONE;
	rt_config.creationstack = RT_CREATIONSTACK_DEFAULT;
	read_procs(procs_max);
	check_traceback();
	read_debug();
	one_p_for_seed();
}
