/* SPDX-License-Identifier: MIT */
/*
 * origin.c - where goroutines come from: what is not verified in origin.h is found out here. Floor 1. Lock: `lock` (rank SLAB), for the free list of ancestors.
 *
 * All of a P's memory here belongs to the P: rules, sites and the budget need no lock.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "origin.h"

#include <link.h>
#include <string.h>
#include <sys/auxv.h>

#include "clock.h"
#include "config.h"
#include "depot.h"
#include "lock.h"
#include "slab.h"
#include "traceback.h"

#define RULES_SETS 128      /* of rules that a P remembers: a power of two */
#define RULES_WAYS 4        /* in each: return addresses that go to the same set shall not drive each other out, over and over */
#define PAIRS 256           /* likewise */
#define LONG_SITES 16       /* likewise */
#define LOOKS_MAX 1024      /* into unwind tables, at once */
#define LOOK_EVERY 8000     /* ns; such a look costs about one of eight */
#define COPY_ATTEMPTS 100
#define OBJECTS_MAX 256     /* files with code that were there when the program began */

/* What lies at sp + offset: a return address; or, less sp, where the rbp that was saved there points to, when relative is all ones. */
struct check {
	uint32_t offset;
	int32_t relative;
	uint64_t value;
};
#define CHECKS_MAX (3 * RT_CREATIONSTACK_MAX)

/* A place with more callers than one. Each check makes sure that the next reads what it means to: origin.h. */
struct long_site {
	uint64_t pc;
	uint32_t creation;
	uint32_t count;
	bool lasting;       /* all the code whose frames are looked at */
	uint64_t reach;     /* of the checks, from sp: what is read lies below */
	uint64_t rbp;       /* less sp; where uses_rbp */
	bool uses_rbp;
	struct check checks[CHECKS_MAX];
};

/* One stack, on the way up. */
struct walk {
	uint64_t pc, sp, rbp; /* of the frame that is looked at */
	bool rbp_known;
	uint64_t stack_hi;
	uint32_t depth;       /* callers wanted */
	/* What is found. */
	uint32_t count;       /* of pcs */
	bool whole;
	uint64_t pcs[RT_DEPOT_FRAMES_MAX];
	uint32_t read;        /* return addresses that were read: pcs but the first, and the one in rt_gostart */
	bool tables;          /* some were found in another way than by rules */
	bool lasting_place;   /* the first of them is in code that lasts; and: */
	bool lasting;         /* so are all of them, and what the last was called by, where that was looked at */
	bool asked;           /* whether other code was unloaded */
	bool uses_rbp, rbp_checked;
	uint32_t rbp_at;      /* where rbp was saved, from the bottom; 0: it is the register */
	uint32_t count_of_checks;
	struct check checks[CHECKS_MAX];
};

struct rt_origins {
	int64_t refilled_at;           /* coarse time */
	uint64_t unloaded;             /* files that had been unloaded when it was last asked */
	uint32_t looks;                /* that may still be had */
	struct remembered {
		uint64_t pc[RULES_WAYS];
		struct rt_frame_rule rule[RULES_WAYS];
		bool lasting[RULES_WAYS];
	} rules[RULES_SETS];
	uint32_t next_way;             /* the one that is given up next */
	struct pair {
		uint64_t pc, caller;
		uint32_t creation;
	} pairs[PAIRS]; /* where one caller is all that there is to know */
	struct long_site sites[LONG_SITES];
	struct walk walk; /* the one under way: not on the goroutine's stack, which may be small */
};

/* ---- code that comes and goes --------------------------------------------------------------------------------------- */

/*
 * Code that lasts: of the program, of the libraries that it needs, of those that these need, and of those that say that they cannot be unloaded. Whatever else was loaded may
 * be unloaded, and other code may take its place. Written by rt_origin_init.
 */
static struct object {
	uint64_t lo, hi;      /* its addresses */
	const ElfW(Dyn) *dynamic;
	const char *strings, *name; /* the section that its names lie in; the name that others need it by */
	const char *path;
	bool lasting, followed;
} objects[OBJECTS_MAX];
static uint32_t object_count;

static const char *name_of(const struct object *object)
{
	const char *slash = strrchr(object->path, '/');
	return object->name != NULL ? object->name : slash != NULL ? slash + 1 : object->path;
}

