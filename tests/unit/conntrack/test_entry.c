/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What is read of one connection-tracking message. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <arpa/inet.h>
#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <netinet/in.h>
#include <string.h>

#include "address.h"
#include "entry.h"

/* One that is written as the kernel would. */
static struct nlmsghdr *begin(char buffer[1024], uint16_t type, uint16_t flags)
{
	struct nlmsghdr *m = mnl_nlmsg_put_header(buffer);

	m->nlmsg_type = (uint16_t)(NFNL_SUBSYS_CTNETLINK << 8 | type);
	m->nlmsg_flags = flags;
	struct nfgenmsg *head = mnl_nlmsg_put_extra_header(m, sizeof(*head));
	head->nfgen_family = AF_INET;
	return m;
}

static void put_addresses(struct nlmsghdr *m, const char *src, const char *dst)
{
	struct nlattr *ip = mnl_attr_nest_start(m, CTA_TUPLE_IP);

	mnl_attr_put_u32(m, CTA_IP_V4_SRC, inet_addr(src));
	mnl_attr_put_u32(m, CTA_IP_V4_DST, inet_addr(dst));
	mnl_attr_nest_end(m, ip);
}

static void put_ports(struct nlmsghdr *m, uint16_t type, uint8_t protocol, const char *src,
		      const char *dst, uint16_t sport, uint16_t dport)
{
	struct nlattr *tuple = mnl_attr_nest_start(m, type);

	put_addresses(m, src, dst);
	struct nlattr *proto = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(m, CTA_PROTO_NUM, protocol);
	mnl_attr_put_u16(m, CTA_PROTO_SRC_PORT, htons(sport));
	mnl_attr_put_u16(m, CTA_PROTO_DST_PORT, htons(dport));
	mnl_attr_nest_end(m, proto);
	mnl_attr_nest_end(m, tuple);
}

static void put_echo(struct nlmsghdr *m, uint16_t type, const char *src, const char *dst,
		     uint8_t icmp)
{
	struct nlattr *tuple = mnl_attr_nest_start(m, type);

	put_addresses(m, src, dst);
	struct nlattr *proto = mnl_attr_nest_start(m, CTA_TUPLE_PROTO);
	mnl_attr_put_u8(m, CTA_PROTO_NUM, IPPROTO_ICMP);
	mnl_attr_put_u16(m, CTA_PROTO_ICMP_ID, htons(7));
	mnl_attr_put_u8(m, CTA_PROTO_ICMP_TYPE, icmp);
	mnl_attr_put_u8(m, CTA_PROTO_ICMP_CODE, 0);
	mnl_attr_nest_end(m, proto);
	mnl_attr_nest_end(m, tuple);
}

static void put_tcp_flags(struct nlmsghdr *m, uint8_t flags)
{
	struct nf_ct_tcp_flags value = { flags, 0 };
	struct nlattr *info = mnl_attr_nest_start(m, CTA_PROTOINFO);
	struct nlattr *tcp = mnl_attr_nest_start(m, CTA_PROTOINFO_TCP);

	mnl_attr_put(m, CTA_PROTOINFO_TCP_FLAGS_ORIGINAL, sizeof(value), &value);
	mnl_attr_put(m, CTA_PROTOINFO_TCP_FLAGS_REPLY, sizeof(value), &value);
	mnl_attr_nest_end(m, tcp);
	mnl_attr_nest_end(m, info);
}

static void put_counters(struct nlmsghdr *m, uint16_t type, uint64_t packets, uint64_t bytes)
{
	struct nlattr *counters = mnl_attr_nest_start(m, type);

	mnl_attr_put_u64(m, CTA_COUNTERS_PACKETS, htobe64(packets));
	mnl_attr_put_u64(m, CTA_COUNTERS_BYTES, htobe64(bytes));
	mnl_attr_nest_end(m, counters);
}

/* 10.0.1.2:40000 → 192.0.2.1:8080, which is 10.0.2.3:80, by the gateway 10.0.2.1:41000. */
static void put_published(struct nlmsghdr *m)
{
	put_ports(m, CTA_TUPLE_ORIG, IPPROTO_TCP, "10.0.1.2", "192.0.2.1", 40000, 8080);
	put_ports(m, CTA_TUPLE_REPLY, IPPROTO_TCP, "10.0.2.3", "10.0.2.1", 80, 41000);
}

static bool is_at(const struct bh_addr *addr, const char *text)
{
	struct bh_addr other;

	return bh_addr_parse(text, &other) && bh_addr_equal(addr, &other);
}

