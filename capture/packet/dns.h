/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Messages of the domain name system: hostile bytes in, out comes what was asked for and which
 * addresses the answer gives it. RFC 1035, 2181, 3596, 6891 (EDNS, which lies behind the answers
 * and is not read), 9460 (HTTPS and SVCB). A message that is doubtful anywhere names nothing.
 *
 * A name is printed as RFC 1035 presents it: lower case, a dot or backslash within a label escaped
 * by a backslash, whatever is no printable character of ASCII as \DDD. Names longer than 253
 * characters in this form are refused.
 */
#ifndef BH_DNS_H
#define BH_DNS_H

#include "bulkhead/name.h"

#define BH_DNS_QUESTIONS 4
#define BH_DNS_ADDRESSES 64 /* of one message; more are left out */

struct bh_dns_question {
	char name[BH_DNS_NAME];
	uint16_t type;
};

struct bh_dns_address {
	struct bh_addr addr;
	uint8_t question; /* index of the one that it answers */
	uint32_t ttl;	  /* seconds: the least on the way from the question to it */
};

struct bh_dns_message {
	uint16_t id;
	bool response;
	uint8_t question_count; /* at least 1 */
	uint8_t address_count;
	struct bh_dns_question questions[BH_DNS_QUESTIONS];
	struct bh_dns_address addresses[BH_DNS_ADDRESSES];
};

/*
 * Reads one message, as UDP carries it. False where it is none that counts: broken, cut short, of
 * another kind than query and answer, of another class than IN. A response that reports an error or
 * was truncated is read, and gives no address. Addresses come from the answer section alone: A,
 * AAAA, and the hints of HTTPS and SVCB, of the name asked for or of one that a chain of CNAMEs
 * leads to, in whatever order. Refused: a chain in a loop, two CNAMEs of one name, more than 256
 * answers, a compression pointer that does not point back, or more than 64 of them in one name.
 */
bool bh_dns_read(const uint8_t *data, size_t length, struct bh_dns_message *out);

#endif
