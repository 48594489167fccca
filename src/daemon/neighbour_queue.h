/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who claims which address, or another's MAC, on its way from capture to core. So many claims are
 * taken each second and no more: a guest may send as many as it likes. */
#ifndef BH_NEIGHBOUR_QUEUE_H
#define BH_NEIGHBOUR_QUEUE_H

#include "channel.h"
#include "message.h"

#define BH_NEIGHBOURS_A_SECOND 1000 /* in all, … */
#define BH_NEIGHBOURS_OF_ONE 200    /* … and of one interface: nobody drowns the others' claims */
#define BH_NEIGHBOUR_SLOTS 256 /* interfaces whose numbers agree in the last 8 bits share one */

/* Zero-initialise. */
struct bh_neighbour_queue {
	struct bh_msg_neighbour claims[BH_NEIGHBOURS_A_SECOND];
	size_t count;			     /* of those that wait */
	int64_t second;			     /* of the claims' time, … */
	size_t taken;			     /* … how many were taken in it, … */
	uint16_t of_one[BH_NEIGHBOUR_SLOTS]; /* … and of whom */
	struct bh_msg_neighbour_counts seen;
	uint64_t lost; /* over the limit, or for want of room in the channel */
};

/* A packet of ARP or neighbour discovery; what went out to an endpoint is another's word, which was
 * heard when it came in, and is left alone. */
void bh_neighbour_queue_add(struct bh_neighbour_queue *queue, const struct bh_packet *packet);

/* A frame that came in from a MAC which is not its interface's (senders.h). */
void bh_neighbour_queue_add_sender(struct bh_neighbour_queue *queue,
				   const struct bh_packet *packet);

/* Sends all of them; channel NULL: nobody is there to hear. */
void bh_neighbour_queue_send(struct bh_neighbour_queue *queue, struct bh_channel *channel);

#endif
