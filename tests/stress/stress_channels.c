/* SPDX-License-Identifier: MIT */
/* stress_channels.c - channels and selects: every message has a sender and a number; sums are compared, and the order of each sender's messages. */
#include <string.h>

#include "stress.h"

struct message {
	uint32_t sender;
	uint32_t channel;
	int64_t number; /* counts up, for each sender and channel */
};

enum { CHANNELS = 16, SENDERS = 24, RECEIVERS = 16 };
static gos_chan *channels[CHANNELS];
static int64_t sent[SENDERS][CHANNELS], next_number[SENDERS][CHANNELS];
static int64_t sent_sum, received_sum, sent_count, received_count;

static void count(struct message m, bool *single)
{
	expect_lt(m.sender, SENDERS);
	if (single != NULL) { /* one receiver: each sender's messages come in order, none missing */
		expect_eq(m.number, next_number[m.sender][m.channel]);
		next_number[m.sender][m.channel]++;
	}
}

/* Sends by every way there is; only one send of a message succeeds. */
static void sender(uint32_t me, uint64_t random)
{
	int worker = stress_enter();
	int64_t sum = 0, n = 0;
	while (!stress_stopped()) {
		uint32_t k = (uint32_t)(gos_test_random(&random) % CHANNELS), other = (uint32_t)(gos_test_random(&random) % CHANNELS);
		struct message m = {me, k, sent[me][k]}, m2 = {me, other, sent[me][other]};
		switch (gos_test_random(&random) % 5) {
		case 0:
		case 1:
			gos_chan_send(channels[k], &m);
			break;
		case 2:
			if (!gos_chan_try_send(channels[k], &m))
				gos_chan_send(channels[k], &m);
			break;
		case 3: {
			struct gos_case cases[] = {GOS_SEND(channels[k], &m), GOS_SEND(channels[other], &m2), GOS_RECV(NULL, NULL)};
			if (gos_select(cases, 3) == 1) {
				m = m2;
				k = other;
			}
			break;
		}
		case 4: { /* a send that may be given up for time */
			gos_chan *late = gos_after((int64_t)(gos_test_random(&random) % 100000));
			struct gos_case cases[] = {GOS_RECV(late, NULL), GOS_SEND(channels[k], &m)};
			int which = gos_select(cases, 2);
			gos_chan_free(late);
			if (which == 0) {
				stress_step(worker);
				continue;
			}
			break;
		}
		}
		sum += m.number * (me + 1) + k;
		n++;
		sent[me][k]++;
		stress_disturb(&random);
		stress_step(worker);
	}
	__atomic_add_fetch(&sent_sum, sum, __ATOMIC_RELAXED);
	__atomic_add_fetch(&sent_count, n, __ATOMIC_RELAXED);
	stress_leave(worker);
}

/* Receivers of one channel each: they end when it is closed. */
static void receiver(uint32_t k, uint64_t random)
{
	int worker = stress_enter();
	int64_t sum = 0, n = 0;
	bool single = true, open = true;
	while (open) {
		struct message m;
		memset(&m, 0xee, sizeof m);
		switch (gos_test_random(&random) % 3) {
		case 0:
			open = gos_chan_recv(channels[k], &m);
			break;
		case 1:
			if (!gos_chan_try_recv(channels[k], &m, &open))
				open = gos_chan_recv(channels[k], &m);
			break;
		case 2: {
			struct gos_case cases[] = {GOS_RECV(NULL, NULL), GOS_RECV(channels[k], &m)};
			gos_select(cases, 2);
			open = cases[1].ok;
			break;
		}
		}
		if (!open) {
			expect(m.sender == 0 && m.channel == 0 && m.number == 0);
			break;
		}
		expect_eq(m.channel, k);
		count(m, &single);
		sum += m.number * (m.sender + 1) + k;
		n++;
		stress_disturb(&random);
		stress_step(worker);
	}
	__atomic_add_fetch(&received_sum, sum, __ATOMIC_RELAXED);
	__atomic_add_fetch(&received_count, n, __ATOMIC_RELAXED);
	stress_leave(worker);
}

