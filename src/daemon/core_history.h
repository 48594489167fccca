/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who was where when, in the store: its text, read back. */
#ifndef BH_CORE_HISTORY_H
#define BH_CORE_HISTORY_H

#include "core.h"

#define BH_PAST_HOLDS 64
#define BH_PAST_FORMERS 8

struct bh_past_read {
	struct bh_past past; /* its lists are these */
	struct bh_hold holds[BH_PAST_HOLDS];
	struct bh_designation formers[BH_PAST_FORMERS];
	char runtime[16]; /* as it was called: "docker" */
};

/* False: the text is none of ours. seen is left 0. */
bool bh_history_read(const struct bh_stored_instance *stored, struct bh_past_read *out);

/* Who held the address, or (at not 0) held it at that time, as the API's rows, in order of their
 * beginning: what the model knows, and what is stored of others. An error: the store cannot be
 * read, and the rows are the model's alone. */
int bh_core_who(const struct bh_core *core, const struct bh_addr *addr, int64_t at, cJSON *rows,
		struct bh_error *err);

#endif
