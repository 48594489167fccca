/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Destination ports of TCP and UDP behind which more lies than one service: remote shells,
 * databases, whatever runs other people's code. The learner asks a person about them, and stage 1
 * refuses them first. */
#ifndef BULKHEAD_SENSITIVE_H
#define BULKHEAD_SENSITIVE_H

#include <stdint.h>

#define BH_SENSITIVE_PORTS 128

struct bh_sensitive {
	uint32_t count;
	uint16_t ports[BH_SENSITIVE_PORTS]; /* host order */
};

#endif
