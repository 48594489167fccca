/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The map of some time, as src/api/service_map.h draws it: what is known of traffic, of workloads,
 * and of what was learned, brought together. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_promotion.h"
#include "core_share.h"
#include "core_traffic.h"
#include "grow.h"
#include "peer.h"
#include "peers.h"
#include "protocol.h"
#include "ruleset.h"
#include "service_map.h"
#include "timefmt.h"

#define MOST_HOPS 10
#define NEW_AT_LEAST (3600 * BH_SECOND) /* so long an edge is new, … */
#define NEW_PART 10			/* … or for such a part of the range */

struct asked {
	struct bh_map_query query;
	bool in_time, comparing;
	struct bh_traffic_range range, before;
};

/* --- what is asked ---------------------------------------------------------------------------- */

bool bh_core_wants_map_view(const struct bh_api_request *request)
{
	static const char *const keys[] = { "since",	    "until",	   "collapse", "open",
					    "focus",	    "hops",	   "fold",     "q",
					    "before_since", "before_until" };

	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (bh_api_query(request, keys[i]) != NULL)
			return true;
	return false;
}

bool bh_core_time_query(const struct bh_api_request *request, const char *key, int64_t otherwise,
			int64_t *time, struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, key);
	int64_t ago;

	*time = otherwise;
	if (text == NULL || (bh_time_parse(text, time) && *time > 0))
		return true;
	if (bh_duration_parse(text, &ago) && ago < bh_time_now()) {
		*time = bh_time_now() - ago;
		return true;
	}
	bh_api_fail(reply, 400, key, "RFC 3339, seconds since the epoch, or how long ago: 15m, 7d",
		    "%s takes a time, not \"%.60s\"", key, text);
	return false;
}

static bool read_collapse(const struct bh_api_request *request, uint8_t *collapse,
			  struct bh_api_reply *reply)
{
	static const char *const words[] = { "auto", "all", "none" };
	const char *text = bh_api_query(request, "collapse");

	*collapse = BH_COLLAPSE_AUTO;
	for (uint8_t i = 0; text != NULL && i < sizeof(words) / sizeof(words[0]); i++)
		if (strcmp(text, words[i]) == 0) {
			*collapse = i;
			return true;
		}
	if (text != NULL)
		bh_api_fail(reply, 400, "collapse", "auto, all or none",
			    "collapse: found \"%.60s\"", text);
	return text == NULL;
}

static bool read_range(const struct bh_api_request *request, struct bh_traffic_range *range,
		       struct bh_api_reply *reply)
{
	if (!bh_core_time_query(request, "since", 1, &range->since, reply) ||
	    !bh_core_time_query(request, "until", bh_time_now(), &range->until, reply))
		return false;
	if (range->since < range->until)
		return true;
	bh_api_fail(reply, 400, "since", NULL, "since is not before until");
	return false;
}

/* What is in both ranges would not be told as new. */
static void end_before(struct bh_traffic_range *earlier, const struct bh_traffic_range *range)
{
	if (earlier->until > range->since)
		earlier->until = range->since;
}

static const char *text_query(const struct bh_api_request *request, const char *key)
{
	const char *text = bh_api_query(request, key);

	return text != NULL && *text != '\0' ? text : NULL;
}

static bool read_earlier_range(const struct bh_api_request *request, struct asked *a,
			       struct bh_api_reply *reply)
{
	if (text_query(request, "since") == NULL) {
		bh_api_fail(reply, 400, "before_since", "since=24h&before_since=48h",
			    "before_since needs since: without it there is no range to compare");
		return false;
	}
	if (!bh_core_time_query(request, "before_since", 1, &a->before.since, reply) ||
	    !bh_core_time_query(request, "before_until", a->range.since, &a->before.until, reply))
		return false;
	end_before(&a->before, &a->range);
	if (a->before.since < a->before.until)
		return true;
	bh_api_fail(reply, 400, "before_since", "since=24h&before_since=48h",
		    "before_since is not before both since and before_until");
	return false;
}

