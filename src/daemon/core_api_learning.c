/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What has been seen and what has not, and the edges that wait for a person. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_api_page.h"
#include "core_promotion.h"
#include "edge_id.h"
#include "grow.h"
#include "learned.h"
#include "protocol.h"
#include "query.h"
#include "timefmt.h"

#define MOST_DAYS 3650
#define TOLD 20 /* decisions that are events of their own */

/* --- readiness -------------------------------------------------------------------------------- */

static bool is_among(const struct bh_readiness *r, const char *workload)
{
	for (size_t i = 0; i < r->workload_count; i++)
		if (strcmp(r->workloads[i].baseline.owner.who->name, workload) == 0)
			return true;
	return false;
}

void bh_core_handle_readiness(void *user, const struct bh_api_request *request,
			      struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_readiness *readiness = bh_core_readiness(core);
	struct bh_error err = { 0 };
	const struct bh_readiness_view view = { .readiness = readiness,
						.ledger = core->ledger,
						.workload = bh_api_query(request, "workload"),
						.asked = bh_api_query(request, "for"),
						.standing = bh_core_standing,
						.declared = bh_core_schedules_json,
						.user = core };

	if (view.workload != NULL && !is_among(readiness, view.workload))
		bh_core_unknown_workload(core, view.workload, "workload", reply);
	else if ((reply->json = bh_json_readiness(&view, &err)) == NULL)
		bh_api_fail(reply, 400, "for", "bulkhead readiness --for 0.98", "%s", err.text);
	bh_readiness_free(readiness);
}

/* --- the queue -------------------------------------------------------------------------------- */

struct queue {
	const struct bh_core *core;
	struct bh_filter_config filters;
	const char *workload; /* NULL: all */
	bool all;	      /* not only those that wait */
	enum bh_ledger_list list;
	struct bh_edge_page page;
};

static bool is_of(const struct bh_edge *edge, const char *workload)
{
	return workload == NULL || strcmp(edge->src->name, workload) == 0 ||
	       strcmp(edge->dst->name, workload) == 0;
}

static bool waits(const struct bh_core *core, const struct bh_filter_config *filters,
		  enum bh_ledger_list list, const struct bh_edge *edge)
{
	return bh_judge(core->ledger, filters, list, edge).state == BH_EDGE_REVIEW;
}

static void queue_edge(void *user, const struct bh_edge *edge)
{
	struct queue *q = user;

	if (is_of(edge, q->workload) && (q->all || waits(q->core, &q->filters, q->list, edge)))
		bh_edge_page_add(&q->page, edge, q->list);
}

static cJSON *queue_json(const struct queue *q)
{
	cJSON *json = cJSON_CreateObject();
	struct bh_buffer text = { 0 };

	bh_buffer_puts(&text, "[");
	for (size_t i = 0; i < q->page.count; i++) {
		bh_buffer_puts(&text, i > 0 ? ",\n" : "\n");
		bh_json_learned(&text, q->core->ledger, &q->filters, q->page.edges[i].list,
				&q->page.edges[i].edge);
	}
	bh_buffer_puts(&text, "]");
	cJSON_AddItemToObject(json, "edges", cJSON_CreateRaw(text.data));
	bh_edge_page_add_next(&q->page, json);
	bh_buffer_free(&text);
	return json;
}

void bh_core_handle_review(void *user, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	const struct bh_core *core = user;
	struct queue q = { .core = core,
			   .filters = bh_core_filters(core),
			   .workload = bh_api_query(request, "workload"),
			   .all = bh_api_query(request, "all") != NULL };

	if (q.workload != NULL && !bh_core_workload_exists(core, q.workload)) {
		bh_core_unknown_workload(core, q.workload, "workload", reply);
		return;
	}
	for (q.list = BH_EDGES; q.list < BH_LEDGER_LISTS; q.list++)
		bh_ledger_each(core->ledger, q.list, queue_edge, &q);
	if (bh_edge_page_cut(&q.page, request, reply))
		reply->json = queue_json(&q);
	bh_edge_page_free(&q.page);
}

/* --- decisions -------------------------------------------------------------------------------- */

struct chosen {
	struct bh_edge edge; /* its ends are the ledger's */
	enum bh_ledger_list list;
};

