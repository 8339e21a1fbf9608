/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/file.c, and of reading and writing files: a call that blocks its thread holds up nobody else. Method: black box, on files and FIFOs of this process. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "gos_test.h"

static gos_waitgroup wg;
static char directory[] = "/tmp/gos_test_XXXXXX", path[64];

static const char *in_directory(const char *name)
{
	if (path[0] == '\0')
		expect(mkdtemp(directory) != NULL);
	snprintf(path, sizeof path, "%s/%s", directory, name);
	return path;
}

static void clean_up(void)
{
	unlink(path);
	rmdir(directory);
}

GOS_TEST(files_are_written_and_read)
{
	char got[100];
	int fd = gos_open(in_directory("f"), O_RDWR | O_CREAT | O_EXCL, 0600);
	expect_ge(fd, 0);
	struct stat st;
	expect_eq(fstat(fd, &st), 0);
	expect_eq(st.st_mode & 0777, 0600);
	expect_eq(gos_write(fd, "hello, world", 12), 12);
	expect_eq(gos_read(fd, got, sizeof got), 0); /* at the end */
	expect_eq(gos_pread(fd, got, sizeof got, 7), 5);
	expect(memcmp(got, "world", 5) == 0);
	expect_eq(gos_pwrite(fd, "there", 5, 7), 5);
	expect_eq(gos_pread(fd, got, sizeof got, 0), 12);
	expect(memcmp(got, "hello, there", 12) == 0);
	expect_eq(gos_pread(fd, got, sizeof got, 12), 0);
	expect_eq(gos_pread(fd, got, sizeof got, 1000), 0);
	expect_eq(gos_pwrite(fd, "far", 3, 100), 3);
	expect_eq(gos_pread(fd, got, 1, 50), 1);
	expect_eq(got[0], 0);
	expect_eq(gos_fsync(fd), 0);
	expect_eq(lseek(fd, 0, SEEK_SET), 0);
	for (int i = 0; i < 12; i += 3)
		expect_eq(gos_read(fd, got, 3), 3); /* pread and pwrite moved nothing */
	expect_eq(gos_close(fd), 0);
	expect_eq(gos_close(fd), -EBADF);
	clean_up();
}

GOS_TEST(files_that_cannot_be_opened)
{
	char byte;
	expect_eq(gos_open("/nowhere/at/all", O_RDONLY, 0), -ENOENT);
	expect_eq(gos_open("", O_RDONLY, 0), -ENOENT);
	expect_eq(gos_open("/", O_WRONLY, 0), -EISDIR);
	int fd = gos_open(in_directory("f"), O_WRONLY | O_CREAT, 0600);
	expect_eq(gos_open(path, O_WRONLY | O_CREAT | O_EXCL, 0600), -EEXIST);
	expect_eq(gos_read(fd, &byte, 1), -EBADF);
	expect_eq(gos_pread(fd, &byte, 1, 0), -EBADF);
	expect_eq(gos_pwrite(fd, &byte, 1, -1), -EINVAL);
	gos_close(fd);
	fd = gos_open("/", O_RDONLY | O_DIRECTORY, 0);
	expect_eq(gos_read(fd, &byte, 1), -EISDIR);
	gos_close(fd);
	expect_eq(gos_fsync(fd), -EBADF);
	expect_eq(gos_pread(-1, &byte, 1, 0), -EBADF);
	expect_eq(gos_pwrite(987, &byte, 1, 0), -EBADF);
	int p[2];
	expect_eq(pipe(p), 0);
	expect_eq(gos_pread(p[0], &byte, 1, 0), -ESPIPE);
	expect_eq(gos_pwrite(p[1], &byte, 1, 0), -ESPIPE);
	expect_eq(gos_fsync(p[0]), -EINVAL);
	clean_up();
}

static void fill_block(int fd, int block, int times)
{
	char data[512];
	memset(data, 'a' + block, sizeof data);
	for (int i = 0; i < times; i++)
		expect_eq(gos_pwrite(fd, data, sizeof data, (int64_t)block * (int64_t)sizeof data), sizeof data);
	gos_waitgroup_done(&wg);
}

GOS_TEST(files_are_written_by_many_at_once)
{
	char data[512];
	int fd = gos_open(in_directory("f"), O_RDWR | O_CREAT, 0600);
	gos_waitgroup_add(&wg, 20);
	for (int i = 0; i < 20; i++)
		go(fill_block, fd, i, 100);
	gos_waitgroup_wait(&wg);
	for (int i = 0; i < 20; i++) {
		expect_eq(gos_read(fd, data, sizeof data), sizeof data);
		for (size_t n = 0; n < sizeof data; n++)
			expect_eq(data[n], 'a' + i);
	}
	expect_eq(gos_close(fd), 0);
	clean_up();
}

