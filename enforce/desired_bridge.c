/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * table bridge bulkhead: everybody speaks for himself only.
 *
 * A port whose workload does not merely learn may send untagged IPv4, IPv6 and ARP, from its own
 * MAC, and claim its own addresses: in the IP header, in ARP, and in neighbour discovery, where the
 * target of an advertisement and the link-layer address in an option claim something too.
 * Neighbour discovery is taken in the one form that Linux sends it: no option, or the address
 * option alone; an option behind another would be out of a rule's reach.
 *
 * Such a workload has neighbours that only learn, and whose ports may send what they like. So the
 * same is asked of what any container's port sends it, when it is delivered: rules about addresses
 * are worth nothing to a receiver who is lied to about them; and already when it is sent, because
 * what goes to the gateway's MAC is routed, and leaves as the host's own frame. And nobody, known
 * or not, may claim an address that belongs to such a workload, or towards one that belongs to any
 * container.
 *
 * (Who may talk to whom, where that is judged on the bridge: desired_stateless.c.)
 *
 * The table stands before the bridge learns the sender's MAC, before NAT and before br_netfilter.
 * A VLAN tag is visible here even when the kernel has taken it off the frame, because the
 * link-layer header is read as it was sent; the packet's metadata would look through it.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter_bridge.h>
#include <string.h>

#include "desired_parts.h"
#include "probe.h"
#include "probe_frame.h"
#include "ruleset.h"

#define PRIORITY (-400) /* the bridge's destination NAT is at −300 */
#define ND_SOLICIT 135
#define ND_ADVERT 136
#define ND_BARE 24	     /* bytes: header and target */
#define ND_WITH_OPTION 32    /* and one link-layer address option */
#define OPTION_SOURCE 0x0101 /* type 1, length 1 */
#define OPTION_TARGET 0x0201

static const uint8_t unspecified[16];
static const uint8_t broadcast4[] = { 255, 255, 255, 255 };
#define ETHERTYPE_IP 0x0800
#define ETHERTYPE_ARP 0x0806
#define ETHERTYPE_IP6 0x86dd
static const uint16_t ethertypes[] = { ETHERTYPE_IP, ETHERTYPE_ARP, ETHERTYPE_IP6 };
/* Neighbour discovery is none of these. */
static const uint8_t ported[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_SCTP };
static const uint8_t router_types[] = { 134, 137 }; /* advertisement, redirect */
/* What a container says before it has an address: router solicitation, MLD. */
static const uint8_t early_types[] = { 131, 132, 133, 143 };

struct build {
	struct bh_nft_table *table;
	const struct bh_ruleset *rules;
	const struct bh_desired_scope *scope;
	const struct bh_nft_config *config;
};

#define KEY_MAC BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_ETHER_SADDR)
/* With the EtherType, so that one lookup says of a packet that it is untagged and its sender's. */
#define KEY_IP                                                                                     \
	BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_ETHER_SADDR, BH_FIELD_ETHER_TYPE, BH_FIELD_IP_SADDR)
#define KEY_IP6                                                                                    \
	BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_ETHER_SADDR, BH_FIELD_ETHER_TYPE, BH_FIELD_IP6_SADDR)
#define KEY_ARP                                                                                    \
	BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_ARP_SADDR_ETHER, BH_FIELD_ETHER_TYPE,                    \
	       BH_FIELD_ARP_SADDR_IP)
#define KEY_ND_TARGET BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_ETHER_SADDR, BH_FIELD_ND_TARGET)
#define KEY_ND_LLADDR BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_ND_LLADDR)

/* --- sets ------------------------------------------------------------------------------------- */

