/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A policy is a document before it is anything else: a person reads, edits and signs it. So it
 * keeps three promises. Whatever prints parses back to the same policy, byte for byte the second
 * time. Whatever is wrong in it is refused at its place, never guessed at. And it names workloads
 * by labels, never by address: addresses are given to strangers the moment a container goes.
 */
#include "policy.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "address.h"
#include "buffer.h"
#include "grow.h"
#include "map.h"
#include "port.h"
#include "timefmt.h"

struct bh_policy *bh_policy_new(void)
{
	struct bh_policy *p = bh_calloc(1, sizeof(*p));

	p->names = bh_map_new(free);
	return p;
}

static void free_workload(struct bh_policy_workload *w)
{
	for (size_t i = 0; i < w->label_count; i++) {
		for (size_t j = 0; j < w->labels[i].value_count; j++)
			free(w->labels[i].values[j]);
		free(w->labels[i].values);
		free(w->labels[i].key);
	}
	free(w->labels);
	free(w->name);
}

static void free_peers(struct bh_policy_peers *peers)
{
	free(peers->items);
	free(peers->written);
}

void bh_policy_free(struct bh_policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->workload_count; i++)
		free_workload(&p->workloads[i]);
	for (size_t i = 0; i < p->group_count; i++) {
		free_peers(&p->groups[i].peers);
		free(p->groups[i].name);
	}
	for (size_t i = 0; i < p->rule_count; i++) {
		free_peers(&p->rules[i].from);
		free_peers(&p->rules[i].to);
		free(p->rules[i].ports);
		free(p->rules[i].edges);
		free(p->rules[i].comment);
		free(p->rules[i].note);
	}
	for (size_t i = 0; i < p->except_count; i++)
		free(p->excepts[i]);
	free(p->workloads);
	free(p->groups);
	free(p->rules);
	free(p->excepts);
	free(p->header);
	bh_map_free(p->names);
	free(p);
}

/* Room for one more, zeroed, in an array that is full at 0, 1, 2, 4, 8 … items: most have one. */
static void *add_item(void *items, size_t count, size_t size)
{
	if ((count & (count - 1)) == 0)
		items = bh_resize(items, count == 0 ? 1 : count * 2, size);
	memset((char *)items + count * size, 0, size);
	return items;
}

const char *bh_policy_name(struct bh_policy *p, const char *text)
{
	char *name = bh_map_get_text(p->names, text);

	if (name == NULL) {
		name = bh_strdup(text);
		bh_map_put_text(p->names, text, name);
	}
	return name;
}

bool bh_policy_speaks_of(const struct bh_policy *p, const char *name)
{
	char pattern[BH_PEER_NAME] = "*";

	if (bh_map_count(p->names) == 0)
		return false;
	if (bh_map_get_text(p->names, name) != NULL)
		return true;
	while ((name = strchr(name, '.')) != NULL) {
		bh_copy_text(pattern + 1, sizeof(pattern) - 1, name++);
		if (bh_map_get_text(p->names, pattern) != NULL)
			return true;
	}
	return false;
}

size_t bh_policy_add_workload(struct bh_policy *p, const char *name)
{
	p->workloads = add_item(p->workloads, p->workload_count, sizeof(*p->workloads));
	p->workloads[p->workload_count].name = bh_strdup(name);
	return p->workload_count++;
}

size_t bh_policy_add_test(struct bh_policy *p, size_t workload, const char *key, uint8_t test)
{
	struct bh_policy_workload *w = &p->workloads[workload];

	w->labels = add_item(w->labels, w->label_count, sizeof(*w->labels));
	w->labels[w->label_count] = (struct bh_policy_label) { bh_strdup(key), test, NULL, 0 };
	return w->label_count++;
}

void bh_policy_add_value(struct bh_policy *p, size_t workload, size_t label, const char *value)
{
	struct bh_policy_label *l = &p->workloads[workload].labels[label];

	l->values = add_item(l->values, l->value_count, sizeof(*l->values));
	l->values[l->value_count++] = bh_strdup(value);
}

void bh_policy_add_label(struct bh_policy *p, size_t workload, const char *key, const char *value)
{
	bh_policy_add_value(p, workload, bh_policy_add_test(p, workload, key, BH_LABEL_IN), value);
}

bool bh_policy_label_has(const struct bh_policy_label *l, const char *value)
{
	for (size_t i = 0; i < l->value_count; i++)
		if (strcmp(l->values[i], value) == 0)
			return true;
	return false;
}

bool bh_policy_label_holds(const struct bh_policy_label *l, const char *value)
{
	switch (l->test) {
	case BH_LABEL_IN:
		return value != NULL && bh_policy_label_has(l, value);
	case BH_LABEL_NOT_IN:
		return value == NULL || !bh_policy_label_has(l, value);
	case BH_LABEL_EXISTS:
		return value != NULL;
	case BH_LABEL_ABSENT:
		return value == NULL;
	}
	return false;
}

static void append(struct bh_policy_peer **items, size_t *count, const struct bh_policy_peer *peer)
{
	*items = add_item(*items, *count, sizeof(**items));
	(*items)[(*count)++] = *peer;
}

