/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was learned and what is thought of it, as JSON (docs/api.md): the same words whether the
 * daemon says them or recorded flows were learned without one. */
#ifndef BH_API_LEARNED_H
#define BH_API_LEARNED_H

#include <cjson/cJSON.h>

#include "bulkhead/error.h"
#include "promotion.h"

/* Appends an edge with its judgement, which is the ledger's. */
void bh_json_learned(struct bh_buffer *out, const struct bh_ledger *ledger,
		     const struct bh_filter_config *filters, enum bh_ledger_list list,
		     const struct bh_edge *edge);

/* How many connections taught nothing, by reason. The caller frees it. */
cJSON *bh_json_unlearned(const struct bh_ledger *ledger);

struct bh_readiness_view {
	const struct bh_readiness *readiness;
	const struct bh_ledger *ledger;
	const char *workload; /* this one alone; NULL: all */
	const char *asked;    /* --for; NULL: nothing */
	/* How a workload is treated: its mode and since when it is audited. NULL: nobody knows. */
	void (*standing)(void *user, const char *workload, uint8_t *mode,
			 struct bh_standing *standing);
	/* Adds the schedules that are declared somewhere. NULL: nobody knows of any. */
	void (*declared)(void *user, cJSON *list);
	void *user;
};

/* The whole; the caller frees it. NULL and *err where what was asked is neither a probability nor a
 * time to come. */
cJSON *bh_json_readiness(const struct bh_readiness_view *view, struct bh_error *err);

#endif
