/* SPDX-License-Identifier: MIT */
/*
 * Goal: what the environment says, and what is said of mistakes in it, rt/config.c. Method: white box for values; a process for each mistake.
 *
 * GOSMAXPROCS has its rows in test_run.c, as a program sees it.
 */
#include <stdio.h>
#include <string.h>

#include "config.h"
#include "gos_test.h"

/* As if the process had begun with it. */
static void read_with(const char *debug)
{
	memset(&rt_config, 0, sizeof rt_config);
	setenv("GOSDEBUG", debug, 1);
	rt_config_read(7);
}

PLAIN_TEST(nothing_is_on_by_itself)
{
	unsetenv("GOSDEBUG");
	rt_config_read(7);
	expect_eq(rt_config.schedtrace, 0);
	expect_eq(rt_config.scheddetail, 0);
	read_with("");
	expect_eq(rt_config.schedtrace, 0);
}

PLAIN_TEST(words_are_read_in_any_order)
{
	read_with("schedtrace=1000,scheddetail=1");
	expect_eq(rt_config.schedtrace, 1000);
	expect_eq(rt_config.scheddetail, 1);
	read_with("scheddetail=1,schedtrace=250");
	expect_eq(rt_config.schedtrace, 250);
	expect_eq(rt_config.scheddetail, 1);
	read_with("scheddetail=0,schedtrace=0");
	expect_eq(rt_config.schedtrace, 0);
	expect_eq(rt_config.scheddetail, 0);
}

PLAIN_TEST(empty_words_are_nothing)
{
	read_with(",,schedtrace=5,,scheddetail=1,");
	expect_eq(rt_config.schedtrace, 5);
	expect_eq(rt_config.scheddetail, 1);
}

PLAIN_TEST(the_last_of_two_counts)
{
	read_with("schedtrace=5,schedtrace=6");
	expect_eq(rt_config.schedtrace, 6);
	read_with("schedtrace=5,schedtrace=x"); /* and what is ignored does not */
	expect_eq(rt_config.schedtrace, 5);
}

