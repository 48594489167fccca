/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "log_record.h"

#include <ctype.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "event_kinds.h"
#include "log_names.h"
#include "timefmt.h"
#include "utf8.h"

static bool is_flow(const struct bh_log_record *record)
{
	return strcmp(record->kind, BH_LOG_KIND_FLOW) == 0;
}

static const char *text_at(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItem(object, key));

	return text != NULL ? text : "";
}

unsigned bh_log_severity(const struct bh_log_record *record)
{
	const struct bh_event_kind *kind = bh_event_kind_find(record->kind);
	bool denied = is_flow(record) && strcmp(text_at(record->json, "verdict"), "denied") == 0;

	return kind != NULL ? kind->severity
	       : denied	    ? BH_SEVERITY_NOTICE
			    : BH_SEVERITY_INFORMATIONAL;
}

static void put_end(struct bh_buffer *out, const cJSON *end)
{
	const char *address = text_at(end, "ip"), *workload = text_at(end, "workload");
	double port = cJSON_GetNumberValue(cJSON_GetObjectItem(end, "port"));

	bh_buffer_printf(out, strchr(address, ':') != NULL ? "[%s]" : "%s", address);
	if (port > 0)
		bh_buffer_printf(out, ":%.0f", port);
	if (*workload != '\0')
		bh_buffer_printf(out, " (%s)", workload);
}

static void put_half(struct bh_buffer *out, const char *before, const cJSON *half)
{
	double packets = cJSON_GetNumberValue(cJSON_GetObjectItem(half, "packets"));
	double bytes = cJSON_GetNumberValue(cJSON_GetObjectItem(half, "bytes"));

	if (isnan(packets) || isnan(bytes))
		bh_buffer_printf(out, "%s not counted", before);
	else
		bh_buffer_printf(out, "%s %.0f packets of %.0f bytes", before, packets, bytes);
}

void bh_log_text(struct bh_buffer *out, const struct bh_log_record *record)
{
	const cJSON *json = record->json;

	if (!is_flow(record)) {
		bh_buffer_puts(out, text_at(json, "text"));
		return;
	}
	bh_buffer_printf(out, "%s ", text_at(json, "proto"));
	put_end(out, cJSON_GetObjectItem(json, "src"));
	bh_buffer_puts(out, " -> ");
	put_end(out, cJSON_GetObjectItem(json, "dst"));
	bh_buffer_printf(out, ": %s, %s;", text_at(json, "verdict"), text_at(json, "state"));
	put_half(out, " there", cJSON_GetObjectItem(json, "tx"));
	put_half(out, ", back", cJSON_GetObjectItem(json, "rx"));
}

void bh_log_body(struct bh_buffer *out, enum bh_log_format format,
		 const struct bh_log_record *record)
{
	if (format == BH_LOG_FORMAT_TEXT) {
		bh_log_text(out, record);
		return;
	}
	if (format == BH_LOG_FORMAT_BULKHEAD) {
		bh_buffer_puts(out, record->line);
		return;
	}
	bh_log_put_json(out, format == BH_LOG_FORMAT_ECS ? bh_log_as_ecs(record)
							 : bh_log_as_otel(record));
}

/* --- parameters ------------------------------------------------------------------------------- */

/* What is called with each: src_ip, 10.0.0.1. */
struct sink {
	struct bh_buffer *out;
	void (*put)(struct bh_buffer *out, const char *name, const char *value);
};

static void put_scalar(const struct sink *sink, const char *name, const cJSON *item)
{
	char number[32];

	if (cJSON_IsString(item)) {
		sink->put(sink->out, name, item->valuestring);
	} else if (cJSON_IsBool(item)) {
		sink->put(sink->out, name, cJSON_IsTrue(item) ? "true" : "false");
	} else if (cJSON_IsNumber(item)) {
		snprintf(number, sizeof(number), "%.15g", item->valuedouble);
		sink->put(sink->out, name, number);
	}
}

/* Members of the object, and of objects that are its members; text and time stand elsewhere. */
static void each_parameter(const struct sink *sink, const cJSON *object)
{
	const cJSON *item, *inner;
	char name[64];

	cJSON_ArrayForEach (item, object) {
		if (strcmp(item->string, "text") != 0 && strcmp(item->string, "time") != 0 &&
		    strcmp(item->string, "kind") != 0)
			put_scalar(sink, item->string, item);
		if (!cJSON_IsObject(item))
			continue;
		cJSON_ArrayForEach (inner, item) {
			snprintf(name, sizeof(name), "%s_%s", item->string, inner->string);
			put_scalar(sink, name, inner);
		}
	}
}

/* --- syslog ----------------------------------------------------------------------------------- */

#define SD_NAME 32

