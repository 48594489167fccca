/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "commit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <stdio.h>
#include <libnftnl/expr.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/udata.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "statement.h"

#define ELEMENTS_ROOM 32768 /* bytes of one message; a nested attribute ends at 64 KiB */
#define USERDATA_ROOM 256
#define TYPE_VERDICT 0xffffff00u /* a map's data type, when it maps to verdicts */

/* nft's numbers for the expressions that typeof describes. */
enum { EXPR_VERDICT = 1, EXPR_PAYLOAD = 7, EXPR_META = 9, EXPR_CONCAT = 13 };
enum { BYTEORDER_NONE = 0, BYTEORDER_HOST = 1, BYTEORDER_NETWORK = 2 };

struct commit {
	struct bh_batch batch;
	const struct bh_diff *diff;
	char *buffer;	/* of one message */
	uint32_t *step; /* message number − 1 → index into steps */
	size_t capacity;
	uint32_t set_id;
	size_t at; /* the step that is being written */
};

static struct nlmsghdr *request(struct commit *c, uint16_t type, uint16_t flags)
{
	return bh_netlink_request(c->buffer, type, c->diff->steps[c->at].table->family, flags);
}

static void send_message(struct commit *c, const struct nlmsghdr *nlh)
{
	bh_batch_add(&c->batch, nlh);
	c->step = bh_grow(c->step, &c->capacity, c->batch.count, sizeof(*c->step));
	c->step[c->batch.count - 1] = (uint32_t)c->at;
}

/* --- tables and chains ------------------------------------------------------------------------ */

static void add_table(struct commit *c, const struct bh_step *step)
{
	struct nlmsghdr *nlh = request(c, NFT_MSG_NEWTABLE, NLM_F_CREATE);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, BH_NFT_TABLE);
	mnl_attr_put_u32(nlh, NFTA_TABLE_FLAGS, htonl(step->table->flags));
	send_message(c, nlh);
}

static void delete_table(struct commit *c)
{
	struct nlmsghdr *nlh = request(c, NFT_MSG_DELTABLE, 0);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, BH_NFT_TABLE);
	send_message(c, nlh);
}

static void put_hook(struct nlmsghdr *nlh, const struct bh_nft_chain *chain)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);

	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(chain->hook));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)chain->priority));
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
}

static void put_comment(struct nlmsghdr *nlh, const char *comment)
{
	struct nftnl_udata_buf *data = nftnl_udata_buf_alloc(USERDATA_ROOM);

	if (data == NULL)
		abort();
	nftnl_udata_put_strz(data, NFTNL_UDATA_CHAIN_COMMENT, comment);
	mnl_attr_put(nlh, NFTA_CHAIN_USERDATA, nftnl_udata_buf_len(data),
		     nftnl_udata_buf_data(data));
	nftnl_udata_buf_free(data);
}

static void add_chain(struct commit *c, const struct bh_step *step)
{
	struct nlmsghdr *nlh = request(c, NFT_MSG_NEWCHAIN, NLM_F_CREATE | NLM_F_EXCL);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, BH_NFT_TABLE);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, step->chain->name);
	if (step->chain->base)
		put_hook(nlh, step->chain);
	if (step->chain->comment[0] != '\0')
		put_comment(nlh, step->chain->comment);
	send_message(c, nlh);
}

static void delete_chain(struct commit *c, const struct bh_step *step)
{
	struct nlmsghdr *nlh = request(c, NFT_MSG_DELCHAIN, 0);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, BH_NFT_TABLE);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, step->chain->name);
	send_message(c, nlh);
}

static void flush_chain(struct commit *c, const struct bh_step *step)
{
	struct nlmsghdr *nlh = request(c, NFT_MSG_DELRULE, 0);

	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, BH_NFT_TABLE);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, step->chain->name);
	send_message(c, nlh);
}

static void add_rules(struct commit *c, const struct bh_step *step)
{
	for (size_t i = 0; i < step->chain->rule_count; i++) {
		struct nlmsghdr *nlh = request(c, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);
		struct nftnl_rule *rule = bh_rule_build(step->table->family, step->chain->name,
							&step->chain->rules[i]);

		nftnl_rule_nlmsg_build_payload(nlh, rule);
		nftnl_rule_free(rule);
		send_message(c, nlh);
	}
}

/* --- sets ------------------------------------------------------------------------------------- */

/* How nft describes one field that a set's key is "typeof". */
static void put_typeof_field(struct nftnl_udata_buf *data, enum bh_field field)
{
	const struct bh_field_info *info = bh_field_info(field);
	bool meta = info->source == BH_SOURCE_META;

	nftnl_udata_put_u32(data, NFTNL_UDATA_SET_TYPEOF_EXPR, meta ? EXPR_META : EXPR_PAYLOAD);
	struct nftnl_udata *nest = nftnl_udata_nest_start(data, NFTNL_UDATA_SET_TYPEOF_DATA);
	if (meta) {
		nftnl_udata_put_u32(data, 0, info->key);
	} else {
		nftnl_udata_put_u32(data, 0, info->typeof_protocol);
		nftnl_udata_put_u32(data, 1, info->typeof_field);
	}
	if (!meta && info->typeof_protocol == 0) {
		nftnl_udata_put_u32(data, 2, info->key + 1u); /* nft counts from an invalid base */
		nftnl_udata_put_u32(data, 3, info->offset * 8u);
		nftnl_udata_put_u32(data, 4, info->length * 8u);
	}
	nftnl_udata_nest_end(data, nest);
}

