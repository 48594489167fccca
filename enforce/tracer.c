/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tracer.h"

#include <arpa/inet.h>
#include <endian.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/udata.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "grow.h"
#include "netlink.h"
#include "news.h"
#include "own_table.h"
#include "statement.h"

#define RECEIVE_BUFFER (4 << 20)
#define READ_ROOM (64u << 10)
#define READS 64
#define BEFORE_ALL INT16_MIN /* the chains' priority */

static const uint8_t families[] = { NFPROTO_INET, NFPROTO_BRIDGE };

struct bh_tracer {
	struct bh_netlink *netlink; /* the tables' owner */
	struct mnl_socket *socket;  /* that listens */
	char *buffer;
};

/* --- reading a step --------------------------------------------------------------------------- */

static void copy_name(char out[BH_TRACE_NAME], const struct nlattr *attr)
{
	if (mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
		bh_news_copy(out, BH_TRACE_NAME, mnl_attr_get_str(attr),
			     strlen(mnl_attr_get_str(attr)));
}

static uint32_t number_of(const struct nlattr *attr)
{
	return mnl_attr_validate(attr, MNL_TYPE_U32) == 0 ? ntohl(mnl_attr_get_u32(attr)) : 0;
}

static uint8_t copy_bytes(uint8_t *out, size_t room, const struct nlattr *attr)
{
	size_t length = mnl_attr_get_payload_len(attr);

	length = length < room ? length : room;
	memcpy(out, mnl_attr_get_payload(attr), length);
	return (uint8_t)length;
}

static void take_verdict(struct bh_trace_step *step, const struct nlattr *nest)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(attr, nest)
	{
		if (mnl_attr_get_type(attr) == NFTA_VERDICT_CODE)
			step->verdict = (int32_t)number_of(attr);
		else if (mnl_attr_get_type(attr) == NFTA_VERDICT_CHAIN)
			copy_name(step->target, attr);
	}
}

static void take_attribute(struct bh_trace_step *step, const struct nlattr *attr)
{
	switch (mnl_attr_get_type(attr)) {
	case NFTA_TRACE_ID:
		step->id = number_of(attr);
		break;
	case NFTA_TRACE_TYPE:
		step->kind = (uint8_t)number_of(attr);
		break;
	case NFTA_TRACE_TABLE:
		copy_name(step->table, attr);
		break;
	case NFTA_TRACE_CHAIN:
		copy_name(step->chain, attr);
		break;
	case NFTA_TRACE_RULE_HANDLE:
		if (mnl_attr_validate(attr, MNL_TYPE_U64) == 0)
			step->handle = be64toh(mnl_attr_get_u64(attr));
		break;
	case NFTA_TRACE_VERDICT:
		take_verdict(step, attr);
		break;
	case NFTA_TRACE_POLICY:
		step->verdict = (int32_t)number_of(attr);
		break;
	case NFTA_TRACE_NETWORK_HEADER:
		step->network_length = copy_bytes(step->network, sizeof(step->network), attr);
		break;
	case NFTA_TRACE_TRANSPORT_HEADER:
		step->transport_length = copy_bytes(step->transport, sizeof(step->transport), attr);
		break;
	}
}

bool bh_trace_read(const struct nlmsghdr *message, struct bh_trace_step *step)
{
	const struct nlattr *attr;

	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    NFNL_MSG_TYPE(message->nlmsg_type) != NFT_MSG_TRACE ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return false;
	*step = (struct bh_trace_step) { .verdict = NFT_CONTINUE };
	step->family = ((const struct nfgenmsg *)mnl_nlmsg_get_payload(message))->nfgen_family;
	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		take_attribute(step, attr);
	}
	return step->kind >= BH_TRACE_POLICY && step->kind <= BH_TRACE_RULE;
}

/* --- the tables that mark --------------------------------------------------------------------- */

struct marking {
	struct bh_own_table own;
	const struct bh_trace_filter *filter;
};

static void match_address(struct bh_nft_rule *rule, const struct bh_addr *addr, bool source)
{
	if (addr->family == BH_IPV4)
		bh_rule_equal(rule, source ? BH_FIELD_IP_SADDR : BH_FIELD_IP_DADDR, addr->bytes);
	else
		bh_rule_equal(rule, source ? BH_FIELD_IP6_SADDR : BH_FIELD_IP6_DADDR, addr->bytes);
}

/* Who sends, and goes on to that chain. */
static void add_senders(struct marking *m, const char *chain, const struct bh_addr *addrs,
			uint32_t count, const char *next)
{
	for (uint32_t i = 0; i < count || i == 0; i++) {
		struct bh_nft_rule rule = { 0 };

		if (count > 0)
			match_address(&rule, &addrs[i], true);
		bh_rule_jump(&rule, next);
		bh_own_table_add_rule(&m->own, chain, &rule);
	}
}

