/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One open connection, judged. The rules see its tuple after the translation of destinations and
 * before that of sources: the original source, and the source of its answers. Its ends are who
 * holds these addresses now, as they are for the rules. Who opened it connection tracking knows
 * where it saw the opening, or translated an address; else the flow may tell; and where nobody
 * does it may be either, and one that either is allowed is not touched.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "core_exceptions.h"
#include "core_posture.h"
#include "core_promotion.h"
#include "core_share.h"
#include "grow.h"
#include "protocol.h"
#include "ruleset.h"

#define MOST_LISTED 1000
#define MOST_DOUBTFUL 100

static bool is_translated(const struct bh_tracked *entry)
{
	return entry->src_nat || entry->dst_nat;
}

static const struct bh_live_flow *later(const struct bh_live_flow *a, const struct bh_live_flow *b)
{
	if (a == NULL || b == NULL)
		return a != NULL ? a : b;
	return a->flow.last >= b->flow.last ? a : b;
}

static bool opener_is_known(const struct bh_tracked *entry)
{
	uint8_t proto = entry->original.proto;

	return is_translated(entry) || proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6 ||
	       (proto == IPPROTO_TCP && entry->start == BH_TRACKED_START_SEEN);
}

/* *turned: the flow runs the other way. */
static const struct bh_live_flow *find_flow(const struct bh_core *core, const struct bh_open *open,
					    bool *turned)
{
	struct bh_newest newest = bh_live_flows_newest(core->flows, &open->key);
	const struct bh_live_flow *live = later(newest.there, newest.back);

	if (live == NULL)
		live = bh_live_flows_newest(core->flows, &open->entry->original).there;
	*turned = live != NULL && live == newest.back;
	return live;
}

static const struct bh_instance *stranger_at(const struct bh_core *core, const struct bh_peer *peer,
					     const struct bh_addr *addr, int64_t now)
{
	const struct bh_instance *holder =
		peer->kind == BH_PEER_UNRESOLVED ? bh_model_holder(core->model, addr, now) : NULL;

	return holder != NULL && holder->workload[0] == '\0' ? holder : NULL;
}

static void name_source(const struct bh_core *core, struct bh_open *open, int64_t now)
{
	const struct bh_instance *instance = NULL;
	bool spoofed;

	bh_model_peer(core->model, 0, &open->key.src, now, &open->src, &instance, &spoofed);
	/* Clients from outside are one peer, as they are for flows. */
	if (open->src.kind == BH_PEER_ADDRESS)
		open->src = (struct bh_peer) { .kind = BH_PEER_WORLD, .name = "world" };
	bh_core_peer_subject(core, &open->src, &open->question.src);
	if (instance != NULL)
		bh_core_instance_subject(instance, &open->question.src);
	open->question.src.addr = open->key.src;
	open->instances[BH_EGRESS] = instance;
	open->strangers[BH_EGRESS] = stranger_at(core, &open->src, &open->key.src, now);
}

static void name_destination(const struct bh_core *core, struct bh_open *open, int64_t now)
{
	const struct bh_instance *instance = NULL;
	bool spoofed;

	bh_model_peer(core->model, 0, &open->key.dst, now, &open->dst, &instance, &spoofed);
	bh_core_peer_subject(core, &open->dst, &open->question.dst);
	if (instance != NULL)
		bh_core_instance_subject(instance, &open->question.dst);
	open->question.dst.addr = open->key.dst;
	open->instances[BH_INGRESS] = instance;
	open->strangers[BH_INGRESS] = stranger_at(core, &open->dst, &open->key.dst, now);
}

/* False: it always passes, whatever the rules say. */
static bool orient(const struct bh_core *core, const struct bh_tracked *entry, struct bh_open *open)
{
	bool turned, known = opener_is_known(entry);

	memset(open, 0, sizeof(*open));
	open->entry = entry;
	open->key = (struct bh_flow_key) { .src = entry->original.src,
					   .dst = entry->reply.src,
					   .sport = entry->original.sport,
					   .dport = entry->reply.sport,
					   .proto = entry->original.proto };
	open->live = find_flow(core, open, &turned);
	if (!known && open->live != NULL && open->live->flow.direction != BH_DIRECTION_UNKNOWN) {
		known = true;
		if (turned)
			open->key = bh_flow_key_turned(&open->key);
	}
	open->question.direction_unknown =
		!known || bh_core_is_untracked(core, &open->key, bh_time_now());
	return !bh_core_is_dhcp(&open->key);
}

