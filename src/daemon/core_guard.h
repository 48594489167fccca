/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The guard against being locked out. Before policy or modes change, what must go on working is
 * judged by what is in force and by what is to be: the connection that the operator works over and
 * the ways by which it comes, the name servers that workloads ask, this host's recurring
 * connections to containers, and those of published ports' proxies. What passes now and would be
 * refused stops the change, unless the operator says that it is meant. What was refused before is
 * no news, and whom nobody can see is said to be unseen.
 */
#ifndef BH_CORE_GUARD_H
#define BH_CORE_GUARD_H

#include "core_existing.h"

/* What a change to this policy (NULL: none) and this treatment (NULL: as it is) would cut off, as
 * docs/api.md has GUARD. Whose session it is
 * the request says. After bh_core_existing_waits(). NULL with the reply filled where it says
 * nothing sensible. */
cJSON *bh_core_guard(const struct bh_core *core, const struct bh_api_request *request,
		     const struct bh_policy *policy, const struct bh_treatment *then,
		     struct bh_api_reply *reply);

/* Whether the change may be made; else the reply says why not, and what to add. */
bool bh_core_guard_lets(const cJSON *guard, struct bh_api_reply *reply);
/* Adds it to a reply that refuses for another reason. */
void bh_core_guard_add_to(const cJSON *guard, struct bh_api_reply *reply);

/* The change was made: tells it where the guard was overridden. */
void bh_core_guard_overridden(struct bh_core *core, const cJSON *guard,
			      const struct bh_api_request *request);
/* For the record: why the change is made, as was said, and what it cut off all the same. Returns
 * out. */
#define BH_GUARD_WHY 512
char *bh_core_guard_why(const cJSON *guard, const char *why, char out[BH_GUARD_WHY]);

/* The same of the mode, of all the workload's instances, without a person whose session it could
 * be: 0, or −EBUSY and what it would cut off. */
int bh_core_guard_mode(const struct bh_core *core, const char *workload, uint8_t mode,
		       struct bh_error *err);

#endif
