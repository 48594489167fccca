/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A proxy of a published port makes two connections of one: A → host:8080 leaves A, and gateway →
 * B:80 reaches B a moment later. Nothing in the second says for whom it is; what came just before
 * does, where it leaves no choice. The two are paired for whoever looks: one flow from A to B. To
 * the rules, and so to learning, they stay what they are.
 *
 * It is decided once, when all that began at that moment was reported. Several workloads that may
 * have been the client are no answer; and a moment of which something was lost has none. The host
 * itself may always have connected just then: a pair is evidence, and no proof.
 */
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "core.h"
#include "grow.h"
#include "timefmt.h"

#define FOLLOWS (2 * BH_SECOND)	 /* the second leg the first, at most */
#define REPORTED (2 * BH_SECOND) /* when the legs of a moment are known, beside their interval */
#define ASKED (15 * BH_SECOND)	 /* connection tracking has answered by then, or never will */
#define MOST_WAITING 1000	 /* legs of each kind */

enum side { CLIENT, SERVER, SIDES };

struct bh_proxied {
	struct bh_live_flow *live;
	enum side side;
	bool waits;
	int64_t noted;		  /* monotonic */
	struct bh_proxied *other; /* NULL: not paired */
	char *reason;		  /* of a server's: what masks whom; NULL: no client is known */
	TAILQ_ENTRY(bh_proxied) next;
};

TAILQ_HEAD(legs, bh_proxied);

struct bh_proxies {
	struct legs waiting[SIDES];
	size_t counts[SIDES];
	int64_t overrun;      /* monotonic: when a leg found no room, or left too early; 0: never */
	struct bh_map *edges; /* key of a masked edge → struct bh_edge_clients */
};

struct bh_proxies *bh_proxies_new(void)
{
	struct bh_proxies *p = bh_calloc(1, sizeof(*p));

	for (size_t i = 0; i < SIDES; i++)
		TAILQ_INIT(&p->waiting[i]);
	p->edges = bh_map_new(free);
	return p;
}

void bh_proxies_free(struct bh_proxies *proxies)
{
	bh_map_free(proxies->edges);
	free(proxies);
}

/* --- which flows are legs --------------------------------------------------------------------- */

/* Whether a connection to the host's address and port comes out at a published port of the
 * container; port 0: at any. */
static bool leads_to(const struct bh_container *c, uint16_t port, const struct bh_flow_key *key)
{
	for (size_t i = 0; c != NULL && i < c->published_count; i++) {
		const struct bh_published *p = &c->published[i];

		if (p->proto == key->proto && p->host_port == key->dport &&
		    (port == 0 || p->port == port) && bh_published_covers(p, &key->dst))
			return true;
	}
	return false;
}

static bool leads_anywhere(const struct bh_core *core, const struct bh_flow_key *key)
{
	const struct bh_instance *i;

	for (size_t position = 0; (i = bh_model_next(core->model, &position)) != NULL;)
		if (leads_to(i->container, 0, key))
			return true;
	return false;
}

/* An end that nobody owns up to may yet turn out to be a client. */
static bool is_client(const struct bh_core *core, const struct bh_live_flow *live)
{
	return live->dst->kind == BH_PEER_HOST &&
	       (live->src->kind == BH_PEER_WORKLOAD || live->src->kind == BH_PEER_UNRESOLVED) &&
	       leads_anywhere(core, &live->flow.key);
}

/* Somebody who was met in the middle of a connection says nothing about when it began. */
static bool is_in_question(const struct bh_live_flow *live)
{
	return live->proxied == NULL && live->joined == NULL && bh_core_flow_is_judged(live) &&
	       live->flow.direction == BH_DIRECTION_SYN;
}

static void stop_waiting(struct bh_proxies *p, struct bh_proxied *leg)
{
	if (!leg->waits)
		return;
	leg->waits = false;
	TAILQ_REMOVE(&p->waiting[leg->side], leg, next);
	p->counts[leg->side]--;
}

