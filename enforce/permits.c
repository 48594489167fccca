/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One side's permissions become sets by what they name (an endpoint, a network, this host, the
 * world) and by what a packet of theirs can be told by (a port, an ICMP type, the protocol alone).
 * The two sets for endpoints' ports exist always, so that a container's start or stop changes
 * elements and nothing else; the rarer ones exist where something is in them.
 *
 * A TCP segment that opens nothing is looked up in the other side's sets as well, with the ports
 * the other way round: it may belong to a connection that was open before anybody watched.
 */
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "boxes.h"
#include "desired_parts.h"
#include "grow.h"
#include "protocol.h"

enum whom { TO_PEERS, TO_NETWORKS, TO_OUTSIDE, TO_HOST, TO_WORLD };
enum what {
	BY_PORT,
	BY_ICMP_TYPE,
	BY_PROTOCOL,
	BY_NOTHING,
	/* Where nothing is tracked: */
	BY_ICMP_ANSWER, /* the type that answers the permitted one */
	BY_PAIR, /* what has no ports and belongs to some packet that is permitted: by the address,
		    or the interface, alone */
};

struct shape {
	const char *suffix;
	uint8_t whom;
	uint8_t what;
	uint8_t family; /* BH_NO_FAMILY: both */
	bool always;
};

static const struct shape shapes[] = {
	{ "_4", TO_PEERS, BY_PORT, BH_IPV4, true },
	{ "_6", TO_PEERS, BY_PORT, BH_IPV6, true },
	{ "_4_icmp", TO_PEERS, BY_ICMP_TYPE, BH_IPV4, false },
	{ "_6_icmp", TO_PEERS, BY_ICMP_TYPE, BH_IPV6, false },
	{ "_4_proto", TO_PEERS, BY_PROTOCOL, BH_IPV4, false },
	{ "_6_proto", TO_PEERS, BY_PROTOCOL, BH_IPV6, false },
	{ "_4_net", TO_NETWORKS, BY_PORT, BH_IPV4, false },
	{ "_6_net", TO_NETWORKS, BY_PORT, BH_IPV6, false },
	{ "_4_net_icmp", TO_NETWORKS, BY_ICMP_TYPE, BH_IPV4, false },
	{ "_6_net_icmp", TO_NETWORKS, BY_ICMP_TYPE, BH_IPV6, false },
	{ "_4_net_proto", TO_NETWORKS, BY_PROTOCOL, BH_IPV4, false },
	{ "_6_net_proto", TO_NETWORKS, BY_PROTOCOL, BH_IPV6, false },
	{ "_4_net_any", TO_NETWORKS, BY_NOTHING, BH_IPV4, false },
	{ "_6_net_any", TO_NETWORKS, BY_NOTHING, BH_IPV6, false },
	{ "_4_out", TO_OUTSIDE, BY_PORT, BH_IPV4, false },
	{ "_6_out", TO_OUTSIDE, BY_PORT, BH_IPV6, false },
	{ "_4_out_icmp", TO_OUTSIDE, BY_ICMP_TYPE, BH_IPV4, false },
	{ "_6_out_icmp", TO_OUTSIDE, BY_ICMP_TYPE, BH_IPV6, false },
	{ "_4_out_proto", TO_OUTSIDE, BY_PROTOCOL, BH_IPV4, false },
	{ "_6_out_proto", TO_OUTSIDE, BY_PROTOCOL, BH_IPV6, false },
	{ "_4_out_any", TO_OUTSIDE, BY_NOTHING, BH_IPV4, false },
	{ "_6_out_any", TO_OUTSIDE, BY_NOTHING, BH_IPV6, false },
	{ "_ports", TO_HOST, BY_PORT, BH_NO_FAMILY, false },
	{ "_icmp", TO_HOST, BY_ICMP_TYPE, BH_IPV4, false },
	{ "_icmp6", TO_HOST, BY_ICMP_TYPE, BH_IPV6, false },
	{ "_proto", TO_HOST, BY_PROTOCOL, BH_NO_FAMILY, false },
	{ "_any", TO_HOST, BY_NOTHING, BH_NO_FAMILY, false },
	{ "_world", TO_WORLD, BY_PORT, BH_NO_FAMILY, false },
	{ "_world_icmp", TO_WORLD, BY_ICMP_TYPE, BH_IPV4, false },
	{ "_world_icmp6", TO_WORLD, BY_ICMP_TYPE, BH_IPV6, false },
	{ "_world_proto", TO_WORLD, BY_PROTOCOL, BH_NO_FAMILY, false },
	{ "_world_any", TO_WORLD, BY_NOTHING, BH_NO_FAMILY, false },
	{ "_4_answer", TO_PEERS, BY_ICMP_ANSWER, BH_IPV4, false },
	{ "_6_answer", TO_PEERS, BY_ICMP_ANSWER, BH_IPV6, false },
	{ "_4_net_answer", TO_NETWORKS, BY_ICMP_ANSWER, BH_IPV4, false },
	{ "_6_net_answer", TO_NETWORKS, BY_ICMP_ANSWER, BH_IPV6, false },
	{ "_4_out_answer", TO_OUTSIDE, BY_ICMP_ANSWER, BH_IPV4, false },
	{ "_6_out_answer", TO_OUTSIDE, BY_ICMP_ANSWER, BH_IPV6, false },
	{ "_world_answer", TO_WORLD, BY_ICMP_ANSWER, BH_IPV4, false },
	{ "_world_answer6", TO_WORLD, BY_ICMP_ANSWER, BH_IPV6, false },
	{ "_4_pair", TO_PEERS, BY_PAIR, BH_IPV4, true },
	{ "_6_pair", TO_PEERS, BY_PAIR, BH_IPV6, true },
	{ "_4_net_pair", TO_NETWORKS, BY_PAIR, BH_IPV4, false },
	{ "_6_net_pair", TO_NETWORKS, BY_PAIR, BH_IPV6, false },
	{ "_world_pair", TO_WORLD, BY_PAIR, BH_IPV4, false },
	{ "_world_pair6", TO_WORLD, BY_PAIR, BH_IPV6, false },
};
#define SHAPES (sizeof(shapes) / sizeof(shapes[0]))
#define BIT(shape) ((uint64_t)1 << (shape))

