/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the policy says, for a test that holds the kernel against it.
 *
 *   judge ENDPOINTS POLICY RULES < PROBES
 *
 * ENDPOINTS: what there is, one item a line:
 *   stateless                 (what stays on the bridge is judged there)
 *   sensitive PORT…
 *   bridge INTERFACE
 *   endpoint INTERFACE bridged|routed learn|audit|stage1|enforce WORKLOAD|- MAC ADDRESS…
 *   label KEY VALUE        of the endpoint above; "bulkhead.workload" it has anyway
 *   uplink INTERFACE       of the bridge
 *   apart                  the endpoint above is of a share of its workload
 * RULES: where the compiled ruleset goes, as ruleset_file.h has it. PROBES, and the answers:
 *   INTERFACE|host|outside|uplink ADDRESS INTERFACE|… ADDRESS PROTOCOL PORT SOURCE-PORT
 *   allow|deny|uncertain BLOCKED AUDITED RULE REASON      (RULE from 0; −1: none)
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "compile.h"
#include "grow.h"
#include "protocol.h"
#include "ruleset.h"

#define MOST 16
#define MOST_LABELS 24
#define BRIDGE 1 /* its ifindex */

struct labels {
	const char *workload;
	size_t count;
	char keys[MOST_LABELS][80], values[MOST_LABELS][40];
};

struct host {
	struct bh_compile_input input;
	struct bh_endpoint_fact facts[MOST];
	struct bh_compile_endpoint endpoints[MOST];
	char workloads[MOST][64];
	struct labels labels[MOST];
	struct bh_bridge bridge;
	char uplink[BH_IFNAME];
	struct bh_compile_member members[MOST];
	struct bh_sensitive sensitive;
};

static void must(bool fine, const char *what)
{
	if (fine)
		return;
	fprintf(stderr, "judge: %s\n", what);
	exit(2);
}

static const char *word(void)
{
	const char *text = strtok(NULL, " \n");

	must(text != NULL, "a word is missing");
	return text;
}

static const char *label(const void *labels, const char *key)
{
	const struct labels *l = labels;

	if (strcmp(key, "bulkhead.workload") == 0)
		return l->workload;
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->keys[i], key) == 0)
			return l->values[i];
	return NULL;
}

static void read_label(struct host *h)
{
	must(h->input.endpoint_count > 0, "a label before any endpoint");
	struct labels *l = &h->labels[h->input.endpoint_count - 1];

	must(l->count < MOST_LABELS, "too many labels");
	must(bh_copy_text(l->keys[l->count], sizeof(l->keys[0]), word()), "too long a label");
	must(bh_copy_text(l->values[l->count++], sizeof(l->values[0]), word()), "too long a value");
}

static void read_apart(struct host *h)
{
	must(h->input.endpoint_count > 0, "apart before any endpoint");
	h->endpoints[h->input.endpoint_count - 1].apart = true;
}

static void read_endpoint(struct host *h)
{
	size_t i = h->input.endpoint_count++;
	struct bh_endpoint_fact *fact = &h->facts[i];
	struct bh_compile_endpoint *e = &h->endpoints[i];
	const char *text;

	must(i < MOST, "too many endpoints");
	fact->ifindex = 100 + (uint32_t)i;
	bh_copy_text(fact->ifname, sizeof(fact->ifname), word());
	fact->master_ifindex = strcmp(word(), "bridged") == 0 ? BRIDGE : 0;
	bh_copy_text(fact->l3_ifname, sizeof(fact->l3_ifname),
		     fact->master_ifindex != 0 ? h->bridge.ifname : fact->ifname);
	must(bh_mode_parse(word(), &e->mode), "a mode");
	text = word();
	bh_copy_text(h->workloads[i], sizeof(h->workloads[i]), strcmp(text, "-") == 0 ? "" : text);
	must(bh_mac_parse(word(), &fact->mac), "a MAC");
	while ((text = strtok(NULL, " \n")) != NULL)
		must(bh_addr_parse(text, &fact->addrs[fact->addr_count++]), text);
	if (fact->master_ifindex == BRIDGE)
		h->members[h->input.member_count++] =
			(struct bh_compile_member) { fact->ifname, BRIDGE, false };
	e->fact = fact;
	e->workload = h->labels[i].workload = h->workloads[i];
	e->labels = &h->labels[i];
	e->label = label;
}

