/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a change of policy or mode means for connections that are open, and for what was recorded.
 */
#ifndef BH_MEANING_H
#define BH_MEANING_H

#include <cjson/cJSON.h>

#include "command.h"

/* Nothing where no connection is concerned, and nothing is unknown. */
void bh_meaning_print_open(const struct bh_call *call, const cJSON *existing);
void bh_meaning_print_recorded(const struct bh_call *call, const cJSON *recorded);

/* Rows of connections as GET /v1/policy/check has them. */
void bh_meaning_print_verdicts(const cJSON *rows, bool red, const struct bh_call *call);

#endif