static_assert(SHAPES <= 64, "a workload's sets are the bits of a number");

/* What the sets are called besides. */
static const char *const rank_suffixes[BH_RANKS] = {
	[BH_RANK_ALLOW] = "",
	[BH_RANK_DENY] = "_d",
	[BH_RANK_PLATFORM_ALLOW] = "_p",
	[BH_RANK_PLATFORM_DENY] = "_pd",
};

/* The cloud's metadata service hands out credentials; who may call the world may not call it. */
const uint8_t bh_metadata4[4] = { 169, 254, 169, 254 };
const uint8_t bh_metadata6[16] = { 0xfd, 0x00, 0x0e, 0xc2, [14] = 0x02, [15] = 0x54 };

/* --- sets ------------------------------------------------------------------------------------- */

static uint8_t whom_of(const struct bh_permit *p)
{
	switch (p->kind) {
	case BH_PERMIT_HOST:
		return TO_HOST;
	case BH_PERMIT_WORLD:
		return TO_WORLD;
	case BH_PERMIT_OUTSIDE:
		return TO_OUTSIDE;
	case BH_PERMIT_PEER:
	case BH_PERMIT_PLACE:
		/* Exact sets hold no ranges. */
		return p->port_first == p->port_last && p->proto != BH_ANY_PROTOCOL ? TO_PEERS
										    : TO_NETWORKS;
	default:
		return TO_NETWORKS;
	}
}

static bool is_of_icmp(const struct bh_permit *p)
{
	return p->proto == IPPROTO_ICMP || p->proto == IPPROTO_ICMPV6;
}

