/* SPDX-License-Identifier: MIT */
/*
 * Goal: the rules of rt/address.c: what is an address, and that looking one up holds up nobody else. Method: black box, with a getaddrinfo of our own before libc's: it
 * knows hosts that take their time, and counts.
 */
#include <arpa/inet.h>
#include <dlfcn.h>
#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <pthread.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gos_net.h"

static gos_waitgroup wg;

/* ---- our own resolver ---- */

static pthread_mutex_t gate = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t gate_opens = PTHREAD_COND_INITIALIZER;
static bool gate_open;
static int asked, inside, most_inside, made, freed; /* Sync: atomic */

static int (*real_getaddrinfo)(const char *, const char *, const struct addrinfo *, struct addrinfo **);
static void (*real_freeaddrinfo)(struct addrinfo *);

__attribute__((constructor)) static void find_real(void)
{
	real_getaddrinfo = (int (*)(const char *, const char *, const struct addrinfo *, struct addrinfo **))dlsym(RTLD_NEXT, "getaddrinfo");
	real_freeaddrinfo = (void (*)(struct addrinfo *))dlsym(RTLD_NEXT, "freeaddrinfo");
}

static void open_gate(void)
{
	pthread_mutex_lock(&gate);
	gate_open = true;
	pthread_cond_broadcast(&gate_opens);
	pthread_mutex_unlock(&gate);
}

/* In a frame of its own: others are called on small stacks. */
static __attribute__((noinline)) void go_deep(void)
{
	volatile char deep[300 * 1024];
	for (size_t i = sizeof deep; i > 0; i -= 1024)
		deep[i - 1] = 1;
}

/* "slow.test" answers when the gate is open; "two.test" has two addresses, the first of which nobody listens at; "errno.test" fails in the system;
 * "deep.test" wants 300 KiB of stack. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	__atomic_add_fetch(&asked, 1, __ATOMIC_SEQ_CST);
	if (node == NULL || strstr(node, ".test") == NULL)
		return real_getaddrinfo(node, service, hints, found);
	struct addrinfo numbers = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
	if (strcmp(node, "errno.test") == 0) {
		errno = ENFILE;
		return EAI_SYSTEM;
	}
	if (strcmp(node, "again.test") == 0)
		return EAI_AGAIN;
	if (strcmp(node, "deep.test") == 0)
		go_deep();
	if (strcmp(node, "slow.test") == 0) {
		int now = __atomic_add_fetch(&inside, 1, __ATOMIC_SEQ_CST);
		for (int most = __atomic_load_n(&most_inside, __ATOMIC_SEQ_CST); now > most;)
			if (__atomic_compare_exchange_n(&most_inside, &most, now, false, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST))
				break;
		pthread_mutex_lock(&gate);
		while (!gate_open)
			pthread_cond_wait(&gate_opens, &gate);
		pthread_mutex_unlock(&gate);
		__atomic_sub_fetch(&inside, 1, __ATOMIC_SEQ_CST);
	}
	int result = real_getaddrinfo("127.0.0.1", service, &numbers, found);
	if (result == 0 && strcmp(node, "two.test") == 0) {
		struct addrinfo *second = *found;
		result = real_getaddrinfo("127.0.0.77", service, &numbers, found);
		(*found)->ai_next = second;
	}
	__atomic_add_fetch(&made, 1, __ATOMIC_SEQ_CST);
	return result;
}

void freeaddrinfo(struct addrinfo *found)
{
	__atomic_add_fetch(&freed, 1, __ATOMIC_SEQ_CST);
	real_freeaddrinfo(found);
}

static int count(int *of)
{
	return __atomic_load_n(of, __ATOMIC_SEQ_CST);
}

static void until_count(int *of, int n)
{
	for (int64_t give_up = gos_now() + 15 * GOS_S; count(of) != n; gos_sleep(GOS_MS))
		expect_lt(gos_now(), give_up);
}

GOS_TEST(addresses_that_cannot_be_read)
{
	static const char *const bad[] = {"",          "nothing",       "127.0.0.1", "127.0.0.1:", "127.0.0.1:x", "127.0.0.1:65536", "127.0.0.1:-1",
	                                  "127.0.0.1:80x", "::1:80",    "[::1]",     "[::1:80",    "::1]:80",     "127.0.0.1: 80",   "[]x:80"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		int a = gos_dial_tcp(bad[i], GOS_S), b = gos_listen_tcp(bad[i]);
		if (a != -EINVAL || b != -EINVAL)
			ck_abort_msg("\"%s\": dial %d, listen %d, not -EINVAL", bad[i], a, b);
	}
	expect_eq(gos_dial_tcp(NULL, GOS_S), -EINVAL);
	char many[1000];
	memset(many, 'a', sizeof many);
	strcpy(many + 900, ":80");
	expect_eq(gos_dial_tcp(many, GOS_S), -EINVAL);
}

GOS_TEST(listen_everywhere_and_dial_by_every_name)
{
	int listener = gos_listen_tcp(":0");
	expect_ge(listener, 0);
	const char *port = strrchr(address_of(listener), ':');
	char text[100];
	static const char *const hosts[] = {"127.0.0.1", "localhost", "", "[::1]"};
	for (int i = 0; i < 4; i++) {
		if (i == 1 && access("/etc/hosts", R_OK) != 0) /* nobody here knows localhost */
			continue;
		snprintf(text, sizeof text, "%s%s", hosts[i], port);
		int fd = gos_dial_tcp(text, 5 * GOS_S);
		if (fd < 0 && i == 3) /* no IPv6 here */
			continue;
		if (fd < 0)
			ck_abort_msg("\"%s\": %d", text, fd);
		int other = gos_accept(listener, NULL, NULL);
		expect_ge(other, 0);
		gos_close(other);
		gos_close(fd);
	}
	gos_close(listener);
}

