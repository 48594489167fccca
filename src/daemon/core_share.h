/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Workloads of which a share alone is in their mode, and the others in a milder one. Who is in it
 * follows from names: of the replicas that are present, in order of a hash of the workload's and
 * their own name, the first ones. So a restart chooses the same; one that goes is followed by the
 * next in that order, and one that comes takes the place of one at most.
 */
#ifndef BH_CORE_SHARE_H
#define BH_CORE_SHARE_H

#include "core.h"

/* By workload. What follows from the model is found anew, in them, whenever the model changed. */
struct bh_shares;
struct bh_shares *bh_shares_new(void);
struct bh_shares *bh_shares_copy(const struct bh_shares *shares);
void bh_shares_free(struct bh_shares *shares);

/* NULL: all of the workload's instances are in its mode. */
const struct bh_share *bh_shares_get(const struct bh_shares *shares, const char *workload);
/* share: NULL: all of them. Keeps it in memory; the store is the caller's. */
void bh_shares_set(struct bh_shares *shares, const char *workload, const struct bh_share *share);

/* Whether it is in the share, where its workload has one. One that is not present would be, if
 * nobody else is: who comes then is the first. */
bool bh_shares_include(struct bh_shares *shares, const struct bh_model *model,
		       const struct bh_instance *instance);
/* How the instance is treated where its workload is in that mode. */
uint8_t bh_shares_mode(struct bh_shares *shares, const struct bh_model *model,
		       const struct bh_instance *instance, uint8_t mode);
/* The mildest that any instance of the workload is in, where that is in this mode. */
uint8_t bh_shares_mildest(const struct bh_shares *shares, const char *workload, uint8_t mode);
/* {"workload","mode","replicas":N|null,"percent":N|null,"rest":"audit","on":N,"of":N,
 * "instances":[NAME]}, or null */
cJSON *bh_shares_json(struct bh_shares *shares, const struct bh_model *model, const char *workload,
		      uint8_t mode);

/* --- those of core ---------------------------------------------------------------------------- */

int bh_core_shares_load(struct bh_core *core, struct bh_error *err);
/* Who is in a share may have changed by itself: tells it, and has open connections looked at.
 * Before rules are compiled. */
void bh_core_shares_look(struct bh_core *core);

const struct bh_share *bh_core_share(const struct bh_core *core, const char *workload);
/* How this instance is treated: bh_core_mode() of its workload, or what the others are in. */
uint8_t bh_core_instance_mode(const struct bh_core *core, const struct bh_instance *instance);
/* The mildest mode that any instance of the workload is in, as it was set. */
uint8_t bh_core_mode_floor(const struct bh_core *core, const char *workload);

/* Whether this mode, of that share of them (NULL: of all), is stricter for anybody than what is
 * set, whoever is there. */
bool bh_core_share_is_stricter(const struct bh_core *core, const char *workload, uint8_t mode,
			       const struct bh_share *share);

/* bh_shares_json() as it is, and an array of all of them. */
cJSON *bh_core_share_json(const struct bh_core *core, const char *workload);
cJSON *bh_core_shares_json(const struct bh_core *core);
/* "enforce", "enforce on 1 of 4", and where what was asked for is another thing "enforce on 25%, 1
 * of 4", or "enforce on 6, 4 of 4". Returns out. */
#define BH_SHARE_TEXT 64
char *bh_core_share_text(const struct bh_core *core, const char *workload, char out[BH_SHARE_TEXT]);
/* What to say on the command line to have the same: " --replicas 1", " --share 25%", or "". */
char *bh_core_share_option(const struct bh_core *core, const char *workload,
			   char out[BH_SHARE_TEXT]);

#endif
