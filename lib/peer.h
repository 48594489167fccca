/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peers as people read them. */
#ifndef BH_PEER_H
#define BH_PEER_H

#include "bulkhead/edge.h"

/* The peer's name; of whoever is masked that word, whatever masks him. */
const char *bh_peer_text(const struct bh_peer *peer);

#endif