/* RFC 5424, 6.3.3: a quote, a backslash and a bracket are escaped. Values are UTF-8. */
static void put_sd_value(struct bh_buffer *out, const char *value)
{
	const char *end = value + strlen(value);

	while (value < end) {
		size_t length = bh_utf8_length(value, (size_t)(end - value));

		if (length == 0)
			bh_buffer_puts(out, "\xef\xbf\xbd");
		else if (*value == '"' || *value == '\\' || *value == ']')
			bh_buffer_printf(out, "\\%c", *value);
		else
			bh_buffer_append(out, value, length);
		value += length > 0 ? length : 1;
	}
}

/* A name is at most 32 printable characters, none of them "=", "]", a quote or a blank. */
static void put_sd_param(struct bh_buffer *out, const char *name, const char *value)
{
	bh_buffer_puts(out, " ");
	for (size_t i = 0; i < SD_NAME && name[i] != '\0'; i++) {
		bool plain = isalnum((unsigned char)name[i]) || name[i] == '_' || name[i] == '-';

		bh_buffer_append(out, plain ? &name[i] : "_", 1);
	}
	bh_buffer_puts(out, "=\"");
	put_sd_value(out, value);
	bh_buffer_puts(out, "\"");
}

/* HOSTNAME and MSGID are printable ASCII without blanks; "-" where there is nothing. */
static void put_header_field(struct bh_buffer *out, const char *text, size_t most)
{
	size_t written = 0;

	bh_buffer_puts(out, " ");
	for (; *text != '\0' && written < most; text++, written++)
		bh_buffer_append(out, *text > ' ' && *text < 0x7f ? text : "_", 1);
	if (written == 0)
		bh_buffer_puts(out, "-");
}

static bool is_ascii(const char *text)
{
	for (; *text != '\0'; text++)
		if ((unsigned char)*text >= 0x80)
			return false;
	return true;
}

void bh_log_syslog(struct bh_buffer *out, unsigned facility, uint32_t enterprise, long pid,
		   enum bh_log_format format, const struct bh_log_record *record)
{
	struct sink sink = { out, put_sd_param };
	struct bh_buffer body = { 0 };
	char when[BH_TIME_TEXT];

	bh_buffer_printf(out, "<%u>1 %s", facility * 8 + bh_log_severity(record),
			 bh_time_format(record->time, when));
	put_header_field(out, record->host, 255);
	bh_buffer_printf(out, " bulkhead %ld", pid);
	put_header_field(out, record->kind, 32);
	bh_buffer_printf(out, " [bulkhead@%u", enterprise);
	put_sd_param(out, "kind", record->kind);
	each_parameter(&sink, record->json);
	bh_buffer_puts(out, "] ");
	bh_log_body(&body, format, record);
	bh_buffer_append(&body, "", 0);
	/* RFC 5424, 6.4: text in UTF-8 begins with a byte order mark. ASCII, which is UTF-8 as
	 * well, is left without: parsers of JSON stumble over it. */
	bh_buffer_puts(out, is_ascii(body.data) ? "" : "\xef\xbb\xbf");
	bh_buffer_append(out, body.data, body.length);
	bh_buffer_free(&body);
}

/* --- journald --------------------------------------------------------------------------------- */

#define JOURNAL_NAME 64

/* systemd.io/JOURNAL_NATIVE_PROTOCOL: what has a newline in it has its length before it. */
static void put_field(struct bh_buffer *out, const char *name, const char *value)
{
	uint64_t length = strlen(value);
	uint8_t bytes[8];

	bh_buffer_puts(out, name);
	if (strchr(value, '\n') == NULL) {
		bh_buffer_puts(out, "=");
	} else {
		for (int i = 0; i < 8; i++)
			bytes[i] = (uint8_t)(length >> (8 * i));
		bh_buffer_puts(out, "\n");
		bh_buffer_append(out, bytes, sizeof(bytes));
	}
	bh_buffer_append(out, value, length);
	bh_buffer_puts(out, "\n");
}

/* Names are upper case letters, digits and underscores, at most 64. */
static void put_own_field(struct bh_buffer *out, const char *name, const char *value)
{
	char upper[JOURNAL_NAME + 1] = "BULKHEAD_";
	size_t length = strlen(upper);

	for (; *name != '\0' && length < JOURNAL_NAME; name++)
		upper[length++] =
			isalnum((unsigned char)*name) ? (char)toupper((unsigned char)*name) : '_';
	put_field(out, upper, value);
}

void bh_log_journal(struct bh_buffer *out, const struct bh_log_record *record)
{
	struct sink sink = { out, put_own_field };
	char severity[2] = { (char)('0' + bh_log_severity(record)), '\0' };
	struct bh_buffer text = { 0 };

	bh_log_text(&text, record);
	bh_buffer_append(&text, "", 0);
	put_field(out, "MESSAGE", text.data);
	put_field(out, "PRIORITY", severity);
	put_field(out, "SYSLOG_IDENTIFIER", "bulkhead");
	put_own_field(out, "kind", record->kind);
	each_parameter(&sink, record->json);
	put_own_field(out, "json", record->line);
	bh_buffer_free(&text);
}
