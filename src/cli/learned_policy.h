/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The policy that recorded flows would propose. */
#ifndef BH_LEARNED_POLICY_H
#define BH_LEARNED_POLICY_H

#include "filters.h"

/* Writes to the file what the daemon would propose of these edges. It has no labels to select by: a
 * workload is whoever goes by its name (bulkhead.workload). Without groups, and without what
 * destinations are called besides, nothing is said of those. The exit status; complains of what
 * went wrong. */
int bh_learned_policy_write(const char *path, const struct bh_ledger *ledger,
			    const struct bh_filter_config *filters);

#endif
