/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>

#include "address.h"
#include "grow.h"
#include "rulesets.h"

struct bh_chain *add_chain(struct bh_ruleset *rules, const char *workload, uint8_t side,
			   uint8_t mode)
{
	struct bh_chain *chain = bh_ruleset_add_chain(rules);

	bh_copy_text(chain->workload, sizeof(chain->workload), workload);
	bh_chain_hash(workload, chain->hash);
	chain->side = side;
	chain->mode = mode;
	return chain;
}

void add_permit(struct bh_chain *chain, uint8_t kind, uint8_t proto, uint16_t first, uint16_t last,
		const char *prefix)
{
	struct bh_permit *permit = bh_chain_add_permit(chain);

	permit->kind = kind;
	permit->proto = proto;
	permit->port_first = first;
	permit->port_last = last;
	if (prefix != NULL)
		assert_true(bh_prefix_parse(prefix, &permit->peer));
}

void add_binding(struct bh_ruleset *rules, const char *ifname, const char *addr, uint32_t egress,
		 uint32_t ingress)
{
	struct bh_binding *binding = bh_ruleset_add_binding(rules);

	bh_copy_text(binding->l3_ifname, sizeof(binding->l3_ifname), ifname);
	assert_true(bh_addr_parse(addr, &binding->addr));
	binding->egress = egress;
	binding->ingress = ingress;
}

void add_port(struct bh_ruleset *rules, const char *ifname, bool bridged, uint8_t mode,
	      const char *workload, const char *mac, const char *addr)
{
	struct bh_port *port = bh_ruleset_add_port(rules, 1);

	bh_copy_text(port->ifname, sizeof(port->ifname), ifname);
	bh_copy_text(port->workload, sizeof(port->workload), workload);
	port->bridged = bridged;
	port->mode = mode;
	assert_true(bh_mac_parse(mac, &port->mac));
	assert_true(bh_addr_parse(addr, &port->addrs[0]));
}

void add_bridge(struct bh_ruleset *rules, const char *ifname)
{
	bh_copy_text(bh_ruleset_add_bridge(rules)->ifname, BH_IFNAME, ifname);
}

struct bh_ruleset *two_workloads(uint8_t mode)
{
	struct bh_ruleset *rules = bh_ruleset_new();

	add_permit(add_chain(rules, "web", BH_EGRESS, mode), BH_PERMIT_PEER, IPPROTO_TCP, 5432,
		   5432, "10.0.0.2");
	add_chain(rules, "web", BH_INGRESS, mode);
	add_chain(rules, "db", BH_EGRESS, mode);
	add_permit(add_chain(rules, "db", BH_INGRESS, mode), BH_PERMIT_PEER, IPPROTO_TCP, 5432,
		   5432, "10.0.0.1");
	add_binding(rules, "br0", "10.0.0.1", 0, 1);
	add_binding(rules, "br0", "fd00::1", 0, 1);
	add_binding(rules, "br0", "10.0.0.2", 2, 3);
	add_binding(rules, "br0", "fd00::2", 2, 3);
	add_port(rules, "va", true, mode, "web", "02:00:00:00:00:01", "10.0.0.1");
	add_port(rules, "vb", true, mode, "db", "02:00:00:00:00:02", "10.0.0.2");
	add_bridge(rules, "br0");
	return rules;
}

struct bh_nft_state *desire(struct bh_ruleset *rules)
{
	struct bh_nft_config config = { .owner = true, .log_group = 7 };
	struct bh_nft_state *state = bh_nft_desire(rules, &config, NULL);

	assert_non_null(state);
	bh_nft_state_sign(state, state);
	bh_ruleset_free(rules);
	return state;
}
