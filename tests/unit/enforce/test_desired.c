/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <netinet/in.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "grow.h"
#include "rulesets.h"
#include "sensitive.h"
#include "text.h"

static const struct bh_nft_config config = { .owner = true, .log_group = 7 };

static char *text_of(struct bh_ruleset *rules)
{
	char *text = bh_nft_text(rules, &config);

	bh_ruleset_free(rules);
	return text;
}

/* %s in the line stands for the hash of the workload. */
static void assert_line(const char *text, const char *line, const char *workload)
{
	char hash[BH_CHAIN_HASH], wanted[1024];

	bh_chain_hash(workload, hash);
	snprintf(wanted, sizeof(wanted), line, hash, hash, hash);
	if (strstr(text, wanted) == NULL)
		fail_msg("\"%s\" is not in\n%s", wanted, text);
}

static void test_an_empty_ruleset_wants_no_tables(void **state)
{
	struct bh_nft_state *want = desire(bh_ruleset_new());

	(void)state;
	assert_false(want->tables[0].present);
	assert_false(want->tables[1].present);
	bh_nft_state_free(want);
}

static void test_flags_follow_the_configuration(void **state)
{
	struct bh_nft_config plain = { .log_group = 7 };
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);
	struct bh_nft_state *owned = bh_nft_desire(rules, &config, NULL),
			    *ordinary = bh_nft_desire(rules, &plain, NULL);

	(void)state;
	for (size_t i = 0; i < BH_NFT_TABLES; i++) {
		assert_int_equal(owned->tables[i].flags, 6);
		assert_int_equal(ordinary->tables[i].flags, 0);
	}
	bh_nft_state_free(owned);
	bh_nft_state_free(ordinary);
	bh_ruleset_free(rules);
}

static void test_addresses_lead_to_their_workloads_chains(void **state)
{
	char *text = text_of(two_workloads(BH_ENFORCE));

	(void)state;
	assert_line(text, "\"br0\" . 10.0.0.1 : goto e_%s", "web");
	assert_line(text, "\"br0\" . fd00::2 : goto i_%s", "db");
	assert_line(text, "\"br0\" . 10.0.0.2 : goto eh_%s", "db");
	assert_line(text, "\"va\" . 02:00:00:00:00:01 . 0x0800 . 10.0.0.1", "");
	assert_line(text, "10.0.0.2 . 6 . 5432", "");
	free(text);
}

static void test_modes_end_their_chains(void **state)
{
	static const char *const ends[] = {
		[BH_LEARN] = "@e_%s_6 return\n\t}\n",
		[BH_AUDIT] = "log prefix \"bh:AUDIT:e:%s\" group 7\n\t\tcounter return\n\t}\n",
		[BH_STAGE1] = "log prefix \"bh:AUDIT:e:%s\" group 7\n\t\tcounter return\n\t}\n",
		[BH_ENFORCE] = "log prefix \"bh:DENY:e:%s\" group 7\n"
			       "\t\tmeta l4proto 6 counter reject with tcp reset\n"
			       "\t\tcounter reject with icmpx admin-prohibited\n\t}\n",
	};

	(void)state;
	for (uint8_t mode = BH_LEARN; mode <= BH_ENFORCE; mode++) {
		char *text = text_of(two_workloads(mode));

		assert_line(text, ends[mode], "web");
		free(text);
	}
}