static uint8_t what_of(const struct bh_permit *p)
{
	if (p->proto == BH_ANY_PROTOCOL)
		return BY_NOTHING;
	if (is_of_icmp(p))
		return BY_ICMP_TYPE;
	return bh_protocol_has_ports(p->proto) ? BY_PORT : BY_PROTOCOL;
}

/* Within one bridge there is no host, and no world but behind an uplink. Only where nothing is
 * tracked does anything have to be told by less than it says itself. */
static bool exists(const struct shape *shape, const struct bh_permits_sets *sets)
{
	if (!sets->stateless)
		return shape->what != BY_ICMP_ANSWER && shape->what != BY_PAIR;
	return shape->whom == TO_PEERS || shape->whom == TO_NETWORKS ||
	       (sets->uplinks && shape->whom != TO_HOST);
}

/* The type that answers it; UINT8_MAX: none does. */
static uint8_t icmp_answer(const struct bh_permit *p)
{
	static const uint8_t answers[][3] = { { IPPROTO_ICMP, 8, 0 },
					      { IPPROTO_ICMP, 13, 14 },
					      { IPPROTO_ICMP, 15, 16 },
					      { IPPROTO_ICMP, 17, 18 },
					      { IPPROTO_ICMPV6, 128, 129 } };

	for (size_t i = 0; i < sizeof(answers) / sizeof(answers[0]); i++)
		if (answers[i][0] == p->proto && answers[i][1] == p->port_first)
			return answers[i][2];
	return UINT8_MAX;
}

/* By its address. */
static bool has_address(const struct shape *shape)
{
	return shape->whom == TO_PEERS || shape->whom == TO_NETWORKS || shape->whom == TO_OUTSIDE;
}

static bool is_of_networks(const struct shape *shape)
{
	return shape->whom == TO_NETWORKS || shape->whom == TO_OUTSIDE;
}

/* ICMP's; others' is another. */
static uint8_t icmp_family(const struct bh_permit *p)
{
	return p->proto == IPPROTO_ICMP ? BH_IPV4 : BH_IPV6;
}

/* Endpoints' pairs have room always, and need no place kept. What permits everything permits what
 * has no ports, too. */
static bool is_pair(const struct shape *shape, const struct bh_permit *p)
{
	static const uint8_t kinds[] = { [TO_PEERS] = BH_PERMIT_PEER,
					 [TO_NETWORKS] = BH_PERMIT_PREFIX,
					 [TO_WORLD] = BH_PERMIT_WORLD };

	if (p->kind != kinds[shape->whom] || bh_rank_denies(p->rank) || p->proto == BH_ANY_PROTOCOL)
		return false;
	if (p->kind == BH_PERMIT_WORLD)
		return !is_of_icmp(p) || icmp_family(p) == shape->family;
	return shape->family == p->peer.addr.family;
}

static bool belongs(const struct shape *shape, const struct bh_permit *p)
{
	bool answer = shape->what == BY_ICMP_ANSWER;

	if (shape->what == BY_PAIR)
		return is_pair(shape, p);
	if (shape->whom != whom_of(p) || (answer ? BY_ICMP_TYPE : shape->what) != what_of(p))
		return false;
	if ((shape->what == BY_ICMP_TYPE || answer) && shape->family != icmp_family(p))
		return false;
	if (answer && icmp_answer(p) == UINT8_MAX)
		return false;
	if (has_address(shape))
		return p->kind == BH_PERMIT_PLACE || shape->family == p->peer.addr.family;
	return true;
}

static bool is_icmp(const struct shape *shape)
{
	return shape->what == BY_ICMP_TYPE || shape->what == BY_ICMP_ANSWER;
}

/* Whatever the protocol, the port, the type. */
static bool is_of_all(const struct shape *shape)
{
	return shape->what == BY_NOTHING || shape->what == BY_PAIR;
}

static bool is_filled_by(const struct shape *shape, uint8_t rank, const struct bh_permit *p)
{
	return p->rank == rank && p->kind != BH_PERMIT_PLACE && belongs(shape, p);
}

