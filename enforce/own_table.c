/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "own_table.h"

#include <arpa/inet.h>
#include <libmnl/libmnl.h>
#include <libnftnl/rule.h>
#include <linux/netfilter/nf_tables.h>
#include <stdlib.h>

#include "grow.h"
#include "statement.h"

void bh_own_table_begin(struct bh_own_table *own, const char *name)
{
	*own = (struct bh_own_table) { .name = name,
				       .buffer = bh_resize(NULL, BH_NETLINK_MESSAGE, 1) };
	bh_batch_begin(&own->batch, 0);
}

static struct nlmsghdr *request(struct bh_own_table *own, uint16_t type)
{
	return bh_netlink_request(own->buffer, type, own->family, NLM_F_CREATE | NLM_F_APPEND);
}

void bh_own_table_add(struct bh_own_table *own, uint8_t family)
{
	own->family = family;
	struct nlmsghdr *nlh = request(own, NFT_MSG_NEWTABLE);
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, own->name);
	mnl_attr_put_u32(nlh, NFTA_TABLE_FLAGS, htonl(NFT_TABLE_F_OWNER));
	bh_batch_add(&own->batch, nlh);
}

static struct nlmsghdr *start_chain(struct bh_own_table *own, const char *name)
{
	struct nlmsghdr *nlh = request(own, NFT_MSG_NEWCHAIN);

	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, own->name);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, name);
	return nlh;
}

void bh_own_table_add_chain(struct bh_own_table *own, const char *name)
{
	bh_batch_add(&own->batch, start_chain(own, name));
}

void bh_own_table_add_base(struct bh_own_table *own, const char *name, uint32_t hook,
			   int32_t priority)
{
	struct nlmsghdr *nlh = start_chain(own, name);
	struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);

	mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl(hook));
	mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)priority));
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	bh_batch_add(&own->batch, nlh);
}

void bh_own_table_add_built(struct bh_own_table *own, struct nftnl_rule *built)
{
	struct nlmsghdr *nlh = request(own, NFT_MSG_NEWRULE);

	nftnl_rule_set_str(built, NFTNL_RULE_TABLE, own->name);
	nftnl_rule_nlmsg_build_payload(nlh, built);
	nftnl_rule_free(built);
	bh_batch_add(&own->batch, nlh);
}

void bh_own_table_add_rule(struct bh_own_table *own, const char *chain, struct bh_nft_rule *rule)
{
	bh_own_table_add_built(own, bh_rule_build(own->family, chain, rule));
	free(rule->statements);
}

int bh_own_table_send(struct bh_own_table *own, struct bh_netlink *nl)
{
	uint32_t failed;
	int result = bh_batch_send(nl, &own->batch, &failed);

	bh_batch_free(&own->batch);
	free(own->buffer);
	return result;
}
