/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open connections when the rules of a stateless bridge tighten. There every packet is judged, so
 * what the new rules refuse would end with them. Connections that are to drain, or to be kept,
 * become exceptions of the ruleset that refuses them, and go to the kernel in its transaction: not
 * one packet of them is lost.
 *
 * Nobody tracks them, so they are those that capture knows to be open, between two endpoints on one
 * bridge, by a protocol with ports; what else the rules refuse is cut, and told. Each is decided
 * once a change. From then on it is written down, before the kernel has it, and is an exception
 * until it ends: until its flow does, or nothing was heard of it for as long as capture would
 * remember it; until its time to drain is over, or the rules let it pass again; until an end of it
 * goes, or somebody else gets its address; and until our tables are gone, by panic or a reboot.
 */
#ifndef BH_CORE_EXCEPTIONS_H
#define BH_CORE_EXCEPTIONS_H

#include "core_existing_parts.h"

#define BH_EXCEPTIONS_MOST 10000

struct bh_core_exceptions *bh_core_exceptions_new(void);
void bh_core_exceptions_free(struct bh_core_exceptions *exceptions); /* may be NULL */

/* Decides about the connections that the rules of now refuse and those of the past did not, as long
 * as the change was not looked at. Whether there are more exceptions now. */
bool bh_core_exceptions_decide(struct bh_core *core, const struct bh_past_force *past);
/* The same, and puts all that go on into the ruleset that is about to be sent. */
void bh_core_exceptions_compile(struct bh_core *core, struct bh_ruleset *rules);
/* Whether the flow is open, as far as is known of what a stateless bridge carries. */
bool bh_core_exceptions_open(const struct bh_core *core, const struct bh_live_flow *live);
/* The kernel took rules. adopted: others of ours stood there before. */
void bh_core_exceptions_stand(struct bh_core *core, bool adopted);
/* Whether the connection is one, or was decided about in this change: it is counted here. */
bool bh_core_exceptions_know(const struct bh_core *core, const struct bh_flow_key *key);
/* The same, of one that connection tracking knows as well: somebody else's switch has it see what
 * the bridge carries. */
bool bh_core_exceptions_meet(struct bh_core *core, const struct bh_flow_key *key);
void bh_core_exceptions_tick(struct bh_core *core);

/* Of the change that was looked at last. */
struct bh_exceptions_told {
	size_t goes_on;
	size_t either;	 /* enum bh_fate */
	size_t not_kept; /* cut, though the change cuts nothing */
};

/* The change is done: what it decided is told by the caller, who gets its cuts added to `groups`;
 * what drains does so until `step` is over. */
void bh_core_exceptions_settle(struct bh_core *core, const struct bh_step *step,
			       struct bh_map *groups, struct bh_exceptions_told *told);
/* How many drain until then (µs). */
size_t bh_core_exceptions_draining(const struct bh_core *core, int64_t until);

/* Why this open connection, which is not to be cut, would be if the rules refused it; NULL: it
 * would not be. tracked: connection tracking knows it; others: so many more are to become
 * exceptions. */
const char *bh_core_exceptions_prevent(const struct bh_core *core, const struct bh_flow_key *key,
				       bool tracked, size_t others);
/* What is not known of open connections on a stateless bridge, in words. */
void bh_core_exceptions_limits(const struct bh_core *core, char *out, size_t size);

cJSON *bh_core_exceptions_json(const struct bh_core *core);
/* What the former wrote; whatever is no exception is left out. */
void bh_core_exceptions_read(struct bh_core *core, const cJSON *json);

#endif