PLAIN_TEST(numbers_have_two_forms_and_bounds)
{
	static const struct {
		const char *text;
		int64_t value; /* 0: not a number that will do */
	} rows[] = {
		{"schedtrace=0x1F", 31}, {"schedtrace=0X1f", 31}, {"schedtrace=0010", 10}, {"schedtrace=2147483647", INT32_MAX},
		{"schedtrace=2147483648", 0}, {"schedtrace=-1", 0}, {"schedtrace=18446744073709551617", 0}, {"schedtrace=0x10000000000000001", 0},
		{"schedtrace=", 0}, {"schedtrace=-", 0}, {"schedtrace=0x", 0}, {"schedtrace=1f", 0}, {"schedtrace=1 ", 0}, {"schedtrace= 1", 0},
		{"schedtrace=1=1", 0}, {"schedtrace=+1", 0}, {"schedtrace=1.5", 0}, {"schedtrace", 0},
		{"schedtrac=1", 0}, {"schedtraces=1", 0}, {"=1", 0}, {"=", 0}, {"schedtrace=-9223372036854775808", 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		read_with(rows[i].text);
		if (rt_config.schedtrace != rows[i].value)
			ck_abort_msg("%s: %lld", rows[i].text, (long long)rt_config.schedtrace);
	}
}

PLAIN_TEST(a_word_may_have_a_name_for_a_value)
{
	read_with("schedtrace=3");
	expect_eq(rt_config.seed, RT_SEED_NONE);
	read_with("seed=random");
	expect_eq(rt_config.seed, RT_SEED_RANDOM);
	read_with("seed=0");
	expect_eq(rt_config.seed, 0);
	read_with("seed=9223372036854775807");
	expect_eq(rt_config.seed, INT64_MAX);
	static const char *const nonsense[] = {"seed=9223372036854775808", "seed=-1", "seed=-2", "seed=rando", "seed=randomly", "seed=", "seed", "schedtrace=random"};
	for (size_t i = 0; i < sizeof nonsense / sizeof *nonsense; i++) {
		read_with(nonsense[i]);
		if (rt_config.seed != RT_SEED_NONE || rt_config.schedtrace != 0)
			ck_abort_msg("%s: %lld", nonsense[i], (long long)rt_config.seed);
	}
}

PLAIN_TEST(a_number_and_a_name_may_stand_together)
{
	static const struct {
		const char *text;
		int64_t value;
	} rows[] = {
		{"", RT_FLIGHT_DEFAULT}, {"flight=0", 0}, {"flight=1", 1}, {"flight=16777216", RT_FLIGHT_MOST},
		{"flight=exact", RT_FLIGHT_DEFAULT | RT_FLIGHT_EXACT}, {"flight=4096:exact", 4096 | RT_FLIGHT_EXACT}, {"flight=0x1000:exact", 4096 | RT_FLIGHT_EXACT},
		{"flight=exact,flight=64", 64}, {"flight=64,flight=exact", RT_FLIGHT_DEFAULT | RT_FLIGHT_EXACT},
		/* and what is none of this leaves it as it was */
		{"flight=16777217", RT_FLIGHT_DEFAULT}, {"flight=-1", RT_FLIGHT_DEFAULT}, {"flight=many", RT_FLIGHT_DEFAULT}, {"flight=", RT_FLIGHT_DEFAULT},
		{"flight", RT_FLIGHT_DEFAULT}, {"flight=exact:4096", RT_FLIGHT_DEFAULT}, {"flight=4096:", RT_FLIGHT_DEFAULT}, {"flight=:exact", RT_FLIGHT_DEFAULT},
		{"flight=4096:exactly", RT_FLIGHT_DEFAULT}, {"flight=4096:exact:exact", RT_FLIGHT_DEFAULT}, {"flight=16777217:exact", RT_FLIGHT_DEFAULT},
		{"flight=1099511627776", RT_FLIGHT_DEFAULT},
	};
	for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
		read_with(rows[i].text);
		if (rt_config.flight != rows[i].value)
			ck_abort_msg("%s: %llx", rows[i].text, (unsigned long long)rt_config.flight);
	}
	read_with("schedtrace=5:exact");
	expect_eq(rt_config.schedtrace, 0);
	read_with("seed=5:random");
	expect_eq(rt_config.seed, RT_SEED_NONE);
}

PLAIN_TEST(with_a_seed_there_is_one_p)
{
	setenv("GOSMAXPROCS", "3", 1);
	read_with("seed=7");
	expect_eq(rt_config.procs, 1);
	read_with("");
	expect_eq(rt_config.procs, 3);
	unsetenv("GOSMAXPROCS");
	read_with("seed=random");
	expect_eq(rt_config.procs, 1);
}

PLAIN_TEST(no_more_procs_than_can_be)
{
	setenv("GOSMAXPROCS", "8", 1);
	rt_config_read(7);
	expect_eq(rt_config.procs, 7);
	setenv("GOSMAXPROCS", "3", 1);
	rt_config_read(7);
	expect_eq(rt_config.procs, 3);
	unsetenv("GOSMAXPROCS");
	rt_config_read(1);
	expect_eq(rt_config.procs, 1);
}

/* ---- mistakes are named, and never end the program ---- */

static void print_config(void)
{
	fprintf(stderr, "schedtrace %lld, scheddetail %lld\n", (long long)rt_config.schedtrace, (long long)rt_config.scheddetail);
}

#define TEN_OF(word) word word word word word word word word word word
#define HUNDRED_OF(word) TEN_OF(TEN_OF(word))

