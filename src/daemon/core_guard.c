/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_guard.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_guard_parts.h"
#include "core_share.h"
#include "grow.h"
#include "peer.h"
#include "protocol.h"
#include "ruleset.h"
#include "timefmt.h"

#define MOST_SAID 5   /* findings in a sentence … */
#define SENTENCE 1000 /* … of so many bytes */
/* What was not met for so long before its workload was met last is a thing of the past. */
#define LATELY (7 * BH_DAY)

static void begin(struct bh_guarded *g, const struct bh_core *core, const struct bh_policy *policy,
		  const struct bh_treatment *then)
{
	*g = (struct bh_guarded) { .core = core,
				   .before = { .policy = core->policy },
				   .after = { .policy = policy, .then = then },
				   .findings = cJSON_CreateArray(),
				   .said = bh_map_new(NULL) };
}

static bool any_refuses(const struct bh_map *modes)
{
	const uint8_t *mode;

	for (size_t position = 0; (mode = bh_map_next(modes, &position)) != NULL;)
		if (bh_mode_refuses(*mode))
			return true;
	return false;
}

/* Whether anything may be refused afterwards. */
static bool may_refuse(const struct bh_guarded *g)
{
	return g->after.policy != NULL &&
	       ((g->after.then != NULL && any_refuses(g->after.then->modes)) ||
		any_refuses(g->core->modes));
}

/* --- findings --------------------------------------------------------------------------------- */

static bool selects(const struct bh_guarded *g, size_t entry, const char *workload)
{
	const struct bh_policy_peer peer = { .kind = BH_POLICY_WORKLOAD, .workload = entry };
	struct bh_peer who = bh_peer_workload(workload);
	struct bh_subject subject;

	bh_core_peer_subject(g->core, &who, &subject);
	return bh_policy_peer_matches(g->after.policy, &peer, &subject);
}

static bool selects_others(const struct bh_guarded *g, size_t entry, const char *workload)
{
	const char *other;

	for (size_t position = 0; (other = bh_core_present_next(g->core, &position)) != NULL;)
		if (strcmp(other, workload) != 0 && selects(g, entry, other))
			return true;
	return false;
}

/* The policy's word for the workload, and for nobody else who is there. */
static size_t entry_of(const struct bh_guarded *g, const struct bh_peer *peer)
{
	size_t count = peer->kind == BH_PEER_WORKLOAD ? g->after.policy->workload_count : 0;

	for (size_t i = 0; i < count; i++)
		if (selects(g, i, peer->name) && !selects_others(g, i, peer->name))
			return i;
	return BH_NO_ENTRY;
}

void bh_guard_add_remedy(cJSON *row, const struct bh_remedy *remedy)
{
	bh_core_add_text(row, "add_rule", remedy->rule);
	cJSON *workloads = cJSON_AddArrayToObject(row, "add_workloads");
	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++)
		if (remedy->entries[side] != NULL)
			cJSON_AddItemToArray(workloads, cJSON_CreateString(remedy->entries[side]));
}

cJSON *bh_guard_add_row(struct bh_guarded *g, enum bh_vital vital,
			const struct bh_question *question, const struct bh_answer *answer,
			double connections, int64_t last)
{
	const char *src = bh_peer_text(question->src.peer), *dst = bh_peer_text(question->dst.peer);
	char key[2 * BH_PEER_NAME + 48], proto[BH_PROTOCOL_TEXT];

	snprintf(key, sizeof(key), "%d\n%s\n%s\n%u\n%u", vital, src, dst, question->proto,
		 question->port);
	cJSON *row = bh_map_get_text(g->said, key);
	if (row != NULL) {
		cJSON *count = cJSON_GetObjectItem(row, "connections");

		cJSON_SetNumberValue(count, count->valuedouble + connections);
		return NULL;
	}
	row = cJSON_CreateObject();
	cJSON_AddStringToObject(row, "kind", bh_vital_name(vital));
	cJSON_AddStringToObject(row, "src", src);
	cJSON_AddStringToObject(row, "dst", dst);
	cJSON_AddStringToObject(row, "proto", bh_protocol_format(question->proto, proto));
	cJSON_AddNumberToObject(row, "port", question->port);
	cJSON_AddNumberToObject(row, "connections", connections);
	bh_core_add_time(row, "last", last);
	bh_core_add_answer(row, answer);
	cJSON_AddItemToArray(g->findings, row);
	bh_map_put_text(g->said, key, row);
	return row;
}