/* ---- others go on ---- */

static void opens_and_reads(const char *name, int *opened)
{
	char got[10];
	int fd = gos_open(name, O_RDONLY, 0); /* waits for a writer */
	expect_ge(fd, 0);
	__atomic_store_n(opened, 1, __ATOMIC_RELEASE);
	expect_eq(gos_read(fd, got, sizeof got), 5);
	expect(memcmp(got, "fifo!", 5) == 0);
	expect_eq(gos_read(fd, got, sizeof got), 0);
	expect_eq(gos_close(fd), 0);
	gos_waitgroup_done(&wg);
}

static void counts(int *n, const int *stop)
{
	while (!__atomic_load_n(stop, __ATOMIC_ACQUIRE)) {
		__atomic_add_fetch(n, 1, __ATOMIC_RELAXED);
		gos_yield();
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(a_fifo_is_opened_and_read_while_others_go_on)
{
	int opened = 0, n = 0, stop = 0;
	gos_procs(1);
	expect_eq(mkfifo(in_directory("fifo"), 0600), 0);
	gos_waitgroup_add(&wg, 2);
	go(opens_and_reads, path, &opened);
	go(counts, &n, &stop);
	for (int last = 0; last < 1000; last = __atomic_load_n(&n, __ATOMIC_RELAXED))
		gos_sleep(GOS_MS);
	expect_eq(opened, 0); /* it is in open(2), with its thread */
	int fd = gos_open(path, O_WRONLY, 0);
	expect_ge(fd, 0);
	gos_test_until(&opened);
	gos_test_until_n_waiting(1, "IO wait"); /* a FIFO can be watched: reading it blocks no thread */
	expect_eq(gos_write(fd, "fifo!", 5), 5);
	expect_eq(gos_close(fd), 0);
	stop = 1;
	gos_waitgroup_wait(&wg);
	clean_up();
}

/* A thousand goroutines that read files at once, on whatever number of Ps. */
static void reads_a_file(const char *name, int times)
{
	char got[4096];
	while (times-- > 0) {
		int fd = gos_open(name, O_RDONLY | O_CLOEXEC, 0);
		expect_ge(fd, 0);
		size_t size = 0;
		ssize_t n;
		while ((n = gos_read(fd, got, sizeof got)) > 0) {
			for (ssize_t i = 0; i < n; i++)
				expect_eq((unsigned char)got[i], (unsigned char)((size + (size_t)i) * 7));
			size += (size_t)n;
		}
		expect_eq(n, 0);
		expect_eq(size, 10000);
		expect_eq(gos_close(fd), 0);
	}
	gos_waitgroup_done(&wg);
}

GOS_TEST(files_are_read_by_many_at_once)
{
	unsigned char data[10000];
	for (size_t i = 0; i < sizeof data; i++)
		data[i] = (unsigned char)(i * 7);
	int fd = gos_open(in_directory("f"), O_WRONLY | O_CREAT, 0600);
	expect_eq(gos_write(fd, data, sizeof data), sizeof data);
	expect_eq(gos_close(fd), 0);
	gos_waitgroup_add(&wg, 100);
	for (int i = 0; i < 100; i++)
		go(reads_a_file, path, 10);
	gos_waitgroup_wait(&wg);
	clean_up();
}

/* The number of a file is a pipe's next, and the other way round: what was known of one is not believed of the other. */
GOS_TEST(numbers_change_between_files_and_pipes)
{
	int p[2], first = -1;
	char byte;
	expect_eq(pipe(p), 0);
	expect_eq(gos_write(p[1], "x", 1), 1); /* the runtime opens its own descriptors now */
	in_directory("f");
	for (int i = 0; i < 100; i++) {
		int fd = gos_open(path, O_RDWR | O_CREAT | O_TRUNC, 0600), q[2];
		if (first < 0)
			first = fd;
		expect_eq(fd, first);
		expect_eq(gos_write(fd, "x", 1), 1);
		expect_eq(gos_pread(fd, &byte, 1, 0), 1);
		expect_eq(gos_close(fd), 0);
		expect_eq(pipe(q), 0);
		expect_eq(q[0], first);
		expect_eq(gos_set_deadline(q[0], GOS_POLL_READ, gos_now() + GOS_US), 0);
		expect_eq(gos_read(q[0], &byte, 1), -ETIMEDOUT);
		expect_eq(gos_close(q[0]), 0);
		expect_eq(gos_close(q[1]), 0);
	}
	clean_up();
}
