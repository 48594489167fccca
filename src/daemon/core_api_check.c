/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a policy would change, and what it would refuse of what was seen and of what is open. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_existing.h"
#include "core_guard.h"
#include "protocol.h"
#include "ruleset.h"
#include "timefmt.h"

#define RECORDED (7 * BH_DAY) /* what a change is held against, where nobody says */
#define LONGEST (3660 * BH_DAY)

static void add_diff_line(void *user, char sign, const char *text)
{
	cJSON *line = cJSON_CreateObject();

	cJSON_AddStringToObject(line, "sign", sign == '+' ? "+" : "-");
	cJSON_AddStringToObject(line, "text", text);
	cJSON_AddItemToArray(user, line);
}

struct checker {
	const struct bh_core *core;
	const struct bh_policy *policy;
	size_t checked, allowed;
	struct bh_map *seen; /* flows alike → their row; the checker itself: allowed */
	cJSON *uncertain;
	cJSON *would_block;
	int64_t since;			/* µs: what was not met since then is left out */
	const struct bh_policy *beside; /* what this does not allow is left out; NULL: nothing is */
};

static cJSON *add_verdict(cJSON *array, const struct bh_edge *edge, const struct bh_answer *answer)
{
	cJSON *row = cJSON_CreateObject();
	char name[BH_PROTOCOL_TEXT];

	cJSON_AddStringToObject(row, "src", edge->src->name);
	cJSON_AddStringToObject(row, "dst", edge->dst->name);
	cJSON_AddStringToObject(row, "proto", bh_protocol_format(edge->proto, name));
	cJSON_AddNumberToObject(row, "port", edge->port);
	cJSON_AddNumberToObject(row, "connections", (double)edge->connections);
	bh_core_add_time(row, "first", edge->first);
	bh_core_add_time(row, "last", edge->last);
	cJSON_AddStringToObject(row, "verdict", answer->verdict == BH_DENY ? "deny" : "uncertain");
	bh_core_add_answer(row, answer);
	cJSON_AddItemToArray(array, row);
	return row;
}

static void count_again(cJSON *row, const struct bh_edge *edge)
{
	cJSON *count = cJSON_GetObjectItem(row, "connections"),
	      *time = cJSON_GetObjectItem(row, "last");
	double last = (double)edge->last / BH_SECOND;

	cJSON_SetNumberValue(count, count->valuedouble + (double)edge->connections);
	if (last > time->valuedouble)
		cJSON_SetNumberValue(time, last);
}

/* What is not asked about: it was met too long ago, or is refused as it is. */
static bool is_left_out(const struct checker *c, const struct bh_edge *edge,
			const struct bh_question *question)
{
	struct bh_answer answer;

	if (edge->last < c->since)
		return true;
	if (c->beside == NULL)
		return false;
	bh_policy_evaluate(c->beside, question, &answer);
	return answer.verdict == BH_DENY;
}

/* Flows alike, in all that a row shows, are one row. */
static void judge(struct checker *c, const struct bh_edge *edge, struct bh_question *question)
{
	char key[2 * BH_PEER_NAME + 48];
	struct bh_answer answer;

	if (is_left_out(c, edge, question))
		return;
	bh_policy_evaluate(c->policy, question, &answer);
	snprintf(key, sizeof(key), "%s\n%s\n%u\n%u\n%u", edge->src->name, edge->dst->name,
		 edge->proto, edge->port, answer.verdict);
	void *alike = bh_map_get_text(c->seen, key);
	if (alike != NULL && alike != c)
		count_again(alike, edge);
	if (alike != NULL)
		return;
	c->checked++;
	c->allowed += answer.verdict == BH_ALLOW;
	bh_map_put_text(
		c->seen, key,
		answer.verdict == BH_ALLOW
			? (void *)c
			: add_verdict(answer.verdict == BH_DENY ? c->would_block : c->uncertain,
				      edge, &answer));
}

static void check_edge(void *user, const struct bh_edge *edge)
{
	struct checker *c = user;
	struct bh_question question = { .proto = edge->proto,
					.port = edge->port,
					.sensitive = &c->core->config.sensitive };

	bh_core_peer_subject(c->core, edge->src, &question.src);
	bh_core_peer_subject(c->core, edge->dst, &question.dst);
	judge(c, edge, &question);
}

/* What the ledger does not hold – unanswered, unresolved, of unknown direction – is judged as well:
 * the kernel will not ask whether it was learned. */
