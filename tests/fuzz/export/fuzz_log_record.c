/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "cursor.h"
#include "log_record.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* A line of JSON, whatever the record. */
static void check_line(enum bh_log_format format, const struct bh_log_record *record)
{
	struct bh_buffer out = { 0 };
	cJSON *json;

	bh_log_body(&out, format, record);
	require(strchr(out.data, '\n') == NULL);
	json = cJSON_ParseWithLength(out.data, out.length);
	require(json != NULL);
	cJSON_Delete(json);
	bh_buffer_free(&out);
}

/* RFC 5424: five fields of printable ASCII, then one element, whose values end where they should.
 */
static void check_syslog(const struct bh_log_record *record)
{
	struct bh_buffer out = { 0 };
	const char *at;
	bool quoted = false;

	bh_log_syslog(&out, 3, 32473, 1, BH_LOG_FORMAT_TEXT, record);
	at = out.data;
	for (int blanks = 0; blanks < 6; at++) {
		require(*at >= ' ' && *at < 0x7f);
		blanks += *at == ' ';
	}
	require(strncmp(at, "[bulkhead@32473 ", 16) == 0);
	for (; quoted || *at != ']'; at++) {
		require(*at != '\0');
		if (quoted && *at == '\\')
			at++;
		else
			quoted ^= *at == '"';
	}
	require(at[1] == ' ');
	bh_buffer_free(&out);
}

/* Fields one after the other, with nothing between them. */
static void check_journal(const struct bh_log_record *record)
{
	struct bh_buffer out = { 0 };
	struct bh_cursor c;
	const uint8_t *end, *length;

	bh_log_journal(&out, record);
	c = bh_cursor_over(out.data, out.length);
	while (c.left > 0) {
		size_t name = 0;

		while (name < c.left &&
		       (c.at[name] == '_' || (c.at[name] >= 'A' && c.at[name] <= 'Z') ||
			(c.at[name] >= '0' && c.at[name] <= '9')))
			name++;
		require(name > 0 && name <= 64 && name < c.left);
		if (c.at[name] == '=') {
			end = memchr(c.at, '\n', c.left);
			require(end != NULL);
			bh_cursor_skip(&c, (size_t)(end - c.at) + 1);
			continue;
		}
		require(c.at[name] == '\n' && bh_cursor_skip(&c, name + 1));
		length = bh_cursor_take(&c, 8);
		require(length != NULL);
		require(bh_cursor_skip(&c, length[0] + 256u * length[1] + 65536u * length[2] +
						   16777216u * length[3]));
		require(c.left > 0 && *c.at == '\n' && bh_cursor_skip(&c, 1));
	}
	bh_buffer_free(&out);
}

static void check(const struct bh_log_record *record)
{
	check_line(BH_LOG_FORMAT_ECS, record);
	check_line(BH_LOG_FORMAT_OTEL, record);
	check_syslog(record);
	check_journal(record);
}

/* Any object is a flow or an event, whatever its members are called and hold. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *json = cJSON_ParseWithLength((const char *)data, size);
	struct bh_log_record record = { .kind = "flow", .line = "{}", .host = "node", .time = 1 };

	if (cJSON_IsObject(json)) {
		record.json = json;
		check(&record);
		record.kind = "leak";
		check(&record);
	}
	cJSON_Delete(json);
	return 0;
}
