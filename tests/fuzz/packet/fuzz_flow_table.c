/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets, bindings and ticks in any order; few addresses, so that they meet. Whatever comes, each
 * packet counts once or is told as a copy or an orphan, memory keeps its bound, and every flow ends
 * with one last report. */
#include <netinet/in.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "flow_table.h"
#include "timefmt.h"

#define MOST_FLOWS 6

struct run {
	uint64_t counted;
	uint64_t ended;
};

static void require(int condition)
{
	if (!condition)
		abort();
}

static void take(void *user, const struct bh_flow *flow)
{
	struct run *run = user;

	require(flow->state <= BH_FLOW_CLOSED && flow->direction <= BH_DIRECTION_SYN);
	require(flow->state != BH_FLOW_ATTEMPTED || !flow->answered);
	require(flow->state != BH_FLOW_CLOSED || flow->answered);
	require(flow->last >= flow->first);
	require(flow->tx_segments.sent == 0 || flow->tx_segments.sent > flow->tx.sent.packets);
	require(flow->rx_segments.delivered == 0 ||
		flow->rx_segments.delivered > flow->rx.delivered.packets);
	if (!flow->final)
		return;
	run->ended++;
	run->counted += flow->tx.sent.packets + flow->tx.delivered.packets + flow->rx.sent.packets +
			flow->rx.delivered.packets;
}

static struct bh_addr address(uint8_t choice)
{
	return (struct bh_addr) { BH_IPV4, { 10, 0, 0, choice & 3 } };
}

/* The head of a packet that went back the error's way, as an error quotes it. */
static void quote(struct bh_packet *p, uint8_t choice)
{
	static uint8_t head[28];

	memset(head, 0, sizeof(head));
	head[0] = 0x45;
	head[3] = 100;
	head[9] = (choice & 1) != 0 ? IPPROTO_UDP : IPPROTO_TCP;
	memcpy(head + 12, p->dst.bytes, 4);
	memcpy(head + 16, p->src.bytes, 4);
	head[21] = choice >> 2 & 3;
	head[23] = 1;
	p->quoted = head;
	p->quoted_captured = sizeof(head);
}

static void choose_protocol(struct bh_packet *p, uint8_t choice, uint8_t flags)
{
	static const uint8_t protocols[] = { IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_GRE };

	p->proto = protocols[choice & 3];
	if (p->proto == IPPROTO_TCP)
		p->tcp_flags = flags & 0x17;
	p->icmp_reply = p->proto == IPPROTO_ICMP && (flags & 1) != 0;
	p->unreachable = p->icmp_error = p->proto == IPPROTO_ICMP && (flags & 2) != 0;
	p->fragment = p->proto == IPPROTO_UDP && (flags & 1) != 0;
	p->first_fragment = p->fragment && (flags & 2) != 0;
	p->fragment_id = flags >> 6;
	if (p->icmp_error)
		quote(p, flags >> 4);
}

/* Six bytes: ends, protocol, flags, ports, where it was seen, and how long after the last one. */
static bool next_packet(struct bh_cursor *c, int64_t *now, struct bh_packet *p)
{
	uint8_t b[6];

	if (!bh_cursor_bytes(c, b, sizeof(b)))
		return false;
	*now += (int64_t)b[5] * b[5] * b[5] * 100 - BH_SECOND;
	*p = (struct bh_packet) { .time = *now,
				  .src = address(b[0]),
				  .dst = address(b[0] >> 2),
				  .ifindex = b[4] & 3,
				  .outgoing = (b[4] & 4) != 0,
				  .ip_bytes = 100 };
	choose_protocol(p, b[1], b[2]);
	if (p->proto <= IPPROTO_ICMP || (p->fragment && !p->first_fragment))
		return true;
	p->sport = b[3] & 3;
	p->dport = b[3] >> 2 & 3;
	p->tcp_seq = p->tcp_ack = b[3] >> 4;
	p->tcp_payload = (b[1] >> 4) * 1000u;
	p->ip_bytes += p->tcp_payload;
	p->tcp_mss = p->tcp_flags == BH_TCP_SYN ? b[4] >> 3 : 0;
	return true;
}

static void act(struct bh_flow_table *table, uint8_t what, int64_t now)
{
	struct bh_addr held = address(what >> 4);

	switch (what & 7) {
	case 0:
		bh_flow_table_tick(table, now);
		break;
	case 1:
		bh_flow_table_bind(table, what >> 6, &held);
		break;
	case 2:
		if (what & 8)
			bh_flow_table_leave(table, what >> 6);
		else
			bh_flow_table_unbind(table, what >> 6);
		break;
	case 3:
		bh_flow_table_mark_loss(table, now);
		break;
	}
}

static void play(struct bh_cursor c, bool live)
{
	struct bh_flow_table_config config = { .max_flows = MOST_FLOWS,
					       .idle_timeout = 10 * BH_SECOND,
					       .tcp_idle_timeout = 60 * BH_SECOND,
					       .closed_linger = 2 * BH_SECOND,
					       .report_interval = live ? BH_SECOND : 0,
					       .live = live };
	struct run run = { 0 };
	struct bh_flow_table *table = bh_flow_table_new(&config, take, &run);
	int64_t now = 1000 * BH_SECOND;
	struct bh_packet packet;
	uint8_t what;

	while (bh_cursor_u8(&c, &what) && next_packet(&c, &now, &packet)) {
		act(table, what, now);
		bh_flow_table_packet(table, &packet);
		require(bh_flow_table_stats(table).active <= MOST_FLOWS);
	}
	bh_flow_table_flush(table);
	struct bh_flow_table_stats stats = bh_flow_table_stats(table);

	require(stats.active == 0 && run.ended == stats.flows);
	require(stats.packets == run.counted + stats.undelivered_copies + stats.orphan_fragments);
	bh_flow_table_free(table);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_cursor c = bh_cursor_over(data, size);
	uint8_t live;

	if (bh_cursor_u8(&c, &live))
		play(c, live & 1);
	return 0;
}
