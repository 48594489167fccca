/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The connection that the operator works over. What carries it is known by connection tracking, or
 * as the server of the session sees it. Where a container sends it – a jump host, a proxy, a tunnel
 * – the session came into that by some other connection, and nobody can tell by which: so each that
 * is open counts, and whoever opened it in turn.
 */
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core_api.h"
#include "core_guard_parts.h"
#include "grow.h"
#include "peer.h"
#include "ruleset.h"
#include "session.h"
#include "timefmt.h"

bool bh_guard_read_caller(const struct bh_api_request *request, struct bh_guard_caller *caller,
			  struct bh_api_reply *reply)
{
	const char *text = bh_api_query(request, "session");

	*caller = (struct bh_guard_caller) { .console =
						     text != NULL && strcmp(text, "console") == 0 };
	if (text == NULL || caller->console)
		return true;
	caller->known = bh_sessions_parse(text, &caller->sessions);
	if (!caller->known)
		bh_api_fail(reply, 400, "session",
			    "\"console\", or what sshd says in SSH_CONNECTION: the client's "
			    "address and port, the server's address and port; or any: and several "
			    "of these, with commas between them",
			    "%.120s is no session", text);
	return caller->known;
}

/* The session's entry by the server's side of it, where translated addresses are undone. Untracked,
 * or picked up mid-stream the wrong way round, it is as the server has it. Who opened it is known
 * in any case. */
static struct bh_tracked session_entry(const struct bh_flow_key *key,
				       const struct bh_tracked *opens, size_t count)
{
	struct bh_flow_key back = bh_flow_key_turned(key);
	struct bh_tracked entry = { .original = *key, .reply = back, .seen_reply = true };

	for (size_t i = 0; i < count; i++)
		if (opens[i].original.proto == IPPROTO_TCP &&
		    bh_flow_key_equal(&opens[i].reply, &back))
			entry = opens[i];
	entry.start = BH_TRACKED_START_SEEN;
	return entry;
}

/* Whether it is cut off, or cannot be opened again, by what is to be; *open and *answer say how. */
static bool is_lost(const struct bh_guarded *g, const struct bh_tracked *entry,
		    struct bh_open *open, struct bh_answer *answer)
{
	struct bh_map *passing = bh_map_new(NULL);
	struct bh_answer ignored;

	enum bh_fate fate = bh_open_judge(g->core, entry, &g->after, passing, open, answer);
	bool lost = fate != BH_FATE_PASSES &&
		    bh_existing_is_worse(bh_open_fate(g->core, open, &g->before, &ignored), fate);
	bh_map_free(passing);
	return lost;
}

/* own: it is the session itself, and no other one with which it may come. */
static bool judge_open(struct bh_guarded *g, const struct bh_tracked *entry, bool own)
{
	struct bh_answer answer;
	struct bh_open open;

	if (!is_lost(g, entry, &open, &answer))
		return false;
	/* Of many clients outside each is one of the world. */
	if (!own)
		open.question.src.addr = (struct bh_addr) { 0 };
	bh_guard_add_finding(g, BH_VITAL_SESSION, &open.question, &answer, 1,
			     open.live != NULL ? open.live->flow.last : 0);
	return true;
}

/* Containers by which the session comes, the nearest first. */
struct way {
	const struct bh_instance **stops;
	size_t count, capacity;
};

static const struct bh_instance *holder_of(const struct bh_core *core, const struct bh_addr *addr)
{
	return bh_model_holder(core->model, addr, bh_time_now());
}

/* Whoever sends it: who holds the address, or (a tunnel that translates nothing) out of whom it
 * comes. */
static const struct bh_instance *sender_of(const struct bh_core *core,
					   const struct bh_tracked *entry)
{
	const struct bh_instance *holder = holder_of(core, &entry->original.src);
	const struct bh_live_flow *live = bh_live_flows_newest(core->flows, &entry->original).there;

	if (holder != NULL || live == NULL || live->flow.src_ifindex == 0)
		return holder;
	return bh_model_at(core->model, live->flow.src_ifindex, bh_time_now());
}

