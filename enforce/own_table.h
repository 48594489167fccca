/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tables that live as long as the socket that made them: however the process ends, they are gone.
 * Nobody else can change them meanwhile. Linux 5.12. */
#ifndef BH_OWN_TABLE_H
#define BH_OWN_TABLE_H

#include "model.h"
#include "netlink.h"

struct nftnl_rule;

/* A transaction that makes such tables, of one name. */
struct bh_own_table {
	struct bh_batch batch;
	const char *name;
	uint8_t family; /* of the table that is being filled */
	char *buffer;
};

void bh_own_table_begin(struct bh_own_table *own, const char *name);
/* Another table; what is added from here on is in it. family: NFPROTO_… */
void bh_own_table_add(struct bh_own_table *own, uint8_t family);
void bh_own_table_add_chain(struct bh_own_table *own, const char *name);
/* hook: NF_INET_…, whose numbers bridges share. */
void bh_own_table_add_base(struct bh_own_table *own, const char *name, uint32_t hook,
			   int32_t priority);
/* Frees what the rule points to. */
void bh_own_table_add_rule(struct bh_own_table *own, const char *chain, struct bh_nft_rule *rule);
/* Frees the rule. */
void bh_own_table_add_built(struct bh_own_table *own, struct nftnl_rule *built);
/* Sends it; nl becomes the owner. Frees what own holds. 0 or negative errno: −EOPNOTSUPP: the
 * kernel is too old, −EPERM: somebody else owns a table of that name. */
int bh_own_table_send(struct bh_own_table *own, struct bh_netlink *nl);

#endif
