/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Attributes are looked up by type in tables that say how long each must be; what is not in a table
 * is a later kernel's, and skipped.
 *
 * An entry of TCP that was picked up mid-stream is told by IP_CT_TCP_FLAG_BE_LIBERAL: the kernel
 * takes any sequence number on it, since it saw no window (tcp_new() in
 * net/netfilter/nf_conntrack_proto_tcp.c). bulkhead's own entries for connections that it keeps
 * (enforce/conntrack.h) are marked so, too. The kernel leaves the flags out of the last message of
 * an entry.
 */
#include "entry.h"

#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/icmp6.h>
#include <netinet/in.h>
#include <netinet/ip_icmp.h>
#include <string.h>

#include "address.h"

#define NESTED 0xffff
#define MOST_TYPE 32 /* greater than every type in the tables */

/* Bytes that each attribute holds, by type; 0: not looked at. */
struct shape {
	uint16_t sizes[MOST_TYPE];
};

struct attributes {
	const struct shape *shape;
	const struct nlattr *slots[MOST_TYPE];
};

static const struct shape entry_shape = { { [CTA_TUPLE_ORIG] = NESTED,
					    [CTA_TUPLE_REPLY] = NESTED,
					    [CTA_STATUS] = 4,
					    [CTA_PROTOINFO] = NESTED,
					    [CTA_COUNTERS_ORIG] = NESTED,
					    [CTA_COUNTERS_REPLY] = NESTED,
					    [CTA_ID] = 4,
					    [CTA_ZONE] = 2 } };
static const struct shape tuple_shape = {
	{ [CTA_TUPLE_IP] = NESTED, [CTA_TUPLE_PROTO] = NESTED, [CTA_TUPLE_ZONE] = 2 }
};
static const struct shape ip_shape = {
	{ [CTA_IP_V4_SRC] = 4, [CTA_IP_V4_DST] = 4, [CTA_IP_V6_SRC] = 16, [CTA_IP_V6_DST] = 16 }
};
static const struct shape proto_shape = { { [CTA_PROTO_NUM] = 1,
					    [CTA_PROTO_SRC_PORT] = 2,
					    [CTA_PROTO_DST_PORT] = 2,
					    [CTA_PROTO_ICMP_TYPE] = 1,
					    [CTA_PROTO_ICMP_CODE] = 1,
					    [CTA_PROTO_ICMPV6_TYPE] = 1,
					    [CTA_PROTO_ICMPV6_CODE] = 1 } };
static const struct shape protoinfo_shape = { { [CTA_PROTOINFO_TCP] = NESTED } };
static const struct shape tcp_shape = {
	{ [CTA_PROTOINFO_TCP_STATE] = 1,
	  [CTA_PROTOINFO_TCP_FLAGS_ORIGINAL] = sizeof(struct nf_ct_tcp_flags),
	  [CTA_PROTOINFO_TCP_FLAGS_REPLY] = sizeof(struct nf_ct_tcp_flags) }
};
static const struct shape counters_shape = {
	{ [CTA_COUNTERS_PACKETS] = 8, [CTA_COUNTERS_BYTES] = 8 }
};

static int sort(const struct nlattr *attribute, void *data)
{
	struct attributes *a = data;
	uint16_t type = mnl_attr_get_type(attribute);
	uint16_t size = type < MOST_TYPE ? a->shape->sizes[type] : 0;

	if (size == NESTED || (size != 0 && mnl_attr_get_payload_len(attribute) == size))
		a->slots[type] = attribute;
	return MNL_CB_OK;
}

static struct attributes inside(const struct nlattr *nest, const struct shape *shape)
{
	struct attributes a = { .shape = shape };

	if (nest != NULL)
		mnl_attr_parse_nested(nest, sort, &a);
	return a;
}

/* Attributes are aligned to 4 bytes alone. */
static uint64_t get_be64(const struct nlattr *attribute)
{
	uint64_t value = 0;

	if (attribute != NULL)
		memcpy(&value, mnl_attr_get_payload(attribute), sizeof(value));
	return be64toh(value);
}

static uint32_t get_be32(const struct nlattr *attribute)
{
	return attribute != NULL ? ntohl(mnl_attr_get_u32(attribute)) : 0;
}

