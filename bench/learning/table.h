/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was measured beside what it is to come to. */
#ifndef BH_TABLE_OF_TARGETS_H
#define BH_TABLE_OF_TARGETS_H

#include "account.h"

struct books {
	struct account clean[SCENARIOS], attacked[SCENARIOS];
};

/* As a table in Markdown; each figure that misses its target is marked, and counted below. */
void print_table(const struct books *books);

/* What each further filter is good for: intruders' edges that are accepted, in percent. */
void print_filters(const struct account *account);

/* New edges in the next window after so many, in truth and expected. */
void print_days(const struct books *books);

/* Whether the targets are met that a few seeds are enough for; says which are not. */
bool check_firm_targets(const struct books *books);

#endif