static bool is_interval(const struct shape *shape)
{
	return is_of_networks(shape) || (shape->what == BY_PORT && shape->whom != TO_PEERS);
}

static enum bh_field addr_field(uint8_t family, uint8_t side)
{
	if (family == BH_IPV4)
		return side == BH_EGRESS ? BH_FIELD_IP_DADDR : BH_FIELD_IP_SADDR;
	return side == BH_EGRESS ? BH_FIELD_IP6_DADDR : BH_FIELD_IP6_SADDR;
}

/* The key of a shape; port: BH_FIELD_TH_DPORT, or BH_FIELD_TH_SPORT to look the other way round. */
static struct bh_key key_of(const struct shape *shape, uint8_t side, enum bh_field port)
{
	struct bh_key key = { 0 };

	if (has_address(shape))
		key.fields[key.count++] = (uint8_t)addr_field(shape->family, side);
	/* Ranges are kept of several fields only. */
	if (shape->what == BY_PAIR && shape->whom == TO_PEERS)
		return key;
	if (is_icmp(shape))
		key.fields[key.count++] =
			shape->family == BH_IPV4 ? BH_FIELD_ICMP_TYPE : BH_FIELD_ICMPV6_TYPE;
	else
		key.fields[key.count++] = BH_FIELD_L4PROTO;
	if (shape->what == BY_PORT)
		key.fields[key.count++] = (uint8_t)port;
	return key;
}

static bh_u128 to_number(const struct bh_addr *addr)
{
	bh_u128 number = 0;

	for (size_t i = 0; i < bh_addr_size(addr->family); i++)
		number = number << 8 | addr->bytes[i];
	return number;
}

static struct bh_addr from_number(uint8_t family, bh_u128 number)
{
	struct bh_addr addr = { .family = family };

	for (size_t i = bh_addr_size(family); i-- > 0; number >>= 8)
		addr.bytes[i] = (uint8_t)number;
	return addr;
}

static struct bh_box box_of(const struct bh_permit *p)
{
	struct bh_prefix whole = bh_prefix_of(&p->peer.addr, p->peer.length);
	unsigned bits = (unsigned)bh_addr_size(whole.addr.family) * 8;
	struct bh_box box = { .first = to_number(&whole.addr),
			      .port_first = p->port_first,
			      .port_last = p->port_last,
			      .proto = p->proto };
	bh_u128 hosts = bits == 0 || whole.length == 0 ? ~(bh_u128)0
						       : ((bh_u128)1 << (bits - whole.length)) - 1;

	box.last = box.first | (bits == 32 ? hosts & UINT32_MAX : hosts);
	return box;
}

static void put_rest(struct bh_key_bytes *key, const struct shape *shape, uint8_t proto,
		     uint16_t port)
{
	if (is_icmp(shape))
		bh_key_put_u8(key, (uint8_t)port);
	else
		bh_key_put_u8(key, proto);
	if (shape->what == BY_PORT)
		bh_key_put_u16(key, port);
}

/* Each by itself: a range of a single field the kernel keeps in another way than those of several.
 */
static void fill_protocols(struct bh_nft_set *set)
{
	for (unsigned proto = 0; proto <= UINT8_MAX; proto++) {
		struct bh_key_bytes key = { 0 };

		bh_key_put_u8(&key, (uint8_t)proto);
		bh_nft_set_add(set, key.bytes, NULL, NULL);
	}
}

/* The port or ICMP type that is looked for. */
static uint16_t what_is_asked(const struct shape *shape, const struct bh_permit *p)
{
	if (shape->what == BY_PAIR)
		return 0;
	return shape->what == BY_ICMP_ANSWER ? icmp_answer(p) : p->port_first;
}

