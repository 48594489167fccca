/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "sensitive.h"

#include <netinet/in.h>
#include <stddef.h>

const struct bh_sensitive bh_sensitive_default = {
	.count = 19,
	.ports = { 22, 23, 135, 139, 445, 2049, 2375, 2379, 3306, 3389, 5432, 5900, 5985, 6379,
		   9092, 9200, 10250, 11211, 27017 },
};

bool bh_is_sensitive(const struct bh_sensitive *sensitive, uint8_t proto, uint16_t port)
{
	const struct bh_sensitive *all = sensitive != NULL ? sensitive : &bh_sensitive_default;

	if (proto != IPPROTO_TCP && proto != IPPROTO_UDP)
		return false;
	for (uint32_t i = 0; i < all->count; i++)
		if (all->ports[i] == port)
			return true;
	return false;
}
