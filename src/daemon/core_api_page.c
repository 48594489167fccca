/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "core_api_page.h"

#include <stdlib.h>

#include "core_api.h"
#include "edge_id.h"
#include "grow.h"
#include "query.h"

#define MOST 100000

void bh_edge_page_add(struct bh_edge_page *page, const struct bh_edge *edge,
		      enum bh_ledger_list list)
{
	page->edges = bh_grow(page->edges, &page->capacity, page->count + 1, sizeof(*page->edges));
	page->edges[page->count++] = (struct bh_paged_edge) { .edge = *edge, .list = list };
}

static int by_id(const void *a, const void *b)
{
	const struct bh_paged_edge *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return (int)x->list - (int)y->list;
}

static void sort(struct bh_edge_page *page)
{
	for (size_t i = 0; i < page->count; i++)
		page->edges[i].id = bh_edge_id(&page->edges[i].edge);
	if (page->count > 0)
		qsort(page->edges, page->count, sizeof(*page->edges), by_id);
}

static void keep(struct bh_edge_page *page, bool from_start, uint64_t after, size_t limit)
{
	size_t first = 0, end;

	while (!from_start && first < page->count && page->edges[first].id <= after)
		first++;
	end = page->count - first > limit ? first + limit : page->count;
	while (end > first && end < page->count && page->edges[end].id == page->edges[end - 1].id)
		end++;
	page->more = end < page->count;
	for (size_t i = first; i < end; i++)
		page->edges[i - first] = page->edges[i];
	page->count = end - first;
}

bool bh_edge_page_cut(struct bh_edge_page *page, const struct bh_api_request *request,
		      struct bh_api_reply *reply)
{
	const char *asked = bh_api_query(request, "limit"), *last = bh_api_query(request, "after");
	uint64_t after = 0;
	int64_t limit = MOST;

	if (asked != NULL && (!bh_query_number(asked, &limit) || limit < 1 || limit > MOST)) {
		bh_api_fail(reply, 400, "limit", NULL, "a number from 1 to %d, not %.32s", MOST,
			    asked);
		return false;
	}
	if (last != NULL && !bh_edge_id_parse(last, &after)) {
		bh_api_fail(reply, 400, "after", "what next said", "%.32s is no edge's ID", last);
		return false;
	}
	if (asked == NULL && last == NULL)
		return true;
	sort(page);
	keep(page, last == NULL, after, (size_t)limit);
	return true;
}

void bh_edge_page_add_next(const struct bh_edge_page *page, cJSON *json)
{
	char id[BH_EDGE_ID_TEXT];

	if (page->more)
		cJSON_AddStringToObject(json, "next",
					bh_edge_id_format(page->edges[page->count - 1].id, id));
	else
		cJSON_AddNullToObject(json, "next");
}

void bh_edge_page_free(struct bh_edge_page *page)
{
	free(page->edges);
	*page = (struct bh_edge_page) { 0 };
}
