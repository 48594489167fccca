/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "top_model.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "answer.h"
#include "grow.h"
#include "map.h"

#define QUIET 300 /* seconds, after which an edge without a report is dropped */
#define KEY (2 * BH_TOP_NAME + 64)

struct kept {
	TAILQ_ENTRY(kept) next; /* in the order in which they were heard of last */
	char *key;
	struct bh_top_flow flow;
};

struct bh_top_model {
	TAILQ_HEAD(, kept) queue;
	struct bh_map *flows;	  /* by tuple and start */
	struct bh_map *edges;	  /* by names and port */
	struct bh_map *workloads; /* by name */
	double since;		  /* seconds: a flow that began later counts from its beginning */
	double newest;		  /* of all reports */
	struct bh_top_unknown now, shown;
	struct bh_top_counts rates;
};

static void free_edge(void *user)
{
	struct bh_top_edge *edge = user;

	free(edge->src);
	free(edge->dst);
	free(edge);
}

static void free_kept(void *kept)
{
	free(((struct kept *)kept)->key);
	free(kept);
}

static void free_workload(void *user)
{
	struct bh_top_workload *workload = user;

	free(workload->name);
	free(workload->mode);
	free(workload);
}

struct bh_top_model *bh_top_model_new(void)
{
	struct bh_top_model *m = bh_calloc(1, sizeof(*m));

	m->flows = bh_map_new(free_kept);
	TAILQ_INIT(&m->queue);
	m->edges = bh_map_new(free_edge);
	m->workloads = bh_map_new(free_workload);
	return m;
}

void bh_top_model_free(struct bh_top_model *m)
{
	if (m == NULL)
		return;
	bh_map_free(m->flows);
	bh_map_free(m->edges);
	bh_map_free(m->workloads);
	free(m);
}

void bh_top_model_begin(struct bh_top_model *m, double since)
{
	struct kept *kept;

	TAILQ_FOREACH (kept, &m->queue, next)
		kept->flow.edge->flows--;
	bh_map_free(m->flows);
	m->flows = bh_map_new(free_kept);
	TAILQ_INIT(&m->queue);
	m->since = since;
}

/* --- edges ------------------------------------------------------------------------------------ */

/* As edges are called elsewhere: a workload, a name that was asked for, else the address. */
static void end_name(const cJSON *flow, const char *end, char out[BH_TOP_NAME])
{
	const cJSON *side = bh_get(flow, end);
	const char *workload = bh_text(side, "workload"), *dns = bh_text(flow, "dns");

	if (workload != NULL)
		bh_copy_text(out, BH_TOP_NAME, workload);
	else if (dns != NULL && strcmp(end, "dst") == 0)
		snprintf(out, BH_TOP_NAME, "dns:%s", dns);
	else
		bh_copy_text(out, BH_TOP_NAME, bh_word(side, "ip"));
}

static struct bh_top_edge *make_edge(struct bh_top_model *m, const char *key, const char *src,
				     const char *dst, const char *port)
{
	struct bh_top_edge *edge = bh_calloc(1, sizeof(*edge));

	edge->src = bh_strdup(src);
	edge->dst = bh_strdup(dst);
	bh_copy_text(edge->port, sizeof(edge->port), port);
	bh_map_put_text(m->edges, key, edge);
	return edge;
}

static void edge_key(const char *src, const char *dst, const char *port, char out[KEY])
{
	snprintf(out, KEY, "%s\n%s\n%s", src, dst, port);
}

/* NULL: there is no room for another one. */
static struct bh_top_edge *edge_of(struct bh_top_model *m, const cJSON *flow)
{
	char src[BH_TOP_NAME], dst[BH_TOP_NAME], port[BH_PORT_TEXT], key[KEY];

