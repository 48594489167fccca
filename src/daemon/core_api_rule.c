/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where a rule comes from: the learned edges behind it, and flows of theirs to look at. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "edge_id.h"
#include "grow.h"

#define MOST_EDGES 1000 /* told of at once */
#define MOST_RECENT 3	/* flows in memory, of an edge */
#define RULE_TEXT 65536

struct row {
	struct bh_edge edge; /* its ends are the ledger's */
	uint64_t id;
	bool linked;	 /* the policy says that the rule came from it */
	int rule;	 /* that decides about it now; −1: none */
	uint8_t verdict; /* enum bh_verdict */
	struct bh_buffer recent;
	size_t recent_count;
};

struct explanation {
	const struct bh_core *core;
	const struct bh_policy *policy; /* the active one, or the proposal */
	size_t rule;
	struct bh_map *links; /* IDs of the rule's edges → whether the ledger has it */
	struct row *rows;
	size_t count, capacity, left_off;
};

static void ask(const struct explanation *x, const struct bh_edge *edge, struct bh_answer *answer)
{
	struct bh_question question = { .proto = edge->proto, .port = edge->port };

	bh_core_peer_subject(x->core, edge->src, &question.src);
	bh_core_peer_subject(x->core, edge->dst, &question.dst);
	bh_policy_evaluate(x->policy, &question, answer);
}

static void make_links(struct explanation *x)
{
	const struct bh_policy_rule *rule = &x->policy->rules[x->rule];

	x->links = bh_map_new(free);
	for (size_t i = 0; i < rule->edge_count; i++)
		bh_map_put(x->links, &rule->edges[i], sizeof(rule->edges[i]),
			   bh_calloc(1, sizeof(bool)));
}

/* Whether the rule names it; then it has been met. */
static bool is_linked(struct explanation *x, uint64_t id)
{
	bool *met = bh_map_get(x->links, &id, sizeof(id));

	if (met != NULL)
		*met = true;
	return met != NULL;
}

/* Edges that the rule came from, and those that it decides about besides. */
static void look_at(void *user, const struct bh_edge *edge)
{
	struct explanation *x = user;
	uint64_t id = bh_edge_id(edge);
	bool linked = is_linked(x, id);

	if (!linked && !bh_policy_rule_has_port(x->policy, x->rule, edge->proto, edge->port))
		return;
	struct bh_answer answer;
	ask(x, edge, &answer);
	if (!linked && answer.rule != (int)x->rule)
		return;
	if (x->count == MOST_EDGES) {
		x->left_off++;
		return;
	}
	x->rows = bh_grow(x->rows, &x->capacity, x->count + 1, sizeof(*x->rows));
	x->rows[x->count++] = (struct row) { .edge = *edge,
					     .id = id,
					     .linked = linked,
					     .rule = answer.rule,
					     .verdict = answer.verdict };
}

/* The newest flows of each edge that core still knows. */
static void add_recent(struct explanation *x)
{
	struct bh_map *by_id = bh_map_new(NULL);

	for (size_t i = 0; i < x->count; i++)
		bh_map_put(by_id, &x->rows[i].id, sizeof(x->rows[i].id), &x->rows[i]);
	for (const struct bh_live_flow *f = x->core->newest; f != NULL; f = f->older) {
		struct row *row = f->learned ? bh_map_get(by_id, &f->edge, sizeof(f->edge)) : NULL;

		if (row == NULL || row->recent_count == MOST_RECENT)
			continue;
		bh_buffer_puts(&row->recent, row->recent_count++ > 0 ? ",\n" : "\n");
		bh_core_flow_json(x->core, f, &row->recent);
	}
	bh_map_free(by_id);
}

struct samples {
	char *flows[2];
};

static void keep_sample(void *user, bool newest, const char *flow)
{
	((struct samples *)user)->flows[newest] = bh_strdup(flow);
}

static int add_samples(const struct bh_core *core, uint64_t id, cJSON *json, struct bh_error *err)
{
	static const char *const keys[] = { "first_flow", "newest_flow" };
	struct samples samples = { 0 };
	int result = bh_store_samples(core->store, id, keep_sample, &samples, err);

	for (size_t i = 0; i < 2; i++) {
		if (samples.flows[i] != NULL)
			cJSON_AddItemToObject(json, keys[i], cJSON_CreateRaw(samples.flows[i]));
		else
			cJSON_AddNullToObject(json, keys[i]);
		free(samples.flows[i]);
	}
	return result;
}

