/* SPDX-License-Identifier: MIT */
/* Goal: the rules of rt/chan.c, one by one. Method: black box; that somebody waits is seen in his G. */
#include <string.h>

#include "gos_place.h"
#include "gos_test.h"
#include "state.h"

static gos_chan *c, *results;

static void send_int(gos_chan *to, int64_t v)
{
	gos_chan_send(to, &v);
}

static int64_t recv_int(gos_chan *from)
{
	int64_t v = -1;
	expect(gos_chan_recv(from, &v));
	return v;
}

static void sender(int64_t v)
{
	send_int(c, v);
	send_int(results, v);
}

static void receiver(int64_t me)
{
	int64_t v = recv_int(c);
	send_int(results, me * 1000 + v);
}

static void closed_receiver(int64_t me)
{
	int64_t v = 77;
	bool open = gos_chan_recv(c, &v);
	send_int(results, open ? -1 : v == 0 ? me : -2);
}

GOS_TEST(chan_rendezvous_sender_waits_for_receiver)
{
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 10);
	uint64_t g = go(sender, 7);
	gos_test_until_waiting(g, "chan send");
	expect_eq(gos_chan_len(results), 0);
	expect_eq(recv_int(c), 7);
	expect_eq(recv_int(results), 7);
}

GOS_TEST(chan_rendezvous_receiver_waits_for_sender)
{
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 10);
	uint64_t g = go(receiver, 3);
	gos_test_until_waiting(g, "chan receive");
	expect_eq(gos_chan_len(results), 0);
	send_int(c, 9);
	expect_eq(recv_int(results), 3009);
}

GOS_TEST(chan_waiting_receivers_are_served_first_come_first_served)
{
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 100);
	for (int i = 0; i < 50; i++)
		gos_test_until_waiting(go(receiver, i), "chan receive");
	for (int i = 0; i < 50; i++)
		send_int(c, i);
	for (int i = 0; i < 50; i++) {
		int64_t v = recv_int(results);
		expect_eq(v / 1000, v % 1000); /* the i-th to wait got the i-th value */
	}
}

GOS_TEST(chan_waiting_senders_are_served_first_come_first_served)
{
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 100);
	for (int i = 0; i < 50; i++)
		gos_test_until_waiting(go(sender, i), "chan send");
	for (int i = 0; i < 50; i++)
		expect_eq(recv_int(c), i);
}

GOS_TEST(chan_senders_waiting_on_a_full_buffer_come_after_what_is_in_it)
{
	c = gos_chan_make(int64_t, 3);
	results = gos_chan_make(int64_t, 100);
	for (int i = 0; i < 3; i++)
		send_int(c, i);
	for (int i = 3; i < 20; i++)
		gos_test_until_waiting(go(sender, i), "chan send");
	expect_eq(gos_chan_len(c), 3);
	for (int i = 0; i < 20; i++) {
		expect_eq(recv_int(c), i);
		expect_eq(gos_chan_len(c), 19 - i < 3 ? 19 - i : 3); /* a waiting sender fills the free slot at once */
	}
}

GOS_TEST(chan_buffer_keeps_order_around_its_end)
{
	c = gos_chan_make(int64_t, 7);
	int64_t put = 0, got = 0;
	uint64_t random = gos_test_seed();
	for (int round = 0; round < 1000; round++) {
		for (uint64_t n = gos_test_random(&random) % 8; n > 0 && gos_chan_try_send(c, &put); n--)
			put++;
		expect_eq(gos_chan_len(c), put - got);
		for (uint64_t n = gos_test_random(&random) % 8; n > 0 && got < put; n--)
			expect_eq(recv_int(c), got++);
	}
	expect_gt(got, 1000);
}

GOS_TEST(chan_len_and_cap)
{
	expect_eq(gos_chan_len(NULL), 0);
	expect_eq(gos_chan_cap(NULL), 0);
	c = gos_chan_make(int64_t, 0);
	expect_eq(gos_chan_cap(c), 0);
	expect_eq(gos_chan_len(c), 0);
	c = gos_chan_make(int64_t, 5);
	expect_eq(gos_chan_cap(c), 5);
	for (int i = 0; i < 5; i++) {
		expect_eq(gos_chan_len(c), i);
		send_int(c, i);
	}
	gos_chan_close(c);
	expect_eq(gos_chan_len(c), 5);
	expect_eq(gos_chan_cap(c), 5);
}

