/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports as a policy writes them. Internal to this folder. */
#ifndef BH_POLICY_PORT_H
#define BH_POLICY_PORT_H

#include <stdbool.h>

#include "policy.h"

#define BH_POLICY_PORT_TEXT 40

/* What stands in a message where something else was found. */
#define BH_POLICY_PORT_EXPECTED                                                                    \
	"a port such as 8080/tcp, 8000-8100/tcp, http/tcp (a name), icmp/8 (a type), gre (a "      \
	"protocol without ports) or any"

char *bh_policy_port_format(const struct bh_policy_port *port, char out[BH_POLICY_PORT_TEXT]);
/* A named port's name is the text itself. */
bool bh_policy_port_parse(const char *text, struct bh_policy_port *port);
/* The port that the text was probably meant to be; false where nothing is near. */
bool bh_policy_port_nearest(const char *text, char out[BH_POLICY_PORT_TEXT]);

/* Whether a packet to this destination port (of ICMP: type * 256 + code) is meant; of a named port,
 * whether it may be: its destination knows. */
bool bh_policy_port_matches(const struct bh_policy_port *port, uint8_t proto, uint16_t number);
/* The number that a rule would state for a packet: the port, ICMP's type, else 0. */
uint16_t bh_policy_port_number(uint8_t proto, uint16_t number);

#endif