static bool read_times(const struct bh_api_request *request, struct asked *a,
		       struct bh_api_reply *reply)
{
	a->in_time = text_query(request, "since") != NULL || text_query(request, "until") != NULL;
	a->comparing = text_query(request, "before_since") != NULL;
	return read_range(request, &a->range, reply) &&
	       (!a->comparing || read_earlier_range(request, a, reply));
}

static bool read_question(const struct bh_api_request *request, struct asked *a,
			  struct bh_api_reply *reply)
{
	int64_t hops;

	if (!read_times(request, a, reply) || !read_collapse(request, &a->query.collapse, reply) ||
	    !bh_core_number_query(request, "hops", 1, &hops, reply))
		return false;
	a->query.hops = hops < 0 ? 0 : hops > MOST_HOPS ? MOST_HOPS : (unsigned)hops;
	a->query.open = text_query(request, "open");
	a->query.focus = text_query(request, "focus");
	a->query.match = text_query(request, "q");
	a->query.fold = text_query(request, "fold") != NULL;
	a->query.compare = a->comparing;
	return true;
}

/* --- what is known ---------------------------------------------------------------------------- */

struct collector {
	const struct bh_core *core;
	struct bh_peers *peers;
	struct bh_map *by_key; /* → index + 1 */
	struct bh_map_edge *edges;
	size_t count, capacity;
	bool before; /* it is the earlier range that is told of */
};

static struct bh_map_edge *edge_of(struct collector *c, const struct bh_peer *src,
				   const struct bh_peer *dst, uint8_t proto, uint16_t port)
{
	char key[2 * BH_PEER_NAME + 32];

	snprintf(key, sizeof(key), "%s\n%s\n%u\n%u", bh_peer_text(src), bh_peer_text(dst), proto,
		 port);
	uintptr_t found = (uintptr_t)bh_map_get_text(c->by_key, key);
	if (found != 0)
		return &c->edges[found - 1];
	c->edges = bh_grow(c->edges, &c->capacity, c->count + 1, sizeof(*c->edges));
	c->edges[c->count] = (struct bh_map_edge) { .src = bh_peers_get(c->peers, src),
						    .dst = bh_peers_get(c->peers, dst),
						    .proto = proto,
						    .port = port,
						    .first = INT64_MAX };
	bh_map_put_text(c->by_key, key, (void *)(uintptr_t)(c->count + 1));
	return &c->edges[c->count++];
}

static void note_times(struct bh_map_edge *e, int64_t first, int64_t last)
{
	e->first = first < e->first ? first : e->first;
	e->last = last > e->last ? last : e->last;
}

static void take_traffic(void *user, const struct bh_stored_traffic *t)
{
	struct collector *c = user;
	struct bh_map_edge *e = edge_of(c, t->src, t->dst, t->proto, t->port);

	note_times(e, t->first, t->last);
	bh_traffic_add(c->before ? &e->before : &e->now, &t->counts);
}

static void take_learned(void *user, const struct bh_edge *edge)
{
	struct collector *c = user;
	struct bh_map_edge *e = edge_of(c, edge->src, edge->dst, edge->proto, edge->port);

	note_times(e, edge->first, edge->last);
	e->now.connections += edge->connections;
	e->now.answered += edge->answered;
	if (edge->bytes == BH_BYTES_UNKNOWN)
		e->now.uncounted++;
	else
		e->now.bytes += edge->bytes;
}

/* The ledger has what is learned, and nothing that was refused is. */
static void take_refused(void *user, const struct bh_stored_traffic *t)
{
	struct collector *c = user;
	struct bh_map_edge *e = edge_of(c, t->src, t->dst, t->proto, t->port);

	note_times(e, t->first, t->last);
	bh_traffic_add(&e->now, &t->counts);
}

