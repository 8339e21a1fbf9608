/* SPDX-License-Identifier: MIT */
/*
 * Power series as streams of coefficients, after M. D. McIlroy, "Squinting at power series" (1990), which is also one of Go's tests of channels.
 *
 * Each operation is a goroutine that works out a term when it is asked for one; series may be defined by themselves. The answers are known. Who needs no more closes `ask`, and
 * what fed it ends: in the end no goroutine is left.
 */
#include "gos_test.h"

enum { TERMS = 12 };

/* ---- rational numbers ---- */

struct rational {
	int64_t num, den;
};

static struct rational rational(int64_t num, int64_t den)
{
	int64_t a = num < 0 ? -num : num, b = den;
	expect_gt(den, 0);
	while (b != 0) {
		int64_t r = a % b;
		a = b;
		b = r;
	}
	return (struct rational){num / a, den / a};
}

static int64_t product(int64_t a, int64_t b)
{
	int64_t c;
	expect(!__builtin_mul_overflow(a, b, &c));
	return c;
}

static struct rational r_mul(struct rational a, struct rational b)
{
	struct rational x = rational(a.num, b.den), y = rational(b.num, a.den); /* small numbers stay small */
	return rational(product(x.num, y.num), product(x.den, y.den));
}

static struct rational r_add(struct rational a, struct rational b)
{
	int64_t den = rational(a.den, b.den).den; /* b's, less what it has in common with a's */
	return rational(product(a.num, den) + product(b.num, product(a.den, den) / b.den), product(a.den, den));
}

/* ---- streams ---- */

struct series {
	gos_chan *ask, *give;
	struct series *made_before; /* none is given back: they end with the program */
};

static struct series *made;

static struct series *series(void)
{
	struct series *z = malloc(sizeof *z);
	*z = (struct series){gos_chan_make(char, 0), gos_chan_make(struct rational, 0), NULL};
	z->made_before = __atomic_exchange_n(&made, z, __ATOMIC_RELAXED);
	return z;
}

static bool asked(struct series *z)
{
	return gos_chan_recv(z->ask, NULL);
}

static void give(struct series *z, struct rational term)
{
	gos_chan_send(z->give, &term);
}

static struct rational get(struct series *u)
{
	struct rational term = {0, 0};
	gos_chan_send(u->ask, "");
	expect(gos_chan_recv(u->give, &term));
	return term;
}

/* Asks for nothing more. */
static void drop(struct series *u)
{
	gos_chan_close(u->ask);
}

static void pass_on(struct series *u, struct series *z)
{
	while (asked(z))
		give(z, get(u));
	drop(u);
}

/* Two readers of one series, each at its own pace. The second may be what the series is made of: it does not keep it alive. */
static void split_body(struct series *u, struct series *a, struct series *b, int second_is_its_own)
{
	struct series *reader[2] = {a, b};
	struct rational term[TERMS * 4];
	int count = 0, next[2] = {0, 0};
	bool open[2] = {true, true}, wants[2] = {false, false}, pending = false, alive = true;

	while (open[0] || open[1]) {
		if (alive && !pending && !open[0] && (!open[1] || second_is_its_own)) {
			drop(u);
			alive = false;
		}
		struct rational got;
		struct gos_case cases[] = {
			GOS_RECV(open[0] && !wants[0] ? a->ask : NULL, NULL),
			GOS_RECV(open[1] && !wants[1] ? b->ask : NULL, NULL),
			GOS_RECV(pending ? u->give : NULL, &got),
		};
		int which = gos_select(cases, 3);
		if (which == 2) {
			expect_lt(count, TERMS * 4);
			term[count++] = got;
			pending = false;
		} else if (!cases[which].ok) {
			open[which] = false;
		} else {
			wants[which] = true;
		}
		for (int i = 0; i < 2; i++) {
			if (!wants[i])
				continue;
			if (next[i] < count) {
				give(reader[i], term[next[i]++]);
				wants[i] = false;
			} else if (!pending) {
				gos_chan_send(u->ask, "");
				pending = true;
			}
		}
	}
	if (alive)
		drop(u);
}

static void split(struct series *u, struct series **a, struct series **b, bool second_is_its_own)
{
	*a = series();
	*b = series();
	go(split_body, u, *a, *b, second_is_its_own);
}

/* ---- operations ---- */

/* Coefficients by their number. */
static void rule_body(struct rational (*rule)(int64_t n), struct series *z)
{
	for (int64_t n = 0; asked(z); n++)
		give(z, rule(n));
}

static struct series *rule(struct rational (*coefficient)(int64_t n))
{
	struct series *z = series();
	go(rule_body, coefficient, z);
	return z;
}

static void add_body(struct series *u, struct series *v, struct series *z)
{
	while (asked(z))
		give(z, r_add(get(u), get(v)));
	drop(u);
	drop(v);
}

static struct series *add(struct series *u, struct series *v)
{
	struct series *z = series();
	go(add_body, u, v, z);
	return z;
}

static void scale_body(int64_t num, int64_t den, struct series *u, struct series *z)
{
	while (asked(z))
		give(z, r_mul((struct rational){num, den}, get(u)));
	drop(u);
}

static struct series *scale(struct rational c, struct series *u)
{
	struct series *z = series();
	go(scale_body, c.num, c.den, u, z);
	return z;
}

static void after_body(int64_t num, int64_t den, struct series *u, struct series *z)
{
	if (asked(z))
		give(z, (struct rational){num, den});
	pass_on(u, z);
}

/* c + x u */
static struct series *after(struct rational c, struct series *u)
{
	struct series *z = series();
	go(after_body, c.num, c.den, u, z);
	return z;
}

