/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A whole capture file, by way of libpcap, the decoder and the flow table, and its names. */
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dns_watch.h"
#include "names.h"
#include "source.h"
#include "timefmt.h"

static void add_up(void *user, const struct bh_flow *flow)
{
	*(uint64_t *)user += flow->tx.sent.packets + flow->tx.delivered.packets +
			     flow->rx.sent.packets + flow->rx.delivered.packets;
}

struct told {
	struct bh_dns_watch *watch;
	struct bh_names *names;
};

static void keep_names(void *user, const struct bh_packet *packet, const struct bh_named *named,
		       size_t count)
{
	const struct told *told = user;
	struct bh_names_client client = { .addr = packet->dst };

	for (size_t i = 0; i < count; i++) {
		bh_names_add(told->names, &client, &named[i]);
		bh_names_find(told->names, &client, &named[i].addr, named[i].time);
	}
	if (count == 0 || bh_names_count(told->names) == 0 || bh_names_count(told->names) > 6)
		abort();
}

static void watch_dns(void *user, const struct bh_packet *packet)
{
	bh_dns_watch_packet(((struct told *)user)->watch, packet);
}

/* Of a flow that lives, and fit to be printed. */
static void check_claim(void *user, uint64_t flow_id, const char *name)
{
	size_t length = strlen(name);

	(void)user;
	if (flow_id == 0 || length == 0 || length >= BH_DNS_NAME ||
	    strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != length)
		abort();
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
	struct told told;

	if (size == 0)
		return 0;
	FILE *stream = fmemopen((void *)(uintptr_t)data, size, "rb");
	struct bh_flow_table *table = bh_flow_table_new(&config, add_up, &counted);
	told.names = bh_names_new(4, 6);
	told.watch = bh_dns_watch_new(false, keep_names, &told);
	bh_flow_table_show_dns(table, watch_dns, &told);
	bh_flow_table_show_claims(table, check_claim, NULL);
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
	bh_dns_watch_free(told.watch);
	bh_names_free(told.names);
	return 0;
}
