/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building and freeing a bh_ruleset. Each add returns the new, zeroed item to fill; pointers to
 * earlier items of the same array are invalid afterwards, indices stay. */
#ifndef BH_RULESET_H
#define BH_RULESET_H

#include "bulkhead/ruleset.h"

struct bh_ruleset *bh_ruleset_new(void);
void bh_ruleset_free(struct bh_ruleset *rules);

struct bh_chain *bh_ruleset_add_chain(struct bh_ruleset *rules);
struct bh_permit *bh_chain_add_permit(struct bh_chain *chain);
struct bh_binding *bh_ruleset_add_binding(struct bh_ruleset *rules);
struct bh_port *bh_ruleset_add_port(struct bh_ruleset *rules, size_t addr_count);
struct bh_bridge *bh_ruleset_add_bridge(struct bh_ruleset *rules);
struct bh_bridge_member *bh_ruleset_add_member(struct bh_ruleset *rules);
struct bh_exception *bh_ruleset_add_exception(struct bh_ruleset *rules);
struct bh_address_posture *bh_ruleset_add_posture(struct bh_ruleset *rules);

/* Whether a connection of this protocol can be one: it has ports, and nothing else tells its
 * packets from those of the next. */
bool bh_exception_is_possible(uint8_t proto);

/* Whether it is a bridge's port that the address is behind. */
bool bh_binding_is_bridged(const struct bh_binding *binding);

/* The hash that stands for a workload's name in chain names and log prefixes. */
void bh_chain_hash(const char *workload, char out[BH_CHAIN_HASH]);

/* Words as configuration, policy and JSON use them: "learn", "audit", "stage1", "enforce";
 * NULL/false where unknown. */
const char *bh_mode_name(uint8_t mode);
bool bh_mode_parse(const char *text, uint8_t *mode);
/* Whether anything is refused in this mode: stage 1 and enforce. Who claims what is not his is, in
 * both. */
bool bh_mode_refuses(uint8_t mode);
const char *bh_posture_name(uint8_t posture);
bool bh_posture_parse(const char *text, uint8_t *posture);
const char *bh_side_name(uint8_t side);

#endif
