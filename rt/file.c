/* SPDX-License-Identifier: MIT */
/*
 * file.c - files, on which system calls wait for devices and cannot be told not to. Floor 6.
 *
 * Each call is made on the goroutine's own stack between rt_entersyscall and rt_exitsyscall: others go on on other threads.
 */
#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "gossamer.h"
#include "io.h"

static RT_NOINLINE int open_once(const char *path, int flags, unsigned mode)
{
	int fd = open(path, flags, (mode_t)mode);
	return fd >= 0 ? fd : -errno;
}

static RT_NOINLINE ssize_t pread_once(int fd, void *buffer, size_t size, int64_t offset)
{
	ssize_t n = pread(fd, buffer, size, (off_t)offset);
	return n >= 0 ? n : -errno;
}

static RT_NOINLINE ssize_t pwrite_once(int fd, const void *buffer, size_t size, int64_t offset)
{
	ssize_t n = pwrite(fd, buffer, size, (off_t)offset);
	return n >= 0 ? n : -errno;
}

static RT_NOINLINE int fsync_once(int fd)
{
	return fsync(fd) == 0 ? 0 : -errno;
}

/* The value of a public function that makes `call` on fd, as often as a signal interrupts it. */
#define FILE_CALL(fd, call)                                                                                                       \
	__extension__({                                                                                                           \
		int result_;                                                                                                      \
		ssize_t n_;                                                                                                       \
		struct gos_pollfd *pd_ = rt_fd_use_unwatched((fd), 0, &result_);                                                  \
		if (pd_ != NULL) {                                                                                                \
			do {                                                                                                      \
				n_ = RT_BLOCKING(call);                                                                           \
			} while (n_ == -EINTR);                                                                                   \
			rt_fd_leave(pd_);                                                                                         \
		} else {                                                                                                          \
			n_ = result_;                                                                                             \
		}                                                                                                                 \
		n_;                                                                                                               \
	})

int gos_open(const char *path, int flags, unsigned mode)
{
	int fd;
	rt_m_of_goroutine();
	do {
		fd = RT_BLOCKING(open_once(path, flags, mode));
	} while (fd == -EINTR);
	return fd;
}

ssize_t gos_pread(int fd, void *buffer, size_t size, int64_t offset)
{
	return FILE_CALL(fd, pread_once(fd, buffer, size, offset));
}

ssize_t gos_pwrite(int fd, const void *buffer, size_t size, int64_t offset)
{
	return FILE_CALL(fd, pwrite_once(fd, buffer, size, offset));
}

int gos_fsync(int fd)
{
	return (int)FILE_CALL(fd, fsync_once(fd));
}
