/* SPDX-License-Identifier: MIT */
/*
 * state.h - the objects of the runtime: G, M, P, sudog, channel, and the root that leads to them all. Floor 1.
 *
 * Words. A *G* is a goroutine, an *M* a thread that runs goroutines, a *P* the right to run one (there are GOSMAXPROCS of them)
 * with the queues and caches that go with it. A G *waits*, an M *sleeps*, a P is *idle*; what users feel is *blocking*.
 *
 * Always true:
 *  - Gs, Ms, Ps and channels live in memory that is never unmapped or moved, so an observer may walk them at any instant.
 *  - A G is in exactly one place: a gfree list (IDLE, DEAD), a run queue (RUNNABLE), m->curg of one M (RUNNING), or the queue of
 *    what it waits on (WAITING). states.def says for each state who owns the stack and who may move it on.
 *  - Only gstatus.h writes g->status.
 *  - g->seq is odd from just before the G is switched to until its registers are saved again; while it is even the stack from
 *    sched.sp to stack_hi is whole and still.
 *
 * Fields named in abi/layout.def are what observers may read; the others are nobody else's business.
 */
#ifndef RT_STATE_H
#define RT_STATE_H

/* 1: goroutines, locks and channels record who, where from and since when. 0 leaves the stores out, never the fields: what the record costs is the difference. */
#ifndef GOS_RECORD
#define GOS_RECORD 1
#endif

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "../asm/gobuf.h"
#include "abi/abi.h"
#include "gossamer.h"
#include "lock.h"
#include "note.h"

/* States, reasons and events, from the one list. */
enum gos_state {
#define GOS_STATE(symbol, number, ...) GOS_##symbol = number,
#include "abi/states.def"
};
enum gos_reason {
#define GOS_REASON(symbol, number, word, object) GOS_REASON_##symbol = number,
#include "abi/states.def"
	RT_REASON_COUNT /* they are listed in order */
};
enum rt_object {
#define GOS_OBJECT(symbol, number, word) RT_OBJECT_##symbol = number,
#include "abi/states.def"
};
enum gos_event {
#define GOS_EVENT(symbol, bit, word) GOS_EVENT_##symbol = 1 << bit,
#include "abi/states.def"
};
enum rt_hold {
#define GOS_HOLD(symbol, bits, word) RT_HOLD_##symbol = bits,
#include "abi/states.def"
};

enum gos_flight_kind {
#define GOS_FLIGHT(symbol, number, word, payload) GOS_FLIGHT_##symbol = number,
#include "abi/states.def"
};

#define GOS_NAME_SIZE 32      /* a goroutine's name and its zero */
#define GOS_G_PER_SLAB 4096   /* 1 MiB of Gs a slab */
#define GOS_C_PER_SLAB 2048
#define GOS_SLABS_MAX 65536   /* entries of a slab directory: 268 million Gs */
#define GOS_M_MAX 1048576     /* threads that the table has room for; how many may exist: sched.max_ms */
#define GOS_P_MAX 1024
#define GOS_WATCH_COUNT 8
#define GOS_SAVED_WORDS 7     /* r15 r14 r13 r12 rbx rbp and the return address: asm/amd64/switch.S */
#define RT_RUNQ_SIZE 1024     /* a power of two. Go's 256 sends a burst of a thousand through the global queue: 1.5 times the cost of a spawn, 2.5 of a yield */
#define RT_CACHE_LINE 64
#define RT_LATENCIES 40       /* powers of two of ns: up to four and a half minutes */

struct gos_gobuf {
	uint64_t sp; /* the pc of a parked G is always runtime.resume_pc */
};

/* A G that waits on something, once for each thing it waits on. Lock: the object's. */
struct gos_sudog {
	/* What a wait on one channel touches; in a G, on one cache line with what else it does. */
	struct gos_g *g;
	struct gos_sudog *next; /* in the object's queue; in a treap: right child */
	struct gos_sudog *prev; /* in a treap: left child */
	void *elem;             /* data to send or where to receive; in a treap: the address waited on. May point into a stack */
	void *obj;              /* the channel, or the semaphore's word */
	uint16_t case_index;    /* select only */
	uint8_t case_dir;       /* select only: GOS_DIR_SEND or GOS_DIR_RECV */
	uint8_t is_select;      /* g->select_done must be won before g may be woken */
	bool success;           /* woken by a value, not by close */
	struct gos_sudog *waitlink; /* g->waiting list of a select; next waiter on the same address in a treap */
	struct gos_sudog *waittail; /* last of that list, in its head. Treap only */
	struct gos_sudog *parent;   /* treap only */
	uint32_t ticket;            /* treap only: heap priority */
};

