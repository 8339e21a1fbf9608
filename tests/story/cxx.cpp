/* SPDX-License-Identifier: MIT */
/* gossamer.h in a C++ program: go() with every kind of argument, channels, select, locks. Prints what went wrong; nothing when all is well. */
#include <cstdio>
#include <stdexcept>
#include <string>
#include <vector>

#include "gossamer.h"

static int failures;

#define EXPECT(condition)                                                                       \
	do {                                                                                    \
		if (!(condition)) {                                                             \
			std::printf("%s:%d: %s\n", __FILE__, __LINE__, #condition);             \
			failures++;                                                             \
		}                                                                               \
	} while (0)

static gos_waitgroup wg;
static double seen[6];
static bool reference_seen;

enum class colour : unsigned char { red, green = 200 };

static void none()
{
	gos_waitgroup_done(&wg);
}

static void six(int a, double b, const char *c, float d, colour e, int64_t f)
{
	seen[0] = a;
	seen[1] = b;
	seen[2] = c[0];
	seen[3] = static_cast<double>(d);
	seen[4] = static_cast<double>(e);
	seen[5] = static_cast<double>(f);
	gos_waitgroup_done(&wg);
}

static int returns(bool a, signed char b, unsigned short c)
{
	seen[0] = a;
	seen[1] = b;
	seen[2] = c;
	gos_waitgroup_done(&wg);
	return 7;
}

static void pointers(std::string *s, void (*fn)(), const volatile int *p)
{
	reference_seen = *s == "string" && fn == none && *p == 5;
	gos_waitgroup_done(&wg);
}

struct job {
	gos_chan *out;
	int64_t number;
	void run()
	{
		int64_t square = number * number;
		gos_chan_send(out, &square);
	}
};

static void run_job(job *j)
{
	j->run();
	delete j;
}

template <class T> static void send_it(gos_chan *c, T value)
{
	gos_chan_send(c, &value);
}

static gos_mutex m;
static int64_t counter;

static void count(int n)
{
	while (n-- > 0) {
		gos_mutex_lock(&m);
		counter++;
		gos_mutex_unlock(&m);
	}
	gos_waitgroup_done(&wg);
}

static int app(int, char **)
{
	gos_waitgroup_add(&wg, 1);
	uint64_t a = go(none);
	gos_waitgroup_wait(&wg);
	gos_waitgroup_add(&wg, 1);
	uint64_t b = gos_go(none);
	gos_waitgroup_wait(&wg);
	EXPECT(a != 0 && b != 0 && a != b && gos_goid() == 1);

	gos_waitgroup_add(&wg, 1);
	go(six, 1, 2.5, "text", 3.25f, colour::green, -6);
	gos_waitgroup_wait(&wg);
	EXPECT(seen[0] == 1 && seen[1] == 2.5 && seen[2] == 't' && seen[3] == 3.25 && seen[4] == 200 && seen[5] == -6);

	gos_waitgroup_add(&wg, 1);
	gos_go_options options{};
	options.name = "from C++";
	options.stack_size = 256 * 1024;
	gos_go_with(&options, returns, true, -3, 70000 - 65536);
	gos_waitgroup_wait(&wg);
	EXPECT(seen[0] == 1 && seen[1] == -3 && seen[2] == 70000 - 65536);

	/* Converted as the prototype says. */
	gos_waitgroup_add(&wg, 1);
	short narrow = -2;
	go(six, narrow, 2, "x", 1, colour::red, narrow);
	gos_waitgroup_wait(&wg);
	EXPECT(seen[0] == -2 && seen[1] == 2 && seen[3] == 1 && seen[5] == -2);

	std::string text = "string";
	int five = 5;
	gos_waitgroup_add(&wg, 1);
	go(pointers, &text, none, &five);
	gos_waitgroup_wait(&wg);
	EXPECT(reference_seen);

	gos_chan *squares = gos_chan_make(int64_t, 10);
	for (int64_t i = 0; i < 1000; i++)
		go(run_job, new job{squares, i});
	int64_t sum = 0, v;
	for (int i = 0; i < 1000; i++) {
		EXPECT(gos_chan_recv(squares, &v));
		sum += v;
	}
	EXPECT(sum == 999 * 1000 / 2 * 1999 / 3);
	gos_chan_free(squares);

	gos_chan *doubles = gos_chan_make(double, 0), *ints = gos_chan_make(int, 0);
	go(send_it<double>, doubles, 1.5);
	go(send_it<int>, ints, 42);
	double d = 0;
	int n = 0;
	for (int i = 0; i < 2; i++) {
		gos_case cases[] = {GOS_RECV(doubles, &d), GOS_RECV(ints, &n)};
		int which = gos_select(cases, 2);
		EXPECT(which >= 0 && cases[which].ok);
	}
	EXPECT(d == 1.5 && n == 42);
	gos_chan_close(ints);
	EXPECT(!gos_chan_recv(ints, &n) && n == 0);

	gos_waitgroup_add(&wg, 50);
	for (int i = 0; i < 50; i++)
		go(count, 1000);
	gos_waitgroup_wait(&wg);
	EXPECT(counter == 50000);

	/* A lambda that captures nothing is a function. */
	gos_chan *told = gos_chan_make(double, 0);
	go([](gos_chan *c, double value) { gos_chan_send(c, &value); }, told, 2);
	EXPECT(gos_chan_recv(told, &d) && d == 2);
	const auto named = [](gos_chan *c) {
		double value = 3;
		gos_chan_send(c, &value);
	};
	gos_go_with(&options, named, told);
	EXPECT(gos_chan_recv(told, &d) && d == 3);
	gos_chan_free(told);
	[] {
		gos_defer_frame();
		gos_defer([](int by) { counter += by; }, 7);
		EXPECT(counter == 50000);
	}();
	EXPECT(counter == 50007);

	gos_sema s = GOS_SEMA(1);
	gos_sema_acquire(&s);
	gos_sema_release(&s);

	gos_chan *later = gos_after(2 * GOS_MS);
	int64_t start = gos_now();
	gos_chan_recv(later, nullptr);
	EXPECT(gos_now() - start >= GOS_MS);
	gos_chan_free(later);

	/* Exceptions stay within their goroutine. */
	std::vector<int> small(1);
	try {
		small.at(3) = 1;
		EXPECT(!"no exception");
	} catch (const std::exception &) {
		gos_yield();
	}
	return failures;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
