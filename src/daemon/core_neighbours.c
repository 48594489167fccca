/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who claims which address, by ARP or neighbour discovery, against who is known to hold it. The
 * kernel's facts come a little after the first frames of a new interface, so a claim that they do
 * not explain waits for them before it is judged. Whoever claims what it holds is left alone, but
 * that an address which it took over from an interface beside it has moved.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core.h"
#include "grow.h"
#include "talk_limit.h"
#include "timefmt.h"

#define PATIENCE (2 * BH_SECOND)
#define MOST_WAITING 4096
#define AT_ONCE (60 * BH_SECOND)     /* two claims within this contradict each other */
#define SAY_AGAIN (60 * BH_SECOND)   /* that it goes on */
#define NOTE_KEPT (3600 * BH_SECOND) /* since the last claim */
#define TENURE_KEPT (24 * 3600 * BH_SECOND)
#define MOST_KEPT 8192 /* notes; tenures likewise */

enum trouble { SPOOF, CONFLICT, UNKNOWN };

/* A claim that is not explained yet. */
struct waiting {
	struct bh_msg_neighbour claim;
	int64_t since; /* monotonic */
};

/* A map key, an address on an interface or a network: no padding, nothing but its fields. */
struct place {
	uint8_t bytes[sizeof(uint32_t) + sizeof(struct bh_addr)];
};

/* Who claimed the address last, of those who held it. */
struct tenure {
	struct place place;
	uint32_t ifindex;
	int64_t last; /* µs */
	struct bh_mac mac;
	char who[BH_PEER_NAME];
};

/* What was said of an interface's claims of an address that it does not hold. */
struct note {
	struct place place;
	struct bh_addr addr;
	uint32_t ifindex;
	uint32_t network;
	struct bh_mac mac;
	uint8_t trouble; /* enum trouble */
	int64_t said;	 /* µs */
	int64_t last;
};

struct bh_neighbourhood {
	struct waiting *waiting;
	size_t waiting_count, waiting_capacity;
	struct bh_map *tenures; /* network and address → struct tenure */
	struct bh_map *notes;	/* interface and address → struct note */
	struct bh_map *talk;	/* talk_limit.h */
};

struct bh_neighbourhood *bh_neighbourhood_new(void)
{
	struct bh_neighbourhood *n = bh_calloc(1, sizeof(*n));

	n->tenures = bh_map_new(free);
	n->notes = bh_map_new(free);
	n->talk = bh_map_new(free);
	return n;
}

void bh_neighbourhood_free(struct bh_neighbourhood *n)
{
	free(n->waiting);
	bh_map_free(n->tenures);
	bh_map_free(n->notes);
	bh_map_free(n->talk);
	free(n);
}

static struct place place_of(uint32_t where, const struct bh_addr *addr)
{
	struct place place;

	memcpy(place.bytes, &where, sizeof(where));
	memcpy(place.bytes + sizeof(where), addr, sizeof(*addr));
	return place;
}

/* --- who holds it ----------------------------------------------------------------------------- */

#define NOT_HELD INT64_MAX

#define GIVEN_OUT INT64_MIN

/* When the kernel says that it was set, or before all times where a runtime gave it out
 * (policy/claims.c); NOT_HELD: it is not. */
static int64_t made(const struct bh_instance *instance, const struct bh_addr *addr)
{
	const struct bh_endpoint_fact *fact = &instance->fact;

	for (uint8_t i = 0; i < fact->addr_count; i++)
		if (bh_addr_equal(&fact->addrs[i], addr))
			return bh_instance_is_granted(instance, addr) ? GIVEN_OUT
								      : fact->addr_made[i];
	return NOT_HELD;
}

static bool is_beside(const struct bh_core *core, const struct bh_instance *a,
		      const struct bh_instance *b)
{
	const struct bh_instance *other;

	for (size_t position = 0;
	     (other = bh_model_next_beside(core->model, a, &position)) != NULL;)
		if (other == b)
			return true;
	return false;
}

/* Linux answers on each of its interfaces for the addresses of all of them. */
static int64_t made_within(const struct bh_core *core, const struct bh_instance *who,
			   const struct bh_addr *addr)
{
	int64_t earliest = made(who, addr);
	const struct bh_instance *other;

	for (size_t position = 0;
	     (other = bh_model_next_beside(core->model, who, &position)) != NULL;)
		if (made(other, addr) < earliest)
			earliest = made(other, addr);
	return earliest;
}

/* Where both hold it, it is the other's who is on the same network and had it first; replicas of
 * one workload may share one. */