/* What timers.c runs; what a program calls a timer is struct gos_timer, in timer.c. */
struct rt_timer {
	int64_t when;                   /* CLOCK_MONOTONIC, ns */
	struct gos_g *(*fn)(void *arg); /* called under no lock when due, on g0 with a P; returns a G to make ready, or NULL */
	void *arg;
	struct gos_p *p;    /* whose heap it is in; NULL: in none. Sync: atomic; written under that P's timers lock */
	uint32_t heap_index;
};

enum rt_g_flag {
	RT_G_NAMED = 1,  /* name was set: to be cleared at the end of this life */
	RT_G_LOCKED = 2, /* runs on locked_m only, which runs nothing else */
	RT_G_DEFERS = 4, /* has deferred calls or panics: likewise. defer.h */
	RT_G_LABELLED = 8, /* labels is not NULL */
	RT_G_SIZED = 16,  /* its stack is not of the default class, and goes at the end of this life */
	RT_G_ANCESTORS = 32, /* ancestors or lineage is not NULL */
};

/* Time, in ns of the coarse clock. times.h */
struct gos_account {
	int64_t runnable, running, in_calls; /* in the order of enum gos_state, from GOS_RUNNABLE on */
	int64_t waiting[RT_REASON_COUNT];    /* by reason */
};

/* Of one goroutine, away from it: only who finds that the clock has moved comes here. */
struct gos_times_of_g {
	uint64_t version; /* odd while it is written. Sync: atomic */
	uint64_t goid;    /* whose it is: when it is not g->goid, that one's account is still empty, and its state what it was made in */
	int64_t made_at;  /* runtime.now when that one was made: its first wait_since. Sync: atomic */
	uint32_t computes; /* runs until it is no longer taken for one that computes: times.c. By who may change its state */
	struct gos_account account;
};

struct gos_g {
	/* The first line: what a switch touches. Owner: who owns the stack, see states.def. */
	struct gos_gobuf sched;
	uint64_t seq;      /* written by the owning M only */
	uint32_t status;   /* enum gos_state */
	uint8_t dbgmask;   /* enum gos_event bits that a debugger asked for on this G. Written by debuggers and rt_go */
	uint8_t reason;    /* enum gos_reason; meaningful while WAITING. Sync: atomic, for who looks on */
	uint8_t flags;     /* enum rt_g_flag: what a switch and the end of a life must know, so that the other lines of the G stay cold. With `hold` one aligned pair */
	uint8_t hold;      /* enum rt_hold. Written by debuggers, and by rt_go at birth; hold.h. Sync: atomic */
	uint64_t goid;         /* Sync: atomic, for who looks on */
	struct gos_m *m;       /* the M that runs it; NULL else */
	struct gos_g *link;    /* next in the one list that it is on */
	uint64_t stack_lo;     /* lowest usable byte */
	uint64_t first_seq;    /* seq when it was made: the difference says how many times it has run. Sync: atomic, for who looks on */
	/* The second: what a park and a spawn record. */
	uint64_t stack_hi;
	int64_t wait_since;  /* runtime.now when its state last changed; bit 0 is times.h's. Sync: atomic; workers that look for old ones read it */
	void *wait_obj;
	void *wait_pc;
	void *entry;
	void *create_pc;
	uint64_t creator;    /* goid */
	uint32_t creation;   /* the stack that made it, in the depot; 0: not known. origin.h. Sync: atomic, for who looks on */
	uint32_t select_done; /* 1 once a waker has won this select */
	/* The others stay cold for one that is made, runs and ends without more ado. */
	uint64_t last_made;  /* goid of the goroutine it made last */
	uint32_t locks;        /* gos_lock_thread calls that were not undone */
	uint32_t stack_class;  /* stack.h: which free list the stack goes to */
	struct gos_m *locked_m; /* the M that it is locked to, while RT_G_LOCKED */
	struct gos_times_of_g *times;
	char name[GOS_NAME_SIZE];
	struct gos_labels *labels; /* label.h. Sync: atomic, written by the goroutine and by who makes or buries it */
	struct gos_ancestors *ancestors; /* who made it, and who made that one; kept where GOSDEBUG says so. origin.h. Sync: likewise */
	struct gos_ancestors *lineage;   /* what those that it makes have as theirs. Owner: the goroutine */
	/* defer.h. Owner: the goroutine */
	struct rt_deferred *deferred; /* calls that its functions deferred, newest first */
	struct rt_panic *panic;       /* innermost of those under way */
	struct rt_panic *recovered;   /* the last that it recovered: who recovered it may look at it */
	struct rt_panic *unwinding;   /* a recovered one, while destructors run */
	/* Another line that waiting touches: its first 64 bytes. */
	struct gos_sudog *waiting __attribute__((aligned(RT_CACHE_LINE))); /* first of the sudogs it waits with; NULL when it does not */
	void *param;         /* what the waker hands over: the sudog that fired */
	struct gos_sudog sudog; /* for waits on a single thing */
#if defined(RT_TSAN) || defined(RT_ASAN)
	void *sanitizer_fiber;
	void *sanitizer_stack;
#endif
} __attribute__((aligned(RT_CACHE_LINE)));

