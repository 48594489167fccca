/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What only metrics count, since core started, and the answer of /metrics. */
#include "core_metrics.h"

#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "grow.h"
#include "metrics.h"
#include "ruleset.h"

#define OTHER "other"
#define OPENMETRICS "application/openmetrics-text"

/* A workload, as who opens connections [BH_EGRESS], and as who receives them. */
struct counted {
	char name[BH_PEER_NAME];
	struct bh_traffic_counts sides[BH_INGRESS + 1];
};

struct event_count {
	char kind[64];
	uint64_t count;
};

struct bh_metrics {
	struct bh_traffic_counts all;
	struct bh_map *workloads; /* name → struct counted */
	struct bh_map *left_out;  /* names that have no counts of their own */
	struct bh_map *events;	  /* kind → struct event_count */
};

struct bh_metrics *bh_core_metrics_new(void)
{
	struct bh_metrics *m = bh_calloc(1, sizeof(*m));

	m->workloads = bh_map_new(free);
	m->left_out = bh_map_new(NULL);
	m->events = bh_map_new(free);
	return m;
}

void bh_core_metrics_free(struct bh_metrics *m)
{
	if (m == NULL)
		return;
	bh_map_free(m->workloads);
	bh_map_free(m->left_out);
	bh_map_free(m->events);
	free(m);
}

static size_t own_counts(const struct bh_metrics *m)
{
	return bh_map_count(m->workloads) - (bh_map_get_text(m->workloads, OTHER) != NULL);
}

/* Of more workloads than there may be series for, all the others are one. Names that are given to
 * workloads again and again, and are new each time, must not fill memory either. */
static struct counted *counted_of(struct bh_core *core, const char *workload)
{
	struct bh_metrics *m = core->metrics;
	struct counted *c = bh_map_get_text(m->workloads, workload);
	size_t most = (size_t)core->config.metrics_workloads;

	if (c != NULL)
		return c;
	if (strcmp(workload, OTHER) != 0 && own_counts(m) >= most) {
		if (bh_map_count(m->left_out) < 100 * most)
			bh_map_put_text(m->left_out, workload, m);
		return counted_of(core, OTHER);
	}
	c = bh_calloc(1, sizeof(*c));
	bh_copy_text(c->name, sizeof(c->name), workload);
	bh_map_put_text(m->workloads, workload, c);
	return c;
}

static void add(struct bh_core *core, const struct bh_peer *peer, enum bh_side side,
		const struct bh_traffic_counts *news)
{
	if (peer->kind == BH_PEER_WORKLOAD && core->config.metrics_workloads > 0)
		bh_traffic_add(&counted_of(core, peer->name)->sides[side], news);
}

void bh_core_metrics_traffic(struct bh_core *core, const struct bh_peer *src,
			     const struct bh_peer *dst, const struct bh_traffic_counts *news)
{
	bh_traffic_add(&core->metrics->all, news);
	add(core, src, BH_EGRESS, news);
	add(core, dst, BH_INGRESS, news);
}

void bh_core_metrics_event(struct bh_core *core, const char *kind)
{
	struct event_count *e = bh_map_get_text(core->metrics->events, kind);

	if (e == NULL) {
		e = bh_calloc(1, sizeof(*e));
		bh_copy_text(e->kind, sizeof(e->kind), kind);
		bh_map_put_text(core->metrics->events, kind, e);
	}
	e->count++;
}

/* --- the answer ------------------------------------------------------------------------------- */

static void add_counts(cJSON *json, const struct bh_traffic_counts *c)
{
	cJSON_AddNumberToObject(json, "connections", (double)c->connections);
	cJSON_AddNumberToObject(json, "denied", (double)c->denied);
	cJSON_AddNumberToObject(json, "would_deny", (double)c->would_deny);
	if (c->uncounted > 0)
		cJSON_AddNullToObject(json, "bytes");
	else
		cJSON_AddNumberToObject(json, "bytes", (double)c->bytes);
}

static int by_name(const void *a, const void *b)
{
	const struct counted *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

static void add_workloads(cJSON *list, const struct bh_metrics *m)
{
	size_t count = 0;
	const struct counted **all = bh_calloc(bh_map_count(m->workloads) + 1, sizeof(*all)), *c;

	for (size_t position = 0; (c = bh_map_next(m->workloads, &position)) != NULL;)
		all[count++] = c;
	qsort(all, count, sizeof(*all), by_name);
	for (size_t i = 0; i < count; i++)
		for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
			cJSON *row = cJSON_CreateObject();

			cJSON_AddStringToObject(row, "workload", all[i]->name);
			cJSON_AddStringToObject(row, "direction", bh_side_name(side));
			add_counts(row, &all[i]->sides[side]);
			cJSON_AddItemToArray(list, row);
		}
	free(all);
}

static cJSON *traffic_json(const struct bh_metrics *m)
{
	cJSON *json = cJSON_CreateObject();

	add_counts(json, &m->all);
	add_workloads(cJSON_AddArrayToObject(json, "workloads"), m);
	cJSON_AddNumberToObject(json, "left_out", (double)bh_map_count(m->left_out));
	return json;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static cJSON *events_json(const struct bh_metrics *m)
{
	const char **kinds = bh_calloc(bh_map_count(m->events) + 1, sizeof(char *));
	cJSON *json = cJSON_CreateObject();
	size_t count = 0;
	const struct event_count *e;

	for (size_t position = 0; (e = bh_map_next(m->events, &position)) != NULL;)
		kinds[count++] = e->kind;
	qsort(kinds, count, sizeof(char *), by_text);
	for (size_t i = 0; i < count; i++) {
		e = bh_map_get_text(m->events, kinds[i]);
		cJSON_AddNumberToObject(json, kinds[i], (double)e->count);
	}
	free(kinds);
	return json;
}

cJSON *bh_core_metrics_json(struct bh_core *core)
{
	const struct bh_api_request none = { 0 };
	struct bh_api_reply status = { 0 }, coverage = { 0 };
	cJSON *facts = cJSON_CreateObject();

	bh_core_handle_status(core, &none, &status);
	bh_core_handle_coverage(core, &none, &coverage);
	cJSON_AddItemToObject(facts, "status", status.json);
	cJSON_AddItemToObject(facts, "coverage", coverage.json);
	cJSON_AddItemToObject(facts, "traffic", traffic_json(core->metrics));
	cJSON_AddItemToObject(facts, "events", events_json(core->metrics));
	return facts;
}

void bh_core_handle_metrics(void *user, const struct bh_api_request *request,
			    struct bh_api_reply *reply)
{
	const char *accept = bh_api_header(request, "Accept");
	bool openmetrics = accept != NULL && strstr(accept, OPENMETRICS) != NULL;
	cJSON *facts = bh_core_metrics_json(user);
	struct bh_buffer text = { 0 };

	bh_metrics_write(&text, facts, openmetrics);
	cJSON_Delete(facts);
	reply->text = bh_buffer_steal(&text);
	reply->type = openmetrics ? OPENMETRICS "; version=1.0.0; charset=utf-8"
				  : "text/plain; version=0.0.4; charset=utf-8";
}
