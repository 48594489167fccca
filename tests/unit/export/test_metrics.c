/* SPDX-License-Identifier: GPL-2.0-or-later */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#include "metrics.h"

static const char facts_text[] =
	"{\"status\":{\"version\":\"1.2\",\"started\":1795488442.5,\"enforcement\":{\"state\":"
	"\"active\","
	"\"number\":null,\"leaks\":2,\"self_test\":{\"bridges\":[{\"state\":\"proved\"},{\"state\":"
	"\"idle\"},{\"state\":\"proved\"}]}},\"capture\":{\"throttled\":true},\"loss\":{\"total\":{"
	"\"packets\":7,\"events\":0}},\"unknown\":[\"a\",\"b\",\"c\"]},"
	"\"traffic\":{\"bytes\":null,\"workloads\":[{\"workload\":\"a "
	"\\\"b\\\"\\\\c\\nd\",\"direction\":"
	"\"egress\",\"connections\":3,\"bytes\":null,\"denied\":1}]},\"events\":{\"leak\":4}}";

static char *write(bool openmetrics)
{
	struct bh_buffer out = { 0 };
	cJSON *facts = cJSON_Parse(facts_text);

	assert_non_null(facts);
	bh_metrics_write(&out, facts, openmetrics);
	cJSON_Delete(facts);
	return bh_buffer_steal(&out);
}

static bool has_line(const char *text, const char *line)
{
	size_t length = strlen(line);

	for (const char *at = text; (at = strstr(at, line)) != NULL; at++)
		if ((at == text || at[-1] == '\n') && at[length] == '\n')
			return true;
	return false;
}

static void assert_line(const char *text, const char *line)
{
	if (!has_line(text, line))
		fail_msg("no line %s in:\n%s", line, text);
}

static void facts_are_told_as_openmetrics(void **state)
{
	char *text = write(true);

	(void)state;
	assert_line(text, "# TYPE bulkhead_build info");
	assert_line(text, "bulkhead_build_info{version=\"1.2\"} 1");
	assert_line(text, "bulkhead_start_time_seconds 1795488442.5");
	assert_line(text, "# UNIT bulkhead_start_time_seconds seconds");
	assert_line(text, "# TYPE bulkhead_enforcement_state gauge");
	assert_line(text, "bulkhead_enforcement_state{state=\"active\"} 1");
	assert_line(text, "bulkhead_enforcement_state{state=\"failed\"} 0");
	assert_line(text, "# TYPE bulkhead_leaks counter");
	assert_line(text, "bulkhead_leaks_total 2");
	assert_line(text, "bulkhead_self_test_bridges{state=\"proved\"} 2");
	assert_line(text, "bulkhead_self_test_bridges{state=\"bypassed\"} 0");
	assert_line(text, "bulkhead_capture_throttled 1");
	assert_line(text, "bulkhead_lost_total{kind=\"packets\"} 7");
	assert_line(text, "bulkhead_lost_total{kind=\"events\"} 0");
	assert_line(text, "bulkhead_unknown 3");
	assert_line(text, "bulkhead_events_total{kind=\"leak\"} 4");
	assert_line(text, "bulkhead_workload_connections_total{workload=\"a "
			  "\\\"b\\\"\\\\c\\nd\",direction=\"egress\"} 3");
	assert_string_equal(text + strlen(text) - 6, "# EOF\n");
	free(text);
}

static void what_is_not_known_is_no_sample(void **state)
{
	char *text = write(true);

	(void)state;
	assert_null(strstr(text, "bulkhead_policy_number"));
	assert_null(strstr(text, "bulkhead_traffic_bytes"));
	assert_null(strstr(text, "bulkhead_workload_traffic_bytes"));
	assert_null(strstr(text, "bulkhead_self_test_routed"));
	free(text);
}

static void prometheus_own_text_has_its_own_words(void **state)
{
	char *text = write(false);

	(void)state;
	assert_line(text, "# TYPE bulkhead_leaks_total counter");
	assert_line(text, "# TYPE bulkhead_build_info gauge");
	assert_line(text, "# TYPE bulkhead_enforcement_state gauge");
	assert_line(text, "bulkhead_enforcement_state{state=\"active\"} 1");
	assert_null(strstr(text, "# UNIT"));
	assert_null(strstr(text, "# EOF"));
	free(text);
}

static void each_has_a_name_of_its_own_and_says_what_it_is(void **state)
{
	const struct bh_metric *m, *other;

	(void)state;
	for (size_t i = 0; (m = bh_metric(i)) != NULL; i++) {
		assert_int_equal(strncmp(m->name, "bulkhead_", 9), 0);
		assert_true(strlen(m->help) > 10);
		assert_int_equal(strspn(m->name, "abcdefghijklmnopqrstuvwxyz_"), strlen(m->name));
		if (*m->unit != '\0')
			assert_string_equal(m->name + strlen(m->name) - strlen(m->unit), m->unit);
		for (size_t j = 0; j < i && (other = bh_metric(j)) != NULL; j++)
			assert_string_not_equal(m->name, other->name);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(facts_are_told_as_openmetrics),
		cmocka_unit_test(what_is_not_known_is_no_sample),
		cmocka_unit_test(prometheus_own_text_has_its_own_words),
		cmocka_unit_test(each_has_a_name_of_its_own_and_says_what_it_is),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
