/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What passed between two peers in some time. */
#ifndef BULKHEAD_TRAFFIC_H
#define BULKHEAD_TRAFFIC_H

#include <stdint.h>

struct bh_traffic_counts {
	uint64_t connections, answered;
	uint64_t denied;     /* by our rules */
	uint64_t would_deny; /* the policy does, and they passed: learn, audit */
	uint64_t bytes;	     /* both directions, as sent … */
	uint64_t uncounted;  /* … but of so many connections, whose bytes nobody counted */
};

static inline void bh_traffic_add(struct bh_traffic_counts *to, const struct bh_traffic_counts *c)
{
	to->connections += c->connections;
	to->answered += c->answered;
	to->denied += c->denied;
	to->would_deny += c->would_deny;
	to->bytes += c->bytes;
	to->uncounted += c->uncounted;
}

#endif