	end_name(flow, "src", src);
	end_name(flow, "dst", dst);
	const char *text = bh_answer_port(flow, bh_number(bh_get(flow, "dst"), "port"), port);
	edge_key(src, dst, text, key);
	struct bh_top_edge *edge = bh_map_get_text(m->edges, key);
	if (edge != NULL || bh_map_count(m->edges) < BH_TOP_EDGES)
		return edge != NULL ? edge : make_edge(m, key, src, dst, text);
	m->now.left_out++;
	return NULL;
}

/* --- flows ------------------------------------------------------------------------------------ */

static void end_text(const cJSON *flow, const char *end, char out[72])
{
	const cJSON *side = bh_get(flow, end);
	const char *ip = bh_word(side, "ip");
	bool six = strchr(ip, ':') != NULL;

	snprintf(out, 72, "%s%.45s%s:%.0f", six ? "[" : "", ip, six ? "]" : "",
		 bh_number(side, "port"));
}

/* The same whoever turns out to have opened it. */
static void flow_key(const cJSON *flow, const char *src, const char *dst, char out[KEY])
{
	bool turned = strcmp(src, dst) > 0;

	snprintf(out, KEY, "%.6f %s %s %s %s", bh_number(flow, "first"), bh_word(flow, "proto"),
		 turned ? dst : src, turned ? src : dst, bh_word(flow, "tunnel"));
}

static bool is_denied(const cJSON *flow)
{
	return strcmp(bh_word(flow, "verdict"), "denied") == 0 ||
	       strcmp(bh_word(flow, "verdict_back"), "denied") == 0;
}

/* Until it is put to the end of the queue: what it is of may have another name now. */
static void set_aside(struct bh_top_model *m, struct kept *kept)
{
	kept->flow.edge->flows--;
	TAILQ_REMOVE(&m->queue, kept, next);
}

static void forget_flow(struct bh_top_model *m, struct kept *kept)
{
	if (kept->flow.first > m->since)
		m->since = kept->flow.first;
	set_aside(m, kept);
	bh_map_remove_text(m->flows, kept->key);
}

static struct kept *keep_flow(struct bh_top_model *m, const char *key)
{
	struct kept *kept = bh_calloc(1, sizeof(*kept));

	if (bh_map_count(m->flows) == BH_TOP_FLOWS)
		forget_flow(m, TAILQ_FIRST(&m->queue));
	kept->key = bh_strdup(key);
	bh_map_put_text(m->flows, key, kept);
	return kept;
}

static double counted(const cJSON *flow, const char *what)
{
	return bh_number(bh_get(flow, "tx"), what) + bh_number(bh_get(flow, "rx"), what);
}

static void count_unknown(struct bh_top_model *m, const cJSON *flow, const struct bh_top_flow *f)
{
	bool unnamed = bh_text(bh_get(flow, "src"), "why") != NULL ||
		       bh_text(bh_get(flow, "dst"), "why") != NULL;

	m->now.unnamed += unnamed;
	m->now.undirected += strcmp(bh_word(flow, "direction"), "unknown") == 0;
	m->now.lossy += f->lossy;
	m->now.uncounted += !f->bytes_known;
}

/* What came since the report before is the edge's. met: there was none; whole: and all of it is of
 * this watch. */
static void count_report(struct bh_top_edge *edge, const struct bh_top_flow *before,
			 const struct bh_top_flow *flow, bool met, bool whole)
{
	struct bh_top_counts news = { .connections = whole,
				      .denied = flow->denied && (met ? whole : !before->denied) };

	if ((!met || whole) && flow->bytes > before->bytes)
		news.bytes = flow->bytes - before->bytes;
	edge->now.connections += news.connections;
	edge->now.bytes += news.bytes;
	edge->now.denied += news.denied;
	edge->total.connections += news.connections;
	edge->total.bytes += news.bytes;
	edge->total.denied += news.denied;
	edge->last = fmax(edge->last, flow->last);
	edge->lossy = edge->lossy || flow->lossy;
	edge->uncounted = edge->uncounted || !flow->bytes_known;
}