static void put_typeof(struct nftnl_udata_buf *data, const struct bh_nft_set *set)
{
	struct nftnl_udata *key = nftnl_udata_nest_start(data, NFTNL_UDATA_SET_KEY_TYPEOF);

	if (set->field_count == 1) {
		put_typeof_field(data, set->fields[0]);
	} else {
		nftnl_udata_put_u32(data, NFTNL_UDATA_SET_TYPEOF_EXPR, EXPR_CONCAT);
		struct nftnl_udata *all = nftnl_udata_nest_start(data, NFTNL_UDATA_SET_TYPEOF_DATA);
		for (uint8_t i = 0; i < set->field_count; i++) {
			struct nftnl_udata *one = nftnl_udata_nest_start(data, i);

			put_typeof_field(data, set->fields[i]);
			nftnl_udata_nest_end(data, one);
		}
		nftnl_udata_nest_end(data, all);
	}
	nftnl_udata_nest_end(data, key);
	if (!set->map)
		return;
	struct nftnl_udata *value = nftnl_udata_nest_start(data, NFTNL_UDATA_SET_DATA_TYPEOF);
	nftnl_udata_put_u32(data, NFTNL_UDATA_SET_TYPEOF_EXPR, EXPR_VERDICT);
	nftnl_udata_nest_end(data, nftnl_udata_nest_start(data, NFTNL_UDATA_SET_TYPEOF_DATA));
	nftnl_udata_nest_end(data, value);
}

/* Without this nft would not know how to print the keys. */
static void put_set_userdata(struct nftnl_set *s, const struct bh_nft_set *set)
{
	struct nftnl_udata_buf *data = nftnl_udata_buf_alloc(USERDATA_ROOM);
	uint32_t byteorder = BYTEORDER_NONE;

	if (data == NULL)
		abort();
	if (set->field_count == 1)
		byteorder = bh_field_info(set->fields[0])->source == BH_SOURCE_PAYLOAD
				    ? BYTEORDER_NETWORK
				    : BYTEORDER_HOST;
	nftnl_udata_put_u32(data, NFTNL_UDATA_SET_KEYBYTEORDER, byteorder);
	if (set->map)
		nftnl_udata_put_u32(data, NFTNL_UDATA_SET_DATABYTEORDER, BYTEORDER_NONE);
	if (bh_nft_set_is_raw(set))
		put_typeof(data, set);
	nftnl_set_set_data(s, NFTNL_SET_USERDATA, nftnl_udata_buf_data(data),
			   nftnl_udata_buf_len(data));
	nftnl_udata_buf_free(data);
}

static void describe_intervals(struct nftnl_set *s, const struct bh_nft_set *set)
{
	uint8_t lengths[BH_NFT_FIELDS];

	for (uint8_t i = 0; i < set->field_count; i++)
		lengths[i] = bh_field_info(set->fields[i])->length;
	nftnl_set_set_data(s, NFTNL_SET_DESC_CONCAT, lengths, set->field_count);
}

static void add_set(struct commit *c, const struct bh_step *step)
{
	const struct bh_nft_set *set = step->set;
	struct nlmsghdr *nlh = request(c, NFT_MSG_NEWSET, NLM_F_CREATE | NLM_F_EXCL);
	struct nftnl_set *s = nftnl_set_alloc();
	uint32_t flags = (set->interval ? NFT_SET_INTERVAL | NFT_SET_CONCAT : 0u) |
			 (set->map ? NFT_SET_MAP : 0u);

	if (s == NULL)
		abort();
	nftnl_set_set_str(s, NFTNL_SET_TABLE, BH_NFT_TABLE);
	nftnl_set_set_str(s, NFTNL_SET_NAME, set->name);
	nftnl_set_set_u32(s, NFTNL_SET_FLAGS, flags);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_TYPE, set->key_type);
	nftnl_set_set_u32(s, NFTNL_SET_KEY_LEN, (uint32_t)set->key_length);
	nftnl_set_set_u32(s, NFTNL_SET_ID, ++c->set_id);
	if (set->map) {
		nftnl_set_set_u32(s, NFTNL_SET_DATA_TYPE, TYPE_VERDICT);
		nftnl_set_set_u32(s, NFTNL_SET_DATA_LEN, 0);
	}
	if (set->interval)
		describe_intervals(s, set);
	if (set->counter)
		nftnl_set_add_expr(s, nftnl_expr_alloc("counter"));
	put_set_userdata(s, set);
	nftnl_set_nlmsg_build_payload(nlh, s);
	nftnl_set_free(s);
	send_message(c, nlh);
}