static int collect_all(struct collector *c, struct asked *a, struct bh_error *err)
{
	struct bh_traffic_range range = a->range; /* its end is rounded: no time to judge by */

	bh_ledger_each(c->core->ledger, BH_EDGES, take_learned, c);
	int result = bh_core_refused_sums(c->core, &range, take_refused, c, err);
	a->range.known_since = range.known_since;
	a->range.left_out = range.left_out;
	return result;
}

static int collect(struct collector *c, struct asked *a, struct bh_error *err)
{
	if (!a->in_time)
		return collect_all(c, a, err);
	int result = bh_core_traffic_sums(c->core, &a->range, take_traffic, c, err);
	if (result != 0 || !a->comparing)
		return result;
	c->before = true;
	/* The range begins earlier now, rounded as it is. */
	end_before(&a->before, &a->range);
	if (a->before.since >= a->before.until)
		a->before.since = a->before.until - 1;
	return bh_core_traffic_sums(c->core, &a->before, take_traffic, c, err);
}

static int64_t new_since(const struct asked *a)
{
	int64_t part = (a->range.until - a->range.since) / NEW_PART;

	if (!a->in_time)
		return a->range.until - NEW_AT_LEAST;
	return a->range.until - (part > NEW_AT_LEAST ? part : NEW_AT_LEAST);
}

static uint8_t state_of(const struct bh_core *core, const struct bh_filter_config *filters,
			const struct bh_map_edge *e, int64_t fresh)
{
	const struct bh_edge like = {
		.src = e->src, .dst = e->dst, .proto = e->proto, .port = e->port
	};
	struct bh_edge edge;

	if (e->now.denied > 0)
		return BH_MAP_DENIED;
	if (e->now.would_deny > 0)
		return BH_MAP_WOULD_DENY;
	if (e->first >= fresh)
		return BH_MAP_NEW;
	if (!bh_ledger_find(core->ledger, BH_EDGES, &like, &edge))
		return BH_MAP_UNLEARNED;
	return bh_judge(core->ledger, filters, BH_EDGES, &edge).state == BH_EDGE_ACCEPTED
		       ? BH_MAP_LEARNED
		       : BH_MAP_REVIEW;
}

/* All that there is is new for a while: then nothing is. */
static void judge(struct collector *c, const struct asked *a, int64_t known_since)
{
	const struct bh_filter_config filters = bh_core_filters(c->core);
	int64_t fresh = new_since(a), begun = known_since + NEW_AT_LEAST;

	if (begun > fresh)
		fresh = begun;
	for (size_t i = 0; i < c->count; i++)
		c->edges[i].state = state_of(c->core, &filters, &c->edges[i], fresh);
}

/* --- workloads -------------------------------------------------------------------------------- */

struct presence {
	struct bh_map *by_name; /* → index + 1 */
	struct bh_map_workload *rows;
	char (*images)[BH_CONFIG_TEXT];
	size_t count, capacity, image_capacity;
};

static void add_image(struct presence *p, size_t at, const struct bh_instance *instance)
{
	char image[BH_CONFIG_TEXT];

	if (!bh_instance_image(instance, image, sizeof(image)))
		return;
	if (p->rows[at].instances == 1)
		bh_copy_text(p->images[at], BH_CONFIG_TEXT, image);
	else if (strcmp(p->images[at], image) != 0)
		p->images[at][0] = '\0';
}

static void add_instance(const struct bh_core *core, struct presence *p,
			 const struct bh_instance *instance)
{
	size_t at = (uintptr_t)bh_map_get_text(p->by_name, instance->workload);

	if (at == 0) {
		p->rows = bh_grow(p->rows, &p->capacity, p->count + 1, sizeof(*p->rows));
		p->images =
			bh_grow(p->images, &p->image_capacity, p->count + 1, sizeof(*p->images));
		p->rows[p->count] = (struct bh_map_workload) {
			.name = instance->workload,
			.mode = bh_mode_name(bh_core_mode(core, instance->workload)),
			.share = bh_core_share_json(core, instance->workload)
		};
		p->images[p->count][0] = '\0';
		at = ++p->count;
		bh_map_put_text(p->by_name, instance->workload, (void *)(uintptr_t)at);
	}
	p->rows[at - 1].instances++;
	add_image(p, at - 1, instance);
}

