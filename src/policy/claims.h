/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Who an address belongs to where several endpoints hold it. */
#ifndef BH_CLAIMS_H
#define BH_CLAIMS_H

#include "compile.h"

/* Takes every address that a workload on the same network was given, or set earlier, out of the
 * facts of those who have set it besides. facts: what the endpoints' facts point to; it is changed.
 */
void bh_claims_settle(const struct bh_compile_endpoint *endpoints, struct bh_endpoint_fact *facts,
		      size_t count);

#endif
