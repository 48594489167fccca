/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person might want to widen. Internal to this folder. */
#ifndef BH_POLICY_GENERALISE_H
#define BH_POLICY_GENERALISE_H

#include "draft.h"
#include "propose.h"

/* Says in the comments of rules whose sources S are nearly all workloads G with a label in common
 * that the label could stand for them, and whom else it would let in: where S are five at least and
 * 80 % of G, no port is sensitive, and all that is said together would allow at most 2 % more
 * (source, destination, port) than the rules do. What would allow less more comes first. */
void bh_generalise(struct bh_drafts *drafts, const struct bh_policy *policy,
		   const struct bh_propose_input *input);

#endif
