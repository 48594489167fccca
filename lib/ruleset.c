/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ruleset.h"

#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "grow.h"

/* Makes room for one more item and returns it, zeroed. */
static void *add_item(void *items_pointer, size_t *count, size_t *capacity, size_t size)
{
	void **items = items_pointer;

	*items = bh_grow(*items, capacity, *count + 1, size);
	char *item = (char *)*items + *count * size;
	memset(item, 0, size);
	(*count)++;
	return item;
}

struct bh_ruleset *bh_ruleset_new(void)
{
	return bh_calloc(1, sizeof(struct bh_ruleset));
}

void bh_ruleset_free(struct bh_ruleset *rules)
{
	if (rules == NULL)
		return;
	for (size_t i = 0; i < rules->chain_count; i++)
		free(rules->chains[i].permits);
	for (size_t i = 0; i < rules->port_count; i++)
		free(rules->ports[i].addrs);
	free(rules->chains);
	free(rules->bindings);
	free(rules->ports);
	free(rules->bridges);
	free(rules->members);
	free(rules->exceptions);
	free(rules->postures);
	free(rules);
}

struct bh_chain *bh_ruleset_add_chain(struct bh_ruleset *r)
{
	return add_item(&r->chains, &r->chain_count, &r->chain_capacity, sizeof(*r->chains));
}

struct bh_permit *bh_chain_add_permit(struct bh_chain *c)
{
	return add_item(&c->permits, &c->permit_count, &c->permit_capacity, sizeof(*c->permits));
}

struct bh_binding *bh_ruleset_add_binding(struct bh_ruleset *r)
{
	return add_item(&r->bindings, &r->binding_count, &r->binding_capacity,
			sizeof(*r->bindings));
}

struct bh_port *bh_ruleset_add_port(struct bh_ruleset *r, size_t addr_count)
{
	struct bh_port *port =
		add_item(&r->ports, &r->port_count, &r->port_capacity, sizeof(*port));

	port->addrs = bh_calloc(addr_count, sizeof(*port->addrs));
	port->addr_count = addr_count;
	return port;
}

struct bh_bridge *bh_ruleset_add_bridge(struct bh_ruleset *r)
{
	return add_item(&r->bridges, &r->bridge_count, &r->bridge_capacity, sizeof(*r->bridges));
}

struct bh_bridge_member *bh_ruleset_add_member(struct bh_ruleset *r)
{
	return add_item(&r->members, &r->member_count, &r->member_capacity, sizeof(*r->members));
}

struct bh_exception *bh_ruleset_add_exception(struct bh_ruleset *r)
{
	return add_item(&r->exceptions, &r->exception_count, &r->exception_capacity,
			sizeof(*r->exceptions));
}

struct bh_address_posture *bh_ruleset_add_posture(struct bh_ruleset *r)
{
	return add_item(&r->postures, &r->posture_count, &r->posture_capacity,
			sizeof(*r->postures));
}

bool bh_exception_is_possible(uint8_t proto)
{
	return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

bool bh_binding_is_bridged(const struct bh_binding *binding)
{
	return binding->ifname[0] != '\0' && strcmp(binding->ifname, binding->l3_ifname) != 0;
}

void bh_chain_hash(const char *workload, char out[BH_CHAIN_HASH])
{
	snprintf(out, BH_CHAIN_HASH, "%016" PRIx64,
		 (uint64_t)XXH3_64bits(workload, strlen(workload)));
}

static const char *const mode_names[] = { "learn", "audit", "stage1", "enforce" };
static const char *const posture_names[] = { "open", "audit", "closed" };
static const char *const side_names[] = { "egress", "ingress" };

static bool parse_word(const char *const *words, size_t count, const char *text, uint8_t *out)
{
	for (size_t i = 0; i < count; i++) {
		if (strcmp(words[i], text) == 0) {
			*out = (uint8_t)i;
			return true;
		}
	}
	return false;
}

const char *bh_mode_name(uint8_t mode)
{
	return mode < BH_MODES ? mode_names[mode] : NULL;
}

bool bh_mode_parse(const char *text, uint8_t *mode)
{
	return parse_word(mode_names, BH_MODES, text, mode);
}

bool bh_mode_refuses(uint8_t mode)
{
	return mode >= BH_STAGE1;
}

const char *bh_posture_name(uint8_t posture)
{
	return posture <= BH_POSTURE_CLOSED ? posture_names[posture] : NULL;
}

bool bh_posture_parse(const char *text, uint8_t *posture)
{
	return parse_word(posture_names, 3, text, posture);
}

const char *bh_side_name(uint8_t side)
{
	return side <= BH_INGRESS ? side_names[side] : NULL;
}
