/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "desired.h"

#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "address.h"
#include "desired_parts.h"
#include "grow.h"
#include "ruleset.h"

/* --- keys ------------------------------------------------------------------------------------- */

void bh_key_put(struct bh_key_bytes *key, const void *bytes, size_t length)
{
	memcpy(key->bytes + key->length, bytes, length);
	key->length += (length + 3) & ~(size_t)3;
}

void bh_key_put_ifname(struct bh_key_bytes *key, const char *ifname)
{
	char padded[BH_IFNAME] = { 0 };

	bh_copy_text(padded, sizeof(padded), ifname);
	bh_key_put(key, padded, sizeof(padded));
}

void bh_key_put_addr(struct bh_key_bytes *key, const struct bh_addr *addr)
{
	bh_key_put(key, addr->bytes, bh_addr_size(addr->family));
}

void bh_key_put_u8(struct bh_key_bytes *key, uint8_t value)
{
	bh_key_put(key, &value, 1);
}

void bh_key_put_u16(struct bh_key_bytes *key, uint16_t value)
{
	uint8_t wire[2] = { (uint8_t)(value >> 8), (uint8_t)value };

	bh_key_put(key, wire, 2);
}

/* --- objects ---------------------------------------------------------------------------------- */

struct bh_nft_set *bh_desired_set(struct bh_nft_table *table, const char *name, struct bh_key key,
				  unsigned flags)
{
	struct bh_nft_set *set = bh_nft_table_add_set(table, name);

	set->interval = flags & BH_SET_INTERVAL;
	set->counter = flags & BH_SET_COUNTER;
	set->map = flags & BH_SET_MAP;
	set->field_count = key.count;
	memcpy(set->fields, key.fields, sizeof(set->fields));
	for (uint8_t i = 0; i < key.count; i++) {
		set->key_type = set->key_type << 6 | bh_field_info(key.fields[i])->datatype;
		set->key_length += key.count == 1 ? bh_field_info(key.fields[i])->length
						  : bh_field_room(key.fields[i]);
	}
	bh_nft_set_layout(set);
	return set;
}

void bh_desired_add_first(struct bh_nft_set *set, const struct bh_key_bytes *key,
			  const char *target)
{
	if (set->keys == NULL)
		set->keys = bh_map_new(NULL);
	if (bh_map_get(set->keys, key->bytes, set->key_length) != NULL)
		return;
	bh_map_put(set->keys, key->bytes, set->key_length, set);
	bh_nft_set_add(set, key->bytes, NULL, target);
}

void bh_desired_numbers(struct bh_nft_table *table, const char *name, enum bh_field field,
			const uint8_t *numbers, size_t count)
{
	struct bh_nft_set *set = bh_desired_set(table, name, BH_KEY(field), 0);

	for (size_t i = 0; i < count; i++)
		bh_nft_set_add(set, &numbers[i], NULL, NULL);
}

struct bh_nft_chain *bh_desired_base(struct bh_nft_table *table, const char *name, uint32_t hook,
				     int32_t priority)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(table, name);

	chain->base = true;
	chain->hook = hook;
	chain->priority = priority;
	return chain;
}

struct bh_nft_chain *bh_desired_chain(struct bh_nft_table *table, const char *name,
				      const char *workload)
{
	struct bh_nft_chain *chain = bh_nft_table_add_chain(table, name);

	bh_copy_text(chain->comment, sizeof(chain->comment), workload);
	/* nft prints a comment between quotes, as it is. */
	for (char *c = chain->comment; *c != '\0'; c++)
		if (*c == '"' || *c == '\\' || !isprint((unsigned char)*c))
			*c = '_';
	return chain;
}

void bh_desired_log(struct bh_nft_chain *chain, const struct bh_nft_config *config,
		    const char *kind, uint8_t side, const char *hash)
{
	char prefix[BH_NFT_NAME];

	snprintf(prefix, sizeof(prefix), "%s%s:%c:%s", BH_NFLOG_PREFIX, kind,
		 side == BH_EGRESS ? 'e' : 'i', hash);
	bh_rule_log(bh_nft_chain_add_rule(chain), prefix, config->log_group);
}

void bh_desired_divert_unopening(struct bh_nft_chain *chain, const char *other)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_not_opening(rule);
	bh_rule_goto(rule, other);
}

void bh_desired_final(struct bh_nft_chain *chain, int32_t verdict)
{
	struct bh_nft_rule *rule = bh_nft_chain_add_rule(chain);

	bh_rule_counter(rule);
	bh_rule_verdict(rule, verdict);
}

/* Names are made by the thousand: snprintf() was a third of a small change. */
void bh_desired_lengthen(char name[BH_NFT_NAME], const char *suffix)
{
	size_t length = strlen(name);

	bh_copy_text(name + length, BH_NFT_NAME - length, suffix);
}