GOS_TEST(chan_close_wakes_all_receivers_with_zero)
{
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 1000);
	for (int i = 0; i < 1000; i++)
		go(closed_receiver, i);
	gos_test_until_n_waiting(1000, "chan receive");
	gos_chan_close(c);
	bool seen[1000] = {false};
	for (int i = 0; i < 1000; i++) {
		int64_t me = recv_int(results);
		expect(me >= 0 && me < 1000 && !seen[me]);
		seen[me] = true;
	}
}

GOS_TEST(chan_closed_gives_what_is_buffered_and_then_zeroes_for_ever)
{
	c = gos_chan_make(int64_t, 4);
	send_int(c, 5);
	send_int(c, 6);
	gos_chan_close(c);
	expect_eq(recv_int(c), 5);
	expect_eq(recv_int(c), 6);
	for (int i = 0; i < 5; i++) {
		int64_t v = 99;
		expect(!gos_chan_recv(c, &v));
		expect_eq(v, 0);
		bool open = true;
		v = 99;
		expect(gos_chan_try_recv(c, &v, &open));
		expect(!open);
		expect_eq(v, 0);
		expect(!gos_chan_recv(c, NULL));
	}
}

GOS_TEST(chan_receive_without_a_place_drops_the_value)
{
	c = gos_chan_make(int64_t, 2);
	send_int(c, 1);
	send_int(c, 2);
	expect(gos_chan_recv(c, NULL));
	expect_eq(recv_int(c), 2);
	/* From a waiting sender, and as a waiting receiver. */
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 2);
	gos_test_until_waiting(go(sender, 4), "chan send");
	expect(gos_chan_recv(c, NULL));
	expect_eq(recv_int(results), 4);
	bool open = false;
	gos_test_until_waiting(go(sender, 5), "chan send");
	expect(gos_chan_try_recv(c, NULL, &open));
	expect(open);
}

static void dropper(void)
{
	expect(gos_chan_recv(c, NULL));
	expect(!gos_chan_recv(c, NULL));
	send_int(results, 1);
}

GOS_TEST(chan_waiting_receiver_without_a_place)
{
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 1);
	uint64_t g = go(dropper);
	gos_test_until_waiting(g, "chan receive");
	send_int(c, 1);
	gos_test_until_waiting(g, "chan receive");
	gos_chan_close(c);
	expect_eq(recv_int(results), 1);
}

GOS_TEST(chan_try_operations_never_wait)
{
	int64_t v = 42;
	bool open = false;
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 10);
	expect(!gos_chan_try_send(c, &v));
	expect(!gos_chan_try_recv(c, &v, &open));
	expect_eq(v, 42);
	expect(!gos_chan_try_recv(c, &v, NULL));

	gos_test_until_waiting(go(receiver, 1), "chan receive");
	expect(gos_chan_try_send(c, &v));
	expect(!gos_chan_try_send(c, &v));
	expect_eq(recv_int(results), 1042);

	gos_test_until_waiting(go(sender, 8), "chan send");
	expect(gos_chan_try_recv(c, &v, &open));
	expect(open);
	expect_eq(v, 8);
	expect(!gos_chan_try_recv(c, &v, &open));

	c = gos_chan_make(int64_t, 2);
	for (v = 0; v < 2; v++)
		expect(gos_chan_try_send(c, &v));
	expect(!gos_chan_try_send(c, &v));
	for (int i = 0; i < 2; i++) {
		expect(gos_chan_try_recv(c, &v, &open));
		expect(open);
		expect_eq(v, i);
	}
	expect(!gos_chan_try_recv(c, &v, &open));
}

GOS_TEST(chan_nil_is_never_ready)
{
	int64_t v = 1;
	bool open;
	expect(!gos_chan_try_send(NULL, &v));
	expect(!gos_chan_try_recv(NULL, &v, &open));
	gos_chan_free(NULL);
}

static void nil_sender(void)
{
	send_int(NULL, 1);
	expect(!"a send on NULL came back");
}

static void nil_receiver(void)
{
	gos_chan_recv(NULL, NULL);
	expect(!"a receive on NULL came back");
}

