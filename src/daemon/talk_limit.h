/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An interface of which too much was said keeps its peace for a while: a flood of false senders
 * must not drive every other event out of the store. What was held back is summed up. */
#ifndef BH_TALK_LIMIT_H
#define BH_TALK_LIMIT_H

#include <stdbool.h>
#include <stdint.h>

#include "map.h"

/* notes: bh_map_new(free), of this file alone. Whether one more event may be told of the interface;
 * where not, it is counted. who: what the sum calls it. now: µs, monotonic. */
bool bh_talk_allows(struct bh_map *notes, uint32_t ifindex, const char *who, int64_t now);

/* Forgets the notes that are old enough, after having told what they held back, if anything. */
void bh_talk_tick(struct bh_map *notes, int64_t now,
		  void (*sum_up)(void *user, const char *who, uint64_t unsaid), void *user);

#endif