/* ---- numbers ---- */

GOS_TEST(numbers_are_read_without_asking)
{
	int listener = must_listen();
	for (int i = 0; i < 3; i++)
		gos_close(gos_dial_tcp(address_of(listener), GOS_S));
	int fd = gos_listen_tcp("[::1]:0");
	expect(fd >= 0 || fd == -EADDRNOTAVAIL || fd == -EAFNOSUPPORT);
	gos_close(gos_listen_udp(":0"));
	gos_close(gos_listen_unix("@gossamer-asks-nobody"));
	expect_eq(count(&asked), 0);
	expect_eq(gos_test_waiting("name resolution"), 0);
}

static void must_be(const char *node, const char *service, const struct addrinfo *hints, int family, const char *address, int port)
{
	struct addrinfo *found;
	char text[100];
	int error = -1;
	expect_eq(gos_getaddrinfo(node, service, hints, &found, &error), 0);
	expect(found != NULL);
	expect_eq(found->ai_family, family);
	const void *at = family == AF_INET ? (void *)&((struct sockaddr_in *)found->ai_addr)->sin_addr : (void *)&((struct sockaddr_in6 *)found->ai_addr)->sin6_addr;
	expect(inet_ntop(family, at, text, sizeof text) != NULL);
	expect(strcmp(text, address) == 0);
	expect_eq(ntohs(((struct sockaddr_in *)found->ai_addr)->sin_port), port); /* at the same place in both families */
	freeaddrinfo(found);
}

static void numbers(void)
{
	struct addrinfo stream = {.ai_socktype = SOCK_STREAM}, passive = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_PASSIVE, .ai_family = AF_INET};
	must_be("127.0.0.1", "80", &stream, AF_INET, "127.0.0.1", 80);
	must_be("192.0.2.7", NULL, NULL, AF_INET, "192.0.2.7", 0);
	must_be("::1", "65535", &stream, AF_INET6, "::1", 65535);
	must_be("2001:db8::5", "1", &stream, AF_INET6, "2001:db8::5", 1);
	must_be(NULL, "99", &passive, AF_INET, "0.0.0.0", 99);
	gos_waitgroup_done(&wg);
}

