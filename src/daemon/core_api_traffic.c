/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The ledger, the map, and events. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_api_page.h"
#include "core_share.h"
#include "core_traffic.h"
#include "grow.h"
#include "log.h"
#include "peer.h"
#include "protocol.h"
#include "query.h"
#include "ruleset.h"
#include "learned.h"
#include "timefmt.h"

/* --- edges and map ---------------------------------------------------------------------------- */

bool bh_core_name_is_known(const struct bh_core *core, const char *name)
{
	struct bh_peer peer;
	struct bh_subject subject;

	return bh_core_subject(core, name, &peer, &subject);
}

struct edge_chooser {
	struct bh_edge_page page;
	const char *workload; /* NULL: all */
};

static void choose_edge(void *user, const struct bh_edge *edge)
{
	struct edge_chooser *c = user;

	if (c->workload == NULL || strcmp(c->workload, edge->src->name) == 0 ||
	    strcmp(c->workload, edge->dst->name) == 0)
		bh_edge_page_add(&c->page, edge, BH_EDGES);
}

static void write_edge(struct bh_buffer *out, const struct bh_core *core,
		       const struct bh_edge *edge)
{
	struct bh_edge_names names;

	bh_called_get(core->called, edge->src->name, edge->dst->name, &names);
	bh_json_edge(out, edge, bh_edge_replicas(edge), &names, bh_core_proxy_clients(core, edge));
}

static cJSON *edges_json(const struct bh_core *core, const struct bh_edge_page *page)
{
	cJSON *json = cJSON_CreateObject();
	struct bh_buffer text = { 0 };

	bh_buffer_puts(&text, "[");
	for (size_t i = 0; i < page->count; i++) {
		bh_buffer_puts(&text, i > 0 ? ",\n" : "\n");
		write_edge(&text, core, &page->edges[i].edge);
	}
	bh_buffer_puts(&text, "]");
	cJSON_AddItemToObject(json, "edges", cJSON_CreateRaw(text.data));
	bh_edge_page_add_next(page, json);
	cJSON_AddItemToObject(json, "unlearned", bh_json_unlearned(core->ledger));
	bh_buffer_free(&text);
	return json;
}

void bh_core_handle_edges(void *user, const struct bh_api_request *request,
			  struct bh_api_reply *reply)
{
	const struct bh_core *core = user;
	struct edge_chooser c = { .workload = bh_api_query(request, "workload") };

	bh_ledger_each(core->ledger, BH_EDGES, choose_edge, &c);
	if (c.page.count == 0 && c.workload != NULL && !bh_core_name_is_known(core, c.workload))
		bh_core_unknown_workload(core, c.workload, "workload", reply);
	else if (bh_edge_page_cut(&c.page, request, reply))
		reply->json = edges_json(core, &c.page);
	bh_edge_page_free(&c.page);
}

struct map_writer {
	const struct bh_core *core;
	cJSON *nodes;
	cJSON *edges;
	struct bh_map *known;  /* node ids */
	struct bh_map *by_key; /* edge key → its JSON, for denials */
};

static size_t present_instances(const struct bh_core *core, const char *workload)
{
	const struct bh_instance *instance;
	size_t count = 0;

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;)
		count += strcmp(instance->workload, workload) == 0;
	return count;
}

static void add_node(struct map_writer *w, const struct bh_peer *peer)
{
	bool workload = peer->kind == BH_PEER_WORKLOAD;

	const char *id = bh_peer_text(peer);

	if (bh_map_get_text(w->known, id) != NULL)
		return;
	cJSON *node = cJSON_CreateObject();
	cJSON_AddStringToObject(node, "id", id);
	cJSON_AddStringToObject(node, "kind", bh_peer_kind_name(peer->kind));
	bh_core_add_text(node, "mode",
			 workload ? bh_mode_name(bh_core_mode(w->core, peer->name)) : NULL);
	cJSON_AddItemToObject(node, "share",
			      workload ? bh_core_share_json(w->core, peer->name)
				       : cJSON_CreateNull());
	cJSON_AddNumberToObject(node, "instances",
				workload ? (double)present_instances(w->core, peer->name) : 0);
	cJSON_AddItemToArray(w->nodes, node);
	bh_map_put_text(w->known, id, node);
}

static void edge_key(const struct bh_peer *src, const struct bh_peer *dst, uint8_t proto,
		     uint16_t port, char *out, size_t size)
{
	snprintf(out, size, "%s\n%s\n%u\n%u", bh_peer_text(src), bh_peer_text(dst), proto, port);
}

