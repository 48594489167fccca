/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which MAC the frames of each watched interface come from. One that sends from another may be a
 * bridge for others, or lie; whose that MAC is, is not asked here. */
#ifndef BH_SENDERS_H
#define BH_SENDERS_H

#include "decode.h"

struct bh_senders;

struct bh_senders *bh_senders_new(void);
void bh_senders_free(struct bh_senders *senders);

/* The interface's frames come from this MAC from now (µs) on; those on their way may have the one
 * before. All zero: not known, as if unbound. */
void bh_senders_bind(struct bh_senders *senders, uint32_t ifindex, const struct bh_mac *mac,
		     int64_t now);
void bh_senders_unbind(struct bh_senders *senders, uint32_t ifindex);

/* Whether the frame came in from a MAC that is not its interface's, and that is news: the first of
 * that MAC there within a minute. Only so many are remembered, so that some are news again. */
bool bh_senders_foreign(struct bh_senders *senders, const struct bh_packet *packet);

#endif
