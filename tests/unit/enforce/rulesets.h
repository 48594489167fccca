/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rulesets for these tests: two workloads on br0, web (10.0.0.1, fd00::1 at va) and db (10.0.0.2,
 * fd00::2 at vb); web may open 5432/tcp of db. */
#ifndef BH_TEST_RULESETS_H
#define BH_TEST_RULESETS_H

#include "desired.h"
#include "ruleset.h"

struct bh_ruleset *two_workloads(uint8_t mode);

struct bh_chain *add_chain(struct bh_ruleset *rules, const char *workload, uint8_t side,
			   uint8_t mode);
/* prefix: NULL for host and world. */
void add_permit(struct bh_chain *chain, uint8_t kind, uint8_t proto, uint16_t first, uint16_t last,
		const char *prefix);
void add_binding(struct bh_ruleset *rules, const char *ifname, const char *addr, uint32_t egress,
		 uint32_t ingress);
void add_port(struct bh_ruleset *rules, const char *ifname, bool bridged, uint8_t mode,
	      const char *workload, const char *mac, const char *addr);
void add_bridge(struct bh_ruleset *rules, const char *ifname);

/* Owner tables, NFLOG group 7; the ruleset must make sense, and is freed. */
struct bh_nft_state *desire(struct bh_ruleset *rules);

#endif
