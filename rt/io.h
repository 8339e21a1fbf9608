/* SPDX-License-Identifier: MIT */
/*
 * io.h - how a public function uses a descriptor: it comes in, makes its system call as often as it takes, and leaves. Floor 6.
 */
#ifndef RT_IO_H
#define RT_IO_H

#include <errno.h>

#include "gossamer.h"
#include "netpoll.h"
#include "park.h"
#include "syscall.h"

/* The slow roads of the two below. */
struct gos_pollfd *rt_fd_use_slowly(struct gos_pollfd *pd, uint32_t users, int directions, bool watch, int *result);
int rt_fd_end(struct gos_pollfd *pd);

/*
 * The record of fd, whose user the caller now is, registered with the netpoller; *result is 1 where that cannot be, for a file. NULL: *result is -errno,
 * -ETIMEDOUT when the deadline for one of these directions is over.
 */
RT_INLINE struct gos_pollfd *rt_fd_use(int fd, int directions, int *result)
{
	rt_m_of_goroutine();
	struct gos_pollfd *pd = rt_pollfd(fd);
	*result = -EBADF;
	if (rt_unlikely(pd == NULL))
		return NULL;
	uint32_t users = rt_pollfd_enter(pd);
	*result = 0;
	if (rt_likely((users & (RT_FD_CLOSING | RT_FD_EXPIRED(directions))) == 0 && rt_load_acquire(&pd->watched) == RT_WATCHED))
		return pd;
	return rt_fd_use_slowly(pd, users, directions, true, result);
}

/* The same without registering, for what needs no waiting for edges. */
RT_INLINE struct gos_pollfd *rt_fd_use_unwatched(int fd, int directions, int *result)
{
	rt_m_of_goroutine();
	struct gos_pollfd *pd = rt_pollfd(fd);
	*result = -EBADF;
	if (rt_unlikely(pd == NULL))
		return NULL;
	uint32_t users = rt_pollfd_enter(pd);
	*result = 0;
	if (rt_likely((users & (RT_FD_CLOSING | RT_FD_EXPIRED(directions))) == 0))
		return pd;
	return rt_fd_use_slowly(pd, users, directions, false, result);
}

RT_INLINE void rt_fd_leave(struct gos_pollfd *pd)
{
	if (rt_unlikely(rt_pollfd_leave(pd)))
		rt_fd_end(pd);
}

/*
 * After a system call that gave *n < 0: true when it is to be made again, after having waited where that was EAGAIN. Else *n is what the public function returns.
 */
bool rt_fd_again(struct gos_pollfd *pd, int direction, ssize_t *n, void *pc);

/* The value of `call`, an expression that may block the thread in a system call and touches nothing of the runtime: others go on meanwhile. */
#define RT_BLOCKING(call)                                                                                                         \
	__extension__({                                                                                                           \
		rt_entersyscall(__builtin_return_address(0));                                                                     \
		__typeof__(call) value_ = (call);                                                                                 \
		rt_exitsyscall();                                                                                                 \
		value_;                                                                                                           \
	})

/*
 * The value of a public function: `call` is an expression that makes one system call on fd in this direction, and gives its value or -errno.
 *
 * Each system call has a function of its own that returns -errno and is not inlined: compilers may compute the address of errno once for a whole
 * function, and after a park it is another thread's.
 */
#define RT_FD_CALL(fd, direction, call) RT_FD_CALL_FLAGS(fd, direction, 0, call)
/* With MSG_DONTWAIT among the flags, once. */
#define RT_FD_CALL_FLAGS(fd, direction, flags, call)                                                                              \
	__extension__({                                                                                                           \
		int result_;                                                                                                      \
		ssize_t n_;                                                                                                       \
		struct gos_pollfd *pd_ = rt_fd_use((fd), (direction), &result_);                                                  \
		if (rt_likely(pd_ != NULL)) {                                                                                     \
			do {                                                                                                      \
				n_ = rt_likely(result_ == 0) ? (call) : RT_BLOCKING(call);                                        \
			} while (rt_unlikely(n_ < 0) && !((flags) & MSG_DONTWAIT) &&                                              \
			         rt_fd_again(pd_, (direction), &n_, __builtin_return_address(0)));                                \
			rt_fd_leave(pd_);                                                                                         \
		} else {                                                                                                          \
			n_ = result_;                                                                                             \
		}                                                                                                                 \
		n_;                                                                                                               \
	})

/*
 * Waits until look(fd, directions) is not 0, and returns that; an edge in these directions, or in none, is when it is worth looking. -ETIMEDOUT at
 * `until` (INT64_MAX: never) or when a deadline is over, -ECANCELED when the descriptor is closed. The caller is a user of it.
 */
int rt_fd_wait(struct gos_pollfd *pd, int directions, int (*look)(int fd, int directions), int64_t until, void *pc);

/* When timeout_ns from now is over; INT64_MAX when it is not positive, which means never. */
RT_INLINE int64_t rt_until(int64_t timeout_ns)
{
	int64_t until;
	return timeout_ns <= 0 || __builtin_add_overflow(rt_now(), timeout_ns, &until) ? INT64_MAX : until;
}

#endif
