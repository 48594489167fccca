/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Schedules as cron and those like it write them. */
#ifndef BH_CRON_H
#define BH_CRON_H

#include <stdbool.h>

/* How many days may pass from one time to the next, rather too many than too few: 366 where a
 * schedule is restricted to months, 31 to days of the month (62 where not every month has them), 7
 * to weekdays (35 or more where to one of a month, as Quartz writes "6#2" and "5L"), 1 otherwise.
 * text: five fields, or six with seconds in front, behind a time zone ("CRON_TZ=…") if need be;
 * "@weekly" and such; "@every 1h30m". False: it is none of these. */
bool bh_cron_days(const char *text, double *days);

#endif