static uint16_t get_be16(const struct nlattr *attribute)
{
	return attribute != NULL ? ntohs(mnl_attr_get_u16(attribute)) : 0;
}

static bool read_addresses(const struct nlattr *nest, struct bh_flow_key *key)
{
	struct attributes ip = inside(nest, &ip_shape);
	bool ipv4 = ip.slots[CTA_IP_V4_SRC] != NULL;
	const struct nlattr *src = ip.slots[ipv4 ? CTA_IP_V4_SRC : CTA_IP_V6_SRC];
	const struct nlattr *dst = ip.slots[ipv4 ? CTA_IP_V4_DST : CTA_IP_V6_DST];
	enum bh_family family = ipv4 ? BH_IPV4 : BH_IPV6;

	if (src == NULL || dst == NULL)
		return false;
	key->src = bh_addr_from_bytes(family, mnl_attr_get_payload(src));
	key->dst = bh_addr_from_bytes(family, mnl_attr_get_payload(dst));
	return true;
}

static bool has_ports(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
	       proto == IPPROTO_UDPLITE || proto == IPPROTO_DCCP;
}

/* Type and code where the port would stand; dport: of a request, else of its answer. */
static bool read_icmp(const struct attributes *proto, struct bh_flow_key *key)
{
	bool v6 = key->proto == IPPROTO_ICMPV6;
	const struct nlattr *type = proto->slots[v6 ? CTA_PROTO_ICMPV6_TYPE : CTA_PROTO_ICMP_TYPE];
	const struct nlattr *code = proto->slots[v6 ? CTA_PROTO_ICMPV6_CODE : CTA_PROTO_ICMP_CODE];

	if (type == NULL || code == NULL)
		return false;
	key->dport = (uint16_t)(mnl_attr_get_u8(type) << 8 | mnl_attr_get_u8(code));
	return true;
}

static bool read_tuple(const struct nlattr *nest, struct bh_flow_key *key)
{
	struct attributes tuple = inside(nest, &tuple_shape);
	struct attributes proto = inside(tuple.slots[CTA_TUPLE_PROTO], &proto_shape);

	*key = (struct bh_flow_key) { 0 };
	if (tuple.slots[CTA_TUPLE_ZONE] != NULL || proto.slots[CTA_PROTO_NUM] == NULL ||
	    !read_addresses(tuple.slots[CTA_TUPLE_IP], key))
		return false;
	key->proto = mnl_attr_get_u8(proto.slots[CTA_PROTO_NUM]);
	if (key->proto == IPPROTO_ICMP || key->proto == IPPROTO_ICMPV6)
		return read_icmp(&proto, key);
	if (!has_ports(key->proto)) /* GRE's key stands where others have ports */
		return true;
	key->sport = get_be16(proto.slots[CTA_PROTO_SRC_PORT]);
	key->dport = get_be16(proto.slots[CTA_PROTO_DST_PORT]);
	return true;
}

/* The answer's type says nothing that the request's does not, and flows go by the request's. */
static void turn_icmp(struct bh_tracked *t)
{
	if (t->original.proto != IPPROTO_ICMP && t->original.proto != IPPROTO_ICMPV6)
		return;
	t->reply.sport = t->original.dport;
	t->reply.dport = 0;
}

static bool is_liberal(const struct nlattr *flags)
{
	const struct nf_ct_tcp_flags *f = mnl_attr_get_payload(flags);

	return (f->flags & IP_CT_TCP_FLAG_BE_LIBERAL) != 0;
}

static enum bh_tracked_start read_start(const struct attributes *tcp)
{
	const struct nlattr *there = tcp->slots[CTA_PROTOINFO_TCP_FLAGS_ORIGINAL];
	const struct nlattr *back = tcp->slots[CTA_PROTOINFO_TCP_FLAGS_REPLY];

	if (there == NULL || back == NULL)
		return BH_TRACKED_START_UNSURE;
	return is_liberal(there) || is_liberal(back) ? BH_TRACKED_START_MISSED
						     : BH_TRACKED_START_SEEN;
}

