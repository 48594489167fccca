/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The service map as a person can read it: hundreds of workloads in the groups that they belong to,
 * what everybody talks to folded into badges, peers outside gathered, and nothing denied ever
 * hidden by that. Pure: what is asked and what is known go in, JSON comes out (docs/api.md, GET
 * /v1/map).
 */
#ifndef BH_API_SERVICE_MAP_H
#define BH_API_SERVICE_MAP_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/edge.h"
#include "bulkhead/traffic.h"

/* From the gravest on: what stands for several edges is of the first of their states. */
enum bh_map_state {
	BH_MAP_DENIED,
	BH_MAP_WOULD_DENY,
	BH_MAP_NEW,
	BH_MAP_REVIEW,
	BH_MAP_LEARNED,
	BH_MAP_UNLEARNED,
	BH_MAP_STATES,
};

struct bh_map_edge {
	const struct bh_peer *src, *dst;
	uint8_t proto;
	uint16_t port;
	uint8_t state; /* enum bh_map_state */
	int64_t first, last;
	struct bh_traffic_counts now, before; /* before: in the range that it is compared with */
};

struct bh_map_workload {
	const char *name;
	const char *mode;
	cJSON *share; /* taken over; NULL: null */
	size_t instances;
	const char *image; /* NULL: not known, or several */
};

enum bh_map_collapse {
	BH_COLLAPSE_AUTO, /* where there are more workloads than a picture bears */
	BH_COLLAPSE_ALL,
	BH_COLLAPSE_NONE,
};

struct bh_map_query {
	uint8_t collapse;  /* enum bh_map_collapse */
	const char *open;  /* "ID,ID": groups that are shown opened; NULL: none */
	const char *focus; /* a node's or group's ID; NULL: none */
	unsigned hops;	   /* around it */
	bool fold;	   /* what everybody talks to becomes badges */
	const char *match; /* text in a node's ID, group or image; NULL: all */
	bool compare;	   /* with `before` of each edge … */
	double scale;	   /* … where the range now is so many times as long */
};

struct bh_map_input {
	struct bh_map_edge *edges;
	size_t edge_count;
	struct bh_map_workload *workloads; /* all that are present */
	size_t workload_count;
};

/* Adds "totals", "collapsed", "nodes", "edges" and "folded". False: there is no such node as the
 * one in focus, and nothing was added. */
bool bh_service_map(const struct bh_map_input *input, const struct bh_map_query *query, cJSON *out);

/* "denied" … */
const char *bh_map_state_name(uint8_t state);

/* The project or namespace of a workload: "compose:shop" of compose:shop/web, "netns" of netns:db.
 */
#define BH_GROUP_NAME BH_PEER_NAME
void bh_workload_group(const char *workload, char out[BH_GROUP_NAME]);

#endif