static struct bh_top_flow read_flow(const cJSON *json)
{
	struct bh_top_flow flow = { .first = bh_number(json, "first"),
				    .last = bh_number(json, "last"),
				    .bytes = counted(json, "bytes"),
				    .packets = counted(json, "packets"),
				    .bytes_known =
					    cJSON_IsNumber(bh_get(bh_get(json, "tx"), "bytes")),
				    .denied = is_denied(json),
				    .lossy = cJSON_IsTrue(bh_get(json, "lossy")) };

	end_text(json, "src", flow.src);
	end_text(json, "dst", flow.dst);
	bh_copy_text(flow.state, sizeof(flow.state), bh_word(json, "state"));
	bh_copy_text(flow.verdict, sizeof(flow.verdict), bh_word(json, "verdict"));
	return flow;
}

static void take_flow(struct bh_top_model *m, const cJSON *json)
{
	struct bh_top_flow flow = read_flow(json);
	struct bh_top_edge *edge = edge_of(m, json);
	char key[KEY];

	m->newest = fmax(m->newest, flow.last);
	count_unknown(m, json, &flow);
	if (edge == NULL)
		return;
	flow_key(json, flow.src, flow.dst, key);
	struct kept *kept = bh_map_get_text(m->flows, key);
	bool met = kept == NULL;
	if (met)
		kept = keep_flow(m, key);
	else
		set_aside(m, kept);
	count_report(edge, &kept->flow, &flow, met, met && flow.first > m->since);
	flow.edge = edge;
	edge->flows++;
	kept->flow = flow;
	TAILQ_INSERT_TAIL(&m->queue, kept, next);
}

void bh_top_model_take(struct bh_top_model *m, const cJSON *line)
{
	const cJSON *gap = bh_get(line, "gap");

	if (cJSON_IsNumber(gap))
		m->now.missed += gap->valuedouble;
	else if (cJSON_IsObject(bh_get(line, "src")) && cJSON_IsObject(bh_get(line, "dst")))
		take_flow(m, line);
}

/* --- workloads -------------------------------------------------------------------------------- */

static struct bh_top_workload *workload_of(struct bh_top_model *m, const char *name)
{
	struct bh_top_workload *workload = bh_map_get_text(m->workloads, name);

	if (workload != NULL)
		return workload;
	workload = bh_calloc(1, sizeof(*workload));
	workload->name = bh_strdup(name);
	bh_map_put_text(m->workloads, name, workload);
	return workload;
}

void bh_top_model_workloads(struct bh_top_model *m, const cJSON *answer)
{
	const cJSON *row;

	bh_map_free(m->workloads);
	m->workloads = bh_map_new(free_workload);
	cJSON_ArrayForEach (row, bh_get(answer, "rows")) {
		const char *name = bh_text(row, "workload"), *mode = bh_text(row, "mode");

		if (name == NULL || name[0] == '\0')
			continue;
		struct bh_top_workload *workload = workload_of(m, name);
		free(workload->mode);
		workload->mode = mode != NULL ? bh_strdup(mode) : NULL;
		workload->instances = cJSON_GetArraySize(bh_get(row, "instances"));
	}
}

static void add_rates(struct bh_top_counts *to, const struct bh_top_counts *rates)
{
	to->connections += rates->connections;
	to->bytes += rates->bytes;
	to->denied += rates->denied;
}

/* An end of an edge that is of this host: all workloads are, and who is no workload's address has
 * no line of its own. */
static void add_end(struct bh_top_model *m, const char *name, const struct bh_top_edge *edge,
		    bool opens)
{
	struct bh_top_workload *workload = bh_map_get_text(m->workloads, name);

	if (workload == NULL)
		return;
	add_rates(opens ? &workload->out : &workload->in, &edge->rates);
	workload->denied += edge->sums.denied;
	workload->peers++;
	workload->last = fmax(workload->last, edge->shown_last);
}

