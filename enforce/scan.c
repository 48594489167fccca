/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables, chains, sets and rules are parsed by libnftnl; elements, of which there can be hundreds
 * of thousands, straight into records. */
#include "scan.h"

#include <arpa/inet.h>
#include <errno.h>
#include <libmnl/libmnl.h>
#include <libnftnl/chain.h>
#include <libnftnl/rule.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "grow.h"
#include "statement.h"

#define TRIES 20

struct scan {
	struct bh_netlink *nl;
	const struct bh_nft_touched *touched; /* NULL: everything */
	struct bh_nft_table *table;
	struct bh_nft_set *set;
	uint32_t generation;
};

static bool is_ours(const char *table)
{
	return table != NULL && strcmp(table, BH_NFT_TABLE) == 0;
}

/* --- generation, tables ----------------------------------------------------------------------- */

static int take_generation(const struct nlmsghdr *nlh, void *user)
{
	struct scan *scan = user;
	struct nlattr *attr;

	mnl_attr_for_each(attr, nlh,
			  sizeof(struct nfgenmsg)) if (mnl_attr_get_type(attr) == NFTA_GEN_ID &&
						       mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
		scan->generation = ntohl(mnl_attr_get_u32(attr));
	return 0;
}

static int read_generation(struct scan *scan)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, NFT_MSG_GETGEN, AF_UNSPEC, 0);

	return bh_netlink_ask(scan->nl, nlh, take_generation, scan);
}

int bh_nft_generation(struct bh_netlink *nl, uint32_t *generation)
{
	struct scan scan = { .nl = nl };
	int result = read_generation(&scan);

	*generation = scan.generation;
	return result;
}

static int take_table(const struct nlmsghdr *nlh, void *user)
{
	struct scan *scan = user;
	struct nftnl_table *t = nftnl_table_alloc();
	int result = t == NULL ? -ENOMEM : 0;

	if (result == 0 && nftnl_table_nlmsg_parse(nlh, t) != 0)
		result = -EINVAL;
	if (result == 0 && is_ours(nftnl_table_get_str(t, NFTNL_TABLE_NAME))) {
		scan->table->present = true;
		scan->table->flags = nftnl_table_get_u32(t, NFTNL_TABLE_FLAGS);
		scan->table->owner = nftnl_table_is_set(t, NFTNL_TABLE_OWNER)
					     ? nftnl_table_get_u32(t, NFTNL_TABLE_OWNER)
					     : 0;
	}
	nftnl_table_free(t);
	return result;
}

static int scan_table(struct scan *scan)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, NFT_MSG_GETTABLE, scan->table->family, 0);

	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, BH_NFT_TABLE);
	int result = bh_netlink_ask(scan->nl, nlh, take_table, scan);
	return result == -ENOENT ? 0 : result;
}

int bh_nft_scan_tables(struct bh_netlink *nl, struct bh_nft_state *state)
{
	int found = 0;

	for (size_t i = 0; i < BH_NFT_TABLES; i++) {
		struct scan scan = { .nl = nl, .table = &state->tables[i] };
		int result = scan_table(&scan);

		if (result != 0)
			return result;
		found += state->tables[i].present;
	}
	return found;
}

/* --- chains and rules ------------------------------------------------------------------------- */

static int take_chain(const struct nlmsghdr *nlh, void *user)
{
	struct scan *scan = user;
	struct nftnl_chain *c = nftnl_chain_alloc();
	int result = c == NULL ? -ENOMEM : 0;

	if (result == 0 && nftnl_chain_nlmsg_parse(nlh, c) != 0)
		result = -EINVAL;
	const char *name = result == 0 ? nftnl_chain_get_str(c, NFTNL_CHAIN_NAME) : NULL;
	if (name != NULL && is_ours(nftnl_chain_get_str(c, NFTNL_CHAIN_TABLE)) &&
	    bh_nft_table_chain(scan->table, name) == NULL) {
		struct bh_nft_chain *chain = bh_nft_table_add_chain(scan->table, name);

		chain->base = nftnl_chain_is_set(c, NFTNL_CHAIN_HOOKNUM);
		if (chain->base) {
			chain->hook = nftnl_chain_get_u32(c, NFTNL_CHAIN_HOOKNUM);
			chain->priority = nftnl_chain_get_s32(c, NFTNL_CHAIN_PRIO);
			chain->drops = nftnl_chain_get_u32(c, NFTNL_CHAIN_POLICY) == NF_DROP;
		}
	}
	nftnl_chain_free(c);
	return result;
}

