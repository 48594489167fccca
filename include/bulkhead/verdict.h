/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What may happen to a flow, and how a workload is treated. */
#ifndef BULKHEAD_VERDICT_H
#define BULKHEAD_VERDICT_H

/* What the evaluator says about a flow under a policy revision. */
enum bh_verdict {
	BH_ALLOW,
	BH_DENY,
	BH_UNCERTAIN, /* a peer is unresolved, or the flow's direction unknown */
};

/* How a workload is treated; the order is the order of promotion. */
enum bh_mode {
	BH_LEARN,   /* nothing is logged or blocked */
	BH_AUDIT,   /* what the policy would deny is logged, and passes */
	BH_STAGE1,  /* of what the policy denies the urgent is refused: to a sensitive port, from or
		     * to the outside; the rest is as in audit */
	BH_ENFORCE, /* what the policy denies is logged and refused */
	BH_MODES,
};

/* As seen from the container: egress is what it sends first, ingress what it receives. */
enum bh_side {
	BH_EGRESS,
	BH_INGRESS,
};

/* How an enforced denial answers: reject tells the sender at once, drop lets it wait. */
enum bh_deny_action {
	BH_REJECT,
	BH_DROP,
};

/* What meets an endpoint on a managed bridge that no workload claims yet. */
enum bh_posture {
	BH_POSTURE_OPEN,
	BH_POSTURE_AUDIT,
	BH_POSTURE_CLOSED,
};

/* What became of one direction of a flow. */
enum bh_flow_verdict {
	BH_FLOW_VERDICT_UNKNOWN, /* one side alone was seen */
	BH_FLOW_DELIVERED,
	BH_FLOW_UNDELIVERED,
	BH_FLOW_DENIED, /* by us */
	BH_FLOW_VERDICTS,
};

#endif
