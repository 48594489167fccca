/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow_entry.h"

#include <endian.h>
#include <string.h>

#include "address.h"
#include "flow_state.h"
#include "grow.h"

static uint64_t half_of(const uint8_t *bytes)
{
	uint64_t half;

	memcpy(&half, bytes, sizeof(half));
	return be64toh(half);
}

/* Whether the packet goes from the higher end to the lower one. Without jumps: it is no more
 * likely than its opposite. */
static bool is_descending(const struct bh_packet *p)
{
	uint64_t src = half_of(p->src.bytes), src_rest = half_of(p->src.bytes + 8);
	uint64_t dst = half_of(p->dst.bytes), dst_rest = half_of(p->dst.bytes + 8);
	bool same = (src == dst) & (src_rest == dst_rest);

	return (src > dst) | ((src == dst) & (src_rest > dst_rest)) |
	       (same & (p->sport > p->dport));
}

bool bh_flow_tuple_of(const struct bh_packet *p, struct bh_flow_tuple *out)
{
	bool icmp = bh_is_icmp(p->proto), backward = icmp ? p->icmp_reply : is_descending(p);

	memcpy(out->low, backward ? p->dst.bytes : p->src.bytes, sizeof(out->low));
	memcpy(out->high, backward ? p->src.bytes : p->dst.bytes, sizeof(out->high));
	out->low_port = icmp ? 0 : backward ? p->dport : p->sport;
	out->high_port = icmp || !backward ? p->dport : p->sport;
	out->proto = p->proto;
	out->family = p->src.family;
	out->tunnel = p->tunnel;
	return backward;
}

static void orient(const struct bh_flow_entry *e, struct bh_flow_key *key)
{
	const struct bh_flow_tuple *t = &e->tuple;
	bool high = e->initiator_is_high;

	key->src = (struct bh_addr) { .family = t->family };
	key->dst = (struct bh_addr) { .family = t->family };
	memcpy(key->src.bytes, high ? t->high : t->low, sizeof(key->src.bytes));
	memcpy(key->dst.bytes, high ? t->low : t->high, sizeof(key->dst.bytes));
	key->sport = high ? t->high_port : t->low_port;
	key->dport = high ? t->low_port : t->high_port;
	key->proto = t->proto;
}

/* The side that a packet came in from knows better than the side that one went out to. */
static uint32_t either(uint32_t came_in, uint32_t went_out)
{
	return came_in != 0 ? came_in : went_out;
}

void bh_flow_entry_record(const struct bh_flow_entry *e, const char *tunnel, bool final,
			  struct bh_flow *out)
{
	memset(out, 0, sizeof(*out)); /* it goes to another process, padding and all */
	orient(e, &out->key);
	out->id = e->id;
	out->first = e->first;
	out->last = e->last;
	out->src_ifindex = either(e->seen_on[0][0], e->seen_on[1][1]);
	out->dst_ifindex = either(e->seen_on[1][0], e->seen_on[0][1]);
	out->tx = e->tx;
	out->rx = e->rx;
	out->state = e->state;
	out->direction = e->direction;
	out->answered = e->answered;
	out->established = e->established;
	out->final = final;
	out->lossy = e->lossy;
	bh_copy_text(out->tunnel, sizeof(out->tunnel), tunnel);
}
