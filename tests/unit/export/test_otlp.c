/* SPDX-License-Identifier: GPL-2.0-or-later */
/* OTLP's requests, and what is read of the responses. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "otlp.h"

#define EVENT                                                                                      \
	"{\"kind\":\"denied\",\"time\":1700000001.5,\"text\":\"w may not\",\"proto\":\"tcp\","     \
	"\"port\":22,\"share\":0.25,\"open\":false,\"list\":[1,\"two\"],\"none\":null}"
#define TIME INT64_C(1700000001500000)
#define RESOURCE                                                                                   \
	"{\"resource\":{\"attributes\":[{\"key\":\"service.name\",\"value\":{\"stringValue\":"     \
	"\"bulkhead\"}},{\"key\":\"service.version\",\"value\":{\"stringValue\":"                  \
	"\"" BULKHEAD_VERSION "\"}},{\"key\":\"host.name\",\"value\":{\"stringValue\":\"node\"}}]"
#define SCOPE "{\"scope\":{\"name\":\"bulkhead\",\"version\":\"" BULKHEAD_VERSION "\"}"

static void records_have_time_severity_and_typed_attributes(void **state)
{
	cJSON *json = cJSON_Parse(EVENT);
	const struct bh_log_record record = {
		.kind = "denied", .line = EVENT, .json = json, .host = "node", .time = TIME
	};
	struct bh_buffer out = { 0 };

	(void)state;
	bh_otlp_log(&out, &record, TIME + 1);
	assert_string_equal(
		out.data,
		"{\"timeUnixNano\":\"1700000001500000000\",\"observedTimeUnixNano\":"
		"\"1700000001500001000\",\"severityNumber\":13,\"severityText\":\"WARN\",\"body\":{"
		"\"stringValue\":\"w may not\"},\"attributes\":[{\"key\":\"event.name\",\"value\":"
		"{\"stringValue\":\"bulkhead.denied\"}},{\"key\":\"network.transport\",\"value\":"
		"{\"stringValue\":\"tcp\"}},{\"key\":\"bulkhead.port\",\"value\":{\"intValue\":"
		"\"22\"}},{\"key\":\"bulkhead.share\",\"value\":{\"doubleValue\":0.25}},{\"key\":"
		"\"bulkhead.open\",\"value\":{\"boolValue\":false}},{\"key\":\"bulkhead.list\","
		"\"value\":{\"arrayValue\":{\"values\":[{\"intValue\":\"1\"},{\"stringValue\":"
		"\"two\"}]}}}],\"eventName\":\"bulkhead.denied\"}");
	bh_buffer_free(&out);
	cJSON_Delete(json);
}

static void a_request_has_records_of_one_resource(void **state)
{
	struct bh_buffer out = { 0 };

	(void)state;
	bh_otlp_logs_begin(&out, "node");
	bh_buffer_puts(&out, "{},{}");
	bh_otlp_logs_end(&out);
	assert_string_equal(out.data, "{\"resourceLogs\":[" RESOURCE "},\"scopeLogs\":[" SCOPE
				      ",\"logRecords\":[{},{}]}]}]}");
	bh_buffer_free(&out);
}

static void counters_are_sums_and_the_rest_gauges(void **state)
{
	cJSON *facts = cJSON_Parse("{\"status\":{\"capture\":{\"flows\":3}},\"events\":{\"leak\":2,"
				   "\"mode\":7}}");
	struct bh_buffer out = { 0 };

	(void)state;
	assert_int_equal(bh_otlp_metrics(&out, "node", facts, TIME, TIME + 1000000), 3);
	assert_string_equal(
		out.data,
		"{\"resourceMetrics\":[" RESOURCE "},\"scopeMetrics\":[" SCOPE ",\"metrics\":["
		"{\"name\":\"bulkhead_flows\",\"description\":\"Flows that are alive.\",\"unit\":"
		"\"1\",\"gauge\":{\"dataPoints\":[{\"timeUnixNano\":\"1700000002500000000\","
		"\"asDouble\":3}]}},{\"name\":\"bulkhead_events\",\"description\":\"Events by "
		"kind.\",\"unit\":\"1\",\"sum\":{\"aggregationTemporality\":2,\"isMonotonic\":true,"
		"\"dataPoints\":[{\"attributes\":[{\"key\":\"kind\",\"value\":{\"stringValue\":"
		"\"leak\"}}],\"startTimeUnixNano\":\"1700000001500000000\",\"timeUnixNano\":"
		"\"1700000002500000000\",\"asDouble\":2},{\"attributes\":[{\"key\":\"kind\","
		"\"value\":{\"stringValue\":\"mode\"}}],\"startTimeUnixNano\":"
		"\"1700000001500000000\",\"timeUnixNano\":\"1700000002500000000\",\"asDouble\":7}]"
		"}}]}]}]}");
	bh_buffer_free(&out);
	cJSON_Delete(facts);
}

static void rejects(const char *body, uint64_t count, const char *words)
{
	char why[32];

	assert_int_equal(bh_otlp_rejected(body, strlen(body), why, sizeof(why)), count);
	assert_string_equal(why, words);
}

static void partial_success_is_read(void **state)
{
	(void)state;
	rejects("{}", 0, "");
	rejects("{\"partialSuccess\":{}}", 0, "");
	rejects("{\"partialSuccess\":{\"rejectedLogRecords\":\"12\",\"errorMessage\":\"old\"}}", 12,
		"old");
	rejects("{\"partialSuccess\":{\"rejectedDataPoints\":3}}", 3, "");
	rejects("{\"partialSuccess\":{\"errorMessage\":\"a\\u001b[31mb \\u00e4\"}}", 0,
		"a?[31mb \xc3\xa4");
	rejects("{\"partialSuccess\":{\"rejectedLogRecords\":\"-1\"}}", 0, "");
	rejects("{\"partialSuccess\":{\"rejectedLogRecords\":\"inf\"}}", 0, "");
	rejects("{\"partialSuccess\":[1]}", 0, "");
	rejects("ok", 0, "");
	rejects("", 0, "");
}

static void only_what_may_pass_is_tried_again(void **state)
{
	(void)state;
	assert_true(bh_otlp_is_retryable(429) && bh_otlp_is_retryable(503));
	assert_false(bh_otlp_is_retryable(400) || bh_otlp_is_retryable(500));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_have_time_severity_and_typed_attributes),
		cmocka_unit_test(a_request_has_records_of_one_resource),
		cmocka_unit_test(counters_are_sums_and_the_rest_gauges),
		cmocka_unit_test(partial_success_is_read),
		cmocka_unit_test(only_what_may_pass_is_tried_again),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