static void add_sets(const struct build *b)
{
	struct bh_nft_table *t = b->table;
	struct bh_nft_set *types = bh_desired_set(t, "ethertypes", BH_KEY(BH_FIELD_ETHER_TYPE), 0);

	for (size_t i = 0; i < sizeof(ethertypes) / sizeof(ethertypes[0]); i++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_u16(&key, ethertypes[i]);
		bh_nft_set_add(types, key.bytes, NULL, NULL);
	}
	bh_desired_numbers(t, "nd_router", BH_FIELD_ICMPV6_TYPE, router_types,
			   sizeof(router_types));
	bh_desired_numbers(t, "nd_early", BH_FIELD_ICMPV6_TYPE, early_types, sizeof(early_types));
	bh_desired_numbers(t, "ported", BH_FIELD_L4PROTO, ported, sizeof(ported));
	bh_desired_set(t, "ports", BH_KEY(BH_FIELD_IIFNAME), BH_SET_MAP);
	bh_desired_set(t, "receivers", BH_KEY(BH_FIELD_OIFNAME), BH_SET_MAP);
	bh_desired_set(t, "containers", BH_KEY(BH_FIELD_IIFNAME), 0);
	bh_desired_set(t, "macs", KEY_MAC, 0);
	bh_desired_set(t, "bind4", KEY_IP, 0);
	bh_desired_set(t, "bind6", KEY_IP6, 0);
	bh_desired_set(t, "nd_targets", KEY_ND_TARGET, 0);
	bh_desired_set(t, "nd_lladdrs", KEY_ND_LLADDR, 0);
	bh_desired_set(t, "owned4", BH_KEY(BH_FIELD_IP_SADDR), BH_SET_MAP);
	bh_desired_set(t, "owned6", BH_KEY(BH_FIELD_IP6_SADDR), BH_SET_MAP);
	bh_desired_set(t, "owned_nd", BH_KEY(BH_FIELD_ND_TARGET), BH_SET_MAP);
	bh_desired_set(t, "held4", BH_KEY(BH_FIELD_IP_SADDR), 0);
	bh_desired_set(t, "held6", BH_KEY(BH_FIELD_IP6_SADDR), 0);
}

static void put(const struct build *b, const char *set, const struct bh_key_bytes *key,
		const char *target)
{
	bh_desired_add_first(bh_nft_table_set(b->table, set), key, target);
}

/* port: interface and MAC. */
static void bind_address(const struct build *b, const char *set, const struct bh_key_bytes *port,
			 uint16_t ethertype, const struct bh_addr *addr)
{
	struct bh_key_bytes key = *port;

	bh_key_put_u16(&key, ethertype);
	bh_key_put_addr(&key, addr);
	put(b, set, &key, NULL);
}

static void bind_port(const struct build *b, const struct bh_port *port, const char *chain)
{
	struct bh_key_bytes key = { 0 };

	bh_key_put_ifname(&key, port->ifname);
	put(b, "ports", &key, chain);
	put(b, "containers", &key, NULL);
	bh_key_put(&key, port->mac.bytes, sizeof(port->mac.bytes));
	put(b, "macs", &key, NULL);
	put(b, "nd_lladdrs", &key, NULL);
	for (size_t i = 0; i < port->addr_count; i++) {
		const struct bh_addr *addr = &port->addrs[i];

		if (bh_probe_has_bridged_address(addr))
			continue;
		if (addr->family == BH_IPV4) {
			bind_address(b, "bind4", &key, ETHERTYPE_IP, addr);
			bind_address(b, "bind4", &key, ETHERTYPE_ARP, addr);
			continue;
		}
		struct bh_key_bytes target = key;
		bind_address(b, "bind6", &key, ETHERTYPE_IP6, addr);
		bh_key_put_addr(&target, addr);
		put(b, "nd_targets", &target, NULL);
	}
}

/* Nobody else may claim these. */
static void own(const struct build *b, const struct bh_port *port)
{
	const char *chain = bh_mode_refuses(port->mode) ? "stranger" : "stranger_audit";
	bool governed = port->mode != BH_LEARN;

	for (size_t i = 0; i < port->addr_count; i++) {
		bool four = port->addrs[i].family == BH_IPV4;
		struct bh_key_bytes key = { 0 };

		bh_key_put_addr(&key, &port->addrs[i]);
		if (!governed) {
			put(b, four ? "held4" : "held6", &key, NULL);
			continue;
		}
		put(b, four ? "owned4" : "owned6", &key, chain);
		if (!four)
			put(b, "owned_nd", &key, chain);
	}
}

