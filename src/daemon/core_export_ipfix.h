/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flow records to IPFIX collectors, each with a queue and a session of its own. Nothing here waits:
 * names are looked up by libuv's threads, sockets never block, and what a queue has no room for is
 * lost and counted.
 *
 * A record is sent at most once. Over TCP, what the collector's side had not acknowledged when the
 * connection broke counts as lost; what it acknowledged and its process did not read is not known.
 * Over UDP nobody knows what arrives: what counts is what was refused, or could not be sent.
 */
#ifndef BH_CORE_EXPORT_IPFIX_H
#define BH_CORE_EXPORT_IPFIX_H

#include "core.h"
#include "record.h"

struct bh_ipfix_exporter;

/* For as long as core lives. */
struct bh_ipfix_exporter *bh_ipfix_exporter_new(struct bh_core *core);
void bh_ipfix_exporter_add(struct bh_ipfix_exporter *exporter, const struct bh_export_flow *flow);
void bh_ipfix_exporter_tick(struct bh_ipfix_exporter *exporter, int64_t now); /* monotonic */
/* Runs core's loop until everything is sent, for at most a second, and frees the exporter. */
void bh_ipfix_exporter_end(struct bh_ipfix_exporter *exporter);
/* Appends an object a collector. */
void bh_ipfix_exporter_json(const struct bh_ipfix_exporter *exporter, cJSON *list);
/* Appends a sentence for each that takes nothing. */
void bh_ipfix_exporter_say(const struct bh_ipfix_exporter *exporter, cJSON *list);

#endif
