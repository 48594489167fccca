/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Recorded flows, as `bulkhead flows --format json` prints them, as questions to a policy. */
#ifndef BH_RECORDED_H
#define BH_RECORDED_H

#include "bulkhead/error.h"
#include "evaluate.h"

struct bh_recorded_flow {
	struct bh_peer src, dst;
	struct bh_peer proxy;	     /* the host, where proxied */
	struct bh_question question; /* points into this record */
	bool proxied;		     /* then question is of src and the proxy, … */
	struct bh_question onward; /* … and this of the proxy and dst: rules meet two connections */
};

/* One line of JSON. False and *err (what is wrong with it) where it is no flow. A record names
 * workloads and no labels: those that the name stands for are told (bulkhead.workload, Compose's
 * two). An address without a name is what it can only be: multicast, the metadata service, or a
 * public one; a private one might be anybody's, and stays unresolved. */
bool bh_recorded_flow_parse(const char *line, struct bh_recorded_flow *out, struct bh_error *err);

#endif
