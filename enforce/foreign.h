/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reads which chains of others could stop a packet. A drop in any table is final, whatever another
 * one accepts: what is not delivered, and was not denied by us, ended in one of these.
 */
#ifndef BH_FOREIGN_SCAN_H
#define BH_FOREIGN_SCAN_H

#include "bulkhead/error.h"
#include "bulkhead/foreign.h"

struct nlmsghdr;
struct bh_foreign_scan;

#define BH_FOREIGN_TEXT 256

/* Reads the kernel's nftables of every family, and whether legacy iptables has tables as well. 0 or
 * negative errno; then out->error says it, too. */
int bh_foreign_read(struct bh_foreign *out, struct bh_error *err);

/* "table ip filter chain FORWARD (hook forward, policy drop, rules that drop)"; returns out. */
char *bh_foreign_text(const struct bh_foreign_chain *chain, char out[BH_FOREIGN_TEXT]);
/* "ip", "forward": words for JSON. */
const char *bh_foreign_family(const struct bh_foreign_chain *chain);
const char *bh_foreign_hook(const struct bh_foreign_chain *chain);

/* The parts of bh_foreign_read(), for whoever has the messages: chains (NFT_MSG_NEWCHAIN) and rules
 * (NFT_MSG_NEWRULE), in any order; what is neither, or ours, is passed over. */
struct bh_foreign_scan *bh_foreign_scan_new(void);
void bh_foreign_scan_free(struct bh_foreign_scan *scan);
void bh_foreign_scan_message(struct bh_foreign_scan *scan, const struct nlmsghdr *message);
void bh_foreign_scan_result(struct bh_foreign_scan *scan, struct bh_foreign *out);

#endif