static void read_line(struct host *h, char *line)
{
	const char *what = strtok(line, " \n"), *port;

	if (what == NULL)
		return;
	if (strcmp(what, "sensitive") == 0) {
		while ((port = strtok(NULL, " \n")) != NULL)
			h->sensitive.ports[h->sensitive.count++] = (uint16_t)atoi(port);
	} else if (strcmp(what, "stateless") == 0) {
		h->input.stateless = true;
	} else if (strcmp(what, "bridge") == 0) {
		bh_copy_text(h->bridge.ifname, sizeof(h->bridge.ifname), word());
	} else if (strcmp(what, "uplink") == 0) {
		bh_copy_text(h->uplink, sizeof(h->uplink), word());
		must(h->input.member_count < MOST, "too many ports");
		h->members[h->input.member_count++] =
			(struct bh_compile_member) { h->uplink, BRIDGE, true };
	} else if (strcmp(what, "label") == 0) {
		read_label(h);
	} else if (strcmp(what, "apart") == 0) {
		read_apart(h);
	} else {
		read_endpoint(h);
	}
}

static void read_endpoints(struct host *h, const char *path)
{
	char line[512];
	FILE *file = fopen(path, "re");

	must(file != NULL, path);
	while (fgets(line, sizeof(line), file) != NULL)
		read_line(h, line);
	fclose(file);
	h->bridge.ifindex = BRIDGE;
	h->input.endpoints = h->endpoints;
	h->input.members = h->members;
	h->input.bridges = &h->bridge;
	h->input.bridge_count = 1;
	h->input.sensitive = &h->sensitive;
}

static struct bh_policy *read_policy(const char *path)
{
	static char text[1 << 16];
	struct bh_error err = { 0 };
	FILE *file = fopen(path, "re");

	must(file != NULL, path);
	size_t length = fread(text, 1, sizeof(text), file);
	fclose(file);
	struct bh_policy *policy = bh_policy_parse(text, length, path, &err);
	must(policy != NULL, err.text);
	return policy;
}

/* --- the ruleset as a file -------------------------------------------------------------------- */

static void write_permit(FILE *out, const struct bh_permit *p)
{
	static const char *const kinds[] = { "peer", "net", "outside", "host", "world" };
	static const char *const ranks[BH_RANKS] = { "permit", "deny", "platform-permit",
						     "platform-deny" };
	char proto[BH_PROTOCOL_TEXT], prefix[BH_PREFIX_TEXT] = "";

	if (p->kind == BH_PERMIT_PLACE)
		return;
	if (p->kind <= BH_PERMIT_OUTSIDE)
		bh_prefix_format(&p->peer, prefix);
	fprintf(out, "%s %s %s %u-%u %s rule %u\n", ranks[p->rank], kinds[p->kind],
		p->proto == BH_ANY_PROTOCOL ? "any" : bh_protocol_format(p->proto, proto),
		p->port_first, p->port_last, prefix, p->rule);
}

/* A workload may have several. */
static const char *chain_name(const struct bh_chain *chain)
{
	static char name[sizeof(chain->workload) + BH_CHAIN_HASH];

	snprintf(name, sizeof(name), "%s.%s", chain->workload, chain->hash);
	return name;
}

static void write_chain(FILE *out, const struct bh_chain *chain)
{
	fprintf(out, "chain %s %s %s %s%s%s\n", chain_name(chain), bh_side_name(chain->side),
		bh_mode_name(chain->mode), chain->deny == BH_DROP ? "drop" : "reject",
		chain->open[BH_EGRESS] ? " open-egress" : "",
		chain->open[BH_INGRESS] ? " open-ingress" : "");
	for (size_t i = 0; i < chain->permit_count; i++)
		write_permit(out, &chain->permits[i]);
}

static void write_port(FILE *out, const struct bh_port *port)
{
	char mac[BH_MAC_TEXT], addr[BH_ADDR_TEXT];

	fprintf(out, "port %s %s %s %s %s", port->ifname, port->bridged ? "bridged" : "routed",
		bh_mode_name(port->mode), port->workload[0] != '\0' ? port->workload : "-",
		bh_mac_format(&port->mac, mac));
	for (size_t i = 0; i < port->addr_count; i++)
		fprintf(out, " %s", bh_addr_format(&port->addrs[i], addr));
	fputs("\n", out);
}