static void both_tuples_and_all_that_is_said(void **state)
{
	_Alignas(8) char buffer[1024];
	struct nlmsghdr *m = begin(buffer, IPCTNL_MSG_CT_DELETE, 0);
	struct bh_tracked t;

	(void)state;
	put_published(m);
	mnl_attr_put_u32(m, CTA_ID, htonl(77));
	mnl_attr_put_u32(m, CTA_STATUS,
			 htonl(IPS_SRC_NAT | IPS_DST_NAT | IPS_SEEN_REPLY | IPS_ASSURED));
	put_counters(m, CTA_COUNTERS_ORIG, 5, 500);
	put_counters(m, CTA_COUNTERS_REPLY, UINT64_C(1) << 40, UINT64_C(1) << 50);
	assert_true(bh_entry_read(m, m->nlmsg_len, &t));
	assert_int_equal(t.id, 77);
	assert_int_equal(t.news, BH_TRACKED_ENDED);
	assert_true(is_at(&t.original.src, "10.0.1.2") && is_at(&t.original.dst, "192.0.2.1"));
	assert_true(is_at(&t.reply.src, "10.0.2.3") && is_at(&t.reply.dst, "10.0.2.1"));
	assert_int_equal(t.original.sport, 40000);
	assert_int_equal(t.original.dport, 8080);
	assert_int_equal(t.reply.sport, 80);
	assert_int_equal(t.reply.dport, 41000);
	assert_true(t.src_nat && t.dst_nat && t.seen_reply && t.assured && t.counted);
	assert_int_equal(t.start, BH_TRACKED_START_UNSURE);
	assert_int_equal(t.tx.bytes, 500);
	assert_int_equal(t.rx.packets, UINT64_C(1) << 40);
	assert_int_equal(t.rx.bytes, UINT64_C(1) << 50);
}

static void what_was_picked_up_midstream_is_known(void **state)
{
	static const struct {
		uint8_t flags;
		enum bh_tracked_start start;
	} cases[] = { { IP_CT_TCP_FLAG_WINDOW_SCALE, BH_TRACKED_START_SEEN },
		      { IP_CT_TCP_FLAG_SACK_PERM | IP_CT_TCP_FLAG_BE_LIBERAL,
			BH_TRACKED_START_MISSED } };

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		_Alignas(8) char buffer[1024];
		struct nlmsghdr *m = begin(buffer, IPCTNL_MSG_CT_NEW, NLM_F_CREATE | NLM_F_EXCL);
		struct bh_tracked t;

		put_published(m);
		put_tcp_flags(m, cases[i].flags);
		assert_true(bh_entry_read(m, m->nlmsg_len, &t));
		assert_int_equal(t.news, BH_TRACKED_MADE);
		assert_int_equal(t.start, cases[i].start);
		assert_false(t.counted);
	}
}

static void icmp_goes_by_the_request(void **state)
{
	_Alignas(8) char buffer[1024];
	struct nlmsghdr *m = begin(buffer, IPCTNL_MSG_CT_NEW, NLM_F_MULTI);
	struct bh_tracked t;

	(void)state;
	put_echo(m, CTA_TUPLE_ORIG, "10.0.1.2", "10.0.2.3", 8);
	put_echo(m, CTA_TUPLE_REPLY, "10.0.2.3", "10.0.1.2", 0);
	assert_true(bh_entry_read(m, m->nlmsg_len, &t));
	assert_int_equal(t.news, BH_TRACKED_FOUND);
	assert_int_equal(t.original.sport, 0);
	assert_int_equal(t.original.dport, 8 * 256);
	assert_int_equal(t.reply.sport, 8 * 256);
	assert_int_equal(t.reply.dport, 0);
}

/* A zone's addresses may be anybody's. */
static void zones_are_left_out(void **state)
{
	_Alignas(8) char buffer[1024];
	struct nlmsghdr *m = begin(buffer, IPCTNL_MSG_CT_NEW, 0);
	struct bh_tracked t;

	(void)state;
	put_published(m);
	assert_true(bh_entry_read(m, m->nlmsg_len, &t));
	mnl_attr_put_u16(m, CTA_ZONE, htons(5));
	assert_false(bh_entry_read(m, m->nlmsg_len, &t));
}