static int list_object(struct dl_phdr_info *info, size_t size, void *arg)
{
	struct object *object = &objects[object_count];
	uint64_t soname = 0, strings = 0;

	(void)size, (void)arg;
	if (object_count == OBJECTS_MAX)
		return 1;
	object->lo = UINT64_MAX;
	object->path = info->dlpi_name != NULL ? info->dlpi_name : "";
	object->lasting = (uint64_t)(uintptr_t)info->dlpi_phdr == getauxval(AT_PHDR); /* the program */
	for (uint32_t i = 0; i < info->dlpi_phnum; i++) {
		const ElfW(Phdr) *ph = &info->dlpi_phdr[i];
		uint64_t lo = info->dlpi_addr + ph->p_vaddr, hi = lo + ph->p_memsz;
		if (ph->p_type == PT_LOAD && lo < object->lo)
			object->lo = lo;
		if (ph->p_type == PT_LOAD && hi > object->hi)
			object->hi = hi;
		if (ph->p_type == PT_DYNAMIC)
			object->dynamic = (const ElfW(Dyn) *)(uintptr_t)lo;
	}
	for (const ElfW(Dyn) *d = object->dynamic; d != NULL && d->d_tag != DT_NULL; d++) {
		if (d->d_tag == DT_STRTAB)
			strings = d->d_un.d_ptr < info->dlpi_addr ? d->d_un.d_ptr + info->dlpi_addr : d->d_un.d_ptr; /* the loader has made an address of it, or has not */
		else if (d->d_tag == DT_SONAME)
			soname = d->d_un.d_val;
		else if (d->d_tag == DT_FLAGS_1 && d->d_un.d_val & DF_1_NODELETE)
			object->lasting = true;
	}
	object->strings = (const char *)(uintptr_t)strings;
	if (strings != 0 && soname != 0)
		object->name = object->strings + soname;
	object_count++;
	return 0;
}

/* What this one needs lasts as long as it. */
static void follow(struct object *object)
{
	object->followed = true;
	for (const ElfW(Dyn) *d = object->dynamic; d != NULL && object->strings != NULL && d->d_tag != DT_NULL; d++) {
		uint32_t i = d->d_tag == DT_NEEDED ? 0 : object_count;
		while (i < object_count && strcmp(name_of(&objects[i]), object->strings + d->d_un.d_val) != 0)
			i++;
		if (i < object_count) /* the first of that name: those that programs begin with come first */
			objects[i].lasting = true;
	}
}

void rt_origin_init(void)
{
	dl_iterate_phdr(list_object, NULL);
	for (uint32_t i = 0; i < object_count; i++) {
		if (!objects[i].lasting || objects[i].followed)
			continue;
		follow(&objects[i]);
		i = UINT32_MAX; /* from the start: it may need earlier ones */
	}
}

bool rt_origin_lasts(uint64_t return_address)
{
	uint64_t pc = return_address - 1; /* of the call */
	for (uint32_t i = 0; i < object_count; i++)
		if (pc >= objects[i].lo && pc < objects[i].hi)
			return objects[i].lasting;
	return false;
}

static int ask_unloaded(struct dl_phdr_info *info, size_t size, void *arg)
{
	if (size >= offsetof(struct dl_phdr_info, dlpi_subs) + sizeof info->dlpi_subs)
		*(uint64_t *)arg = info->dlpi_subs;
	return 1;
}

/* What is remembered of code that was unloaded may be wrong for what lies there now. Two dozen ns. */
static void forget_unloaded(struct rt_origins *o)
{
	uint64_t unloaded = 0;
	dl_iterate_phdr(ask_unloaded, &unloaded);
	if (unloaded == o->unloaded)
		return;
	o->unloaded = unloaded;
	memset(o->rules, 0, sizeof o->rules);
	memset(o->sites, 0, sizeof o->sites);
}

/* ---- one frame ------------------------------------------------------------------------------------------------------ */

static bool may_look(struct rt_origins *o)
{
	if (o->looks == 0)
		return false;
	o->looks--;
	return true;
}

static uint32_t way_of(const struct remembered *set, uint64_t pc)
{
	uint32_t way = 0;
	while (way < RULES_WAYS && set->pc[way] != pc)
		way++;
	return way;
}

