/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "account.h"

void account_add(struct account *to, const struct account *from)
{
	const double *terms = (const double *)from;
	double *sums = (double *)to;

	for (size_t i = 0; i < sizeof(*to) / sizeof(*sums); i++)
		sums[i] += terms[i];
}
