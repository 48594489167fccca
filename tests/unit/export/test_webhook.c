/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Webhooks: bodies, and signatures as Standard Webhooks has them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "webhook.h"

#define EVENT "{\"kind\":\"leak\",\"time\":1700000001.5,\"text\":\"<a> & b\"}"
#define TIME INT64_C(1700000001500000)

static void body_is(enum bh_webhook_format format, const char *expected)
{
	cJSON *json = cJSON_Parse(EVENT);
	const struct bh_log_record record = {
		.kind = "leak", .line = EVENT, .json = json, .host = "node", .time = TIME
	};
	struct bh_buffer out = { 0 };

	bh_webhook_body(&out, format, &record);
	assert_string_equal(out.data, expected);
	bh_buffer_free(&out);
	cJSON_Delete(json);
}

static void bodies_have_the_event_or_a_sentence(void **state)
{
	(void)state;
	body_is(BH_WEBHOOK_BULKHEAD,
		"{\"type\":\"bulkhead.leak\",\"timestamp\":\"2023-11-14T22:13:21.500Z\",\"host\":"
		"\"node\",\"data\":" EVENT "}");
	body_is(BH_WEBHOOK_SLACK, "{\"text\":\"node: leak: &lt;a&gt; &amp; b\"}");
}

static const char *sign(const char *secrets, struct bh_buffer *out)
{
	static const char body[] = "{\"event_type\":\"ping\"}";

	bh_buffer_clear(out);
	return bh_webhook_sign(out, secrets, "msg_loFOjxNBNLJ1MR4hhyAgL", 1731705121, body,
			       sizeof(body) - 1);
}

/* By printf 'msg_loFOjxNBNLJ1MR4hhyAgL.1731705121.{"event_type":"ping"}' |
 * openssl dgst -sha256 -mac hmac -macopt hexkey:KEY -binary | base64 */
#define BY_BASE64 "v1,mVgzsQ36YxpYiSIQlaWHXGIEKHkQ48kEgvOxD1oU2GM="
#define BY_TEXT "v1,2IE/PtuZ3PMr22ug1ldHnNMVRmu1qBeSdh4XiA1KbMg="

static void signatures_are_what_others_make(void **state)
{
	struct bh_buffer out = { 0 };

	(void)state;
	assert_null(sign("whsec_plJ3nmyCDGBKInavdOK15jsl\n", &out));
	assert_string_equal(out.data, BY_BASE64);
	assert_null(sign("plain words", &out));
	assert_string_equal(out.data, BY_TEXT);
	assert_null(sign("\r\nplain words\r\n\nwhsec_plJ3nmyCDGBKInavdOK15jsl", &out));
	assert_string_equal(out.data, BY_TEXT " " BY_BASE64);
	bh_buffer_free(&out);
}

static void what_is_no_secret_is_said(void **state)
{
	struct bh_buffer out = { 0 };

	(void)state;
	assert_string_equal(sign("", &out), "there is no secret in it");
	assert_string_equal(sign("\n\n", &out), "there is no secret in it");
	assert_string_equal(sign("whsec_", &out), "what follows whsec_ is no Base64");
	assert_string_equal(sign("words\nwhsec_!!", &out), "what follows whsec_ is no Base64");
	bh_buffer_free(&out);
}

static void ids_are_of_one_length_and_differ(void **state)
{
	char one[BH_WEBHOOK_ID], other[BH_WEBHOOK_ID];

	(void)state;
	assert_true(bh_webhook_id(one) && bh_webhook_id(other));
	assert_int_equal(strlen(one), BH_WEBHOOK_ID - 1);
	assert_memory_equal(one, "msg_", 4);
	assert_string_not_equal(one, other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bodies_have_the_event_or_a_sentence),
		cmocka_unit_test(signatures_are_what_others_make),
		cmocka_unit_test(what_is_no_secret_is_said),
		cmocka_unit_test(ids_are_of_one_length_and_differ),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