/* --- checks ----------------------------------------------------------------------------------- */

static struct bh_nft_rule *rule_in(struct bh_nft_chain *chain, struct bh_key key, const char *set,
				   int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_in(rule, key, set);
	bh_rule_verdict(rule, verdict);
	return rule;
}

static void unless_in(struct bh_nft_chain *chain, struct bh_key key, const char *set)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_not_in(rule, key, set);
	bh_rule_verdict(rule, NFT_RETURN);
}

static void accept_nd_form(struct bh_nft_chain *chain, uint32_t option)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_number(rule, BH_FIELD_IP6_LENGTH, ND_BARE);
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_number(rule, BH_FIELD_IP6_LENGTH, ND_WITH_OPTION);
	bh_rule_number(rule, BH_FIELD_ND_OPTION, option);
	bh_rule_in(rule, KEY_ND_LLADDR, "nd_lladdrs");
	bh_rule_verdict(rule, NF_ACCEPT);
}

static void add_nd_advert(const struct build *b)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, "nd_advert");

	unless_in(chain, KEY_IP6, "bind6");
	unless_in(chain, KEY_ND_TARGET, "nd_targets");
	accept_nd_form(chain, OPTION_TARGET);
}

static void add_nd_solicit(const struct build *b)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, "nd_solicit");
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	/* Duplicate address detection asks for an address that is nobody's yet. */
	bh_rule_equal(rule, BH_FIELD_IP6_SADDR, unspecified);
	bh_rule_verdict(rule, NF_ACCEPT);
	unless_in(chain, KEY_IP6, "bind6");
	accept_nd_form(chain, OPTION_SOURCE);
}

static void goto_on_type(struct bh_nft_chain *chain, uint8_t type, const char *to)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_number(rule, BH_FIELD_ICMPV6_TYPE, type);
	bh_rule_goto(rule, to);
}

/* Nearly everything; what the checks behind it would come to, in one lookup. */
static void accept_bound(struct bh_nft_chain *chain)
{
	struct bh_nft_rule *rule;

	rule_in(chain, KEY_IP, "bind4", NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_L4PROTO), "ported");
	bh_rule_in(rule, KEY_IP6, "bind6");
	bh_rule_verdict(rule, NF_ACCEPT);
}

/* Accepts what its sender may send, and returns with the rest. */
static void add_check(const struct build *b)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, "check");

	rule_in(chain, KEY_ARP, "bind4", NF_ACCEPT);
	rule_in(chain, BH_KEY(BH_FIELD_ICMPV6_TYPE), "nd_router", NFT_RETURN);
	goto_on_type(chain, ND_ADVERT, "nd_advert");
	goto_on_type(chain, ND_SOLICIT, "nd_solicit");
	rule_in(chain, KEY_IP6, "bind6", NF_ACCEPT);
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_ARP_SADDR_IP, unspecified); /* an ARP probe (RFC 5227) */
	bh_rule_in(rule, BH_KEY(BH_FIELD_IIFNAME, BH_FIELD_ARP_SADDR_ETHER), "macs");
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_IP_SADDR, unspecified);
	bh_rule_equal(rule, BH_FIELD_IP_DADDR, broadcast4);
	bh_rule_number(rule, BH_FIELD_UDP_SPORT, 68);
	bh_rule_number(rule, BH_FIELD_UDP_DPORT, 67);
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_IP6_SADDR, unspecified);
	bh_rule_in(rule, BH_KEY(BH_FIELD_ICMPV6_TYPE), "nd_early");
	bh_rule_verdict(rule, NF_ACCEPT);
}