static void add_peer(struct bh_policy *p, struct bh_policy_peers *peers,
		     const struct bh_policy_peer *peer)
{
	bool group = peer->kind == BH_POLICY_GROUP;
	const struct bh_policy_peers *members = group ? &p->groups[peer->group].peers : NULL;

	p->has_containers = p->has_containers || peer->containers;
	if (group && peers->written == NULL)
		for (size_t i = 0; i < peers->count; i++)
			append(&peers->written, &peers->written_count, &peers->items[i]);
	if (group || peers->written != NULL)
		append(&peers->written, &peers->written_count, peer);
	if (!group)
		append(&peers->items, &peers->count, peer);
	for (size_t i = 0; group && i < members->count; i++)
		append(&peers->items, &peers->count, &members->items[i]);
}

size_t bh_policy_add_group(struct bh_policy *p, const char *name)
{
	p->groups = add_item(p->groups, p->group_count, sizeof(*p->groups));
	p->groups[p->group_count].name = bh_strdup(name);
	return p->group_count++;
}

void bh_policy_add_member(struct bh_policy *p, size_t group, const struct bh_policy_peer *member)
{
	add_peer(p, &p->groups[group].peers, member);
}

void bh_policy_add_from(struct bh_policy *p, size_t rule, const struct bh_policy_peer *from)
{
	add_peer(p, &p->rules[rule].from, from);
}

void bh_policy_add_to(struct bh_policy *p, size_t rule, const struct bh_policy_peer *to)
{
	add_peer(p, &p->rules[rule].to, to);
}

const struct bh_policy_except *bh_policy_except(struct bh_policy *p, const struct bh_prefix *items,
						size_t count)
{
	if (count == 0)
		return NULL;
	struct bh_policy_except *except = bh_calloc(1, sizeof(*except) + count * sizeof(*items));

	except->count = count;
	memcpy(except->items, items, count * sizeof(*items));
	p->excepts = add_item(p->excepts, p->except_count, sizeof(*p->excepts));
	p->excepts[p->except_count++] = except;
	return except;
}

bool bh_policy_prefix_holds(const struct bh_policy_peer *peer, const struct bh_addr *addr)
{
	const struct bh_policy_except *except = peer->except;

	for (size_t i = 0; except != NULL && i < except->count; i++)
		if (bh_prefix_contains(&except->items[i], addr))
			return false;
	return bh_prefix_contains(&peer->prefix, addr);
}

size_t bh_policy_add_rule(struct bh_policy *p, const struct bh_policy_peer *from,
			  const struct bh_policy_peer *to, const char *comment)
{
	p->rules = add_item(p->rules, p->rule_count, sizeof(*p->rules));
	struct bh_policy_rule *rule = &p->rules[p->rule_count];
	add_peer(p, &rule->from, from);
	add_peer(p, &rule->to, to);
	rule->comment = comment != NULL ? bh_strdup(comment) : NULL;
	return p->rule_count++;
}

void bh_policy_add_port(struct bh_policy *p, size_t rule, uint8_t proto, uint16_t first,
			uint16_t last)
{
	struct bh_policy_rule *r = &p->rules[rule];

	r->ports = add_item(r->ports, r->port_count, sizeof(*r->ports));
	r->ports[r->port_count++] =
		(struct bh_policy_port) { .proto = proto, .first = first, .last = last };
}

void bh_policy_add_named_port(struct bh_policy *p, size_t rule, uint8_t proto, const char *name)
{
	struct bh_policy_rule *r = &p->rules[rule];

	bh_policy_add_port(p, rule, proto, 0, 0);
	r->ports[r->port_count - 1].name = bh_policy_name(p, name);
	p->names_ports = true;
}

void bh_policy_add_edge(struct bh_policy *p, size_t rule, uint64_t id)
{
	struct bh_policy_rule *r = &p->rules[rule];

	r->edges = add_item(r->edges, r->edge_count, sizeof(*r->edges));
	r->edges[r->edge_count++] = id;
}

static void put_except(struct bh_buffer *out, const struct bh_policy_except *except)
{
	char text[BH_PREFIX_TEXT];

	for (size_t i = 0; i < except->count; i++)
		bh_buffer_printf(out, "%s%s", i > 0 ? ", " : " except ",
				 bh_prefix_format(&except->items[i], text));
}

void bh_policy_put_peer(struct bh_buffer *out, const struct bh_policy *p,
			const struct bh_policy_peer *peer)
{
	static const char *const words[] = { [BH_POLICY_HOST] = "host",
					     [BH_POLICY_WORLD] = "world",
					     [BH_POLICY_METADATA] = "metadata",
					     [BH_POLICY_MULTICAST] = "multicast" };
	char text[BH_PREFIX_TEXT];

	if (peer->kind == BH_POLICY_WORKLOAD)
		bh_buffer_puts(out, p->workloads[peer->workload].name);
	else if (peer->kind == BH_POLICY_GROUP)
		bh_buffer_puts(out, p->groups[peer->group].name);
	else if (peer->kind == BH_POLICY_PREFIX)
		bh_buffer_puts(out, bh_prefix_format(&peer->prefix, text));
	else if (peer->kind == BH_POLICY_DNS)
		bh_buffer_printf(out, "dns:%s", peer->name);
	else
		bh_buffer_puts(out, words[peer->kind]);
	if (peer->except != NULL)
		put_except(out, peer->except);
	if (peer->containers)
		bh_buffer_puts(out, " and containers there");
}

