/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "claim_queue.h"

#include "grow.h"
#include "message.h"

void bh_claim_queue_add(struct bh_claim_queue *q, uint64_t flow, const char *name)
{
	if (q->count == BH_CLAIMS_WAITING) {
		q->lost++;
		return;
	}
	struct bh_claim *claim = &q->claims[q->count++];
	*claim = (struct bh_claim) { .flow = flow };
	bh_copy_text(claim->name, sizeof(claim->name), name);
}

void bh_claim_queue_send(struct bh_claim_queue *q, struct bh_channel *channel)
{
	for (size_t at = 0, count; at < q->count; at += count) {
		count = q->count - at < BH_CLAIM_BATCH ? q->count - at : BH_CLAIM_BATCH;
		if (channel == NULL ||
		    bh_channel_send(channel, BH_MSG_CLAIMS, &q->claims[at],
				    count * sizeof(q->claims[0]), NULL, 0, -1) != 0)
			q->lost += count;
	}
	q->count = 0;
}