static void delete_set(struct commit *c, const struct bh_step *step)
{
	struct nlmsghdr *nlh = request(c, NFT_MSG_DELSET, 0);

	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, BH_NFT_TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, step->set->name);
	send_message(c, nlh);
}

/* --- elements --------------------------------------------------------------------------------- */

static void put_value(struct nlmsghdr *nlh, uint16_t type, const void *value, size_t length)
{
	struct nlattr *nest = mnl_attr_nest_start(nlh, type);

	mnl_attr_put(nlh, NFTA_DATA_VALUE, length, value);
	mnl_attr_nest_end(nlh, nest);
}

static void put_target(struct nlmsghdr *nlh, const char *chain)
{
	struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(nlh, NFTA_VERDICT_CODE, htonl((uint32_t)NFT_GOTO));
	mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, chain);
	mnl_attr_nest_end(nlh, verdict);
	mnl_attr_nest_end(nlh, data);
}

static void put_element(struct nlmsghdr *nlh, const struct bh_nft_set *set, const uint8_t *record,
			bool adding)
{
	struct nlattr *element = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	const uint8_t *end = bh_nft_record_end(set, record);

	put_value(nlh, NFTA_SET_ELEM_KEY, record, set->key_length);
	if (end != NULL)
		put_value(nlh, NFTA_SET_ELEM_KEY_END, end, set->key_length);
	if (set->map && adding)
		put_target(nlh, bh_nft_record_target(set, record));
	mnl_attr_nest_end(nlh, element);
}

static void change_elements(struct commit *c, const struct bh_step *step, bool adding)
{
	for (size_t i = 0; i < step->count;) {
		struct nlmsghdr *nlh = request(c, adding ? NFT_MSG_NEWSETELEM : NFT_MSG_DELSETELEM,
					       adding ? NLM_F_CREATE | NLM_F_EXCL : 0);

		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, BH_NFT_TABLE);
		mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, step->set->name);
		struct nlattr *list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
		while (i < step->count && nlh->nlmsg_len < ELEMENTS_ROOM)
			put_element(nlh, step->set, bh_step_record(step, i++), adding);
		mnl_attr_nest_end(nlh, list);
		send_message(c, nlh);
	}
}

/* --- the whole -------------------------------------------------------------------------------- */

static void write_step(struct commit *c, const struct bh_step *step)
{
	switch (step->kind) {
	case BH_STEP_DELETE_TABLE:
		delete_table(c);
		break;
	case BH_STEP_ADD_TABLE:
		add_table(c, step);
		break;
	case BH_STEP_ADD_CHAIN:
		add_chain(c, step);
		break;
	case BH_STEP_ADD_SET:
		add_set(c, step);
		break;
	case BH_STEP_FLUSH_CHAIN:
		flush_chain(c, step);
		break;
	case BH_STEP_DELETE_ELEMENTS:
		change_elements(c, step, false);
		break;
	case BH_STEP_ADD_ELEMENTS:
		change_elements(c, step, true);
		break;
	case BH_STEP_ADD_RULES:
		add_rules(c, step);
		break;
	case BH_STEP_DELETE_SET:
		delete_set(c, step);
		break;
	case BH_STEP_DELETE_CHAIN:
		delete_chain(c, step);
		break;
	}
}

static const char *advice(int code)
{
	switch (code) {
	case -EPERM:
		return "; another process owns the table, or CAP_NET_ADMIN is missing";
	case -EOPNOTSUPP:
		return "; the kernel cannot do this";
	case -EMSGSIZE:
		return "; the change is too large for one transaction: raise net.core.wmem_max";
	case -ENOBUFS:
	case -ENOMEM:
		return "; the kernel has not enough memory for it";
	}
	return "";
}

static int explain(const struct commit *c, int code, uint32_t failed, struct bh_error *err)
{
	char where[256] = "nftables transaction";

	if (failed > 0 && failed <= c->batch.count)
		bh_step_text(&c->diff->steps[c->step[failed - 1]], where, sizeof(where));
	return bh_error_set(err, code, "%s: %s%s; nothing was changed", where, strerror(-code),
			    advice(code));
}

int bh_nft_commit(struct bh_netlink *nl, const struct bh_diff *diff, uint32_t generation,
		  struct bh_error *err)
{
	struct commit c = { .diff = diff };
	uint32_t failed = 0;

	if (diff->count == 0)
		return 0;
	c.buffer = bh_resize(NULL, BH_NETLINK_MESSAGE, 1);
	bh_batch_begin(&c.batch, generation);
	for (c.at = 0; c.at < diff->count; c.at++)
		write_step(&c, &diff->steps[c.at]);
	int result = c.batch.count == 0 ? 0 : bh_batch_send(nl, &c.batch, &failed);
	if (result != 0)
		explain(&c, result, failed, err);
	bh_batch_free(&c.batch);
	free(c.step);
	free(c.buffer);
	return result;
}
