/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "tunnels.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "grow.h"
#include "map.h"

#define MOST_LABELS UINT16_MAX
#define MOST_NESTED 4

struct label {
	char text[BH_TUNNEL_TEXT];
	uint8_t depth;
	uint16_t number;
};

/* What makes a label, without padding. */
struct path {
	uint32_t id;
	uint16_t outer;
	uint8_t kind, has_id;
};

struct bh_tunnels {
	struct bh_map *by_path; /* struct path → struct label */
	struct label **labels;	/* by number; the first is not used */
	size_t count, capacity;
};

struct bh_tunnels *bh_tunnels_new(void)
{
	struct bh_tunnels *t = bh_calloc(1, sizeof(*t));

	t->by_path = bh_map_new(free);
	t->labels = bh_grow(NULL, &t->capacity, 1, sizeof(*t->labels));
	t->labels[0] = NULL;
	t->count = 1;
	return t;
}

void bh_tunnels_free(struct bh_tunnels *t)
{
	if (t == NULL)
		return;
	bh_map_free(t->by_path);
	free(t->labels);
	free(t);
}

/* iproute2's names for the kinds. */
static const char *kind_name(uint8_t kind)
{
	static const char *const names[] = {
		[BH_TUNNEL_VXLAN] = "vxlan",   [BH_TUNNEL_GENEVE] = "geneve",
		[BH_TUNNEL_GRE] = "gre",       [BH_TUNNEL_IPIP] = "ipip",
		[BH_TUNNEL_SIT] = "sit",       [BH_TUNNEL_IPIP6] = "ipip6",
		[BH_TUNNEL_IP6IP6] = "ip6ip6", [BH_TUNNEL_VXLAN_GPE] = "vxlan-gpe",
		[BH_TUNNEL_ERSPAN] = "erspan", [BH_TUNNEL_GTP] = "gtp",
		[BH_TUNNEL_TEREDO] = "teredo"
	};

	return names[kind];
}

static void write_text(struct label *label, const struct label *outer, const struct bh_inner *inner)
{
	char id[16] = "";

	if (inner->has_id)
		snprintf(id, sizeof(id), ":%" PRIu32, inner->id);
	snprintf(label->text, sizeof(label->text), "%s%s%s%s", outer != NULL ? outer->text : "",
		 outer != NULL ? "/" : "", kind_name(inner->tunnel), id);
}

static struct path path_of(uint16_t outer, const struct bh_inner *inner)
{
	return (struct path) { .id = inner->has_id ? inner->id : 0,
			       .outer = outer,
			       .kind = inner->tunnel,
			       .has_id = inner->has_id };
}

uint16_t bh_tunnels_find(const struct bh_tunnels *t, uint16_t outer, const struct bh_inner *inner)
{
	struct path path = path_of(outer, inner);
	const struct label *label = bh_map_get(t->by_path, &path, sizeof(path));

	return label != NULL ? label->number : 0;
}

uint16_t bh_tunnels_label(struct bh_tunnels *t, uint16_t outer, const struct bh_inner *inner)
{
	const struct label *around = t->labels[outer];
	struct path path = path_of(outer, inner);
	struct label *label = bh_map_get(t->by_path, &path, sizeof(path));

	if (label != NULL)
		return label->number;
	if (t->count > MOST_LABELS || (around != NULL && around->depth == MOST_NESTED))
		return 0;
	label = bh_calloc(1, sizeof(*label));
	label->depth = around != NULL ? (uint8_t)(around->depth + 1) : 1;
	label->number = (uint16_t)t->count;
	write_text(label, around, inner);
	bh_map_put(t->by_path, &path, sizeof(path), label);
	t->labels = bh_grow(t->labels, &t->capacity, t->count + 1, sizeof(*t->labels));
	t->labels[t->count++] = label;
	return label->number;
}

const char *bh_tunnels_text(const struct bh_tunnels *t, uint16_t label)
{
	return label != 0 ? t->labels[label]->text : "";
}
