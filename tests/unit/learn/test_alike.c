/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../random.h"
#include "alike.h"
#include "grow.h"

/* --- by hand ---------------------------------------------------------------------------------- */

#define FEATURES(...)                                                                              \
	.features = (const uint64_t[]) { __VA_ARGS__ },                                            \
	.feature_count = sizeof((const uint64_t[]) { __VA_ARGS__ }) / sizeof(uint64_t)

static void all_three_must_be_alike(void **state)
{
	struct bh_candidate c[] = {
		{ .name = "a", .image = "web", .listens = "80/tcp", FEATURES(1, 2, 3) },
		{ .name = "b", .image = "web", .listens = "80/tcp", FEATURES(1, 2, 3) },
		{ .name = "image", .image = "api", .listens = "80/tcp", FEATURES(1, 2, 3) },
		{ .name = "ports", .image = "web", .listens = "81/tcp", FEATURES(1, 2, 3) },
		{ .name = "peers", .image = "web", .listens = "80/tcp", FEATURES(1, 4, 5) },
		{ .name = "none", .image = "web", .listens = "80/tcp" },
		{ .name = "nothing", .image = "web", .listens = "80/tcp" },
		{ .name = "unknown image", .image = "", .listens = "80/tcp", FEATURES(1, 2, 3) },
		{ .name = "the same", .image = "", .listens = "80/tcp", FEATURES(1, 2, 3) },
		{ .name = "unknown ports", .image = "web", FEATURES(1, 2, 3) },
	};

	(void)state;
	assert_int_equal(bh_alike(c, sizeof(c) / sizeof(c[0])), 1);
	assert_int_equal(c[0].group, 1);
	assert_int_equal(c[1].group, 1);
	for (size_t i = 2; i < sizeof(c) / sizeof(c[0]); i++)
		assert_int_equal(c[i].group, 0);
	assert_int_equal(bh_alike(c, 0), 0);
}

static void half_is_enough(void **state)
{
	struct bh_candidate half[] = {
		{ .name = "a", .image = "x", .listens = "", FEATURES(1, 2, 3, 4) },
		{ .name = "b", .image = "x", .listens = "", FEATURES(1, 2, 3, 4, 5, 6, 7, 8) },
	};
	struct bh_candidate less[] = {
		{ .name = "a", .image = "x", .listens = "", FEATURES(1, 2, 3, 4) },
		{ .name = "b", .image = "x", .listens = "", FEATURES(1, 2, 3, 4, 5, 6, 7, 8, 9) },
	};

	(void)state;
	assert_int_equal(bh_alike(half, 2), 1);
	assert_int_equal(bh_alike(less, 2), 0);
}

/* a is like b, and b like c, but a is not like c: the two that are most alike are a group. */
static void a_chain_is_no_group(void **state)
{
	struct bh_candidate c[] = {
		{ .name = "c", .image = "x", .listens = "", FEATURES(3, 4, 5, 6) },
		{ .name = "a", .image = "x", .listens = "", FEATURES(1, 2, 3) },
		{ .name = "b", .image = "x", .listens = "", FEATURES(1, 2, 3, 4, 5) },
		{ .name = "z", .image = "y", .listens = "", FEATURES(1) },
		{ .name = "y", .image = "y", .listens = "", FEATURES(1) },
	};

	(void)state;
	assert_int_equal(bh_alike(c, 5), 2);
	assert_int_equal(c[1].group, 1);
	assert_int_equal(c[2].group, 1);
	assert_int_equal(c[0].group, 0);
	assert_int_equal(c[3].group, 2);
	assert_int_equal(c[4].group, 2);
}

static void of_too_many_some_are_left(void **state)
{
	struct bh_candidate *c = bh_calloc(BH_ALIKE_MOST + 1, sizeof(*c));
	static char names[BH_ALIKE_MOST + 1][8];
	static const uint64_t feature = 7;

	(void)state;
	for (size_t i = 0; i <= BH_ALIKE_MOST; i++) {
		snprintf(names[i], sizeof(names[i]), "%04zu", i);
		c[i] = (struct bh_candidate) { .name = names[i],
					       .image = "x",
					       .listens = "",
					       .features = &feature,
					       .feature_count = 1 };
	}
	assert_int_equal(bh_alike(c, BH_ALIKE_MOST + 1), 1);
	assert_int_equal(c[BH_ALIKE_MOST - 1].group, 1);
	assert_int_equal(c[BH_ALIKE_MOST].group, 0);
	free(c);
}

/* --- made-up hosts ---------------------------------------------------------------------------- */

#define MOST 400
#define POOL 60 /* peers and ports that there are */

/* What is true of an instance, and what was seen of it. */
struct instance {
	unsigned service;
	char name[16], image[16], listens[16];
	bool sees[POOL]; /* told again, as a set, for the check */
	uint64_t features[POOL];
};

struct host {
	struct instance instances[MOST];
	struct bh_candidate candidates[MOST];
	size_t count;
};

/* A replica has met nineteen in twenty of its service's peers so far, and now and then a stranger.
 */
static void add_replica(struct host *h, unsigned service, const bool *peers, const char *image,
			const char *listens)
{
	struct instance *i = &h->instances[h->count];
	size_t features = 0;

	*i = (struct instance) { .service = service };
	snprintf(i->name, sizeof(i->name), "i%zu", h->count);
	bh_copy_text(i->image, sizeof(i->image), image);
	bh_copy_text(i->listens, sizeof(i->listens), listens);
	for (unsigned p = 0; p < POOL; p++) {
		i->sees[p] = peers[p] ? random_below(20) > 0 : random_below(200) == 0;
		if (i->sees[p])
			i->features[features++] = p;
	}
	h->candidates[h->count++] = (struct bh_candidate) { .name = i->name,
							    .image = i->image,
							    .listens = i->listens,
							    .features = i->features,
							    .feature_count = features };
}

