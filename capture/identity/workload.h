/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How instances group into workloads. Internal to this folder. */
#ifndef BH_WORKLOAD_H
#define BH_WORKLOAD_H

#include "model.h"

/* Fills name, workload and why from what is known of the instance by now. */
void bh_workload_name(struct bh_instance *instance, bool netns_ordinals);

#endif