/*
 * A ring of runnable Gs: the owner P puts at the tail, and takes from the tail (a deque, newest first) or from the head (a
 * queue); other Ps take from the head. See runq.h for the protocol.
 */
struct gos_runq {
	uint32_t head __attribute__((aligned(RT_CACHE_LINE))); /* Sync: atomic; compare-and-swap by anyone */
	uint32_t tail __attribute__((aligned(RT_CACHE_LINE))); /* Sync: atomic; written by the owner P only */
	struct gos_g *slot[RT_RUNQ_SIZE];
};

/* What begins the flight recorder's file: flight.h. Written once, but for `rings`. */
struct gos_flight {
	char magic[8]; /* RT_FLIGHT_MAGIC */
	uint32_t version;
	uint32_t first; /* where ring 0 begins in the file */
	uint32_t words; /* of each ring */
	uint32_t rings; /* in the file. Sync: atomic */
	uint64_t ring_size; /* bytes from one to the next */
	uint32_t exact; /* each event has a time of its own */
	uint32_t pid;
	int32_t fd;     /* -1: there is no file, but memory that nobody else can map */
	uint32_t pad;
	int64_t start;  /* CLOCK_MONOTONIC, ns: 0 of the times in it */
	int64_t start_real; /* CLOCK_REALTIME at the same time, ns */
	struct gos_flight_ring *without_p; /* ring 0. Lock: flight.c's */
};

/* One ring. Owner, but for what observers read: who holds the P. */
struct gos_flight_ring {
	uint64_t head;   /* words ever written. Sync: release */
	int64_t time;    /* what gos_runtime.now was at the last event: TIME is written when it is another. INT64_MIN: always. Sync: atomic */
	uint64_t mask;   /* words - 1 */
	uint32_t number; /* 1 + id of the P; 0: without a P */
	uint32_t pad[9];
	uint64_t word[] __attribute__((aligned(RT_CACHE_LINE))); /* Sync: atomic */
};

#define RT_SITES 8 /* a power of two */

/* A place where goroutines are made, and what made the last of them there: origin.h. */
struct rt_site {
	uint64_t pc;       /* return address of go(), whose caller's return address is at sp + offset; or 0 */
	uint64_t rbp_pc;   /* ... is at rbp + 8; or 0 */
	uint64_t caller;   /* what was there */
	int32_t offset;
	uint32_t creation; /* the stack's number */
} __attribute__((aligned(RT_CACHE_LINE)));

/* SYSCALL: its M runs a goroutine that blocks it; who changes that by compare-and-swap, the M when it comes back or another, has the P. */
enum gos_p_status { GOS_P_IDLE, GOS_P_RUNNING, GOS_P_RETIRED, GOS_P_SYSCALL };