static void test_stage_1_refuses_the_urgent(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_STAGE1);

	(void)state;
	rules->sensitive = (struct bh_sensitive) { .count = 2, .ports = { 22, 5432 } };
	rules->chains[1].deny = BH_DROP;
	char *text = text_of(rules);
	assert_line(text, "elements = { 6 . 22,\n\t\t\t     6 . 5432,\n\t\t\t     17 . 22,", "");
	/* Behind the permissions, in this order. */
	assert_line(
		text,
		"\t\tmeta l4proto . th dport @sensitive goto e_%1$s_urgent\n"
		"\t\ttcp flags & (syn | ack) != syn meta l4proto . th sport @sensitive goto "
		"e_%1$s_urgent\n"
		"\t\tip daddr 169.254.169.254 goto e_%1$s_urgent\n"
		"\t\tip6 daddr fd00:ec2::254 goto e_%1$s_urgent\n"
		"\t\toifname != @managed ip daddr != 224.0.0.0/4 fib daddr type != broadcast goto "
		"e_%1$s_urgent\n"
		"\t\toifname != @managed ip6 daddr != ff00::/8 goto e_%1$s_urgent\n"
		"\t\tlimit rate 100/second burst 200 packets log prefix \"bh:AUDIT:e:%1$s\"",
		"db");
	/* This host is not outside, but for the metadata service's address. */
	assert_line(text,
		    "\t\ttcp flags & (syn | ack) != syn meta l4proto . th sport @sensitive goto "
		    "e_%1$s_urgent\n"
		    "\t\tlimit rate 100/second burst 200 packets log prefix \"bh:AUDIT:e:%1$s\"",
		    "db");
	assert_line(text,
		    "\t\tip daddr 169.254.169.254 goto egress\n\t\tip6 daddr fd00:ec2::254 goto "
		    "egress\n\t\tiifname . ip saddr vmap @host_egress4\n",
		    "");
	assert_line(text,
		    "\t\tip saddr 169.254.169.254 goto ingress\n\t\tip6 saddr fd00:ec2::254 goto "
		    "ingress\n\t\toifname . ip daddr vmap @host_ingress4\n",
		    "");
	assert_line(text, "\t\tiifname != @managed goto i_%1$s_urgent\n\t\tlimit", "web");
	assert_line(text, "\"bh:DENY:e:%s\" group 7\n\t\tmeta l4proto 6 counter reject", "db");
	assert_line(text, "\"bh:DENY:i:%s\" group 7\n\t\tcounter drop\n", "web");
	/* Who speaks in another's name is dropped, as by those who enforce. */
	assert_line(text, "10.0.0.1 : goto stranger,", "");
	assert_line(text, "\"va\" : goto p_%s", "web");
	assert_line(text, "\"bh:SPOOF:e:%s\" group 7\n\t\tcounter drop\n", "web");
	free(text);
}

static void test_only_stage_1_has_its_set(void **state)
{
	(void)state;
	for (uint8_t mode = BH_LEARN; mode < BH_MODES; mode++) {
		struct bh_ruleset *rules = two_workloads(mode);

		rules->sensitive = bh_sensitive_default;
		struct bh_nft_state *want = desire(rules);
		const struct bh_nft_set *set = bh_nft_table_set(&want->tables[0], "sensitive");
		assert_int_equal(set != NULL, mode == BH_STAGE1);
		assert_true(set == NULL || set->count == 2 * bh_sensitive_default.count);
		bh_nft_state_free(want);
	}
}

static void test_drop_instead_of_reject(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);

	(void)state;
	rules->chains[0].deny = BH_DROP;
	char *text = text_of(rules);
	assert_line(text, "\"bh:DENY:e:%s\" group 7\n\t\tcounter drop\n", "web");
	assert_line(text, "\"bh:DENY:i:%s\" group 7\n\t\tmeta l4proto 6 counter reject", "web");
	free(text);
}

static void test_kinds_of_permissions(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);
	struct bh_chain *web = &rules->chains[0];

	(void)state;
	add_permit(web, BH_PERMIT_PEER, IPPROTO_ICMP, 8, 8, "10.0.0.2");
	add_permit(web, BH_PERMIT_PEER, IPPROTO_GRE, 0, 0, "fd00::2");
	add_permit(web, BH_PERMIT_PEER, IPPROTO_UDP, 1000, 2000, "10.0.0.2");
	add_permit(web, BH_PERMIT_PREFIX, IPPROTO_TCP, 80, 80, "10.1.0.0/16");
	add_permit(web, BH_PERMIT_PREFIX, IPPROTO_TCP, 443, 443, "::/0");
	add_permit(web, BH_PERMIT_HOST, IPPROTO_UDP, 53, 53, NULL);
	add_permit(web, BH_PERMIT_HOST, IPPROTO_ICMPV6, 128, 128, NULL);
	add_permit(web, BH_PERMIT_WORLD, IPPROTO_TCP, 443, 443, NULL);
	char *text = text_of(rules);
	assert_line(text, "ip daddr . icmp type @e_%s_4_icmp return", "web");
	assert_line(text, "ip6 daddr . meta l4proto @e_%s_6_proto return", "web");
	assert_line(text, "10.0.0.2 . 17 . 1000-2000", "");
	assert_line(text, "10.1.0.0-10.1.255.255 . 6 . 80", "");
	assert_line(text, "::-ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff . 6 . 443", "");
	assert_line(text, "meta l4proto . th dport @eh_%s_ports return", "web");
	assert_line(text, "icmpv6 type @eh_%s_icmp6 return", "web");
	assert_line(text,
		    "oifname != @managed ip daddr != 169.254.169.254 "
		    "meta l4proto . th dport @e_%s_world return",
		    "web");
	/* And the other way round, for what was open before. */
	assert_line(text,
		    "tcp flags & (syn | ack) != syn ip saddr . meta l4proto . th sport "
		    "@e_%s_4_net return",
		    "web");
	free(text);
}

