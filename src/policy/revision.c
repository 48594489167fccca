/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A revision is named by what it says, not by how it is written: comments, JSON or YAML, quotes,
 * and the edges that a rule came from make no difference; the order of rules does, since answers
 * give a rule's number. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <xxhash.h>

#include "policy.h"
#include "print.h"

void bh_policy_revision(const struct bh_policy *p, char out[65])
{
	char *text = bh_policy_print_bare(p);
	XXH128_hash_t hash = XXH3_128bits(text, strlen(text));

	snprintf(out, 65, "%016" PRIx64 "%016" PRIx64, (uint64_t)hash.high64, (uint64_t)hash.low64);
	free(text);
}
