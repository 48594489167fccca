/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a capture file held beside its flows: what became none, by kind, what was left out, and
 * which addresses changed hands. To standard error, so that flows can be piped. */
#ifndef BH_READ_SUMMARY_H
#define BH_READ_SUMMARY_H

#include "dns_watch.h"
#include "neighbours.h"
#include "source.h"

struct bh_read_summary {
	const char *path;
	const struct bh_file_stats *file;
	const struct bh_flow_table_stats *table;
	const struct bh_dns_unread *dns;
	uint64_t claims_left_out;
	const struct bh_neighbour_watch *neighbours;
};

void bh_print_read_summary(const struct bh_read_summary *summary);

#endif