GOS_TEST(getaddrinfo_of_numbers_on_the_smallest_stack)
{
	gos_waitgroup_add(&wg, 2);
	numbers();
	gos_go_with((&(struct gos_go_options){.stack_size = 16 * 1024}), numbers);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_test_waiting("name resolution"), 0);
	expect_eq(gos_num_goroutines(), 1); /* nobody was made to ask */
}

/* ---- names ---- */

GOS_TEST(getaddrinfo_of_localhost)
{
	struct addrinfo v4 = {.ai_socktype = SOCK_STREAM, .ai_family = AF_INET};
	if (access("/etc/hosts", R_OK) != 0) /* nobody here knows it */
		return;
	must_be("localhost", "80", &v4, AF_INET, "127.0.0.1", 80);
	if (access("/etc/services", R_OK) == 0)
		must_be("127.0.0.1", "http", &v4, AF_INET, "127.0.0.1", 80);
	expect_eq(count(&made), 0);
}

GOS_TEST(getaddrinfo_of_nonsense)
{
	struct addrinfo *found = (struct addrinfo *)1, hints = {.ai_flags = 0x40000000}, number = {.ai_flags = AI_NUMERICHOST};
	int error = 0;
	expect_ne(gos_getaddrinfo(NULL, NULL, NULL, &found, &error), 0);
	expect(found == NULL);
	expect_eq(gos_getaddrinfo("127.0.0.1", "80", &hints, &found, NULL), EAI_BADFLAGS);
	expect_eq(gos_getaddrinfo("no number", NULL, &number, &found, NULL), EAI_NONAME);
	expect(found == NULL);
	expect_eq(gos_getaddrinfo("errno.test", "80", NULL, &found, &error), EAI_SYSTEM);
	expect_eq(error, ENFILE);
	expect_eq(gos_dial_tcp("errno.test:80", 0), -ENFILE);
	expect_eq(gos_dial_tcp("again.test:80", 0), -EAGAIN);
	expect_eq(gos_listen_udp("again.test:80"), -EAGAIN);
}

GOS_TEST(a_resolver_has_a_stack_as_a_thread_has)
{
	int listener = must_listen();
	char text[64];
	snprintf(text, sizeof text, "deep.test%s", strrchr(address_of(listener), ':'));
	for (int i = 0; i < 20; i++) {
		int fd = gos_dial_tcp(text, 0);
		expect_ge(fd, 0);
		gos_close(fd);
	}
	expect_eq(count(&made), 20);
	expect_eq(count(&freed), 20);
}

GOS_TEST(the_second_address_of_a_name_is_tried_too)
{
	int listener = must_listen();
	char text[64];
	snprintf(text, sizeof text, "two.test%s", strrchr(address_of(listener), ':'));
	for (int i = 0; i < 10; i++) {
		int fd = gos_dial_tcp(text, i % 2 ? 10 * GOS_S : 0);
		expect_ge(fd, 0);
		gos_close(fd);
	}
	gos_close(listener);
	expect_eq(gos_dial_tcp(text, 0), -ECONNREFUSED);
}

static void dials_slow(const char *address, int64_t timeout, int wanted)
{
	int fd = gos_dial_tcp(address, timeout);
	if (wanted < 0)
		expect_eq(fd, wanted);
	else
		expect_ge(fd, 0);
	gos_waitgroup_done(&wg);
}

