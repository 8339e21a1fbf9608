/* SPDX-License-Identifier: MIT */
/*
 * rwmutex.c - many readers or one writer. Floor 6. After Go's sync.RWMutex.
 *
 * Writers exclude each other by the mutex `writers`, which who writes holds all the time. `readers` counts the readers that hold it, and, less WRITER, while a
 * writer holds it or waits for those who were there before him: a reader that finds it negative waits for its unit of
 * reader_sema, which the writer gives when he is done. So a writer waits for no reader that comes after him, and readers for one writer.
 * `leaving` counts the readers that this writer still waits for; the last of them wakes him by writer_sema. It is negative for the moment in which they leave
 * before he has counted them.
 * owner is the goid of the writer while he has it: not yet while he waits for readers. Written by him only, after he has it and before he lets go; 0 else.
 * Where and since when are those of `writers`. `reader` is who locked it last for reading, as far as readers that came at once have not mixed their marks.
 */
#include "rwmutex.h"

#include "mutex.h"
#include "sema.h"

#define WRITER (1 << 30)

void gos_rwmutex_rlock(gos_rwmutex *rw)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	if (rt_unlikely(rt_add_fetch(&rw->readers, 1) < 0))
		rt_sema_acquire(&rw->reader_sema, false, GOS_REASON_RWMUTEX_RLOCK, rw, __builtin_return_address(0));
	rt_mark(&rw->reader, gp, __builtin_return_address(0));
}

bool gos_rwmutex_try_rlock(gos_rwmutex *rw)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	for (;;) {
		int32_t n = rt_load_relaxed(&rw->readers);
		if (n < 0)
			return false;
		if (rt_cas(&rw->readers, n, n + 1)) {
			rt_mark(&rw->reader, gp, __builtin_return_address(0));
			return true;
		}
	}
}

static RT_NOINLINE void runlock_slow(gos_rwmutex *rw, int32_t left, void *pc)
{
	if (left + 1 == 0 || left + 1 == -WRITER) {
		rt_add_fetch(&rw->readers, 1);
		rt_fatal_at(pc, "read unlock of unlocked rwmutex");
	}
	if (rt_add_fetch(&rw->leaving, -1) == 0)
		rt_sema_release(&rw->writer_sema, false, pc);
}

void gos_rwmutex_runlock(gos_rwmutex *rw)
{
	rt_m_of_goroutine();
	int32_t left = rt_add_fetch(&rw->readers, -1);
	if (rt_unlikely(left < 0))
		runlock_slow(rw, left, __builtin_return_address(0));
}

RT_INLINE void lock(gos_rwmutex *rw, void *pc)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;

	rt_mutex_lock(&rw->writers, GOS_REASON_RWMUTEX_LOCK, rw, pc);
	int32_t inside = rt_add_fetch(&rw->readers, -WRITER) + WRITER;
	if (inside != 0 && rt_add_fetch(&rw->leaving, inside) != 0) {
		rt_sema_acquire(&rw->writer_sema, false, GOS_REASON_RWMUTEX_LOCK, rw, pc);
		if (GOS_RECORD)
			rt_store_relaxed(&rw->writers.since, rt_load_relaxed(&gos_runtime.now));
	}
	rt_store_relaxed(&rw->owner, gp->goid);
}

void gos_rwmutex_lock(gos_rwmutex *rw)
{
	lock(rw, __builtin_return_address(0));
}

void rt_rwmutex_lock(gos_rwmutex *rw, void *pc)
{
	lock(rw, pc);
}

bool gos_rwmutex_try_lock(gos_rwmutex *rw)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;

	if (!rt_mutex_try_lock(&rw->writers, __builtin_return_address(0)))
		return false;
	if (!rt_cas(&rw->readers, 0, -WRITER)) {
		rt_mutex_unlock(&rw->writers, __builtin_return_address(0));
		return false;
	}
	rt_store_relaxed(&rw->owner, gp->goid);
	return true;
}

RT_INLINE void unlock(gos_rwmutex *rw, void *pc)
{
	rt_m_of_goroutine();
	/* Tells a writer that holds it from one that waits for readers, as `readers` does not. */
	if (rt_unlikely(rt_load_relaxed(&rw->owner) == 0))
		rt_fatal_at(pc, "unlock of unlocked rwmutex");
	rt_store_relaxed(&rw->owner, (uint64_t)0);
	int32_t waiting = rt_add_fetch(&rw->readers, WRITER);
	if (rt_unlikely(waiting >= WRITER)) { /* two unlock it at once */
		rt_add_fetch(&rw->readers, -WRITER);
		rt_fatal_at(pc, "unlock of unlocked rwmutex");
	}
	for (; waiting > 0; waiting--)
		rt_sema_release(&rw->reader_sema, false, pc);
	rt_mutex_unlock(&rw->writers, pc);
}

void gos_rwmutex_unlock(gos_rwmutex *rw)
{
	unlock(rw, __builtin_return_address(0));
}

void rt_rwmutex_unlock(gos_rwmutex *rw, void *pc)
{
	unlock(rw, pc);
}
