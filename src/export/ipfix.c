/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ipfix.h"

#include "ipfix_elements.h"
#include "ipfix_record.h"

#define VERSION 10
#define MESSAGE_HEADER 16
#define SET_HEADER 4
#define TEMPLATE_SET 2
#define OPTIONS_TEMPLATE_SET 3
#define NO_SET 0

/* Templates of what is told of the exporter itself. */
#define TYPES_TEMPLATE (BH_IPFIX_FIRST_TEMPLATE + BH_IPFIX_FORMS)
#define STATISTICS_TEMPLATE (TYPES_TEMPLATE + 1)

/* What stands before a record's bytes in the queue. */
struct item {
	uint64_t packets;
	uint64_t octets;
	uint8_t form;
};

/* --- records that wait ------------------------------------------------------------------------ */

static struct item first_item(const struct bh_export_queue *queue, const char **record,
			      size_t *length)
{
	struct item item;
	const char *bytes = bh_export_queue_first(queue, length);

	memcpy(&item, bytes, sizeof(item));
	*record = bytes + sizeof(item);
	*length -= sizeof(item);
	return item;
}

static void take_item(struct bh_export_queue *queue, const struct item *item,
		      struct bh_export_sum *sum)
{
	bh_export_sum_add(sum, &(struct bh_export_sum) { 1, item->packets, item->octets });
	bh_export_queue_drop(queue);
}

static void lose_oldest(struct bh_export_queue *queue, struct bh_export_sum *lost)
{
	const char *record;
	size_t length;
	struct item item = first_item(queue, &record, &length);

	take_item(queue, &item, lost);
}

static struct item item_of(const struct bh_export_flow *flow)
{
	struct item item;

	memset(&item, 0, sizeof(item)); /* its padding goes into the queue, too */
	item.form = bh_ipfix_form(flow);
	if (flow->counted) {
		item.packets = flow->tx.counted.packets + flow->rx.counted.packets;
		item.octets = flow->tx.counted.bytes + flow->rx.counted.bytes;
	}
	return item;
}

static void add_record(const struct bh_ipfix_settings *settings, struct bh_export_queue *queue,
		       const struct bh_export_flow *flow, struct bh_export_sum *lost)
{
	size_t room = settings->message_size - MESSAGE_HEADER - SET_HEADER;
	struct item item = item_of(flow);
	struct bh_buffer record = { 0 };

	bh_ipfix_put_record(&record, item.form, flow, room);
	if (record.length > room) {
		bh_buffer_clear(&record);
		bh_ipfix_put_record(&record, item.form, flow, bh_ipfix_text_room(room));
	}
	while (queue->count > 0 && !bh_export_queue_fits(queue, sizeof(item) + record.length))
		lose_oldest(queue, lost);
	bh_export_queue_add(queue, &item, sizeof(item), record.data, record.length);
	bh_buffer_free(&record);
}

/* Who tells the directions apart has no record of one in which nothing came. */
void bh_ipfix_add(const struct bh_ipfix_settings *settings, struct bh_export_queue *queue,
		  const struct bh_export_flow *flow, struct bh_export_sum *lost)
{
	struct bh_export_flow one;

	if (!settings->one_way) {
		add_record(settings, queue, flow, lost);
		return;
	}
	one = bh_export_one_way(flow, BH_EXPORT_THERE);
	add_record(settings, queue, &one, lost);
	if (flow->rx.counted.packets == 0)
		return;
	one = bh_export_one_way(flow, BH_EXPORT_BACK);
	add_record(settings, queue, &one, lost);
}

/* --- messages --------------------------------------------------------------------------------- */

static void set_number(struct bh_buffer *out, size_t at, uint64_t number, size_t length)
{
	for (size_t i = 0; i < length; i++)
		out->data[at + i] = (char)(number >> (8 * (length - 1 - i)));
}

static void begin_message(struct bh_buffer *out)
{
	bh_buffer_clear(out);
	for (size_t i = 0; i < MESSAGE_HEADER; i += 4)
		bh_ipfix_put_number(out, 0, 4);
}

/* records: data records in it, which the next message's sequence number counts. */
static void end_message(const struct bh_ipfix_settings *settings, struct bh_ipfix_session *session,
			uint32_t export_time, uint32_t records, struct bh_buffer *out)
{
	set_number(out, 0, VERSION, 2);
	set_number(out, 2, out->length, 2);
	set_number(out, 4, export_time, 4);
	set_number(out, 8, session->sequence, 4);
	set_number(out, 12, settings->domain, 4);
	session->sequence += records;
	session->since_announced++;
}

