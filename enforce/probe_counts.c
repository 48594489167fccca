/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "probe_counts.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <netinet/in.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "netlink.h"
#include "uses.h"

#define TRIES 5

void bh_probe_count_rule(const struct nlmsghdr *message, struct bh_probe_counts *counts)
{
	const struct nlattr *list, *expression;
	uint64_t packets;

	mnl_attr_for_each(list, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(list) != NFTA_RULE_EXPRESSIONS)
			continue;
		mnl_attr_for_each_nested(expression,
					 list) if (counts->count < BH_PROBE_COUNTERS &&
						   bh_counter_read(expression, &packets))
			counts->packets[counts->count++] = packets;
	}
}

static int take_rule(const struct nlmsghdr *message, void *user)
{
	bh_probe_count_rule(message, user);
	return 0;
}

static int count_once(struct bh_netlink *nl, uint8_t family, const char *table, const char *chain,
		      struct bh_probe_counts *counts)
{
	char buffer[256] __attribute__((aligned(8)));
	struct nlmsghdr *request = bh_netlink_request(buffer, NFT_MSG_GETRULE, family, NLM_F_DUMP);

	*counts = (struct bh_probe_counts) { 0 };
	mnl_attr_put_strz(request, NFTA_RULE_TABLE, table);
	mnl_attr_put_strz(request, NFTA_RULE_CHAIN, chain);
	int result = bh_netlink_ask(nl, request, take_rule, counts);
	return result == 0 && counts->count < BH_PROBE_COUNTERS ? -ENOENT : result;
}

int bh_probe_count(uint8_t family, const char *table, const char *chain,
		   struct bh_probe_counts *counts, struct bh_error *err)
{
	struct bh_netlink *nl = bh_netlink_open(err);
	int result = -EINTR;

	if (nl == NULL)
		return err != NULL ? err->code : -EPERM;
	for (int tries = 0; result == -EINTR && tries < TRIES; tries++)
		result = count_once(nl, family, table, chain, counts);
	bh_netlink_close(nl);
	if (result != 0)
		bh_error_set(err, result,
			     "the counters of chain %s cannot be read (%s): are bulkhead's tables "
			     "there? bulkhead doctor",
			     chain, strerror(-result));
	return result;
}