GOS_TEST(chan_nil_blocks_for_ever)
{
	uint64_t s = go(nil_sender), r = go(nil_receiver);
	gos_test_until_waiting(s, "chan send (nil chan)");
	gos_test_until_waiting(r, "chan receive (nil chan)");
	gos_sleep(5 * GOS_MS);
	gos_test_until_waiting(s, "chan send (nil chan)");
	gos_test_until_waiting(r, "chan receive (nil chan)");
}

/* ---- elements of any size ---- */

static void fill(unsigned char *p, size_t size, unsigned n)
{
	for (size_t i = 0; i < size; i++)
		p[i] = (unsigned char)(n * 31 + i * 7);
}

static bool filled(const unsigned char *p, size_t size, unsigned n)
{
	for (size_t i = 0; i < size; i++)
		if (p[i] != (unsigned char)(n * 31 + i * 7))
			return false;
	return true;
}

static void send_filled(gos_chan *to, size_t size, int count)
{
	unsigned char *elem = malloc(size + 1); /* it may be larger than a stack */
	for (int i = 0; i < count; i++) {
		fill(elem, size, (unsigned)i);
		gos_chan_send(to, elem);
	}
	free(elem);
	gos_chan_close(to);
}

static void elements_of(size_t size)
{
	unsigned char *got = malloc(size + 16);
	for (size_t capacity = 0; capacity < 4; capacity++) {
		gos_chan *k = gos_chan_make_at(size, capacity, "test", __FILE__, __LINE__);
		go(send_filled, k, size, 200);
		for (int i = 0; i < 200; i++) {
			memset(got, 0xee, size + 16);
			expect(gos_chan_recv(k, got));
			expect(filled(got, size, (unsigned)i));
			for (size_t j = 0; j < 16; j++)
				expect_eq(got[size + j], 0xee); /* not a byte more */
		}
		memset(got, 0xee, size + 16);
		expect(!gos_chan_recv(k, got));
		for (size_t j = 0; j < size; j++)
			expect_eq(got[j], 0);
		expect_eq(got[size], 0xee);
		gos_chan_free(k);
	}
	free(got);
}

GOS_TEST(chan_elements_of_0_bytes) { elements_of(0); }
GOS_TEST(chan_elements_of_1_byte) { elements_of(1); }
GOS_TEST(chan_elements_of_8_bytes) { elements_of(8); }
GOS_TEST(chan_elements_of_24_bytes) { elements_of(24); }
GOS_TEST(chan_elements_of_1024_bytes) { elements_of(1024); }
GOS_TEST(chan_elements_of_4096_bytes) { elements_of(4096); }
GOS_TEST(chan_elements_of_70_kib) { elements_of(70 * 1024); } /* more than a goroutine's stack */

GOS_TEST(chan_empty_elements_are_counted)
{
	struct nothing {
	};
	gos_chan *k = gos_chan_make_at(0, 3, "struct nothing", __FILE__, __LINE__);
	char place = 'x';
	for (int i = 0; i < 3; i++)
		expect(gos_chan_try_send(k, &place));
	expect(!gos_chan_try_send(k, &place));
	expect_eq(gos_chan_len(k), 3);
	for (int i = 0; i < 3; i++)
		expect(gos_chan_recv(k, &place));
	expect_eq(place, 'x');
}

/* ---- many goroutines in a row ---- */

static void pass_on(gos_chan *in, gos_chan *out)
{
	int64_t v;
	while (gos_chan_recv(in, &v))
		send_int(out, v);
	gos_chan_close(out);
}

GOS_TEST(chan_values_go_through_10000_goroutines_in_order)
{
#ifdef GOS_TEST_TSAN
	enum { LENGTH = 1000, VALUES = 20 }; /* it looks at a word of each goroutine that lives, for each operation: with so many, for minutes */
#else
	enum { LENGTH = 10000, VALUES = 20 };
#endif
	gos_chan *first = gos_chan_make(int64_t, 0), *last = first;
	for (int i = 0; i < LENGTH; i++) {
		gos_chan *next = gos_chan_make(int64_t, 0);
		go(pass_on, last, next);
		last = next;
	}
	for (int64_t sent = 0, got = 0, seen = -1; got < VALUES;) {
		struct gos_case cases[] = {GOS_SEND(sent < VALUES ? first : NULL, &sent), GOS_RECV(last, &seen)};
		if (gos_select(cases, 2) == 0) {
			sent++;
			if (sent == VALUES)
				gos_chan_close(first);
		} else {
			expect_eq(seen, got++);
		}
	}
	expect(!gos_chan_recv(last, NULL));
	gos_test_until_num(1);
}