const struct bh_top_workload **bh_top_model_list(struct bh_top_model *m, size_t *count)
{
	const struct bh_top_workload **list =
		bh_calloc(bh_map_count(m->workloads) + 1, sizeof(*list));
	struct bh_top_workload *workload;
	struct bh_top_edge *edge;

	for (size_t at = 0; (workload = bh_map_next(m->workloads, &at)) != NULL;) {
		workload->in = workload->out = (struct bh_top_counts) { 0 };
		workload->denied = workload->peers = workload->last = 0;
	}
	for (size_t at = 0; (edge = bh_map_next(m->edges, &at)) != NULL;) {
		if (!edge->shown)
			continue;
		add_end(m, edge->src, edge, true);
		if (strcmp(edge->src, edge->dst) != 0)
			add_end(m, edge->dst, edge, false);
	}
	*count = 0;
	for (size_t at = 0; (workload = bh_map_next(m->workloads, &at)) != NULL;)
		list[(*count)++] = workload;
	return list;
}

/* --- intervals -------------------------------------------------------------------------------- */

static void close_interval(struct bh_top_edge *edge, double seconds)
{
	edge->rates = (struct bh_top_counts) { .connections = edge->now.connections / seconds,
					       .bytes = edge->now.bytes / seconds,
					       .denied = edge->now.denied / seconds };
	edge->now = (struct bh_top_counts) { 0 };
	edge->sums = edge->total;
	edge->shown_last = edge->last;
	edge->shown = true;
}

static void drop_quiet_flows(struct bh_top_model *m)
{
	struct kept *first;

	while ((first = TAILQ_FIRST(&m->queue)) != NULL && first->flow.last < m->newest - QUIET)
		forget_flow(m, first);
}

static void drop_quiet_edges(struct bh_top_model *m)
{
	struct bh_top_edge *edge;
	char key[KEY];

	for (size_t at = 0; (edge = bh_map_next(m->edges, &at)) != NULL;) {
		if (edge->flows > 0 || edge->last >= m->newest - QUIET)
			continue;
		edge_key(edge->src, edge->dst, edge->port, key);
		bh_map_remove_text(m->edges, key);
	}
}

void bh_top_model_tick(struct bh_top_model *m, double seconds)
{
	double missed = m->now.missed;
	struct bh_top_edge *edge;

	drop_quiet_flows(m);
	drop_quiet_edges(m);
	m->rates = (struct bh_top_counts) { 0 };
	for (size_t at = 0; (edge = bh_map_next(m->edges, &at)) != NULL;) {
		close_interval(edge, fmax(seconds, 0.001));
		add_rates(&m->rates, &edge->rates);
	}
	m->shown = m->now;
	m->now = (struct bh_top_unknown) { .missed = missed };
}

struct bh_top_unknown bh_top_model_unknown(const struct bh_top_model *m)
{
	return m->shown;
}

struct bh_top_counts bh_top_model_rates(const struct bh_top_model *m)
{
	return m->rates;
}

const struct bh_top_edge **bh_top_model_edges(const struct bh_top_model *m, size_t *count)
{
	const struct bh_top_edge **list = bh_calloc(bh_map_count(m->edges) + 1, sizeof(*list)), *e;

	*count = 0;
	for (size_t at = 0; (e = bh_map_next(m->edges, &at)) != NULL;)
		if (e->shown)
			list[(*count)++] = e;
	return list;
}

const struct bh_top_flow **bh_top_model_flows(const struct bh_top_model *m, const char *src,
					      const char *dst, const char *port, size_t *count)
{
	const struct bh_top_flow **list = bh_calloc(bh_map_count(m->flows) + 1, sizeof(*list));
	char key[KEY];
	const struct kept *kept;

	edge_key(src, dst, port, key);
	const struct bh_top_edge *edge = bh_map_get_text(m->edges, key);
	*count = 0;
	TAILQ_FOREACH (kept, &m->queue, next)
		if (kept->flow.edge == edge)
			list[(*count)++] = &kept->flow;
	return list;
}
