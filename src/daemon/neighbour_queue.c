/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "neighbour_queue.h"

#include <string.h>

#include "timefmt.h"

/* A message holds a whole second's worth. */
_Static_assert(BH_NEIGHBOURS_A_SECOND <= BH_CHANNEL_ROOM(sizeof(struct bh_msg_neighbour)),
	       "claims do not fit into one message");

static void begin_second(struct bh_neighbour_queue *q, int64_t second)
{
	q->second = second;
	q->taken = 0;
	memset(q->of_one, 0, sizeof(q->of_one));
}

static bool is_taken(struct bh_neighbour_queue *q, uint32_t ifindex, int64_t time)
{
	uint16_t *of_one = &q->of_one[ifindex % BH_NEIGHBOUR_SLOTS];

	if (time / BH_SECOND != q->second)
		begin_second(q, time / BH_SECOND);
	if (q->taken == BH_NEIGHBOURS_A_SECOND || q->count == BH_NEIGHBOURS_A_SECOND ||
	    *of_one == BH_NEIGHBOURS_OF_ONE)
		return false;
	q->taken++;
	*of_one += 1;
	return true;
}

static void add(struct bh_neighbour_queue *q, const struct bh_msg_neighbour *claim)
{
	if (is_taken(q, claim->ifindex, claim->time))
		q->claims[q->count++] = *claim;
	else
		q->lost++;
}

void bh_neighbour_queue_add(struct bh_neighbour_queue *q, const struct bh_packet *p)
{
	struct bh_msg_neighbour claim = { .time = p->time, .ifindex = p->ifindex };

	if (p->outgoing || p->ifindex == 0 || !bh_neighbour_decode(p, &claim.said))
		return;
	*(claim.said.is_arp ? &q->seen.arp : &q->seen.discovery) += 1;
	if (claim.said.addr.family != BH_NO_FAMILY)
		add(q, &claim);
}

void bh_neighbour_queue_add_sender(struct bh_neighbour_queue *q, const struct bh_packet *p)
{
	struct bh_msg_neighbour claim = { .time = p->time, .ifindex = p->ifindex, .sends = true };

	memcpy(claim.said.mac.bytes, p->sender, sizeof(claim.said.mac.bytes));
	add(q, &claim);
}

void bh_neighbour_queue_send(struct bh_neighbour_queue *q, struct bh_channel *channel)
{
	if (q->count > 0 &&
	    (channel == NULL || bh_channel_send(channel, BH_MSG_NEIGHBOURS, q->claims,
						q->count * sizeof(q->claims[0]), NULL, 0, -1) != 0))
		q->lost += q->count;
	q->count = 0;
}
