/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow records to IPFIX collectors, each with a queue and a session of its own. */
#ifndef BH_CORE_EXPORT_IPFIX_H
#define BH_CORE_EXPORT_IPFIX_H

#include "core.h"
#include "record.h"

struct bh_ipfix_exporter;

struct bh_ipfix_exporter *bh_ipfix_exporter_new(struct bh_core *core);
void bh_ipfix_exporter_add(struct bh_ipfix_exporter *exporter, const struct bh_export_flow *flow);
void bh_ipfix_exporter_tick(struct bh_ipfix_exporter *exporter, int64_t now); /* monotonic */
/* Whether all that can be sent is. */
bool bh_ipfix_exporter_is_done(const struct bh_ipfix_exporter *exporter);
/* Tells collectors once more what was sent, and what was not. */
void bh_ipfix_exporter_last_words(struct bh_ipfix_exporter *exporter);
void bh_ipfix_exporter_free(struct bh_ipfix_exporter *exporter);
/* Appends an object a collector. */
void bh_ipfix_exporter_json(const struct bh_ipfix_exporter *exporter, cJSON *list);
/* Appends a sentence for each that takes nothing. */
void bh_ipfix_exporter_say(const struct bh_ipfix_exporter *exporter, cJSON *list);

#endif