static int take_rule(const struct nlmsghdr *nlh, void *user)
{
	struct scan *scan = user;
	struct nftnl_rule *r = nftnl_rule_alloc();
	struct bh_nft_chain *chain = NULL;
	int result = r == NULL ? -ENOMEM : 0;

	if (result == 0 && nftnl_rule_nlmsg_parse(nlh, r) != 0)
		result = -EINVAL;
	if (result == 0 && is_ours(nftnl_rule_get_str(r, NFTNL_RULE_TABLE)))
		chain = bh_nft_table_chain(scan->table, nftnl_rule_get_str(r, NFTNL_RULE_CHAIN));
	if (chain != NULL)
		bh_nft_chain_add_rule(chain)->signature = bh_rule_signature(r);
	nftnl_rule_free(r);
	return result;
}

/* --- sets ------------------------------------------------------------------------------------- */

static int has_counter(struct nftnl_expr *expr, void *found)
{
	(void)expr;
	*(bool *)found = true;
	return 0;
}

static void fill_set(struct bh_nft_set *set, const struct nftnl_set *s)
{
	uint32_t flags = nftnl_set_get_u32(s, NFTNL_SET_FLAGS);

	set->interval = flags & NFT_SET_INTERVAL;
	set->map = flags & NFT_SET_MAP;
	set->key_type = nftnl_set_get_u32(s, NFTNL_SET_KEY_TYPE);
	set->key_length = nftnl_set_get_u32(s, NFTNL_SET_KEY_LEN);
	nftnl_set_expr_foreach(s, has_counter, &set->counter);
	bh_nft_set_layout(set);
}

static int take_set(const struct nlmsghdr *nlh, void *user)
{
	struct scan *scan = user;
	struct nftnl_set *s = nftnl_set_alloc();
	int result = s == NULL ? -ENOMEM : 0;

	if (result == 0 && nftnl_set_nlmsg_parse(nlh, s) != 0)
		result = -EINVAL;
	const char *name = result == 0 ? nftnl_set_get_str(s, NFTNL_SET_NAME) : NULL;
	if (name != NULL && is_ours(nftnl_set_get_str(s, NFTNL_SET_TABLE)) &&
	    bh_nft_table_set(scan->table, name) == NULL)
		fill_set(bh_nft_table_add_set(scan->table, name), s);
	nftnl_set_free(s);
	return result;
}

/* The value inside NFTA_SET_ELEM_KEY or _KEY_END; NULL where it has another length than the set's.
 */
static const uint8_t *scan_value(const struct nlattr *nest, const struct bh_nft_set *set)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested(
		attr, nest) if (mnl_attr_get_type(attr) == NFTA_DATA_VALUE &&
				mnl_attr_get_payload_len(attr) ==
					set->key_length) return mnl_attr_get_payload(attr);
	return NULL;
}

