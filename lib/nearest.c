/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "nearest.h"

#include <string.h>

#define LONGEST 64

/* Levenshtein's distance; SIZE_MAX-like large where a word is too long to be one of ours. */
static size_t distance(const char *a, const char *b)
{
	size_t row[LONGEST + 1], la = strlen(a), lb = strlen(b);

	if (la > LONGEST || lb > LONGEST)
		return 2 * LONGEST;
	for (size_t j = 0; j <= lb; j++)
		row[j] = j;
	for (size_t i = 1; i <= la; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (size_t j = 1; j <= lb; j++) {
			size_t best = diagonal + (a[i - 1] != b[j - 1]);

			diagonal = row[j];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j - 1] + 1 < best)
				best = row[j - 1] + 1;
			row[j] = best;
		}
	}
	return row[lb];
}

const char *bh_nearest(const char *text, const char *const *words, size_t count)
{
	const char *best = NULL;
	size_t least = 2 * LONGEST;

	for (size_t i = 0; i < count; i++) {
		size_t far = distance(text, words[i]);

		if (far < least) {
			least = far;
			best = words[i];
		}
	}
	return best != NULL && least <= (strlen(best) + 2) / 3 ? best : NULL;
}
