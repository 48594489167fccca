/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What was tried, did not arrive, and was not denied by us. It is told once an edge and minute,
 * with the chains of others that could have stopped it on its way; they are read anew first, for
 * they are most often what changed.
 */
#include <inttypes.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <stdlib.h>
#include <string.h>

#include "core_api.h"
#include "foreign.h"
#include "grow.h"
#include "protocol.h"
#include "timefmt.h"

#define GIVE_UP (60 * BH_SECOND) /* what is no clear case by then never is */
#define SAY_AGAIN (60 * BH_SECOND)
#define MOST_SAID 20 /* edges at a time */
#define KEEP_NOTES (3600 * BH_SECOND)
#define FRESH BH_SECOND

/* --- whether it arrives ----------------------------------------------------------------------- */

void bh_core_attempt(struct bh_core *core, struct bh_live_flow *live)
{
	bh_map_put(core->attempts, &live->flow.id, sizeof(live->flow.id), live);
}

static void forget(struct bh_core *core, const struct bh_live_flow *live)
{
	bh_map_remove(core->attempts, &live->flow.id, sizeof(live->flow.id));
}

static void note_undelivered(struct bh_core *core, const struct bh_live_flow *live)
{
	struct bh_edge_note *note =
		bh_edge_notes_count(core->undelivered, live->src, live->dst, &live->flow);

	note->routed = bh_core_flow_is_routed(core, live);
	bh_core_proofs_undelivered(core, note, live->flow.first);
}

/* Whether it was decided. */
static bool settle(struct bh_core *core, const struct bh_live_flow *live)
{
	if (bh_core_flow_verdict(core, live) == BH_FLOW_UNDELIVERED) {
		note_undelivered(core, live);
		return true;
	}
	return live->denied || bh_core_flow_is_lossy(core, live) ||
	       bh_time_now() - live->flow.first > GIVE_UP;
}

void bh_core_attempt_over(struct bh_core *core, struct bh_live_flow *live)
{
	if (bh_map_get(core->attempts, &live->flow.id, sizeof(live->flow.id)) != live)
		return;
	if (!live->arrived)
		settle(core, live);
	forget(core, live);
}

static void settle_all(struct bh_core *core)
{
	const struct bh_live_flow *live;

	for (size_t position = 0; (live = bh_map_next(core->attempts, &position)) != NULL;)
		if (settle(core, live))
			forget(core, live);
}

/* --- who may have stopped it ------------------------------------------------------------------ */

static const struct bh_host_link *link_of(const struct bh_core *core, const char *ifname)
{
	const struct bh_host_link *link;

	for (size_t position = 0; (link = bh_model_next_link(core->model, &position)) != NULL;)
		if (strcmp(link->ifname, ifname) == 0)
			return link;
	return NULL;
}

/* Frames between two ports of one bridge meet the IP hooks only where the bridge, or this host for
 * all of them, hands them over. */
struct bh_way bh_core_way_on_bridge(const struct bh_core *core, const char *ifname, bool six)
{
	const struct bh_host_link *bridge = link_of(core, ifname);
	bool flag = bridge == NULL || (six ? bridge->nf_call_ip6tables : bridge->nf_call_iptables);

	return (struct bh_way) {
		.six = six,
		.ip_hooks = flag || bh_core_switch_is_on(
					    six ? "/proc/sys/net/bridge/bridge-nf-call-ip6tables"
						: "/proc/sys/net/bridge/bridge-nf-call-iptables")
	};
}

static struct bh_way way_of(const struct bh_core *core, const struct bh_edge_note *note)
{
	bool six = note->key.src.family == BH_IPV6;
	const struct bh_instance *src = bh_model_holder(core->model, &note->key.src, note->last);

	if (note->routed || src == NULL)
		return (struct bh_way) { .six = six, .routed = note->routed, .ip_hooks = true };
	return bh_core_way_on_bridge(core, src->fact.l3_ifname, six);
}

/* What goes from container to container is forwarded; on a bridge that routes, it comes up from one
 * and goes down to another. */
static bool is_on_path(const struct bh_foreign_chain *chain, const struct bh_way *way)
{
	bool local = chain->hook == NF_INET_LOCAL_IN || chain->hook == NF_INET_LOCAL_OUT;

	if (chain->family == NFPROTO_NETDEV)
		return true;
	if (chain->family == NFPROTO_BRIDGE)
		return way->routed ? chain->hook != NF_INET_FORWARD : !local;
	return !local && way->ip_hooks;
}

static bool is_suspect(const struct bh_foreign_chain *chain, const struct bh_way *way)
{
	return (chain->policy_drops || chain->rules_drop) &&
	       chain->family != (way->six ? NFPROTO_IPV4 : NFPROTO_IPV6) &&
	       chain->family != NFPROTO_ARP && is_on_path(chain, way);
}

cJSON *bh_core_suspects(const struct bh_core *core, const struct bh_way *way)
{
	cJSON *list = cJSON_CreateArray();
	char text[BH_FOREIGN_TEXT];

	for (uint32_t i = 0; i < core->foreign.count; i++)
		if (is_suspect(&core->foreign.chains[i], way))
			cJSON_AddItemToArray(list, cJSON_CreateString(bh_foreign_text(
							   &core->foreign.chains[i], text)));
	return list;
}

void bh_core_name_suspects(const cJSON *suspects, struct bh_buffer *out)
{
	const cJSON *suspect;
	const char *separator = "; suspected: ";

	cJSON_ArrayForEach (suspect, suspects) {
		bh_buffer_printf(out, "%s%s", separator, suspect->valuestring);
		separator = ", ";
	}
}