/* Forty services of fifteen images, each with up to six replicas and three to ten peers. One in
 * four is of the image of the one before, and has half of its peers. */
static void make_host(struct host *h, uint64_t seed)
{
	random_seed(seed);
	h->count = 0;
	bool peers[POOL] = { false };
	char image[16], listens[16];
	for (unsigned service = 0; service < 40; service++) {
		bool akin = service > 0 && random_below(4) == 0;

		for (unsigned p = 0; p < POOL; p++)
			peers[p] = p == 0 || (akin && peers[p] && random_below(2) == 0);
		if (!akin) {
			snprintf(image, sizeof(image), "image%u", random_below(15));
			snprintf(listens, sizeof(listens), "%u/tcp",
				 random_below(3) == 0 ? 8080 : 80);
		}
		for (unsigned i = 0, count = 3 + random_below(8); i < count; i++)
			peers[random_below(POOL)] = true;
		for (unsigned i = 0, count = 1 + random_below(6); i < count; i++)
			add_replica(h, service, peers, image, listens);
	}
}

/* The same measure, from the sets. */
static bool are_alike(const struct instance *a, const struct instance *b)
{
	unsigned both = 0, all = 0;

	for (unsigned p = 0; p < POOL; p++) {
		both += a->sees[p] && b->sees[p];
		all += a->sees[p] || b->sees[p];
	}
	return strcmp(a->image, b->image) == 0 && strcmp(a->listens, b->listens) == 0 &&
	       2 * both >= all && all > 0;
}

static size_t group_of(const struct host *h, size_t i)
{
	return h->candidates[i].group;
}

/* Each two of a group are alike. */
static void assert_all_are_alike(const struct host *h)
{
	for (size_t i = 0; i < h->count; i++)
		for (size_t j = 0; j < i; j++)
			if (group_of(h, i) != 0 && group_of(h, i) == group_of(h, j))
				assert_true(are_alike(&h->instances[i], &h->instances[j]));
}

/* Whoever could still come to another: then he is like each of those there. */
static bool could_join(const struct host *h, size_t i, size_t group)
{
	for (size_t j = 0; j < h->count; j++)
		if (group_of(h, j) == group && !are_alike(&h->instances[i], &h->instances[j]))
			return false;
	return true;
}

static void assert_nobody_is_left_out(const struct host *h, size_t groups)
{
	for (size_t i = 0; i < h->count; i++) {
		if (group_of(h, i) != 0)
			continue;
		for (size_t group = 1; group <= groups; group++)
			assert_false(could_join(h, i, group));
		for (size_t j = 0; j < i; j++)
			if (group_of(h, j) == 0)
				assert_false(are_alike(&h->instances[i], &h->instances[j]));
	}
}

struct pairs {
	size_t together, right, wanted, of_an_image, right_of_an_image;
};

static void count_pairs(const struct host *h, struct pairs *pairs)
{
	for (size_t i = 0; i < h->count; i++) {
		for (size_t j = 0; j < i; j++) {
			bool same = h->instances[i].service == h->instances[j].service;
			bool image = strcmp(h->instances[i].image, h->instances[j].image) == 0;
			bool together = group_of(h, i) != 0 && group_of(h, i) == group_of(h, j);

			pairs->wanted += same;
			pairs->together += together;
			pairs->right += together && same;
			pairs->of_an_image += image;
			pairs->right_of_an_image += image && same;
		}
	}
}

static void replicas_are_found_and_few_others(void **state)
{
	struct host *h = bh_calloc(1, sizeof(*h));
	struct pairs pairs = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= 50; seed++) {
		make_host(h, seed);
		size_t groups = bh_alike(h->candidates, h->count);
		assert_all_are_alike(h);
		assert_nobody_is_left_out(h, groups);
		count_pairs(h, &pairs);
	}
	double precision = (double)pairs.right / (double)pairs.together,
	       recall = (double)pairs.right / (double)pairs.wanted,
	       image = (double)pairs.right_of_an_image / (double)pairs.of_an_image;
	print_message("pairs: precision %.3f, recall %.3f; by image alone %.3f\n", precision,
		      recall, image);
	assert_true(precision >= 0.97 && recall >= 0.97);
	assert_true(image < 0.7);
	free(h);
}

static void the_order_makes_no_difference(void **state)
{
	struct host *h = bh_calloc(1, sizeof(*h));

	(void)state;
	for (uint64_t seed = 1; seed <= 20; seed++) {
		size_t before[MOST];

		make_host(h, seed);
		bh_alike(h->candidates, h->count);
		for (size_t i = 0; i < h->count; i++)
			before[i] = group_of(h, i);
		for (size_t i = h->count; i > 1; i--) {
			size_t j = random_below((unsigned)i);
			struct bh_candidate swap = h->candidates[i - 1];

			h->candidates[i - 1] = h->candidates[j];
			h->candidates[j] = swap;
		}
		bh_alike(h->candidates, h->count);
		for (size_t i = 0; i < h->count; i++)
			assert_int_equal(group_of(h, i),
					 before[strtoul(h->candidates[i].name + 1, NULL, 10)]);
	}
	free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_three_must_be_alike),
		cmocka_unit_test(half_is_enough),
		cmocka_unit_test(a_chain_is_no_group),
		cmocka_unit_test(of_too_many_some_are_left),
		cmocka_unit_test(replicas_are_found_and_few_others),
		cmocka_unit_test(the_order_makes_no_difference),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
