/* SPDX-License-Identifier: MIT */
/*
 * defer, panic and recover in a C++ program: destructors and catch blocks of the functions that a recovered panic leaves, exceptions that pass
 * deferred calls. Prints what went wrong; nothing when all is well. With an argument it dies as that says.
 */
#include <cstdio>
#include <cstring>
#include <stdexcept>
#include <string>

#include "gossamer.h"

static int failures;
static std::string told;

#define EXPECT(condition)                                                                       \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);             \
			failures++;                                                             \
		}                                                                               \
	} while (0)

static void expect_told(const char *text, int line)
{
	if (told != text) {
		std::printf("%s:%d: told '%s' and not '%s'\n", __FILE__, line, told.c_str(), text);
		failures++;
	}
	told.clear();
}
#define EXPECT_TOLD(text) expect_told((text), __LINE__)

#define NOINLINE __attribute__((noinline))

static void tell(const char *word)
{
	told += word;
	told += ' ';
}

static void rescue()
{
	const char *message = gos_recover();
	tell(message != nullptr ? message : "nothing");
}

struct object {
	std::string name;
	explicit object(const char *n) : name(n) {}
	object(const object &) = delete;
	~object() { tell(("~" + name).c_str()); }
};

static void take(int a, double b, const char *c)
{
	told += std::to_string(a) + "/" + std::to_string(int(b)) + "/" + c + " ";
}

static NOINLINE int kinds()
{
	gos_defer_frame(-1);
	gos_defer(take, 1, 2, "three");
	gos_defer(+[](int n) { take(n, 0, "lambda"); }, 7);
	return 5;
}

static NOINLINE void inner(const char *word)
{
	object a("inner");
	std::string text(word);
	text += " of some length, so that it is on the heap";
	gos_panic("%s", word);
}

static NOINLINE void middle(const char *word)
{
	object b("middle");
	gos_defer_frame();
	gos_defer(tell, "deferred");
	inner(word);
	tell("never");
}

static NOINLINE int outer(const char *word)
{
	gos_defer_frame(42);
	gos_defer(tell, "first");
	object c("outer");
	gos_defer(rescue);
	middle(word);
	return 1;
}

static NOINLINE std::string returns_object()
{
	gos_defer_frame("from a panic that was recovered, this is a string");
	gos_defer(rescue);
	object d("local");
	inner("object");
	return "never";
}

/* Temporaries, loops, and objects that are not yet made. */
static NOINLINE int in_a_loop()
{
	gos_defer_frame(7);
	gos_defer(rescue);
	for (int i = 0; i < 3; i++) {
		object e(i == 0 ? "zero" : "one");
		if (i == 1)
			inner((std::string("lo") + "op").c_str());
	}
	object never("never");
	return 0;
}

static NOINLINE void catches_all(bool again)
{
	object f("catcher");
	try {
		inner("caught");
	} catch (...) {
		tell("catch");
		if (again)
			throw;
	}
	tell("never");
}

static NOINLINE int past_catch(bool again)
{
	gos_defer_frame(8);
	gos_defer(rescue);
	catches_all(again);
	return 0;
}

static NOINLINE void catches_exceptions()
{
	try {
		inner("not an exception");
	} catch (const std::exception &) {
		tell("never");
	}
	tell("never");
}

static NOINLINE int past_exceptions()
{
	gos_defer_frame(9);
	gos_defer(rescue);
	catches_exceptions();
	return 0;
}

/* An exception that passes a frame runs its deferred calls, and goes on. */
static NOINLINE void throws()
{
	gos_defer_frame();
	gos_defer(tell, "passed");
	gos_defer(rescue);
	object g("thrown");
	throw std::runtime_error("error");
}

static NOINLINE bool catches_error()
{
	gos_defer_frame(false);
	gos_defer(tell, "end");
	try {
		throws();
	} catch (const std::runtime_error &e) {
		tell(e.what());
	}
	return true;
}

/* Exceptions within deferred calls while the goroutine panics. */
static void throws_and_catches()
{
	try {
		throw 5;
	} catch (int n) {
		take(n, 0, "inside");
	}
	outer("nested");
}

