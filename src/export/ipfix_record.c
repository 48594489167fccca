/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ipfix_record.h"

#include <netinet/in.h>

#include "ipfix_elements.h"
#include "protocol.h"
#include "utf8.h"

#define ENTERPRISE_BIT 0x8000
#define SHORT_TEXT 255 /* from this length on the length takes three bytes */

/* How a field's value is found in the flow. */
enum kind {
	NUMBER, /* of its own size, at the offset */
	ADDRESS,
	MILLISECONDS,
	FLAG,
	TEXT,
	BIFLOW_DIRECTION,
	FORWARDING_STATUS,
	FIREWALL_EVENT,
};

struct field {
	struct bh_ipfix_element element;
	uint8_t kind;
	uint8_t size;	 /* of a NUMBER in the flow */
	uint8_t with;	 /* it is there where the form has all of these bits … */
	uint8_t without; /* … and none of these */
	size_t offset;
};

#define AT(member) offsetof(struct bh_export_flow, member)
#define OF(kind, member) kind, sizeof(((struct bh_export_flow *)0)->member)
#define OWN_TEXT(id, member)                                                                       \
	{                                                                                          \
		{ BH_IPFIX_OWN, id, BH_IPFIX_VARIABLE }, OF(TEXT, member), 0, 0, AT(member)        \
	}
#define TALLY(owner, id, form, without, member)                                                    \
	{                                                                                          \
		{ owner, id, 8 }, OF(NUMBER, member), form, without, AT(member)                    \
	}

/* The order is that of the bytes. */
static const struct field fields[] = {
	{ { BH_IPFIX_IANA, 148, 8 }, OF(NUMBER, id), 0, 0, AT(id) }, /* flowId */
	{ { BH_IPFIX_IANA, 8, 4 }, ADDRESS, 4, 0, BH_IPFIX_SIX, AT(key.src) },
	{ { BH_IPFIX_IANA, 12, 4 }, ADDRESS, 4, 0, BH_IPFIX_SIX, AT(key.dst) },
	{ { BH_IPFIX_IANA, 27, 16 }, ADDRESS, 16, BH_IPFIX_SIX, 0, AT(key.src) },
	{ { BH_IPFIX_IANA, 28, 16 }, ADDRESS, 16, BH_IPFIX_SIX, 0, AT(key.dst) },
	{ { BH_IPFIX_IANA, 7, 2 }, OF(NUMBER, key.sport), BH_IPFIX_PORTS, 0, AT(key.sport) },
	{ { BH_IPFIX_IANA, 11, 2 }, OF(NUMBER, key.dport), BH_IPFIX_PORTS, 0, AT(key.dport) },
	/* icmpTypeCodeIPv4, icmpTypeCodeIPv6 */
	{ { BH_IPFIX_IANA, 32, 2 },
	  OF(NUMBER, key.dport),
	  BH_IPFIX_ICMP,
	  BH_IPFIX_SIX,
	  AT(key.dport) },
	{ { BH_IPFIX_IANA, 139, 2 },
	  OF(NUMBER, key.dport),
	  BH_IPFIX_ICMP | BH_IPFIX_SIX,
	  0,
	  AT(key.dport) },
	{ { BH_IPFIX_IANA, 4, 1 }, OF(NUMBER, key.proto), 0, 0, AT(key.proto) },
	{ { BH_IPFIX_IANA, 152, 8 }, OF(MILLISECONDS, first), 0, 0, AT(first) },
	{ { BH_IPFIX_IANA, 153, 8 }, OF(MILLISECONDS, last), 0, 0, AT(last) },
	{ { BH_IPFIX_IANA, 136, 1 }, OF(NUMBER, reason), 0, 0, AT(reason) }, /* flowEndReason */
	{ { BH_IPFIX_IANA, 239, 1 }, BIFLOW_DIRECTION, 0, 0, 0, 0 },
	{ { BH_IPFIX_IANA, 89, 1 }, FORWARDING_STATUS, 0, 0, 0, 0 },
	{ { BH_IPFIX_IANA, 233, 1 }, FIREWALL_EVENT, 0, 0, 0, 0 },
	{ { BH_IPFIX_IANA, 10, 4 }, OF(NUMBER, src_ifindex), 0, 0, AT(src_ifindex) },
	{ { BH_IPFIX_IANA, 14, 4 }, OF(NUMBER, dst_ifindex), 0, 0, AT(dst_ifindex) },
	/* octetDeltaCount, packetDeltaCount, and those of the way back */
	TALLY(BH_IPFIX_IANA, 1, BH_IPFIX_COUNTED, 0, tx.counted.bytes),
	TALLY(BH_IPFIX_IANA, 2, BH_IPFIX_COUNTED, 0, tx.counted.packets),
	TALLY(BH_IPFIX_REVERSE, 1, BH_IPFIX_COUNTED, BH_IPFIX_ONE_WAY, rx.counted.bytes),
	TALLY(BH_IPFIX_REVERSE, 2, BH_IPFIX_COUNTED, BH_IPFIX_ONE_WAY, rx.counted.packets),
	TALLY(BH_IPFIX_OWN, BH_IPFIX_DELIVERED_OCTETS, BH_IPFIX_DELIVERED, 0, tx.delivered.bytes),
	TALLY(BH_IPFIX_OWN, BH_IPFIX_DELIVERED_PACKETS, BH_IPFIX_DELIVERED, 0,
	      tx.delivered.packets),
	TALLY(BH_IPFIX_OWN, BH_IPFIX_REVERSE_DELIVERED_OCTETS, BH_IPFIX_DELIVERED_BACK, 0,
	      rx.delivered.bytes),
	TALLY(BH_IPFIX_OWN, BH_IPFIX_REVERSE_DELIVERED_PACKETS, BH_IPFIX_DELIVERED_BACK, 0,
	      rx.delivered.packets),
	{ { BH_IPFIX_OWN, BH_IPFIX_COUNTS_ARE_FLOOR, 1 }, OF(FLAG, lossy), 0, 0, AT(lossy) },
	OWN_TEXT(BH_IPFIX_SOURCE_WORKLOAD, src_workload),
	OWN_TEXT(BH_IPFIX_DESTINATION_WORKLOAD, dst_workload),
	OWN_TEXT(BH_IPFIX_SOURCE_CONTAINER, src_container),
	OWN_TEXT(BH_IPFIX_DESTINATION_CONTAINER, dst_container),
	OWN_TEXT(BH_IPFIX_VERDICT, verdict_word),
	{ { BH_IPFIX_OWN, BH_IPFIX_REVERSE_VERDICT, BH_IPFIX_VARIABLE },
	  OF(TEXT, verdict_back_word),
	  0,
	  BH_IPFIX_ONE_WAY,
	  AT(verdict_back_word) },
	OWN_TEXT(BH_IPFIX_INITIATOR_KNOWN_BY, direction),
	OWN_TEXT(BH_IPFIX_STATE, state),
	OWN_TEXT(BH_IPFIX_DNS_NAME, dns),
	OWN_TEXT(BH_IPFIX_TLS_NAME, sni),
	OWN_TEXT(BH_IPFIX_TUNNEL, tunnel),
	OWN_TEXT(BH_IPFIX_NAMED_DESTINATION, via),
};
#define FIELDS (sizeof(fields) / sizeof(fields[0]))