/* Of the next frame up. False: the budget is used up. */
static bool rule_of(struct rt_origins *o, struct walk *w, uint64_t pc, struct rt_frame_rule *rule)
{
	struct remembered *set = &o->rules[(pc * 0x9e3779b97f4a7c15u >> 40) % RULES_SETS];
	uint32_t way = way_of(set, pc);
	if (rt_unlikely(way != RULES_WAYS && !set->lasting[way] && !w->asked)) {
		forget_unloaded(o);
		w->asked = true;
		way = way_of(set, pc);
	}
	if (rt_unlikely(way == RULES_WAYS)) {
		if (!may_look(o))
			return false;
		way = o->next_way++ % RULES_WAYS;
		set->rule[way] = rt_frame_rule(pc);
		set->lasting[way] = rt_origin_lasts(pc);
		set->pc[way] = pc;
	}
	*rule = set->rule[way];
	w->lasting &= set->lasting[way];
	return true;
}

/* ---- all of them ---------------------------------------------------------------------------------------------------- */

/* The rest, from a frame on that takes more than a rule: handwritten assembly, mostly. False: the budget is used up. */
static bool walk_by_tables(struct rt_origins *o, struct walk *w)
{
	struct rt_memory memory = {.lo = w->sp, .hi = w->stack_hi, .bytes = (const char *)(uintptr_t)w->sp};
	struct rt_regs regs = {.known = 1u << RT_REG_RIP | 1u << RT_REG_RSP | (w->rbp_known ? 1u << RT_REG_RBP : 0)};
	struct rt_cursor cursor;
	struct rt_frame_rule rule;

	regs.value[RT_REG_RIP] = w->pc;
	regs.value[RT_REG_RSP] = w->sp;
	regs.value[RT_REG_RBP] = w->rbp;
	w->tables = true;
	rt_cursor_start(&cursor, &regs, false, &memory);
	while (w->count <= w->depth) {
		if (!may_look(o))
			return false;
		if (!rt_cursor_step(&cursor))
			return true;
		if (!rule_of(o, w, cursor.regs.value[RT_REG_RIP], &rule))
			return false;
		if (rule.kind == RT_FRAME_LAST) {
			w->whole = true;
			return true;
		}
		w->pcs[w->count++] = cursor.regs.value[RT_REG_RIP];
	}
	return true;
}

static void check(struct walk *w, uint64_t offset, bool relative, uint64_t value)
{
	w->checks[w->count_of_checks++] = (struct check){(uint32_t)offset, relative ? -1 : 0, value};
}

/* Not by an initializer, which would clear the arrays. */
static void begin(struct walk *w, uint64_t pc, uint64_t sp, uint64_t rbp, uint64_t stack_hi)
{
	w->pc = pc;
	w->sp = sp;
	w->rbp = rbp;
	w->rbp_known = true;
	w->stack_hi = stack_hi;
	w->depth = (uint32_t)rt_config.creationstack;
	w->whole = w->tables = w->uses_rbp = w->rbp_checked = w->asked = false;
	w->lasting = true;
	w->read = w->rbp_at = w->count_of_checks = 0;
}

/* What a frame that is left by rbp takes it for, is what it was. */
static void check_rbp(struct walk *w, uint64_t bottom)
{
	if (!w->rbp_checked && w->rbp_at == 0)
		w->uses_rbp = true;
	else if (!w->rbp_checked)
		check(w, w->rbp_at, true, w->rbp - bottom);
	w->rbp_checked = true;
}

/* A word of the frame at hand, or of what is known to lie above. */
static bool is_within(const struct walk *w, uint64_t at)
{
	return at >= w->sp && at <= w->stack_hi - 8 && at % 8 == 0;
}

/* The stack pointer of the caller; 0: not known. */
static uint64_t go_up(struct walk *w, const struct rt_frame_rule *rule, uint64_t bottom)
{
	uint64_t up = (rule->kind == RT_FRAME_OF_RSP ? w->sp : w->rbp) + (uint64_t)(int64_t)rule->cfa;
	if (rule->kind != RT_FRAME_OF_RSP) {
		if (!w->rbp_known)
			return 0;
		check_rbp(w, bottom);
	}
	if (rule->kind == RT_FRAME_AT_RBP) {
		uint64_t at = up;
		if (!is_within(w, at))
			return 0;
		up = rt_origin_word(at);
		check(w, at - bottom, true, up - bottom);
	}
	return up > w->sp && is_within(w, up - 8) ? up : 0; /* else what describes it is wrong */
}

