/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `bulkhead top` knows: flows as the daemon reports them, folded into edges and workloads, and
 * what went over each within an interval. It draws nothing, asks nobody, and knows no clock but
 * what it is told.
 *
 * A report says what a flow has counted so far. What it counted since the report before is the
 * interval's; of a flow that is met for the first time all of it, where it began after the watch
 * did, else nothing: how much of it is new nobody knows. What is shown of an edge is set when an
 * interval ends, so that a frozen picture holds still while reports go on.
 */
#ifndef BH_TOP_MODEL_H
#define BH_TOP_MODEL_H

#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "protocol.h"

#define BH_TOP_FLOWS 50000 /* kept at most; then the one not heard of for longest goes */
#define BH_TOP_EDGES 10000
#define BH_TOP_NAME 320

struct bh_top_counts {
	double connections, bytes, denied;
};

struct bh_top_edge {
	char *src, *dst; /* names; of an address outside its text */
	char port[BH_PORT_TEXT];
	struct bh_top_counts now;   /* since the interval began */
	struct bh_top_counts rates; /* a second, of the interval that ended last */
	struct bh_top_counts sums;  /* shown: until that ended */
	struct bh_top_counts total; /* since the watch began */
	double last, shown_last;    /* seconds since the epoch */
	bool shown;		    /* an interval ended since it is known */
	bool lossy, uncounted;	    /* its counts are a floor; nobody counts its bytes */
	size_t flows;		    /* that are kept of it */
};

struct bh_top_workload {
	char *name;
	char *mode; /* NULL: nobody said */
	double instances;
	struct bh_top_counts in;  /* rates of what it answers, … */
	struct bh_top_counts out; /* … and of what it opens */
	double denied;		  /* since the watch began */
	double peers;
	double last;
};

/* A connection, as it was reported last. */
struct bh_top_flow {
	struct bh_top_edge *edge;
	char src[72], dst[72]; /* "10.0.0.1:40000" */
	char state[16], verdict[16];
	double first, last, bytes, packets;
	bool denied, lossy, bytes_known;
};

/* What is not known, or was lost, of the interval that ended last; missed: since the watch began.
 */
struct bh_top_unknown {
	double unnamed, undirected, lossy, uncounted;
	double missed;	 /* lines, by a reader that was too slow */
	double left_out; /* edges for which there was no room */
};

struct bh_top_model;

struct bh_top_model *bh_top_model_new(void);
void bh_top_model_free(struct bh_top_model *model);

/* The watch begins, or begins again: what flows counted before is nobody's. since: seconds. */
void bh_top_model_begin(struct bh_top_model *model, double since);

/* A line of the stream: a flow, or a gap. Anything else is passed over. */
void bh_top_model_take(struct bh_top_model *model, const cJSON *line);

/* The answer to /v1/workloads. */
void bh_top_model_workloads(struct bh_top_model *model, const cJSON *answer);

/* The interval ends, which took so many seconds. */
void bh_top_model_tick(struct bh_top_model *model, double seconds);

struct bh_top_unknown bh_top_model_unknown(const struct bh_top_model *model);
struct bh_top_counts bh_top_model_rates(const struct bh_top_model *model); /* of all edges */

/* Each edge that was shown, each workload, each flow of an edge: in any order, good until the next
 * line or tick. The caller frees the array, not what it points to. */
const struct bh_top_edge **bh_top_model_edges(const struct bh_top_model *model, size_t *count);
const struct bh_top_workload **bh_top_model_list(struct bh_top_model *model, size_t *count);
const struct bh_top_flow **bh_top_model_flows(const struct bh_top_model *model, const char *src,
					      const char *dst, const char *port, size_t *count);

#endif
