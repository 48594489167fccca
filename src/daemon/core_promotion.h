/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When workloads are treated more strictly, or less. */
#ifndef BH_CORE_PROMOTION_H
#define BH_CORE_PROMOTION_H

#include "core.h"
#include "promotion.h"

void bh_core_promotion_start(struct bh_core *core);
/* The ledger is as the run before left it: what expires from then on has not been said. */
void bh_core_promotion_load(struct bh_core *core);
/* now: µs. Who is ready, which decisions expired, which deploys are over. */
void bh_core_promotion_tick(struct bh_core *core, int64_t now, int64_t monotonic);
/* Whose deploy is not over, as long as there was no tick in this run: before the first rules. */
void bh_core_promotion_look(struct bh_core *core, int64_t now);
/* Another version of it runs. */
void bh_core_promotion_deployed(struct bh_core *core, const char *workload, int64_t now);
/* Another policy is active: what it allows was not denied by it. */
void bh_core_promotion_policy(struct bh_core *core);
/* Its mode was set then. */
void bh_core_treated(struct bh_core *core, const char *workload, int64_t since);
/* Enforced, and treated as in stage 1 for a while. */
bool bh_core_is_relaxed(const struct bh_core *core, const char *workload);
/* How many are so because a person has not decided on what they were denied after a deploy. */
size_t bh_core_relaxed_for_review(const struct bh_core *core);

/* What goes for the daemon's ledger; its ports are the configuration's. */
struct bh_filter_config bh_core_filters(const struct bh_core *core);
/* To be freed. */
struct bh_readiness *bh_core_readiness(const struct bh_core *core);
/* Says of each workload of it whether it is one of those that bh_core_names_missing() counts
 * (core_nameless.c). */
void bh_core_nameless_mark(const struct bh_core *core, struct bh_readiness *readiness);
/* For struct bh_readiness_view, with the core as its user. */
void bh_core_standing(void *user, const char *workload, uint8_t *mode,
		      struct bh_standing *standing);
/* 0; or −EAGAIN and what is missing, where the policy rests on what was learned. To what is
 * stricter for nobody one may always. share: of which of the workload's instances; NULL: of all. */
int bh_core_promotion_check(const struct bh_core *core, const struct bh_readiness *readiness,
			    const char *workload, uint8_t mode, const struct bh_share *share,
			    struct bh_error *err);
/* Whose denial it was, or would be: the source's, if that refuses anything, else the destination's.
 * NULL: nobody's. */
const char *bh_core_refuser(const struct bh_core *core, const struct bh_edge *edge);
/* Back to audit, if a person found enough of what it was denied to be legitimate. Whether it was.
 */
bool bh_core_demote(struct bh_core *core, const char *workload, int64_t now);

/* core_schedules.c */
/* µs in whole windows that were watched. */
int64_t bh_core_watched(const struct bh_core *core);
/* µs: the longest schedule that one of its instances declares; 0: none does. */
int64_t bh_core_schedule(const struct bh_core *core, const char *workload);
/* For struct bh_readiness_view. */
void bh_core_schedules_json(void *user, cJSON *list);

#endif