static cJSON *map_edge(struct map_writer *w, const struct bh_peer *src, const struct bh_peer *dst,
		       uint8_t proto, uint16_t port)
{
	char key[2 * BH_PEER_NAME + 32], name[BH_PROTOCOL_TEXT];

	edge_key(src, dst, proto, port, key, sizeof(key));
	cJSON *edge = bh_map_get_text(w->by_key, key);
	if (edge != NULL)
		return edge;
	add_node(w, src);
	add_node(w, dst);
	edge = cJSON_CreateObject();
	cJSON_AddStringToObject(edge, "src", bh_peer_text(src));
	cJSON_AddStringToObject(edge, "dst", bh_peer_text(dst));
	cJSON_AddStringToObject(edge, "proto", bh_protocol_format(proto, name));
	cJSON_AddNumberToObject(edge, "port", port);
	cJSON_AddNumberToObject(edge, "connections", 0);
	cJSON_AddNumberToObject(edge, "answered", 0);
	cJSON_AddNumberToObject(edge, "denied", 0);
	cJSON_AddNumberToObject(edge, "bytes", 0);
	cJSON_AddNullToObject(edge, "last");
	cJSON_AddItemToArray(w->edges, edge);
	bh_map_put_text(w->by_key, key, edge);
	return edge;
}

static void set_number(cJSON *object, const char *key, double value)
{
	cJSON_ReplaceItemInObject(object, key, cJSON_CreateNumber(value));
}

static void add_clients(cJSON *json, const struct bh_edge_clients *clients)
{
	cJSON *list = clients->count > 0 ? cJSON_AddArrayToObject(json, "clients") : NULL;

	for (size_t i = 0; i < clients->count; i++)
		cJSON_AddItemToArray(list, cJSON_CreateString(clients->names[i]));
}

static void add_map_edge(void *user, const struct bh_edge *edge)
{
	struct map_writer *w = user;
	cJSON *json = map_edge(w, edge->src, edge->dst, edge->proto, edge->port);

	add_clients(json, bh_core_proxy_clients(w->core, edge));
	set_number(json, "connections", (double)edge->connections);
	set_number(json, "answered", (double)edge->answered);
	if (edge->bytes == BH_BYTES_UNKNOWN)
		cJSON_ReplaceItemInObject(json, "bytes", cJSON_CreateNull());
	else
		set_number(json, "bytes", (double)edge->bytes);
	set_number(json, "last", (double)edge->last / BH_SECOND);
}

/* Nothing that was denied is learned, and it stands on the map all the same: what was refused is
 * what one came to see. */
static void add_denied(void *user, const struct bh_stored_traffic *t)
{
	struct map_writer *w = user;

	if (t->counts.denied == 0)
		return;
	cJSON *json = map_edge(w, t->src, t->dst, t->proto, t->port);
	set_number(json, "denied",
		   cJSON_GetObjectItem(json, "denied")->valuedouble + (double)t->counts.denied);
}

static void write_plain_map(struct map_writer *w, struct bh_api_reply *reply)
{
	struct bh_traffic_range ever = { .since = 1, .until = bh_time_now() };
	const struct bh_instance *instance;
	struct bh_error err = { 0 };

	reply->json = cJSON_CreateObject();
	w->nodes = cJSON_AddArrayToObject(reply->json, "nodes");
	w->edges = cJSON_AddArrayToObject(reply->json, "edges");
	for (size_t position = 0; (instance = bh_model_next(w->core->model, &position)) != NULL;) {
		struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };

		bh_copy_text(peer.name, sizeof(peer.name), instance->workload);
		if (peer.name[0] != '\0')
			add_node(w, &peer);
	}
	bh_ledger_each(w->core->ledger, BH_EDGES, add_map_edge, w);
	if (bh_core_refused_sums(w->core, &ever, add_denied, w, &err) != 0)
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
}

void bh_core_handle_map(void *user, const struct bh_api_request *request,
			struct bh_api_reply *reply)
{
	struct map_writer w = { .core = user };

	if (bh_core_wants_map_view(request)) {
		bh_core_map_view(w.core, request, reply);
		return;
	}
	w.known = bh_map_new(NULL);
	w.by_key = bh_map_new(NULL);
	write_plain_map(&w, reply);
	bh_map_free(w.known);
	bh_map_free(w.by_key);
}

#define MOST_EVENTS 100000 /* in one answer */