/* What the caller's rbp is, and where it was saved. */
static void restore_rbp(struct walk *w, const struct rt_frame_rule *rule, uint64_t up, uint64_t bottom)
{
	uint64_t at = (rule->rbp == RT_RBP_SAVED ? up : w->rbp) + (uint64_t)(int64_t)rule->rbp_at;
	if (rule->rbp == RT_RBP_KEPT)
		return;
	w->rbp_known = rule->rbp != RT_RBP_LOST && (rule->rbp == RT_RBP_SAVED || w->rbp_known) && at < up && is_within(w, at);
	if (!w->rbp_known)
		return;
	if (rule->rbp == RT_RBP_SAVED_AT_RBP)
		check_rbp(w, bottom);
	w->rbp = rt_origin_word(at);
	w->rbp_at = (uint32_t)(at - bottom);
	w->rbp_checked = false;
}

/* False: the budget is used up. */
static bool walk(struct rt_origins *o, struct walk *w)
{
	uint64_t bottom = w->sp, up;
	struct rt_frame_rule rule;

	w->pcs[0] = w->pc;
	w->count = 1;
	if (!rule_of(o, w, w->pc, &rule))
		return false;
	w->lasting_place = w->lasting;
	while (w->count <= w->depth) {
		if (rule.kind == RT_FRAME_OTHER)
			return walk_by_tables(o, w);
		if (rule.kind == RT_FRAME_UNKNOWN || (up = go_up(w, &rule, bottom)) == 0)
			return true;
		uint64_t caller = rt_origin_word(up - 8);
		w->read++;
		check(w, up - 8 - bottom, false, caller);
		restore_rbp(w, &rule, up, bottom);
		w->sp = up;
		w->pc = caller;
		if (!rule_of(o, w, caller, &rule))
			return false;
		if (rule.kind == RT_FRAME_LAST) {
			w->whole = true;
			return true;
		}
		w->pcs[w->count++] = caller;
	}
	return true;
}

/* ---- sites ---------------------------------------------------------------------------------------------------------- */

static struct rt_site *site_of(struct gos_p *pp, uint64_t pc)
{
	return (struct rt_site *)((char *)pp->sites + (pc & (sizeof pp->sites - sizeof *pp->sites)));
}

static struct pair *pair_of(struct rt_origins *o, uint64_t pc, uint64_t caller)
{
	return &o->pairs[(pc ^ caller >> 2 ^ caller >> 10) % PAIRS];
}

/* The site is of this place, but had another caller the last time: has this one been there before? 0: no. */
static uint32_t change_caller(struct gos_p *pp, uint64_t pc, uint64_t sp, uint64_t rbp, uint64_t stack_hi)
{
	struct rt_site *site = site_of(pp, pc);
	uint64_t caller;

	if (site->pc == pc)
		caller = rt_origin_word(sp + (uint64_t)(int64_t)site->offset);
	else if (site->rbp_pc == pc && rbp - sp < stack_hi - 16 - sp)
		caller = rt_origin_word(rbp + 8);
	else
		return 0;
	const struct pair *pair = pair_of(pp->origins, pc, caller);
	if (pair->pc != pc || pair->caller != caller)
		return 0;
	site->caller = caller;
	return site->creation = pair->creation;
}

static struct long_site *long_site_of(struct rt_origins *o, uint64_t pc)
{
	return &o->sites[(pc ^ pc >> 6) % LONG_SITES];
}

