/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which DNS answers count: those that a client received to a question it had asked. A response has
 * to come back along the query's own addresses and ports, within ten seconds, with its id and its
 * questions; it counts once. Whatever else looks like an answer names nothing.
 *
 * Read are UDP datagrams and TCP streams (dns_stream.h); not datagrams in fragments, nor what is
 * encrypted.
 */
#ifndef BH_DNS_WATCH_H
#define BH_DNS_WATCH_H

#include "bulkhead/name.h"
#include "decode.h"

struct bh_dns_watch;

/* What may have named something, and was not read. */
struct bh_dns_unread {
	uint64_t streams;   /* over TCP, given up in the middle of a message */
	uint64_t fragments; /* datagrams from port 53 that came in fragments */
	uint64_t refused;   /* answers to what was asked, doubtful in some part (dns.h) */
};

/* packet: the response; its receiver is who was told. All names are of one message. */
typedef void (*bh_dns_sink)(void *user, const struct bh_packet *packet,
			    const struct bh_named *names, size_t count);

/* live: queries count where they come in by an interface, responses where they are delivered by the
 * same one (packet->outgoing, not astray). Otherwise, in a capture file, each where it is met
 * first. */
struct bh_dns_watch *bh_dns_watch_new(bool live, bh_dns_sink sink, void *user);
void bh_dns_watch_free(struct bh_dns_watch *watch);

/* Takes what bh_flow_table_show_dns() shows. */
void bh_dns_watch_packet(struct bh_dns_watch *watch, const struct bh_packet *packet);

/* now: µs, by the packets' clock. */
struct bh_dns_unread bh_dns_watch_unread(struct bh_dns_watch *watch, int64_t now);

/* What it takes at most. */
size_t bh_dns_watch_most_bytes(void);

#endif