static cJSON *edge_json(const struct bh_core *core, const struct bh_edge *edge)
{
	struct bh_edge_names names;
	struct bh_buffer text = { 0 };

	bh_called_get(core->called, edge->src->name, edge->dst->name, &names);
	bh_json_edge(&text, edge, bh_edge_replicas(edge), &names,
		     bh_core_proxy_clients(core, edge));
	cJSON *json = cJSON_CreateRaw(text.data);
	bh_buffer_free(&text);
	return json;
}

static int add_row(const struct explanation *x, struct row *row, cJSON *list, struct bh_error *err)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddItemToArray(list, json);
	cJSON_AddItemToObject(json, "edge", edge_json(x->core, &row->edge));
	cJSON_AddBoolToObject(json, "linked", row->linked);
	if (row->rule >= 0)
		cJSON_AddNumberToObject(json, "rule", row->rule + 1);
	else
		cJSON_AddNullToObject(json, "rule");
	cJSON_AddStringToObject(json, "verdict", bh_core_verdict_name(row->verdict));
	int result = add_samples(x->core, row->id, json, err);
	char *recent = NULL;
	if (asprintf(&recent, "[%s]", row->recent.data != NULL ? row->recent.data : "") < 0)
		abort();
	cJSON_AddItemToObject(json, "recent", cJSON_CreateRaw(recent));
	free(recent);
	return result;
}

static bool is_met(const struct explanation *x, uint64_t id)
{
	return *(const bool *)bh_map_get(x->links, &id, sizeof(id));
}

/* Edges that the rule names and the ledger does not have. */
static cJSON *missing_json(const struct explanation *x)
{
	const struct bh_policy_rule *rule = &x->policy->rules[x->rule];
	cJSON *list = cJSON_CreateArray();
	char id[BH_EDGE_ID_TEXT];

	for (size_t i = 0; i < rule->edge_count; i++)
		if (!is_met(x, rule->edges[i]))
			cJSON_AddItemToArray(
				list, cJSON_CreateString(bh_edge_id_format(rule->edges[i], id)));
	return list;
}

/* Of the active one; null of what is only proposed. */
static void add_revision(const struct bh_core *core, const struct bh_policy *policy, cJSON *json)
{
	bool active = policy == core->policy;

	if (active)
		cJSON_AddNumberToObject(json, "number", (double)core->revision_number);
	else
		cJSON_AddNullToObject(json, "number");
	bh_core_add_text(json, "revision", active ? core->revision : NULL);
}

static void reply_explained(struct explanation *x, struct bh_api_reply *reply)
{
	cJSON *json = cJSON_CreateObject(), *edges;
	char *text = bh_calloc(1, RULE_TEXT);
	struct bh_error err = { 0 };
	int result = 0;

	bh_policy_rule_text(x->policy, x->rule, text, RULE_TEXT);
	add_revision(x->core, x->policy, json);
	cJSON_AddNumberToObject(json, "rule", (double)x->rule + 1);
	cJSON_AddStringToObject(json, "text", text);
	bh_core_add_text(json, "comment", x->policy->rules[x->rule].comment);
	edges = cJSON_AddArrayToObject(json, "edges");
	for (size_t i = 0; i < x->count && result == 0; i++)
		result = add_row(x, &x->rows[i], edges, &err);
	cJSON_AddNumberToObject(json, "left_off", (double)x->left_off);
	cJSON_AddItemToObject(json, "missing", missing_json(x));
	free(text);
	if (result == 0) {
		reply->json = json;
		return;
	}
	cJSON_Delete(json);
	bh_api_fail(reply, 500, "store", NULL, "%s", err.text);
}

void bh_core_explain_rule(const struct bh_core *core, const struct bh_policy *policy,
			  int64_t number, struct bh_api_reply *reply)
{
	struct explanation x = { .core = core, .policy = policy };

	if (number < 1 || (uint64_t)number > policy->rule_count) {
		bh_api_fail(reply, 404, "rule", "bulkhead policy show",
			    "the %s has %zu rules, and no rule %lld",
			    policy == core->policy ? "active policy" : "proposal",
			    policy->rule_count, (long long)number);
		return;
	}
	x.rule = (size_t)number - 1;
	make_links(&x);
	bh_ledger_each(core->ledger, BH_EDGES, look_at, &x);
	add_recent(&x);
	reply_explained(&x, reply);
	for (size_t i = 0; i < x.count; i++)
		bh_buffer_free(&x.rows[i].recent);
	free(x.rows);
	bh_map_free(x.links);
}