struct gos_p {
	uint32_t id;
	uint32_t status; /* enum gos_p_status. Sync: atomic; who holds the P, but for SYSCALL */
	struct gos_m *m; /* who holds it; NULL while idle or SYSCALL. Sync: atomic, written by who holds it */
	struct gos_flight_ring *flight; /* what happens here is written down there. Owner: the P */
	/* What is counted for observers, here and in `steals` and the like below, never goes back: rt_count. Owner: the P */
	uint64_t tick;       /* switches made; thieves read it too */
	uint64_t parks;      /* of goroutines that ran here */
	uint32_t calls;      /* blocking sections begun; sysmon reads it. Owner: the P */
	int32_t ticks_left;  /* switches until the global queue, timers and the back are looked at. Owner: the P */
	uint32_t turn;       /* which of them comes first next time. Owner: the P */
	struct gos_p *link; /* idle list. Lock: sched.lock */
	int64_t looked_at;   /* coarse time at which timers and netpoller were last looked at. Owner: the P */
	int64_t oldest_at;   /* coarse time at which the oldest of runq last had its turn. Owner: the P */
	uint32_t random;     /* xorshift state. Owner: the P */
	uint64_t goid_next, goid_end; /* batch of ids. Owner: the P */
	struct gos_g *gfree;          /* dead Gs with a stack of the default class, newest first. Owner: the P */
	uint32_t gfree_count;
	uint32_t sudog_count;
	struct gos_sudog *sudogs; /* free sudogs, by .next. Owner: the P */
	struct rt_deferred *free_deferred; /* records of deferred calls, by .link. Owner: the P */
	uint64_t free_deferred_count;
	uint64_t spawns, ends;    /* goroutines made and ended here: the difference, over all Ps, is the number that live */
	uint64_t steals;          /* times that it took goroutines from another P */
	uint64_t preempts;        /* goroutines that were made to give way here */
	uint64_t handoffs;        /* times that it was taken from a thread that blocked. By who takes it */
	/* times.h. Owner: the P */
	int64_t seldom;           /* 1: it switches so seldom that each change of a goroutine's state may look at the exact clock */
	int64_t window_at;        /* when that was last decided, and tick then */
	uint64_t window_tick;
	struct gos_account times; /* of all goroutines, ended ones too, as far as it passed here. Sync: atomic, written by the owner; likewise: */
	uint64_t latencies[RT_LATENCIES]; /* how many stood in line before they ran for [2^(i-1), 2^i) ns by the coarse clock; [0] is not used */
	struct rt_origins *origins; /* origin.c. Owner: the P */
	uint64_t unknown_origins; /* goroutines made here of which the stack that made them is not known: there were too many new ones to look up */
	struct rt_site sites[RT_SITES]; /* Owner: the P */

	struct gos_g *runnext __attribute__((aligned(RT_CACHE_LINE))); /* whom the last READY in `flight` names: runs next. Sync: atomic, thieves may take it */
	struct gos_runq runq;  /* new and woken Gs; the owner runs the newest first */
	struct gos_runq backq; /* Gs that yielded; the owner runs the oldest first, when runq is empty or its turn has come */

	struct rt_lock timers_lock __attribute__((aligned(RT_CACHE_LINE)));
	uint32_t timers_count, timers_capacity; /* Lock: timers_lock; the count is read without it */
	struct rt_timer_slot *timers; /* 4-ary heap. Lock: timers_lock */
	int64_t timer_first;          /* when of timers[0], INT64_MAX if none. Sync: atomic, written under timers_lock */

	uint64_t no_flight[RT_CACHE_LINE / 8 + 2] __attribute__((aligned(RT_CACHE_LINE))); /* a gos_flight_ring for what is not recorded. Owner: the P */
};

/*
 * Where a goroutine's stack stood when its blocking section began: for who shows its frames without a signal to its thread, which would end the call that it is in. Sync: atomic,
 * written by the M before its goroutine is in SYSCALL; count first, so that who reads the same count before and after has read what belongs together.
 */
struct rt_section {
	uint64_t count; /* of sections begun here */
	uint64_t sp, rbp, pc;
};

