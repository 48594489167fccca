/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which instances look like replicas of one thing, where nobody says so: of the same image,
 * listening on the same ports, and with the same peers, for the most part. An image alone is right
 * in little more than half of the pairs; the three together in nearly all. Nearly is not enough to
 * act on: a person confirms.
 */
#ifndef BH_ALIKE_H
#define BH_ALIKE_H

#include <stddef.h>
#include <stdint.h>

#define BH_ALIKE_MOST 256 /* of one image and with the same ports; further ones are like nobody */

struct bh_candidate {
	const char *name;	  /* they are looked at in its order */
	const char *image;	  /* without its tag; "": not known, and alike is nobody to it */
	const char *listens;	  /* its ports in order, as one text; NULL: not known, likewise */
	const uint64_t *features; /* hashes of (direction, peer, port), ascending, each once */
	size_t feature_count;
	size_t group; /* the answer: 1 …, in order of image, ports and name; 0: like no other */
};

/* Puts those together of which each two share half of the features that they have, or more
 * (complete link, Jaccard 0.5), the most alike first. Returns how many groups there are, of two
 * members at least. The order in which they are given makes no difference. */
size_t bh_alike(struct bh_candidate *candidates, size_t count);

#endif
