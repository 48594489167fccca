/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "peer.h"

const char *bh_peer_text(const struct bh_peer *peer)
{
	return peer->kind == BH_PEER_MASKED ? "masked" : peer->name;
}
