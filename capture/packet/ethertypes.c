/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ethertypes.h"

#include <stddef.h>

void bh_ethertypes_count(struct bh_ethertype_count counts[BH_ETHERTYPES], uint16_t type)
{
	struct bh_ethertype_count *place = NULL;

	for (size_t i = 0; i < BH_ETHERTYPES; i++) {
		if (counts[i].count > 0 && counts[i].type == type) {
			counts[i].count++;
			return;
		}
		if (counts[i].count == 0 && place == NULL)
			place = &counts[i];
	}
	if (place != NULL)
		*place = (struct bh_ethertype_count) { .count = 1, .type = type };
	else
		for (size_t i = 0; i < BH_ETHERTYPES; i++)
			counts[i].count--;
}