/* An end that is known by where the other one is. */
static void name_beyond(const struct bh_core *core, struct bh_open *open)
{
	const struct bh_instance *const *ends = open->instances;

	if (bh_core_name_beyond(core, &open->key.src, ends[BH_INGRESS], &open->src)) {
		open->src = (struct bh_peer) { .kind = BH_PEER_WORLD, .name = "world" };
		bh_core_peer_subject(core, &open->src, &open->question.src);
		open->question.src.addr = open->key.src;
	}
	if (bh_core_name_beyond(core, &open->key.dst, ends[BH_EGRESS], &open->dst)) {
		bh_core_peer_subject(core, &open->dst, &open->question.dst);
		open->question.dst.addr = open->key.dst;
	}
}

static void ask_about(const struct bh_core *core, struct bh_open *open)
{
	int64_t now = bh_time_now();

	name_source(core, open, now);
	name_destination(core, open, now);
	name_beyond(core, open);
	open->question.proto = open->key.proto;
	open->question.port = open->key.dport;
	open->question.source_port = open->key.sport;
	open->question.sensitive = &core->config.sensitive;
	bh_core_name_question(core, &open->question);
}

/* --- by a policy and modes -------------------------------------------------------------------- */

/* What the workload's mode is or would be; not of all of its instances, perhaps. */
static uint8_t workload_mode(const struct bh_core *core, const struct bh_treatment *then,
			     const char *workload)
{
	const uint8_t *mode = then != NULL ? bh_map_get_text(then->modes, workload) : NULL;

	if (mode != NULL && *mode == BH_ENFORCE && bh_core_is_relaxed(core, workload))
		return BH_STAGE1;
	return mode != NULL ? *mode : bh_core_mode(core, workload);
}

uint8_t bh_view_mode(const struct bh_core *core, const struct bh_view_of *view,
		     const struct bh_peer *peer, const struct bh_instance *instance)
{
	struct bh_shares *shares = view->then != NULL ? view->then->shares : core->shares;

	if (peer->kind != BH_PEER_WORKLOAD)
		return BH_LEARN;
	if (view->past != NULL)
		return bh_past_force_mode(view->past, peer->name,
					  instance != NULL ? instance->name : "");
	uint8_t mode = workload_mode(core, view->then, peer->name);
	return instance != NULL ? bh_shares_mode(shares, core->model, instance, mode)
				: bh_shares_mildest(shares, peer->name, mode);
}

uint8_t bh_view_strictest(const struct bh_core *core, const struct bh_view_of *view,
			  const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_WORKLOAD ? workload_mode(core, view->then, peer->name)
					      : (uint8_t)BH_LEARN;
}

/* Rules by name let everything through to an address that any of its names allows. */
static enum bh_fate fate_by_names(const struct bh_core *core, struct bh_open *open,
				  const struct bh_policy *policy, struct bh_answer *answer)
{
	enum bh_fate mildest = bh_existing_fate(policy, &open->question, answer);
	const char *latest = open->question.dst.dns;

	for (size_t later = 1; latest != NULL && mildest != BH_FATE_PASSES; later++) {
		struct bh_answer other;

		open->question.dst.dns =
			bh_answers_other_name(core->answers, open->src.name, &open->key.dst, later);
		if (open->question.dst.dns == NULL)
			break;
		enum bh_fate fate = bh_existing_fate(policy, &open->question, &other);
		if (fate >= mildest)
			continue;
		mildest = fate;
		*answer = other;
	}
	open->question.dst.dns = latest;
	return mildest;
}

/* Where everybody learns there are no rules, and no posture either. */
static bool has_rules(const struct bh_core *core, const struct bh_view_of *view)
{
	const struct bh_past_mode *past;
	const uint8_t *mode;

	for (size_t position = 0;
	     view->past != NULL && (past = bh_map_next(view->past->modes, &position)) != NULL;)
		if (past->mode != BH_LEARN)
			return true;
	for (size_t position = 0;
	     view->then != NULL && (mode = bh_map_next(view->then->modes, &position)) != NULL;)
		if (*mode != BH_LEARN)
			return true;
	for (size_t position = 0;
	     view->past == NULL && (mode = bh_map_next(core->modes, &position)) != NULL;)
		if (*mode != BH_LEARN)
			return true;
	return false;
}

