/* SPDX-License-Identifier: MIT */
/*
 * Goroutines that wait in catch blocks, and in destructors that an exception runs, while others on the same threads throw and catch: each has its own
 * exceptions. Prints what went wrong; nothing when all is well.
 */
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <stdexcept>
#include <string>

#include "gossamer.h"

static gos_waitgroup all;

#define EXPECT(condition)                                                           \
	do {                                                                        \
		if (!(condition)) {                                                 \
			std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition); \
			std::exit(1);                                               \
		}                                                                   \
	} while (0)

struct waits_when_destroyed {
	int exceptions;
	explicit waits_when_destroyed(int n) : exceptions(n) {}
	~waits_when_destroyed()
	{
		EXPECT(std::uncaught_exceptions() == exceptions);
		gos_yield();
		gos_sleep(1000);
		EXPECT(std::uncaught_exceptions() == exceptions);
	}
};

static void wait_a_little(int i)
{
	if (i % 3 == 0)
		gos_sleep(1000 * (i % 7));
	else
		gos_yield();
}

static void thrower(int number)
{
	for (int i = 0; i < 50; i++) {
		const std::string mine = std::to_string(number) + "/" + std::to_string(i);
		try {
			waits_when_destroyed w(1);
			throw std::runtime_error(mine);
		} catch (const std::runtime_error &e) {
			wait_a_little(i + number);
			EXPECT(mine == e.what());
			EXPECT(std::uncaught_exceptions() == 0);
			try {
				wait_a_little(i);
				throw; /* the one that this goroutine has caught, and no other's */
			} catch (const std::exception &again) {
				wait_a_little(number);
				EXPECT(mine == again.what());
			}
			EXPECT(std::current_exception() != nullptr);
		}
		EXPECT(std::current_exception() == nullptr);
		EXPECT(std::uncaught_exceptions() == 0);
	}
	gos_waitgroup_done(&all);
}

static void ends_in_a_catch_block()
{
	try {
		throw 1;
	} catch (int) {
		gos_waitgroup_done(&all);
		gos_goexit();
	}
}

static void sees_none()
{
	EXPECT(std::current_exception() == nullptr);
	EXPECT(std::uncaught_exceptions() == 0);
	gos_waitgroup_done(&all);
}

static int app(int, char **)
{
	for (int i = 0; i < 20; i++) {
		gos_waitgroup_add(&all, 3);
		go(thrower, i);
		go(ends_in_a_catch_block);
		go(sees_none);
	}
	gos_waitgroup_wait(&all);
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
