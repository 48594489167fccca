/* SPDX-License-Identifier: GPL-2.0-or-later */
/* When rules were used last. */
#ifndef BH_UNUSED_H
#define BH_UNUSED_H

#include <cjson/cJSON.h>

#include "command.h"
#include "policy.h"

/* What the daemon knows of the uses of its active policy; NULL where that is another policy than
 * this one, or it cannot be asked (of which it was complained). The caller deletes it. */
cJSON *bh_uses_ask(const struct bh_call *call, const struct bh_policy *policy);

/* One rule of it in a few words, in a form that does not depend on who reads it: "last used
 * 2026-…", "not used since …". Returns out. */
#define BH_USE_TEXT 96
char *bh_use_text(const cJSON *rule, char out[BH_USE_TEXT]);

#endif