static bool is_over(const struct attributes *tcp)
{
	const struct nlattr *state = tcp->slots[CTA_PROTOINFO_TCP_STATE];
	uint8_t now = state != NULL ? mnl_attr_get_u8(state) : (uint8_t)TCP_CONNTRACK_NONE;

	return now == TCP_CONNTRACK_TIME_WAIT || now == TCP_CONNTRACK_CLOSE;
}

static void read_tcp(const struct nlattr *nest, struct bh_tracked *t)
{
	struct attributes info = inside(nest, &protoinfo_shape);
	struct attributes tcp = inside(info.slots[CTA_PROTOINFO_TCP], &tcp_shape);

	t->start = (uint8_t)read_start(&tcp);
	t->over = is_over(&tcp);
}

static bool read_counters(const struct nlattr *nest, struct bh_tally *tally)
{
	struct attributes counters = inside(nest, &counters_shape);

	tally->packets = get_be64(counters.slots[CTA_COUNTERS_PACKETS]);
	tally->bytes = get_be64(counters.slots[CTA_COUNTERS_BYTES]);
	return counters.slots[CTA_COUNTERS_PACKETS] != NULL &&
	       counters.slots[CTA_COUNTERS_BYTES] != NULL;
}

static enum bh_tracked_news news_of(const struct nlmsghdr *message)
{
	if (NFNL_MSG_TYPE(message->nlmsg_type) == IPCTNL_MSG_CT_DELETE)
		return BH_TRACKED_ENDED;
	return (message->nlmsg_flags & (NLM_F_CREATE | NLM_F_EXCL)) != 0 ? BH_TRACKED_MADE
									 : BH_TRACKED_FOUND;
}

/* mnl_nlmsg_ok() takes lengths from 2^31 on for negative ones, and mnl_attr_parse() reads up to the
 * aligned end. */
static bool is_whole(const struct nlmsghdr *message, size_t length)
{
	return length >= sizeof(*message) && message->nlmsg_len >= sizeof(*message) &&
	       MNL_ALIGN((size_t)message->nlmsg_len) <= length;
}

static bool is_entry(const struct nlmsghdr *message)
{
	uint16_t type = NFNL_MSG_TYPE(message->nlmsg_type);

	return NFNL_SUBSYS_ID(message->nlmsg_type) == NFNL_SUBSYS_CTNETLINK &&
	       (type == IPCTNL_MSG_CT_NEW || type == IPCTNL_MSG_CT_DELETE) &&
	       mnl_nlmsg_get_payload_len(message) >= sizeof(struct nfgenmsg);
}

static void read_status(uint32_t status, struct bh_tracked *t)
{
	t->src_nat = (status & IPS_SRC_NAT) != 0;
	t->dst_nat = (status & IPS_DST_NAT) != 0;
	t->seen_reply = (status & IPS_SEEN_REPLY) != 0;
	t->assured = (status & IPS_ASSURED) != 0;
	t->expected = (status & IPS_EXPECTED) != 0;
}

bool bh_entry_read(const void *bytes, size_t length, struct bh_tracked *out)
{
	const struct nlmsghdr *message = bytes;
	struct attributes a = { .shape = &entry_shape };

	if (!is_whole(message, length) || !is_entry(message))
		return false;
	mnl_attr_parse(message, sizeof(struct nfgenmsg), sort, &a);
	*out = (struct bh_tracked) { .id = get_be32(a.slots[CTA_ID]),
				     .news = (uint8_t)news_of(message) };
	if (a.slots[CTA_ZONE] != NULL || !read_tuple(a.slots[CTA_TUPLE_ORIG], &out->original) ||
	    !read_tuple(a.slots[CTA_TUPLE_REPLY], &out->reply) ||
	    out->original.proto != out->reply.proto ||
	    out->original.src.family != out->reply.src.family)
		return false;
	turn_icmp(out);
	read_status(get_be32(a.slots[CTA_STATUS]), out);
	if (out->original.proto == IPPROTO_TCP)
		read_tcp(a.slots[CTA_PROTOINFO], out);
	bool there = read_counters(a.slots[CTA_COUNTERS_ORIG], &out->tx);
	out->counted = read_counters(a.slots[CTA_COUNTERS_REPLY], &out->rx) && there;
	return true;
}
