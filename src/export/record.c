/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "record.h"

#include "protocol.h"

static void turn(struct bh_export_flow *back, const struct bh_export_flow *flow)
{
	back->key.src = flow->key.dst;
	back->key.dst = flow->key.src;
	if (bh_protocol_has_ports(flow->key.proto)) {
		back->key.sport = flow->key.dport;
		back->key.dport = flow->key.sport;
	}
	back->src_ifindex = flow->dst_ifindex;
	back->dst_ifindex = flow->src_ifindex;
	back->tx = flow->rx;
	back->verdict = flow->verdict_back;
	back->verdict_word = flow->verdict_back_word;
	back->src_workload = flow->dst_workload;
	back->dst_workload = flow->src_workload;
	back->src_container = flow->dst_container;
	back->dst_container = flow->src_container;
}

struct bh_export_flow bh_export_one_way(const struct bh_export_flow *flow, enum bh_export_way way)
{
	struct bh_export_flow one = *flow;

	if (way == BH_EXPORT_BACK)
		turn(&one, flow);
	one.way = (uint8_t)way;
	one.rx = (struct bh_export_half) { 0 };
	return one;
}