static void check_flow(struct checker *c, const struct bh_live_flow *f)
{
	struct bh_peer room;
	struct bh_question question = bh_core_flow_question(c->core, f, &room);
	struct bh_edge edge = { .src = f->src,
				.dst = question.dst.peer,
				.proto = f->flow.key.proto,
				.port = f->flow.key.dport,
				.first = f->flow.first,
				.last = f->flow.last,
				.connections = 1 };

	judge(c, &edge, &question);
}

static void check_live_flows(struct checker *c)
{
	for (const struct bh_live_flow *f = c->core->oldest; f != NULL; f = f->newer)
		if (bh_core_flow_is_judged(f) && !f->learned)
			check_flow(c, f);
}

static cJSON *check(struct checker *c)
{
	cJSON *json = cJSON_CreateObject();

	c->uncertain = cJSON_CreateArray();
	c->would_block = cJSON_CreateArray();
	c->seen = bh_map_new(NULL);
	bh_ledger_each(c->core->ledger, BH_EDGES, check_edge, c);
	check_live_flows(c);
	bh_map_free(c->seen);
	cJSON_AddNumberToObject(json, "checked", (double)c->checked);
	cJSON_AddNumberToObject(json, "allowed", (double)c->allowed);
	cJSON_AddItemToObject(json, "uncertain", c->uncertain);
	cJSON_AddItemToObject(json, "would_block", c->would_block);
	return json;
}

void bh_core_handle_check(void *user, const struct bh_api_request *request,
			  struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_policy *given = NULL;
	struct checker c = { .core = core, .policy = core->policy };

	if (request->body_length > 0) {
		given = bh_core_parse_body(request, reply);
		if (given == NULL)
			return;
		c.policy = given;
	}
	if (c.policy == NULL) {
		bh_api_fail(reply, 404, "policy", "bulkhead policy check FILE",
			    "no policy is active yet");
		return;
	}
	reply->json = check(&c);
	bh_policy_free(given);
}

/* --- what a change means -----------------------------------------------------------------------
 */

bool bh_core_existing_query(const struct bh_core *core, const struct bh_api_request *request,
			    struct bh_existing *existing, bool *given, struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, "existing");

	*given = text != NULL;
	*existing = core->config.existing;
	if (text == NULL || bh_existing_parse(text, existing))
		return true;
	bh_api_fail(reply, 400, "existing", NULL, BH_EXISTING_WORDS " is expected, not \"%.60s\"",
		    text);
	return false;
}

static bool since_query(const struct bh_api_request *request, int64_t *since,
			struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, "since");
	int64_t ago = RECORDED;

	if (text != NULL && (!bh_duration_parse(text, &ago) || ago > LONGEST)) {
		bh_api_fail(reply, 400, "since", NULL,
			    "how long ago is expected, such as 7d, not \"%.60s\"", text);
		return false;
	}
	*since = bh_time_now() - ago;
	return true;
}

static cJSON *recorded_json(const struct bh_core *core, const struct bh_policy *policy,
			    int64_t since)
{
	struct checker c = {
		.core = core, .policy = policy, .since = since, .beside = core->policy
	};
	cJSON *json = check(&c);

	bh_core_add_time(json, "since", since);
	return json;
}

void bh_core_handle_diff(void *user, const struct bh_api_request *request,
			 struct bh_api_reply *reply)
{
	struct bh_core *core = user;
	struct bh_existing existing;
	int64_t since;
	bool given;

	if (!bh_core_existing_query(core, request, &existing, &given, reply) ||
	    !since_query(request, &since, reply) || bh_core_existing_waits(core, reply))
		return;
	struct bh_policy *policy = request->body_length > 0 ? bh_core_parse_body(request, reply)
							    : bh_core_propose(core);
	cJSON *guard = policy != NULL ? bh_core_guard(core, request, policy, NULL, reply) : NULL;
	if (guard == NULL) {
		bh_policy_free(policy);
		return;
	}
	reply->json = cJSON_CreateObject();
	bh_policy_diff(core->policy, policy, add_diff_line,
		       cJSON_AddArrayToObject(reply->json, "lines"));
	cJSON_AddItemToObject(reply->json, "existing",
			      bh_core_existing_preview(core, policy, NULL, &existing));
	cJSON_AddItemToObject(reply->json, "guard", guard);
	bh_core_add_text(reply->json, "silence", bh_core_silence_news(core, policy));
	cJSON_AddItemToObject(reply->json, "recorded", recorded_json(core, policy, since));
	bh_policy_free(policy);
}