void bh_desired_name(char out[BH_NFT_NAME], uint8_t side, bool host, const char *hash,
		     const char *suffix)
{
	bh_copy_text(out, BH_NFT_NAME,
		     side == BH_EGRESS ? (host ? "eh_" : "e_") : (host ? "ih_" : "i_"));
	bh_desired_lengthen(out, hash);
	bh_desired_lengthen(out, suffix);
}

void bh_desired_port_name(const struct bh_port *port, const char *stem, char name[BH_NFT_NAME],
			  char hash[BH_CHAIN_HASH])
{
	bh_chain_hash(port->workload, hash);
	snprintf(name, BH_NFT_NAME, "%s%s_%s", stem, bh_mode_refuses(port->mode) ? "" : "a", hash);
}

/* --- checking --------------------------------------------------------------------------------- */

static bool is_ifname(const char *name)
{
	size_t length = strnlen(name, BH_IFNAME);

	for (size_t i = 0; i < length; i++)
		if (!isgraph((unsigned char)name[i]) || name[i] == '"' || name[i] == '*')
			return false;
	return length > 0 && length < BH_IFNAME;
}

static bool is_hash(const char *hash)
{
	return strnlen(hash, BH_CHAIN_HASH) == BH_CHAIN_HASH - 1 &&
	       strspn(hash, "0123456789abcdef") == BH_CHAIN_HASH - 1;
}

static bool is_addr(const struct bh_addr *addr)
{
	return addr->family == BH_IPV4 || addr->family == BH_IPV6;
}

static int check_chain(const struct bh_chain *chain, struct bh_map *seen, struct bh_error *err)
{
	char name[BH_NFT_NAME];

	if (!is_hash(chain->hash) || chain->side > BH_INGRESS || chain->mode > BH_ENFORCE ||
	    chain->deny > BH_DROP)
		return bh_error_set(err, -EINVAL, "ruleset: the chain of \"%s\" makes no sense",
				    chain->workload);
	for (size_t i = 0; i < chain->permit_count; i++) {
		const struct bh_permit *p = &chain->permits[i];

		if (p->kind > BH_PERMIT_PLACE || p->rank >= BH_RANKS ||
		    p->port_first > p->port_last ||
		    (p->kind <= BH_PERMIT_OUTSIDE && !is_addr(&p->peer.addr)))
			return bh_error_set(err, -EINVAL,
					    "ruleset: permission %zu of \"%s\" makes no sense", i,
					    chain->workload);
	}
	bh_desired_name(name, chain->side, false, chain->hash, "");
	if (bh_map_get_text(seen, name) != NULL)
		return bh_error_set(err, -EINVAL, "ruleset: two chains %s, one of \"%s\"", name,
				    chain->workload);
	bh_map_put_text(seen, name, seen);
	return 0;
}

static int check_bindings(const struct bh_ruleset *rules, struct bh_error *err)
{
	for (size_t i = 0; i < rules->binding_count; i++) {
		const struct bh_binding *b = &rules->bindings[i];

		if (!is_ifname(b->l3_ifname) || !(b->ifname[0] == '\0' || is_ifname(b->ifname)) ||
		    !is_addr(&b->addr) || b->egress >= rules->chain_count ||
		    b->ingress >= rules->chain_count ||
		    rules->chains[b->egress].side != BH_EGRESS ||
		    rules->chains[b->ingress].side != BH_INGRESS)
			return bh_error_set(err, -EINVAL, "ruleset: binding %zu makes no sense", i);
	}
	return 0;
}

static int check_ports(const struct bh_ruleset *rules, struct bh_error *err)
{
	for (size_t i = 0; i < rules->port_count; i++) {
		const struct bh_port *port = &rules->ports[i];
		bool fine = is_ifname(port->ifname) && port->mode <= BH_ENFORCE &&
			    (port->mode == BH_LEARN || port->workload[0] != '\0');

		for (size_t j = 0; fine && j < port->addr_count; j++)
			fine = is_addr(&port->addrs[j]);
		if (!fine)
			return bh_error_set(err, -EINVAL, "ruleset: port %zu makes no sense", i);
	}
	for (size_t i = 0; i < rules->bridge_count; i++)
		if (!is_ifname(rules->bridges[i].ifname))
			return bh_error_set(err, -EINVAL, "ruleset: bridge %zu makes no sense", i);
	for (size_t i = 0; i < rules->member_count; i++)
		if (!is_ifname(rules->members[i].ifname) || !is_ifname(rules->members[i].bridge))
			return bh_error_set(err, -EINVAL, "ruleset: member %zu makes no sense", i);
	return 0;
}