static void fill_exact(struct bh_nft_set *set, const struct shape *shape, uint8_t rank,
		       const struct bh_chain *chain)
{
	for (size_t i = 0; i < chain->permit_count; i++) {
		const struct bh_permit *p = &chain->permits[i];
		struct bh_key_bytes key = { 0 };

		if (!is_filled_by(shape, rank, p))
			continue;
		if (shape->whom != TO_PEERS && is_of_all(shape)) {
			fill_protocols(set);
			return;
		}
		if (shape->whom == TO_PEERS)
			bh_key_put_addr(&key, &p->peer.addr);
		if (shape->what != BY_PAIR)
			put_rest(&key, shape, p->proto, what_is_asked(shape, p));
		bh_nft_set_add(set, key.bytes, NULL, NULL);
	}
}

static void add_box(struct bh_nft_set *set, const struct shape *shape, const struct bh_box *box)
{
	struct bh_key_bytes first = { 0 }, last = { 0 };

	if (is_of_networks(shape)) {
		struct bh_addr low = from_number(shape->family, box->first),
			       high = from_number(shape->family, box->last);
		bh_key_put_addr(&first, &low);
		bh_key_put_addr(&last, &high);
	}
	bool any = is_of_all(shape);
	put_rest(&first, shape, any ? 0 : box->proto, box->port_first);
	put_rest(&last, shape, any ? UINT8_MAX : box->proto, box->port_last);
	bh_nft_set_add(set, first.bytes, last.bytes, NULL);
}

static void fill_interval(struct bh_nft_set *set, const struct shape *shape, uint8_t rank,
			  const struct bh_chain *chain)
{
	struct bh_boxes boxes = { 0 };

	for (size_t i = 0; i < chain->permit_count; i++) {
		if (!is_filled_by(shape, rank, &chain->permits[i]))
			continue;
		struct bh_box box = box_of(&chain->permits[i]);
		if (shape->what == BY_PAIR)
			box.proto = 0;
		if (shape->what == BY_PAIR || shape->what == BY_ICMP_ANSWER)
			box.port_first = box.port_last = what_is_asked(shape, &chain->permits[i]);
		bh_boxes_add(&boxes, &box);
	}
	struct bh_boxes apart = bh_boxes_split(&boxes);
	for (size_t i = 0; i < apart.count; i++)
		add_box(set, shape, &apart.items[i]);
	bh_boxes_free(&boxes);
	bh_boxes_free(&apart);
}

static void note_needed(const struct bh_chain *chain, struct bh_permits_sets *sets)
{
	uint64_t *needed = sets->shapes[chain->side];

	for (size_t i = 0; i < SHAPES; i++)
		if (shapes[i].always && exists(&shapes[i], sets))
			needed[BH_RANK_ALLOW] |= BIT(i);
	for (size_t i = 0; i < chain->permit_count; i++)
		for (size_t j = 0; j < SHAPES; j++)
			if (exists(&shapes[j], sets) && belongs(&shapes[j], &chain->permits[i]))
				needed[chain->permits[i].rank] |= BIT(j);
}

static void name_set(char name[BH_NFT_NAME], const struct shape *shape, uint8_t rank, uint8_t side,
		     const struct bh_chain *chain)
{
	bh_desired_name(name, side, shape->whom == TO_HOST, chain->hash, rank_suffixes[rank]);
	bh_desired_lengthen(name, shape->suffix);
}

/* What permits it is counted where it opens something. */
static bool is_counted(const struct shape *shape)
{
	return shape->what != BY_ICMP_ANSWER && shape->what != BY_PAIR;
}

static void add_set(struct bh_nft_table *table, const struct bh_chain *chain, uint8_t rank,
		    const struct shape *shape)
{
	char name[BH_NFT_NAME];

	name_set(name, shape, rank, chain->side, chain);
	struct bh_nft_set *set =
		bh_desired_set(table, name, key_of(shape, chain->side, BH_FIELD_TH_DPORT),
			       (is_counted(shape) ? BH_SET_COUNTER : 0) |
				       (is_interval(shape) ? BH_SET_INTERVAL : 0));
	if (is_interval(shape))
		fill_interval(set, shape, rank, chain);
	else
		fill_exact(set, shape, rank, chain);
}

