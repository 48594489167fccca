/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What addresses are called, and by whom: each client (a container's interface; in a capture file
 * an address) has names of its own, as it was told them, and nobody else's answer renames its
 * peers. An address keeps its last few names with their times, so that a flow is named by the
 * answer that was the latest when it began, however late it is asked about. Memory is bounded: what
 * was not asked about for the longest time goes first.
 */
#ifndef BH_NAMES_H
#define BH_NAMES_H

#include "bulkhead/name.h"

struct bh_names;

/* Zero the member that is not used. */
struct bh_names_client {
	uint32_t ifindex;
	struct bh_addr addr;
};

/* A name as long as somebody holds it. */
struct bh_name;
const char *bh_name_text(const struct bh_name *name);
int64_t bh_name_since(const struct bh_name *name); /* µs: of the answer */

/* per_client, most: addresses, of one client and of all. */
struct bh_names *bh_names_new(size_t per_client, size_t most);
void bh_names_free(struct bh_names *names); /* not those that are held */

void bh_names_add(struct bh_names *names, const struct bh_names_client *client,
		  const struct bh_named *named);

/* What the client called the address at that time: by the latest answer before it that lived by
 * then, or that named a flow which still does. NULL: nothing. */
struct bh_name *bh_names_find(struct bh_names *names, const struct bh_names_client *client,
			      const struct bh_addr *addr, int64_t time);

/* A flow uses the name: as long as it lives the name does. Call _end once when the flow ends, and
 * _release when it is forgotten; both take NULL. */
void bh_name_use(struct bh_name *name);
void bh_name_end(struct bh_name *name);
void bh_name_release(struct bh_name *name);

/* The client is gone. */
void bh_names_drop(struct bh_names *names, const struct bh_names_client *client);

bool bh_names_knows(const struct bh_names *names, const struct bh_names_client *client); /* any */
size_t bh_names_count(const struct bh_names *names); /* addresses */

#endif