/* Towards a workload that does not merely learn. */
static void divert_protected(struct bh_nft_chain *chain, const char *held4, const char *held6)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	if (held4 != NULL)
		bh_rule_in(rule, BH_KEY(BH_FIELD_IP_SADDR), held4);
	bh_rule_vmap(rule, BH_KEY(BH_FIELD_IP_DADDR), "owned4");
	rule = bh_nft_chain_add_rule(chain);
	if (held6 != NULL)
		bh_rule_in(rule, BH_KEY(BH_FIELD_IP6_SADDR), held6);
	bh_rule_vmap(rule, BH_KEY(BH_FIELD_IP6_DADDR), "owned6");
}

/* Frames of ports that nobody checks: they may claim whatever is not protected. */
static void add_strangers(const struct build *b)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, "strangers");

	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP_SADDR), "owned4");
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_ARP_SADDR_IP), "owned4");
	bh_rule_vmap(bh_nft_chain_add_rule(chain), BH_KEY(BH_FIELD_IP6_SADDR), "owned6");
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_number(rule, BH_FIELD_ICMPV6_TYPE, ND_ADVERT);
	bh_rule_vmap(rule, BH_KEY(BH_FIELD_ND_TARGET), "owned_nd");
	divert_protected(chain, "held4", "held6");
}

/* Ports of workloads that only learn. Where one address is held twice, on two bridges, each of its
 * holders may use it. */
static void add_learning(const struct build *b)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(b->table, "learning");
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_number(rule, BH_FIELD_ICMPV6_TYPE, ND_ADVERT);
	bh_rule_in(rule, KEY_ND_TARGET, "nd_targets");
	bh_rule_verdict(rule, NF_ACCEPT);
	goto_on_type(chain, ND_ADVERT, "strangers");
	rule_in(chain, KEY_ARP, "bind4", NF_ACCEPT);
	rule_in(chain, KEY_IP6, "bind6", NF_ACCEPT);
	divert_protected(chain, NULL, NULL);
	bh_rule_goto(bh_nft_chain_add_rule(chain), "strangers");
}

/* --- chains ----------------------------------------------------------------------------------- */

static void end_with_spoof(const struct build *b, struct bh_nft_chain *chain, bool enforce,
			   uint8_t side, const char *hash)
{
	bh_desired_log(chain, b->config, enforce ? "SPOOF" : "SPOOFAUDIT", side, hash);
	bh_desired_final(chain, enforce ? NF_DROP : NF_ACCEPT);
}

/* The chain for what the ports of a workload send. */
static void add_sender(const struct build *b, const struct bh_port *port, const char *name,
		       const char *hash)
{
	if (bh_nft_table_chain(b->table, name) != NULL)
		return;
	struct bh_nft_chain *chain = bh_desired_chain(b->table, name, port->workload);
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_ETHER_TYPE), "ethertypes");
	bh_rule_in(rule, KEY_MAC, "macs");
	bh_rule_jump(rule, "check");
	end_with_spoof(b, chain, bh_mode_refuses(port->mode), BH_EGRESS, hash);
}

/* The chain for what is delivered to them. */
static void add_receiver(const struct build *b, const struct bh_port *port, const char *name,
			 const char *hash)
{
	if (bh_nft_table_chain(b->table, name) != NULL)
		return;
	struct bh_nft_chain *chain = bh_desired_chain(b->table, name, port->workload);
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_ETHER_TYPE), "ethertypes");
	bh_rule_not_in(rule, BH_KEY(BH_FIELD_IIFNAME), "containers");
	bh_rule_verdict(rule, NF_ACCEPT);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_in(rule, BH_KEY(BH_FIELD_ETHER_TYPE), "ethertypes");
	bh_rule_in(rule, KEY_MAC, "macs");
	bh_rule_jump(rule, "check");
	end_with_spoof(b, chain, bh_mode_refuses(port->mode), BH_INGRESS, hash);
}

static void add_port(const struct build *b, const struct bh_port *port)
{
	char sender[BH_NFT_NAME], receiver[BH_NFT_NAME], hash[BH_CHAIN_HASH];
	struct bh_key_bytes key = { 0 };

	if (port->mode == BH_LEARN) {
		bind_port(b, port, "learning");
		return;
	}
	bh_desired_port_name(port, "p", sender, hash);
	bh_desired_port_name(port, "d", receiver, hash);
	add_sender(b, port, sender, hash);
	add_receiver(b, port, receiver, hash);
	bind_port(b, port, sender);
	bh_key_put_ifname(&key, port->ifname);
	put(b, "receivers", &key, receiver);
}

