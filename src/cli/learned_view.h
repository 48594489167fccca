/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was learned, for people: the same tables for the daemon's ledger and for recorded flows. */
#ifndef BH_LEARNED_VIEW_H
#define BH_LEARNED_VIEW_H

#include <stdio.h>

#include "answer.h"
#include "command.h"

struct bh_learned_table;

struct bh_learned_table *bh_learned_table_new(const struct bh_call *call);
/* One edge as bh_json_learned() writes it. */
void bh_learned_table_line(struct bh_learned_table *table, const char *json);
void bh_learned_table_add(struct bh_learned_table *table, const cJSON *edge);
/* Prints it, with how many are in which state behind it, and frees it. nothing: in its place where
 * it is empty; before: how the last line begins. */
void bh_learned_table_print(struct bh_learned_table *table, const char *nothing,
			    const char *before);

/* "Not learned: 12 not answered, …", on a line of its own behind an empty one; nothing where all
 * taught something. */
void bh_unlearned_print(const cJSON *unlearned, FILE *out);

/* As the call wants it: JSON, or in words. */
void bh_readiness_show(const struct bh_call *call, const cJSON *readiness);
void bh_readiness_print(const struct bh_call *call, const cJSON *readiness);

/* Asks the daemon. */
int bh_readiness_ask(const struct bh_call *call);

#endif
