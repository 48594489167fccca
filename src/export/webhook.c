/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "webhook.h"

#include <gnutls/crypto.h>
#include <gnutls/gnutls.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "log_names.h"
#include "timefmt.h"

#define SHA256 32 /* bytes */
#define MARK "whsec_"

bool bh_webhook_id(char out[BH_WEBHOOK_ID])
{
	uint8_t bytes[16];
	int used;

	if (gnutls_rnd(GNUTLS_RND_NONCE, bytes, sizeof(bytes)) != 0)
		return false;
	used = snprintf(out, BH_WEBHOOK_ID, "msg_");
	for (size_t i = 0; i < sizeof(bytes); i++)
		used += snprintf(out + used, (size_t)(BH_WEBHOOK_ID - used), "%02x", bytes[i]);
	return true;
}

/* --- the body --------------------------------------------------------------------------------- */

static void put_standard(struct bh_buffer *out, const struct bh_log_record *record)
{
	cJSON *json = cJSON_CreateObject();
	struct bh_buffer type = { 0 };
	char time[BH_TIME_TEXT];

	bh_buffer_printf(&type, "bulkhead.%s", record->kind);
	cJSON_AddStringToObject(json, "type", type.data);
	cJSON_AddStringToObject(json, "timestamp", bh_time_format(record->time, time));
	cJSON_AddStringToObject(json, "host", record->host);
	cJSON_AddItemToObject(json, "data", cJSON_CreateRaw(record->line));
	bh_log_put_json(out, json);
	bh_buffer_free(&type);
}

/* Slack's own marks are no part of a name (docs.slack.dev/messaging/formatting-message-text). */
static void put_escaped(struct bh_buffer *out, const char *text)
{
	for (; *text != '\0'; text++) {
		if (*text == '&')
			bh_buffer_puts(out, "&amp;");
		else if (*text == '<')
			bh_buffer_puts(out, "&lt;");
		else if (*text == '>')
			bh_buffer_puts(out, "&gt;");
		else
			bh_buffer_append(out, text, 1);
	}
}

static void put_sentence(struct bh_buffer *out, const struct bh_log_record *record)
{
	cJSON *json = cJSON_CreateObject();
	struct bh_buffer plain = { 0 }, text = { 0 };

	bh_buffer_printf(&plain, "%s: %s: ", record->host, record->kind);
	bh_log_text(&plain, record);
	bh_buffer_append(&plain, "", 0);
	put_escaped(&text, plain.data);
	bh_buffer_append(&text, "", 0);
	cJSON_AddStringToObject(json, "text", text.data);
	bh_log_put_json(out, json);
	bh_buffer_free(&plain);
	bh_buffer_free(&text);
}

void bh_webhook_body(struct bh_buffer *out, enum bh_webhook_format format,
		     const struct bh_log_record *record)
{
	if (format == BH_WEBHOOK_SLACK)
		put_sentence(out, record);
	else
		put_standard(out, record);
}

/* --- the signature ---------------------------------------------------------------------------- */

/* *key is the caller's, by gnutls_free(). */
static bool read_secret(const char *line, size_t length, gnutls_datum_t *key)
{
	gnutls_datum_t text = { (unsigned char *)(uintptr_t)line, (unsigned)length };

	*key = (gnutls_datum_t) { NULL, 0 };
	if (length >= strlen(MARK) && memcmp(line, MARK, strlen(MARK)) == 0) {
		text.data += strlen(MARK);
		text.size -= (unsigned)strlen(MARK);
		return text.size > 0 && gnutls_base64_decode2(&text, key) == 0 && key->size > 0;
	}
	key->data = gnutls_malloc(length);
	if (key->data == NULL)
		return false;
	memcpy(key->data, line, length);
	key->size = text.size;
	return true;
}

static bool put_signature(struct bh_buffer *out, const gnutls_datum_t *key,
			  const struct bh_buffer *message)
{
	unsigned char digest[SHA256];
	gnutls_datum_t raw = { digest, sizeof(digest) }, base64 = { NULL, 0 };

	if (gnutls_hmac_fast(GNUTLS_MAC_SHA256, key->data, key->size, message->data,
			     message->length, digest) != 0 ||
	    gnutls_base64_encode2(&raw, &base64) != 0)
		return false;
	bh_buffer_printf(out, "%sv1,%.*s", out->length > 0 ? " " : "", (int)base64.size,
			 (const char *)base64.data);
	gnutls_free(base64.data);
	return true;
}

static const char *sign_line(struct bh_buffer *out, const char *line, size_t length,
			     const struct bh_buffer *message)
{
	gnutls_datum_t key;

	if (!read_secret(line, length, &key)) {
		gnutls_free(key.data);
		return "what follows " MARK " is no Base64";
	}
	bool done = put_signature(out, &key, message);
	gnutls_memset(key.data, 0, key.size);
	gnutls_free(key.data);
	return done ? NULL : "it cannot be signed with";
}

const char *bh_webhook_sign(struct bh_buffer *out, const char *secrets, const char *id,
			    int64_t time, const void *body, size_t length)
{
	struct bh_buffer message = { 0 };
	const char *fault = "there is no secret in it";

	bh_buffer_printf(&message, "%s.%" PRId64 ".", id, time);
	bh_buffer_append(&message, body, length);
	for (const char *line = secrets; *line != '\0';) {
		size_t end = strcspn(line, "\r\n");

		if (end > 0)
			fault = sign_line(out, line, end, &message);
		if (end > 0 && fault != NULL)
			break;
		line += end + (line[end] != '\0');
	}
	bh_buffer_free(&message);
	return fault;
}

bool bh_webhook_is_refused(long status)
{
	return status == 400 || status == 413 || status == 415 || status == 422;
}