struct choice {
	struct bh_core *core;
	struct bh_filter_config filters;
	const char *workload;
	uint64_t id; /* of the one that is looked for, unless several are meant: */
	bool all;    /* whichever waits, but for what was denied */
	bool denied; /* whichever was denied, and waits */
	bool rejects;
	enum bh_ledger_list list;
	struct chosen *items;
	size_t count, capacity;
};

/* What was denied has to be accepted one by one, whether it had been learned before or not. */
static bool is_meant(const struct choice *c, const struct bh_edge *edge)
{
	struct bh_edge denied;

	if (!c->all && !c->denied)
		return bh_edge_id(edge) == c->id;
	if (!c->rejects && bh_ledger_find(c->core->ledger, BH_OPPOSED, edge, &denied))
		return false;
	return (c->list == BH_OPPOSED) == c->denied && waits(c->core, &c->filters, c->list, edge);
}

static void choose_edge(void *user, const struct bh_edge *edge)
{
	struct choice *c = user;

	if (!is_of(edge, c->workload) || !is_meant(c, edge))
		return;
	c->items = bh_grow(c->items, &c->capacity, c->count + 1, sizeof(*c->items));
	c->items[c->count++] = (struct chosen) { *edge, c->list };
}

static void choose(struct choice *c)
{
	for (c->list = BH_EDGES; c->list < BH_LEDGER_LISTS; c->list++)
		bh_ledger_each(c->core->ledger, c->list, choose_edge, c);
}

/* Whether an ID is one edge's alone: then what was chosen since `from` has one key. */
static bool is_one(const struct choice *c, size_t from)
{
	for (size_t i = from + 1; i < c->count; i++)
		if (c->items[i].edge.src != c->items[from].edge.src ||
		    c->items[i].edge.dst != c->items[from].edge.dst ||
		    c->items[i].edge.proto != c->items[from].edge.proto ||
		    c->items[i].edge.port != c->items[from].edge.port)
			return false;
	return true;
}

/* One word of the list; false with the reply filled. */
static bool choose_word(struct choice *c, const char *word, struct bh_api_reply *reply)
{
	size_t before = c->count;

	c->all = strcmp(word, "all") == 0;
	c->denied = strcmp(word, "denied") == 0;
	if (c->denied && !c->rejects) {
		bh_api_fail(reply, 400, "edges", "bulkhead review accept EDGE …",
			    "what was denied is accepted edge by edge");
		return false;
	}
	bool several = c->all || c->denied;
	if (!several && !bh_edge_id_parse(word, &c->id)) {
		bh_api_fail(reply, 400, "edges", "see: bulkhead review",
			    "%s is no edge's ID, which is 12 hexadecimal digits", word);
		return false;
	}
	choose(c);
	if (c->count == before && !several) {
		bh_api_fail(reply, 404, "edges", "see: bulkhead review --all",
			    "there is no edge %s", word);
		return false;
	}
	if (!several && !is_one(c, before)) {
		bh_api_fail(reply, 409, "edges", "say which workload: --workload W",
			    "%s is the ID of two edges", word);
		return false;
	}
	return true;
}

static bool choose_words(struct choice *c, const char *words, struct bh_api_reply *reply)
{
	char *list = bh_strdup(words), *rest = list, *word;
	bool good = true;

	while (good && (word = strsep(&rest, ",")) != NULL)
		good = choose_word(c, word, reply);
	free(list);
	return good;
}

static bool read_decision(const struct bh_api_request *request, struct bh_decision *d,
			  struct bh_api_reply *reply)
{
	const char *action = bh_api_query(request, "action"), *why = bh_api_query(request, "why");
	int64_t days;

	*d = (struct bh_decision) { .time = bh_time_now() };
	if (action == NULL || (strcmp(action, "accept") != 0 && strcmp(action, "reject") != 0)) {
		bh_api_fail(reply, 400, "action", "bulkhead review accept|reject EDGE",
			    "accept or reject is needed");
		return false;
	}
	if (!bh_core_number_query(request, "expires", 0, &days, reply))
		return false;
	if (days > MOST_DAYS || (days == 0 && bh_api_query(request, "expires") != NULL)) {
		bh_api_fail(reply, 400, "expires", "--expires 30",
			    "a decision holds for 1 to %d days, or without --expires for good",
			    MOST_DAYS);
		return false;
	}
	d->accepted = strcmp(action, "accept") == 0;
	d->expires = days > 0 ? d->time + days * BH_DAY : 0;
	bh_copy_text(d->author, sizeof(d->author), request->author);
	bh_copy_text(d->why, sizeof(d->why), why != NULL ? why : "");
	return true;
}

