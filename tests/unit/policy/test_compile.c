/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../random.h"
#include "address.h"
#include "buffer.h"
#include "compile.h"
#include "grow.h"
#include "protocol.h"
#include "ruleset.h"
#include "sensitive.h"

/* --- a host, in words ------------------------------------------------------------------------- */

#define MOST 64

/* Labels as "key=value" words. */
struct host {
	struct bh_endpoint_fact facts[MOST];
	char labels[MOST][64];
	char workloads[MOST][32];
	struct bh_compile_endpoint endpoints[MOST];
	struct bh_bridge bridges[4];
	struct bh_address_posture postures[8];
	struct bh_compile_input input;
};

static const char *label(const void *labels, const char *key)
{
	static char value[64];
	const char *at = labels;
	size_t length = strlen(key);

	for (; at != NULL && *at != '\0'; at = strchr(at, ' ')) {
		at += *at == ' ';
		if (strncmp(at, key, length) != 0 || at[length] != '=')
			continue;
		snprintf(value, sizeof(value), "%.*s", (int)strcspn(at + length + 1, " "),
			 at + length + 1);
		return value;
	}
	return NULL;
}

static struct host *new_host(const struct bh_policy *policy)
{
	struct host *h = bh_calloc(1, sizeof(*h));

	h->input = (struct bh_compile_input) { .policy = policy,
					       .endpoints = h->endpoints,
					       .bridges = h->bridges,
					       .posture = BH_POSTURE_AUDIT };
	return h;
}

static void add_bridge(struct host *h, uint32_t ifindex)
{
	struct bh_bridge *b = &h->bridges[h->input.bridge_count++];

	b->ifindex = ifindex;
	snprintf(b->ifname, sizeof(b->ifname), "br%u", ifindex);
}

static void add_address(struct host *h, size_t endpoint, const char *text)
{
	struct bh_endpoint_fact *f = &h->facts[endpoint];

	assert_true(bh_addr_parse(text, &f->addrs[f->addr_count++]));
}

/* bridge 0: a routed veth. Returns its index. */
static size_t add_endpoint(struct host *h, const char *workload, uint8_t mode, const char *labels,
			   uint32_t bridge, const char *addr)
{
	size_t i = h->input.endpoint_count++;
	struct bh_endpoint_fact *f = &h->facts[i];

	f->ifindex = 100 + (uint32_t)i;
	snprintf(f->ifname, sizeof(f->ifname), "veth%zu", i);
	f->master_ifindex = bridge;
	if (bridge != 0)
		snprintf(f->l3_ifname, sizeof(f->l3_ifname), "br%u", bridge);
	else
		memcpy(f->l3_ifname, f->ifname, sizeof(f->l3_ifname));
	f->mac.bytes[5] = (uint8_t)i;
	bh_copy_text(h->labels[i], sizeof(h->labels[i]), labels);
	bh_copy_text(h->workloads[i], sizeof(h->workloads[i]), workload);
	h->endpoints[i] = (struct bh_compile_endpoint) { .fact = f,
							 .workload = h->workloads[i],
							 .mode = mode,
							 .labels = h->labels[i],
							 .label = label };
	add_address(h, i, addr);
	return i;
}

static struct bh_policy *parse(const char *text)
{
	struct bh_error err = { 0 };
	struct bh_policy *policy = bh_policy_parse(text, strlen(text), "t", &err);

	if (policy == NULL)
		fail_msg("%s", err.text);
	return policy;
}

static const char *permit_text(const struct bh_permit *p, char out[120])
{
	static const char *const kinds[] = { "peer", "net", "outside", "host", "world", "place" };
	char prefix[BH_PREFIX_TEXT] = "-", proto[BH_PROTOCOL_TEXT];

	if (p->kind <= BH_PERMIT_OUTSIDE)
		bh_prefix_format(&p->peer, prefix);
	snprintf(out, 120, "%s %s %s %u-%u", kinds[p->kind], prefix,
		 bh_protocol_format(p->proto, proto), p->port_first, p->port_last);
	return out;
}

/* Several rules may say the same. */
static bool is_repeated(const struct bh_chain *c, size_t permit)
{
	char text[120], before[120];

	return permit > 0 &&
	       strcmp(permit_text(&c->permits[permit], text),
		      permit_text(&c->permits[permit - 1], before)) == 0 &&
	       c->permits[permit].rank == c->permits[permit - 1].rank;
}

/* The whole ruleset as text, so that a test can say what it expects. */
static char *ruleset_text(const struct bh_ruleset *r)
{
	struct bh_buffer out = { 0 };
	char text[120];

	for (size_t i = 0; i < r->chain_count; i++) {
		const struct bh_chain *c = &r->chains[i];

		bh_buffer_printf(&out, "chain %s %s %s %s\n", c->workload, bh_side_name(c->side),
				 bh_mode_name(c->mode), c->deny == BH_DROP ? "drop" : "reject");
		for (size_t j = 0; j < c->permit_count; j++)
			if (!is_repeated(c, j))
				bh_buffer_printf(&out, "  %s\n", permit_text(&c->permits[j], text));
	}
	for (size_t i = 0; i < r->binding_count; i++)
		bh_buffer_printf(&out, "bind %s %s %u %u\n", r->bindings[i].l3_ifname,
				 bh_addr_format(&r->bindings[i].addr, text), r->bindings[i].egress,
				 r->bindings[i].ingress);
	for (size_t i = 0; i < r->port_count; i++)
		bh_buffer_printf(&out, "port %s %s %s %s %zu %02x\n", r->ports[i].ifname,
				 r->ports[i].bridged ? "bridged" : "routed",
				 bh_mode_name(r->ports[i].mode),
				 r->ports[i].workload[0] != '\0' ? r->ports[i].workload : "-",
				 r->ports[i].addr_count, r->ports[i].mac.bytes[5]);
	for (size_t i = 0; i < r->bridge_count; i++)
		bh_buffer_printf(&out, "bridge %s%s\n", r->bridges[i].ifname,
				 r->bridges[i].filtered ? " filtered" : "");
	return bh_buffer_steal(&out);
}

static void assert_compiles_to(const struct host *h, const char *expected)
{
	struct bh_ruleset *rules = bh_compile(&h->input);
	char *text = ruleset_text(rules);

	assert_string_equal(text, expected);
	free(text);
	bh_ruleset_free(rules);
}

/* --- examples --------------------------------------------------------------------------------- */