/* A set within a message; id NO_SET: none is open. */
struct set {
	size_t start;
	uint16_t id;
};

static void close_set(struct bh_buffer *out, struct set *set)
{
	if (set->id != NO_SET)
		set_number(out, set->start + 2, out->length - set->start, 2);
	set->id = NO_SET;
}

static void open_set(struct bh_buffer *out, struct set *set, uint16_t id)
{
	close_set(out, set);
	*set = (struct set) { .start = out->length, .id = id };
	bh_ipfix_put_number(out, id, 2);
	bh_ipfix_put_number(out, 0, 2);
}

/* --- what is told of the exporter ------------------------------------------------------------- */

static const struct bh_ipfix_element types[] = {
	{ BH_IPFIX_IANA, 346, 4 },		   /* privateEnterpriseNumber, a scope */
	{ BH_IPFIX_IANA, 303, 2 },		   /* informationElementId, a scope */
	{ BH_IPFIX_IANA, 339, 1 },		   /* informationElementDataType */
	{ BH_IPFIX_IANA, 344, 1 },		   /* informationElementSemantics */
	{ BH_IPFIX_IANA, 345, 2 },		   /* informationElementUnits */
	{ BH_IPFIX_IANA, 342, 8 },		   /* informationElementRangeBegin */
	{ BH_IPFIX_IANA, 343, 8 },		   /* informationElementRangeEnd */
	{ BH_IPFIX_IANA, 341, BH_IPFIX_VARIABLE }, /* informationElementName */
	{ BH_IPFIX_IANA, 340, BH_IPFIX_VARIABLE }, /* informationElementDescription */
};

static const struct bh_ipfix_element statistics[] = {
	{ BH_IPFIX_IANA, 149, 4 }, /* observationDomainId, a scope */
	{ BH_IPFIX_IANA, 41, 8 },  /* exportedMessageTotalCount */
	{ BH_IPFIX_IANA, 40, 8 },  /* exportedOctetTotalCount */
	{ BH_IPFIX_IANA, 42, 8 },  /* exportedFlowRecordTotalCount */
	{ BH_IPFIX_IANA, 166, 8 }, /* notSentFlowTotalCount */
	{ BH_IPFIX_IANA, 167, 8 }, /* notSentPacketTotalCount */
	{ BH_IPFIX_IANA, 168, 8 }, /* notSentOctetTotalCount */
	{ BH_IPFIX_IANA, 164, 8 }, /* ignoredPacketTotalCount */
};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Each in a set of its own: pmacct reads no second one. */
static void put_options_template(struct bh_buffer *out, struct set *set, uint16_t id,
				 const struct bh_ipfix_element *elements, size_t count,
				 size_t scopes)
{
	open_set(out, set, OPTIONS_TEMPLATE_SET);
	bh_ipfix_put_number(out, id, 2);
	bh_ipfix_put_number(out, count, 2);
	bh_ipfix_put_number(out, scopes, 2);
	for (size_t i = 0; i < count; i++)
		bh_ipfix_put_field(out, &elements[i], 0);
}

/* --- messages under way ------------------------------------------------------------------------
 */

struct message {
	const struct bh_ipfix_settings *settings;
	struct bh_ipfix_session *session;
	struct bh_buffer *out;
	struct set set;
	uint32_t records;
};

static bool fits(const struct message *m, size_t more)
{
	return m->out->length + more <= m->settings->message_size;
}

/* False: it has no room in this message. */
static bool put_record(struct message *m, uint16_t id, const char *record, size_t length)
{
	if (!fits(m, length + (m->set.id == id ? 0 : SET_HEADER)))
		return false;
	if (m->set.id != id)
		open_set(m->out, &m->set, id);
	bh_buffer_append(m->out, record, length);
	m->records++;
	return true;
}

/* RFC 5610: what an element of bulkhead's own is. Collectors take it where it says all that there
 * is to say: a range of 0 to 0 is none. */