static bool meets_closed_posture(const struct bh_core *core, const struct bh_open *open,
				 const struct bh_view_of *view, struct bh_answer *answer)
{
	const struct bh_policy *policy = view->policy;
	uint8_t for_all = view->past != NULL			   ? view->past->posture
			  : policy != NULL && policy->says_posture ? policy->posture
								   : (uint8_t)core->config.posture;

	for (uint8_t side = BH_EGRESS; side <= BH_INGRESS; side++) {
		const struct bh_instance *stranger = open->strangers[side];

		if (stranger == NULL || !has_rules(core, view) ||
		    bh_core_posture_beside(core, stranger, for_all) != BH_POSTURE_CLOSED)
			continue;
		*answer = (struct bh_answer) { .verdict = BH_DENY, .rule = -1 };
		snprintf(answer->reason, sizeof(answer->reason),
			 "nobody knows whose %.200s is, and the posture is closed", stranger->name);
		return true;
	}
	return false;
}

enum bh_fate bh_open_fate(const struct bh_core *core, struct bh_open *open,
			  const struct bh_view_of *view, struct bh_answer *answer)
{
	open->question.src.mode = bh_view_mode(core, view, &open->src, open->instances[BH_EGRESS]);
	open->question.dst.mode = bh_view_mode(core, view, &open->dst, open->instances[BH_INGRESS]);
	enum bh_fate fate = fate_by_names(core, open, view->policy, answer);

	if (fate != BH_FATE_ENDS && meets_closed_posture(core, open, view, answer))
		fate = BH_FATE_ENDS;

	if (fate == BH_FATE_PASSES || !open->entry->expected)
		return fate;
	bh_copy_text(answer->reason, sizeof(answer->reason),
		     "it came with another connection, as a helper of connection tracking says");
	return BH_FATE_UNCERTAIN;
}

/* Connections that differ in the port of who opened them are judged alike. */
static struct bh_tuple alike(const struct bh_open *open)
{
	struct bh_flow_key key = open->key;

	if (!open->question.direction_unknown)
		key.sport = 0;
	return bh_tuple_of(&key);
}

enum bh_fate bh_open_judge(const struct bh_core *core, const struct bh_tracked *entry,
			   const struct bh_view_of *view, struct bh_map *passing,
			   struct bh_open *open, struct bh_answer *answer)
{
	if (!orient(core, entry, open))
		return BH_FATE_PASSES;
	struct bh_tuple tuple = alike(open);
	if (bh_map_get(passing, &tuple, sizeof(tuple)) != NULL)
		return BH_FATE_PASSES;
	ask_about(core, open);
	enum bh_fate fate = bh_open_fate(core, open, view, answer);
	if (fate == BH_FATE_PASSES)
		bh_map_put(passing, &tuple, sizeof(tuple), passing);
	return fate;
}

/* --- as JSON ---------------------------------------------------------------------------------- */

static void add_size(const struct bh_open *open, cJSON *row)
{
	const struct bh_tracked *entry = open->entry;
	const struct bh_flow *flow = open->live != NULL ? &open->live->flow : NULL;

	bh_core_add_time(row, "since", flow != NULL ? flow->first : 0);
	if (entry->counted)
		cJSON_AddNumberToObject(row, "bytes", (double)(entry->tx.bytes + entry->rx.bytes));
	else if (flow != NULL)
		cJSON_AddNumberToObject(row, "bytes",
					(double)(flow->tx.sent.bytes + flow->rx.sent.bytes));
	else
		cJSON_AddNullToObject(row, "bytes");
}

static cJSON *open_json(const struct bh_open *open, const struct bh_answer *answer,
			const char *not_kept)
{
	cJSON *row = cJSON_CreateObject();
	char proto[BH_PROTOCOL_TEXT];

	cJSON_AddItemToObject(row, "src",
			      bh_core_end_json(&open->src, &open->key.src, open->key.sport));
	cJSON_AddItemToObject(row, "dst",
			      bh_core_end_json(&open->dst, &open->key.dst, open->key.dport));
	cJSON_AddStringToObject(row, "proto", bh_protocol_format(open->key.proto, proto));
	cJSON_AddNumberToObject(row, "port", open->key.dport);
	add_size(open, row);
	bh_core_add_answer(row, answer);
	bh_core_add_text(row, "not_kept", not_kept);
	return row;
}

