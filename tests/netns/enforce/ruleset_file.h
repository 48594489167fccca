/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A ruleset as a test writes it down, one item a line:
 *
 *   posture open|audit|closed
 *   sensitive PORT…
 *   chain WORKLOAD egress|ingress learn|audit|stage1|enforce reject|drop
 *   RANK peer|net|outside|host|world PROTOCOL FIRST[-LAST] [PREFIX …]     of the chain before it
 *       RANK: permit, deny, platform-permit, platform-deny; what follows is for others
 *   bind L3-INTERFACE ADDRESS WORKLOAD
 *   port INTERFACE bridged|routed|vrf learn|audit|stage1|enforce WORKLOAD|- MAC [ADDRESS…]
 *   bridge INTERFACE
 *   stateless, member INTERFACE BRIDGE [uplink]
 *   exception tcp|udp|sctp INTERFACE ADDRESS PORT INTERFACE ADDRESS PORT
 *   posture-of L3-INTERFACE open|audit|closed [ADDRESS]
 */
#ifndef BH_TEST_RULESET_FILE_H
#define BH_TEST_RULESET_FILE_H

#include "bulkhead/ruleset.h"

/* Ends the program where the file cannot be read or makes no sense. */
struct bh_ruleset *read_ruleset(const char *path);

#endif
