/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cluster.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <string.h>

#include "grow.h"
#include "ruleset.h"

#define FIRST_PORT 7002		  /* of bench/load.c's server of short connections */
#define FIRST_ADDRESS 0x0a090001u /* 10.9.0.1 and .2: the client and server of bench/hosts.sh */

struct cluster cluster_of(unsigned edges, unsigned replicas)
{
	struct cluster c = { .workloads = edges / CLUSTER_CALLS, .replicas = replicas };

	if (c.workloads < 2)
		c.workloads = 2;
	c.calls = edges / c.workloads;
	return c;
}

static unsigned container_count(const struct cluster *c)
{
	return c->workloads * c->replicas + c->extra;
}

/* Containers are numbered replica by replica: 0 is the first of workload 0, 1 the first of 1. */
static unsigned workload_of(const struct cluster *c, unsigned container)
{
	return container % c->workloads;
}

static unsigned called_by(const struct cluster *c, unsigned workload, unsigned call)
{
	return (workload + 1 + call % (c->workloads - 1)) % c->workloads;
}

static unsigned caller_of(const struct cluster *c, unsigned workload, unsigned call)
{
	return (workload + c->workloads - 1 - call % (c->workloads - 1)) % c->workloads;
}

static uint16_t port_of(const struct cluster *c, unsigned call)
{
	return (uint16_t)(FIRST_PORT + call / (c->workloads - 1));
}

static struct bh_addr address_of(unsigned container)
{
	struct bh_addr addr = { .family = BH_IPV4 };
	uint32_t wire = htonl(FIRST_ADDRESS + container);

	memcpy(addr.bytes, &wire, sizeof(wire));
	return addr;
}

static void name_workload(char *name, size_t size, unsigned workload)
{
	snprintf(name, size, "bench/w%u", workload);
}

static void permit(struct bh_chain *chain, const struct cluster *c, unsigned peer, uint16_t port)
{
	for (unsigned i = peer; i < container_count(c); i += c->workloads) {
		struct bh_permit *p = bh_chain_add_permit(chain);

		*p = (struct bh_permit) { .kind = BH_PERMIT_PEER,
					  .proto = IPPROTO_TCP,
					  .port_first = port,
					  .port_last = port,
					  .peer = { .addr = address_of(i), .length = 32 } };
	}
}

static void add_chain(struct bh_ruleset *rules, const struct cluster *c, unsigned workload,
		      uint8_t side)
{
	struct bh_chain *chain = bh_ruleset_add_chain(rules);

	name_workload(chain->workload, sizeof(chain->workload), workload);
	bh_chain_hash(chain->workload, chain->hash);
	chain->side = side;
	chain->mode = BH_ENFORCE;
	for (unsigned i = 0; i < c->calls; i++)
		permit(chain, c,
		       side == BH_EGRESS ? called_by(c, workload, i) : caller_of(c, workload, i),
		       port_of(c, i));
}

/* The first two are those of bench/hosts.sh. */
static void name_port(char *name, unsigned container)
{
	if (container < 2)
		snprintf(name, BH_IFNAME, "v%c", 'a' + (int)container);
	else
		snprintf(name, BH_IFNAME, "veth%u", container);
}

static void add_member(struct bh_ruleset *rules, const char *ifname)
{
	struct bh_bridge_member *member = bh_ruleset_add_member(rules);

	bh_copy_text(member->ifname, sizeof(member->ifname), ifname);
	bh_copy_text(member->bridge, sizeof(member->bridge), "br0");
}

static void add_container(struct bh_ruleset *rules, const struct cluster *c, unsigned container)
{
	struct bh_binding *binding = bh_ruleset_add_binding(rules);
	struct bh_port *port = bh_ruleset_add_port(rules, 1);
	uint32_t wire = htonl(container + 1);

	bh_copy_text(binding->l3_ifname, sizeof(binding->l3_ifname), "br0");
	binding->addr = address_of(container);
	binding->egress = workload_of(c, container) * 2;
	binding->ingress = binding->egress + 1;
	name_port(port->ifname, container);
	port->bridged = true;
	port->mode = BH_ENFORCE;
	name_workload(port->workload, sizeof(port->workload), workload_of(c, container));
	memcpy(binding->ifname, port->ifname, sizeof(binding->ifname));
	port->mac.bytes[0] = 2;
	memcpy(port->mac.bytes + 2, &wire, sizeof(wire));
	port->addrs[0] = address_of(container);
	if (rules->stateless)
		add_member(rules, port->ifname);
}

