/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "otlp.h"
#include "utf8.h"
#include "webhook.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void require(bool holds)
{
	if (!holds)
		abort();
}

/* Whatever is answered, its words are text that a terminal takes. */
static void read_response(const char *body, size_t size)
{
	char why[64];

	bh_otlp_rejected(body, size, why, sizeof(why));
	for (const char *at = why; *at != '\0';) {
		size_t length = bh_utf8_length(at, strlen(at));

		require(length > 0 && (unsigned char)*at >= ' ' && *at != 0x7f);
		at += length;
	}
}

static void require_json(struct bh_buffer *out)
{
	cJSON *json = cJSON_ParseWithLength(out->data, out->length);

	require(json != NULL);
	cJSON_Delete(json);
	bh_buffer_free(out);
}

/* Any object is an event, whatever its members are called and hold. */
static void write_requests(const char *line, const cJSON *json)
{
	const struct bh_log_record record = {
		.kind = "leak", .line = line, .json = json, .host = "node", .time = 1
	};
	struct bh_buffer out = { 0 };

	bh_otlp_logs_begin(&out, "node");
	bh_otlp_log(&out, &record, 1);
	bh_otlp_logs_end(&out);
	require_json(&out);
	bh_otlp_metrics(&out, "node", json, 1, 2);
	require_json(&out);
	bh_webhook_body(&out, BH_WEBHOOK_SLACK, &record);
	require_json(&out);
	bh_webhook_body(&out, BH_WEBHOOK_BULKHEAD, &record);
	require_json(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	cJSON *json = cJSON_ParseWithLength((const char *)data, size);
	struct bh_buffer signature = { 0 };
	char *text = calloc(size + 1, 1);

	require(text != NULL);
	if (size > 0)
		memcpy(text, data, size);
	read_response(text, size);
	bh_webhook_sign(&signature, text, "msg_1", 1, "{}", 2);
	bh_buffer_free(&signature);
	if (cJSON_IsObject(json)) {
		char *line = cJSON_PrintUnformatted(json);

		write_requests(line, json);
		free(line);
	}
	cJSON_Delete(json);
	free(text);
	return 0;
}
