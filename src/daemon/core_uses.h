/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * When each rule of the active policy was last used, and since when somebody would have seen it. A
 * rule is known by what it says (bh_policy_rule_id()), so that its record outlives revisions that
 * keep it, and restarts.
 *
 * Two things tell of a use. A flow that core sees is put to the evaluator, and is the use of the
 * rule that decides. The kernel counts the first packet of each connection by element; an element
 * that several rules ask for is a use of each of them, and is said to be shared. The newer of the
 * two counts. What neither could see is told, too: a rule of which no source was there.
 */
#ifndef BH_CORE_USES_H
#define BH_CORE_USES_H

#include "core.h"

/* How often counters are read: docs/rules.md has what that costs. */
#define BH_USES_INTERVAL (60 * BH_SECOND)

struct bh_rule_uses *bh_rule_uses_new(void);
void bh_rule_uses_free(struct bh_rule_uses *uses);

/* Once the active policy is there: what the store has of its rules. */
int bh_core_uses_load(struct bh_core *core, struct bh_error *err);
/* The active policy is another one. */
void bh_core_uses_policy(struct bh_core *core);
/* News of a flow whose ends have their names. */
void bh_core_use_flow(struct bh_core *core, struct bh_live_flow *live);
/* What the kernel counted, in parts; then its end, 0 or negative errno. */
void bh_core_uses_take(struct bh_core *core, const struct bh_use *uses, size_t count);
void bh_core_uses_end(struct bh_core *core, int32_t result);
void bh_core_uses_tick(struct bh_core *core, int64_t now, int64_t monotonic);
/* Writes what changed since the last call, into a transaction that is open afterwards if there was
 * anything. */
int bh_core_uses_save(struct bh_core *core, struct bh_error *err);
void bh_core_uses_mark_unsaved(struct bh_core *core);

/* Rules that were used since then (µs; 0: since they are watched), that were not, and those of
 * which nobody can say. There has to be a policy. */
cJSON *bh_core_uses_json(const struct bh_core *core, int64_t since);

#endif