static bool is_in(const struct field *field, uint8_t form)
{
	return (form & field->with) == field->with && (form & field->without) == 0;
}

uint8_t bh_ipfix_form(const struct bh_export_flow *flow)
{
	uint8_t proto = flow->key.proto;
	int form = flow->key.src.family == BH_IPV6 ? BH_IPFIX_SIX : 0;

	form |= flow->way != BH_EXPORT_BOTH_WAYS ? BH_IPFIX_ONE_WAY : 0;
	if (bh_protocol_has_ports(proto))
		form |= BH_IPFIX_PORTS;
	else if (proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6)
		form |= BH_IPFIX_ICMP;
	if (!flow->counted)
		return (uint8_t)form;
	form |= BH_IPFIX_COUNTED;
	form |= flow->tx.delivered_known ? BH_IPFIX_DELIVERED : 0;
	if (flow->way == BH_EXPORT_BOTH_WAYS && flow->rx.delivered_known)
		form |= BH_IPFIX_DELIVERED_BACK;
	return (uint8_t)form;
}

/* --- parts ------------------------------------------------------------------------------------ */

void bh_ipfix_put_number(struct bh_buffer *out, uint64_t number, size_t length)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < length; i++)
		bytes[i] = (uint8_t)(number >> (8 * (length - 1 - i)));
	bh_buffer_append(out, bytes, length);
}

void bh_ipfix_put_field(struct bh_buffer *out, const struct bh_ipfix_element *element,
			uint32_t enterprise)
{
	bool foreign = element->owner != BH_IPFIX_IANA;

	bh_ipfix_put_number(out, element->id | (foreign ? ENTERPRISE_BIT : 0u), 2);
	bh_ipfix_put_number(out, element->length, 2);
	if (foreign)
		bh_ipfix_put_number(
			out, element->owner == BH_IPFIX_REVERSE ? BH_IPFIX_REVERSE_PEN : enterprise,
			4);
}

/* The text in whole characters, as far as it is within `most` bytes. */
static void append_text(struct bh_buffer *out, const char *text, size_t most)
{
	static const char replacement[] = "\xef\xbf\xbd";
	const char *end = text + strlen(text);

	while (text < end) {
		size_t length = bh_utf8_length(text, (size_t)(end - text));
		const char *character = length > 0 ? text : replacement;
		size_t written = length > 0 ? length : sizeof(replacement) - 1;

		if (written > most)
			return;
		bh_buffer_append(out, character, written);
		most -= written;
		text += length > 0 ? length : 1;
	}
}

