/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ruleset as a run of messages, from core, which compiles it, to kernel, which enforces it. */
#ifndef BH_RULES_WIRE_H
#define BH_RULES_WIRE_H

#include "bulkhead/ruleset.h"
#include "channel.h"

/* Sends all of it, ending with RULES_COMMIT(serial). 0 or negative errno; after an error the
 * receiver's half-built ruleset is dropped by the next RULES_BEGIN. */
int bh_rules_send(struct bh_channel *channel, const struct bh_ruleset *rules, uint64_t serial);

/* The receiving end. Zero-initialise. */
struct bh_rules_builder {
	struct bh_ruleset *rules;
};

/* Takes one RULES_ message. Returns the finished ruleset on RULES_COMMIT (the caller frees it),
 * else NULL; *broken is set where the messages are out of order or point outside the ruleset. */
struct bh_ruleset *bh_rules_take(struct bh_rules_builder *builder, const struct bh_message *message,
				 bool *broken);

#endif
