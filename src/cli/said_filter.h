/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A filter for flows (flow_filter.h), as it was said on the command line. */
#ifndef BH_SAID_FILTER_H
#define BH_SAID_FILTER_H

#include "command.h"
#include "flow_filter.h"

struct bh_said_filter {
	char *text; /* NULL: nothing was said */
	struct bh_flow_filter *filter;
};

/* From the call's arguments, which are joined by blanks. The exit status; complains of what is no
 * filter, and shows where. To be freed, whatever comes out. */
int bh_said_filter_read(const struct bh_call *call, struct bh_said_filter *out);
void bh_said_filter_free(struct bh_said_filter *said);

#endif
