/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the rules that know the self-test's packets have counted (desired_probe.c, probe_catch.c).
 */
#ifndef BH_PROBE_COUNTS_H
#define BH_PROBE_COUNTS_H

#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

struct nlmsghdr;

#define BH_PROBE_COUNTERS 4 /* passes: IPv4, IPv6; dropped: IPv4, IPv6 */

struct bh_probe_counts {
	size_t count; /* rules with a counter that were read */
	uint64_t packets[BH_PROBE_COUNTERS];
};

/* Of a table's chain; family: NFPROTO_INET or NFPROTO_BRIDGE. 0 or negative errno and *err;
 * −ENOENT: there is no such chain. */
int bh_probe_count(uint8_t family, const char *table, const char *chain,
		   struct bh_probe_counts *counts, struct bh_error *err);

/* Adds what one rule's message (NFT_MSG_NEWRULE) says. */
void bh_probe_count_rule(const struct nlmsghdr *message, struct bh_probe_counts *counts);

#endif
