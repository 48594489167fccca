/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nearest.h"

#include <string.h>

#define LONGEST 64

static size_t least_of(size_t a, size_t b, size_t c)
{
	size_t least = a < b ? a : b;

	return least < c ? least : c;
}

/* How many slips of the hand lie between two words: a letter too many, missing, wrong, or two
 * swapped (Levenshtein's distance with transpositions, "optimal string alignment"). Beyond any
 * limit where a word is too long to be one of ours. */
static size_t distance(const char *a, const char *b)
{
	size_t rows[3][LONGEST + 1], la = strlen(a), lb = strlen(b);

	if (la > LONGEST || lb > LONGEST)
		return 2 * LONGEST;
	for (size_t j = 0; j <= lb; j++)
		rows[0][j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t *row = rows[i % 3], *above = rows[(i - 1) % 3];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			row[j] = least_of(above[j] + 1, row[j - 1] + 1,
					  above[j - 1] + (a[i - 1] != b[j - 1]));
			if (i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1])
				row[j] = least_of(row[j], row[j], rows[(i - 2) % 3][j - 2] + 1);
		}
	}
	return rows[la % 3][lb];
}

static size_t reach(const char *word)
{
	size_t third = strlen(word) / 3;

	return third > 0 ? third : 1;
}

const char *bh_nearest(const char *text, const char *const *words, size_t count)
{
	const char *best = NULL;
	size_t least = 2 * LONGEST;

	for (size_t i = 0; i < count; i++) {
		size_t far = distance(text, words[i]);

		if (far < least && far <= reach(words[i])) {
			least = far;
			best = words[i];
		}
	}
	return best;
}
