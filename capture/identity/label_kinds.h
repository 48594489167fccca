/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Labels that say what a workload is a part of, and those that do not. */
#ifndef BH_LABEL_KINDS_H
#define BH_LABEL_KINDS_H

#include <stdbool.h>

/* It is given anew to each instance, each rollout, or each place where one runs: whoever selects by
 * it selects something else tomorrow. */
bool bh_label_is_per_instance(const char *key);

/* Several workloads may be selected by it: not per instance, and not what builds or runs the
 * container saying so of itself. */
bool bh_label_may_group(const char *key);

#endif