/* What a container sends as somebody else meets no rule: it is dropped where its mode refuses. */
static bool judge_disguise(struct bh_guarded *g, const struct bh_tracked *entry,
			   const struct bh_instance *sender)
{
	struct bh_peer who = bh_peer_workload(sender->workload), dst;
	struct bh_answer answer = { .verdict = BH_DENY, .rule = -1, .workload = sender->workload };
	const struct bh_question question = { .src = { .peer = &who },
					      .dst = { .peer = &dst },
					      .proto = IPPROTO_TCP,
					      .port = entry->reply.sport };
	char address[BH_ADDR_TEXT];
	bool spoofed;

	if (bh_model_held(sender, &entry->original.src, bh_time_now()) ||
	    !bh_mode_refuses(bh_view_mode(g->core, &g->after, &who, sender)) ||
	    bh_mode_refuses(bh_view_mode(g->core, &g->before, &who, sender)))
		return false;
	bh_model_peer(g->core->model, 0, &entry->reply.src, bh_time_now(), &dst, NULL, &spoofed);
	snprintf(
		answer.reason, sizeof(answer.reason),
		"it comes out of %.200s as %s, which that does not hold: no rule lets it pass, but "
		"a translation to its own address (masquerading) does",
		sender->workload, bh_addr_format(&entry->original.src, address));
	cJSON *row = bh_guard_add_row(g, BH_VITAL_SESSION, &question, &answer, 1, 0);
	if (row != NULL)
		bh_guard_add_remedy(row, &(struct bh_remedy) { 0 });
	return true;
}

static void add_stop(struct way *way, const struct bh_instance *instance)
{
	for (size_t i = 0; i < way->count; i++)
		if (way->stops[i] == instance)
			return;
	if (instance == NULL)
		return;
	way->stops = bh_grow(way->stops, &way->capacity, way->count + 1, sizeof(*way->stops));
	way->stops[way->count++] = instance;
}

/* Each of the connections to it counts, and so does whoever opened it. */
static bool judge_stop(struct bh_guarded *g, struct way *way, const struct bh_instance *stop,
		       const struct bh_tracked *opens, size_t count)
{
	bool lost = false;

	for (size_t i = 0; i < count; i++) {
		const struct bh_tracked *entry = &opens[i];

		if (!entry->seen_reply || entry->over ||
		    holder_of(g->core, &entry->reply.src) != stop ||
		    holder_of(g->core, &entry->original.src) == stop)
			continue;
		add_stop(way, holder_of(g->core, &entry->original.src));
		lost = judge_open(g, entry, false) || lost;
	}
	return lost;
}

/* said: the first that is lost, or the first. */
static bool judge_ways(struct bh_guarded *g, const struct bh_sessions *sessions,
		       const struct bh_tracked *opens, size_t count, struct bh_tracked *said)
{
	struct way way = { 0 };
	bool lost = false;

	for (size_t i = 0; i < sessions->count; i++) {
		const struct bh_tracked entry = session_entry(&sessions->keys[i], opens, count);
		const struct bh_instance *sender = sender_of(g->core, &entry);
		bool is_cut = judge_open(g, &entry, !sessions->any);

		if (sender != NULL)
			is_cut = judge_disguise(g, &entry, sender) || is_cut;
		if (i == 0 || (is_cut && !lost))
			*said = entry;
		lost = lost || is_cut;
		add_stop(&way, sender);
	}
	for (size_t i = 0; i < way.count; i++)
		lost = judge_stop(g, &way, way.stops[i], opens, count) || lost;
	free(way.stops);
	return lost;
}

static cJSON *session_said(const char *state, const char *text)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "state", state);
	bh_core_add_text(json, "text", text);
	return json;
}

static void add_end(const struct bh_core *core, cJSON *json, const char *key,
		    const struct bh_addr *addr, uint16_t port)
{
	struct bh_peer peer;
	bool spoofed;

	bh_model_peer(core->model, 0, addr, bh_time_now(), &peer, NULL, &spoofed);
	cJSON_AddItemToObject(json, key, bh_core_end_json(&peer, addr, port));
}

cJSON *bh_guard_session(struct bh_guarded *g, const struct bh_guard_caller *caller)
{
	size_t count;

	if (caller->console)
		return session_said("console", NULL);
	if (!caller->known)
		return session_said("unknown",
				    "cannot see where you are connected from: whether it "
				    "cuts you off nobody can say");
	struct bh_tracked *opens = bh_open_connections(g->core, &count);
	struct bh_tracked entry;
	bool lost = judge_ways(g, &caller->sessions, opens, count, &entry);
	cJSON *json = session_said(lost ? "refused" : "unaffected",
				   caller->sessions.any
					   ? "cannot see where you are connected from: the ssh "
					     "sessions that are open count, and no other connection"
					   : NULL);
	add_end(g->core, json, "src", &entry.original.src, entry.original.sport);
	add_end(g->core, json, "dst", &entry.reply.src, entry.reply.sport);
	free(opens);
	return json;
}
