/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What peers outside are called: by DNS answers that the container itself received, and, as a claim
 * that nobody has checked, by what its TLS clients say. */
#include <stdlib.h>
#include <string.h>

#include "core.h"
#include "grow.h"
#include "peer.h"
#include "timefmt.h"

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

/* Its own word comes first; a sibling's, or its own before a restart, is the workload's still. */
static const char *asked_for(const struct bh_core *core, const struct bh_live_flow *live)
{
	if (live->dns != NULL || live->src->kind != BH_PEER_WORKLOAD)
		return live->dns != NULL ? bh_name_text(live->dns) : NULL;
	return bh_answers_name(core->answers, live->src->name, &live->flow.key.dst,
			       live->flow.first);
}

const struct bh_peer *bh_core_destination(const struct bh_core *core,
					  const struct bh_live_flow *live, struct bh_peer *room)
{
	if (live->dst->kind != BH_PEER_ADDRESS)
		return live->dst;
	if (live->learned)
		return live->learned_as != NULL ? live->learned_as : live->dst;
	const char *name = asked_for(core, live);
	return name != NULL && bh_peer_by_dns(name, room) ? room : live->dst;
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
