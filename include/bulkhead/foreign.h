/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What others have put into nftables where packets between containers pass: the chains on hooks
 * that are not ours, and whether a packet can end there. */
#ifndef BULKHEAD_FOREIGN_H
#define BULKHEAD_FOREIGN_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/address.h"

#define BH_FOREIGN_CHAINS 64
#define BH_FOREIGN_NAME 64 /* bytes; longer names are cut */

struct bh_foreign_chain {
	uint8_t family; /* NFPROTO_… (linux/netfilter.h) */
	uint8_t hook;	/* NF_INET_…, NF_BR_… or NF_NETDEV_…, by family */
	int32_t priority;
	bool policy_drops; /* what no rule decides is dropped */
	bool rules_drop;   /* a rule in reach of it drops, rejects or queues, or a map decides */
	char device[BH_IFNAME]; /* of a netdev chain; "": any */
	char table[BH_FOREIGN_NAME];
	char name[BH_FOREIGN_NAME];
};

struct bh_foreign {
	int32_t error; /* negative errno: the chains could not be read */
	bool legacy;   /* iptables' older kernel side has tables, which nftables does not show */
	uint32_t count;
	uint32_t left_off; /* chains beyond BH_FOREIGN_CHAINS; those that drop come first */
	struct bh_foreign_chain chains[BH_FOREIGN_CHAINS];
};

#endif