/* --- all rules -------------------------------------------------------------------------------- */

/* An end of one peer is written as a text. */
static cJSON *as_list(cJSON *ends)
{
	cJSON *list;

	if (cJSON_IsArray(ends))
		return ends;
	list = cJSON_CreateArray();
	cJSON_AddItemToArray(list, ends);
	return list;
}

/* As it is printed, with what a reader needs besides. */
static cJSON *rule_json(const struct bh_policy *policy, size_t number, cJSON *printed)
{
	const struct bh_policy_rule *rule = &policy->rules[number];
	cJSON *json = cJSON_CreateObject();
	char *text = bh_calloc(1, RULE_TEXT);
	cJSON *edges = cJSON_DetachItemFromObject(printed, "edges");

	bh_policy_rule_text(policy, number, text, RULE_TEXT);
	cJSON_AddNumberToObject(json, "number", (double)number + 1);
	cJSON_AddStringToObject(json, "action", bh_rank_denies(rule->rank) ? "deny" : "allow");
	cJSON_AddStringToObject(json, "tier",
				bh_rank_is_platform(rule->rank) ? "platform" : "application");
	cJSON_AddItemToObject(json, "from", as_list(cJSON_DetachItemFromObject(printed, "from")));
	cJSON_AddItemToObject(json, "to", as_list(cJSON_DetachItemFromObject(printed, "to")));
	cJSON_AddItemToObject(json, "ports", cJSON_DetachItemFromObject(printed, "ports"));
	bh_core_add_time(json, "expires", rule->expires);
	bh_core_add_text(json, "comment", rule->comment);
	bh_core_add_text(json, "note", rule->note);
	cJSON_AddStringToObject(json, "text", text);
	cJSON_AddItemToObject(json, "edges", edges != NULL ? edges : cJSON_CreateArray());
	free(text);
	return json;
}

static void list_rules(const struct bh_core *core, const struct bh_policy *policy,
		       struct bh_api_reply *reply)
{
	char *text = bh_policy_print_json(policy);
	cJSON *printed = cJSON_Parse(text), *rule;
	size_t number = 0;

	reply->json = cJSON_CreateObject();
	cJSON_AddStringToObject(reply->json, "of", policy == core->policy ? "active" : "proposal");
	add_revision(core, policy, reply->json);
	cJSON *rules = cJSON_AddArrayToObject(reply->json, "rules");
	cJSON_ArrayForEach (rule, cJSON_GetObjectItem(printed, "rules"))
		cJSON_AddItemToArray(rules, rule_json(policy, number++, rule));
	cJSON_Delete(printed);
	free(text);
}

/* --- of which policy -------------------------------------------------------------------------- */

typedef void policy_user(const struct bh_core *core, const struct bh_policy *policy,
			 const struct bh_api_request *request, struct bh_api_reply *reply);

/* The active one, unless of=proposal asks for the other. */
static void with_policy(struct bh_core *core, const struct bh_api_request *request,
			struct bh_api_reply *reply, policy_user *use)
{
	const char *of = bh_api_query(request, "of");

	if (of != NULL && strcmp(of, "proposal") == 0) {
		struct bh_policy *policy = bh_core_propose(core);

		use(core, policy, request, reply);
		bh_policy_free(policy);
	} else if (of != NULL && strcmp(of, "active") != 0) {
		bh_api_fail(reply, 400, "of", "active or proposal", "of: found \"%.60s\"", of);
	} else if (bh_core_has_policy(core, reply)) {
		use(core, core->policy, request, reply);
	}
}

static void use_for_rule(const struct bh_core *core, const struct bh_policy *policy,
			 const struct bh_api_request *request, struct bh_api_reply *reply)
{
	int64_t number;

	if (bh_core_number_query(request, "rule", 0, &number, reply))
		bh_core_explain_rule(core, policy, number, reply);
}

void bh_core_explain_a_rule(struct bh_core *core, const struct bh_api_request *request,
			    struct bh_api_reply *reply)
{
	with_policy(core, request, reply, use_for_rule);
}

static void use_for_list(const struct bh_core *core, const struct bh_policy *policy,
			 const struct bh_api_request *request, struct bh_api_reply *reply)
{
	(void)request;
	list_rules(core, policy, reply);
}

void bh_core_handle_rules(void *user, const struct bh_api_request *request,
			  struct bh_api_reply *reply)
{
	with_policy(user, request, reply, use_for_list);
}
