/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "alike.h"

#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"

#define LEAST 0.5

/* Those of one image and with the same ports. */
struct bucket {
	struct bh_candidate **members;
	size_t count;
	double *links;	 /* count × count: how alike two clusters are, by their first members */
	size_t *cluster; /* by member: the first one of its cluster */
};

static int compare_kinds(const struct bh_candidate *a, const struct bh_candidate *b)
{
	int order = strcmp(a->image, b->image);

	return order != 0 ? order : strcmp(a->listens, b->listens);
}

static int compare_candidates(const void *a, const void *b)
{
	const struct bh_candidate *x = *(struct bh_candidate *const *)a,
				  *y = *(struct bh_candidate *const *)b;
	int order = compare_kinds(x, y);

	return order != 0 ? order : strcmp(x->name, y->name);
}

static double jaccard(const struct bh_candidate *a, const struct bh_candidate *b)
{
	size_t i = 0, j = 0, both = 0;

	while (i < a->feature_count && j < b->feature_count) {
		uint64_t x = a->features[i], y = b->features[j];

		both += x == y;
		i += x <= y;
		j += y <= x;
	}
	size_t all = a->feature_count + b->feature_count - both;
	return all > 0 ? (double)both / (double)all : 0;
}

static double *link_of(const struct bucket *b, size_t i, size_t j)
{
	return &b->links[i * b->count + j];
}

static void link_all(struct bucket *b)
{
	for (size_t i = 0; i < b->count; i++) {
		b->cluster[i] = i;
		for (size_t j = 0; j < i; j++)
			*link_of(b, i, j) = *link_of(b, j, i) =
				jaccard(b->members[i], b->members[j]);
	}
}

/* The two clusters that are most alike; of several pairs the first. False: none are enough. */
static bool find_closest(const struct bucket *b, size_t *one, size_t *other)
{
	double best = 0;

	for (size_t i = 0; i < b->count; i++) {
		for (size_t j = i + 1; b->cluster[i] == i && j < b->count; j++) {
			if (b->cluster[j] != j || *link_of(b, i, j) <= best)
				continue;
			best = *link_of(b, i, j);
			*one = i;
			*other = j;
		}
	}
	return best >= LEAST;
}

/* What they have in common with a third is what the one that has less of it does. */
static void join(struct bucket *b, size_t one, size_t other)
{
	for (size_t i = 0; i < b->count; i++) {
		if (b->cluster[i] == other)
			b->cluster[i] = one;
		if (*link_of(b, other, i) < *link_of(b, one, i))
			*link_of(b, one, i) = *link_of(b, i, one) = *link_of(b, other, i);
	}
}

/* Numbers clusters of two and more, from *groups on. */
static void number_clusters(const struct bucket *b, size_t *groups)
{
	for (size_t i = 0; i < b->count; i++) {
		size_t first = b->cluster[i];

		if (first == i)
			continue;
		if (b->members[first]->group == 0)
			b->members[first]->group = ++*groups;
		b->members[i]->group = b->members[first]->group;
	}
}

static void group_bucket(struct bh_candidate **members, size_t count, size_t *groups)
{
	struct bucket b = { .members = members,
			    .count = count < BH_ALIKE_MOST ? count : BH_ALIKE_MOST };
	size_t one, other;

	if (count < 2)
		return;
	b.links = bh_calloc(b.count * b.count, sizeof(*b.links));
	b.cluster = bh_calloc(b.count, sizeof(*b.cluster));
	link_all(&b);
	while (find_closest(&b, &one, &other))
		join(&b, one, other);
	number_clusters(&b, groups);
	free(b.links);
	free(b.cluster);
}

size_t bh_alike(struct bh_candidate *candidates, size_t count)
{
	struct bh_candidate **known = bh_calloc(count, sizeof(struct bh_candidate *));
	size_t known_count = 0, groups = 0;

	for (size_t i = 0; i < count; i++) {
		candidates[i].group = 0;
		if (candidates[i].image[0] != '\0' && candidates[i].listens != NULL)
			known[known_count++] = &candidates[i];
	}
	if (known_count > 0)
		qsort(known, known_count, sizeof(struct bh_candidate *), compare_candidates);
	for (size_t at = 0, end; at < known_count; at = end) {
		for (end = at + 1; end < known_count; end++)
			if (compare_kinds(known[at], known[end]) != 0)
				break;
		group_bucket(&known[at], end - at, &groups);
	}
	free(known);
	return groups;
}