static void test_overlapping_prefixes_do_not_overlap_in_the_set(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);
	char name[BH_NFT_NAME];

	(void)state;
	add_permit(&rules->chains[0], BH_PERMIT_PREFIX, IPPROTO_TCP, 80, 90, "10.0.0.0/8");
	add_permit(&rules->chains[0], BH_PERMIT_PREFIX, IPPROTO_TCP, 85, 95, "10.1.0.0/16");
	snprintf(name, sizeof(name), "e_%s_4_net", rules->chains[0].hash);
	struct bh_nft_state *want = desire(rules);
	const struct bh_nft_set *set = bh_nft_table_set(&want->tables[0], name);
	assert_non_null(set);
	/* Below 10.1/16, 10.1/16 itself with both, above it. */
	assert_int_equal(set->count, 3);
	bh_nft_state_free(want);
}

static char *text_with_a_world(bool vrf)
{
	struct bh_ruleset *rules = two_workloads(BH_STAGE1);

	add_permit(&rules->chains[3], BH_PERMIT_WORLD, IPPROTO_TCP, 443, 443, NULL);
	rules->ports[0].bridged = !vrf;
	rules->ports[0].vrf = vrf;
	return text_of(rules);
}

/* Chains that the hook output reaches may not ask for sdifname: the kernel refuses them. */
static void test_senders_in_a_vrf_are_known_by_their_veths(void **state)
{
	char *without = text_with_a_world(false), *with = text_with_a_world(true);

	(void)state;
	assert_null(strstr(without, "sdifname"));
	assert_null(strstr(without, "oifkind"));
	assert_line(without, "\t\tiifname != @managed meta l4proto . th dport @i_%s_world return\n",
		    "db");
	assert_line(with, "meta sdifname . ip saddr vmap @egress4", "");
	assert_line(with, "meta sdifname . ip6 saddr vmap @host_egress6", "");
	assert_line(with, "iifname != @managed meta sdifname != @managed return", "");
	assert_line(with, "meta oifkind \"vrf\" accept", "");
	assert_line(with, "set vrf4 {\n\t\ttype ipv4_addr\n\t\telements = { 10.0.0.1 }", "");
	assert_line(with,
		    "\t\tiifname != @managed ip saddr != @vrf4 meta l4proto . th dport @i_%s_world "
		    "return\n",
		    "db");
	assert_line(with, "iifname != @managed ip6 saddr != @vrf6 goto i_%s", "db");
	free(without);
	free(with);
}

static void test_posture(void **state)
{
	static const char *const bodies[] = {
		[BH_POSTURE_OPEN] = "chain posture_egress {\n\t}\n",
		[BH_POSTURE_AUDIT] = "\"bh:POSTUREAUDIT:e:-\" group 7\n\t\tcounter return\n",
		[BH_POSTURE_CLOSED] = "\"bh:POSTURE:e:-\" group 7\n\t\tcounter drop\n",
	};

	(void)state;
	for (uint8_t posture = BH_POSTURE_OPEN; posture <= BH_POSTURE_CLOSED; posture++) {
		struct bh_ruleset *rules = two_workloads(BH_ENFORCE);

		rules->posture = posture;
		char *text = text_of(rules);
		assert_line(text, bodies[posture], "");
		free(text);
	}
}