static void what_is_no_entry_is_refused(void **state)
{
	_Alignas(8) char buffer[1024];
	struct nlmsghdr *m = begin(buffer, IPCTNL_MSG_CT_NEW, 0);
	struct bh_tracked t;

	(void)state;
	put_ports(m, CTA_TUPLE_ORIG, IPPROTO_TCP, "10.0.1.2", "10.0.2.3", 1, 2);
	assert_false(bh_entry_read(m, m->nlmsg_len, &t)); /* no reply */
	put_ports(m, CTA_TUPLE_REPLY, IPPROTO_UDP, "10.0.2.3", "10.0.1.2", 2, 1);
	assert_false(bh_entry_read(m, m->nlmsg_len, &t)); /* of another protocol */
	m = begin(buffer, IPCTNL_MSG_CT_GET_STATS, 0);
	put_published(m);
	assert_false(bh_entry_read(m, m->nlmsg_len, &t));
	m = begin(buffer, IPCTNL_MSG_CT_NEW, 0);
	put_published(m);
	assert_false(bh_entry_read(m, m->nlmsg_len - 1, &t));
	size_t whole = m->nlmsg_len;
	m->nlmsg_len = (uint32_t)whole - 1; /* its attributes end in padding that is not there */
	assert_false(bh_entry_read(m, whole - 1, &t));
	m->nlmsg_len = 0x80000000;
	assert_false(bh_entry_read(m, whole, &t));
}

/* GRE's keys stand where others have ports. */
static void a_protocol_without_ports_has_none(void **state)
{
	_Alignas(8) char buffer[1024];
	struct nlmsghdr *m = begin(buffer, IPCTNL_MSG_CT_NEW, 0);
	struct bh_tracked t;

	(void)state;
	put_ports(m, CTA_TUPLE_ORIG, IPPROTO_GRE, "10.0.1.2", "10.0.2.3", 1, 2);
	put_ports(m, CTA_TUPLE_REPLY, IPPROTO_GRE, "10.0.2.3", "10.0.1.2", 2, 1);
	assert_true(bh_entry_read(m, m->nlmsg_len, &t));
	assert_int_equal(t.original.proto, IPPROTO_GRE);
	assert_int_equal(t.original.sport + t.original.dport + t.reply.sport + t.reply.dport, 0);
}

static void put_tcp_state(struct nlmsghdr *m, uint8_t tcp_state)
{
	struct nlattr *info = mnl_attr_nest_start(m, CTA_PROTOINFO);
	struct nlattr *tcp = mnl_attr_nest_start(m, CTA_PROTOINFO_TCP);

	mnl_attr_put_u8(m, CTA_PROTOINFO_TCP_STATE, tcp_state);
	mnl_attr_nest_end(m, tcp);
	mnl_attr_nest_end(m, info);
}

static void what_is_over_or_came_with_another_says_so(void **state)
{
	static const struct {
		uint8_t tcp_state;
		uint32_t status;
		bool over, expected;
	} cases[] = { { TCP_CONNTRACK_ESTABLISHED, 0, false, false },
		      { TCP_CONNTRACK_FIN_WAIT, 0, false, false },
		      { TCP_CONNTRACK_TIME_WAIT, 0, true, false },
		      { TCP_CONNTRACK_CLOSE, IPS_EXPECTED, true, true } };

	(void)state;
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		_Alignas(8) char buffer[1024];
		struct nlmsghdr *m = begin(buffer, IPCTNL_MSG_CT_NEW, 0);
		struct bh_tracked t;

		put_ports(m, CTA_TUPLE_ORIG, IPPROTO_TCP, "10.0.1.2", "10.0.2.3", 1, 2);
		put_ports(m, CTA_TUPLE_REPLY, IPPROTO_TCP, "10.0.2.3", "10.0.1.2", 2, 1);
		put_tcp_state(m, cases[i].tcp_state);
		mnl_attr_put_u32(m, CTA_STATUS, htonl(cases[i].status));
		assert_true(bh_entry_read(m, m->nlmsg_len, &t));
		assert_int_equal(t.over, cases[i].over);
		assert_int_equal(t.expected, cases[i].expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(both_tuples_and_all_that_is_said),
		cmocka_unit_test(what_was_picked_up_midstream_is_known),
		cmocka_unit_test(icmp_goes_by_the_request),
		cmocka_unit_test(zones_are_left_out),
		cmocka_unit_test(what_is_no_entry_is_refused),
		cmocka_unit_test(a_protocol_without_ports_has_none),
		cmocka_unit_test(what_is_over_or_came_with_another_says_so),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
