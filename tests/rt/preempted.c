/* SPDX-License-Identifier: MIT */
/*
 * preempted.c - code that calls nothing, compiled with the option that puts preemption points into it. For test_preempt.c.
 */
void preempted_loop(int *stop, int *started);
int preempted_recursion(int *stop, int depth);

void preempted_loop(int *stop, int *started)
{
	static unsigned x;
	__atomic_add_fetch(started, 1, __ATOMIC_SEQ_CST);
	while (!__atomic_load_n(stop, __ATOMIC_RELAXED))
		__atomic_store_n(&x, __atomic_load_n(&x, __ATOMIC_RELAXED) + 1, __ATOMIC_RELAXED);
}

int preempted_recursion(int *stop, int depth)
{
	if (__atomic_load_n(stop, __ATOMIC_RELAXED))
		return -1;
	return depth == 0 ? 0 : preempted_recursion(stop, depth - 1) + 1;
}
