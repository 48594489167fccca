/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "peer.h"

#include <string.h>

#include "dns_name.h"
#include "grow.h"

#define BEFORE_NAME "dns:"

_Static_assert(sizeof(BEFORE_NAME) - 1 + BH_DNS_NAME_ROOM <= BH_PEER_NAME, "every name fits");

const char *bh_peer_text(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_MASKED ? "masked" : peer->name;
}

const char *bh_peer_kind_name(uint8_t kind)
{
	static const char *const names[BH_PEER_KINDS] = { [BH_PEER_UNRESOLVED] = "unresolved",
							  [BH_PEER_WORKLOAD] = "workload",
							  [BH_PEER_HOST] = "host",
							  [BH_PEER_WORLD] = "world",
							  [BH_PEER_ADDRESS] = "address",
							  [BH_PEER_METADATA] = "metadata",
							  [BH_PEER_MULTICAST] = "multicast",
							  [BH_PEER_DEPARTED] = "departed",
							  [BH_PEER_MASKED] = "masked",
							  [BH_PEER_DNS] = "dns" };

	return names[kind];
}

bool bh_peer_by_dns(const char *name, struct bh_peer *peer)
{
	char *at = mempcpy(peer->name, BEFORE_NAME, strlen(BEFORE_NAME));

	peer->kind = BH_PEER_DNS;
	return bh_dns_name_read(name, at);
}

const char *bh_peer_dns(const struct bh_peer *peer)
{
	bool named = peer->kind == BH_PEER_DNS &&
		     strncmp(peer->name, BEFORE_NAME, strlen(BEFORE_NAME)) == 0;

	return named ? peer->name + strlen(BEFORE_NAME) : NULL;
}

struct bh_peer bh_peer_workload(const char *name)
{
	struct bh_peer peer = { .kind = BH_PEER_WORKLOAD };

	bh_copy_text(peer.name, sizeof(peer.name), name);
	return peer;
}

bool bh_peer_is_outside(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_WORLD || peer->kind == BH_PEER_ADDRESS ||
	       peer->kind == BH_PEER_DNS || peer->kind == BH_PEER_METADATA;
}
