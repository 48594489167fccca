/* SPDX-License-Identifier: GPL-2.0-or-later */
/* "Did you mean …": the nearest valid word, by edit distance. */
#ifndef BH_NEAREST_H
#define BH_NEAREST_H

#include <stddef.h>

/* The word closest to text, or NULL where none is close enough to be a slip of the hand (more than
 * a third of its letters away). */
const char *bh_nearest(const char *text, const char *const *words, size_t count);

#endif
