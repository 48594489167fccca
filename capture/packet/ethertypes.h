/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The most frequent of the EtherTypes that nobody here reads. Exact while there are no more than
 * places; beyond that each count is a floor, and a type that makes up a ninth of all is among them
 * (Misra and Gries). */
#ifndef BH_ETHERTYPES_H
#define BH_ETHERTYPES_H

#include <stdint.h>

#define BH_ETHERTYPES 8

struct bh_ethertype_count {
	uint64_t count; /* 0: an empty place */
	uint16_t type;
};

void bh_ethertypes_count(struct bh_ethertype_count counts[BH_ETHERTYPES], uint16_t type);

#endif
