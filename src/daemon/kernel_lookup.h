/* SPDX-License-Identifier: GPL-2.0-or-later */
/* core's questions about single connections, answered from connection tracking. */
#ifndef BH_KERNEL_LOOKUP_H
#define BH_KERNEL_LOOKUP_H

#include "bulkhead/error.h"
#include "channel.h"

struct bh_lookup;

/* NULL with *err. */
struct bh_lookup *bh_lookup_new(struct bh_error *err);

/* question: BH_MSG_TRACKED_GET. Every tuple of it is answered, in order; what cannot be looked up
 * counts as not found. */
void bh_lookup_answer(struct bh_lookup *lookup, struct bh_channel *core,
		      const struct bh_message *question);

#endif
