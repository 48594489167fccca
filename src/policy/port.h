/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports as a policy writes them. Internal to this folder. */
#ifndef BH_POLICY_PORT_H
#define BH_POLICY_PORT_H

#include "policy.h"

#define BH_POLICY_PORT_TEXT 40

char *bh_policy_port_format(const struct bh_policy_port *port, char out[BH_POLICY_PORT_TEXT]);
/* False where the text is no port; *expected then says what one looks like. */
bool bh_policy_port_parse(const char *text, struct bh_policy_port *port, const char **expected);

#endif
