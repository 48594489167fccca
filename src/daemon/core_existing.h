/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Open connections when the rules tighten. A packet of an established connection meets no rule, so
 * one that is denied from now on would go on. Once the new rules stand in the kernel, connection
 * tracking's entries are read and judged by the one evaluator: as what was in force before has it,
 * and as it is now. Those that are refused now and were not are cut (the entries deleted, so that
 * their next packet is judged as a new one's), or drain, or are kept. Nothing else is touched, nor
 * is what cannot be judged for certain.
 *
 * What was in force before is written down: a revision's number, a time for the rules that end, and
 * modes, of single instances where these are treated more strictly than the others. It is replaced
 * only when all that follows from the change is done, so that whoever is killed in between goes on
 * with it, and so do connections that drain: they are not listed, but known by what was in force
 * when they were still allowed.
 */
#ifndef BH_CORE_EXISTING_H
#define BH_CORE_EXISTING_H

#include "core.h"

void bh_core_existing_start(struct bh_core *core);
void bh_core_existing_free(struct bh_core *core);
/* Goes on with what an earlier run left; once policy and modes are loaded. */
int bh_core_existing_load(struct bh_core *core, struct bh_error *err);
/* Writes it down, as part of a transaction that is open. */
int bh_core_existing_save(struct bh_core *core, struct bh_error *err);

/* For the change that comes next, instead of what is configured; NULL: as configured. */
void bh_core_existing_want(struct bh_core *core, const struct bh_existing *existing);

/* Policy or modes changed. */
void bh_core_existing_touch(struct bh_core *core);
/* Rules went to the kernel, and stand there. */
void bh_core_existing_sent(struct bh_core *core);
void bh_core_existing_confirmed(struct bh_core *core);
void bh_core_existing_tick(struct bh_core *core);

/* The kernel process's answers. */
void bh_core_entries(struct bh_core *core, const struct bh_tracked *entries, size_t count);
void bh_core_entries_end(struct bh_core *core, const struct bh_msg_entries_end *end);
void bh_core_cut_of(struct bh_core *core, const struct bh_cut *cuts, size_t count);

/* Whether the entries are still on their way; the reply says so then. */
bool bh_core_existing_waits(struct bh_core *core, struct bh_api_reply *reply);
/* How workloads would be treated. */
struct bh_treatment {
	const struct bh_map *modes; /* workload → uint8_t *; as it is where absent */
	struct bh_shares *shares;
};
/* Which open connections would end if this policy came into force (NULL: none), and these were
 * treated so (NULL: as they are). After bh_core_existing_waits(). */
cJSON *bh_core_existing_preview(const struct bh_core *core, const struct bh_policy *policy,
				const struct bh_treatment *treatment,
				const struct bh_existing *existing);

/* What drains, for status. */
cJSON *bh_core_existing_json(const struct bh_core *core);

/* A revision's policy as of that time (µs); number 0 or one that cannot be read: NULL, and *err.
 * Freed by the caller. */
struct bh_policy *bh_core_policy_of(const struct bh_core *core, int64_t number, int64_t time,
				    struct bh_error *err);

#endif
