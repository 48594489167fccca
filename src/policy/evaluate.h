/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The one evaluator: (flow, identities, policy) → verdict and the rule responsible. Learning,
 * replay, explain and the compiler all go by it; tests hold it against the kernel. Rules whose time
 * is over say nothing: whoever asks has told the policy the time (bh_policy_set_time()).
 */
#ifndef BH_EVALUATE_H
#define BH_EVALUATE_H

#include "bulkhead/sensitive.h"
#include "policy.h"

/* One end of a flow, in the policy's eyes. */
struct bh_subject {
	const struct bh_peer *peer;
	struct bh_addr addr; /* of no family: not known */
	/* Of a destination outside: what the source had asked for when it was given the address;
	 * as lib/dns_name.h writes
	 * it. NULL: nothing, or it is the peer itself. */
	const char *dns;
	/* Labels of the instance, where peer is a workload; NULL: none. label() answers NULL where
	 * the key is not set. */
	const void *labels;
	const char *(*label)(const void *labels, const char *key);
	uint8_t mode; /* enum bh_mode, where peer is a workload; learn otherwise */
};

struct bh_question {
	struct bh_subject src;
	struct bh_subject dst;
	uint8_t proto;
	uint16_t port;		/* destination port; ICMP: type * 256 + code */
	bool direction_unknown; /* then both orientations are judged, and either suffices */
	uint16_t source_port;	/* needed only then */
	const struct bh_sensitive *sensitive; /* stage 1's ports; NULL: the default */
};

struct bh_answer {
	uint8_t verdict; /* enum bh_verdict: what the policy says */
	/* Not allowed, and who does what about it; both may be true, one for each end. */
	bool blocked; /* a workload refuses it: in enforce mode, or in stage 1 and it is urgent */
	bool audited; /* a workload reports it: in audit mode, or in stage 1 and it is not */
	/* The stricter of the two ends; of two alike the sender's. Where verdict is not ALLOW. */
	uint8_t side;	      /* enum bh_side */
	const char *workload; /* its name (the subject's peer name), else NULL */
	int rule;	      /* index of the rule that decides, −1: none, by default */
	char reason[512];     /* in words: the rule, or whose rule is missing */
};

/* Between ends of which neither is a workload everything is ALLOW, and the reason says so. An end
 * that is unresolved or departed matches no rule: UNCERTAIN, and blocked like a denial. So is one
 * of which the name alone is known, where a rule speaks of addresses that may be its.
 *
 * In stage 1 it is urgent what goes to a sensitive port, and what comes from or goes to the
 * outside; of an end that is not known the port alone tells. Where nobody knows the direction
 * either port counts. */
void bh_policy_evaluate(const struct bh_policy *policy, const struct bh_question *question,
			struct bh_answer *answer);

/* Whether that rule alone does, in the direction that is asked about. */
bool bh_policy_rule_allows(const struct bh_policy *policy, size_t rule,
			   const struct bh_question *question);

/* The number that a named port stands for where the destination has these labels; 0: none. */
uint16_t bh_policy_port_of(const struct bh_policy_port *port, const void *labels,
			   const char *(*label)(const void *labels, const char *key));

/* Whether what no rule speaks of passes at that side of the subject. Of several entries for it one
 * that says deny counts more than one that says allow. */
bool bh_policy_is_open(const struct bh_policy *policy, const struct bh_subject *subject,
		       enum bh_side side);

/* Whether a policy peer stands for this subject. World is every address outside; a prefix too
 * speaks of the outside alone, and gives no right over a workload or this host, whatever their
 * addresses. Whoever is masked comes to the rules as this host does. (As a destination, world
 * leaves the metadata service out: bh_policy_evaluate() sees to that.) A name stands for whatever
 * the source calls so, and for no address that it does not. */
bool bh_policy_peer_matches(const struct bh_policy *policy, const struct bh_policy_peer *peer,
			    const struct bh_subject *subject);
/* The same for any of them. */
bool bh_policy_peers_match(const struct bh_policy *policy, const struct bh_policy_peers *peers,
			   const struct bh_subject *subject);

#endif
