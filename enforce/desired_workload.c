/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A workload's chains: what it may send, what it may receive, and what becomes of the rest.
 *
 * Where connections are tracked, what comes here opens something, or is a TCP segment that the
 * tracker does not know, of which nobody can say who opened its connection. In the bridge table
 * nothing is tracked, and everything comes here:
 *
 *   e_HASH ─► what the workload may open passes
 *          ─► e_HASH_not ─► opens something (a TCP SYN, an SCTP INIT, an ICMP question): refused
 *                        ─► e_HASH_back ─► what the other may have opened passes, else refused
 *
 * So a UDP datagram passes in either orientation, and whoever may be asked at a port may send from
 * that port to wherever he likes at the one who may ask (docs/security.md).
 *
 * There nothing reassembles fragments either. The first one has the ports and is judged like a
 * whole packet. The others are nothing without it; they, and ICMP's errors, which quote a packet,
 * pass between any two who may have to do with each other at all, in either orientation.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

#include "desired_traffic.h"
#include "grow.h"

#define SCTP_INIT 1

static const uint8_t tcp = IPPROTO_TCP, sctp = IPPROTO_SCTP;
/* Protocols that open something by a packet that can be told from the others. */
static const uint8_t openers[] = { IPPROTO_ICMP, IPPROTO_TCP, IPPROTO_ICMPV6, IPPROTO_SCTP };
/* Not redirects, of which only a gateway has any to send. */
static const uint8_t icmp_errors[] = { 3, 4, 11, 12 }, icmp6_errors[] = { 1, 2, 3, 4 };
/* Errors and answers. */
static const uint8_t icmp_backs[] = { 0, 3, 4, 11, 12, 14, 16, 18 };
static const uint8_t icmp6_backs[] = { 1, 2, 3, 4, 129 };

/* The bridge's forward hook knows no refusal that answers. */
static void refuse(const struct bh_traffic *t, struct bh_nft_chain *chain, uint8_t action)
{
	if (action == BH_DROP || t->stateless) {
		bh_desired_final(chain, NF_DROP);
		return;
	}
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);
	bh_rule_equal(rule, BH_FIELD_L4PROTO, &tcp);
	bh_rule_counter(rule);
	bh_rule_reset(rule);
	rule = bh_nft_chain_add_rule(chain);
	bh_rule_counter(rule);
	bh_rule_reject(rule);
}

static void deny(const struct bh_traffic *t, struct bh_nft_chain *to, const struct bh_chain *chain)
{
	bh_desired_log(to, t->config, "DENY", chain->side, chain->hash);
	refuse(t, to, chain->deny);
}

static void report(const struct bh_traffic *t, struct bh_nft_chain *to,
		   const struct bh_chain *chain)
{
	bh_desired_log(to, t->config, "AUDIT", chain->side, chain->hash);
	bh_desired_final(to, NFT_RETURN);
}

static const char *urgent_name(const struct bh_chain *chain, char name[BH_NFT_NAME])
{
	bh_desired_name(name, chain->side, false, chain->hash, "_urgent");
	return name;
}

/* What meets a packet that nothing allowed. */
static void add_end(const struct bh_traffic *t, struct bh_nft_chain *to,
		    const struct bh_chain *chain, bool host)
{
	char name[BH_NFT_NAME];

	switch (chain->mode) {
	case BH_LEARN:
		break;
	case BH_AUDIT:
		report(t, to, chain);
		break;
	case BH_STAGE1:
		bh_urgent_add_rules(t, to, chain, host, urgent_name(chain, name));
		report(t, to, chain);
		break;
	case BH_ENFORCE:
		deny(t, to, chain);
		break;
	}
}

/* What forwarded packets and those of this host share. */
static void add_urgent(const struct bh_traffic *t, const struct bh_chain *chain)
{
	char name[BH_NFT_NAME];

	if (chain->mode == BH_STAGE1)
		deny(t, bh_desired_chain(t->table, urgent_name(chain, name), chain->workload),
		     chain);
}

/* The same, of what opens nothing. A connection is reported when it is opened, and not segment by
 * segment; of datagrams nobody knows (src/daemon/core_reported.c). */
static void add_end_back(const struct bh_traffic *t, struct bh_nft_chain *to,
			 const struct bh_chain *chain)
{
	char name[BH_NFT_NAME];

	if (chain->mode == BH_STAGE1)
		bh_urgent_add_rules(t, to, chain, false, urgent_name(chain, name));
	if (chain->mode == BH_ENFORCE) {
		deny(t, to, chain);
		return;
	}
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);
	bh_rule_in(rule, BH_KEY(BH_FIELD_L4PROTO), "openers");
	bh_rule_verdict(rule, NFT_RETURN);
	report(t, to, chain);
}