static bool comes_before(const struct bh_instance *other, const struct bh_instance *who,
			 const struct bh_addr *addr, int64_t own)
{
	if (own == NOT_HELD)
		return true;
	return bh_core_network_of(other) == bh_core_network_of(who) && made(other, addr) < own &&
	       (who->workload[0] == '\0' || strcmp(other->workload, who->workload) != 0);
}

/* Whose the address is rather than who's: held when it was claimed, and still. */
static const struct bh_instance *rightful_other(const struct bh_core *core,
						const struct bh_instance *who,
						const struct bh_msg_neighbour *claim)
{
	const struct bh_addr *addr = &claim->said.addr;
	int64_t own = made_within(core, who, addr), now = bh_time_now();
	const struct bh_instance *other;

	for (size_t position = 0;
	     (other = bh_model_next_holder(core->model, addr, now, &position)) != NULL;)
		if (other != who && !is_beside(core, who, other) &&
		    bh_model_held(other, addr, claim->time) && comes_before(other, who, addr, own))
			return other;
	return NULL;
}

static bool holds(const struct bh_core *core, const struct bh_instance *who,
		  const struct bh_msg_neighbour *claim)
{
	return bh_model_held(who, &claim->said.addr, claim->time) ||
	       made_within(core, who, &claim->said.addr) != NOT_HELD;
}

/* What the host holds on the very network is the host's alone; elsewhere it may be another one. */
static bool is_the_hosts(const struct bh_core *core, const struct bh_instance *who,
			 const struct bh_msg_neighbour *claim)
{
	return bh_model_host_holds(core->model, &claim->said.addr,
				   holds(core, who, claim) ? bh_core_network_of(who) : 0);
}

/* Of one with so many addresses some are not known. */
static bool may_hold_more(const struct bh_instance *who)
{
	return who->fact.addr_count == BH_ENDPOINT_ADDRS;
}

/* --- what is said ----------------------------------------------------------------------------- */

static const char *protocol_name(const struct bh_neighbour *said)
{
	return said->is_arp ? "ARP" : "neighbour discovery";
}

static cJSON *claim_json(const struct bh_instance *who, const struct bh_neighbour *said,
			 const char *other)
{
	static const char *const kinds[BH_NEIGHBOUR_KINDS] = { "request", "answer",
							       "announcement" };
	cJSON *json = cJSON_CreateObject();
	char address[BH_ADDR_TEXT], mac[BH_MAC_TEXT];

	cJSON_AddStringToObject(json, "address", bh_addr_format(&said->addr, address));
	cJSON_AddStringToObject(json, "mac", bh_mac_format(&said->mac, mac));
	cJSON_AddStringToObject(json, "proto", said->is_arp ? "arp" : "nd");
	cJSON_AddStringToObject(json, "claim", kinds[said->kind]);
	cJSON_AddStringToObject(json, "interface", who->fact.ifname);
	cJSON_AddItemToObject(json, "workload",
			      who->workload[0] != '\0' ? cJSON_CreateString(who->workload)
						       : cJSON_CreateNull());
	cJSON_AddItemToObject(json, "other",
			      other != NULL ? cJSON_CreateString(other) : cJSON_CreateNull());
	return json;
}

/* other: whom else it concerns; NULL: nobody. end: of the sentence. */
static void tell(struct bh_core *core, const char *kind, const struct bh_instance *who,
		 const struct bh_neighbour *said, const char *other, const char *end)
{
	char address[BH_ADDR_TEXT], mac[BH_MAC_TEXT], text[1024];

	snprintf(text, sizeof(text), "%s (interface %s) claims %s at %s, by %s%s", who->name,
		 who->fact.ifname, bh_addr_format(&said->addr, address),
		 bh_mac_format(&said->mac, mac), protocol_name(said), end);
	bh_core_event_json(core, kind, text, claim_json(who, said, other));
}

static bool may_tell(struct bh_core *core, const struct bh_instance *who)
{
	return bh_talk_allows(core->neighbourhood->talk, who->fact.ifindex, who->name,
			      bh_time_monotonic());
}

static bool is_news(const struct note *note, enum trouble trouble, int64_t time)
{
	return note == NULL || note->trouble != trouble ||
	       (trouble != UNKNOWN && time - note->said >= SAY_AGAIN);
}

static struct note *make_note(struct bh_map *notes, const struct place *place)
{
	struct note *note;

	if (bh_map_count(notes) == MOST_KEPT)
		return NULL;
	note = bh_calloc(1, sizeof(*note));
	note->place = *place;
	bh_map_put(notes, place, sizeof(*place), note);
	return note;
}

