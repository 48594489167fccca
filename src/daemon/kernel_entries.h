/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection tracking's entries of the endpoints, for core to judge; and those that it wants to be
 * deleted. Both walk through the kernel's whole table, which takes it milliseconds. */
#ifndef BH_KERNEL_ENTRIES_H
#define BH_KERNEL_ENTRIES_H

#include "channel.h"
#include "map.h"

/* Answers BH_MSG_ENTRIES_GET: entries that the rules call established and that have an address of
 * one of the endpoints, before or after translation. facts: struct bh_endpoint_fact. 0, or negative
 * errno: core does not take the answer, and would wait for it for ever. */
int bh_entries_send(const struct bh_map *facts, struct bh_channel *core);

/* What core named so far. */
struct bh_cuts {
	struct bh_cut *items;
	size_t count, capacity;
};

/* BH_MSG_CUT or BH_MSG_CUT_END. As above. */
int bh_cuts_take(struct bh_cuts *cuts, struct bh_channel *core, const struct bh_message *message);
/* Forgets them: whoever named them is gone. */
void bh_cuts_drop(struct bh_cuts *cuts);

#endif