static const struct gos_death deaths[] = {
	{"good", print_config, 23, {"schedtrace 0, scheddetail 1"}, "GOSDEBUG=scheddetail=1", .never = "gossamer:"},
	{"empty", print_config, 23, {"schedtrace 0, scheddetail 0"}, "GOSDEBUG=", .never = "gossamer:"},
	{"commas", print_config, 23, {"schedtrace 0, scheddetail 1"}, "GOSDEBUG=,,scheddetail=1,,", .never = "gossamer:"},
	{"unknown",
	 print_config,
	 23,
	 {"gossamer: GOSDEBUG: frob=1 is not a word that is known; ignored\n", "schedtrace 0, scheddetail 1"},
	 "GOSDEBUG=frob=1,scheddetail=1"},
	{"no_value", print_config, 23, {"gossamer: GOSDEBUG: scheddetail has no value; ignored\n", "scheddetail 0"}, "GOSDEBUG=scheddetail"},
	{"no_number",
	 print_config,
	 23,
	 {"gossamer: GOSDEBUG: schedtrace=abc is not a number from 0 to 2147483647; ignored\n", "schedtrace 0, scheddetail 1"},
	 "GOSDEBUG=schedtrace=abc,scheddetail=1"},
	{"no_size",
	 print_config,
	 23,
	 {"gossamer: GOSDEBUG: flight=huge is not a number from 0 to 16777216, nor exact; ignored\n", "schedtrace 0"},
	 "GOSDEBUG=flight=huge"},
	{"no_seed",
	 print_config,
	 23,
	 {"gossamer: GOSDEBUG: seed=dice is not a number from 0 to 9223372036854775807, nor random; ignored\n", "schedtrace 0"},
	 "GOSDEBUG=seed=dice"},
	{"out_of_bounds",
	 print_config,
	 23,
	 {"gossamer: GOSDEBUG: scheddetail=2 is not a number from 0 to 1; ignored\n", "scheddetail 0"},
	 "GOSDEBUG=scheddetail=2"},
	{"deadlock_out_of_range", print_config, 23, {"gossamer: GOSDEBUG: deadlock=2 is not a number from 0 to 1; ignored\n"}, "GOSDEBUG=deadlock=2"},
	{"unprintable", print_config, 23, {"gossamer: GOSDEBUG: a?[31m?b is not a word"}, "GOSDEBUG=a\033[31m\377b", .never = "\033"},
	{"long",
	 print_config,
	 23,
	 {"gossamer: GOSDEBUG: " TEN_OF("123456") "... is not a word that is known; ignored\n", "schedtrace 0, scheddetail 1"},
	 "GOSDEBUG=" HUNDRED_OF("123456") ",scheddetail=1",
	 .never = "1234561234561234561234561234561234561234561234561234561234561"},
	{"many",
	 print_config,
	 23,
	 {"GOSDEBUG: x is", "GOSDEBUG: x is", "GOSDEBUG: x is", "GOSDEBUG: x is", "GOSDEBUG: and more that is not known\n", "scheddetail 1"},
	 "GOSDEBUG=" HUNDRED_OF("x,") "scheddetail=1",
	 .never = "known\ngossamer:"},
	{"traceback_unknown",
	 print_config,
	 23,
	 {"gossamer: GOSTRACEBACK=foo is not none, single, all, system or crash; using single\n", "schedtrace 0"},
	 "GOSTRACEBACK=foo"},
	{"traceback_empty", print_config, 23, {"schedtrace 0"}, "GOSTRACEBACK=", .never = "gossamer:"},
	{"traceback_none", print_config, 23, {"schedtrace 0"}, "GOSTRACEBACK=none", .never = "gossamer:"},
	{"traceback_single", print_config, 23, {"schedtrace 0"}, "GOSTRACEBACK=single", .never = "gossamer:"},
	{"traceback_all", print_config, 23, {"schedtrace 0"}, "GOSTRACEBACK=all", .never = "gossamer:"},
	{"traceback_system", print_config, 23, {"schedtrace 0"}, "GOSTRACEBACK=system", .never = "gossamer:"},
	{"traceback_crash", print_config, 23, {"schedtrace 0"}, "GOSTRACEBACK=crash", .never = "gossamer:"},
	{"traceback_2", print_config, 23, {"schedtrace 0"}, "GOSTRACEBACK=2", .never = "gossamer:"},
};
GOS_DEATHS(deaths)
