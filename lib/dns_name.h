/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Names of hosts as policies and the ledger write them: lower case, labels of 1 to 63 letters,
 * digits, hyphens and underscores. DNS itself knows more; such a name is nobody's service. */
#ifndef BH_DNS_NAME_H
#define BH_DNS_NAME_H

#include <stdbool.h>

#define BH_DNS_NAME_ROOM 252 /* of 1 to 251 characters: behind "dns:" it is a peer's name */

/* Lower case in out. False: it is no such name. */
bool bh_dns_name_read(const char *text, char out[BH_DNS_NAME_ROOM]);

/* The same, or one with "*." in front, which stands for every name below it, at any depth. */
bool bh_dns_pattern_read(const char *text, char out[BH_DNS_NAME_ROOM]);

/* Of a pattern and a name as the above write them. */
bool bh_dns_pattern_matches(const char *pattern, const char *name);

#endif
