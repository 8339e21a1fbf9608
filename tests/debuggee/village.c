/* SPDX-License-Identifier: MIT */
/*
 * village.c - goroutines that wait in every way there is, each with a sentence that says all about it: what an observer must say of it, word for word.
 *
 * The truth, a line each: goid|sentence. In it <D> is a duration, and <T> what it has done with its time. What the program itself says of them all is in the file of that name with ".accounts"; of goroutine 1, which
 * was in gos_dump then, the sentence is another one, in a line that begins with 0.
 *
 * WAIT() notes where it stands and must be on one line with the call that waits; so must MAKE().
 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <gossamer.h>
#include <netdb.h>
#include <stdarg.h>
#include <sys/syscall.h>

#include "state.h"
#include "truth.h"

#define FRAME __attribute__((noinline))
#define KEEP __asm__ volatile("" ::: "memory") /* so that a call before is no jump */

enum who {
	RECEIVER, RECEIVER2, SENDER, NIL_RECEIVER, NIL_SENDER, SELECTOR, SELECT_ONE, SELECT_MANY, NO_CASES, SEMA, SEMA2,
	KEEPER, LOCKER, LOCKER2, LOCKER3, WANTS_ENDED, LOCKS_TWICE, BLOCKER, WANTS_BLOCKED,
	WRITER, READER, WRITER2, INSIDE, INSIDE2, PENDING, LATE, WRITER3,
	GROUP, GROUP2, COND, COND2, UNSIGNALLED, ONCE, ONCE2, SLEEPER,
	FD_READER, FD_READER2, FD_WRITER, FD_POLLER, RESOLVER, TICKED, DONE_OF, LOCKED, LABELLED, NAMED,
	READIED, YIELDED, UNBORN, COUNT
};

static struct villager {
	uint64_t goid;
	int line, made, second; /* where it waits, where it was made, and one line more that it tells */
	int thread;
	const char *function;
} all[COUNT];

#define WAIT(who, call) do { all[who].line = __LINE__; all[who].function = __func__; call; KEEP; } while (0)
#define NOTE(who, call) do { all[who].second = __LINE__; call; KEEP; } while (0)
#define MAKE(who, ...) do { all[who].made = __LINE__; all[who].goid = go(__VA_ARGS__); stand(who); } while (0)

static gos_chan *market, *full, *quiet, *never, *call;
static gos_mutex gate, grave, self, mill;
static gos_rwmutex hall, church;
static gos_waitgroup fair;
static gos_cond bell, silent_bell;
static gos_mutex bell_rope;
static gos_once feast;
static gos_sema stalls;
static gos_context *day;
static gos_ticker *tower;
static int reads[2], writes[2], polled[2], blocks[2], names[2];
static uint64_t gone, trader;

/* What the runtime asks for names is asked of us, and answers when a byte comes: never. */
int getaddrinfo(const char *node, const char *service, const struct addrinfo *hints, struct addrinfo **found)
{
	char byte;
	(void)node;
	(void)service;
	(void)hints;
	*found = NULL;
	return read(names[0], &byte, 1) == 1 ? 0 : EAI_FAIL;
}

/* ---- channels ---- */

FRAME static void receiver(enum who who)
{
	int value = 0;
	WAIT(who, gos_chan_recv(market, &value));
}

FRAME static void trade(void)
{
	int value = 7;
	gos_chan_send(market, &value);
}

FRAME static void sender(void)
{
	int value = 3;
	WAIT(SENDER, gos_chan_send(full, &value));
}

FRAME static void nil_receiver(void)
{
	WAIT(NIL_RECEIVER, gos_chan_recv(NULL, NULL));
}

FRAME static void nil_sender(void)
{
	WAIT(NIL_SENDER, gos_chan_send(NULL, NULL));
}

FRAME static void selector(void)
{
	int value = 0;
	struct gos_case cases[] = {GOS_RECV(market, &value), GOS_SEND(full, &value)};
	WAIT(SELECTOR, gos_select(cases, 2));
}

FRAME static void select_one(void)
{
	struct gos_case cases[] = {GOS_RECV(quiet, NULL)};
	WAIT(SELECT_ONE, gos_select(cases, 1));
}

