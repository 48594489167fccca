/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which bridges hand their frames to the inet hooks. A flag that we set is written down before it
 * is set, so that whoever comes after us, panic included, can put back exactly what was ours; a
 * flag that was on already is somebody else's and stays.
 */
#ifndef BH_BRIDGE_FLAGS_H
#define BH_BRIDGE_FLAGS_H

#include "bulkhead/ruleset.h"
#include "links.h"

struct bh_bridge_flags;

/* Reads what an earlier run wrote down in directory. */
struct bh_bridge_flags *bh_bridge_flags_new(const char *directory, struct bh_links *links);
void bh_bridge_flags_free(struct bh_bridge_flags *flags);

/* Sets the flags of those with filtered = true, then clears ours on all others. */
int bh_bridge_flags_set(struct bh_bridge_flags *flags, const struct bh_bridge *bridges,
			size_t count, struct bh_error *err);

/* µs since the epoch: when this process set it; 0: it did not, or cleared it since. */
int64_t bh_bridge_flags_since(const struct bh_bridge_flags *flags, uint32_t ifindex);

/* Clears a flag that this process has set though it is wanted, until it is not withheld any more,
 * or not wanted. False: it was on before, or could not be changed. */
bool bh_bridge_flags_withhold(struct bh_bridge_flags *flags, uint32_t ifindex, bool withheld);

/* A link appeared or changed. A wanted flag that somebody cleared is set again; then true. */
bool bh_bridge_flags_link(struct bh_bridge_flags *flags, const struct bh_host_link *link);
void bh_bridge_flags_gone(struct bh_bridge_flags *flags, uint32_t ifindex);

#endif