static void write_ruleset(const struct bh_ruleset *rules, const char *path)
{
	char addr[BH_ADDR_TEXT];
	FILE *out = fopen(path, "we");

	must(out != NULL, path);
	fprintf(out, "posture %s\nsensitive", bh_posture_name(rules->posture));
	for (uint32_t i = 0; i < rules->sensitive.count; i++)
		fprintf(out, " %u", rules->sensitive.ports[i]);
	fputs("\n", out);
	for (size_t i = 0; i < rules->chain_count; i++)
		write_chain(out, &rules->chains[i]);
	for (size_t i = 0; i < rules->binding_count; i++)
		fprintf(out, "bind %s %s %s %s\n", rules->bindings[i].l3_ifname,
			bh_addr_format(&rules->bindings[i].addr, addr),
			chain_name(&rules->chains[rules->bindings[i].egress]),
			rules->bindings[i].ifname);
	if (rules->stateless)
		fputs("stateless\n", out);
	for (size_t i = 0; i < rules->member_count; i++)
		fprintf(out, "member %s %s%s\n", rules->members[i].ifname, rules->members[i].bridge,
			rules->members[i].uplink ? " uplink" : "");
	for (size_t i = 0; i < rules->port_count; i++)
		write_port(out, &rules->ports[i]);
	for (size_t i = 0; i < rules->bridge_count; i++)
		fprintf(out, "bridge %s\n", rules->bridges[i].ifname);
	must(fclose(out) == 0, path);
}

/* --- probes ----------------------------------------------------------------------------------- */

/* As the rest of bulkhead would name this end. */
static void read_end(const struct host *h, const char *name, const char *addr, struct bh_peer *peer,
		     struct bh_subject *subject)
{
	*peer = (struct bh_peer) { .kind = strcmp(name, "host") == 0 ? BH_PEER_HOST
								     : BH_PEER_ADDRESS };
	*subject = (struct bh_subject) { .peer = peer };
	must(bh_addr_parse(addr, &subject->addr), addr);
	bh_copy_text(peer->name, sizeof(peer->name), addr);
	for (size_t i = 0; i < h->input.endpoint_count; i++) {
		const struct bh_compile_endpoint *e = &h->endpoints[i];

		if (strcmp(e->fact->ifname, name) != 0)
			continue;
		peer->kind = BH_PEER_UNRESOLVED;
		if (e->workload[0] == '\0')
			break;
		peer->kind = BH_PEER_WORKLOAD;
		bh_copy_text(peer->name, sizeof(peer->name), e->workload);
		subject->labels = e->labels;
		subject->label = e->label;
		subject->mode = e->mode;
	}
}

static bool is_bridged(const struct host *h, const char *name)
{
	if (strcmp(name, "uplink") == 0)
		return true;
	for (size_t i = 0; i < h->input.endpoint_count; i++)
		if (strcmp(h->facts[i].ifname, name) == 0)
			return h->facts[i].master_ifindex == BRIDGE;
	return false;
}

static void answer(const struct host *h, char *line)
{
	static const char *const verdicts[] = { "allow", "deny", "uncertain" };
	struct bh_question q = { .sensitive = &h->sensitive };
	struct bh_peer src, dst;
	struct bh_answer a;
	const char *name = strtok(line, " \n");

	must(name != NULL, "an empty probe");
	read_end(h, name, word(), &src, &q.src);
	bool within = h->input.stateless && is_bridged(h, name);
	name = word();
	within = within && is_bridged(h, name);
	read_end(h, name, word(), &dst, &q.dst);
	must(bh_protocol_parse(word(), &q.proto), "a protocol");
	q.port = (uint16_t)atoi(word());
	q.source_port = (uint16_t)atoi(word());
	/* Nobody remembers who sent the first datagram. */
	q.direction_unknown = within && q.proto == IPPROTO_UDP;
	bh_policy_evaluate(h->input.policy, &q, &a);
	printf("%s %d %d %d %s\n", verdicts[a.verdict], a.blocked, a.audited, a.rule, a.reason);
}

int main(int argc, char **argv)
{
	static struct host host;
	char line[512];

	must(argc == 4, "usage: judge ENDPOINTS POLICY RULES < PROBES");
	read_endpoints(&host, argv[1]);
	struct bh_policy *policy = read_policy(argv[2]);
	host.input.policy = policy;
	struct bh_ruleset *rules = bh_compile(&host.input);
	write_ruleset(rules, argv[3]);
	while (fgets(line, sizeof(line), stdin) != NULL)
		answer(&host, line);
	bh_ruleset_free(rules);
	bh_policy_free(policy);
	return 0;
}