/* Each waits for the one before, takes its turn, and lets the next one go. */
static void take_turn(gos_chan *in, gos_chan *out, int64_t me)
{
	expect(gos_chan_recv(in, NULL));
	expect_eq(recv_int(c), me);
	gos_chan_send(out, &me);
}

GOS_TEST(chan_turns_are_taken_in_order)
{
	enum { N = 1000 };
	gos_chan *first = gos_chan_make(int64_t, 1), *in = first;
	c = gos_chan_make(int64_t, 0);
	for (int64_t i = 0; i < N; i++) {
		gos_chan *out = gos_chan_make(int64_t, 1);
		go(take_turn, in, out, i);
		in = out;
	}
	send_int(first, 0);
	for (int64_t i = 0; i < N; i++)
		send_int(c, i);
	expect_eq(recv_int(in), N - 1);
}

/* ---- looks that must not be fooled by what happens at the same moment ---- */

static void must_find_it_ready(gos_chan *k)
{
	expect(gos_chan_try_recv(k, NULL, NULL)); /* a value, or closed: at no moment neither */
	send_int(results, 1);
}

GOS_TEST(chan_try_receive_finds_a_value_that_gives_way_to_a_close)
{
	results = gos_chan_make(int64_t, 1);
	for (int i = 0; i < 10000; i++) {
		gos_chan *k = gos_chan_make(int64_t, 1);
		send_int(k, 1);
		go(must_find_it_ready, k);
		gos_chan_close(k);
		gos_chan_recv(k, NULL);
		expect_eq(recv_int(results), 1);
		gos_chan_free(k);
	}
}

static int looking = 1;

static void look_at_length(gos_chan *k, gos_waitgroup *wg)
{
	for (uint64_t n = 0; __atomic_load_n(&looking, __ATOMIC_ACQUIRE); n++) {
		expect_le(gos_chan_len(k), 5); /* never less than 0 either: it is unsigned */
		expect_eq(gos_chan_cap(k), 5);
		if (n % 16 == 0)
			gos_yield();
	}
	gos_waitgroup_done(wg);
}

GOS_TEST(chan_len_is_between_0_and_cap_at_any_moment)
{
	gos_waitgroup wg = {0};
	gos_chan *k = c = gos_chan_make(int64_t, 5);
	results = gos_chan_make(int64_t, 8);
	gos_waitgroup_add(&wg, 2);
	go(look_at_length, k, &wg);
	go(look_at_length, k, &wg);
	for (int round = 0; round < 2000; round++) {
		for (int i = 0; i < 8; i++)
			go(sender, i);
		for (int i = 0; i < 8; i++)
			recv_int(k);
		for (int i = 0; i < 8; i++)
			recv_int(results);
	}
	__atomic_store_n(&looking, 0, __ATOMIC_RELEASE);
	gos_waitgroup_wait(&wg);
	expect_eq(gos_chan_len(k), 0);
}

static void report_what_comes(void)
{
	int64_t v = 77;
	if (!gos_chan_recv(c, &v)) {
		expect_eq(v, 0);
		v = -1;
	}
	send_int(results, v);
}

/* Whoever waits gets a value or the end, each value once, though the close comes among them. */
GOS_TEST(chan_close_after_some_sends_wakes_every_receiver)
{
	enum { N = 50 };
	for (int round = 0; round < 200; round++) {
		bool seen[N] = {false};
		int values = round % N, ends = 0;
		c = gos_chan_make(int64_t, 0);
		results = gos_chan_make(int64_t, N);
		for (int i = 0; i < N; i++)
			go(report_what_comes);
		for (int i = 0; i < values; i++)
			send_int(c, i);
		gos_chan_close(c);
		for (int i = 0; i < N; i++) {
			int64_t v = recv_int(results);
			if (v == -1) {
				ends++;
				continue;
			}
			expect(v >= 0 && v < values && !seen[v]);
			seen[v] = true;
		}
		expect_eq(ends, N - values);
		gos_chan_free(c);
		gos_chan_free(results);
	}
}

/* ---- memory ---- */

