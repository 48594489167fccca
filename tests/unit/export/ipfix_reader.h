/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A reader of IPFIX messages as RFC 7011 describes them, which knows nothing of how bulkhead makes
 * them: for tests of what it makes. It aborts where a message is not as it should be.
 */
#ifndef BH_TEST_IPFIX_READER_H
#define BH_TEST_IPFIX_READER_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define READER_FIELDS 64
#define READER_TEMPLATES 512

struct reader_field {
	uint16_t id;
	uint32_t enterprise; /* 0: IANA's */
	uint16_t length;     /* 65535: each record says */
};

struct reader_template {
	bool known;
	uint16_t count;
	uint16_t scopes; /* 0: of no options */
	struct reader_field fields[READER_FIELDS];
};

/* A session's templates, and what the next message's sequence number has to be. */
struct reader {
	struct reader_template templates[READER_TEMPLATES];
	uint32_t sequence;
	/* Each data record. */
	void (*record)(void *user, uint16_t template_id, const struct reader_template *template,
		       const uint8_t *const *values, const size_t *lengths);
	void *user;
};

void reader_take(struct reader *reader, const void *message, size_t length);

/* The value of that field; NULL: the template has none. */
const uint8_t *reader_value(const struct reader_template *template, const uint8_t *const *values,
			    const size_t *lengths, uint32_t enterprise, uint16_t id,
			    size_t *length);
/* One of up to eight bytes; the field has to be there. */
uint64_t reader_number(const struct reader_template *template, const uint8_t *const *values,
		       const size_t *lengths, uint32_t enterprise, uint16_t id);

#endif