/* A chain of the workload beside its first. */
static struct bh_nft_chain *add_part(const struct bh_traffic *t, const struct bh_chain *chain,
				     bool host, const char *suffix, char name[BH_NFT_NAME])
{
	bh_desired_name(name, chain->side, host, chain->hash, suffix);
	return bh_desired_chain(t->table, name, chain->workload);
}

/* Where rules refuse, each orientation is judged whole: what one refuses the other may allow. */
static void add_judgements(const struct bh_traffic *t, struct bh_nft_chain *to,
			   const struct bh_chain *chain, bool host)
{
	const struct bh_permits_sets *sets = bh_map_get_text(t->sets, chain->hash);
	uint8_t other = chain->side == BH_EGRESS ? BH_INGRESS : BH_EGRESS;
	char refuse[BH_NFT_NAME], back[BH_NFT_NAME];
	struct bh_nft_chain *backwards = add_part(t, chain, host, "_back", back);

	add_end(t, add_part(t, chain, host, "_deny", refuse), chain, host);
	bh_permits_add_rules(sets, to, chain, host,
			     &(struct bh_permits_way) { .refuse = refuse, .otherwise = back });
	if (!chain->open[chain->side]) {
		bh_desired_divert_unopening(to, back);
		add_end(t, to, chain, host);
	}
	bh_permits_add_rules(sets, backwards, chain, host,
			     &(struct bh_permits_way) { .backwards = true, .refuse = refuse });
	if (!chain->open[other])
		add_end(t, backwards, chain, host);
}

/* --- where nothing is tracked ----------------------------------------------------------------- */

static void go_back_by_type(struct bh_nft_chain *to, enum bh_field type, const char *set,
			    const char *back)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_rule_in(rule, BH_KEY(type), set);
	bh_rule_goto(rule, back);
}

/* Whatever may belong to an exchange that the other end opened. */
static void go_back(struct bh_nft_chain *to, const char *back)
{
	struct bh_nft_rule *rule;

	bh_desired_divert_unopening(to, back);
	rule = bh_nft_chain_add_rule(to);
	bh_rule_not_in(rule, BH_KEY(BH_FIELD_L4PROTO), "openers");
	bh_rule_goto(rule, back);
	rule = bh_nft_chain_add_rule(to);
	bh_rule_equal(rule, BH_FIELD_L4PROTO, &sctp);
	bh_rule_not(rule, BH_FIELD_SCTP_CHUNK, &(const uint8_t) { SCTP_INIT });
	bh_rule_goto(rule, back);
	go_back_by_type(to, BH_FIELD_ICMP_TYPE, "icmp_backs", back);
	go_back_by_type(to, BH_FIELD_ICMPV6_TYPE, "icmp6_backs", back);
	for (size_t i = 0; i < 2; i++) {
		rule = bh_nft_chain_add_rule(to);
		bh_rule_later_fragment(rule, i == 0 ? BH_IPV4 : BH_IPV6);
		bh_rule_goto(rule, back);
	}
}

/* A router on the way to somebody outside is not he. */
static void pass_routers_errors(const struct bh_traffic *t, struct bh_nft_chain *to, uint8_t side)
{
	static const struct {
		enum bh_field type;
		const char *set;
	} errors[] = { { BH_FIELD_ICMP_TYPE, "icmp_errors" },
		       { BH_FIELD_ICMPV6_TYPE, "icmp6_errors" } };

	for (size_t i = 0; t->scope->uplinks && side == BH_INGRESS && i < 2; i++) {
		struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

		bh_stateless_match_uplink(rule, BH_INGRESS);
		bh_rule_in(rule, BH_KEY(errors[i].type), errors[i].set);
		bh_rule_verdict(rule, NFT_RETURN);
	}
}