void bh_ipfix_put_text(struct bh_buffer *out, const char *text, size_t most)
{
	size_t start = out->length, length;

	bh_ipfix_put_number(out, 0, 1);
	append_text(out, text, most);
	length = out->length - start - 1;
	if (length < SHORT_TEXT) {
		out->data[start] = (char)length;
		return;
	}
	bh_ipfix_put_number(out, 0, 2);
	memmove(out->data + start + 3, out->data + start + 1, length);
	out->data[start] = (char)SHORT_TEXT;
	out->data[start + 1] = (char)(length >> 8);
	out->data[start + 2] = (char)length;
}

/* --- records ---------------------------------------------------------------------------------- */

static uint64_t read_number(const void *at, size_t size)
{
	uint64_t eight;
	uint32_t four;
	uint16_t two;

	switch (size) {
	case 8:
		memcpy(&eight, at, size);
		return eight;
	case 4:
		memcpy(&four, at, size);
		return four;
	case 2:
		memcpy(&two, at, size);
		return two;
	default:
		return *(const uint8_t *)at;
	}
}

/* biflowDirection: the source opened it, or the destination did; or that is not known. */
static uint64_t biflow_direction(const struct bh_export_flow *flow)
{
	if (!flow->initiator_known)
		return 0;
	return flow->way == BH_EXPORT_BACK ? 2 : 1;
}

/* Status in the upper two bits, reason in the lower ones (RFC 7270): forwarded, reason unknown;
 * dropped, reason unknown; dropped by an access list. */
static uint64_t forwarding_status(const struct bh_export_flow *flow)
{
	static const uint8_t statuses[] = { [BH_FLOW_VERDICT_UNKNOWN] = 0,
					    [BH_FLOW_DELIVERED] = 64,
					    [BH_FLOW_UNDELIVERED] = 128,
					    [BH_FLOW_DENIED] = 129 };

	return statuses[flow->verdict];
}

/* Denied, deleted, created, update. */
static uint64_t firewall_event(const struct bh_export_flow *flow)
{
	if (flow->verdict == BH_FLOW_DENIED)
		return 3;
	if (flow->reason != BH_EXPORT_GOES_ON)
		return 2;
	return flow->begins ? 1 : 5;
}

static void put_value(struct bh_buffer *out, const struct field *field,
		      const struct bh_export_flow *flow, size_t text_bytes)
{
	const char *at = (const char *)flow + field->offset;
	size_t length = field->element.length;
	const char *text;

	switch (field->kind) {
	case ADDRESS:
		bh_buffer_append(out, ((const struct bh_addr *)(const void *)at)->bytes, length);
		return;
	case MILLISECONDS:
		bh_ipfix_put_number(out, read_number(at, sizeof(int64_t)) / 1000, length);
		return;
	case FLAG: /* true is 1, false is 2 (RFC 7011, 6.1.5) */
		bh_ipfix_put_number(out, *(const bool *)(const void *)at ? 1 : 2, length);
		return;
	case TEXT:
		memcpy(&text, at, sizeof(text));
		bh_ipfix_put_text(out, text, text_bytes);
		return;
	case BIFLOW_DIRECTION:
		bh_ipfix_put_number(out, biflow_direction(flow), length);
		return;
	case FORWARDING_STATUS:
		bh_ipfix_put_number(out, forwarding_status(flow), length);
		return;
	case FIREWALL_EVENT:
		bh_ipfix_put_number(out, firewall_event(flow), length);
		return;
	default:
		bh_ipfix_put_number(out, read_number(at, field->size), length);
	}
}

void bh_ipfix_put_record(struct bh_buffer *out, uint8_t form, const struct bh_export_flow *flow,
			 size_t text_bytes)
{
	for (size_t i = 0; i < FIELDS; i++)
		if (is_in(&fields[i], form))
			put_value(out, &fields[i], flow, text_bytes);
}

size_t bh_ipfix_text_room(size_t record_bytes)
{
	size_t fixed = 0, texts = 0;

	for (size_t i = 0; i < FIELDS; i++) {
		bool variable = fields[i].element.length == BH_IPFIX_VARIABLE;

		texts += variable;
		fixed += variable ? 3 : fields[i].element.length;
	}
	return (record_bytes - fixed) / texts;
}

void bh_ipfix_put_template(struct bh_buffer *out, uint8_t form, uint32_t enterprise)
{
	size_t start = out->length, count = 0;

	bh_ipfix_put_number(out, (uint64_t)BH_IPFIX_FIRST_TEMPLATE + form, 2);
	bh_ipfix_put_number(out, 0, 2);
	for (size_t i = 0; i < FIELDS; i++) {
		if (!is_in(&fields[i], form))
			continue;
		bh_ipfix_put_field(out, &fields[i].element, enterprise);
		count++;
	}
	out->data[start + 3] = (char)count;
}
