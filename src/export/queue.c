/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "queue.h"

#include <stdlib.h>

#define COMPACT_AT (64 << 10) /* bytes of items that are gone */

static size_t used(const struct bh_export_queue *q)
{
	return q->bytes.length - q->start;
}

bool bh_export_queue_fits(const struct bh_export_queue *q, size_t length)
{
	return used(q) + sizeof(uint32_t) + length <= q->limit;
}

void bh_export_queue_add(struct bh_export_queue *q, const void *head, size_t head_length,
			 const void *tail, size_t tail_length)
{
	uint32_t length = (uint32_t)(head_length + tail_length);

	bh_buffer_append(&q->bytes, &length, sizeof(length));
	bh_buffer_append(&q->bytes, head, head_length);
	bh_buffer_append(&q->bytes, tail, tail_length);
	q->count++;
}

static size_t first_length(const struct bh_export_queue *q)
{
	uint32_t length;

	memcpy(&length, q->bytes.data + q->start, sizeof(length));
	return length;
}

const void *bh_export_queue_first(const struct bh_export_queue *q, size_t *length)
{
	if (q->count == 0)
		return NULL;
	*length = first_length(q);
	return q->bytes.data + q->start + sizeof(uint32_t);
}

/* Memory is moved when at least as much of it is free as moves, so that an item costs the same
 * however many there are. */
void bh_export_queue_drop(struct bh_export_queue *q)
{
	q->start += sizeof(uint32_t) + first_length(q);
	q->count--;
	if (q->count > 0 && (q->start < COMPACT_AT || q->start < used(q)))
		return;
	bh_buffer_consume(&q->bytes, q->start);
	q->start = 0;
}

void bh_export_queue_free(struct bh_export_queue *q)
{
	bh_buffer_free(&q->bytes);
	*q = (struct bh_export_queue) { 0 };
}

void bh_export_sum_add(struct bh_export_sum *to, const struct bh_export_sum *more)
{
	to->records += more->records;
	to->packets += more->packets;
	to->octets += more->octets;
}
