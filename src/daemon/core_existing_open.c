/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which connections are open: those that connection tracking has, and where nobody tracks those
 * that capture sees. Capture remembers an exchange that has no end for longer than connection
 * tracking may: where that would have it and does not, its next packet is a new one's.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_exceptions.h"
#include "grow.h"
#include "timefmt.h"

#define UNDER_WAY (5 * BH_SECOND) /* what is younger may have come while entries were read */

struct opens {
	const struct bh_core *core;
	struct bh_tracked *items;
	size_t count, capacity;
	struct bh_map *tuples; /* of those that are tracked, both ways */
	struct bh_map *paths;  /* by which any of them goes */
	int64_t read;	       /* µs: what was seen last before then would be among them; 0: not */
};

/* A family on one network of this host, or between any others. */
struct path_name {
	char text[BH_IFNAME + 4];
};

static struct path_name path_of(const struct bh_core *core, const struct bh_flow_key *key)
{
	const char *network = bh_core_shared_network(core, key, bh_time_now());
	struct path_name name;

	snprintf(name.text, sizeof(name.text), "%u %s", key->src.family,
		 network != NULL ? network : "/"); /* no interface is called so */
	return name;
}

static void add_open(struct opens *o, const struct bh_tracked *entry)
{
	struct bh_tuple there = bh_tuple_of(&entry->original), back = bh_tuple_of(&entry->reply);

	o->items = bh_grow(o->items, &o->capacity, o->count + 1, sizeof(*o->items));
	o->items[o->count++] = *entry;
	bh_map_put(o->tuples, &there, sizeof(there), o);
	bh_map_put(o->tuples, &back, sizeof(back), o);
}

static void add_tracked(struct opens *o, const struct bh_tracked *entry)
{
	const struct bh_flow_key key = { .src = entry->original.src, .dst = entry->reply.src };

	add_open(o, entry);
	/* Between two on one bridge a translated one goes by way of this host, and tells nothing of
	 * others. */
	if (!entry->src_nat && !entry->dst_nat)
		bh_map_put_text(o->paths, path_of(o->core, &key).text, o);
}

/* Our own rules have what they see tracked. */
static bool rules_track(const struct bh_core *core, const char *network)
{
	if (core->enforcement != BH_ENFORCEMENT_ACTIVE || core->rules == NULL)
		return false;
	if (network == NULL)
		return true;
	for (size_t i = 0; !bh_core_is_stateless(core) && i < core->rules->bridge_count; i++)
		if (core->rules->bridges[i].filtered &&
		    strcmp(core->rules->bridges[i].ifname, network) == 0)
			return true;
	return false;
}

/* Connection tracking had it, and has it no more. */
static bool is_forgotten(const struct opens *o, const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	if (f->last >= o->read)
		return false;
	return live->tracking == BH_TRACKING_TRACKED ||
	       rules_track(o->core, bh_core_shared_network(o->core, &f->key, bh_time_now())) ||
	       bh_map_get_text(o->paths, path_of(o->core, &f->key).text) != NULL;
}

/* Where everybody learns nobody may track what a bridge carries. It will be entered as it is now,
 * once somebody ceases to (bh_core_flows_keep()). What a stateless bridge carries nobody tracks. */
static void add_untracked(struct opens *o, const struct bh_live_flow *live)
{
	struct bh_tuple tuple = bh_tuple_of(&live->flow.key);
	const struct bh_tracked entry = { .original = live->flow.key,
					  .reply = bh_flow_key_turned(&live->flow.key),
					  .seen_reply = true };

	bool bridged = bh_core_shared_network(o->core, &live->flow.key, bh_time_now()) != NULL;
	bool open = (bridged && bh_core_exceptions_open(o->core, live)) ||
		    (bh_core_flow_is_open(live) && !is_forgotten(o, live));

	if (open && bh_map_get(o->tuples, &tuple, sizeof(tuple)) == NULL)
		add_open(o, &entry);
}

/* 0: they are not known, or not all of them. */
static int64_t read_at(const struct bh_core_existing *e)
{
	if (e->heard == 0 || e->end.code != 0 || e->end.left_out > 0)
		return 0;
	return bh_time_now() - (bh_time_monotonic() - e->heard) - UNDER_WAY;
}

struct bh_tracked *bh_open_connections(const struct bh_core *core, size_t *count)
{
	const struct bh_core_existing *e = core->existing;
	struct opens o = { .core = core,
			   .tuples = bh_map_new(NULL),
			   .paths = bh_map_new(NULL),
			   .read = read_at(e) };

	for (size_t i = 0; i < e->entry_count; i++)
		add_tracked(&o, &e->entries[i]);
	for (const struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer)
		add_untracked(&o, live);
	bh_map_free(o.tuples);
	bh_map_free(o.paths);
	*count = o.count;
	return o.items;
}
