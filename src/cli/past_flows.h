/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flows of a time that has passed: what the daemon recorded, and what goes on. */
#ifndef BH_PAST_FLOWS_H
#define BH_PAST_FLOWS_H

#include <cjson/cJSON.h>
#include <stddef.h>

#include "client.h"

struct bh_past_flows {
	char **lines; /* a flow each, as it came; the newest first */
	size_t count, capacity;
	cJSON *range; /* of which time they are, and what was not recorded of it; NULL: not said */
};

/* Asks with this request's query for a page after another, until there are no more, or so many. The
 * exit status; complains. To be freed, whatever comes out. */
int bh_past_flows_read(const struct bh_call *call, const struct bh_request *request, size_t most,
		       struct bh_past_flows *out);
void bh_past_flows_free(struct bh_past_flows *past);

#endif
