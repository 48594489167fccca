/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPFIX messages (RFC 7011). A flow becomes one biflow record (RFC 5103), encoded when it is
 * exported and kept as bytes until there is somebody to send it to: which template it follows
 * depends on nothing but its form, so a record fits into any session. Messages are made of what
 * waits when it can be sent; a template goes before the first record that needs it, and again
 * where a datagram may have been lost.
 *
 * Pure: no sockets, no clock of its own.
 */
#ifndef BH_IPFIX_H
#define BH_IPFIX_H

#include "queue.h"
#include "record.h"

#define BH_IPFIX_PORT 4739
#define BH_IPFIX_LEAST_MESSAGE 1000 /* bytes: every template has room, and every record */
#define BH_IPFIX_MOST_MESSAGE 65507 /* what a datagram takes */

/* Everything that a collector's messages have in common. */
struct bh_ipfix_settings {
	uint32_t domain;	    /* observation domain id */
	uint32_t enterprise;	    /* of bulkhead's own elements */
	size_t message_size;	    /* bytes at most */
	bool one_way;		    /* a record of each direction, for who knows no biflows */
	bool datagrams;		    /* templates are repeated */
	int64_t template_interval;  /* µs … */
	uint32_t template_messages; /* … or so many messages, whichever comes first */
};

/* One transport session: a TCP connection, or a UDP socket and whom it sends to. */
struct bh_ipfix_session {
	uint32_t sequence;	  /* data records sent before the next message */
	bool announced[128];	  /* forms whose template was sent lately */
	size_t types_told;	  /* of bulkhead's own elements, and before them their template */
	int64_t announced_at;	  /* monotonic µs, as all times here but exportTime */
	uint32_t since_announced; /* messages */
};

/* Adds the flow's record, or its two. What has no room goes, oldest first, and is added to *lost.
 * Texts that are too long for a message are cut. */
void bh_ipfix_add(const struct bh_ipfix_settings *settings, struct bh_export_queue *queue,
		  const struct bh_export_flow *flow, struct bh_export_sum *lost);

/* Takes records off the queue into one message, which *out becomes; *sum: those. False: there is
 * nothing to send. now: monotonic µs; export_time: seconds since the epoch. */
bool bh_ipfix_next_message(const struct bh_ipfix_settings *settings,
			   struct bh_ipfix_session *session, struct bh_export_queue *queue,
			   int64_t now, uint32_t export_time, struct bh_buffer *out,
			   struct bh_export_sum *sum);

/* A message that tells of the exporter itself. False: its template was not sent yet. */
bool bh_ipfix_statistics(const struct bh_ipfix_settings *settings, struct bh_ipfix_session *session,
			 const struct bh_export_totals *totals, uint64_t packets_ignored,
			 uint32_t export_time, struct bh_buffer *out);

#endif
