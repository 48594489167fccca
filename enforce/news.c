/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "news.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "grow.h"

/* Where a message of that type names its table, and the chain or set; 0: it has none. */
struct form {
	uint8_t kind; /* enum bh_news_kind */
	bool removes;
	uint16_t table, place;
};

static const struct form forms[NFT_MSG_MAX] = {
	[NFT_MSG_NEWTABLE] = { BH_NEWS_TABLE, false, NFTA_TABLE_NAME, 0 },
	[NFT_MSG_DELTABLE] = { BH_NEWS_TABLE, true, NFTA_TABLE_NAME, 0 },
	[NFT_MSG_NEWCHAIN] = { BH_NEWS_CHAIN, false, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME },
	[NFT_MSG_DELCHAIN] = { BH_NEWS_CHAIN, true, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME },
	[NFT_MSG_NEWRULE] = { BH_NEWS_RULE, false, NFTA_RULE_TABLE, NFTA_RULE_CHAIN },
	[NFT_MSG_DELRULE] = { BH_NEWS_RULE, true, NFTA_RULE_TABLE, NFTA_RULE_CHAIN },
	[NFT_MSG_NEWSET] = { BH_NEWS_SET, false, NFTA_SET_TABLE, NFTA_SET_NAME },
	[NFT_MSG_DELSET] = { BH_NEWS_SET, true, NFTA_SET_TABLE, NFTA_SET_NAME },
	[NFT_MSG_NEWSETELEM] = { BH_NEWS_ELEMENT, false, NFTA_SET_ELEM_LIST_TABLE,
				 NFTA_SET_ELEM_LIST_SET },
	[NFT_MSG_DELSETELEM] = { BH_NEWS_ELEMENT, true, NFTA_SET_ELEM_LIST_TABLE,
				 NFTA_SET_ELEM_LIST_SET },
	[NFT_MSG_NEWOBJ] = { BH_NEWS_OTHER, false, NFTA_OBJ_TABLE, NFTA_OBJ_NAME },
	[NFT_MSG_DELOBJ] = { BH_NEWS_OTHER, true, NFTA_OBJ_TABLE, NFTA_OBJ_NAME },
	[NFT_MSG_NEWFLOWTABLE] = { BH_NEWS_OTHER, false, NFTA_FLOWTABLE_TABLE,
				   NFTA_FLOWTABLE_NAME },
	[NFT_MSG_DELFLOWTABLE] = { BH_NEWS_OTHER, true, NFTA_FLOWTABLE_TABLE, NFTA_FLOWTABLE_NAME },
};

static const struct nlattr *attribute(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each(attr, message, sizeof(struct nfgenmsg))
	{
		if (type != 0 && mnl_attr_get_type(attr) == type)
			return attr;
	}
	return NULL;
}

static const char *text_of(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr = attribute(message, type);

	return attr != NULL && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0
		       ? mnl_attr_get_str(attr)
		       : NULL;
}

static uint32_t number_of(const struct nlmsghdr *message, uint16_t type)
{
	const struct nlattr *attr = attribute(message, type);

	return attr != NULL && mnl_attr_validate(attr, MNL_TYPE_U32) == 0
		       ? ntohl(mnl_attr_get_u32(attr))
		       : 0;
}

void bh_news_copy(char *out, size_t size, const char *bytes, size_t length)
{
	size_t at = 0;

	for (; at < length && at < size - 1; at++)
		out[at] = bytes[at] >= ' ' && bytes[at] <= '~' ? bytes[at] : '?';
	out[at] = '\0';
}

static bool is_ours(uint8_t family, const char *table)
{
	return (family == NFPROTO_INET || family == NFPROTO_BRIDGE) && table != NULL &&
	       strcmp(table, BH_NFT_TABLE) == 0;
}

static void take_change(struct bh_nft_news *news, const struct nlmsghdr *message,
			const struct form *form)
{
	const struct nfgenmsg *head = mnl_nlmsg_get_payload(message);
	const char *place = text_of(message, form->place);

	if (!is_ours(head->nfgen_family, text_of(message, form->table)))
		return;
	if (!news->touches_us)
		news->family = head->nfgen_family;
	news->touches_us = true;
	(form->removes ? news->removed : news->made)[form->kind]++;
	if (place == NULL)
		return;
	if (news->place[0] == '\0')
		bh_news_copy(news->place, sizeof(news->place), place, strlen(place));
	if (form->kind == BH_NEWS_SET || form->kind == BH_NEWS_ELEMENT)
		bh_nft_touch(&news->touched, place);
}

static void take_end(struct bh_nft_news *news, const struct nlmsghdr *message)
{
	const char *process = text_of(message, NFTA_GEN_PROC_NAME);

	news->generation = number_of(message, NFTA_GEN_ID);
	news->pid = number_of(message, NFTA_GEN_PROC_PID);
	if (process != NULL)
		bh_news_copy(news->process, sizeof(news->process), process, strlen(process));
}

bool bh_news_take(struct bh_nft_news *news, const struct nlmsghdr *message)
{
	uint16_t type = NFNL_MSG_TYPE(message->nlmsg_type);

	if (NFNL_SUBSYS_ID(message->nlmsg_type) != NFNL_SUBSYS_NFTABLES ||
	    mnl_nlmsg_get_payload_len(message) < sizeof(struct nfgenmsg))
		return false;
	if (type == NFT_MSG_NEWGEN)
		take_end(news, message);
	else if (type < NFT_MSG_MAX && forms[type].table != 0)
		take_change(news, message, &forms[type]);
	return type == NFT_MSG_NEWGEN;
}

/* --- words ------------------------------------------------------------------------------------ */

/* "removed 1 table, 5 chains" */
static void add_counts(struct bh_buffer *out, const char *verb, const uint32_t counts[])
{
	static const char *const names[] = { "table", "chain", "rule", "set", "element", "object" };
	bool first = true;

	for (int kind = 0; kind < BH_NEWS_KINDS; kind++) {
		if (counts[kind] == 0)
			continue;
		if (first)
			bh_buffer_printf(out, "%s%s", out->length > 0 ? " and " : "", verb);
		bh_buffer_printf(out, "%s%u %s%s", first ? " " : ", ", counts[kind], names[kind],
				 counts[kind] == 1 ? "" : "s");
		first = false;
	}
}

char *bh_news_text(const struct bh_nft_news *news, char *out, size_t size)
{
	struct bh_buffer text = { 0 };

	out[0] = '\0';
	if (!news->touches_us)
		return out;
	add_counts(&text, "removed", news->removed);
	add_counts(&text, "added", news->made);
	bh_buffer_printf(&text, " in table %s %s", bh_nft_family_name(news->family), BH_NFT_TABLE);
	if (news->place[0] != '\0')
		bh_buffer_printf(&text, " (%s)", news->place);
	bh_copy_text(out, size, text.data);
	bh_buffer_free(&text);
	return out;
}
