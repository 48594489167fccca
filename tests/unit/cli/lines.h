/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a line means the same, however it was taken apart. */
#ifndef BH_TEST_LINES_H
#define BH_TEST_LINES_H

#include <string.h>

#include "recorded_line.h"

static inline bool is_same_value(const struct bh_value *a, const struct bh_value *b)
{
	return a->kind == b->kind && (a->text == NULL) == (b->text == NULL) &&
	       (a->text == NULL || strcmp(a->text, b->text) == 0) &&
	       memcmp(&a->number, &b->number, sizeof(a->number)) == 0;
}

/* All values, from the first to the last, follow each other. */
static inline bool is_same_line(const struct bh_line *a, const struct bh_line *b)
{
	const struct bh_value *x = &a->first, *y = &b->first,
			      *end = (const struct bh_value *)(const void *)&a->tree;

	while (x < end && is_same_value(x, y))
		x++, y++;
	return x == end && a->is_object == b->is_object;
}

_Static_assert((offsetof(struct bh_line, tree) - offsetof(struct bh_line, first)) %
			       sizeof(struct bh_value) ==
		       0,
	       "nothing but values stands before the tree");

#endif
