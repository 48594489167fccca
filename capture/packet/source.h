/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where packets come from: the host's `any` device, or a capture file. Both hand decoded packets to
 * a flow table. */
#ifndef BH_SOURCE_H
#define BH_SOURCE_H

#include <stdio.h>

#include "bulkhead/error.h"
#include "flow_table.h"
#include "live_filter.h"

struct bh_live_source;

struct bh_live_config {
	size_t ring_bytes; /* kernel buffer */
	int snaplen; /* bytes of a packet from its IP header on; what is beyond is never copied, but
		      * of packets that say names everything is (whole_filter.h) */
	enum bh_copy copy;
	uint16_t fanout_group; /* 0: every packet is this source's; else it gets the share of a
				* member (fanout.h), and reads nothing before _begin */
};

/* Needs CAP_NET_RAW while it opens, and nothing afterwards. `any`, DLT_LINUX_SLL2, TPACKET_V3,
 * non-blocking. NULL and *err on failure. */
struct bh_live_source *bh_live_source_open(const struct bh_live_config *config,
					   struct bh_error *err);
void bh_live_source_close(struct bh_live_source *source);
int bh_live_source_fd(const struct bh_live_source *source); /* readable: call _read */

/* Replaces the kernel filter: these interfaces (uplinks, bridges, loopback) are left out. 0 or
 * negative errno. */
int bh_live_source_exclude(struct bh_live_source *source, const uint32_t *ifindexes, size_t count,
			   struct bh_error *err);

/* From now on so much is copied. 0 or negative errno, and it is as it was. */
int bh_live_source_copy(struct bh_live_source *source, enum bh_copy copy, struct bh_error *err);

/* A member of a group shares from the moment it opens, but the others may come later, and get what
 * was its own before. Packets from this time on (µs since the epoch) are read. */
void bh_live_source_begin(struct bh_live_source *source, int64_t time);

/* Reads what is there into the table; returns packets read or a negative errno. */
int bh_live_source_read(struct bh_live_source *source, struct bh_flow_table *table,
			struct bh_error *err);

/* Packets the kernel received for us and dropped since the last call. */
void bh_live_source_loss(struct bh_live_source *source, uint64_t *received, uint64_t *dropped);

struct bh_file_stats {
	uint64_t packets;
	uint64_t bytes_read;
	bool truncated;	   /* the file ends in the middle of a packet, or is broken from there on */
	char problem[256]; /* what libpcap said about it */
};

/* Reads a pcap or pcapng file to its end and flushes the table. What can be read is; a broken rest
 * is told in *stats, not as an error. 0, or negative errno where nothing can be read (with *err:
 * file, what is wrong, which formats are read). progress: may be NULL; called now and then. */
int bh_file_source_read(const char *path, struct bh_flow_table *table, struct bh_file_stats *stats,
			void (*progress)(void *user, uint64_t done, uint64_t total), void *user,
			struct bh_error *err);

/* The same from an open stream that nothing was read from yet; it is closed in any case. */
int bh_file_source_read_stream(FILE *stream, struct bh_flow_table *table,
			       struct bh_file_stats *stats,
			       void (*progress)(void *user, uint64_t done, uint64_t total),
			       void *user, struct bh_error *err);

#endif