struct gos_m {
	struct gos_g g0; /* the thread's own stack, on which the scheduler loop runs; goid 0 */
	uint32_t id;
	uint32_t tid;           /* of the kernel */
	struct gos_g *curg;     /* Sync: atomic, written by the M; observers read it */
	struct gos_p *p;        /* Owner: the M; relaxed, since observers and the runtime's own lists read it */
	uint64_t *fresh;        /* where its token is. Sync: atomic; fresh.h. Owner: the M, but others take it away */
	uint64_t own_fresh;     /* or here */
	uint32_t go_on;         /* 1: the goroutine may go on. 0: it has no P, or is asked to let others run. Sync: atomic; sysmon clears it */
	uint32_t calls;         /* blocking sections that its goroutine is in, one within the other. Owner: the M */
	struct gos_p *call_p;   /* the P that it had when they began. Owner: the M */
	struct gos_g *locked_g; /* the only goroutine that it runs. Owner: the M */
	struct gos_g *chosen;   /* to be run by the M that it is locked to: g0 sees to it. Owner: the M */
	struct gos_p *next_p;   /* handed over by who wakes it. Sync: its note */
	struct gos_m *link;     /* idle list. Lock: sched.lock */
	uint32_t spinning;      /* looks for work, counted in sched.spinning */
	uint32_t asleep;        /* on its note */
	struct rt_note note;
	/* A switch in progress: set before, used up by rt_switch_finish on the other side. Owner: the M */
	struct gos_g *prev;            /* the G just left */
	struct rt_lock *unlock;        /* to be released now that prev is whole */
	void (*commit)(struct gos_g *prev, void *arg);
	void *commit_arg;
	void *signal_stack;
	struct rt_section section;
};

struct gos_watch {
	uint32_t events;
	uint32_t pad;
	uint64_t goid;
	uint64_t reasons;
};

struct gos_waitq {
	struct gos_sudog *first, *last;
};

/* Who made a channel, closes it and gives it back: the program, or what the program got it from. One of GOS_CHAN_OF_AFTER is the program's to free. */
enum gos_chan_owner { GOS_CHAN_OF_PROGRAM, GOS_CHAN_OF_AFTER, GOS_CHAN_OF_TIMER, GOS_CHAN_OF_TICKER, GOS_CHAN_OF_CONTEXT };

/* At least one of recvq and sendq is empty, but for a goroutine that is in both with one select. When count > 0, recvq is empty;
 * when count < capacity, sendq is empty. Lock: lock, for everything that changes after it was made. */
struct gos_chan {
	struct rt_lock lock;
	uint32_t closed; /* Sync: atomic; also read without the lock */
	uint64_t count;  /* Sync: likewise */
	uint64_t capacity;
	uint32_t elem_size;
	uint16_t live;
	uint16_t owner; /* enum gos_chan_owner: who closes and frees it */
	char *buffer;
	uint64_t sendx, recvx;
	struct gos_waitq recvq, sendq;
	/* The record: goids of who last sent a value and who last received one, 0 is the runtime, and when, 0 is never. In the second line, as the queues. */
	uint64_t sender, receiver;
	int64_t sent_at, received_at;
	struct gos_chan *link;   /* free list */
	/* The third: what seldom changes. */
	const char *elem_type;
	const char *file;
	uint32_t line;
	uint32_t index;          /* its number among all channels */
	struct gos_timer *timer; /* of a channel that a timer sends on; NULL else */
	struct gos_mark closer;  /* goid 0: the runtime; at 0: nobody has closed it */
} __attribute__((aligned(RT_CACHE_LINE)));

/* One descriptor, for all the files that have its number one after the other: its lives. See pollfd.h. */
struct gos_pollfd {
	uint32_t users;    /* calls that are inside, and the bits RT_FD_... of pollfd.h. Sync: atomic */
	uint32_t watched;  /* enum rt_watched. Sync: atomic, written under lock */
	int32_t fd;
	uint32_t sequence; /* of this life: events of an earlier one are dropped. Sync: atomic, written under lock */
	struct gos_g *rg, *wg; /* Sync: atomic: RT_POLL_NONE, _READY, _WAIT, or the G that waits */
	uint32_t read_turn, write_turn; /* semaphores of one unit: whose turn it is to park in rg and wg */
	struct rt_lock lock;
	uint32_t number; /* fd + 1 once the record is made. Sync: atomic */
	struct rt_fd_waiter *waiting; /* those who wait until a look at the descriptor pleases them. Lock: lock; read without it */
	uint32_t not_socket; /* send(2) has said so. Sync: atomic */
	/* Until here it is the line that calls touch. */
	struct rt_deadline {
		int64_t at; /* 0: none. Lock: lock */
		struct rt_timer timer;
	} deadline[2]; /* of reading and of writing */
} __attribute__((aligned(RT_CACHE_LINE)));

