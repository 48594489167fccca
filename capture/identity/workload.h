/* SPDX-License-Identifier: GPL-2.0-or-later */
/* How instances group into workloads. Internal to this folder. */
#ifndef BH_WORKLOAD_H
#define BH_WORKLOAD_H

#include "model.h"

/*
 * Fills name, workload and why from what is known of the instance by now. The first that speaks
 * names the workload: a rule of the operator's, the label bulkhead.workload, Kubernetes, Compose,
 * Swarm, the image without its tag, the name. Workload is "" where nobody has said whose it is.
 */
void bh_workload_name(struct bh_instance *instance, const struct bh_grouping *grouping,
		      bool netns_ordinals);

#endif