static NOINLINE int nested()
{
	gos_defer_frame(3);
	gos_defer(rescue);
	gos_defer(throws_and_catches);
	inner("first");
	return 0;
}

struct resource {
	gos_mutex *m;
	explicit resource(gos_mutex *mutex) : m(mutex) { gos_mutex_lock(m); }
	~resource() { gos_mutex_unlock(m); }
};

static gos_mutex m;
static int64_t counter;

static NOINLINE void locks_and_panics(int i)
{
	resource r(&m);
	counter++;
	if (i % 2 == 0)
		gos_panic("holding it");
}

static void count_recovery()
{
	gos_recover();
}

static NOINLINE void recovers(int i)
{
	gos_defer_frame();
	gos_defer(count_recovery);
	locks_and_panics(i);
}

static void worker(gos_waitgroup *wg)
{
	gos_defer_frame();
	gos_defer(gos_waitgroup_done, wg);
	for (int i = 0; i < 20; i++) {
		recovers(i);
		gos_yield();
	}
}

static int *volatile nil;
static NOINLINE int faults(int i)
{
	object h("fault"); /* stays: the compiler knows nothing of an exception there */
	return *nil + i;
}

static NOINLINE int calls_faulting()
{
	object i("caller");
	return faults(1) + 1;
}

static NOINLINE int recovers_fault()
{
	gos_defer_frame(11);
	gos_defer(rescue);
	object j("outer");
	return calls_faulting() + 2;
}

static NOINLINE int recovers_own_fault()
{
	gos_defer_frame(12);
	gos_defer(rescue);
	return *nil + 1;
}

static void panics_over()
{
	gos_panic("over it");
}

static NOINLINE int panics_over_fault()
{
	gos_defer_frame(13);
	gos_defer(rescue);
	object k("between");
	gos_defer(panics_over);
	return calls_faulting() + 3;
}

static int app(int, char **argv)
{
	if (argv[1] != nullptr && std::strcmp(argv[1], "uncaught") == 0) {
		object never("never");
		throw std::runtime_error("nobody wants it");
	}
	EXPECT(kinds() == 5);
	EXPECT_TOLD("7/0/lambda 1/2/three ");
	for (int i = 0; i < 3; i++) {
		EXPECT(outer("word") == 42);
		EXPECT_TOLD("deferred word ~inner ~middle ~outer first ");
	}
	EXPECT(returns_object() == "from a panic that was recovered, this is a string");
	EXPECT_TOLD("object ~inner ~local ");
	EXPECT(in_a_loop() == 7);
	EXPECT_TOLD("~zero loop ~inner ~one ");
	EXPECT(std::uncaught_exceptions() == 0);
	EXPECT(past_catch(true) == 8);
	EXPECT_TOLD("caught ~inner catch ~catcher ");
	EXPECT(past_catch(false) == 8);
	EXPECT_TOLD("caught ~inner catch ~catcher ");
	EXPECT(past_exceptions() == 9);
	EXPECT_TOLD("not an exception ~inner ");
	EXPECT(catches_error());
	EXPECT_TOLD("~thrown nothing passed error end ");
	EXPECT(nested() == 3);
	EXPECT_TOLD("5/0/inside deferred nested ~inner ~middle ~outer first first ~inner ");

	gos_waitgroup wg{};
	for (int i = 0; i < 100; i++) {
		gos_waitgroup_add(&wg, 1);
		go(worker, &wg);
	}
	gos_waitgroup_wait(&wg);
	EXPECT(counter == 2000);
	EXPECT(gos_mutex_try_lock(&m));

	if (argv[1] == nullptr) {
#define NIL_TEXT "runtime error: invalid memory address or nil pointer dereference "
		EXPECT(recovers_fault() == 11);
		EXPECT_TOLD(NIL_TEXT "~caller ~outer ");
		EXPECT(recovers_own_fault() == 12);
		EXPECT_TOLD(NIL_TEXT);
		EXPECT(panics_over_fault() == 13);
		EXPECT_TOLD("over it ~caller ~between ");
	}
	return failures != 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