static void note(struct bh_proxies *p, struct bh_live_flow *live, enum side side)
{
	int64_t now = bh_time_monotonic();

	if (p->counts[side] >= MOST_WAITING) {
		p->overrun = now;
		return;
	}
	struct bh_proxied *leg = bh_calloc(1, sizeof(*leg));
	*leg = (struct bh_proxied) { .live = live, .side = side, .waits = true, .noted = now };
	TAILQ_INSERT_TAIL(&p->waiting[side], leg, next);
	p->counts[side]++;
	live->proxied = leg;
}

void bh_core_proxy_note(struct bh_core *core, struct bh_live_flow *live)
{
	if (!is_in_question(live))
		return;
	if (bh_core_masked_by_proxy(core, live))
		note(core->proxies, live, SERVER);
	else if (is_client(core, live))
		note(core->proxies, live, CLIENT);
}

void bh_core_proxy_leave(struct bh_core *core, struct bh_live_flow *live)
{
	struct bh_proxied *leg = live->proxied;

	if (leg == NULL)
		return;
	if (leg->waits)
		core->proxies->overrun = bh_time_monotonic();
	stop_waiting(core->proxies, leg);
	if (leg->other != NULL)
		leg->other->other = NULL;
	live->proxied = NULL;
	free(leg->reason);
	free(leg);
}

/* --- whom a masked edge's connections were paired with ---------------------------------------- */

static void edge_key(struct bh_buffer *key, const struct bh_peer *src, const struct bh_peer *dst,
		     uint8_t proto, uint16_t port)
{
	bh_buffer_printf(key, "%s\n%s\n%u\n%u", src->name, dst->name, proto, port);
}

static struct bh_edge_clients *clients_of(struct bh_core *core, const struct bh_live_flow *server)
{
	struct bh_buffer key = { 0 };

	edge_key(&key, server->src, server->dst, server->flow.key.proto, server->flow.key.dport);
	struct bh_edge_clients *clients = bh_map_get_text(core->proxies->edges, key.data);
	if (clients == NULL) {
		clients = bh_calloc(1, sizeof(*clients));
		bh_map_put_text(core->proxies->edges, key.data, clients);
	}
	bh_buffer_free(&key);
	return clients;
}

/* Adds a name that is not there yet, and for which there is room. */
static void add_client(struct bh_edge_clients *clients, const char *name)
{
	for (size_t i = 0; i < clients->count; i++)
		if (strcmp(clients->names[i], name) == 0)
			return;
	if (clients->count < BH_EDGE_CLIENTS)
		bh_copy_text(clients->names[clients->count++], BH_PEER_NAME, name);
}

const struct bh_edge_clients *bh_core_proxy_clients(const struct bh_core *core,
						    const struct bh_edge *edge)
{
	static const struct bh_edge_clients none;
	struct bh_buffer key = { 0 };

	if (edge->src->kind != BH_PEER_MASKED)
		return &none;
	edge_key(&key, edge->src, edge->dst, edge->proto, edge->port);
	const struct bh_edge_clients *clients = bh_map_get_text(core->proxies->edges, key.data);
	bh_buffer_free(&key);
	return clients != NULL ? clients : &none;
}

/* --- pairing ---------------------------------------------------------------------------------- */

/* Whether the server's leg, which ends in this container, may be what a proxy made of the client's.
 */
static bool may_follow(const struct bh_live_flow *client, const struct bh_live_flow *server,
		       const struct bh_container *container)
{
	const struct bh_flow *f = &server->flow;
	int64_t after = f->first - client->flow.first;

	return after >= 0 && after <= FOLLOWS && client->joined == NULL &&
	       client->flow.state != BH_FLOW_REFUSED && client->flow.key.proto == f->key.proto &&
	       leads_to(container, f->key.dport, &client->flow.key);
}

struct candidates {
	struct bh_proxied *first; /* of one client's all are alike: they are served in turn */
	struct bh_edge_clients names;
	bool unsettled; /* connection tracking has yet to say what one of them is */
};