void bh_guard_add_finding(struct bh_guarded *g, enum bh_vital vital,
			  const struct bh_question *question, const struct bh_answer *answer,
			  double connections, int64_t last)
{
	cJSON *row = bh_guard_add_row(g, vital, question, answer, connections, last);
	struct bh_remedy remedy;

	if (row == NULL)
		return;
	const size_t entries[2] = { [BH_EGRESS] = entry_of(g, question->src.peer),
				    [BH_INGRESS] = entry_of(g, question->dst.peer) };
	bh_guard_remedy(g->after.policy, question, answer, entries, &remedy);
	bh_guard_add_remedy(row, &remedy);
	bh_remedy_free(&remedy);
}

/* --- what was learned and seen ---------------------------------------------------------------- */

/* Edges and flows between two ends and to one port, together. */
struct path {
	struct bh_peer src, dst;
	uint8_t proto;
	uint16_t port;
	uint64_t answered;
	int64_t last; /* µs */
};

struct paths {
	const struct bh_core *core;
	struct bh_map *known;  /* struct path */
	struct bh_map *newest; /* workload → int64_t, µs: of all that was seen of it */
};

static void note_newest(struct paths *p, const struct bh_peer *peer, int64_t time)
{
	if (peer->kind != BH_PEER_WORKLOAD)
		return;
	int64_t *newest = bh_map_get_text(p->newest, peer->name);
	if (newest == NULL) {
		newest = bh_calloc(1, sizeof(*newest));
		bh_map_put_text(p->newest, peer->name, newest);
	}
	*newest = time > *newest ? time : *newest;
}

/* A person said that it is not to be. */
static bool is_rejected(const struct bh_core *core, const struct bh_edge *edge)
{
	const struct bh_decision *d = bh_ledger_decision(core->ledger, edge);

	return bh_decision_holds(d, bh_time_now()) && !d->accepted;
}

static struct path *path_of(struct paths *p, const struct bh_edge *edge)
{
	char key[2 * BH_PEER_NAME + 64];

	snprintf(key, sizeof(key), "%u\n%s\n%u\n%s\n%u\n%u", edge->src->kind, edge->src->name,
		 edge->dst->kind, edge->dst->name, edge->proto, edge->port);
	struct path *path = bh_map_get_text(p->known, key);
	if (path != NULL)
		return path;
	path = bh_calloc(1, sizeof(*path));
	*path = (struct path) {
		.src = *edge->src, .dst = *edge->dst, .proto = edge->proto, .port = edge->port
	};
	bh_map_put_text(p->known, key, path);
	return path;
}

static void note_edge(void *user, const struct bh_edge *edge)
{
	struct paths *p = user;
	const struct bh_edge often = { .src = edge->src,
				       .dst = edge->dst,
				       .proto = edge->proto,
				       .port = edge->port,
				       .answered = BH_RECURS };

	note_newest(p, edge->src, edge->last);
	note_newest(p, edge->dst, edge->last);
	if (edge->answered == 0 || bh_vital_of(&often) == BH_VITAL_NONE ||
	    is_rejected(p->core, edge))
		return;
	struct path *path = path_of(p, edge);
	path->answered += edge->answered;
	path->last = edge->last > path->last ? edge->last : path->last;
}

/* What is only audited becomes no edge before it ends, if at all. */
static void note_flows(struct paths *p)
{
	for (const struct bh_live_flow *live = p->core->oldest; live != NULL; live = live->newer) {
		struct bh_peer room;
		const struct bh_edge edge = { .src = live->src,
					      .dst = bh_core_destination(p->core, live, &room),
					      .proto = live->flow.key.proto,
					      .port = live->flow.key.dport,
					      .answered = live->flow.answered,
					      .last = live->flow.last };

		/* Of a name server's port it needs no handshake to say who asks. */
		bool known = live->flow.direction != BH_DIRECTION_UNKNOWN ||
			     bh_vital_of(&edge) == BH_VITAL_DNS;

		if (known && !live->learned && !live->ended && bh_core_flow_is_judged(live))
			note_edge(p, &edge);
	}
}

static bool is_past(const struct paths *p, const struct path *path, const struct bh_peer *owner)
{
	const int64_t *newest = bh_map_get_text(p->newest, owner->name);

	return path->last < *newest - LATELY;
}