bool bh_permit_is_common(const struct bh_permit *permit)
{
	static const struct bh_permits_sets tracked = { 0 };

	for (size_t i = 0; i < SHAPES; i++)
		if (shapes[i].always && exists(&shapes[i], &tracked) &&
		    permit->rank == BH_RANK_ALLOW && belongs(&shapes[i], permit))
			return true;
	return false;
}

void bh_permits_add_sets(struct bh_nft_table *table, const struct bh_chain *chain,
			 struct bh_permits_sets *sets)
{
	note_needed(chain, sets);
	for (uint8_t rank = BH_RANKS; rank-- > 0;)
		for (size_t i = 0; i < SHAPES; i++)
			if (sets->shapes[chain->side][rank] & BIT(i))
				add_set(table, chain, rank, &shapes[i]);
}

/* --- rules ------------------------------------------------------------------------------------ */

/* What is looked up, and what becomes of what is found. */
struct lookup {
	const struct bh_permits_sets *sets;
	const struct shape *shape;
	const char *set;
	uint8_t side;
	uint8_t family; /* where some addresses are no part of what is outside; else any */
	bool backwards; /* the other way round */
	bool unopening; /* of segments that open nothing alone */
	bool denied;
	const char *target; /* chain to go to; NULL: allowed */
};

/* Of what a bridge sends to many each port gets a copy, an uplink, too. No denial of the world is
 * about those, and a permission of it for what is certainly none. */
static void match_uplink(const struct lookup *l, struct bh_nft_rule *rule)
{
	bh_stateless_match_uplink(rule, l->side);
	if (l->side == BH_INGRESS)
		return;
	if (!l->denied)
		bh_stateless_match_unicast(rule);
	bh_stateless_match_no_group(rule, l->family);
}

/* The world begins behind an interface that is not managed; of a bridge's ports, behind an uplink.
 */
static void match_world(const struct lookup *l, struct bh_nft_rule *rule)
{
	if (l->sets->stateless)
		match_uplink(l, rule);
	else if (l->side == BH_INGRESS)
		bh_inet_match_outside(rule, l->sets->vrf, l->family);
	else
		bh_rule_not_in(rule, BH_KEY(BH_FIELD_OIFNAME), "managed");
	if (l->side == BH_INGRESS || l->denied || l->shape->whom != TO_WORLD)
		return;
	if (l->family == BH_IPV4)
		bh_rule_not(rule, BH_FIELD_IP_DADDR, bh_metadata4);
	else if (l->family == BH_IPV6)
		bh_rule_not(rule, BH_FIELD_IP6_DADDR, bh_metadata6);
}

static void add_rule(struct bh_nft_chain *to, const struct lookup *l)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	if (l->unopening)
		bh_rule_not_opening(rule);
	if (l->shape->whom == TO_WORLD || l->shape->whom == TO_OUTSIDE)
		match_world(l, rule);
	bh_rule_in(rule,
		   key_of(l->shape, l->side, l->backwards ? BH_FIELD_TH_SPORT : BH_FIELD_TH_DPORT),
		   l->set);
	if (l->target != NULL)
		bh_rule_goto(rule, l->target);
	else
		bh_rule_verdict(rule, NFT_RETURN);
}

/* Whether some addresses are left out: towards the world permissions leave out the metadata
 * service, what goes to many does not go there, and who is in a VRF comes from nowhere outside. */
static bool leaves_out(const struct lookup *l)
{
	bool world = l->shape->whom == TO_WORLD, outside = l->shape->whom == TO_OUTSIDE;

	if (l->side == BH_INGRESS)
		return l->sets->vrf;
	return (world && !l->denied) || (l->sets->stateless && (world || outside));
}

/* They are others in each family. */
static void add_lookup(struct bh_nft_chain *to, const struct lookup *lookup)
{
	struct lookup l = *lookup;
	bool partial = leaves_out(&l);
	bool both = partial && l.shape->whom == TO_WORLD && l.shape->family == BH_NO_FAMILY;

	l.family = both ? BH_IPV4 : partial ? l.shape->family : (uint8_t)BH_NO_FAMILY;
	add_rule(to, &l);
	if (!both)
		return;
	l.family = BH_IPV6;
	add_rule(to, &l);
}