struct bh_ruleset *cluster_ruleset(const struct cluster *c)
{
	struct bh_ruleset *rules = bh_ruleset_new();

	rules->posture = BH_POSTURE_CLOSED;
	rules->stateless = c->stateless;
	bh_copy_text(bh_ruleset_add_bridge(rules)->ifname, BH_IFNAME, "br0");
	for (unsigned i = 0; i < c->workloads; i++) {
		add_chain(rules, c, i, BH_EGRESS);
		add_chain(rules, c, i, BH_INGRESS);
	}
	for (unsigned i = 0; i < container_count(c); i++)
		add_container(rules, c, i);
	return rules;
}

/* --- for others ------------------------------------------------------------------------------- */

struct writer {
	const char *kind;
	const char *head;
	void (*edge)(FILE *out, uint32_t from, uint32_t to, uint16_t port);
	const char *tail;
	bool pairs; /* of replicas; else of the first ones alone */
};

struct text {
	char text[INET_ADDRSTRLEN];
};

static struct text spell(uint32_t address)
{
	struct in_addr wire = { .s_addr = htonl(address) };
	struct text t;

	inet_ntop(AF_INET, &wire, t.text, sizeof(t.text));
	return t;
}

static void nft_edge(FILE *out, uint32_t from, uint32_t to, uint16_t port)
{
	fprintf(out, "ip saddr %s ip daddr %s tcp dport %u accept\n", spell(from).text,
		spell(to).text, port);
}

static void iptables_edge(FILE *out, uint32_t from, uint32_t to, uint16_t port)
{
	fprintf(out, "-A FORWARD -s %s -d %s -p tcp --dport %u -j ACCEPT\n", spell(from).text,
		spell(to).text, port);
}

static void ipset_edge(FILE *out, uint32_t from, uint32_t to, uint16_t port)
{
	fprintf(out, "add edges %s,tcp:%u,%s\n", spell(from).text, port, spell(to).text);
}

static const struct writer writers[] = {
	{ "nft",
	  "table ip edges { chain forward {\ntype filter hook forward priority 0; policy drop;\n"
	  "ct state established accept\n",
	  nft_edge, "}\n}\n", false },
	{ "iptables",
	  "*filter\n:FORWARD DROP\n-A FORWARD -m conntrack --ctstate ESTABLISHED -j ACCEPT\n",
	  iptables_edge, "COMMIT\n", false },
	{ "ipset", "create edges hash:ip,port,ip hashsize 262144 maxelem 4000000\n", ipset_edge, "",
	  true },
};

static void write_edge(FILE *out, const struct writer *w, const struct cluster *c,
		       unsigned workload, unsigned call)
{
	unsigned replicas = w->pairs ? c->replicas : 1;

	for (unsigned i = 0; i < replicas; i++)
		for (unsigned j = 0; j < replicas; j++)
			w->edge(out, FIRST_ADDRESS + workload + i * c->workloads,
				FIRST_ADDRESS + called_by(c, workload, call) + j * c->workloads,
				port_of(c, call));
}

bool cluster_print(const struct cluster *c, const char *kind, FILE *out)
{
	const struct writer *w = writers, *end = w + sizeof(writers) / sizeof(writers[0]);

	while (w < end && strcmp(w->kind, kind) != 0)
		w++;
	if (w == end)
		return false;
	fputs(w->head, out);
	/* From half around the circle on, so that the first workload comes in the middle. */
	for (unsigned i = 0; i < c->workloads; i++)
		for (unsigned call = 0; call < c->calls; call++)
			write_edge(out, w, c, (i + (c->workloads + 1) / 2) % c->workloads, call);
	fputs(w->tail, out);
	return true;
}
