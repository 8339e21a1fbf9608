/* SPDX-License-Identifier: MIT */
/* live.c - see live.h. */
#include "live.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

bool live_start(struct live *live, const char *program, const char *library_folder)
{
	int to[2], from[2];
	char said[6];

	if (pipe(to) != 0 || pipe(from) != 0)
		return false;
	live->pid = fork();
	if (live->pid == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(to[0], STDIN_FILENO);
		dup2(from[1], STDOUT_FILENO);
		close(to[1]);
		close(from[0]);
		if (library_folder != NULL)
			setenv("LD_LIBRARY_PATH", library_folder, 1);
		execl(program, program, (char *)NULL);
		_exit(127);
	}
	close(to[0]);
	close(from[1]);
	live->input = to[1];
	bool ready = read(from[0], said, sizeof said) == sizeof said && memcmp(said, "ready\n", sizeof said) == 0;
	close(from[0]);
	return ready;
}

int live_end(struct live *live)
{
	int status;
	close(live->input);
	waitpid(live->pid, &status, 0);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

uint64_t live_mapping(const struct live *live, const char *path)
{
	char name[64], line[4096 + 128], real[4096];
	uint64_t found = 0;

	if (realpath(path, real) == NULL)
		return 0;
	snprintf(name, sizeof name, "/proc/%d/maps", live->pid);
	FILE *maps = fopen(name, "r");
	while (maps != NULL && found == 0 && fgets(line, sizeof line, maps) != NULL) {
		uint64_t start, offset;
		int at = 0;
		line[strcspn(line, "\n")] = '\0';
		if (sscanf(line, "%lx-%*x %*s %lx %*s %*s %n", &start, &offset, &at) == 2 && offset == 0 &&
		    strcmp(line + at, real) == 0)
			found = start;
	}
	if (maps != NULL)
		fclose(maps);
	return found;
}

bool live_read(const struct live *live, uint64_t address, void *buffer, size_t size)
{
	struct iovec here = {buffer, size}, there = {(void *)address, size};
	return process_vm_readv(live->pid, &here, 1, &there, 1, 0) == (ssize_t)size;
}
