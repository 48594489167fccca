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

struct bh_policy *bh_policy_new(void)
{
	struct bh_policy *p = bh_calloc(1, sizeof(*p));

	p->names = bh_map_new(free);
	return p;
}

void bh_policy_free(struct bh_policy *p)
{
	if (p == NULL)
		return;
	for (size_t i = 0; i < p->workload_count; i++) {
		for (size_t j = 0; j < p->workloads[i].label_count; j++) {
			free(p->workloads[i].labels[j].key);
			free(p->workloads[i].labels[j].value);
		}
		free(p->workloads[i].labels);
		free(p->workloads[i].name);
	}
	for (size_t i = 0; i < p->rule_count; i++) {
		free(p->rules[i].from.items);
		free(p->rules[i].to.items);
		free(p->rules[i].ports);
		free(p->rules[i].edges);
		free(p->rules[i].comment);
	}
	free(p->workloads);
	free(p->rules);
	free(p->header);
	bh_map_free(p->names);
	free(p);
}

/* Room for one more, zeroed, in an array that is full at 0, 16, 32, 64 … items. */
static void *add_item(void *items, size_t count, size_t size)
{
	bool full = count == 0 || (count >= 16 && (count & (count - 1)) == 0);
	size_t capacity = 0;

	if (full)
		items = bh_grow(items, &capacity, count == 0 ? 16 : count * 2, size);
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

void bh_policy_add_label(struct bh_policy *p, size_t workload, const char *key, const char *value)
{
	struct bh_policy_workload *w = &p->workloads[workload];

	w->labels = add_item(w->labels, w->label_count, sizeof(*w->labels));
	w->labels[w->label_count++] =
		(struct bh_policy_label) { .key = bh_strdup(key), .value = bh_strdup(value) };
}

static void add_peer(struct bh_policy_peers *peers, const struct bh_policy_peer *peer)
{
	peers->items = add_item(peers->items, peers->count, sizeof(*peers->items));
	peers->items[peers->count++] = *peer;
}

void bh_policy_add_from(struct bh_policy *p, size_t rule, const struct bh_policy_peer *from)
{
	add_peer(&p->rules[rule].from, from);
}

void bh_policy_add_to(struct bh_policy *p, size_t rule, const struct bh_policy_peer *to)
{
	add_peer(&p->rules[rule].to, to);
}

size_t bh_policy_add_rule(struct bh_policy *p, const struct bh_policy_peer *from,
			  const struct bh_policy_peer *to, const char *comment)
{
	p->rules = add_item(p->rules, p->rule_count, sizeof(*p->rules));
	struct bh_policy_rule *rule = &p->rules[p->rule_count];
	add_peer(&rule->from, from);
	add_peer(&rule->to, to);
	rule->comment = comment != NULL ? bh_strdup(comment) : NULL;
	return p->rule_count++;
}

void bh_policy_add_port(struct bh_policy *p, size_t rule, uint8_t proto, uint16_t first,
			uint16_t last)
{
	struct bh_policy_rule *r = &p->rules[rule];

	r->ports = add_item(r->ports, r->port_count, sizeof(*r->ports));
	r->ports[r->port_count++] = (struct bh_policy_port) { proto, first, last };
}

void bh_policy_add_edge(struct bh_policy *p, size_t rule, uint64_t id)
{
	struct bh_policy_rule *r = &p->rules[rule];

	r->edges = add_item(r->edges, r->edge_count, sizeof(*r->edges));
	r->edges[r->edge_count++] = id;
}

void bh_policy_peer_text(const struct bh_policy *p, const struct bh_policy_peer *peer, char *out,
			 size_t size)
{
	static const char *const words[] = { [BH_POLICY_HOST] = "host",
					     [BH_POLICY_WORLD] = "world",
					     [BH_POLICY_METADATA] = "metadata",
					     [BH_POLICY_MULTICAST] = "multicast" };
	char text[BH_PREFIX_TEXT];

	if (peer->kind == BH_POLICY_WORKLOAD)
		bh_copy_text(out, size, p->workloads[peer->workload].name);
	else if (peer->kind == BH_POLICY_PREFIX)
		bh_copy_text(out, size, bh_prefix_format(&peer->prefix, text));
	else if (peer->kind == BH_POLICY_DNS)
		snprintf(out, size, "dns:%s", peer->name);
	else
		bh_copy_text(out, size, words[peer->kind]);
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
	char peer[300];

	for (size_t i = 0; i < peers->count; i++) {
		bh_policy_peer_text(p, &peers->items[i], peer, sizeof(peer));
		bh_buffer_printf(out, "%s%s", i > 0 ? ", " : "", peer);
	}
}

void bh_policy_rule_text(const struct bh_policy *p, size_t rule, char *out, size_t size)
{
	const struct bh_policy_rule *r = &p->rules[rule];
	struct bh_buffer text = { 0 };

	put_peers(&text, p, &r->from);
	bh_buffer_puts(&text, " → ");
	put_peers(&text, p, &r->to);
	bh_buffer_puts(&text, " ");
	for (size_t i = 0; i < r->port_count; i++) {
		char port[BH_POLICY_PORT_TEXT];

		bh_buffer_printf(&text, "%s%s", i > 0 ? ", " : " ",
				 bh_policy_port_format(&r->ports[i], port));
	}
	bh_copy_text(out, size, text.data);
	bh_buffer_free(&text);
}
