/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schedules as cron and those like it write them. */
#ifndef BH_CRON_H
#define BH_CRON_H

#include <stdbool.h>

/* How many days may pass from one time to the next at most, by what a schedule is restricted to:
 * 366 where to months, 31 to days of the month, 7 to weekdays, 1 otherwise. text: five fields, or
 * six with seconds in front; "@weekly" and such; "@every 1h30m". False: it is none of these. */
bool bh_cron_days(const char *text, double *days);

#endif
