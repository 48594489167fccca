/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The lab's processes: started detached, recorded by id and start time, and ended by that record
 * alone, so that a stranger who got the id meanwhile is left in peace. */
#ifndef BH_LAB_PROCESS_H
#define BH_LAB_PROCESS_H

#include "bulkhead/error.h"

/* Starts this program again as `lab role NAME` in the namespace of that name, and returns when it
 * is ready: when its first counters are written. */
int bh_lab_process_start(const char *name, struct bh_error *err);

/* Ends the recorded process and waits until it is gone. */
int bh_lab_process_end(const char *name, struct bh_error *err);

#endif
