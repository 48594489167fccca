/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "rules_wire.h"

#include <errno.h>
#include <string.h>

#include "grow.h"
#include "ruleset.h"

/* Sends an array in as many messages as it takes. */
static int send_array(struct bh_channel *channel, uint16_t type, const void *items, size_t count,
		      size_t size)
{
	size_t room = BH_CHANNEL_ROOM(size);
	int result = 0;

	for (size_t at = 0; result == 0 && at < count; at += room) {
		size_t some = count - at < room ? count - at : room;

		result = bh_channel_send(channel, type, (const char *)items + at * size,
					 some * size, NULL, 0, -1);
	}
	return result;
}

static int send_chain(struct bh_channel *channel, const struct bh_chain *chain)
{
	struct bh_msg_chain head = { .side = chain->side,
				     .mode = chain->mode,
				     .deny = chain->deny };

	memcpy(head.open, chain->open, sizeof(head.open));
	memcpy(head.hash, chain->hash, sizeof(head.hash));
	memcpy(head.workload, chain->workload, sizeof(head.workload));
	int result = bh_channel_send(channel, BH_MSG_RULES_CHAIN, &head, sizeof(head), NULL, 0, -1);
	if (result != 0)
		return result;
	return send_array(channel, BH_MSG_RULES_PERMITS, chain->permits, chain->permit_count,
			  sizeof(*chain->permits));
}

static int send_port(struct bh_channel *channel, const struct bh_port *port)
{
	struct bh_msg_port head = {
		.mac = port->mac, .bridged = port->bridged, .vrf = port->vrf, .mode = port->mode
	};

	memcpy(head.ifname, port->ifname, sizeof(head.ifname));
	memcpy(head.workload, port->workload, sizeof(head.workload));
	return bh_channel_send(channel, BH_MSG_RULES_PORT, &head, sizeof(head), port->addrs,
			       port->addr_count * sizeof(*port->addrs), -1);
}

int bh_rules_send(struct bh_channel *channel, const struct bh_ruleset *rules, uint64_t serial)
{
	struct bh_msg_rules_begin begin = { .posture = rules->posture,
					    .blank = rules->blank,
					    .stateless = rules->stateless,
					    .sensitive = rules->sensitive };

	memcpy(begin.revision, rules->revision, sizeof(begin.revision));
	int result =
		bh_channel_send(channel, BH_MSG_RULES_BEGIN, &begin, sizeof(begin), NULL, 0, -1);
	for (size_t i = 0; result == 0 && i < rules->chain_count; i++)
		result = send_chain(channel, &rules->chains[i]);
	if (result == 0)
		result = send_array(channel, BH_MSG_RULES_BINDINGS, rules->bindings,
				    rules->binding_count, sizeof(*rules->bindings));
	for (size_t i = 0; result == 0 && i < rules->port_count; i++)
		result = send_port(channel, &rules->ports[i]);
	if (result == 0)
		result = send_array(channel, BH_MSG_RULES_BRIDGES, rules->bridges,
				    rules->bridge_count, sizeof(*rules->bridges));
	if (result == 0)
		result = send_array(channel, BH_MSG_RULES_MEMBERS, rules->members,
				    rules->member_count, sizeof(*rules->members));
	if (result == 0)
		result = send_array(channel, BH_MSG_RULES_POSTURES, rules->postures,
				    rules->posture_count, sizeof(*rules->postures));
	if (result == 0)
		result = send_array(channel, BH_MSG_RULES_EXCEPTIONS, rules->exceptions,
				    rules->exception_count, sizeof(*rules->exceptions));
	if (result == 0)
		result = bh_channel_send(channel, BH_MSG_RULES_COMMIT, &serial, sizeof(serial),
					 NULL, 0, -1);
	return result;
}

static void begin(struct bh_rules_builder *builder, const struct bh_msg_rules_begin *head)
{
	bh_ruleset_free(builder->rules);
	builder->rules = bh_ruleset_new();
	memcpy(builder->rules->revision, head->revision, sizeof(head->revision));
	builder->rules->posture = head->posture;
	builder->rules->blank = head->blank;
	builder->rules->stateless = head->stateless;
	builder->rules->sensitive = head->sensitive;
}

