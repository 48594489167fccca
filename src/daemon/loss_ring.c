/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "loss_ring.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

static const struct {
	const char *name;
	const char *one, *many; /* sentences; %PRIu64 is the count */
} kinds[BH_LOSS_KINDS] = {
	[BH_LOSS_PACKETS] = { "packets", "%" PRIu64 " packet was lost before it was read",
			      "%" PRIu64 " packets were lost before they were read" },
	[BH_LOSS_EVICTIONS] = { "evictions",
				"%" PRIu64 " flow was ended early to stay within capture.max_flows",
				"%" PRIu64
				" flows were ended early to stay within capture.max_flows" },
	[BH_LOSS_FLOWS] = { "flow_reports",
			    "%" PRIu64 " flow report was lost between capture and core",
			    "%" PRIu64 " flow reports were lost between capture and core" },
	[BH_LOSS_NAMES] = { "names",
			    "%" PRIu64 " name of an address was lost between capture and core: "
			    "flows to it show none",
			    "%" PRIu64 " names of addresses were lost between capture and core: "
			    "flows to them show none" },
	[BH_LOSS_CLAIMS] = { "claims",
			     "%" PRIu64
			     " name that a TLS client claimed was lost between capture and core",
			     "%" PRIu64
			     " names that TLS clients claimed were lost between capture and core" },
	[BH_LOSS_NEIGHBOURS] = { "neighbours",
				 "%" PRIu64 " claim of an address or a MAC, by ARP, neighbour "
				 "discovery or a frame's sender, was not looked at (too many at "
				 "once)",
				 "%" PRIu64 " claims of addresses or MACs, by ARP, neighbour "
				 "discovery or frames' senders, were not looked at (too many at "
				 "once)" },
	[BH_LOSS_DENIALS] = { "denials",
			      "%" PRIu64 " denial was lost on its way (too many at once, or a "
			      "process was away): it is no event",
			      "%" PRIu64 " denials were lost on their way (too many at once, or a "
			      "process was away): they are no events" },
	[BH_LOSS_NETLINK] = { "netlink_overruns",
			      "netlink lost messages %" PRIu64
			      " time; everything was scanned again",
			      "netlink lost messages %" PRIu64
			      " times; each time everything was scanned again" },
	[BH_LOSS_CAPTURE] = { "capture_ends",
			      "capture was away or hung %" PRIu64 " time; what passed was not seen",
			      "capture was away or hung %" PRIu64
			      " times; what passed was not seen" },
	[BH_LOSS_CORE] = { "core_ends",
			   "core was away %" PRIu64 " time; what was reported was not kept",
			   "core was away %" PRIu64 " times; what was reported was not kept" },
	[BH_LOSS_EVENTS] = { "events", "%" PRIu64 " event was not stored",
			     "%" PRIu64 " events were not stored" },
	[BH_LOSS_IPFIX] = { "ipfix_records",
			    "%" PRIu64 " flow record did not reach an IPFIX collector",
			    "%" PRIu64 " flow records did not reach an IPFIX collector" },
	[BH_LOSS_LOGS] = { "log_records", "%" PRIu64 " log record was lost",
			   "%" PRIu64 " log records were lost" },
};

const struct bh_loss_interval *bh_loss_kept(const struct bh_loss_ring *ring, size_t back)
{
	if (back >= ring->made || back >= BH_LOSS_KEPT)
		return NULL;
	return &ring->kept[(ring->made - 1 - back) % BH_LOSS_KEPT];
}

/* The interval of that time, made where there is none. */
static struct bh_loss_interval *interval_at(struct bh_loss_ring *ring, int64_t time)
{
	struct bh_loss_interval *newest =
		ring->made > 0 ? &ring->kept[(ring->made - 1) % BH_LOSS_KEPT] : NULL;

	if (newest != NULL && time < newest->start + BH_LOSS_INTERVAL)
		return newest;
	struct bh_loss_interval *fresh = &ring->kept[ring->made++ % BH_LOSS_KEPT];
	memset(fresh, 0, sizeof(*fresh));
	fresh->start = time - time % BH_LOSS_INTERVAL;
	return fresh;
}

void bh_loss_add(struct bh_loss_ring *ring, enum bh_loss_kind kind, uint64_t count, int64_t time)
{
	if (count == 0)
		return;
	interval_at(ring, time)->counts[kind] += count;
	ring->totals[kind] += count;
}

void bh_loss_sum(const struct bh_loss_ring *ring, int64_t since, uint64_t sums[BH_LOSS_KINDS])
{
	const struct bh_loss_interval *interval;

	memset(sums, 0, sizeof(sums[0]) * BH_LOSS_KINDS);
	for (size_t back = 0; (interval = bh_loss_kept(ring, back)) != NULL; back++) {
		if (interval->start + BH_LOSS_INTERVAL <= since)
			return;
		for (int kind = 0; kind < BH_LOSS_KINDS; kind++)
			sums[kind] += interval->counts[kind];
	}
}

const char *bh_loss_name(enum bh_loss_kind kind)
{
	return kinds[kind].name;
}

/* The formats are the table's above, each with its one number. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
static int sentence(enum bh_loss_kind kind, uint64_t count, char *out, size_t size)
{
	return snprintf(out, size, count == 1 ? kinds[kind].one : kinds[kind].many, count);
}
#pragma GCC diagnostic pop

char *bh_loss_kind_text(enum bh_loss_kind kind, uint64_t count, char out[BH_LOSS_TEXT])
{
	sentence(kind, count, out, BH_LOSS_TEXT);
	return out;
}

char *bh_loss_text(const uint64_t counts[BH_LOSS_KINDS], char out[BH_LOSS_TEXT])
{
	size_t length = 0;

	out[0] = '\0';
	for (int kind = 0; kind < BH_LOSS_KINDS; kind++) {
		if (counts[kind] == 0)
			continue;
		length += (size_t)snprintf(out + length, BH_LOSS_TEXT - length, "%s",
					   length > 0 ? "; " : "");
		length += (size_t)sentence((enum bh_loss_kind)kind, counts[kind], out + length,
					   BH_LOSS_TEXT - length);
	}
	return out;
}
