/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Connection tracking, corrected where it would mislead the rules: entries that outlive their
 * address's holder, and connections that it never saw because no rule looked at them before. */
#ifndef BH_CONNTRACK_H
#define BH_CONNTRACK_H

#include "bulkhead/address.h"
#include "bulkhead/error.h"
#include "bulkhead/flow.h"
#include "bulkhead/tracked.h"

/* Whoever gets an address next must not inherit its established connections: deletes every entry
 * with addr in its original or reply tuple; *deleted counts them. 0 or negative errno. */
int bh_conntrack_forget(const struct bh_addr *addrs, size_t count, size_t *deleted,
			struct bh_error *err);

/* Makes entries for TCP and UDP connections that are established without having been tracked, so
 * that rules which come into force now do not take them for new ones (other protocols are left
 * out). What is tracked already stays as it is. *made counts. 0 or negative errno. */
int bh_conntrack_keep(const struct bh_flow_key *keys, size_t count, size_t *made,
		      struct bh_error *err);

/* Deletes these entries alone: one that was made for the same tuple meanwhile stays. Each one's
 * code says what came of it. 0; or a negative errno, with *err, where the table could not be read
 * whole: those that were not found have it as their code. */
int bh_conntrack_cut(struct bh_cut *cuts, size_t count, struct bh_error *err);

#endif
