/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "protocol.h"
#include "ruleset.h"

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "ruleset: %s\n", what);
	exit(2);
}

static const char *word(void)
{
	return strtok(NULL, " \n");
}

static const char *need(const char *what)
{
	const char *text = word();

	must(text != NULL, what);
	return text;
}

static void read_chain(struct bh_ruleset *rules)
{
	struct bh_chain *chain = bh_ruleset_add_chain(rules);

	bh_copy_text(chain->workload, sizeof(chain->workload), need("a workload"));
	bh_chain_hash(chain->workload, chain->hash);
	chain->side = strcmp(need("a side"), "egress") == 0 ? BH_EGRESS : BH_INGRESS;
	must(bh_mode_parse(need("a mode"), &chain->mode), "a mode");
	chain->deny = strcmp(need("an action"), "drop") == 0 ? BH_DROP : BH_REJECT;
	for (const char *side = word(); side != NULL; side = word())
		chain->open[strcmp(side, "open-egress") == 0 ? BH_EGRESS : BH_INGRESS] = true;
}

static void read_permit(struct bh_ruleset *rules, uint8_t rank)
{
	static const char *const kinds[] = { "peer", "net", "outside", "host", "world" };
	const char *kind = need("a kind");
	unsigned first, last;

	must(rules->chain_count > 0, "a chain before its permissions");
	struct bh_permit *permit = bh_chain_add_permit(&rules->chains[rules->chain_count - 1]);
	permit->rank = rank;
	while (permit->kind < 5 && strcmp(kinds[permit->kind], kind) != 0)
		permit->kind++;
	must(permit->kind < 5, kind);
	const char *proto = need("a protocol");
	if (strcmp(proto, "any") == 0)
		permit->proto = BH_ANY_PROTOCOL;
	else
		must(bh_protocol_parse(proto, &permit->proto), "a protocol");
	int got = sscanf(need("a port"), "%u-%u", &first, &last);
	permit->port_first = (uint16_t)first;
	permit->port_last = (uint16_t)(got == 2 ? last : first);
	if (permit->kind <= BH_PERMIT_OUTSIDE)
		must(bh_prefix_parse(need("a prefix"), &permit->peer), "a prefix");
}

static uint32_t find_chain(const struct bh_ruleset *rules, const char *workload, uint8_t side)
{
	for (size_t i = 0; i < rules->chain_count; i++)
		if (rules->chains[i].side == side &&
		    strcmp(rules->chains[i].workload, workload) == 0)
			return (uint32_t)i;
	must(false, workload);
	return 0;
}

static void read_binding(struct bh_ruleset *rules)
{
	struct bh_binding *binding = bh_ruleset_add_binding(rules);

	bh_copy_text(binding->l3_ifname, sizeof(binding->l3_ifname), need("an interface"));
	must(bh_addr_parse(need("an address"), &binding->addr), "an address");
	const char *workload = need("a workload");
	binding->egress = find_chain(rules, workload, BH_EGRESS);
	binding->ingress = find_chain(rules, workload, BH_INGRESS);
	const char *port = word();
	bh_copy_text(binding->ifname, sizeof(binding->ifname),
		     port != NULL ? port : binding->l3_ifname);
}

static void read_port(struct bh_ruleset *rules)
{
	struct bh_port *port = bh_ruleset_add_port(rules, 16);
	const char *text;

	port->addr_count = 0;
	bh_copy_text(port->ifname, sizeof(port->ifname), need("an interface"));
	const char *how = need("bridged, routed or vrf");
	port->bridged = strcmp(how, "bridged") == 0;
	port->vrf = strcmp(how, "vrf") == 0;
	must(bh_mode_parse(need("a mode"), &port->mode), "a mode");
	text = need("a workload");
	bh_copy_text(port->workload, sizeof(port->workload), strcmp(text, "-") == 0 ? "" : text);
	must(bh_mac_parse(need("a MAC"), &port->mac), "a MAC");
	while ((text = word()) != NULL && port->addr_count < 16)
		must(bh_addr_parse(text, &port->addrs[port->addr_count++]), text);
}

static void read_member(struct bh_ruleset *rules)
{
	struct bh_bridge_member *member = bh_ruleset_add_member(rules);

	bh_copy_text(member->ifname, sizeof(member->ifname), need("an interface"));
	bh_copy_text(member->bridge, sizeof(member->bridge), need("a bridge"));
	member->uplink = word() != NULL;
}

static void read_exception(struct bh_ruleset *rules)
{
	struct bh_exception *e = bh_ruleset_add_exception(rules);

	must(bh_protocol_parse(need("a protocol"), &e->key.proto), "a protocol");
	bh_copy_text(e->src_ifname, sizeof(e->src_ifname), need("an interface"));
	must(bh_addr_parse(need("an address"), &e->key.src), "an address");
	e->key.sport = (uint16_t)atoi(need("a port"));
	bh_copy_text(e->dst_ifname, sizeof(e->dst_ifname), need("an interface"));
	must(bh_addr_parse(need("an address"), &e->key.dst), "an address");
	e->key.dport = (uint16_t)atoi(need("a port"));
}

static void read_posture(struct bh_ruleset *rules)
{
	struct bh_address_posture *p = bh_ruleset_add_posture(rules);
	const char *address;

	bh_copy_text(p->l3_ifname, sizeof(p->l3_ifname), need("an interface"));
	must(bh_posture_parse(need("a posture"), &p->posture), "a posture");
	address = word();
	must(address == NULL || bh_addr_parse(address, &p->addr), "an address");
}

static void read_sensitive(struct bh_ruleset *rules)
{
	const char *port;

	while ((port = word()) != NULL && rules->sensitive.count < BH_SENSITIVE_PORTS)
		rules->sensitive.ports[rules->sensitive.count++] = (uint16_t)atoi(port);
}

static void read_line(struct bh_ruleset *rules, char *line)
{
	static const char *const ranks[BH_RANKS] = { "permit", "deny", "platform-permit",
						     "platform-deny" };
	const char *what = strtok(line, " \n");
	uint8_t rank = 0;

	if (what == NULL || what[0] == '#')
		return;
	while (rank < BH_RANKS && strcmp(what, ranks[rank]) != 0)
		rank++;
	if (strcmp(what, "posture") == 0)
		must(bh_posture_parse(need("a posture"), &rules->posture), "a posture");
	else if (strcmp(what, "stateless") == 0)
		rules->stateless = true;
	else if (strcmp(what, "member") == 0)
		read_member(rules);
	else if (strcmp(what, "exception") == 0)
		read_exception(rules);
	else if (strcmp(what, "sensitive") == 0)
		read_sensitive(rules);
	else if (strcmp(what, "posture-of") == 0)
		read_posture(rules);
	else if (strcmp(what, "chain") == 0)
		read_chain(rules);
	else if (rank < BH_RANKS)
		read_permit(rules, rank);
	else if (strcmp(what, "bind") == 0)
		read_binding(rules);
	else if (strcmp(what, "port") == 0)
		read_port(rules);
	else if (strcmp(what, "bridge") == 0)
		bh_copy_text(bh_ruleset_add_bridge(rules)->ifname, BH_IFNAME, need("a bridge"));
	else
		must(false, what);
}

struct bh_ruleset *read_ruleset(const char *path)
{
	struct bh_ruleset *rules = bh_ruleset_new();
	FILE *file = fopen(path, "re");
	char line[1024];

	must(file != NULL, path);
	while (fgets(line, sizeof(line), file) != NULL)
		read_line(rules, line);
	fclose(file);
	return rules;
}
