/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Interval sets hold boxes – a range of addresses by a range of ports – that must not overlap;
 * policies overlap freely. */
#ifndef BH_BOXES_H
#define BH_BOXES_H

#include <stddef.h>
#include <stdint.h>

__extension__ typedef unsigned __int128 bh_u128;

struct bh_box {
	bh_u128 first; /* address, as a number */
	bh_u128 last;
	uint16_t port_first;
	uint16_t port_last;
	uint8_t proto; /* boxes of different protocols never meet */
};

struct bh_boxes {
	struct bh_box *items;
	size_t count;
	size_t capacity;
};

void bh_boxes_add(struct bh_boxes *boxes, const struct bh_box *box);

/* The same points, in boxes of which no two overlap; sorted by protocol, then address, then port.
 */
struct bh_boxes bh_boxes_split(const struct bh_boxes *boxes);
void bh_boxes_free(struct bh_boxes *boxes);

#endif
