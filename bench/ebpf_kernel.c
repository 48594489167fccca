/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * An in-kernel flow counter, as small as one can be: on a veth's ingress or egress it finds the
 * tuple of TCP and UDP over IPv4 and IPv6 and counts packets and bytes in a hash map. Loaded by
 * ebpf.c. No fragments, no tunnels, no states, no options before the ports.
 */
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#include "ebpf_flow.h"

struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, EBPF_FLOWS);
	__type(key, struct ebpf_key);
	__type(value, struct ebpf_count);
} flows SEC(".maps");

static __always_inline int find_tuple(struct __sk_buff *packet, struct ebpf_key *key)
{
	void *at = (void *)(long)packet->data, *end = (void *)(long)packet->data_end;
	struct ethhdr *ethernet = at;
	__u16 *ports;

	if (at + sizeof(*ethernet) + sizeof(struct ipv6hdr) + 4 > end)
		return 0;
	at += sizeof(*ethernet);
	if (ethernet->h_proto == bpf_htons(ETH_P_IP)) {
		struct iphdr *ip = at;

		key->src[3] = ip->saddr;
		key->dst[3] = ip->daddr;
		key->proto = ip->protocol;
		ports = at + sizeof(*ip);
	} else if (ethernet->h_proto == bpf_htons(ETH_P_IPV6)) {
		struct ipv6hdr *ip = at;

		__builtin_memcpy(key->src, &ip->saddr, sizeof(key->src));
		__builtin_memcpy(key->dst, &ip->daddr, sizeof(key->dst));
		key->proto = ip->nexthdr;
		ports = at + sizeof(*ip);
	} else {
		return 0;
	}
	key->sport = ports[0];
	key->dport = ports[1];
	return key->proto == 6 || key->proto == 17;
}

static __always_inline int count(struct __sk_buff *packet, __u32 way)
{
	struct ebpf_key key = { .ifindex = packet->ifindex, .way = way };
	struct ebpf_count first = { 1, packet->len };

	if (!find_tuple(packet, &key))
		return TC_ACT_UNSPEC;
	struct ebpf_count *c = bpf_map_lookup_elem(&flows, &key);
	if (c == 0) {
		bpf_map_update_elem(&flows, &key, &first, BPF_ANY);
		return TC_ACT_UNSPEC;
	}
	__sync_fetch_and_add(&c->packets, 1);
	__sync_fetch_and_add(&c->bytes, packet->len);
	return TC_ACT_UNSPEC;
}

SEC("tc") int count_in(struct __sk_buff *packet)
{
	return count(packet, EBPF_IN);
}

SEC("tc") int count_out(struct __sk_buff *packet)
{
	return count(packet, EBPF_OUT);
}

char counter_license[] SEC("license") = "GPL";