static bool may_be_tcp(const struct shape *shape)
{
	return shape->what == BY_PORT || shape->what == BY_NOTHING;
}

/* In one orientation an ICMP question is looked for, in the other its answer. */
static bool is_looked_up(const struct shape *shape, const struct bh_permits_way *way,
			 bool stateless)
{
	if (!way->backwards)
		return shape->what != BY_ICMP_ANSWER;
	return stateless ? shape->what != BY_ICMP_TYPE : may_be_tcp(shape);
}

/* Ends the rule: it matches pairs. */
static void pass_pair(struct bh_nft_rule *rule, const struct lookup *l)
{
	if (l->shape->whom == TO_WORLD)
		match_world(l, rule);
	bh_rule_in(rule, key_of(l->shape, l->side, BH_FIELD_TH_DPORT), l->set);
	bh_rule_verdict(rule, NFT_RETURN);
}

/* What has no ports of its own, or another packet's. */
static void add_pair(struct bh_nft_chain *to, const struct lookup *l)
{
	bool four = l->shape->family == BH_IPV4;
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(to);

	bh_rule_later_fragment(rule, l->shape->family);
	pass_pair(rule, l);
	rule = bh_nft_chain_add_rule(to);
	bh_rule_in(rule, BH_KEY(four ? BH_FIELD_ICMP_TYPE : BH_FIELD_ICMPV6_TYPE),
		   four ? "icmp_errors" : "icmp6_errors");
	pass_pair(rule, l);
}

static void add_rank(const struct bh_permits_sets *sets, struct bh_nft_chain *to,
		     const struct bh_chain *chain, bool host, uint8_t rank,
		     const struct bh_permits_way *way)
{
	uint8_t other = chain->side == BH_EGRESS ? BH_INGRESS : BH_EGRESS;
	uint8_t side = way->backwards ? other : chain->side;
	bool denied = bh_rank_denies(rank);
	bool diverts = rank == BH_RANK_ALLOW && way->unopening != NULL;
	char set[BH_NFT_NAME];

	for (size_t i = 0; i < SHAPES; i++) {
		const struct shape *shape = &shapes[i];
		struct lookup l = { .sets = sets,
				    .shape = shape,
				    .set = set,
				    .side = chain->side,
				    .family = shape->family,
				    .backwards = way->backwards,
				    .unopening = way->backwards && !sets->stateless,
				    .denied = denied,
				    .target = denied ? way->refuse : NULL };

		if (!(sets->shapes[side][rank] & BIT(i)) || (shape->whom == TO_HOST) != host ||
		    !is_looked_up(shape, way, sets->stateless))
			continue;
		name_set(set, shape, rank, side, chain);
		if (shape->what == BY_PAIR) {
			/* Most segments open nothing, and are spared the rest. */
			if (diverts)
				bh_desired_divert_unopening(to, way->unopening);
			diverts = false;
			if (chain->mode != BH_LEARN)
				add_pair(to, &l);
			continue;
		}
		/* It may still be allowed the other way round. */
		if (denied && way->otherwise != NULL && may_be_tcp(shape)) {
			l.unopening = true;
			l.target = way->otherwise;
			add_lookup(to, &l);
			l.unopening = false;
			l.target = way->refuse;
		}
		add_lookup(to, &l);
	}
}

/* The highest rank decides, so it is asked first. */
void bh_permits_add_rules(const struct bh_permits_sets *sets, struct bh_nft_chain *to,
			  const struct bh_chain *chain, bool host, const struct bh_permits_way *way)
{
	for (uint8_t rank = BH_RANKS; rank-- > 0;)
		add_rank(sets, to, chain, host, rank, way);
}