static void find_present(const struct bh_core *core, struct presence *p)
{
	const struct bh_instance *instance;

	p->by_name = bh_map_new(NULL);
	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		if (instance->workload[0] != '\0')
			add_instance(core, p, instance);
	for (size_t i = 0; i < p->count; i++)
		p->rows[i].image = p->images[i][0] != '\0' ? p->images[i] : NULL;
}

static void free_present(struct presence *p)
{
	for (size_t i = 0; i < p->count; i++)
		cJSON_Delete(p->rows[i].share);
	free(p->rows);
	free(p->images);
	bh_map_free(p->by_name);
}

/* --- the answer ------------------------------------------------------------------------------- */

static void say_why(cJSON *json, const struct bh_traffic_range *range)
{
	char text[256] = "";

	if (range->since < range->known_since)
		snprintf(text, sizeof(text), "nothing is known of before it began to be recorded");
	else if (range->unwatched > BH_GAP_WORTH_A_WORD)
		snprintf(text, sizeof(text), "for %lld minutes of it nobody watched",
			 (long long)(range->unwatched / (60 * BH_SECOND)));
	else if (range->left_out > 0)
		snprintf(text, sizeof(text),
			 "%llu connections of more peers than there is room for are left out",
			 (unsigned long long)range->left_out);
	cJSON_AddBoolToObject(json, "complete", text[0] == '\0');
	bh_core_add_text(json, "why", text);
}

static void add_range(cJSON *out, const char *key, const struct bh_traffic_range *range)
{
	cJSON *json = cJSON_AddObjectToObject(out, key);

	bh_core_add_time(json, "since", range->since);
	bh_core_add_time(json, "until", range->until);
	bh_core_add_time(json, "known_since", range->known_since);
	say_why(json, range);
}

/* Of all that was learned the times are the ledger's, and every edge has its own; what was refused
 * is known as long as traffic is. */
static void add_all(cJSON *out, const struct bh_traffic_range *range)
{
	cJSON *json = cJSON_AddObjectToObject(out, "range");
	const struct bh_traffic_range known = { .left_out = range->left_out };

	cJSON_AddNullToObject(json, "since");
	cJSON_AddNullToObject(json, "until");
	bh_core_add_time(json, "known_since", range->known_since);
	say_why(json, &known);
}

static void add_ranges(cJSON *out, const struct asked *a)
{
	if (a->in_time)
		add_range(out, "range", &a->range);
	else
		add_all(out, &a->range);
	if (a->comparing)
		add_range(out, "before", &a->before);
	else
		cJSON_AddNullToObject(out, "before");
}

static void write_map(struct collector *c, struct asked *a, struct bh_api_reply *reply)
{
	struct presence present = { 0 };

	judge(c, a, a->in_time ? a->range.known_since : c->core->started);
	find_present(c->core, &present);
	a->query.scale = a->comparing ? (double)(a->range.until - a->range.since) /
						(double)(a->before.until - a->before.since)
				      : 1;
	struct bh_map_input input = { .edges = c->edges,
				      .edge_count = c->count,
				      .workloads = present.rows,
				      .workload_count = present.count };
	reply->json = cJSON_CreateObject();
	add_ranges(reply->json, a);
	if (!bh_service_map(&input, &a->query, reply->json))
		bh_api_fail(reply, 404, "focus", "see: bulkhead map",
			    "there is nobody called %.200s on the map", a->query.focus);
	free_present(&present);
}

static void begin(struct collector *c, const struct bh_core *core)
{
	*c = (struct collector) { .core = core,
				  .peers = bh_peers_new(),
				  .by_key = bh_map_new(NULL) };
}

