/* SPDX-License-Identifier: MIT */
/*
 * What gos_with_label calls may throw: whoever catches it has the labels of before, at once and for observers, too, whether C or C++ lies between. Prints what went wrong; nothing
 * when all is well.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <stdexcept>
#include <string>

#include <unistd.h>

#include "gossamer.h"

#define EXPECT(condition)                                                           \
	do {                                                                        \
		if (!(condition)) {                                                 \
			std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			std::exit(1);                                               \
		}                                                                   \
	} while (0)

static gos_waitgroup wg;

static bool is(const char *key, const char *value)
{
	const char *has = gos_label(key);
	return value == nullptr || has == nullptr ? has == value : std::strcmp(has, value) == 0;
}

/* Does an observer see it in this goroutine's account? */
static bool is_seen(const char *wanted)
{
	std::FILE *file = std::tmpfile();
	EXPECT(file != nullptr);
	EXPECT(gos_dump(fileno(file), GOS_DUMP_ACCOUNTS) == 0);
	std::string text(static_cast<size_t>(lseek(fileno(file), 0, SEEK_END)), '\0');
	EXPECT(pread(fileno(file), &text[0], text.size(), 0) == static_cast<ssize_t>(text.size()));
	std::fclose(file);
	size_t at = text.find("\ngoroutine " + std::to_string(gos_goid()) + " ");
	EXPECT(at != std::string::npos);
	size_t end = text.find("\ngoroutine ", at + 1);
	return text.substr(at, end == std::string::npos ? end : end - at).find(wanted) != std::string::npos;
}

/* To dump takes long: the first few times will do. */
static bool observes()
{
	static int times;
	return __atomic_fetch_add(&times, 1, __ATOMIC_RELAXED) < 8;
}

struct sees {
	const char *step;
	~sees() { EXPECT(is("step", step)); }
};

static void throws(void *arg)
{
	sees with_label{"parse"};
	EXPECT(is("request", "r-881") && is("step", "parse"));
	if (observes())
		EXPECT(is_seen("step=parse"));
	throw std::runtime_error(static_cast<const char *>(arg));
}

static void throws_below(void *)
{
	sees outer{"outer"};
	gos_set_label("extra", "e");
	gos_with_label("step", "parse", throws, const_cast<char *>("deep"));
	EXPECT(!"returned");
}

static void sees_it()
{
	EXPECT(is("request", "r-881") && is("step", nullptr));
	gos_waitgroup_done(&wg);
}

static void catches(const char *what, void (*fn)(void *))
{
	sees without{nullptr};
	try {
		sees still_without{nullptr};
		gos_with_label("step", fn == throws ? "parse" : "outer", fn, const_cast<char *>(what));
		EXPECT(!"returned");
	} catch (const std::runtime_error &e) {
		EXPECT(std::strcmp(e.what(), what) == 0);
		if (observes())
			EXPECT(is_seen("request=r-881") && !is_seen("step=") && !is_seen("extra="));
		EXPECT(is("request", "r-881") && is("step", nullptr) && is("extra", nullptr));
		gos_waitgroup_add(&wg, 1);
		go(sees_it);
	}
}

/* A panic whose destructors run, through the same frames: the deferred call has given the labels back, once. */
static void panics(void *)
{
	sees without{nullptr}; /* it runs after the deferred calls */
	gos_panic("on purpose");
}

static void rescues()
{
	EXPECT(gos_recover() != nullptr);
	EXPECT(is("step", nullptr));
}

static void recovers()
{
	gos_defer_frame();
	gos_defer(rescues);
	gos_with_label("step", "fails", panics, nullptr);
	EXPECT(!"returned");
}

static void exits(void *)
{
	gos_goexit();
}

static void ends()
{
	gos_with_label("step", "ends", exits, nullptr);
	EXPECT(!"returned");
}

static void leaves_labels()
{
	for (int i = 0; i < 20; i++) {
		catches("from throws", throws);
		catches("deep", throws_below);
		recovers();
		EXPECT(is("request", "r-881") && is("step", nullptr));
	}
	gos_waitgroup_done(&wg);
}

static int app(int, char **)
{
	gos_set_label("request", "r-881");
	gos_waitgroup_add(&wg, 4);
	for (int i = 0; i < 4; i++)
		go(leaves_labels);
	for (int i = 0; i < 10; i++)
		go(ends);
	gos_waitgroup_wait(&wg);
	EXPECT(is("request", "r-881"));
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