static void test_postures_by_interface_and_address(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);
	struct bh_address_posture *p = bh_ruleset_add_posture(rules);

	(void)state;
	rules->posture = BH_POSTURE_OPEN;
	bh_copy_text(p->l3_ifname, sizeof(p->l3_ifname), "br0");
	p->posture = BH_POSTURE_AUDIT;
	p = bh_ruleset_add_posture(rules);
	bh_copy_text(p->l3_ifname, sizeof(p->l3_ifname), "br0");
	assert_true(bh_addr_parse("10.0.0.9", &p->addr));
	p->posture = BH_POSTURE_CLOSED;
	char *text = text_of(rules);
	assert_line(text, "\"br0\" : goto audit_egress", "");
	assert_line(text, "\"br0\" : goto audit_ingress", "");
	assert_line(text, "\"br0\" . 10.0.0.9 : goto closed_egress", "");
	assert_line(text, "\"br0\" . 10.0.0.9 : goto closed_ingress", "");
	assert_line(text, "\"bh:POSTURE:i:-\" group 7\n\t\tcounter drop\n", "");
	assert_line(text, "iifname vmap @postures_egress", "");
	free(text);
}

static void test_ports_by_mode(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);

	(void)state;
	rules->ports[1].mode = BH_AUDIT;
	add_port(rules, "vc", true, BH_LEARN, "job", "02:00:00:00:00:03", "10.0.0.3");
	add_port(rules, "vr", false, BH_ENFORCE, "edge", "02:00:00:00:00:04", "10.9.0.2");
	add_port(rules, "vu", true, BH_LEARN, "", "02:00:00:00:00:05", "10.0.0.5");
	char *text = text_of(rules);
	assert_line(text, "\"va\" : goto p_%s", "web");
	assert_line(text, "\"vb\" : goto pa_%s", "db");
	assert_line(text, "\"vb\" : goto da_%s", "db");
	assert_line(text, "\"vc\" : goto learning", "");
	assert_line(text, "\"vu\" : goto learning", "");
	assert_line(text, "\"vr\" : goto r_%s", "edge");
	assert_line(text, "\"vr\" . 10.9.0.2", "");
	assert_line(text, "10.0.0.1 : goto stranger,", "");
	assert_line(text, "10.0.0.2 : goto stranger_audit", "");
	assert_null(strstr(text, "10.0.0.3 : goto stranger"));
	assert_line(text, "\"bh:SPOOF:e:-\"", "");
	free(text);
}

static void test_comments_cannot_break_out(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);

	(void)state;
	add_chain(rules, "a\"; } evil\n\\", BH_EGRESS, BH_LEARN);
	char *text = text_of(rules);
	assert_line(text, "comment \"a_; } evil__\"\n", "");
	free(text);
}

static void assert_refused(struct bh_ruleset *rules)
{
	struct bh_error err = { 0 };

	assert_null(bh_nft_desire(rules, &config, &err));
	assert_int_equal(err.code, -EINVAL);
	assert_true(strstr(err.text, "ruleset: ") != NULL);
	bh_ruleset_free(rules);
}

static void test_contradictions_are_refused(void **state)
{
	struct bh_ruleset *rules;

	(void)state;
	rules = two_workloads(BH_ENFORCE);
	rules->bindings[0].egress = 4;
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	rules->bindings[0].ingress = 0; /* an egress chain */
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	memcpy(rules->chains[0].hash, "0123456789abcde\"", 17);
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	add_chain(rules, "web", BH_EGRESS, BH_LEARN);
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	memset(rules->ports[0].ifname, 'x', BH_IFNAME);
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	rules->ports[0].workload[0] = '\0'; /* nobody's, and enforced */
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	rules->ports[0].addrs[0].family = 9;
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	rules->bridges[0].ifname[0] = '\0';
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	rules->chains[0].permits[0].port_last = 1;
	assert_refused(rules);
	rules = two_workloads(BH_STAGE1);
	rules->sensitive.count = BH_SENSITIVE_PORTS + 1;
	assert_refused(rules);
	rules = two_workloads(BH_ENFORCE);
	rules->posture = 3;
	assert_refused(rules);
}

static void test_the_first_claim_to_an_address_holds(void **state)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);

	(void)state;
	add_binding(rules, "br0", "10.0.0.1", 2, 3);
	char *text = text_of(rules);
	assert_line(text, "\"br0\" . 10.0.0.1 : goto e_%s", "web");
	free(text);
}