static void remember(struct gos_p *pp, const struct walk *w, uint64_t bottom, uint64_t rbp, uint32_t creation)
{
	uint64_t pc = w->pcs[0];
	struct rt_site *site = site_of(pp, pc);
	/* With fewer callers than were wanted, and not because there are none, there is nothing that would tell when this is another stack. */
	if (w->tables || w->read == 0 || (w->read < w->depth && !w->whole))
		return;
	/*
	 * A short site ends the matter; where ancestors are kept, there is more to do. So there is where the place may be other code's one day: while a place lasts, what is
	 * looked at is a return address, whatever comes and goes above. But whether that is the last one of its stack is not asked again.
	 */
	if (w->read == 1 && w->count_of_checks == 1 && rt_config.ancestors == 0 && w->checks[0].offset <= INT32_MAX &&
	    (!w->uses_rbp || w->checks[0].offset == rbp + 8 - bottom) && w->lasting_place && (w->lasting || !w->whole)) {
		site->pc = w->uses_rbp ? 0 : pc;
		site->rbp_pc = w->uses_rbp ? pc : 0;
		site->offset = (int32_t)w->checks[0].offset;
		site->caller = w->checks[0].value;
		site->creation = creation;
		*pair_of(pp->origins, pc, site->caller) = (struct pair){pc, site->caller, creation};
		return;
	}
	struct long_site *more = long_site_of(pp->origins, pc);
	more->pc = pc;
	more->creation = creation;
	more->lasting = w->lasting;
	more->uses_rbp = w->uses_rbp;
	more->rbp = rbp - bottom;
	more->reach = w->sp - bottom;
	more->count = w->count_of_checks;
	memcpy(more->checks, w->checks, w->count_of_checks * sizeof *w->checks);
	if (site->pc == pc || site->rbp_pc == pc) /* it was of a goroutine's first function, and now it is not */
		site->pc = site->rbp_pc = 0;
}

/* Of code that was not unloaded since it was found out. */
static bool holds(const struct long_site *site, uint64_t sp, uint64_t rbp, uint64_t stack_hi)
{
	if ((site->uses_rbp && rbp - sp != site->rbp) || site->reach > stack_hi - sp)
		return false;
	for (uint32_t i = 0; i < site->count; i++) {
		const struct check *c = &site->checks[i];
		if (rt_origin_word(sp + c->offset) - (sp & (uint64_t)(int64_t)c->relative) != c->value)
			return false;
	}
	return true;
}

/* ---- ancestors ------------------------------------------------------------------------------------------------------ */

static struct rt_lock lock;
static struct gos_ancestors *spare;
static char *fresh, *fresh_end;

#define CHUNK (256u << 10)

static size_t ancestors_size(void)
{
	return offsetof(struct gos_ancestors, ancestor) + (size_t)rt_config.ancestors * sizeof(struct gos_ancestor);
}

static struct gos_ancestors *take_ancestors(void)
{
	rt_lock(&lock, RT_RANK_SLAB);
	struct gos_ancestors *a = spare;
	if (a != NULL) {
		spare = a->link;
	} else {
		if ((size_t)(fresh_end - fresh) < ancestors_size()) {
			fresh = rt_map(CHUNK, "ancestors of goroutines");
			fresh_end = fresh + CHUNK;
		}
		a = (struct gos_ancestors *)fresh;
		fresh += ancestors_size();
		rt_store_relaxed(&a->turn, 1u);
	}
	rt_unlock(&lock);
	return a;
}

static void put_ancestors(struct gos_ancestors *a)
{
	if (__atomic_sub_fetch(&a->users, 1, __ATOMIC_ACQ_REL) != 0)
		return;
	rt_store_relaxed(&a->turn, a->turn + 1); /* odd */
	rt_fence_release(); /* pairs with rt_ancestors_copy */
	rt_lock(&lock, RT_RANK_SLAB);
	a->link = spare;
	spare = a;
	rt_unlock(&lock);
}

/* Those of whom parent makes: parent itself and then its own, as many as are kept. */
static struct gos_ancestors *lineage_of(const struct gos_g *parent)
{
	struct gos_ancestors *a = take_ancestors();
	const struct gos_ancestors *above = parent->ancestors;
	uint32_t most = (uint32_t)rt_config.ancestors;

	a->ancestor[0] = (struct gos_ancestor){parent->goid, parent->creator, (uint64_t)(uintptr_t)parent->create_pc, parent->creation, 0};
	a->count = 1;
	for (uint32_t i = 0; above != NULL && i < above->count && a->count < most; i++)
		a->ancestor[a->count++] = above->ancestor[i];
	a->users = 1;
	rt_store_release(&a->turn, a->turn + 1); /* even */
	return a;
}

static void inherit(struct gos_g *gp, struct gos_g *parent)
{
	if (parent->lineage == NULL) {
		parent->lineage = lineage_of(parent);
		parent->flags |= RT_G_ANCESTORS;
	}
	__atomic_add_fetch(&parent->lineage->users, 1, __ATOMIC_RELAXED);
	rt_store_release(&gp->ancestors, parent->lineage);
	gp->flags |= RT_G_ANCESTORS;
}

