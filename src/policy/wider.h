/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What could stand for several of a proposal's servers outside, and what it would let through
 * besides: for a person to weigh, never proposed by itself. */
#ifndef BH_POLICY_WIDER_H
#define BH_POLICY_WIDER_H

#include "buffer.h"
#include "bulkhead/edge.h"

/*
 * Appends lines, each with a line break in front, for a proposal's comment:
 * - a wildcard, where a workload opens a port to five names or more below one registrable domain
 *   (as the public suffix list has it: never one that strangers share);
 * - a prefix, where it opens a port to three public addresses or more of one that holds at most
 *   four times as many, /24 or longer; of IPv6 networks of /64 are counted, up to a /56, and one
 *   alone is enough.
 * The same edges give the same bytes, whatever their order.
 */
void bh_propose_wider(const struct bh_edge *edges, size_t count, struct bh_buffer *out);

#endif
