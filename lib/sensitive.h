/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Which ports are sensitive, where no configuration says otherwise (learning.sensitive_ports). */
#ifndef BH_SENSITIVE_H
#define BH_SENSITIVE_H

#include <stdbool.h>

#include "bulkhead/sensitive.h"

extern const struct bh_sensitive bh_sensitive_default;

/* sensitive: NULL: the default. proto is IPPROTO_…; only TCP and UDP have sensitive ports. */
bool bh_is_sensitive(const struct bh_sensitive *sensitive, uint8_t proto, uint16_t port);

#endif