void rt_ancestors_drop(struct gos_g *gp)
{
	struct gos_ancestors *above = gp->ancestors, *own = gp->lineage;
	rt_store_relaxed(&gp->ancestors, (struct gos_ancestors *)NULL); /* first: as in bury, exit.c */
	gp->lineage = NULL;
	if (above != NULL)
		put_ancestors(above);
	if (own != NULL)
		put_ancestors(own);
}

size_t rt_ancestors_copy(const struct gos_g *gp, struct gos_ancestor *to, size_t max)
{
	for (int i = 0; i < COPY_ATTEMPTS; i++) {
		struct gos_ancestors *a = rt_load_acquire(&gp->ancestors), head;
		uint32_t turn;
		if (a == NULL || rt_peek(&head, (uint64_t)(uintptr_t)a, offsetof(struct gos_ancestors, ancestor)) < offsetof(struct gos_ancestors, ancestor))
			return 0;
		size_t count = head.count < max ? head.count : max;
		if ((head.turn & 1) != 0 || head.count > RT_ANCESTORS_MAX ||
		    rt_peek(to, (uint64_t)(uintptr_t)a->ancestor, count * sizeof *to) < count * sizeof *to)
			continue;
		rt_fence_acquire();
		if (rt_load_acquire(&gp->ancestors) == a && rt_peek(&turn, (uint64_t)(uintptr_t)&a->turn, sizeof turn) == sizeof turn && turn == head.turn)
			return count;
	}
	return 0;
}

/* ---- what spawn asks for -------------------------------------------------------------------------------------------- */

static RT_NOINLINE uint32_t find_out(struct gos_p *pp, const struct gos_g *parent, uint64_t pc, uint64_t sp, uint64_t rbp)
{
	struct rt_origins *o = pp->origins;
	int64_t now = rt_load_relaxed(&gos_runtime.now);

	if (rt_unlikely(o == NULL)) {
		o = pp->origins = rt_map(sizeof *o, "sites of creation");
		o->looks = LOOKS_MAX;
		o->refilled_at = now;
		forget_unloaded(o);
	}
	if (now - o->refilled_at >= LOOK_EVERY && o->looks < LOOKS_MAX) {
		int64_t more = (now - o->refilled_at) / LOOK_EVERY;
		o->looks = more < LOOKS_MAX - o->looks ? o->looks + (uint32_t)more : LOOKS_MAX;
		o->refilled_at = now;
	}
	struct walk *w = &o->walk;
	begin(w, pc, sp, rbp, parent->stack_hi);
	if (!walk(o, w)) {
		rt_count(&pp->unknown_origins);
		return 0;
	}
	uint32_t creation = rt_depot_put(w->pcs, w->count, w->whole);
	if (rt_likely(creation != 0))
		remember(pp, w, sp, rbp, creation);
	return creation;
}

/* No stack is to be recorded: the site holds for ever, since what it looks at is the return address of go(). */
static RT_NOINLINE uint32_t leave_out(struct gos_p *pp, uint64_t pc)
{
	*site_of(pp, pc) = (struct rt_site){.pc = pc, .caller = pc, .offset = -8};
	return 0;
}

RT_NOINLINE uint32_t rt_origin_slow(struct gos_p *pp, struct gos_g *gp, uint64_t sp, const uint64_t *entry)
{
	uint64_t pc = rt_origin_word(sp - 8), rbp = *entry;
	struct gos_g *parent = pp->m->curg;

	if (rt_unlikely(rt_config.ancestors != 0))
		inherit(gp, parent);
	if (rt_likely(pp->origins != NULL)) {
		uint32_t creation = change_caller(pp, pc, sp, rbp, parent->stack_hi);
		if (creation != 0)
			return creation;
		const struct long_site *site = long_site_of(pp->origins, pc);
		if (rt_unlikely(site->pc == pc && !site->lasting))
			forget_unloaded(pp->origins); /* this one, too, then */
		if (rt_likely(site->pc == pc) && rt_likely(holds(site, sp, rbp, parent->stack_hi)))
			return site->creation;
	}
	if (rt_config.creationstack != 0)
		return find_out(pp, parent, pc, sp, rbp);
	return rt_config.ancestors == 0 ? leave_out(pp, pc) : 0;
}
