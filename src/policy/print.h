/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to this folder. */
#ifndef BH_POLICY_PRINT_H
#define BH_POLICY_PRINT_H

#include "policy.h"

/* The document without comments and edges: what its revision is the hash of. */
char *bh_policy_print_bare(const struct bh_policy *policy);

#endif