static bool put_type(struct message *m, const struct bh_ipfix_own *own)
{
	struct bh_buffer record = { 0 };
	bool put;

	bh_ipfix_put_number(&record, m->settings->enterprise, 4);
	bh_ipfix_put_number(&record, own->id, 2);
	bh_ipfix_put_number(&record, own->type, 1);
	bh_ipfix_put_number(&record, own->semantics, 1);
	bh_ipfix_put_number(&record, own->units, 2);
	bh_ipfix_put_number(&record, 0, 8);
	bh_ipfix_put_number(&record, 0, 8);
	bh_ipfix_put_text(&record, own->name, BH_IPFIX_LEAST_MESSAGE);
	bh_ipfix_put_text(&record, own->description, BH_IPFIX_LEAST_MESSAGE);
	put = put_record(m, TYPES_TEMPLATE, record.data, record.length);
	bh_buffer_free(&record);
	return put;
}

static bool is_introduced(const struct bh_ipfix_session *session)
{
	return session->types_told == BH_IPFIX_OWN_COUNT;
}

/* In as many messages as it takes. */
static void introduce(struct message *m)
{
	size_t *told = &m->session->types_told;

	if (*told == 0) {
		put_options_template(m->out, &m->set, TYPES_TEMPLATE, types, COUNT(types), 2);
		put_options_template(m->out, &m->set, STATISTICS_TEMPLATE, statistics,
				     COUNT(statistics), 1);
	}
	while (*told < BH_IPFIX_OWN_COUNT && put_type(m, &bh_ipfix_own[*told]))
		(*told)++;
}

bool bh_ipfix_statistics(const struct bh_ipfix_settings *settings, struct bh_ipfix_session *session,
			 const struct bh_export_totals *totals, uint64_t packets_ignored,
			 uint32_t export_time, struct bh_buffer *out)
{
	const uint64_t numbers[] = { totals->messages,	       totals->octets,
				     totals->sent.records,     totals->not_sent.records,
				     totals->not_sent.packets, totals->not_sent.octets,
				     packets_ignored };
	struct set set = { 0 };

	if (!is_introduced(session))
		return false;
	begin_message(out);
	open_set(out, &set, STATISTICS_TEMPLATE);
	bh_ipfix_put_number(out, settings->domain, 4);
	for (size_t i = 0; i < COUNT(numbers); i++)
		bh_ipfix_put_number(out, numbers[i], 8);
	close_set(out, &set);
	end_message(settings, session, export_time, 1, out);
	return true;
}

/* --- flows ------------------------------------------------------------------------------------ */

/* Datagrams may be lost, and whoever collects may have been started anew. */
static void renew_templates(const struct bh_ipfix_settings *settings,
			    struct bh_ipfix_session *session, int64_t now)
{
	bool due = now - session->announced_at >= settings->template_interval ||
		   session->since_announced >= settings->template_messages;

	if (session->types_told > 0 && !(settings->datagrams && due))
		return;
	session->types_told = 0;
	memset(session->announced, 0, sizeof(session->announced));
	session->announced_at = now;
	session->since_announced = 0;
}

/* False: the template has no room in this message. */
static bool announce(struct message *m, uint8_t form)
{
	struct bh_buffer template = { 0 };
	bool room;

	if (m->session->announced[form])
		return true;
	bh_ipfix_put_template(&template, form, m->settings->enterprise);
	room = fits(m, SET_HEADER + template.length);
	if (room) {
		open_set(m->out, &m->set, TEMPLATE_SET);
		bh_buffer_append(m->out, template.data, template.length);
		close_set(m->out, &m->set);
		m->session->announced[form] = true;
	}
	bh_buffer_free(&template);
	return room;
}

/* The oldest record that waits; false: not in this message. */
static bool put_first(struct message *m, struct bh_export_queue *queue, struct bh_export_sum *sum)
{
	const char *record;
	size_t length;
	struct item item = first_item(queue, &record, &length);
	uint16_t id = (uint16_t)(BH_IPFIX_FIRST_TEMPLATE + item.form);

	if (!announce(m, item.form) || !put_record(m, id, record, length))
		return false;
	take_item(queue, &item, sum);
	return true;
}

bool bh_ipfix_next_message(const struct bh_ipfix_settings *settings,
			   struct bh_ipfix_session *session, struct bh_export_queue *queue,
			   int64_t now, uint32_t export_time, struct bh_buffer *out,
			   struct bh_export_sum *sum)
{
	struct message m = { .settings = settings, .session = session, .out = out };

	*sum = (struct bh_export_sum) { 0 };
	begin_message(out);
	renew_templates(settings, session, now);
	if (!is_introduced(session))
		introduce(&m);
	else
		while (queue->count > 0 && put_first(&m, queue, sum))
			;
	close_set(out, &m.set);
	if (out->length == MESSAGE_HEADER)
		return false;
	end_message(settings, session, export_time, m.records, out);
	return true;
}