static void everything_has_its_place(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\n"
					 "deny: drop\n"
					 "workloads: {web: {app: web}, db: {app: db}}\n"
					 "rules:\n"
					 "  - {from: web, to: db, ports: [5432/tcp]}\n"
					 "  - {from: world, to: web, ports: [80/tcp, 443/tcp]}\n"
					 "  - {from: web, to: db, ports: [5432/tcp, icmpv6/128]}\n"
					 "  - {from: db, to: host, ports: [53/udp]}\n"
					 "  - {from: db, to: 203.0.113.0/24, ports: [1-9/udp]}\n"
					 "  - {from: db, to: metadata, ports: [80/tcp]}\n"
					 "  - {from: multicast, to: web, ports: [gre]}\n");
	struct host *h = new_host(policy);

	(void)state;
	add_bridge(h, 8);
	add_bridge(h, 7);
	add_bridge(h, 9);
	size_t db = add_endpoint(h, "db", BH_ENFORCE, "app=db", 7, "10.0.0.2");
	add_address(h, db, "fe80::2");
	add_endpoint(h, "web", BH_LEARN, "app=web", 7, "10.0.0.3");
	add_endpoint(h, "web", BH_LEARN, "app=web", 8, "10.0.1.3");
	add_endpoint(h, "", BH_LEARN, "", 0, "10.0.2.3");
	assert_compiles_to(h, "chain db egress enforce drop\n"
			      "  net 169.254.169.254/32 tcp 80-80\n"
			      "  net 203.0.113.0/24 udp 1-9\n"
			      "  net fd00:ec2::254/128 tcp 80-80\n"
			      "  host - udp 53-53\n"
			      "chain db ingress enforce drop\n"
			      "  peer 10.0.0.3/32 tcp 5432-5432\n"
			      "  peer 10.0.1.3/32 tcp 5432-5432\n"
			      "  place - icmpv6 128-128\n"
			      "chain web egress learn drop\n"
			      "  peer 10.0.0.2/32 tcp 5432-5432\n"
			      "  peer fe80::2/128 tcp 5432-5432\n"
			      "  peer fe80::2/128 icmpv6 128-128\n"
			      "  place - icmpv6 128-128\n"
			      "chain web ingress learn drop\n"
			      "  net 224.0.0.0/4 gre 0-0\n"
			      "  net 255.255.255.255/32 gre 0-0\n"
			      "  net ff00::/8 gre 0-0\n"
			      "  world - tcp 80-80\n"
			      "  world - tcp 443-443\n"
			      "bind br7 10.0.0.2 0 1\n"
			      "bind br7 fe80::2 0 1\n"
			      "bind br7 10.0.0.3 2 3\n"
			      "bind br8 10.0.1.3 2 3\n"
			      "port veth3 routed learn - 1 03\n"
			      "port veth0 bridged enforce db 2 00\n"
			      "port veth1 bridged learn web 1 01\n"
			      "port veth2 bridged learn web 1 02\n"
			      "bridge br7 filtered\n"
			      "bridge br8 filtered\n");
	free(h);
	bh_policy_free(policy);
}

/* The holders of 10.0.0.9, as "interface egress-chain-index" words. */
static char *holders(const struct host *h)
{
	struct bh_ruleset *rules = bh_compile(&h->input);
	struct bh_buffer out = { 0 };
	char text[BH_ADDR_TEXT];

	bh_buffer_puts(&out, "");
	for (size_t i = 0; i < rules->binding_count; i++)
		if (strcmp(bh_addr_format(&rules->bindings[i].addr, text), "10.0.0.9") == 0)
			bh_buffer_printf(&out, "%s:%s ", rules->bindings[i].l3_ifname,
					 rules->chains[rules->bindings[i].egress].workload);
	for (size_t i = 0; i < rules->port_count; i++)
		for (size_t j = 0; j < rules->ports[i].addr_count; j++)
			if (strcmp(bh_addr_format(&rules->ports[i].addrs[j], text), "10.0.0.9") ==
			    0)
				bh_buffer_printf(&out, "%s ", rules->ports[i].ifname);
	bh_ruleset_free(rules);
	return bh_buffer_steal(&out);
}

static void assert_held_by(const struct host *h, const char *expected)
{
	char *text = holders(h);

	assert_string_equal(text, expected);
	free(text);
}

/* Veths in a VRF, in a bond, and of nobody known in a bond. */
static void who_is_diverted_is_a_peer_and_not_judged(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\nworkloads:\n  web: {w: web}\n"
					 "  db: {w: db}\nrules:\n"
					 "  - {from: web, to: db, ports: [80/tcp]}\n");
	struct host *h = new_host(policy);
	size_t web = add_endpoint(h, "web", BH_ENFORCE, "w=web", 0, "10.0.0.1"),
	       db = add_endpoint(h, "db", BH_ENFORCE, "w=db", 0, "10.0.0.2"),
	       stranger = add_endpoint(h, "", BH_LEARN, "", 0, "10.0.0.3");

	(void)state;
	h->facts[web].upper = BH_UPPER_VRF;
	h->facts[db].upper = h->facts[stranger].upper = BH_UPPER_OTHER;
	struct bh_ruleset *rules = bh_compile(&h->input);
	assert_int_equal(rules->port_count, 1);
	assert_true(rules->ports[0].vrf && !rules->ports[0].bridged);
	assert_int_equal(rules->binding_count, 1);
	assert_memory_equal(&rules->bindings[0].addr, &h->facts[web].addrs[0],
			    sizeof(struct bh_addr));
	const struct bh_chain *egress = &rules->chains[rules->bindings[0].egress];
	assert_int_equal(egress->permit_count, 1);
	assert_memory_equal(&egress->permits[0].peer.addr, &h->facts[db].addrs[0],
			    sizeof(struct bh_addr));
	bh_ruleset_free(rules);
	bh_policy_free(policy);
	free(h);
}

static void an_address_is_the_ones_who_had_it_first(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\n"
					 "workloads: {api: {app: api}, web: {app: web}}\n"
					 "rules: []\n");
	struct host *h = new_host(policy);

	(void)state;
	add_bridge(h, 7);
	add_bridge(h, 8);
	size_t web = add_endpoint(h, "web", BH_ENFORCE, "app=web", 7, "10.0.0.9");
	size_t api = add_endpoint(h, "api", BH_ENFORCE, "app=api", 7, "10.0.0.9");
	h->facts[web].addr_made[0] = 500;
	h->facts[api].addr_made[0] = 400;
	assert_held_by(h, "br7:api veth1 ");
	h->facts[web].addr_made[0] = 300;
	assert_held_by(h, "br7:web veth0 ");
	/* To whom it was given out it belongs, whoever sat down on it meanwhile. */
	h->endpoints[api].granted = 1;
	assert_held_by(h, "br7:api veth1 ");
	h->endpoints[api].granted = 2; /* another one of its addresses */
	assert_held_by(h, "br7:web veth0 ");
	/* Another replica may, a stranger may not, and elsewhere it is another address. */
	size_t second = add_endpoint(h, "web", BH_ENFORCE, "app=web", 7, "10.0.0.9");
	h->facts[second].addr_made[0] = 600;
	add_endpoint(h, "", BH_LEARN, "", 7, "10.0.0.9");
	h->facts[3].addr_made[0] = 700;
	add_endpoint(h, "api", BH_ENFORCE, "app=api", 8, "10.0.0.9");
	assert_held_by(h, "br8:api br7:web br7:web veth4 veth0 veth2 ");
	/* Who is left without an address still has a port, and no right to speak there. */
	struct bh_ruleset *rules = bh_compile(&h->input);
	assert_int_equal(rules->port_count, 5);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