/* The chain inside NFTA_SET_ELEM_DATA, where the verdict is to go there. */
static const char *element_target(const struct nlattr *nest)
{
	const struct nlattr *verdict, *attr;
	const char *chain = NULL;
	bool goes = false;

	mnl_attr_for_each_nested(verdict, nest)
	{
		if (mnl_attr_get_type(verdict) != NFTA_DATA_VERDICT)
			continue;
		mnl_attr_for_each_nested(attr, verdict)
		{
			uint16_t type = mnl_attr_get_type(attr);

			if (type == NFTA_VERDICT_CODE && mnl_attr_validate(attr, MNL_TYPE_U32) == 0)
				goes = (int32_t)ntohl(mnl_attr_get_u32(attr)) == NFT_GOTO;
			else if (type == NFTA_VERDICT_CHAIN &&
				 mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
				chain = mnl_attr_get_str(attr);
		}
	}
	return goes ? chain : NULL;
}

void bh_nft_scan_element(const struct nlattr *element, const struct bh_nft_set *set,
			 struct bh_scanned_element *out)
{
	const struct nlattr *attr;

	*out = (struct bh_scanned_element) { 0 };
	mnl_attr_for_each_nested(attr, element)
	{
		switch (mnl_attr_get_type(attr)) {
		case NFTA_SET_ELEM_KEY:
			out->key = scan_value(attr, set);
			break;
		case NFTA_SET_ELEM_KEY_END:
			out->end = scan_value(attr, set);
			break;
		case NFTA_SET_ELEM_DATA:
			out->target = element_target(attr);
			break;
		case NFTA_SET_ELEM_FLAGS:
			out->catchall = mnl_attr_validate(attr, MNL_TYPE_U32) == 0 &&
					(ntohl(mnl_attr_get_u32(attr)) & NFT_SET_ELEM_CATCHALL);
			break;
		case NFTA_SET_ELEM_EXPR:
			out->expression = attr;
			break;
		}
	}
}

static int take_element(const struct nlattr *element, struct bh_nft_set *set)
{
	struct bh_scanned_element parts;

	bh_nft_scan_element(element, set, &parts);
	set->catchall = set->catchall || parts.catchall;
	if (parts.key == NULL)
		return parts.catchall ? 0 : -EINVAL;
	bh_nft_set_add(set, parts.key, parts.end, parts.target);
	return 0;
}

int bh_nft_scan_elements(const struct nlmsghdr *message, struct bh_nft_set *set)
{
	const struct nlattr *list, *element;
	int result = 0;

	mnl_attr_for_each(list, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(element, list) if (result == 0) result =
			take_element(element, set);
	}
	return result;
}

static int take_elements(const struct nlmsghdr *nlh, void *user)
{
	return bh_nft_scan_elements(nlh, ((struct scan *)user)->set);
}

int bh_nft_ask_elements(struct bh_netlink *nl, uint8_t family, const char *set,
			int (*take)(const struct nlmsghdr *nlh, void *user), void *user)
{
	char buffer[512] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, NFT_MSG_GETSETELEM, family, NLM_F_DUMP);

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, BH_NFT_TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	return bh_netlink_ask(nl, nlh, take, user);
}

static int scan_elements(struct scan *scan)
{
	for (size_t i = 0; i < scan->table->set_count; i++) {
		scan->set = scan->table->sets[i];
		scan->set->unread = !bh_nft_touches(scan->touched, scan->set->name);
		if (scan->set->unread)
			continue;
		int result = bh_nft_ask_elements(scan->nl, scan->table->family, scan->set->name,
						 take_elements, scan);
		if (result != 0)
			return result;
		bh_nft_set_sort(scan->set);
	}
	return 0;
}

/* --- the whole -------------------------------------------------------------------------------- */

static int dump(struct scan *scan, uint16_t type, uint16_t table_attribute,
		int (*take)(const struct nlmsghdr *nlh, void *user))
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *nlh = bh_netlink_request(buffer, type, scan->table->family, NLM_F_DUMP);

	mnl_attr_put_strz(nlh, table_attribute, BH_NFT_TABLE);
	return bh_netlink_ask(scan->nl, nlh, take, scan);
}

static int scan_contents(struct scan *scan)
{
	int result = dump(scan, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE, take_chain);

	if (result == 0)
		result = dump(scan, NFT_MSG_GETRULE, NFTA_RULE_TABLE, take_rule);
	if (result == 0)
		result = dump(scan, NFT_MSG_GETSET, NFTA_SET_TABLE, take_set);
	if (result == 0)
		result = scan_elements(scan);
	return result;
}

static int scan_once(struct bh_netlink *nl, const struct bh_nft_touched *touched,
		     struct bh_nft_state *state, uint32_t *generation)
{
	struct scan scan = { .nl = nl, .touched = touched };
	int result = read_generation(&scan);

	*generation = scan.generation;
	for (size_t i = 0; result == 0 && i < BH_NFT_TABLES; i++) {
		scan.table = &state->tables[i];
		result = scan_table(&scan);
		if (result == 0 && scan.table->present)
			result = scan_contents(&scan);
	}
	if (result == 0)
		result = read_generation(&scan);
	return result == 0 && scan.generation != *generation ? -EINTR : result;
}

int bh_nft_scan(struct bh_netlink *nl, const struct bh_nft_touched *touched,
		struct bh_nft_state **state, uint32_t *generation, struct bh_error *err)
{
	int result = -EINTR;

	/* -ENOENT: a table went while it was being read. */
	for (int tries = 0; (result == -EINTR || result == -ENOENT) && tries < TRIES; tries++) {
		*state = bh_nft_state_new();
		result = scan_once(nl, touched, *state, generation);
		if (result == 0)
			return 0;
		bh_nft_state_free(*state);
		*state = NULL;
	}
	return bh_error_set(err, result, "reading the kernel's nftables: %s", strerror(-result));
}
