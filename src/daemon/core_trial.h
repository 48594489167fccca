/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A revision on trial: unless a person confirms it in time the one before it, that was confirmed,
 * is applied again; and as soon as more is refused that that one allows than was said to be borne.
 * The trial is written down with the revision, so that being killed ends no trial.
 */
#ifndef BH_CORE_TRIAL_H
#define BH_CORE_TRIAL_H

#include "core.h"

#define BH_TRIAL_MOST 10			 /* denials that are borne, where nobody says */
#define BH_TRIAL_LONGEST (7 * 86400 * BH_SECOND) /* µs */

/* As bh_core_policy_apply(), for a while: µs, at most BH_TRIAL_LONGEST. −ENOENT: there is no
 * revision to go back to. */
int bh_core_policy_try(struct bh_core *core, const char *text, const char *file, const char *author,
		       const char *why, int64_t within, uint32_t most, size_t *changes,
		       struct bh_error *err);
/* Ends the trial: the revision stays. −ENOENT: none is on trial. */
int bh_core_trial_confirm(struct bh_core *core, const char *author, const char *why,
			  struct bh_error *err);

/* trial: what the store has now; NULL: nothing is on trial any more. */
void bh_core_trial_begin(struct bh_core *core, const struct bh_trial *trial);
/* Goes on with what an earlier run left. */
int bh_core_trial_load(struct bh_core *core, struct bh_error *err);
void bh_core_trial_free(struct bh_core *core);
/* monotonic: µs. */
void bh_core_trial_tick(struct bh_core *core, int64_t monotonic);
/* The active policy refused this. */
void bh_core_trial_denied(struct bh_core *core, const struct bh_question *question);
/* null: nothing is on trial. */
cJSON *bh_core_trial_json(const struct bh_core *core);

#endif
