/* SPDX-License-Identifier: MIT */
/*
 * sema.c - sleep on a word: the table of waiters by address. Floor 6. After Go's sema.go.
 *
 * Each root of the table has a treap: a binary tree ordered by address (sudog.elem), a heap by random ticket; each node is the first waiter
 * on its address, the others hang on its waitlink list, first come first served. So waiters on one address do not slow those on another.
 *
 * Always true, under root->lock: waiters counts the sudogs below the root; a node's left subtree has lower addresses and its right one higher;
 * node->ticket <= its children's; node->waittail is the last of its list, NULL when it is alone.
 * No lost wake-up: acquire counts itself in `waiters`, then looks at the count once more; release adds to the count, then looks at `waiters`.
 */
#include "sema.h"

#include "park.h"

struct rt_sema_root rt_sema_roots[RT_SEMA_ROOTS];

static struct rt_sema_root *root_of(const uint32_t *addr)
{
	return &rt_sema_roots[((uintptr_t)addr >> RT_SEMA_SHIFT) % RT_SEMA_ROOTS];
}

bool rt_sema_try_acquire(uint32_t *addr)
{
	for (;;) {
		uint32_t v = rt_load_seq_cst(addr); /* the last look of rt_sema_acquire: pairs with rt_sema_release */
		if (v == 0)
			return false;
		if (rt_cas(addr, v, v - 1))
			return true;
	}
}

/* ---- the treap: parent, prev (left), next (right) ---- */

static void replace_child(struct rt_sema_root *r, struct gos_sudog *parent, struct gos_sudog *old, struct gos_sudog *new)
{
	if (parent == NULL)
		r->treap = new;
	else if (parent->prev == old)
		parent->prev = new;
	else
		parent->next = new;
	if (new != NULL)
		new->parent = parent;
}

/* x's right child comes up in its place. */
static void rotate_left(struct rt_sema_root *r, struct gos_sudog *x)
{
	struct gos_sudog *y = x->next;
	replace_child(r, x->parent, x, y);
	x->next = y->prev;
	if (x->next != NULL)
		x->next->parent = x;
	y->prev = x;
	x->parent = y;
}

static void rotate_right(struct rt_sema_root *r, struct gos_sudog *x)
{
	struct gos_sudog *y = x->prev;
	replace_child(r, x->parent, x, y);
	x->prev = y->next;
	if (x->prev != NULL)
		x->prev->parent = x;
	y->next = x;
	x->parent = y;
}

/* `sg` takes the place of `node` in the tree. */
static void take_place(struct rt_sema_root *r, struct gos_sudog *node, struct gos_sudog *sg)
{
	sg->ticket = node->ticket;
	sg->prev = node->prev;
	sg->next = node->next;
	if (sg->prev != NULL)
		sg->prev->parent = sg;
	if (sg->next != NULL)
		sg->next->parent = sg;
	replace_child(r, node->parent, node, sg);
}

static void enqueue(struct rt_sema_root *r, struct gos_sudog *sg, uint32_t *addr, bool front, uint32_t random)
{
	struct gos_sudog *parent = NULL, *node = r->treap;

	sg->elem = addr;
	sg->prev = sg->next = sg->parent = sg->waitlink = sg->waittail = NULL;
	while (node != NULL) {
		if (node->elem == addr) {
			if (front) { /* becomes the node, and the old one the second waiter */
				take_place(r, node, sg);
				sg->waitlink = node;
				sg->waittail = node->waittail != NULL ? node->waittail : node;
				node->parent = node->prev = node->next = node->waittail = NULL;
			} else {
				if (node->waittail == NULL)
					node->waitlink = sg;
				else
					node->waittail->waitlink = sg;
				node->waittail = sg;
			}
			return;
		}
		parent = node;
		node = (uintptr_t)addr < (uintptr_t)node->elem ? node->prev : node->next;
	}
	sg->ticket = random | 1; /* 0 would rise above all */
	sg->parent = parent;
	if (parent == NULL)
		r->treap = sg;
	else if ((uintptr_t)addr < (uintptr_t)parent->elem)
		parent->prev = sg;
	else
		parent->next = sg;
	while (sg->parent != NULL && sg->parent->ticket > sg->ticket) {
		if (sg->parent->prev == sg)
			rotate_right(r, sg->parent);
		else
			rotate_left(r, sg->parent);
	}
}