enum {
	RT_ROW_COUNT = 0
#define GOS_STRUCT(...) + 1
#define GOS_FIELD(...) + 1
#define GOS_CONST(...) + 1
#include "abi/layout.def"
#define GOS_STATE(...) + 1
#define GOS_REASON(...) + 1
#define GOS_OBJECT(...) + 1
#define GOS_EVENT(...) + 1
#define GOS_FLAG(...) + 1
#define GOS_FLIGHT(...) + 1
#define GOS_HOLD(...) + 1
#include "abi/states.def"
};

/* The root. The description comes first, so that who finds one has found the other. */
struct gos_runtime {
	struct gos_abi_header header;
	struct gos_abi_row rows[RT_ROW_COUNT];

	uint32_t state; /* 0 not started, 1 running, 2 app has returned */
	uint32_t mcount, pcount;
	uint32_t watchmask;      /* written by debuggers */
	uint8_t held_flags;      /* RT_G_LOCKED, for ever: with hold_mask one aligned pair, what keeps a G from being switched to; with holder one aligned word */
	uint8_t hold_mask;       /* enum rt_hold: what holds a G back now. Written by debuggers, as all of the following but held and ready_result; hold.h. Sync: atomic, all */
	uint16_t pad;
	uint32_t holder;
	uint32_t hold_generation;
	uint32_t held;           /* goroutines that were to run and are held back. Lock: sched.lock; read without it */
	uint64_t ready_goid;
	uint32_t ready_result;   /* enum rt_ready_result */
	uint32_t own_time;       /* 1: with a seed, `now` is no clock of the kernel's. Set before the first P exists */
	struct gos_g **gslabs;   /* directory: GOS_SLABS_MAX addresses, filled from the front */
	uint64_t gcount;         /* Gs that exist. Sync: release after they are initialized */
	struct gos_m **ms;
	struct gos_p **ps;
	struct gos_chan **cslabs;
	uint64_t ccount;
	int64_t now;             /* coarse CLOCK_MONOTONIC. Sync: atomic */
	uint64_t hard_guards, soft_guards;
	void **depot;            /* depot.h: directory of slabs of words */
	uint64_t depot_lost;     /* stacks for which it had no room. Sync: atomic */
	void *resume_pc, *start_pc, *trap_pc, *entry_return_pc;
	struct gos_flight *flight; /* the flight recorder; NULL: it is off */
	struct rt_sema_root *semas; /* RT_SEMA_ROOTS of them */
	struct gos_account *times; /* of what passes without a P: times.h */
	struct gos_watch watches[GOS_WATCH_COUNT]; /* written by debuggers; watches[i].events last when arming, first when disarming */
};

#ifdef RT_RUNTIME /* this is compiled into the runtime */
/* Under its hidden name, or each use would have to look its address up: by the visible one a program could have one of its own. abi/runtime.c has both. */
extern struct gos_runtime gos_runtime __asm__("gos_runtime_hidden") __attribute__((visibility("hidden")));
#else
extern struct gos_runtime gos_runtime;
#endif

/* Goroutine number i of all that were ever made, below gos_runtime.gcount. */
static inline struct gos_g *rt_goroutine_number(uint64_t i)
{
	return &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
}

/* The record: gp has done, just now, what *mark is about. Several at once may mix their marks; each field is still one that somebody wrote. */
RT_INLINE void rt_mark(struct gos_mark *mark, const struct gos_g *gp, void *pc)
{
	if (GOS_RECORD) {
		rt_store_relaxed(&mark->goid, gp->goid);
		rt_store_relaxed(&mark->pc, pc);
		rt_store_relaxed(&mark->at, rt_load_relaxed(&gos_runtime.now));
	}
}

/* Likewise what was marked elsewhere. */
RT_INLINE void rt_mark_as(struct gos_mark *mark, const struct gos_mark *other)
{
	if (GOS_RECORD) {
		rt_store_relaxed(&mark->goid, other->goid);
		rt_store_relaxed(&mark->pc, other->pc);
		rt_store_relaxed(&mark->at, other->at);
	}
}

#endif
