/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which version of its workload a container is. */
#ifndef BH_VERSION_H
#define BH_VERSION_H

#include "runtime.h"

/* A hash over its image (the digest, where it is told) and its labels, but for those that each
 * instance has of its own; never 0. Another one than before means that something was deployed. */
uint64_t bh_container_version(const struct bh_container *container);

#endif