GOS_TEST(chan_freed_ones_are_used_again)
{
	gos_chan *first = gos_chan_make(int64_t, 4);
	send_int(first, 1);
	gos_chan_close(first);
	gos_chan_free(first);
	for (int i = 0; i < 1000; i++) {
		gos_chan *k = gos_chan_make(char, 1);
		char v = (char)i, w = 0;
		expect_eq(gos_chan_len(k), 0);
		gos_chan_send(k, &v);
		expect(gos_chan_recv(k, &w));
		expect_eq(v, w);
		gos_chan_free(k);
	}
	/* No more memory than one at a time needs. */
	gos_chan *k = gos_chan_make(int64_t, 4);
	expect(k == first);
}

GOS_TEST(chan_many_at_once)
{
	enum { N = 20000 };
	static gos_chan *all[N];
	for (int i = 0; i < N; i++) {
		all[i] = gos_chan_make(int, 1);
		gos_chan_send(all[i], &i);
	}
	for (int i = 0; i < N; i++) {
		int v = -1;
		expect(gos_chan_recv(all[i], &v));
		expect_eq(v, i);
		gos_chan_free(all[i]);
	}
}

/* The receiver may free the channel while the sender or closer is still on its way out of the call. */
static void send_one(gos_chan *k)
{
	int64_t v = 3;
	gos_chan_send(k, &v);
}

GOS_TEST(chan_may_be_freed_by_who_got_the_last_value)
{
	for (int i = 0; i < 20000; i++) {
		gos_chan *k = gos_chan_make(int64_t, i & 1);
		go(send_one, k);
		expect_eq(recv_int(k), 3);
		gos_chan_free(k);
	}
}

static void close_it(gos_chan *k)
{
	gos_chan_close(k);
}

GOS_TEST(chan_may_be_freed_by_who_saw_it_closed)
{
	for (int i = 0; i < 20000; i++) {
		gos_chan *k = gos_chan_make(int64_t, 0);
		go(close_it, k);
		expect(!gos_chan_recv(k, NULL));
		gos_chan_free(k);
	}
}

/* ---- many to many ---- */

static int64_t total;

static void produce(int64_t from, int64_t n, gos_waitgroup *wg)
{
	for (int64_t i = 0; i < n; i++)
		send_int(c, from + i);
	gos_waitgroup_done(wg);
}

static void consume(gos_waitgroup *wg)
{
	int64_t v, sum = 0;
	while (gos_chan_recv(c, &v))
		sum += v;
	__atomic_add_fetch(&total, sum, __ATOMIC_SEQ_CST);
	gos_waitgroup_done(wg);
}

static void many_to_many(size_t capacity)
{
	enum { PRODUCERS = 8, CONSUMERS = 5, EACH = 20000 };
	gos_waitgroup sent = {0}, received = {0};
	c = gos_chan_make(int64_t, capacity);
	total = 0;
	gos_waitgroup_add(&sent, PRODUCERS);
	gos_waitgroup_add(&received, CONSUMERS);
	for (int i = 0; i < PRODUCERS; i++)
		go(produce, i * EACH, EACH, &sent);
	for (int i = 0; i < CONSUMERS; i++)
		go(consume, &received);
	gos_waitgroup_wait(&sent);
	gos_chan_close(c);
	gos_waitgroup_wait(&received);
	int64_t n = PRODUCERS * EACH;
	expect_eq(total, n * (n - 1) / 2);
}

GOS_TEST(chan_many_to_many_unbuffered) { many_to_many(0); }
GOS_TEST(chan_many_to_many_buffer_of_1) { many_to_many(1); }
GOS_TEST(chan_many_to_many_buffer_of_128) { many_to_many(128); }

/* Workers take from one queue and put what they found into another; each result must be there as often as its cause. */
static void factor(gos_chan *in, gos_chan *out, gos_waitgroup *wg)
{
	static const int64_t primes[] = {2, 3, 7, 11, 13, 17, 19};
	int64_t v;
	for (uint64_t n = 0; gos_chan_recv(in, &v); n++) {
		if (n % 4 == 0)
			gos_yield();
		send_int(out, v % primes[(size_t)v % 7] == 0 ? v : -v);
	}
	gos_waitgroup_done(wg);
}

static void feed(gos_chan *in, gos_chan *out, int64_t n, gos_waitgroup *wg)
{
	for (int64_t v = 1; v <= n; v++)
		send_int(in, v);
	gos_chan_close(in);
	gos_waitgroup_wait(wg);
	gos_chan_close(out);
}

