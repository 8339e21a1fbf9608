/* SPDX-License-Identifier: MIT */
/*
 * Goroutines that a C++ program makes: in a function, a template, a lambda, a constructor. A dump says of each that it was made there, in that function and line, and not in the
 * header's templates. Prints what went wrong; nothing when all is well.
 */
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include <unistd.h>

#include "gossamer.h"

static gos_chan *gate;
static int failures;

struct made {
	uint64_t goid;
	int line;
	const char *name, *mangled; /* of the function; what stands in the one or the other that is shown */
};
static std::vector<made> all;

static void waits(int)
{
	gos_chan_recv(gate, nullptr);
}

#define MADE(go_, name, mangled) all.push_back(made{(go_), __LINE__, (name), (mangled)})

static void __attribute__((noinline)) in_a_function()
{
	MADE(go(waits, 1), "in_a_function", "in_a_function");
	gos_go_options options{};
	options.name = "with";
	MADE(gos_go_with(&options, waits, 1), "in_a_function", "in_a_function");
}

namespace garden {
template <class T> struct bed {
	explicit bed(T n) { MADE(go(waits, static_cast<int>(n)), "bed", "bed"); }
	void __attribute__((noinline)) sow(T n) { MADE(go(waits, static_cast<int>(n)), "sow", "sow"); }
};
} // namespace garden

template <class F> static void __attribute__((noinline)) twice(F f)
{
	f(1);
	f(2);
}

static std::string dump()
{
	std::FILE *file = std::tmpfile();
	if (file == nullptr)
		std::abort();
	gos_stack_dump(fileno(file));
	std::string text(static_cast<size_t>(lseek(fileno(file), 0, SEEK_END)), '\0');
	if (pread(fileno(file), &text[0], text.size(), 0) != static_cast<ssize_t>(text.size()))
		std::abort();
	std::fclose(file);
	return text;
}

static void check(const std::string &text, const made &m)
{
	size_t begin = text.find("goroutine " + std::to_string(m.goid) + " ");
	size_t end = begin == std::string::npos ? begin : text.find("\n\n", begin);
	std::string part = begin == std::string::npos ? "" : text.substr(begin, end - begin);
	size_t at = part.find("created by ", part.find('\n') == std::string::npos ? 0 : part.find('\n'));
	std::string place = at == std::string::npos ? "" : part.substr(at);
	std::string where = "cxx_origin.cpp"; /* a dump may add an ending */
	bool named = place.find(m.name) != std::string::npos || place.find(m.mangled) != std::string::npos;
	bool ok = named && place.find(where) != std::string::npos && place.find(":" + std::to_string(m.line)) != std::string::npos;
	if (place.find("\n\t??:0") != std::string::npos) /* what this compiler wrote down of lines is not read: there are functions alone, and none that is inlined */
		ok = named || std::strcmp(m.name, "bed") == 0 || std::strcmp(m.name, "operator()") == 0;
	if (!ok || place.find("gos_detail") != std::string::npos) {
		std::printf("made in %s, line %d, but the dump says:\n%s\n", m.name, m.line, part.c_str());
		failures++;
	}
}

static int app(int, char **)
{
	gate = gos_chan_make(int, 0);
	in_a_function();
	garden::bed<long> bed(4);
	bed.sow(5);
	garden::bed<short>(6).sow(7);
	twice([](int n) { MADE(go(waits, n), "operator()", "UliE_clEi"); });
	MADE(go([](int n) { waits(n); }, 8), "app", "app");
	gos_yield();
	std::string text = dump();
	for (const made &m : all)
		check(text, m);
	gos_chan_close(gate);
	return failures != 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