static void add_untracked(const struct bh_traffic *t, const struct bh_chain *chain)
{
	const struct bh_permits_sets *sets = bh_map_get_text(t->sets, chain->hash);
	uint8_t other = chain->side == BH_EGRESS ? BH_INGRESS : BH_EGRESS;
	bool governs = chain->mode != BH_LEARN, denies = bh_permits_deny(sets, false);
	char name[BH_NFT_NAME], not_so[BH_NFT_NAME], back[BH_NFT_NAME], refuse_at[BH_NFT_NAME];
	struct bh_nft_chain *to = add_part(t, chain, false, "", name);

	if (!governs || (chain->open[chain->side] && !denies)) {
		bh_permits_add_rules(sets, to, chain, false, &(struct bh_permits_way) { 0 });
		return;
	}
	struct bh_nft_chain *rest = add_part(t, chain, false, "_not", not_so);
	struct bh_nft_chain *backwards = add_part(t, chain, false, "_back", back);
	bool open = chain->open[chain->side];
	bh_permits_add_rules(
		sets, to, chain, false,
		&(struct bh_permits_way) { .refuse = not_so, .unopening = open ? NULL : back });
	if (!open)
		bh_rule_goto(bh_nft_chain_add_rule(to), not_so);
	go_back(rest, back);
	add_end(t, rest, chain, false);
	if (denies)
		add_end_back(t, add_part(t, chain, false, "_deny", refuse_at), chain);
	pass_routers_errors(t, backwards, chain->side);
	bh_permits_add_rules(sets, backwards, chain, false,
			     &(struct bh_permits_way) { .backwards = true,
							.refuse = denies ? refuse_at : NULL });
	if (!chain->open[other])
		add_end_back(t, backwards, chain);
}

/* --- all of them ------------------------------------------------------------------------------ */

/* Of a workload its two chains share a hash. */
static void add_sets(const struct bh_traffic *t, const struct bh_chain *chain)
{
	struct bh_permits_sets *sets = bh_map_get_text(t->sets, chain->hash);

	if (sets == NULL) {
		sets = bh_calloc(1, sizeof(*sets));
		sets->stateless = t->stateless;
		sets->uplinks = t->scope->uplinks;
		sets->vrf = t->scope->vrf && !t->stateless;
		bh_map_put_text(t->sets, chain->hash, sets);
	}
	bh_permits_add_sets(t->table, chain, sets);
}

static void add_workload(const struct bh_traffic *t, const struct bh_chain *chain, bool host)
{
	const struct bh_permits_sets *sets = bh_map_get_text(t->sets, chain->hash);
	uint8_t other = chain->side == BH_EGRESS ? BH_INGRESS : BH_EGRESS;
	char name[BH_NFT_NAME];
	struct bh_nft_chain *to = add_part(t, chain, host, "", name);

	if (chain->mode != BH_LEARN && bh_permits_deny(sets, host)) {
		add_judgements(t, to, chain, host);
		return;
	}
	bh_permits_add_rules(sets, to, chain, host, &(struct bh_permits_way) { 0 });
	/* Where nothing is refused, the other orientation does not matter. */
	if (chain->mode == BH_LEARN || chain->open[chain->side])
		return;
	bh_permits_add_rules(sets, to, chain, host, &(struct bh_permits_way) { .backwards = true });
	/* A segment that opens nothing passes where the other orientation's default lets it. */
	if (chain->open[other])
		bh_traffic_pass_unopening(to);
	add_end(t, to, chain, host);
}

void bh_traffic_add_sets(const struct bh_traffic *t)
{
	if (t->stateless && t->scope->frame) {
		bh_desired_numbers(t->table, "openers", BH_FIELD_L4PROTO, openers, sizeof(openers));
		bh_desired_numbers(t->table, "icmp_errors", BH_FIELD_ICMP_TYPE, icmp_errors,
				   sizeof(icmp_errors));
		bh_desired_numbers(t->table, "icmp6_errors", BH_FIELD_ICMPV6_TYPE, icmp6_errors,
				   sizeof(icmp6_errors));
		bh_desired_numbers(t->table, "icmp_backs", BH_FIELD_ICMP_TYPE, icmp_backs,
				   sizeof(icmp_backs));
		bh_desired_numbers(t->table, "icmp6_backs", BH_FIELD_ICMPV6_TYPE, icmp6_backs,
				   sizeof(icmp6_backs));
	}
	for (size_t i = 0; i < t->rules->chain_count; i++)
		add_sets(t, &t->rules->chains[i]);
}

void bh_traffic_add_workloads(const struct bh_traffic *t)
{
	for (size_t i = 0; i < t->scope->whole; i++) {
		const struct bh_chain *chain = &t->rules->chains[i];

		if (t->stateless) {
			add_untracked(t, chain);
		} else {
			add_workload(t, chain, false);
			add_workload(t, chain, true);
		}
		add_urgent(t, chain);
	}
}
