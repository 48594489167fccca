/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Set elements as a netlink message brings them, into a map and into a set of intervals;
 * and what their counters say, and those of rules. */
#include <libmnl/libmnl.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdlib.h>
#include <string.h>

#include "model.h"
#include "probe_counts.h"
#include "scan.h"
#include "uses.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void scan(const struct nlmsghdr *nlh, struct bh_nft_table *table, const char *name, bool map)
{
	struct bh_nft_set *set = bh_nft_table_add_set(table, name);

	set->key_length = map ? 20 : 12;
	set->map = map;
	set->interval = !map;
	bh_nft_set_layout(set);
	bh_nft_scan_elements(nlh, set);
	bh_nft_set_sort(set);
	for (size_t i = 1; i < set->count; i++)
		if (memcmp(bh_nft_set_record(set, i - 1), bh_nft_set_record(set, i), set->stride) >=
		    0)
			abort();
}

/* Counters, of a set that is as long as its name says. */
static void count(const struct nlmsghdr *nlh, struct bh_nft_table *table, const char *name,
		  size_t key_length)
{
	struct bh_nft_set *set = bh_nft_table_add_set(table, name);
	struct bh_uses uses = { 0 };

	set->key_length = key_length;
	set->counter = true;
	bh_nft_set_layout(set);
	if (!bh_uses_can_read(set))
		abort();
	bh_uses_read(nlh, set, &uses);
	for (size_t i = 0; i < uses.count; i++)
		if (uses.items[i].packets == 0)
			abort();
	free(uses.items);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t length = NLMSG_HDRLEN + sizeof(struct nfgenmsg) + size;
	/* Receive buffers end at a multiple of four, and libmnl reads up to it. */
	struct nlmsghdr *nlh = calloc(1, MNL_ALIGN(length));
	struct bh_nft_state *state = bh_nft_state_new();
	struct bh_probe_counts counts = { 0 };

	if (nlh == NULL)
		abort();
	nlh->nlmsg_len = (uint32_t)length;
	if (size > 0)
		memcpy((char *)nlh + NLMSG_HDRLEN + sizeof(struct nfgenmsg), data, size);
	scan(nlh, &state->tables[0], "map", true);
	scan(nlh, &state->tables[0], "intervals", false);
	count(nlh, &state->tables[0], "e_0123456789abcdef_4", 12);
	count(nlh, &state->tables[0], "i_0123456789abcdef_pd_6_net_any", 20);
	bh_probe_count_rule(nlh, &counts);
	if (counts.count > BH_PROBE_COUNTERS)
		abort();
	bh_nft_state_free(state);
	free(nlh);
	return 0;
}
