/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What peers outside are called: by DNS answers that the container itself received, and, as a claim
 * that nobody has checked, by what its TLS clients say. */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "grow.h"
#include "peer.h"
#include "timefmt.h"

#define MOST_LISTED 5 /* workloads in one sentence */

void bh_core_names(struct bh_core *core, const struct bh_named *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bh_names_client client = { .ifindex = names[i].ifindex };

		bh_names_add(core->names, &client, &names[i]);
		bh_core_answer(core, &names[i]);
	}
}

/* What one container was told, on whichever of its interfaces: the latest answer. */
static struct bh_name *find_name(struct bh_core *core, const struct bh_flow *f)
{
	struct bh_names_client client = { .ifindex = f->src_ifindex };
	struct bh_name *latest = bh_names_find(core->names, &client, &f->key.dst, f->first);
	const struct bh_instance *who = bh_model_at(core->model, f->src_ifindex, f->first), *beside;

	for (size_t at = 0;
	     who != NULL && (beside = bh_model_next_beside(core->model, who, &at)) != NULL;) {
		client.ifindex = beside->fact.ifindex;
		struct bh_name *name = bh_names_find(core->names, &client, &f->key.dst, f->first);
		if (name != NULL && (latest == NULL || bh_name_since(name) > bh_name_since(latest)))
			latest = name;
	}
	return latest;
}

void bh_core_names_keep_to(struct bh_core *core, const struct bh_endpoint_fact *fact)
{
	const struct bh_instance *known = bh_model_at(core->model, fact->ifindex, bh_time_now());

	if (known != NULL && bh_endpoint_changed_hands(&known->fact, fact))
		bh_core_names_gone(core, fact->ifindex);
}

void bh_core_names_gone(struct bh_core *core, uint32_t ifindex)
{
	struct bh_names_client client = { .ifindex = ifindex };

	bh_names_drop(core->names, &client);
}

void bh_core_name_peer(struct bh_core *core, struct bh_live_flow *live)
{
	if (live->dns != NULL || live->learned || live->flow.src_ifindex == 0 ||
	    live->dst->kind != BH_PEER_ADDRESS)
		return;
	live->dns = find_name(core, &live->flow);
	bh_name_use(live->dns);
}

const struct bh_peer *bh_core_destination(const struct bh_live_flow *live, struct bh_peer *room)
{
	bool named = live->dns != NULL && live->dst->kind == BH_PEER_ADDRESS &&
		     bh_peer_by_dns(bh_name_text(live->dns), room);

	return named ? room : live->dst;
}

/* An address that is an edge's destination may have been learned before anybody knew its name. */
static void keep_answer(struct bh_core *core, const struct bh_live_flow *live)
{
	if (bh_ledger_users(core->ledger, live->dst) > 0)
		bh_called_note(core->called, live->src->name, live->dst->name, BH_CALLED_BY_DNS,
			       bh_name_text(live->dns), live->flow.last);
}

static void keep_claim(struct bh_core *core, const struct bh_live_flow *live,
		       const struct bh_peer *dst)
{
	const char *name = bh_peer_dns(dst);

	if (name == NULL || strcmp(name, live->sni) != 0)
		bh_called_note(core->called, live->src->name, dst->name, BH_CALLED_BY_CLAIM,
			       live->sni, live->flow.last);
}

void bh_core_keep_names(struct bh_core *core, struct bh_live_flow *live, const struct bh_peer *dst)
{
	if (live->dst->kind != BH_PEER_ADDRESS)
		return;
	if (live->dns != NULL && !live->dns_kept)
		keep_answer(core, live);
	if (live->sni != NULL && !live->sni_kept)
		keep_claim(core, live, dst);
	live->dns_kept = live->dns != NULL;
	live->sni_kept = live->sni != NULL;
}

void bh_core_unname_peer(struct bh_live_flow *live)
{
	bh_name_end(live->dns);
	bh_name_release(live->dns);
	live->dns = NULL;
	free(live->sni);
	live->sni = NULL;
	live->dns_kept = live->sni_kept = false;
}

void bh_core_claims(struct bh_core *core, const struct bh_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bh_live_flow *live = bh_live_flows_find(core->flows, claims[i].flow);

		if (live == NULL || live->sni != NULL)
			continue;
		live->sni = bh_strdup(claims[i].name);
		live->sequence = ++core->flow_sequence;
	}
}

/* Whether any answer for it was seen, on whichever of its interfaces. */
static bool was_told_anything(const struct bh_core *core, const struct bh_instance *who)
{
	struct bh_names_client client = { .ifindex = who->fact.ifindex };
	const struct bh_instance *beside;
	size_t at = 0;

	if (bh_names_knows(core->names, &client))
		return true;
	while ((beside = bh_model_next_beside(core->model, who, &at)) != NULL) {
		client.ifindex = beside->fact.ifindex;
		if (bh_names_knows(core->names, &client))
			return true;
	}
	return false;
}

static bool is_unnamed_server(const struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;

	return live->dst->kind == BH_PEER_ADDRESS && live->src->kind == BH_PEER_WORKLOAD &&
	       live->dns == NULL && f->answered && f->key.dport != BH_DNS_PORT;
}

static void list_workload(struct bh_map *seen, const char *workload, struct bh_buffer *who)
{
	size_t count = bh_map_count(seen);

	if (bh_map_get_text(seen, workload) != NULL)
		return;
	bh_map_put_text(seen, workload, seen);
	if (count < MOST_LISTED)
		bh_buffer_printf(who, "%s%s", count > 0 ? ", " : "", workload);
	else if (count == MOST_LISTED)
		bh_buffer_puts(who, ", …");
}

size_t bh_core_names_missing(const struct bh_core *core, struct bh_buffer *who)
{
	struct bh_map *seen = bh_map_new(NULL);

	for (const struct bh_live_flow *live = core->oldest; live != NULL; live = live->newer) {
		if (!is_unnamed_server(live))
			continue;
		const struct bh_instance *source =
			bh_model_at(core->model, live->flow.src_ifindex, live->flow.first);
		if (source != NULL && source->until == 0 && !was_told_anything(core, source))
			list_workload(seen, live->src->name, who);
	}
	size_t count = bh_map_count(seen);
	bh_map_free(seen);
	return count;
}
