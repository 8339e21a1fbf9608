/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/pollfd.c: users, lives, the list of those who wait. Method: white box. */
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <unistd.h>

#include "gos_test.h"
#include "io.h"

PLAIN_TEST(a_life_ends_with_its_last_user_and_once)
{
	struct gos_pollfd *pd = rt_pollfd(500);
	struct gos_g *woken;
	for (int i = 0; i < 3; i++) {
		expect_eq(rt_pollfd_enter(pd), 1);
		expect_eq(rt_pollfd_enter(pd), 2);
		expect(rt_pollfd_begin_close(pd, &woken));
		expect(woken == NULL);
		expect(!rt_pollfd_begin_close(pd, &woken)); /* it is so marked already */
		expect_eq(rt_pollfd_enter(pd), RT_FD_CLOSING | 3);
		expect(!rt_pollfd_leave(pd));
		expect(!rt_pollfd_leave(pd));
		expect(rt_pollfd_leave(pd));
		/* Who looks in now sees that it is being closed, and has no part in it. */
		expect_eq(rt_pollfd_enter(pd), RT_FD_CLOSING | RT_FD_FINAL | 1);
		expect(!rt_pollfd_leave(pd));
		expect_eq(rt_pollfd_enter(pd), RT_FD_CLOSING | RT_FD_FINAL | 1);
		rt_pollfd_next_life(pd);
		expect(!rt_pollfd_leave(pd));
		expect_eq(pd->users, 0);
	}
}

PLAIN_TEST(records_of_numbers)
{
	expect(rt_pollfd(-1) == NULL);
	expect(rt_pollfd(INT32_MAX) == NULL);
	expect(rt_pollfd(64 * 1024 * 1024) == NULL);
	for (int fd = 0; fd < 5000; fd += 7) {
		expect(rt_pollfd(fd) != NULL);
		expect(rt_pollfd(fd) == rt_pollfd(fd));
		expect_eq(rt_pollfd(fd)->fd, fd);
	}
}

static struct gos_pollfd *shared;
static int ends, stop;

/* Comes and goes; ends the life now and then. Between the end of one and the beginning of the next nobody may end it again. */
static void *user(void *arg)
{
	uint64_t random = (uint64_t)(uintptr_t)arg;
	static int ending;
	while (!__atomic_load_n(&stop, __ATOMIC_RELAXED)) {
		uint32_t users = rt_pollfd_enter(shared);
		struct gos_g *woken;
		if ((users & RT_FD_CLOSING) == 0) {
			expect_eq(__atomic_load_n(&ending, __ATOMIC_SEQ_CST), 0); /* a user of this life, which cannot end */
			if (gos_test_random(&random) % 16 == 0)
				rt_pollfd_begin_close(shared, &woken);
			expect_eq(__atomic_load_n(&ending, __ATOMIC_SEQ_CST), 0);
		}
		if (rt_pollfd_leave(shared)) {
			expect_eq(__atomic_add_fetch(&ending, 1, __ATOMIC_SEQ_CST), 1);
			for (volatile int i = 0; i < (int)(gos_test_random(&random) % 200); i++)
				;
			__atomic_add_fetch(&ends, 1, __ATOMIC_SEQ_CST);
			expect_eq(__atomic_sub_fetch(&ending, 1, __ATOMIC_SEQ_CST), 0);
			rt_pollfd_next_life(shared);
		}
	}
	return NULL;
}

PLAIN_TEST(a_life_has_one_end_whoever_comes_and_goes)
{
	pthread_t t[4];
	shared = rt_pollfd(77);
	for (uintptr_t i = 0; i < 4; i++)
		expect_eq(pthread_create(&t[i], NULL, user, (void *)(gos_test_seed() + i)), 0);
	for (int i = 0; i < 5000 && __atomic_load_n(&ends, __ATOMIC_RELAXED) < 20000; i++)
		usleep(1000);
	__atomic_store_n(&stop, 1, __ATOMIC_RELAXED);
	for (int i = 0; i < 4; i++)
		pthread_join(t[i], NULL);
	expect_gt(ends, 0);
	expect_eq(shared->users & RT_FD_USERS, 0);
}

PLAIN_TEST(waiters_are_taken_by_direction)
{
	struct gos_pollfd *pd = rt_pollfd(9);
	struct gos_g g[3] = {0};
	struct rt_fd_waiter w[3] = {{.pd = pd}, {.pd = pd}, {.pd = pd}};
	struct gos_g *list = NULL, **end = &list;

	for (int i = 0; i < 3; i++) {
		rt_fd_waiter_enlist(&w[i], i + 1); /* to read, to write, both */
		expect(rt_fd_waiter_may_park(&w[i], &g[i]));
		rt_unlock(&pd->lock);
	}
	expect_eq(rt_pollfd_parked, 3);
	rt_fd_waiters_take(pd, GOS_POLL_WRITE, &end);
	expect_eq(rt_pollfd_parked, 1);
	expect(w[0].listed && !w[1].listed && !w[2].listed);
	expect((list == &g[1] && g[1].link == &g[2] && g[2].link == NULL) || (list == &g[2] && g[2].link == &g[1] && g[1].link == NULL));
	expect(!rt_fd_waiter_may_park(&w[1], &g[1])); /* an edge came since it was listed */
	expect(rt_fd_waiter_late(&w[0]) == &g[0]);
	expect(w[0].late && !w[0].listed);
	expect(rt_fd_waiter_late(&w[0]) == NULL);
	expect_eq(rt_pollfd_parked, 0);
	expect(pd->waiting == NULL);
	/* One that has not parked is taken off and not returned. */
	rt_fd_waiter_enlist(&w[1], GOS_POLL_READ);
	list = NULL;
	end = &list;
	rt_fd_waiters_take(pd, GOS_POLL_READ, &end);
	expect(list == NULL && !w[1].listed);
	rt_fd_waiter_delist(&w[1]);
	rt_fd_waiter_enlist(&w[1], GOS_POLL_READ);
	rt_fd_waiter_delist(&w[1]);
	expect(pd->waiting == NULL);
}

GOS_TEST(close_waits_for_the_last_user)
{
	int p[2];
	char byte;
	expect_eq(pipe(p), 0);
	expect_eq(gos_write(p[1], "x", 1), 1);
	struct gos_pollfd *pd = rt_pollfd(p[0]);
	rt_pollfd_enter(pd); /* a call that has found the record, and not yet made its system call */
	expect_eq(gos_close(p[0]), 0);
	expect_ge(fcntl(p[0], F_GETFD), 0);
	expect_eq(gos_close(p[0]), -EBADF);
	expect_eq(gos_read(p[0], &byte, 1), -EBADF);
	expect_eq(gos_set_deadline(p[0], GOS_POLL_READ, 1), -EBADF);
	expect_eq(gos_wait_fd(p[0], GOS_POLL_READ, 0), -EBADF);
	expect_eq(gos_pread(p[0], &byte, 1, 0), -EBADF);
	int q[2];
	expect_eq(pipe(q), 0);
	expect(q[0] != p[0] && q[1] != p[0]); /* the number is not anybody's yet */
	expect(rt_pollfd_leave(pd));
	expect_eq(rt_fd_end(pd), 0);
	expect_lt(fcntl(p[0], F_GETFD), 0);
	expect_eq(gos_close(p[0]), -EBADF);
	expect_eq(gos_close(q[0]), 0);
}
