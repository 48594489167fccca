/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of edges, page by page: in the order of their IDs, so that what comes and goes between two
 * requests moves none of the others. */
#ifndef BH_CORE_API_PAGE_H
#define BH_CORE_API_PAGE_H

#include "core.h"
#include "server.h"

struct bh_paged_edge {
	struct bh_edge edge; /* its ends are the ledger's */
	enum bh_ledger_list list;
	uint64_t id; /* where a page was asked for */
};

/* Zero-initialise. */
struct bh_edge_page {
	struct bh_paged_edge *edges;
	size_t count, capacity;
	bool more; /* there are others behind the last */
};

void bh_edge_page_add(struct bh_edge_page *page, const struct bh_edge *edge,
		      enum bh_ledger_list list);
/* Leaves what limit= and after= (an edge's ID) ask for; all of it where there is no limit. False:
 * they are none, and reply says so. Who has the same ID is on the same page. */
bool bh_edge_page_cut(struct bh_edge_page *page, const struct bh_api_request *request,
		      struct bh_api_reply *reply);
/* Adds "next": after which ID there is more, or null. */
void bh_edge_page_add_next(const struct bh_edge_page *page, cJSON *json);
void bh_edge_page_free(struct bh_edge_page *page);

#endif
