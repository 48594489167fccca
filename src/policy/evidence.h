/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a proposed rule rests on, as its comment. Internal to this folder. */
#ifndef BH_POLICY_EVIDENCE_H
#define BH_POLICY_EVIDENCE_H

#include "draft.h"
#include "propose.h"

/* Appends a line for each port or destination, or for them together where those would be too many,
 * and what servers outside were called. policy: what the peers are of. */
void bh_evidence_put(struct bh_buffer *comment, const struct bh_policy *policy,
		     const struct bh_propose_input *input, const struct bh_draft *draft);

#endif