static gos_chan *ten[10];

FRAME static void select_many(void)
{
	struct gos_case cases[10];
	for (int i = 0; i < 10; i++)
		cases[i] = (struct gos_case)GOS_RECV(ten[i], NULL);
	WAIT(SELECT_MANY, gos_select(cases, 10));
}

FRAME static void no_cases(void)
{
	WAIT(NO_CASES, gos_select(NULL, 0));
}

/* ---- locks ---- */

FRAME static void sema(enum who who)
{
	WAIT(who, gos_sema_acquire(&stalls));
}

FRAME static void keeper(void)
{
	NOTE(KEEPER, gos_mutex_lock(&gate));
	WAIT(KEEPER, gos_chan_recv(quiet, NULL));
}

FRAME static void locker(enum who who)
{
	WAIT(who, gos_mutex_lock(&gate));
}

FRAME static void lock_and_end(void)
{
	NOTE(WANTS_ENDED, gos_mutex_lock(&grave));
}

FRAME static void wants_ended(void)
{
	WAIT(WANTS_ENDED, gos_mutex_lock(&grave));
}

FRAME static void locks_twice(void)
{
	NOTE(LOCKS_TWICE, gos_mutex_lock(&self));
	WAIT(LOCKS_TWICE, gos_mutex_lock(&self));
}

FRAME static void blocker(void)
{
	char byte;
	NOTE(BLOCKER, gos_mutex_lock(&mill));
	WAIT(BLOCKER, gos_blocking_begin());
	all[BLOCKER].thread = (int)syscall(SYS_gettid);
	if (read(blocks[0], &byte, 1) < 0)
		KEEP;
	gos_blocking_end();
}

FRAME static void wants_blocked(void)
{
	WAIT(WANTS_BLOCKED, gos_mutex_lock(&mill));
}

FRAME static void writer(void)
{
	NOTE(WRITER, gos_rwmutex_lock(&hall));
	WAIT(WRITER, gos_chan_recv(quiet, NULL));
}

FRAME static void reader(void)
{
	WAIT(READER, gos_rwmutex_rlock(&hall));
}

FRAME static void writer2(void)
{
	WAIT(WRITER2, gos_rwmutex_lock(&hall));
}

FRAME static void inside(enum who who)
{
	NOTE(who, gos_rwmutex_rlock(&church));
	WAIT(who, gos_chan_recv(never, NULL));
}

FRAME static void pending(void)
{
	WAIT(PENDING, gos_rwmutex_lock(&church));
}

FRAME static void late(void)
{
	WAIT(LATE, gos_rwmutex_rlock(&church));
}

FRAME static void writer3(void)
{
	WAIT(WRITER3, gos_rwmutex_lock(&church));
}

FRAME static void group(enum who who)
{
	WAIT(who, gos_waitgroup_wait(&fair));
}

FRAME static void cond(enum who who)
{
	gos_mutex_lock(&bell_rope);
	WAIT(who, gos_cond_wait(&bell, &bell_rope));
}

FRAME static void unsignalled(void)
{
	gos_mutex_lock(&bell_rope);
	WAIT(UNSIGNALLED, gos_cond_wait(&silent_bell, &bell_rope));
}

FRAME static void eat(void *arg)
{
	(void)arg;
	WAIT(ONCE, gos_chan_recv(never, NULL));
}

FRAME static void once(void)
{
	NOTE(ONCE, gos_once_do(&feast, eat, NULL));
}

FRAME static void once2(void)
{
	WAIT(ONCE2, gos_once_do(&feast, eat, NULL));
}

/* ---- time, descriptors, the rest ---- */

FRAME static void sleeper(void)
{
	WAIT(SLEEPER, gos_sleep(1800 * GOS_S));
}

FRAME static void fd_reader(enum who who)
{
	char byte;
	WAIT(who, gos_read(reads[0], &byte, 1));
}

FRAME static void fd_writer(void)
{
	static char much[1 << 20];
	WAIT(FD_WRITER, gos_write(writes[1], much, sizeof much));
}