GOS_TEST(chan_many_consumers_between_two_queues)
{
	enum { WORKERS = 23, VALUES = 60000 };
	static unsigned char seen[VALUES + 1];
	gos_waitgroup wg = {0};
	gos_chan *in = gos_chan_make(int64_t, WORKERS * 3), *out = gos_chan_make(int64_t, WORKERS * 3);
	gos_waitgroup_add(&wg, WORKERS);
	for (int i = 0; i < WORKERS; i++)
		go(factor, in, out, &wg);
	go(feed, in, out, VALUES, &wg);
	int64_t v, n = 0;
	while (gos_chan_recv(out, &v)) {
		v = v < 0 ? -v : v;
		expect(v >= 1 && v <= VALUES && !seen[v]);
		seen[v] = 1;
		n++;
	}
	expect_eq(n, VALUES);
}

/* ---- deaths ---- */

static void send_on_closed(void)
{
	c = gos_chan_make(int64_t, 1);
	gos_chan_close(c);
	send_int(c, 1);
}

static void try_send_on_closed(void)
{
	int64_t v = 1;
	c = gos_chan_make(int64_t, 0);
	gos_chan_close(c);
	gos_chan_try_send(c, &v);
}

static void close_under_waiting_sender(void)
{
	c = gos_chan_make(int64_t, 0);
	gos_test_until_waiting(go(sender, 1), "chan send");
	gos_chan_close(c);
	gos_sleep(5 * GOS_S);
}

static void close_twice(void)
{
	c = gos_chan_make(int64_t, 0);
	gos_chan_close(c);
	gos_chan_close(c);
}

static void close_nil(void)
{
	gos_chan_close(NULL);
}

static void free_under_waiting_receiver(void)
{
	c = gos_chan_make(int64_t, 0);
	gos_test_until_waiting(go(receiver, 1), "chan receive");
	gos_chan_free(c);
}

static void free_under_waiting_sender(void)
{
	c = gos_chan_make(int64_t, 0);
	gos_test_until_waiting(go(sender, 1), "chan send");
	gos_chan_free(c);
}

static void free_twice(void)
{
	c = gos_chan_make(int64_t, 0);
	gos_chan_free(c);
	gos_chan_free(c);
}

static void send_on_freed(void)
{
	c = gos_chan_make(int64_t, 1);
	gos_chan_free(c);
	send_int(c, 1);
}

static void receive_from_freed(void)
{
	c = gos_chan_make(int64_t, 1);
	send_int(c, 1);
	gos_chan_free(c);
	recv_int(c);
}

static void close_freed(void)
{
	c = gos_chan_make(int64_t, 1);
	gos_chan_free(c);
	gos_chan_close(c);
}

static void too_big(void)
{
	gos_chan_make_at(1 << 20, SIZE_MAX / 2, "much", __FILE__, __LINE__);
}

static void send_without_runtime(void)
{
	gos_chan_send(NULL, NULL);
}

static const struct gos_death deaths[] = {
	{"send_on_closed", send_on_closed, 2, {"panic: send on closed channel", "goroutine 1 [running]:"}},
	{"try_send_on_closed", try_send_on_closed, 2, {"panic: send on closed channel", "goroutine 1 [running]:"}},
	{"close_under_waiting_sender", close_under_waiting_sender, 2, {"panic: send on closed channel", "goroutine 2 [running", "sender("}},
	{"close_twice", close_twice, 2, {"panic: close of closed channel", "goroutine 1 [running]:"}},
	{"close_nil", close_nil, 2, {"panic: close of nil channel", "goroutine 1 [running]:"}},
	{"free_under_waiting_receiver", free_under_waiting_receiver, 2, {"panic: free of a channel on which goroutines wait"}},
	{"free_under_waiting_sender", free_under_waiting_sender, 2, {"panic: free of a channel on which goroutines wait"}},
	{"free_twice", free_twice, 2, {"panic: free of a freed channel"}},
	{"send_on_freed", send_on_freed, 2, {"panic: send on freed channel"}},
	{"receive_from_freed", receive_from_freed, 2, {"panic: receive from freed channel"}},
	{"close_freed", close_freed, 2, {"panic: close of freed channel"}},
	{"too_big", too_big, 2, {"panic: gos_chan_make: "}},
	{"send_without_runtime", send_without_runtime, 2, {"called before gos_run"}, .plain = true},
};
GOS_DEATHS(deaths)