static int check_exceptions(const struct bh_ruleset *rules, struct bh_error *err)
{
	for (size_t i = 0; i < rules->exception_count; i++) {
		const struct bh_exception *e = &rules->exceptions[i];

		if (!rules->stateless || !bh_exception_is_possible(e->key.proto) ||
		    !is_addr(&e->key.src) || e->key.src.family != e->key.dst.family ||
		    !is_ifname(e->src_ifname) || !is_ifname(e->dst_ifname))
			return bh_error_set(err, -EINVAL, "ruleset: exception %zu makes no sense",
					    i);
	}
	return 0;
}

static int check_postures(const struct bh_ruleset *rules, struct bh_error *err)
{
	for (size_t i = 0; i < rules->posture_count; i++) {
		const struct bh_address_posture *p = &rules->postures[i];

		if (!is_ifname(p->l3_ifname) || p->posture > BH_POSTURE_CLOSED ||
		    (p->addr.family != BH_NO_FAMILY && !is_addr(&p->addr)))
			return bh_error_set(err, -EINVAL, "ruleset: posture %zu makes no sense", i);
	}
	return 0;
}

static int check(const struct bh_ruleset *rules, struct bh_error *err)
{
	struct bh_map *seen = bh_map_new(NULL);
	int result = 0;

	if (rules->posture > BH_POSTURE_CLOSED)
		result = bh_error_set(err, -EINVAL, "ruleset: no such posture: %u", rules->posture);
	if (rules->sensitive.count > BH_SENSITIVE_PORTS)
		result = bh_error_set(err, -EINVAL, "ruleset: too many sensitive ports: %u",
				      rules->sensitive.count);
	for (size_t i = 0; result == 0 && i < rules->chain_count; i++)
		result = check_chain(&rules->chains[i], seen, err);
	if (result == 0)
		result = check_bindings(rules, err);
	if (result == 0)
		result = check_ports(rules, err);
	if (result == 0)
		result = check_postures(rules, err);
	if (result == 0)
		result = check_exceptions(rules, err);
	bh_map_free(seen);
	return result;
}

/* --- the whole -------------------------------------------------------------------------------- */

static void finish(struct bh_nft_table *table, const struct bh_nft_config *config)
{
	table->present = true;
	table->flags = config->owner ? NFT_TABLE_F_OWNER | BH_NFT_F_PERSIST : 0;
	for (size_t i = 0; i < table->set_count; i++) {
		bh_nft_set_sort(table->sets[i]);
		bh_map_free(table->sets[i]->keys);
		table->sets[i]->keys = NULL;
	}
}

struct bh_desired_scope bh_desired_scope(const struct bh_ruleset *rules)
{
	return (struct bh_desired_scope) { .frame = true,
					   .routed = bh_inet_is_routed(rules),
					   .vrf = bh_inet_has_vrf(rules),
					   .postures = rules->posture_count > 0,
					   .urgent = bh_urgent_is_asked(rules),
					   .uplinks = bh_stateless_has_uplinks(rules),
					   .exceptions = bh_stateless_exceptions(rules),
					   .whole = rules->chain_count,
					   .ports = rules->chain_count };
}

struct bh_nft_state *bh_nft_desire_part(const struct bh_ruleset *rules,
					const struct bh_desired_scope *scope,
					const struct bh_nft_config *config, struct bh_error *err)
{
	if (check(rules, err) != 0)
		return NULL;
	struct bh_nft_state *state = bh_nft_state_new();
	bh_desire_inet(&state->tables[0], rules, scope, config);
	bh_desire_bridge(&state->tables[1], rules, scope, config);
	if (rules->stateless)
		bh_desire_stateless(&state->tables[1], rules, scope, config);
	for (size_t i = 0; i < BH_NFT_TABLES; i++)
		finish(&state->tables[i], config);
	return state;
}

void bh_nft_state_sign(struct bh_nft_state *state, const struct bh_nft_state *have)
{
	for (size_t i = 0; i < BH_NFT_TABLES; i++) {
		const struct bh_nft_table *table = &state->tables[i];

		for (size_t j = 0; j < table->chain_count; j++)
			if (bh_nft_table_chain(&have->tables[i], table->chains[j]->name) != NULL)
				bh_chain_sign(table->family, table->chains[j]);
	}
}

struct bh_nft_state *bh_nft_desire(const struct bh_ruleset *rules,
				   const struct bh_nft_config *config, struct bh_error *err)
{
	const struct bh_desired_scope all = bh_desired_scope(rules);

	if (rules->chain_count == 0)
		return check(rules, err) == 0 ? bh_nft_state_new() : NULL;
	return bh_nft_desire_part(rules, &all, config, err);
}
