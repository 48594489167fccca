/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a request's parameters may say. Whatever they are not is refused, never guessed at. */
#ifndef BH_API_QUERY_H
#define BH_API_QUERY_H

#include <stdbool.h>
#include <stdint.h>

#define BH_QUERY_MOST INT64_C(999999999999999)

/* Digits and nothing else, at most BH_QUERY_MOST. */
bool bh_query_number(const char *text, int64_t *number);

/* "5432" (TCP), "5432/udp", "icmp/8" and "icmp/8:0" (type, code), "gre" (a protocol without ports).
 * port: of ICMP type * 256 + code; 0 where there is none. */
bool bh_query_port(const char *text, uint8_t *proto, uint16_t *port);

#endif
