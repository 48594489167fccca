/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One NFLOG message, as the kernel process hands it on. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "nflog_decode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct bh_denial denial;

	if (!bh_nflog_decode(data, size, 1, &denial))
		return 0;
	size_t hash = strnlen(denial.hash, sizeof(denial.hash));
	if (denial.kind > BH_UNCLAIMED || denial.side > BH_INGRESS ||
	    (hash != 1 && hash != sizeof(denial.hash) - 1))
		abort();
	return 0;
}