/* Without its last endpoint a governed workload has all it had, but no address, port or binding. */
static void who_is_away_keeps_his_place(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\n"
					 "workloads: {web: {app: web}, db: {app: db}}\n"
					 "rules:\n"
					 "  - {from: web, to: db, ports: [1/tcp, 2-3/tcp, gre]}\n");
	struct host *h = new_host(policy);

	(void)state;
	add_bridge(h, 7);
	add_endpoint(h, "db", BH_ENFORCE, "app=db", 7, "10.0.0.2");
	add_endpoint(h, "web", BH_LEARN, "app=web", 7, "10.0.0.3");
	h->endpoints[0].fact = NULL;
	h->input.posture = BH_POSTURE_OPEN;
	assert_compiles_to(h, "chain db egress enforce reject\n"
			      "chain db ingress enforce reject\n"
			      "  peer 10.0.0.3/32 tcp 1-1\n"
			      "  peer 10.0.0.3/32 tcp 2-3\n"
			      "  peer 10.0.0.3/32 gre 0-0\n"
			      "  place - tcp 2-3\n"
			      "  place - gre 0-0\n"
			      "chain web egress learn reject\n"
			      "  place - tcp 2-3\n"
			      "  place - gre 0-0\n"
			      "chain web ingress learn reject\n"
			      "bind br7 10.0.0.3 2 3\n"
			      "port veth1 bridged learn web 1 01\n"
			      "bridge br7\n");
	/* Strangers are not let in while it is away. */
	h->input.posture = BH_POSTURE_CLOSED;
	struct bh_ruleset *rules = bh_compile(&h->input);
	assert_true(rules->bridges[0].filtered);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

static void add_posture(struct host *h, const char *l3_ifname, const char *addr, uint8_t posture)
{
	struct bh_address_posture *p = &h->postures[h->input.posture_count++];

	h->input.postures = h->postures;
	bh_copy_text(p->l3_ifname, sizeof(p->l3_ifname), l3_ifname);
	assert_true(addr == NULL || bh_addr_parse(addr, &p->addr));
	p->posture = posture;
}

/* Each managed interface's goes along, and addresses on those; and a bridge is handed over where it
 * matters. */
static void postures_go_with_their_interfaces(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\nworkloads: {db: {app: db}}\n"
					 "rules: []\n");
	struct host *h = new_host(policy);

	(void)state;
	h->input.posture = BH_POSTURE_CLOSED;
	add_bridge(h, 7);
	add_bridge(h, 8);
	add_bridge(h, 9);
	add_endpoint(h, "db", BH_ENFORCE, "app=db", 7, "10.0.0.2");
	add_endpoint(h, "other", BH_LEARN, "app=other", 8, "10.0.1.2");
	add_posture(h, "br7", "10.0.0.9", BH_POSTURE_AUDIT);
	add_posture(h, "br7", NULL, BH_POSTURE_OPEN);
	add_posture(h, "br8", NULL, BH_POSTURE_OPEN);
	add_posture(h, "br9", NULL, BH_POSTURE_CLOSED);
	struct bh_ruleset *rules = bh_compile(&h->input);
	assert_int_equal(rules->bridge_count, 2);
	assert_true(rules->bridges[0].filtered);
	assert_false(rules->bridges[1].filtered);
	assert_int_equal(rules->posture_count, 3);
	assert_string_equal(rules->postures[0].l3_ifname, "br7");
	assert_int_equal(rules->postures[0].addr.family, BH_NO_FAMILY);
	assert_int_equal(rules->postures[1].addr.bytes[3], 9);
	assert_int_equal(rules->postures[1].posture, BH_POSTURE_AUDIT);
	bh_ruleset_free(rules);
	/* One address there is enough. */
	add_posture(h, "br8", "10.0.1.9", BH_POSTURE_AUDIT);
	rules = bh_compile(&h->input);
	assert_true(rules->bridges[1].filtered);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

/* Everybody has left it, or nobody has come yet: who comes first meets the posture. */
static void a_bridge_where_somebody_is_expected_is_guarded(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\nworkloads: {db: {app: db}}\n"
					 "rules: []\n");
	struct host *h = new_host(policy);

	(void)state;
	add_bridge(h, 7);
	add_bridge(h, 8);
	add_endpoint(h, "db", BH_ENFORCE, "app=db", 7, "10.0.0.2");
	h->endpoints[0].fact = NULL;
	h->bridges[0].filtered = true;
	h->input.posture = BH_POSTURE_CLOSED;
	struct bh_ruleset *rules = bh_compile(&h->input);
	assert_int_equal(rules->bridge_count, 1);
	assert_int_equal(rules->bridges[0].ifindex, 7);
	assert_true(rules->bridges[0].filtered);
	bh_ruleset_free(rules);
	/* With nothing to meet nothing is asked of it. */
	h->input.posture = BH_POSTURE_OPEN;
	rules = bh_compile(&h->input);
	assert_int_equal(rules->bridge_count, 0);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

static void nothing_is_asked_while_all_learn(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\nworkloads: {web: {app: web}}\n"
					 "rules:\n  - {from: web, to: web, ports: [1/tcp]}\n");
	struct host *h = new_host(policy);

	(void)state;
	add_bridge(h, 7);
	add_endpoint(h, "web", BH_LEARN, "app=web", 7, "10.0.0.3");
	/* Nobody's mode is nobody's. */
	add_endpoint(h, "", BH_ENFORCE, "", 7, "10.0.0.4");
	assert_compiles_to(h, "");
	h->endpoints[0].mode = BH_AUDIT;
	assert_compiles_to(h, "chain web egress audit reject\n"
			      "  peer 10.0.0.3/32 tcp 1-1\n"
			      "chain web ingress audit reject\n"
			      "  peer 10.0.0.3/32 tcp 1-1\n"
			      "bind br7 10.0.0.3 0 1\n"
			      "port veth1 bridged learn - 1 01\n"
			      "port veth0 bridged audit web 1 00\n"
			      "bridge br7 filtered\n");
	h->input.policy = NULL;
	assert_compiles_to(h, "");
	free(h);
	bh_policy_free(policy);
}

/* Addresses that containers hold are cut out of prefixes, whoever holds them. */
static void prefixes_speak_of_the_outside(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\nworkloads: {web: {app: web}}\n"
					 "rules:\n"
					 "  - {from: web, to: 10.0.0.0/29, ports: [1/tcp]}\n"
					 "  - {from: web, to: 10.0.0.5/32, ports: [2/tcp]}\n"
					 "  - {from: web, to: 10.0.0.2/32, ports: [3/tcp]}\n"
					 "  - {from: web, to: 'fd00::/126', ports: [4/tcp]}\n"
					 "  - {from: web, to: '::/0', ports: [icmp/8]}\n");
	struct host *h = new_host(policy);

	(void)state;
	size_t web = add_endpoint(h, "web", BH_ENFORCE, "app=web", 0, "10.0.0.2");
	add_address(h, web, "fd00::1");
	add_endpoint(h, "", BH_LEARN, "", 0, "10.0.0.5");
	assert_compiles_to(h, "chain web egress enforce reject\n"
			      "  net 10.0.0.0/31 tcp 1-1\n"
			      "  net 10.0.0.3/32 tcp 1-1\n"
			      "  net 10.0.0.4/32 tcp 1-1\n"
			      "  net 10.0.0.6/31 tcp 1-1\n"
			      "  net fd00::/128 tcp 4-4\n"
			      "  net fd00::2/127 tcp 4-4\n"
			      "chain web ingress enforce reject\n"
			      "bind veth0 10.0.0.2 0 1\n"
			      "bind veth0 fd00::1 0 1\n"
			      "port veth1 routed learn - 1 01\n"
			      "port veth0 routed enforce web 2 00\n");
	free(h);
	bh_policy_free(policy);
}

