/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the in-kernel flow counter keeps: one entry a tuple, interface and way. */
#ifndef EBPF_FLOW_H
#define EBPF_FLOW_H

#include <linux/types.h>

#define EBPF_FLOWS 400000 /* two sides of 200,000 flows */

enum { EBPF_IN, EBPF_OUT };

struct ebpf_key {
	__u32 src[4]; /* IPv4 in the last */
	__u32 dst[4];
	__u16 sport; /* network order */
	__u16 dport;
	__u32 proto;
	__u32 ifindex;
	__u32 way;
};

struct ebpf_count {
	__u64 packets;
	__u64 bytes;
};

#endif
