/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Internal to this folder. */
#ifndef BH_POLICY_PRINT_H
#define BH_POLICY_PRINT_H

#include "policy.h"

/* The document without comments and edges: what its revision is the hash of. */
char *bh_policy_print_bare(const struct bh_policy *policy);

/* Lines of a YAML comment, each behind the indent and "#"; what could end one becomes a "?". */
struct bh_buffer;
void bh_policy_put_comment(struct bh_buffer *out, const char *indent, const char *comment);

#endif
