/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "uses.h"

#include <endian.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <netinet/in.h>
#include <string.h>

#include "desired_parts.h"
#include "grow.h"
#include "scan.h"

bool bh_counter_read(const struct nlattr *expression, uint64_t *packets)
{
	const struct nlattr *attr, *part;
	bool counter = false;

	*packets = 0;

	mnl_attr_for_each_nested(attr, expression)
	{
		uint16_t type = mnl_attr_get_type(attr);

		if (type == NFTA_EXPR_NAME && mnl_attr_validate(attr, MNL_TYPE_NUL_STRING) == 0)
			counter = strcmp(mnl_attr_get_str(attr), "counter") == 0;
		if (type != NFTA_EXPR_DATA)
			continue;
		mnl_attr_for_each_nested(
			part, attr) if (mnl_attr_get_type(part) == NFTA_COUNTER_PACKETS &&
					mnl_attr_validate(part, MNL_TYPE_U64) == 0) *packets =
			be64toh(mnl_attr_get_u64(part));
	}
	return counter;
}

static void read_element(const struct nlattr *element, const struct bh_nft_set *set,
			 const struct bh_permits_place *place, struct bh_uses *uses)
{
	struct bh_scanned_element parts;
	uint64_t packets;

	bh_nft_scan_element(element, set, &parts);
	if (parts.key == NULL || parts.expression == NULL ||
	    !bh_counter_read(parts.expression, &packets) || packets == 0)
		return;
	uses->items = bh_grow(uses->items, &uses->capacity, uses->count + 1, sizeof(*uses->items));
	struct bh_use *use = &uses->items[uses->count++];
	bh_permits_read(place, parts.key, parts.end != NULL ? parts.end : parts.key, use);
	use->packets = packets;
}

void bh_uses_read(const struct nlmsghdr *message, const struct bh_nft_set *set,
		  struct bh_uses *uses)
{
	const struct nlattr *list, *element;
	struct bh_permits_place place;

	if (!bh_permits_recognise(set->name, &place))
		return;
	mnl_attr_for_each(list, message, sizeof(struct nfgenmsg))
	{
		if (mnl_attr_get_type(list) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested(element, list) read_element(element, set, &place, uses);
	}
}

bool bh_uses_can_read(const struct bh_nft_set *set)
{
	struct bh_permits_place place;

	return set->counter && bh_permits_recognise(set->name, &place) &&
	       set->key_length >= bh_permits_key_length(&place);
}