/* --- events ----------------------------------------------------------------------------------- */

/* The stored JSON with its number in front. */
static void write_event(struct bh_buffer *out, int64_t number, const char *json)
{
	bh_buffer_printf(out, "{\"number\":%" PRId64 ",%s", number, json + 1);
}

struct event_writer {
	struct bh_buffer *out;
	const char *separator;
	int64_t first, last;
	size_t count;
	bool follows; /* what is missing after the last one is told of */
};

/* Only the newest are kept: who is too slow to follow finds a gap. */
static void add_gap(struct event_writer *w, int64_t number)
{
	if (w->follows && number > w->last + 1)
		bh_buffer_printf(w->out, "{\"gap\":%" PRId64 "}\n", number - w->last - 1);
}

static void add_event(void *user, int64_t number, const char *json)
{
	struct event_writer *w = user;

	if (w->count++ > 0)
		bh_buffer_puts(w->out, w->separator);
	else
		w->first = number;
	add_gap(w, number);
	write_event(w->out, number, json);
	w->last = number;
}

struct event_stream {
	struct bh_core *core;
	int64_t last;
};

static void stream_events(void *state, struct bh_buffer *out)
{
	struct event_stream *s = state;
	struct event_writer writer = {
		.out = out, .separator = "\n", .last = s->last, .follows = true
	};
	struct bh_error err = { 0 };

	/* A lost transaction takes numbers back, and they are given again. */
	if (s->core->last_event < s->last)
		s->last = s->core->last_event - 1;
	if (s->core->last_event == s->last)
		return;
	if (bh_store_events(s->core->store, s->last, 1000, add_event, &writer, &err) != 0)
		bh_log(BH_LOG_ERROR, "events: %s", err.text);
	if (writer.count > 0)
		bh_buffer_puts(out, "\n");
	s->last = writer.last;
}

/* What a reader of server-sent events had last, when it comes again; −1: it did not have any. */
static int64_t last_event_of(const struct bh_api_request *request)
{
	const char *header = bh_api_header(request, "Last-Event-ID");
	int64_t number;

	return header != NULL && bh_query_number(header, &number) ? number : -1;
}

static void follow_events(struct bh_core *core, int64_t after, struct bh_api_reply *reply)
{
	struct event_stream *stream = bh_calloc(1, sizeof(*stream));

	stream->core = core;
	stream->last = after >= 0 ? after : core->last_event;
	reply->stream = stream_events;
	reply->stream_kind = "event";
	reply->stream_state = stream;
	reply->stream_free = free;
}

/* Before which number there may be more: of those that are not asked for from some number on. */
static void end_events(struct bh_buffer *text, const struct event_writer *writer, int64_t limit)
{
	if (writer->count > 0 && writer->count == (size_t)limit && writer->first > 1)
		bh_buffer_printf(text, "],\"next\":%" PRId64 "}", writer->first);
	else
		bh_buffer_puts(text, "],\"next\":null}");
}

static void list_events(struct bh_core *core, const struct bh_api_request *request, int64_t after,
			struct bh_api_reply *reply)
{
	bool lines = bh_core_wants_lines(request);
	int64_t limit, before;
	struct bh_buffer text = { 0 };
	struct event_writer writer = { .out = &text, .separator = lines ? "\n" : ",\n" };
	struct bh_error err = { 0 };

	if (!bh_core_number_query(request, "limit", 1000, &limit, reply) ||
	    !bh_core_number_query(request, "before", 0, &before, reply))
		return;
	limit = limit < 1 ? 1 : limit > MOST_EVENTS ? MOST_EVENTS : limit;
	bh_buffer_puts(&text, lines ? "" : "{\"events\":[\n");
	int result = before > 0 ? bh_store_events_before(core->store, before, (size_t)limit,
							 add_event, &writer, &err)
				: bh_store_events(core->store, after, (size_t)limit, add_event,
						  &writer, &err);
	if (result != 0) {
		bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
		bh_buffer_free(&text);
		return;
	}
	if (lines)
		bh_buffer_puts(&text, writer.count > 0 ? "\n" : "");
	else
		end_events(&text, &writer, limit);
	bh_core_reply_raw(reply, &text, lines);
}

void bh_core_handle_events(void *user, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	int64_t after;

	if (!bh_core_number_query(request, "after", last_event_of(request), &after, reply))
		return;
	if (bh_core_is_following(request))
		follow_events(user, after, reply);
	else
		list_events(user, request, after, reply);
}
