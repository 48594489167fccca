/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who opened a connection whose opening nobody saw: if one end is known to listen on its port, and
 * the other is known not to, the other did. The kernel process looks into the endpoint's namespace
 * when it is asked, and it is asked only about endpoints that have such a connection, now and then:
 * a listener may have come since.
 */
#include <netinet/in.h>

#include <string.h>

#include "core.h"
#include "grow.h"
#include "protocol.h"
#include "timefmt.h"

#define ASK_AGAIN (5 * BH_SECOND)
#define LOOK_AGAIN (60 * BH_SECOND) /* where no flow depends on it */
#define MOST_LOOKS 20		    /* a second */

/* What is known of one endpoint. */
struct known {
	int64_t asked; /* monotonic */
	bool answered;
	struct bh_listeners listeners;
};

enum answer { NO, YES, UNKNOWN };

/* Whether several containers live there: only then it costs something to know which of them
 * listens. */
static bool is_shared(const struct bh_core *core, uint32_t ifindex)
{
	const struct bh_instance *instance =
		ifindex != 0 ? bh_model_at(core->model, ifindex, bh_time_now()) : NULL;
	size_t position = 0;

	return ifindex == 0 ||
	       (instance != NULL &&
		bh_model_next_guest(core->model, instance->container, &position) != NULL);
}

static void ask(struct bh_core *core, uint32_t ifindex)
{
	struct known *known = bh_map_get(core->listeners, &ifindex, sizeof(ifindex));
	int64_t now = bh_time_monotonic();

	if (known != NULL && now - known->asked < ASK_AGAIN)
		return;
	if (known == NULL) {
		known = bh_calloc(1, sizeof(*known));
		bh_map_put(core->listeners, &ifindex, sizeof(ifindex), known);
	}
	known->asked = now;
	const struct bh_msg_listeners_get get = { .ifindex = ifindex,
						  .owners = is_shared(core, ifindex) };
	if (core->kernel != NULL) /* it is, but for the last second of our life */
		bh_channel_send(core->kernel, BH_MSG_LISTENERS_GET, &get, sizeof(get), NULL, 0, -1);
}

static enum answer listens(const struct bh_core *core, uint32_t ifindex, uint8_t proto,
			   uint16_t port)
{
	const struct known *known = bh_map_get(core->listeners, &ifindex, sizeof(ifindex));

	/* Not one of our endpoints: nobody says that it listens, and nobody can. */
	if (ifindex == 0)
		return NO;
	if (known == NULL || !known->answered)
		return UNKNOWN;
	for (uint16_t i = 0; i < known->listeners.count; i++)
		if (known->listeners.ports[i].port == port &&
		    known->listeners.ports[i].proto == proto)
			return YES;
	return known->listeners.complete ? NO : UNKNOWN;
}

enum bh_responder bh_core_responder(struct bh_core *core, const struct bh_flow *f)
{
	uint8_t proto = f->key.proto;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return BH_RESPONDER_UNKNOWN;
	enum answer dst = listens(core, f->dst_ifindex, proto, f->key.dport),
		    src = listens(core, f->src_ifindex, proto, f->key.sport);
	if (dst == YES && src == NO)
		return BH_RESPONDER_DST;
	if (src == YES && dst == NO)
		return BH_RESPONDER_SRC;
	if (f->src_ifindex != 0)
		ask(core, f->src_ifindex);
	if (f->dst_ifindex != 0)
		ask(core, f->dst_ifindex);
	return BH_RESPONDER_UNKNOWN;
}

void bh_core_listeners(struct bh_core *core, const struct bh_listeners *listeners)
{
	uint32_t ifindex = listeners->ifindex;
	struct known *known = bh_map_get(core->listeners, &ifindex, sizeof(ifindex));

	if (known == NULL) /* it went meanwhile */
		return;
	/* Flows are looked at again only where there is something new to them. */
	core->listeners_new = core->listeners_new || !known->answered ||
			      memcmp(&known->listeners, listeners, sizeof(*listeners)) != 0;
	known->answered = true;
	known->listeners = *listeners;
}

void bh_core_listeners_gone(struct bh_core *core, uint32_t ifindex)
{
	bh_map_remove(core->listeners, &ifindex, sizeof(ifindex));
}

static bool is_due(const struct bh_core *core, uint32_t ifindex, int64_t now)
{
	const struct known *known = bh_map_get(core->listeners, &ifindex, sizeof(ifindex));

	return known == NULL || now - known->asked >= LOOK_AGAIN;
}

void bh_core_listeners_tick(struct bh_core *core, int64_t now)
{
	const struct bh_instance *instance;
	size_t asked = 0;

	if (bh_model_uses_host_network(core->model) && is_due(core, 0, now))
		ask(core, 0);

	for (size_t position = 0; asked < MOST_LOOKS && core->kernel != NULL &&
				  (instance = bh_model_next(core->model, &position)) != NULL;) {
		uint32_t ifindex = instance->fact.ifindex;

		if (!is_due(core, ifindex, now))
			continue;
		ask(core, ifindex);
		asked++;
	}
}

static void add_port(cJSON *ports, const struct bh_listener *l)
{
	char text[BH_PORT_TEXT];

	if (!l->local)
		cJSON_AddItemToArray(ports,
				     cJSON_CreateString(bh_port_format(l->proto, l->port, text)));
}

cJSON *bh_core_listeners_json(const struct bh_core *core, uint32_t ifindex)
{
	const struct known *known = bh_map_get(core->listeners, &ifindex, sizeof(ifindex));

	if (known == NULL || !known->answered || !known->listeners.complete)
		return cJSON_CreateNull();
	cJSON *ports = cJSON_CreateArray();
	for (uint16_t i = 0; i < known->listeners.count; i++)
		add_port(ports, &known->listeners.ports[i]);
	return ports;
}

cJSON *bh_core_own_listeners_json(const struct bh_core *core, uint32_t ifindex, const char *id)
{
	const struct known *known = bh_map_get(core->listeners, &ifindex, sizeof(ifindex));

	if (known == NULL || !known->answered)
		return cJSON_CreateNull();
	const struct bh_listeners *l = &known->listeners;
	cJSON *ports = cJSON_CreateArray();
	for (uint16_t i = 0; i < l->count; i++)
		if (l->ports[i].owner != 0 && strcmp(l->owners[l->ports[i].owner - 1], id) == 0)
			add_port(ports, &l->ports[i]);
	return ports;
}

const char *bh_core_listening_container(const struct bh_core *core, uint32_t ifindex, uint8_t proto,
					uint16_t port)
{
	const struct known *known =
		ifindex != 0 ? bh_map_get(core->listeners, &ifindex, sizeof(ifindex)) : NULL;

	if (known == NULL || !known->answered || known->listeners.owner_count == 0)
		return NULL;
	const struct bh_listeners *l = &known->listeners;
	for (uint16_t i = 0; i < l->count; i++) {
		if (l->ports[i].port != port || l->ports[i].proto != proto)
			continue;
		const struct bh_container *c =
			l->ports[i].owner != 0
				? bh_model_container_by_id(core->model,
							   l->owners[l->ports[i].owner - 1])
				: NULL;
		return c != NULL ? c->name : NULL;
	}
	return NULL;
}
