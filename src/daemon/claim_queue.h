/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Claims that wait in capture until core knows the flows that they are about. */
#ifndef BH_CLAIM_QUEUE_H
#define BH_CLAIM_QUEUE_H

#include "bulkhead/name.h"
#include "channel.h"

#define BH_CLAIM_BATCH BH_CHANNEL_ROOM(sizeof(struct bh_claim))
#define BH_CLAIMS_WAITING (8 * BH_CLAIM_BATCH)

/* Zero-initialise. */
struct bh_claim_queue {
	struct bh_claim claims[BH_CLAIMS_WAITING];
	size_t count;
	uint64_t lost; /* for want of room, here or in the channel */
};

void bh_claim_queue_add(struct bh_claim_queue *queue, uint64_t flow, const char *name);

/* Sends all of them; channel NULL: nobody is there to hear. Call when their flows were sent. */
void bh_claim_queue_send(struct bh_claim_queue *queue, struct bh_channel *channel);

#endif