/* The chains of a workload that has no port at the moment stay. */
static void add_absent(const struct build *b, const struct bh_chain *chain)
{
	char sender[BH_NFT_NAME], receiver[BH_NFT_NAME], hash[BH_CHAIN_HASH];
	struct bh_port port = { 0 };

	if (chain->mode == BH_LEARN || chain->side != BH_EGRESS)
		return;
	memcpy(port.workload, chain->workload, sizeof(port.workload));
	for (port.mode = BH_AUDIT; port.mode <= BH_ENFORCE; port.mode++) {
		bh_desired_port_name(&port, "p", sender, hash);
		if (bh_nft_table_chain(b->table, sender) != NULL)
			return;
	}
	port.mode = chain->mode;
	bh_desired_port_name(&port, "p", sender, hash);
	bh_desired_port_name(&port, "d", receiver, hash);
	add_sender(b, &port, sender, hash);
	add_receiver(b, &port, receiver, hash);
}

/* Of the two ports that the self-test makes, the one that sends. */
static void add_probe(const struct build *b)
{
	struct bh_key_bytes key = { 0 };

	bh_key_put_ifname(&key, BH_PROBE_SENDER);
	put(b, "ports", &key, "probe_port");
	bh_desired_probe_own((struct bh_nft_set *[]) { bh_nft_table_set(b->table, "owned4"),
						       bh_nft_table_set(b->table, "owned6") },
			     "stranger");
}

static void add_ports(const struct build *b)
{
	add_probe(b);
	for (size_t i = 0; i < b->rules->port_count; i++)
		if (b->rules->ports[i].bridged)
			add_port(b, &b->rules->ports[i]);
	for (size_t i = 0; i < b->scope->ports; i++)
		add_absent(b, &b->rules->chains[i]);
	/* The strictest owners first: who comes first keeps the element. */
	for (int mode = BH_ENFORCE; mode >= BH_LEARN; mode--)
		for (size_t i = 0; i < b->rules->port_count; i++)
			if (b->rules->ports[i].bridged && b->rules->ports[i].mode == mode)
				own(b, &b->rules->ports[i]);
}

static void add_frame(const struct build *b)
{
	struct bh_nft_table *table = b->table;
	struct bh_nft_chain *prerouting =
		bh_desired_base(table, "prerouting", NF_BR_PRE_ROUTING, PRIORITY);
	accept_bound(prerouting);
	bh_rule_vmap(bh_nft_chain_add_rule(prerouting), BH_KEY(BH_FIELD_IIFNAME), "ports");
	bh_rule_goto(bh_nft_chain_add_rule(prerouting), "strangers");
	struct bh_nft_chain *forward = bh_desired_base(table, "forward", NF_BR_FORWARD, PRIORITY);
	accept_bound(forward);
	bh_rule_vmap(bh_nft_chain_add_rule(forward), BH_KEY(BH_FIELD_OIFNAME), "receivers");
	add_check(b);
	add_nd_advert(b);
	add_nd_solicit(b);
	add_learning(b);
	add_strangers(b);
	bh_rule_verdict(bh_nft_chain_add_rule(bh_nft_table_add_chain(table, "probe_port")),
			NF_ACCEPT);
	end_with_spoof(b, bh_nft_table_add_chain(table, "stranger"), true, BH_EGRESS, "-");
	end_with_spoof(b, bh_nft_table_add_chain(table, "stranger_audit"), false, BH_EGRESS, "-");
}

void bh_desire_bridge(struct bh_nft_table *table, const struct bh_ruleset *rules,
		      const struct bh_desired_scope *scope, const struct bh_nft_config *config)
{
	struct build b = { table, rules, scope, config };

	add_sets(&b);
	if (scope->frame)
		add_frame(&b);
	add_ports(&b);
}