static int save(struct bh_core *core, const struct choice *c, struct bh_decision *d,
		struct bh_error *err)
{
	int result = bh_core_store_begin(core, err);

	for (size_t i = 0; result == 0 && i < c->count; i++) {
		d->opposed = c->items[i].list == BH_OPPOSED;
		result = bh_store_save_decision(core->store, &c->items[i].edge, d, err);
	}
	return result == 0 ? bh_core_store_flush(core, err) : result;
}

static void tell(struct bh_core *core, const struct choice *c, const struct bh_decision *d)
{
	const char *what = d->accepted ? "accepted" : "rejected";

	for (size_t i = 0; i < c->count && c->count <= TOLD; i++) {
		const struct bh_edge *e = &c->items[i].edge;
		char port[BH_PORT_TEXT];

		bh_core_event(core, "review", "%s → %s %s %s by %s%s%s", e->src->name, e->dst->name,
			      bh_port_format(e->proto, e->port, port), what, d->author,
			      *d->why != '\0' ? ": " : "", d->why);
	}
	if (c->count > TOLD)
		bh_core_event(core, "review", "%zu edges %s by %s%s%s", c->count, what, d->author,
			      *d->why != '\0' ? ": " : "", d->why);
}

static void demote(struct bh_core *core, const struct bh_edge *edge, int64_t now, cJSON *demoted)
{
	const char *workload = bh_core_refuser(core, edge);

	if (workload != NULL && bh_core_demote(core, workload, now))
		cJSON_AddItemToArray(demoted, cJSON_CreateString(workload));
}

static void carry_out(struct bh_core *core, const struct choice *c, struct bh_decision *d,
		      cJSON *demoted)
{
	for (size_t i = 0; i < c->count; i++) {
		d->opposed = c->items[i].list == BH_OPPOSED;
		bh_ledger_decide(core->ledger, &c->items[i].edge, d);
	}
	for (size_t i = 0; d->accepted && i < c->count; i++)
		demote(core, &c->items[i].edge, d->time, demoted);
}

static cJSON *rows(const struct choice *c)
{
	struct bh_buffer text = { 0 };

	bh_buffer_puts(&text, "[");
	for (size_t i = 0; i < c->count; i++) {
		bh_buffer_puts(&text, i > 0 ? ",\n" : "\n");
		bh_json_learned(&text, c->core->ledger, &c->filters, c->items[i].list,
				&c->items[i].edge);
	}
	bh_buffer_puts(&text, "]");
	cJSON *json = cJSON_CreateRaw(text.data);
	bh_buffer_free(&text);
	return json;
}

void bh_core_handle_decide(void *user, const struct bh_api_request *request,
			   struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct choice c = { .core = core,
			    .filters = bh_core_filters(core),
			    .workload = bh_api_query(request, "workload") };
	const char *edges = bh_api_query(request, "edges");
	struct bh_decision decision;
	struct bh_error err = { 0 };

	if (!read_decision(request, &decision, reply))
		return;
	c.rejects = !decision.accepted;
	if (edges == NULL)
		bh_api_fail(reply, 400, "edges", "see: bulkhead review", "which edges?");
	else if (choose_words(&c, edges, reply)) {
		if (save(core, &c, &decision, &err) != 0) {
			bh_api_fail(reply, 500, "store", "nothing was decided", "%s", err.text);
		} else {
			reply->json = cJSON_CreateObject();
			cJSON *demoted = cJSON_CreateArray();
			tell(core, &c, &decision);
			carry_out(core, &c, &decision, demoted);
			cJSON_AddItemToObject(reply->json, "edges", rows(&c));
			cJSON_AddItemToObject(reply->json, "demoted", demoted);
		}
	}
	free(c.items);
}
