/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether the rules are met by what passes on a managed bridge, or to and from a routed veth, as
 * the self-test found. */
#ifndef BULKHEAD_PROOF_H
#define BULKHEAD_PROOF_H

#include <stdbool.h>
#include <stdint.h>

#include "bulkhead/address.h"

/* Of one address family, one way: what was sent once or several times, and what became of it. */
struct bh_probe_seen {
	bool off; /* nothing was: a bridge has one way, a host need not forward both families */
	bool pass_counted; /* by our rules, which let it pass … */
	bool pass_arrived;
	bool deny_counted; /* … and drop this one */
	bool deny_arrived;
};

/* What a routed veth's container sends, and what it is sent; a bridge has but the first. */
enum bh_proof_way {
	BH_PROOF_SENT,
	BH_PROOF_RECEIVED,
	BH_PROOF_WAYS,
};

enum bh_proof_state {
	BH_PROOF_PENDING, /* something changed, and it is not tested again yet */
	BH_PROOF_PROVED,  /* both families: what is to pass arrives, what is not is dropped by us */
	BH_PROOF_BYPASSED, /* what our rules are to drop arrives */
	BH_PROOF_STOPPED,  /* what is to pass does not arrive, or somebody else drops the other */
	BH_PROOF_UNTESTED, /* it cannot be tested */
	BH_PROOF_WITHHELD, /* its frames are not handed to netfilter: others stop them there */
	BH_PROOF_IDLE,	   /* nothing can pass there: no ports, down, or nothing is forwarded */
	BH_PROOF_GONE,	   /* it is not managed any more */
	BH_PROOF_STATES,
};

struct bh_proof {
	int64_t time; /* µs since the epoch; PENDING: since then */
	char ifname[BH_IFNAME];
	char workload[256]; /* whose veth it is; "": it is a bridge */
	uint8_t state;	    /* enum bh_proof_state */
	/* µs: since when this run has its frames handed to netfilter; 0: it does not, or they were
	 * before */
	int64_t handed_over;
	/* By way; IPv4, IPv6; of BYPASSED, STOPPED, WITHHELD. */
	struct bh_probe_seen seen[BH_PROOF_WAYS][2];
	/* UNTESTED, IDLE; PENDING: what changed, "": rules; PROVED: with what exception, "": none;
	 * WITHHELD: "": the self-test's packets */
	char why[256];
};

#endif
