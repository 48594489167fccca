/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What waits to be sent, in order, within a bound. Whoever adds makes room first, and so learns
 * what is lost.
 */
#ifndef BH_EXPORT_QUEUE_H
#define BH_EXPORT_QUEUE_H

#include <stdbool.h>

#include "buffer.h"

/* Zero-initialise, and set the limit. */
struct bh_export_queue {
	struct bh_buffer bytes;
	size_t start; /* of the first item */
	size_t count; /* items */
	size_t limit; /* bytes, their lengths included */
};

/* Whether an item of this length has room now. */
bool bh_export_queue_fits(const struct bh_export_queue *queue, size_t length);
/* An item of two parts (either may be empty), which fits. */
void bh_export_queue_add(struct bh_export_queue *queue, const void *head, size_t head_length,
			 const void *tail, size_t tail_length);
/* The oldest item, until the queue changes; NULL: there is none. */
const void *bh_export_queue_first(const struct bh_export_queue *queue, size_t *length);
void bh_export_queue_drop(struct bh_export_queue *queue); /* that one */
void bh_export_queue_free(struct bh_export_queue *queue);

/* What was exported, or lost. */
struct bh_export_sum {
	uint64_t records;
	uint64_t packets; /* that flows had */
	uint64_t octets;
};
void bh_export_sum_add(struct bh_export_sum *to, const struct bh_export_sum *more);

/* Of one destination, since core started. */
struct bh_export_totals {
	uint64_t messages;
	uint64_t octets; /* of messages */
	struct bh_export_sum sent;
	struct bh_export_sum not_sent;
};

#endif
