/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "flow_entry.h"

#include <string.h>

#include "address.h"
#include "flow_state.h"
#include "grow.h"

static bool is_lower(const struct bh_packet *p)
{
	int order = memcmp(p->src.bytes, p->dst.bytes, sizeof(p->src.bytes));

	return order < 0 || (order == 0 && p->sport <= p->dport);
}

struct bh_flow_tuple bh_flow_tuple_of(const struct bh_packet *p, bool *backward)
{
	bool icmp = bh_is_icmp(p->proto);
	struct bh_flow_tuple t = { .proto = p->proto,
				   .family = p->src.family,
				   .tunnel = p->tunnel };

	*backward = icmp ? p->icmp_reply : !is_lower(p);
	memcpy(t.low, *backward ? p->dst.bytes : p->src.bytes, sizeof(t.low));
	memcpy(t.high, *backward ? p->src.bytes : p->dst.bytes, sizeof(t.high));
	if (icmp) {
		t.high_port = p->dport;
		return t;
	}
	t.low_port = *backward ? p->dport : p->sport;
	t.high_port = *backward ? p->sport : p->dport;
	return t;
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