void bh_policy_peer_text(const struct bh_policy *p, const struct bh_policy_peer *peer, char *out,
			 size_t size)
{
	struct bh_buffer text = { 0 };

	bh_policy_put_peer(&text, p, peer);
	bh_copy_text(out, size, text.data);
	bh_buffer_free(&text);
}

const char *bh_policy_rank_text(const struct bh_policy_rule *rule)
{
	static const char *const texts[BH_RANKS] = { "", "deny ", "platform ", "platform deny " };

	return texts[rule->rank];
}

const char *bh_policy_ends_text(const struct bh_policy_rule *rule)
{
	static const char *const texts[] = {
		[BH_AT_BOTH] = "", [BH_AT_EGRESS] = "  at egress", [BH_AT_INGRESS] = "  at ingress"
	};

	return texts[rule->ends];
}

void bh_policy_set_note(struct bh_policy *p, size_t rule, const char *note)
{
	free(p->rules[rule].note);
	p->rules[rule].note = bh_strdup(note);
}

int64_t bh_policy_set_time(struct bh_policy *p, int64_t now)
{
	int64_t next = INT64_MAX;

	for (size_t i = 0; i < p->rule_count; i++) {
		struct bh_policy_rule *rule = &p->rules[i];

		if (rule->expires == 0)
			continue;
		rule->over = now >= rule->expires;
		if (!rule->over && rule->expires < next)
			next = rule->expires;
	}
	return next;
}

char *bh_policy_expiry_text(int64_t expires, char out[BH_EXPIRY_TEXT])
{
	bool day = expires % BH_DAY == 0;

	bh_time_format(day ? expires - BH_DAY : expires, out);
	if (day)
		out[strlen("2026-12-31")] = '\0';
	else if (expires % BH_SECOND == 0)
		strcpy(out + strlen("2026-12-31T18:00:00"), "Z");
	return out;
}

void bh_policy_set_rank(struct bh_policy *p, size_t rule, uint8_t rank)
{
	p->rules[rule].rank = rank;
	p->denies = p->denies || bh_rank_denies(rank);
	if (rank > p->top_rank)
		p->top_rank = rank;
}

void bh_policy_set_ends(struct bh_policy *p, size_t rule, uint8_t ends)
{
	p->rules[rule].ends = ends;
	p->one_sided = p->one_sided || ends != BH_AT_BOTH;
}

void bh_policy_set_default(struct bh_policy *p, size_t workload, enum bh_side side, uint8_t value)
{
	uint8_t *defaults =
		workload == BH_ALL_WORKLOADS ? p->defaults : p->workloads[workload].defaults;

	defaults[side] = value;
	p->has_open = p->has_open || value == BH_DEFAULT_ALLOW;
}

bool bh_policy_rule_has_port(const struct bh_policy *p, size_t rule, uint8_t proto, uint16_t port)
{
	const struct bh_policy_rule *r = &p->rules[rule];

	for (size_t i = 0; i < r->port_count; i++)
		if (bh_policy_port_matches(&r->ports[i], proto, port))
			return true;
	return false;
}

static void put_peers(struct bh_buffer *out, const struct bh_policy *p,
		      const struct bh_policy_peers *peers)
{
	const struct bh_policy_peer *items = peers->written != NULL ? peers->written : peers->items;
	size_t count = peers->written != NULL ? peers->written_count : peers->count;

	for (size_t i = 0; i < count; i++) {
		bh_buffer_puts(out, i > 0 ? ", " : "");
		bh_policy_put_peer(out, p, &items[i]);
	}
}

void bh_policy_rule_text(const struct bh_policy *p, size_t rule, char *out, size_t size)
{
	const struct bh_policy_rule *r = &p->rules[rule];
	struct bh_buffer text = { 0 };
	char expiry[BH_EXPIRY_TEXT];

	bh_buffer_puts(&text, bh_policy_rank_text(r));
	put_peers(&text, p, &r->from);
	bh_buffer_puts(&text, " → ");
	put_peers(&text, p, &r->to);
	bh_buffer_puts(&text, " ");
	for (size_t i = 0; i < r->port_count; i++) {
		char port[BH_POLICY_PORT_TEXT];

		bh_buffer_printf(&text, "%s%s", i > 0 ? ", " : " ",
				 bh_policy_port_format(&r->ports[i], port));
	}
	bh_buffer_puts(&text, bh_policy_ends_text(r));
	if (r->expires != 0)
		bh_buffer_printf(&text, "  until %s", bh_policy_expiry_text(r->expires, expiry));
	bh_copy_text(out, size, text.data);
	bh_buffer_free(&text);
}
