/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Policy and present endpoints → bh_ruleset. The evaluator decides which rule stands for whom; this
 * only spells the answer out per address. Replicas of one workload whose labels the policy tells
 * apart, or that are treated otherwise than the rest, get chains of their own, with the same
 * workload's name and another hash. */
#ifndef BH_COMPILE_H
#define BH_COMPILE_H

#include "bulkhead/endpoint.h"
#include "bulkhead/ruleset.h"
#include "evaluate.h"

/* A present endpoint, as the compiler needs it. */
struct bh_compile_endpoint {
	/* NULL: no endpoint of the workload is there just now. It keeps its chains, so that its
	 * return changes no more than its departure did. */
	const struct bh_endpoint_fact *fact;
	uint16_t granted; /* bit i: its runtime says that it gave out addrs[i] of the fact to it */
	const char *workload; /* "": unidentified; it gets a port, but no binding, and meets the
				 posture */
	uint8_t mode;
	bool apart; /* one of a share of the workload that is treated otherwise than the rest: these
		       have chains of their own */
	const void *labels;
	const char *(*label)(const void *labels, const char *key);
};

/* An address outside that a workload was given when it asked for the name. */
struct bh_compile_name {
	const char *workload;
	const char *name;
	struct bh_addr addr;
};

/* A bridge's port, whoever is behind it. */
struct bh_compile_member {
	const char *ifname;
	uint32_t bridge; /* its ifindex */
	bool uplink;	 /* no container can be behind it */
};

struct bh_compile_input {
	const struct bh_policy *policy; /* NULL: none yet; then every workload is in learn */
	const struct bh_compile_endpoint *endpoints;
	size_t endpoint_count;
	/* What rules by name permit, each to its workload alone; in order of workload and name. */
	const struct bh_compile_name *names;
	size_t name_count;
	/* Of the host; those with an endpoint become managed. So do those that say filtered, where
	 * any posture there is not open: endpoints are expected there. */
	const struct bh_bridge *bridges;
	size_t bridge_count;
	bool stateless; /* what stays on one bridge is judged there, without connection tracking */
	const struct bh_compile_member *members; /* every bridge's ports; where stateless */
	size_t member_count;
	uint8_t posture;
	const struct bh_address_posture *postures; /* instead, where one is given */
	size_t posture_count;
	const struct bh_sensitive *sensitive; /* stage 1's ports; NULL: the default */
};

/* Never fails; the caller frees the result. The same input gives the same bytes, in the same order.
 * With every workload in learn it is an empty ruleset: nothing is asked of the kernel. */
struct bh_ruleset *bh_compile(const struct bh_compile_input *input);

#endif
