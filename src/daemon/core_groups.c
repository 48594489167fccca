/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What workloads have in common besides their edges: their labels. */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "filters.h"
#include "grow.h"
#include "label_kinds.h"

/* Labels of one workload's instances. */
struct labels {
	const struct bh_label **items; /* each once */
	size_t *counts;		       /* of instances that have it */
	size_t count, capacity, count_capacity;
	size_t instances;
};

static void count_label(struct labels *l, const struct bh_label *label)
{
	for (size_t i = 0; i < l->count; i++) {
		if (strcmp(l->items[i]->key, label->key) == 0 &&
		    strcmp(l->items[i]->value, label->value) == 0) {
			l->counts[i]++;
			return;
		}
	}
	l->items = bh_grow(l->items, &l->capacity, l->count + 1, sizeof(struct bh_label *));
	l->counts = bh_grow(l->counts, &l->count_capacity, l->count + 1, sizeof(*l->counts));
	l->items[l->count] = label;
	l->counts[l->count++] = 1;
}

static void count_labels(struct labels *l, const struct bh_container *container)
{
	for (size_t i = 0; i < container->label_count; i++)
		if (bh_label_may_group(container->labels[i].key))
			count_label(l, &container->labels[i]);
}

void bh_core_groups(void *user, const char *workload,
		    void (*add)(void *to, const char *key, const char *value, bool whole), void *to)
{
	const struct bh_core *core = user;
	const struct bh_instance *instance;
	struct labels l = { 0 };

	for (size_t position = 0; (instance = bh_model_next(core->model, &position)) != NULL;) {
		if (strcmp(instance->workload, workload) != 0)
			continue;
		l.instances++;
		if (instance->container != NULL)
			count_labels(&l, instance->container);
	}
	for (size_t i = 0; i < l.count; i++)
		add(to, l.items[i]->key, l.items[i]->value, l.counts[i] == l.instances);
	free(l.items);
	free(l.counts);
}

bool bh_core_port_is_sensitive(void *user, uint8_t proto, uint16_t port)
{
	static const struct bh_peer inside = { .kind = BH_PEER_WORKLOAD };
	static const struct bh_filter_config filters;
	const struct bh_edge edge = {
		.src = &inside, .dst = &inside, .proto = proto, .port = port
	};

	(void)user;
	return bh_is_urgent(&filters, &edge);
}