/* Notes what is to be said, and answers whether it is. What finds no room among the notes may be
 * said again and again, within the limit. */
static bool take_note(struct bh_core *core, const struct bh_instance *who,
		      const struct bh_msg_neighbour *claim, enum trouble trouble)
{
	struct bh_map *notes = core->neighbourhood->notes;
	const struct place place = place_of(who->fact.ifindex, &claim->said.addr);
	struct note *note = bh_map_get(notes, &place, sizeof(place));
	bool news = is_news(note, trouble, claim->time) && may_tell(core, who);

	if (note == NULL && news)
		note = make_note(notes, &place);
	if (note == NULL)
		return news;
	note->addr = claim->said.addr;
	note->ifindex = who->fact.ifindex;
	note->network = bh_core_network_of(who);
	note->mac = claim->said.mac;
	note->last = claim->time;
	if (news) {
		note->trouble = (uint8_t)trouble;
		note->said = claim->time;
	}
	return news;
}

/* --- judgement -------------------------------------------------------------------------------- */

static void tell_spoof(struct bh_core *core, const struct bh_instance *who,
		       const struct bh_msg_neighbour *claim, const char *holder)
{
	char end[BH_PEER_NAME + 16];

	if (!take_note(core, who, claim, SPOOF))
		return;
	snprintf(end, sizeof(end), ", which is %s's", holder);
	tell(core, "spoof", who, &claim->said, holder, end);
}

/* Another interface of the network that claimed the same address just now, at another MAC. */
static struct note *contender(const struct bh_core *core, const struct bh_instance *who,
			      const struct bh_msg_neighbour *claim)
{
	struct note *note;

	for (size_t position = 0;
	     (note = bh_map_next(core->neighbourhood->notes, &position)) != NULL;)
		if (note->ifindex != who->fact.ifindex &&
		    note->network == bh_core_network_of(who) &&
		    claim->time - note->last < AT_ONCE &&
		    bh_addr_equal(&note->addr, &claim->said.addr) &&
		    memcmp(&note->mac, &claim->said.mac, sizeof(note->mac)) != 0)
			return note;
	return NULL;
}

static void tell_conflict(struct bh_core *core, const struct bh_instance *who,
			  const struct bh_msg_neighbour *claim, struct note *against)
{
	const struct bh_instance *other = bh_model_at(core->model, against->ifindex, against->last);
	char end[BH_PEER_NAME + 128], mac[BH_MAC_TEXT];

	if (!take_note(core, who, claim, CONFLICT))
		return;
	/* It takes two, and is told once. */
	against->trouble = CONFLICT;
	against->said = claim->time;
	snprintf(end, sizeof(end), "; %s claims it at %s, and nobody is known to hold it",
		 other != NULL ? bh_core_name_of(other) : "another",
		 bh_mac_format(&against->mac, mac));
	tell(core, "address-conflict", who, &claim->said,
	     other != NULL ? bh_core_name_of(other) : NULL, end);
}

static void judge_unheld(struct bh_core *core, const struct bh_instance *who,
			 const struct bh_msg_neighbour *claim)
{
	struct note *against = contender(core, who, claim);

	if (against != NULL)
		tell_conflict(core, who, claim, against);
	else if (take_note(core, who, claim, UNKNOWN))
		tell(core, "unknown-address", who, &claim->said, NULL,
		     "; nobody is known to hold it");
}

/* One who came when the address was free was simply given it. One that was there before has taken
 * it over. */
static bool was_there_before(const struct bh_instance *who, const struct bh_instance *former,
			     const struct tenure *tenure, const struct bh_addr *addr)
{
	return who->fact.since <= tenure->last ||
	       (former != NULL && bh_model_held(former, addr, who->fact.since));
}

static bool has_moved(const struct bh_core *core, const struct bh_instance *who,
		      const struct tenure *tenure, const struct bh_addr *addr)
{
	const struct bh_instance *former = bh_model_at(core->model, tenure->ifindex, tenure->last);
	bool gone = former == NULL || !bh_model_held(former, addr, bh_time_now());

	return gone && was_there_before(who, former, tenure, addr) &&
	       (former == NULL || !is_beside(core, who, former));
}

static void tell_moved(struct bh_core *core, const struct bh_instance *who,
		       const struct bh_msg_neighbour *claim, const struct tenure *before)
{
	char end[BH_PEER_NAME + 64], mac[BH_MAC_TEXT];

	if (!may_tell(core, who))
		return;
	snprintf(end, sizeof(end), "; it moved there from %s (%s)", before->who,
		 bh_mac_format(&before->mac, mac));
	tell(core, "address-moved", who, &claim->said, before->who, end);
}