static struct bh_guard_view path_view(const struct bh_guarded *g, const struct bh_view_of *view,
				      const struct path *path, bool strictest)
{
	struct bh_guard_view meets = { .policy = view->policy };

	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		const struct bh_peer *peer = side == BH_EGRESS ? &path->src : &path->dst;

		meets.modes[side] = strictest ? bh_view_strictest(g->core, view, peer)
					      : bh_view_mode(g->core, view, peer, NULL);
	}
	return meets;
}

/* Whether more of the peer's instances come to be treated as the strictest. */
static bool grows(const struct bh_guarded *g, const struct bh_peer *peer)
{
	const struct bh_treatment *then = g->after.then;
	const uint8_t *mode = then != NULL && then->modes != NULL
				      ? bh_map_get_text(then->modes, peer->name)
				      : NULL;

	return peer->kind == BH_PEER_WORKLOAD && mode != NULL &&
	       bh_core_share_is_stricter(g->core, peer->name, *mode,
					 bh_shares_get(then->shares, peer->name));
}

/* Whether it is cut at those of the ends' instances that are treated as the strictest, or as the
 * mildest, or that go from these to those: which of them it met nobody knows. */
static bool is_cut(const struct bh_guarded *g, const struct path *path,
		   const struct bh_question *question, struct bh_answer *answer)
{
	const struct bh_guard_view before[] = { path_view(g, &g->before, path, false),
						path_view(g, &g->before, path, true) };
	const struct bh_guard_view after[] = { path_view(g, &g->after, path, false),
					       path_view(g, &g->after, path, true) };

	return bh_guard_cuts(&before[1], &after[1], question, answer) ||
	       bh_guard_cuts(&before[0], &after[0], question, answer) ||
	       ((grows(g, &path->src) || grows(g, &path->dst)) &&
		bh_guard_cuts(&before[0], &after[1], question, answer));
}

static void judge_path(struct bh_guarded *g, const struct paths *p, const struct path *path)
{
	const struct bh_core *core = g->core;
	const struct bh_edge edge = { .src = &path->src,
				      .dst = &path->dst,
				      .proto = path->proto,
				      .port = path->port,
				      .answered = path->answered };
	struct bh_question question = { .proto = path->proto,
					.port = path->port,
					.sensitive = &core->config.sensitive };
	enum bh_vital vital = bh_vital_of(&edge);
	struct bh_answer answer;

	if (vital == BH_VITAL_NONE || is_past(p, path, bh_vital_owner(&edge, vital)))
		return;
	bh_core_peer_subject(core, &path->src, &question.src);
	bh_core_peer_subject(core, &path->dst, &question.dst);
	bh_core_name_question(core, &question);
	if (is_cut(g, path, &question, &answer))
		bh_guard_add_finding(g, vital, &question, &answer, (double)path->answered,
				     path->last);
}

static void judge_paths(struct bh_guarded *g)
{
	struct paths p = { g->core, bh_map_new(free), bh_map_new(free) };
	const struct path *path;

	bh_ledger_each(g->core->ledger, BH_EDGES, note_edge, &p);
	bh_ledger_each(g->core->ledger, BH_OPPOSED, note_edge, &p);
	note_flows(&p);
	for (size_t position = 0; (path = bh_map_next(p.known, &position)) != NULL;)
		judge_path(g, &p, path);
	bh_map_free(p.known);
	bh_map_free(p.newest);
}

/* --- the whole -------------------------------------------------------------------------------- */

cJSON *bh_core_guard(const struct bh_core *core, const struct bh_api_request *request,
		     const struct bh_policy *policy, const struct bh_treatment *then,
		     struct bh_api_reply *reply)
{
	cJSON *json = cJSON_CreateObject(), *session = cJSON_CreateNull();
	struct bh_guard_caller caller;
	struct bh_guarded g;

	begin(&g, core, policy, then);
	bool sensible = bh_guard_read_caller(request, &caller, reply);
	if (sensible && may_refuse(&g)) {
		cJSON_Delete(session);
		session = bh_guard_session(&g, &caller);
		judge_paths(&g);
	}
	bool any = cJSON_GetArraySize(g.findings) > 0,
	     anyway = bh_api_query(request, "anyway") != NULL;
	cJSON_AddBoolToObject(json, "refused", any && !anyway);
	cJSON_AddBoolToObject(json, "overridden", any && anyway);
	cJSON_AddItemToObject(json, "session", session);
	cJSON_AddItemToObject(json, "findings", g.findings);
	bh_map_free(g.said);
	if (sensible)
		return json;
	cJSON_Delete(json);
	return NULL;
}