/* Replicas of one workload, of which one lacks the label that the rule goes by. */
static void rights_go_by_each_ones_labels(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\n"
					 "workloads: {web: {app: web}, db: {app: db}}\n"
					 "rules:\n  - {from: web, to: db, ports: [1/tcp]}\n");
	struct host *h = new_host(policy);

	(void)state;
	add_endpoint(h, "image:web", BH_ENFORCE, "app=web", 0, "10.0.0.1");
	add_endpoint(h, "image:web", BH_ENFORCE, "", 0, "10.0.0.2");
	add_endpoint(h, "image:web", BH_ENFORCE, "app=web", 0, "10.0.0.3");
	add_endpoint(h, "db", BH_ENFORCE, "app=db", 0, "10.0.0.4");
	struct bh_ruleset *rules = bh_compile(&h->input);
	char *text = ruleset_text(rules), hash[BH_CHAIN_HASH];
	assert_non_null(strstr(text, "chain db ingress enforce reject\n"
				     "  peer 10.0.0.1/32 tcp 1-1\n"
				     "  peer 10.0.0.3/32 tcp 1-1\n"
				     "chain image:web egress enforce reject\n"
				     "  peer 10.0.0.4/32 tcp 1-1\n"
				     "chain image:web ingress enforce reject\n"
				     "chain image:web egress enforce reject\n"
				     "chain image:web ingress enforce reject\n"
				     "bind veth3 10.0.0.4 0 1\n"
				     "bind veth0 10.0.0.1 2 3\n"
				     "bind veth2 10.0.0.3 2 3\n"
				     "bind veth1 10.0.0.2 4 5\n"));
	/* Two chains, two names. */
	bh_chain_hash("image:web", hash);
	assert_string_equal(rules->chains[2].hash, hash);
	assert_string_not_equal(rules->chains[4].hash, hash);
	assert_string_equal(rules->chains[4].hash, rules->chains[5].hash);
	free(text);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

/* Who takes an address that is denied takes nothing from the denial. */
static void nobody_undoes_a_denial_by_taking_an_address(void **state)
{
	struct bh_policy *policy =
		parse("bulkhead-policy: 1\nworkloads: {web: {app: web}}\ndefaults: {egress: "
		      "allow}\nrules:\n"
		      "  - {from: web, to: [metadata, 10.0.0.0/8], ports: [any], action: deny}\n"
		      "  - {from: web, to: {cidr: 10.0.0.0/8, containers: true}, ports: [1/tcp], "
		      "action: deny}\n");
	struct host *h = new_host(policy);

	(void)state;
	add_endpoint(h, "web", BH_ENFORCE, "app=web", 0, "10.0.0.1");
	add_endpoint(h, "evil", BH_LEARN, "", 0, "169.254.169.254");
	add_endpoint(h, "", BH_LEARN, "", 0, "10.0.0.9");
	struct bh_ruleset *rules = bh_compile(&h->input);
	char *text = ruleset_text(rules);
	assert_non_null(strstr(text, "outside 169.254.169.254/32 255 0-0"));
	assert_non_null(strstr(text, "outside 10.0.0.0/8 255 0-0"));
	assert_non_null(strstr(text, "net 10.0.0.0/8 tcp 1-1"));
	free(text);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

/* --- random policies: the ruleset says what the evaluator says -------------------------------- */

static bool one_in(unsigned n)
{
	return random_below(n) == 0;
}

static struct bh_addr random_address(bool outside)
{
	struct bh_addr addr;
	char text[64];

	if (one_in(3))
		snprintf(text, sizeof(text), outside ? "2001:db8::%x" : "fd00::%x",
			 random_below(16));
	else
		snprintf(text, sizeof(text), outside ? "203.0.113.%u" : "10.0.0.%u",
			 random_below(16));
	assert_true(bh_addr_parse(text, &addr));
	return addr;
}

static struct bh_policy_port random_port(void)
{
	static const uint8_t protos[] = { IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6, IPPROTO_GRE };
	struct bh_policy_port p = { .proto = one_in(2) ? IPPROTO_TCP : protos[random_below(4)] };

	if (p.proto == IPPROTO_GRE)
		return p;
	p.first = (uint16_t)(1 + random_below(6));
	p.last = p.first;
	if (bh_protocol_has_ports(p.proto) && one_in(2))
		p.last = (uint16_t)(p.first + random_below(4));
	return p;
}

/* Of a prefix that the address is in: up to two parts of it. */
static const struct bh_policy_except *
random_except(struct bh_policy *policy, const struct bh_prefix *prefix, struct bh_addr addr)
{
	uint8_t bits = (uint8_t)(bh_addr_size(addr.family) * 8);
	struct bh_prefix parts[2];
	size_t count = 0;

	for (unsigned i = random_below(3); i > 0; i--) {
		addr.bytes[bits / 8 - 1] ^= (uint8_t)random_below(16);
		parts[count] = bh_prefix_of(&addr, bits - (uint8_t)random_below(4));
		count += parts[count].length > prefix->length &&
			 bh_prefix_contains(prefix, &parts[count].addr);
	}
	return bh_policy_except(policy, parts, count);
}

static struct bh_policy_peer random_peer(struct bh_policy *policy)
{
	static const uint8_t others[] = { BH_POLICY_HOST, BH_POLICY_WORLD, BH_POLICY_METADATA,
					  BH_POLICY_MULTICAST };
	struct bh_policy_peer peer = { 0 };

	if (one_in(2)) {
		peer.workload = random_below((unsigned)policy->workload_count);
	} else if (one_in(2)) {
		struct bh_addr addr = random_address(one_in(2));
		uint8_t bits = (uint8_t)(bh_addr_size(addr.family) * 8);

		peer.kind = BH_POLICY_PREFIX;
		peer.prefix = bh_prefix_of(&addr, one_in(8) ? 0 : bits - (uint8_t)random_below(9));
		peer.except = random_except(policy, &peer.prefix, addr);
		peer.containers = one_in(4);
	} else if (policy->group_count > 0 && one_in(2)) {
		peer.kind = BH_POLICY_GROUP;
		peer.group = random_below((unsigned)policy->group_count);
	} else {
		peer.kind = others[random_below(4)];
	}
	return peer;
}

static void random_test(struct bh_policy *policy, size_t workload, const char *key)
{
	static const char *const values[] = { "0", "1" };
	uint8_t test = one_in(2) ? (uint8_t)BH_LABEL_IN : (uint8_t)random_below(4);
	size_t label = bh_policy_add_test(policy, workload, key, test);
	unsigned first = random_below(2);

	if (test != BH_LABEL_IN && test != BH_LABEL_NOT_IN)
		return;
	bh_policy_add_value(policy, workload, label, values[first]);
	if (one_in(4))
		bh_policy_add_value(policy, workload, label, values[1 - first]);
}

static void random_groups(struct bh_policy *policy)
{
	char name[8];

	for (unsigned i = 0, count = random_below(3); i < count; i++) {
		snprintf(name, sizeof(name), "g%u", i);
		size_t group = bh_policy_add_group(policy, name);
		do {
			struct bh_policy_peer member = random_peer(policy);

			/* Of groups those before it alone. */
			if (member.kind != BH_POLICY_GROUP || member.group != group)
				bh_policy_add_member(policy, group, &member);
		} while (policy->groups[group].peers.count == 0 || one_in(2));
	}
}

static void random_defaults(struct bh_policy *policy)
{
	for (size_t i = 0; i <= policy->workload_count; i++)
		for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++)
			if (one_in(4))
				bh_policy_set_default(
					policy, i < policy->workload_count ? i : BH_ALL_WORKLOADS,
					side, one_in(2) ? BH_DEFAULT_ALLOW : BH_DEFAULT_DENY);
}