/* Even with one P: the thread that asks is not the one that runs the others. */
GOS_TEST(a_slow_name_holds_up_nobody)
{
	int listener = must_listen(), p[2];
	char text[64], byte;
	gos_procs(1);
	snprintf(text, sizeof text, "slow.test%s", strrchr(address_of(listener), ':'));
	gos_waitgroup_add(&wg, 3);
	for (int i = 0; i < 3; i++)
		gos_test_until_waiting(go(dials_slow, text, i ? 100 * GOS_S : 0, 0), "name resolution");
	expect_eq(gos_test_waiting("name resolution"), 3);
	until_count(&inside, 3);
	expect_eq(pipe(p), 0);
	for (int i = 0; i < 1000; i++) { /* others go on: this one, timers, descriptors */
		expect_eq(gos_write(p[1], "x", 1), 1);
		expect_eq(gos_read(p[0], &byte, 1), 1);
		gos_yield();
	}
	gos_sleep(10 * GOS_MS);
	expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, 5 * GOS_MS), -ETIMEDOUT);
	expect_eq(count(&inside), 3);
	open_gate();
	gos_waitgroup_wait(&wg);
	expect_eq(count(&made), 3);
	expect_eq(count(&freed), 3);
	gos_test_until_num(1);
}

GOS_TEST(the_time_to_dial_includes_looking_up)
{
	gos_waitgroup_add(&wg, 10);
	int64_t start = gos_now();
	for (int i = 0; i < 10; i++)
		go(dials_slow, "slow.test:9", (int64_t)(10 + i) * GOS_MS, -ETIMEDOUT);
	gos_waitgroup_wait(&wg);
	expect_ge(gos_now() - start, 19 * GOS_MS);
	int begun = count(&inside); /* some may have given up before they were asked for */
	expect_eq(count(&made), 0);
	open_gate();
	until_count(&inside, 0);
	gos_test_until_num(1);
	expect_eq(count(&made), begun);
	expect_eq(count(&freed), begun); /* by the resolver: nobody else was there any more */
}

static void looks_up(int64_t *done)
{
	struct addrinfo *found;
	expect_eq(gos_getaddrinfo("slow.test", "80", NULL, &found, NULL), 0);
	freeaddrinfo(found);
	__atomic_add_fetch(done, 1, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(&wg);
}

GOS_TEST(many_names_at_once_take_a_bounded_number_of_threads)
{
	int64_t done = 0;
	gos_waitgroup_add(&wg, 200);
	for (int i = 0; i < 200; i++)
		go(looks_up, &done);
	gos_test_until_n_waiting(200, "name resolution");
	until_count(&inside, 64);
	expect_eq(gos_num_goroutines(), 1 + 200 + 64);
	open_gate();
	gos_waitgroup_wait(&wg);
	expect_eq(done, 200);
	expect_eq(count(&most_inside), 64);
	expect_eq(count(&freed), 200);
	gos_test_until_num(1);
}

static void dials_in_a_hurry(uint64_t random, int times)
{
	while (times-- > 0) {
		int fd = gos_dial_tcp("quick.test:1", (int64_t)(1 + gos_test_random(&random) % 200000));
		expect(fd == -ETIMEDOUT || fd == -ECONNREFUSED);
	}
	gos_waitgroup_done(&wg);
}

/* The asker's time races with the answer. */
GOS_TEST(answers_that_come_as_the_time_is_over)
{
	gos_waitgroup_add(&wg, 8);
	for (uint64_t i = 0; i < 8; i++)
		go(dials_in_a_hurry, gos_test_seed() + i, 150);
	gos_waitgroup_wait(&wg);
	gos_test_until_num(1);
	expect_eq(count(&made), count(&freed));
}

GOS_TEST(resolvers_are_seen_in_dumps)
{
	int p[2];
	static char text[100000];
	expect_eq(pipe(p), 0);
	gos_waitgroup_add(&wg, 1);
	gos_test_until_waiting(go(dials_slow, "slow.test:9", (int64_t)0, -ECONNREFUSED), "name resolution");
	until_count(&inside, 1);
	gos_stack_dump(p[1]);
	ssize_t n = gos_read(p[0], text, sizeof text - 1);
	expect_gt(n, 0);
	expect(strstr(text, "name resolution") != NULL);
	expect(strstr(text, "gos_getaddrinfo") != NULL);
	expect(strstr(text, "getaddrinfo(...)") != NULL); /* with what it is doing */
	open_gate();
	gos_waitgroup_wait(&wg);
}
