/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole capture file, by way of libpcap, the decoder and the flow table. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "source.h"
#include "timefmt.h"

static void add_up(void *user, const struct bh_flow *flow)
{
	*(uint64_t *)user += flow->tx.sent.packets + flow->tx.delivered.packets +
			     flow->rx.sent.packets + flow->rx.delivered.packets;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_flow_table_config config = { .max_flows = 8,
					       .idle_timeout = 10 * BH_SECOND,
					       .tcp_idle_timeout = 100 * BH_SECOND,
					       .closed_linger = BH_SECOND };
	struct bh_file_stats stats;
	uint64_t counted = 0;

	if (size == 0)
		return 0;
	FILE *stream = fmemopen((void *)(uintptr_t)data, size, "rb");
	struct bh_flow_table *table = bh_flow_table_new(&config, add_up, &counted);
	if (stream != NULL &&
	    bh_file_source_read_stream(stream, table, &stats, NULL, NULL, NULL) == 0) {
		struct bh_flow_table_stats t = bh_flow_table_stats(table);

		for (int i = 0; i < BH_UNDECODED_KINDS; i++)
			counted += t.undecoded[i];
		/* Every packet is somewhere, and only there; what tunnels carry comes on top. */
		if (t.packets < stats.packets || t.active != 0 ||
		    t.packets != counted + t.undelivered_copies + t.orphan_fragments)
			abort();
	}
	bh_flow_table_free(table);
	return 0;
}
