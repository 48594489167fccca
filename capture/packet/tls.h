/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whom a TLS client says it wants to speak to: the server name in its ClientHello (RFC 8446 4.1.2,
 * RFC 6066 3). A claim that nobody has checked: a client may name whom it likes, and the outer name
 * of an encrypted ClientHello is that of a front. Versions up to TLS 1.3 look alike here; QUIC,
 * which encrypts its ClientHello, and DTLS are not read.
 */
#ifndef BH_TLS_H
#define BH_TLS_H

#include "bulkhead/name.h"

#define BH_TLS_HELLO 6 /* bytes that tell a ClientHello from other payloads */

/* Whether a TCP payload begins like a ClientHello: a handshake record of SSL 3 or later, and in it
 * the message that opens the handshake. */
static inline bool bh_tls_is_hello(const uint8_t *data, size_t length)
{
	return length >= BH_TLS_HELLO && data[0] == 22 && data[1] == 3 && data[5] == 1;
}

/* Reads the server name out of the first record of a TCP payload, which may end anywhere: what lies
 * in front of its end is read. Lower case. False where there is none, or one that is no host name:
 * letters, digits, hyphens and underscores in labels of 1 to 63 characters, 253 in all, and no
 * address. Names in other alphabets come as IDNA writes them (RFC 5890). */
bool bh_tls_read_name(const uint8_t *data, size_t length, char name[BH_DNS_NAME]);

#endif
