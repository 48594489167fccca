/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The language in which people say which flows they mean (docs/filters.md): "src compose:shop/web
 * and dst port 5432/tcp and not delivered". It asks for what a flow's JSON says, and for nothing
 * else, so that whoever reads the flows can tell why one of them is there.
 */
#ifndef BH_API_FLOW_FILTER_H
#define BH_API_FLOW_FILTER_H

#include <stdbool.h>
#include <stddef.h>

#include "bulkhead/error.h"
#include "json.h"

#define BH_FLOW_FILTER_LENGTH 4096 /* bytes of a filter's text */
#define BH_FLOW_FILTER_DEPTH 32	   /* parentheses and "not" within each other */
#define BH_FLOW_FILTER_TESTS 256

struct bh_flow_filter;

/* NULL with *err where the text is no filter; then *position is the byte where it stops being one.
 * A text of blanks alone lets every flow pass. Freed by bh_flow_filter_free(), which takes NULL. */
struct bh_flow_filter *bh_flow_filter_parse(const char *text, size_t *position,
					    struct bh_error *err);
void bh_flow_filter_free(struct bh_flow_filter *filter);

bool bh_flow_filter_matches(const struct bh_flow_filter *filter, const struct bh_flow *flow,
			    const struct bh_flow_names *names);

/* The first word of the filter that asks for what a capture file does not know (workloads,
 * verdicts); NULL: there is none. */
const char *bh_flow_filter_beyond_capture(const struct bh_flow_filter *filter);

/* Which character of the text, counted from 1, begins at this byte. */
size_t bh_flow_filter_column(const char *text, size_t position);

/* The language's words by number, from 0 on; NULL behind the last. values: what may stand behind
 * it, by number likewise; NULL: nothing is fixed. */
const char *bh_flow_filter_word(size_t number);
const char *bh_flow_filter_value(const char *word, size_t number);

#endif