static void match_protocol(struct bh_nft_rule *rule, const struct bh_trace_filter *filter,
			   enum bh_field port)
{
	if (filter->proto != 0)
		bh_rule_number(rule, BH_FIELD_L4PROTO, filter->proto);
	if (filter->proto != 0 && filter->port != 0)
		bh_rule_number(rule, port, filter->port);
}

/* Who receives, by which protocol and port: it is marked. */
static void add_receivers(struct marking *m, const char *chain, const struct bh_addr *addrs,
			  uint32_t count, enum bh_field port)
{
	for (uint32_t i = 0; i < count || i == 0; i++) {
		struct bh_nft_rule rule = { 0 };

		if (count > 0)
			match_address(&rule, &addrs[i], false);
		match_protocol(&rule, m->filter, port);
		bh_rule_goto(&rule, "mark");
		bh_own_table_add_rule(&m->own, chain, &rule);
	}
}

static struct nftnl_expr *add_expression(struct nftnl_rule *rule, const char *name)
{
	struct nftnl_expr *e = nftnl_expr_alloc(name);

	if (e == NULL)
		abort();
	nftnl_rule_add_expr(rule, e);
	return e;
}

/* limit rate …/second meta nftrace set 1 */
static void add_mark(struct marking *m)
{
	const struct bh_nft_rule nothing = { 0 };
	const uint8_t on = 1;
	struct nftnl_rule *rule = bh_rule_build(m->own.family, "mark", &nothing);

	struct nftnl_expr *limit = add_expression(rule, "limit");
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_RATE, BH_TRACE_PACKETS);
	nftnl_expr_set_u64(limit, NFTNL_EXPR_LIMIT_UNIT, 1);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_BURST, BH_TRACE_PACKETS);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_TYPE, NFT_LIMIT_PKTS);
	nftnl_expr_set_u32(limit, NFTNL_EXPR_LIMIT_FLAGS, 0);
	struct nftnl_expr *value = add_expression(rule, "immediate");
	nftnl_expr_set_u32(value, NFTNL_EXPR_IMM_DREG, NFT_REG_1);
	nftnl_expr_set_data(value, NFTNL_EXPR_IMM_DATA, &on, sizeof(on));
	struct nftnl_expr *meta = add_expression(rule, "meta");
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_KEY, NFT_META_NFTRACE);
	nftnl_expr_set_u32(meta, NFTNL_EXPR_META_SREG, NFT_REG_1);
	bh_own_table_add_built(&m->own, rule);
}

static void add_family(struct marking *m, uint8_t family)
{
	static const struct {
		const char *name;
		uint32_t hook;
	} bases[] = { { "prerouting", NF_INET_PRE_ROUTING }, { "output", NF_INET_LOCAL_OUT } };
	static const char *const chains[] = { "mark", "there", "back" };
	const struct bh_trace_filter *f = m->filter;

	bh_own_table_add(&m->own, family);
	for (size_t i = 0; i < sizeof(chains) / sizeof(chains[0]); i++)
		bh_own_table_add_chain(&m->own, chains[i]);
	add_mark(m);
	for (size_t i = 0; i < sizeof(bases) / sizeof(bases[0]); i++) {
		bh_own_table_add_base(&m->own, bases[i].name, bases[i].hook, BEFORE_ALL);
		add_senders(m, bases[i].name, f->src, f->src_count, "there");
		add_senders(m, bases[i].name, f->dst, f->dst_count, "back");
	}
	add_receivers(m, "there", f->dst, f->dst_count, BH_FIELD_TH_DPORT);
	add_receivers(m, "back", f->src, f->src_count, BH_FIELD_TH_SPORT);
}

static int mark(struct bh_netlink *netlink, const struct bh_trace_filter *filter,
		struct bh_error *err)
{
	struct marking m = { .filter = filter };

	bh_own_table_begin(&m.own, BH_TRACE_TABLE);
	for (size_t i = 0; i < sizeof(families); i++)
		add_family(&m, families[i]);
	int result = bh_own_table_send(&m.own, netlink);
	if (result != 0)
		bh_error_set(err, result, "table %s: %s%s", BH_TRACE_TABLE, strerror(-result),
			     result == -EOPNOTSUPP ? "; tracing needs Linux 5.12"
			     : result == -EPERM	   ? "; somebody else traces with it"
						   : "");
	return result;
}

/* --- listening -------------------------------------------------------------------------------- */