/* Receivers of all channels at once, in a new order each time; they end when all are closed. */
static void select_receiver(uint64_t random)
{
	int worker = stress_enter();
	int64_t sum = 0, n = 0;
	bool closed[CHANNELS] = {false};
	int left = CHANNELS;
	while (left > 0) {
		struct gos_case cases[CHANNELS + 4];
		struct message m[CHANNELS + 4];
		int cases_n = 0;
		uint32_t of[CHANNELS + 4], start = (uint32_t)gos_test_random(&random) % CHANNELS;
		for (uint32_t i = 0; i < CHANNELS; i++) {
			uint32_t k = (start + i * 5) % CHANNELS;
			if (closed[k] || (left > 4 && gos_test_random(&random) % 4 == 0))
				continue;
			of[cases_n] = k;
			cases[cases_n] = (struct gos_case)GOS_RECV(channels[k], &m[cases_n]);
			cases_n++;
		}
		if (cases_n > 0 && gos_test_random(&random) % 4 == 0) { /* the same channel twice */
			of[cases_n] = of[0];
			cases[cases_n] = (struct gos_case)GOS_RECV(channels[of[0]], &m[cases_n]);
			cases_n++;
		}
		if (cases_n == 0)
			continue;
		int which = gos_test_random(&random) % 2 ? gos_select_try(cases, cases_n) : -1;
		if (which < 0)
			which = gos_select(cases, cases_n);
		if (!cases[which].ok) {
			closed[of[which]] = true;
			left--;
			continue;
		}
		expect_eq(m[which].channel, of[which]);
		count(m[which], NULL);
		sum += m[which].number * (m[which].sender + 1) + m[which].channel;
		n++;
		stress_disturb(&random);
		stress_step(worker);
	}
	__atomic_add_fetch(&received_sum, sum, __ATOMIC_RELAXED);
	__atomic_add_fetch(&received_count, n, __ATOMIC_RELAXED);
	stress_leave(worker);
}

static void run(bool select)
{
	stress_begin();
	for (uint32_t k = 0; k < CHANNELS; k++)
		channels[k] = gos_chan_make(struct message, k % 4 == 0 ? 0 : k % 4 == 1 ? 1 : k);
	for (uint32_t i = 0; i < SENDERS; i++)
		go(sender, i, gos_test_seed() + i);
	for (uint32_t i = 0; i < RECEIVERS; i++)
		if (select)
			go(select_receiver, gos_test_seed() + 1000 + i);
		else
			go(receiver, i % CHANNELS, gos_test_seed() + 1000 + i);
	stress_run();
	/* Senders end by themselves, since somebody receives on each channel; then the channels are closed. */
	int64_t want = (select ? RECEIVERS : CHANNELS) + 1;
	gos_test_until_num((size_t)want);
	for (uint32_t k = 0; k < CHANNELS; k++)
		gos_chan_close(channels[k]);
	stress_end();
	expect_gt(sent_count, 0);
	expect_eq(received_count, sent_count);
	expect_eq(received_sum, sent_sum);
	for (uint32_t k = 0; k < CHANNELS; k++) {
		expect_eq(gos_chan_len(channels[k]), 0);
		gos_chan_free(channels[k]);
	}
}

STRESS_TEST(channels_one_receiver_each) { run(false); }
STRESS_TEST(channels_in_selects) { run(true); }

/* ---- channels that come and go: made, used by a few, closed, freed ---- */

struct room {
	gos_chan *c;
	int64_t sent, received; /* Sync: atomic */
	gos_waitgroup senders, receivers;
};

static void guest_sends(struct room *r, uint64_t random)
{
	for (int64_t n = (int64_t)(gos_test_random(&random) % 20); n > 0; n--) {
		gos_chan_send(r->c, &n);
		__atomic_add_fetch(&r->sent, n, __ATOMIC_RELAXED);
	}
	gos_waitgroup_done(&r->senders);
}

static void guest_receives(struct room *r, uint64_t random)
{
	int64_t v;
	while (gos_chan_recv(r->c, &v)) {
		__atomic_add_fetch(&r->received, v, __ATOMIC_RELAXED);
		stress_disturb(&random);
	}
	gos_waitgroup_done(&r->receivers);
}

static void host(uint64_t random)
{
	int worker = stress_enter();
	while (!stress_stopped()) {
		struct room r = {.c = gos_chan_make(int64_t, gos_test_random(&random) % 3)};
		int senders = 1 + (int)(gos_test_random(&random) % 4), receivers = 1 + (int)(gos_test_random(&random) % 4);
		gos_waitgroup_add(&r.senders, senders);
		gos_waitgroup_add(&r.receivers, receivers);
		for (int i = 0; i < senders; i++)
			go(guest_sends, &r, gos_test_random(&random));
		for (int i = 0; i < receivers; i++)
			go(guest_receives, &r, gos_test_random(&random));
		gos_waitgroup_wait(&r.senders);
		gos_chan_close(r.c);
		gos_waitgroup_wait(&r.receivers);
		expect_eq(r.sent, r.received);
		gos_chan_free(r.c);
		stress_step(worker);
	}
	stress_leave(worker);
}

STRESS_TEST(channels_that_come_and_go) { stress_crowd(16, host, false); }
STRESS_TEST(channels_that_come_and_go_under_changing_procs) { stress_crowd(16, host, true); }
