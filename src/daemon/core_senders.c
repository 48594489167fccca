/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose frames come from another MAC than their interface's: one that lies, or one that is a bridge
 * for others. A MAC means something on one network alone, which is where its owner is looked for.
 * What the bridge table's rules meet they tell of themselves.
 */
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "core.h"
#include "grow.h"
#include "talk_limit.h"
#include "timefmt.h"

#define SAY_AGAIN (60 * BH_SECOND)   /* that somebody's MAC is used */
#define NOTE_KEPT (3600 * BH_SECOND) /* since the last frame */
#define MOST_KEPT 8192

/* A map key, a MAC at an interface: no padding, nothing but its fields. */
struct place {
	uint8_t bytes[sizeof(uint32_t) + sizeof(struct bh_mac)];
};

/* What was said of it. */
struct note {
	struct place place;
	bool is_anothers;
	int64_t said; /* µs */
	int64_t last;
};

uint32_t bh_core_network_of(const struct bh_instance *instance)
{
	const struct bh_endpoint_fact *fact = &instance->fact;

	return fact->master_ifindex != 0 ? fact->master_ifindex : fact->ifindex;
}

static bool has_mac(const struct bh_instance *instance, const struct bh_mac *mac)
{
	return memcmp(&instance->fact.mac, mac, sizeof(*mac)) == 0;
}

static bool host_has_mac(const struct bh_core *core, const struct bh_mac *mac, uint32_t network)
{
	const struct bh_host_link *link;

	for (size_t position = 0; (link = bh_model_next_link(core->model, &position)) != NULL;)
		if ((link->ifindex == network || link->master_ifindex == network) &&
		    memcmp(&link->mac, mac, sizeof(*mac)) == 0)
			return true;
	return false;
}

const char *bh_core_mac_owner(const struct bh_core *core, const struct bh_mac *mac,
			      const struct bh_instance *sender)
{
	const struct bh_instance *i;

	if (sender == NULL || has_mac(sender, mac))
		return NULL;
	for (size_t position = 0; (i = bh_model_next(core->model, &position)) != NULL;)
		if (has_mac(i, mac) && bh_core_network_of(i) == bh_core_network_of(sender))
			return bh_core_name_of(i);
	return host_has_mac(core, mac, bh_core_network_of(sender)) ? "host" : NULL;
}

/* What has several interfaces may send from each with the MAC of another: bonds and bridges do. */
static bool is_own(const struct bh_core *core, const struct bh_instance *who,
		   const struct bh_mac *mac)
{
	const struct bh_instance *other;

	if (has_mac(who, mac))
		return true;
	for (size_t position = 0;
	     (other = bh_model_next_beside(core->model, who, &position)) != NULL;)
		if (has_mac(other, mac))
			return true;
	return false;
}

static bool rules_tell(const struct bh_core *core, const struct bh_instance *who)
{
	return who->fact.master_ifindex != 0 && bh_core_mode(core, who->workload) != BH_LEARN;
}

bool bh_core_sender_settles(const struct bh_core *core, const struct bh_msg_neighbour *frame)
{
	const struct bh_instance *who = bh_model_at(core->model, frame->ifindex, frame->time);

	return who != NULL && (is_own(core, who, &frame->said.mac) || rules_tell(core, who));
}

/* --- what is said ----------------------------------------------------------------------------- */

static void tell(struct bh_core *core, const struct bh_instance *who, const struct bh_mac *mac,
		 const char *owner)
{
	char text[1024], mac_text[BH_MAC_TEXT];
	size_t nested = bh_model_nested(core->model, who);
	cJSON *json = cJSON_CreateObject();

	bh_mac_format(mac, mac_text);
	snprintf(text, sizeof(text), "%s (interface %s) sends frames from %s, which %s%s%s",
		 who->name, who->fact.ifname, mac_text,
		 owner != NULL ? "is " : "nobody is known to have: it may be a bridge for others",
		 owner != NULL ? owner : "", owner != NULL ? "'s" : "");
	cJSON_AddNullToObject(json, "address");
	cJSON_AddStringToObject(json, "mac", mac_text);
	cJSON_AddStringToObject(json, "proto", "ethernet");
	cJSON_AddStringToObject(json, "claim", "sender");
	cJSON_AddStringToObject(json, "interface", who->fact.ifname);
	cJSON_AddItemToObject(json, "workload", bh_core_text_json(who->workload));
	cJSON_AddItemToObject(json, "other", bh_core_text_json(owner));
	cJSON_AddNumberToObject(json, "nested", (double)nested);
	bh_core_event_json(core, owner != NULL ? "spoof" : "unknown-address", text, json);
}

static struct place place_of(const struct bh_msg_neighbour *frame)
{
	struct place place;

	memcpy(place.bytes, &frame->ifindex, sizeof(frame->ifindex));
	memcpy(place.bytes + sizeof(frame->ifindex), &frame->said.mac, sizeof(frame->said.mac));
	return place;
}

static bool is_news(const struct note *note, bool is_anothers, int64_t time)
{
	return note == NULL || note->is_anothers != is_anothers ||
	       (is_anothers && time - note->said >= SAY_AGAIN);
}

/* Notes what is to be said, and answers whether it is. What finds no room among the notes may be
 * said again and again, within the limit. */
static bool take_note(struct bh_core *core, const struct bh_instance *who,
		      const struct bh_msg_neighbour *frame, bool is_anothers)
{
	const struct place place = place_of(frame);
	struct note *note = bh_map_get(core->senders, &place, sizeof(place));
	bool news = is_news(note, is_anothers, frame->time) &&
		    bh_talk_allows(core->spoofs, frame->ifindex, who->name, bh_time_monotonic());

	if (note == NULL && news && bh_map_count(core->senders) < MOST_KEPT) {
		note = bh_calloc(1, sizeof(*note));
		note->place = place;
		bh_map_put(core->senders, &note->place, sizeof(note->place), note);
	}
	if (note == NULL)
		return news;
	note->last = frame->time;
	if (news) {
		note->is_anothers = is_anothers;
		note->said = frame->time;
	}
	return news;
}

void bh_core_sender_judge(struct bh_core *core, const struct bh_msg_neighbour *frame)
{
	const struct bh_instance *who = bh_model_at(core->model, frame->ifindex, frame->time);

	if (who == NULL) /* no endpoint's interface */
		return;
	const char *owner = bh_core_mac_owner(core, &frame->said.mac, who);
	if (take_note(core, who, frame, owner != NULL))
		tell(core, who, &frame->said.mac, owner);
}

void bh_core_senders_tick(struct bh_core *core, int64_t now)
{
	struct note *note;

	for (size_t position = 0; (note = bh_map_next(core->senders, &position)) != NULL;) {
		struct place place = note->place;

		if (now - note->last > NOTE_KEPT)
			bh_map_remove(core->senders, &place, sizeof(place));
	}
}
