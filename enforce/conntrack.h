/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ends the connection-tracking entries of an address whose container is gone: whoever gets the
 * address next must not inherit its established connections. */
#ifndef BH_CONNTRACK_H
#define BH_CONNTRACK_H

#include "bulkhead/address.h"
#include "bulkhead/error.h"

/* Deletes every entry with addr in its original or reply tuple; *deleted counts them. 0 or negative
 * errno. */
int bh_conntrack_forget(const struct bh_addr *addrs, size_t count, size_t *deleted,
			struct bh_error *err);

#endif
