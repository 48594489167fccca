/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef BH_EVALUATION_H
#define BH_EVALUATION_H

#include "table.h"

/* Each of so many seeds in every scenario, without intruders and with them, by so many processes;
 * with progress on standard error where that is a terminal. False: one of them failed. The same
 * seeds come to the same, whatever the jobs. */
bool evaluate(unsigned first, unsigned seeds, unsigned jobs, struct books *books);

#endif