static struct candidates look_for_clients(const struct bh_core *core,
					  const struct bh_live_flow *server)
{
	const struct bh_instance *i =
		bh_model_at(core->model, server->flow.dst_ifindex, server->flow.first);
	struct candidates found = { 0 };
	struct bh_proxied *leg;

	TAILQ_FOREACH (leg, &core->proxies->waiting[CLIENT], next) {
		if (i == NULL || !may_follow(leg->live, server, i->container))
			continue;
		if (found.first == NULL || leg->live->flow.first < found.first->live->flow.first)
			found.first = leg;
		add_client(&found.names, leg->live->src->name);
		found.unsettled = found.unsettled || bh_core_tracking_waits(leg->live);
	}
	return found;
}

static char *reason_for(const struct bh_flow_key *named, const struct bh_edge_clients *names)
{
	struct bh_buffer text = { 0 };

	bh_buffer_printf(&text, "docker-proxy of host:%u%s", named->dport,
			 names->count == 1 ? ", for " : "; clients at that moment: ");
	for (size_t i = 0; i < names->count; i++)
		bh_buffer_printf(&text, "%s%s", i > 0 ? ", " : "", names->names[i]);
	return text.data;
}

static void pair(struct bh_core *core, struct bh_proxied *client, struct bh_proxied *server)
{
	stop_waiting(core->proxies, client);
	client->other = server;
	server->other = client;
	add_client(clients_of(core, server->live), client->live->src->name);
	client->live->sequence = ++core->flow_sequence;
}

/* False: it cannot be said yet. */
static bool decide(struct bh_core *core, struct bh_proxied *server)
{
	struct bh_live_flow *live = server->live;

	if (bh_core_tracking_waits(live))
		return false;
	if (!bh_core_masked_by_proxy(core, live) || live->joined != NULL ||
	    bh_core_flow_is_lossy(core, live))
		return true;
	struct candidates found = look_for_clients(core, live);
	if (found.unsettled)
		return false;
	if (found.first == NULL || found.first->live->src->kind != BH_PEER_WORKLOAD)
		return true;
	server->reason = reason_for(&found.first->live->flow.key, &found.names);
	if (found.names.count == 1)
		pair(core, found.first, server);
	return true;
}

/* A leg that is not known might have been the one. */
static bool is_overrun(const struct bh_proxies *p, int64_t now, int64_t hold)
{
	return p->overrun != 0 && now - p->overrun < hold + FOLLOWS + ASKED;
}

static void forget_unfollowed(struct bh_proxies *p, int64_t now, int64_t hold)
{
	struct bh_proxied *leg;

	while ((leg = TAILQ_FIRST(&p->waiting[CLIENT])) != NULL &&
	       now - leg->noted > 2 * hold + FOLLOWS + ASKED)
		stop_waiting(p, leg);
}

void bh_core_proxy_tick(struct bh_core *core, int64_t now)
{
	int64_t hold = core->config.report_interval + REPORTED;
	struct bh_proxies *p = core->proxies;
	struct bh_proxied *leg, *next;

	for (leg = TAILQ_FIRST(&p->waiting[SERVER]); leg != NULL && now - leg->noted >= hold;
	     leg = next) {
		next = TAILQ_NEXT(leg, next);
		if (is_overrun(p, now, hold) || now - leg->noted > hold + ASKED ||
		    decide(core, leg))
			stop_waiting(p, leg);
	}
	forget_unfollowed(p, now, hold);
}

/* --- what is shown ---------------------------------------------------------------------------- */

bool bh_core_proxy_shows_other(const struct bh_live_flow *live)
{
	return live->proxied != NULL && live->proxied->side == SERVER &&
	       live->proxied->other != NULL;
}

const struct bh_live_flow *bh_core_proxied_end(const struct bh_live_flow *live)
{
	return live->proxied != NULL && live->proxied->side == CLIENT &&
			       live->proxied->other != NULL
		       ? live->proxied->other->live
		       : live;
}

const char *bh_core_masked_reason(const struct bh_live_flow *live)
{
	if (live->src->kind != BH_PEER_MASKED)
		return NULL;
	return live->proxied != NULL && live->proxied->reason != NULL ? live->proxied->reason
								      : live->src->name;
}
