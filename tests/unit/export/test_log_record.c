/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Log records: by others' names, and as the syslog and journal protocols write them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "event_kinds.h"
#include "log_record.h"

#define FLOW                                                                                       \
	"{\"first\":1700000000.25,\"last\":1700000001.5,\"proto\":\"tcp\",\"src\":{\"ip\":"        \
	"\"10.0.1.2\",\"port\":4000,\"workload\":\"compose:shop/web\"},\"dst\":{\"ip\":"           \
	"\"10.0.2.3\",\"port\":5432,\"workload\":\"compose:shop/db\",\"container\":\"db\"},"       \
	"\"tx\":{\"packets\":5,\"bytes\":500,\"delivered_packets\":5,\"delivered_bytes\":500},"    \
	"\"rx\":{\"packets\":7,\"bytes\":9000,\"delivered_packets\":null,\"delivered_bytes\":"     \
	"null},\"state\":\"closed\",\"direction\":\"syn\",\"dns\":\"db.example\",\"sni\":null,"    \
	"\"verdict\":\"delivered\",\"verdict_back\":\"unknown\",\"lossy\":false}"

#define DENIED                                                                                     \
	"{\"proto\":\"tcp\",\"port\":22,\"src\":{\"ip\":\"10.0.1.2\",\"port\":1,\"workload\":"     \
	"\"w\"},\"dst\":{\"ip\":\"fd00::3\",\"port\":22,\"workload\":null},\"side\":\"egress\","   \
	"\"reason\":\"no rule\",\"time\":1700000001.5,\"kind\":\"denied\",\"text\":\"w may "       \
	"not\"}"

#define TIME INT64_C(1700000001500000)

static struct bh_log_record make(const char *kind, const char *line)
{
	cJSON *json = cJSON_Parse(line);

	assert_non_null(json);
	return (struct bh_log_record) {
		.kind = kind, .line = line, .json = json, .host = "node 1", .time = TIME
	};
}

static void finish(struct bh_log_record *record, struct bh_buffer *out)
{
	cJSON_Delete((cJSON *)record->json);
	bh_buffer_free(out);
}

static void flows_are_sentences(void **state)
{
	struct bh_log_record record = make("flow", FLOW);
	struct bh_buffer out = { 0 };

	(void)state;
	bh_log_text(&out, &record);
	assert_string_equal(out.data,
			    "tcp 10.0.1.2:4000 (compose:shop/web) -> 10.0.2.3:5432 "
			    "(compose:shop/db): delivered, closed; there 5 packets of 500 bytes, "
			    "back 7 packets of 9000 bytes");
	finish(&record, &out);
}

static void severities_by_kind(void **state)
{
	struct bh_log_record record = make("flow", FLOW);
	struct bh_buffer out = { 0 };

	(void)state;
	assert_int_equal(bh_log_severity(&record), 6);
	record.kind = "leak";
	assert_int_equal(bh_log_severity(&record), 1);
	record.kind = "denied";
	assert_int_equal(bh_log_severity(&record), 4);
	record.kind = "endpoint-up";
	assert_int_equal(bh_log_severity(&record), 6);
	assert_non_null(bh_event_kind_find("address-moved"));
	assert_non_null(bh_event_kind_find("access"));
	assert_null(bh_event_kind_find("flow"));
	finish(&record, &out);
}

/* RFC 5424, 6: header, structured data, message. */
static void syslog_as_the_rfc_writes_it(void **state)
{
	struct bh_log_record record = make("denied", DENIED);
	struct bh_buffer out = { 0 };

	(void)state;
	bh_log_syslog(&out, 3, 32473, 77, BH_LOG_FORMAT_TEXT, &record);
	assert_string_equal(
		out.data,
		"<28>1 2023-11-14T22:13:21.500Z node_1 bulkhead 77 denied [bulkhead@32473 "
		"kind=\"denied\" proto=\"tcp\" port=\"22\" src_ip=\"10.0.1.2\" src_port=\"1\" "
		"src_workload=\"w\" dst_ip=\"fd00::3\" dst_port=\"22\" side=\"egress\" "
		"reason=\"no rule\"] w may not");
	finish(&record, &out);
}

/* RFC 5424, 6.3.3 and 6.4 */
static void what_structured_data_cannot_hold_is_escaped(void **state)
{
	struct bh_log_record record =
		make("mode", "{\"a \\\"]=b\":\"q\\\" b] s\\\\ n\\n \xc3\xa4 \xff\","
			     "\"text\":\"\xc3\xa4\"}");
	struct bh_buffer out = { 0 };

	(void)state;
	bh_log_syslog(&out, 16, 1, 1, BH_LOG_FORMAT_TEXT, &record);
	assert_non_null(strstr(out.data, "<133>1 "));
	assert_non_null(strstr(out.data, " a____b=\"q\\\" b\\] s\\\\ n\n \xc3\xa4 \xef\xbf\xbd\"] "
					 "\xef\xbb\xbf\xc3\xa4"));
	finish(&record, &out);
}

/* systemd.io/JOURNAL_NATIVE_PROTOCOL */
static void the_journal_s_fields(void **state)
{
	struct bh_log_record record =
		make("mode", "{\"two\":\"a\\nb\",\"n\":5,\"text\":\"hello\"}");
	static const char expected[] = "MESSAGE=hello\nPRIORITY=5\nSYSLOG_IDENTIFIER=bulkhead\n"
				       "BULKHEAD_KIND=mode\nBULKHEAD_TWO\n\3\0\0\0\0\0\0\0"
				       "a\nb\nBULKHEAD_N=5\nBULKHEAD_JSON={\"two\":\"a\\nb\","
				       "\"n\":5,\"text\":\"hello\"}\n";
	struct bh_buffer out = { 0 };

	(void)state;
	bh_log_journal(&out, &record);
	assert_int_equal(out.length, sizeof(expected) - 1);
	assert_memory_equal(out.data, expected, out.length);
	finish(&record, &out);
}