/* Half of them allow alone, at both ends, as most policies do. */
static struct bh_policy *random_policy(void)
{
	static const char *const keys[] = { "a", "b", "c" };
	bool strict = one_in(2);
	struct bh_policy *policy = bh_policy_new();
	char name[8];

	for (unsigned i = 0, count = 1 + random_below(5); i < count; i++) {
		snprintf(name, sizeof(name), "p%u", i);
		size_t workload = bh_policy_add_workload(policy, name);
		unsigned first = random_below(3);
		random_test(policy, workload, keys[first]);
		if (one_in(2))
			random_test(policy, workload, keys[(first + 1) % 3]);
	}
	random_groups(policy);
	for (unsigned i = 0, count = random_below(40); i < count; i++) {
		struct bh_policy_peer from = random_peer(policy), to = random_peer(policy);
		size_t rule = bh_policy_add_rule(policy, &from, &to, NULL);

		while (one_in(2)) {
			from = random_peer(policy);
			bh_policy_add_from(policy, rule, &from);
		}
		while (one_in(2)) {
			to = random_peer(policy);
			bh_policy_add_to(policy, rule, &to);
		}
		for (unsigned j = 0, ports = 1 + random_below(3); j < ports; j++) {
			struct bh_policy_port p = random_port();
			bh_policy_add_port(policy, rule, p.proto, p.first, p.last);
		}
		if (one_in(8))
			bh_policy_add_port(policy, rule, BH_ANY_PROTOCOL, 0, 0);
		if (one_in(4))
			bh_policy_add_named_port(policy, rule, IPPROTO_TCP, "n/tcp");
		if (strict && one_in(2))
			bh_policy_set_rank(policy, rule, (uint8_t)random_below(BH_RANKS));
		policy->rules[rule].expires = strict && one_in(8) ? 1 : 0;
		if (strict && one_in(4))
			bh_policy_set_ends(policy, rule, (uint8_t)random_below(3));
	}
	if (strict)
		random_defaults(policy);
	bh_policy_set_time(policy, 1);
	return policy;
}

/* Addresses are all different; labels mostly follow the workload, but not always. Some of a
 * workload are a share of it, in a mode of their own. */
static struct host *random_host(const struct bh_policy *policy)
{
	static const struct bh_sensitive sensitive = { .count = 2, .ports = { 2, 5 } };
	struct host *h = new_host(policy);
	uint8_t modes[6], shares[6];

	h->input.sensitive = &sensitive;
	for (unsigned i = 0; i < 6; i++)
		modes[i] = (uint8_t)random_below(BH_MODES);
	for (unsigned i = 0; i < 6; i++)
		shares[i] = (uint8_t)random_below(BH_MODES);
	for (unsigned i = 0, count = 2 + random_below(8); i < count; i++) {
		unsigned workload = random_below(6), bits = one_in(4) ? random_below(8) : workload;
		char name[8], labels[64], addr[32];

		snprintf(name, sizeof(name), "w%u", workload);
		snprintf(labels, sizeof(labels), "a=%u b=%u %s%u %s%u", bits & 1, bits >> 1 & 1,
			 one_in(4) ? "d=" : "c=", bits >> 2 & 1,
			 BH_PORT_LABEL "n/tcp=", one_in(2) ? 3 : random_below(7));
		snprintf(addr, sizeof(addr), "10.0.0.%u", i);
		size_t e = add_endpoint(h, one_in(8) ? "" : name, modes[workload], labels, 0, addr);
		snprintf(addr, sizeof(addr), "fd00::%x", i);
		add_address(h, e, addr);
		h->endpoints[e].apart = one_in(4);
		if (h->endpoints[e].apart)
			h->endpoints[e].mode = shares[workload];
	}
	return h;
}

/* One end of a packet: an endpoint, or something else of a kind. */
struct end {
	const struct bh_compile_endpoint *endpoint;
	uint8_t kind;
	struct bh_addr addr;
	struct bh_peer peer;
};

static bool is_endpoint_address(const struct host *h, const struct bh_addr *addr)
{
	for (size_t i = 0; i < h->input.endpoint_count; i++)
		for (uint8_t j = 0; j < h->facts[i].addr_count; j++)
			if (bh_addr_equal(&h->facts[i].addrs[j], addr))
				return true;
	return false;
}

static void random_outside_end(const struct host *h, uint8_t family, struct end *end)
{
	static const struct {
		uint8_t kind;
		const char *addr4, *addr6;
	} others[] = { { BH_PEER_HOST, "10.0.0.250", "fd00::fa" },
		       { BH_PEER_METADATA, "169.254.169.254", "fd00:ec2::254" },
		       { BH_PEER_MULTICAST, "224.0.0.251", "ff02::fb" } };

	end->kind = BH_PEER_ADDRESS;
	if (one_in(2)) {
		size_t i = random_below(3);
		end->kind = others[i].kind;
		bh_addr_parse(family == BH_IPV4 ? others[i].addr4 : others[i].addr6, &end->addr);
		return;
	}
	do
		end->addr = random_address(one_in(2));
	while (end->addr.family != family || is_endpoint_address(h, &end->addr));
}

/* As the rest of bulkhead would name this end. */
static void random_end(const struct host *h, uint8_t family, struct end *end)
{
	*end = (struct end) { 0 };
	if (one_in(3)) {
		random_outside_end(h, family, end);
	} else {
		size_t i = random_below((unsigned)h->input.endpoint_count);
		end->endpoint = &h->endpoints[i];
		end->addr = h->facts[i].addrs[family == BH_IPV4 ? 0 : 1];
		end->kind = h->workloads[i][0] != '\0' ? BH_PEER_WORKLOAD : BH_PEER_UNRESOLVED;
	}
	end->peer.kind = end->kind;
	bh_copy_text(end->peer.name, sizeof(end->peer.name),
		     end->kind == BH_PEER_WORKLOAD ? end->endpoint->workload : "x");
}

static struct bh_subject subject_of(const struct end *end)
{
	struct bh_subject s = { .peer = &end->peer, .addr = end->addr };

	if (end->kind == BH_PEER_WORKLOAD) {
		s.labels = end->endpoint->labels;
		s.label = label;
		s.mode = end->endpoint->mode;
	}
	return s;
}

/* Group traffic stays on its own link. */
static bool is_behind_unmanaged(const struct end *other)
{
	return other->endpoint == NULL && other->kind != BH_PEER_HOST &&
	       other->kind != BH_PEER_MULTICAST;
}

