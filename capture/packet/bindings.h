/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which addresses live behind which of the host's interfaces. */
#ifndef BH_BINDINGS_H
#define BH_BINDINGS_H

#include "bulkhead/address.h"

struct bh_bindings;

struct bh_bindings *bh_bindings_new(void);
void bh_bindings_free(struct bh_bindings *bindings);

void bh_bindings_add(struct bh_bindings *bindings, uint32_t ifindex, const struct bh_addr *addr);
void bh_bindings_remove(struct bh_bindings *bindings, uint32_t ifindex); /* all its addresses */

/* The interface is gone. What passed there before may be read after that is heard, so its addresses
 * are removed by the second bh_bindings_tick() from now, unless some are added before. */
void bh_bindings_leave(struct bh_bindings *bindings, uint32_t ifindex);
void bh_bindings_tick(struct bh_bindings *bindings);
bool bh_bindings_is_leaving(const struct bh_bindings *bindings, uint32_t ifindex);

/* Whether the address lives behind this interface; whether it lives behind any; whether any lives
 * behind this interface. Made to be asked a few times a packet: recent answers are kept. */
bool bh_bindings_has(struct bh_bindings *bindings, uint32_t ifindex, const struct bh_addr *addr);
bool bh_bindings_local(struct bh_bindings *bindings, const struct bh_addr *addr);
bool bh_bindings_watched(const struct bh_bindings *bindings, uint32_t ifindex);

#endif