/* A list, and how many there are in all. */
static void add_to(cJSON *json, const char *key, size_t count, size_t most,
		   const struct bh_open *open, const struct bh_answer *answer, const char *not_kept)
{
	if (count < most)
		cJSON_AddItemToArray(cJSON_GetObjectItem(json, key),
				     open_json(open, answer, not_kept));
}

/* cuts: what is refused ends in any case. */
static void add_incomplete(const struct bh_core *core, cJSON *json, bool cuts)
{
	const struct bh_core_existing *e = core->existing;
	char text[512] = "";

	if (e->heard == 0)
		snprintf(text, sizeof(text), "the open connections are not known");
	else if (e->end.code != 0)
		snprintf(text, sizeof(text), "connection tracking could not be read: %s",
			 strerror(-e->end.code));
	else if (e->end.left_out > 0)
		snprintf(text, sizeof(text), "%u more open connections were not looked at",
			 e->end.left_out);
	else if (!cuts && bh_core_is_stateless(core))
		bh_core_exceptions_limits(core, text, sizeof(text));
	bh_core_add_text(json, "incomplete", text);
}

/* --- preview ---------------------------------------------------------------------------------- */

cJSON *bh_core_existing_preview(const struct bh_core *core, const struct bh_policy *policy,
				const struct bh_treatment *treatment,
				const struct bh_existing *existing)
{
	size_t count;
	struct bh_tracked *opens = bh_open_connections(core, &count);
	struct bh_map *passing = bh_map_new(NULL);
	const struct bh_view_of before = { .policy = core->policy };
	const struct bh_view_of then = { .policy = policy, .then = treatment };
	cJSON *json = cJSON_CreateObject();
	size_t ends = 0, either = 0, uncertain = 0, refused = 0, not_kept = 0;
	bool cuts = existing->how == BH_EXISTING_CUT;
	char how[BH_EXISTING_TEXT];

	cJSON_AddStringToObject(json, "existing", bh_existing_format(existing, how));
	cJSON_AddNumberToObject(json, "open", (double)count);
	cJSON_AddArrayToObject(json, "connections");
	cJSON_AddArrayToObject(json, "either_way");
	cJSON_AddArrayToObject(json, "uncertain");
	for (size_t i = 0; i < count; i++) {
		struct bh_answer answer, ignored;
		struct bh_open open;

		enum bh_fate now = bh_open_judge(core, &opens[i], &then, passing, &open, &answer);
		if (now == BH_FATE_PASSES ||
		    !bh_existing_is_worse(bh_open_fate(core, &open, &before, &ignored), now))
			continue;
		bool tracked = i < core->existing->entry_count;
		const char *prevented = cuts ? NULL
					     : bh_core_exceptions_prevent(core, &open.key, tracked,
									  ends - not_kept);
		not_kept += now == BH_FATE_ENDS && prevented != NULL;
		if (now == BH_FATE_ENDS)
			add_to(json, "connections", ends++, MOST_LISTED, &open, &answer, prevented);
		else if (now == BH_FATE_EITHER)
			add_to(json, "either_way", either++, MOST_DOUBTFUL, &open, &answer, NULL);
		else
			add_to(json, "uncertain", uncertain++, MOST_DOUBTFUL, &open, &answer,
			       prevented);
		/* What is not tracked a stateless bridge judges, each packet by itself. */
		refused += now == BH_FATE_UNCERTAIN && !tracked && (cuts || prevented != NULL);
	}
	cJSON_AddNumberToObject(json, "count", (double)ends);
	cJSON_AddNumberToObject(json, "either_way_count", (double)either);
	cJSON_AddNumberToObject(json, "uncertain_count", (double)uncertain);
	cJSON_AddNumberToObject(json, "uncertain_refused_count", (double)refused);
	cJSON_AddNumberToObject(json, "not_kept_count", (double)not_kept);
	add_incomplete(core, json, cuts);
	free(opens);
	bh_map_free(passing);
	return json;
}
