/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What peers outside are called: by DNS answers that the container itself received, and, as a claim
 * that nobody has checked, by what its TLS clients say. */
#include <stdlib.h>

#include "core.h"
#include "grow.h"

void bh_core_names(struct bh_core *core, const struct bh_named *names, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bh_names_client client = { .ifindex = names[i].ifindex };

		bh_names_add(core->names, &client, &names[i]);
	}
}

void bh_core_name_peer(struct bh_core *core, struct bh_live_flow *live)
{
	const struct bh_flow *f = &live->flow;
	struct bh_names_client client = { .ifindex = f->src_ifindex };

	if (live->dns != NULL || client.ifindex == 0 || live->dst.kind != BH_PEER_ADDRESS)
		return;
	live->dns = bh_names_find(core->names, &client, &f->key.dst, f->first);
	bh_name_use(live->dns);
}

void bh_core_unname_peer(struct bh_live_flow *live)
{
	bh_name_end(live->dns);
	bh_name_release(live->dns);
	live->dns = NULL;
	free(live->sni);
	live->sni = NULL;
}

void bh_core_claims(struct bh_core *core, const struct bh_claim *claims, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		struct bh_live_flow *live =
			bh_map_get(core->flows, &claims[i].flow, sizeof(claims[i].flow));

		if (live == NULL || live->sni != NULL)
			continue;
		live->sni = bh_strdup(claims[i].name);
		live->sequence = ++core->flow_sequence;
	}
}