static int listen_to(struct bh_tracer *tracer, struct bh_error *err)
{
	int group = NFNLGRP_NFTRACE, bytes = RECEIVE_BUFFER;

	tracer->socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	if (tracer->socket == NULL || mnl_socket_bind(tracer->socket, 0, MNL_SOCKET_AUTOPID) != 0 ||
	    mnl_socket_setsockopt(tracer->socket, NETLINK_ADD_MEMBERSHIP, &group, sizeof(group)) !=
		    0)
		return bh_error_set(err, -errno, "netlink socket for traces: %s", strerror(errno));
	int fd = mnl_socket_get_fd(tracer->socket);
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof(bytes)) != 0)
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
	return 0;
}

struct bh_tracer *bh_tracer_open(const struct bh_trace_filter *filter, struct bh_error *err)
{
	struct bh_tracer *tracer = bh_calloc(1, sizeof(*tracer));

	tracer->buffer = bh_calloc(1, READ_ROOM);
	tracer->netlink = bh_netlink_open(err);
	if (tracer->netlink != NULL && listen_to(tracer, err) == 0 &&
	    mark(tracer->netlink, filter, err) == 0)
		return tracer;
	bh_tracer_close(tracer);
	return NULL;
}

void bh_tracer_close(struct bh_tracer *tracer)
{
	if (tracer == NULL)
		return;
	bh_netlink_close(tracer->netlink);
	if (tracer->socket != NULL)
		mnl_socket_close(tracer->socket);
	free(tracer->buffer);
	free(tracer);
}

int bh_tracer_fd(const struct bh_tracer *tracer)
{
	return mnl_socket_get_fd(tracer->socket);
}

static void take_datagram(struct bh_tracer *tracer, int left,
			  void (*step)(void *user, const struct bh_trace_step *step), void *user)
{
	const struct nlmsghdr *nlh = (const struct nlmsghdr *)(const void *)tracer->buffer;
	struct bh_trace_step one;

	for (; mnl_nlmsg_ok(nlh, left); nlh = mnl_nlmsg_next(nlh, &left))
		if (bh_trace_read(nlh, &one) && strcmp(one.table, BH_TRACE_TABLE) != 0)
			step(user, &one);
}

int bh_tracer_read(struct bh_tracer *tracer,
		   void (*step)(void *user, const struct bh_trace_step *step), void *user)
{
	int fd = mnl_socket_get_fd(tracer->socket);

	for (int i = 0; i < READS; i++) {
		ssize_t got = recv(fd, tracer->buffer, READ_ROOM, MSG_DONTWAIT);

		if (got > 0)
			take_datagram(tracer, (int)got, step, user);
		else if (got == 0 || errno == EAGAIN)
			break;
		else if (errno != EINTR)
			return -errno;
	}
	return 0;
}

/* --- rules ------------------------------------------------------------------------------------ */

static int take_comment(const struct nftnl_udata *attr, void *user)
{
	struct bh_trace_rule *rule = user;

	if (nftnl_udata_type(attr) == NFTNL_UDATA_RULE_COMMENT)
		bh_news_copy(rule->comment, sizeof(rule->comment), nftnl_udata_get(attr),
			     strnlen(nftnl_udata_get(attr), nftnl_udata_len(attr)));
	return 0;
}

static int take_rule(const struct nlmsghdr *nlh, void *user)
{
	struct bh_trace_rule *rule = user;
	struct nftnl_rule *r = nftnl_rule_alloc();
	uint32_t length;
	int result = r == NULL ? -ENOMEM : nftnl_rule_nlmsg_parse(nlh, r) != 0 ? -EINVAL : 0;

	if (result == 0) {
		char *text = bh_rule_signature(r);
		const void *data = nftnl_rule_get_data(r, NFTNL_RULE_USERDATA, &length);

		bh_news_copy(rule->text, sizeof(rule->text), text, strlen(text));
		if (data != NULL)
			nftnl_udata_parse(data, length, take_comment, rule);
		free(text);
	}
	nftnl_rule_free(r);
	return result;
}

int bh_tracer_rule(struct bh_tracer *tracer, const struct bh_trace_step *step,
		   struct bh_trace_rule *rule)
{
	char buffer[512] __attribute__((aligned(8)));

	*rule = (struct bh_trace_rule) { .family = step->family, .handle = step->handle };
	memcpy(rule->table, step->table, sizeof(rule->table));
	memcpy(rule->chain, step->chain, sizeof(rule->chain));
	if (step->kind != BH_TRACE_RULE || step->handle == 0)
		return -ENOENT;
	struct nlmsghdr *nlh = bh_netlink_request(buffer, NFT_MSG_GETRULE, step->family, 0);
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, step->table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, step->chain);
	mnl_attr_put_u64(nlh, NFTA_RULE_HANDLE, htobe64(step->handle));
	return bh_netlink_ask(tracer->netlink, nlh, take_rule, rule);
}
