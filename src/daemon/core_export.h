/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows and events to other tools. What is exported is what bh_core_flow_json() tells. A flow that
 * goes on has a record at each exports.active_timeout in which it grew, and one a while after its
 * end: names and counts that come late are in it. Logs have it then alone, with all of its counts.
 *
 * Without exports configured all of these do nothing.
 */
#ifndef BH_CORE_EXPORT_H
#define BH_CORE_EXPORT_H

#include "core.h"

void bh_core_exports_start(struct bh_core *core); /* once it is configured */
/* The flow was reported, whichever leg of a connection it is. */
void bh_core_export_note(struct bh_core *core, struct bh_live_flow *live);
/* It is forgotten: what was not exported is exported now. */
void bh_core_export_leave(struct bh_core *core, struct bh_live_flow *live);
/* An event was told; line: its JSON. time: µs. */
void bh_core_export_event(struct bh_core *core, const char *kind, int64_t time, const char *line);
void bh_core_exports_tick(struct bh_core *core, int64_t now); /* monotonic */
/* core ends: every flow has its last record, and for at most a second it is sent. */
void bh_core_exports_end(struct bh_core *core);
/* Each destination, and how it does. */
cJSON *bh_core_exports_json(const struct bh_core *core);
/* Adds a sentence for each destination that does not take what it is sent. */
void bh_core_exports_say(const struct bh_core *core, cJSON *list);

#endif
