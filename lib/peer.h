/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Peers as people read them. */
#ifndef BH_PEER_H
#define BH_PEER_H

#include "bulkhead/edge.h"

/* The peer's name; of whoever is masked that word, whatever masks him. */
const char *bh_peer_text(const struct bh_peer *peer);
/* What kind of peer it is, in a word: "workload", "dns" … */
const char *bh_peer_kind_name(uint8_t kind);
/* Whether it is off this host: the world, an address or a name there, the metadata service. */
bool bh_peer_is_outside(const struct bh_peer *peer);

/* A workload of this name, cut where it is too long. */
struct bh_peer bh_peer_workload(const char *name);

/* One outside, by the name that it was asked for. False: a policy could not say the name
 * (dns_name.h), so that it is none. */
bool bh_peer_by_dns(const char *name, struct bh_peer *peer);
/* The name alone; NULL: it is no such peer. */
const char *bh_peer_dns(const struct bh_peer *peer);

#endif