static void end(struct collector *c)
{
	bh_map_free(c->by_key);
	bh_peers_free(c->peers);
	free(c->edges);
}

void bh_core_map_view(const struct bh_core *core, const struct bh_api_request *request,
		      struct bh_api_reply *reply)
{
	struct asked asked = { 0 };
	struct collector c;
	struct bh_error err = { 0 };

	if (!read_question(request, &asked, reply))
		return;
	begin(&c, core);
	if (collect(&c, &asked, &err) != 0)
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
	else
		write_map(&c, &asked, reply);
	end(&c);
}

/* --- what is behind an edge of it ------------------------------------------------------------- */

static bool is_shown_as(const struct bh_peer *peer, const char *id)
{
	char group[BH_GROUP_NAME];

	if (id == NULL || strcmp(bh_peer_text(peer), id) == 0)
		return true;
	if (peer->kind == BH_PEER_ADDRESS || peer->kind == BH_PEER_DNS)
		return strcmp(id, "outside") == 0;
	if (peer->kind != BH_PEER_WORKLOAD || strncmp(id, "group:", 6) != 0)
		return false;
	bh_workload_group(peer->name, group);
	return strcmp(group, id + 6) == 0;
}

static cJSON *edge_json(const struct bh_map_edge *e)
{
	cJSON *json = cJSON_CreateObject();
	char proto[BH_PROTOCOL_TEXT];

	cJSON_AddStringToObject(json, "src", bh_peer_text(e->src));
	cJSON_AddStringToObject(json, "dst", bh_peer_text(e->dst));
	cJSON_AddStringToObject(json, "proto", bh_protocol_format(e->proto, proto));
	cJSON_AddNumberToObject(json, "port", e->port);
	cJSON_AddStringToObject(json, "state", bh_map_state_name(e->state));
	cJSON_AddNumberToObject(json, "connections", (double)e->now.connections);
	cJSON_AddNumberToObject(json, "answered", (double)e->now.answered);
	cJSON_AddNumberToObject(json, "denied", (double)e->now.denied);
	cJSON_AddNumberToObject(json, "would_deny", (double)e->now.would_deny);
	if (e->now.uncounted > 0)
		cJSON_AddNullToObject(json, "bytes");
	else
		cJSON_AddNumberToObject(json, "bytes", (double)e->now.bytes);
	bh_core_add_time(json, "first", e->first);
	bh_core_add_time(json, "last", e->last);
	return json;
}

static int by_gravity(const void *a, const void *b)
{
	const struct bh_map_edge *x = a, *y = b;

	if (x->state != y->state)
		return (int)x->state - (int)y->state;
	return x->now.connections < y->now.connections	 ? 1
	       : x->now.connections > y->now.connections ? -1
							 : 0;
}

static void write_edges(struct collector *c, const struct asked *a,
			const struct bh_api_request *request, struct bh_api_reply *reply)
{
	const char *src = text_query(request, "src"), *dst = text_query(request, "dst");

	judge(c, a, a->in_time ? a->range.known_since : c->core->started);
	qsort(c->edges, c->count, sizeof(*c->edges), by_gravity);
	reply->json = cJSON_CreateObject();
	cJSON *edges = cJSON_AddArrayToObject(reply->json, "edges");
	for (size_t i = 0; i < c->count; i++)
		if (is_shown_as(c->edges[i].src, src) && is_shown_as(c->edges[i].dst, dst))
			cJSON_AddItemToArray(edges, edge_json(&c->edges[i]));
}

void bh_core_handle_map_edges(void *user, const struct bh_api_request *request,
			      struct bh_api_reply *reply)
{
	struct asked asked = { 0 };
	struct collector c;
	struct bh_error err = { 0 };

	if (!read_times(request, &asked, reply))
		return;
	begin(&c, user);
	if (collect(&c, &asked, &err) != 0)
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
	else
		write_edges(&c, &asked, request, reply);
	end(&c);
}
