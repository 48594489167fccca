/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reads what a log rule reported: whose rule, and about which packet. */
#ifndef BH_NFLOG_DECODE_H
#define BH_NFLOG_DECODE_H

#include "bulkhead/denial.h"

/* bytes: one netlink message of type NFULNL_MSG_PACKET (linux/netfilter/nfnetlink_log.h), with the
 * prefix described at BH_NFLOG_PREFIX. now: µs, for messages without a time of their own. False: it
 * is not one of ours, or broken. */
bool bh_nflog_decode(const void *bytes, size_t length, int64_t now, struct bh_denial *out);

#endif
