/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What is kept of each edge, as small as it can be, found by its key: the ends (as kept in
 * bh_peers), protocol and port. Open addressing over pointers; the key stands in the entry itself.
 */
#ifndef BH_EDGE_TABLE_H
#define BH_EDGE_TABLE_H

#include "bulkhead/edge.h"

struct bh_entry {
	const struct bh_peer *src, *dst;
	int64_t first, last; /* µs */
	uint64_t connections, answered, bytes, replicas;
	int64_t last_hour;			   /* index; floor(last_hour / 24) is the window */
	uint16_t windows, hours, gap, longest_gap; /* these and even_gaps stay at their greatest */
	uint16_t port;
	uint16_t shared_hours;
	uint8_t proto;
	uint8_t even_gaps;
	bool held : 1;
	bool lossy : 1;
	bool heard : 1;
	bool dirty : 1;
	struct bh_entry *next_dirty;
	struct bh_entry *next_of_owner; /* in order of their discovery */
};

struct bh_edge_table;

struct bh_edge_table *bh_edge_table_new(void);
void bh_edge_table_free(struct bh_edge_table *table); /* with its entries; may be NULL */

struct bh_entry *bh_edge_table_find(const struct bh_edge_table *table, const struct bh_peer *src,
				    const struct bh_peer *dst, uint8_t proto, uint16_t port);
/* A new one, all zero but for its key, which is not in the table yet. */
struct bh_entry *bh_edge_table_add(struct bh_edge_table *table, const struct bh_peer *src,
				   const struct bh_peer *dst, uint8_t proto, uint16_t port);
/* Takes the entry out and frees it. */
void bh_edge_table_remove(struct bh_edge_table *table, struct bh_entry *entry);

size_t bh_edge_table_count(const struct bh_edge_table *table);
/* Start with *position = 0; NULL at the end. */
struct bh_entry *bh_edge_table_next(const struct bh_edge_table *table, size_t *position);

#endif
