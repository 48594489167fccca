/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A flow as bh_json_flow() wrote it, read back: what filters ask for. */
#ifndef BH_API_FLOW_READ_H
#define BH_API_FLOW_READ_H

#include <cjson/cJSON.h>
#include <stdbool.h>

#include "json.h"

struct bh_flow_read {
	struct bh_flow flow;
	struct bh_flow_names names; /* its texts are the tree's */
	struct bh_flow_key via;
	struct bh_tally tracked[2];
	cJSON *tree;
};

/* False: it is no such text, and there is nothing to clear. */
bool bh_flow_read(const char *text, struct bh_flow_read *out);
void bh_flow_read_clear(struct bh_flow_read *read);

#endif