/* What the kernel sees of the other end, and of the packet. */
static bool permit_matches(const struct bh_permit *p, uint8_t side, const struct end *other,
			   uint8_t proto, uint16_t number)
{
	if (p->proto != BH_ANY_PROTOCOL &&
	    (p->proto != proto || number < p->port_first || number > p->port_last))
		return false;
	switch (p->kind) {
	case BH_PERMIT_PEER:
		return other->kind != BH_PEER_HOST && bh_addr_equal(&p->peer.addr, &other->addr);
	case BH_PERMIT_PREFIX:
		return other->kind != BH_PEER_HOST && bh_prefix_contains(&p->peer, &other->addr);
	case BH_PERMIT_OUTSIDE:
		return is_behind_unmanaged(other) && bh_prefix_contains(&p->peer, &other->addr);
	case BH_PERMIT_HOST:
		return other->kind == BH_PEER_HOST;
	case BH_PERMIT_PLACE:
		return false;
	default:
		return is_behind_unmanaged(other) &&
		       (bh_rank_denies(p->rank) || side != BH_EGRESS ||
			other->kind != BH_PEER_METADATA);
	}
}

/* The chain that judges this end's packets; NULL: none, the posture does. */
static const struct bh_chain *chain_of(const struct bh_ruleset *rules, const struct end *end,
				       uint8_t side)
{
	for (size_t i = 0; end->endpoint != NULL && i < rules->binding_count; i++) {
		const struct bh_binding *b = &rules->bindings[i];

		if (bh_addr_equal(&b->addr, &end->addr) &&
		    strcmp(b->l3_ifname, end->endpoint->fact->l3_ifname) == 0)
			return &rules->chains[side == BH_EGRESS ? b->egress : b->ingress];
	}
	return NULL;
}

/* What one side does with the packet: nothing (learn), or its mode. */
static uint8_t side_refuses(const struct bh_ruleset *rules, const struct end *self, uint8_t side,
			    const struct end *other, uint8_t proto, uint16_t number)
{
	const struct bh_chain *chain = chain_of(rules, self, side);

	if (chain == NULL)
		return BH_LEARN;
	assert_int_equal(chain->side, side);
	int rank = -1;
	for (size_t i = 0; i < chain->permit_count; i++)
		if (chain->permits[i].rank > rank &&
		    permit_matches(&chain->permits[i], side, other, proto, number))
			rank = chain->permits[i].rank;
	if (rank >= 0 ? !bh_rank_denies((uint8_t)rank) : chain->open[side])
		return BH_LEARN;
	if (chain->mode != BH_STAGE1)
		return chain->mode;
	return bh_is_sensitive(&rules->sensitive, proto, number) || is_behind_unmanaged(other)
		       ? BH_ENFORCE
		       : BH_AUDIT;
}

struct tally {
	size_t asked, blocked, audited;
	size_t allowed, denied; /* by a rule */
	size_t passed;		/* by default */
};

static void compare_one(const struct host *h, const struct bh_ruleset *rules, struct tally *tally)
{
	uint8_t family = one_in(2) ? BH_IPV4 : BH_IPV6;
	struct bh_policy_port port = random_port();
	struct end src, dst;
	struct bh_answer answer;

	/* ICMP is one family's alone. */
	if (port.proto == IPPROTO_ICMP || port.proto == IPPROTO_ICMPV6)
		port.proto = family == BH_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	random_end(h, family, &src);
	random_end(h, family, &dst);
	bool icmp = port.proto == IPPROTO_ICMP || port.proto == IPPROTO_ICMPV6;
	struct bh_question q = { .src = subject_of(&src),
				 .dst = subject_of(&dst),
				 .proto = port.proto,
				 .port = icmp ? (uint16_t)(port.first << 8) : port.first,
				 .sensitive = h->input.sensitive };
	bh_policy_evaluate(h->input.policy, &q, &answer);
	uint8_t egress = side_refuses(rules, &src, BH_EGRESS, &dst, port.proto, port.first);
	uint8_t ingress = side_refuses(rules, &dst, BH_INGRESS, &src, port.proto, port.first);
	bool blocked = egress == BH_ENFORCE || ingress == BH_ENFORCE;
	bool audited = egress == BH_AUDIT || ingress == BH_AUDIT;

	if (blocked != answer.blocked || audited != answer.audited) {
		char from[BH_ADDR_TEXT], to[BH_ADDR_TEXT], *text = bh_policy_print(h->input.policy),
							   *compiled = ruleset_text(rules);
		fail_msg("%s → %s proto %u number %u: the evaluator says blocked %d, audited %d "
			 "(%s), the ruleset %d, %d\n%s\n%s",
			 bh_addr_format(&src.addr, from), bh_addr_format(&dst.addr, to), port.proto,
			 port.first, answer.blocked, answer.audited, answer.reason, blocked,
			 audited, text, compiled);
	}
	tally->asked++;
	tally->blocked += blocked;
	tally->audited += audited;
	tally->allowed += answer.verdict == BH_ALLOW && answer.rule >= 0;
	tally->denied += answer.verdict == BH_DENY && answer.rule >= 0;
	tally->passed += answer.verdict == BH_ALLOW && answer.rule < 0 &&
			 chain_of(rules, &src, BH_EGRESS) != NULL;
}

static void ruleset_and_evaluator_agree(void **state)
{
	struct tally tally = { 0 };

	(void)state;
	for (uint64_t seed = 1; seed <= RANDOM_TRIALS(2000); seed++) {
		random_seed(seed);
		struct bh_policy *policy = random_policy();
		struct host *h = random_host(policy);
		struct bh_ruleset *rules = bh_compile(&h->input);

		for (int i = 0; i < 100 && rules->chain_count > 0; i++)
			compare_one(h, rules, &tally);
		bh_ruleset_free(rules);
		free(h);
		bh_policy_free(policy);
	}
	print_message("%zu questions: %zu allowed and %zu denied by a rule, %zu passed by default, "
		      "%zu blocked, %zu audited\n",
		      tally.asked, tally.allowed, tally.denied, tally.passed, tally.blocked,
		      tally.audited);
	/* A test that met one outcome only would have tested nothing. */
	assert_true(tally.asked > RANDOM_TRIALS(100000));
	assert_true(tally.blocked > tally.asked / 20 && tally.audited > tally.asked / 20);
	assert_true(tally.allowed > tally.asked / 50 && tally.denied > tally.asked / 50);
	assert_true(tally.passed > tally.asked / 50);
}

static void copy_label(struct bh_policy *out, size_t workload, const struct bh_policy_label *from)
{
	size_t label = bh_policy_add_test(out, workload, from->key, from->test);

	for (size_t i = 0; i < from->value_count; i++)
		bh_policy_add_value(out, workload, label, from->values[i]);
}

static void copy_port(struct bh_policy *out, size_t rule, const struct bh_policy_port *port)
{
	if (port->name != NULL)
		bh_policy_add_named_port(out, rule, port->proto, port->name);
	else
		bh_policy_add_port(out, rule, port->proto, port->first, port->last);
}

/* The same policy, with a rule for each pair, and without groups. */
static struct bh_policy *spelt_out(const struct bh_policy *policy)
{
	struct bh_policy *out = bh_policy_new();