static struct bh_ruleset *with_exception(uint8_t proto)
{
	struct bh_ruleset *rules = two_workloads(BH_ENFORCE);

	rules->stateless = true;
	struct bh_exception *e = bh_ruleset_add_exception(rules);
	e->key.proto = proto;
	bh_addr_parse("10.0.0.1", &e->key.src);
	bh_addr_parse("10.0.0.2", &e->key.dst);
	e->key.sport = 999;
	e->key.dport = 5432;
	bh_copy_text(e->src_ifname, sizeof(e->src_ifname), "va");
	bh_copy_text(e->dst_ifname, sizeof(e->dst_ifname), "vb");
	return rules;
}

/* Both ways, and those of its protocol and family alone. */
static void test_exceptions_have_what_they_need_and_no_more(void **state)
{
	static const uint8_t back[] = { 'v', 'b', 0,	0,    0, 0,  0, 0,    0, 0,  0,
					0,   0,	  0,	0,    0, 10, 0, 0,    2, 10, 0,
					0,   1,	  0x15, 0x38, 0, 0,  3, 0xe7, 0, 0 };
	struct bh_nft_state *desired = desire(with_exception(IPPROTO_UDP));
	const struct bh_nft_table *table = &desired->tables[1];
	const struct bh_nft_set *set = bh_nft_table_set(table, "exceptions_udp4");
	struct bh_ruleset *none;

	(void)state;
	assert_non_null(set);
	assert_int_equal(set->key_length, sizeof(back));
	assert_non_null(bh_nft_set_record(set, 1));
	assert_null(bh_nft_set_record(set, 2));
	assert_memory_equal(bh_nft_set_record(set, 1), back, sizeof(back));
	assert_null(bh_nft_table_set(table, "exceptions_udp6"));
	assert_null(bh_nft_table_set(table, "exceptions_tcp4"));
	bh_nft_state_free(desired);
	none = with_exception(IPPROTO_UDP);
	none->exception_count = 0;
	desired = desire(none);
	assert_null(bh_nft_table_set(&desired->tables[1], "exceptions_udp4"));
	bh_nft_state_free(desired);
}

static void test_exceptions_that_make_no_sense(void **state)
{
	(void)state;
	for (int wrong = 0; wrong < 5; wrong++) {
		struct bh_ruleset *rules = with_exception(wrong == 1 ? IPPROTO_ICMP : IPPROTO_TCP);
		struct bh_error err = { 0 };

		rules->stateless = wrong != 2;
		if (wrong == 3)
			bh_addr_parse("fd00::2", &rules->exceptions[0].key.dst);
		if (wrong == 4)
			rules->exceptions[0].dst_ifname[0] = '\0';
		struct bh_nft_state *desired = bh_nft_desire(rules, &config, &err);
		assert_int_equal(desired == NULL, wrong != 0);
		if (wrong != 0)
			assert_string_equal(err.text, "ruleset: exception 0 makes no sense");
		bh_nft_state_free(desired);
		bh_ruleset_free(rules);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_an_empty_ruleset_wants_no_tables),
		cmocka_unit_test(test_flags_follow_the_configuration),
		cmocka_unit_test(test_addresses_lead_to_their_workloads_chains),
		cmocka_unit_test(test_modes_end_their_chains),
		cmocka_unit_test(test_stage_1_refuses_the_urgent),
		cmocka_unit_test(test_only_stage_1_has_its_set),
		cmocka_unit_test(test_drop_instead_of_reject),
		cmocka_unit_test(test_kinds_of_permissions),
		cmocka_unit_test(test_overlapping_prefixes_do_not_overlap_in_the_set),
		cmocka_unit_test(test_posture),
		cmocka_unit_test(test_senders_in_a_vrf_are_known_by_their_veths),
		cmocka_unit_test(test_exceptions_have_what_they_need_and_no_more),
		cmocka_unit_test(test_exceptions_that_make_no_sense),
		cmocka_unit_test(test_postures_by_interface_and_address),
		cmocka_unit_test(test_ports_by_mode),
		cmocka_unit_test(test_comments_cannot_break_out),
		cmocka_unit_test(test_contradictions_are_refused),
		cmocka_unit_test(test_the_first_claim_to_an_address_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