/* ---- the record ---- */

static void expect_sent(const gos_chan *by, uint64_t goid, int64_t start)
{
	expect_eq(by->sender, goid);
	expect(gos_at_since(by->sent_at, start));
}

static void expect_received(const gos_chan *by, uint64_t goid, int64_t start)
{
	expect_eq(by->receiver, goid);
	expect(gos_at_since(by->received_at, start));
}

GOS_TEST(chan_says_nothing_of_what_did_not_happen)
{
	int64_t v;
	bool open;
	c = gos_chan_make(int64_t, 0);
	expect(!gos_chan_try_recv(c, &v, &open));
	v = 1;
	expect(!gos_chan_try_send(c, &v));
	expect_eq(c->sender + c->receiver + c->closer.goid, 0);
	expect_eq(c->sent_at, 0);
	expect_eq(c->received_at, 0);
	expect_eq(c->closer.at, 0);
	expect(c->closer.pc == NULL);
}

GOS_TEST(chan_says_who_sent_to_its_buffer_and_who_received_from_it)
{
	int64_t start = gos_now(), first;
	c = gos_chan_make(int64_t, 2);
	send_int(c, 1);
	expect_sent(c, gos_goid(), start);
	expect_eq(c->received_at, 0);
	first = c->sent_at;
	gos_sleep(100 * GOS_MS);
	recv_int(c);
	expect_received(c, gos_goid(), start);
	expect_gt(c->received_at, first);
	expect_eq(c->sent_at, first);
	int64_t v = 2;
	expect(gos_chan_try_send(c, &v));
	expect_gt(c->sent_at, first);
	gos_sleep(100 * GOS_MS);
	int64_t second = c->received_at;
	expect(gos_chan_try_recv(c, &v, NULL));
	expect_gt(c->received_at, second);
}

GOS_TEST(chan_says_who_sent_to_a_waiting_receiver)
{
	int64_t start = gos_now();
	c = gos_chan_make(int64_t, 0);
	results = gos_chan_make(int64_t, 1);
	uint64_t other = go(receiver, 1);
	gos_test_until_waiting(other, "chan receive");
	expect_eq(c->received_at, 0); /* it waits: it has not received */
	send_int(c, 5);
	expect_sent(c, gos_goid(), start);
	expect_received(c, other, start);
	expect_eq(recv_int(results), 1005);
	expect_sent(results, other, start);
}

GOS_TEST(chan_says_who_received_from_a_waiting_sender)
{
	int64_t start = gos_now();
	for (int capacity = 0; capacity < 2; capacity++) {
		c = gos_chan_make(int64_t, (size_t)capacity);
		results = gos_chan_make(int64_t, 1);
		if (capacity > 0)
			send_int(c, 1);
		int64_t before = c->sent_at;
		uint64_t other = go(sender, 2);
		gos_test_until_waiting(other, "chan send");
		expect_eq(c->sent_at, before); /* it waits: it has not sent */
		recv_int(c);
		expect_sent(c, other, start); /* into the buffer, or to this goroutine */
		expect_received(c, gos_goid(), start);
		recv_int(results);
	}
}

GOS_PLACE(close_here, (void), gos_chan_close(c))

static void close_and_end(void)
{
	close_here();
}

GOS_TEST(chan_says_who_closed_it_where_and_when)
{
	int64_t start = gos_now();
	c = gos_chan_make(int64_t, 1);
	results = gos_chan_make(int64_t, 1);
	gos_test_until_waiting(go(closed_receiver, 3), "chan receive");
	uint64_t closer = go(close_and_end);
	expect_eq(recv_int(results), 3);
	expect_eq(c->closer.goid, closer);
	expect(close_here_has(c->closer.pc));
	expect(gos_at_since(c->closer.at, start));
	expect_eq(c->received_at, 0); /* the end is no value */
	int64_t v;
	expect(!gos_chan_recv(c, &v));
	expect_eq(c->received_at, 0);
}

GOS_TEST(chan_record_begins_anew_with_each_channel)
{
	for (int i = 0; i < 10; i++) {
		c = gos_chan_make(int64_t, 1);
		expect_eq(c->sent_at, 0);
		expect_eq(c->received_at, 0);
		expect_eq(c->closer.at, 0);
		send_int(c, 1);
		recv_int(c);
		close_here();
		gos_chan_free(c);
	}
}