static struct series *mul(struct series *u, struct series *v);

static void mul_body(struct series *u, struct series *v, struct series *z)
{
	bool more = asked(z);
	if (more) {
		struct rational f = get(u), g = get(v);
		give(z, r_mul(f, g));
		more = asked(z);
		if (more) { /* (f + x u)(g + x v) = fg + x (f v + g u + x u v) */
			struct series *u1, *u2, *v1, *v2;
			split(u, &u1, &u2, false);
			split(v, &v1, &v2, false);
			struct series *rest = add(add(scale(f, v1), scale(g, u1)), after(rational(0, 1), mul(u2, v2)));
			give(z, get(rest));
			pass_on(rest, z);
			return;
		}
	}
	drop(u);
	drop(v);
}

static struct series *mul(struct series *u, struct series *v)
{
	struct series *z = series();
	go(mul_body, u, v, z);
	return z;
}

static void differentiate_body(struct series *u, struct series *z)
{
	bool first = true;
	for (int64_t n = 1; asked(z); n++) {
		if (first)
			get(u);
		first = false;
		give(z, r_mul(rational(n, 1), get(u)));
	}
	drop(u);
}

static struct series *differentiate(struct series *u)
{
	struct series *z = series();
	go(differentiate_body, u, z);
	return z;
}

static void integrate_body(int64_t c, struct series *u, struct series *z)
{
	if (asked(z))
		give(z, rational(c, 1));
	for (int64_t n = 1; asked(z); n++)
		give(z, r_mul(rational(1, n), get(u)));
	drop(u);
}

static struct series *integrate(int64_t c, struct series *u)
{
	struct series *z = series();
	go(integrate_body, c, u, z);
	return z;
}

/* exp u, where u begins with 0: z = 1 + integral of z u' */
static struct series *exponential(struct series *u)
{
	struct series *z = series(), *result, *again;
	split(z, &result, &again, true);
	go(integrate_body, (int64_t)1, mul(again, differentiate(u)), z);
	return result;
}

/* 1/u, where u begins with 1: z = 1 - x z (u - 1)/x */
static void reciprocal_body(struct series *u, struct series *again, struct series *z)
{
	bool more = asked(z);
	if (more) {
		expect_eq(get(u).num, 1);
		give(z, rational(1, 1));
	}
	pass_on(scale(rational(-1, 1), mul(u, again)), z);
}

static struct series *reciprocal(struct series *u)
{
	struct series *z = series(), *result, *again;
	split(z, &result, &again, true);
	go(reciprocal_body, u, again, z);
	return result;
}

/* ---- what is known ---- */

static struct rational one(int64_t n) { return rational(n == 0, 1); }
static struct rational x(int64_t n) { return rational(n == 1, 1); }
static struct rational minus_x(int64_t n) { return rational(-(n == 1), 1); }
static struct rational ones(int64_t n) { return (void)n, rational(1, 1); }
static struct rational count_up(int64_t n) { return rational(n + 1, 1); }
static struct rational one_minus_x(int64_t n) { return rational((n == 0) - (n == 1), 1); }
static struct rational to_the_n(int64_t n) { return n == 0 ? rational(1, 1) : r_mul(rational(1, n), to_the_n(n - 1)); }
static struct rational sine(int64_t n) { return n % 2 == 0 ? rational(0, 1) : r_mul(rational(n % 4 == 1 ? 1 : -1, 1), to_the_n(n)); }
static struct rational cosine(int64_t n) { return n % 2 == 1 ? rational(0, 1) : r_mul(rational(n % 4 == 0 ? 1 : -1, 1), to_the_n(n)); }

static struct rational tangent(int64_t n)
{
	static const struct rational known[TERMS] = {{0, 1}, {1, 1}, {0, 1}, {1, 3}, {0, 1}, {2, 15}, {0, 1}, {17, 315}, {0, 1}, {62, 2835}, {0, 1}, {1382, 155925}};
	return known[n];
}

static void is(struct series *u, struct rational (*known)(int64_t n))
{
	for (int64_t n = 0; n < TERMS; n++) {
		struct rational term = get(u), want = known(n);
		expect_eq(term.num, want.num);
		expect_eq(term.den, want.den);
	}
	drop(u);
	gos_test_until_num(1); /* all that fed it have ended */
}

GOS_TEST_WITHIN(powser_sum_and_product, 60)
{
	is(add(rule(one), after(rational(0, 1), rule(ones))), ones);
	is(mul(rule(ones), rule(ones)), count_up);
	is(mul(rule(ones), rule(one_minus_x)), one);
}

GOS_TEST_WITHIN(powser_sine_and_cosine, 60)
{
	is(integrate(0, rule(cosine)), sine);
	is(differentiate(rule(sine)), cosine);
	is(add(mul(rule(sine), rule(sine)), mul(rule(cosine), rule(cosine))), one);
}

GOS_TEST_WITHIN(powser_reciprocal, 60)
{
	is(reciprocal(rule(one_minus_x)), ones);
	is(mul(rule(sine), reciprocal(rule(cosine))), tangent);
}

GOS_TEST_WITHIN(powser_exponential, 60)
{
	is(exponential(rule(x)), to_the_n);
	is(mul(exponential(rule(x)), exponential(rule(minus_x))), one);
}

/* tan' = 1 + tan^2: a series made of itself, twice. */
GOS_TEST_WITHIN(powser_tangent_from_its_equation, 60)
{
	struct series *z = series(), *result, *again, *a, *b;
	split(z, &result, &again, true);
	split(again, &a, &b, false);
	go(integrate_body, (int64_t)0, add(rule(one), mul(a, b)), z);
	is(result, tangent);
}