FRAME static void fd_poller(void)
{
	WAIT(FD_POLLER, gos_wait_fd(polled[0], GOS_POLL_READ, -1));
}

FRAME static void resolver(void)
{
	struct addrinfo *found;
	WAIT(RESOLVER, gos_getaddrinfo("far.away", NULL, NULL, &found, NULL));
}

FRAME static void ticked(void)
{
	WAIT(TICKED, gos_chan_recv(gos_ticker_chan(tower), NULL));
}

FRAME static void done_of(void)
{
	gos_chan *done = gos_context_done(day);
	WAIT(DONE_OF, gos_chan_recv(done, NULL));
}

FRAME static void locked(void)
{
	gos_lock_thread();
	WAIT(LOCKED, gos_chan_recv(never, NULL));
}

/* Bytes that are no text: controls, UTF-8 that is cut short, is none, or takes more bytes than it needs; and more bytes than are shown. */
#define ODD "tab\t, esc\x1b bad\xff cut\xe2\x82 over\xc0\xaf \xed\xa0\x80 fine \xc3\xa9 \xf0\x9f\x98\x80"
#define ODD_SHOWN "tab?; esc? bad? cut?? over?? ??? fine \xc3\xa9 \xf0\x9f\x98\x80"
#define X42 "xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"

FRAME static void labelled(void)
{
	gos_set_label("odd", ODD);
	gos_set_label("wide", X42 X42 X42 "\xc3\xa9");
	gos_set_label("request", "r-881");
	gos_set_label("tenant", "a, [b]");
	WAIT(LABELLED, gos_chan_recv(never, NULL));
}

FRAME static void named(void)
{
	gos_set_name("%s", "a [b], c\xc3");
	WAIT(NAMED, gos_chan_recv(never, NULL));
}

FRAME static void readied(void)
{
	int value = 0;
	WAIT(READIED, gos_chan_recv(call, &value));
}

FRAME static void yielded(void)
{
	WAIT(YIELDED, gos_yield());
}

/* clang-format off */
enum { UNBORN_LINE = __LINE__ + 1 }; /* whatever of it the compiler takes for its begin */
FRAME static void unborn(void) { KEEP; }
/* clang-format on */

/* ---- when all stand where they said ---- */

static struct gos_g *goroutine(uint64_t goid)
{
	uint64_t count = __atomic_load_n(&gos_runtime.gcount, __ATOMIC_ACQUIRE);
	for (uint64_t i = 0; i < count; i++) {
		struct gos_g *gp = &gos_runtime.gslabs[i / GOS_G_PER_SLAB][i % GOS_G_PER_SLAB];
		if (__atomic_load_n(&gp->goid, __ATOMIC_RELAXED) == goid)
			return gp;
	}
	return NULL;
}

/* Until it waits, its stack whole: so they come one after the other. */
static void stand(enum who who)
{
	uint32_t wanted = who == BLOCKER ? GOS_SYSCALL : GOS_WAITING;
	if (who == YIELDED || who == UNBORN)
		return;
	for (;;) {
		struct gos_g *gp = goroutine(all[who].goid);
		if (gp != NULL && all[who].function != NULL && __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) == wanted &&
		    (wanted == GOS_SYSCALL || (__atomic_load_n(&gp->seq, __ATOMIC_ACQUIRE) & 1) == 0))
			return;
		gos_sleep(GOS_MS);
	}
}

static bool is_in_line(enum who who)
{
	struct gos_g *gp = goroutine(all[who].goid);
	return gp != NULL && __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) == GOS_RUNNABLE;
}

static void until_gone(uint64_t goid)
{
	for (struct gos_g *gp; (gp = goroutine(goid)) != NULL && __atomic_load_n(&gp->status, __ATOMIC_ACQUIRE) != GOS_DEAD;)
		gos_sleep(GOS_MS);
}

/* ---- the truth ---- */

static FILE *truth;

