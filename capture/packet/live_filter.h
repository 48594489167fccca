/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel copies of what passes the host: a classic BPF program for the `any` device. What
 * is no container's is left out; of a packet whose payload says names everything is kept
 * (whole_filter.h), of every other one its headers.
 */
#ifndef BH_LIVE_FILTER_H
#define BH_LIVE_FILTER_H

#include <pcap/pcap.h>
#include <stddef.h>
#include <stdint.h>

#include "bulkhead/error.h"

/* How much is copied, in steps; each leaves out what the one before did, and more. TCP within a
 * tunnel, and behind IPv6 extensions, is no TCP here. */
enum bh_copy {
	BH_COPY_ALL,
	BH_COPY_CONTROL,   /* of TCP only SYN, FIN, RST and port 53: no names that clients claim */
	BH_COPY_SAMPLE,	   /* and of what is neither TCP nor DNS one packet in BH_COPY_SHARE */
	BH_COPY_SAMPLE_ALL /* and as few of TCP's */
};
#define BH_COPY_KINDS (BH_COPY_SAMPLE_ALL + 1)
#define BH_COPY_SHARE 16

const char *bh_copy_name(uint8_t copy); /* all, control, sample, sample-all */

struct bh_live_filter {
	const uint32_t *excluded; /* ifindexes */
	size_t excluded_count;
	int snaplen; /* bytes of a packet from its IP header on */
	enum bh_copy copy;
};

/* Replaces the kernel's filter of a live handle; until then, or on failure, the one before stands.
 * 0, or negative errno with *err: −E2BIG where it would have more steps than the kernel takes. A
 * filter that libpcap cannot hand over it would apply itself, after copying every packet: it is
 * refused instead. libpcap also applies it to what is in the ring already, and knows no chance: of
 * that a sample keeps nothing. */
int bh_live_filter_install(pcap_t *pcap, const struct bh_live_filter *filter, struct bh_error *err);

#endif