	for (size_t i = 0; i < policy->workload_count; i++) {
		const struct bh_policy_workload *w = &policy->workloads[i];

		bh_policy_add_workload(out, w->name);
		for (size_t j = 0; j < w->label_count; j++)
			copy_label(out, i, &w->labels[j]);
		for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++)
			bh_policy_set_default(out, i, side, w->defaults[side]);
	}
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++)
		bh_policy_set_default(out, BH_ALL_WORKLOADS, side, policy->defaults[side]);
	for (size_t i = 0; i < policy->rule_count; i++) {
		const struct bh_policy_rule *r = &policy->rules[i];

		for (size_t pair = 0; pair < r->from.count * r->to.count; pair++) {
			size_t rule = bh_policy_add_rule(out, &r->from.items[pair / r->to.count],
							 &r->to.items[pair % r->to.count], NULL);

			for (size_t j = 0; j < r->port_count; j++)
				copy_port(out, rule, &r->ports[j]);
			bh_policy_set_rank(out, rule, r->rank);
			bh_policy_set_ends(out, rule, r->ends);
			out->rules[rule].expires = r->expires;
		}
	}
	bh_policy_set_time(out, 1);
	return out;
}

static void ignore_line(void *user, char sign, const char *text)
{
	(void)user;
	(void)sign;
	(void)text;
}

/* A rule with lists stands for each pair, and for no other. */
static void lists_stand_for_their_pairs(void **state)
{
	size_t longer = 0;

	(void)state;
	for (uint64_t seed = 1; seed <= RANDOM_TRIALS(500); seed++) {
		random_seed(seed);
		struct bh_policy *policy = random_policy(), *pairs = spelt_out(policy);
		struct host *h = random_host(policy);
		struct bh_ruleset *rules = bh_compile(&h->input);
		h->input.policy = pairs;
		struct bh_ruleset *again = bh_compile(&h->input);
		char *text = ruleset_text(rules), *text_again = ruleset_text(again);

		assert_string_equal(text, text_again);
		assert_int_equal(bh_policy_diff(policy, pairs, ignore_line, NULL), 0);
		longer += pairs->rule_count > policy->rule_count && rules->chain_count > 0;
		free(text);
		free(text_again);
		bh_ruleset_free(rules);
		bh_ruleset_free(again);
		free(h);
		bh_policy_free(pairs);
		bh_policy_free(policy);
	}
	assert_true(longer > RANDOM_TRIALS(100));
}

static void shuffle(struct host *h)
{
	for (size_t i = h->input.endpoint_count; i > 1; i--) {
		size_t j = random_below((unsigned)i);
		struct bh_compile_endpoint swap = h->endpoints[i - 1];

		h->endpoints[i - 1] = h->endpoints[j];
		h->endpoints[j] = swap;
	}
}

/* The order in which endpoints are handed over makes no difference. */
static void same_input_same_bytes(void **state)
{
	(void)state;
	for (uint64_t seed = 1; seed <= RANDOM_TRIALS(200); seed++) {
		random_seed(seed);
		struct bh_policy *policy = random_policy();
		struct host *h = random_host(policy);
		struct bh_ruleset *rules = bh_compile(&h->input);
		char *text = ruleset_text(rules);

		shuffle(h);
		struct bh_ruleset *again = bh_compile(&h->input);
		char *text_again = ruleset_text(again);
		assert_string_equal(text, text_again);
		assert_int_equal(rules->chain_count, again->chain_count);
		for (size_t i = 0; i < rules->chain_count; i++)
			assert_string_equal(rules->chains[i].hash, again->chains[i].hash);
		free(text);
		free(text_again);
		bh_ruleset_free(rules);
		bh_ruleset_free(again);
		free(h);
		bh_policy_free(policy);
	}
}

/* --- scale ------------------------------------------------------------------------------------ */

#define ENDPOINTS 1000
#define RULES 10000

/* Workload n of n is named and labelled by its number. */
static const char *number_label(const void *labels, const char *key)
{
	return strcmp(key, "n") == 0 ? labels : NULL;
}

static struct bh_policy *large_policy(char names[][8])
{
	struct bh_policy *policy = bh_policy_new();

	for (size_t i = 0; i < ENDPOINTS; i++) {
		snprintf(names[i], 8, "w%zu", i);
		bh_policy_add_label(policy, bh_policy_add_workload(policy, names[i]), "n",
				    names[i]);
	}
	for (size_t i = 0; i < RULES; i++) {
		struct bh_policy_peer from = { .workload = i % ENDPOINTS };
		struct bh_policy_peer to = { .workload = i * 7 % ENDPOINTS };
		size_t rule = bh_policy_add_rule(policy, &from, &to, NULL);

		bh_policy_add_port(policy, rule, IPPROTO_TCP, (uint16_t)(1 + i % 60000),
				   (uint16_t)(1 + i % 60000));
	}
	return policy;
}

/* A second is a hundred times what it takes; what grows with the product of both would need more.
 */
static void large_policies_compile(void **state)
{
	static char names[ENDPOINTS][8];
	struct bh_policy *policy = large_policy(names);
	struct bh_endpoint_fact *facts = bh_calloc(ENDPOINTS, sizeof(*facts));
	struct bh_compile_endpoint *endpoints = bh_calloc(ENDPOINTS, sizeof(*endpoints));
	struct bh_compile_input input = { .policy = policy,
					  .endpoints = endpoints,
					  .endpoint_count = ENDPOINTS };

	(void)state;
	for (uint32_t i = 0; i < ENDPOINTS; i++) {
		uint32_t bytes = htonl(0x0a000000 + i);

		facts[i] = (struct bh_endpoint_fact) { .ifindex = i + 1, .addr_count = 1 };
		facts[i].addrs[0] = bh_addr_from_bytes(BH_IPV4, &bytes);
		endpoints[i] = (struct bh_compile_endpoint) { .fact = &facts[i],
							      .workload = names[i],
							      .mode = BH_ENFORCE,
							      .labels = names[i],
							      .label = number_label };
	}
	struct bh_ruleset *rules = bh_compile(&input);
	assert_int_equal(rules->chain_count, 2 * ENDPOINTS);
	size_t permits = 0;
	for (size_t i = 0; i < rules->chain_count; i++)
		permits += rules->chains[i].permit_count;
	assert_int_equal(permits, 2 * RULES);
	bh_ruleset_free(rules);
	bh_policy_free(policy);
	free(facts);
	free(endpoints);
}