/* "goroutine 7 "name" has waited <D> in reason at f (village.c:3)" and what the format says, and by whom it was created. */
__attribute__((format(printf, 3, 4))) static void tell(enum who who, const char *reason, const char *format, ...)
{
	const struct villager *v = &all[who];
	va_list args;
	fprintf(truth, "%llu|goroutine %llu%s has waited <D> in %s at %s (village.c:%d)", (unsigned long long)v->goid, (unsigned long long)v->goid,
	        who == NAMED ? " \"a (b); c?\"" : "", reason, v->function, v->line);
	va_start(args, format);
	vfprintf(truth, format, args);
	va_end(args);
	fprintf(truth, "; created by goroutine 1 at app (village.c:%d)<T>%s\n", v->made, who == LABELLED ? "; odd=" ODD_SHOWN ", request=r-881, tenant=a; (b), wide=" X42 X42 X42 "?" : "");
}

#define ID(who) ((unsigned long long)all[who].goid)
#define AT(who) all[who].function, all[who].line

static int made_at; /* the line on which all channels are made */

static void tell_all(void)
{
	char from[256];

	/* In market's queue stand two receivers and the selector. */
	snprintf(from, sizeof from, "chan %p (int, unbuffered, made at village.c:%d), last sent to by goroutine %llu <D> ago, last received from by goroutine 1 <D> ago",
	         (void *)market, made_at, (unsigned long long)trader);
	tell(RECEIVER, "chan receive", " for %s; it is next in line, of 3 that wait", from);
	tell(RECEIVER2, "chan receive", " for %s; next in line is goroutine %llu, of 3 that wait", from, ID(RECEIVER));
	char filled[256];
	snprintf(filled, sizeof filled, "chan %p (struct cart, 2 of 2 buffered, made at village.c:%d), last sent to by goroutine 1 <D> ago", (void *)full, made_at);
	tell(SENDER, "chan send", " for %s; it is next in line, of 2 that wait", filled);
	tell(NIL_RECEIVER, "chan receive (nil chan)", "%s", "");
	tell(NIL_SENDER, "chan send (nil chan)", "%s", "");
	bool market_first = (uintptr_t)market < (uintptr_t)full; /* the sudogs of a select are in the order of their channels */
	char one[400], two[400];
	snprintf(one, sizeof one, "receive from %s, where next in line is goroutine %llu", from, ID(RECEIVER));
	snprintf(two, sizeof two, "send to %s, where next in line is goroutine %llu", filled, ID(SENDER));
	tell(SELECTOR, "select", " for any of 2 channels: to %s, or to %s", market_first ? one : two, market_first ? two : one);
	tell(SELECT_ONE, "select", " for 1 channel: to receive from chan %p (char, unbuffered, made at village.c:%d), where next in line is goroutine %llu", (void *)quiet, made_at,
	     ID(KEEPER));
	char eight[2048] = "";
	for (int i = 0; i < 8; i++) /* made one after the other, they lie so */
		snprintf(eight + strlen(eight), sizeof eight - strlen(eight), "%s receive from chan %p (long, unbuffered, made at village.c:%d)", i == 0 ? ": to" : ", or to", (void *)ten[i],
		         made_at);
	tell(SELECT_MANY, "select", " for any of 10 channels%s, or 2 more", eight);
	tell(NO_CASES, "select (no cases)", "%s", "");

	snprintf(from, sizeof from, " for sema %p, last acquired by goroutine 1 <D> ago at app (village.c:%d), last released by goroutine 1 <D> ago at app (village.c:%d)", (void *)&stalls,
	         all[SEMA].second, all[SEMA2].second);
	tell(SEMA, "semacquire", "%s; it is next in line, of 2 that wait", from);
	tell(SEMA2, "semacquire", "%s; next in line is goroutine %llu, of 2 that wait", from, ID(SEMA));

	tell(KEEPER, "chan receive", " for chan %p (char, unbuffered, made at village.c:%d); it is next in line, of 3 that wait", (void *)quiet, made_at);
	snprintf(from, sizeof from,
	         " for mutex %p that goroutine %llu has held for <D>, locked at keeper (village.c:%d), and that one has waited <D> in chan receive at %s (village.c:%d) for chan %p", (void *)&gate,
	         ID(KEEPER), all[KEEPER].second, AT(KEEPER), (void *)quiet);
	tell(LOCKER, "sync.Mutex.Lock", "%s; it is next in line, of 3 that wait", from);
	tell(LOCKER2, "sync.Mutex.Lock", "%s; next in line is goroutine %llu, of 3 that wait", from, ID(LOCKER));
	tell(LOCKER3, "sync.Mutex.Lock", "%s; next in line is goroutine %llu, of 3 that wait", from, ID(LOCKER));
	tell(WANTS_ENDED, "sync.Mutex.Lock",
	     " for mutex %p that goroutine %llu has held for <D>, locked at lock_and_end (village.c:%d), and that one has ended; it is next in line", (void *)&grave,
	     (unsigned long long)gone, all[WANTS_ENDED].second);
	tell(LOCKS_TWICE, "sync.Mutex.Lock", " for mutex %p that it has held itself for <D>, locked at locks_twice (village.c:%d); it is next in line", (void *)&self,
	     all[LOCKS_TWICE].second);
	fprintf(truth, "%llu|goroutine %llu has blocked thread LWP %d for <D> in syscall at blocker (village.c:%d); created by goroutine 1 at app (village.c:%d)<T>\n", ID(BLOCKER), ID(BLOCKER),
	        all[BLOCKER].thread, all[BLOCKER].line, all[BLOCKER].made);
	tell(WANTS_BLOCKED, "sync.Mutex.Lock",
	     " for mutex %p that goroutine %llu has held for <D>, locked at blocker (village.c:%d), and that one has blocked thread LWP %d for <D> in syscall at blocker (village.c:%d); it is next in line",
	     (void *)&mill, ID(BLOCKER), all[BLOCKER].second, all[BLOCKER].thread, all[BLOCKER].line);

	tell(WRITER, "chan receive", " for chan %p (char, unbuffered, made at village.c:%d); next in line is goroutine %llu, of 3 that wait", (void *)quiet, made_at, ID(KEEPER));
	snprintf(from, sizeof from,
	         " for rwmutex %p that goroutine %llu has held for <D>, locked at writer (village.c:%d), and that one has waited <D> in chan receive at %s (village.c:%d) for chan %p", (void *)&hall,
	         ID(WRITER), all[WRITER].second, AT(WRITER), (void *)quiet);
	tell(READER, "sync.RWMutex.RLock", "%s", from);
	tell(WRITER2, "sync.RWMutex.Lock", "%s; it is next in line", from);
	char readers[256];
	snprintf(readers, sizeof readers, " for rwmutex %p that 2 readers hold, last locked for reading by goroutine %llu <D> ago at inside (village.c:%d)", (void *)&church, ID(INSIDE2),
	         all[INSIDE2].second);
	snprintf(from, sizeof from, " for chan %p (int, unbuffered, made at village.c:%d)", (void *)never, made_at);
	tell(INSIDE, "chan receive", "%s; it is next in line, of 6 that wait", from);
	tell(INSIDE2, "chan receive", "%s; next in line is goroutine %llu, of 6 that wait", from, ID(INSIDE));
	tell(ONCE, "chan receive", "%s; next in line is goroutine %llu, of 6 that wait", from, ID(INSIDE));
	tell(LOCKED, "chan receive", "%s; next in line is goroutine %llu, of 6 that wait; locked to thread", from, ID(INSIDE));
	tell(LABELLED, "chan receive", "%s; next in line is goroutine %llu, of 6 that wait", from, ID(INSIDE));
	tell(NAMED, "chan receive", "%s; next in line is goroutine %llu, of 6 that wait", from, ID(INSIDE));
	tell(PENDING, "sync.RWMutex.Lock", "%s; it is next in line", readers);
	snprintf(from, sizeof from, ", and goroutine %llu comes first, and that one has waited <D> in sync.RWMutex.Lock at pending (village.c:%d) for rwmutex %p that 2 readers hold", ID(PENDING),
	         all[PENDING].line, (void *)&church);
	tell(LATE, "sync.RWMutex.RLock", "%s%s", readers, from);
	tell(WRITER3, "sync.RWMutex.Lock", "%s%s; it is next in line", readers, from);

	snprintf(from, sizeof from, " for waitgroup %p with 3 to come, last changed by goroutine 1 <D> ago at app (village.c:%d); 2 wait for it", (void *)&fair, all[GROUP].second);
	tell(GROUP, "sync.WaitGroup.Wait", "%s", from);
	tell(GROUP2, "sync.WaitGroup.Wait", "%s", from);
	snprintf(from, sizeof from, " for cond %p, last signalled by goroutine 1 <D> ago at app (village.c:%d)", (void *)&bell, all[COND].second);
	tell(COND, "sync.Cond.Wait", "%s; it is next in line, of 2 that wait", from);
	tell(COND2, "sync.Cond.Wait", "%s; next in line is goroutine %llu, of 2 that wait", from, ID(COND));
	tell(UNSIGNALLED, "sync.Cond.Wait", " for cond %p, never signalled; it is next in line", (void *)&silent_bell);
	tell(ONCE2, "sync.Once.Do",
	     " for once %p that goroutine %llu has run for <D>, called at once (village.c:%d), and that one has waited <D> in chan receive at eat (village.c:%d) for chan %p", (void *)&feast,
	     ID(ONCE), all[ONCE].second, all[ONCE].line, (void *)never);
	tell(SLEEPER, "sleep", ", with <D> left");
	tell(FD_READER, "IO wait", " for fd %d to read", reads[0]);
	tell(FD_READER2, "IO wait", " for fd %d to read; it is next in line", reads[0]);
	tell(FD_WRITER, "IO wait", " for fd %d to write", writes[1]);
	tell(FD_POLLER, "IO wait", " for fd %d", polled[0]);
	tell(RESOLVER, "name resolution", "%s", "");
	tell(TICKED, "chan receive", " for chan %p (int64_t, 0 of 1 buffered, of a ticker, made at village.c:%d); it is next in line", (void *)gos_ticker_chan(tower), all[TICKED].second);
	tell(DONE_OF, "chan receive", " for chan %p (void, unbuffered, of a context, made at village.c:%d); it is next in line", (void *)gos_context_done(day), all[DONE_OF].second);
	fprintf(truth, "%llu|goroutine %llu has been runnable for <D> at readied (village.c:%d), made ready by goroutine 1; created by goroutine 1 at app (village.c:%d)<T>\n", ID(READIED), ID(READIED),
	        all[READIED].line, all[READIED].made);
	fprintf(truth, "%llu|goroutine %llu has been runnable for <D> at yielded (village.c:%d); created by goroutine 1 at app (village.c:%d)<T>\n", ID(YIELDED), ID(YIELDED), all[YIELDED].line,
	        all[YIELDED].made);
	fprintf(truth, "%llu|goroutine %llu has been runnable for <D> and not begun at unborn (village.c:%d); created by goroutine 1 at app (village.c:%d)<T>\n", ID(UNBORN), ID(UNBORN),
	        UNBORN_LINE, all[UNBORN].made);
}

