/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events as webhooks: what is sent, and its signature, as Standard Webhooks has them
 * (github.com/standard-webhooks/standard-webhooks, spec 1.0.0).
 */
#ifndef BH_EXPORT_WEBHOOK_H
#define BH_EXPORT_WEBHOOK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "log_record.h"

enum bh_webhook_format {
	BH_WEBHOOK_BULKHEAD, /* {"type", "timestamp", "host", "data": the event} */
	BH_WEBHOOK_SLACK,    /* {"text": a sentence}, which Mattermost and others take, too */
};

#define BH_WEBHOOK_ID 37 /* with its NUL */

/* Of a message, the same at each try. False: there are no random numbers to be had. */
bool bh_webhook_id(char out[BH_WEBHOOK_ID]);

/* Appends the body. */
void bh_webhook_body(struct bh_buffer *out, enum bh_webhook_format format,
		     const struct bh_log_record *record);

/* Appends "v1,BASE64" for each of the secrets, which are lines: whsec_ and Base64, or any text.
 * time: s, of this try. NULL; or what is wrong with them. */
const char *bh_webhook_sign(struct bh_buffer *out, const char *secrets, const char *id,
			    int64_t time, const void *body, size_t length);

/* Whether a try that was answered so is in vain for good: it is the message that is not liked. */
bool bh_webhook_is_refused(long status);

#endif
