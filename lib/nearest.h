/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "Did you mean …": the nearest valid word, by edit distance. */
#ifndef BH_NEAREST_H
#define BH_NEAREST_H

#include <stddef.h>

/* The word closest to text of those that it may be a slip of the hand for: at most a third of the
 * word's letters away, and one letter of the shortest. NULL where there is none. */
const char *bh_nearest(const char *text, const char *const *words, size_t count);

#endif