static void take_possession(struct bh_core *core, const struct bh_instance *who,
			    const struct bh_msg_neighbour *claim)
{
	struct bh_map *tenures = core->neighbourhood->tenures;
	const struct bh_addr *addr = &claim->said.addr;
	const struct place place = place_of(bh_core_network_of(who), addr);
	struct tenure *tenure = bh_map_get(tenures, &place, sizeof(place));

	if (tenure == NULL && bh_map_count(tenures) == MOST_KEPT)
		return;
	if (tenure == NULL) {
		tenure = bh_calloc(1, sizeof(*tenure));
		tenure->place = place;
		bh_map_put(tenures, &tenure->place, sizeof(tenure->place), tenure);
	} else if (tenure->ifindex != who->fact.ifindex && has_moved(core, who, tenure, addr)) {
		tell_moved(core, who, claim, tenure);
	}
	tenure->ifindex = who->fact.ifindex;
	tenure->last = claim->time;
	tenure->mac = claim->said.mac;
	bh_copy_text(tenure->who, sizeof(tenure->who), bh_core_name_of(who));
}

/* Whether what is known by now explains the claim. */
static bool settle(struct bh_core *core, const struct bh_msg_neighbour *claim)
{
	const struct bh_instance *who = bh_model_at(core->model, claim->ifindex, claim->time);

	if (claim->sends)
		return bh_core_sender_settles(core, claim);
	if (who == NULL || !holds(core, who, claim) || is_the_hosts(core, who, claim) ||
	    rightful_other(core, who, claim) != NULL)
		return false;
	take_possession(core, who, claim);
	return true;
}

/* What nothing explained. */
static void judge(struct bh_core *core, const struct bh_msg_neighbour *claim)
{
	const struct bh_instance *who = bh_model_at(core->model, claim->ifindex, claim->time);

	if (who == NULL) /* no endpoint's interface */
		return;
	const struct bh_instance *other = rightful_other(core, who, claim);
	if (other != NULL)
		tell_spoof(core, who, claim, bh_core_name_of(other));
	else if (is_the_hosts(core, who, claim))
		tell_spoof(core, who, claim, "host");
	else if (who->until == 0 && !may_hold_more(who)) /* else its addresses may not be known */
		judge_unheld(core, who, claim);
}

void bh_core_neighbours(struct bh_core *core, const struct bh_msg_neighbour *claims, size_t count)
{
	struct bh_neighbourhood *n = core->neighbourhood;

	for (size_t i = 0; i < count; i++) {
		if (settle(core, &claims[i]))
			continue;
		if (n->waiting_count == MOST_WAITING) {
			bh_core_lost(core, BH_LOSS_NEIGHBOURS, 1);
			continue;
		}
		n->waiting = bh_grow(n->waiting, &n->waiting_capacity, n->waiting_count + 1,
				     sizeof(n->waiting[0]));
		n->waiting[n->waiting_count++] =
			(struct waiting) { claims[i], bh_time_monotonic() };
	}
}

static void sum_up(void *user, const char *who, uint64_t unsaid)
{
	bh_core_event(user, "spoof",
		      "%s went on to claim addresses that were another's, or nobody's, %" PRIu64
		      " times",
		      who, unsaid);
}

static void forget_old(struct bh_neighbourhood *n, int64_t now)
{
	struct tenure *tenure;
	struct note *note;

	for (size_t position = 0; (tenure = bh_map_next(n->tenures, &position)) != NULL;) {
		struct place place = tenure->place;

		if (now - tenure->last > TENURE_KEPT)
			bh_map_remove(n->tenures, &place, sizeof(place));
	}
	for (size_t position = 0; (note = bh_map_next(n->notes, &position)) != NULL;) {
		struct place place = note->place;

		if (now - note->last > NOTE_KEPT)
			bh_map_remove(n->notes, &place, sizeof(place));
	}
}

void bh_core_neighbours_tick(struct bh_core *core, int64_t now)
{
	struct bh_neighbourhood *n = core->neighbourhood;
	size_t kept = 0;

	for (size_t i = 0; i < n->waiting_count; i++) {
		const struct waiting *w = &n->waiting[i];

		if (settle(core, &w->claim))
			continue;
		if (now - w->since < PATIENCE)
			n->waiting[kept++] = *w;
		else if (w->claim.sends)
			bh_core_sender_judge(core, &w->claim);
		else
			judge(core, &w->claim);
	}
	n->waiting_count = kept;
	forget_old(n, bh_time_now());
	bh_talk_tick(n->talk, now, sum_up, core);
}