/* Answers count for the workload that received them, and give no right over a container. */
static void names_are_the_addresses_that_a_workload_was_given(void **state)
{
	static const struct {
		const char *workload, *name, *addr;
	} given[] = {
		{ "db", "pay.example", "203.0.113.9" },
		{ "web", "a.cdn.example", "203.0.113.1" },
		{ "web", "cdn.example", "203.0.113.5" },
		{ "web", "pay.example", "10.0.0.2" }, /* db's */
		{ "web", "pay.example", "203.0.113.2" },
		{ "web", "pay.example", "2001:db8::2" },
		{ "web", "z.b.cdn.example", "203.0.113.3" },
		{ "web", "zzz.example", "203.0.113.4" },
		{ "xyz", "a.cdn.example", "203.0.113.6" },
		{ "xyz", "pay.example", "203.0.113.7" },
	};
	struct bh_compile_name names[sizeof(given) / sizeof(given[0])];
	struct bh_policy *policy =
		parse("bulkhead-policy: 1\n"
		      "workloads: {web: {app: web}, db: {app: db}}\n"
		      "rules:\n"
		      "  - {from: web, to: dns:pay.example, ports: [443/tcp, 1-2/udp]}\n"
		      "  - {from: web, to: \"dns:*.cdn.example\", ports: [80/tcp]}\n"
		      "  - {from: web, to: dns:nowhere.example, ports: [icmp/8]}\n");
	struct host *h = new_host(policy);

	(void)state;
	for (size_t i = 0; i < sizeof(given) / sizeof(given[0]); i++) {
		names[i] = (struct bh_compile_name) { .workload = given[i].workload,
						      .name = given[i].name };
		assert_true(bh_addr_parse(given[i].addr, &names[i].addr));
	}
	h->input.names = names;
	h->input.name_count = sizeof(given) / sizeof(given[0]);
	add_endpoint(h, "db", BH_ENFORCE, "app=db", 0, "10.0.0.2");
	add_endpoint(h, "web", BH_ENFORCE, "app=web", 0, "10.0.0.3");
	assert_compiles_to(h, "chain db egress enforce reject\n"
			      "chain db ingress enforce reject\n"
			      "chain web egress enforce reject\n"
			      "  peer 203.0.113.1/32 tcp 80-80\n"
			      "  peer 203.0.113.2/32 tcp 443-443\n"
			      "  peer 203.0.113.2/32 udp 1-2\n"
			      "  peer 203.0.113.3/32 tcp 80-80\n"
			      "  peer 2001:db8::2/128 tcp 443-443\n"
			      "  peer 2001:db8::2/128 udp 1-2\n"
			      "  place - icmp 8-8\n"
			      "  place - udp 1-2\n"
			      "chain web ingress enforce reject\n"
			      "bind veth0 10.0.0.2 0 1\n"
			      "bind veth1 10.0.0.3 2 3\n"
			      "port veth0 routed enforce db 1 00\n"
			      "port veth1 routed enforce web 1 01\n");
	free(h);
	bh_policy_free(policy);
}

static const struct bh_chain *egress_at(const struct bh_ruleset *rules, const char *ifname)
{
	for (size_t i = 0; i < rules->binding_count; i++)
		if (strcmp(rules->bindings[i].l3_ifname, ifname) == 0)
			return &rules->chains[rules->bindings[i].egress];
	fail_msg("%s is not bound", ifname);
	return NULL;
}

/* Who is in the share changes no name: neither of its chains nor of the others'. */
static void a_share_has_chains_of_its_own(void **state)
{
	struct bh_policy *policy = parse("bulkhead-policy: 1\n"
					 "workloads: {web: {app: web}, db: {app: db}}\n"
					 "rules:\n"
					 "  - {from: web, to: db, ports: [80/tcp]}\n");
	struct host *h = new_host(policy);
	char share[BH_CHAIN_HASH], rest[BH_CHAIN_HASH];

	(void)state;
	add_endpoint(h, "web", BH_ENFORCE, "app=web", 0, "10.0.0.1");
	add_endpoint(h, "web", BH_AUDIT, "app=web", 0, "10.0.0.2");
	add_endpoint(h, "web", BH_AUDIT, "app=web", 0, "10.0.0.3");
	h->endpoints[0].apart = true;
	struct bh_ruleset *rules = bh_compile(&h->input);
	assert_int_equal(rules->chain_count, 4);
	assert_int_equal(egress_at(rules, "veth0")->mode, BH_ENFORCE);
	assert_int_equal(egress_at(rules, "veth1")->mode, BH_AUDIT);
	assert_ptr_equal(egress_at(rules, "veth1"), egress_at(rules, "veth2"));
	assert_string_equal(egress_at(rules, "veth0")->workload, "web");
	strcpy(share, egress_at(rules, "veth0")->hash);
	strcpy(rest, egress_at(rules, "veth1")->hash);
	assert_string_not_equal(share, rest);
	for (size_t i = 0; i < rules->port_count; i++)
		assert_int_equal(rules->ports[i].mode, i == 0 ? BH_ENFORCE : BH_AUDIT);
	bh_ruleset_free(rules);

	h->endpoints[0] = h->endpoints[1];
	h->endpoints[0].fact = &h->facts[0];
	h->endpoints[2].apart = true;
	h->endpoints[2].mode = BH_ENFORCE;
	rules = bh_compile(&h->input);
	assert_string_equal(egress_at(rules, "veth2")->hash, share);
	assert_string_equal(egress_at(rules, "veth0")->hash, rest);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

static void a_permission_knows_its_rules(void **state)
{
	struct bh_policy *policy =
		parse("bulkhead-policy: 1\n"
		      "workloads: {web: {app: web}, db: {app: db}}\n"
		      "rules:\n"
		      "  - {from: web, to: host, ports: [53/udp]}\n"
		      "  - {from: web, to: db, ports: [80/tcp]}\n"
		      "  - {from: [web, db], to: db, ports: [80/tcp, 81/tcp]}\n");
	struct host *h = new_host(policy);

	(void)state;
	add_endpoint(h, "web", BH_ENFORCE, "app=web", 0, "10.0.0.1");
	add_endpoint(h, "db", BH_ENFORCE, "app=db", 0, "10.0.0.2");
	struct bh_ruleset *rules = bh_compile(&h->input);
	const struct bh_chain *chain = egress_at(rules, "veth0");
	assert_int_equal(chain->permit_count, 4);
	assert_int_equal(chain->permits[0].rule, 1);
	assert_int_equal(chain->permits[1].rule, 2);
	assert_int_equal(chain->permits[1].port_first, 80);
	assert_int_equal(chain->permits[2].rule, 2);
	assert_int_equal(chain->permits[3].kind, BH_PERMIT_HOST);
	assert_int_equal(chain->permits[3].rule, 0);
	bh_ruleset_free(rules);
	free(h);
	bh_policy_free(policy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_are_the_addresses_that_a_workload_was_given),
		cmocka_unit_test(everything_has_its_place),
		cmocka_unit_test(an_address_is_the_ones_who_had_it_first),
		cmocka_unit_test(who_is_diverted_is_a_peer_and_not_judged),
		cmocka_unit_test(who_is_away_keeps_his_place),
		cmocka_unit_test(postures_go_with_their_interfaces),
		cmocka_unit_test(a_bridge_where_somebody_is_expected_is_guarded),
		cmocka_unit_test(nothing_is_asked_while_all_learn),
		cmocka_unit_test(prefixes_speak_of_the_outside),
		cmocka_unit_test(rights_go_by_each_ones_labels),
		cmocka_unit_test(nobody_undoes_a_denial_by_taking_an_address),
		cmocka_unit_test(ruleset_and_evaluator_agree),
		cmocka_unit_test(lists_stand_for_their_pairs),
		cmocka_unit_test(a_share_has_chains_of_its_own),
		cmocka_unit_test(a_permission_knows_its_rules),
		cmocka_unit_test(same_input_same_bytes),
		cmocka_unit_test(large_policies_compile),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
