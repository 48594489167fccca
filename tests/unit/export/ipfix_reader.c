/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "ipfix_reader.h"

#include <stdlib.h>

#include "cursor.h"

static void require(bool holds)
{
	if (!holds)
		abort();
}

static uint16_t u16(struct bh_cursor *c)
{
	uint16_t value;

	require(bh_cursor_u16(c, &value));
	return value;
}

static uint32_t u32(struct bh_cursor *c)
{
	uint32_t value;

	require(bh_cursor_u32(c, &value));
	return value;
}

static struct reader_field read_field(struct bh_cursor *c)
{
	struct reader_field field = { .id = u16(c), .length = u16(c) };

	if ((field.id & 0x8000) != 0)
		field.enterprise = u32(c);
	field.id &= 0x7fff;
	return field;
}

static void read_template(struct reader *r, struct bh_cursor *c, bool options)
{
	uint16_t id = u16(c), count = u16(c);
	struct reader_template *template = &r->templates[id];

	require(id >= 256 && id < READER_TEMPLATES && count > 0 && count <= READER_FIELDS);
	*template = (struct reader_template) { .known = true, .count = count };
	if (options) {
		template->scopes = u16(c);
		require(template->scopes > 0 && template->scopes <= count);
	}
	for (uint16_t i = 0; i < count; i++)
		template->fields[i] = read_field(c);
}

/* RFC 7011, 7: lengths of 255 and more take three bytes. */
static size_t read_length(struct bh_cursor *c)
{
	uint8_t length;

	require(bh_cursor_u8(c, &length));
	if (length < 255)
		return length;
	uint16_t longer = u16(c);
	require(longer >= 255);
	return longer;
}

static void read_record(struct reader *r, uint16_t id, struct bh_cursor *c)
{
	const struct reader_template *template = &r->templates[id];
	const uint8_t *values[READER_FIELDS];
	size_t lengths[READER_FIELDS];

	for (uint16_t i = 0; i < template->count; i++) {
		uint16_t length = template->fields[i].length;

		lengths[i] = length == 65535 ? read_length(c) : length;
		values[i] = bh_cursor_take(c, lengths[i]);
		require(values[i] != NULL);
	}
	if (r->record != NULL)
		r->record(r->user, id, template, values, lengths);
}

static uint32_t read_set(struct reader *r, uint16_t id, struct bh_cursor *c)
{
	uint32_t records = 0;

	require(c->left > 0);
	while (c->left > 0) {
		if (id == 2 || id == 3) {
			read_template(r, c, id == 3);
			continue;
		}
		require(id >= 256 && id < READER_TEMPLATES && r->templates[id].known);
		read_record(r, id, c);
		records++;
	}
	return records;
}

void reader_take(struct reader *r, const void *message, size_t length)
{
	struct bh_cursor c = bh_cursor_over(message, length), set;
	uint32_t records = 0;

	require(u16(&c) == 10);
	require(u16(&c) == length);
	u32(&c); /* export time */
	require(u32(&c) == r->sequence);
	u32(&c); /* domain */
	while (c.left > 0) {
		uint16_t id = u16(&c), bytes = u16(&c);

		require(bytes >= 4 && bh_cursor_carve(&c, bytes - 4u, &set));
		records += read_set(r, id, &set);
	}
	r->sequence += records;
}

const uint8_t *reader_value(const struct reader_template *template, const uint8_t *const *values,
			    const size_t *lengths, uint32_t enterprise, uint16_t id, size_t *length)
{
	for (uint16_t i = 0; i < template->count; i++) {
		if (template->fields[i].id != id || template->fields[i].enterprise != enterprise)
			continue;
		*length = lengths[i];
		return values[i];
	}
	return NULL;
}

uint64_t reader_number(const struct reader_template *template, const uint8_t *const *values,
		       const size_t *lengths, uint32_t enterprise, uint16_t id)
{
	size_t length;
	const uint8_t *value = reader_value(template, values, lengths, enterprise, id, &length);
	uint64_t number = 0;

	require(value != NULL && length <= 8);
	for (size_t i = 0; i < length; i++)
		number = number << 8 | value[i];
	return number;
}
