/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a change of policy or mode means for connections that are open, for what was recorded, and
 * for what has to go on. */
#ifndef BH_MEANING_H
#define BH_MEANING_H

#include <cjson/cJSON.h>
#include <stdio.h>

#include "command.h"

/* Nothing where no connection is concerned, and nothing is unknown. */
void bh_meaning_print_open(const struct bh_call *call, const cJSON *existing);
void bh_meaning_print_recorded(const struct bh_call *call, const cJSON *recorded);

/* What it would cut off, or (where that was overridden) cuts off, with the rules that keep it; and
 * that nobody knows whether the caller is among it. Nothing where nothing is. */
void bh_meaning_print_guard(FILE *out, const cJSON *guard);

/* What refusals look like from then on, where that is otherwise than the policy reads. */
void bh_meaning_print_silence(const struct bh_call *call, const cJSON *answer);

/* Rows of connections as GET /v1/policy/check has them. */
void bh_meaning_print_verdicts(const cJSON *rows, bool red, const struct bh_call *call);

#endif