/* Whether the members at that path, with dots between them, are the value as JSON writes it. */
static void expect(const cJSON *json, const char *path, const char *value)
{
	char key[64];

	while (*path != '\0') {
		size_t length = strcspn(path, "/");

		memcpy(key, path, length);
		key[length] = '\0';
		json = cJSON_GetObjectItem(json, key);
		path += length + (path[length] == '/');
	}
	char *text = cJSON_PrintUnformatted(json);
	assert_non_null(text);
	assert_string_equal(text, value);
	free(text);
}

static cJSON *body_of(const struct bh_log_record *record, enum bh_log_format format)
{
	struct bh_buffer out = { 0 };
	cJSON *json;

	bh_log_body(&out, format, record);
	assert_null(strchr(out.data, '\n'));
	json = cJSON_Parse(out.data);
	assert_non_null(json);
	bh_buffer_free(&out);
	return json;
}

static void flows_by_elastic_s_names(void **state)
{
	struct bh_log_record record = make("flow", FLOW);
	struct bh_buffer out = { 0 };
	cJSON *json = body_of(&record, BH_LOG_FORMAT_ECS);

	(void)state;
	expect(json, "@timestamp", "\"2023-11-14T22:13:21.500Z\"");
	expect(json, "source/ip", "\"10.0.1.2\"");
	expect(json, "source/port", "4000");
	expect(json, "source/bytes", "500");
	expect(json, "destination/bytes", "9000");
	expect(json, "destination/domain", "\"db.example\"");
	expect(json, "network/transport", "\"tcp\"");
	expect(json, "network/type", "\"ipv4\"");
	expect(json, "network/bytes", "9500");
	expect(json, "network/packets", "12");
	expect(json, "event/kind", "\"event\"");
	expect(json, "event/category", "[\"network\"]");
	expect(json, "event/type", "[\"connection\",\"end\",\"allowed\"]");
	expect(json, "event/outcome", "\"success\"");
	expect(json, "event/start", "\"2023-11-14T22:13:20.250Z\"");
	expect(json, "event/duration", "1250000000");
	expect(json, "container/name", "\"db\"");
	expect(json, "observer/hostname", "\"node 1\"");
	expect(json, "bulkhead/src/workload", "\"compose:shop/web\"");
	cJSON_Delete(json);
	finish(&record, &out);
}

static void events_by_elastic_s_names(void **state)
{
	struct bh_log_record record = make("denied", DENIED);
	struct bh_buffer out = { 0 };
	cJSON *json = body_of(&record, BH_LOG_FORMAT_ECS);

	(void)state;
	expect(json, "message", "\"w may not\"");
	expect(json, "event/action", "\"denied\"");
	expect(json, "event/type", "[\"denied\"]");
	expect(json, "event/severity", "4");
	expect(json, "rule/description", "\"no rule\"");
	expect(json, "destination/ip", "\"fd00::3\"");
	assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "source"), "bytes"));
	cJSON_Delete(json);
	record.kind = "leak";
	json = body_of(&record, BH_LOG_FORMAT_ECS);
	expect(json, "event/kind", "\"alert\"");
	expect(json, "event/category", "[\"intrusion_detection\"]");
	cJSON_Delete(json);
	finish(&record, &out);
}

static void flows_by_opentelemetry_s_names(void **state)
{
	struct bh_log_record record = make("flow", FLOW);
	struct bh_buffer out = { 0 };
	cJSON *json = body_of(&record, BH_LOG_FORMAT_OTEL);

	(void)state;
	expect(json, "timestamp", "\"2023-11-14T22:13:21.500Z\"");
	expect(json, "severityNumber", "9");
	expect(json, "resource/service.name", "\"bulkhead\"");
	expect(json, "attributes/event.name", "\"bulkhead.flow\"");
	expect(json, "attributes/source.address", "\"10.0.1.2\"");
	expect(json, "attributes/destination.port", "5432");
	expect(json, "attributes/network.transport", "\"tcp\"");
	expect(json, "attributes/network.type", "\"ipv4\"");
	expect(json, "attributes/container.name", "\"db\"");
	expect(json, "attributes/bulkhead.source.workload", "\"compose:shop/web\"");
	expect(json, "attributes/bulkhead.tx.bytes", "500");
	expect(json, "attributes/bulkhead.verdict", "\"delivered\"");
	/* What is not known is not there. */
	assert_null(cJSON_GetObjectItem(cJSON_GetObjectItem(json, "attributes"),
					"bulkhead.rx.delivered_bytes"));
	cJSON_Delete(json);
	finish(&record, &out);
}

static void bulkhead_s_own_form_is_left_alone(void **state)
{
	struct bh_log_record record = make("flow", FLOW);
	struct bh_buffer out = { 0 };

	(void)state;
	bh_log_body(&out, BH_LOG_FORMAT_BULKHEAD, &record);
	assert_string_equal(out.data, FLOW);
	finish(&record, &out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows_are_sentences),
		cmocka_unit_test(severities_by_kind),
		cmocka_unit_test(syslog_as_the_rfc_writes_it),
		cmocka_unit_test(what_structured_data_cannot_hold_is_escaped),
		cmocka_unit_test(the_journal_s_fields),
		cmocka_unit_test(flows_by_elastic_s_names),
		cmocka_unit_test(events_by_elastic_s_names),
		cmocka_unit_test(flows_by_opentelemetry_s_names),
		cmocka_unit_test(bulkhead_s_own_form_is_left_alone),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
