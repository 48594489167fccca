/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Flow records and their templates. Internal to the export library. */
#ifndef BH_IPFIX_RECORD_H
#define BH_IPFIX_RECORD_H

#include "buffer.h"
#include "record.h"

/* What is known of a flow decides which elements its record has; each combination of these bits is
 * a template of its own, number BH_IPFIX_FIRST_TEMPLATE and up. */
enum bh_ipfix_form {
	BH_IPFIX_SIX = 1,
	BH_IPFIX_PORTS = 2,
	BH_IPFIX_ICMP = 4,
	BH_IPFIX_COUNTED = 8,
	BH_IPFIX_DELIVERED = 16,
	BH_IPFIX_DELIVERED_BACK = 32,
	BH_IPFIX_ONE_WAY = 64, /* a record of either direction */
	BH_IPFIX_FORMS = 128,
};

#define BH_IPFIX_FIRST_TEMPLATE 256

uint8_t bh_ipfix_form(const struct bh_export_flow *flow);

/* The template record. */
void bh_ipfix_put_template(struct bh_buffer *out, uint8_t form, uint32_t enterprise);

/* The data record; texts are cut to `text_bytes`. */
void bh_ipfix_put_record(struct bh_buffer *out, uint8_t form, const struct bh_export_flow *flow,
			 size_t text_bytes);

/* How long each text may be for the longest record to be no longer than this. */
size_t bh_ipfix_text_room(size_t record_bytes);

/* A field of a template; enterprise: that of bulkhead's own elements. */
struct bh_ipfix_element;
void bh_ipfix_put_field(struct bh_buffer *out, const struct bh_ipfix_element *element,
			uint32_t enterprise);

/* A string of variable length (RFC 7011, 7), of at most so many bytes; what is no UTF-8 becomes
 * U+FFFD. */
void bh_ipfix_put_text(struct bh_buffer *out, const char *text, size_t most);

/* In network order. */
void bh_ipfix_put_number(struct bh_buffer *out, uint64_t number, size_t length);

#endif
