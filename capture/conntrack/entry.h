/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One connection-tracking message (linux/netfilter/nfnetlink_conntrack.h), read. */
#ifndef BH_ENTRY_H
#define BH_ENTRY_H

#include <stddef.h>

#include "bulkhead/tracked.h"

/* message: one netlink message of that many bytes, aligned as netlink aligns them. False: no
 * connection-tracking entry, or one of a zone of its own, whose addresses may be anybody's. Of a
 * protocol that has neither ports nor types both ports are 0. */
bool bh_entry_read(const void *message, size_t length, struct bh_tracked *out);

#endif