static bool is_set(const cJSON *guard, const char *key)
{
	return cJSON_IsTrue(cJSON_GetObjectItem(guard, key));
}

static const char *text_of(const cJSON *row, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItem(row, key));
}

/* "dns: netns:web → 192.0.2.53 53/udp; …" */
static void put_findings(struct bh_buffer *out, const cJSON *findings)
{
	int count = cJSON_GetArraySize(findings), said = 0;
	const cJSON *row;

	cJSON_ArrayForEach (row, findings) {
		char port[BH_PORT_TEXT];
		uint8_t proto = 0;

		if (said++ == MOST_SAID)
			break;
		bh_protocol_parse(text_of(row, "proto"), &proto);
		bh_port_format(proto, (uint16_t)cJSON_GetObjectItem(row, "port")->valueint, port);
		bh_buffer_printf(out, "%s%s: %s → %s %s", said > 1 ? "; " : "",
				 text_of(row, "kind"), text_of(row, "src"), text_of(row, "dst"),
				 port);
	}
	if (count > MOST_SAID)
		bh_buffer_printf(out, "; and %d more", count - MOST_SAID);
}

static char *findings_text(const cJSON *findings, char *out, size_t size)
{
	struct bh_buffer text = { 0 };

	put_findings(&text, findings);
	bh_copy_text(out, size, text.data);
	bh_buffer_free(&text);
	return out;
}

void bh_core_guard_add_to(const cJSON *guard, struct bh_api_reply *reply)
{
	cJSON_AddItemToObject(cJSON_GetObjectItem(reply->json, "error"), "guard",
			      cJSON_Duplicate(guard, true));
}

bool bh_core_guard_lets(const cJSON *guard, struct bh_api_reply *reply)
{
	char words[SENTENCE];

	if (!is_set(guard, "refused"))
		return true;
	bh_api_fail(reply, 409, "guard",
		    "add to the policy what keeps them, and apply it first; --anyway --why TEXT "
		    "does it all the same",
		    "it would cut off what has to go on and works now: %s",
		    findings_text(cJSON_GetObjectItem(guard, "findings"), words, sizeof(words)));
	bh_core_guard_add_to(guard, reply);
	return false;
}

void bh_core_guard_overridden(struct bh_core *core, const cJSON *guard,
			      const struct bh_api_request *request)
{
	const char *why = bh_api_query(request, "why");
	struct bh_buffer text = { 0 };

	if (!is_set(guard, "overridden"))
		return;
	const cJSON *findings = cJSON_GetObjectItem(guard, "findings");
	cJSON *json = cJSON_CreateObject();
	bh_buffer_printf(&text, "%s does it anyway, though it cuts off ", request->author);
	put_findings(&text, findings);
	bh_buffer_printf(&text, "%s%s", why != NULL ? ": " : "", why != NULL ? why : "");
	cJSON_AddItemToObject(json, "findings", cJSON_Duplicate(findings, true));
	bh_core_event_json(core, "guard", text.data, json);
	bh_buffer_free(&text);
}

char *bh_core_guard_why(const cJSON *guard, const char *why, char out[BH_GUARD_WHY])
{
	struct bh_buffer text = { 0 };

	bh_buffer_puts(&text, why);
	if (is_set(guard, "overridden")) {
		bh_buffer_printf(&text, "%sanyway, though it cuts off ", *why != '\0' ? "; " : "");
		put_findings(&text, cJSON_GetObjectItem(guard, "findings"));
	}
	bh_copy_text(out, BH_GUARD_WHY, text.data);
	bh_buffer_free(&text);
	return out;
}

int bh_core_guard_mode(const struct bh_core *core, const char *workload, uint8_t mode,
		       struct bh_error *err)
{
	struct bh_map *modes = bh_map_new(NULL);
	const struct bh_treatment then = { modes, bh_shares_copy(core->shares) };
	char words[SENTENCE - 100];
	struct bh_guarded g;
	int result = 0;

	bh_map_put_text(modes, workload, &mode);
	bh_shares_set(then.shares, workload, NULL);
	begin(&g, core, core->policy, &then);
	if (may_refuse(&g))
		judge_paths(&g);
	if (cJSON_GetArraySize(g.findings) > 0)
		result = bh_error_set(err, -EBUSY,
				      "it would cut off what has to go on and works now: %s",
				      findings_text(g.findings, words, sizeof(words)));
	cJSON_Delete(g.findings);
	bh_map_free(g.said);
	bh_shares_free(then.shares);
	bh_map_free(modes);
	return result;
}