static bool is_forwarding(const struct bh_edge_note *note)
{
	return bh_core_switch_is_on(note->key.src.family == BH_IPV6
					    ? "/proc/sys/net/ipv6/conf/all/forwarding"
					    : "/proc/sys/net/ipv4/ip_forward");
}

/* What else is known, in words; "" where the suspects are all there is to say. */
static void other_causes(const struct bh_core *core, const struct bh_edge_note *note, bool suspects,
			 struct bh_buffer *out)
{
	bh_buffer_puts(out, "");
	if (note->routed && !is_forwarding(note))
		bh_buffer_puts(out, "; this host does not forward");
	if (core->foreign.error != 0)
		bh_buffer_printf(out, "; others' chains cannot be read: %s",
				 strerror(-core->foreign.error));
	else if (!suspects)
		bh_buffer_puts(out, "; no chain of nftables that is not ours can have dropped it "
				    "there: perhaps nobody answers for the address, or a bridge's "
				    "port is isolated or not forwarding");
	if (core->foreign.left_off > 0)
		bh_buffer_printf(out, "; %u more chains were not looked at",
				 core->foreign.left_off);
	if (core->foreign.legacy)
		bh_buffer_puts(out, "; legacy iptables has tables, too, and what they drop cannot "
				    "be seen");
}

/* --- telling ---------------------------------------------------------------------------------- */

/* "web → db 80/tcp: 3 connections were not delivered, and not denied by us; suspected: …" */
static void describe(const struct bh_core *core, const struct bh_edge_note *note, uint64_t count,
		     const cJSON *suspects, struct bh_buffer *out)
{
	char port[BH_PORT_TEXT];

	bh_buffer_printf(out,
			 "%s → %s %s: %" PRIu64
			 " connection%s not delivered, and not denied by bulkhead",
			 note->src.name, note->dst.name,
			 bh_port_format(note->key.proto, note->key.dport, port), count,
			 count == 1 ? " was" : "s were");
	bh_core_name_suspects(suspects, out);
	other_causes(core, note, cJSON_GetArraySize(suspects) > 0, out);
}

cJSON *bh_core_note_json(const struct bh_edge_note *note, uint64_t count)
{
	cJSON *json = cJSON_CreateObject();
	char proto[BH_PROTOCOL_TEXT];

	cJSON_AddStringToObject(json, "proto", bh_protocol_format(note->key.proto, proto));
	cJSON_AddNumberToObject(json, "port", note->key.dport);
	cJSON_AddItemToObject(json, "src",
			      bh_core_end_json(&note->src, &note->key.src, note->key.sport));
	cJSON_AddItemToObject(json, "dst",
			      bh_core_end_json(&note->dst, &note->key.dst, note->key.dport));
	cJSON_AddNumberToObject(json, "connections", (double)count);
	bh_core_add_time(json, "first", note->first);
	bh_core_add_time(json, "last", note->last);
	return json;
}

cJSON *bh_core_undelivered_json(const struct bh_core *core, const struct bh_edge_note *note,
				uint64_t count)
{
	const struct bh_way way = way_of(core, note);
	cJSON *json = bh_core_note_json(note, count), *suspects = bh_core_suspects(core, &way);
	struct bh_buffer text = { 0 };

	describe(core, note, count, suspects, &text);
	cJSON_AddItemToObject(json, "suspects", suspects);
	cJSON_AddStringToObject(json, "reason", text.data);
	bh_buffer_free(&text);
	return json;
}

static void say(struct bh_core *core, struct bh_edge_note *note)
{
	cJSON *json = bh_core_undelivered_json(core, note, note->unsaid);
	char *text = bh_strdup(cJSON_GetObjectItem(json, "reason")->valuestring);

	bh_core_event_json(core, "undelivered", text, json);
	free(text);
	note->said = bh_time_monotonic();
	note->unsaid = 0;
}

static bool is_due(const struct bh_edge_note *note, int64_t now)
{
	return note->unsaid > 0 && (note->said == 0 || now - note->said >= SAY_AGAIN);
}

void bh_core_foreign(struct bh_core *core, const struct bh_foreign *foreign)
{
	int64_t now = bh_time_monotonic();
	struct bh_edge_note *note;
	unsigned said = 0;

	core->foreign = *foreign;
	core->foreign_read = bh_time_now();
	core->foreign_asked = false;
	for (size_t position = 0; (note = bh_map_next(core->undelivered, &position)) != NULL;)
		if (is_due(note, now) && said++ < MOST_SAID)
			say(core, note);
}

void bh_core_foreign_ask(struct bh_core *core)
{
	if (core->kernel == NULL || core->foreign_asked ||
	    bh_time_now() - core->foreign_read < FRESH)
		return;
	core->foreign_asked =
		bh_channel_send(core->kernel, BH_MSG_FOREIGN_GET, NULL, 0, NULL, 0, -1) == 0;
}

void bh_core_undelivered_tick(struct bh_core *core, int64_t now)
{
	const struct bh_edge_note *note;
	bool due = false;

	settle_all(core);
	bh_edge_notes_expire(core->undelivered, bh_time_now() - KEEP_NOTES);
	for (size_t position = 0; (note = bh_map_next(core->undelivered, &position)) != NULL;)
		due = due || is_due(note, now);
	if (due)
		bh_core_foreign_ask(core);
}