/* The first waiter on addr, taken out; or NULL. */
static struct gos_sudog *dequeue(struct rt_sema_root *r, const uint32_t *addr)
{
	struct gos_sudog *sg = r->treap;

	while (sg != NULL && sg->elem != (void *)addr)
		sg = (uintptr_t)addr < (uintptr_t)sg->elem ? sg->prev : sg->next;
	if (sg == NULL)
		return NULL;
	struct gos_sudog *second = sg->waitlink;
	if (second != NULL) {
		take_place(r, sg, second);
		second->waittail = second->waitlink != NULL ? sg->waittail : NULL;
	} else {
		while (sg->prev != NULL || sg->next != NULL) { /* down to a leaf, keeping the heap */
			if (sg->next == NULL || (sg->prev != NULL && sg->prev->ticket < sg->next->ticket))
				rotate_right(r, sg);
			else
				rotate_left(r, sg);
		}
		replace_child(r, sg->parent, sg, NULL);
	}
	sg->parent = sg->prev = sg->next = sg->waitlink = sg->waittail = NULL;
	sg->elem = NULL;
	return sg;
}

/* ---- acquire and release ---- */

void rt_sema_acquire(uint32_t *addr, bool front, enum gos_reason reason, void *object, void *pc)
{
	struct gos_m *mp = rt_m_of_goroutine();

	if (rt_sema_try_acquire(addr))
		return;
	struct rt_sema_root *r = root_of(addr);
	struct gos_g *gp = mp->curg;
	struct gos_sudog *sg = &gp->sudog;
	for (;;) {
		rt_lock(&r->lock, RT_RANK_SEMA);
		rt_add_fetch(&r->waiters, 1); /* before the last look: pairs with rt_sema_release */
		if (rt_sema_try_acquire(addr)) {
			rt_add_fetch(&r->waiters, (uint32_t)-1);
			rt_unlock(&r->lock);
			return;
		}
		sg->g = gp;
		sg->obj = object;
		sg->is_select = 0;
		sg->success = false;
		enqueue(r, sg, addr, front, rt_random(mp->p));
		gp->waiting = sg;
		mp = rt_park(mp, &r->lock, NULL, NULL, reason, object, pc);
		if (sg->success || rt_sema_try_acquire(addr)) /* success: the unit was handed over */
			return;
	}
}

void rt_sema_release(uint32_t *addr, bool handoff, void *pc)
{
	struct gos_m *mp = rt_m_of_goroutine();
	struct rt_sema_root *r = root_of(addr);

	rt_add_fetch(addr, 1);
	if (rt_load_seq_cst(&r->waiters) == 0) /* pairs with rt_sema_acquire */
		return;
	rt_lock(&r->lock, RT_RANK_SEMA);
	struct gos_sudog *sg = rt_load_relaxed(&r->waiters) != 0 ? dequeue(r, addr) : NULL;
	if (sg != NULL)
		rt_add_fetch(&r->waiters, (uint32_t)-1);
	rt_unlock(&r->lock);
	if (sg == NULL)
		return;
	bool handed = handoff && rt_sema_try_acquire(addr);
	sg->success = handed;
	rt_ready(mp, sg->g);
	if (handed) /* he has waited long enough: run him now, in our time */
		rt_yield_to(mp, rt_next(mp->p), pc);
}

/* Who has a unit may give the memory back as soon as nobody else needs it: so the mark of a release comes before it, that of an acquisition after it. */

void gos_sema_acquire(gos_sema *s)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	rt_sema_acquire(&s->units, false, GOS_REASON_SEMACQUIRE, s, __builtin_return_address(0));
	rt_mark(&s->acquired, gp, __builtin_return_address(0));
}

bool gos_sema_try_acquire(gos_sema *s)
{
	struct gos_g *gp = rt_m_of_goroutine()->curg;
	if (!rt_sema_try_acquire(&s->units))
		return false;
	rt_mark(&s->acquired, gp, __builtin_return_address(0));
	return true;
}

void gos_sema_release(gos_sema *s)
{
	rt_mark(&s->released, rt_m_of_goroutine()->curg, __builtin_return_address(0));
	rt_sema_release(&s->units, false, __builtin_return_address(0));
}