static void take_chain(struct bh_ruleset *rules, const struct bh_msg_chain *head)
{
	struct bh_chain *chain = bh_ruleset_add_chain(rules);

	memcpy(chain->hash, head->hash, sizeof(chain->hash));
	memcpy(chain->workload, head->workload, sizeof(chain->workload));
	chain->side = head->side;
	chain->mode = head->mode;
	chain->deny = head->deny;
	memcpy(chain->open, head->open, sizeof(chain->open));
}

static bool take_permits(struct bh_ruleset *rules, const struct bh_permit *permits, size_t count)
{
	if (rules->chain_count == 0)
		return false;
	for (size_t i = 0; i < count; i++)
		*bh_chain_add_permit(&rules->chains[rules->chain_count - 1]) = permits[i];
	return true;
}

static bool take_bindings(struct bh_ruleset *rules, const struct bh_binding *bindings, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (bindings[i].egress >= rules->chain_count ||
		    bindings[i].ingress >= rules->chain_count)
			return false;
		*bh_ruleset_add_binding(rules) = bindings[i];
	}
	return true;
}

static void take_port(struct bh_ruleset *rules, const struct bh_msg_port *head, size_t length)
{
	size_t count = (length - sizeof(*head)) / sizeof(struct bh_addr);
	struct bh_port *port = bh_ruleset_add_port(rules, count);

	memcpy(port->ifname, head->ifname, sizeof(port->ifname));
	memcpy(port->workload, head->workload, sizeof(port->workload));
	port->mac = head->mac;
	port->bridged = head->bridged;
	port->vrf = head->vrf;
	port->mode = head->mode;
	memcpy(port->addrs, head + 1, count * sizeof(struct bh_addr));
}

static bool take_part(struct bh_ruleset *rules, const struct bh_message *m)
{
	switch (m->type) {
	case BH_MSG_RULES_CHAIN:
		take_chain(rules, m->data);
		return true;
	case BH_MSG_RULES_PERMITS:
		return take_permits(rules, m->data, m->length / sizeof(struct bh_permit));
	case BH_MSG_RULES_BINDINGS:
		return take_bindings(rules, m->data, m->length / sizeof(struct bh_binding));
	case BH_MSG_RULES_PORT:
		take_port(rules, m->data, m->length);
		return true;
	case BH_MSG_RULES_MEMBERS:
		for (size_t i = 0; i < m->length / sizeof(struct bh_bridge_member); i++)
			*bh_ruleset_add_member(rules) =
				((const struct bh_bridge_member *)m->data)[i];
		return true;
	case BH_MSG_RULES_BRIDGES:
		for (size_t i = 0; i < m->length / sizeof(struct bh_bridge); i++)
			*bh_ruleset_add_bridge(rules) = ((const struct bh_bridge *)m->data)[i];
		return true;
	case BH_MSG_RULES_POSTURES:
		for (size_t i = 0; i < m->length / sizeof(struct bh_address_posture); i++)
			*bh_ruleset_add_posture(rules) =
				((const struct bh_address_posture *)m->data)[i];
		return true;
	case BH_MSG_RULES_EXCEPTIONS:
		for (size_t i = 0; i < m->length / sizeof(struct bh_exception); i++)
			*bh_ruleset_add_exception(rules) =
				((const struct bh_exception *)m->data)[i];
		return true;
	}
	return false;
}

struct bh_ruleset *bh_rules_take(struct bh_rules_builder *builder, const struct bh_message *message,
				 bool *broken)
{
	*broken = false;
	if (message->type == BH_MSG_RULES_BEGIN) {
		begin(builder, message->data);
		return NULL;
	}
	struct bh_ruleset *rules = builder->rules;
	if (rules != NULL && message->type == BH_MSG_RULES_COMMIT) {
		builder->rules = NULL;
		return rules;
	}
	if (rules == NULL || !take_part(rules, message)) {
		*broken = true;
		bh_ruleset_free(rules);
		builder->rules = NULL;
	}
	return NULL;
}