bool bh_permits_deny(const struct bh_permits_sets *sets, bool host)
{
	uint64_t refusing = 0;

	for (uint8_t rank = 0; rank < BH_RANKS; rank++)
		if (bh_rank_denies(rank))
			refusing |= sets->shapes[BH_EGRESS][rank] | sets->shapes[BH_INGRESS][rank];
	for (size_t i = 0; i < SHAPES; i++)
		if ((shapes[i].whom == TO_HOST) == host && (refusing & BIT(i)))
			return true;
	return false;
}

/* --- elements, read again --------------------------------------------------------------------- */

static uint8_t kind_of(const struct shape *shape)
{
	static const uint8_t kinds[] = { [TO_PEERS] = BH_PERMIT_PREFIX,
					 [TO_NETWORKS] = BH_PERMIT_PREFIX,
					 [TO_OUTSIDE] = BH_PERMIT_OUTSIDE,
					 [TO_HOST] = BH_PERMIT_HOST,
					 [TO_WORLD] = BH_PERMIT_WORLD };

	return kinds[shape->whom];
}

/* "_pd_4_net": a rank's suffix and a shape's. */
static const struct shape *find_shape(const char *suffix, uint8_t *rank)
{
	for (*rank = 0; *rank < BH_RANKS; (*rank)++) {
		size_t length = strlen(rank_suffixes[*rank]);

		for (size_t i = 0; i < SHAPES; i++)
			if (strncmp(suffix, rank_suffixes[*rank], length) == 0 &&
			    strcmp(suffix + length, shapes[i].suffix) == 0)
				return &shapes[i];
	}
	return NULL;
}

bool bh_permits_recognise(const char *set, struct bh_permits_place *place)
{
	const char *hash = strchr(set, '_');
	const struct shape *shape;
	char name[BH_NFT_NAME];
	uint8_t rank;

	if (hash == NULL || strlen(hash) < BH_CHAIN_HASH)
		return false;
	shape = find_shape(hash + BH_CHAIN_HASH, &rank);
	if (shape == NULL)
		return false;
	struct bh_chain chain = { .side = set[0] == 'e' ? BH_EGRESS : BH_INGRESS };
	memcpy(chain.hash, hash + 1, BH_CHAIN_HASH - 1);
	name_set(name, shape, rank, chain.side, &chain);
	*place = (struct bh_permits_place) {
		.use = { .side = chain.side, .rank = rank, .kind = kind_of(shape) },
		.what = shape->what,
		.family = has_address(shape) ? shape->family : (uint8_t)BH_NO_FAMILY
	};
	memcpy(place->use.hash, chain.hash, BH_CHAIN_HASH);
	if (shape->what == BY_ICMP_TYPE)
		place->use.proto = shape->family == BH_IPV4 ? IPPROTO_ICMP : IPPROTO_ICMPV6;
	return strcmp(name, set) == 0;
}

size_t bh_permits_key_length(const struct bh_permits_place *place)
{
	/* A part is filled up to four bytes where it is not the only one. */
	if (place->family == BH_NO_FAMILY && place->what != BY_PORT)
		return 1;
	return bh_addr_size(place->family) + (place->what == BY_PORT ? 8 : 4);
}

static uint16_t read_port(const uint8_t *rest, uint8_t what)
{
	return what == BY_ICMP_TYPE ? rest[0] : (uint16_t)(rest[4] << 8 | rest[5]);
}

void bh_permits_read(const struct bh_permits_place *place, const uint8_t *key, const uint8_t *end,
		     struct bh_use *use)
{
	size_t length = bh_addr_size(place->family);

	*use = place->use;
	use->first.family = use->last.family = place->family;
	memcpy(use->first.bytes, key, length);
	memcpy(use->last.bytes, end, length);
	key += length;
	end += length;
	/* A range of protocols is that of all; one of them that any protocol's element counted is
	 * that one. */
	if (place->what != BY_ICMP_TYPE)
		use->proto = key[0] == end[0] ? key[0] : BH_ANY_PROTOCOL;
	if (place->what == BY_PORT || place->what == BY_ICMP_TYPE) {
		use->port_first = read_port(key, place->what);
		use->port_last = read_port(end, place->what);
	}
}