/* From here on one P runs everything, and it is this goroutine's: who is runnable stays so. */
static void alone(void)
{
	struct gos_stats s;
	gos_procs(1);
	do {
		gos_yield();
		gos_stats(&s);
	} while (s.idle_procs != 0 || s.spinning_threads != 0);
}

static int app(int argc, char **argv)
{
	struct cart {
		int load;
	} cart = {0};
	char line[8], path[600];
	int traded;
	(void)argc;
	if (pipe(reads) != 0 || pipe(writes) != 0 || pipe(polled) != 0 || pipe(blocks) != 0 || pipe(names) != 0)
		return 1;
	/* clang-format off */
	made_at = __LINE__, market = gos_chan_make(int, 0), full = gos_chan_make(struct cart, 2), quiet = gos_chan_make(char, 0), never = gos_chan_make(int, 0), call = gos_chan_make(int, 0); for (int i = 0; i < 10; i++) ten[i] = gos_chan_make(long, 0);
	/* clang-format on */
	NOTE(TICKED, tower = gos_ticker_start(1800 * GOS_S));
	NOTE(DONE_OF, day = gos_context_with_cancel(gos_context_background()));
	trader = go(trade);
	gos_chan_recv(market, &traded);
	until_gone(trader);
	gos_chan_send(full, &cart);
	gos_chan_send(full, &cart);
	NOTE(SEMA2, gos_sema_release(&stalls));
	NOTE(SEMA, gos_sema_acquire(&stalls));
	NOTE(GROUP, gos_waitgroup_add(&fair, 3));
	NOTE(COND, gos_cond_signal(&bell));
	gone = go(lock_and_end);
	until_gone(gone);

	MAKE(RECEIVER, receiver, RECEIVER);
	MAKE(RECEIVER2, receiver, RECEIVER2);
	MAKE(SENDER, sender);
	MAKE(NIL_RECEIVER, nil_receiver);
	MAKE(NIL_SENDER, nil_sender);
	MAKE(SELECTOR, selector);
	MAKE(KEEPER, keeper);
	MAKE(WRITER, writer);
	MAKE(SELECT_ONE, select_one);
	MAKE(SELECT_MANY, select_many);
	MAKE(NO_CASES, no_cases);
	MAKE(SEMA, sema, SEMA);
	MAKE(SEMA2, sema, SEMA2);
	MAKE(LOCKER, locker, LOCKER);
	MAKE(LOCKER2, locker, LOCKER2);
	MAKE(LOCKER3, locker, LOCKER3);
	MAKE(WANTS_ENDED, wants_ended);
	MAKE(LOCKS_TWICE, locks_twice);
	MAKE(BLOCKER, blocker);
	MAKE(WANTS_BLOCKED, wants_blocked);
	MAKE(READER, reader);
	MAKE(WRITER2, writer2);
	MAKE(INSIDE, inside, INSIDE);
	MAKE(INSIDE2, inside, INSIDE2);
	MAKE(PENDING, pending);
	MAKE(LATE, late);
	MAKE(WRITER3, writer3);
	MAKE(GROUP, group, GROUP);
	MAKE(GROUP2, group, GROUP2);
	MAKE(COND, cond, COND);
	MAKE(COND2, cond, COND2);
	MAKE(UNSIGNALLED, unsignalled);
	MAKE(ONCE, once);
	MAKE(ONCE2, once2);
	MAKE(SLEEPER, sleeper);
	MAKE(FD_READER, fd_reader, FD_READER);
	MAKE(FD_READER2, fd_reader, FD_READER2);
	MAKE(FD_WRITER, fd_writer);
	MAKE(FD_POLLER, fd_poller);
	MAKE(RESOLVER, resolver);
	MAKE(TICKED, ticked);
	MAKE(DONE_OF, done_of);
	MAKE(LOCKED, locked);
	MAKE(LABELLED, labelled);
	MAKE(NAMED, named);
	MAKE(READIED, readied);
	alone();
	MAKE(YIELDED, yielded);
	gos_yield(); /* it runs, and yields to us */
	MAKE(UNBORN, unborn);
	gos_chan_send(call, &traded); /* it could go on */
	if (!is_in_line(READIED) || !is_in_line(YIELDED) || !is_in_line(UNBORN)) /* our time slice ended just there */
		execv("/proc/self/exe", argv);

	/* From here on nothing is called that lets others run. */
	truth = truth_open();
	tell_all();
	int tid = (int)syscall(SYS_gettid), read_at = __LINE__ + 9, dumped_at = __LINE__ + 4;
	fprintf(truth, "1|goroutine 1 is running on thread LWP %d at app (village.c:%d)<T>\n0|goroutine 1 is running on thread LWP %d at app (village.c:%d)<T>\n", tid, read_at, tid, dumped_at);
	snprintf(path, sizeof path, "%s.accounts", getenv("GOS_TRUTH") != NULL ? getenv("GOS_TRUTH") : "/dev/null");
	int fd = open(path, O_CREAT | O_WRONLY | O_TRUNC | O_CLOEXEC, 0600);
	if (gos_dump(fd, GOS_DUMP_ACCOUNTS) != 0)
		return 1;
	fclose(truth);
	truth_ready();
	/* and here it stands */
	if (read(0, line, sizeof line) < 0)
		return 1;
	printf("EXIT-SUCCESS\n");
	return 0;
}

int main(int argc, char **argv)
{
	return gos_run(app, argc, argv);
}
