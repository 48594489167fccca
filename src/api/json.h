/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The JSON forms that are a contract (docs/api.md), in one place for CLI and API. */
#ifndef BH_API_JSON_H
#define BH_API_JSON_H

#include "buffer.h"
#include "bulkhead/edge.h"
#include "bulkhead/flow.h"
#include "bulkhead/verdict.h"

/* The words for a flow's enumerations, in their order: states (enum bh_flow_state), directions
 * (enum bh_direction), verdicts (enum bh_flow_verdict). */
#define BH_JSON_WORD 16
#define BH_JSON_STATES 5
#define BH_JSON_DIRECTIONS 4
#define BH_JSON_VERDICTS 4
extern const char bh_json_states[BH_JSON_STATES][BH_JSON_WORD];
extern const char bh_json_directions[BH_JSON_DIRECTIONS][BH_JSON_WORD];
extern const char bh_json_verdicts[BH_JSON_VERDICTS][BH_JSON_WORD];

/* What core knows about a flow beyond the record; NULL names print as null. */
struct bh_flow_names {
	const char *src_why; /* why an end has no workload; NULL: it has, or is none of ours */
	const char *dst_why;
	const char *dst_container; /* of several that share the namespace; NULL: not known */
	const char *src_workload;
	uint64_t src_replica; /* tells those of a workload apart; 0: not known */
	const char *dst_workload;
	const char *dns;
	const char *sni;		/* a claim of the client */
	const struct bh_flow_key *via;	/* whose dst the client named; NULL: the flow's own */
	bool proxied;			/* via is a proxy's, and led to a connection of its own */
	const char *masked;		/* why the client is not known; NULL: it is */
	uint8_t verdict;		/* enum bh_flow_verdict: of the initiator's direction … */
	uint8_t verdict_back;		/* … and of the way back */
	bool lossy;			/* beside what the record itself says */
	bool uncounted;			/* capture did not count it; … */
	const struct bh_tally *tracked; /* … connection tracking did: tx, rx; NULL: nor did that */
};

/* What is told of one direction of a flow that capture counted. */
struct bh_flow_told {
	struct bh_tally counted; /* by the sender's side, or where that was not seen, the other */
	uint64_t segments;	 /* an estimate of as many packets; 0: there were as many */
	struct bh_tally delivered;
	bool delivered_known;
};

const char *bh_flow_verdict_name(uint8_t verdict); /* "delivered" */

/* There and back. verdict: enum bh_flow_verdict. */
void bh_flow_tell(const struct bh_flow *flow, uint8_t verdict, struct bh_flow_told told[2]);

/* Appends one flow as a JSON object without a newline, keys in the contract's order. */
void bh_json_flow(struct bh_buffer *out, const struct bh_flow *flow,
		  const struct bh_flow_names *names);

/* Appends a JSON string, quotes and all; bytes that are no UTF-8 become U+FFFD. */
void bh_json_string(struct bh_buffer *out, const char *text);

/* Appends one edge as a JSON object. */
void bh_json_edge(struct bh_buffer *out, const struct bh_edge *edge, unsigned replicas,
		  const struct bh_edge_names *names, const struct bh_edge_clients *clients);

#endif
