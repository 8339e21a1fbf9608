/* SPDX-License-Identifier: MIT */
/*
 * preempted.c - code that calls nothing, compiled with the option that puts preemption points into it. For test_preempt.c.
 */
void preempted_loop(volatile int *stop, volatile int *started);
int preempted_recursion(volatile int *stop, int depth);

void preempted_loop(volatile int *stop, volatile int *started)
{
	static volatile unsigned x;
	__atomic_add_fetch(started, 1, __ATOMIC_SEQ_CST);
	while (!*stop)
		x = x + 1;
}

int preempted_recursion(volatile int *stop, int depth)
{
	if (*stop)
		return -1;
	return depth == 0 ? 0 : preempted_recursion(stop, depth - 1) + 1;
}
